//! Every route of every capability, for every role, asked in every way somebody may try it: each
//! request is refused exactly where the route's guard says, and none makes the program fail.
//!
//! It walks the list of capabilities, so a new route is covered by being in it.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use jiff::SignedDuration;
use jiff::civil::{date, time};
use mamori_kernel::ledger::Actor;
use mamori_kernel::permission::Role;
use mamori_office::Office;
use mamori_runtime::{Config, Guard, Route, Verb};
use mamori_testkit::{Answer, Client, PASSWORD, PrivatePostgres, TestApp};
use mamori_web::account::{self, Scope};

use crate::capabilities;

pub(crate) const CONTRACT: &str = "kokoshelju-r8";
const NAME: &str = "kokoshelju-r8.toml";
pub const SOURCE: &str = include_str!("../../../contracts/kokoshelju-r8.toml");
/// A contract that is none of one's business, whether or not it exists.
const ELSEWHERE: &str = "elsewhere-r8";

/// How a request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// As a page of ours sends it.
    Proper,
    /// With an API token.
    Token,
    /// Without session and token.
    Stranger,
    /// With a session that has ended by itself.
    Expired,
    /// With a form token that is made up.
    WrongFormToken,
    /// With somebody else's form token.
    OthersFormToken,
    /// Without a form token.
    NoFormToken,
    /// From a page of another site.
    Foreign,
    /// About a contract where the person has no rights.
    OtherContract,
}

/// What must come of it.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// It reaches its handler.
    Through,
    /// 403.
    Refused,
    /// 401, or to the sign-in page.
    SignIn,
    /// 404, as if there were no such contract.
    Nothing,
}

/// Somebody of a role, signed in.
pub struct Person {
    name: String,
    pub client: Client,
    pub form_token: String,
}

impl Person {
    pub async fn new(test: &TestApp, name: String, role: Role, scope: &Scope) -> Self {
        test.add_user(&name, role).await;
        account::set_scope(&test.app, Actor::machine("test"), &name, scope)
            .await
            .expect("the scope is set");
        let mut person = Self {
            name,
            client: test.anonymous(),
            form_token: String::new(),
        };
        person.sign_in(test).await;
        person
    }

    async fn sign_in(&mut self, test: &TestApp) {
        self.client = test.anonymous();
        self.client.sign_in(&self.name, PASSWORD).await;
        self.form_token = self.client.form_token().await.expect("pages have forms");
    }

    /// Signs in again when the last request ended the session (sign-out does).
    async fn stay(&mut self, test: &TestApp) {
        if self.client.get("/help").await.status != StatusCode::OK {
            self.sign_in(test).await;
        }
    }
}

pub(crate) async fn open(configure: impl FnOnce(&mut Config) + Send + 'static) -> TestApp {
    let mut builder = TestApp::builder()
        .at(date(2026, 11, 2), time(9, 0, 0, 0))
        .configured(configure);
    for capability in capabilities::all() {
        // The builder brings the console with it.
        if capability.id != "web" {
            builder = builder.with(capability);
        }
    }
    let test = builder.open().await;
    Office::of(&test.app)
        .expect("is started")
        .contracts
        .activate(NAME, SOURCE, Actor::machine("test"))
        .await
        .expect("the contract is right");
    test
}

pub(crate) fn routes(test: &TestApp) -> Vec<Route> {
    test.app
        .capabilities()
        .iter()
        .flat_map(|capability| capability.routes.iter().cloned())
        .collect()
}

