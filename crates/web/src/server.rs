//! The HTTP server: all routes of all capabilities behind the same layers.
//!
//! From outside in: request id, log and metrics · security headers · error pages · panics ·
//! time limit · compression · network and host check · conventions of the API · per route: guard,
//! body limit, comparison with the route's description.

use std::any::Any;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use mamori_runtime::config::admits;
use mamori_runtime::{App, Guard, Route};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tracing::Instrument;

use crate::api::conventions::{self, Rules};
use crate::error;
use crate::guard::{self, Post};

/// Largest request body unless the route says otherwise.
pub const BODY_LIMIT_BYTES: usize = 1024 * 1024;
/// A request is given up after this time.
const REQUEST_WITHIN: Duration = Duration::from_secs(30);
/// A stopping server waits this long for running requests.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// Id of a request: in the log, on the error page and in the header `x-request-id`.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// Address of the client as far as it can be known.
#[derive(Debug, Clone, Copy)]
pub struct ClientAddress(pub IpAddr);

/// All routes of all capabilities, with all layers.
pub fn router(app: &App) -> Router {
    let mut router = Router::new();
    for route in app.capabilities().iter().flat_map(|c| &c.routes) {
        router = router.route(route.path, guarded(app, route));
    }
    let verbs = conventions::verbs(app);
    router
        .layer(middleware::from_fn_with_state(verbs, conventions::finish))
        .layer(middleware::from_fn_with_state(app.clone(), check_host))
        .layer(middleware::from_fn_with_state(app.clone(), check_network))
        .layer(CompressionLayer::new().gzip(true).br(true))
        .layer(middleware::from_fn_with_state(patience(app), limit_time))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(app.clone(), error::render))
        .layer(middleware::from_fn_with_state(app.clone(), add_headers))
        .layer(middleware::from_fn_with_state(app.clone(), observe))
        .with_state(app.clone())
}

fn guarded(app: &App, route: &Route) -> axum::routing::MethodRouter<App> {
    let body_limit_bytes = route.body_limit_bytes.unwrap_or(BODY_LIMIT_BYTES);
    let post = Post {
        app: app.clone(),
        guard: route.guard,
        fresh: route.fresh,
        body_limit_bytes,
        personal: route.personal.clone(),
    };
    let mut handler = route.handler();
    if let Some(operation) = route.operation.clone() {
        let rules = Rules {
            operation,
            body_limit_bytes,
        };
        handler = handler
            .layer::<_, Infallible>(middleware::from_fn_with_state(rules, conventions::admit));
    }
    handler
        .layer::<_, Infallible>(middleware::from_fn_with_state(post, guard::check))
        .layer(DefaultBodyLimit::max(body_limit_bytes))
}

/// Routes that everybody may use; the walk test compares the list with what is meant.
pub fn public_routes(app: &App) -> Vec<(&'static str, &'static str)> {
    app.capabilities()
        .iter()
        .flat_map(|capability| &capability.routes)
        .filter(|route| route.guard == Guard::Public)
        .map(|route| (route.verb.as_str(), route.path))
        .collect()
}

/// Serves until `stop` says true; then running requests are given ten seconds.
pub async fn serve(
    app: App,
    listener: TcpListener,
    mut stop: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let service = router(&app).into_make_service_with_connect_info::<SocketAddr>();
    let mut stop_again = stop.clone();
    let mut stop_live = stop.clone();
    let live = app.slot_or_default::<crate::house::events::Live>();
    // Open pages listen as long as they are open: they would hold the stop up.
    tokio::spawn(async move {
        let _ = stop_live.wait_for(|stop| *stop).await;
        live.close();
    });
    let server = axum::serve(listener, service).with_graceful_shutdown(async move {
        let _ = stop.wait_for(|stop| *stop).await;
    });
    tokio::select! {
        ended = server => ended,
        () = async {
            let _ = stop_again.wait_for(|stop| *stop).await;
            tokio::time::sleep(STOP_WITHIN).await;
        } => {
            tracing::warn!("some requests did not end in time and were cut off");
            Ok(())
        }
    }
}

