//! What several pages show: verdicts as badges, dates with weekday, the contract that is meant.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use jiff::Timestamp;
use jiff::civil::Date;
use mamori_contract::Due;
use mamori_contract::engine::Verdict;
use mamori_kernel::clock::tokyo_datetime;
use mamori_kernel::period::Period;
use mamori_kernel::wareki;
use mamori_runtime::App;
use mamori_web::{Tone, Visitor, WebError};

use crate::Office;
use crate::contracts::{ContractsError, Live};
use crate::documents::PaperError;
use crate::register::DeskError;

/// The contract that the address names, with the office that keeps it.
pub struct At {
    /// The office.
    pub office: Arc<Office>,
    /// The contract.
    pub live: Arc<Live>,
}

impl FromRequestParts<App> for At {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, WebError> {
        // The guard has read the address and knows that the visitor may come here.
        let id = parts
            .extensions
            .get::<Visitor>()
            .and_then(|visitor| visitor.contract.clone())
            .ok_or_else(|| WebError::NotFound("契約".to_owned()))?;
        let office = Office::of(app).map_err(WebError::bug)?;
        let live = office.contracts.live(&id).await.map_err(contract_error)?;
        Ok(Self { office, live })
    }
}

/// An error of the contract service as an answer.
pub fn contract_error(error: ContractsError) -> WebError {
    match error {
        ContractsError::Unknown(id) => WebError::NotFound(format!("契約「{id}」")),
        other => WebError::bug(other),
    }
}

/// An error of a paper as an answer.
pub fn paper_error(error: PaperError) -> WebError {
    match error {
        PaperError::Contract(error) => contract_error(error),
        PaperError::Desk(error) => desk_error(error),
        PaperError::UnknownDocument { .. } | PaperError::UnknownAbout { .. } => {
            WebError::invalid(error.to_string())
        }
        other => WebError::bug(other),
    }
}

/// An error of the desk as an answer.
pub fn desk_error(error: DeskError) -> WebError {
    match error {
        DeskError::NotFound { .. } => WebError::NotFound(error.to_string()),
        DeskError::Stale { .. } | DeskError::KeyReused(_) => WebError::Conflict(error.to_string()),
        DeskError::Refused(refusal) => WebError::invalid(refusal.to_string()),
        other => WebError::bug(other),
    }
}

/// The badge of a verdict.
pub fn tone(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Met => Tone::Ok,
        Verdict::NotMet => Tone::Bad,
        Verdict::Undecided => Tone::Doubt,
        Verdict::Pending => Tone::Wait,
        Verdict::Unmeasured | Verdict::NotApplicable => Tone::Quiet,
    }
}

/// The key of a verdict in addresses.
pub fn key(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Met => "met",
        Verdict::NotMet => "not_met",
        Verdict::Undecided => "undecided",
        Verdict::Pending => "pending",
        Verdict::Unmeasured => "unmeasured",
        Verdict::NotApplicable => "not_applicable",
    }
}

/// All verdicts, worst first.
pub const VERDICTS: [Verdict; 6] = [
    Verdict::NotMet,
    Verdict::Undecided,
    Verdict::Unmeasured,
    Verdict::Pending,
    Verdict::Met,
    Verdict::NotApplicable,
];

/// `令和8年11月10日（火）`.
pub fn day(day: Date) -> String {
    wareki::with_weekday(day)
}

/// An optional day; a dash without one.
pub fn day_or_dash(value: Option<Date>) -> String {
    value.map_or_else(|| "―".to_owned(), day)
}

/// `2026-11-10 16:00` in Japan.
pub fn moment(at: Timestamp) -> String {
    tokyo_datetime(at).strftime("%Y-%m-%d %H:%M").to_string()
}

/// Japanese title of an evidence kind; empty where no capability of this installation declares it.
pub fn kind_title(app: &App, kind: &str) -> &'static str {
    app.capabilities()
        .iter()
        .flat_map(|capability| &capability.evidence)
        .find(|declared| declared.kind == kind)
        .map_or("", |declared| declared.title_ja)
}

/// A period in words; the term is not named.
pub fn period(period: Period) -> String {
    match period {
        Period::Term(_) => "契約期間".to_owned(),
        other => other.japanese(),
    }
}

/// A due date as a row.
#[derive(Debug, Clone)]
pub struct DueRow {
    /// The day in words.
    pub day: String,
    /// How far away, in words.
    pub left: String,
    /// Badge of how far away.
    pub tone: Tone,
    /// What is due.
    pub title: String,
    /// For which period.
    pub period: String,
    /// Rule, reason of a move, notes.
    pub why: String,
    /// Obligation key.
    pub obligation: String,
}

/// A due date as a row for `today`; `done` tells that nothing is left to do.
pub fn due_row(due: &Due, today: Date, done: bool) -> DueRow {
    let left = due
        .due
        .and_then(|day| today.until((jiff::Unit::Day, day)).ok())
        .map(|span| span.get_days());
    let (text, tone) = match left {
        _ if done => ("提出済み".to_owned(), Tone::Ok),
        None => ("期限不明".to_owned(), Tone::Doubt),
        Some(days) if days < 0 => (format!("{}日超過", -days), Tone::Bad),
        Some(0) => ("今日".to_owned(), Tone::Warn),
        Some(days) if days <= 7 => (format!("あと{days}日"), Tone::Warn),
        Some(days) => (format!("あと{days}日"), Tone::Wait),
    };
    let mut why = due.rule.clone();
    if let Some(reason) = &due.reason {
        let _ = write!(why, "（{reason}）");
    }
    if let Some(unknown) = &due.unknown {
        let _ = write!(why, "（{unknown}）");
    }
    if due.after_term {
        why.push_str("（契約期間の後）");
    }
    DueRow {
        day: due.due.map_or_else(|| "―".to_owned(), self::day),
        left: text,
        tone,
        title: due
            .deliverable_title
            .clone()
            .unwrap_or_else(|| due.title.clone()),
        period: period(due.period),
        why,
        obligation: due.obligation.clone(),
    }
}
