//! Transformations (`t:…`): bytes in, bytes out.
//!
//! Each works on bytes, never fails and runs in linear time. [`Transform::disturbers`] tells from the
//! set of bytes in a value that it would change nothing, so that most values are not even read.

mod comments;
mod encoding;
mod escapes;
mod path;
mod space;
mod url;

use crate::ruleset::ByteSet;

macro_rules! transforms {
    ($($name:ident $text:literal $(| $other:literal)*;)*) => {
        /// A transformation.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(crate) enum Transform {
            $($name,)*
        }

        impl Transform {
            /// Every transformation.
            #[cfg(test)]
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)*];

            /// The transformation of that name, in any case. `none` is not one.
            pub(crate) fn named(name: &str) -> Option<Self> {
                let name = name.to_ascii_lowercase();
                $(
                    if name == $text.to_ascii_lowercase() $(|| name == $other.to_ascii_lowercase())* {
                        return Some(Self::$name);
                    }
                )*
                None
            }
        }
    };
}

transforms! {
    Base64Decode "base64Decode";
    Base64DecodeExt "base64DecodeExt";
    Base64Encode "base64Encode";
    CmdLine "cmdLine";
    CompressWhitespace "compressWhitespace";
    CssDecode "cssDecode";
    EscapeSeqDecode "escapeSeqDecode";
    HexDecode "hexDecode";
    HexEncode "hexEncode";
    HtmlEntityDecode "htmlEntityDecode";
    JsDecode "jsDecode";
    Length "length";
    Lowercase "lowercase";
    Md5 "md5";
    NormalizePath "normalizePath" | "normalisePath";
    NormalizePathWin "normalizePathWin" | "normalisePathWin";
    ParityEven7Bit "parityEven7bit";
    ParityOdd7Bit "parityOdd7bit";
    ParityZero7Bit "parityZero7bit";
    RemoveComments "removeComments";
    RemoveCommentsChar "removeCommentsChar";
    RemoveNulls "removeNulls";
    RemoveWhitespace "removeWhitespace";
    ReplaceComments "replaceComments";
    ReplaceNulls "replaceNulls";
    Sha1 "sha1";
    SqlHexDecode "sqlHexDecode";
    Trim "trim";
    TrimLeft "trimLeft";
    TrimRight "trimRight";
    Uppercase "uppercase";
    UrlDecode "urlDecode";
    UrlDecodeUni "urlDecodeUni";
    UrlEncode "urlEncode";
    Utf8ToUnicode "utf8toUnicode";
}

const WHITE: &[u8] = b" \t\n\r\x0b\x0c\xa0";

impl Transform {
    /// A value with none of these bytes stays as it is. `None`: every value may change.
    pub(crate) fn disturbers(self) -> Option<ByteSet> {
        let mut set = match self {
            Self::UrlDecode | Self::UrlDecodeUni => ByteSet::of(b"%+"),
            Self::HtmlEntityDecode => ByteSet::of(b"&"),
            Self::JsDecode | Self::CssDecode | Self::EscapeSeqDecode => ByteSet::of(b"\\"),
            Self::RemoveNulls | Self::ReplaceNulls => ByteSet::of(b"\0"),
            Self::NormalizePath => ByteSet::of(b"/."),
            Self::NormalizePathWin => ByteSet::of(b"/.\\"),
            Self::ReplaceComments => ByteSet::of(b"/"),
            Self::RemoveCommentsChar | Self::RemoveComments => ByteSet::of(b"/*-#"),
            Self::RemoveWhitespace
            | Self::CompressWhitespace
            | Self::Trim
            | Self::TrimLeft
            | Self::TrimRight => ByteSet::of(WHITE),
            Self::SqlHexDecode => ByteSet::of(b"0"),
            Self::CmdLine => ByteSet::of(b"\\\"'^,; \t\n\r"),
            Self::Lowercase | Self::Uppercase | Self::Utf8ToUnicode | Self::ParityZero7Bit => {
                ByteSet::default()
            }
            _ => return None,
        };
        let more = match self {
            Self::Lowercase | Self::CmdLine => b'A'..=b'Z',
            Self::Uppercase => b'a'..=b'z',
            Self::Utf8ToUnicode | Self::ParityZero7Bit => 0x80..=0xff,
            _ => return Some(set),
        };
        more.for_each(|byte| set.insert(byte));
        Some(set)
    }

