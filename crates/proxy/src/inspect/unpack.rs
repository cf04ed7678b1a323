//! Unpacking compressed request bodies for inspection. What goes to the site stays packed.
//!
//! A bomb is noticed while it unpacks: output is taken away in small parts and counted.

use std::io::Write;

use flate2::write::{MultiGzDecoder, ZlibDecoder};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

use super::Stop;

/// Input is unpacked in parts of this size, so that output stays small in memory: deflate makes at
/// most about a thousand bytes of one.
const PART: usize = 512;

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    Gzip,
    Deflate,
    Brotli,
}

/// What `Content-Encoding` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unpacked {
    /// Nothing.
    Plain,
    /// One packing that is known.
    Packed(Packing),
    /// Something that cannot be unpacked here.
    Unknown,
}

impl Unpacked {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut said = Self::Plain;
        for value in headers.get_all(CONTENT_ENCODING) {
            for part in value.as_bytes().split(|byte| *byte == b',') {
                let packing = match part.trim_ascii().to_ascii_lowercase().as_slice() {
                    b"" | b"identity" => continue,
                    b"gzip" | b"x-gzip" => Packing::Gzip,
                    b"deflate" => Packing::Deflate,
                    b"br" => Packing::Brotli,
                    _ => return Self::Unknown,
                };
                // One packing inside another is made by nobody who means well.
                if said != Self::Plain {
                    return Self::Unknown;
                }
                said = Self::Packed(packing);
            }
        }
        said
    }
}

/// Unpacks one body.
pub(crate) struct Unpacker {
    decoder: Decoder,
    left: u64,
}

enum Decoder {
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
    Deflate(Box<ZlibDecoder<Vec<u8>>>),
    Brotli(Box<brotli::DecompressorWriter<Vec<u8>>>),
}

impl Unpacker {
    pub(crate) fn new(packing: Packing, limit: u64) -> Self {
        let decoder = match packing {
            Packing::Gzip => Decoder::Gzip(Box::new(MultiGzDecoder::new(Vec::new()))),
            Packing::Deflate => Decoder::Deflate(Box::new(ZlibDecoder::new(Vec::new()))),
            Packing::Brotli => {
                Decoder::Brotli(Box::new(brotli::DecompressorWriter::new(Vec::new(), PART)))
            }
        };
        Self {
            decoder,
            left: limit,
        }
    }

    /// Takes packed bytes and hands out plain ones.
    pub(crate) fn take(&mut self, packed: &[u8], plain: &mut dyn FnMut(&[u8])) -> Result<(), Stop> {
        for part in packed.chunks(PART) {
            match &mut self.decoder {
                Decoder::Gzip(decoder) => decoder.write_all(part),
                Decoder::Deflate(decoder) => decoder.write_all(part),
                Decoder::Brotli(decoder) => decoder.write_all(part),
            }
            .map_err(|_| Stop::Encoding)?;
            self.hand_out(plain)?;
        }
        Ok(())
    }

    /// The packed body is complete.
    pub(crate) fn finish(mut self, plain: &mut dyn FnMut(&[u8])) -> Result<(), Stop> {
        match &mut self.decoder {
            Decoder::Gzip(decoder) => decoder.try_finish(),
            Decoder::Deflate(decoder) => decoder.try_finish(),
            Decoder::Brotli(decoder) => decoder.close(),
        }
        .map_err(|_| Stop::Encoding)?;
        self.hand_out(plain)
    }

    fn hand_out(&mut self, plain: &mut dyn FnMut(&[u8])) -> Result<(), Stop> {
        let out = match &mut self.decoder {
            Decoder::Gzip(decoder) => decoder.get_mut(),
            Decoder::Deflate(decoder) => decoder.get_mut(),
            Decoder::Brotli(decoder) => decoder.get_mut(),
        };
        let length = out.len() as u64;
        if length > self.left {
            return Err(Stop::Bomb);
        }
        self.left -= length;
        plain(out);
        out.clear();
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};
    use proptest::prelude::*;

    fn packed(packing: Packing, plain: &[u8]) -> Vec<u8> {
        match packing {
            Packing::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
                encoder.write_all(plain).unwrap();
                encoder.finish().unwrap()
            }
            Packing::Deflate => {
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
                encoder.write_all(plain).unwrap();
                encoder.finish().unwrap()
            }
            Packing::Brotli => {
                let mut out = Vec::new();
                {
                    let mut encoder = brotli::CompressorWriter::new(&mut out, 4096, 5, 22);
                    encoder.write_all(plain).unwrap();
                }
                out
            }
        }
    }

    fn unpack(packing: Packing, input: &[u8], step: usize, limit: u64) -> Result<Vec<u8>, Stop> {
        let mut unpacker = Unpacker::new(packing, limit);
        let mut out = Vec::new();
        for piece in input.chunks(step) {
            unpacker.take(piece, &mut |plain| out.extend_from_slice(plain))?;
        }
        unpacker.finish(&mut |plain| out.extend_from_slice(plain))?;
        Ok(out)
    }

    const ALL: [Packing; 3] = [Packing::Gzip, Packing::Deflate, Packing::Brotli];

    #[test]
    fn what_was_packed_is_unpacked() {
        let plain = "名前=山田&本文=1' UNION SELECT".repeat(100);
        for packing in ALL {
            let input = packed(packing, plain.as_bytes());
            for step in [1, 100, 100_000] {
                let out = unpack(packing, &input, step, 1 << 20).unwrap();
                assert_eq!(out, plain.as_bytes(), "{packing:?}");
            }
        }
        let mut two = packed(Packing::Gzip, b"one");
        two.extend_from_slice(&packed(Packing::Gzip, b"two"));
        assert_eq!(unpack(Packing::Gzip, &two, 7, 100).unwrap(), b"onetwo");
    }

    #[test]
    fn bombs_and_broken_bodies_are_stopped() {
        let zeros = vec![0; 8 << 20];
        for packing in ALL {
            let bomb = packed(packing, &zeros);
            assert_eq!(
                unpack(packing, &bomb, 1 << 20, 1 << 20),
                Err(Stop::Bomb),
                "{packing:?}"
            );
            let whole = packed(packing, b"some text that is packed");
            let half = &whole[..whole.len() / 2];
            assert_eq!(
                unpack(packing, half, 5, 1000),
                Err(Stop::Encoding),
                "{packing:?}"
            );
            assert_eq!(
                unpack(packing, b"this is not packed at all", 5, 1000),
                Err(Stop::Encoding),
                "{packing:?}"
            );
        }
    }

    #[test]
    fn packings_inside_packings_are_not_followed() {
        let of = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_ENCODING, value.parse().unwrap());
            }
            Unpacked::of(&headers)
        };
        assert_eq!(of(&[]), Unpacked::Plain);
        assert_eq!(of(&["identity"]), Unpacked::Plain);
        assert_eq!(of(&["GZIP"]), Unpacked::Packed(Packing::Gzip));
        assert_eq!(of(&["gzip, gzip"]), Unpacked::Unknown);
        assert_eq!(of(&["gzip", "br"]), Unpacked::Unknown);
        assert_eq!(of(&["zstd"]), Unpacked::Unknown);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            for packing in ALL {
                let _ = unpack(packing, &bytes, 17, 10_000);
            }
        }
    }
}
