//! Libinjection, and when it need not be asked.
//!
//! The library takes a value to pieces and looks each word up among ten thousand; most values of a
//! request are a name, a number, a date or a sentence in which nothing can be SQL. [`harmless`] tells
//! those in one pass. It may say "perhaps" of anything, but "harmless" only of what the library would
//! let pass, which its tests hold against the library's own tables.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;

use libinjectionrs::sqli::sqli_data::SQL_KEYWORDS;

use crate::ruleset::ByteSet;

/// SQL injection, by libinjection: its fingerprint.
///
/// The library indexes slices; should it ever fail, the value counts as an attack rather than
/// stopping the process.
pub(super) fn sqli(value: &[u8], seen: &ByteSet) -> Option<Vec<u8>> {
    if harmless(value, seen) {
        return None;
    }
    match catch_unwind(AssertUnwindSafe(|| libinjectionrs::detect_sqli(value))) {
        Ok(result) => result.is_injection().then(|| {
            result
                .fingerprint
                .map(|print| print.as_str().as_bytes().to_vec())
                .unwrap_or_default()
        }),
        Err(_) => Some(b"panic".to_vec()),
    }
}

/// Cross-site scripting, by libinjection.
pub(super) fn xss(value: &[u8], seen: &ByteSet) -> bool {
    // All that it looks for needs a tag or an attribute with a value.
    if !seen.contains(b'<') && !seen.contains(b'=') {
        return false;
    }
    catch_unwind(AssertUnwindSafe(|| {
        libinjectionrs::detect_xss(value).is_injection()
    }))
    .unwrap_or(true)
}

/// Longer values are left to the library, which reads only as far as it must.
const LONGEST: usize = 512;

/// What a byte is to the tokenizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Begins or belongs to something other than a name, a number or an operator.
    Other,
    /// Stands between words: white space, or an operator that alone is no injection.
    Between,
    /// A letter or an underscore.
    Letter,
    Digit,
    /// A byte of a character beyond ASCII: part of a word that is no keyword.
    Beyond,
}

/// All bytes that [`Kind::Other`] stands for.
static OTHER: LazyLock<ByteSet> = LazyLock::new(|| {
    let mut set = ByteSet::default();
    for byte in 0..=255 {
        if KINDS[usize::from(byte)] == Kind::Other {
            set.insert(byte);
        }
    }
    set
});

const KINDS: [Kind; 256] = {
    let mut kinds = [Kind::Other; 256];
    let mut at = 0;
    while at < 256 {
        kinds[at] = match at as u8 {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => Kind::Letter,
            b'0'..=b'9' => Kind::Digit,
            // A space to the tokenizer, though it lies within characters of UTF-8.
            0xa0 => Kind::Between,
            0x80.. => Kind::Beyond,
            b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => Kind::Between,
            b'.' | b',' | b':' | b';' | b'-' | b'/' | b'+' | b'=' | b'?' | b'!' | b'%' | b'*'
            | b'~' | b'<' | b'>' => Kind::Between,
            _ => Kind::Other,
        };
        at += 1;
    }
    kinds
};

/// Whether the library would find nothing: only names, numbers and operators, no word that it knows,
/// no comment. No fingerprint of an injection consists of these alone.
fn harmless(value: &[u8], seen: &ByteSet) -> bool {
    if value.len() > LONGEST || OTHER.intersects(seen) {
        return false;
    }
    let words = &*WORDS;
    let mut at = 0;
    while let Some(byte) = value.get(at).copied() {
        let rest = &value[at..];
        match KINDS[usize::from(byte)] {
            Kind::Other => return false,
            Kind::Between => {
                if rest.starts_with(b"--") || rest.starts_with(b"/*") {
                    return false;
                }
                at += 1;
            }
            Kind::Digit => {
                at += length(rest, |kind| kind == Kind::Digit);
                match value.get(at).map(|byte| KINDS[usize::from(*byte)]) {
                    // 1e5, 0x1f, and what the tokenizer makes two words of: 1or.
                    Some(Kind::Letter) => return false,
                    Some(Kind::Beyond) => at += length(&value[at..], in_word),
                    _ => {}
                }
            }
            Kind::Letter => {
                let end = length(rest, in_word);
                let exponent = matches!(&value[..at], [.., b'0'..=b'9', b'.']);
                if exponent || words.may_hold(&rest[..end]) {
                    return false;
                }
                at += end;
            }
            Kind::Beyond => at += length(rest, in_word),
        }
    }
    true
}