/// The route's address with values for its parameters.
fn address(route: &Route, contract: &str, other: &str) -> String {
    let parts = route.path.split('/').map(|part| match part {
        "{contract}" => contract,
        part if part.starts_with('{') => other,
        part => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

fn is_api(route: &Route) -> bool {
    route.path.starts_with("/api/")
}

fn request(route: &Route, way: Way, form_token: &str) -> Request<Body> {
    let contract = if way == Way::OtherContract {
        ELSEWHERE
    } else {
        CONTRACT
    };
    let mut request = Request::builder()
        .method(Method::from_bytes(route.verb.as_str().as_bytes()).expect("a verb"))
        .uri(address(route, contract, "x-1"));
    if route.verb == Verb::Get {
        return request.body(Body::empty()).expect("a request");
    }
    let site = if way == Way::Foreign {
        "cross-site"
    } else {
        "same-origin"
    };
    request = request.header("sec-fetch-site", site);
    if !matches!(way, Way::NoFormToken | Way::Token) {
        request = request.header("x-csrf-token", form_token);
    }
    let (kind, body) = if is_api(route) {
        ("application/json", "{}")
    } else {
        ("application/x-www-form-urlencoded", "nothing=1")
    };
    request
        .header(header::CONTENT_TYPE, kind)
        .body(Body::from(body))
        .expect("a request")
}

/// What the guard of the route says of somebody of `role` who comes this way.
fn fate(route: &Route, role: Role, way: Way) -> Fate {
    let reads = route.verb == Verb::Get;
    if way == Way::Foreign && !reads {
        return Fate::Refused;
    }
    let needed = match route.guard {
        Guard::Public => return Fate::Through,
        Guard::SignedIn => None,
        Guard::Needs(permission) => Some(permission),
    };
    match way {
        Way::Stranger | Way::Expired => Fate::SignIn,
        Way::OtherContract => Fate::Nothing,
        _ if needed.is_some_and(|permission| !role.allows(permission)) => Fate::Refused,
        Way::WrongFormToken | Way::OthersFormToken | Way::NoFormToken if !reads => Fate::Refused,
        _ => Fate::Through,
    }
}

fn came(route: &Route, answer: &Answer) -> Fate {
    let to_sign_in =
        answer.status == StatusCode::SEE_OTHER && answer.location().starts_with("/sign-in");
    match answer.status {
        // Of a public route that is its own business.
        _ if route.guard == Guard::Public && answer.status != StatusCode::FORBIDDEN => {
            Fate::Through
        }
        // The way out leads to the sign-in page too.
        _ if to_sign_in && route.path != "/sign-out" => Fate::SignIn,
        StatusCode::UNAUTHORIZED => Fate::SignIn,
        StatusCode::FORBIDDEN => Fate::Refused,
        _ => Fate::Through,
    }
}

/// Routes that act on somebody's own account: a program with a token has none, and the handler
/// says so where the guard only asks for somebody.
fn is_a_persons_own(route: &Route) -> bool {
    route.guard == Guard::SignedIn
        || route.path.starts_with("/c/{contract}/calendar/feed")
        || ["/account", "/prove", "/api/v1/tokens"]
            .iter()
            .any(|start| route.path.starts_with(start))
}

/// What is wrong with an answer, if anything.
fn judge(route: &Route, role: Role, way: Way, answer: &Answer) -> Option<String> {
    let meant = fate(route, role, way);
    let came = match meant {
        Fate::Nothing if answer.status == StatusCode::NOT_FOUND => Fate::Nothing,
        _ => came(route, answer),
    };
    let stricter = way == Way::Token && came == Fate::Refused && is_a_persons_own(route);
    if !answer.status.is_server_error() && (came == meant || stricter) {
        return None;
    }
    let start: String = answer.text().chars().take(300).collect();
    Some(format!(
        "{way:?} {role} {route:?}: meant {meant:?}, came {came:?}: {} {start}",
        answer.status
    ))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_is_refused_exactly_where_the_guard_says() {
    let test = open(|_| {}).await;
    let routes = routes(&test);
    let mut stranger = test.anonymous();
    let mut sent = 0_usize;
    let mut wrong = Vec::new();
    let mut ended = Vec::new();
    for role in Role::ALL {
        let name = |what: &str| format!("{what}-{role}");
        let mut person = Person::new(&test, name("a"), role, &Scope::EveryContract).await;
        let other = Person::new(&test, name("b"), role, &Scope::EveryContract).await;
        let here = Scope::Contracts(vec![(CONTRACT.to_owned(), role)]);
        let mut limited = Person::new(&test, name("c"), role, &here).await;
        let mut program = test.token(role).await;
        for route in &routes {
            let right = person.form_token.clone();
            let tries: [(Way, &str); 7] = [
                (Way::WrongFormToken, "0123456789abcdef"),
                (Way::OthersFormToken, &other.form_token),
                (Way::NoFormToken, ""),
                (Way::Foreign, &right),
                (Way::Token, ""),
                (Way::OtherContract, &limited.form_token.clone()),
                (Way::Proper, &right),
            ];
            for (way, token) in tries {
                let about_forms = matches!(
                    way,
                    Way::WrongFormToken | Way::OthersFormToken | Way::NoFormToken | Way::Foreign
                );
                // Reading carries no form; a public form carries no token.
                if about_forms && route.verb == Verb::Get
                    || way == Way::OtherContract && !route.path.contains("{contract}")
                    || route.guard == Guard::Public && way != Way::Proper && way != Way::Foreign
                {
                    continue;
                }
                let request = request(route, way, token);
                let client = match way {
                    Way::Token => &mut program,
                    Way::OtherContract => &mut limited.client,
                    _ => &mut person.client,
                };
                let answer = client.send(request).await;
                wrong.extend(judge(route, role, way, &answer));
                sent += 1;
                if route.verb != Verb::Get {
                    person.stay(&test).await;
                }
            }
            // Strangers have no role: once is enough.
            if role == Role::Viewer {
                let answer = stranger.send(request(route, Way::Stranger, "")).await;
                wrong.extend(judge(route, role, Way::Stranger, &answer));
                sent += 1;
            }
        }
        ended.push((role, other));
    }
    test.clock.advance(SignedDuration::from_hours(24 * 30));
    for (role, person) in &ended {
        for route in routes.iter().filter(|route| route.guard != Guard::Public) {
            let mut client = person.client.clone();
            let answer = client
                .send(request(route, Way::Expired, &person.form_token))
                .await;
            wrong.extend(judge(route, *role, Way::Expired, &answer));
            sent += 1;
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {sent} requests went wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    println!("matrix: {sent} requests over {} routes", routes.len());
    assert!(
        sent > routes.len() * Role::ALL.len(),
        "{sent} requests over {} routes",
        routes.len()
    );
}

/// Ids that nobody gave: each must be an ordinary answer on either database.
const NASTY: [&str; 8] = [
    "%00",
    "..%2F..%2Fetc%2Fpasswd",
    "%E2%80%AE%E5%AE%88",
    "%F0%9F%98%80",
    "'%20OR%20'1'='1",
    "%FF%FE",
    "-9223372036854775809",
    "99999999999999999999999999",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nasty_ids_are_ordinary_answers() {
    let mut tests = vec![open(|_| {}).await];
    if let Some(server) = PrivatePostgres::shared() {
        let url = server.fresh_database().await;
        tests.push(open(move |config| config.database.url = Some(url)).await);
    }
    let long = "あ".repeat(700);
    let mut wrong = Vec::new();
    let encoded = long.bytes().fold(String::new(), |mut out, byte| {
        use std::fmt::Write as _;
        let _ = write!(out, "%{byte:02X}");
        out
    });
    for test in tests {
        for role in [Role::Administrator, Role::City] {
            let mut person =
                Person::new(&test, format!("a-{role}"), role, &Scope::EveryContract).await;
            for route in routes(&test) {
                if !route.path.contains('{') {
                    continue;
                }
                for nasty in NASTY.iter().copied().chain([encoded.as_str()]) {
                    for contract in [CONTRACT, nasty] {
                        let mut request = request(&route, Way::Proper, &person.form_token);
                        *request.uri_mut() = address(&route, contract, nasty)
                            .parse()
                            .expect("an address");
                        let answer = person.client.send(request).await;
                        if answer.status.is_server_error() {
                            wrong.push(format!("{} {route:?} {nasty}", answer.status));
                        }
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
