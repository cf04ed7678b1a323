//! The record of a request, from its arrival to its end. However a request ends, its record is told
//! exactly once: when this value goes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::body::Count;
use crate::connection::Conn;
use crate::event::{Access, Event, Outcome, RequestId};
use crate::ips::{self, Watching};

/// The status in the record of a request whose client went before an answer; it is never sent.
const GONE: u16 = 499;

/// A record that is not yet told.
#[derive(Debug)]
pub(crate) struct Closing {
    conn: Arc<Conn>,
    access: Option<Box<Access>>,
    begun: Instant,
    /// What watches look at; nothing of offices, monitoring and who is kept out already.
    pub(crate) watching: Watching,
    pub(crate) count: Arc<Count>,
}

impl Closing {
    pub(crate) fn new(conn: &Arc<Conn>, id: RequestId, at: Timestamp) -> Self {
        conn.link.request_begins();
        let peer = conn.peer_address();
        Self {
            access: Some(Box::new(Access {
                at,
                id,
                listener: Arc::clone(&conn.listener),
                site: None,
                client: peer,
                peer,
                method: String::new(),
                host: String::new(),
                path: String::new(),
                query: None,
                version: "",
                tls: conn.tls.is_some(),
                user_agent: None,
                referrer: None,
                status: GONE,
                bytes_in: 0,
                bytes_out: 0,
                complete: false,
                took: Duration::ZERO,
                upstream_took: None,
                upstream: None,
                outcome: Outcome::Gone,
                waf: None,
                score: 0,
                would_refuse: false,
                by: None,
            })),
            conn: Arc::clone(conn),
            begun: Instant::now(),
            watching: Watching::default(),
            count: Arc::default(),
        }
    }

    /// Takes the record over; what is left tells nothing.
    pub(crate) fn moved(other: &mut Self) -> Self {
        Self {
            conn: Arc::clone(&other.conn),
            access: other.access.take(),
            begun: other.begun,
            watching: std::mem::take(&mut other.watching),
            count: Arc::clone(&other.count),
        }
    }

    /// What will be told.
    pub(crate) fn record(&mut self) -> &mut Access {
        self.access
            .as_mut()
            .expect("the record is taken only when this value goes")
    }

    pub(crate) fn conn(&self) -> &Arc<Conn> {
        &self.conn
    }

    /// A part of the answer was handed over.
    pub(crate) fn sent(&mut self, piece: &[u8]) {
        self.record().bytes_out += piece.len() as u64;
        self.watching.take(piece);
        self.conn.link.touch();
    }

    /// The answer is complete.
    pub(crate) fn complete(mut self) {
        self.record().complete = true;
    }
}

impl Closing {
    /// What watches make of the request.
    fn overdone(&self, access: &Access) -> Vec<ips::Overdone> {
        let shared = &self.conn.shared;
        let active = shared.active.load();
        let policy = &active.policy.parts().ips;
        shared
            .ips
            .ended(policy, &active.ips, &self.watching, access, || {
                shared.clock.now()
            })
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        if let Some(mut access) = self.access.take() {
            access.took = self.begun.elapsed();
            // A tunnel has counted for itself.
            access.bytes_in += self.count.bytes();
            let (id, client) = (access.id, access.client);
            let overdone = self.overdone(&access);
            let shared = &self.conn.shared;
            shared.told.tell(Event::Access(access));
            if !overdone.is_empty() {
                ips::tell(&shared.told, overdone, shared.clock.now(), Some(id), client);
            }
            self.conn.link.request_ends();
        }
    }
}
