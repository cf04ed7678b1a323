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
use mamori_web::api::tokens::{self, Limits, NewToken};

use crate::capabilities;

pub(crate) const CONTRACT: &str = "kokoshelju-r8";
const NAME: &str = "kokoshelju-r8.toml";
pub const SOURCE: &str = include_str!("../../../contracts/kokoshelju-r8.toml");
/// A second contract, which is none of one's business or where one has another role.
pub(crate) const ELSEWHERE: &str = "kitano-r8";
const ELSEWHERE_SOURCE: &str = include_str!("../../contract/testdata/winter-closure.toml");

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
    /// With the form token of a session of one's own that one has ended.
    OldFormToken,
    /// With cookie and form token as they were before one signed out.
    SignedOut,
    /// From a page of another site.
    Foreign,
    /// About a contract where the person has no rights.
    OtherContract,
    /// About a contract that the token is not for.
    OtherToken,
    /// About a contract where the person has another role.
    OtherRole,
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

    /// Signs out; what the browser sent until then.
    async fn sign_out(&mut self) -> (Client, String) {
        let before = (self.client.clone(), self.form_token.clone());
        let out = self.client.post_form("/sign-out", &[]).await;
        assert_eq!(out.status, StatusCode::SEE_OTHER, "{}", out.text());
        before
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

/// Brings the second contract into force.
pub(crate) async fn activate_elsewhere(test: &TestApp) {
    let office = Office::of(&test.app).expect("is started");
    let actor = Actor::machine("test");
    let done = office
        .contracts
        .activate("winter-closure.toml", ELSEWHERE_SOURCE, actor)
        .await
        .expect("the other contract is right");
    assert_eq!(done.0.id(), ELSEWHERE);
}

/// A program with a token of that role, for the first contract only.
async fn program_here(test: &TestApp, role: Role) -> Client {
    let new = NewToken {
        name: "here".to_owned(),
        role,
        made_by: None,
        limits: Limits {
            contracts: vec![CONTRACT.to_owned()],
            ..Limits::default()
        },
        life: SignedDuration::from_hours(24),
        key: None,
    };
    let made = tokens::issue(&test.app, Actor::machine("test"), new).await;
    let (_, secret) = made.expect("a token can be made");
    let secret = secret.expect("is new");
    test.anonymous().with_bearer(secret.expose())
}

/// Another role than this one, by turns all of them.
fn another(role: Role) -> Role {
    let at = Role::ALL.iter().position(|one| *one == role);
    Role::ALL[(at.expect("is listed") + 1) % Role::ALL.len()]
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

fn is_elsewhere(way: Way) -> bool {
    matches!(way, Way::OtherContract | Way::OtherToken | Way::OtherRole)
}

fn request(route: &Route, way: Way, form_token: &str) -> Request<Body> {
    let contract = if is_elsewhere(way) {
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
    if !matches!(way, Way::NoFormToken | Way::Token | Way::OtherToken) {
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

fn is_about_forms(way: Way) -> bool {
    let wrong = [
        Way::WrongFormToken,
        Way::OthersFormToken,
        Way::NoFormToken,
        Way::OldFormToken,
    ];
    wrong.contains(&way)
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
        Way::Stranger | Way::Expired | Way::SignedOut => Fate::SignIn,
        Way::OtherContract | Way::OtherToken => Fate::Nothing,
        _ if needed.is_some_and(|permission| !role.allows(permission)) => Fate::Refused,
        way if is_about_forms(way) && !reads => Fate::Refused,
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
    activate_elsewhere(&test).await;
    let routes = routes(&test);
    let mut stranger = test.anonymous();
    let mut sent = 0_usize;
    let mut wrong = Vec::new();
    let mut ended = Vec::new();
    for role in Role::ALL {
        let name = |what: &str| format!("{what}-{role}");
        let mut person = Person::new(&test, name("a"), role, &Scope::EveryContract).await;
        let (_, old_form_token) = person.sign_out().await;
        person.sign_in(&test).await;
        let other = Person::new(&test, name("b"), role, &Scope::EveryContract).await;
        let here = Scope::Contracts(vec![(CONTRACT.to_owned(), role)]);
        let mut limited = Person::new(&test, name("c"), role, &here).await;
        let there = another(role);
        let both = Scope::Contracts(vec![
            (CONTRACT.to_owned(), role),
            (ELSEWHERE.to_owned(), there),
        ]);
        let mut twofold = Person::new(&test, name("d"), role, &both).await;
        let (gone, gone_form_token) = Person::new(&test, name("e"), role, &here)
            .await
            .sign_out()
            .await;
        let mut program = test.token(role).await;
        let mut program_here = program_here(&test, role).await;
        for route in &routes {
            let right = person.form_token.clone();
            let tries: [(Way, &str); 11] = [
                (Way::WrongFormToken, "0123456789abcdef"),
                (Way::OthersFormToken, &other.form_token),
                (Way::NoFormToken, ""),
                (Way::OldFormToken, &old_form_token),
                (Way::Foreign, &right),
                (Way::Token, ""),
                (Way::SignedOut, &gone_form_token),
                (Way::OtherContract, &limited.form_token.clone()),
                (Way::OtherToken, ""),
                (Way::OtherRole, &twofold.form_token.clone()),
                (Way::Proper, &right),
            ];
            for (way, token) in tries {
                // Reading carries no form; a public form carries no token.
                if (is_about_forms(way) || way == Way::Foreign) && route.verb == Verb::Get
                    || is_elsewhere(way) && !route.path.contains("{contract}")
                    || route.guard == Guard::Public && way != Way::Proper && way != Way::Foreign
                {
                    continue;
                }
                let request = request(route, way, token);
                // An answer may take the cookie away.
                let mut gone = gone.clone();
                let (client, role) = match way {
                    Way::Token => (&mut program, role),
                    Way::OtherToken => (&mut program_here, role),
                    Way::OtherContract => (&mut limited.client, role),
                    Way::OtherRole => (&mut twofold.client, there),
                    Way::SignedOut => (&mut gone, role),
                    _ => (&mut person.client, role),
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
