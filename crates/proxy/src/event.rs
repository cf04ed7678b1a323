//! What the data plane tells: one record per request, and what is worth knowing besides.
//!
//! Events go over a bounded channel. When nobody takes them fast enough they are dropped and
//! counted; traffic never waits for them.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use mamori_kernel::Ban;
use mamori_waf::{RuleMatch, RuleSet};
use tokio::sync::mpsc;

use crate::policy::WafMode;

/// Bytes of messages and values in events; the engine cuts values itself.
const TEXT: usize = 1024;

/// Names one request: in the events, on the pages that refuse it, and to the site behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId([u8; 12]);

impl RequestId {
    pub(crate) fn new() -> Self {
        Self(rand::random())
    }
}

impl From<[u8; 12]> for RequestId {
    /// A name that is known from elsewhere. The data plane draws its own.
    fn from(bytes: [u8; 12]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 24];
        hex::encode_to_slice(self.0, &mut text).map_err(|_| fmt::Error)?;
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// A request was answered, whatever the answer. Exactly one per request.
    Access(Box<Access>),
    /// Something arrived that is no request: exactly one instead of an access record.
    Refused {
        /// When.
        at: Timestamp,
        /// Who is connected.
        peer: IpAddr,
        /// Name of the listener.
        listener: Arc<str>,
        /// The id on the answer, where there was one.
        id: Option<RequestId>,
        /// Why.
        refusal: Refusal,
    },
    /// Rules of the firewall matched; its access record follows.
    Waf(Box<Firewall>),
    /// A watch saw too much of a client. The access record of the request that was one too many
    /// comes before.
    Intrusion(Box<Intrusion>),
    /// A site waits for its certificate: this host has none yet that is for it. Told when a policy
    /// begins.
    CertificatePending {
        /// When.
        at: Timestamp,
        /// Name of the site.
        site: Arc<str>,
        /// The host.
        host: String,
    },
    /// A server behind does not answer any more.
    UpstreamDown {
        /// When.
        at: Timestamp,
        /// Its address.
        upstream: Arc<str>,
        /// What was seen.
        reason: String,
    },
    /// It answers again.
    UpstreamUp {
        /// When.
        at: Timestamp,
        /// Its address.
        upstream: Arc<str>,
    },
}

/// Why something was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Where the message begins or ends is unclear or against the rules.
    Framing(crate::framing::Fault),
    /// No site has this name.
    UnknownHost,
    /// The name belongs to a site that this connection was not opened for.
    Misdirected,
    /// `CONNECT`, `TRACE`.
    Method,
    /// `Expect` with something else than `100-continue`.
    Expectation,
    /// The address is kept out by policy.
    Blocked,
    /// A watch of the policy, or a person, keeps the client out for a while.
    Banned,
    /// A network rule of the policy keeps the client out.
    Network,
    /// The client asks more often than a rate allows.
    TooManyRequests,
    /// The body is larger than the site takes.
    BodyTooLarge,
    /// The body or the header fields came too slowly.
    TooSlow,
    /// The body is packed in a way that cannot be inspected.
    Encoding,
    /// The body unpacks to more than the limit.
    Bomb,
    /// The body ended early or broke its framing.
    BodyBroken,
    /// There are too many connections altogether.
    TooManyConnections,
    /// This client has too many connections.
    TooManyOfClient,
    /// The handshake of TLS failed.
    Tls,
    /// No inspection was possible in time and the policy refuses then.
    NotInspected,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The site answered.
    Served,
    /// Sent to the same address over TLS.
    ToHttps,
    /// A question of the certificate authority was answered.
    Challenge,
    /// The site is closed by its operator.
    Maintenance,
    /// Refused, without asking the rules of the firewall.
    Refused(Refusal),
    /// Refused by the firewall.
    Firewall,
    /// The site behind did not answer as it should.
    Upstream(UpstreamTrouble),
    /// The connection became a tunnel for WebSocket.
    Tunnel,
    /// The client went before the answer began.
    Gone,
}

/// What was wrong with the site behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpstreamTrouble {
    /// All servers are known to be down.
    Down,
    /// No connection could be opened.
    Connect,
    /// All connections are busy and none became free in time.
    Busy,
    /// The connection broke, or the answer made no sense.
    Broken,
    /// No answer came in time.
    TimedOut,
}

