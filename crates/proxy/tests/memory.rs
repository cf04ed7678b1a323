//! A large upload passes in constant memory. In a process of its own, because memory is measured.

#![allow(clippy::unwrap_used)]

#[path = "proxy/support/mod.rs"]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use mamori_proxy::WafMode;
use support::site::Behind;
use support::wire::Plain;
use support::{Gateway, HOST, firewall, parts};
use tokio::io::AsyncWriteExt as _;

/// What an upload may add, in kilobytes: gateway, client and site together, for all are in this
/// process.
const MOST: u64 = 16 * 1024;

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// Sends this many bytes as a file within a form and gives the most that memory grew, in kilobytes.
async fn upload(gateway: &Gateway, size: u64) -> u64 {
    let start: &[u8] =
        b"--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.bin\"\r\n\r\n";
    let end: &[u8] = b"\r\n--b--\r\n";
    let length = size + (start.len() + end.len()) as u64;
    let mut plain = Plain::open(gateway.http).await;
    plain
        .send(format!(
            "POST /sink HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: {length}\r\n\r\n"
        ))
        .await;
    plain.send(start).await;
    let before = resident();
    let (most, stop) = (
        Arc::new(AtomicU64::new(before)),
        Arc::new(AtomicBool::new(false)),
    );
    let watch = {
        let (most, stop) = (Arc::clone(&most), Arc::clone(&stop));
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                most.fetch_max(resident(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(5));
            }
        })
    };
    let piece = vec![b'x'; 64 * 1024];
    let mut left = size;
    while left > 0 {
        let now = usize::try_from(left.min(piece.len() as u64)).unwrap();
        plain.stream.write_all(&piece[..now]).await.unwrap();
        left -= now as u64;
    }
    plain.send(end).await;
    let answer = plain.answer().await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    stop.store(true, Ordering::Relaxed);
    watch.join().unwrap();
    most.load(Ordering::Relaxed) - before
}

/// `MAMORI_TEST_UPLOAD_MIB` sets the size; two gigabytes are for machines with time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_upload_adds_little_memory() {
    let mebibytes: u64 = std::env::var("MAMORI_TEST_UPLOAD_MIB")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(256);
    let size = mebibytes << 20;
    for mode in [WafMode::Off, WafMode::Block] {
        let behind = Behind::start().await;
        let mut parts = parts(&[behind.address]);
        parts.sites[0].firewall = firewall(mode);
        if let Some(rules) = &parts.sites[0].firewall.rules {
            assert!(rules.settings().request_limit >= 1 << 30);
        }
        let gateway = Gateway::start(parts);
        // Once small, so that threads and pools are there.
        upload(&gateway, 4 << 20).await;
        let grew = upload(&gateway, size).await;
        eprintln!("{mebibytes} MiB with the firewall {mode:?}: +{grew} KiB");
        assert!(grew <= MOST, "memory grew by {grew} KiB");
        let passed = behind.state.bytes.load(Ordering::SeqCst) as u64;
        assert!(passed >= size);
    }
}
