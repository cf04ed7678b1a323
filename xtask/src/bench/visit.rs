//! Which pages there are to visit: the routes of all capabilities, with addresses that the pages
//! themselves link to, and what each page weighs at its first view.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::wire::Wire;

/// Pages looked through per role.
const LOOKED_THROUGH: usize = 400;
/// Addresses kept per route.
const ADDRESSES: usize = 5;
/// No pages for people, endless, without a person, or the whole ledger as a file.
const LEFT_OUT: [&str; 8] = [
    "/api/",
    "/assets/",
    "/healthz",
    "/readyz",
    "/metrics",
    "/sign-in",
    "/events",
    "/ledger/export",
];

/// Routes that stay without a visit in the installation measured, each with the reason. A route
/// that is not here and gets no visit fails the bench: it would be measured by nobody.
const EXCUSED: [(&str, &str); 14] = [
    ("/", "leads on to the only contract"),
    ("/setup", "the first administrator is there"),
    ("/invitation/{token}", "its link stands in a mail"),
    ("/account/mail/{token}", "its link stands in a mail"),
    ("/account/second-factor", "begun by a form, not by a link"),
    (
        "/account/second-factor/picture.svg",
        "begun by a form, not by a link",
    ),
    ("/calendar/{file}", "opens with a secret that is shown once"),
    (
        "/c/{contract}/files/{sha256}/{name}",
        "nobody attached a file",
    ),
    (
        "/c/{contract}/gateway/blocked/{id}",
        "no gateway runs beside it",
    ),
    (
        "/c/{contract}/approval/{item}",
        "no item; one page serves all registers",
    ),
    (
        "/c/{contract}/subcontract/{item}",
        "no item; one page serves all registers",
    ),
    (
        "/c/{contract}/handover/{item}",
        "no item; one page serves all registers",
    ),
    (
        "/c/{contract}/asset/{item}",
        "no item; one page serves all registers",
    ),
    (
        "/c/{contract}/media/{item}",
        "no item; one page serves all registers",
    ),
];
/// The forms of acts: one page serves them all, and the state of its item decides which are there.
const FORMS_OF_ACTS: &str = "/{item}/";

/// Why a route may stay without a visit.
pub fn excuse(route: &str) -> Option<&'static str> {
    if route.contains(FORMS_OF_ACTS) {
        return Some("the form of an act that no item waits for");
    }
    let found = EXCUSED.iter().find(|(excused, _)| *excused == route);
    found.map(|(_, reason)| *reason)
}

/// Addresses by route, as far as one person may open them.
pub type Addresses = BTreeMap<String, Vec<String>>;

/// The routes of pages that people read.
pub fn pages(routes: &[(String, String)]) -> Vec<String> {
    routes
        .iter()
        .filter(|(verb, path)| verb == "GET" && !is_left_out(path))
        .map(|(_, path)| path.clone())
        .collect()
}

fn is_left_out(path: &str) -> bool {
    LEFT_OUT.iter().any(|part| path.contains(part))
}

/// Whether an address belongs to a route such as `/c/{contract}/work/{id}`.
pub fn fits(route: &str, address: &str) -> bool {
    let path = address.split(['?', '#']).next().unwrap_or_default();
    let (mut asked, mut there) = (route.split('/'), path.split('/'));
    loop {
        match (asked.next(), there.next()) {
            (None, None) => return true,
            (Some(part), Some(word)) if part == word => {}
            (Some(part), Some(word)) if part.starts_with('{') && !word.is_empty() => {}
            _ => return false,
        }
    }
}

/// The route of an address: the one with the fewest parameters that fits.
fn route_of<'r>(routes: &'r [String], address: &str) -> Option<&'r String> {
    routes
        .iter()
        .filter(|route| fits(route, address))
        .min_by_key(|route| route.matches('{').count())
}

/// Follows the links that a person sees, from the first page on.
pub fn discover(wire: &mut Wire, routes: &[String]) -> anyhow::Result<Addresses> {
    let mut found = Addresses::new();
    let mut seen = BTreeSet::new();
    let mut waiting: VecDeque<String> = VecDeque::from(["/".to_owned()]);
    // Pages without parameters need no link.
    waiting.extend(routes.iter().filter(|route| !route.contains('{')).cloned());
    let mut contracts = BTreeSet::new();
    let mut looked = 0;
    while let Some(address) = waiting.pop_front() {
        if looked >= LOOKED_THROUGH || !seen.insert(address.clone()) {
            continue;
        }
        // Nor do those of a contract that one may see.
        if let Some(contract) = contract_of(&address)
            && contracts.insert(contract.to_owned())
        {
            waiting.extend(pages_of(routes, contract));
        }
        let route = route_of(routes, &address);
        let enough = route.is_some_and(|r| found.get(r).is_some_and(|l| l.len() >= ADDRESSES));
        if route.is_none() || enough {
            continue;
        }
        looked += 1;
        let answer = wire.read(&address)?;
        if (300..400).contains(&answer.status) {
            waiting.push_back(answer.header("location").to_owned());
            continue;
        }
        if answer.status != 200 {
            continue;
        }
        if let Some(route) = route {
            found
                .entry(route.clone())
                .or_default()
                .push(address.clone());
        }
        if answer.header("content-type").starts_with("text/html") {
            let text = answer.text();
            waiting.extend(links(&text, "href").into_iter().filter_map(|href| {
                let href = href.split('#').next().unwrap_or_default();
                let ours = href.starts_with('/') && !href.starts_with("//");
                (ours && !is_left_out(href)).then(|| href.to_owned())
            }));
        }
    }
    Ok(found)
}

