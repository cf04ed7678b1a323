//! The head of a request, as it arrived.

use std::ops::Range;

use super::{Authority, Bounds, Fault};

/// How long the body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// This many bytes.
    Sized(u64),
    /// Until the last chunk.
    Chunked,
}

/// Name and value of a field, as they arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'h> {
    /// The name, in the client's letters.
    pub name: &'h [u8],
    /// The value, without the spaces around it.
    pub value: &'h [u8],
}

/// A head that can be understood in one way only.
#[derive(Debug)]
pub struct Head {
    bytes: Vec<u8>,
    method: Range<usize>,
    target: Range<usize>,
    eleven: bool,
    fields: Vec<(Range<usize>, Range<usize>)>,
    host: Option<Authority>,
    length: Length,
    websocket: bool,
}

/// A character of a method or of a name.
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// What fields say about framing.
#[derive(Default)]
struct Said {
    hosts: usize,
    host: Option<Authority>,
    length: Option<u64>,
    encodings: usize,
    upgrade: bool,
    websocket: bool,
}

impl Head {
    /// Reads the lines between `start` and `end`; each of them ends in CRLF.
    pub(super) fn read(
        mut bytes: Vec<u8>,
        start: usize,
        end: usize,
        bounds: &Bounds,
    ) -> Result<Self, Fault> {
        bytes.truncate(end);
        bytes.drain(..start);
        if bytes.len() > bounds.head {
            return Err(Fault::HeadTooLarge);
        }
        let mut lines = Lines {
            bytes: &bytes,
            at: 0,
        };
        let (method, target, eleven) = request_line(&bytes, lines.next_range()?)?;
        if target.len() > bounds.target {
            return Err(Fault::TargetTooLong);
        }
        let mut fields = Vec::with_capacity(24);
        let mut said = Said::default();
        loop {
            let line = lines.next_range()?;
            if line.is_empty() {
                break;
            }
            if fields.len() == bounds.fields {
                return Err(Fault::TooManyFields);
            }
            let field = field(&bytes, line)?;
            said.hear(&bytes[field.0.clone()], &bytes[field.1.clone()])?;
            fields.push(field);
        }
        let length = match (said.length, said.encodings) {
            (Some(_), 1..) => return Err(Fault::LengthAndEncoding),
            (_, 2..) => return Err(Fault::Encoding),
            (None, 1) if !eleven => return Err(Fault::Encoding),
            (None, 1) => Length::Chunked,
            (length, 0) => Length::Sized(length.unwrap_or(0)),
        };
        if said.hosts == 0 && eleven {
            return Err(Fault::NoHost);
        }
        let named = target_host(&bytes[method.clone()], &bytes[target.clone()])?;
        if let (Some((named, port)), Some(host)) = (&named, &said.host)
            && !named.same(host, *port)
        {
            return Err(Fault::HostMismatch);
        }
        let websocket = eleven
            && said.upgrade
            && said.websocket
            && length == Length::Sized(0)
            && &bytes[method.clone()] == b"GET";
        Ok(Self {
            method,
            target,
            eleven,
            fields,
            host: said.host.or(named.map(|(named, _)| named)),
            length,
            websocket,
            bytes,
        })
    }

    /// All of it, to the empty line.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The method.
    pub fn method(&self) -> &[u8] {
        &self.bytes[self.method.clone()]
    }

    /// The target as it arrived.
    pub fn target(&self) -> &[u8] {
        &self.bytes[self.target.clone()]
    }

    /// Whether it is HTTP/1.1 and not 1.0.
    pub fn is_eleven(&self) -> bool {
        self.eleven
    }

    /// The fields in their order.
    pub fn fields(&self) -> impl Iterator<Item = Field<'_>> {
        self.fields.iter().map(|(name, value)| Field {
            name: &self.bytes[name.clone()],
            value: &self.bytes[value.clone()],
        })
    }

    /// The host asked for; always there in HTTP/1.1.
    pub fn host(&self) -> Option<&Authority> {
        self.host.as_ref()
    }

    /// How long the body is.
    pub fn length(&self) -> Length {
        self.length
    }

    /// Whether the connection is to become one of WebSocket.
    pub fn asks_for_websocket(&self) -> bool {
        self.websocket
    }
}

