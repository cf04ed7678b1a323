//! How days, instants and periods are written for a person: 和暦 or ISO by choice, in the page's
//! language. English pages write 和暦 the short way (`R8.11.10`), which needs no Japanese.

use jiff::Timestamp;
use jiff::civil::Date;
use mamori_kernel::clock::tokyo_datetime;
use mamori_kernel::period::Period;
use mamori_kernel::wareki;

use crate::page::DateStyle;
use crate::texts::Language;

/// The choice of a person.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    pub(crate) style: DateStyle,
    pub(crate) language: Language,
}

impl Written {
    /// A day with its weekday.
    pub(crate) fn day(self, day: Date) -> String {
        match (self.style, self.language) {
            (DateStyle::Wareki, Language::Ja) => wareki::with_weekday(day),
            (DateStyle::Iso, Language::Ja) => {
                format!("{day}（{}）", wareki::weekday(day.weekday()))
            }
            (_, Language::En) => format!("{} ({})", self.bare(day), day.strftime("%a")),
        }
    }

    /// A day within a sentence: without its weekday.
    fn bare(self, day: Date) -> String {
        match (self.style, self.language) {
            (DateStyle::Iso, _) => day.to_string(),
            (DateStyle::Wareki, Language::Ja) => wareki::long(day),
            (DateStyle::Wareki, Language::En) => wareki::short(day),
        }
    }

    /// An instant as a day and time in Japan, short enough for a table.
    pub(crate) fn moment(self, at: Timestamp) -> String {
        let local = tokyo_datetime(at);
        let day = match self.style {
            DateStyle::Wareki => wareki::short(local.date()),
            DateStyle::Iso => local.date().to_string(),
        };
        format!("{day} {}", local.strftime("%H:%M"))
    }

    /// A month or another period.
    pub(crate) fn period(self, period: Period) -> String {
        match (self.language, self.style, period) {
            (_, _, Period::Day(day)) => self.day(day),
            (Language::Ja, DateStyle::Wareki, period) => period.japanese(),
            (Language::Ja, DateStyle::Iso, Period::Month(month)) => {
                format!("{}年{}月分", month.year(), month.month())
            }
            (Language::En, _, Period::Month(month)) => month.first().strftime("%B %Y").to_string(),
            (_, _, period) => period.to_string(),
        }
    }

    /// A text of the contract's engine, which writes ISO dates, with its days as this person reads
    /// them. What is only part of a longer number or name stays.
    pub(crate) fn days_within(self, text: &str) -> String {
        let mut said = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
            let end = rest[start..]
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '-')
                .map_or(rest.len(), |length| start + length);
            let word = &rest[start..end];
            said.push_str(&rest[..start]);
            match word.parse::<Date>() {
                Ok(day) if word.len() == 10 && !said.ends_with(joined) => {
                    let day = self.bare(day);
                    // A number stands apart from Japanese text, a 和暦 day does not.
                    let wide = !day.is_ascii();
                    if wide && said.ends_with(' ') {
                        said.pop();
                    }
                    said.push_str(&day);
                    let after = &rest[end..];
                    rest = match after.strip_prefix(' ') {
                        Some(text) if wide && !text.starts_with(|c: char| c.is_ascii()) => text,
                        _ => after,
                    };
                    continue;
                }
                _ => said.push_str(word),
            }
            rest = &rest[end..];
        }
        said.push_str(rest);
        said
    }
}

/// What makes a date before or after it part of something longer.
fn joined(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/' | '.')
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use mamori_kernel::period::YearMonth;

    use super::*;

    const fn written(style: DateStyle, language: Language) -> Written {
        Written { style, language }
    }

    #[test]
    fn a_day_is_written_as_its_reader_chose() {
        let day = date(2026, 11, 10);
        for (style, language, said) in [
            (DateStyle::Wareki, Language::Ja, "令和8年11月10日（火）"),
            (DateStyle::Wareki, Language::En, "R8.11.10 (Tue)"),
            (DateStyle::Iso, Language::Ja, "2026-11-10（火）"),
            (DateStyle::Iso, Language::En, "2026-11-10 (Tue)"),
        ] {
            assert_eq!(written(style, language).day(day), said);
        }
    }

    #[test]
    fn a_month_is_written_as_its_reader_chose() {
        let month = Period::Month(YearMonth::of(date(2026, 11, 10)));
        for (style, language, said) in [
            (DateStyle::Wareki, Language::Ja, "令和8年11月分"),
            (DateStyle::Wareki, Language::En, "November 2026"),
            (DateStyle::Iso, Language::Ja, "2026年11月分"),
            (DateStyle::Iso, Language::En, "November 2026"),
        ] {
            assert_eq!(written(style, language).period(month), said);
        }
    }

    #[test]
    fn days_in_a_sentence_follow_the_choice_and_nothing_else_does() {
        let reader = written(DateStyle::Wareki, Language::Ja);
        for (text, said) in [
            ("提出（2026-11-09）", "提出（令和8年11月9日）"),
            (
                "期限は 2026-12-10 です。次は2027-01-12。",
                "期限は令和8年12月10日です。次は令和9年1月12日。",
            ),
            ("O-007、38GB（30GB以上）", "O-007、38GB（30GB以上）"),
            ("2026-13-40 と 02026-11-09", "2026-13-40 と 02026-11-09"),
            ("JIS X 8341-3:2016", "JIS X 8341-3:2016"),
            ("report-2026-11-09.pdf", "report-2026-11-09.pdf"),
            ("", ""),
        ] {
            assert_eq!(reader.days_within(text), said);
        }
        let iso = written(DateStyle::Iso, Language::Ja);
        assert_eq!(iso.days_within("（2026-11-09）"), "（2026-11-09）");
    }
}
