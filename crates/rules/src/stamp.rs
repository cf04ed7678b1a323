//! What a rule set on disk looks like from outside, so that who runs it knows when to read again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::folder::Folders;
use crate::layout;

/// State of the files that rules are read from: equal stamps mean equal rules, as far as times and
/// sizes of files tell. Folders that hold no rules have an empty one.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(Vec<(PathBuf, Option<SystemTime>, u64)>);

impl Stamp {
    /// Looks at the files. Rules read lists of words from beside them, so all that lies there counts.
    pub fn of(folders: &Folders) -> Self {
        let layout = layout::find(folders).unwrap_or_default();
        let places: BTreeSet<&Path> = layout
            .setup
            .iter()
            .chain(&layout.files)
            .filter_map(|file| file.parent())
            .collect();
        let mut files: Vec<_> = places
            .into_iter()
            // A link to a version leads elsewhere when another one is put into force.
            .filter_map(|place| std::fs::read_dir(std::fs::canonicalize(place).ok()?).ok())
            .flatten()
            .filter_map(|entry| seen(entry.ok()?.path()))
            .collect();
        files.sort();
        Self(files)
    }

    /// Whether there are no rules at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn seen(file: PathBuf) -> Option<(PathBuf, Option<SystemTime>, u64)> {
    let about = std::fs::metadata(&file)
        .ok()
        .filter(std::fs::Metadata::is_file)?;
    Some((file, about.modified().ok(), about.len()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::versions::in_force;

    fn stamp(rules: &Path) -> Stamp {
        Stamp::of(&Folders {
            rules: rules.to_owned(),
            plugins: Vec::new(),
        })
    }

    #[test]
    fn every_change_of_what_is_read_is_seen() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = folder.path();
        assert!(stamp(home).is_empty(), "nothing is there yet");
        fs::create_dir(home.join("rules")).expect("made");
        fs::create_dir(home.join("tests")).expect("made");
        fs::write(home.join("rules/a.conf"), "SecAction").expect("written");
        let first = stamp(home);
        assert!(!first.is_empty());
        fs::write(home.join("tests/1.yaml"), "x").expect("written");
        assert_eq!(stamp(home), first, "tests are not read");
        fs::write(home.join("rules/words.data"), "x").expect("written");
        let words = stamp(home);
        assert_ne!(words, first, "lists of words are");
        fs::write(home.join("rules/a.conf"), "SecAction more").expect("written");
        assert_ne!(stamp(home), words, "a file that was edited is");
    }

    #[cfg(unix)]
    #[test]
    fn another_version_in_force_is_another_stamp() {
        let folder = tempfile::tempdir().expect("a folder");
        let current = in_force(folder.path());
        for version in ["1", "2"] {
            let rules = folder.path().join("waf/rules").join(version);
            fs::create_dir_all(&rules).expect("made");
            fs::write(rules.join("a.conf"), "SecAction").expect("written");
        }
        let lead = |version: &str| {
            let _ = fs::remove_file(&current);
            let to = folder.path().join("waf/rules").join(version);
            std::os::unix::fs::symlink(to, &current).expect("linked");
            stamp(&current)
        };
        assert_ne!(lead("1"), lead("2"));
        assert_eq!(lead("1"), lead("1"));
    }
}
