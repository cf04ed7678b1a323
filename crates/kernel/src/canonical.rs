//! Canonical JSON: one text per value, so that a digest of the text is a digest of the value.
//!
//! The rules are those of RFC 8785 (JCS): no white space, members sorted by the UTF-16 code units
//! of their names, strings with the shortest escapes, numbers in the shortest ECMAScript form.
//! Numbers are narrowed so that no reader has to guess:
//!
//! * an integer literal within `i64`/`u64` is kept exactly (JCS would round above 2^53);
//!   an integer literal outside is refused, never rounded;
//! * a fraction must be finite and at most 2^53 in magnitude; a fraction without a fractional
//!   part (`1.0`, `-0.0`) is written as the integer (`1`, `0`);
//! * a member name that occurs twice is refused (ordinary parsers keep the last one silently);
//! * nesting deeper than [`MAX_DEPTH`] is refused.
//!
//! Self-written because the crates for JCS accept duplicate names and round large integers, and
//! because an archive of a million records must be *checked* without building a tree
//! ([`check_value`]).

mod check;

use std::cmp::Ordering;
use std::fmt::{self, Write as _};

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

pub use check::check_value;
pub(crate) use check::{check_number, check_string, read_string_body};

/// Deepest nesting of arrays and objects that is accepted.
pub const MAX_DEPTH: usize = 64;

/// Largest magnitude of a number with a fraction: 2^53, up to where doubles hold every integer.
const MAX_FRACTION: f64 = 9_007_199_254_740_992.0;

/// Why a text or value has no canonical form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CanonicalError {
    /// Not JSON; the message names line and column.
    #[error("JSON として読めません(not JSON): {0}")]
    Syntax(String),
    /// The same member name twice in one object.
    #[error("同じ名前の項目が二度あります(duplicate key): {0:?}")]
    DuplicateKey(String),
    /// A number outside the accepted range.
    #[error(
        "扱えない数です(number out of range): {0}。整数は 64 ビット、小数は ±2^53 までです。桁数の多い数は文字列で書いてください"
    )]
    Number(String),
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("入れ子が深すぎます(nested deeper than {MAX_DEPTH})")]
    Depth,
    /// Valid JSON, but not written canonically; the byte offset is the first deviation.
    #[error("正規形の JSON ではありません(not canonical JSON, byte {0})")]
    NotCanonical(usize),
    /// The value had to be an object.
    #[error("JSON のオブジェクト {{…}} が要ります(an object is required)")]
    NotAnObject,
}

/// A JSON value in its canonical text. Cheap to hash and to store, parsed only when asked.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Canonical(String);

impl Canonical {
    /// The canonical text of `value`.
    pub fn from_value(value: &Value) -> Result<Self, CanonicalError> {
        let mut out = String::with_capacity(128);
        write_value(value, &mut out, 0)?;
        Ok(Self(out))
    }

    /// The canonical text of anything that serialises to JSON.
    pub fn from_serialize<T: serde::Serialize>(value: &T) -> Result<Self, CanonicalError> {
        let value =
            serde_json::to_value(value).map_err(|e| CanonicalError::Syntax(e.to_string()))?;
        Self::from_value(&value)
    }

    /// Reads any JSON text strictly (duplicate names and oversized numbers are refused).
    pub fn parse(text: &str) -> Result<Self, CanonicalError> {
        Self::from_value(&parse_strict(text)?)
    }

    /// Takes a text that must already be canonical.
    pub fn from_canonical(text: String) -> Result<Self, CanonicalError> {
        let end = check_value(text.as_bytes(), 0)?;
        if end == text.len() {
            Ok(Self(text))
        } else {
            Err(CanonicalError::NotCanonical(end))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, owned.
    pub fn into_string(self) -> String {
        self.0
    }

    /// True when the value is an object.
    pub fn is_object(&self) -> bool {
        self.0.starts_with('{')
    }

    /// The value as a tree.
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.0).unwrap_or(Value::Null)
    }

