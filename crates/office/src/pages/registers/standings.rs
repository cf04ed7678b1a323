//! Above the list of attestations: where each obligation stands that needs one.

use mamori_web::components::{
    Cell, Column, Row, Shape, Table, TableQuery, TableSpec, percent_encoded,
};
use mamori_web::{Page, Tone, WebError};

use super::{Here, desk_error, label};
use crate::attestation::{Standing, Validity, standings};

/// The table stands beside the list and takes nothing from the address.
const SPEC: TableSpec = TableSpec {
    sortable: &[],
    sort: "obligation",
    descending: false,
    filters: &[],
    per_page: 200,
};

/// The standings, gaps first; `None` for registers without any.
pub(super) async fn table(here: &Here, page: &Page) -> Result<Option<Table>, WebError> {
    if here.register.spec.key != "attestation" {
        return Ok(None);
    }
    let filed = here
        .desk
        .all(&here.contract, here.register, None)
        .await
        .map_err(desk_error)?;
    let mut standings = standings(here.terms.as_ref(), &filed, here.today);
    if standings.is_empty() {
        return Ok(None);
    }
    standings.sort_by_key(rank);
    let gaps = standings.iter().filter(|standing| standing.gap).count();
    let query = TableQuery::read(&SPEC, &axum::http::Uri::default());
    let columns = vec![
        Column::new(
            "obligation",
            label::named(page, here.register.spec, "obligation"),
        )
        .shape(Shape::Long),
        Column::new("standing", page.t("registers-standing")).shape(Shape::Fixed),
        Column::new("paper", label::register(page, here.register.spec)).shape(Shape::Fixed),
    ];
    let rows: Vec<Row> = standings
        .iter()
        .map(|standing| row(here, page, standing))
        .collect();
    let pages = query.pages(rows.len() as u64);
    let table = Table::new(
        "standings",
        page.t("registers-standings"),
        &query,
        columns,
        rows,
        pages,
    )
    .note(page.t1("registers-gaps", "count", gaps));
    Ok(Some(table))
}

fn rank(standing: &Standing) -> u8 {
    match standing.attestation.as_ref().map(|spoken| spoken.validity) {
        _ if standing.gap => 0,
        Some(Validity::Expiring { .. }) => 1,
        _ => 2,
    }
}

fn told(page: &Page, standing: &Standing) -> String {
    match standing.attestation.as_ref().map(|spoken| spoken.validity) {
        None => page.t("registers-standing-none"),
        Some(Validity::Valid) => page.t("registers-standing-valid"),
        Some(Validity::NotApplicable) => page.t("registers-applies-not"),
        Some(Validity::Expired) => page.t("registers-standing-expired"),
        Some(Validity::Expiring { days }) => page.t1("registers-standing-expiring", "days", days),
    }
}

fn row(here: &Here, page: &Page, standing: &Standing) -> Row {
    let obligation = &standing.obligation;
    let name = format!("{} {}", obligation.key, obligation.title_ja);
    let href = here.visitor.at(&format!(
        "/obligations/{}",
        percent_encoded(&obligation.key)
    ));
    let tone = match standing.attestation.as_ref().map(|spoken| spoken.validity) {
        _ if standing.gap => Tone::Bad,
        Some(Validity::Expiring { .. }) => Tone::Warn,
        Some(Validity::NotApplicable) => Tone::Quiet,
        _ => Tone::Ok,
    };
    let paper = match (&standing.attestation, here.new_href()) {
        (Some(spoken), _) => Cell::link(here.item(&spoken.number), spoken.number.clone()),
        (None, Some(new)) => Cell::link(
            format!("{new}?obligation={}", percent_encoded(&obligation.key)),
            page.t("registers-new"),
        ),
        (None, None) => Cell::text("―"),
    };
    Row::new(
        name.clone(),
        vec![
            Cell::link(href, name),
            Cell::badge(tone, told(page, standing)),
            paper,
        ],
    )
}
