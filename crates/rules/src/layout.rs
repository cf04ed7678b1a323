//! Which files of a folder are rules, and in which order.
//!
//! The Core Rule Set wants: its setup, what plugins configure, what they take away before, the
//! rules by the numbers in their names, what plugins do after. Folders differ: a release holds
//! `rules/`, Debian keeps the setup in `/etc/modsecurity/crs` and names it in `owasp-crs.load`,
//! some keep everything in one folder.

use std::path::{Path, PathBuf};

use crate::folder::{Folders, RulesError};

/// Files in the order in which they are read, and what is to be said about them.
#[derive(Debug, Default)]
pub struct Layout {
    /// `crs-setup.conf`, if there is one.
    pub setup: Option<PathBuf>,
    /// Everything else, in order.
    pub files: Vec<PathBuf>,
    /// For the operator.
    pub notes: Vec<String>,
}

/// Names of the setup, the operator's own first.
const SETUPS: &[&str] = &["crs-setup.conf", "crs-setup.conf.example"];
/// The engine's configuration, which is not a rule file.
const ENGINE: &str = "modsecurity.conf";
/// What Debian's package says about where its parts lie.
const DEBIAN: &str = "owasp-crs.load";

/// Files by their place in the order.
#[derive(Debug, Default)]
struct Sorted {
    config: Vec<PathBuf>,
    before: Vec<PathBuf>,
    rules: Vec<PathBuf>,
    after: Vec<PathBuf>,
}

impl Sorted {
    fn add(&mut self, file: PathBuf) {
        let name = name(&file);
        let list = if name.ends_with("-config.conf") {
            &mut self.config
        } else if name.ends_with("-before.conf") {
            &mut self.before
        } else if name.ends_with("-after.conf") {
            &mut self.after
        } else {
            &mut self.rules
        };
        list.push(file);
    }
}

/// Finds the files.
pub fn find(folders: &Folders) -> Result<Layout, RulesError> {
    let (home, place) = home(&folders.rules)?;
    let mut layout = Layout::default();
    let mut sorted = Sorted::default();
    for file in conf_files(&place)? {
        match name(&file) {
            "crs-setup.conf" => {}
            ENGINE => layout.notes.push(format!(
                "{} は読みません（エンジンの設定は Mamori が持っています）",
                file.display()
            )),
            _ => sorted.add(file),
        }
    }
    let debian = debian(&home, &place);
    layout.setup = setup(&home, &place).or_else(|| {
        debian
            .iter()
            .find(|file| SETUPS.contains(&name(file)))
            .cloned()
    });
    for file in debian {
        let known = sorted.rules.iter().any(|other| name(other) == name(&file));
        if !known && !SETUPS.contains(&name(&file)) {
            sorted.add(file);
        }
    }
    // Debian's own exclusions lie in another folder; the number in the name says when they are read.
    sorted.rules.sort_by(|a, b| name(a).cmp(name(b)));
    if layout.setup.is_none() {
        layout.notes.push(format!(
            "{} に crs-setup.conf がありません。推奨の既定値で読み込みます",
            home.display()
        ));
    }
    for folder in &folders.plugins {
        let files = plugin(folder)?;
        for file in files {
            sorted.add(file);
        }
    }
    unread_plugins(&home, folders, &mut layout.notes);
    layout.files = [sorted.config, sorted.before, sorted.rules, sorted.after].concat();
    Ok(layout)
}

/// The folder of the rule set and the folder of its rules.
fn home(folder: &Path) -> Result<(PathBuf, PathBuf), RulesError> {
    let holds = |place: &Path| conf_files(place).is_ok_and(|files| has_rules(&files));
    let both = |home: &Path| -> Option<(PathBuf, PathBuf)> {
        let below = home.join("rules");
        if holds(&below) {
            return Some((home.to_owned(), below));
        }
        holds(home).then(|| (home.to_owned(), home.to_owned()))
    };
    if let Some(found) = both(folder) {
        return Ok(found);
    }
    let entries = std::fs::read_dir(folder).map_err(|error| wrong(folder, error.to_string()))?;
    // An archive unpacked into the folder: one folder more.
    let mut below: Vec<_> = entries
        .filter_map(|entry| both(&entry.ok()?.path()))
        .collect();
    match (below.pop(), below.is_empty()) {
        (Some(found), true) => Ok(found),
        (Some(_), false) => Err(wrong(
            folder,
            "規則のフォルダーが 2 つ以上あります".to_owned(),
        )),
        (None, _) => Err(wrong(folder, "規則の *.conf がありません".to_owned())),
    }
}

