//! Office files are ZIP archives: writing them with equal bytes for equal content, and reading
//! foreign ones without trusting a single size or name in them.

use std::io::{Cursor, Read, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use crate::error::{Error, Result};

/// Largest form accepted, packed.
pub(crate) const MAX_PACKED: usize = 20 * 1024 * 1024;
/// Largest sum of unpacked parts.
pub(crate) const MAX_UNPACKED: u64 = 200 * 1024 * 1024;
/// Most parts.
pub(crate) const MAX_PARTS: usize = 5_000;

/// A named part of an archive.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// Packs parts in the given order. The archive's own time stamps say nothing about the paper, so
/// they are the epoch of the format.
pub(crate) fn pack(parts: &[Part], format: &'static str) -> Result<Vec<u8>> {
    let failed = |e: &dyn std::fmt::Display| Error::Write {
        format,
        reason: e.to_string(),
    };
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default());
    for part in parts {
        writer
            .start_file(part.name.as_str(), options)
            .map_err(|e| failed(&e))?;
        writer.write_all(&part.bytes).map_err(|e| failed(&e))?;
    }
    Ok(writer.finish().map_err(|e| failed(&e))?.into_inner())
}

/// Unpacks a foreign archive, in its order. Refuses what is too large, named to escape, doubled,
/// encrypted or broken.
pub(crate) fn unpack(bytes: &[u8]) -> Result<Vec<Part>> {
    let refuse = |text: String| Error::Form(text);
    if bytes.len() > MAX_PACKED {
        return Err(refuse(format!(
            "大きすぎます（{} MiB、上限 {} MiB）",
            bytes.len() / 1024 / 1024,
            MAX_PACKED / 1024 / 1024
        )));
    }
    // An encrypted or pre-2007 Office file is an OLE container, not a ZIP.
    if bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
        return Err(refuse(
            "パスワード付き、または旧形式（.doc・.xls）です。パスワードを外し、.docx か .xlsx で保存し直してください"
                .into(),
        ));
    }
    let mut archive = ZipArchive::new(Cursor::new(bytes))
        .map_err(|e| refuse(format!(".docx・.xlsx として読めません：{e}")))?;
    if archive.len() > MAX_PARTS {
        return Err(refuse(format!(
            "部品が多すぎます（{}、上限 {MAX_PARTS}）",
            archive.len()
        )));
    }
    let mut parts: Vec<Part> = Vec::with_capacity(archive.len());
    let mut left = MAX_UNPACKED;
    for index in 0..archive.len() {
        let file = archive
            .by_index_raw(index)
            .map_err(|e| refuse(format!("部品 {index} を読めません：{e}")))?;
        let name = file
            .name()
            .map_err(|e| refuse(format!("部品 {index} の名前を読めません：{e}")))?
            .into_owned();
        if file.encrypted() {
            return Err(refuse(format!(
                "部品 {name} が暗号化されています。パスワードを外してください"
            )));
        }
        drop(file);
        if !sound_name(&name) {
            return Err(refuse(format!("部品の名前が不正です：{name:?}")));
        }
        if name.ends_with('/') {
            continue;
        }
        if parts
            .iter()
            .any(|part| part.name.eq_ignore_ascii_case(&name))
        {
            return Err(refuse(format!("部品 {name} が二つあります")));
        }
        let file = archive
            .by_index(index)
            .map_err(|e| refuse(format!("部品 {name} を読めません：{e}")))?;
        // The size in the header is only a claim: the reader itself is limited.
        let mut bytes = Vec::new();
        file.take(left + 1)
            .read_to_end(&mut bytes)
            .map_err(|e| refuse(format!("部品 {name} が壊れています：{e}")))?;
        left = left.checked_sub(bytes.len() as u64).ok_or_else(|| {
            refuse(format!(
                "展開すると {} MiB を超えます",
                MAX_UNPACKED / 1024 / 1024
            ))
        })?;
        parts.push(Part { name, bytes });
    }
    Ok(parts)
}

fn sound_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() < 512
        && !name.starts_with('/')
        && !name.contains(['\\', '\0', ':'])
        && name.split('/').all(|piece| piece != ".." && piece != ".")
}
