//! Paths.

/// Folds `//`, `/./` and `/../`; with `windows` a backslash is a slash.
pub(super) fn normalize(input: &[u8], windows: bool, out: &mut Vec<u8>) {
    let slash = |byte: u8| byte == b'/' || (windows && byte == b'\\');
    let Some(first) = input.first() else { return };
    let absolute = slash(*first);
    let trailing = input.last().is_some_and(|byte| slash(*byte));
    if absolute {
        out.push(b'/');
    }
    let base = out.len();
    // Segments kept so far that `..` may take away.
    let mut depth = 0usize;
    let mut last_is_dot = false;
    for segment in input.split(|byte| slash(*byte)) {
        match segment {
            b"" => continue,
            b"." => {
                last_is_dot = true;
                continue;
            }
            b".." => {
                last_is_dot = true;
                if depth > 0 {
                    depth -= 1;
                    let cut = out[base..]
                        .iter()
                        .rposition(|byte| *byte == b'/')
                        .map_or(base, |at| base + at);
                    out.truncate(cut);
                } else if !absolute {
                    if out.len() > base {
                        out.push(b'/');
                    }
                    out.extend_from_slice(b"..");
                    last_is_dot = false;
                }
                continue;
            }
            _ => {}
        }
        last_is_dot = false;
        if out.len() > base {
            out.push(b'/');
        }
        out.extend_from_slice(segment);
        depth += 1;
    }
    if (trailing || last_is_dot) && out.len() > base {
        out.push(b'/');
    }
}
