//! What no tracked file may hold: paths of one machine, registry addresses, unfinished code, a
//! second source of time; and no file longer than one can read.

use std::path::Path;
use std::process::Command;

use crate::step;

/// Lines of a source file that one reads in one sitting.
const LONGEST: usize = 600;

/// Longer files, each with the reason. Lock files and data are not counted (see [`counted`]).
const LONG: &[(&str, &str)] = &[(
    "crates/web/assets/mamori.js",
    "one scope of small parts that share helpers; browsers get one file and there is no bundler",
)];

/// Where the real clock is read; everything else takes a `Clock`.
const CLOCK: &[&str] = &["crates/runtime/src/clock.rs"];

/// Findings in the files git knows or would take.
pub fn findings() -> anyhow::Result<Vec<String>> {
    let list = step::output(
        Command::new("git")
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .current_dir(step::root()),
    )?;
    let mut findings = Vec::new();
    for path in list.split('\0').filter(|path| !path.is_empty()) {
        // Deleted in the working tree but not yet in the index, or not text: nothing to read.
        if let Ok(text) = std::fs::read_to_string(step::root().join(path)) {
            findings.extend(file(path, &text));
        }
    }
    for (path, _) in LONG {
        let lines =
            std::fs::read_to_string(step::root().join(path)).map_or(0, |text| length(&text));
        if lines <= LONGEST {
            findings.push(format!(
                "{path}: no longer over {LONGEST} lines; take it out of LONG in xtask/src/tidy.rs"
            ));
        }
    }
    Ok(findings)
}

/// Patterns are written in two parts, so that this file does not find itself.
fn forbidden() -> Vec<(String, &'static str)> {
    [
        (
            "/ro",
            "ot/",
            "a path of one machine; use paths relative to the repository",
        ),
        (
            "/ho",
            "me/",
            "a path of one machine; use paths relative to the repository",
        ),
        (
            "/wo",
            "rk/main",
            "a path of one machine; use paths relative to the repository",
        ),
        (
            "/wo",
            "rk/shared",
            "a path of one machine; use paths relative to the repository",
        ),
        (
            "\"res",
            "olved\": \"http",
            "a registry address in a lock file; strip `resolved`",
        ),
        ("sparse+", "http", "a registry address"),
        ("_auth", "Token", "a registry credential"),
        ("-----BEGIN ", "PRIVATE KEY", "a private key"),
        ("to", "do!(", "unfinished code"),
        ("unimpl", "emented!(", "unfinished code"),
        ("TO", "DO", "unfinished; finish it or open an issue"),
        ("FIX", "ME", "unfinished; finish it or open an issue"),
        ("under ", "construction", "unfinished"),
    ]
    .into_iter()
    .map(|(a, b, why)| (format!("{a}{b}"), why))
    .collect()
}

fn file(path: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let at = || format!("{path}:{}", number + 1);
        for (pattern, why) in forbidden() {
            if line
                .match_indices(pattern.as_str())
                .any(|(start, _)| stands_alone(line, start, &pattern))
            {
                findings.push(format!("{}: {pattern:?}: {why}", at()));
            }
        }
        if reads_the_clock(path, line) {
            findings.push(format!(
                "{}: reads the real clock; take a Clock (only {} may)",
                at(),
                CLOCK.join(", ")
            ));
        }
        if is_template(path) && holds_japanese(line) {
            findings.push(format!(
                "{}: a text in a template; give it a key in locales/ja and locales/en",
                at()
            ));
        }
        if line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ") {
            findings.push(format!("{}: a merge conflict", at()));
        }
    }
    let lines = length(text);
    if counted(path) && lines > LONGEST && !LONG.iter().any(|(long, _)| *long == path) {
        findings.push(format!(
            "{path}: {lines} lines, more than {LONGEST}; split it, or say why not in LONG in xtask/src/tidy.rs"
        ));
    }
    findings
}

/// A path begins a word and a marker is a word of its own: `example.org/home/` and `TODOS` are fine.
fn stands_alone(line: &str, start: usize, pattern: &str) -> bool {
    let wordy = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    let before = line[..start].chars().next_back();
    let after = line[start + pattern.len()..].chars().next();
    !before.is_some_and(wordy)
        && (!pattern.ends_with(char::is_alphabetic)
            || !after.is_some_and(|c| c.is_alphanumeric() || c == '_')
            || pattern.contains("http"))
}

