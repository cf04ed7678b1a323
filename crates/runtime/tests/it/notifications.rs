//! Mail over a real SMTP conversation and into the sink; webhooks over a real HTTP one.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use jiff::SignedDuration;
use mamori_runtime::config::{Smtp, SmtpSecurity, Webhook};
use mamori_runtime::notify::signature;
use mamori_runtime::{App, MailAttachment, Notification, Secret, WebhookMessage};
use mamori_testkit::TestApp;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

fn mail(body: &str) -> Notification {
    Notification {
        to: vec![
            "koho@city.example.jp".to_owned(),
            "b@city.example.jp".to_owned(),
        ],
        subject: "月次報告の提出".to_owned(),
        body: body.to_owned(),
        ..Notification::default()
    }
}

async fn notify(app: &App, mail: &Notification) {
    let mut tx = app.db.begin_write().await.expect("a transaction");
    app.notify(&mut tx, mail).await.expect("queued");
    tx.commit().await.expect("committed");
}

/// A relay that speaks enough SMTP (RFC 5321) to take mail, or refuses receivers with a code.
struct Relay {
    address: SocketAddr,
    mails: Arc<Mutex<Vec<String>>>,
    refuse: Arc<Mutex<Option<&'static str>>>,
}

impl Relay {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let relay = Self {
            address: listener.local_addr().expect("bound"),
            mails: Arc::default(),
            refuse: Arc::default(),
        };
        let (mails, refuse) = (relay.mails.clone(), relay.refuse.clone());
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(talk(socket, mails.clone(), refuse.clone()));
            }
        });
        relay
    }
}

async fn talk(
    socket: TcpStream,
    mails: Arc<Mutex<Vec<String>>>,
    refuse: Arc<Mutex<Option<&'static str>>>,
) {
    let (read, mut write) = socket.into_split();
    let mut lines = BufReader::new(read).lines();
    write
        .write_all(b"220 relay.example.jp ESMTP\r\n")
        .await
        .expect("writes");
    let mut data: Option<String> = None;
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(text) = &mut data {
            if line == "." {
                mails
                    .lock()
                    .expect("not poisoned")
                    .push(data.take().expect("in data"));
                write
                    .write_all(b"250 2.0.0 queued\r\n")
                    .await
                    .expect("writes");
            } else {
                text.push_str(line.strip_prefix('.').unwrap_or(&line));
                text.push('\n');
            }
            continue;
        }
        let refused = *refuse.lock().expect("not poisoned");
        let verb = line
            .split([' ', ':'])
            .next()
            .unwrap_or("")
            .to_ascii_uppercase();
        let answer = match (verb.as_str(), refused) {
            ("EHLO", _) => "250-relay.example.jp\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n".to_owned(),
            ("RCPT", Some(code)) => format!("{code} no\r\n"),
            ("DATA", _) => {
                data = Some(String::new());
                "354 go on\r\n".to_owned()
            }
            ("QUIT", _) => {
                let _ = write.write_all(b"221 bye\r\n").await;
                return;
            }
            _ => "250 ok\r\n".to_owned(),
        };
        write.write_all(answer.as_bytes()).await.expect("writes");
    }
}

async fn app_with_relay(relay: &Relay) -> TestApp {
    let port = relay.address.port();
    TestApp::builder()
        .configured(move |config| {
            config.mail.from = String::from("mamori@noc.example.jp");
            config.smtp = Some(Smtp {
                host: "127.0.0.1".to_owned(),
                port,
                security: SmtpSecurity::None,
                credentials: None,
            });
        })
        .open()
        .await
}

#[tokio::test]
async fn mail_goes_through_the_relay_with_its_attachment() {
    let relay = Relay::start().await;
    let test = app_with_relay(&relay).await;
    let blob = test
        .app
        .store_blob(b"%PDF\xff\xfe".to_vec())
        .await
        .expect("stored");
    let mut letter = mail("ご確認ください。\n.\n点だけの行も届きます。\n");
    letter.attachments.push(MailAttachment {
        name: "報告書.pdf".to_owned(),
        media_type: "application/pdf".to_owned(),
        sha256: blob.sha256,
    });
    notify(&test.app, &letter).await;
    assert_eq!(test.advance(SignedDuration::ZERO).await.done, 1);
    let mails = relay.mails.lock().expect("not poisoned").clone();
    assert_eq!(mails.len(), 1);
    let sent = &mails[0];
    for part in [
        "From: mamori@noc.example.jp",
        "To: koho@city.example.jp, b@city.example.jp",
        "Date: Thu, 01 Oct 2026 00:00:00 +0000",
        "@noc.example.jp>",
        "Content-Type: application/pdf",
        "JVBERv/+",
    ] {
        assert!(sent.contains(part), "{part}: {sent}");
    }
    assert!(test.mails().is_empty(), "the sink stays empty");
}

#[tokio::test]
async fn a_relay_that_is_busy_is_asked_again_and_one_that_refuses_is_not() {
    let relay = Relay::start().await;
    let test = app_with_relay(&relay).await;
    *relay.refuse.lock().expect("not poisoned") = Some("451 4.3.0");
    notify(&test.app, &mail("a")).await;
    assert_eq!(test.advance(SignedDuration::ZERO).await.again, 1);
    *relay.refuse.lock().expect("not poisoned") = None;
    assert_eq!(test.advance(SignedDuration::from_mins(1)).await.done, 1);
    assert_eq!(relay.mails.lock().expect("not poisoned").len(), 1);
    *relay.refuse.lock().expect("not poisoned") = Some("550 5.1.1");
    notify(&test.app, &mail("b")).await;
    assert_eq!(test.advance(SignedDuration::ZERO).await.failed, 1);
}

