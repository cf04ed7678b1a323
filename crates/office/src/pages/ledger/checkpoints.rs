//! What the installation signed: size, head and root of the chain, day by day.

use askama::Template;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use mamori_runtime::App;
use mamori_web::components::{Cell, Column, Empty, Row, Shape, Table, TableQuery, TableSpec};
use mamori_web::{Page, Tone, Visitor, WebError, html};

use crate::pages::view::At;

const SPEC: TableSpec = TableSpec {
    sortable: &["size"],
    sort: "size",
    descending: true,
    filters: &[],
    per_page: 50,
};

#[derive(Template)]
#[template(path = "ledger/checkpoints.html")]
struct CheckpointsPage {
    page: Page,
    head: Option<(u64, String)>,
    public_key: String,
    fingerprint: String,
    table: Table,
}

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    at: At,
    uri: Uri,
) -> Result<Response, WebError> {
    let page = Page::new(&app, &visitor, "ledger-checkpoints")
        .under("ledger-title", visitor.at("/ledger"))
        .here();
    let key = app.ledger_key.public();
    let query = TableQuery::read(&SPEC, &uri);
    let checkpoints = app.db.ledger_checkpoints(at.live.id()).await?;
    let (shown, pages) = query.cut(checkpoints, |_, a, b| a.size.cmp(&b.size));
    let rows = shown
        .iter()
        .map(|checkpoint| {
            let (tone, word) = if key.vouches(checkpoint) {
                (Tone::Ok, page.t("ledger-signature-ok"))
            } else {
                (Tone::Warn, page.t("ledger-signature-other"))
            };
            let moment = match checkpoint.at() {
                Some(at) => Cell::time(at.to_string(), page.moment(at)),
                None => Cell::text("―"),
            };
            Row::new(
                format!("#{}", checkpoint.size),
                vec![
                    Cell::link(
                        page.at(&format!("/ledger/{}", checkpoint.size)),
                        format!("#{}", checkpoint.size),
                    ),
                    moment,
                    Cell::code(checkpoint.head().short()),
                    Cell::code(checkpoint.root.to_hex()),
                    Cell::badge(tone, word),
                ],
            )
        })
        .collect();
    let column = |key, shape| Column::new(key, page.t(&format!("ledger-col-{key}"))).shape(shape);
    let columns = vec![
        column("size", Shape::Fixed).sortable(),
        column("at", Shape::Fixed),
        column("head", Shape::Words),
        column("root", Shape::Long),
        column("signature", Shape::Fixed),
    ];
    let table = Table::new(
        "checkpoints",
        page.t("ledger-checkpoints"),
        &query,
        columns,
        rows,
        pages,
    )
    .empty(Empty::new(page.t("ledger-no-checkpoints")));
    let head = app.db.ledger_head(at.live.id()).await?;
    html(&CheckpointsPage {
        head: head.map(|head| (head.seq, head.to_string())),
        public_key: key.to_hex(),
        fingerprint: key.fingerprint(),
        table,
        page,
    })
}
