//! libmodsecurity beside us, where a C compiler and Debian's `libmodsecurity-dev` are installed.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::request::Request;

/// The compiled peer and its rules; both go when it is dropped.
pub struct Peer {
    directory: PathBuf,
}

/// What it said of one request.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    pub status: u16,
    pub microseconds: f64,
    pub resident_kilobytes: u64,
    pub ids: Vec<u64>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

impl Peer {
    /// Compiles the peer for these rules; `None` is said aloud.
    pub fn build(crs: &Path, head: &str, parts: &[&str]) -> Option<Self> {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let directory =
            std::env::temp_dir().join(format!("mamori-waf-peer-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&directory).ok()?;
        let peer = Self { directory };
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peer.c");
        let built = Command::new("cc")
            .args(["-O2", "-o"])
            .arg(peer.directory.join("peer"))
            .arg(source)
            .arg("-lmodsecurity")
            .stderr(Stdio::null())
            .status();
        if !built.is_ok_and(|status| status.success()) {
            eprintln!(
                "SKIPPED: no peer; it needs a C compiler and libmodsecurity-dev (apt-get install libmodsecurity-dev)"
            );
            return None;
        }
        let mut text = head.to_owned();
        for part in parts {
            let _ = writeln!(text, "\nInclude {}", crs.join(part).display());
        }
        std::fs::write(peer.directory.join("rules.conf"), text).ok()?;
        Some(peer)
    }

    /// The same rules as in production with the exclusions for WordPress.
    pub fn production(crs: &Path) -> Option<Self> {
        Self::build(
            crs,
            &super::production_head(),
            &[
                "crs-setup.conf.example",
                "plugins/wordpress-rule-exclusions-config.conf",
                "plugins/wordpress-rule-exclusions-before.conf",
                "rules/*.conf",
            ],
        )
    }

    /// Inspects all requests, each so many times.
    pub fn run(&self, requests: &[&Request], rounds: usize) -> Vec<Outcome> {
        let mut input = Vec::new();
        for request in requests {
            input.extend_from_slice(format!("R {}\n", request.headers.len()).as_bytes());
            let mut field = |bytes: &[u8]| {
                input.extend_from_slice(format!("{}:", bytes.len()).as_bytes());
                input.extend_from_slice(bytes);
                input.push(b',');
            };
            field(request.method.as_bytes());
            field(&request.uri);
            field(request.version.as_bytes());
            field(&request.body);
            for (name, value) in &request.headers {
                field(name);
                field(value);
            }
        }
        let mut child = Command::new(self.directory.join("peer"))
            .arg(self.directory.join("rules.conf"))
            .arg(rounds.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the peer starts");
        let mut pipe = child.stdin.take().expect("a pipe");
        let writer = std::thread::spawn(move || pipe.write_all(&input));
        let output = child.wait_with_output().expect("the peer ends");
        let _ = writer.join();
        let outcomes: Vec<Outcome> = String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| {
                let mut words = line.split(' ');
                Some(Outcome {
                    status: words.next()?.parse().ok()?,
                    microseconds: words.next()?.parse().ok()?,
                    resident_kilobytes: words.next()?.parse().ok()?,
                    ids: words.filter_map(|word| word.parse().ok()).collect(),
                })
            })
            .collect();
        assert_eq!(
            outcomes.len(),
            requests.len(),
            "the peer answers everything"
        );
        outcomes
    }
}
