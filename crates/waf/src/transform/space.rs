//! White space, and command lines.

/// Whether the byte at that place is white space. 0xA0 is one in Latin-1 and at the end of a UTF-8
/// no-break space, but not inside of other characters.
fn is_white(input: &[u8], at: usize) -> bool {
    match input[at] {
        b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => true,
        0xa0 => at == 0 || input[at - 1] < 0x80 || input[at - 1] == 0xc2,
        _ => false,
    }
}

pub(super) fn remove(input: &[u8], out: &mut Vec<u8>) {
    out.extend(
        (0..input.len())
            .filter(|at| !is_white(input, *at))
            .map(|at| input[at]),
    );
}

/// Every run becomes one space.
pub(super) fn compress(input: &[u8], out: &mut Vec<u8>) {
    let mut inside = false;
    for at in 0..input.len() {
        if is_white(input, at) {
            if !inside {
                out.push(b' ');
            }
            inside = true;
        } else {
            out.push(input[at]);
            inside = false;
        }
    }
}

pub(super) fn trim_start(input: &[u8]) -> &[u8] {
    let skip = input
        .iter()
        .take_while(|byte| byte.is_ascii_whitespace() || **byte == 0x0b)
        .count();
    &input[skip..]
}

pub(super) fn trim_end(input: &[u8]) -> &[u8] {
    let keep = input
        .iter()
        .rposition(|byte| !(byte.is_ascii_whitespace() || *byte == 0x0b))
        .map_or(0, |at| at + 1);
    &input[..keep]
}

/// As shells read it: quotes, backslashes and carets vanish, separators become one space, no space
/// before `/` and `(`, lower case.
pub(super) fn command_line(input: &[u8], out: &mut Vec<u8>) {
    let mut space = false;
    for byte in input {
        match byte {
            b'"' | b'\'' | b'\\' | b'^' => {}
            b' ' | b',' | b';' | b'\t' | b'\r' | b'\n' => {
                if !space {
                    out.push(b' ');
                    space = true;
                }
            }
            b'/' | b'(' => {
                if space {
                    out.pop();
                }
                space = false;
                out.push(*byte);
            }
            byte => {
                out.push(byte.to_ascii_lowercase());
                space = false;
            }
        }
    }
}
