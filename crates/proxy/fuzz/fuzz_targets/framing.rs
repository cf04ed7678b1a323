//! Heads, sized bodies and chunks of HTTP/1: the pieces in which bytes come change nothing, and what
//! passed passes again as the same messages. The first byte chooses the pieces, the second the bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mamori_proxy::framing::{Bounds, Fault, Head, Scanner};

#[derive(Debug, PartialEq)]
struct Scanned {
    out: Vec<u8>,
    heads: Vec<Result<Vec<u8>, Fault>>,
    end: Result<(), Fault>,
}

fn scan(input: &[u8], step: usize, bounds: Bounds) -> Scanned {
    let mut scanner = Scanner::new(bounds);
    let (mut out, mut heads, mut end) = (Vec::new(), Vec::new(), Ok(()));
    'pieces: for piece in input.chunks(step) {
        let mut rest = piece;
        while !rest.is_empty() {
            let told = |head: Result<Head, Fault>| heads.push(head.map(|head| head.bytes().to_vec()));
            match scanner.feed(rest, &mut out, told) {
                Ok(used) => rest = &rest[used..],
                Err(fault) => {
                    end = Err(fault);
                    break 'pieces;
                }
            }
            // Nobody wants another protocol here.
            scanner.decide(false);
        }
    }
    Scanned { out, heads, end }
}

fuzz_target!(|input: &[u8]| {
    let [step, size, input @ ..] = input else { return };
    let bounds = match size {
        0 => Bounds { head: 120, target: 20, fields: 3 },
        _ => Bounds::default(),
    };
    let whole = scan(input, usize::MAX, bounds);
    let parts = scan(input, usize::from(*step) + 1, bounds);
    assert_eq!(whole, parts);
    if whole.end.is_ok() && whole.heads.iter().all(Result::is_ok) {
        assert_eq!(scan(&whole.out, usize::MAX, bounds), whole);
    }
});
