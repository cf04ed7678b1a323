//! Framing: attacks are refused, what passes is read in one way, and nothing panics.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

/// What came out of some bytes.
struct Outcome {
    out: Vec<u8>,
    heads: Vec<Result<Head, Fault>>,
    broken: Option<Fault>,
}

/// All that can be compared: bytes that passed, heads as they arrived, the fault of a body.
type Plain<'o> = (&'o [u8], Vec<Result<&'o [u8], Fault>>, Option<Fault>);

impl Outcome {
    fn plain(&self) -> Plain<'_> {
        let heads = self
            .heads
            .iter()
            .map(|head| head.as_ref().map(Head::bytes).map_err(|fault| *fault))
            .collect();
        (&self.out, heads, self.broken)
    }
}

fn scan_in(input: &[u8], step: usize) -> Outcome {
    scan_within(Bounds::default(), input, step)
}

fn scan_within(bounds: Bounds, input: &[u8], step: usize) -> Outcome {
    let mut scanner = Scanner::new(bounds);
    let mut outcome = Outcome {
        out: Vec::new(),
        heads: Vec::new(),
        broken: None,
    };
    for piece in input.chunks(step.max(1)) {
        let (out, heads) = (&mut outcome.out, &mut outcome.heads);
        match scanner.feed(piece, out, |head| heads.push(head)) {
            Ok(used) if used < piece.len() => break,
            Ok(_) => {}
            Err(fault) => {
                outcome.broken = Some(fault);
                break;
            }
        }
    }
    outcome
}

/// The fault of the first head or of a body, whatever the sizes of the pieces.
fn fault(input: &[u8]) -> Option<Fault> {
    let of = |step| {
        let outcome = scan_in(input, step);
        outcome
            .heads
            .iter()
            .find_map(|head| head.as_ref().err().copied())
            .or(outcome.broken)
    };
    let whole = of(usize::MAX);
    assert_eq!(whole, of(1), "{:?}", String::from_utf8_lossy(input));
    assert_eq!(whole, of(7), "{:?}", String::from_utf8_lossy(input));
    whole
}

#[test]
fn plain_requests_pass_as_they_are() {
    let inputs: &[&[u8]] = &[
        b"GET / HTTP/1.1\r\nHost: example.jp\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"\r\nGET / HTTP/1.1\r\nHost: example.jp\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: [2001:db8::1]:8443\r\n\r\n",
        b"GET http://Example.jp:80/a?b HTTP/1.1\r\nHost: example.jp.\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n3;x=\"y\"\r\nabc\r\n0\r\nA: b\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /検索 HTTP/1.1\r\nHost: a\r\nX-Name: 市役所\r\n\r\n".as_bytes(),
    ];
    for input in inputs {
        assert_eq!(fault(input), None, "{:?}", String::from_utf8_lossy(input));
        let trimmed = input.strip_prefix(b"\r\n").unwrap_or(input);
        assert_eq!(scan_in(input, 3).out, trimmed);
    }
}

#[test]
fn heads_say_what_arrived() {
    let input = b"POST /a?b=c HTTP/1.1\r\nhOst: WWW.Example.JP:8080\r\nX_Odd:  v \t\r\nContent-Length: 0\r\n\r\n";
    let outcome = scan_in(input, 5);
    let head = outcome.heads[0].as_ref().unwrap();
    assert_eq!(head.method(), b"POST");
    assert_eq!(head.target(), b"/a?b=c");
    assert_eq!(
        head.host(),
        Some(&Authority {
            host: "www.example.jp".to_owned(),
            port: Some(8080)
        })
    );
    let fields: Vec<_> = head
        .fields()
        .map(|field| (field.name, field.value))
        .collect();
    assert_eq!(fields[0].0, b"hOst");
    assert_eq!(fields[1], (&b"X_Odd"[..], &b"v"[..]));
    assert_eq!(head.length(), Length::Sized(0));
    assert!(head.is_eleven());
}

