//! A ZIP container with exactly one spelling: stored entries, fixed time, no comments.
//!
//! Self-written (and small) because the archive's bytes must follow from its content for decades:
//! libraries choose flags, versions and extra fields by release, and their readers accept many
//! spellings of the same content, which would let a changed byte pass. The reader rebuilds every
//! header with the writer's functions and compares bytes, so both agree by construction.
//! Ordinary unzip programs read the result. Sizes and counts beyond ZIP's 32/16 bits use ZIP64.

use std::io::{self, Read, Write};

use super::verify::Refusal;

/// 1980-01-01, the oldest date that ZIP can hold.
const DOS_DATE: u16 = 0x0021;
const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const BIG: u64 = 0xffff_ffff;

/// One file of the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// ASCII name with `/` between folders.
    pub name: String,
    /// Bytes of content.
    pub size: u64,
    /// CRC-32 of the content.
    pub crc: u32,
}

impl Entry {
    fn version(&self, big: bool) -> u16 {
        let _ = self;
        if big { 45 } else { 20 }
    }

    /// The header before the content.
    fn local_header(&self) -> Vec<u8> {
        let big = self.size >= BIG;
        let mut out = Vec::with_capacity(64 + self.name.len());
        put32(&mut out, LOCAL);
        put16(&mut out, self.version(big));
        self.put_common(&mut out, big);
        put16(&mut out, if big { 20 } else { 0 });
        out.extend_from_slice(self.name.as_bytes());
        if big {
            put16(&mut out, 1);
            put16(&mut out, 16);
            put64(&mut out, self.size);
            put64(&mut out, self.size);
        }
        out
    }

    /// The entry's row in the directory at the end.
    fn central_header(&self, offset: u64) -> Vec<u8> {
        let (big, far) = (self.size >= BIG, offset >= BIG);
        let extra = 16 * u16::from(big) + 8 * u16::from(far);
        let mut out = Vec::with_capacity(80 + self.name.len());
        put32(&mut out, CENTRAL);
        put16(&mut out, self.version(big || far));
        put16(&mut out, self.version(big || far));
        self.put_common(&mut out, big);
        put16(&mut out, if extra > 0 { extra + 4 } else { 0 });
        // Comment length, disk, internal attributes, external attributes.
        out.extend_from_slice(&[0; 10]);
        put32(&mut out, if far { BIG as u32 } else { offset as u32 });
        out.extend_from_slice(self.name.as_bytes());
        if extra > 0 {
            put16(&mut out, 1);
            put16(&mut out, extra);
            if big {
                put64(&mut out, self.size);
                put64(&mut out, self.size);
            }
            if far {
                put64(&mut out, offset);
            }
        }
        out
    }

    /// Flags to name length: the part that both headers share.
    fn put_common(&self, out: &mut Vec<u8>, big: bool) {
        let size = if big { BIG as u32 } else { self.size as u32 };
        put16(out, 0); // flags
        put16(out, 0); // stored
        put16(out, 0); // time
        put16(out, DOS_DATE);
        put32(out, self.crc);
        put32(out, size);
        put32(out, size);
        put16(out, self.name.len() as u16);
    }
}

/// Everything after the last content: directory and end records.
fn tail(entries: &[(Entry, u64)], directory_at: u64) -> Vec<u8> {
    let mut out = Vec::new();
    for (entry, offset) in entries {
        out.extend_from_slice(&entry.central_header(*offset));
    }
    let (count, length) = (entries.len() as u64, out.len() as u64);
    if count >= 0xffff || length >= BIG || directory_at >= BIG {
        put32(&mut out, 0x0606_4b50);
        put64(&mut out, 44);
        put16(&mut out, 45);
        put16(&mut out, 45);
        put32(&mut out, 0);
        put32(&mut out, 0);
        put64(&mut out, count);
        put64(&mut out, count);
        put64(&mut out, length);
        put64(&mut out, directory_at);
        put32(&mut out, 0x0706_4b50);
        put32(&mut out, 0);
        put64(&mut out, directory_at + length);
        put32(&mut out, 1);
    }
    put32(&mut out, 0x0605_4b50);
    put32(&mut out, 0);
    put16(&mut out, count.min(0xffff) as u16);
    put16(&mut out, count.min(0xffff) as u16);
    put32(&mut out, length.min(BIG) as u32);
    put32(&mut out, directory_at.min(BIG) as u32);
    put16(&mut out, 0);
    out
}