fn has_rules(files: &[PathBuf]) -> bool {
    files
        .iter()
        .any(|file| ![SETUPS[0], ENGINE].contains(&name(file)))
}

fn setup(home: &Path, place: &Path) -> Option<PathBuf> {
    let above = (home == place).then(|| home.parent()).flatten();
    // A folder named `rules` was meant: its setup lies beside it.
    let above = above.filter(|_| place.file_name().is_some_and(|name| name == "rules"));
    [Some(home), above]
        .into_iter()
        .flatten()
        .flat_map(|folder| SETUPS.iter().map(|name| folder.join(name)))
        .find(|file| file.is_file())
}

/// Files beside the rules that Debian's package names: its setup and the site's own exclusions.
fn debian(home: &Path, place: &Path) -> Vec<PathBuf> {
    let Some(text) = [Some(home), home.parent()]
        .into_iter()
        .flatten()
        .find_map(|folder| std::fs::read_to_string(folder.join(DEBIAN)).ok())
    else {
        return Vec::new();
    };
    text.lines()
        .filter_map(|line| {
            let (directive, path) = line.trim().split_once(char::is_whitespace)?;
            directive
                .to_ascii_lowercase()
                .starts_with("include")
                .then(|| PathBuf::from(path.trim().trim_matches('"')))
        })
        .filter(|file| file.is_file() && file.parent() != Some(place))
        .collect()
}

fn plugin(folder: &Path) -> Result<Vec<PathBuf>, RulesError> {
    let below = folder.join("plugins");
    let place = if below.is_dir() { &below } else { folder };
    let files: Vec<PathBuf> = conf_files(place)?
        .into_iter()
        .filter(|file| is_plugin(file))
        .collect();
    if files.is_empty() {
        return Err(RulesError::Plugin {
            folder: place.display().to_string(),
        });
    }
    Ok(files)
}

fn is_plugin(file: &Path) -> bool {
    ["-config.conf", "-before.conf", "-after.conf"]
        .iter()
        .any(|end| name(file).ends_with(end))
}

/// Plugins that lie in the rule set but were not asked for are said, not read.
fn unread_plugins(home: &Path, folders: &Folders, notes: &mut Vec<String>) {
    let place = home.join("plugins");
    let asked = |folder: &PathBuf| folder.canonicalize().ok() == place.canonicalize().ok();
    if folders
        .plugins
        .iter()
        .any(|folder| asked(folder) || asked(&folder.join("plugins")))
    {
        return;
    }
    let files = conf_files(&place).unwrap_or_default();
    // The empty ones that a release carries do nothing.
    let real = |file: &&PathBuf| is_plugin(file) && !name(file).starts_with("empty-");
    let count = files.iter().filter(real).count();
    if count > 0 {
        notes.push(format!(
            "{} のプラグイン（{count} ファイル）は読みません。使うには --plugin {} を付けてください",
            place.display(),
            place.display()
        ));
    }
}

/// `*.conf` of a folder, by name.
fn conf_files(folder: &Path) -> Result<Vec<PathBuf>, RulesError> {
    let failed = |error: std::io::Error| wrong(folder, error.to_string());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|end| end == "conf") && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn wrong(folder: &Path, why: String) -> RulesError {
    RulesError::Folder {
        folder: folder.display().to_string(),
        why,
    }
}

