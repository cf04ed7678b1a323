//! The servers behind a site: which one, over which connection, and what when it fails.
//!
//! A request is tried again only where that cannot make it happen twice: when nothing of it was
//! sent, or when it is idempotent, has no body, and its kept connection broke without an answer.
//!
//! A tunnel or a stream of events lasts as long as its visitor wants. It holds a place among its
//! like and none among the requests, so that a few visitors with many of them take nothing away from
//! the others.

mod backend;
mod reach;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::header::{CONTENT_TYPE, UPGRADE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;

pub(crate) use backend::{Backend, Lease};
use reach::Sender;

use crate::body::{Count, Outgoing};
use crate::commons::{Asker, Portion};
use crate::event::UpstreamTrouble;

/// The servers of one site.
#[derive(Debug)]
pub(crate) struct Group {
    backends: Vec<Arc<Backend>>,
    next: AtomicUsize,
}

/// An answer of a server.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) response: Response<Incoming>,
    pub(crate) lease: Lease,
    pub(crate) server: Arc<str>,
    /// From handing over the request to the head of the answer.
    pub(crate) took: Duration,
}

impl Group {
    pub(crate) fn new(backends: Vec<Arc<Backend>>) -> Self {
        Self {
            backends,
            next: AtomicUsize::new(0),
        }
    }

    /// The servers in the order in which they are tried.
    fn order(&self) -> impl Iterator<Item = &Arc<Backend>> {
        let count = self.backends.len();
        let start = if count > 1 {
            self.next.fetch_add(1, Ordering::Relaxed)
        } else {
            0
        };
        (0..count)
            .map(move |step| &self.backends[(start + step) % count])
            .filter(|backend| !backend.is_down())
    }

    /// Carries a request to a server that answers. `repeatable`: the method is idempotent; `count`
    /// tells how far its body has come.
    pub(crate) async fn send(
        &self,
        mut request: Request<Outgoing>,
        repeatable: bool,
        asker: &Asker,
        count: &Count,
    ) -> Result<Sent, UpstreamTrouble> {
        let mut trouble = UpstreamTrouble::Down;
        let tunnel = request.headers().contains_key(UPGRADE);
        for backend in self.order() {
            let lasting = if tunnel {
                backend.lasting(asker).await
            } else {
                None
            };
            if tunnel && lasting.is_none() {
                trouble = UpstreamTrouble::Busy;
                continue;
            }
            let Some(place) = backend.place(asker).await else {
                trouble = UpstreamTrouble::Busy;
                continue;
            };
            let places = Places { place, lasting };
            // Kept connections first; each of them may turn out to be closed.
            while let Some(mut sender) = backend.spare(tunnel) {
                let again = (repeatable && request.body().is_empty()).then(|| copy(&request));
                let begun = Instant::now();
                match exchange(backend, &mut sender, request, count).await {
                    Ok(response) => {
                        let took = begun.elapsed();
                        return places.sent(backend, response, sender, asker, took).await;
                    }
                    Err(Failed::Unsent(unsent)) => request = *unsent,
                    Err(Failed::Broken) => match again {
                        Some(copy) => request = copy,
                        None => return Err(UpstreamTrouble::Broken),
                    },
                    Err(Failed::TimedOut) => return Err(UpstreamTrouble::TimedOut),
                }
            }
            let Some(mut sender) = backend.connect(tunnel).await else {
                trouble = UpstreamTrouble::Connect;
                continue;
            };
            let begun = Instant::now();
            match exchange(backend, &mut sender, request, count).await {
                Ok(response) => {
                    let took = begun.elapsed();
                    return places.sent(backend, response, sender, asker, took).await;
                }
                Err(Failed::Unsent(unsent)) => {
                    request = *unsent;
                    trouble = UpstreamTrouble::Broken;
                }
                Err(Failed::Broken) => return Err(UpstreamTrouble::Broken),
                Err(Failed::TimedOut) => return Err(UpstreamTrouble::TimedOut),
            }
        }
        Err(trouble)
    }
}

/// Why an exchange with a server failed.
enum Failed {
    /// Nothing was sent; here is the request.
    Unsent(Box<Request<Outgoing>>),
    /// Something was sent, and the connection broke.
    Broken,
    /// There was no answer in time.
    TimedOut,
}

async fn exchange(
    backend: &Backend,
    sender: &mut Sender,
    request: Request<Outgoing>,
    count: &Count,
) -> Result<Response<Incoming>, Failed> {
    let answered = answer(backend, sender, request, count).await;
    if matches!(answered, Err(Failed::Unsent(_) | Failed::Broken)) {
        backend.avoid(sender);
    }
    answered
}

async fn answer(
    backend: &Backend,
    sender: &mut Sender,
    request: Request<Outgoing>,
    count: &Count,
) -> Result<Response<Incoming>, Failed> {
    let mut answer = pin!(sender.send(request));
    let mut come = count.bytes();
    loop {
        match tokio::time::timeout(backend.pool().answer_within, answer.as_mut()).await {
            Ok(Ok(response)) => return Ok(response),
            Ok(Err(mut error)) => {
                return Err(match error.take_message() {
                    Some(request) => Failed::Unsent(Box::new(request)),
                    None => Failed::Broken,
                });
            }
            // As long as the client still sends, the server has nothing to answer yet.
            Err(_) if count.bytes() > come => come = count.bytes(),
            Err(_) => return Err(Failed::TimedOut),
        }
    }
}

/// What a request holds of a server.
struct Places {
    place: Portion,
    /// For what lasts, where that was asked for.
    lasting: Option<Portion>,
}

impl Places {
    /// The answer with the place that it keeps. What lasts gives its place among the requests back.
    async fn sent(
        self,
        backend: &Arc<Backend>,
        response: Response<Incoming>,
        sender: Sender,
        asker: &Asker,
        took: Duration,
    ) -> Result<Sent, UpstreamTrouble> {
        let place = if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            self.lasting.unwrap_or(self.place)
        } else if is_event_stream(response.headers()) {
            let lasting = backend.lasting(asker).await;
            lasting.ok_or(UpstreamTrouble::Busy)?
        } else {
            self.place
        };
        Ok(Sent {
            response,
            lease: Lease::new(backend, sender, place),
            server: Arc::clone(backend.address()),
            took,
        })
    }
}

/// Whether an answer goes on as long as its reader wants: `text/event-stream`.
pub(crate) fn is_event_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let kind = kind.and_then(|kind| kind.split(|byte| *byte == b';').next());
    kind.is_some_and(|kind| kind.trim_ascii().eq_ignore_ascii_case(b"text/event-stream"))
}

/// The same request once more; it has no body.
fn copy(request: &Request<Outgoing>) -> Request<Outgoing> {
    let mut copy = Request::new(Outgoing::Empty);
    copy.method_mut().clone_from(request.method());
    copy.uri_mut().clone_from(request.uri());
    copy.headers_mut().clone_from(request.headers());
    copy
}
