//! `multipart/form-data`, read as it arrives.
//!
//! Contents of files are counted and thrown away, so that an upload of any size costs the memory of
//! one line. The reader is strict: what other readers would understand in another way is flagged.

use super::BodyError;

/// What was unusual about a body; each is a variable `MULTIPART_…`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Flags {
    pub(crate) boundary_quoted: bool,
    pub(crate) boundary_whitespace: bool,
    pub(crate) data_before: bool,
    pub(crate) data_after: bool,
    pub(crate) header_folding: bool,
    pub(crate) invalid_header_folding: bool,
    pub(crate) lf_line: bool,
    pub(crate) crlf_line: bool,
    pub(crate) missing_semicolon: bool,
    pub(crate) invalid_quoting: bool,
    pub(crate) invalid_part: bool,
    pub(crate) file_limit_exceeded: bool,
    /// 1: the boundary is followed by something else, or never comes; 2: some other line begins
    /// with two hyphens.
    pub(crate) unmatched_boundary: u8,
}

impl Flags {
    /// `MULTIPART_STRICT_ERROR`
    pub(crate) fn strict_error(&self) -> bool {
        self.boundary_quoted
            || self.boundary_whitespace
            || self.data_before
            || self.data_after
            || self.header_folding
            || self.invalid_header_folding
            || self.lf_line
            || self.missing_semicolon
            || self.invalid_quoting
            || self.invalid_part
            || self.file_limit_exceeded
    }
}

/// One part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: Option<Vec<u8>>,
    pub(crate) filename: Option<Vec<u8>>,
    /// Header lines as they stand, unfolded.
    pub(crate) headers: Vec<Vec<u8>>,
    /// The value of a field; empty for files.
    pub(crate) value: Vec<u8>,
    pub(crate) size: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Before,
    Headers,
    Data,
    After,
}

/// The reader.
#[derive(Debug)]
pub(crate) struct Multipart {
    /// Two hyphens and the boundary.
    boundary: Vec<u8>,
    state: State,
    line: Vec<u8>,
    /// The line began earlier and was already given away, so it can be no boundary.
    inside_line: bool,
    /// A line end that belongs to the data unless a boundary follows.
    held: &'static [u8],
    part: Part,
    pub(crate) parts: Vec<Part>,
    pub(crate) flags: Flags,
    error: Option<BodyError>,
    files: usize,
    most_files: usize,
    most_parts: usize,
    /// Bytes that are kept.
    pub(crate) kept: u64,
}

/// A line longer than this is data and no header.
const LONGEST_LINE: usize = 16 * 1024;

impl Multipart {
    /// A reader for the boundary in a `Content-Type`.
    pub(crate) fn new(content_type: &[u8], most_files: usize, most_parts: usize) -> Self {
        let mut flags = Flags::default();
        let found = boundary(content_type, &mut flags);
        let error = found.is_none().then(|| {
            flags.invalid_quoting |= content_type.contains(&b'\'');
            BodyError::Multipart("the Content-Type has no valid boundary")
        });
        let mut whole = b"--".to_vec();
        whole.extend_from_slice(found.as_deref().unwrap_or_default());
        Self {
            boundary: whole,
            state: State::Before,
            line: Vec::new(),
            inside_line: false,
            held: b"",
            part: Part::default(),
            parts: Vec::new(),
            flags,
            error,
            files: 0,
            most_files,
            most_parts,
            kept: 0,
        }
    }

    /// Takes more of the body.
    pub(crate) fn feed(&mut self, mut chunk: &[u8]) {
        while !chunk.is_empty() && self.error.is_none() {
            let end = memchr::memchr(b'\n', chunk).map_or(chunk.len(), |at| at + 1);
            // Whole lines that are already together need no copy.
            if self.line.is_empty() && end > 0 && chunk[end - 1] == b'\n' {
                self.take_line(&chunk[..end]);
            } else {
                self.line.extend_from_slice(&chunk[..end]);
                if self.line.ends_with(b"\n") {
                    let line = std::mem::take(&mut self.line);
                    self.take_line(&line);
                    self.line = line;
                    self.line.clear();
                } else if self.line.len() > LONGEST_LINE {
                    self.long_line();
                }
            }
            chunk = &chunk[end..];
        }
    }

