//! The combined log format, which other tools read.

use jiff::tz::TimeZone;
use mamori_kernel::clock::tokyo;

use super::line::AccessLine;

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
        line.version,
        line.status,
        quoted(line.referrer.as_deref()),
        quoted(line.user_agent.as_deref()),
    )
}

/// A quote ends a field, and a backslash begins an escape.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
