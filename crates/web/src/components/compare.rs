//! Two versions side by side, line by line; inside a changed line the characters that changed.
//! Japanese has no spaces, so words are no help; characters that only happen to be the same between
//! two changes are joined to them, or nobody could read it.

use similar::{ChangeTag, DiffOp, TextDiff};

/// A piece of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Text.
    pub text: String,
    /// Whether the other version has it not.
    pub changed: bool,
}

/// One version of a line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Side {
    /// Number of the line, from 1; 0 when this version has none here.
    pub number: usize,
    /// Its pieces.
    pub pieces: Vec<Piece>,
}

/// A line of both versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The older one.
    pub before: Side,
    /// The newer one.
    pub after: Side,
    /// Lines left out before this one because both versions have them.
    pub skipped: usize,
}

impl Line {
    /// `same`, `added`, `removed` or `changed`: CSS class and end of the word's key.
    pub fn key(&self) -> &'static str {
        match (self.before.number, self.after.number) {
            (0, _) => "added",
            (_, 0) => "removed",
            _ if self.before.pieces == self.after.pieces => "same",
            _ => "changed",
        }
    }
}

/// Two versions, compared.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// Name of the older version.
    pub before: String,
    /// Name of the newer version.
    pub after: String,
    /// What is shown of them.
    pub lines: Vec<Line>,
    /// Equal lines left out at the end.
    pub skipped: usize,
}

/// Equal lines shown around a change.
const AROUND: usize = 2;

impl Comparison {
    /// Compares two texts.
    pub fn of(before: (&str, &str), after: (&str, &str)) -> Self {
        let diff = TextDiff::from_lines(before.1, after.1);
        let (old, new) = (diff.old_slices(), diff.new_slices());
        let mut lines = Vec::new();
        for op in diff.ops() {
            let (from, to) = (op.old_range(), op.new_range());
            let paired = from.len().min(to.len());
            for step in 0..from.len().max(to.len()) {
                let number = |range: &std::ops::Range<usize>| {
                    (step < range.len()).then(|| range.start + step)
                };
                let (left, right) = (number(&from), number(&to));
                let text = |lines: &[&str], at: usize| lines[at].trim_end().to_owned();
                let (left_text, right_text) = (
                    left.map(|at| text(old, at)).unwrap_or_default(),
                    right.map(|at| text(new, at)).unwrap_or_default(),
                );
                let (a, b) = match op {
                    DiffOp::Equal { .. } => (whole(&left_text, false), whole(&right_text, false)),
                    _ if step < paired => pieces(&left_text, &right_text),
                    _ => (whole(&left_text, true), whole(&right_text, true)),
                };
                let side = |at: Option<usize>, pieces| {
                    at.map_or_else(Side::default, |at| Side {
                        number: at + 1,
                        pieces,
                    })
                };
                lines.push(Line {
                    before: side(left, a),
                    after: side(right, b),
                    skipped: 0,
                });
            }
        }
        let (lines, skipped) = shorten(lines);
        Self {
            before: before.0.to_owned(),
            after: after.0.to_owned(),
            lines,
            skipped,
        }
    }

    /// Lines that differ.
    pub fn changes(&self) -> usize {
        self.lines
            .iter()
            .filter(|line| line.key() != "same")
            .count()
    }
}

/// Leaves out equal lines far from any change.
fn shorten(lines: Vec<Line>) -> (Vec<Line>, usize) {
    let near: Vec<bool> = (0..lines.len())
        .map(|at| {
            let around = at.saturating_sub(AROUND)..(at + AROUND + 1).min(lines.len());
            lines[around].iter().any(|line| line.key() != "same")
        })
        .collect();
    let mut shown = Vec::new();
    let mut skipped = 0;
    for (mut line, near) in lines.into_iter().zip(near) {
        if near {
            line.skipped = std::mem::take(&mut skipped);
            shown.push(line);
        } else {
            skipped += 1;
        }
    }
    (shown, skipped)
}

fn whole(text: &str, changed: bool) -> Vec<Piece> {
    vec![Piece {
        text: text.to_owned(),
        changed,
    }]
}

