//! The firewall in the way of requests.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use mamori_proxy::{BeyondBuffer, Outcome, Overload, PathMode, Refusal, WafMode};

use crate::support::site::Behind;
use crate::support::wire::{Answer, Plain, ask, get, post, request, text, two};
use crate::support::{Gateway, HOST, firewall, parts, tls_parts};

async fn behind_with(mode: WafMode) -> (Behind, Gateway) {
    let behind = Behind::start().await;
    let mut parts = parts(&[behind.address]);
    parts.sites[0].firewall = firewall(mode);
    (behind, Gateway::start(parts))
}

fn packed(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

async fn send_packed(gateway: &Gateway, encoding: &str, body: &[u8]) -> Answer {
    let mut bytes = format!(
        "POST /form HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Encoding: {encoding}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    ask(gateway.http, bytes).await
}

#[tokio::test]
async fn attacks_do_not_reach_the_site_and_ordinary_requests_do() {
    let (behind, mut gateway) = behind_with(WafMode::Block).await;
    assert_eq!(
        ask(gateway.http, get("/?q=garbage+days", "")).await.status,
        200
    );
    let access = gateway.access().await;
    assert_eq!(
        (access.waf, access.outcome),
        (Some(WafMode::Block), Outcome::Served)
    );
    let asked = behind.seen().len();
    for bytes in [
        get("/?q=an+attack", ""),
        get("/", "User-Agent: a scanner\r\n"),
        get("/", "X-Probe: attack\r\n"),
        get("/", "X_Odd-Name: x\r\n"),
        post("/form", "", "a=b&c=an+attack"),
    ] {
        let answer = ask(gateway.http, &bytes).await;
        assert_eq!(answer.status, 403, "{bytes}");
        let finding = gateway.finding().await;
        assert!(finding.refused && finding.would_refuse);
        assert_eq!(finding.matches.len(), 1);
        assert_eq!(
            answer.field("x-request-id"),
            Some(finding.id.to_string().as_str())
        );
        assert!(
            answer.text().contains(&finding.id.to_string()),
            "the page names it"
        );
        let access = gateway.access().await;
        assert_eq!((access.id, access.outcome), (finding.id, Outcome::Firewall));
    }
    assert_eq!(behind.seen().len(), asked);
    let answer = ask(gateway.http, post("/form", "", "q=something+odd")).await;
    assert_eq!(answer.text(), "POST /form 15");
    let finding = gateway.finding().await;
    assert!(!finding.refused && !finding.would_refuse);
    let found = &finding.matches[0];
    assert_eq!((found.rule, found.message.as_str()), (102, "Something odd"));
    assert_eq!(
        found.hits,
        [("ARGS:q".to_owned(), "something odd".to_owned())]
    );
}

#[tokio::test]
async fn observing_tells_the_same_and_refuses_nothing() {
    let (behind, mut gateway) = behind_with(WafMode::Detect).await;
    let answer = ask(gateway.http, post("/form", "", "c=an+attack")).await;
    assert_eq!(answer.text(), "POST /form 11");
    let finding = gateway.finding().await;
    assert!(!finding.refused && finding.would_refuse);
    assert_eq!(finding.mode, WafMode::Detect);
    assert_eq!(gateway.outcome().await, Outcome::Served);
    assert_eq!(send_packed(&gateway, "zstd", b"???").await.status, 200);
    assert_eq!(behind.seen().len(), 2);
}

#[tokio::test]
async fn paths_have_their_own_modes() {
    let behind = Behind::start().await;
    let mut parts = parts(&[behind.address]);
    parts.sites[0].firewall = firewall(WafMode::Block);
    parts.sites[0].firewall.paths = vec![
        PathMode {
            path: "/wp-admin".to_owned(),
            mode: WafMode::Detect,
        },
        PathMode {
            path: "/health".to_owned(),
            mode: WafMode::Off,
        },
    ];
    let mut gateway = Gateway::start(parts);
    for (path, status, waf) in [
        ("/?a=attack", 403, Some(WafMode::Block)),
        ("/wp-admin/?a=attack", 200, Some(WafMode::Detect)),
        ("/health?a=attack", 200, None),
        ("/health/../?a=attack", 403, Some(WafMode::Block)),
    ] {
        assert_eq!(
            ask(gateway.http, get(path, "")).await.status,
            status,
            "{path}"
        );
        assert_eq!(gateway.access().await.waf, waf, "{path}");
    }
}

#[tokio::test]
async fn packed_bodies_are_inspected_unpacked_and_passed_packed() {
    let (behind, mut gateway) = behind_with(WafMode::Block).await;
    let good = packed("name=山田".as_bytes());
    assert_eq!(send_packed(&gateway, "gzip", &good).await.status, 200);
    assert_eq!(behind.last().body, good);
    assert_eq!(gateway.outcome().await, Outcome::Served);
    let bad = packed(b"name=an+attack");
    assert_eq!(send_packed(&gateway, "gzip", &bad).await.status, 403);
    assert_eq!(gateway.outcome().await, Outcome::Firewall);
    let bomb = packed(&vec![b'a'; 40 << 20]);
    assert!(bomb.len() < 64 * 1024);
    assert_eq!(send_packed(&gateway, "gzip", &bomb).await.status, 413);
    let outcome = gateway.outcome().await;
    assert!(
        matches!(outcome, Outcome::Refused(Refusal::Bomb) | Outcome::Firewall),
        "{outcome:?}"
    );
    for (encoding, body) in [
        ("zstd", &good[..]),
        ("gzip, gzip", &packed(&good)[..]),
        ("gzip", b"not packed"),
        ("gzip", &good[..good.len() - 5]),
    ] {
        assert_eq!(
            send_packed(&gateway, encoding, body).await.status,
            415,
            "{encoding}"
        );
        assert_eq!(gateway.outcome().await, Outcome::Refused(Refusal::Encoding));
    }
    assert_eq!(behind.seen().len(), 1);
}

/// A form with a large file and a field after it.
fn upload(size: usize, field: &str) -> Vec<u8> {
    let mut body = b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n".to_vec();
    body.resize(body.len() + size, b'x');
    body.extend_from_slice(
        format!(
            "\r\n--b\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\n{field}\r\n--b--\r\n"
        )
        .as_bytes(),
    );
    let mut bytes = format!(
        "POST /upload HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(&body);
    bytes
}

#[tokio::test]
async fn the_end_of_a_large_body_waits_for_the_verdict() {
    let (behind, mut gateway) = behind_with(WafMode::Block).await;
    let good = upload(3 << 20, "harmless");
    let answer = ask(gateway.http, &good).await;
    assert_eq!(answer.status, 200);
    assert!(behind.last().complete);
    assert_eq!(gateway.outcome().await, Outcome::Served);
    let answer = ask(gateway.http, upload(3 << 20, "an attack")).await;
    assert_eq!(answer.status, 403);
    let finding = gateway.finding().await;
    assert_eq!(finding.matches[0].hits[0].0, "ARGS:note");
    assert_eq!(gateway.outcome().await, Outcome::Firewall);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let complete: Vec<bool> = behind.seen().iter().map(|seen| seen.complete).collect();
    assert_eq!(
        complete,
        [true, false],
        "the attack never became a whole request"
    );
}

#[tokio::test]
async fn policy_can_refuse_what_does_not_fit_the_buffer() {
    let behind = Behind::start().await;
    let mut parts = parts(&[behind.address]);
    parts.sites[0].firewall = firewall(WafMode::Block);
    parts.sites[0].firewall.beyond = BeyondBuffer::Refuse;
    let mut gateway = Gateway::start(parts);
    let answer = ask(gateway.http, upload(3 << 20, "harmless")).await;
    assert_eq!(answer.status, 413);
    assert_eq!(
        gateway.outcome().await,
        Outcome::Refused(Refusal::BodyTooLarge)
    );
    assert!(behind.seen().is_empty());
}

#[tokio::test]
async fn a_site_that_answers_early_is_heard() {
    let (_behind, mut gateway) = behind_with(WafMode::Block).await;
    let bytes = upload(3 << 20, "harmless");
    let mut plain = Plain::open(gateway.http).await;
    let path = String::from_utf8_lossy(&bytes[..1000]).replace("/upload", "/early");
    let head_end = path.find("\r\n\r\n").unwrap() + 4;
    plain.send(&path.as_bytes()[..head_end]).await;
    let original_end = bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap()
        + 4;
    plain
        .send(&bytes[original_end..original_end + (1 << 20)])
        .await;
    assert_eq!(plain.answer().await.unwrap().status, 418);
    assert_eq!(gateway.access().await.status, 418);
}

#[tokio::test]
async fn answers_are_inspected_where_policy_says_so() {
    let behind = Behind::start().await;
    let mut parts = parts(&[behind.address]);
    parts.sites[0].firewall = firewall(WafMode::Block);
    parts.sites[0].firewall.responses = true;
    let mut gateway = Gateway::start(parts);
    for (path, rule) in [("/leak", 200), ("/leak-field", 201)] {
        let answer = ask(gateway.http, get(path, "Accept-Encoding: gzip\r\n")).await;
        assert_eq!(answer.status, 403, "{path}");
        assert!(!answer.text().contains("secret"));
        assert_eq!(gateway.finding().await.matches[0].rule, rule);
        assert_eq!(gateway.outcome().await, Outcome::Firewall);
    }
    assert!(!behind.last().headers.contains_key("accept-encoding"));
    let answer = ask(gateway.http, get("/page", "")).await;
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (200, "<p>page</p>")
    );
    assert_eq!(
        ask(gateway.http, get("/large", "")).await.body.len(),
        16 << 20
    );
}

#[tokio::test]
async fn http2_is_inspected_like_http1() {
    let behind = Behind::start().await;
    let (mut parts, root) = tls_parts(&[behind.address]);
    parts.sites[0].firewall = firewall(WafMode::Block);
    let mut gateway = Gateway::start_with(parts, root);
    let mut sender = two(&gateway).await;
    let answer = sender
        .send_request(request("GET", "/?a=attack", ""))
        .await
        .unwrap();
    assert_eq!(answer.status(), 403);
    assert_eq!(gateway.outcome().await, Outcome::Firewall);
    let mut form = request("POST", "/form", "a=attack");
    form.headers_mut().insert(
        "content-type",
        "application/x-www-form-urlencoded".parse().unwrap(),
    );
    let answer = sender.send_request(form).await.unwrap();
    assert_eq!(answer.status(), 403);
    assert_eq!(gateway.outcome().await, Outcome::Firewall);
    let answer = sender
        .send_request(request("POST", "/form", "a=b"))
        .await
        .unwrap();
    assert_eq!(text(answer).await, "POST /form 3");
    let access = gateway.access().await;
    assert_eq!(
        (access.version, access.waf),
        ("HTTP/2.0", Some(WafMode::Block))
    );
    assert_eq!(behind.seen().len(), 1);
}

/// With no place for inspections the policy's choice holds: closed refuses, open passes and says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_inspection_the_policy_decides() {
    for (overload, refuses) in [(Overload::Refuse, true), (Overload::Pass, false)] {
        let behind = Behind::start().await;
        let mut parts = parts(&[behind.address]);
        parts.sites[0].firewall = firewall(WafMode::Block);
        parts.inspection.threads = 1;
        parts.inspection.queue = 1;
        parts.inspection.inline = 0;
        parts.inspection.overload = overload;
        let mut gateway = Gateway::start(parts);
        // Many at once, each with as much to look at as fits.
        let value = "odd%20".repeat(1000);
        let mut asking = tokio::task::JoinSet::new();
        for _ in 0..60 {
            let bytes = get(&format!("/?a={value}"), "");
            let address = gateway.http;
            asking.spawn(async move { ask(address, bytes).await.status });
        }
        let statuses = asking.join_all().await;
        let mut uninspected = 0;
        for _ in 0..60 {
            let access = gateway.access().await;
            let refused = access.outcome == Outcome::Refused(Refusal::NotInspected);
            uninspected += usize::from(access.waf.is_none());
            assert_eq!(refused, refuses && access.waf.is_none());
        }
        let refused = statuses.iter().filter(|status| **status == 503).count();
        assert_eq!(refused, if refuses { uninspected } else { 0 });
        assert!(statuses.iter().all(|status| [200, 503].contains(status)));
        assert!(uninspected > 0, "the queue was full at some time");
    }
}

#[tokio::test]
async fn bodies_that_wait_for_their_end_take_only_so_much_memory() {
    let behind = Behind::start().await;
    let mut parts = parts(&[behind.address]);
    parts.sites[0].firewall = firewall(WafMode::Block);
    // An eighth is kept for those who have nothing yet.
    parts.inspection.memory = 72 * 1024;
    parts.inspection.wait = Duration::from_millis(100);
    let mut gateway = Gateway::start(parts);
    let unfinished =
        format!("POST /form HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 30000\r\n\r\nbegun");
    let mut waiting = Vec::new();
    for _ in 0..2 {
        let mut plain = Plain::open(gateway.http).await;
        plain.send(&unfinished).await;
        waiting.push(plain);
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let third = ask(gateway.http, post("/form", "", &"a=b&".repeat(5000))).await;
    assert_eq!(third.status, 503);
    assert_eq!(
        gateway.outcome().await,
        Outcome::Refused(Refusal::NotInspected)
    );
    assert_eq!(
        ask(gateway.http, get("/", "")).await.status,
        200,
        "who has no body is served"
    );
    drop(waiting);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(
        ask(gateway.http, post("/form", "", &"a=b&".repeat(200)))
            .await
            .status,
        200
    );
}

/// The same upload in chunks, without an announced length.
fn in_chunks(upload: &[u8], end: &str) -> Vec<u8> {
    let start = upload
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap()
        + 4;
    let mut bytes = format!(
        "POST /upload HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    .into_bytes();
    for piece in upload[start..].chunks(10_000) {
        bytes.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        bytes.extend_from_slice(piece);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(end.as_bytes());
    bytes
}

#[tokio::test]
async fn a_large_body_without_a_length_is_withheld_alike() {
    let (behind, mut gateway) = behind_with(WafMode::Block).await;
    let good = in_chunks(&upload(1 << 20, "harmless"), "0\r\n\r\n");
    assert_eq!(ask(gateway.http, good).await.status, 200);
    assert_eq!(gateway.outcome().await, Outcome::Served);
    let seen = behind.last();
    assert!(seen.complete && seen.body.ends_with(b"harmless\r\n--b--\r\n"));
    let bad = in_chunks(&upload(1 << 20, "an attack"), "0\r\n\r\n");
    assert_eq!(ask(gateway.http, bad).await.status, 403);
    assert_eq!(gateway.outcome().await, Outcome::Firewall);
    let broken = in_chunks(&upload(1 << 20, "harmless"), "nonsense\r\n");
    assert_eq!(ask(gateway.http, broken).await.status, 400);
    let outcome = gateway.outcome().await;
    assert!(
        matches!(outcome, Outcome::Refused(Refusal::Framing(_))),
        "{outcome:?}"
    );
    tokio::time::sleep(Duration::from_millis(200)).await;
    let whole = behind.seen().iter().filter(|seen| seen.complete).count();
    assert_eq!(whole, 1);
}

#[tokio::test]
async fn a_large_body_that_is_observed_passes_and_is_told() {
    let (behind, mut gateway) = behind_with(WafMode::Detect).await;
    assert_eq!(
        ask(gateway.http, upload(1 << 20, "an attack")).await.status,
        200
    );
    let finding = gateway.finding().await;
    assert!(!finding.refused && finding.would_refuse);
    assert_eq!(gateway.outcome().await, Outcome::Served);
    assert!(behind.last().complete);
}

#[tokio::test]
async fn a_large_packed_body_is_unpacked_on_its_way() {
    let (behind, mut gateway) = behind_with(WafMode::Block).await;
    // Does not pack well, so that it is large on the wire, too.
    let noise = |field: &str| {
        let mut state = 1_u64;
        let mut body = String::new();
        while body.len() < 900_000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            body.extend(state.to_be_bytes().map(|byte| char::from(b'a' + byte % 26)));
        }
        packed(format!("noise={body}&last={field}").as_bytes())
    };
    let good = noise("harmless");
    assert!(good.len() > 300 * 1024, "{}", good.len());
    assert_eq!(send_packed(&gateway, "gzip", &good).await.status, 200);
    assert_eq!(behind.last().body, good);
    assert_eq!(gateway.outcome().await, Outcome::Served);
    assert_eq!(
        send_packed(&gateway, "gzip", &noise("an+attack"))
            .await
            .status,
        403
    );
    assert_eq!(gateway.outcome().await, Outcome::Firewall);
    let cut = &good[..good.len() - 100];
    assert_eq!(send_packed(&gateway, "gzip", cut).await.status, 415);
    assert_eq!(gateway.outcome().await, Outcome::Refused(Refusal::Encoding));
}

#[tokio::test]
async fn a_large_body_of_http2_is_withheld_alike() {
    let behind = Behind::start().await;
    let (mut parts, root) = tls_parts(&[behind.address]);
    parts.sites[0].firewall = firewall(WafMode::Block);
    let mut gateway = Gateway::start_with(parts, root);
    let mut sender = two(&gateway).await;
    for (field, status) in [("harmless", 200), ("an attack", 403)] {
        let bytes = upload(1 << 20, field);
        let start = bytes
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap()
            + 4;
        let text = String::from_utf8(bytes[start..].to_vec()).unwrap();
        let mut form = request("POST", "/upload", &text);
        form.headers_mut().insert(
            "content-type",
            "multipart/form-data; boundary=b".parse().unwrap(),
        );
        let answer = sender.send_request(form).await.unwrap();
        assert_eq!(answer.status(), status);
        drop(answer);
        gateway.access().await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let whole = behind.seen().iter().filter(|seen| seen.complete).count();
    assert_eq!(whole, 1);
}
