//! The newest warnings and errors of this process, kept in memory for the page about its health.
//!
//! Bounded in number and length. Values of fields that sound like secrets are left out, mail
//! addresses and the users in addresses of hosts are covered: the page is for people who run the
//! installation, not for reading others' data.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};

use jiff::Timestamp;
use mamori_kernel::Clock as _;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::clock::SystemClock;

/// Lines that are kept.
const KEPT: usize = 500;
/// Characters of a line that are kept.
const LONGEST: usize = 600;
/// Fields whose values are never kept.
const SECRET: [&str; 7] = [
    "authorization",
    "cookie",
    "csrf",
    "key",
    "password",
    "secret",
    "token",
];

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When.
    pub at: Timestamp,
    /// Whether it is an error; else a warning.
    pub is_error: bool,
    /// The module that said it.
    pub target: String,
    /// What it said, with its fields.
    pub text: String,
}

/// The newest lines.
#[derive(Debug, Default)]
pub struct RecentLogs(Mutex<VecDeque<LogLine>>);

impl RecentLogs {
    /// Those of this process: a process has one log.
    pub fn global() -> &'static Self {
        static LOGS: OnceLock<RecentLogs> = OnceLock::new();
        LOGS.get_or_init(Self::default)
    }

    /// All lines, the newest first.
    pub fn newest(&self) -> Vec<LogLine> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().rev().cloned().collect()
    }

    fn push(&self, line: LogLine) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

/// Puts warnings and errors into a [`RecentLogs`].
pub(crate) struct Keeping(pub(crate) &'static RecentLogs);

impl<S: Subscriber> Layer<S> for Keeping {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let level = *event.metadata().level();
        if level > Level::WARN {
            return;
        }
        let mut words = Words::default();
        event.record(&mut words);
        let text: String = covered(&format!("{}{}", words.message, words.fields));
        self.0.push(LogLine {
            at: SystemClock.now(),
            is_error: level == Level::ERROR,
            target: event.metadata().target().to_owned(),
            text: text.chars().take(LONGEST).collect(),
        });
    }
}

#[derive(Default)]
struct Words {
    message: String,
    fields: String,
}

impl Words {
    fn put(&mut self, field: &Field, value: &str) {
        use fmt::Write as _;
        let name = field.name();
        if name == "message" {
            value.clone_into(&mut self.message);
        } else if SECRET.iter().any(|secret| name.contains(secret)) {
            let _ = write!(self.fields, " {name}=…");
        } else {
            let _ = write!(self.fields, " {name}={value}");
        }
    }
}

impl Visit for Words {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, &format!("{value:?}"));
    }
}

/// Without line breaks and control characters; what stands before an `@` in a word is covered.
fn covered(text: &str) -> String {
    text.split([' ', '\n', '\r', '\t'])
        .filter(|word| !word.is_empty())
        .map(|word| {
            let word: String = word.chars().filter(|c| !c.is_control()).collect();
            match word.rsplit_once('@') {
                Some((_, host)) => format!("…@{host}"),
                None => word,
            }
        })
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    fn kept(say: impl FnOnce()) -> Vec<LogLine> {
        let logs: &'static RecentLogs = Box::leak(Box::default());
        let subscriber = tracing_subscriber::registry().with(Keeping(logs));
        tracing::subscriber::with_default(subscriber, say);
        logs.newest()
    }

    #[test]
    fn warnings_and_errors_are_kept_the_newest_first() {
        let lines = kept(|| {
            tracing::info!("quiet");
            tracing::warn!(job = 7, "late");
            tracing::error!("broken\nin two");
        });
        let said: Vec<(bool, &str)> = lines
            .iter()
            .map(|line| (line.is_error, line.text.as_str()))
            .collect();
        assert_eq!(said, [(true, "broken in two"), (false, "late job=7")]);
    }

    #[test]
    fn secrets_and_addresses_are_covered() {
        let lines = kept(|| {
            tracing::warn!(
                api_token = "abc",
                error = "550 <hanako@example.jp> unknown; postgres://u:pw@db/x",
                "refused"
            );
        });
        assert_eq!(
            lines[0].text,
            "refused api_token=… error=550 …@example.jp> unknown; …@db/x"
        );
    }

    #[test]
    fn number_and_length_are_bounded() {
        let lines = kept(|| {
            for n in 0..KEPT + 3 {
                tracing::warn!("{n} {}", "長".repeat(2_000));
            }
        });
        assert_eq!(lines.len(), KEPT);
        assert!(lines[0].text.starts_with("502 ") && lines[0].text.chars().count() == LONGEST);
    }
}