fn name(file: &Path) -> &str {
    file.file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with these files, and the names of what is read, setup first.
    fn order(files: &[&str], rules: &str, plugins: &[&str]) -> (Vec<String>, Vec<String>) {
        let folder = tempfile::tempdir().expect("a folder");
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().expect("has one")).expect("made");
            std::fs::write(path, "").expect("written");
        }
        let layout = find(&Folders {
            rules: folder.path().join(rules),
            plugins: plugins
                .iter()
                .map(|name| folder.path().join(name))
                .collect(),
        })
        .expect("found");
        let all = layout.setup.iter().chain(&layout.files);
        (
            all.map(|file| name(file).to_owned()).collect(),
            layout.notes,
        )
    }

    #[test]
    fn a_release_is_read_in_its_order() {
        let files = [
            "crs-setup.conf.example",
            "rules/REQUEST-942.conf",
            "rules/REQUEST-901.conf",
            "rules/REQUEST-900.conf.example",
            "rules/RESPONSE-999-AFTER.conf",
            "rules/x.data",
            "plugins/empty-config.conf",
            "wp/plugins/wp-before.conf",
            "wp/plugins/wp-config.conf",
            "wp/plugins/wp-after.conf",
        ];
        let (read, notes) = order(&files, "", &["wp"]);
        assert_eq!(
            read,
            [
                "crs-setup.conf.example",
                "wp-config.conf",
                "wp-before.conf",
                "REQUEST-901.conf",
                "REQUEST-942.conf",
                "RESPONSE-999-AFTER.conf",
                "wp-after.conf"
            ]
        );
        assert!(notes.is_empty(), "{notes:?}");
        // The folder of the rules alone means the same.
        assert_eq!(order(&files, "rules", &["wp/plugins"]).0, read);
    }

    #[test]
    fn other_layouts_are_found() {
        let flat = [
            "crs-setup.conf",
            "crs-setup.conf.example",
            "b.conf",
            "a.conf",
            "modsecurity.conf",
        ];
        let (read, notes) = order(&flat, "", &[]);
        assert_eq!(read, ["crs-setup.conf", "a.conf", "b.conf"]);
        assert!(notes[0].contains("modsecurity.conf"), "{notes:?}");
        let deep = [
            "coreruleset-4/rules/a.conf",
            "coreruleset-4/crs-setup.conf.example",
        ];
        assert_eq!(
            order(&deep, "", &[]).0,
            ["crs-setup.conf.example", "a.conf"]
        );
        let (read, notes) = order(&["rules/a.conf", "plugins/wp-before.conf"], "", &[]);
        assert_eq!(read, ["a.conf"]);
        assert!(
            notes[0].contains("crs-setup.conf がありません"),
            "{notes:?}"
        );
        assert!(notes[1].contains("--plugin"), "{notes:?}");
    }

    #[test]
    fn debian_names_its_parts() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        for part in ["etc", "share/rules"] {
            std::fs::create_dir_all(at(part)).expect("made");
        }
        for file in [
            "etc/crs-setup.conf",
            "etc/REQUEST-900-BEFORE.conf",
            "share/rules/REQUEST-901.conf",
        ] {
            std::fs::write(at(file), "").expect("written");
        }
        let load = format!(
            "Include {0}/crs-setup.conf\nIncludeOptional {0}/REQUEST-900-BEFORE.conf\nInclude {1}/*.conf\nIncludeOptional {0}/gone.conf\n",
            at("etc").display(),
            at("share/rules").display()
        );
        std::fs::write(at("share/owasp-crs.load"), load).expect("written");
        for rules in ["share", "share/rules"] {
            let layout = find(&Folders {
                rules: at(rules),
                plugins: vec![],
            })
            .expect("found");
            assert_eq!(layout.setup, Some(at("etc/crs-setup.conf")));
            let read: Vec<&str> = layout.files.iter().map(|file| name(file)).collect();
            assert_eq!(read, ["REQUEST-900-BEFORE.conf", "REQUEST-901.conf"]);
            assert!(layout.notes.is_empty(), "{:?}", layout.notes);
        }
    }

    #[test]
    fn what_holds_no_rules_is_refused_with_the_remedy() {
        let folder = tempfile::tempdir().expect("a folder");
        let refused = |rules: PathBuf, plugins: Vec<PathBuf>| {
            find(&Folders { rules, plugins })
                .expect_err("refused")
                .to_string()
        };
        assert!(refused(folder.path().into(), vec![]).contains("*.conf がありません"));
        assert!(refused(folder.path().join("gone"), vec![]).contains("gone"));
        std::fs::write(folder.path().join("a.conf"), "").expect("written");
        let message = refused(folder.path().into(), vec![folder.path().into()]);
        assert!(message.contains("-before.conf"), "{message}");
    }
}
