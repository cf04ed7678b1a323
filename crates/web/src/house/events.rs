//! `GET /c/{contract}/events`: tells open pages that the ledger of a contract grew (Server-Sent
//! Events, HTML standard 9.2). A page shows the position with `data-live-key="ledger-seq"`, or has
//! its parts (`data-live-part`) fetched again when it grew; without a script nothing is missing but
//! the following.
//!
//! One task looks at all heads once a second, whoever listens and however many; it ends with the
//! last listener. Each connection is looked at again every thirty seconds, so that it ends within a
//! minute after a sign-out or the loss of a right, and does not keep a session alive.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use mamori_kernel::permission::{Permission, Role};
use mamori_runtime::{App, Route};
use mamori_store::args;
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;

use crate::error::WebError;
use crate::session::{self, Credential, Visitor};

/// Following a contract needs what looking at it needs.
const FOLLOW: Permission = Permission::read("contract");
/// How often the heads are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// A sign of life for proxies and browsers.
const HEARTBEAT: Duration = Duration::from_secs(20);
/// Connections per person: tabs of one browser share six at most.
const CONNECTIONS: usize = 10;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/c/{contract}/events", FOLLOW, events)]
}

/// How often a connection's right is looked at; kept in a slot, so that a test need not wait.
#[derive(Debug, Clone, Copy)]
pub struct RightsEvery(pub Duration);

impl Default for RightsEvery {
    fn default() -> Self {
        Self(Duration::from_secs(30))
    }
}

#[derive(Debug, Default)]
struct Known {
    closing: bool,
    /// Position of the last record by contract.
    contracts: BTreeMap<String, u64>,
}

#[derive(Debug, Default)]
struct Listeners {
    of: HashMap<String, usize>,
    polling: bool,
}

/// All listeners of this process.
#[derive(Debug, Default)]
pub(crate) struct Live {
    known: watch::Sender<Known>,
    listeners: Mutex<Listeners>,
}

impl Live {
    /// Ends all connections: the server stops.
    pub(crate) fn close(&self) {
        self.known.send_modify(|known| known.closing = true);
    }

