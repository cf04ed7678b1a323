//! Debian's nginx as the site behind, where it is installed: what another server really sends.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::wire::{Plain, ask, get, post};
use crate::support::{Gateway, HOST, firewall, parts};
use mamori_proxy::{Outcome, WafMode};

/// A running nginx with its directory.
struct Nginx {
    child: Child,
    directory: PathBuf,
    address: SocketAddr,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// `MAMORI_TEST_NGINX` names another binary than the system's. `None` is said aloud.
fn binary() -> Option<PathBuf> {
    let binary = std::env::var_os("MAMORI_TEST_NGINX")
        .map_or_else(|| PathBuf::from("/usr/sbin/nginx"), PathBuf::from);
    if binary.is_file() {
        return Some(binary);
    }
    eprintln!(
        "SKIPPED: no nginx at {}; install it or name one in MAMORI_TEST_NGINX",
        binary.display()
    );
    None
}

async fn start(binary: PathBuf) -> Nginx {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    drop(socket);
    let directory = std::env::temp_dir().join(format!("mamori-proxy-nginx-{}", std::process::id()));
    std::fs::create_dir_all(directory.join("html")).unwrap();
    std::fs::write(
        directory.join("html/index.html"),
        "<p>ようこそ</p>".repeat(1000),
    )
    .unwrap();
    let place = directory.display();
    let configuration = format!(
        "worker_processes 1; daemon off; master_process off; pid {place}/pid; error_log {place}/error.log;
         events {{ worker_connections 256; }}
         http {{
           access_log off; types {{ text/html html; }}
           client_body_temp_path {place}/body; proxy_temp_path {place}/proxy; fastcgi_temp_path {place}/fastcgi;
           uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;
           gzip on; gzip_min_length 100; keepalive_timeout 1s;
           server {{ listen {address}; root {place}/html; client_max_body_size 100m;
             location /echo {{ return 200 \"$request_method $content_length $http_x_forwarded_for $http_connection\"; }}
             location /away {{ return 302 /; }}
           }}
         }}"
    );
    let file = directory.join("nginx.conf");
    std::fs::write(&file, configuration).unwrap();
    let child = Command::new(binary)
        .arg("-p")
        .arg(&directory)
        .arg("-c")
        .arg(&file)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let nginx = Nginx {
        child,
        directory,
        address,
    };
    for _ in 0..100 {
        if tokio::net::TcpStream::connect(address).await.is_ok() {
            return nginx;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let errors = std::fs::read_to_string(nginx.directory.join("error.log")).unwrap_or_default();
    panic!("nginx does not start: {errors}");
}

#[tokio::test]
async fn nginx_behind_is_served_like_any_site() {
    let Some(binary) = binary() else { return };
    let nginx = start(binary).await;
    let mut parts = parts(&[nginx.address]);
    parts.sites[0].firewall = firewall(WafMode::Block);
    let mut gateway = Gateway::start(parts);
    let page = ask(gateway.http, get("/", "")).await;
    assert_eq!(
        (page.status, page.text().starts_with("<p>ようこそ</p>")),
        (200, true)
    );
    assert_eq!(page.field("server"), None);
    assert_eq!(gateway.outcome().await, Outcome::Served);
    let packed = ask(gateway.http, get("/", "Accept-Encoding: gzip\r\n")).await;
    assert_eq!(packed.field("content-encoding"), Some("gzip"));
    assert!(packed.body.len() < page.body.len() / 4);
    let mut plain = Plain::open(gateway.http).await;
    plain
        .send(format!("HEAD / HTTP/1.1\r\nHost: {HOST}\r\n\r\n"))
        .await;
    let head = plain.answer_to_head().await.unwrap();
    assert_eq!(
        head.field("content-length"),
        Some(page.body.len().to_string().as_str())
    );
    plain.send(get("/", "Range: bytes=0-8\r\n")).await;
    assert_eq!(plain.answer().await.unwrap().status, 206);
    let tag = page.field("etag").unwrap();
    plain
        .send(get("/", &format!("If-None-Match: {tag}\r\n")))
        .await;
    assert_eq!(plain.answer().await.unwrap().status, 304);
    plain.send(post("/echo", "", &"a=b&".repeat(50_000))).await;
    assert_eq!(
        plain.answer().await.unwrap().text(),
        "POST 200000 127.0.0.1 "
    );
    plain.send(get("/away", "")).await;
    assert_eq!(plain.answer().await.unwrap().status, 302);
    // nginx closes kept connections after a second; nobody notices.
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(1100)).await;
        plain.send(get("/missing", "")).await;
        assert_eq!(plain.answer().await.unwrap().status, 404);
    }
    assert_eq!(ask(gateway.http, get("/?a=attack", "")).await.status, 403);
}
