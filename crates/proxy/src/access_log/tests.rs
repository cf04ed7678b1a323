#![allow(clippy::unwrap_used)]

use std::io::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use mamori_kernel::YearMonth;

use super::*;
use crate::event::{Access, Firewall, Match, Outcome, Refusal};
use crate::policy::WafMode;

fn access(at: &str, path: &str) -> Access {
    let client: IpAddr = "192.0.2.1".parse().unwrap();
    Access {
        at: at.parse().unwrap(),
        id: RequestId::new(),
        listener: "https".into(),
        site: Some("city".into()),
        client,
        peer: client,
        method: "POST".to_owned(),
        host: "www.example.jp".to_owned(),
        path: path.to_owned(),
        query: Some("password=hunter2".to_owned()),
        version: "HTTP/1.1",
        tls: true,
        user_agent: Some("Mozilla \"5.0\"\u{1b}".to_owned()),
        referrer: Some("https://www.example.jp/find?token=hunter2".to_owned()),
        status: 200,
        bytes_in: 10,
        bytes_out: 1000,
        complete: true,
        took: Duration::from_millis(3),
        upstream_took: None,
        upstream: None,
        outcome: Outcome::Served,
        waf: Some(WafMode::Detect),
        score: 5,
        would_refuse: true,
        by: None,
    }
}

fn event(at: &str, path: &str) -> Event {
    Event::Access(Box::new(access(at, path)))
}

fn policy(directory: &Path) -> LogPolicy {
    LogPolicy {
        directory: directory.to_owned(),
        size: 10_000,
    }
}

fn lines(directory: &Path) -> (Vec<Line>, u64) {
    let archive = Archive::new(directory);
    let (mut all, mut torn) = (Vec::new(), 0);
    for file in archive.files().unwrap() {
        let mut lines = archive.lines(file, 0).unwrap();
        all.extend(lines.by_ref().map(Result::unwrap));
        torn += lines.torn();
    }
    (all, torn)
}

const OCTOBER: &str = "2026-10-05T03:00:00Z";

fn october() -> YearMonth {
    YearMonth::new(2026, 10).unwrap()
}

#[test]
fn a_line_holds_the_verdict_and_no_secret() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = AccessLog::open(policy(directory.path())).unwrap();
    let record = access(OCTOBER, "/contact");
    log.write(&Event::Waf(Box::new(Firewall {
        at: record.at,
        id: record.id,
        site: "city".into(),
        client: record.client,
        method: "POST".to_owned(),
        path: "/contact".to_owned(),
        mode: WafMode::Detect,
        refused: false,
        would_refuse: true,
        score: 5,
        matches: vec![Match {
            observed: false,
            rule: 942_100,
            message: String::new(),
            tags: Vec::new(),
            hits: vec![("ARGS:password".to_owned(), "hunter2".to_owned())],
        }],
        exclusions: Vec::new(),
        incomplete: false,
    })))
    .unwrap();
    log.write(&Event::Access(Box::new(record))).unwrap();
    log.write(&Event::Refused {
        at: OCTOBER.parse().unwrap(),
        peer: "192.0.2.9".parse().unwrap(),
        listener: "http".into(),
        id: None,
        refusal: Refusal::TooSlow,
    })
    .unwrap();
    drop(log);
    let text =
        std::fs::read_to_string(directory.path().join("access-2026-10-05-001.jsonl")).unwrap();
    assert!(
        !text.contains("hunter2") && !text.contains('\u{1b}'),
        "{text}"
    );
    assert_eq!(text.lines().count(), 2);
    let (lines, _) = lines(directory.path());
    let Line::Access(line) = &lines[0] else {
        panic!("{lines:?}");
    };
    assert_eq!(
        (line.verdict, line.rules.as_slice()),
        (Verdict::WouldRefuse, &[942_100][..])
    );
    assert_eq!((line.outcome.as_str(), line.took_us), ("served", 3000));
    assert_eq!(
        combined(line),
        r#"192.0.2.1 - - [05/Oct/2026:12:00:00 +0900] "POST /contact HTTP/1.1" 200 1000 "https://www.example.jp/find" "Mozilla \"5.0\"\\u{1b}""#
    );
    assert!(matches!(&lines[1], Line::Refused { refusal, .. } if refusal == "too-slow"));
}

