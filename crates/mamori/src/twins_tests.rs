//! Everything that the console does by pages can be done by programs: each route of a page has a
//! twin in the API, or stands below with the reason why it has none.
//!
//! It walks the list of capabilities, so a new page is asked for its twin by being in it.

use std::collections::BTreeSet;

use mamori_runtime::{Guard, Route};

use crate::capabilities;

/// Twins whose address is not the page's own below `/api/v1/`. `*` stands for one segment, the same
/// on both sides.
const TWINS: &[(&str, &str)] = &[
    ("GET /account", "GET /api/v1/me"),
    ("GET /account/tokens", "GET /api/v1/tokens"),
    ("POST /account/tokens", "POST /api/v1/tokens"),
    ("POST /account/tokens/{}/revoke", "DELETE /api/v1/tokens/{}"),
    ("GET /people/audit", "GET /api/v1/audit"),
    ("GET /people/audit.csv", "GET /api/v1/audit"),
    ("GET /people/changes", "GET /api/v1/audit/changes"),
    (
        "GET /c/{}/gateway/access/file",
        "GET /api/v1/contracts/{}/gateway/access",
    ),
    (
        "POST /c/{}/gateway/bans/new",
        "POST /api/v1/contracts/{}/gateway/bans",
    ),
    ("POST /people/invite", "POST /api/v1/invitations"),
    (
        "POST /people/invitations/{}/revoke",
        "DELETE /api/v1/invitations/{}",
    ),
    ("GET /search.json", "GET /api/v1/search"),
    ("GET /system/mail", "GET /api/v1/system/jobs"),
    (
        "POST /c/{}/documents/draft",
        "POST /api/v1/contracts/{}/documents",
    ),
    (
        "GET /c/{}/documents/{}/{}",
        "GET /api/v1/contracts/{}/documents/{}/files/{}",
    ),
    (
        "POST /c/{}/documents/{}/accept",
        "POST /api/v1/contracts/{}/documents/{}/accept/as-city",
    ),
    (
        "POST /c/{}/documents/{}/return",
        "POST /api/v1/contracts/{}/documents/{}/return/as-city",
    ),
    (
        "POST /c/{}/settings",
        "PUT /api/v1/contracts/{}/settings/{}",
    ),
    ("GET /c/{}/files/{}/{}", "GET /api/v1/contracts/{}/files/{}"),
    (
        "POST /c/{}/webhooks/{}/again",
        "POST /api/v1/contracts/{}/webhooks/{}/deliveries",
    ),
    (
        "POST /c/{}/webhooks/{}/end",
        "DELETE /api/v1/contracts/{}/webhooks/{}",
    ),
    (
        "POST /c/{}/gateway/exclusions/new",
        "POST /api/v1/contracts/{}/gateway/exclusions",
    ),
    (
        "POST /c/{}/gateway/modes/new",
        "POST /api/v1/contracts/{}/gateway/modes",
    ),
    ("POST /c/{}/*/new", "POST /api/v1/contracts/{}/*"),
    (
        "POST /c/{}/*/new/as-city",
        "POST /api/v1/contracts/{}/*/as-city",
    ),
];

/// Twins that ask for another right than their page, with the reason.
const OTHER_RIGHT: &[(&str, &str)] = &[(
    "GET /contracts",
    "the page opens for everybody and names contracts that one may not look into",
)];

/// Pages without a twin, each with the reason. An address that ends in `/**` names all below it.
const ALONE: &[(&str, &str)] = &[
    ("GET /", "leads on to a contract or to the overview"),
    ("GET /assets/{}", "pictures and script of the pages"),
    ("GET /healthz", "is made for programs"),
    ("GET /readyz", "is made for programs"),
    ("GET /metrics", "is made for programs"),
    ("POST /language", "language of the pages in this browser"),
    (
        "* /setup/**",
        "there is no token before the first administrator",
    ),
    ("* /sign-in/**", "programs bring a token instead"),
    ("POST /sign-out", "programs bring a token instead"),
    (
        "* /prove/**",
        "programs prove who they are with each request",
    ),
    (
        "* /invitation/**",
        "whoever opens the link chooses a password",
    ),
    (
        "* /account/**",
        "how a person signs in is changed by that person alone, in a browser",
    ),
    ("GET /help", "texts for people"),
    ("GET /help/{}", "texts for people"),
    (
        "GET /c/{}/events",
        "tells open pages that something is new; programs subscribe by webhooks",
    ),
    (
        "POST /c/{}/calendar/feed",
        "the secret address is a person's own; programs read the calendar itself",
    ),
    (
        "POST /c/{}/calendar/feed/stop",
        "the secret address is a person's own; programs read the calendar itself",
    ),
    (
        "GET /calendar/{}",
        "for calendar programs, which can send no token",
    ),
];

