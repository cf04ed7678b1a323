//! `mamori waf` from outside: the real binary, its lines, its messages, its exit codes.
//!
//! The rules here are small ones of our own; where the Core Rule Set lies on this machine
//! (`MAMORI_TEST_CRS`, or the shared data beside the repository), it is tried too.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

/// A rule set as a release holds it, its archives, and a data directory.
struct Place {
    folder: tempfile::TempDir,
}

const SETUP: &str =
    "SecAction \"id:900990,phase:1,pass,t:none,nolog,setvar:tx.crs_setup_version=400\"\n";
/// A rule, one of the second paranoia level, one that only counts, and the evaluation.
const RULES: &str = r#"
SecComponentSignature "OWASP_CRS/VERSION"
SecRule &TX:crs_setup_version "@eq 0" "id:901001,phase:1,deny,log,status:500"
SecRule &TX:blocking_paranoia_level "@eq 0" "id:901120,phase:1,pass,nolog,setvar:tx.blocking_paranoia_level=1"
SecRule REMOTE_ADDR "@ipMatch 203.0.113.9" "id:910100,phase:1,log,deny,status:429"
SecRule ARGS "@contains evil" "id:942100,phase:2,log,pass,setvar:tx.blocking_inbound_anomaly_score=+5"
SecRule REQUEST_HEADERS:X-Note "@rx \x82\xa0" "id:942110,phase:2,log,pass,setvar:tx.blocking_inbound_anomaly_score=+5"
SecRule ARGS "@rx ." "id:942200,phase:2,nolog,pass,setvar:tx.seen=1"
SecRule TX:blocking_paranoia_level "@lt 2" "id:942013,phase:2,nolog,pass,skipAfter:END"
SecRule ARGS "@contains odd" "id:942300,phase:2,log,pass,setvar:tx.blocking_inbound_anomaly_score=+5"
SecMarker "END"
SecRule TX:blocking_inbound_anomaly_score "@ge 5" "id:949110,phase:2,deny,log,status:403"
"#;

impl Place {
    fn new() -> Self {
        let place = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        place.write("crs/crs-setup.conf.example", SETUP);
        place.write(
            "crs/rules/REQUEST-901.conf",
            &RULES.replace("VERSION", "4.1.0"),
        );
        place.write(
            "wp/wp-before.conf",
            "SecRule REQUEST_FILENAME \"@endsWith /post.php\" \"id:9507100,phase:1,pass,nolog,ctl:ruleRemoveTargetById=942100;ARGS:content\"\n",
        );
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.at(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn run(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mamori"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("MAMORI_") {
                command.env_remove(name);
            }
        }
        let mut child = command
            .arg("waf")
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = child.stdin.take().unwrap();
        let input = input.to_vec();
        let writer = std::thread::spawn(move || {
            // A command that refuses its options reads nothing.
            let _ = pipe.write_all(&input);
        });
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        output
    }

    fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments, b"");
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    fn refused(&self, arguments: &[&str], remedy: &str) {
        let output = self.run(arguments, b"");
        assert_eq!(
            output.status.code(),
            Some(1),
            "{arguments:?}: {}",
            said(&output)
        );
        assert!(
            said(&output).contains(remedy),
            "{arguments:?}: {}",
            said(&output)
        );
    }

    /// A release archive of the rules with this version.
    fn archive(&self, version: &str, rules: &str) -> String {
        let home = format!("coreruleset-{version}");
        self.write(&format!("{home}/crs-setup.conf.example"), SETUP);
        self.write(
            &format!("{home}/rules/REQUEST-901.conf"),
            &rules.replace("VERSION", version),
        );
        let name = format!("{home}.tar.gz");
        let made = Command::new("tar")
            .args(["czf", &name, &home])
            .current_dir(self.folder.path())
            .status()
            .unwrap();
        assert!(made.success());
        name
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn request(id: u64, uri: &str) -> String {
    json!({"id": id, "method": "GET", "uri": uri, "version": "HTTP/1.1", "headers": [["Host", "x"]], "client": "192.0.2.1"})
        .to_string()
        + "\n"
}

#[test]
fn every_line_is_judged_in_order() {
    let place = Place::new();
    let form = json!([["Content-Type", "application/x-www-form-urlencoded"]]);
    let mut input = [
        request(1, "/?q=fine"),
        request(2, "/?q=evil"),
        request(3, "/?q=odd"),
    ]
    .concat()
    .into_bytes();
    for line in [
        json!({"id": "four", "method": "POST", "uri": "/", "headers": form, "body": "m=evil"}),
        // m=evil
        json!({"id": 5, "method": "POST", "uri": "/", "headers": form, "body_base64": "bT1ldmls"}),
        json!({"id": 6, "method": "GET", "uri": "/", "client": "203.0.113.9"}),
    ] {
        input.extend_from_slice(line.to_string().as_bytes());
        input.push(b'\n');
    }
    // Shift_JIS in a header, as it came; no line end at the end.
    input.extend_from_slice(
        b"{\"id\":7,\"method\":\"GET\",\"uri\":\"/\",\"headers\":[[\"X-Note\",\"\x82\xa0\"]]}",
    );
    for rules in ["crs", "crs/rules"] {
        for jobs in ["1", "3"] {
            let output = place.run(&["inspect", "--rules", rules, "--jobs", jobs], &input);
            assert_eq!(output.status.code(), Some(0), "{}", said(&output));
            assert!(
                said(&output).contains("crs-setup.conf.example"),
                "{}",
                said(&output)
            );
            let found = lines(&output);
            let short: Vec<Value> = found
                .iter()
                .map(|line| {
                    json!([
                        line["id"],
                        line["action"],
                        line["status"],
                        line["score"],
                        line["rules"]
                    ])
                })
                .collect();
            assert_eq!(
                short,
                [
                    json!([1, "pass", 200, 0, []]),
                    json!([2, "block", 403, 5, [942_100, 949_110]]),
                    json!([3, "pass", 200, 0, []]),
                    json!(["four", "block", 403, 5, [942_100, 949_110]]),
                    json!([5, "block", 403, 5, [942_100, 949_110]]),
                    json!([6, "block", 429, 0, [910_100]]),
                    json!([7, "block", 403, 5, [942_110, 949_110]]),
                ]
            );
            assert!(
                found
                    .iter()
                    .all(|line| line["cpu_us"].as_u64().unwrap() > 0)
            );
            assert_eq!(found[1]["why"], "rule 949110");
        }
    }
}

#[test]
fn modes_levels_and_plugins() {
    let place = Place::new();
    let input = [
        request(1, "/?q=evil"),
        request(2, "/?q=odd"),
        request(3, "/wp/post.php?content=evil"),
    ]
    .concat();
    let actions = |more: &[&str]| -> Vec<Value> {
        let arguments = [&["inspect", "--rules", "crs"], more].concat();
        let output = place.run(&arguments, input.as_bytes());
        assert!(output.status.success(), "{}", said(&output));
        lines(&output)
            .iter()
            .map(|line| {
                json!([
                    line["action"],
                    line["status"],
                    line["would"],
                    line["would_status"]
                ])
            })
            .collect()
    };
    let (pass, block) = (
        json!(["pass", 200, null, null]),
        json!(["block", 403, null, null]),
    );
    let both = |first: &Value, second: &Value, third: &Value| {
        vec![first.clone(), second.clone(), third.clone()]
    };
    assert_eq!(actions(&[]), both(&block, &pass, &block));
    assert_eq!(
        actions(&["--mode", "block", "--paranoia", "2"]),
        both(&block, &block, &block)
    );
    assert_eq!(actions(&["--plugin", "wp"]), both(&block, &pass, &pass));
    let (fine, would) = (
        json!(["pass", 200, "pass", 200]),
        json!(["pass", 200, "block", 403]),
    );
    assert_eq!(actions(&["--mode", "detect"]), both(&would, &fine, &would));
    assert_eq!(
        actions(&["--mode", "detect", "--paranoia", "4"]),
        both(&would, &would, &would)
    );
}

#[test]
fn bad_lines_are_said_and_the_others_are_judged() {
    let place = Place::new();
    let good = request(1, "/?q=evil");
    let long = format!(
        "{{\"id\":3,\"method\":\"GET\",\"uri\":\"/?q={}evil\"}}\n",
        "a".repeat(3 << 20)
    );
    let input = format!("{good}{{\"id\":2,\"method\":\"GET\"}}\nnonsense\n{long}\n{good}");
    let output = place.run(&["inspect", "--rules", "crs"], input.as_bytes());
    assert_eq!(output.status.code(), Some(1));
    let found = lines(&output);
    let ids: Vec<&Value> = found.iter().map(|line| &line["id"]).collect();
    assert_eq!(
        ids,
        [&json!(1), &json!(2), &Value::Null, &json!(3), &json!(1)]
    );
    assert!(found[1]["error"].as_str().unwrap().contains("`uri`"));
    assert_eq!(
        (&found[2]["line"], &found[3]["action"]),
        (&json!(3), &json!("block"))
    );
    for said_so in [
        "2 行目: 要求として読めません",
        "3 行目",
        "2 行が要求として読めませんでした",
    ] {
        assert!(said(&output).contains(said_so), "{}", said(&output));
    }
    let nothing = place.run(&["inspect", "--rules", "crs"], b"");
    assert_eq!((nothing.status.code(), nothing.stdout.len()), (Some(0), 0));
}

#[test]
fn what_cannot_be_used_is_refused_with_the_remedy() {
    let place = Place::new();
    place.refused(&["inspect"], "--rules DIR");
    place.refused(&["inspect", "--rules", "gone"], "gone");
    place.refused(
        &["inspect", "--rules", "crs", "--plugin", "crs"],
        "-before.conf",
    );
    place.refused(
        &["inspect", "--rules", "crs", "gone.jsonl"],
        "gone.jsonl が読めません",
    );
    place.refused(
        &["--server", "https://mamori.example.jp", "inspect"],
        "--server",
    );
    place.write("bad/a.conf", "\nSecMagic On\n");
    place.refused(&["inspect", "--rules", "bad"], "a.conf:2");
    for wrong in [["--paranoia", "5"], ["--mode", "maybe"], ["--jobs", "0"]] {
        let output = place.run(&[&["inspect", "--rules", "crs"], &wrong[..]].concat(), b"");
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
    // Without a setup the rules' own defaults hold, and that is said.
    place.write("bare/REQUEST-901.conf", RULES);
    let output = place.run(
        &["inspect", "--rules", "bare"],
        request(1, "/?q=evil").as_bytes(),
    );
    assert!(
        said(&output).contains("crs-setup.conf がありません"),
        "{}",
        said(&output)
    );
    assert_eq!(lines(&output)[0]["status"], 403);
}

#[test]
fn versions_come_and_go() {
    let place = Place::new();
    assert!(place.done(&["list"]).contains("waf install"));
    let first = place.archive("4.1.0", RULES);
    let text = place.done(&["install", &first, "--activate"]);
    for expected in [
        "SHA-256 ",
        "署名: 検証していません",
        "版 4.1.0 を入れました",
        "版 4.1.0 を有効にしました",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    // The version in force is what is inspected with when nothing else is said.
    let input = [
        request(1, "/?q=odd"),
        request(2, "/?q=fine"),
        request(3, "/?q=evil"),
    ]
    .concat();
    let output = place.run(&["inspect"], input.as_bytes());
    assert_eq!(lines(&output)[0]["action"], "pass", "{}", said(&output));

    place.write("stored.jsonl", &input);
    let second = place.archive("4.2.0", &RULES.replace("@contains evil", "@rx evil|odd"));
    let text = place.done(&["install", &second, "--compare", "stored.jsonl"]);
    assert!(
        text.contains("3 件のうち 1 件で判定が変わります（新たに遮断 1 件）"),
        "{text}"
    );
    assert!(
        text.contains("1 行目 1 GET /?q=odd: pass 200 [] → block 403 [942100, 949110]"),
        "{text}"
    );
    assert!(text.contains("waf activate 4.2.0"), "{text}");
    let output = place.run(&["inspect", "--json"], input.as_bytes());
    assert_eq!(lines(&output)[0]["action"], "pass", "not yet in force");

    place.done(&["activate", "4.2.0"]);
    let output = place.run(&["inspect"], input.as_bytes());
    assert_eq!(lines(&output)[0]["action"], "block", "{}", said(&output));
    let listed: Value = serde_json::from_str(&place.done(&["list", "--json"])).unwrap();
    let short: Vec<Value> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|one| json!([one["version"], one["active"]]))
        .collect();
    assert_eq!(short, [json!(["4.2.0", true]), json!(["4.1.0", false])]);
    assert!(place.done(&["list"]).starts_with("* 4.2.0"));
    assert!(place.done(&["revert"]).contains("4.1.0"));
    let output = place.run(&["inspect"], input.as_bytes());
    assert_eq!(lines(&output)[0]["action"], "pass");
    place.refused(&["activate", "9.9"], "4.1.0");
}

#[test]
fn an_archive_that_is_not_right_is_not_installed() {
    let place = Place::new();
    let archive = place.archive("4.1.0", RULES);
    place.refused(&["install", "gone.tar.gz"], "gone.tar.gz");
    place.refused(
        &["install", &archive, "--sha256", "00"],
        "チェックサムが違います",
    );
    place.refused(
        &["install", &archive, "--keyring", "gone.gpg"],
        "FILE.asc".replace("FILE", &archive).as_str(),
    );
    place.write("text.zip", "no archive");
    place.refused(&["install", "text.zip"], ".tar.gz か .zip");
    let bad = place.archive("4.3.0", "SecMagic On\n");
    place.refused(&["install", &bad], "REQUEST-901.conf:1");
    place.refused(
        &["install", &archive, "--compare", "gone.jsonl"],
        "gone.jsonl が読めません",
    );
    assert_eq!(place.done(&["list", "--json"]), "[]\n");
}

/// The signature of a release, made here with a key of a moment; without `gpg` nothing to try.
#[test]
fn a_signature_is_verified_with_the_keyring() {
    let place = Place::new();
    let gpg = |arguments: &[&str]| {
        Command::new("gpg")
            .arg("--homedir")
            .arg(place.at("gpg"))
            .args([
                "--batch",
                "--quiet",
                "--passphrase",
                "",
                "--pinentry-mode",
                "loopback",
            ])
            .args(arguments)
            .current_dir(place.folder.path())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    std::fs::create_dir(place.at("gpg")).unwrap();
    let key = [
        "--quick-generate-key",
        "Release <release@example.org>",
        "ed25519",
        "sign",
        "never",
    ];
    if !gpg(&key) || Command::new("gpgv").arg("--version").output().is_err() {
        eprintln!("SKIPPED: no gpg and gpgv here (apt-get install gnupg gpgv)");
        return;
    }
    let archive = place.archive("4.1.0", RULES);
    assert!(gpg(&["--armor", "--detach-sign", &archive]));
    assert!(gpg(&[
        "--output",
        "keys.gpg",
        "--export",
        "release@example.org"
    ]));
    let text = place.done(&["install", &archive]);
    assert!(text.contains("署名: 検証していません（--keyring"), "{text}");
    let text = place.done(&[
        "install",
        &archive,
        "--keyring",
        "keys.gpg",
        "--name",
        "signed",
    ]);
    assert!(
        text.contains("署名: 正しい（Release <release@example.org>"),
        "{text}"
    );
    // Another archive under the same signature.
    let other = place.archive("4.2.0", RULES);
    std::fs::copy(
        place.at(&format!("{archive}.asc")),
        place.at(&format!("{other}.asc")),
    )
    .unwrap();
    place.refused(
        &["install", &other, "--keyring", "keys.gpg"],
        "署名が正しくありません",
    );
    let _ = Command::new("gpgconf")
        .arg("--homedir")
        .arg(place.at("gpg"))
        .args(["--kill", "all"])
        .status();
}

/// The Core Rule Set and its exclusions for WordPress, if they are here.
#[test]
fn the_core_rule_set_judges() {
    let crs = match std::env::var_os("MAMORI_TEST_CRS") {
        Some(named) => PathBuf::from(named),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/crs"),
    };
    let debian = Path::new("/usr/share/modsecurity-crs");
    let places = [crs.as_path(), debian].map(|place| place.join("rules").is_dir().then_some(place));
    if places == [None, None] {
        eprintln!(
            "SKIPPED: no Core Rule Set at {}; set MAMORI_TEST_CRS",
            crs.display()
        );
    }
    let headers = json!([
        ["Host", "www.example.jp"],
        ["User-Agent", "Mozilla/5.0"],
        ["Accept", "*/*"]
    ]);
    let ask = |id: u64, uri: &str| json!({"id": id, "method": "GET", "uri": uri, "version": "HTTP/1.1", "headers": headers, "client": "192.0.2.1"});
    let input = format!(
        "{}\n{}\n",
        ask(1, "/?s=%E3%81%94%E3%81%BF"),
        ask(
            2,
            "/?id=1%27%20UNION%20SELECT%20password%20FROM%20users--%20"
        )
    );
    for place in places.into_iter().flatten() {
        let rules = place.to_string_lossy().into_owned();
        let output = Place::new().run(&["inspect", "--rules", &rules], input.as_bytes());
        assert!(output.status.success(), "{rules}: {}", said(&output));
        let found = lines(&output);
        assert_eq!(
            (&found[0]["action"], &found[0]["rules"]),
            (&json!("pass"), &json!([])),
            "{rules}"
        );
        assert_eq!(
            (&found[1]["action"], &found[1]["status"]),
            (&json!("block"), &json!(403)),
            "{rules}"
        );
        let hit = found[1]["rules"].as_array().unwrap();
        assert!(
            hit.contains(&json!(942_100)) && hit.contains(&json!(949_110)),
            "{rules}: {hit:?}"
        );
    }
}
