//! What templates of all crates have in common, read from their files.

use std::path::{Path, PathBuf};

fn templates() -> Vec<PathBuf> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(crates)
        .expect("the crates")
        .map(|entry| entry.expect("an entry").path().join("templates"))
        .filter(|path| path.is_dir())
        .collect();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            match path.extension() {
                _ if path.is_dir() => folders.push(path),
                Some(ending) if ending == "html" => files.push(path),
                _ => {}
            }
        }
    }
    files
}

/// A notice is a grid of its icon and one box: words that stand in it by themselves are torn apart.
#[test]
fn a_notice_begins_with_its_icon() {
    let files = templates();
    assert!(files.len() > 50, "{}", files.len());
    for file in files {
        let text = std::fs::read_to_string(&file).expect("readable");
        for (at, _) in text.match_indices("<div class=\"notice") {
            let inside = text[at..].split_once('>').map_or("", |(_, rest)| rest);
            let begins = ["{% call ui::icon(", "{% call icon(", "<svg "]
                .iter()
                .any(|icon| inside.starts_with(icon));
            let line = text[..at].lines().count();
            assert!(begins, "{}:{line}: {inside:.60}", file.display());
        }
    }
}