    /// Like [`Self::disturbers`], for who looks at letters of either case alike.
    pub(crate) fn disturbers_of_any_case(self) -> Option<ByteSet> {
        let set = self.disturbers()?;
        Some(match self {
            Self::Lowercase => ByteSet::default(),
            Self::CmdLine => set.without(b'A'..=b'Z'),
            _ => set.folded(),
        })
    }

    /// Writes the changed value into `out` (which is emptied first). `false`: nothing changed.
    pub(crate) fn apply(self, input: &[u8], out: &mut Vec<u8>) -> bool {
        out.clear();
        match self {
            Self::Base64Decode => encoding::base64_decode(input, false, out),
            Self::Base64DecodeExt => encoding::base64_decode(input, true, out),
            Self::Base64Encode => encoding::base64_encode(input, out),
            Self::CmdLine => space::command_line(input, out),
            Self::CompressWhitespace => space::compress(input, out),
            Self::CssDecode => escapes::css(input, out),
            Self::EscapeSeqDecode => escapes::ansi_c(input, out),
            Self::HexDecode => encoding::hex_decode(input, out),
            Self::HexEncode => encoding::hex_encode(input, out),
            Self::HtmlEntityDecode => escapes::html(input, out),
            Self::JsDecode => escapes::javascript(input, out),
            Self::Length => out.extend_from_slice(input.len().to_string().as_bytes()),
            Self::Lowercase => out.extend(input.iter().map(u8::to_ascii_lowercase)),
            Self::Uppercase => out.extend(input.iter().map(u8::to_ascii_uppercase)),
            Self::Md5 => encoding::md5(input, out),
            Self::Sha1 => encoding::sha1(input, out),
            Self::NormalizePath => path::normalize(input, false, out),
            Self::NormalizePathWin => path::normalize(input, true, out),
            Self::ParityEven7Bit => out.extend(input.iter().map(|byte| {
                let low = byte & 0x7f;
                low | if low.count_ones() % 2 == 1 { 0x80 } else { 0 }
            })),
            Self::ParityOdd7Bit => out.extend(input.iter().map(|byte| {
                let low = byte & 0x7f;
                low | if low.count_ones() % 2 == 0 { 0x80 } else { 0 }
            })),
            Self::ParityZero7Bit => out.extend(input.iter().map(|byte| byte & 0x7f)),
            Self::RemoveComments => comments::remove(input, out),
            Self::RemoveCommentsChar => comments::remove_marks(input, out),
            Self::ReplaceComments => comments::replace(input, out),
            Self::RemoveNulls => out.extend(input.iter().filter(|byte| **byte != 0)),
            Self::ReplaceNulls => {
                out.extend(
                    input
                        .iter()
                        .map(|byte| if *byte == 0 { b' ' } else { *byte }),
                );
            }
            Self::RemoveWhitespace => space::remove(input, out),
            Self::SqlHexDecode => encoding::sql_hex_decode(input, out),
            Self::Trim => out.extend_from_slice(space::trim_end(space::trim_start(input))),
            Self::TrimLeft => out.extend_from_slice(space::trim_start(input)),
            Self::TrimRight => out.extend_from_slice(space::trim_end(input)),
            Self::UrlDecode => url::decode(input, false, out),
            Self::UrlDecodeUni => url::decode(input, true, out),
            Self::UrlEncode => url::encode(input, out),
            Self::Utf8ToUnicode => escapes::utf8_to_unicode(input, out),
        }
        out.as_slice() != input
    }
}

pub(crate) use url::decode_form;

/// The value of a hexadecimal digit.
fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// A code point in one byte: full-width forms of ASCII as the ASCII character, others their low
/// byte, as other engines do.
fn narrow(high: u8, low: u8) -> u8 {
    if high == 0xff && (0x01..=0x5e).contains(&low) {
        low + 0x20
    } else {
        low
    }
}

#[cfg(test)]
mod tests;