/// `POST /c/{}/work/{}/correct`: verb and address, whatever its parameters are called.
fn name(route: &Route) -> String {
    let parts = route
        .path
        .split('/')
        .map(|part| if part.starts_with('{') { "{}" } else { part });
    format!(
        "{} {}",
        route.verb.as_str(),
        parts.collect::<Vec<_>>().join("/")
    )
}

/// The address in the API that a page's own leads to.
fn own_twin(page: &str) -> String {
    let (verb, path) = page.split_once(' ').expect("a verb and a path");
    let below = match path.strip_prefix("/c/") {
        Some(rest) => format!("/contracts/{rest}"),
        None => path.to_owned(),
    };
    format!("{verb} /api/v1{below}")
}

/// What `*` stands for when `pattern` fits; the text is empty where there is no `*`.
fn fits(pattern: &str, page: &str) -> Option<String> {
    let (verb, path) = page.split_once(' ').expect("a verb and a path");
    let (any_verb, pattern) = pattern.split_once(' ').expect("a verb and a path");
    if any_verb != "*" && any_verb != verb {
        return None;
    }
    if let Some(above) = pattern.strip_suffix("/**") {
        let rest = path.strip_prefix(above)?;
        return (rest.is_empty() || rest.starts_with('/')).then(String::new);
    }
    let (wanted, given): (Vec<&str>, Vec<&str>) =
        (pattern.split('/').collect(), path.split('/').collect());
    let mut star = String::new();
    let same = wanted.len() == given.len()
        && wanted.iter().zip(&given).all(|(wanted, given)| {
            if *wanted == "*" && *given != "{}" {
                (*given).clone_into(&mut star);
                return true;
            }
            wanted == given
        });
    same.then_some(star)
}

#[test]
fn every_page_has_a_twin_in_the_api_or_a_reason() {
    let capabilities = capabilities::all();
    let routes: Vec<&Route> = capabilities.iter().flat_map(|each| &each.routes).collect();
    let guard_of = |wanted: &str| {
        let found = routes.iter().find(|route| name(route) == wanted);
        found.map(|route| route.guard)
    };
    let pages: Vec<&&Route> = routes
        .iter()
        .filter(|route| !route.path.starts_with("/api/"))
        .collect();
    let (mut wrong, mut used) = (Vec::new(), BTreeSet::new());
    for route in &pages {
        let page = name(route);
        let listed = TWINS.iter().find_map(|(pattern, twin)| {
            let star = fits(pattern, &page)?;
            used.insert(*pattern);
            Some(twin.replace('*', &star))
        });
        let own = Some(own_twin(&page)).filter(|twin| guard_of(twin).is_some());
        if let Some(twin) = listed.or(own) {
            match guard_of(&twin) {
                None => wrong.push(format!("{page}: there is no {twin}")),
                Some(guard) if guard != route.guard => {
                    match OTHER_RIGHT.iter().find(|(known, _)| *known == page) {
                        Some((known, _)) => {
                            used.insert(known);
                        }
                        None => wrong.push(format!("{page}: {twin} asks for another right")),
                    }
                }
                Some(_) => {}
            }
            continue;
        }
        let reason = ALONE
            .iter()
            .find(|(pattern, _)| fits(pattern, &page).is_some());
        // An empty form asks for what `GET /api/v1/registers` and the description say.
        let form = route.guard != Guard::Public
            && page.strip_prefix("GET ").is_some_and(|path| {
                pages
                    .iter()
                    .any(|other| name(other) == format!("POST {path}"))
            });
        match reason {
            Some((pattern, _)) => {
                used.insert(pattern);
            }
            None if form => {}
            None => wrong.push(format!("{page}: no twin in the API and no reason")),
        }
    }
    let known = TWINS.iter().map(|(page, _)| page);
    let known = known.chain(ALONE.iter().chain(OTHER_RIGHT).map(|(page, _)| page));
    for pattern in known.filter(|pattern| !used.contains(**pattern)) {
        wrong.push(format!("{pattern}: no such page any more"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        pages.len() > 150,
        "only {} pages were looked at",
        pages.len()
    );
}

#[test]
fn patterns_name_what_they_say_and_no_more() {
    assert_eq!(
        fits("POST /c/{}/*/new", "POST /c/{}/work/new").as_deref(),
        Some("work")
    );
    for (pattern, page) in [
        ("POST /c/{}/*/new", "GET /c/{}/work/new"),
        ("POST /c/{}/*/new", "POST /c/{}/{}/new"),
        ("* /setup/**", "GET /setups"),
        ("GET /help", "GET /help/{}"),
    ] {
        assert_eq!(fits(pattern, page), None, "{pattern} {page}");
    }
    assert!(fits("* /setup/**", "POST /setup").is_some());
    assert_eq!(own_twin("GET /c/{}"), "GET /api/v1/contracts/{}");
    assert_eq!(
        own_twin("POST /people/{}/reset"),
        "POST /api/v1/people/{}/reset"
    );
}
