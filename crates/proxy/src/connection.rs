//! One connection with a client, from accepting it to its end.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::LazyConfigAcceptor;

use crate::address::plain;
use crate::body::Answer;
use crate::census::Place;
use crate::event::{Event, Refusal};
use crate::exchange;
use crate::framing::{Fault, Phase, Scanner};
use crate::pace::Pace;
use crate::policy::Limits;
use crate::server::{Shared, Stopping};
use crate::tls::Opened;
use crate::wire::{Link, Stream, Wire};

/// Where connections are scarce, unused ones are kept for this part of the usual time.
const CROWDED: u32 = 12;

/// What requests on a connection know of it.
#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) shared: Arc<Shared>,
    pub(crate) listener: Arc<str>,
    /// The name that TLS was opened for; empty if the client gave none.
    pub(crate) tls: Option<String>,
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) link: Arc<Link>,
    pub(crate) pace: Pace,
    /// Counted until the connection and all that came of it have ended.
    _place: Place,
    _alive: mpsc::Sender<()>,
}

impl Conn {
    pub(crate) fn peer_address(&self) -> IpAddr {
        plain(self.peer.ip())
    }
}

/// A connection as it was accepted.
pub(crate) struct Accepted {
    pub(crate) shared: Arc<Shared>,
    pub(crate) listener: Arc<str>,
    pub(crate) tls: bool,
    pub(crate) peer: SocketAddr,
    pub(crate) place: Place,
    pub(crate) alive: mpsc::Sender<()>,
}

impl Accepted {
    fn conn(self, tls: Option<String>, local: SocketAddr, limits: &Limits) -> Arc<Conn> {
        Arc::new(Conn {
            shared: self.shared,
            listener: self.listener,
            tls,
            peer: self.peer,
            local,
            link: Link::new(),
            pace: pace(limits),
            _place: self.place,
            _alive: self.alive,
        })
    }

    fn refused(&self, refusal: Refusal) {
        self.shared.told.tell(Event::Refused {
            at: self.shared.clock.now(),
            peer: plain(self.peer.ip()),
            listener: Arc::clone(&self.listener),
            id: None,
            refusal,
        });
    }
}

/// Serves a connection to its end.
pub(crate) async fn serve(accepted: Accepted, stream: TcpStream) {
    let limits = {
        let active = accepted.shared.active.load();
        active.policy.parts().limits.clone()
    };
    let _ = stream.set_nodelay(true);
    let Ok(local) = stream.local_addr() else {
        return;
    };
    if !accepted.tls {
        let conn = accepted.conn(None, local, &limits);
        return one(conn, Stream::Plain(stream), &limits).await;
    }
    let opened =
        tokio::time::timeout(limits.handshake_within, open(&accepted.shared, stream)).await;
    match opened {
        Ok(Some(Handshake::Site(stream, name, two))) => {
            let conn = accepted.conn(Some(name), local, &limits);
            if two {
                many(conn, stream, &limits).await;
            } else {
                one(conn, stream, &limits).await;
            }
        }
        Ok(Some(Handshake::Proof)) => {}
        Ok(None) => accepted.refused(Refusal::Tls),
        Err(_) => accepted.refused(Refusal::TooSlow),
    }
}

fn pace(limits: &Limits) -> Pace {
    Pace {
        stall: limits.stall,
        least_rate: limits.least_rate,
        grace: limits.grace,
    }
}

/// What a handshake leads to.
enum Handshake {
    /// A connection for this name, of HTTP/2 or not.
    Site(Stream, String, bool),
    /// A certificate authority has seen what it wanted.
    Proof,
}

async fn open(shared: &Shared, stream: TcpStream) -> Option<Handshake> {
    let acceptor = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream);
    let start = acceptor.await.ok()?;
    let name = start
        .client_hello()
        .server_name()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let active = shared.active.load_full();
    let opened = active.tls.choose(&active.policy, &start.client_hello())?;
    match opened {
        Opened::Site(config) => {
            let stream = start.into_stream(config).await.ok()?;
            let two = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            Some(Handshake::Site(Stream::Tls(Box::new(stream)), name, two))
        }
        Opened::Proof(config) => {
            start.into_stream(config).await.ok()?;
            Some(Handshake::Proof)
        }
    }
}

/// A request on its way is large, and the reader of HTTP keeps room for one on every connection:
/// boxed, an idle connection keeps a pointer.
fn answer(
    conn: &Arc<Conn>,
    request: Request<Incoming>,
) -> Pin<Box<impl Future<Output = Result<Response<Answer>, Infallible>> + use<>>> {
    Box::pin(exchange::handle(Arc::clone(conn), request))
}

