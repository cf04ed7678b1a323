//! A connection with a client, between the socket and the reader of HTTP.
//!
//! For HTTP/1 everything read goes through the [`Scanner`] first: the reader behind sees a head only
//! when it is complete and sound, and a refused one never. What the scanner knows of each head
//! travels beside it in [`Link`], so that inspection sees names and targets as they arrived. Writing
//! is timed: a client that does not take its answer is left.

use std::collections::VecDeque;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::Sleep;
use tokio_rustls::server::TlsStream;

use crate::framing::{Fault, Head, Phase, Scanner};
use crate::pace::{Pace, Progress};

/// Bytes read at once.
const READ: usize = 16 * 1024;
/// Bytes that a closing connection takes and throws away.
const LINGER_BYTES: usize = 4 << 20;
/// What an idle connection keeps of its buffer.
const KEEP: usize = 4 * 1024;

/// The socket, with or without TLS.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// What the connection and the requests on it know of each other.
#[derive(Debug)]
pub(crate) struct Link {
    inner: Mutex<Inner>,
    active: AtomicUsize,
    end: Notify,
    begun: Instant,
    /// Milliseconds after `begun` at which something last moved.
    moved: AtomicU64,
    /// Answers on it that may be silent for long.
    lasting: AtomicUsize,
}

/// An answer that may be silent for long; the connection knows of it as long as this lives.
#[derive(Debug)]
pub(crate) struct Lasting(Arc<Link>);

impl Drop for Lasting {
    fn drop(&mut self) {
        self.0.touch();
        self.0.lasting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct Inner {
    heads: VecDeque<Result<Head, Fault>>,
    phase: Phase,
    since: Instant,
    decision: Option<bool>,
    reader: Option<Waker>,
    broken: Option<Fault>,
}

/// What a connection is found doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Doing {
    pub(crate) phase: Phase,
    /// How long this phase lasts.
    pub(crate) phase_for: Duration,
    /// Requests that are being answered.
    pub(crate) active: usize,
    /// How long nothing moved.
    pub(crate) still_for: Duration,
    /// Whether an answer is among them that may be silent for long.
    pub(crate) lasting: bool,
}

impl Link {
    pub(crate) fn new() -> Arc<Self> {
        let now = Instant::now();
        Arc::new(Self {
            inner: Mutex::new(Inner {
                heads: VecDeque::new(),
                phase: Phase::Idle,
                since: now,
                decision: None,
                reader: None,
                broken: None,
            }),
            active: AtomicUsize::new(0),
            end: Notify::new(),
            begun: now,
            moved: AtomicU64::new(0),
            lasting: AtomicUsize::new(0),
        })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the scanner said of the request that the reader hands out now.
    pub(crate) fn next_head(&self) -> Option<Result<Head, Fault>> {
        self.inner().heads.pop_front()
    }

    /// The fault of a body, or of a head that no request came of.
    pub(crate) fn fault(&self) -> Option<Fault> {
        let mut inner = self.inner();
        let head = inner.heads.pop_front().and_then(Result::err);
        inner.broken.take().or(head)
    }

    /// The answer to a request for another protocol.
    pub(crate) fn decide(&self, raw: bool) {
        let mut inner = self.inner();
        inner.decision = Some(raw);
        if let Some(reader) = inner.reader.take() {
            reader.wake();
        }
    }

    /// The connection has to end: others wait for what its slow client holds.
    pub(crate) fn end(&self) {
        self.end.notify_one();
    }

    /// Ready when the connection has to end.
    pub(crate) async fn ended(&self) {
        self.end.notified().await;
    }

    pub(crate) fn request_begins(&self) {
        self.active.fetch_add(1, Ordering::Relaxed);
        self.touch();
    }

    pub(crate) fn request_ends(&self) {
        self.touch();
        self.active.fetch_sub(1, Ordering::Relaxed);
    }

    /// An answer begins that may be silent for long.
    pub(crate) fn lasts(self: &Arc<Self>) -> Lasting {
        self.lasting.fetch_add(1, Ordering::Relaxed);
        Lasting(Arc::clone(self))
    }

    pub(crate) fn touch(&self) {
        let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved.store(now, Ordering::Relaxed);
    }

    pub(crate) fn doing(&self) -> Doing {
        let (phase, since) = {
            let inner = self.inner();
            (inner.phase, inner.since)
        };
        let moved = Duration::from_millis(self.moved.load(Ordering::Relaxed));
        Doing {
            phase,
            phase_for: since.elapsed(),
            active: self.active.load(Ordering::Relaxed),
            still_for: self.begun.elapsed().saturating_sub(moved),
            lasting: self.lasting.load(Ordering::Relaxed) > 0,
        }
    }
}

/// The connection.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: Stream,
    link: Arc<Link>,
    /// None: what is read passes as it is.
    scanner: Option<Scanner>,
    /// Verified bytes, and how many of them were handed on.
    out: Vec<u8>,
    given: usize,
    /// Bytes that wait for a decision.
    waiting: Vec<u8>,
    broken: bool,
    ended: bool,
    writing: Progress,
    patience: Option<Pin<Box<Sleep>>>,
    linger: Duration,
    lingering: Option<(Pin<Box<Sleep>>, usize)>,
    shut: bool,
}

impl Wire {
    pub(crate) fn new(
        stream: Stream,
        link: Arc<Link>,
        scanner: Option<Scanner>,
        pace: Pace,
        linger: Duration,
    ) -> Self {
        Self {
            stream,
            link,
            scanner,
            out: Vec::new(),
            given: 0,
            waiting: Vec::new(),
            broken: false,
            ended: false,
            writing: Progress::new(pace),
            patience: None,
            linger,
            lingering: None,
            shut: false,
        }
    }