#[test]
fn what_two_readers_could_understand_differently_is_refused() {
    let start = "POST / HTTP/1.1\r\nHost: a\r\n";
    let with = |fields: &str| format!("{start}{fields}\r\n\r\n");
    let cases: Vec<(String, Fault)> = vec![
        (
            with("Content-Length: 3\r\nTransfer-Encoding: chunked"),
            Fault::LengthAndEncoding,
        ),
        (
            with("Transfer-Encoding: chunked\r\nContent-Length: 3"),
            Fault::LengthAndEncoding,
        ),
        (
            with("Content-Length: 3\r\nContent-Length: 3"),
            Fault::ManyLengths,
        ),
        (
            with("Content-Length: 3\r\ncontent-length: 4"),
            Fault::ManyLengths,
        ),
        (with("Content-Length: 3, 3"), Fault::Length),
        (with("Content-Length: +3"), Fault::Length),
        (with("Content-Length: 0x3"), Fault::Length),
        (with("Content-Length: -1"), Fault::Length),
        (with("Content-Length:"), Fault::Length),
        (with("Content-Length: 99999999999999999999"), Fault::Length),
        (
            with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
            Fault::Encoding,
        ),
        (with("Transfer-Encoding: gzip, chunked"), Fault::Encoding),
        (with("Transfer-Encoding: identity"), Fault::Encoding),
        (with("Transfer-Encoding: xchunked"), Fault::Encoding),
        (with("Transfer-Encoding: \"chunked\""), Fault::Encoding),
        (with("Transfer-Encoding : chunked"), Fault::FieldName),
        (with("Transfer-Encoding\t: chunked"), Fault::FieldName),
        (with("X: a\r\n Transfer-Encoding: chunked"), Fault::Folded),
        (with("X: a\r\n\tb"), Fault::Folded),
        (with("X: a\nTransfer-Encoding: chunked"), Fault::LineEnd),
        (with("X: a\rTransfer-Encoding: chunked"), Fault::LineEnd),
        (with("X: a\0b"), Fault::FieldValue),
        (with("X: a\x0bb"), Fault::FieldValue),
        (with("X\0: a"), Fault::FieldName),
        (with(": a"), Fault::FieldName),
        (with("X a"), Fault::FieldName),
        (with("Host: b"), Fault::ManyHosts),
        ("GET / HTTP/1.1\r\n\r\n".into(), Fault::NoHost),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n".into(), Fault::Host),
        ("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n".into(), Fault::Host),
        ("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n".into(), Fault::Host),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n".into(), Fault::Host),
        ("GET / HTTP/1.1\r\nHost: a:80x\r\n\r\n".into(), Fault::Host),
        (
            "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n".into(),
            Fault::HostMismatch,
        ),
        (
            "GET https://a:80/ HTTP/1.1\r\nHost: a\r\n\r\n".into(),
            Fault::HostMismatch,
        ),
        (
            "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n".into(),
            Fault::Target,
        ),
        (
            "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n".into(),
            Fault::Target,
        ),
        ("GET a HTTP/1.1\r\nHost: a\r\n\r\n".into(), Fault::Target),
        ("GET * HTTP/1.1\r\nHost: a\r\n\r\n".into(), Fault::Target),
        (
            "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n".into(),
            Fault::Target,
        ),
        (
            "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n".into(),
            Fault::Target,
        ),
        ("GET / x HTTP/1.1\r\nHost: a\r\n\r\n".into(), Fault::Target),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n".into(), Fault::Target),
        ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n".into(), Fault::Target),
        ("GET /\r\n\r\n".into(), Fault::RequestLine),
        (
            " GET / HTTP/1.1\r\nHost: a\r\n\r\n".into(),
            Fault::RequestLine,
        ),
        (
            "G(T / HTTP/1.1\r\nHost: a\r\n\r\n".into(),
            Fault::RequestLine,
        ),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n".into(), Fault::Version),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(), Fault::Version),
        ("GET / HTTP/1.10\r\nHost: a\r\n\r\n".into(), Fault::Version),
        (
            "GET / http/1.1\r\nHost: a\r\n\r\n".into(),
            Fault::RequestLine,
        ),
        (
            "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n".into(),
            Fault::RequestLine,
        ),
        (
            "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n".into(),
            Fault::Encoding,
        ),
        (
            format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(9000)),
            Fault::TargetTooLong,
        ),
        (
            format!("GET /{} HTTP/1.1\r\n\n", "a".repeat(9000)),
            Fault::TargetTooLong,
        ),
        (
            with(&format!("X: {}", "a".repeat(40_000))),
            Fault::HeadTooLarge,
        ),
        (with(&"X: a\r\n".repeat(101)), Fault::TooManyFields),
    ];
    for (input, expected) in cases {
        assert_eq!(fault(input.as_bytes()), Some(expected), "{input:?}");
        let outcome = scan_in(input.as_bytes(), usize::MAX);
        assert_eq!(outcome.out, REFUSED, "nothing of {input:?} passes");
    }
}

