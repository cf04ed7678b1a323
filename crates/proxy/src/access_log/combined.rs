//! The combined log format, which other tools read.

use jiff::tz::TimeZone;
use mamori_kernel::clock::tokyo;

use super::line::{AccessLine, clean};

/// One line in combined format, without its end. Times are those of Japan. Users are never known.
pub fn combined(line: &AccessLine) -> String {
    let zone: &TimeZone = tokyo();
    let at = line
        .at
        .to_zoned(zone.clone())
        .strftime("%d/%b/%Y:%H:%M:%S %z");
    let quoted = |text: Option<&str>| text.map_or_else(|| "-".to_owned(), escaped);
    let bytes = if line.bytes_out == 0 {
        "-".to_owned()
    } else {
        line.bytes_out.to_string()
    };
    format!(
        "{} - - [{at}] \"{} {} {}\" {} {bytes} \"{}\" \"{}\"",
        line.client,
        escaped(&line.method),
        escaped(&line.path),
        escaped(&line.version),
        line.status,
        quoted(line.referrer.as_deref()),
        quoted(line.user_agent.as_deref()),
    )
}

/// A quote ends a field, and a backslash begins an escape. A file that somebody changed may hold what
/// this log never writes: an end of a line in it would be read as another request.
fn escaped(text: &str) -> String {
    clean(&text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_makes_no_second_line() {
        let line = r#"{"at":"2026-10-05T00:00:00Z","id":"0","listener":"h","client":"192.0.2.1",
            "method":"GET","host":"a","path":"/\u000a192.0.2.2 \"x\"","version":"HTTP/1.1\u000d",
            "tls":true,"user_agent":"a\u001b[2J","status":200,"bytes_in":0,"bytes_out":5,
            "complete":true,"took_us":1,"outcome":"served","verdict":"passed","score":0}"#;
        let line: AccessLine = serde_json::from_str(line).expect("a line");
        let text = combined(&line);
        assert!(!text.contains(char::is_control), "{text:?}");
        assert!(
            text.contains(r#""GET /\u{a}192.0.2.2 \"x\" HTTP/1.1\u{d}""#),
            "{text}"
        );
    }
}
