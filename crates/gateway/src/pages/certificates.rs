//! The certificates of the sites: until when, from whom, what the last try to renew came to.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{Redirect, Response};
use mamori_kernel::clock::tokyo_date;
use mamori_runtime::{App, Route};
use mamori_web::components::Cell;
use mamori_web::{Page, Tone, Visitor, WebError, html};

use super::{DECIDE, FORM_BYTES, READ, contract_of, refused};
use crate::acme::Standing;
use crate::certificates::desk::{self, Held};
use crate::certificates::facts::Facts;
use crate::certificates::jobs::source_word;

/// Fewer days than these are worth a warning, and are bad.
const FEW: i64 = 21;
const TOO_FEW: i64 = 7;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/c/{contract}/gateway/certificates", READ, look),
        Route::post(
            "/c/{contract}/gateway/certificates/{site}/renew",
            DECIDE,
            renew,
        )
        .with_body_limit(FORM_BYTES),
    ]
}

struct View {
    name: String,
    facts: Vec<(String, Cell)>,
    /// What the last try failed by, what to do, and what was said.
    trouble: Option<(String, String, String)>,
    ordered: bool,
}

#[derive(Template)]
#[template(path = "gateway/certificates.html")]
struct CertificatesPage {
    page: Page,
    rows: Vec<View>,
    may_decide: bool,
}

async fn look(State(app): State<App>, visitor: Visitor) -> Result<Response, WebError> {
    let contract = contract_of(&visitor)?;
    let page = Page::new(&app, &visitor, "gateway-certificates-title")
        .under("gateway-title", visitor.at("/gateway"))
        .here();
    let held = desk::held(&app, &contract).await?;
    html(&CertificatesPage {
        rows: held.iter().map(|held| view(&app, &page, held)).collect(),
        may_decide: visitor.may(DECIDE),
        page,
    })
}

fn view(app: &App, page: &Page, held: &Held) -> View {
    let mut facts = vec![
        (
            page.t("gateway-hosts"),
            Cell::text(held.site.hosts.join(", ")),
        ),
        (
            page.t("gateway-certificate-source"),
            Cell::text(page.t(&format!(
                "gateway-certificate-source-{}",
                source_word(&held.site)
            ))),
        ),
    ];
    match &held.facts {
        Some(certificate) => facts.extend(of_certificate(app, page, held, certificate)),
        None => facts.push((page.t("gateway-certificate-state"), missing(page, held))),
    }
    if held.is_ordered() {
        facts.extend(of_orders(page, held));
    }
    let word = &held.state.trouble;
    let trouble = (held.is_ordered() && !word.is_empty()).then(|| {
        (
            page.t(&format!("gateway-trouble-{word}")),
            page.t(&format!("gateway-remedy-{word}")),
            held.state.detail.clone(),
        )
    });
    View {
        name: held.site.name.clone(),
        facts,
        trouble,
        ordered: held.is_ordered(),
    }
}

fn missing(page: &Page, held: &Held) -> Cell {
    match held.site.certificate {
        None => Cell::badge(Tone::Warn, page.t("gateway-certificate-plain")),
        Some(_) => Cell::badge(Tone::Bad, page.t("gateway-certificate-none")),
    }
}

fn of_certificate(app: &App, page: &Page, held: &Held, certificate: &Facts) -> Vec<(String, Cell)> {
    let left = certificate.days_left(app.now());
    let tone = match left {
        // It renews itself when a third of its life is left, however short that is.
        _ if held.renews_at().is_some_and(|at| at > app.now()) => Tone::Ok,
        left if left < TOO_FEW => Tone::Bad,
        left if left < FEW => Tone::Warn,
        _ => Tone::Ok,
    };
    let days = if left < 0 {
        Cell::badge(Tone::Bad, page.t("gateway-certificate-over"))
    } else {
        let text = page.t_with("gateway-certificate-left", &[("days", left.into())]);
        Cell::badge(tone, text)
    };
    let mut facts = vec![
        (page.t("gateway-certificate-days"), days),
        (
            page.t("gateway-certificate-until"),
            Cell::text(page.day(tokyo_date(certificate.not_after))),
        ),
        (
            page.t("gateway-certificate-from"),
            Cell::text(page.day(tokyo_date(certificate.not_before))),
        ),
        (
            page.t("gateway-certificate-issuer"),
            Cell::text(certificate.issuer.clone()),
        ),
        (
            page.t("gateway-certificate-names"),
            Cell::text(certificate.names.join(", ")),
        ),
    ];
    if !certificate.covers(&held.site.hosts) && !held.site.hosts.iter().any(|host| host == "*") {
        let wrong = page.t("gateway-certificate-uncovered");
        facts.push((
            page.t("gateway-certificate-state"),
            Cell::badge(Tone::Bad, wrong),
        ));
    }
    facts
}

fn of_orders(page: &Page, held: &Held) -> Vec<(String, Cell)> {
    let state = &held.state;
    let mut facts = Vec::new();
    if let Some(at) = held.renews_at() {
        facts.push((
            page.t("gateway-certificate-renews"),
            Cell::text(page.day(tokyo_date(at))),
        ));
    }
    if let Some(at) = state.tried_at {
        facts.push((
            page.t("gateway-certificate-tried"),
            Cell::text(page.moment(at)),
        ));
    }
    let (tone, said) = match held.standing {
        Standing::Fine if state.trouble.is_empty() => (Tone::Ok, page.t("gateway-order-fine")),
        Standing::Fine => (Tone::Warn, page.t("gateway-order-failed")),
        Standing::Due => (Tone::Quiet, page.t("gateway-order-due")),
        Standing::Waits(until) => (
            Tone::Warn,
            page.t_with(
                "gateway-order-waits",
                &[("until", page.moment(until).into())],
            ),
        ),
    };
    facts.push((page.t("gateway-order"), Cell::badge(tone, said)));
    facts
}

async fn renew(
    State(app): State<App>,
    visitor: Visitor,
    Path((contract, site)): Path<(String, String)>,
) -> Result<Redirect, WebError> {
    let held = desk::want(&app, &contract, &site, visitor.actor())
        .await
        .map_err(refused)?;
    let page = Page::bare(&app, visitor.language, "");
    let (tone, said) = match held.standing {
        Standing::Waits(until) => (
            Tone::Warn,
            page.t_with(
                "gateway-certificate-later",
                &[("until", page.moment(until).into())],
            ),
        ),
        _ => (Tone::Ok, page.t("gateway-certificate-asked")),
    };
    visitor.flash(&app, tone, said).await?;
    Ok(Redirect::to(&visitor.at("/gateway/certificates")))
}
