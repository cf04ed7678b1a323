//! Bodies on their way: from the client, to the site, and back.
//!
//! Nothing here keeps a whole body. Each has its pace, its limit and its count.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::mpsc;
use tokio::time::Sleep;

use crate::commons::Portion;
use crate::exchange::Closing;
use crate::pace::{Pace, Progress};
use crate::turn::Turn;
use crate::upstream::Lease;
use crate::wire::Lasting;

/// Why a body did not come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyFault {
    #[error("the body is larger than allowed")]
    TooLarge,
    #[error("the body comes too slowly")]
    TooSlow,
    #[error("the body ended early or broke its framing")]
    Broken,
    #[error("the body is not passed on")]
    Stopped,
}

/// What is known of an exchange from outside.
#[derive(Debug, Default)]
pub(crate) struct Count {
    /// Of the client's body.
    bytes: AtomicU64,
    /// Whether the client is waited for.
    pub(crate) turn: Turn,
    fault: OnceLock<BodyFault>,
}

impl Count {
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn fault(&self) -> Option<BodyFault> {
        self.fault.get().copied()
    }
}

/// Waiting with an end.
#[derive(Debug)]
struct Patience {
    progress: Progress,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    fn new(pace: Pace) -> Self {
        Self {
            progress: Progress::new(pace),
            sleep: None,
        }
    }

    fn moved(&mut self, bytes: usize) {
        // The clock is asked only where somebody waited.
        if self.sleep.take().is_some() {
            self.progress.moved(bytes, Instant::now());
        } else {
            self.progress.gained(bytes);
        }
    }

    /// Ready when patience is at its end.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let until = self.progress.waiting(Instant::now());
        self.sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until.into())))
            .as_mut()
            .poll(cx)
    }
}

/// The body that a client sends: counted, limited, timed. Trailers are dropped.
#[derive(Debug)]
pub(crate) struct ClientBody {
    incoming: Incoming,
    limit: u64,
    taken: u64,
    count: Arc<Count>,
    patience: Patience,
}

impl ClientBody {
    pub(crate) fn new(incoming: Incoming, limit: u64, pace: Pace, count: Arc<Count>) -> Self {
        Self {
            incoming,
            limit,
            taken: 0,
            count,
            patience: Patience::new(pace),
        }
    }

    fn fail(&self, fault: BodyFault) -> BodyFault {
        let _ = self.count.fault.set(fault);
        fault
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyFault>>> {
        loop {
            let frame = match Pin::new(&mut self.incoming).poll_frame(cx) {
                Poll::Ready(frame) => frame,
                Poll::Pending => {
                    self.count.turn.begins(0);
                    ready!(self.patience.poll_end(cx));
                    return Poll::Ready(Some(Err(self.fail(BodyFault::TooSlow))));
                }
            };
            let data = frame
                .as_ref()
                .and_then(|frame| frame.as_ref().ok()?.data_ref());
            self.count.turn.ends(data.map_or(0, Bytes::len));
            match frame {
                None => return Poll::Ready(None),
                Some(Err(_)) => return Poll::Ready(Some(Err(self.fail(BodyFault::Broken)))),
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else {
                        continue;
                    };
                    self.patience.moved(data.len());
                    self.taken += data.len() as u64;
                    self.count.bytes.store(self.taken, Ordering::Relaxed);
                    if self.taken > self.limit {
                        return Poll::Ready(Some(Err(self.fail(BodyFault::TooLarge))));
                    }
                    return Poll::Ready(Some(Ok(data)));
                }
            }
        }
    }

    /// The next piece.
    pub(crate) async fn next(&mut self) -> Option<Result<Bytes, BodyFault>> {
        std::future::poll_fn(|cx| self.poll_piece(cx)).await
    }

    /// Whether nothing more comes, as far as that is known without asking.
    pub(crate) fn at_end(&self) -> bool {
        self.incoming.is_end_stream()
    }
}

/// Pieces of a body that are held back.
///
/// A piece is a view into the buffer that it was read into, and a tiny one would keep all of that
/// alive: small pieces are copied together, so that what is held is about as large as it seems.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    list: VecDeque<Bytes>,
    tail: BytesMut,
}

/// Pieces smaller than this are copied.
const SMALL: usize = 2048;

impl Pieces {
    pub(crate) fn push(&mut self, piece: Bytes) {
        if piece.len() < SMALL {
            self.tail.extend_from_slice(&piece);
            return;
        }
        self.close();
        self.list.push_back(piece);
    }

    fn close(&mut self) {
        if !self.tail.is_empty() {
            let tail = std::mem::take(&mut self.tail);
            self.list.push_back(tail.freeze());
        }
    }

    /// All of them, in order.
    pub(crate) fn done(mut self) -> VecDeque<Bytes> {
        self.close();
        self.list
    }
}

/// The body that goes to the site.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// There is none.
    Empty,
    /// It was held back as a whole.
    Held {
        pieces: VecDeque<Bytes>,
        left: u64,
        /// What it may take of the memory for bodies that are held back.
        _room: Option<Portion>,
    },
    /// It passes as it comes.
    Passing { body: Box<ClientBody> },
    /// It comes from a task that inspects it on the way.
    Inspected {
        pieces: mpsc::Receiver<Result<Bytes, BodyFault>>,
        left: Option<u64>,
    },
}

