//! The command line on another installation: `--server` and `--token-file`, over the wire.

use std::process::Stdio;
use std::time::{Duration, Instant};

use mamori_e2e::{Home, Ran, Server, contract, free_port, root};
use serde_json::Value;

/// An installation that serves, and somebody else's machine that talks to it.
struct Elsewhere {
    here: Home,
    there: Home,
    server: Server,
}

impl Elsewhere {
    fn new() -> Self {
        let (here, there) = (Home::new(), Home::new());
        let made = there
            .run(&[
                "user",
                "token",
                "add",
                "remote",
                "--role",
                "administrator",
                "--json",
            ])
            .json();
        let token = made[0]["token"].as_str().expect("the token is printed");
        std::fs::write(here.path().join("token"), format!("{token}\n")).expect("written");
        let port = free_port();
        let listen = format!("127.0.0.1:{port}");
        let server = Server::start(&mut there.command(&["serve", "--listen", &listen]), port);
        Self {
            here,
            there,
            server,
        }
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let server = format!("http://127.0.0.1:{}", self.server.port());
        let token = self.here.path().join("token").display().to_string();
        let all = [arguments, &["--server", &server, "--token-file", &token]].concat();
        self.here.run(&all)
    }
}

#[test]
fn a_contract_is_put_into_force_worked_on_and_its_ledger_taken_home() {
    let far = Elsewhere::new();
    let file = contract().display().to_string();
    let said = far.run(&["contract", "activate", &file]).good();
    assert!(said.contains("を有効にしました"), "{said}");
    let again = far.run(&["contract", "activate", &file, "--json"]).json();
    assert_eq!(again[0]["activation"], "unchanged");
    far.run(&[
        "work",
        "add",
        "--date",
        "2026-10-05",
        "--hours",
        "1.5",
        "--category",
        "correct",
        "--event",
        "画像の差替え",
    ])
    .good();

    let head = far.run(&["ledger", "head", "--json"]).json();
    let (seq, text) = (
        head[0]["seq"].as_u64().expect("a number"),
        head[0]["text"].as_str().expect("a head"),
    );
    let out = far
        .run(&["ledger", "export", "--out", "all.zip", "--json"])
        .json();
    assert_eq!(out[0]["count"].as_u64(), Some(seq), "{out:?}");
    assert_eq!(out[0]["head"].as_str(), Some(text));
    let size = std::fs::metadata(far.here.path().join("all.zip")).expect("a file");
    assert_eq!(out[0]["size_bytes"].as_u64(), Some(size.len()));
    // Anybody can look at it again, with no server, against the head that was kept.
    far.here
        .run(&["ledger", "verify", "all.zip", "--against", text])
        .good();

    let number = seq.to_string();
    far.run(&["ledger", "prove", &number, "--out", "one.json"])
        .good();
    far.here
        .run(&["ledger", "verify-record", "one.json", "--against", text])
        .good();
    let record = far
        .run(&["ledger", "show", "--seq", &number, "--json"])
        .json();
    assert_eq!(record[0]["seq"].as_u64(), Some(seq));
    // Nothing of all this was done on this machine.
    assert!(!far.here.data().exists(), "no installation was made here");
}