    /// The value as a typed struct.
    pub fn read<T: serde::de::DeserializeOwned>(&self) -> Result<T, CanonicalError> {
        serde_json::from_str(&self.0).map_err(|e| CanonicalError::Syntax(e.to_string()))
    }
}

impl fmt::Debug for Canonical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Canonical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl serde::Serialize for Canonical {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}

impl<'de> serde::Deserialize<'de> for Canonical {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Self::from_value(&value).map_err(serde::de::Error::custom)
    }
}

/// Parses JSON text into a tree, refusing what [`Canonical`] refuses.
pub fn parse_strict(text: &str) -> Result<Value, CanonicalError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let mut refusal = None;
    let seed = StrictSeed {
        refusal: &mut refusal,
        depth: 0,
    };
    let outcome = seed
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value));
    match (outcome, refusal) {
        (_, Some(refusal)) => Err(refusal),
        (Err(error), None) => Err(CanonicalError::Syntax(error.to_string())),
        (Ok(value), None) => {
            check_integer_literals(text)?;
            Ok(value)
        }
    }
}

/// Refuses integer literals that do not fit 64 bits: the JSON parser would silently round them.
fn check_integer_literals(text: &str) -> Result<(), CanonicalError> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                at += 1;
                while at < bytes.len() && bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            b'-' | b'0'..=b'9' => {
                let start = at;
                while at < bytes.len()
                    && matches!(bytes[at], b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')
                {
                    at += 1;
                }
                let literal = &text[start..at];
                let is_integer = !literal.contains(['.', 'e', 'E']);
                if is_integer && literal.parse::<i64>().is_err() && literal.parse::<u64>().is_err()
                {
                    return Err(CanonicalError::Number(literal.to_owned()));
                }
            }
            _ => at += 1,
        }
    }
    Ok(())
}

/// Builds a tree and notes the first refusal that serde's own error type cannot carry.
struct StrictSeed<'a> {
    refusal: &'a mut Option<CanonicalError>,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for StrictSeed<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for StrictSeed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        if self.depth >= MAX_DEPTH {
            *self.refusal = Some(CanonicalError::Depth);
            return Err(serde::de::Error::custom("depth"));
        }
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(StrictSeed {
            refusal: self.refusal,
            depth: self.depth + 1,
        })? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        if self.depth >= MAX_DEPTH {
            *self.refusal = Some(CanonicalError::Depth);
            return Err(serde::de::Error::custom("depth"));
        }
        let mut members = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            if members.contains_key(&name) {
                *self.refusal = Some(CanonicalError::DuplicateKey(name));
                return Err(serde::de::Error::custom("duplicate"));
            }
            let value = access.next_value_seed(StrictSeed {
                refusal: self.refusal,
                depth: self.depth + 1,
            })?;
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }
}

fn write_value(value: &Value, out: &mut String, depth: usize) -> Result<(), CanonicalError> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => write_number(number, out)?,
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            if depth >= MAX_DEPTH {
                return Err(CanonicalError::Depth);
            }
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_value(item, out, depth + 1)?;
            }
            out.push(']');
        }
        Value::Object(members) => {
            if depth >= MAX_DEPTH {
                return Err(CanonicalError::Depth);
            }
            let mut members: Vec<(&String, &Value)> = members.iter().collect();
            members.sort_by(|a, b| compare_names(a.0, b.0));
            out.push('{');
            for (index, (name, item)) in members.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_string(name, out);
                out.push(':');
                write_value(item, out, depth + 1)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

/// RFC 8785 §3.2.3: names are compared as arrays of UTF-16 code units.
fn compare_names(a: &str, b: &str) -> Ordering {
    a.encode_utf16().cmp(b.encode_utf16())
}

/// Appends `text` as a JSON string with the escapes of RFC 8785 §3.2.2.2.
pub fn write_string(text: &str, out: &mut String) {
    out.push('"');
    let mut plain_from = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[plain_from..at]);
        plain_from = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            0x08 => out.push_str("\\b"),
            b'\t' => out.push_str("\\t"),
            b'\n' => out.push_str("\\n"),
            0x0c => out.push_str("\\f"),
            b'\r' => out.push_str("\\r"),
            _ => {
                let _ = write!(out, "\\u{byte:04x}");
            }
        }
    }
    out.push_str(&text[plain_from..]);
    out.push('"');
}

