//! Moving cell references down when rows are repeated.

use std::collections::BTreeMap;

/// Which rows of a sheet are followed by how many new ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Shift {
    rows: BTreeMap<u32, u32>,
}

impl Shift {
    pub(super) fn add(&mut self, row: u32, more: u32) {
        self.rows.insert(row, more);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Where a row, or the beginning of a range, stands afterwards.
    pub(super) fn start(&self, row: u32) -> u32 {
        row.saturating_add(self.rows.range(..row).map(|(_, more)| more).sum())
    }

    /// Where the end of a range stands: with all repetitions of its last row.
    pub(super) fn end(&self, row: u32) -> u32 {
        row.saturating_add(self.rows.range(..=row).map(|(_, more)| more).sum())
    }

    /// For a range inside one repeated row: that row and how many follow it.
    pub(super) fn repeated_single(&self, reference: &str) -> Option<(u32, u32)> {
        let (a, b) = reference.split_once(':')?;
        let (a, b) = (parse(a)?, parse(b)?);
        let more = *self.rows.get(&a.row)?;
        (a.row == b.row).then_some((a.row, more))
    }
}

struct Reference<'a> {
    column: &'a str,
    fixed: &'a str,
    row: u32,
}

/// `$B$7` → column `$B`, mark `$`, row 7.
fn parse(text: &str) -> Option<Reference<'_>> {
    let digits = text.len() - text.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let (head, row) = text.split_at(text.len() - digits);
    let row = row.parse().ok()?;
    let (column, fixed) = match head.strip_suffix('$') {
        Some(column) => (column, "$"),
        None => (head, ""),
    };
    let letters = column.strip_prefix('$').unwrap_or(column);
    let sound =
        (1..=3).contains(&letters.len()) && letters.bytes().all(|b| b.is_ascii_alphabetic());
    (sound && row > 0).then_some(Reference { column, fixed, row })
}

/// `B5:D5` after the rows moved.
pub(super) fn shift_reference(reference: &str, shift: &Shift) -> String {
    let moved = |r: &Reference<'_>, row: u32| format!("{}{}{row}", r.column, r.fixed);
    match reference.split_once(':') {
        Some((a, b)) => match (parse(a), parse(b)) {
            (Some(a), Some(b)) => {
                format!(
                    "{}:{}",
                    moved(&a, shift.start(a.row)),
                    moved(&b, shift.end(b.row))
                )
            }
            _ => reference.to_owned(),
        },
        None => {
            parse(reference).map_or_else(|| reference.to_owned(), |r| moved(&r, shift.start(r.row)))
        }
    }
}

/// A range with both ends on this row.
pub(super) fn at_row(reference: &str, row: u32) -> String {
    reference
        .split(':')
        .map(|cell| {
            parse(cell).map_or_else(
                || cell.to_owned(),
                |r| format!("{}{}{row}", r.column, r.fixed),
            )
        })
        .collect::<Vec<_>>()
        .join(":")
}

/// A formula after rows moved on some sheets. References without a sheet belong to `own`.
pub(super) fn shift_formula(formula: &str, own: &str, shifts: &BTreeMap<String, Shift>) -> String {
    let mut out = String::with_capacity(formula.len());
    let mut rest = formula;
    // The sheet a reference belongs to, as named just before it.
    let mut sheet: Option<String> = None;
    while let Some(c) = rest.chars().next() {
        if c == '"' {
            let end = closing(rest, '"');
            out.push_str(&rest[..end]);
            rest = &rest[end..];
            sheet = None;
        } else if c == '\'' {
            let end = closing(rest, '\'');
            out.push_str(&rest[..end]);
            if rest[end..].starts_with('!') {
                sheet = Some(rest[1..end.max(2) - 1].replace("''", "'"));
                out.push('!');
                rest = &rest[end + 1..];
            } else {
                rest = &rest[end..];
            }
        } else if c == '$' || c.is_alphanumeric() || c == '_' {
            let end = rest
                .find(|c: char| !(c.is_alphanumeric() || matches!(c, '$' | '_' | '.' | ':')))
                .unwrap_or(rest.len());
            let word = &rest[..end];
            let after = &rest[end..];
            if let Some(beyond) = after.strip_prefix('!') {
                out.push_str(word);
                out.push('!');
                sheet = Some(word.to_owned());
                rest = beyond;
                continue;
            }
            // `LOG10(` is a function, not cell LOG10.
            let name = sheet.take().unwrap_or_else(|| own.to_owned());
            match shifts.get(&name) {
                Some(shift) if !after.starts_with('(') => {
                    out.push_str(&shift_reference(word, shift));
                }
                _ => out.push_str(word),
            }
            rest = after;
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
            sheet = None;
        }
    }
    out
}

/// Byte length of a quoted run with doubled quotes inside.
fn closing(text: &str, quote: char) -> usize {
    let mut at = 1;
    while let Some(found) = text[at..].find(quote).map(|i| at + i) {
        if text[found + 1..].starts_with(quote) {
            at = found + 2;
        } else {
            return found + 1;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_below_move_and_ranges_grow() {
        let mut shift = Shift::default();
        shift.add(5, 3);
        shift.add(9, 1);
        assert_eq!(shift_reference("A4", &shift), "A4");
        assert_eq!(shift_reference("A5", &shift), "A5");
        assert_eq!(shift_reference("$A$6", &shift), "$A$9");
        assert_eq!(shift_reference("B5:B5", &shift), "B5:B8");
        assert_eq!(shift_reference("B6:C9", &shift), "B9:C13");
        assert_eq!(shift_reference("nonsense", &shift), "nonsense");
    }

    #[test]
    fn formulas_keep_texts_functions_and_other_sheets() {
        let mut shift = Shift::default();
        shift.add(5, 3);
        let shifts = BTreeMap::from([("様式".to_owned(), shift)]);
        for (own, formula, expected) in [
            ("様式", "SUM(D5:D5)+LOG10(A6)", "SUM(D5:D8)+LOG10(A9)"),
            (
                "様式",
                "IF(A6=\"A6 \"\"A7\",B6,0)",
                "IF(A9=\"A6 \"\"A7\",B9,0)",
            ),
            ("様式", "表紙!A6+A6", "表紙!A6+A9"),
            ("表紙", "様式!$D$6+'様式'!D6+D6", "様式!$D$9+'様式'!D9+D6"),
        ] {
            assert_eq!(shift_formula(formula, own, &shifts), expected, "{formula}");
        }
    }
}
