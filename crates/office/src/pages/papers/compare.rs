//! Two renderings of a paper side by side, from their models: what changed, not how it is laid out.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use mamori_runtime::App;
use mamori_web::components::Comparison;
use mamori_web::{Field, Page, Visitor, WebError, html};
use serde::Deserialize;

use super::{files, find};
use crate::documents::Rendition;
use crate::pages::view::{At, kind_key};

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
}

#[derive(Template)]
#[template(path = "papers/compare.html")]
struct ComparePage {
    page: Page,
    number: String,
    from: Field,
    to: Field,
    compared: Option<Comparison>,
}

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    Path((_, number)): Path<(String, String)>,
    Query(asked): Query<Asked>,
    at: At,
) -> Result<Response, WebError> {
    let (item, _) = find(&at, &number).await?;
    let mut page = Page::new(&app, &visitor, "papers-compare-title")
        .under("papers-title", visitor.at("/documents"))
        .under(
            &item.number,
            visitor.at(&format!("/documents/{}", item.number)),
        )
        .here();
    page.title = format!("{} {}", item.number, page.title);
    let all = files::all(&at, &item.id).await?;
    let of = |text: &str| all.iter().find(|one| one.seq.to_string() == text);
    let newest = all.last();
    // Asked for nothing: the newest beside the one before.
    let to = of(&asked.to).or(newest);
    let before = all.iter().rev().nth(1).or(newest);
    let from = of(&asked.from).or(before);
    let compared = match (from, to) {
        (Some(from), Some(to)) => {
            let (a, b) = (text(&app, from).await?, text(&app, to).await?);
            Some(Comparison::of(
                (&label(&page, from), &a),
                (&label(&page, to), &b),
            ))
        }
        _ => None,
    };
    let choices = || {
        all.iter()
            .rev()
            .map(|one| (one.seq.to_string(), label(&page, one)))
    };
    let value = |one: Option<&Rendition>| one.map(|one| one.seq.to_string()).unwrap_or_default();
    html(&ComparePage {
        from: Field::select("from", page.t("papers-compare-from"), choices()).value(value(from)),
        to: Field::select("to", page.t("papers-compare-to"), choices()).value(value(to)),
        number: item.number.clone(),
        compared,
        page,
    })
}

/// `第1版 提出 令和8年11月2日 10:00`, in the page's language.
pub(super) fn label(page: &Page, one: &Rendition) -> String {
    format!(
        "{} {}{}",
        page.t1("papers-version", "version", one.version),
        page.t_or(&kind_key(&one.kind), &one.kind_ja),
        page.t1(
            "ui-of",
            "what",
            format!("#{} {}", one.seq, page.moment(one.at))
        )
    )
}

async fn text(app: &App, one: &Rendition) -> Result<String, WebError> {
    let model = files::model(app, &one.model).await?;
    Ok(mamori_document::render_text(&model))
}
