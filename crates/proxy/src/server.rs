//! The server: sockets in, connections out, a policy that can be replaced at any time.

use std::collections::{HashMap, HashSet};
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use mamori_kernel::Clock;
use rustls::server::ProducesTickets;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::address::plain;
use crate::census::{Census, Full};
use crate::connection::{self, Accepted};
use crate::event::{Event, Refusal, Told};
use crate::inspect::Desk;
use crate::ips::{self, Ips, IpsHandle};
use crate::policy::{Listener, Policy, PolicyError, Pool, Upstream};
use crate::tls::{self, Tls};
use crate::upstream::{Backend, Group};

/// How long accepting rests when the machine has no room for a connection.
const REST: Duration = Duration::from_millis(50);

/// Everything made of one policy.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) policy: Policy,
    pub(crate) tls: Tls,
    pub(crate) groups: Vec<Group>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) ips: ips::Prepared,
}

/// How far stopping has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stopping {
    /// Not at all.
    Not,
    /// No new connections; requests end, tunnels go on.
    Requests,
    /// Tunnels end.
    Tunnels,
    /// Whatever is left ends.
    Everything,
}

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) active: ArcSwap<Active>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) told: Told,
    pub(crate) ips: Ips,
    pub(crate) census: Arc<Census>,
    tickets: Arc<dyn ProducesTickets>,
    stopping: watch::Sender<Stopping>,
    /// Servers by what they are named as, as long as a policy or a request needs them.
    backends: Mutex<HashMap<(Upstream, Pool), Weak<Backend>>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Shared {
    /// Tells which sites wait for their certificate.
    fn tell_pending(&self) {
        for (site, host) in self.active.load().policy.uncovered() {
            self.told.tell(Event::CertificatePending {
                at: self.clock.now(),
                site: Arc::clone(site),
                host: host.to_string(),
            });
        }
    }

    pub(crate) fn stopping(&self) -> watch::Receiver<Stopping> {
        self.stopping.subscribe()
    }
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A listener of the policy got no socket, or a socket is not in the policy.
    #[error(
        "the policy's listeners are {policy}, but sockets were handed over for {sockets}; hand over one socket for each listener"
    )]
    Sockets {
        /// The policy's.
        policy: String,
        /// The sockets'.
        sockets: String,
    },
    /// The policy cannot be served.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// TLS cannot make tickets.
    #[error("TLS cannot be set up: {0}")]
    Tls(rustls::Error),
    /// A socket cannot be used.
    #[error("the socket of listener {name} cannot be used: {error}")]
    Socket {
        /// The listener.
        name: String,
        /// Why.
        error: std::io::Error,
    },
}

/// Why a policy was not taken; the one before stays in force.
#[derive(Debug, thiserror::Error)]
pub enum SwapError {
    /// Sockets cannot be exchanged while running.
    #[error("the listeners are not the same as before; start anew to listen elsewhere")]
    Listeners,
    /// The policy cannot be served.
    #[error(transparent)]
    Policy(#[from] PolicyError),
}

/// The running data plane.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    accepting: JoinSet<()>,
    /// Ends when the last connection has gone.
    gone: mpsc::Receiver<()>,
}

impl Server {
    /// Serves a policy on sockets that were bound by somebody who may. Must be called within a
    /// runtime of tokio.
    pub fn start(
        policy: Policy,
        sockets: Vec<(String, StdListener)>,
        clock: Arc<dyn Clock>,
        told: Told,
    ) -> Result<Self, StartError> {
        let listeners = policy.parts().listeners.clone();
        let named: HashSet<&str> = listeners.iter().map(|own| &*own.name).collect();
        let given: HashSet<&str> = sockets.iter().map(|(name, _)| name.as_str()).collect();
        if named != given || given.len() != sockets.len() {
            let list = |names: &HashSet<&str>| {
                let mut sorted: Vec<&str> = names.iter().copied().collect();
                sorted.sort_unstable();
                sorted.join(", ")
            };
            return Err(StartError::Sockets {
                policy: list(&named),
                sockets: list(&given),
            });
        }
        let tickets = tls::tickets().map_err(StartError::Tls)?;
        let backends = Mutex::new(HashMap::new());
        let ips = Ips::new(&policy.parts().ips);
        let active = activate(policy, &tickets, &backends, &clock, &told, &ips, None)?;
        let (stopping, _) = watch::channel(Stopping::Not);
        let shared = Arc::new(Shared {
            active: ArcSwap::from_pointee(active),
            clock,
            told,
            ips,
            census: Arc::default(),
            tickets,
            stopping,
            backends,
        });
        shared.tell_pending();
        let (alive, gone) = mpsc::channel(1);
        let mut accepting = JoinSet::new();
        for (name, socket) in sockets {
            let Some(listener) = listeners.iter().find(|own| *own.name == *name) else {
                continue;
            };
            let socket = socket
                .set_nonblocking(true)
                .and_then(|()| TcpListener::from_std(socket))
                .map_err(|error| StartError::Socket { name, error })?;
            accepting.spawn(accept(
                Arc::clone(&shared),
                listener.clone(),
                socket,
                alive.clone(),
            ));
        }
        Ok(Self {
            shared,
            accepting,
            gone,
        })
    }

