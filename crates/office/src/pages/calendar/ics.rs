//! iCalendar (RFC 5545) for whole-day events: enough of it for a feed of due dates.
//!
//! Our own writer because it needs four rules only: which lines, how text is escaped, how lines
//! are folded, and that the same contract gives the same bytes each time.

use std::fmt::Write as _;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

/// Longest line in octets, without its end.
const LONGEST_LINE: usize = 75;

/// A whole-day event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The same for the same event each time the feed is fetched.
    pub uid: String,
    /// The day.
    pub day: Date,
    /// What is due.
    pub title: String,
}

/// A calendar with these events. `stamp` is the instant from which the text of the events holds.
pub fn calendar(name: &str, stamp: Timestamp, events: &[Event]) -> String {
    let mut out = String::new();
    for line in [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Mamori//Mamori//JA",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
    ] {
        put(&mut out, line);
    }
    put(&mut out, &format!("NAME:{}", escaped(name)));
    put(&mut out, &format!("X-WR-CALNAME:{}", escaped(name)));
    put(&mut out, "REFRESH-INTERVAL;VALUE=DURATION:PT12H");
    put(&mut out, "X-PUBLISHED-TTL:PT12H");
    let stamp = stamp.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ");
    for event in events {
        let last = event.day.saturating_add(1.day());
        put(&mut out, "BEGIN:VEVENT");
        put(&mut out, &format!("UID:{}", escaped(&event.uid)));
        put(&mut out, &format!("DTSTAMP:{stamp}"));
        put(
            &mut out,
            &format!("DTSTART;VALUE=DATE:{}", event.day.strftime("%Y%m%d")),
        );
        put(
            &mut out,
            &format!("DTEND;VALUE=DATE:{}", last.strftime("%Y%m%d")),
        );
        put(&mut out, &format!("SUMMARY:{}", escaped(&event.title)));
        put(&mut out, "TRANSP:TRANSPARENT");
        put(&mut out, "END:VEVENT");
    }
    put(&mut out, "END:VCALENDAR");
    out
}

/// TEXT (3.3.11): separators and line ends escaped, control characters left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => out.push_str("\\\\"),
            ';' => out.push_str("\\;"),
            ',' => out.push_str("\\,"),
            '\r' => {
                if rest.peek() != Some(&'\n') {
                    out.push_str("\\n");
                }
            }
            '\n' => out.push_str("\\n"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// Writes a line, folded (3.1) between characters so that each piece stays readable text.
fn put(out: &mut String, line: &str) {
    let mut length = 0;
    for c in line.chars() {
        if length + c.len_utf8() > LONGEST_LINE {
            out.push_str("\r\n ");
            length = 1;
        }
        out.push(c);
        length += c.len_utf8();
    }
    out.push_str("\r\n");
}

/// An entity tag of a body.
pub fn tag(body: &str) -> String {
    let digest = mamori_kernel::merkle::Digest::of(body.as_bytes()).to_hex();
    let mut tag = String::from("\"");
    let _ = write!(tag, "{}\"", &digest[..32]);
    tag
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn event(title: &str) -> Event {
        Event {
            uid: "O-017/2026-10@kokoshelju-r8".to_owned(),
            day: date(2026, 11, 10),
            title: title.to_owned(),
        }
    }

    /// What a reader makes of a feed: lines with their folds taken out.
    fn unfolded(text: &str) -> Vec<String> {
        text.replace("\r\n ", "")
            .split("\r\n")
            .map(str::to_owned)
            .collect()
    }

    /// What a reader makes of a TEXT value.
    fn unescaped(text: &str) -> String {
        let mut out = String::new();
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            if c == '\\' {
                match rest.next() {
                    Some('n' | 'N') => out.push('\n'),
                    Some(other) => out.push(other),
                    None => panic!("a backslash at the end of {text:?}"),
                }
            } else {
                out.push(c);
            }
        }
        out
    }

    #[test]
    fn a_feed_is_what_the_standard_says() {
        let text = calendar(
            "保守管理; R8",
            Timestamp::from_second(1_774_969_200).expect("an instant"),
            &[event("業務報告書, 10月分")],
        );
        assert_eq!(
            text,
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Mamori//Mamori//JA\r\n\
             CALSCALE:GREGORIAN\r\nMETHOD:PUBLISH\r\nNAME:保守管理\\; R8\r\n\
             X-WR-CALNAME:保守管理\\; R8\r\nREFRESH-INTERVAL;VALUE=DURATION:PT12H\r\n\
             X-PUBLISHED-TTL:PT12H\r\nBEGIN:VEVENT\r\nUID:O-017/2026-10@kokoshelju-r8\r\n\
             DTSTAMP:20260331T150000Z\r\nDTSTART;VALUE=DATE:20261110\r\n\
             DTEND;VALUE=DATE:20261111\r\nSUMMARY:業務報告書\\, 10月分\r\n\
             TRANSP:TRANSPARENT\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        );
    }

    #[test]
    fn a_month_and_a_year_end_before_the_next_day() {
        let mut last = event("x");
        last.day = date(2026, 12, 31);
        let text = calendar("x", Timestamp::UNIX_EPOCH, &[last]);
        assert!(text.contains("DTEND;VALUE=DATE:20270101"), "{text}");
    }

    proptest! {
        #[test]
        fn any_text_survives_and_no_line_is_too_long(title in any::<String>(), name in "\\PC{0,120}") {
            let text = calendar(&name, Timestamp::UNIX_EPOCH, &[event(&title)]);
            prop_assert!(text.ends_with("\r\n"));
            for line in text.split("\r\n") {
                prop_assert!(line.len() <= LONGEST_LINE, "{line:?}");
                prop_assert!(!line.contains(['\r', '\n']), "{line:?}");
            }
            let lines = unfolded(&text);
            let value = |key: &str| {
                let line = lines.iter().find(|line| line.starts_with(key)).expect("a line");
                unescaped(&line[key.len()..])
            };
            let expected: String = title
                .replace("\r\n", "\n")
                .replace('\r', "\n")
                .chars()
                .filter(|c| *c == '\n' || !c.is_control())
                .collect();
            prop_assert_eq!(value("SUMMARY:"), expected);
            prop_assert_eq!(value("NAME:"), name);
        }

        #[test]
        fn nothing_typed_can_add_an_event(title in "(BEGIN:VEVENT|END:VEVENT|\r|\n|[ ,;\\\\]|.){0,60}") {
            let lines = unfolded(&calendar("x", Timestamp::UNIX_EPOCH, &[event(&title)]));
            prop_assert_eq!(lines.iter().filter(|line| *line == "BEGIN:VEVENT").count(), 1);
            prop_assert_eq!(lines.iter().filter(|line| *line == "END:VEVENT").count(), 1);
        }

        #[test]
        fn equal_feeds_have_equal_tags(title in any::<String>(), other in any::<String>()) {
            let feed = |title: &str| tag(&calendar("x", Timestamp::UNIX_EPOCH, &[event(title)]));
            prop_assert_eq!(feed(&title), feed(&title));
            let same = escaped(&title) == escaped(&other);
            prop_assert_eq!(feed(&title) == feed(&other), same);
        }
    }
}
