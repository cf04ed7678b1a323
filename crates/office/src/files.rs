//! Files that people attach: taken when their content is what their name says, kept by digest,
//! given back as attachments only.
//!
//! Only kinds that a contract's papers come in are taken. What is inside decides, not what the
//! browser says: a ZIP named `.pdf` is refused. Nothing of it is ever shown by the browser itself
//! ([`SANDBOX`]), so that a file cannot act as a page of ours.

use mamori_runtime::App;
use mamori_store::{Blobs, Error as StoreError};

use crate::register::form::FileRef;

/// Most bytes of one file.
pub const MAX_BYTES: usize = 30_000_000;

/// Policy of an answer that gives a file back.
pub const SANDBOX: &str = "sandbox; default-src 'none'";

/// What a field for files offers to choose.
pub const ACCEPT: &str = ".pdf,.png,.jpg,.jpeg,.docx,.xlsx,.pptx,.txt,.csv,.eml,.zip";

const PDF: &str = "application/pdf";
const ZIP: &str = "application/zip";
const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
const PPTX: &str = "application/vnd.openxmlformats-officedocument.presentationml.presentation";

/// Why a file is not taken.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// What is wrong, and what would be right.
    #[error("{0}")]
    Refused(String),
    /// It cannot be stored.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The thread that stores it broke off.
    #[error(transparent)]
    Task(#[from] tokio::task::JoinError),
}

/// Stores a file for a later act.
pub async fn store(app: &App, name: &str, bytes: Vec<u8>) -> Result<FileRef, FileError> {
    let name = clean_name(name).map_err(FileError::Refused)?;
    let media_type = media_type(&name, &bytes).map_err(FileError::Refused)?;
    let blobs = blobs(app);
    let blob = tokio::task::spawn_blocking(move || blobs.put(&bytes)).await??;
    let mut tx = app.db.begin_write().await?;
    tx.record_blob(&blob, app.now()).await?;
    tx.commit().await?;
    Ok(FileRef {
        name,
        media_type: media_type.to_owned(),
        sha256: blob.sha256.to_hex(),
    })
}

/// The folder of blobs.
pub fn blobs(app: &App) -> Blobs {
    Blobs::new(app.config.data_dir.join("blobs"))
}

/// The name without the folders that some browsers send along.
fn clean_name(name: &str) -> Result<String, String> {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default().trim();
    if name.is_empty() || name.chars().count() > 200 {
        return Err("ファイル名は1文字以上200文字以内にしてください".to_owned());
    }
    if name.chars().any(|c| c.is_control() || turns_direction(c)) {
        return Err(
            "ファイル名に制御文字が含まれています。名前を付け直してから選んでください".to_owned(),
        );
    }
    Ok(name.to_owned())
}

/// Characters that turn the direction of writing: `fdp.exe` can be made to look like `exe.pdf`.
fn turns_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The media type by content, when the name agrees with it.
pub fn media_type(name: &str, bytes: &[u8]) -> Result<&'static str, String> {
    if bytes.is_empty() {
        return Err(format!("「{name}」は空のファイルです"));
    }
    if bytes.len() > MAX_BYTES {
        return Err(format!(
            "「{name}」は大きすぎます。30 MB までのファイルを選んでください"
        ));
    }
    let ending = name
        .rsplit_once('.')
        .map_or_else(String::new, |(_, ending)| ending.to_ascii_lowercase());
    let found = infer::get(bytes).map(|kind| kind.mime_type());
    let wanted: &[&'static str] = match ending.as_str() {
        "pdf" => &[PDF],
        "png" => &["image/png"],
        "jpg" | "jpeg" => &["image/jpeg"],
        // Some programs order the parts of a Word file so that it only looks like a ZIP.
        "docx" => &[DOCX, ZIP],
        "xlsx" => &[XLSX, ZIP],
        "pptx" => &[PPTX, ZIP],
        "zip" => &[ZIP, DOCX, XLSX, PPTX],
        "txt" | "csv" | "eml" => {
            return if found.is_none() && !bytes.contains(&0) {
                Ok(match ending.as_str() {
                    "csv" => "text/csv",
                    "eml" => "message/rfc822",
                    _ => "text/plain",
                })
            } else {
                Err(not_what_it_says(name))
            };
        }
        _ => {
            return Err(format!(
                "「{name}」は付けられない種類のファイルです。付けられるのは PDF、PNG、JPEG、Word（docx）、Excel（xlsx）、PowerPoint（pptx）、txt、csv、eml、zip です"
            ));
        }
    };
    match found {
        Some(kind) if wanted.contains(&kind) => Ok(wanted[0]),
        _ => Err(not_what_it_says(name)),
    }
}

fn not_what_it_says(name: &str) -> String {
    format!(
        "「{name}」の中身は、名前の示す種類のファイルではありません。元のファイルを確かめて選び直してください"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZIPPED: &[u8] =
        b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05\0\0\0a.txt";

    #[test]
    fn content_decides_and_the_name_must_agree() {
        for (name, bytes, taken) in [
            ("a.pdf", &b"%PDF-1.7 x"[..], Some(PDF)),
            ("A.PDF", b"%PDF-1.7 x", Some(PDF)),
            ("a.pdf", ZIPPED, None),
            ("a.zip", ZIPPED, Some(ZIP)),
            ("a.docx", ZIPPED, Some(DOCX)),
            ("a.png", b"\x89PNG\r\n\x1a\n....", Some("image/png")),
            ("a.jpg", b"\x89PNG\r\n\x1a\n....", None),
            ("a.txt", "札幌".as_bytes(), Some("text/plain")),
            ("a.txt", b"a\0b", None),
            ("a.csv", b"%PDF-1.7 x", None),
            ("a.html", b"<html><script>", None),
            ("a.svg", b"<svg xmlns='x'>", None),
            ("a.exe", b"MZ\x90\0", None),
            ("a", b"%PDF-1.7 x", None),
            ("a.pdf", b"", None),
        ] {
            assert_eq!(media_type(name, bytes).ok(), taken, "{name}");
        }
        assert!(media_type("a.txt", &vec![b'a'; MAX_BYTES + 1]).is_err());
    }

    #[test]
    fn names_are_plain_and_without_folders() {
        assert_eq!(
            clean_name("C:\\fakepath\\証明書.pdf").as_deref(),
            Ok("証明書.pdf")
        );
        assert_eq!(clean_name(" 😀.pdf ").as_deref(), Ok("😀.pdf"));
        for wrong in ["", "a/", "a\u{0}.pdf", "\u{202e}fdp.exe", &"x".repeat(201)] {
            assert!(clean_name(wrong).is_err(), "{wrong:?}");
        }
    }
}
