//! Where requests of HTTP/1 begin and end.
//!
//! Two readers of the same bytes must come to the same messages, or one of them can be made to see
//! a request that the other did not. So this scanner reads the bytes before anything else does and
//! lets through only what the standard leaves no choice about: lines end in CRLF, names are tokens,
//! there is one way to say the length and it is said once. What it passes on it has read; what it
//! refuses nobody behind it sees. It is pure: bytes in, verified bytes and heads out.

mod authority;
mod chunked;
mod head;

pub use authority::Authority;
pub use head::{Field, Head, Length};

use chunked::Chunked;

/// What makes a message unreadable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Fault {
    /// A line ends in LF without CR, or CR stands alone.
    #[error("a line does not end in CRLF")]
    LineEnd,
    /// The first line is not method, target and version with one space between them.
    #[error("the request line is malformed")]
    RequestLine,
    /// Neither HTTP/1.0 nor HTTP/1.1.
    #[error("the version is not HTTP/1.0 or HTTP/1.1")]
    Version,
    /// The target is no path, no address and no `*`, or belongs to another method.
    #[error("the request target is malformed")]
    Target,
    /// The first line is longer than allowed.
    #[error("the request target is too long")]
    TargetTooLong,
    /// All fields together are longer than allowed.
    #[error("the header fields are too large")]
    HeadTooLarge,
    /// There are more fields than allowed.
    #[error("there are too many header fields")]
    TooManyFields,
    /// A line begins with a space: once a way to continue the line before.
    #[error("a header field is folded")]
    Folded,
    /// A name is not a token, or something stands between it and its colon.
    #[error("the name of a header field is malformed")]
    FieldName,
    /// A control character in a value.
    #[error("the value of a header field holds a control character")]
    FieldValue,
    /// HTTP/1.1 without `Host`.
    #[error("the Host field is missing")]
    NoHost,
    /// More than one `Host`.
    #[error("there is more than one Host field")]
    ManyHosts,
    /// `Host` is no name with an optional port.
    #[error("the Host field is malformed")]
    Host,
    /// The target names another host than `Host`.
    #[error("the request target and the Host field name different hosts")]
    HostMismatch,
    /// More than one `Content-Length`, equal or not.
    #[error("there is more than one Content-Length field")]
    ManyLengths,
    /// `Content-Length` is not a plain number.
    #[error("the Content-Length field is malformed")]
    Length,
    /// `Content-Length` beside `Transfer-Encoding`.
    #[error("there are both Content-Length and Transfer-Encoding fields")]
    LengthAndEncoding,
    /// `Transfer-Encoding` more than once, not `chunked`, or in HTTP/1.0.
    #[error("the Transfer-Encoding field is not plainly chunked")]
    Encoding,
    /// A chunk is not a size, its data and the line ends between them.
    #[error("a chunk of the body is malformed")]
    Chunk,
    /// The fields after the last chunk are malformed or too large.
    #[error("the trailer fields are malformed")]
    Trailer,
    /// Refused by the reader behind this one, which is stricter in some point.
    #[error("the message is malformed")]
    Malformed,
}

impl Fault {
    /// The status to answer with.
    pub fn status(self) -> u16 {
        match self {
            Self::TargetTooLong => 414,
            Self::HeadTooLarge | Self::TooManyFields => 431,
            Self::Version => 505,
            _ => 400,
        }
    }
}

/// Bounds of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of the whole head.
    pub head: usize,
    /// Bytes of the request target.
    pub target: usize,
    /// Number of fields.
    pub fields: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            head: 32 * 1024,
            target: 8 * 1024,
            fields: 100,
        }
    }
}

/// What stands in place of a refused request, so that the reader behind asks for an answer to it and
/// then closes. Nothing of the client's is in it.
const REFUSED: &[u8] = b"GET / HTTP/1.1\r\nhost: refused.invalid\r\nconnection: close\r\n\r\n";

/// What the scanner waits for.
#[derive(Debug)]
enum State {
    /// A head, or its rest.
    Head,
    /// This much of a body.
    Sized(u64),
    /// A body in chunks.
    Chunked(Chunked),
    /// The request asked for another protocol; the answer decides how to go on.
    Undecided,
    /// Another protocol: everything passes.
    Raw,
    /// Nothing more is taken.
    Ended,
}

/// Reads a connection from its first byte to its last.
#[derive(Debug)]
pub struct Scanner {
    bounds: Bounds,
    state: State,
    /// What has come of the head.
    head: Vec<u8>,
    /// Up to where the head was searched for its end.
    searched: usize,
    /// Begin of the line that is being searched.
    line: usize,
    /// Number of lines so far.
    lines: usize,
}

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Between two requests: nothing of the next one has come.
    Idle,
    /// A head has begun and is not complete.
    Head,
    /// A body is not complete.
    Body,
    /// Something else.
    Other,
}