/// The pieces of a changed line in both versions; two lines with little in common are changed whole.
fn pieces(before: &str, after: &str) -> (Vec<Piece>, Vec<Piece>) {
    let diff = TextDiff::from_chars(before, after);
    if diff.ratio() < 0.4 {
        return (whole(before, true), whole(after, true));
    }
    let (mut old, mut new) = (Vec::new(), Vec::new());
    for change in diff.iter_all_changes() {
        let text = change.value();
        match change.tag() {
            ChangeTag::Equal => {
                add(&mut old, text, false);
                add(&mut new, text, false);
            }
            ChangeTag::Delete => add(&mut old, text, true),
            ChangeTag::Insert => add(&mut new, text, true),
        }
    }
    (joined(old), joined(new))
}

fn add(pieces: &mut Vec<Piece>, text: &str, changed: bool) {
    match pieces.last_mut() {
        Some(last) if last.changed == changed => last.text.push_str(text),
        _ => pieces.push(Piece {
            text: text.to_owned(),
            changed,
        }),
    }
}

/// Joins a single equal character between two changes to them.
fn joined(pieces: Vec<Piece>) -> Vec<Piece> {
    let count = pieces.len();
    let mut out = Vec::new();
    for (at, piece) in pieces.into_iter().enumerate() {
        let between = at > 0 && at + 1 < count && piece.text.chars().count() == 1;
        add(&mut out, &piece.text, piece.changed || between);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(pieces: &[Piece]) -> String {
        pieces
            .iter()
            .map(|piece| {
                if piece.changed {
                    format!("[{}]", piece.text)
                } else {
                    piece.text.clone()
                }
            })
            .collect()
    }

    #[test]
    fn a_changed_line_shows_the_changed_characters() {
        let compared = Comparison::of(
            ("初版", "対応時間は 5.5 時間でした。\n以上\n"),
            ("第2版", "対応時間は 6.5 時間でした。\n以上\n"),
        );
        assert_eq!(compared.lines.len(), 2);
        assert_eq!(compared.lines[0].key(), "changed");
        assert_eq!(
            text(&compared.lines[0].before.pieces),
            "対応時間は [5].5 時間でした。"
        );
        assert_eq!(
            text(&compared.lines[0].after.pieces),
            "対応時間は [6].5 時間でした。"
        );
        assert_eq!(compared.lines[1].key(), "same");
        assert_eq!(compared.changes(), 1);
    }

    #[test]
    fn added_and_removed_lines_stand_alone() {
        let compared = Comparison::of(("a", "一\n二\n"), ("b", "一\n二\n三\n"));
        let last = compared.lines.last().expect("a line");
        assert_eq!((last.key(), last.after.number), ("added", 3));
        let compared = Comparison::of(("a", "一\n二\n"), ("b", "二\n"));
        assert_eq!(compared.lines[0].key(), "removed");
    }

    #[test]
    fn what_is_far_from_any_change_is_left_out_and_counted() {
        let old = (1..=40)
            .map(|n| format!("行 {n}"))
            .collect::<Vec<_>>()
            .join("\n")
            + "\n";
        let new = old.replace("行 20\n", "行二十\n");
        let compared = Comparison::of(("a", &old), ("b", &new));
        assert_eq!(compared.lines.len(), 5);
        assert_eq!((compared.lines[0].skipped, compared.skipped), (17, 18));
        assert_eq!(Comparison::of(("a", &old), ("b", &old)).lines, []);
    }

    #[test]
    fn lines_with_nothing_in_common_are_changed_whole() {
        let compared = Comparison::of(("a", "まったく別\n"), ("b", "abc\n"));
        assert_eq!(text(&compared.lines[0].before.pieces), "[まったく別]");
    }

    #[test]
    fn empty_texts_compare() {
        assert_eq!(Comparison::of(("a", ""), ("b", "")).changes(), 0);
        assert_eq!(Comparison::of(("a", ""), ("b", "x")).changes(), 1);
    }
}
