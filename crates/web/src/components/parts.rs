//! The small parts of pages: tiles, timelines, steps, tabs, figures, meters.

use std::fmt::Write as _;

use crate::Tone;

/// A key for the hidden field `once` of a form: the same form sent twice has the same key, so the
/// one who takes it can tell a second click from a second entry.
pub fn form_key() -> String {
    hex::encode(rand::random::<[u8; 16]>())
}

/// A figure that matters, on a tile.
#[derive(Debug, Clone)]
pub struct Stat {
    /// What it counts.
    pub label: String,
    /// The figure.
    pub figure: String,
    /// Its unit; may be empty.
    pub unit: String,
    /// How it stands.
    pub tone: Tone,
    /// The tone in a word, e.g. 期限超過: no tile speaks by colour alone. May be empty.
    pub state: String,
    /// A quiet line below; may be empty.
    pub note: String,
    /// Where it leads; may be empty.
    pub href: String,
    /// Key for live updates; may be empty.
    pub live: String,
}

impl Stat {
    /// A tile without state.
    pub fn new(
        label: impl Into<String>,
        figure: impl Into<String>,
        unit: impl Into<String>,
    ) -> Self {
        Self {
            label: label.into(),
            figure: figure.into(),
            unit: unit.into(),
            tone: Tone::Quiet,
            state: String::new(),
            note: String::new(),
            href: String::new(),
            live: String::new(),
        }
    }

    /// Sets how it stands, in a tone and a word.
    #[must_use]
    pub fn state(mut self, tone: Tone, state: impl Into<String>) -> Self {
        self.tone = tone;
        self.state = state.into();
        self
    }

    /// Sets the quiet line.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// Sets where it leads.
    #[must_use]
    pub fn href(mut self, href: impl Into<String>) -> Self {
        self.href = href.into();
        self
    }

    /// Lets the figure follow live updates of this key.
    #[must_use]
    pub fn live(mut self, key: impl Into<String>) -> Self {
        self.live = key.into();
        self
    }
}

/// A count with its thousands apart: `1,000,000`.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Something that happened, on a timeline.
#[derive(Debug, Clone)]
pub struct Event {
    /// When, as a machine reads it.
    pub iso: String,
    /// When, as a person reads it.
    pub at: String,
    /// How it stands.
    pub tone: Tone,
    /// What happened.
    pub title: String,
    /// In more words; may be empty.
    pub text: String,
    /// Who; may be empty.
    pub who: String,
    /// Where more stands; may be empty.
    pub href: String,
}

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Finished.
    Done,
    /// This is it.
    Now,
    /// Not yet.
    Next,
}

/// A step of a guided flow.
#[derive(Debug, Clone)]
pub struct Step {
    /// Name.
    pub label: String,
    /// Where it stands.
    pub stage: Stage,
    /// Its page, when it can be gone to; may be empty.
    pub href: String,
    /// What is missing or was done; may be empty.
    pub note: String,
}

impl Step {
    /// Class, and end of the key of the word for it (`ui-step-done` …).
    pub fn key(&self) -> &'static str {
        match self.stage {
            Stage::Done => "done",
            Stage::Now => "now",
            Stage::Next => "next",
        }
    }
}

/// A tab: a link to a section of the page.
#[derive(Debug, Clone)]
pub struct Tab {
    /// Id of the section.
    pub id: &'static str,
    /// Text.
    pub label: String,
    /// A count beside it; may be empty.
    pub count: String,
}

impl Tab {
    /// A tab without count.
    pub fn new(id: &'static str, label: impl Into<String>) -> Self {
        Self {
            id,
            label: label.into(),
            count: String::new(),
        }
    }

    /// Sets the count.
    #[must_use]
    pub fn count(mut self, count: usize) -> Self {
        self.count = count.to_string();
        self
    }
}

/// A drawing with its sentence and its numbers.
#[derive(Debug, Clone)]
pub struct Figure {
    /// Title.
    pub title: String,
    /// The drawing, made by `mamori_document`'s `Chart::svg(Theme::Console)`: markup of our own,
    /// put in as it is.
    pub svg: String,
    /// What the drawing says, in a sentence.
    pub sentence: String,
    /// Headings of the table behind it.
    pub header: Vec<String>,
    /// Its rows; the first cell names the row.
    pub rows: Vec<Vec<String>>,
}

/// Use of a limit, or a share of a whole.
#[derive(Debug, Clone)]
pub struct Meter {
    /// What is measured.
    pub label: String,
    /// Used, ≥ 0.
    pub value: f64,
    /// The limit, > 0.
    pub limit: f64,
    /// Value and limit in words, e.g. `5.5 / 7.0 時間`.
    pub text: String,
    /// How it stands.
    pub tone: Tone,
}

