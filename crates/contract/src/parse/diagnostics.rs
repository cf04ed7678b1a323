//! What is wrong with a file, where, and what would be right; rendered for people and as JSON.

use std::fmt;
use std::ops::Range;

use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file is refused.
    Error,
    /// The file is accepted.
    Warning,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Stable word for machines, such as `unknown-key`.
    pub code: &'static str,
    /// What is wrong, in Japanese.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
    /// Path in the file, such as `obligation[3].deadline.date`.
    pub path: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Bytes in the source.
    #[serde(skip)]
    pub span: Range<usize>,
}

/// All findings on one file.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Name of the file as given.
    pub file: String,
    /// Findings in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
    #[serde(skip)]
    source: String,
}

impl Report {
    /// An empty report on a source.
    pub fn new(file: &str, source: &str) -> Self {
        Self {
            file: file.to_owned(),
            diagnostics: Vec::new(),
            source: source.to_owned(),
        }
    }

    /// Adds a finding at a place.
    pub(crate) fn add(
        &mut self,
        severity: Severity,
        code: &'static str,
        path: &str,
        span: Range<usize>,
        message: String,
        help: Option<String>,
    ) {
        let (line, column) = self.place(span.start);
        self.diagnostics.push(Diagnostic {
            severity,
            code,
            message,
            help,
            path: path.to_owned(),
            line,
            column,
            span,
        });
    }

    /// Whether the file is refused.
    pub fn has_errors(&self) -> bool {
        self.diagnostics
            .iter()
            .any(|d| d.severity == Severity::Error)
    }

    /// Number of errors and of warnings.
    pub fn counts(&self) -> (usize, usize) {
        let errors = self
            .diagnostics
            .iter()
            .filter(|d| d.severity == Severity::Error)
            .count();
        (errors, self.diagnostics.len() - errors)
    }

    /// Sorts by place and drops repetitions.
    pub(crate) fn finish(&mut self) {
        self.diagnostics.sort_by(|a, b| {
            (a.span.start, a.severity, a.code, &a.message).cmp(&(
                b.span.start,
                b.severity,
                b.code,
                &b.message,
            ))
        });
        self.diagnostics
            .dedup_by(|a, b| a.span == b.span && a.code == b.code && a.message == b.message);
    }

    fn place(&self, offset: usize) -> (usize, usize) {
        let before = self.source.get(..offset).unwrap_or(&self.source);
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        (
            before.matches('\n').count() + 1,
            before[start..].chars().count() + 1,
        )
    }
}

/// Columns a character takes in a terminal.
fn width(c: char) -> usize {
    match c as u32 {
        0x0300..=0x036F => 0,
        0x1100..=0x115F
        | 0x2E80..=0xA4CF
        | 0xAC00..=0xD7A3
        | 0xF900..=0xFAFF
        | 0xFE30..=0xFE6F
        | 0xFF00..=0xFF60
        | 0xFFE0..=0xFFE6
        | 0x20000..=0x3FFFD => 2,
        _ => 1,
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for found in &self.diagnostics {
            let word = match found.severity {
                Severity::Error => "誤り",
                Severity::Warning => "注意",
            };
            writeln!(out, "{word}[{}]: {}", found.code, found.message)?;
            let path = if found.path.is_empty() {
                String::new()
            } else {
                format!(" ({})", found.path)
            };
            writeln!(
                out,
                "  --> {}:{}:{}{path}",
                self.file, found.line, found.column
            )?;
            let line = self.source.lines().nth(found.line - 1).unwrap_or("");
            let number = found.line.to_string();
            let before: usize = line.chars().take(found.column - 1).map(width).sum();
            let marked: usize = self
                .source
                .get(found.span.clone())
                .unwrap_or("")
                .lines()
                .next()
                .unwrap_or("")
                .chars()
                .map(width)
                .sum();
            writeln!(out, " {number} | {line}")?;
            writeln!(
                out,
                " {:pad$} | {:before$}{}",
                "",
                "",
                "^".repeat(marked.max(1)),
                pad = number.len()
            )?;
            if let Some(help) = &found.help {
                writeln!(out, " {:pad$} = 直し方: {help}", "", pad = number.len())?;
            }
            writeln!(out)?;
        }
        let (errors, warnings) = self.counts();
        write!(out, "{}: 誤り {errors} 件、注意 {warnings} 件", self.file)
    }
}