fn in_word(kind: Kind) -> bool {
    matches!(kind, Kind::Letter | Kind::Digit | Kind::Beyond)
}

/// How many bytes from the beginning on are of a kind.
fn length(bytes: &[u8], wanted: impl Fn(Kind) -> bool) -> usize {
    bytes
        .iter()
        .position(|byte| !wanted(KINDS[usize::from(*byte)]))
        .unwrap_or(bytes.len())
}

static WORDS: LazyLock<Words> = LazyLock::new(Words::of_library);

/// The words that the library knows, as bits by their digest: another word may share one, then the
/// library is asked in vain.
struct Words {
    bits: Box<[u64]>,
}

impl Words {
    /// 64 KiBit for some 1,100 words.
    const BITS: usize = 1 << 16;

    fn of_library() -> Self {
        let mut words = Self {
            bits: vec![0; Self::BITS / 64].into_boxed_slice(),
        };
        for keyword in SQL_KEYWORDS.iter().filter(|word| word.token_type != b'F') {
            // Of those with several words each, for the tokenizer puts them together.
            for part in keyword
                .word
                .as_bytes()
                .split(|byte| !in_word(KINDS[usize::from(*byte)]))
            {
                let digest = Self::digest(part);
                words.bits[digest / 64] |= 1 << (digest % 64);
            }
        }
        words
    }

    /// FNV-1a, letters in one case.
    fn digest(word: &[u8]) -> usize {
        let digest = word.iter().fold(0x811c_9dc5_u32, |digest, byte| {
            (digest ^ u32::from(byte | 0x20)).wrapping_mul(0x0100_0193)
        });
        ((digest >> 16) ^ (digest & 0xffff)) as usize
    }

