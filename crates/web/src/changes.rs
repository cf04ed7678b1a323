//! Changes of people and rights, as the chain of the installation holds them: who did what to
//! whom, and when. The page and the API show the same.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::civil::Date;
use mamori_kernel::clock::tokyo_midnight;
use mamori_kernel::evidence::{USER_ADDED, USER_REMOVED, USER_SESSION};
use mamori_kernel::ledger::Record;
use mamori_runtime::{App, SYSTEM_CHAIN};
use mamori_store::LedgerAbout;
use serde_json::Value;

use crate::account::{self, AccountError};

/// What is looked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Search {
    /// Id of a person, token or link, doing or done to; empty: everybody.
    pub(crate) who: String,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    /// Whether the oldest come first.
    pub(crate) oldest_first: bool,
}

impl Search {
    /// Changes from one day to another, both included, in Japan.
    pub(crate) fn on_days(who: &str, (from, to): (Option<Date>, Option<Date>)) -> Self {
        Self {
            who: who.to_owned(),
            from: from.map(tokyo_midnight),
            until: to.and_then(|day| day.tomorrow().ok()).map(tokyo_midnight),
            oldest_first: false,
        }
    }

    fn about(&self) -> LedgerAbout<'_> {
        LedgerAbout {
            contract: SYSTEM_CHAIN,
            kinds: &[USER_ADDED, USER_REMOVED, USER_SESSION],
            who: &self.who,
            from: self.from,
            until: self.until,
            newest_first: !self.oldest_first,
        }
    }
}

/// Whom or what a change is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    Person,
    Token,
    Link,
    /// Sign-ins with names that nobody has.
    SignIn,
}

impl About {
    pub(crate) const ALL: [Self; 4] = [Self::Person, Self::Token, Self::Link, Self::SignIn];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Token => "token",
            Self::Link => "link",
            Self::SignIn => "sign-in",
        }
    }
}

/// One change.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) seq: u64,
    pub(crate) at: Timestamp,
    /// Who did it: `person`, `job` or `machine`, the id, and the name as it is now.
    pub(crate) who_kind: &'static str,
    pub(crate) who: String,
    pub(crate) name: String,
    pub(crate) about: About,
    /// Id of what it is about, and its name as it is now; the id where there is none.
    pub(crate) subject: String,
    pub(crate) subject_name: String,
    /// See [`crate::trail`].
    pub(crate) act: String,
    /// The role that it left or found; may be empty.
    pub(crate) role: String,
}

/// How many changes fit.
pub(crate) async fn count(app: &App, search: &Search) -> Result<u64, AccountError> {
    Ok(app.db.ledger_count_about(&search.about()).await?)
}

/// Those that fit, of one page.
pub(crate) async fn list(
    app: &App,
    search: &Search,
    offset: u64,
    most: u64,
) -> Result<Vec<Change>, AccountError> {
    let records = app.db.ledger_about(&search.about(), offset, most).await?;
    let people = account::list(app).await?.into_iter();
    let names: HashMap<String, String> = people
        .map(|account| (account.id.to_string(), account.display_name))
        .collect();
    Ok(records.iter().map(|record| read(record, &names)).collect())
}

fn read(record: &Record, names: &HashMap<String, String>) -> Change {
    let payload: Value = serde_json::from_str(record.payload.as_str()).unwrap_or_default();
    let said = |key: &str| payload[key].as_str().unwrap_or_default().to_owned();
    let called = |id: &str| names.get(id).cloned().unwrap_or_else(|| id.to_owned());
    let about = match (&payload["user"], &payload["token"], &payload["invitation"]) {
        (Value::String(_), _, _) => About::Person,
        (_, Value::String(_), _) => About::Token,
        (_, _, Value::String(_)) => About::Link,
        _ => About::SignIn,
    };
    // Before they had a word of their own, tokens ended under the word of those that were made.
    let act = match (record.kind.as_str(), said("act")) {
        (USER_REMOVED, act) if act == "token" => "token-ended".to_owned(),
        (_, act) => act,
    };
    Change {
        seq: record.seq,
        at: record.at,
        who_kind: record.actor.kind.as_str(),
        name: called(&record.actor.id),
        who: record.actor.id.clone(),
        about,
        subject_name: called(&record.subject),
        subject: record.subject.clone(),
        act,
        role: said("role"),
    }
}
