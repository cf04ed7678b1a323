//! Bounds of connections, on both sides.

use std::time::Duration;

use crate::framing::Bounds;

/// Bounds of connections with clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Size of heads.
    pub head: Bounds,
    /// From the first byte of a head to its last.
    pub head_within: Duration,
    /// For the whole handshake of TLS.
    pub handshake_within: Duration,
    /// How long a connection may wait for its next request.
    pub idle: Duration,
    /// The longest time without a byte, of a body or of an answer that the client takes.
    pub stall: Duration,
    /// Bytes per second that bodies and answers make at least, on the whole.
    pub least_rate: u64,
    /// Waiting that is not counted for the rate.
    pub grace: Duration,
    /// Connections altogether.
    pub connections: usize,
    /// Connections of one client (an IPv4 address, an IPv6 /64).
    pub connections_of_client: usize,
    /// Requests at the same time on one connection of HTTP/2.
    pub streams: u32,
    /// How long a closing connection still takes what the client is sending, so that it reads the
    /// answer.
    pub linger: Duration,
    /// How long a tunnel or a stream of events may be silent.
    pub tunnel_idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Bounds::default(),
            head_within: Duration::from_secs(10),
            handshake_within: Duration::from_secs(10),
            idle: Duration::from_mins(1),
            stall: Duration::from_secs(30),
            least_rate: 240,
            grace: Duration::from_secs(20),
            connections: 10_000,
            connections_of_client: 200,
            streams: 100,
            linger: Duration::from_secs(2),
            tunnel_idle: Duration::from_hours(1),
        }
    }
}

/// How the servers of a site are spoken to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pool {
    /// For opening a connection.
    pub connect_within: Duration,
    /// From the request to the head of the answer.
    pub answer_within: Duration,
    /// The longest time without a byte of the answer's body.
    pub stall: Duration,
    /// How long an unused connection is kept. Less than the server keeps it.
    pub idle: Duration,
    /// Unused connections kept for each server.
    pub spare: usize,
    /// Connections to each server.
    pub connections: usize,
    /// How many of them requests of one client have at the same time (an IPv4 address, an IPv6 /64).
    pub connections_of_client: usize,
    /// How long a request waits for one of them. Where somebody waits, the slowest clients lose
    /// theirs.
    pub wait: Duration,
    /// Beside them, connections that stay open as long as their visitor wants: tunnels and streams of
    /// events. However many there are, requests have their own.
    pub lasting: usize,
    /// How many of those one client has.
    pub lasting_of_client: usize,
    /// Failures in a row after which a server counts as down.
    pub down_after: u32,
    /// How often a server that is down is tried.
    pub probe_every: Duration,
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            connect_within: Duration::from_secs(3),
            answer_within: Duration::from_mins(1),
            stall: Duration::from_mins(1),
            idle: Duration::from_secs(4),
            spare: 64,
            connections: 256,
            connections_of_client: 64,
            wait: Duration::from_secs(10),
            lasting: 256,
            lasting_of_client: 16,
            down_after: 2,
            probe_every: Duration::from_secs(1),
        }
    }
}