fn write_number(number: &Number, out: &mut String) -> Result<(), CanonicalError> {
    if let Some(integer) = number.as_i64() {
        let _ = write!(out, "{integer}");
    } else if let Some(integer) = number.as_u64() {
        let _ = write!(out, "{integer}");
    } else {
        let fraction = number
            .as_f64()
            .filter(|f| f.is_finite() && f.abs() <= MAX_FRACTION)
            .ok_or_else(|| CanonicalError::Number(number.to_string()))?;
        out.push_str(&format_fraction(fraction));
    }
    Ok(())
}

/// ECMAScript's Number::toString for a finite double of magnitude ≤ 2^53.
fn format_fraction(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if value.fract() == 0.0 {
        return format!("{}", value as i64);
    }
    let scientific = format!("{:e}", value.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    // The value is 0.DIGITS × 10^point.
    let point = exponent.parse::<i32>().unwrap_or(0) + 1;
    let mut text = String::with_capacity(digits.len() + 8);
    if value < 0.0 {
        text.push('-');
    }
    if 0 < point && point < count {
        let (whole, rest) = digits.split_at(point as usize);
        text.push_str(whole);
        text.push('.');
        text.push_str(rest);
    } else if -6 < point && point <= 0 {
        text.push_str("0.");
        for _ in point..0 {
            text.push('0');
        }
        text.push_str(&digits);
    } else {
        let (first, rest) = digits.split_at(1);
        text.push_str(first);
        if !rest.is_empty() {
            text.push('.');
            text.push_str(rest);
        }
        let _ = write!(text, "e{:+}", point - 1);
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn canonical(text: &str) -> String {
        Canonical::parse(text).expect("accepted").into_string()
    }

    #[test]
    fn sorts_members_and_drops_white_space() {
        assert_eq!(
            canonical(" { \"b\" : [ 1 , 2 ] , \"a\" : null } "),
            r#"{"a":null,"b":[1,2]}"#
        );
        // RFC 8785 §3.2.3: UTF-16 order puts U+1F600 (surrogates) before U+FB33.
        assert_eq!(
            canonical("{\"\u{fb33}\":1,\"\u{1f600}\":2,\"\u{20ac}\":3,\"1\":4,\"\\r\":5}"),
            "{\"\\r\":5,\"1\":4,\"\u{20ac}\":3,\"\u{1f600}\":2,\"\u{fb33}\":1}"
        );
    }

    #[test]
    fn writes_numbers_as_ecmascript_does() {
        for (input, expected) in [
            ("0", "0"),
            ("-0", "0"),
            ("-0.0", "0"),
            ("1.0", "1"),
            ("1e2", "100"),
            ("4.50", "4.5"),
            ("2e-3", "0.002"),
            ("0.000001", "0.000001"),
            ("0.0000001", "1e-7"),
            ("1.5e-10", "1.5e-10"),
            ("123.456", "123.456"),
            ("-123.456", "-123.456"),
            ("9223372036854775807", "9223372036854775807"),
            ("18446744073709551615", "18446744073709551615"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("0.1", "0.1"),
        ] {
            assert_eq!(canonical(input), expected, "{input}");
        }
    }

    #[test]
    fn refuses_what_readers_would_read_differently() {
        for (input, expected) in [
            (
                r#"{"a":1,"a":2}"#,
                CanonicalError::DuplicateKey("a".to_owned()),
            ),
            (
                r#"{"x":{"a":1,"\u0061":2}}"#,
                CanonicalError::DuplicateKey("a".to_owned()),
            ),
            (
                "18446744073709551616",
                CanonicalError::Number("18446744073709551616".to_owned()),
            ),
        ] {
            assert_eq!(Canonical::parse(input), Err(expected), "{input}");
        }
        assert!(matches!(
            Canonical::parse("1e300"),
            Err(CanonicalError::Number(_))
        ));
        for syntax in [
            "",
            "{",
            "[1,]",
            "nul",
            "{\"a\":}",
            "1 2",
            "\"\\ud800\"",
            "NaN",
            "01",
        ] {
            assert!(
                matches!(Canonical::parse(syntax), Err(CanonicalError::Syntax(_))),
                "{syntax}"
            );
        }
        let deep = "[".repeat(65) + &"]".repeat(65);
        assert_eq!(Canonical::parse(&deep), Err(CanonicalError::Depth));
        let deepest = "[".repeat(64) + &"]".repeat(64);
        assert_eq!(canonical(&deepest), deepest);
    }

    #[test]
    fn syntax_errors_name_the_position() {
        let Err(CanonicalError::Syntax(message)) = Canonical::parse("{\n \"a\": x}") else {
            panic!("must be refused");
        };
        assert!(message.contains("line 2 column"), "{message}");
    }

    #[test]
    fn the_checker_accepts_canonical_text_only() {
        for refused in [
            " 1",
            "1 ",
            "01",
            "-0",
            "1.0",
            "1e2",
            "+1",
            ".5",
            "1.",
            "0.10",
            "1E-7",
            "-",
            "{\"b\":1,\"a\":2}",
            "{\"a\":1,\"a\":2}",
            "{\"a\":1,}",
            "[1,]",
            "[1 ,2]",
            "\"\\u0041\"",
            "\"\\u000a\"",
            "\"\\u001F\"",
            "\"\\/\"",
            "\"a\nb\"",
            "tru",
            "18446744073709551616",
            "",
        ] {
            assert!(
                Canonical::from_canonical(refused.to_owned()).is_err(),
                "{refused}"
            );
        }
        for accepted in [
            "{}",
            "[]",
            "\"\\u001f\\n\"",
            "1e-7",
            "{\"a\":[{}],\"b\":-1.5}",
        ] {
            assert!(
                Canonical::from_canonical(accepted.to_owned()).is_ok(),
                "{accepted}"
            );
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-9.0e15..9.0e15f64).prop_map(Value::from),
            (-1.0..1.0f64).prop_map(|f| Value::from(f * 1e-9)),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::vec((any::<String>(), inner), 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn canonical_text_is_accepted_read_back_and_stable(value in any_json()) {
            let first = Canonical::from_value(&value).expect("has a canonical form");
            prop_assert!(Canonical::from_canonical(first.as_str().to_owned()).is_ok());
            let again = Canonical::parse(first.as_str()).expect("is JSON");
            prop_assert_eq!(&again, &first);
        }

        #[test]
        fn the_checker_agrees_with_the_parser(text in "[\\[\\]{}\",:0-9a-ftrulsen\\\\. +-]{0,24}") {
            let checked = Canonical::from_canonical(text.clone()).is_ok();
            let parsed = Canonical::parse(&text).is_ok_and(|c| c.as_str() == text);
            prop_assert_eq!(checked, parsed, "{}", text);
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = check_value(&bytes, 0);
        }
    }

    #[test]
    fn the_order_of_members_does_not_matter() {
        let a = Canonical::from_value(&json!({"x": 1, "y": {"b": 1, "a": 2}}));
        let b = Canonical::from_value(&json!({"y": {"a": 2, "b": 1}, "x": 1}));
        assert_eq!(a, b);
    }
}
