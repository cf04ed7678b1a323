//! The site behind: answers by its path and keeps what it was sent.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A request as the site saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: Method,
    pub uri: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// Whether the body came to its end.
    pub complete: bool,
}

#[derive(Default)]
pub struct State {
    pub seen: Mutex<Vec<Seen>>,
    pub connections: AtomicUsize,
    pub bytes: AtomicUsize,
}

pub struct Behind {
    pub address: SocketAddr,
    pub state: Arc<State>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Behind {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Behind {
    pub async fn start() -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub fn on(listener: TcpListener) -> Self {
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            // Connections end with the site.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let state = Arc::clone(&shared);
                connections.spawn(async move {
                    let service = service_fn(move |request| answer(Arc::clone(&state), request));
                    let _ = http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .with_upgrades()
                        .await;
                });
            }
        });
        Self {
            address,
            state,
            task,
        }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }

    pub fn last(&self) -> Seen {
        self.seen().pop().expect("the site was asked")
    }
}

/// A body that comes piece by piece, with pauses.
pub struct Drip {
    pieces: VecDeque<(Duration, Bytes)>,
    pause: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Drip {
    pub fn new(pieces: impl IntoIterator<Item = (Duration, Bytes)>) -> Self {
        Self {
            pieces: pieces.into_iter().collect(),
            pause: None,
        }
    }
}

impl Body for Drip {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        let Some((pause, _)) = this.pieces.front() else {
            return Poll::Ready(None);
        };
        let sleep = this
            .pause
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(*pause)));
        std::task::ready!(sleep.as_mut().poll(cx));
        this.pause = None;
        let piece = this.pieces.pop_front().map(|(_, piece)| piece);
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }
}

fn whole(text: impl Into<Bytes>) -> Drip {
    Drip::new([(Duration::ZERO, text.into())])
}

async fn answer(
    state: Arc<State>,
    mut request: Request<Incoming>,
) -> Result<Response<Drip>, Infallible> {
    let path = request.uri().path().to_owned();
    if path == "/early" {
        return Ok(Response::builder().status(418).body(whole("no")).unwrap());
    }
    if path == "/socket" {
        let upgrade = hyper::upgrade::on(&mut request);
        note(&state, &request, Vec::new(), true);
        tokio::spawn(async move {
            let mut stream = TokioIo::new(upgrade.await.unwrap());
            let mut buffer = [0; 1024];
            while let Ok(count) = stream.read(&mut buffer).await {
                if count == 0 || stream.write_all(&buffer[..count]).await.is_err() {
                    break;
                }
            }
        });
        return Ok(Response::builder()
            .status(101)
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-accept", "x")
            .body(Drip::new([]))
            .unwrap());
    }
    let (parts, mut body) = request.into_parts();
    let keep = path != "/sink";
    let (mut taken, mut complete) = (Vec::new(), true);
    while let Some(frame) = body.frame().await {
        match frame.map(Frame::into_data) {
            Ok(Ok(data)) => {
                state.bytes.fetch_add(data.len(), Ordering::SeqCst);
                if keep {
                    taken.extend_from_slice(&data);
                }
            }
            Ok(Err(_)) => {}
            Err(_) => {
                complete = false;
                break;
            }
        }
    }
    let text = format!("{} {} {}", parts.method, parts.uri, taken.len());
    let request = Request::from_parts(parts, ());
    note(&state, &request, taken, complete);
    let response = match path.as_str() {
        "/slow" => {
            tokio::time::sleep(Duration::from_secs(3)).await;
            Response::new(whole("late"))
        }
        "/stream" => Response::new(Drip::new((0..5).map(|at| {
            (
                Duration::from_millis(30),
                Bytes::from(format!("piece {at}\n")),
            )
        }))),
        "/large" => Response::new(Drip::new(
            (0..256).map(|_| (Duration::ZERO, Bytes::from(vec![b'x'; 64 * 1024]))),
        )),
        "/leak" => Response::builder()
            .header("content-type", "text/html")
            .body(whole("the secret word"))
            .unwrap(),
        "/leak-field" => Response::builder()
            .header("x-leak", "yes")
            .body(whole("nothing"))
            .unwrap(),
        "/page" => Response::builder()
            .header("content-type", "text/html")
            .header("server", "Something/1.0")
            .header("x-powered-by", "PHP/8")
            .header("connection", "x-private")
            .header("x-private", "hop")
            .body(whole("<p>page</p>"))
            .unwrap(),
        // As WordPress answers: the form once more, or the way to the console.
        "/wp-login.php" if request_body(&state).contains("pwd=right") => Response::builder()
            .status(302)
            .header("location", "/wp-admin/")
            .body(Drip::new([]))
            .unwrap(),
        "/wp-login.php" => Response::new(whole(
            "<!DOCTYPE html><title>Log In</title><div id=\"login_error\" class=\"notice\">Error</div>",
        )),
        path if path.starts_with("/missing") => {
            Response::builder().status(404).body(whole("no")).unwrap()
        }
        "/nothing" => Response::builder().status(204).body(Drip::new([])).unwrap(),
        _ => Response::new(whole(text)),
    };
    Ok(response)
}

/// The body of the request that was noted last.
fn request_body(state: &State) -> String {
    let seen = state.seen.lock().unwrap();
    String::from_utf8_lossy(&seen.last().unwrap().body).into_owned()
}

fn note<B>(state: &State, request: &Request<B>, body: Vec<u8>, complete: bool) {
    state.seen.lock().unwrap().push(Seen {
        method: request.method().clone(),
        uri: request.uri().to_string(),
        headers: request.headers().clone(),
        body,
        complete,
    });
}