fn put16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// Writes entries one after the other; needs no seeking.
pub(super) struct ZipWriter<W: Write> {
    out: W,
    at: u64,
    entries: Vec<(Entry, u64)>,
}

impl<W: Write> ZipWriter<W> {
    pub(super) fn new(out: W) -> Self {
        Self {
            out,
            at: 0,
            entries: Vec::new(),
        }
    }

    /// Writes the header of an entry; its content follows through [`Write`].
    pub(super) fn begin(&mut self, entry: Entry) -> io::Result<()> {
        let header = entry.local_header();
        self.entries.push((entry, self.at));
        self.write_all(&header)
    }

    /// Writes an entry from memory.
    pub(super) fn add(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        self.begin(Entry {
            name: name.to_owned(),
            size: content.len() as u64,
            crc: crc32fast::hash(content),
        })?;
        self.write_all(content)
    }

    /// Writes the directory and returns the total number of bytes.
    pub(super) fn finish(mut self) -> io::Result<u64> {
        let tail = tail(&self.entries, self.at);
        self.write_all(&tail)?;
        self.out.flush()?;
        Ok(self.at)
    }
}

impl<W: Write> Write for ZipWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.at += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Reads entries one after the other, accepting only what [`ZipWriter`] writes.
pub(super) struct ZipReader<R: Read> {
    input: R,
    at: u64,
    entries: Vec<(Entry, u64)>,
    /// The four bytes that ended the entries, kept for the directory.
    ahead: Option<[u8; 4]>,
}