#[test]
fn a_paper_is_made_handed_in_and_read_on_another_machine() {
    let far = Elsewhere::new();
    let file = contract().display().to_string();
    far.run(&["contract", "activate", &file]).good();
    let made = far
        .run(&[
            "document",
            "render",
            "monthly-report",
            "--period",
            "2026-10",
            "--out",
            "papers",
            "--json",
        ])
        .json();
    assert_eq!(made[0]["state"], "draft", "{made:?}");
    let number = made[0]["number"].as_str().expect("a number");
    let files = made[0]["files"].as_array().expect("files");
    assert_eq!(files.len(), 3, "{made:?}");
    for file in files {
        let path = far.here.path().join(file.as_str().expect("a path"));
        let bytes = std::fs::read(&path).expect("is written");
        assert!(bytes.starts_with(b"%PDF-") || bytes.starts_with(b"PK"));
    }
    // Today: a paper cannot be handed in before the day on which it was made.
    let handed = far.run(&["document", "submit", number]).good();
    assert!(handed.contains("提出済み"), "{handed}");
    let listed = far.run(&["document", "list", "--month", "2026-10"]).good();
    assert!(listed.contains(number), "{listed}");
    // Another answer than the paper's state allows is refused in words.
    let refused = far.run(&["document", "submit", number]).bad();
    assert!(refused.contains(number), "{refused}");
    far.run(&["document", "export", number, "--out", "again"])
        .good();
    let pdf = std::fs::read_dir(far.here.path().join("again")).expect("a folder");
    assert_eq!(pdf.count(), 3);
    let poured = far
        .run(&[
            "document",
            "pour",
            number,
            "--form",
            "form.docx",
            "--out",
            "x.docx",
        ])
        .bad();
    assert!(poured.contains("document export"), "{poured}");

    let due = far
        .run(&[
            "contract",
            "due",
            "--from",
            "2026-11-01",
            "--to",
            "2026-11-30",
        ])
        .good();
    assert!(
        due.contains("2026-11-10") && due.contains("翌月10日"),
        "{due}"
    );
    assert!(!due.contains("2026-12-"), "{due}");
    // The same words from afar, whatever is asked for: other readings and days after the term too.
    let november = ["--from", "2026-11-01", "--to", "2026-11-30"];
    let all: [&str; 0] = [];
    for days in [&november[..], &all[..]] {
        for form in [&[][..], &["--json"]] {
            let asked = [&["contract", "due"], days, form].concat();
            let local = [&asked[..], &["--contract", &file]].concat();
            let local = far.there.run(&local).good();
            assert_eq!(far.run(&asked).good(), local, "{asked:?}");
            if days.is_empty() && form.is_empty() {
                let said = ["履行期間の終わりより後です", " の読み「"];
                assert!(said.iter().all(|words| local.contains(words)), "{local}");
            }
        }
    }
    let status = far
        .run(&["contract", "status", "--obligation", "O-099"])
        .good();
    assert!(status.contains("O-099"), "{status}");
    let all = far.run(&["contract", "status", "--json"]).json();
    assert!(all.len() > 140, "{}", all.len());
    assert!(!far.here.data().exists(), "no installation was made here");
}

#[test]
fn a_token_with_too_few_rights_is_refused_in_words() {
    let far = Elsewhere::new();
    let file = contract().display().to_string();
    far.run(&["contract", "activate", &file]).good();
    let hold = |arguments: &[&str]| {
        let all = [&["user", "token", "add"], arguments, &["--json"]].concat();
        let made = far.there.run(&all).json();
        let token = made[0]["token"].as_str().expect("the token is printed");
        std::fs::write(far.here.path().join("token"), format!("{token}\n")).expect("written");
    };
    let entry = [
        "work",
        "add",
        "--date",
        "2026-10-05",
        "--hours",
        "1",
        "--category",
        "correct",
        "--event",
        "画像",
    ];
    hold(&["reader", "--role", "viewer"]);
    far.run(&["contract", "status"]).good();
    for command in [
        &entry[..],
        &["contract", "activate", &file],
        &[
            "document",
            "render",
            "monthly-report",
            "--period",
            "2026-10",
        ],
        &["user", "list"],
        &["user", "role", "x", "administrator"],
    ] {
        let said = far.run(command).bad();
        assert!(said.contains("権限"), "{command:?}: {said}");
    }
    // Its role could, its scope cannot.
    hold(&["narrow", "--role", "administrator", "--scope", "*.read"]);
    let said = far.run(&entry).bad();
    assert!(said.contains("権限"), "{said}");
    // Of a contract that is not the token's there is nothing, not even a refusal.
    let other = root().join("crates/contract/testdata/winter-closure.toml");
    let other = other.display().to_string();
    far.there.run(&["contract", "activate", &other]).good();
    hold(&[
        "elsewhere",
        "--role",
        "administrator",
        "--contract",
        "kitano-r8",
    ]);
    let said = far
        .run(&["contract", "status", "--contract", "kokoshelju-r8"])
        .bad();
    assert!(said.contains("見つかりません"), "{said}");
    let kept = far
        .there
        .run(&["work", "list", "--contract", "kokoshelju-r8", "--json"])
        .json();
    assert_eq!(kept[0]["total"], 0, "nothing was written: {kept:?}");
}

