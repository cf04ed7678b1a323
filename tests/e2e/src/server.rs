//! A server process that ends with the test.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Browser;

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .expect("loopback offers a port")
        .port()
}

/// A running `mamori serve` or `mamori demo`.
#[derive(Debug)]
pub struct Server {
    child: Child,
    port: u16,
    log: File,
}

impl Server {
    /// Starts a server and waits until it answers on the port.
    pub fn start(command: &mut Command, port: u16) -> Self {
        let (mut server, _) = Self::spawn(command, port, Stdio::null());
        let started = Instant::now();
        while Browser::new(port).get("/healthz").is_err() {
            server.must_be_alive();
            assert!(
                started.elapsed() < Duration::from_mins(1),
                "no answer on port {port} within a minute"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    /// Starts a server that prints one JSON line on standard output when it is ready.
    pub fn announced(command: &mut Command, port: u16, limit: Duration) -> (Self, Value) {
        let (server, output) = Self::spawn(command, port, Stdio::piped());
        let output = output.expect("stdout is piped");
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let line = receiver
            .recv_timeout(limit)
            .expect("the server prints a line when it is ready");
        let value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in {line:?}"));
        (server, value)
    }

    /// Its log goes to a file that is shown when the test fails.
    fn spawn(command: &mut Command, port: u16, stdout: Stdio) -> (Self, Option<ChildStdout>) {
        let log = tempfile::tempfile().expect("a temporary file can be made");
        let stderr = log.try_clone().expect("a file can be opened twice");
        let mut child = command
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .expect("mamori starts");
        let output = child.stdout.take();
        (Self { child, port, log }, output)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Somebody who has not been here before.
    pub fn browser(&self) -> Browser {
        Browser::new(self.port)
    }

    /// Asks the server to stop as Ctrl-C does, and says whether it ended well.
    pub fn stop(mut self) -> bool {
        let asked = Command::new("kill")
            .args(["-INT", &self.child.id().to_string()])
            .status();
        asked.is_ok_and(|status| status.success())
            && self.child.wait().is_ok_and(|status| status.success())
    }

    fn must_be_alive(&mut self) {
        if let Some(status) = self.child.try_wait().expect("the child can be asked") {
            panic!("the server ended with {status} before it answered");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already gone is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let mut text = String::new();
            let _ = self.log.rewind();
            let _ = self.log.read_to_string(&mut text);
            eprintln!("--- log of the server\n{text}");
        }
    }
}