fn contract_of(address: &str) -> Option<&str> {
    let path = address.split(['?', '#']).next()?;
    path.strip_prefix("/c/")?.split('/').next()
}

/// The pages of a contract that ask for nothing else.
fn pages_of(routes: &[String], contract: &str) -> Vec<String> {
    routes
        .iter()
        .filter(|route| route.starts_with("/c/{contract}") && route.matches('{').count() == 1)
        .map(|route| route.replace("{contract}", contract))
        .collect()
}

/// Values of an attribute, with the references that HTML writes undone.
fn links(html: &str, attribute: &str) -> Vec<String> {
    let start = format!(" {attribute}=\"");
    html.split(start.as_str())
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .map(|value| value.replace("&amp;", "&").replace("&#38;", "&"))
        .collect()
}

/// What a first view costs.
#[derive(Debug, Default, Clone, Copy)]
pub struct Weight {
    pub html: usize,
    pub all: usize,
    pub script: usize,
    pub off_origin: usize,
}

/// Weighs a page with everything it loads by itself: styles, scripts, pictures, icon.
pub fn weigh(wire: &mut Wire, address: &str) -> anyhow::Result<Weight> {
    let html = wire.get(address)?;
    let text = wire.read(address)?.text();
    let mut weight = Weight {
        html: html.body.len(),
        all: html.body.len(),
        ..Weight::default()
    };
    for part in loaded(&text) {
        if !part.starts_with('/') || part.starts_with("//") {
            weight.off_origin += usize::from(!part.starts_with("data:"));
            continue;
        }
        let bytes = wire.get(&part)?.body.len();
        weight.all += bytes;
        let is_script = std::path::Path::new(&part)
            .extension()
            .is_some_and(|ending| ending == "js");
        if is_script {
            weight.script += bytes;
        }
    }
    Ok(weight)
}

/// What a browser loads without being asked: `src` of anything, `href` of `link`.
fn loaded(html: &str) -> BTreeSet<String> {
    let mut found: BTreeSet<String> = links(html, "src").into_iter().collect();
    for tag in html.split("<link ").skip(1) {
        let tag = format!(" {}", tag.split('>').next().unwrap_or_default());
        found.extend(links(&tag, "href"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_belong_to_routes() {
        assert!(fits("/c/{contract}/work/{id}", "/c/a/work/7?x=1#y"));
        assert!(!fits("/c/{contract}/work/{id}", "/c/a/work"));
        assert!(!fits("/c/{contract}/work/{id}", "/c/a/work/"));
        let routes = ["/c/{c}/work/{id}".to_owned(), "/c/{c}/work/new".to_owned()];
        assert_eq!(route_of(&routes, "/c/a/work/new"), Some(&routes[1]));
    }

    #[test]
    fn what_is_loaded_is_counted_and_what_is_linked_is_not() {
        let html = "<link rel=\"stylesheet\" href=\"/a.css\"><a href=\"https://x.example/\">x</a>\
                    <script src=\"/b.js\" defer></script><img alt=\"\" src=\"https://y.example/z\">";
        let found: Vec<String> = loaded(html).into_iter().collect();
        assert_eq!(found, ["/a.css", "/b.js", "https://y.example/z"]);
    }

    #[test]
    fn a_page_without_a_visit_is_excused_by_name_or_not_at_all() {
        assert!(excuse("/setup").is_some());
        assert!(excuse("/c/{contract}/approval/{item}/grant/as-city").is_some());
        for route in ["/c/{contract}/work/{item}", "/c/{contract}", "/setup/more"] {
            assert_eq!(excuse(route), None, "{route}");
        }
    }

    #[test]
    fn pages_of_a_contract_need_no_link_once_the_contract_is_known() {
        assert_eq!(contract_of("/c/a-r8/work?x=/c/b"), Some("a-r8"));
        assert_eq!(contract_of("/help"), None);
        let routes = [
            "/c/{contract}",
            "/c/{contract}/bans",
            "/c/{contract}/work/{id}",
        ];
        let routes = routes.map(str::to_owned);
        assert_eq!(pages_of(&routes, "a"), ["/c/a", "/c/a/bans"]);
    }

    #[test]
    fn only_pages_are_visited() {
        let route = |verb: &str, path: &str| (verb.to_owned(), path.to_owned());
        let all = [
            route("GET", "/c/{contract}"),
            route("POST", "/c/{contract}/work"),
            route("GET", "/c/{contract}/events"),
            route("GET", "/api/v1/contracts"),
        ];
        assert_eq!(pages(&all), ["/c/{contract}"]);
    }
}
