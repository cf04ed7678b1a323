//! A browser's connection in a hundred lines: HTTP/1.1 with keep-alive and cookies on loopback.
//!
//! No HTTP library: xtask is compiled by everybody who runs it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail, ensure};

/// An answer; the body as it came over the wire.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// Whether the connection ends with it.
    fn closes(&self) -> bool {
        self.header("connection").eq_ignore_ascii_case("close")
    }

    /// Milliseconds that the server says it took.
    pub fn server_ms(&self) -> Option<f64> {
        self.header("server-timing")
            .split_once("dur=")?
            .1
            .parse()
            .ok()
    }
}

/// Somebody at a browser.
#[derive(Debug)]
pub struct Wire {
    port: u16,
    stream: Option<BufReader<TcpStream>>,
    cookies: BTreeMap<String, String>,
}

impl Wire {
    pub fn new(port: u16) -> Self {
        Self {
            port,
            stream: None,
            cookies: BTreeMap::new(),
        }
    }

    /// Asks for a page as a browser does, compressed.
    pub fn get(&mut self, path: &str) -> anyhow::Result<Answer> {
        self.send("GET", path, "br", "")
    }

    /// Asks for a page to read it here.
    pub fn read(&mut self, path: &str) -> anyhow::Result<Answer> {
        self.send("GET", path, "identity", "")
    }

    /// Signs in.
    pub fn sign_in(&mut self, name: &str, password: &str) -> anyhow::Result<()> {
        let body = format!("name={}&password={}", encoded(name), encoded(password));
        let answer = self.send("POST", "/sign-in", "identity", &body)?;
        ensure!(
            answer.status == 303 && !self.cookies.is_empty(),
            "{name} cannot sign in: {}",
            answer.status
        );
        Ok(())
    }

    fn send(
        &mut self,
        method: &str,
        path: &str,
        encoding: &str,
        body: &str,
    ) -> anyhow::Result<Answer> {
        let host = format!("127.0.0.1:{}", self.port);
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nAccept-Encoding: {encoding}\r\n");
        if method == "POST" {
            let _ = write!(
                head,
                "Sec-Fetch-Site: same-origin\r\nContent-Type: application/x-www-form-urlencoded\r\n\
                 Content-Length: {}\r\n",
                body.len()
            );
        }
        if !self.cookies.is_empty() {
            let pairs: Vec<String> = self
                .cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let _ = write!(head, "Cookie: {}\r\n", pairs.join("; "));
        }
        let text = format!("{head}\r\n{body}");
        // A connection that the server closed meanwhile is opened anew, once.
        for fresh in [false, true] {
            if fresh || self.stream.is_none() {
                self.stream = Some(connect(self.port)?);
            }
            match self.exchange(&text) {
                Ok(answer) => return Ok(answer),
                Err(error) if fresh => return Err(error).context(path.to_owned()),
                Err(_) => self.stream = None,
            }
        }
        bail!("no answer to {path}")
    }

    fn exchange(&mut self, text: &str) -> anyhow::Result<Answer> {
        let stream = self.stream.as_mut().context("no connection")?;
        stream.get_mut().write_all(text.as_bytes())?;
        let cookies = &mut self.cookies;
        let answer = read(stream, |name, value| {
            if name == "set-cookie"
                && let Some((cookie, content)) = value
                    .split(';')
                    .next()
                    .and_then(|pair| pair.split_once('='))
            {
                cookies.insert(cookie.to_owned(), content.to_owned());
            }
        })?;
        if answer.closes() {
            self.stream = None;
        }
        Ok(answer)
    }
}

/// A connection that sends requests as they are.
#[derive(Debug)]
pub struct Line {
    port: u16,
    stream: Option<BufReader<TcpStream>>,
}

impl Line {
    pub fn new(port: u16) -> Self {
        Self { port, stream: None }
    }

    /// Sends a whole request and reads the answer.
    pub fn ask(&mut self, request: &[u8]) -> anyhow::Result<Answer> {
        for fresh in [false, true] {
            if fresh || self.stream.is_none() {
                self.stream = Some(connect(self.port)?);
            }
            match self.exchange(request) {
                Ok(answer) => return Ok(answer),
                Err(error) if fresh => return Err(error),
                Err(_) => self.stream = None,
            }
        }
        bail!("no answer on port {}", self.port)
    }

    fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Answer> {
        let stream = self.stream.as_mut().context("no connection")?;
        stream.get_mut().write_all(request)?;
        let answer = read(stream, |_, _| {})?;
        if answer.closes() {
            self.stream = None;
        }
        Ok(answer)
    }
}

fn connect(port: u16) -> anyhow::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(Duration::from_mins(1)))?;
    stream.set_nodelay(true)?;
    Ok(BufReader::new(stream))
}

/// Reads one answer; `see` is shown every field.
pub fn read(stream: &mut impl BufRead, mut see: impl FnMut(&str, &str)) -> anyhow::Result<Answer> {
    let mut status_line = String::new();
    stream.read_line(&mut status_line)?;
    let status = status_line
        .split(' ')
        .nth(1)
        .context("no status line")?
        .trim_end()
        .parse()?;
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').context("a header without a colon")?;
        let (name, value) = (name.to_ascii_lowercase(), value.trim().to_owned());
        see(&name, &value);
        headers.insert(name, value);
    }
    let chunked = headers
        .get("transfer-encoding")
        .is_some_and(|encoding| encoding.eq_ignore_ascii_case("chunked"));
    let body = if chunked {
        chunks(stream)?
    } else {
        let length: usize = headers
            .get("content-length")
            .map_or(Ok(0), |length| length.parse())?;
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        body
    };
    Ok(Answer {
        status,
        headers,
        body,
    })
}

fn chunks(stream: &mut impl BufRead) -> anyhow::Result<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let size = usize::from_str_radix(line.trim(), 16).context("a chunk without a size")?;
        let start = whole.len();
        whole.resize(start + size, 0);
        stream.read_exact(&mut whole[start..])?;
        let mut end = [0; 2];
        stream.read_exact(&mut end)?;
        if size == 0 {
            return Ok(whole);
        }
    }
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_put_together_and_an_end_is_needed() {
        let mut whole: &[u8] = b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        assert_eq!(chunks(&mut whole).expect("well formed"), b"abcde");
        let mut cut: &[u8] = b"3\r\nabc\r\n";
        assert!(chunks(&mut cut).is_err());
    }

    #[test]
    fn the_servers_own_time_is_read() {
        let answer = Answer {
            status: 200,
            headers: BTreeMap::from([("server-timing".to_owned(), "app;dur=12.50".to_owned())]),
            body: Vec::new(),
        };
        assert_eq!(answer.server_ms(), Some(12.5));
    }
}