impl Said {
    fn hear(&mut self, name: &[u8], value: &[u8]) -> Result<(), Fault> {
        if name.eq_ignore_ascii_case(b"host") {
            self.hosts += 1;
            if self.hosts > 1 {
                return Err(Fault::ManyHosts);
            }
            self.host = Some(Authority::parse(value).ok_or(Fault::Host)?);
        } else if name.eq_ignore_ascii_case(b"content-length") {
            if self.length.is_some() {
                return Err(Fault::ManyLengths);
            }
            self.length = Some(number(value).ok_or(Fault::Length)?);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.encodings += 1;
            if !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Fault::Encoding);
            }
        } else if name.eq_ignore_ascii_case(b"connection") {
            self.upgrade |= lists(value, b"upgrade");
        } else if name.eq_ignore_ascii_case(b"upgrade") {
            self.websocket |= value.eq_ignore_ascii_case(b"websocket");
        }
        Ok(())
    }
}

/// Whether a list of tokens has this one.
pub(crate) fn lists(value: &[u8], token: &[u8]) -> bool {
    value
        .split(|byte| *byte == b',')
        .any(|part| part.trim_ascii().eq_ignore_ascii_case(token))
}

/// Digits and nothing else, in a range that every reader has.
fn number(value: &[u8]) -> Option<u64> {
    if !(1..=18).contains(&value.len()) || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

struct Lines<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Lines<'_> {
    /// The next line without its CRLF, which the scanner has seen.
    fn next_range(&mut self) -> Result<Range<usize>, Fault> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = memchr::memchr(b'\n', rest).ok_or(Fault::LineEnd)?;
        let line = self.at..(self.at + end).saturating_sub(1);
        self.at += end + 1;
        if memchr::memchr(b'\r', &self.bytes[line.clone()]).is_some() {
            return Err(Fault::LineEnd);
        }
        Ok(line)
    }
}

fn request_line(
    bytes: &[u8],
    line: Range<usize>,
) -> Result<(Range<usize>, Range<usize>, bool), Fault> {
    let text = &bytes[line.clone()];
    let first = memchr::memchr(b' ', text).ok_or(Fault::RequestLine)?;
    let second = memchr::memrchr(b' ', text).ok_or(Fault::RequestLine)?;
    if second <= first + 1 {
        return Err(Fault::RequestLine);
    }
    let (method, target, version) = (
        &text[..first],
        &text[first + 1..second],
        &text[second + 1..],
    );
    if !(1..=32).contains(&method.len()) || !method.iter().copied().all(is_token) {
        return Err(Fault::RequestLine);
    }
    if target.iter().any(|byte| *byte <= b' ' || *byte == 0x7f) {
        return Err(Fault::Target);
    }
    let eleven = match version {
        b"HTTP/1.1" => true,
        b"HTTP/1.0" => false,
        _ if version.starts_with(b"HTTP/") => return Err(Fault::Version),
        _ => return Err(Fault::RequestLine),
    };
    let start = line.start;
    Ok((
        start..start + first,
        start + first + 1..start + second,
        eleven,
    ))
}

fn field(bytes: &[u8], line: Range<usize>) -> Result<(Range<usize>, Range<usize>), Fault> {
    let text = &bytes[line.clone()];
    if matches!(text.first(), Some(b' ' | b'\t')) {
        return Err(Fault::Folded);
    }
    let colon = memchr::memchr(b':', text).ok_or(Fault::FieldName)?;
    if colon == 0 || !text[..colon].iter().copied().all(is_token) {
        return Err(Fault::FieldName);
    }
    let value = &text[colon + 1..];
    if value
        .iter()
        .any(|byte| (*byte < b' ' && *byte != b'\t') || *byte == 0x7f)
    {
        return Err(Fault::FieldValue);
    }
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let before = value.iter().take_while(|byte| blank(byte)).count();
    let after = value[before..]
        .iter()
        .rev()
        .take_while(|byte| blank(byte))
        .count();
    let start = line.start + colon + 1 + before;
    Ok((line.start..line.start + colon, start..line.end - after))
}

/// The host that the target itself names, with the port of its scheme.
fn target_host(method: &[u8], target: &[u8]) -> Result<Option<(Authority, u16)>, Fault> {
    if method == b"CONNECT" {
        // A gateway is no forward proxy.
        return Err(Fault::Target);
    }
    if target.first() == Some(&b'/') {
        return Ok(None);
    }
    if target == b"*" {
        return if method == b"OPTIONS" {
            Ok(None)
        } else {
            Err(Fault::Target)
        };
    }
    let lower = target.get(..8).unwrap_or(target).to_ascii_lowercase();
    let (skip, port) = if lower.starts_with(b"https://") {
        (8, 443)
    } else if lower.starts_with(b"http://") {
        (7, 80)
    } else {
        return Err(Fault::Target);
    };
    let rest = &target[skip..];
    let end = rest
        .iter()
        .position(|byte| matches!(byte, b'/' | b'?' | b'#'))
        .unwrap_or(rest.len());
    Authority::parse(&rest[..end])
        .map(|authority| Some((authority, port)))
        .ok_or(Fault::Target)
}