    /// The body has ended.
    pub(crate) fn finish(&mut self) -> Result<(), BodyError> {
        if !self.line.is_empty() && self.error.is_none() {
            let line = std::mem::take(&mut self.line);
            self.take_line(&line);
        }
        if self.error.is_none() && self.state != State::After {
            self.flags.unmatched_boundary = 1;
            self.error = Some(BodyError::Multipart("the last boundary is absent"));
            if self.state == State::Data {
                self.end_part();
            }
        }
        match &self.error {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    fn fail(&mut self, reason: &'static str) {
        self.error.get_or_insert(BodyError::Multipart(reason));
    }

    /// A line without end so far: only data may be that long.
    fn long_line(&mut self) {
        match self.state {
            State::Data => {
                let line = std::mem::take(&mut self.line);
                if !self.inside_line && line.starts_with(&self.boundary) {
                    self.flags.unmatched_boundary = 1;
                }
                // A carriage return at the end may belong to the line end that follows.
                let keep = usize::from(line.ends_with(b"\r"));
                let (data, rest) = line.split_at(line.len() - keep);
                self.data(data);
                self.line = rest.to_vec();
                self.inside_line = true;
            }
            State::Headers => {
                self.flags.invalid_part = true;
                self.fail("a header is too long");
            }
            State::Before => {
                self.flags.data_before = true;
                self.line.clear();
                self.inside_line = true;
            }
            State::After => {
                self.flags.data_after = true;
                self.line.clear();
            }
        }
    }

    fn take_line(&mut self, line: &[u8]) {
        let (text, end): (&[u8], &'static [u8]) = match line {
            [text @ .., b'\r', b'\n'] => (text, b"\r\n"),
            [text @ .., b'\n'] => (text, b"\n"),
            _ => (line, b""),
        };
        match end {
            b"\n" if self.state != State::Data => self.flags.lf_line = true,
            b"\r\n" if self.state != State::Data => self.flags.crlf_line = true,
            _ => {}
        }
        let whole = !std::mem::take(&mut self.inside_line);
        if whole
            && self.state != State::Headers
            && text.starts_with(b"--")
            && self.boundary_line(text, end)
        {
            return;
        }
        match self.state {
            State::Before => {
                if !text.is_empty() || !whole {
                    self.flags.data_before = true;
                }
            }
            State::After => {
                if !text.is_empty() {
                    self.flags.data_after = true;
                }
            }
            State::Headers => self.header(text),
            State::Data => {
                self.data(text);
                self.held = end;
            }
        }
    }

    /// Whether the line is a boundary. What only looks like one is flagged.
    fn boundary_line(&mut self, text: &[u8], end: &[u8]) -> bool {
        let Some(rest) = text.strip_prefix(self.boundary.as_slice()) else {
            if self.state == State::After {
                return false;
            }
            let own = &self.boundary[2..];
            let quoted = text
                .strip_prefix(b"--\"")
                .is_some_and(|rest| rest.starts_with(own));
            let spaced = text[2..].trim_ascii_start().starts_with(own)
                && text.get(2).is_some_and(u8::is_ascii_whitespace);
            self.flags.boundary_quoted |= quoted;
            self.flags.boundary_whitespace |= spaced;
            if self.flags.unmatched_boundary == 0 {
                self.flags.unmatched_boundary = if quoted || spaced { 1 } else { 2 };
            }
            return false;
        };
        let (last, rest) = match rest.strip_prefix(b"--") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        if !rest.is_empty() {
            if rest.iter().all(u8::is_ascii_whitespace) {
                self.flags.boundary_whitespace = true;
            } else {
                self.flags.unmatched_boundary = 1;
                return false;
            }
        }
        if end == b"\n" {
            self.flags.lf_line = true;
        }
        match self.state {
            State::Data => self.end_part(),
            State::After => {
                self.flags.data_after = true;
                return true;
            }
            State::Before | State::Headers => {}
        }
        self.held = b"";
        self.state = if last { State::After } else { State::Headers };
        true
    }

    fn header(&mut self, text: &[u8]) {
        if text.is_empty() {
            self.end_headers();
            return;
        }
        if text.len() > LONGEST_LINE {
            self.flags.invalid_part = true;
            self.fail("a header is too long");
            return;
        }
        if text[0].is_ascii_whitespace() {
            self.flags.header_folding = true;
            if !matches!(text[0], b' ' | b'\t') {
                self.flags.invalid_header_folding = true;
            }
            if let Some(header) = self.part.headers.last_mut() {
                header.push(b' ');
                header.extend_from_slice(text.trim_ascii());
            } else {
                self.flags.invalid_header_folding = true;
                self.flags.invalid_part = true;
                self.fail("a part begins with a folded header");
            }
            return;
        }
        self.kept += text.len() as u64;
        if !text.contains(&b':') {
            self.flags.invalid_part = true;
        }
        if self.part.headers.len() >= 64 {
            self.flags.invalid_part = true;
            self.fail("a part has too many headers");
            return;
        }
        self.part.headers.push(text.to_vec());
    }

    /// The blank line after the headers of a part.
    fn end_headers(&mut self) {
        self.state = State::Data;
        let mut disposition = None;
        let mut twice = false;
        for header in &self.part.headers {
            let (name, value) = split_header(header);
            if name.eq_ignore_ascii_case(b"content-disposition") {
                twice |= disposition.is_some();
                disposition.get_or_insert(value);
            }
        }
        let Some(value) = disposition.map(<[u8]>::to_vec) else {
            self.flags.invalid_part = true;
            self.fail("a part has no Content-Disposition");
            return;
        };
        if twice {
            self.flags.invalid_part = true;
            self.fail("a part has two Content-Disposition headers");
            return;
        }
        if self.disposition(&value).is_none() {
            self.flags.invalid_part = true;
            self.fail("a Content-Disposition is not valid");
            return;
        }
        if self.part.name.is_none() {
            self.flags.invalid_part = true;
            self.fail("a part has no name");
            return;
        }
        if self.part.filename.is_some() {
            self.files += 1;
            if self.files > self.most_files {
                self.flags.file_limit_exceeded = true;
                self.fail("too many files");
            }
        }
    }

    /// Reads `form-data; name="a"; filename="b"`.
    fn disposition(&mut self, value: &[u8]) -> Option<()> {
        let rest = value.trim_ascii_start();
        let kind = rest.get(..9)?;
        if !kind.eq_ignore_ascii_case(b"form-data") {
            return None;
        }
        let mut rest = &rest[9..];
        loop {
            rest = rest.trim_ascii_start();
            if rest.is_empty() {
                return Some(());
            }
            rest = rest.strip_prefix(b";")?.trim_ascii_start();
            if rest.is_empty() {
                return Some(());
            }
            let equals = memchr::memchr(b'=', rest)?;
            let name = rest[..equals].trim_ascii().to_ascii_lowercase();
            rest = rest[equals + 1..].trim_ascii_start();
            let value;
            (value, rest) = self.parameter(rest)?;
            let place = match name.as_slice() {
                b"name" => &mut self.part.name,
                b"filename" | b"filename*" => &mut self.part.filename,
                _ => continue,
            };
            if name == b"filename*" {
                let mut decoded = Vec::new();
                let plain = value.splitn(3, |byte| *byte == b'\'').last()?;
                crate::transform::decode_form(plain, &mut decoded);
                // Both forms may stand side by side; both are looked at.
                match place {
                    Some(other) => {
                        other.push(b' ');
                        other.extend_from_slice(&decoded);
                    }
                    None => *place = Some(decoded),
                }
                continue;
            }
            if place.is_some() {
                return None;
            }
            *place = Some(value);
        }
    }

    /// The value of one parameter, quoted or not.
    fn parameter<'r>(&mut self, rest: &'r [u8]) -> Option<(Vec<u8>, &'r [u8])> {
        let Some(quoted) = rest.strip_prefix(b"\"") else {
            let end = memchr::memchr(b';', rest).unwrap_or(rest.len());
            let value = rest[..end].trim_ascii();
            if value.iter().any(|byte| b"\"'".contains(byte)) {
                self.flags.invalid_quoting = true;
            }
            return Some((value.to_vec(), &rest[end..]));
        };
        let mut value = Vec::new();
        let mut at = 0;
        loop {
            match quoted.get(at)? {
                b'"' => {
                    let after = &quoted[at + 1..];
                    if !matches!(after.trim_ascii_start().first(), None | Some(b';')) {
                        // Another quote inside: readers differ about where the value ends.
                        self.flags.invalid_quoting = true;
                        value.push(b'"');
                        at += 1;
                        continue;
                    }
                    return Some((value, after));
                }
                b'\\' if matches!(quoted.get(at + 1), Some(b'"' | b'\\')) => {
                    value.push(quoted[at + 1]);
                    at += 2;
                }
                byte => {
                    value.push(*byte);
                    at += 1;
                }
            }
        }
    }

    fn data(&mut self, data: &[u8]) {
        let held = std::mem::take(&mut self.held);
        self.part.size += (held.len() + data.len()) as u64;
        if self.part.filename.is_none() {
            self.kept += (held.len() + data.len()) as u64;
            self.part.value.extend_from_slice(held);
            self.part.value.extend_from_slice(data);
        }
    }

    fn end_part(&mut self) {
        let part = std::mem::take(&mut self.part);
        if self.parts.len() >= self.most_parts {
            self.fail("too many parts");
            return;
        }
        self.parts.push(part);
    }
}

fn split_header(header: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b':', header) {
        Some(at) => (header[..at].trim_ascii(), &header[at + 1..]),
        None => (header.trim_ascii(), b""),
    }
}

