//! How the city decided that an ambiguity of the text is to be read: recorded with the number of
//! the consultation in which it was agreed (仕様書 15(1)), so that the engine judges accordingly.

use jiff::civil::Date;
use mamori_contract::language::Ambiguity;
use mamori_kernel::ledger::{NewRecord, Record};
use mamori_kernel::permission::Permission;
use mamori_runtime::App;
use mamori_store::LedgerQuery;
use mamori_web::{Field, Page, Visitor, WebError};
use serde::Deserialize;
use serde_json::json;

use super::super::view;
use crate::Office;
use crate::consultation::Consultation;
use crate::contracts::Live;
use crate::register::{DeskError, typed};

/// Evidence kind of a decision.
pub const READING: &str = "contract.reading";
/// Recording how a text is to be read.
pub const DECIDE: Permission = Permission::decide("consultation");

/// What was typed.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub struct Form {
    /// Ambiguity, `A-07`.
    pub note: String,
    /// Key of the reading.
    pub reading: String,
    /// Number of the consultation.
    pub consultation: String,
    /// First day for which it holds.
    pub from: String,
    /// Section of the city that decided.
    pub by: String,
    /// The same twice is one decision.
    pub once: String,
}

/// What is wrong with a form, by field.
#[derive(Debug, Default)]
pub struct Problems {
    reading: String,
    consultation: String,
    from: String,
    by: String,
}

impl Problems {
    /// Every field with what is wrong with it; empty where nothing is.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("reading", &self.reading),
            ("consultation", &self.consultation),
            ("from", &self.from),
            ("by", &self.by),
        ]
        .into_iter()
        .map(|(field, text)| (field, text.as_str()))
    }

    fn is_empty(&self) -> bool {
        self.named().all(|(_, text)| text.is_empty())
    }
}

/// A decision in force.
pub struct Decision {
    /// The reading's title.
    pub title: String,
    /// From when it holds.
    pub from: Option<Date>,
    /// Number of the consultation; may be empty.
    pub consultation: String,
    /// Number of the record.
    pub seq: u64,
}

/// The newest decision on an ambiguity.
pub async fn decided(
    app: &App,
    contract: &str,
    note: &Ambiguity,
) -> Result<Option<Decision>, WebError> {
    let query = LedgerQuery {
        kinds: vec![READING.to_owned()],
        subject: Some(format!("note:{}", note.key)),
        newest_first: true,
        limit: 1,
        ..LedgerQuery::new(contract)
    };
    let records = app.db.ledger_records(&query).await?;
    Ok(records.first().map(|record| read(record, note)))
}

fn read(record: &Record, note: &Ambiguity) -> Decision {
    let payload = record.payload.value();
    let text = |field: &str| payload[field].as_str().unwrap_or_default().to_owned();
    let key = text("reading");
    let title = note
        .reading
        .iter()
        .find(|reading| reading.key == key)
        .map_or(key, |reading| reading.title.clone());
    Decision {
        title,
        from: text("from").parse().ok(),
        consultation: text("consultation"),
        seq: record.seq,
    }
}

/// Names that keep the fields of several forms on one page apart.
const PLACES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// The fields of the form, with what was typed and what is wrong; `place` counts the forms of the
/// page.
pub fn fields(
    page: &Page,
    note: &Ambiguity,
    place: usize,
    form: &Form,
    problems: &Problems,
) -> Vec<Field> {
    let options = std::iter::once((String::new(), page.t("reading-choose"))).chain(
        note.reading
            .iter()
            .map(|reading| (reading.key.clone(), reading.title.clone())),
    );
    vec![
        Field::select("reading", page.t("reading-reading"), options)
            .required()
            .value(&form.reading)
            .error(&problems.reading),
        Field::text("consultation", page.t("reading-consultation"))
            .help(page.t("reading-consultation-help"))
            .required()
            .at_most(64)
            .value(&form.consultation)
            .error(&problems.consultation),
        Field::new("date", "from", page.t("reading-from"))
            .required()
            .value(&form.from)
            .error(&problems.from),
        Field::text("by", page.t("reading-by"))
            .help(page.t("reading-by-help"))
            .at_most(100)
            .value(&form.by)
            .error(&problems.by),
    ]
    .into_iter()
    .map(|field| field.of_form(PLACES[place % PLACES.len()]))
    .collect()
}

/// Records a decision. What is wrong comes back by field, and nothing was written.
pub async fn record(
    app: &App,
    office: &Office,
    live: &Live,
    visitor: &Visitor,
    page: &Page,
    note: &Ambiguity,
    form: &Form,
) -> Result<Result<(), Problems>, WebError> {
    let mut problems = Problems::default();
    if note.reading.iter().all(|one| one.key != form.reading) {
        problems.reading = page.t("reading-choose-one");
    }
    let today = mamori_kernel::clock::tokyo_date(app.now());
    let from = typed::date(&form.from, today);
    if let Err(message) = &from {
        problems.from.clone_from(message);
    }
    if form.by.chars().count() > 100 || form.by.chars().any(char::is_control) {
        problems.by = page.t("reading-by-wrong");
    }
    let agreed = agreed(office, live.id(), form.consultation.trim()).await?;
    let (number, decided_on) = match agreed {
        Some((number, consultation)) if consultation.decided_on.is_some() => {
            if consultation
                .note
                .as_deref()
                .is_some_and(|key| key != note.key)
            {
                problems.consultation = page.t("reading-other-note");
            }
            (number, consultation.decided_on)
        }
        Some(_) => {
            problems.consultation = page.t("reading-not-agreed");
            (String::new(), None)
        }
        None => {
            problems.consultation = page.t("reading-no-consultation");
            (String::new(), None)
        }
    };
    let (true, Ok(from)) = (problems.is_empty(), from) else {
        return Ok(Err(problems));
    };
    let mut payload = json!({
        "note": note.key,
        "reading": form.reading,
        "from": from.to_string(),
        "decided_on": decided_on.map(|day| day.to_string()),
        "consultation": number,
    });
    if !form.by.trim().is_empty() {
        payload["by"] = json!(form.by.trim());
    }
    let mut record = NewRecord::new(
        live.id(),
        app.now(),
        visitor.actor(),
        READING,
        format!("note:{}", note.key),
        &payload,
    )?;
    if !form.once.is_empty() && form.once.len() <= 64 {
        // The same form sent twice is one decision.
        record = record.dedup(format!("reading:{}", form.once));
    }
    let mut tx = app.db.begin_write().await?;
    app.append(&mut tx, record).await?;
    tx.commit().await?;
    Ok(Ok(()))
}

/// The consultation of that number, if there is one, with its number as it is written.
async fn agreed(
    office: &Office,
    contract: &str,
    number: &str,
) -> Result<Option<(String, Consultation)>, WebError> {
    let (false, Some(register)) = (number.is_empty(), crate::register("consultation")) else {
        return Ok(None);
    };
    match office.desk.get(contract, register, number).await {
        Ok(item) => {
            let mut consultation: Consultation = item.read().map_err(WebError::bug)?;
            if item.state != "agreed" {
                consultation.decided_on = None;
            }
            Ok(Some((item.number, consultation)))
        }
        Err(DeskError::NotFound { .. }) => Ok(None),
        Err(error) => Err(view::desk_error(error)),
    }
}