impl Scanner {
    /// A scanner at the beginning of a connection.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            state: State::Head,
            head: Vec::new(),
            searched: 0,
            line: 0,
            lines: 0,
        }
    }

    /// What the connection is doing.
    pub fn phase(&self) -> Phase {
        match &self.state {
            State::Head if self.head.is_empty() => Phase::Idle,
            State::Head => Phase::Head,
            State::Sized(_) | State::Chunked(_) => Phase::Body,
            State::Undecided | State::Raw | State::Ended => Phase::Other,
        }
    }

    /// Whether nothing can be taken until [`Scanner::decide`] is called.
    pub fn undecided(&self) -> bool {
        matches!(self.state, State::Undecided)
    }

    /// The answer to a request for another protocol is known.
    pub fn decide(&mut self, raw: bool) {
        if self.undecided() {
            self.state = if raw { State::Raw } else { State::Head };
        }
    }

    /// Takes bytes from the client and gives how many were used; fewer than all only when a protocol
    /// is undecided. Verified bytes go to `out`; for every head that goes there, and for the first
    /// fault, `heads` is called. A fault in a body is the error; what was verified before it is in
    /// `out`. Neither depends on the pieces in which the bytes come.
    pub fn feed(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
        mut heads: impl FnMut(Result<Head, Fault>),
    ) -> Result<usize, Fault> {
        let mut rest = input;
        while !rest.is_empty() {
            match &mut self.state {
                State::Head => match self.take_head(rest) {
                    Ok((used, None)) => rest = &rest[used..],
                    Ok((used, Some(head))) => {
                        rest = &rest[used..];
                        out.extend_from_slice(head.bytes());
                        self.state = match head.length() {
                            _ if head.asks_for_websocket() => State::Undecided,
                            Length::Sized(0) => State::Head,
                            Length::Sized(length) => State::Sized(length),
                            Length::Chunked => State::Chunked(Chunked::new()),
                        };
                        heads(Ok(head));
                    }
                    Err(fault) => {
                        self.state = State::Ended;
                        self.head = Vec::new();
                        out.extend_from_slice(REFUSED);
                        heads(Err(fault));
                    }
                },
                State::Sized(left) => {
                    let used =
                        usize::try_from(*left).map_or(rest.len(), |left| left.min(rest.len()));
                    out.extend_from_slice(&rest[..used]);
                    rest = &rest[used..];
                    *left -= used as u64;
                    if *left == 0 {
                        self.state = State::Head;
                    }
                }
                State::Chunked(chunked) => match chunked.feed(rest, out) {
                    Ok(used) => {
                        rest = &rest[used..];
                        if chunked.ended() {
                            self.state = State::Head;
                        }
                    }
                    Err(fault) => {
                        self.state = State::Ended;
                        return Err(fault);
                    }
                },
                State::Raw => {
                    out.extend_from_slice(rest);
                    rest = &[];
                }
                State::Undecided => return Ok(input.len() - rest.len()),
                State::Ended => rest = &[],
            }
        }
        Ok(input.len())
    }

    /// Bytes before the end of the first line; method and version need some beside the target.
    fn longest_first_line(&self) -> usize {
        self.bounds.target + 64
    }

    /// Takes bytes until the head is complete.
    fn take_head(&mut self, input: &[u8]) -> Result<(usize, Option<Head>), Fault> {
        // More than this is never wanted of a head, so more is never kept.
        let room = (self.bounds.head + 1).saturating_sub(self.head.len());
        let before = self.head.len();
        self.head.extend_from_slice(&input[..input.len().min(room)]);
        while let Some(at) = memchr::memchr(b'\n', &self.head[self.searched..]) {
            let end = self.searched + at;
            if self.lines == 0 && end > self.longest_first_line() {
                return Err(Fault::TargetTooLong);
            }
            if end == self.line || self.head[end - 1] != b'\r' {
                return Err(Fault::LineEnd);
            }
            let empty = end == self.line + 1;
            self.searched = end + 1;
            self.line = end + 1;
            if !empty {
                self.lines += 1;
                continue;
            }
            if self.lines == 0 {
                // One empty line before a request is tolerated: old clients end their bodies with it.
                if end != 1 {
                    return Err(Fault::RequestLine);
                }
                continue;
            }
            let used = end + 1 - before;
            let bytes = std::mem::take(&mut self.head);
            (self.searched, self.line, self.lines) = (0, 0, 0);
            let start = if bytes.starts_with(b"\r\n") { 2 } else { 0 };
            return Head::read(bytes, start, end + 1, &self.bounds).map(|head| (used, Some(head)));
        }
        self.searched = self.head.len();
        if self.head.len() > self.bounds.head {
            return Err(if self.lines == 0 {
                Fault::TargetTooLong
            } else {
                Fault::HeadTooLarge
            });
        }
        if self.lines == 0 && self.head.len() > self.longest_first_line() {
            return Err(Fault::TargetTooLong);
        }
        Ok((input.len(), None))
    }
}

#[cfg(test)]
mod tests;