    fn listeners(&self) -> std::sync::MutexGuard<'_, Listeners> {
        self.listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among the listeners; given back when the connection ends.
struct Seat {
    live: Arc<Live>,
    person: String,
}

impl Seat {
    /// `None` when the person has too many.
    fn take(app: &App, live: &Arc<Live>, person: &str) -> Option<Self> {
        let mut listeners = live.listeners();
        let taken = listeners.of.entry(person.to_owned()).or_default();
        if *taken >= CONNECTIONS {
            return None;
        }
        *taken += 1;
        if !listeners.polling {
            listeners.polling = true;
            tokio::spawn(poll(app.clone(), Arc::clone(live)));
        }
        Some(Self {
            live: Arc::clone(live),
            person: person.to_owned(),
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut listeners = self.live.listeners();
        if let Some(taken) = listeners.of.get_mut(&self.person) {
            *taken -= 1;
            if *taken == 0 {
                listeners.of.remove(&self.person);
            }
        }
    }
}

/// Looks at all heads until nobody listens any more.
async fn poll(app: App, live: Arc<Live>) {
    loop {
        if let Err(error) = look(&app, &live).await {
            tracing::warn!(%error, "live updates: the heads could not be read");
        }
        tokio::time::sleep(LOOK).await;
        let mut listeners = live.listeners();
        if listeners.of.is_empty() {
            listeners.polling = false;
            break;
        }
    }
    // What is known grows old while nobody looks.
    live.known.send_modify(|known| known.contracts.clear());
}

async fn look(app: &App, live: &Live) -> Result<(), mamori_store::Error> {
    for head in app.db.ledger_heads().await? {
        let same = live.known.borrow().contracts.get(&head.contract) == Some(&head.seq);
        if same {
            continue;
        }
        live.known.send_modify(|known| {
            known.contracts.insert(head.contract, head.seq);
        });
    }
    Ok(())
}

async fn events(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    let contract = visitor
        .contract
        .clone()
        .ok_or_else(|| WebError::NotFound(visitor.path.clone()))?;
    let live = app.slot_or_default::<Live>();
    let Some(seat) = Seat::take(&app, &live, &visitor.id) else {
        return Err(WebError::TooMany {
            retry_after_seconds: 60,
        });
    };
    let seen = headers
        .get("last-event-id")
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.trim().parse().ok());
    let (sender, receiver) = mpsc::channel(4);
    let listening = Listening {
        app,
        visitor,
        headers,
        contract,
        seen,
        sender,
        seat,
    };
    tokio::spawn(listening.run());
    let keep = KeepAlive::new().interval(HEARTBEAT).text("");
    let mut response = Sse::new(ReceiverStream::new(receiver))
        .keep_alive(keep)
        .into_response();
    // Proxies that gather answers would hold the lines back.
    response.headers_mut().insert(
        "x-accel-buffering",
        axum::http::HeaderValue::from_static("no"),
    );
    Ok(response)
}

/// One connection.
struct Listening {
    app: App,
    visitor: Visitor,
    /// As the request came: what a token is read from again.
    headers: HeaderMap,
    contract: String,
    /// The last position that the page has seen.
    seen: Option<u64>,
    sender: mpsc::Sender<Result<Event, Infallible>>,
    seat: Seat,
}

impl Listening {
    async fn run(mut self) {
        let mut known = self.seat.live.known.subscribe();
        let mut rights = tokio::time::interval(self.app.slot_or_default::<RightsEvery>().0);
        rights.tick().await;
        loop {
            let news = {
                let known = known.borrow_and_update();
                if known.closing {
                    return;
                }
                known.contracts.get(&self.contract).copied()
            };
            if let Some(seq) = news.filter(|seq| self.seen != Some(*seq)) {
                self.seen = Some(seq);
                if self.sender.send(Ok(event(seq))).await.is_err() {
                    return;
                }
            }
            tokio::select! {
                changed = known.changed() => if changed.is_err() { return },
                () = self.sender.closed() => return,
                _ = rights.tick() => match still_may(&self.app, &self.visitor, &self.headers, &self.contract).await {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(error) => {
                        // In doubt the connection ends; the browser asks again by itself.
                        tracing::warn!(%error, "live updates: a right could not be looked at");
                        return;
                    }
                },
            }
        }
    }
}

fn event(seq: u64) -> Event {
    Event::default()
        .id(seq.to_string())
        .data(json!({ "values": { "ledger-seq": seq.to_string() } }).to_string())
}

/// Whether session or token still stands and still leads to this contract. Does not count as use.
async fn still_may(
    app: &App,
    visitor: &Visitor,
    headers: &HeaderMap,
    contract: &str,
) -> Result<bool, mamori_store::Error> {
    let now = app.now();
    let role: Option<Role> = match &visitor.credential {
        Credential::Session(digest) => {
            let before = |span| now.checked_sub(span).unwrap_or(Timestamp::MIN);
            let limits = app.config.session;
            let row = app
                .db
                .fetch_optional(
                    "SELECT u.role, u.every_contract, m.role AS member FROM session s \
                     JOIN user_account u ON u.id = s.user_id \
                     LEFT JOIN membership m ON m.user_id = u.id AND m.contract = $4 \
                     WHERE s.token_hash = $1 AND s.seen_at > $2 AND s.created_at > $3 \
                     AND u.disabled_at IS NULL",
                    args![
                        digest,
                        before(SignedDuration::from_mins(limits.idle_minutes)),
                        before(SignedDuration::from_hours(limits.absolute_hours)),
                        contract
                    ],
                )
                .await?;
            match row {
                Some(row) if row.get::<i64>("every_contract")? == 1 => {
                    row.text("role")?.parse().ok()
                }
                Some(row) => row
                    .get::<Option<String>>("member")?
                    .and_then(|role| role.parse().ok()),
                None => None,
            }
        }
        // Tokens keep no time of use, so they are simply read again.
        Credential::Token(_) => {
            let again = session::visitor(app, headers, &visitor.path, false).await?;
            return Ok(
                again.is_some_and(|mut visitor| visitor.enter(contract) && visitor.may(FOLLOW))
            );
        }
    };
    Ok(role.is_some_and(|role| role.allows(FOLLOW)))
}