impl Meter {
    /// Length of the bar, in thousandths of the drawing. A value over the limit keeps its length
    /// and the limit moves in.
    pub fn length(&self) -> u32 {
        self.thousandths(self.value)
    }

    /// Place of the limit, in thousandths of the drawing.
    pub fn limit_at(&self) -> u32 {
        self.thousandths(self.limit)
    }

    /// `aria-valuenow`, which must not lie beyond the limit; the text says what is true.
    pub fn shown(&self) -> f64 {
        if self.value.is_finite() {
            self.value.clamp(0.0, self.limit.max(0.0))
        } else {
            0.0
        }
    }

    /// Path of the strokes over what lies beyond the limit: seen without colour too.
    pub fn hatching(&self) -> String {
        let mut path = String::new();
        for x in (self.limit_at()..self.length()).step_by(14) {
            let _ = write!(path, "M{x} 12l12-12");
        }
        path
    }

    /// Whether the limit is passed.
    pub fn is_over(&self) -> bool {
        self.value > self.limit
    }

    fn thousandths(&self, value: f64) -> u32 {
        let whole = self.limit.max(self.value);
        if whole > 0.0 && value.is_finite() {
            (value.clamp(0.0, whole) / whole * 1000.0).round() as u32
        } else {
            0
        }
    }
}

/// How far something has got.
#[derive(Debug, Clone)]
pub struct Progress {
    /// What.
    pub label: String,
    /// Done.
    pub done: u64,
    /// Of so many.
    pub of: u64,
}

impl Progress {
    /// `aria-valuenow`.
    pub fn shown(&self) -> u64 {
        self.done.min(self.of)
    }

    /// Length of the bar, in thousandths.
    pub fn length(&self) -> u64 {
        (self.done.min(self.of) * 1000)
            .checked_div(self.of)
            .unwrap_or(0)
    }
}

/// What may be uploaded, shown at the field and checked in the browser; the server checks again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Upload {
    /// `accept`: endings and media types, e.g. `.pdf,.png`.
    pub accept: &'static str,
    /// Largest size of a file.
    pub most_bytes: u64,
    /// Whether several files may be chosen.
    pub several: bool,
}

impl Upload {
    /// The size in words.
    pub fn most(&self) -> String {
        if self.most_bytes >= 1_000_000 {
            let tenths = self.most_bytes / 100_000;
            match tenths % 10 {
                0 => format!("{} MB", tenths / 10),
                tenth => format!("{}.{tenth} MB", tenths / 10),
            }
        } else {
            format!("{} kB", self.most_bytes.div_ceil(1000))
        }
    }

    /// The endings, for people: `PDF, PNG`.
    pub fn kinds(&self) -> String {
        self.accept
            .split(',')
            .filter_map(|kind| kind.trim().strip_prefix('.'))
            .map(str::to_ascii_uppercase)
            .collect::<Vec<_>>()
            .join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        let said = [0, 999, 1_000, 1_234_567].map(grouped);
        assert_eq!(said, ["0", "999", "1,000", "1,234,567"]);
    }

    fn meter(value: f64, limit: f64) -> Meter {
        Meter {
            label: String::new(),
            value,
            limit,
            text: String::new(),
            tone: Tone::Ok,
        }
    }

    #[test]
    fn a_meter_shows_the_limit_inside_once_it_is_passed() {
        assert_eq!(
            (meter(3.5, 7.0).length(), meter(3.5, 7.0).limit_at()),
            (500, 1000)
        );
        let over = meter(14.0, 7.0);
        assert_eq!(
            (over.length(), over.limit_at(), over.is_over()),
            (1000, 500, true)
        );
        assert_eq!(
            (over.shown(), over.hatching().matches('M').count()),
            (7.0, 36)
        );
        assert_eq!(meter(7.0, 7.0).hatching(), "");
        for odd in [meter(0.0, 0.0), meter(f64::NAN, 7.0), meter(-1.0, 7.0)] {
            assert_eq!(odd.length(), 0);
        }
    }

    #[test]
    fn progress_never_leaves_its_bar() {
        let length = |done, of| {
            Progress {
                label: String::new(),
                done,
                of,
            }
            .length()
        };
        assert_eq!([length(0, 0), length(1, 4), length(9, 4)], [0, 250, 1000]);
    }

    #[test]
    fn limits_of_uploads_are_said_in_words() {
        let upload = |most_bytes| Upload {
            accept: ".pdf, image/png,.docx",
            most_bytes,
            several: false,
        };
        assert_eq!(upload(10_000_000).most(), "10 MB");
        assert_eq!(upload(2_500_000).most(), "2.5 MB");
        assert_eq!(upload(200_000).most(), "200 kB");
        assert_eq!(upload(1).kinds(), "PDF, DOCX");
    }

    #[test]
    fn form_keys_are_never_the_same() {
        assert_eq!(form_key().len(), 32);
        assert_ne!(form_key(), form_key());
    }
}