impl Outgoing {
    pub(crate) fn held(pieces: VecDeque<Bytes>, room: Option<Portion>) -> Self {
        let left = pieces.iter().map(|piece| piece.len() as u64).sum();
        if left == 0 {
            return Self::Empty;
        }
        Self::Held {
            pieces,
            left,
            _room: room,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        let piece = match self.get_mut() {
            Self::Empty => None,
            Self::Held { pieces, left, .. } => pieces.pop_front().map(|piece| {
                *left -= piece.len() as u64;
                Ok(piece)
            }),
            Self::Passing { body } => ready!(body.poll_piece(cx)),
            Self::Inspected { pieces, left } => {
                let piece = ready!(pieces.poll_recv(cx));
                if let (Some(Ok(piece)), Some(left)) = (&piece, left) {
                    *left = left.saturating_sub(piece.len() as u64);
                }
                piece
            }
        };
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Held { left, .. } => *left == 0,
            Self::Passing { body } => body.at_end(),
            // Its end is the end of the channel: what was withheld might never come.
            Self::Inspected { .. } => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Held { left, .. } => SizeHint::with_exact(*left),
            Self::Passing { body } => body.incoming.size_hint(),
            Self::Inspected { left, .. } => left.map_or_else(SizeHint::new, SizeHint::with_exact),
        }
    }
}

/// The body of the site's answer on its way to the client.
#[derive(Debug)]
pub(crate) struct Relay {
    /// What was held back for inspection.
    held: VecDeque<Bytes>,
    incoming: Incoming,
    patience: Patience,
    lease: Option<Lease>,
    _lasting: Option<Lasting>,
}

impl Relay {
    pub(crate) fn new(
        incoming: Incoming,
        pace: Pace,
        lease: Lease,
        lasting: Option<Lasting>,
    ) -> Self {
        let mut lease = Some(lease);
        if incoming.is_end_stream()
            && let Some(lease) = lease.take()
        {
            lease.give_back();
        }
        Self {
            held: VecDeque::new(),
            incoming,
            patience: Patience::new(pace),
            lease,
            _lasting: lasting,
        }
    }

    fn poll_incoming(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        loop {
            match Pin::new(&mut self.incoming).poll_frame(cx) {
                Poll::Pending => {
                    ready!(self.patience.poll_end(cx));
                    return Poll::Ready(Some(Err(BodyFault::TooSlow)));
                }
                Poll::Ready(None) => {
                    if let Some(lease) = self.lease.take() {
                        lease.give_back();
                    }
                    return Poll::Ready(None);
                }
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Some(Err(BodyFault::Broken))),
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        self.patience.moved(data.len());
                        if self.incoming.is_end_stream()
                            && let Some(lease) = self.lease.take()
                        {
                            lease.give_back();
                        }
                        return Poll::Ready(Some(Ok(Frame::data(data))));
                    }
                }
            }
        }
    }

    /// The next piece, for inspection; it has to be put back with [`Relay::hold`].
    pub(crate) async fn next(&mut self) -> Option<Result<Bytes, BodyFault>> {
        let frame = std::future::poll_fn(|cx| self.poll_incoming(cx)).await?;
        Some(frame.map(|frame| frame.into_data().unwrap_or_default()))
    }

    pub(crate) fn hold(&mut self, piece: Bytes) {
        self.held.push_back(piece);
    }

    /// Whether a connection to the site waits for the client.
    fn holds_a_connection(&self) -> bool {
        self.lease.is_some()
    }
}

/// The body of an answer, with the record that is told at its end.
#[derive(Debug)]
pub(crate) struct Answer {
    kind: Kind,
    closing: Option<Box<Closing>>,
}

#[derive(Debug)]
enum Kind {
    Whole(Bytes),
    Relay(Box<Relay>),
}

impl Answer {
    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        Self {
            kind: Kind::Whole(bytes.into()),
            closing: None,
        }
    }

    pub(crate) fn relay(relay: Relay) -> Self {
        Self {
            kind: Kind::Relay(Box::new(relay)),
            closing: None,
        }
    }

    pub(crate) fn closing(&mut self, closing: Closing) {
        self.closing = Some(Box::new(closing));
        self.note_end();
    }

    /// The record is closed as soon as nothing is left to send.
    fn note_end(&mut self) {
        if self.is_end_stream()
            && let Some(closing) = self.closing.take()
        {
            closing.complete();
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        let this = self.get_mut();
        if let (Kind::Relay(_), Some(closing)) = (&this.kind, &this.closing) {
            // It took what it was handed before.
            closing.count.turn.ends(0);
        }
        let frame = match &mut this.kind {
            Kind::Whole(bytes) if bytes.is_empty() => None,
            Kind::Whole(bytes) => Some(Ok(Frame::data(std::mem::take(bytes)))),
            Kind::Relay(relay) => match relay.held.pop_front() {
                Some(piece) => Some(Ok(Frame::data(piece))),
                None => ready!(relay.poll_incoming(cx)),
            },
        };
        if let (Some(Ok(frame)), Some(closing)) = (&frame, &mut this.closing) {
            let data: &[u8] = frame.data_ref().map_or(&[], |data| data);
            closing.sent(data);
            if matches!(&this.kind, Kind::Relay(relay) if relay.holds_a_connection()) {
                closing.count.turn.begins(data.len());
            }
        }
        match &frame {
            None => {
                if let Some(closing) = this.closing.take() {
                    closing.complete();
                }
            }
            Some(Ok(_)) => this.note_end(),
            Some(Err(_)) => this.closing = None,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Whole(bytes) => bytes.is_empty(),
            Kind::Relay(relay) => relay.held.is_empty() && relay.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Relay(relay) => {
                let held: u64 = relay.held.iter().map(|piece| piece.len() as u64).sum();
                let rest = relay.incoming.size_hint();
                match rest.exact() {
                    Some(rest) => SizeHint::with_exact(held + rest),
                    None => SizeHint::new(),
                }
            }
        }
    }
}
