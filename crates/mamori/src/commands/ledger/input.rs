//! What the ledger commands read: JSON, periods, files.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;
use mamori_kernel::canonical::Canonical;
use mamori_kernel::clock::{tokyo_date, tokyo_midnight};

use super::usage;

/// A JSON object from an option; `-` reads standard input. The message names option and position.
pub(super) fn json(option: &str, text: &str) -> anyhow::Result<Canonical> {
    let mut owned = String::new();
    let text = if text == "-" {
        std::io::stdin()
            .read_to_string(&mut owned)
            .map_err(|error| usage(format!("{option}: 標準入力が読めません: {error}")))?;
        owned.as_str()
    } else {
        text
    };
    let json = Canonical::parse(text).map_err(|error| usage(format!("{option}: {error}")))?;
    if json.is_object() {
        Ok(json)
    } else {
        Err(usage(format!(
            "{option}: JSON のオブジェクト {{…}} で書いてください(an object is required)"
        )))
    }
}

/// A file to attach, opened.
pub(super) struct OpenFile {
    pub name: String,
    pub media_type: &'static str,
    pub file: File,
}

/// Opens a file before anything is written, so that a wrong name changes nothing.
pub(super) fn open_attachment(path: &Path) -> anyhow::Result<OpenFile> {
    let refuse = |problem: &str| usage(format!("--attach {}: {problem}", path.display()));
    let file = File::open(path).map_err(|error| refuse(&error.to_string()))?;
    if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Err(refuse("ファイルではありません"));
    }
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .ok_or_else(|| refuse("名前が UTF-8 ではありません"))?;
    Ok(OpenFile {
        name: name.to_owned(),
        media_type: media_type(name),
        file,
    })
}

fn media_type(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension.to_ascii_lowercase().as_str() {
        "pdf" => "application/pdf",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "zip" => "application/zip",
        "json" => "application/json",
        "txt" | "log" | "md" => "text/plain",
        "csv" => "text/csv",
        "html" | "htm" => "text/html",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "svg" => "image/svg+xml",
        "eml" => "message/rfc822",
        _ => "application/octet-stream",
    }
}

/// Start of a period: a day or month (Japanese time) or an instant.
pub(super) fn from(text: Option<&str>) -> anyhow::Result<Option<Timestamp>> {
    text.map(|text| instant("--from", text, Edge::Start))
        .transpose()
}

/// End of a period, excluded: after the day or month given, or at the instant.
pub(super) fn until(text: Option<&str>) -> anyhow::Result<Option<Timestamp>> {
    text.map(|text| instant("--to", text, Edge::End))
        .transpose()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
    Start,
    End,
}

fn instant(option: &str, text: &str, edge: Edge) -> anyhow::Result<Timestamp> {
    let refuse = || {
        usage(format!(
            "{option} {text:?}: 日(2026-10-01)、月(2026-10)、または時刻(2026-10-01T09:00:00+09:00)で書いてください"
        ))
    };
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    let is_month = text.len() == 7;
    let date: Date = if is_month {
        format!("{text}-01").parse().map_err(|_| refuse())?
    } else if text.len() == 10 {
        text.parse().map_err(|_| refuse())?
    } else {
        return Err(refuse());
    };
    let date = match (edge, is_month) {
        (Edge::Start, _) => Ok(date),
        (Edge::End, true) => date.last_of_month().tomorrow(),
        (Edge::End, false) => date.tomorrow(),
    }
    .map_err(|_| refuse())?;
    // The last days of the calendar have no following midnight.
    if !(1900..=9998).contains(&date.year()) {
        return Err(refuse());
    }
    Ok(tokyo_midnight(date))
}

/// The days of a period as the API takes them: ISO, both included.
pub(super) fn days(
    from: Option<&str>,
    to: Option<&str>,
) -> anyhow::Result<[(&'static str, Option<Date>); 2]> {
    // What is no period at all is refused with the same words as on the server's machine.
    let (first, last) = (self::from(from)?, until(to)?);
    let whole = |option: &str, text: Option<&str>| {
        let is_instant = text.is_some_and(|text| text.len() > 10);
        if is_instant {
            return Err(usage(format!(
                "{option}: --server では日(2026-10-01)か月(2026-10)で書いてください"
            )));
        }
        Ok(())
    };
    whole("--from", from)?;
    whole("--to", to)?;
    let day = |instant: Option<Timestamp>| instant.map(tokyo_date);
    let last = day(last).and_then(|after| after.yesterday().ok());
    Ok([("from", day(first)), ("to", last)])
}

/// The folder in which a file is to be written; it must be there.
pub(super) fn folder_of(out: &Path) -> anyhow::Result<PathBuf> {
    let folder = match out.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    };
    if folder.is_dir() {
        Ok(folder)
    } else {
        Err(usage(format!(
            "--out: フォルダー {} がありません",
            folder.display()
        )))
    }
}

/// Gives a finished file the ordinary rights of a new file (temporary files are private).
pub(super) fn make_readable(file: &File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_japanese_days_and_months() {
        let text = |instant: anyhow::Result<Option<Timestamp>>| {
            instant.expect("accepted").expect("given").to_string()
        };
        assert_eq!(text(from(Some("2026-10-01"))), "2026-09-30T15:00:00Z");
        assert_eq!(text(until(Some("2026-10-01"))), "2026-10-01T15:00:00Z");
        assert_eq!(text(from(Some("2026-12"))), "2026-11-30T15:00:00Z");
        assert_eq!(text(until(Some("2026-12"))), "2026-12-31T15:00:00Z");
        let exact = "2026-10-01T09:00:00+09:00";
        assert_eq!(text(until(Some(exact))), "2026-10-01T00:00:00Z");
        let days = |from, to| {
            let [(_, from), (_, to)] = days(from, to).expect("accepted");
            [from, to].map(|day| day.map(|day| day.to_string()).unwrap_or_default())
        };
        assert_eq!(
            days(Some("2026-10"), Some("2026-12")),
            ["2026-10-01", "2026-12-31"]
        );
        assert_eq!(days(None, Some("2026-10-05")), ["", "2026-10-05"]);
        assert!(
            super::days(Some(exact), None).is_err(),
            "an instant is no day"
        );
        for wrong in ["", "2026", "2026-13", "2026-02-30", "1/10/2026", "today"] {
            assert!(from(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