async fn observe(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = RequestId(hex::encode(rand::random::<[u8; 8]>()));
    let client = client_address(&app, &request);
    request.extensions_mut().insert(id.clone());
    request.extensions_mut().insert(client);
    let method = request.method().clone();
    // The path only: queries may hold personal data.
    let path = logged_path(request.uri().path());
    let span = tracing::info_span!("request", id = id.0, %method, path);
    let mut response = next.run(request).instrument(span.clone()).await;
    let seconds = started.elapsed().as_secs_f64();
    let status = response.status();
    let route = response
        .extensions()
        .get::<RoutePath>()
        .map_or_else(|| "other".to_owned(), |path| path.0.clone());
    metrics::histogram!(
        mamori_runtime::telemetry::HTTP_SECONDS,
        "route" => route,
        "status" => format!("{}xx", status.as_u16() / 100)
    )
    .record(seconds);
    span.in_scope(|| tracing::debug!(status = status.as_u16(), seconds, "request answered"));
    // For the bench and for the browser's own tools: until the answer's head, without its sending.
    if let Ok(value) = HeaderValue::from_str(&format!("app;dur={:.2}", seconds * 1_000.0)) {
        response
            .headers_mut()
            .insert(HeaderName::from_static("server-timing"), value);
    }
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        response
            .headers_mut()
            .insert(HeaderName::from_static("x-request-id"), value);
    }
    response
}

/// What the log shows of a path: an invitation's ends with its secret.
fn logged_path(path: &str) -> String {
    const SECRET: &str = "/invitation/";
    if path.starts_with(SECRET) {
        format!("{SECRET}***")
    } else {
        path.to_owned()
    }
}

/// The matched route's path, handed outwards for the metric.
#[derive(Debug, Clone)]
struct RoutePath(String);

/// The peer; or, when the peer is this machine and TLS ends before us (`public_url` is https), the
/// last address of `X-Forwarded-For`, which that proxy wrote.
fn client_address(app: &App, request: &Request) -> ClientAddress {
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |info| info.0.ip());
    if !(app.config.is_https() && peer.is_loopback()) {
        return ClientAddress(peer);
    }
    let forwarded = request
        .headers()
        .get_all("x-forwarded-for")
        .iter()
        .next_back()
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.rsplit(',').next())
        .and_then(|text| text.trim().parse().ok());
    ClientAddress(forwarded.unwrap_or(peer))
}

/// Routes by their path that may take longer than others.
type Patience = Arc<BTreeMap<&'static str, Duration>>;

fn patience(app: &App) -> Patience {
    let routes = app.capabilities().iter().flat_map(|one| &one.routes);
    let slow = routes.filter_map(|route| Some((route.path, route.within?)));
    Arc::new(slow.collect())
}

async fn limit_time(State(patience): State<Patience>, request: Request, next: Next) -> Response {
    let matched = request.extensions().get::<MatchedPath>();
    let within = matched
        .and_then(|path| patience.get(path.as_str()))
        .copied()
        .unwrap_or(REQUEST_WITHIN);
    let route = matched.map(|path| RoutePath(path.as_str().to_owned()));
    let mut response = tokio::time::timeout(within, next.run(request))
        .await
        .unwrap_or_else(|_| StatusCode::SERVICE_UNAVAILABLE.into_response());
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    response
}

#[expect(clippy::needless_pass_by_value, reason = "the layer's signature")]
fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    tracing::error!(panic = text, "a handler panicked");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

/// Refuses names that are not ours, so that a foreign name that resolves to loopback (DNS
/// rebinding) reaches nothing.
async fn check_host(State(app): State<App>, request: Request, next: Next) -> Response {
    let host = request
        .uri()
        .authority()
        .cloned()
        .or_else(|| host_header(request.headers()));
    if host.is_some_and(|host| is_ours(&app, host.host())) {
        next.run(request).await
    } else {
        StatusCode::MISDIRECTED_REQUEST.into_response()
    }
}

/// Lets nobody in from networks that are not listed, if any are; whether the process lives may be
/// asked from everywhere.
async fn check_network(State(app): State<App>, request: Request, next: Next) -> Response {
    let listed = request
        .extensions()
        .get::<ClientAddress>()
        .is_some_and(|client| admits(&app.config.networks, client.0));
    if listed || request.uri().path() == "/healthz" {
        next.run(request).await
    } else {
        error::WebError::Elsewhere.into_response()
    }
}

fn host_header(headers: &HeaderMap) -> Option<Authority> {
    headers.get(header::HOST)?.to_str().ok()?.parse().ok()
}

fn is_ours(app: &App, host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    // A bare address cannot be rebound.
    if bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok() {
        return true;
    }
    app.config
        .public_url
        .as_deref()
        .and_then(|url| url.parse::<axum::http::Uri>().ok())
        .is_some_and(|url| {
            url.host()
                .is_some_and(|public| public.eq_ignore_ascii_case(bare))
        })
}

/// Script, styles and pictures from our own files only; nothing inline, no frames.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; \
     connect-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
     frame-ancestors 'none'";

const HEADERS: [(&str, &str); 6] = [
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

async fn add_headers(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        // A handler that serves foreign files sets a stricter policy of its own.
        headers
            .entry(HeaderName::from_static(name))
            .or_insert(HeaderValue::from_static(value));
    }
    if app.config.is_https() {
        headers.insert(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000"),
        );
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}