#[test]
fn broken_chunks_are_refused() {
    let start = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (body, expected) in [
        ("g\r\n", Fault::Chunk),
        ("\r\n", Fault::Chunk),
        (" 3\r\nabc\r\n", Fault::Chunk),
        ("3 \r\nabc\r\n", Fault::Chunk),
        ("0x3\r\nabc\r\n", Fault::Chunk),
        ("+3\r\nabc\r\n", Fault::Chunk),
        ("3\nabc\r\n", Fault::Chunk),
        ("3\r\nabcd\r\n", Fault::Chunk),
        ("3\r\nabc\n0\r\n\r\n", Fault::Chunk),
        ("3;a\nb\r\nabc\r\n", Fault::Chunk),
        ("3;a\0b\r\nabc\r\n", Fault::Chunk),
        ("ffffffffffffffff\r\n", Fault::Chunk),
        ("0\r\nbad\r\n\r\n", Fault::Trailer),
        ("0\r\nA: b\n\r\n", Fault::Trailer),
        ("0\r\n A: b\r\n\r\n", Fault::Trailer),
    ] {
        let input = format!("{start}{body}");
        assert_eq!(fault(input.as_bytes()), Some(expected), "{body:?}");
    }
    let long = format!("{start}3;{}\r\nabc\r\n", "x".repeat(300));
    assert_eq!(fault(long.as_bytes()), Some(Fault::Chunk));
    let trailers = format!("{start}0\r\n{}\r\n", "A: b\r\n".repeat(3000));
    assert_eq!(fault(trailers.as_bytes()), Some(Fault::Trailer));
}

#[test]
fn what_passes_of_a_broken_body_does_not_depend_on_the_pieces() {
    let start = "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nHost: a\r\n\r\n";
    for (body, passes, expected) in [
        ("GET / HTTP/1.1\r\n", "", Fault::Chunk),
        ("3\r\nabc\r\ng\r\n", "3\r\nabc\r\n", Fault::Chunk),
        ("3\r\nabcd\r\n", "3\r\nabc", Fault::Chunk),
        ("3\r\nabc\rd", "3\r\nabc", Fault::Chunk),
        (
            "3\r\nabc\r\n0\r\nA: b\r\nbad\r\n\r\n",
            "3\r\nabc\r\n0\r\nA: b\r\n",
            Fault::Trailer,
        ),
        ("0\r\n\rx", "0\r\n", Fault::Trailer),
    ] {
        let input = format!("{start}{body}");
        for step in (1..=input.len()).chain([usize::MAX]) {
            let outcome = scan_in(input.as_bytes(), step);
            assert_eq!(outcome.broken, Some(expected), "{body:?} by {step}");
            let out = String::from_utf8(outcome.out).unwrap();
            assert_eq!(out, format!("{start}{passes}"), "{body:?} by {step}");
        }
    }
}

