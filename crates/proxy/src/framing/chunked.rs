//! A body in chunks.
//!
//! Data passes as it comes. A line passes once it is whole and understood: how much of a refused line
//! the reader behind sees must not depend on the pieces in which it came.

use super::Fault;
use super::head::is_token;

/// Bytes of a line that gives a size, with its extensions.
const SIZE_LINE: usize = 256;
/// Bytes of all fields after the last chunk.
const TRAILERS: usize = 8 * 1024;

/// Where in the body it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Size,
    SizeEnd,
    Data,
    DataCr,
    DataLf,
    Trailer,
    TrailerEnd,
    Ended,
}

/// Follows the chunks of one body.
#[derive(Debug)]
pub(super) struct Chunked {
    state: State,
    left: u64,
    /// The line that is being read: a size or a trailer field.
    line: Vec<u8>,
    trailers: usize,
}

impl Chunked {
    pub(super) fn new() -> Self {
        Self {
            state: State::Size,
            left: 0,
            line: Vec::new(),
            trailers: 0,
        }
    }

    pub(super) fn ended(&self) -> bool {
        self.state == State::Ended
    }

    /// Takes bytes and gives how many belong to this body. What is verified goes to `out`, before a
    /// fault too.
    pub(super) fn feed(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<usize, Fault> {
        let mut at = 0;
        while at < input.len() && !self.ended() {
            let byte = input[at];
            match self.state {
                State::Data => {
                    let room = input.len() - at;
                    let used = usize::try_from(self.left).map_or(room, |left| left.min(room));
                    out.extend_from_slice(&input[at..at + used]);
                    at += used;
                    self.left -= used as u64;
                    if self.left == 0 {
                        self.state = State::DataCr;
                    }
                    continue;
                }
                State::Size | State::Trailer => self.line_byte(byte)?,
                State::SizeEnd => {
                    if byte != b'\n' {
                        return Err(Fault::Chunk);
                    }
                    self.left = size(&self.line)?;
                    self.pass_line(out);
                    self.state = if self.left == 0 {
                        State::Trailer
                    } else {
                        State::Data
                    };
                }
                State::TrailerEnd => {
                    if byte != b'\n' {
                        return Err(Fault::Trailer);
                    }
                    self.state = if self.line.is_empty() {
                        State::Ended
                    } else {
                        trailer(&self.line)?;
                        State::Trailer
                    };
                    self.pass_line(out);
                }
                State::DataCr if byte == b'\r' => self.state = State::DataLf,
                State::DataLf if byte == b'\n' => {
                    self.pass_line(out);
                    self.state = State::Size;
                }
                State::DataCr | State::DataLf => return Err(Fault::Chunk),
                State::Ended => {}
            }
            at += 1;
        }
        Ok(at)
    }

    /// The line is understood; after data it is empty.
    fn pass_line(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.line);
        out.extend_from_slice(b"\r\n");
    }

    fn line_byte(&mut self, byte: u8) -> Result<(), Fault> {
        let trailer = self.state == State::Trailer;
        let fault = if trailer {
            Fault::Trailer
        } else {
            Fault::Chunk
        };
        match byte {
            b'\r' if trailer => self.state = State::TrailerEnd,
            b'\r' => self.state = State::SizeEnd,
            b'\n' => return Err(fault),
            _ => {
                self.line.push(byte);
                if trailer {
                    self.trailers += 1;
                }
                if self.trailers > TRAILERS || (!trailer && self.line.len() > SIZE_LINE) {
                    return Err(fault);
                }
            }
        }
        Ok(())
    }
}

/// `1a`, `1a;name=value`. No space before the size, no sign, no prefix.
fn size(line: &[u8]) -> Result<u64, Fault> {
    let digits = line
        .iter()
        .position(|byte| !byte.is_ascii_hexdigit())
        .unwrap_or(line.len());
    if !(1..=15).contains(&digits) {
        return Err(Fault::Chunk);
    }
    let extension = &line[digits..];
    let plain = extension
        .iter()
        .all(|byte| *byte == b'\t' || (*byte >= 0x20 && *byte != 0x7f));
    if !(extension.is_empty() || extension[0] == b';') || !plain {
        return Err(Fault::Chunk);
    }
    line[..digits]
        .iter()
        .try_fold(0u64, |sum, byte| {
            let digit = char::from(*byte).to_digit(16)?;
            Some(sum << 4 | u64::from(digit))
        })
        .ok_or(Fault::Chunk)
}

fn trailer(line: &[u8]) -> Result<(), Fault> {
    let colon = memchr::memchr(b':', line).ok_or(Fault::Trailer)?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    let plain = value
        .iter()
        .all(|byte| *byte == b'\t' || (*byte >= 0x20 && *byte != 0x7f));
    if name.is_empty() || !name.iter().copied().all(is_token) || !plain {
        return Err(Fault::Trailer);
    }
    Ok(())
}