impl fmt::Display for Refusal {
    /// One word, for logs; it does not change between versions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Framing(_) => "framing",
            Self::UnknownHost => "unknown-host",
            Self::Misdirected => "misdirected",
            Self::Method => "method",
            Self::Expectation => "expectation",
            Self::Blocked => "blocked",
            Self::Banned => "banned",
            Self::Network => "network",
            Self::TooManyRequests => "too-many-requests",
            Self::BodyTooLarge => "body-too-large",
            Self::TooSlow => "too-slow",
            Self::Encoding => "encoding",
            Self::Bomb => "bomb",
            Self::BodyBroken => "body-broken",
            Self::TooManyConnections => "too-many-connections",
            Self::TooManyOfClient => "too-many-of-client",
            Self::Tls => "tls",
            Self::NotInspected => "not-inspected",
        })
    }
}

impl fmt::Display for Outcome {
    /// One word, for logs; it does not change between versions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Served => "served",
            Self::ToHttps => "to-https",
            Self::Challenge => "challenge",
            Self::Maintenance => "maintenance",
            Self::Refused(refusal) => return refusal.fmt(f),
            Self::Firewall => "firewall",
            Self::Upstream(UpstreamTrouble::Down) => "upstream-down",
            Self::Upstream(UpstreamTrouble::Connect) => "upstream-connect",
            Self::Upstream(UpstreamTrouble::Busy) => "upstream-busy",
            Self::Upstream(UpstreamTrouble::Broken) => "upstream-broken",
            Self::Upstream(UpstreamTrouble::TimedOut) => "upstream-timed-out",
            Self::Tunnel => "tunnel",
            Self::Gone => "gone",
        })
    }
}

/// One request and its answer.
#[derive(Debug, Clone)]
pub struct Access {
    /// When it arrived.
    pub at: Timestamp,
    /// Its name.
    pub id: RequestId,
    /// Name of the listener.
    pub listener: Arc<str>,
    /// Name of the site, if one was found.
    pub site: Option<Arc<str>>,
    /// Who asked, as far as that can be known.
    pub client: IpAddr,
    /// Who is connected: the client itself or a trusted proxy.
    pub peer: IpAddr,
    /// The method.
    pub method: String,
    /// The host asked for.
    pub host: String,
    /// The path as it arrived, cut.
    pub path: String,
    /// The query, cut. It may hold personal data.
    pub query: Option<String>,
    /// `HTTP/1.0`, `HTTP/1.1` or `HTTP/2.0`.
    pub version: &'static str,
    /// Whether it came over TLS.
    pub tls: bool,
    /// `User-Agent`, cut.
    pub user_agent: Option<String>,
    /// `Referer`, cut.
    pub referrer: Option<String>,
    /// The status answered.
    pub status: u16,
    /// Bytes of the request body.
    pub bytes_in: u64,
    /// Bytes of the response body.
    pub bytes_out: u64,
    /// Whether the whole answer was sent.
    pub complete: bool,
    /// From its arrival until its end.
    pub took: Duration,
    /// From handing it to the site until the head of the answer.
    pub upstream_took: Option<Duration>,
    /// The server that answered.
    pub upstream: Option<Arc<str>>,
    /// How it ended.
    pub outcome: Outcome,
    /// How the firewall looked at it; `None`: not at all.
    pub waf: Option<WafMode>,
    /// The anomaly score.
    pub score: i64,
    /// Whether the firewall would have refused, had it not been told only to observe.
    pub would_refuse: bool,
    /// The rate, network rule or watch that refused the request, or the network rule that noted it.
    pub by: Option<Arc<str>>,
}

/// A watch saw too much of a client.
#[derive(Debug, Clone)]
pub struct Intrusion {
    /// When.
    pub at: Timestamp,
    /// The request that was one too many; `None`: it was no request.
    pub id: Option<RequestId>,
    /// Who.
    pub client: IpAddr,
    /// Name of the watch.
    pub watch: Arc<str>,
    /// How the client is kept out now; `None`: it is only told.
    pub ban: Option<Ban>,
}

