use std::io::Write as _;

use super::*;

const RULE: &str = "SecRule ARGS \"@contains evil\" \"id:7,phase:2,deny,log,status:403\"\nSecComponentSignature \"OWASP_CRS/VERSION\"\n";

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn archive(&self, name: &str, rules: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        let mut writer = zip::ZipWriter::new(File::create(&path).expect("made"));
        let options = zip::write::SimpleFileOptions::default();
        for (file, content) in [
            ("coreruleset-x/rules/REQUEST-901.conf", rules),
            ("coreruleset-x/crs-setup.conf.example", "# nothing\n"),
            ("coreruleset-x/tests/x.yaml", "x"),
        ] {
            writer.start_file(file, options).expect("begun");
            writer.write_all(content.as_bytes()).expect("written");
        }
        writer.finish().expect("finished");
        path
    }

    fn install(&self, versions: &Versions, version: &str) -> Manifest {
        let archive = self.archive(&format!("{version}.zip"), &RULE.replace("VERSION", version));
        let staged = versions
            .stage(
                &archive,
                None,
                &checksum(&archive, None).expect("read"),
                Signature::Missing,
                now(1),
            )
            .expect("stages");
        versions.keep(&staged).expect("kept")
    }
}

fn now(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

fn active(versions: &Versions) -> Option<String> {
    let active = versions.active();
    let listed: Vec<String> = versions
        .list()
        .expect("listed")
        .into_iter()
        .filter(|one| one.active)
        .map(|one| one.manifest.version)
        .collect();
    assert_eq!(active.clone().into_iter().collect::<Vec<_>>(), listed);
    active
}

#[test]
fn versions_are_installed_activated_and_taken_back() {
    let place = Place::new();
    let versions = Versions::open(&place.data()).expect("opened");
    assert!(versions.list().expect("listed").is_empty());
    assert!(matches!(
        versions.revert(now(1)),
        Err(InstallError::NoWayBack)
    ));
    let manifest = place.install(&versions, "4.1.0");
    assert_eq!(
        (manifest.version.as_str(), manifest.rules, manifest.files),
        ("4.1.0", 6, 2)
    );
    place.install(&versions, "4.2.0");
    assert_eq!(active(&versions), None);

    versions.activate("4.1.0", now(2)).expect("activated");
    assert_eq!(active(&versions).as_deref(), Some("4.1.0"));
    assert!(matches!(
        versions.revert(now(2)),
        Err(InstallError::NoWayBack)
    ));
    versions.activate("4.2.0", now(3)).expect("activated");
    assert_eq!(active(&versions).as_deref(), Some("4.2.0"));
    let current = place.data().join("waf/current");
    assert!(current.join("rules/REQUEST-901.conf").is_file());
    assert!(
        fs::read_link(&current).expect("a link").is_relative(),
        "the data directory may move"
    );

    assert_eq!(versions.revert(now(4)).expect("back"), "4.1.0");
    assert_eq!(active(&versions).as_deref(), Some("4.1.0"));
    assert_eq!(versions.revert(now(5)).expect("forth"), "4.2.0");
    let unknown = versions
        .activate("9", now(6))
        .expect_err("unknown")
        .to_string();
    assert!(unknown.contains("4.1.0"), "{unknown}");
    assert!(versions.activate("../x", now(6)).is_err());
    assert_eq!(active(&versions).as_deref(), Some("4.2.0"));
}

#[test]
fn the_same_archive_twice_is_once_and_another_is_refused() {
    let place = Place::new();
    let versions = Versions::open(&place.data()).expect("opened");
    let first = place.install(&versions, "4.1.0");
    assert_eq!(place.install(&versions, "4.1.0"), first);
    let other = place.archive(
        "other.zip",
        &format!("# changed\n{}", RULE.replace("VERSION", "4.1.0")),
    );
    let sum = checksum(&other, None).expect("read");
    let staged = versions
        .stage(&other, None, &sum, Signature::Missing, now(1))
        .expect("stages");
    assert!(matches!(
        versions.keep(&staged),
        Err(InstallError::Taken { .. })
    ));
    let staged = versions
        .stage(&other, Some("4.1.0-ours"), &sum, Signature::Missing, now(1))
        .expect("stages");
    assert_eq!(versions.keep(&staged).expect("kept").version, "4.1.0-ours");
    for name in ["../x", "", ".hidden", "a/b", "-x"] {
        let refused = versions.stage(&other, Some(name), &sum, Signature::Missing, now(1));
        assert!(matches!(refused, Err(InstallError::Name(_))), "{name}");
    }
    assert_eq!(versions.list().expect("listed").len(), 2);
}

#[test]
fn what_does_not_load_is_not_installed() {
    let place = Place::new();
    let versions = Versions::open(&place.data()).expect("opened");
    let archive = place.archive("bad.zip", "SecAction \"id:1,phase:1,pass\"\nSecMagic On\n");
    let refused = versions
        .stage(&archive, None, "0", Signature::Missing, now(1))
        .expect_err("refused")
        .to_string();
    assert!(refused.contains("REQUEST-901.conf:2"), "{refused}");
    assert_eq!(entries(&versions.rules()).expect("read").len(), 0);
}

/// Whatever a broken command leaves: the version in force stays, the rest is swept away.
#[test]
fn a_crash_leaves_the_version_in_force() {
    let place = Place::new();
    let versions = Versions::open(&place.data()).expect("opened");
    for version in ["4.1.0", "4.2.0", "4.3.0"] {
        place.install(&versions, version);
    }
    versions.activate("4.1.0", now(2)).expect("activated");
    versions.activate("4.2.0", now(3)).expect("activated");
    // Between the history and the link.
    let mut history = versions.history().expect("read");
    history.push(Change {
        at: now(4),
        version: "4.3.0".to_owned(),
    });
    write(&versions.home.join("history.json"), &history).expect("written");
    fs::create_dir(versions.rules().join(".staging-1")).expect("made");
    fs::write(versions.home.join(".current-new"), "").expect("made");
    drop(versions);

    let versions = Versions::open(&place.data()).expect("opened");
    assert_eq!(active(&versions).as_deref(), Some("4.2.0"));
    assert!(!versions.rules().join(".staging-1").exists());
    assert_eq!(versions.revert(now(5)).expect("back"), "4.1.0");
    versions.activate("4.3.0", now(6)).expect("activated");
    assert_eq!(active(&versions).as_deref(), Some("4.3.0"));
}

#[test]
fn a_checksum_is_compared() {
    let place = Place::new();
    let file = place.folder.path().join("f");
    fs::write(&file, "abc").expect("written");
    let sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(
        checksum(&file, Some(&sum.to_uppercase())).expect("same"),
        sum
    );
    assert!(matches!(
        checksum(&file, Some("00")),
        Err(InstallError::Checksum { .. })
    ));
    assert!(checksum(&place.folder.path().join("gone"), None).is_err());
}