#[test]
fn nothing_passes_while_a_protocol_is_undecided() {
    let head = b"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n";
    for raw in [true, false] {
        let mut scanner = Scanner::new(Bounds::default());
        let mut out = Vec::new();
        let mut heads = 0;
        let mut input = head.to_vec();
        input.extend_from_slice(b"GET /smuggled");
        let used = scanner.feed(&input, &mut out, |_| heads += 1).unwrap();
        assert_eq!((used, heads, out.len()), (head.len(), 1, head.len()));
        assert!(scanner.undecided());
        scanner.decide(raw);
        out.clear();
        scanner.feed(b"\x81\x00", &mut out, |_| heads += 1).unwrap();
        assert_eq!(out.is_empty(), !raw, "raw bytes pass only in a tunnel");
    }
    // Another protocol, or a body with it: an ordinary request.
    for fields in ["Upgrade: h2c\r\nConnection: upgrade", "Upgrade: websocket"] {
        let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n");
        let outcome = scan_in(text.as_bytes(), usize::MAX);
        assert!(!outcome.heads[0].as_ref().unwrap().asks_for_websocket());
    }
}

/// Pieces of which requests and attacks consist.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(b"GET / HTTP/1.1\r\n".to_vec()),
        Just(b"POST /a HTTP/1.1\r\n".to_vec()),
        Just(b"Host: a\r\n".to_vec()),
        Just(b"Content-Length: 3\r\n".to_vec()),
        Just(b"Transfer-Encoding: chunked\r\n".to_vec()),
        Just(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"3\r\nabc\r\n".to_vec()),
        Just(b"0\r\n\r\n".to_vec()),
        Just(b"abc".to_vec()),
        Just(b"\n".to_vec()),
        Just(b" ".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..12),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// The sizes of the pieces in which bytes arrive change nothing, and nothing panics.
    #[test]
    fn pieces_do_not_matter(pieces in proptest::collection::vec(piece(), 0..16), step in 1usize..40) {
        let input = pieces.concat();
        let whole = scan_in(&input, usize::MAX);
        let parts = scan_in(&input, step);
        prop_assert_eq!(whole.plain(), parts.plain());
    }

    /// Nor do they where heads meet their bounds.
    #[test]
    fn pieces_do_not_matter_at_the_bounds(
        pieces in proptest::collection::vec(prop_oneof![piece(), (1usize..90).prop_map(|count| vec![b'a'; count])], 0..16),
        step in 1usize..40,
        (head, target, fields) in (0usize..160, 0usize..40, 0usize..4),
    ) {
        let input = pieces.concat();
        let bounds = Bounds { head, target, fields };
        let (whole, parts) = (scan_within(bounds, &input, usize::MAX), scan_within(bounds, &input, step));
        prop_assert_eq!(whole.plain(), parts.plain());
    }

    /// What passed passes again, with the same heads: reading twice is reading once.
    #[test]
    fn what_passes_passes_again(pieces in proptest::collection::vec(piece(), 0..16)) {
        let input = pieces.concat();
        let once = scan_in(&input, usize::MAX);
        if once.heads.iter().all(Result::is_ok) && once.broken.is_none() {
            let twice = scan_in(&once.out, usize::MAX);
            prop_assert_eq!(&once.out, &twice.out);
            prop_assert_eq!(once.heads.len(), twice.heads.len());
            prop_assert!(twice.heads.iter().all(Result::is_ok));
        }
    }

    #[test]
    fn no_authority_panics(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        if let Some(authority) = Authority::parse(&bytes) {
            let port = authority.port.map(|port| format!(":{port}")).unwrap_or_default();
            let again = Authority::parse(format!("{}{port}", authority.host).as_bytes());
            prop_assert_eq!(again, Some(authority));
        }
    }
}