#[test]
fn people_are_invited_and_shut_out_without_a_password_on_the_wire() {
    let far = Elsewhere::new();
    far.there
        .run(&["user", "add", "hanako", "--role", "staff", "--generate"])
        .good();
    let listed =
        |far: &Elsewhere| -> Value { far.run(&["user", "list", "--json"]).json()[0].clone() };
    assert_eq!(listed(&far)["role"], "staff");
    far.run(&["user", "role", "hanako", "manager"]).good();
    far.run(&["user", "disable", "hanako"]).good();
    let now = listed(&far);
    assert_eq!(now["role"], "manager");
    assert!(now["disabled_at"].is_string(), "{now}");
    far.run(&["user", "enable", "hanako"]).good();
    let link = far
        .run(&["user", "invite", "次の担当", "--role", "staff", "--json"])
        .json();
    let link = link[0]["link"].as_str().expect("a link");
    assert!(link.contains("/invitation/"), "{link}");
    let reset = far.run(&["user", "reset-link", "hanako"]).good();
    assert!(reset.contains("/invitation/"), "{reset}");
    let said = far.run(&["user", "disable", "nobody"]).bad();
    assert!(
        said.contains("nobody") && said.contains("user list"),
        "{said}"
    );
    for refused in [
        &["user", "add", "x", "--role", "staff", "--generate"][..],
        &["user", "token", "add", "x", "--role", "staff"],
    ] {
        let said = far.run(refused).bad();
        assert!(said.contains("ください"), "{said}");
    }
    let tokens = far.run(&["user", "token", "list"]).good();
    assert!(
        tokens.contains("remote") && tokens.contains("有効"),
        "{tokens}"
    );
}

#[test]
fn what_cannot_be_done_from_afar_says_where_it_can() {
    let far = Elsewhere::new();
    for (command, remedy) in [
        (
            &["ledger", "append", "--kind", "a.b", "--subject", "x"][..],
            "サーバーの機械",
        ),
        (&["ledger", "show"], "ledger export"),
        (&["serve"], "サーバーの機械"),
        (&["demo"], "サーバーの機械"),
        (
            &["ledger", "export", "--out", "nowhere/all.zip"],
            "フォルダー",
        ),
        (
            &[
                "ledger",
                "export",
                "--out",
                "a.zip",
                "--from",
                "2026-10-05T09:00:00Z",
            ],
            "2026-10",
        ),
    ] {
        let said = far.run(command).bad();
        assert!(said.contains(remedy), "{command:?}: {said}");
    }
    std::fs::write(far.here.path().join("token"), "an-old-one\n").expect("written");
    let said = far.run(&["ledger", "head", "--contract", "x"]).bad();
    assert!(said.contains("トークン"), "{said}");
    assert!(
        !far.here.path().join("a.zip").exists(),
        "a refused export leaves no file"
    );
}

#[test]
fn a_download_that_breaks_off_leaves_no_file() {
    use std::io::{BufRead as _, BufReader, Write as _};
    let home = Home::new();
    std::fs::write(home.path().join("token"), "some-token\n").expect("written");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    // Promises more than it sends.
    let cheat = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a call");
        let mut lines = BufReader::new(stream.try_clone().expect("a copy")).lines();
        while lines
            .next()
            .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
        {}
        let head =
            "HTTP/1.1 200 OK\r\ncontent-type: application/zip\r\ncontent-length: 9000\r\n\r\n";
        stream.write_all(head.as_bytes()).expect("sent");
        stream.write_all(b"PK\x03\x04 and no more").expect("sent");
    });
    let server = format!("http://127.0.0.1:{port}");
    let mut command = home.command(&[
        "ledger",
        "export",
        "--contract",
        "c1",
        "--out",
        "all.zip",
        "--server",
        &server,
        "--token-file",
        "token",
    ]);
    let started = Instant::now();
    let output = command
        .stdin(Stdio::null())
        .output()
        .expect("mamori starts");
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("途中で切れました"), "{said}");
    assert!(
        started.elapsed() < Duration::from_secs(30),
        "it does not hang"
    );
    cheat.join().expect("the other side ends");
    let left: Vec<_> = std::fs::read_dir(home.path())
        .expect("a folder")
        .filter_map(|entry| entry.ok().map(|entry| entry.file_name()))
        .filter(|name| name != "token")
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
