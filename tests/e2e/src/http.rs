//! A browser of forty lines: GET and form POST over HTTP/1.1 on loopback, with cookies.
//!
//! No HTTP library: the journeys need status, headers and text, and the fewer crates they bring the
//! sooner they are linked. No TLS, no redirects followed unasked, no keep-alive.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use anyhow::Context;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Header names in lower case; of several with one name the last.
    pub headers: BTreeMap<String, String>,
    /// Body as text.
    pub text: String,
}

/// Somebody at a browser: remembers cookies.
#[derive(Debug)]
pub struct Browser {
    port: u16,
    cookies: BTreeMap<String, String>,
    bearer: Option<String>,
}

impl Browser {
    /// Knows no cookie yet.
    pub fn new(port: u16) -> Self {
        Self {
            port,
            cookies: BTreeMap::new(),
            bearer: None,
        }
    }

    /// Sends a token with every request from now on, as a program does.
    #[must_use]
    pub fn with_token(mut self, token: &str) -> Self {
        self.bearer = Some(token.to_owned());
        self
    }

    /// Asks for a page and follows redirections on this site.
    pub fn open(&mut self, path: &str) -> anyhow::Result<Answer> {
        let mut answer = self.get(path)?;
        for _ in 0..5 {
            let Some(target) = answer.headers.get("location").cloned() else {
                break;
            };
            answer = self.get(&target)?;
        }
        Ok(answer)
    }

    /// Asks for a page.
    pub fn get(&mut self, path: &str) -> anyhow::Result<Answer> {
        self.send("GET", path, "")
    }

    /// Sends a form.
    pub fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> anyhow::Result<Answer> {
        let body: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
            .collect();
        self.send("POST", path, &body.join("&"))
    }

    fn send(&mut self, method: &str, path: &str, body: &str) -> anyhow::Result<Answer> {
        let host = format!("127.0.0.1:{}", self.port);
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAccept: text/html,application/json\r\n"
        );
        if method == "POST" {
            let _ = write!(
                request,
                "Origin: http://{host}\r\nSec-Fetch-Site: same-origin\r\n\
                 Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
                body.len()
            );
        }
        if let Some(token) = &self.bearer {
            let _ = write!(request, "Authorization: Bearer {token}\r\n");
        }
        if !self.cookies.is_empty() {
            let pairs: Vec<String> = self
                .cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let _ = write!(request, "Cookie: {}\r\n", pairs.join("; "));
        }
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(Duration::from_mins(1)))?;
        stream.write_all(format!("{request}\r\n{body}").as_bytes())?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        self.read(&bytes)
    }

    fn read(&mut self, bytes: &[u8]) -> anyhow::Result<Answer> {
        let end = bytes
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .context("the answer has no head")?;
        let head = std::str::from_utf8(&bytes[..end])?;
        let mut lines = head.split("\r\n");
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1))
            .context("no status line")?
            .parse()?;
        let mut headers = BTreeMap::new();
        for line in lines {
            let (name, value) = line.split_once(':').context("a header without a colon")?;
            let (name, value) = (name.to_ascii_lowercase(), value.trim().to_owned());
            if name == "set-cookie"
                && let Some((cookie, content)) = value
                    .split(';')
                    .next()
                    .and_then(|pair| pair.split_once('='))
            {
                self.cookies.insert(cookie.to_owned(), content.to_owned());
            }
            headers.insert(name, value);
        }
        let mut body = bytes[end + 4..].to_vec();
        if headers
            .get("transfer-encoding")
            .is_some_and(|encoding| encoding.eq_ignore_ascii_case("chunked"))
        {
            body = unchunked(&body)?;
        }
        Ok(Answer {
            status,
            headers,
            text: String::from_utf8_lossy(&body).into_owned(),
        })
    }
}

fn unchunked(mut bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let end = bytes
            .windows(2)
            .position(|two| two == b"\r\n")
            .context("a chunk without a size")?;
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..end])?.trim(), 16)?;
        let start = end + 2;
        if size == 0 {
            return Ok(whole);
        }
        whole.extend_from_slice(
            bytes
                .get(start..start + size)
                .context("a chunk is cut short")?,
        );
        bytes = bytes
            .get(start + size + 2..)
            .context("a chunk has no end")?;
    }
}

/// `application/x-www-form-urlencoded`.
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
    fn chunks_are_put_together() {
        assert_eq!(
            unchunked(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").expect("well formed"),
            b"abcde"
        );
        assert!(unchunked(b"9\r\nabc").is_err());
    }

    #[test]
    fn forms_are_encoded() {
        assert_eq!(encoded("a b&守"), "a%20b%26%E5%AE%88");
    }
}