    /// Replaces the policy. Requests that have begun end under the one before; connections stay.
    pub fn swap(&self, policy: Policy) -> Result<(), SwapError> {
        let before = self.shared.active.load_full();
        if policy.parts().listeners != before.policy.parts().listeners {
            return Err(SwapError::Listeners);
        }
        let shared = &self.shared;
        let active = activate(
            policy,
            &shared.tickets,
            &shared.backends,
            &shared.clock,
            &shared.told,
            &shared.ips,
            Some(&before.desk),
        )?;
        shared.active.store(Arc::new(active));
        shared.tell_pending();
        Ok(())
    }

    /// Bans, readable and settable from outside.
    pub fn ips(&self) -> IpsHandle {
        IpsHandle::new(&self.shared)
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.shared.census.all()
    }

    /// Stops: no new connections, then running requests end within `grace`, then whatever is left is
    /// cut off. Gives whether everything ended by itself.
    pub async fn stop(mut self, grace: Duration) -> bool {
        self.accepting.shutdown().await;
        let stopping = &self.shared.stopping;
        stopping.send_replace(Stopping::Requests);
        let half = grace / 2;
        if tokio::time::timeout(half, self.gone.recv()).await.is_ok() {
            return true;
        }
        stopping.send_replace(Stopping::Tunnels);
        if tokio::time::timeout(half, self.gone.recv()).await.is_ok() {
            return true;
        }
        stopping.send_replace(Stopping::Everything);
        // Each connection only has to see it.
        let _ = tokio::time::timeout(Duration::from_secs(1), self.gone.recv()).await;
        false
    }
}

/// Makes everything that a policy needs. What is alike in the one before goes on.
fn activate(
    policy: Policy,
    tickets: &Arc<dyn ProducesTickets>,
    backends: &Mutex<HashMap<(Upstream, Pool), Weak<Backend>>>,
    clock: &Arc<dyn Clock>,
    told: &Told,
    ips: &Ips,
    desk: Option<&Arc<Desk>>,
) -> Result<Active, PolicyError> {
    let tls = Tls::new(&policy, tickets)?;
    let mut known = backends.lock().unwrap_or_else(PoisonError::into_inner);
    known.retain(|_, backend| backend.strong_count() > 0);
    let groups = policy
        .parts()
        .sites
        .iter()
        .map(|site| {
            let servers = site.upstreams.iter().map(|upstream| {
                let key = (upstream.clone(), site.pool.clone());
                if let Some(backend) = known.get(&key).and_then(Weak::upgrade) {
                    return backend;
                }
                let backend = Backend::new(upstream, &site.pool, told.clone(), Arc::clone(clock));
                known.insert(key, Arc::downgrade(&backend));
                backend
            });
            Group::new(servers.collect())
        })
        .collect();
    let settings = policy.parts().inspection;
    let desk = match desk.filter(|desk| *desk.settings() == settings) {
        Some(desk) => Arc::clone(desk),
        None => Arc::new(Desk::new(settings)),
    };
    Ok(Active {
        ips: ips.prepare(&policy.parts().ips),
        policy,
        tls,
        groups,
        desk,
    })
}

async fn accept(
    shared: Arc<Shared>,
    listener: Listener,
    socket: TcpListener,
    alive: mpsc::Sender<()>,
) {
    loop {
        match socket.accept().await {
            Ok((stream, peer)) => admit(&shared, &listener, stream, peer, &alive),
            Err(error) => {
                tracing::warn!(listener = &*listener.name, %error, "cannot accept a connection");
                tokio::time::sleep(REST).await;
            }
        }
    }
}

/// Takes a connection, or closes it at once.
fn admit(
    shared: &Arc<Shared>,
    listener: &Listener,
    stream: TcpStream,
    peer: SocketAddr,
    alive: &mpsc::Sender<()>,
) {
    let address = plain(peer.ip());
    let active = shared.active.load();
    let parts = active.policy.parts();
    let refuse = |refusal| {
        shared.told.tell(Event::Refused {
            at: shared.clock.now(),
            peer: address,
            listener: Arc::clone(&listener.name),
            id: None,
            refusal,
        });
    };
    let exempt = ips::is_exempt(parts, address);
    if parts.blocked.contains(address) && !exempt {
        return refuse(Refusal::Blocked);
    }
    if parts.ips.banning.close && !exempt && shared.ips.ban(address, shared.clock.now()).is_some() {
        return refuse(Refusal::Banned);
    }
    // A trusted proxy brings many clients over few addresses.
    let own = if exempt {
        usize::MAX
    } else {
        parts.limits.connections_of_client
    };
    let place = match shared.census.enter(address, parts.limits.connections, own) {
        Ok(place) => place,
        Err(Full::Altogether) => return refuse(Refusal::TooManyConnections),
        Err(Full::Client) => return refuse(Refusal::TooManyOfClient),
    };
    let accepted = Accepted {
        shared: Arc::clone(shared),
        listener: Arc::clone(&listener.name),
        tls: listener.tls,
        peer,
        place,
        alive: alive.clone(),
    };
    tokio::spawn(connection::serve(accepted, stream));
}
