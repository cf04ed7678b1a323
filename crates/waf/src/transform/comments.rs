//! Comments of SQL, C and HTML.

use memchr::memmem;

/// `/* … */` becomes one space, also where the end is absent.
pub(super) fn replace(input: &[u8], out: &mut Vec<u8>) {
    let mut rest = input;
    while let Some(start) = memmem::find(rest, b"/*") {
        out.extend_from_slice(&rest[..start]);
        out.push(b' ');
        rest = match memmem::find(&rest[start + 2..], b"*/") {
            Some(end) => &rest[start + 2 + end + 2..],
            None => &[],
        };
    }
    out.extend_from_slice(rest);
}

/// Whole comments go: `/* … */`, `<!-- … -->`, and from `--` or `#` on.
pub(super) fn remove(input: &[u8], out: &mut Vec<u8>) {
    let mut rest = input;
    while let Some(first) = rest.first() {
        if rest.starts_with(b"/*") || rest.starts_with(b"<!--") {
            let (open, close) = if *first == b'/' {
                (2, &b"*/"[..])
            } else {
                (4, &b"-->"[..])
            };
            rest = match memmem::find(&rest[open..], close) {
                Some(end) => &rest[open + end + close.len()..],
                None => &[],
            };
        } else if rest.starts_with(b"--") || *first == b'#' {
            return;
        } else {
            out.push(*first);
            rest = &rest[1..];
        }
    }
}

/// Only the marks go: `/*`, `*/`, `<!--`, `-->`, `--`, `#`.
pub(super) fn remove_marks(input: &[u8], out: &mut Vec<u8>) {
    let mut rest = input;
    while let Some(first) = rest.first() {
        let marks: [&[u8]; 6] = [b"<!--", b"-->", b"/*", b"*/", b"--", b"#"];
        if let Some(mark) = marks.iter().find(|mark| rest.starts_with(mark)) {
            rest = &rest[mark.len()..];
        } else {
            out.push(*first);
            rest = &rest[1..];
        }
    }
}
