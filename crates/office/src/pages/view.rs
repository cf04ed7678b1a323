//! What several pages show: verdicts as badges, dates with weekday, the contract that is meant.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use jiff::civil::Date;
use mamori_contract::Due;
use mamori_contract::engine::Verdict;
use mamori_document::{Gauge as Drawing, GaugeWords, Theme};
use mamori_kernel::period::Period;
use mamori_runtime::App;
use mamori_web::components::Figure;
use mamori_web::{Page, Tone, Visitor, WebError};

use super::start::hours;
use crate::Office;
use crate::contracts::{ContractsError, Live};
use crate::deadlines::{Deadline, Standing};
use crate::documents::PaperError;
use crate::register::{DeskError, RegisterSpec};
use crate::work::Gauge;

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
        error if error.is_about_words() => WebError::invalid(error.to_string()),
        other => WebError::bug(other),
    }
}

/// An error of the desk as an answer.
pub fn desk_error(error: DeskError) -> WebError {
    match error {
        DeskError::NotFound {
            register_ja,
            reference,
        } => WebError::NotFound(format!("{register_ja}「{reference}」")),
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

/// Title of an evidence kind: as its writer declares it, as our own texts call what other
/// capabilities will write, or the kind itself.
pub fn kind_title(app: &App, page: &Page, kind: &str) -> String {
    let declared = app
        .capabilities()
        .iter()
        .flat_map(|capability| &capability.evidence)
        .find(|declared| declared.kind == kind)
        .map_or(kind, |declared| declared.title_ja);
    page.t_or(&kind_key(kind), declared)
}

/// A sentence of the contract's engine as the page says it: days in the reader's style, kinds of
/// evidence by their names.
pub fn told(page: &Page, sentence: &str) -> String {
    let text = page.days_within(sentence);
    let mut said = String::with_capacity(text.len());
    let mut rest = text.as_str();
    let part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_');
    while let Some(start) = rest.find(part) {
        let end = rest[start..]
            .find(|c: char| !part(c))
            .map_or(rest.len(), |length| start + length);
        let word = &rest[start..end];
        said.push_str(&rest[..start]);
        match word.split_once('.') {
            Some(_) => said.push_str(&page.t_or(&kind_key(word), word)),
            None => said.push_str(word),
        }
        rest = &rest[end..];
    }
    said.push_str(rest);
    said
}

/// The hours of a month against their cap, drawn with the page's words.
pub fn gauge(page: &Page, title: String, gauge: &Gauge, sentence: String) -> Figure {
    let hours_of = |minutes: u32| f64::from(minutes) / 60.0;
    let cap = gauge.cap.as_ref().map_or(0, |cap| cap.minutes);
    let drawn = Drawing {
        title: title.clone(),
        unit: page.t("registers-hours"),
        value: hours_of(gauge.counted_minutes),
        limit: hours_of(cap),
        undecided: hours_of(gauge.undecided_minutes),
        decimals: 2,
    };
    let said = |key: &str, minutes: u32| page.t1(key, "hours", hours(minutes));
    let mut used = said("gauge-used", gauge.counted_minutes);
    if gauge.undecided_minutes > 0 {
        used.push_str(&said("gauge-undecided", gauge.undecided_minutes));
    }
    let words = GaugeWords {
        limit: said("gauge-limit", cap),
        used,
        sentence,
    };
    Figure {
        title,
        svg: drawn.svg(Theme::Console, &words),
        sentence: words.sentence,
        header: Vec::new(),
        rows: Vec::new(),
    }
}

/// The text key of an evidence kind.
pub fn kind_key(kind: &str) -> String {
    format!("kind-{}", kind.replace(['.', '_'], "-"))
}

/// A period in words for mail and calendars, which are Japanese.
pub fn period_ja(period: Period) -> String {
    match period {
        Period::Term(_) => "契約期間".to_owned(),
        other => other.japanese(),
    }
}

/// A period in words; the term is not spelt out.
pub fn period(page: &Page, period: Period) -> String {
    match period {
        Period::Term(_) => page.t("papers-term"),
        other => page.period(other),
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
pub fn reasons_of_day(due: &Due, day: impl Fn(Date) -> String) -> Vec<String> {
    let mut reasons = vec![due.rule.clone()];
    reasons.extend(due.reason.clone());
    reasons.extend(due.unknown.clone());
    if due.after_term {
        reasons.push("契約期間の後です".to_owned());
    }
    reasons.extend(due.other_readings.iter().map(|other| {
        let day = other.due.map_or_else(|| "期限なし".to_owned(), &day);
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

/// What a register is called in the page's language.
pub fn register_name(page: &Page, spec: &RegisterSpec) -> String {
    page.t_or(&format!("register-{}", spec.key), spec.title_ja)
}

/// What a state of a register's items, or of papers, is called there.
pub fn state_name(page: &Page, spec: &'static RegisterSpec, state: &str) -> String {
    let key = match spec.key {
        "document" => format!("papers-state-{state}"),
        register => format!("register-{register}-state-{state}"),
    };
    page.t_or(&key, spec.state_ja(state))
}