/// The boundary in `multipart/form-data; boundary=…`.
fn boundary(content_type: &[u8], flags: &mut Flags) -> Option<Vec<u8>> {
    let lower = content_type.to_ascii_lowercase();
    let found = memchr::memmem::find(&lower, b"boundary")?;
    // Only one, or readers differ.
    if memchr::memmem::find(&lower[found + 8..], b"boundary=").is_some() {
        return None;
    }
    let before = lower[..found].trim_ascii_end();
    match before.last() {
        Some(b';') => {}
        _ => flags.missing_semicolon = true,
    }
    let rest = &content_type[found + 8..];
    let spaced = rest.first().is_some_and(u8::is_ascii_whitespace);
    let rest = rest.trim_ascii_start().strip_prefix(b"=")?;
    flags.boundary_whitespace |= spaced || rest.first().is_some_and(u8::is_ascii_whitespace);
    let rest = rest.trim_ascii_start();
    let value = if let Some(quoted) = rest.strip_prefix(b"\"") {
        flags.boundary_quoted = true;
        let end = memchr::memchr(b'"', quoted)?;
        &quoted[..end]
    } else {
        let end = memchr::memchr2(b';', b',', rest).unwrap_or(rest.len());
        rest[..end].trim_ascii_end()
    };
    let valid = !value.is_empty()
        && value.len() <= 200
        && value.iter().all(|byte| {
            byte.is_ascii_alphanumeric() || b"'()+_,-./:=? @#$%&*[]^!~{}|".contains(byte)
        });
    if value.iter().any(u8::is_ascii_whitespace) {
        flags.boundary_whitespace = true;
    }
    valid.then(|| value.to_vec())
}