/// What the firewall found in a request.
#[derive(Debug, Clone)]
pub struct Firewall {
    /// When the request arrived.
    pub at: Timestamp,
    /// The request.
    pub id: RequestId,
    /// Name of the site.
    pub site: Arc<str>,
    /// Who asked.
    pub client: IpAddr,
    /// The method.
    pub method: String,
    /// The path, cut.
    pub path: String,
    /// Whether it refuses or only tells.
    pub mode: WafMode,
    /// Whether the request (or its answer) was refused.
    pub refused: bool,
    /// Whether it would have been, had it not been told only to observe.
    pub would_refuse: bool,
    /// The anomaly score.
    pub score: i64,
    /// The rules that matched, in order.
    pub matches: Vec<Match>,
    /// Exclusions that applied on this path.
    pub exclusions: Vec<String>,
    /// Not everything was looked at.
    pub incomplete: bool,
}

/// A rule that matched.
#[derive(Debug, Clone)]
pub struct Match {
    /// Its number.
    pub rule: u64,
    /// What it says.
    pub message: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// It is only observed: it added nothing to the score and decided nothing.
    pub observed: bool,
    /// What it matched: target (`ARGS:comment`) and value, cut.
    pub hits: Vec<(String, String)>,
}

impl Match {
    /// What the engine found by one of the rules.
    pub fn new(found: &RuleMatch, rules: &RuleSet) -> Self {
        let hits = found.hits.iter();
        Self {
            rule: found.id,
            message: cut(&found.message, TEXT),
            tags: found.tags(rules).to_vec(),
            observed: found.observed,
            hits: hits
                .map(|hit| (hit.target(), cut(&hit.value, TEXT)))
                .collect(),
        }
    }
}

/// Where events are told.
#[derive(Debug, Clone)]
pub struct Told {
    sender: mpsc::Sender<Event>,
    lost: Arc<AtomicU64>,
}

/// Where events are taken.
#[derive(Debug)]
pub struct Events {
    receiver: mpsc::Receiver<Event>,
    lost: Arc<AtomicU64>,
}

impl Events {
    /// A channel that holds this many events.
    pub fn channel(capacity: usize) -> (Told, Self) {
        let (sender, receiver) = mpsc::channel(capacity.max(1));
        let lost = Arc::new(AtomicU64::new(0));
        let told = Told {
            sender,
            lost: Arc::clone(&lost),
        };
        (told, Self { receiver, lost })
    }

    /// The next event; `None` when nobody is left who could tell one.
    pub async fn next(&mut self) -> Option<Event> {
        self.receiver.recv().await
    }

    /// Waits for the next event and takes what has gathered with it, up to `most`; gives how many.
    /// A reader that comes round rarely and takes many at once is cheaper than one that is woken for
    /// each. Nothing comes any more when it gives none.
    pub async fn gather(&mut self, into: &mut Vec<Event>, most: usize) -> usize {
        self.receiver.recv_many(into, most).await
    }

    /// An event that is there already.
    pub fn try_next(&mut self) -> Option<Event> {
        self.receiver.try_recv().ok()
    }

    /// Where it is counted how many were dropped, also while nobody takes any.
    pub fn counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.lost)
    }

    /// How many were dropped since the beginning because nobody took them.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl Told {
    pub(crate) fn tell(&self, event: Event) {
        if self.sender.try_send(event).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Text for an event: at most `most` bytes, whole characters, whatever the client sent.
pub(crate) fn cut(bytes: &[u8], most: usize) -> String {
    let kept = &bytes[..bytes.len().min(most)];
    let mut text = String::from_utf8_lossy(kept).into_owned();
    if kept.len() < bytes.len() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn events_that_nobody_takes_are_counted_and_never_waited_for() {
        let (told, mut events) = Events::channel(2);
        for _ in 0..5 {
            told.tell(Event::UpstreamUp {
                at: Timestamp::UNIX_EPOCH,
                upstream: "a".into(),
            });
        }
        assert_eq!(events.lost(), 3);
        assert!(events.next().await.is_some());
        assert!(events.try_next().is_some());
        assert!(events.try_next().is_none());
        let up = Event::UpstreamUp {
            at: Timestamp::UNIX_EPOCH,
            upstream: "a".into(),
        };
        told.tell(up.clone());
        told.tell(up);
        let mut gathered = Vec::new();
        assert_eq!(events.gather(&mut gathered, 10).await, 2);
        drop(told);
        assert_eq!(events.gather(&mut gathered, 10).await, 0);
    }

    #[test]
    fn texts_are_cut_and_ids_are_hexadecimal() {
        assert_eq!(cut("あいう".as_bytes(), 6), "あい…");
        assert_eq!(cut(b"abc", 6), "abc");
        let id = RequestId::new().to_string();
        assert_eq!(id.len(), 24);
        assert!(id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
}
