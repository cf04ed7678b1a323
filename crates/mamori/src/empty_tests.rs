//! Where nothing is to be shown, the page says what to do, or when something will be there: each
//! use of the component leads somewhere or says a second sentence.
//!
//! It reads templates and sources, as an empty list is rarely seen by those who build the page.

use std::fs;
use std::path::{Path, PathBuf};

use mamori_web::Language;
use mamori_web::texts::TextBook;

use crate::capabilities;

/// A use: where, the keys of its text, whether it leads somewhere.
struct Use {
    place: String,
    key: String,
    leads: bool,
}

fn files(folder: &Path, end: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, end, found);
        } else if path.extension().is_some_and(|extension| extension == end) {
            found.push(path);
        }
    }
}

/// What stands between the first `open` and the `close` after it.
fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(open)?;
    rest.split_once(close).map(|(inner, _)| inner)
}

fn uses() -> Vec<Use> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("crates/");
    let mut found = Vec::new();
    for name in ["web", "office", "gateway"] {
        let (mut pages, mut sources) = (Vec::new(), Vec::new());
        files(&crates.join(name).join("templates"), "html", &mut pages);
        files(&crates.join(name).join("src"), "rs", &mut sources);
        for path in &pages {
            let text = fs::read_to_string(path).expect("a template");
            for (at, rest) in text.match_indices("ui::empty(") {
                // The macro itself passes on what a table says.
                let call = text[at + rest.len()..].split(" %}").next().unwrap_or("");
                if let Some(key) = call.strip_prefix("page.t(\"") {
                    let key = key.split('"').next().expect("a key").to_owned();
                    let leads = !call.ends_with("\"\", \"\")");
                    let place = path.display().to_string();
                    found.push(Use { place, key, leads });
                }
            }
        }
        for path in &sources {
            let text = fs::read_to_string(path).expect("a source");
            for (at, _) in text.match_indices("Empty::new(") {
                let rest = &text[at..];
                let statement = rest.split(';').next().unwrap_or(rest);
                if let Some(key) = between(statement, "Empty::new(page.t(\"", "\")") {
                    found.push(Use {
                        place: path.display().to_string(),
                        key: key.to_owned(),
                        leads: statement.contains(".action("),
                    });
                }
            }
        }
    }
    // Chosen by the register's list, which has no new one to lead to for whoever only reads.
    for key in ["registers-empty", "registers-empty-month"] {
        found.push(Use {
            place: "office/src/pages/registers/list.rs".to_owned(),
            key: key.to_owned(),
            leads: false,
        });
    }
    found
}

fn sentences(text: &str) -> usize {
    let ends = text.char_indices().filter(|(at, sign)| match sign {
        '。' => true,
        // A dot inside `mamori.toml` ends nothing.
        '.' | '?' => text[at + 1..].is_empty() || text[at + 1..].starts_with(' '),
        _ => false,
    });
    ends.count()
}

#[test]
fn what_is_empty_says_what_to_do() {
    let book = TextBook::of(&capabilities::all()).expect("the texts are sound");
    let uses = uses();
    assert!(uses.len() > 30, "only {} uses were found", uses.len());
    let mut wrong = Vec::new();
    for one in uses.iter().filter(|one| !one.leads) {
        for language in Language::ALL {
            let text = book.text(language, &one.key, &[]).unwrap_or_default();
            if sentences(&text) < 2 {
                wrong.push(format!("{} {language:?}: {text} ({})", one.key, one.place));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn sentences_are_counted_in_both_languages() {
    assert_eq!(sentences("記録はありません。"), 1);
    assert_eq!(sentences("記録はありません。日を広げてください。"), 2);
    assert_eq!(
        sentences("Nothing yet. Look at mamori.toml on the server."),
        2
    );
}