/// HTTP/1.
async fn one(conn: Arc<Conn>, stream: Stream, limits: &Limits) {
    let link = Arc::clone(&conn.link);
    let scanner = Scanner::new(limits.head);
    let wire = Wire::new(
        stream,
        Arc::clone(&link),
        Some(scanner),
        conn.pace,
        limits.linger,
    );
    let of_requests = Arc::clone(&conn);
    let service = service_fn(move |request| answer(&of_requests, request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // Heads are timed and bounded before they come here.
        .header_read_timeout(None)
        .max_buf_size((limits.head.head + 1024).max(64 * 1024))
        .max_headers(limits.head.fields + 1)
        .serve_connection(TokioIo::new(wire), service)
        .with_upgrades();
    let ended = attend(&conn, limits, pin!(connection), |connection| {
        connection.graceful_shutdown();
    })
    .await;
    match ended {
        Ended::Slow => refused(&conn, Refusal::TooSlow),
        // Whatever the scanner let through, the reader may still refuse: it has answered then.
        Ended::Failed(error) if error.is_parse() => {
            let fault = link.fault().unwrap_or(Fault::Malformed);
            refused(&conn, Refusal::Framing(fault));
        }
        Ended::Failed(_) | Ended::Done => {}
    }
}

/// HTTP/2.
async fn many(conn: Arc<Conn>, stream: Stream, limits: &Limits) {
    let link = Arc::clone(&conn.link);
    let wire = Wire::new(stream, link, None, conn.pace, limits.linger);
    let of_requests = Arc::clone(&conn);
    let service = service_fn(move |request| answer(&of_requests, request));
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(u32::try_from(limits.head.head).unwrap_or(u32::MAX))
        .initial_stream_window_size(128 * 1024)
        .initial_connection_window_size(512 * 1024)
        .max_send_buf_size(64 * 1024)
        .serve_connection(TokioIo::new(wire), service);
    let ended = attend(&conn, limits, pin!(connection), |connection| {
        connection.graceful_shutdown();
    })
    .await;
    match ended {
        Ended::Slow => refused(&conn, Refusal::TooSlow),
        Ended::Failed(error) if breaks_http2(&error) => {
            refused(&conn, Refusal::Framing(Fault::Malformed));
        }
        Ended::Failed(_) | Ended::Done => {}
    }
}

/// Whether the client broke the rules of HTTP/2, or overdid it (resets without end), and the
/// connection was ended for that; and not because it went.
fn breaks_http2(error: &hyper::Error) -> bool {
    std::error::Error::source(error)
        .and_then(|source| source.downcast_ref::<h2::Error>())
        .is_some_and(h2::Error::is_library)
}

fn refused(conn: &Conn, refusal: Refusal) {
    conn.shared.told.tell(Event::Refused {
        at: conn.shared.clock.now(),
        peer: conn.peer_address(),
        listener: Arc::clone(&conn.listener),
        id: None,
        refusal,
    });
}

/// How a connection ended.
enum Ended {
    Done,
    Failed(hyper::Error),
    Slow,
}

/// Lets a connection run, ends it when it is idle or too slow, and when the server stops.
async fn attend<C>(
    conn: &Conn,
    limits: &Limits,
    mut connection: Pin<&mut C>,
    finish: impl Fn(Pin<&mut C>),
) -> Ended
where
    C: Future<Output = hyper::Result<()>>,
{
    let mut stopping = conn.shared.stopping();
    let mut finishing = false;
    let look_every = (limits.head_within.min(limits.idle).min(limits.stall) / 4)
        .clamp(Duration::from_millis(20), Duration::from_secs(5));
    let mut look = tokio::time::interval(look_every);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                return ended.map_or_else(Ended::Failed, |()| Ended::Done);
            }
            () = conn.link.ended() => return Ended::Slow,
            _ = stopping.wait_for(|stopping| *stopping != Stopping::Not), if !finishing => {
                finishing = true;
                finish(connection.as_mut());
            }
            _ = look.tick() => match patience(conn, limits) {
                Patience::Left => {}
                Patience::Idle if finishing => return Ended::Done,
                Patience::Idle => {
                    finishing = true;
                    finish(connection.as_mut());
                }
                Patience::Ended => return Ended::Slow,
            },
        }
        if *stopping.borrow() >= Stopping::Everything {
            return Ended::Done;
        }
    }
}

/// Whether a connection may go on as it is.
enum Patience {
    Left,
    Idle,
    Ended,
}

fn patience(conn: &Conn, limits: &Limits) -> Patience {
    let doing = conn.link.doing();
    if doing.phase == Phase::Head && doing.phase_for > limits.head_within {
        return Patience::Ended;
    }
    if doing.active == 0 {
        let quiet = doing.still_for.min(doing.phase_for);
        let patience = if conn.shared.census.is_crowded(limits.connections) {
            limits.idle / CROWDED
        } else {
            limits.idle
        };
        let idle = matches!(doing.phase, Phase::Idle) && quiet > patience;
        return if idle { Patience::Idle } else { Patience::Left };
    }
    // Every wait of a request has its own end; this one is for what has none: a client of HTTP/2
    // that opens no window for its answer.
    let active = conn.shared.active.load();
    let waits = active
        .policy
        .parts()
        .sites
        .iter()
        .map(|site| site.pool.answer_within.max(site.pool.stall) + site.pool.wait);
    let mut longest = waits.max().unwrap_or_default().max(limits.stall) + limits.grace;
    if doing.lasting {
        longest = longest.max(limits.tunnel_idle + limits.grace);
    }
    if doing.phase != Phase::Other && doing.still_for > longest {
        return Patience::Ended;
    }
    Patience::Left
}