fn reads_the_clock(path: &str, line: &str) -> bool {
    let calls = ["Timestamp::now()", "Zoned::now()", "SystemTime::now()"];
    path.starts_with("crates/")
        && path.contains("/src/")
        && !CLOCK.contains(&path)
        && !line.trim_start().starts_with("//")
        && calls.iter().any(|call| line.contains(call))
}

/// A page of the console: what it says comes from Fluent.
fn is_template(path: &str) -> bool {
    path.starts_with("crates/")
        && path.contains("/templates/")
        && Path::new(path)
            .extension()
            .is_some_and(|extension| extension == "html")
}

/// Kana or kanji; brackets and colons of full width are layout.
fn holds_japanese(line: &str) -> bool {
    let comment = line.trim_start().starts_with("{#") && line.trim_end().ends_with("#}");
    !comment
        && line
            .chars()
            .any(|letter| matches!(letter, 'ぁ'..='ゖ' | 'ァ'..='ヺ' | '一'..='鿿'))
}

/// Lines without the tests at the end of the file.
fn length(text: &str) -> usize {
    text.lines()
        .take_while(|line| *line != "#[cfg(test)]")
        .count()
}

/// Source that people read; lock files, licences, contracts (data) and expected outputs are not.
fn counted(path: &str) -> bool {
    let source = ["rs", "js", "mjs", "css", "html", "typ", "sql", "md"];
    Path::new(path)
        .extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| source.contains(&extension))
        && !path.contains("/testdata/")
        && !path.contains("/snapshots/")
        // Tables of cases.
        && !path.contains("/tests/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_tree_is_tidy() {
        assert_eq!(findings().expect("git lists files"), Vec::<String>::new());
    }

    #[test]
    fn machine_paths_are_found_but_not_parts_of_addresses() {
        let path = ["let p = \"/ho", "me/me/x\";"].concat();
        assert!(file("a.rs", &path)[0].contains("a.rs:1"));
        let address = ["https://example.org/ho", "me/x"].concat();
        assert!(file("a.md", &address).is_empty());
    }

    #[test]
    fn unfinished_code_is_found() {
        assert_eq!(file("a.rs", &["// TO", "DO: later"].concat()).len(), 1);
        assert_eq!(file("a.rs", &["    to", "do!()"].concat()).len(), 1);
        assert!(file("a.rs", "const TODOS: u8 = 1;").is_empty());
    }

    #[test]
    fn registry_addresses_are_found() {
        let line = ["  \"res", "olved\": \"https://registry.example/x.tgz\","].concat();
        assert_eq!(file("package-lock.json", &line).len(), 1);
    }

    #[test]
    fn long_source_is_found_and_long_data_is_not() {
        let long = "x\n".repeat(LONGEST + 1);
        assert!(file("a.rs", &long)[0].contains("601 lines"));
        assert!(file("Cargo.lock", &long).is_empty());
        let tests = format!("{}#[cfg(test)]\n{long}", "x\n".repeat(LONGEST));
        assert!(
            file("a.rs", &tests).is_empty(),
            "tests at the end are not counted"
        );
        assert!(file("crates/a/testdata/b.md", &long).is_empty());
        assert!(file("a.rs", &"x\n".repeat(LONGEST)).is_empty());
    }

    #[test]
    fn texts_in_templates_are_found() {
        let page = "crates/web/templates/home.html";
        assert_eq!(file(page, "<h1>はじめ</h1>").len(), 1);
        assert!(file(page, "<h1>{{ page.title }}</h1>（{{ name }}）：").is_empty());
        assert!(file(page, "{# 説明 #}").is_empty());
        assert!(file("crates/web/src/page.rs", "// はじめ").is_empty());
    }

    #[test]
    fn a_second_source_of_time_is_found() {
        let line = "let now = Timestamp::now();";
        assert!(file("crates/office/src/work.rs", line)[0].contains("real clock"));
        assert!(file("crates/runtime/src/clock.rs", line).is_empty());
        assert!(file("crates/office/tests/it/main.rs", line).is_empty());
    }
}
