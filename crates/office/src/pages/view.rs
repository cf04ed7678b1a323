//! What several pages show: verdicts as badges, dates with weekday, the contract that is meant.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use jiff::civil::Date;
use mamori_contract::Due;
use mamori_contract::engine::Verdict;
use mamori_kernel::period::Period;
use mamori_kernel::wareki;
use mamori_runtime::App;
use mamori_web::{Page, Tone, Visitor, WebError};

use crate::Office;
use crate::contracts::{ContractsError, Live};
use crate::deadlines::{Deadline, Standing};
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

/// The word for a verdict in the page's language.
pub fn verdict(page: &Page, verdict: Verdict) -> String {
    page.t(&format!("verdict-{}", key(verdict).replace('_', "-")))
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

/// How far away a date is, in words and with its badge.
pub fn days_left(page: &Page, deadline: &Deadline, today: Date) -> (String, Tone) {
    let left = deadline.days_left(today).unwrap_or(0);
    match deadline.standing {
        Standing::Done => (page.t("date-done"), Tone::Ok),
        Standing::Overdue => (page.t1("date-over", "days", -left), Tone::Bad),
        Standing::Unproved => (page.t("date-unproved"), Tone::Quiet),
        Standing::Undecided => (page.t("date-undecided"), Tone::Doubt),
        Standing::Unknown => (page.t("date-unknown"), Tone::Doubt),
        Standing::Open if left == 0 => (page.t("date-today"), Tone::Warn),
        Standing::Open if left <= 7 => (page.t1("date-left", "days", left), Tone::Warn),
        Standing::Open => (page.t1("date-left", "days", left), Tone::Wait),
    }
}

/// Why a date is what it is, the rule first, in the contract's words.
pub fn reasons_of_day(due: &Due) -> Vec<String> {
    let mut reasons = vec![due.rule.clone()];
    reasons.extend(due.reason.clone());
    reasons.extend(due.unknown.clone());
    if due.after_term {
        reasons.push("契約期間の後です".to_owned());
    }
    reasons.extend(due.other_readings.iter().map(|other| {
        let day = other.due.map_or_else(|| "期限なし".to_owned(), day);
        format!("{}「{}」の読みでは {day}", other.note, other.title)
    }));
    reasons
}

/// Key of the name of a paper's state, and its badge.
pub fn paper_state(state: &str) -> (&'static str, Tone) {
    match state {
        "draft" => ("paper-draft", Tone::Wait),
        "submitted" => ("paper-submitted", Tone::Info),
        "returned" => ("paper-returned", Tone::Bad),
        "accepted" => ("paper-accepted", Tone::Ok),
        _ => ("paper-unknown", Tone::Quiet),
    }
}

/// The address of an item's page.
pub fn item_address(contract: &str, register: &str, number: &str) -> String {
    let list = match register {
        "document" => "documents",
        register => register,
    };
    format!("/c/{contract}/{list}/{number}")
}