    fn may_hold(&self, word: &[u8]) -> bool {
        let digest = Self::digest(word);
        self.bits[digest / 64] & (1 << (digest % 64)) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(value: &[u8]) -> Option<Vec<u8>> {
        sqli(value, &ByteSet::of(value))
    }

    fn is_harmless(value: &[u8]) -> bool {
        harmless(value, &ByteSet::of(value))
    }

    #[test]
    fn injections() {
        assert_eq!(asked(b"1' OR '1'='1").as_deref(), Some(&b"s&sos"[..]));
        assert!(asked("令和8年4月1日から(電話 0287-00-0000)".as_bytes()).is_none());
        let value = b"<script>alert(1)</script>";
        assert!(xss(value, &ByteSet::of(value)));
    }

    #[test]
    fn what_visitors_send_is_told_without_the_library() {
        for value in [
            "1234",
            "your-name",
            "札幌市中央区北1条西2丁目",
            "令和8年4月1日から電話 0287-00-0000",
            "https://www.example.jp/news/2026/04/?p=12",
            "wpcf7-f123-p45-o1",
            "2026-11-23 16:20:54",
            "栠 3.5",
        ] {
            assert!(is_harmless(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn what_could_be_sql_is_left_to_the_library() {
        for value in [
            &b"1 or 2"[..],
            b"1or2",
            b"1.eor 2",
            b"a.select b",
            b"\xa0union select",
            b"1 -- 2",
            b"1/*2",
            b"f(1)",
            b"{`a",
            b"@x",
            b"'",
            b"a group by b",
        ] {
            assert!(!is_harmless(value), "{:?}", String::from_utf8_lossy(value));
        }
    }

    /// What `harmless` rests on: the tokens that it leaves are names, numbers, operators and
    /// separators, and no fingerprint consists of them alone.
    #[test]
    fn every_fingerprint_needs_more_than_names_numbers_and_operators() {
        let mut fingerprints = 0;
        for keyword in SQL_KEYWORDS.iter().filter(|word| word.token_type == b'F') {
            fingerprints += 1;
            let print = &keyword.word[1..];
            assert!(
                print.chars().any(|token| !"N1O,.:;?".contains(token)),
                "{print}"
            );
        }
        assert!(fingerprints > 8000, "{fingerprints}");
        // Operators of several characters that are more than operators hold a byte that is Other.
        for keyword in SQL_KEYWORDS.iter().filter(|word| {
            !word
                .word
                .bytes()
                .any(|byte| in_word(KINDS[usize::from(byte)]))
                && word.token_type != b'o'
        }) {
            assert!(
                keyword.word.bytes().any(|byte| OTHER.contains(byte)),
                "{}",
                keyword.word
            );
        }
    }

    /// Parts that meet in odd ways: words that the library knows, numbers of all shapes, bytes on
    /// which it and `harmless` must agree.
    fn pieces() -> impl proptest::strategy::Strategy<Value = Vec<u8>> {
        use proptest::prelude::*;
        let words = SQL_KEYWORDS
            .iter()
            .filter(|word| word.token_type != b'F')
            .map(|word| word.word.as_bytes().to_vec())
            .collect::<Vec<_>>();
        let odd: Vec<Vec<u8>> = [
            &b"1"[..],
            b"1.",
            b".5",
            b"1e",
            b"1.e",
            b"0x",
            b"0b1",
            b"1d",
            b"e",
            b"-",
            b"--",
            b"/",
            b"*",
            b",",
            b";",
            b":",
            b":=",
            b"=",
            b"<",
            b">",
            b"<=>",
            b"!",
            b"!!",
            b"%",
            b"+",
            b"~",
            b"?",
            b".",
            b" ",
            b"\n",
            b"\xa0",
            b"\xe3\x81\x82",
            b"\xe5\xa0\xa0",
            b"\x83\x5c",
            b"a",
            b"_",
            b"x",
            b"n",
            b"u",
            b"b",
            b"q",
            b"abc",
            b"\\",
            b"(",
            b")",
            b"[",
            b"]",
            b"{",
            b"}",
            b"'",
            b"\"",
            b"`",
            b"@",
            b"$",
            b"#",
            b"&",
            b"|",
            b"^",
            b"\0",
            b"\x1f",
            b"\x7f",
        ]
        .iter()
        .map(|piece| piece.to_vec())
        .collect();
        prop::collection::vec(
            prop_oneof![
                2 => prop::sample::select(words),
                6 => prop::sample::select(odd[..39].to_vec()),
                1 => prop::sample::select(odd),
            ],
            0..9,
        )
        .prop_map(|pieces| pieces.concat())
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(20_000))]

        #[test]
        fn the_library_finds_nothing_in_what_is_harmless(value in pieces()) {
            if is_harmless(&value) {
                proptest::prop_assert!(!libinjectionrs::detect_sqli(&value).is_injection());
            }
        }
    }

    proptest::proptest! {
        /// The short cut before libinjection passes over nothing that it would find.
        #[test]
        fn xss_needs_a_tag_or_an_attribute(value in "[a-z >/'\"`:;&#!?x\\-]{0,40}|[ -;>-~]{0,30}") {
            proptest::prop_assert!(
                value.contains('<') || !libinjectionrs::detect_xss(value.as_bytes()).is_injection()
            );
        }

        #[test]
        fn libinjection_does_not_panic(value in proptest::collection::vec(
            proptest::prop_oneof![proptest::prelude::any::<u8>(), proptest::sample::select(b"'\"\\/*-#<>=!&;()`@$x0 \n".to_vec())], 0..60)
        ) {
            proptest::prop_assert_ne!(asked(&value), Some(b"panic".to_vec()));
            let _ = std::hint::black_box(libinjectionrs::detect_xss(&value));
        }
    }
}