    /// Hands verified bytes on.
    fn give(&mut self, buf: &mut ReadBuf<'_>) {
        let rest = &self.out[self.given..];
        let count = rest.len().min(buf.remaining());
        buf.put_slice(&rest[..count]);
        self.given += count;
        if self.given == self.out.len() {
            self.out.clear();
            self.given = 0;
            if self.out.capacity() > KEEP {
                self.out = Vec::new();
            }
        }
    }

    /// Lets the scanner read.
    fn scan(&mut self, input: &[u8]) {
        let Some(scanner) = &mut self.scanner else {
            self.out.extend_from_slice(input);
            return;
        };
        let mut found = VecDeque::new();
        match scanner.feed(input, &mut self.out, |head| found.push_back(head)) {
            Ok(used) => self.waiting.extend_from_slice(&input[used..]),
            Err(fault) => {
                self.broken = true;
                self.link.inner().broken = Some(fault);
            }
        }
        let phase = scanner.phase();
        let mut inner = self.link.inner();
        // Each head begins its phase anew: a second one must not pay for the first.
        if inner.phase != phase || !found.is_empty() {
            inner.phase = phase;
            inner.since = Instant::now();
        }
        inner.heads.append(&mut found);
    }

    /// Whether reading may go on, as far as an undecided protocol is concerned.
    fn decided(&mut self, cx: &Context<'_>) -> bool {
        let Some(scanner) = self.scanner.as_mut().filter(|scanner| scanner.undecided()) else {
            return true;
        };
        let mut inner = self.link.inner();
        let Some(raw) = inner.decision.take() else {
            inner.reader = Some(cx.waker().clone());
            return false;
        };
        scanner.decide(raw);
        inner.phase = scanner.phase();
        inner.since = Instant::now();
        true
    }

    fn write_moved(&mut self, bytes: usize) {
        // The clock is asked only where somebody waited.
        if self.patience.take().is_some() {
            self.writing.moved(bytes, Instant::now());
        } else {
            self.writing.gained(bytes);
        }
        // The reader flushes whenever it is asked; that nothing had to be written is no progress.
        if bytes > 0 {
            self.link.touch();
        }
    }

    /// The client does not take what is written: ready when patience is at its end.
    fn write_waits(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let until = self.writing.waiting(Instant::now());
        let sleep = self
            .patience
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until.into())));
        ready!(sleep.as_mut().poll(cx));
        Poll::Ready(io::Error::new(
            io::ErrorKind::TimedOut,
            "the client does not take the answer",
        ))
    }

    /// Takes what the client still sends, so that closing does not destroy the answer on its way.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let linger = self.linger;
        let (sleep, taken) = self
            .lingering
            .get_or_insert_with(|| (Box::pin(tokio::time::sleep(linger)), 0));
        let mut scratch = [MaybeUninit::uninit(); READ];
        loop {
            if sleep.as_mut().poll(cx).is_ready() || *taken > LINGER_BYTES {
                return Poll::Ready(());
            }
            let mut buf = ReadBuf::uninit(&mut scratch);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => *taken += buf.filled().len(),
                _ => return Poll::Ready(()),
            }
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.given < this.out.len() {
                this.give(buf);
                this.link.touch();
                return Poll::Ready(Ok(()));
            }
            if this.broken {
                return Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "the body breaks its framing",
                )));
            }
            if this.ended {
                return Poll::Ready(Ok(()));
            }
            if !this.decided(cx) {
                return Poll::Pending;
            }
            if !this.waiting.is_empty() {
                let input = std::mem::take(&mut this.waiting);
                this.scan(&input);
                continue;
            }
            let mut scratch = [MaybeUninit::uninit(); READ];
            let mut read = ReadBuf::uninit(&mut scratch);
            ready!(Pin::new(&mut this.stream).poll_read(cx, &mut read))?;
            if read.filled().is_empty() {
                this.ended = true;
                return Poll::Ready(Ok(()));
            }
            this.scan(read.filled());
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_write(cx, buf) {
            Poll::Ready(outcome) => {
                this.write_moved(*outcome.as_ref().unwrap_or(&0));
                Poll::Ready(outcome)
            }
            Poll::Pending => this.write_waits(cx).map(Err),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_write_vectored(cx, bufs) {
            Poll::Ready(outcome) => {
                this.write_moved(*outcome.as_ref().unwrap_or(&0));
                Poll::Ready(outcome)
            }
            Poll::Pending => this.write_waits(cx).map(Err),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_flush(cx) {
            Poll::Ready(outcome) => {
                this.write_moved(0);
                Poll::Ready(outcome)
            }
            Poll::Pending => this.write_waits(cx).map(Err),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.shut {
            match Pin::new(&mut this.stream).poll_shutdown(cx) {
                Poll::Ready(Ok(())) => this.shut = true,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return this.write_waits(cx).map(Err),
            }
        }
        let sends = |scanner: &Scanner| scanner.phase() != Phase::Idle;
        if !this.ended && this.scanner.as_ref().is_some_and(sends) {
            ready!(this.poll_linger(cx));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
