//! One server: its connections and its health. It outlives policies that name it alike.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use hyper::client::conn::{http1, http2};
use mamori_kernel::Clock;
use tokio::net::TcpStream;

use crate::body::Outgoing;
use crate::commons::{Asker, Commons, Portion};
use crate::event::{Event, Told};
use crate::policy::{Pool, Upstream};
use crate::upstream::reach::{self, Secured, Sender};

/// How long a connection may take to be ready again after its answer was read.
const READY_WITHIN: Duration = Duration::from_secs(1);

/// One server.
pub(crate) struct Backend {
    address: Arc<str>,
    pool: Pool,
    /// `Err`: why TLS cannot be spoken with it.
    secured: Option<Result<Secured, String>>,
    spare: Mutex<Vec<Spare>>,
    /// The connection of HTTP/2 that all requests share.
    two: Mutex<Option<http2::SendRequest<Outgoing>>>,
    places: Arc<Commons>,
    lasting: Arc<Commons>,
    failures: AtomicU32,
    down: AtomicBool,
    told: Told,
    clock: Arc<dyn Clock>,
}

struct Spare {
    sender: http1::SendRequest<Outgoing>,
    since: Instant,
}

impl std::fmt::Debug for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backend")
            .field("address", &self.address)
            .field("down", &self.down)
            .finish_non_exhaustive()
    }
}

impl Backend {
    pub(crate) fn new(
        upstream: &Upstream,
        pool: &Pool,
        told: Told,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        Arc::new(Self {
            address: Arc::clone(&upstream.address),
            places: Commons::new(pool.connections, pool.connections_of_client),
            lasting: Commons::new(pool.lasting, pool.lasting_of_client),
            pool: pool.clone(),
            secured: upstream.tls.as_ref().map(|tls| Secured::new(upstream, tls)),
            spare: Mutex::new(Vec::new()),
            two: Mutex::new(None),
            failures: AtomicU32::new(0),
            down: AtomicBool::new(false),
            told,
            clock,
        })
    }

    pub(crate) fn address(&self) -> &Arc<str> {
        &self.address
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    pub(crate) fn is_down(&self) -> bool {
        self.down.load(Ordering::Relaxed)
    }

    /// The right to use one connection; waits for one, but not for ever.
    pub(crate) async fn place(&self, asker: &Asker) -> Option<Portion> {
        self.places.take(asker, 1, self.pool.wait).await
    }

    /// The right to keep one as long as the client wants, if there is one now: who has such a place
    /// may have it for hours, and waiting would be in vain.
    pub(crate) async fn lasting(&self, asker: &Asker) -> Option<Portion> {
        self.lasting.take(asker, 1, Duration::ZERO).await
    }

    /// A kept connection that can be used at once, the youngest first. A tunnel needs one of
    /// HTTP/1.1 for itself.
    pub(crate) fn spare(&self, tunnel: bool) -> Option<Sender> {
        if !tunnel && self.secured.is_some() {
            let mut two = self.two.lock().unwrap_or_else(PoisonError::into_inner);
            match &*two {
                Some(sender) if !sender.is_closed() => return Some(Sender::Two(sender.clone())),
                _ => *two = None,
            }
        }
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(Spare { sender, since }) = spare.pop() {
            if since.elapsed() > self.pool.idle {
                // Everything below is older.
                spare.clear();
                return None;
            }
            if sender.is_ready() && !sender.is_closed() {
                return Some(Sender::One(sender));
            }
        }
        None
    }

    /// A request failed on this connection: no other is sent over it.
    pub(crate) fn avoid(&self, sender: &Sender) {
        if matches!(sender, Sender::Two(_)) {
            *self.two.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    fn keep(&self, sender: http1::SendRequest<Outgoing>) {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() >= self.pool.spare.max(1) {
            // The oldest goes: it is the first that the server closes.
            spare.remove(0);
        }
        if self.pool.spare > 0 {
            spare.push(Spare {
                sender,
                since: Instant::now(),
            });
        }
    }

    /// Opens a connection and notes how that went.
    pub(crate) async fn connect(self: &Arc<Self>, tunnel: bool) -> Option<Sender> {
        // Handshakes are large and seldom: requests that find an open connection do not carry them.
        let opening = Box::pin(self.open(tunnel));
        let opened = tokio::time::timeout(self.pool.connect_within, opening)
            .await
            .unwrap_or_else(|_| {
                Err(format!(
                    "no connection within {:?}",
                    self.pool.connect_within
                ))
            });
        match opened {
            Ok(sender) => {
                self.failures.store(0, Ordering::Relaxed);
                if let Sender::Two(sender) = &sender {
                    let mut two = self.two.lock().unwrap_or_else(PoisonError::into_inner);
                    *two = Some(sender.clone());
                }
                Some(sender)
            }
            Err(reason) => {
                self.failed(reason);
                None
            }
        }
    }

    async fn open(&self, tunnel: bool) -> Result<Sender, String> {
        let stream = TcpStream::connect(&*self.address)
            .await
            .map_err(|error| error.to_string())?;
        let _ = stream.set_nodelay(true);
        match &self.secured {
            None => reach::one(stream).await,
            Some(Ok(secured)) => {
                let streams = self.pool.connections + self.pool.lasting;
                secured.open(stream, tunnel, streams).await
            }
            Some(Err(reason)) => Err(reason.clone()),
        }
    }

    /// Whether a connection can be opened, TLS and all.
    async fn answers(&self) -> bool {
        let opening = tokio::time::timeout(self.pool.connect_within, Box::pin(self.open(false)));
        matches!(opening.await, Ok(Ok(_)))
    }

    fn failed(self: &Arc<Self>, reason: String) {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        if failures < self.pool.down_after || self.down.swap(true, Ordering::Relaxed) {
            return;
        }
        self.told.tell(Event::UpstreamDown {
            at: self.clock.now(),
            upstream: Arc::clone(&self.address),
            reason,
        });
        let every = self.pool.probe_every.max(Duration::from_millis(10));
        tokio::spawn(probe(Arc::downgrade(self), every));
    }
}

/// Tries a server that is down until it answers, or until nobody names it any more.
async fn probe(backend: Weak<Backend>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let Some(backend) = backend.upgrade() else {
            return;
        };
        if backend.answers().await {
            backend.failures.store(0, Ordering::Relaxed);
            backend.down.store(false, Ordering::Relaxed);
            backend.told.tell(Event::UpstreamUp {
                at: backend.clock.now(),
                upstream: Arc::clone(&backend.address),
            });
            return;
        }
    }
}

/// A connection in use. Dropped, it is closed; given back, it is used again.
pub(crate) struct Lease {
    backend: Arc<Backend>,
    sender: Sender,
    place: Portion,
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lease({})", self.backend.address)
    }
}

impl Lease {
    pub(super) fn new(backend: &Arc<Backend>, sender: Sender, place: Portion) -> Self {
        Self {
            backend: Arc::clone(backend),
            sender,
            place,
        }
    }

    /// The answer was read to its end.
    pub(crate) fn give_back(self) {
        let Self {
            backend,
            sender,
            place,
        } = self;
        // One of HTTP/2 is shared and was never taken away.
        let Sender::One(mut sender) = sender else {
            return;
        };
        if sender.is_ready() {
            backend.keep(sender);
        } else if !sender.is_closed() {
            // Its task has not come round to it yet, or still sends the request's body.
            tokio::spawn(async move {
                if let Ok(Ok(())) = tokio::time::timeout(READY_WITHIN, sender.ready()).await {
                    backend.keep(sender);
                }
                drop(place);
            });
        }
    }
}
