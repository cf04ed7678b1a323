//! JSON: every scalar becomes a parameter `json.path.to.it`; elements of arrays are numbered from 0,
//! and the array itself is a parameter whose value is their number.
//!
//! Read without recursion, so that depth costs no stack; strings are bytes, broken UTF-8 passes.

use super::{BodyError, Sink};

/// An open object or array.
struct Level {
    /// Length of the path before this level's own part.
    path: usize,
    /// For arrays: number of the next element.
    index: Option<usize>,
}

struct Parser<'a> {
    input: &'a [u8],
    at: usize,
    path: Vec<u8>,
    text: Vec<u8>,
}

/// Gives every scalar to the sink.
pub(crate) fn parse(input: &[u8], depth: usize, sink: &mut dyn Sink) -> Result<(), BodyError> {
    let mut parser = Parser {
        input,
        at: 0,
        path: b"json".to_vec(),
        text: Vec::new(),
    };
    // A byte order mark is not JSON, but applications step over it.
    if input.starts_with(b"\xef\xbb\xbf") {
        parser.at = 3;
    }
    parser.run(depth, sink)
}

impl Parser<'_> {
    fn run(&mut self, depth: usize, sink: &mut dyn Sink) -> Result<(), BodyError> {
        let mut levels: Vec<Level> = Vec::new();
        loop {
            // A value is expected here.
            self.space();
            match self.peek() {
                Some(open @ (b'{' | b'[')) => {
                    if levels.len() >= depth {
                        return Err(self.wrong("nested too deeply"));
                    }
                    self.at += 1;
                    levels.push(Level {
                        path: self.path.len(),
                        index: (open == b'[').then_some(0),
                    });
                    self.space();
                    let close = if open == b'{' { b'}' } else { b']' };
                    if self.peek() == Some(close) {
                        // An empty container is a value too: an application may tell it apart.
                        self.give(b"", sink)?;
                        self.at += 1;
                        levels.pop();
                    } else {
                        self.enter(&mut levels)?;
                        continue;
                    }
                }
                Some(b'"') => {
                    self.string()?;
                    let text = std::mem::take(&mut self.text);
                    self.give(&text, sink)?;
                    self.text = text;
                }
                Some(b'-' | b'0'..=b'9') => {
                    let start = self.at;
                    self.number()?;
                    let end = self.at;
                    self.give_range(start, end, sink)?;
                }
                Some(b't') => self.word(b"true", sink)?,
                Some(b'f') => self.word(b"false", sink)?,
                Some(b'n') => self.word(b"null", sink)?,
                _ => return Err(self.wrong("a value is expected")),
            }
            // A value has ended: the next one, or ends of containers.
            loop {
                self.space();
                let Some(level) = levels.last() else {
                    return if self.at == self.input.len() {
                        Ok(())
                    } else {
                        Err(self.wrong("something follows the value"))
                    };
                };
                self.path.truncate(level.path);
                let close = if level.index.is_some() { b']' } else { b'}' };
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        self.space();
                        self.enter(&mut levels)?;
                        break;
                    }
                    Some(byte) if byte == close => {
                        self.at += 1;
                        let elements = level.index;
                        levels.pop();
                        if let Some(elements) = elements {
                            self.give(elements.to_string().as_bytes(), sink)?;
                        }
                    }
                    _ => return Err(self.wrong("a comma or a closing bracket is expected")),
                }
            }
        }
    }

    /// Extends the path by the next key or number.
    fn enter(&mut self, levels: &mut [Level]) -> Result<(), BodyError> {
        let Some(level) = levels.last_mut() else {
            return Ok(());
        };
        if let Some(index) = &mut level.index {
            self.path.push(b'.');
            self.path.extend_from_slice(index.to_string().as_bytes());
            *index += 1;
            return Ok(());
        }
        if self.peek() != Some(b'"') {
            return Err(self.wrong("a key is expected"));
        }
        self.string()?;
        self.path.push(b'.');
        self.path.extend_from_slice(&self.text);
        self.space();
        if self.peek() != Some(b':') {
            return Err(self.wrong("a colon is expected"));
        }
        self.at += 1;
        Ok(())
    }

    fn give(&self, value: &[u8], sink: &mut dyn Sink) -> Result<(), BodyError> {
        if sink.value(&self.path, value) {
            Ok(())
        } else {
            Err(self.wrong("too many values"))
        }
    }

    fn give_range(&self, start: usize, end: usize, sink: &mut dyn Sink) -> Result<(), BodyError> {
        self.give(&self.input[start..end], sink)
    }

    fn wrong(&self, reason: &'static str) -> BodyError {
        BodyError::Json {
            reason,
            at: self.at,
        }
    }

    fn peek(&self) -> Option<u8> {
        self.input.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn word(&mut self, word: &'static [u8], sink: &mut dyn Sink) -> Result<(), BodyError> {
        if !self.input[self.at..].starts_with(word) {
            return Err(self.wrong("a value is expected"));
        }
        self.at += word.len();
        self.give(word, sink)
    }

    fn number(&mut self) -> Result<(), BodyError> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        self.digits()?;
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), BodyError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start {
            Err(self.wrong("a digit is expected"))
        } else {
            Ok(())
        }
    }

    /// Reads a string into `text`.
    fn string(&mut self) -> Result<(), BodyError> {
        self.text.clear();
        self.at += 1;
        loop {
            let rest = &self.input[self.at..];
            let Some(next) = memchr::memchr2(b'"', b'\\', rest) else {
                return Err(self.wrong("a string is not closed"));
            };
            if rest[..next].iter().any(|byte| *byte < 0x20) {
                return Err(self.wrong("a control character stands in a string"));
            }
            self.text.extend_from_slice(&rest[..next]);
            self.at += next + 1;
            if rest[next] == b'"' {
                return Ok(());
            }
            self.escape()?;
        }
    }

    fn escape(&mut self) -> Result<(), BodyError> {
        let byte = match self.peek() {
            Some(byte @ (b'"' | b'\\' | b'/')) => byte,
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode();
            }
            _ => return Err(self.wrong("an escape is not valid")),
        };
        self.at += 1;
        self.text.push(byte);
        Ok(())
    }

    fn unicode(&mut self) -> Result<(), BodyError> {
        let first = self.four()?;
        let mut value = first;
        if (0xd800..0xdc00).contains(&first) && self.input[self.at..].starts_with(b"\\u") {
            let back = self.at;
            self.at += 2;
            let second = self.four()?;
            if (0xdc00..0xe000).contains(&second) {
                value = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            } else {
                self.at = back;
            }
        }
        // Half of a pair alone is no character.
        let c = char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER);
        self.text
            .extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }

    fn four(&mut self) -> Result<u32, BodyError> {
        let value = self
            .input
            .get(self.at..self.at + 4)
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .ok_or_else(|| self.wrong("\\u needs four digits"))?;
        self.at += 4;
        Ok(value)
    }
}