#[test]
fn files_follow_each_other_by_size_and_day_and_are_packed_and_removed() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = AccessLog::open(policy(directory.path())).unwrap();
    for at in 0..60 {
        log.write(&event(OCTOBER, &format!("/{at}"))).unwrap();
    }
    // After midnight in Japan, then a record of a request that began before.
    log.write(&event("2026-10-05T15:00:01Z", "/next")).unwrap();
    log.write(&event("2026-10-05T14:59:59Z", "/late")).unwrap();
    log.flush().unwrap();
    let archive = Archive::new(directory.path());
    let files = archive.files().unwrap();
    assert!(files.len() >= 3, "{files:?}");
    assert_eq!(
        files.last().unwrap().to_string(),
        "access-2026-10-06-001.jsonl"
    );
    let (before, _) = lines(directory.path());
    let packed = archive.pack().unwrap();
    assert_eq!(packed.len(), files.len() - 1);
    assert!(packed.iter().all(|one| one.after < one.before / 2));
    assert_eq!(lines(directory.path()), (before.clone(), 0));
    assert!(archive.pack().unwrap().is_empty());
    // A crash after packing and before removing.
    let left = directory.path().join("access-2026-10-05-001.jsonl");
    std::fs::write(&left, "{}\n").unwrap();
    assert_eq!(lines(directory.path()), (before, 0));
    archive.pack().unwrap();
    assert!(!left.exists());
    // The writer goes on where it was.
    log.write(&event("2026-10-05T15:00:02Z", "/more")).unwrap();
    log.flush().unwrap();
    let removed = archive
        .remove_before("2026-11-01".parse().unwrap())
        .unwrap();
    assert_eq!(removed.len(), files.len() - 1, "the newest stays");
    assert_eq!(lines(directory.path()).0.len(), 3);
}

#[test]
fn a_torn_line_costs_itself_alone_and_the_transfer_is_counted_once() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = AccessLog::open(policy(directory.path())).unwrap();
    for _ in 0..5 {
        log.write(&event(OCTOBER, "/")).unwrap();
    }
    log.flush().unwrap();
    assert_eq!(log.transfer().total(october()).requests, 5);
    drop(log);
    // What a crash leaves: lines that were written but not counted, the last one torn.
    let path = directory.path().join("access-2026-10-05-001.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    let line = text.lines().next().unwrap();
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    write!(file, "{line}\n{line}\n{}", &line[..line.len() / 2]).unwrap();
    let mut log = AccessLog::open(policy(directory.path())).unwrap();
    log.write(&event("2026-10-31T15:00:00Z", "/")).unwrap();
    drop(log);
    for _ in 0..2 {
        let log = AccessLog::open(policy(directory.path())).unwrap();
        let transfer = log.transfer();
        assert_eq!(transfer.total(october()).requests, 7);
        assert_eq!(transfer.total(october()).bytes(), 7 * 1010);
        assert_eq!(transfer.month(october().plus(1))["city"].requests, 1);
    }
    let (all, torn) = lines(directory.path());
    assert_eq!((all.len(), torn), (8, 1));
    // The file in which it was counted may be packed by now.
    Archive::new(directory.path()).pack().unwrap();
    let log = AccessLog::open(policy(directory.path())).unwrap();
    assert_eq!(log.transfer().total(october()).requests, 7);
    std::fs::write(directory.path().join("transfer.json"), "{").unwrap();
    let error = AccessLog::open(policy(directory.path()))
        .unwrap_err()
        .to_string();
    assert!(error.contains("restore it from a backup"), "{error}");
}

#[test]
fn nothing_is_logged_where_nothing_happened() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = AccessLog::open(policy(directory.path())).unwrap();
    log.write(&Event::UpstreamUp {
        at: Timestamp::UNIX_EPOCH,
        upstream: "a".into(),
    })
    .unwrap();
    log.flush().unwrap();
    drop(log);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}