impl<R: Read> ZipReader<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            at: 0,
            entries: Vec::new(),
            ahead: None,
        }
    }

    /// The next entry's header, or `None` where the directory begins. The caller must read the
    /// content ([`ZipReader::content`]) before asking again.
    pub(super) fn next_entry(&mut self) -> Result<Option<Entry>, Refusal> {
        let offset = self.at;
        let mut signature = [0u8; 4];
        self.fill(&mut signature)?;
        if signature != LOCAL.to_le_bytes() {
            self.ahead = Some(signature);
            return Ok(None);
        }
        let mut fixed = [0u8; 26];
        self.fill(&mut fixed)?;
        let mut name = vec![0u8; usize::from(u16::from_le_bytes([fixed[22], fixed[23]]))];
        self.fill(&mut name)?;
        let mut extra = vec![0u8; usize::from(u16::from_le_bytes([fixed[24], fixed[25]]))];
        self.fill(&mut extra)?;
        let short = u32::from_le_bytes([fixed[14], fixed[15], fixed[16], fixed[17]]);
        let size = match <[u8; 8]>::try_from(extra.get(4..12).unwrap_or_default()) {
            Ok(size) => u64::from_le_bytes(size),
            Err(_) => u64::from(short),
        };
        let entry = Entry {
            name: String::from_utf8(name).map_err(|_| Refusal::Layout(offset))?,
            size,
            crc: u32::from_le_bytes([fixed[10], fixed[11], fixed[12], fixed[13]]),
        };
        // Whatever was odd in those bytes, it is not what the writer would have written.
        let header = [&signature[..], &fixed, entry.name.as_bytes(), &extra].concat();
        if header != entry.local_header() || !entry.name.is_ascii() {
            return Err(Refusal::Layout(offset));
        }
        self.entries.push((entry.clone(), offset));
        Ok(Some(entry))
    }

    /// Hands the content of the entry just begun to `take` in pieces and checks its CRC.
    pub(super) fn content(
        &mut self,
        entry: &Entry,
        mut take: impl FnMut(&[u8]) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let mut left = entry.size;
        let mut crc = crc32fast::Hasher::new();
        let mut buffer = vec![0u8; 256 * 1024];
        while left > 0 {
            let want = buffer
                .len()
                .min(usize::try_from(left).unwrap_or(usize::MAX));
            let piece = &mut buffer[..want];
            self.input.read_exact(piece).map_err(unreadable)?;
            self.at += want as u64;
            crc.update(piece);
            take(piece)?;
            left -= want as u64;
        }
        if crc.finalize() == entry.crc {
            Ok(())
        } else {
            Err(Refusal::Digest(entry.name.clone()))
        }
    }

    /// Checks the directory and that nothing follows it.
    pub(super) fn finish(mut self) -> Result<(), Refusal> {
        let directory_at = self.at - 4;
        let expected = tail(&self.entries, directory_at);
        let mut found = self.ahead.unwrap_or_default().to_vec();
        found.resize(expected.len(), 0);
        self.input.read_exact(&mut found[4..]).map_err(unreadable)?;
        if found != expected {
            return Err(Refusal::Layout(directory_at));
        }
        let mut beyond = [0u8; 1];
        match self.input.read(&mut beyond) {
            Ok(0) => Ok(()),
            Ok(_) => Err(Refusal::Layout(directory_at + expected.len() as u64)),
            Err(e) => Err(Refusal::Io(e.to_string())),
        }
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Refusal> {
        self.input.read_exact(bytes).map_err(unreadable)?;
        self.at += bytes.len() as u64;
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "given to `map_err` by name")]
fn unreadable(error: io::Error) -> Refusal {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        Refusal::Truncated
    } else {
        Refusal::Io(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut zip = ZipWriter::new(&mut bytes);
        zip.add("a.txt", b"hello").expect("memory");
        zip.add("d/b.txt", b"").expect("memory");
        zip.finish().expect("memory");
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, Refusal> {
        let mut zip = ZipReader::new(bytes);
        let mut found = Vec::new();
        while let Some(entry) = zip.next_entry()? {
            let mut content = Vec::new();
            zip.content(&entry, |piece| {
                content.extend_from_slice(piece);
                Ok(())
            })?;
            found.push((entry.name, content));
        }
        zip.finish()?;
        Ok(found)
    }

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        let bytes = sample();
        let expected = vec![
            ("a.txt".to_owned(), b"hello".to_vec()),
            ("d/b.txt".to_owned(), vec![]),
        ];
        assert_eq!(read(&bytes), Ok(expected));
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_err(), "cut at {length}");
        }
        for position in 0..bytes.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut changed = bytes.clone();
                changed[position] ^= flip;
                // Names are bound by the manifest, not by the container: both copies would have
                // to change, and one byte changes only one.
                assert!(read(&changed).is_err(), "byte {position}");
            }
        }
        let mut longer = bytes;
        longer.push(0);
        assert!(read(&longer).is_err());
    }

    #[test]
    fn sizes_and_offsets_beyond_32_bits_use_zip64() {
        let entry = Entry {
            name: "x".to_owned(),
            size: BIG,
            crc: 7,
        };
        let local = entry.local_header();
        assert_eq!(local.len(), 30 + 1 + 20);
        assert_eq!(&local[18..22], &[0xff; 4]);
        assert_eq!(&local[35..43], &BIG.to_le_bytes());
        let small = Entry {
            size: BIG - 1,
            ..entry.clone()
        };
        assert_eq!(small.local_header().len(), 31);
        assert_eq!(entry.central_header(BIG).len(), 46 + 1 + 4 + 24);
        assert_eq!(small.central_header(BIG).len(), 46 + 1 + 4 + 8);
        assert_eq!(small.central_header(5).len(), 46 + 1);
        let end = tail(&[(entry, 0)], BIG + 100);
        assert_eq!(end.len(), 46 + 1 + 4 + 16 + 56 + 20 + 22);
    }
}