#[tokio::test]
async fn a_relay_that_is_away_is_asked_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    drop(listener);
    let gone = Relay {
        address,
        mails: Arc::default(),
        refuse: Arc::default(),
    };
    let test = app_with_relay(&gone).await;
    notify(&test.app, &mail("a")).await;
    assert_eq!(test.advance(SignedDuration::ZERO).await.again, 1);
}

#[tokio::test]
async fn without_a_relay_mail_goes_to_the_sink() {
    let test = TestApp::with(vec![]).await;
    notify(&test.app, &mail("plain ascii")).await;
    let mut tx = test.app.db.begin_write().await.expect("a transaction");
    test.app
        .notify(&mut tx, &mail("rolled back"))
        .await
        .expect("queued");
    tx.rollback().await.expect("rolled back");
    test.advance(SignedDuration::ZERO).await;
    let mails = test.mails();
    assert_eq!(mails.len(), 1);
    assert!(mails[0].contains("plain ascii"), "{}", mails[0]);
    assert!(mails[0].contains("Subject: =?utf-8?b?"), "{}", mails[0]);
}

#[tokio::test]
async fn a_mail_without_receiver_is_refused_before_it_is_queued() {
    let test = TestApp::with(vec![]).await;
    let mut letter = mail("a");
    letter.to.clear();
    let mut tx = test.app.db.begin_write().await.expect("a transaction");
    let refused = test.app.notify(&mut tx, &letter).await;
    assert!(refused.expect_err("refused").to_string().contains("宛先"));
}

/// Answers each request with the next status and keeps what came.
pub(crate) async fn hook(statuses: &'static [u16]) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/hook", listener.local_addr().expect("bound"));
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = seen.clone();
    tokio::spawn(async move {
        for status in statuses {
            let (mut socket, _) = listener.accept().await.expect("a call");
            let mut text = Vec::new();
            let mut buffer = [0; 4096];
            loop {
                let n = socket.read(&mut buffer).await.expect("reads");
                text.extend_from_slice(&buffer[..n]);
                let so_far = String::from_utf8_lossy(&text).into_owned();
                let Some((head, body)) = so_far.split_once("\r\n\r\n") else {
                    continue;
                };
                let length: usize = head
                    .lines()
                    .find_map(|line| {
                        let (name, value) = line.split_once(':')?;
                        name.eq_ignore_ascii_case("content-length")
                            .then(|| value.trim().parse().ok())?
                    })
                    .unwrap_or(0);
                if body.len() >= length || n == 0 {
                    break;
                }
            }
            kept.lock()
                .expect("not poisoned")
                .push(String::from_utf8(text).expect("UTF-8"));
            let answer = format!(
                "HTTP/1.1 {status} X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            socket.write_all(answer.as_bytes()).await.expect("writes");
        }
    });
    (url, seen)
}

async fn app_with_hook(url: String) -> TestApp {
    TestApp::builder()
        .configured(move |config| {
            config.webhooks.push(Webhook {
                name: "noc".to_owned(),
                url,
                secret: Secret::new("s3cr3t"),
            });
        })
        .open()
        .await
}

async fn call(app: &App) {
    let message = WebhookMessage {
        webhook: "noc".to_owned(),
        event: "document.submitted".to_owned(),
        data: json!({ "number": "別紙3-2026-10" }),
    };
    let mut tx = app.db.begin_write().await.expect("a transaction");
    app.notify_webhook(&mut tx, &message).await.expect("queued");
    tx.commit().await.expect("committed");
}

#[tokio::test]
async fn a_webhook_is_signed_and_tried_again() {
    let (url, seen) = hook(&[503, 302, 204]).await;
    let test = app_with_hook(url).await;
    call(&test.app).await;
    assert_eq!(test.advance(SignedDuration::ZERO).await.again, 1);
    assert_eq!(test.advance(SignedDuration::from_mins(1)).await.again, 1);
    assert_eq!(test.advance(SignedDuration::from_mins(2)).await.done, 1);
    let seen = seen.lock().expect("not poisoned").clone();
    assert_eq!(seen.len(), 3, "a redirect is not followed");
    let (head, body) = seen[2].split_once("\r\n\r\n").expect("head and body");
    let header = |name: &str| {
        head.lines()
            .find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name)
                    .then(|| value.trim().to_owned())
            })
            .unwrap_or_default()
    };
    let timestamp: i64 = header("x-mamori-timestamp").parse().expect("a number");
    assert_eq!(timestamp, test.app.now().as_second());
    assert_eq!(
        header("x-mamori-signature"),
        signature("s3cr3t", timestamp, body)
    );
    let message: serde_json::Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(message["event"], "document.submitted");
    assert_eq!(message["data"]["number"], "別紙3-2026-10");
    // The same id each time, so that the receiver can drop a double.
    assert_eq!(id_of(&seen[0]), id_of(&seen[2]));
}

fn id_of(request: &str) -> String {
    let (_, body) = request.split_once("\r\n\r\n").expect("head and body");
    let message: serde_json::Value = serde_json::from_str(body).expect("JSON");
    message["id"].as_str().expect("text").to_owned()
}

#[tokio::test]
async fn a_webhook_that_says_no_is_given_up() {
    let (url, _seen) = hook(&[404]).await;
    let test = app_with_hook(url).await;
    call(&test.app).await;
    assert_eq!(test.advance(SignedDuration::ZERO).await.failed, 1);
}

/// Against another implementation.
#[test]
fn the_signature_is_hmac_sha256() {
    // python3: hmac.new(b"key", b"1.body", "sha256").hexdigest()
    assert_eq!(signature("key", 1, "body"), EXPECTED);
}

const EXPECTED: &str = "sha256=91b5374b153842ad05b2c4eab9349b8321b14703165bd3fb8b034dfb8be98ae5";
