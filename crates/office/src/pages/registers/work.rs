//! What only the list of work entries has: a month with its gauge, and the quick entry.

use mamori_kernel::period::{Period, YearMonth};
use mamori_web::components::{Figure, TableQuery, form_key};
use mamori_web::{Field, Page, WebError};
use serde_json::{Map, Value};

use super::fields::{self, Part, Wanted};
use super::{Here, desk_error, label, value};
use crate::pages::view;
use crate::register::{Side, Stored};
use crate::work::Gauge;

/// The fields of the quick entry, in the order of the Tab key.
const QUICK: [&str; 6] = ["date", "start", "end", "hours", "category", "event"];

/// A month of work entries.
pub(super) struct Month {
    /// Its name.
    pub title: String,
    /// The months beside it: address and name.
    pub before: (String, String),
    /// See `before`.
    pub after: (String, String),
    /// Hours against the cap.
    pub gauge: Option<Figure>,
    /// In words, when there is no cap to draw.
    pub sum: String,
    /// The quick entry, for those who may record.
    pub quick: Option<Quick>,
}

/// The quick entry.
pub(super) struct Quick {
    /// Where it is sent.
    pub action: String,
    /// Key against a second click.
    pub once: String,
    /// Its fields.
    pub fields: Vec<Field>,
}

/// The month that a list shows: of work entries the one asked for, this one when nothing else is
/// asked.
pub(super) fn month_of(here: &Here, query: &TableQuery) -> Option<YearMonth> {
    if here.register.spec.key != "work" {
        return None;
    }
    if let Ok(month) = query.filter("month").parse() {
        return Some(month);
    }
    let other = ["q", "from", "to", "link"]
        .iter()
        .any(|name| !query.filter(name).is_empty());
    (!other).then(|| YearMonth::of(here.today))
}

/// The month above the list.
pub(super) async fn month(
    here: &Here,
    page: &Page,
    month: YearMonth,
    items: &[Stored],
) -> Result<Month, WebError> {
    let gauge = here
        .desk
        .work_gauge(&here.contract, month)
        .await
        .map_err(desk_error)?;
    let beside = |month: YearMonth| {
        (
            format!("{}?month={month}", here.list()),
            page.period(Period::Month(month)),
        )
    };
    let quick = match crate::api::way_for(
        here.register,
        crate::api::opening(here.register),
        &here.visitor,
    ) {
        Some(_) => Some(quick(here, page, items).await?),
        None => None,
    };
    Ok(Month {
        title: page.period(Period::Month(month)),
        before: beside(month.plus(-1)),
        after: beside(month.plus(1)),
        sum: sentence(page, &gauge),
        gauge: figure(here, page, &gauge),
        quick,
    })
}

fn figure(here: &Here, page: &Page, gauge: &Gauge) -> Option<Figure> {
    let cap = gauge.cap.as_ref()?;
    let rows = gauge
        .categories
        .iter()
        .map(|sum| {
            vec![
                sum.title_ja.clone(),
                sum.entries.to_string(),
                value::minutes(page, sum.minutes.into()),
            ]
        })
        .collect();
    Some(Figure {
        header: vec![
            label::named(page, here.register.spec, "category"),
            page.t("registers-entries"),
            label::named(page, here.register.spec, "hours"),
        ],
        rows,
        ..view::gauge(page, cap.title_ja.clone(), gauge, sentence(page, gauge))
    })
}

/// The month's sum in a sentence.
pub(in crate::pages) fn sentence(page: &Page, gauge: &Gauge) -> String {
    let time = |minutes: u32| value::minutes(page, minutes.into());
    let mut text = page.t_with(
        "registers-sum",
        &[
            ("month", page.period(Period::Month(gauge.month)).into()),
            ("counted", time(gauge.counted_minutes).into()),
        ],
    );
    if gauge.cap.is_some() {
        let (key, minutes) = if gauge.over_minutes > 0 {
            ("registers-sum-over", gauge.over_minutes)
        } else {
            ("registers-sum-left", gauge.left_minutes)
        };
        text.push_str(&page.t1(key, "time", time(minutes)));
    }
    if gauge.undecided_minutes > 0 {
        let undecided = time(gauge.undecided_minutes);
        text.push_str(&page.t1("registers-sum-undecided", "time", undecided));
    }
    text
}

/// The new sum of the month of an entry, said after the quick entry.
pub(super) async fn sum(
    here: &Here,
    page: &Page,
    item: &Stored,
) -> Result<Option<String>, WebError> {
    if item.register != "work" {
        return Ok(None);
    }
    let gauge = here
        .desk
        .work_gauge(&here.contract, YearMonth::of(item.day))
        .await
        .map_err(desk_error)?;
    Ok(Some(sentence(page, &gauge)))
}

/// Back to the list of the entry's month, with the cursor in the first field.
pub(super) fn back(here: &Here, item: &Stored) -> String {
    let month = YearMonth::of(item.day);
    format!("{}?month={month}#f-{}", here.list(), QUICK[0])
}

async fn quick(here: &Here, page: &Page, items: &[Stored]) -> Result<Quick, WebError> {
    let act = crate::api::opening(here.register);
    let own = here.visitor.actor().to_string();
    let mut values = Map::new();
    values.insert("date".to_owned(), here.today.to_string().into());
    // What one does is often what one did before.
    let last = items
        .iter()
        .filter(|item| item.opened_by == own)
        .max_by_key(|item| item.created_ms)
        .and_then(|item| item.data.get("category"));
    if let Some(Value::String(category)) = last {
        values.insert("category".to_owned(), category.clone().into());
    }
    let wanted = Wanted {
        act,
        side: Side::Contractor,
        item: None,
        values: &values,
        problems: &[],
        fresh: true,
    };
    let mut made: Vec<Field> = fields::parts(here, page, &wanted)
        .await
        .map_err(desk_error)?
        .into_iter()
        .filter_map(|part| match part {
            Part::Field { field, .. } if QUICK.contains(&field.name) => Some(field),
            _ => None,
        })
        .map(|mut field| {
            // One stop of the Tab key each, and Enter sends.
            if matches!(field.kind, "date" | "textarea") {
                field.kind = "text";
                field.max_length = 0;
            }
            field.help = String::new();
            field
        })
        .collect();
    made.sort_by_key(|field| QUICK.iter().position(|name| *name == field.name));
    Ok(Quick {
        action: format!("{}/new", here.list()),
        once: form_key(),
        fields: made,
    })
}
