//! One request and its answer.
//!
//! In order: who asks for what (`admit`), whether policy lets it in, what the firewall says to the
//! head and to the body (`inspected`), the way to the site and back. Whatever happens, there is one
//! answer and one record.

mod admit;
mod closing;
mod fields;
pub(crate) mod forwarded;
mod inspected;
mod pump;
mod refused;
mod tunnel;

use std::convert::Infallible;
use std::sync::Arc;

use http::header::{ACCEPT_ENCODING, CONNECTION, HOST, UPGRADE};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;

pub(crate) use closing::Closing;

use crate::body::{Answer, ClientBody, Outgoing, Relay};
use crate::commons::Asker;
use crate::connection::Conn;
use crate::event::{Event, Outcome, RequestId, UpstreamTrouble};
use crate::framing::{Authority, Fault, Head};
use crate::inspect::Case;
use crate::ips;
use crate::pace::Pace;
use crate::policy::{Policy, Site};
use crate::server::Active;
use crate::upstream::{Sent, is_event_stream};
use forwarded::{Client, X_REQUEST_ID};
use pump::Pump;
use refused::Refused;

/// A step of a request: its result, or the answer instead.
type Step<T> = Result<T, Box<Refused>>;

/// A request on its way.
struct Job {
    id: RequestId,
    closing: Closing,
    active: Arc<Active>,
    site: usize,
    client: Client,
    host: Authority,
}

impl Job {
    fn policy(&self) -> &Policy {
        &self.active.policy
    }

    fn site(&self) -> &Site {
        &self.active.policy.parts().sites[self.site]
    }

    fn conn(&self) -> &Arc<Conn> {
        self.closing.conn()
    }

    /// Who asks for what all clients share.
    fn asker(&self) -> Asker {
        let exempt = ips::is_exempt(self.policy().parts(), self.client.address);
        let (count, link) = (&self.closing.count, &self.conn().link);
        Asker::new(self.client.address, !exempt, count, link)
    }
}

/// Answers a request; called by the reader of HTTP for each one.
pub(crate) async fn handle(
    conn: Arc<Conn>,
    request: Request<Incoming>,
) -> Result<Response<Answer>, Infallible> {
    let id = RequestId::new();
    let active = conn.shared.active.load_full();
    let head = if request.version() == Version::HTTP_2 {
        None
    } else {
        match conn.link.next_head() {
            Some(Ok(head)) if head.method() == request.method().as_str().as_bytes() => Some(head),
            Some(Err(fault)) => return Ok(unreadable(&conn, &active, id, fault)),
            _ => return Ok(unreadable(&conn, &active, id, Fault::Malformed)),
        }
    };
    // Until something else is said, the answer to a request for another protocol is no.
    let undecided = head
        .as_ref()
        .filter(|head| head.asks_for_websocket())
        .map(|_| tunnel::Undecided::new(&conn.link));
    let (parts, body) = request.into_parts();
    let host = match admit::host(head.as_ref(), &parts) {
        Ok(host) => host,
        Err(fault) => return Ok(unreadable(&conn, &active, id, fault)),
    };
    let mut closing = Closing::new(&conn, id, conn.shared.clock.now());
    admit::describe(closing.record(), &parts, &host);
    let admitted = admit::admit(&mut closing, &active, &parts, &host);
    let (closing, outcome, active, asked) = match admitted {
        Err(admit::Instead::Token(text)) => {
            closing.record().outcome = Outcome::Challenge;
            return Ok(finished(closing, token(text)));
        }
        Err(admit::Instead::Refused(refused)) => {
            let site = active.policy.site_index(&host.host);
            let asked = site.map(|site| (site, conn.tls.is_some()));
            (closing, Err(refused), active, asked)
        }
        Ok((site, client)) => {
            let mut job = Job {
                id,
                closing,
                active,
                site,
                client,
                host,
            };
            let outcome = answer(&mut job, head, parts, body, undecided).await;
            let asked = Some((job.site, job.client.secure));
            (job.closing, outcome, job.active, asked)
        }
    };
    let response = match outcome {
        Ok(Answered::Response(response)) => response,
        Ok(Answered::Tunnel(response)) => return Ok(response),
        Err(refused) => {
            let mut closing = closing;
            closing.record().outcome = refused.outcome;
            let parts = active.policy.parts();
            let site = asked.map(|(site, secure)| (&parts.sites[site], secure));
            return Ok(finished(
                closing,
                refused.into_response(&parts.pages, site, id),
            ));
        }
    };
    Ok(finished(closing, response))
}

/// How a request that was let in ends.
enum Answered {
    /// With an answer.
    Response(Response<Answer>),
    /// With a tunnel, which keeps the record.
    Tunnel(Response<Answer>),
}

/// The answer carries its record to its end.
fn finished(mut closing: Closing, mut response: Response<Answer>) -> Response<Answer> {
    closing.record().status = response.status().as_u16();
    response.body_mut().closing(closing);
    response
}

/// What arrived is no request: one event, one answer, and the connection ends.
fn unreadable(conn: &Arc<Conn>, active: &Active, id: RequestId, fault: Fault) -> Response<Answer> {
    let refusal = crate::event::Refusal::Framing(fault);
    conn.shared.told.tell(Event::Refused {
        at: conn.shared.clock.now(),
        peer: conn.peer_address(),
        listener: Arc::clone(&conn.listener),
        id: Some(id),
        refusal,
    });
    noted_as_malformed(conn, active, id);
    Refused::refusal(refusal).into_response(&active.policy.parts().pages, None, id)
}

/// Watches count what is no request as well, by who is connected: whom a proxy asks for is unknown
/// then.
fn noted_as_malformed(conn: &Conn, active: &Active, id: RequestId) {
    let (shared, peer) = (&conn.shared, conn.peer_address());
    if ips::is_exempt(active.policy.parts(), peer) {
        return;
    }
    let now = shared.clock.now();
    let policy = &active.policy.parts().ips;
    let overdone = shared.ips.malformed(policy, &active.ips, peer, now);
    ips::tell(&shared.told, overdone, now, Some(id), peer);
}

/// The answer to a certificate authority.
fn token(text: String) -> Response<Answer> {
    let mut response = Response::new(Answer::whole(text));
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    response
}

async fn answer(
    job: &mut Job,
    head: Option<Head>,
    mut parts: Parts,
    body: Incoming,
    undecided: Option<tunnel::Undecided>,
) -> Step<Answered> {
    let websocket = undecided.is_some();
    let has_body = !http_body::Body::is_end_stream(&body);
    let upgrade = parts.extensions.remove::<OnUpgrade>();
    let (case, parts) = inspected::head(job, head, parts, has_body).await?;
    let body = ClientBody::new(
        body,
        job.site().body_limit,
        job.conn().pace,
        Arc::clone(&job.closing.count),
    );
    let (outgoing, mut case, pump) = match case {
        Some(case) if has_body => inspected::body(job, case, body, &parts).await?,
        case => (passing(body, has_body), case, None),
    };
    // Nobody asks the case again once the request is judged and answers are not looked at. Kept
    // until the site answers, each waiting request would hold an engine's memory of its own.
    if pump.is_none() && !job.site().firewall.responses {
        conclude(job, case.take());
    }
    let inspects_answer = case.is_some() || pump.is_some();
    let strip_packing =
        inspects_answer && job.site().firewall.responses || job.closing.watching.reads_answer();
    let repeatable = is_idempotent(&parts.method);
    let request = for_site(job, parts, outgoing, websocket, strip_packing);
    let sent = send(job, request, repeatable, pump, &mut case).await?;
    job.closing.record().upstream = Some(Arc::clone(&sent.server));
    job.closing.record().upstream_took = Some(sent.took);
    if sent.response.status() == StatusCode::SWITCHING_PROTOCOLS {
        conclude(job, case);
        return match (undecided, upgrade) {
            (Some(undecided), Some(upgrade)) => Ok(Answered::Tunnel(tunnel::open(
                job, sent, upgrade, undecided,
            ))),
            _ => Err(Refused::upstream(UpstreamTrouble::Broken)),
        };
    }
    respond(job, sent, case).await.map(Answered::Response)
}

fn passing(body: ClientBody, has_body: bool) -> Outgoing {
    if has_body {
        Outgoing::Passing {
            body: Box::new(body),
        }
    } else {
        Outgoing::Empty
    }
}

fn is_idempotent(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS].contains(method)
}

/// The request as the site gets it.
fn for_site(
    job: &Job,
    parts: Parts,
    body: Outgoing,
    websocket: bool,
    strip_packing: bool,
) -> Request<Outgoing> {
    let mut headers = parts.headers;
    fields::strip_request(&mut headers);
    if strip_packing {
        headers.remove(ACCEPT_ENCODING);
    }
    let usual = if job.client.secure { 443 } else { 80 };
    let port = job.host.port.unwrap_or(usual);
    let host = match job.host.port {
        Some(port) => format!("{}:{port}", job.host.host),
        None => job.host.host.clone(),
    };
    if !host.is_empty()
        && let Ok(value) = HeaderValue::try_from(host.as_str())
    {
        headers.insert(HOST, value);
    }
    forwarded::tell(&mut headers, &job.client, &host, port, job.id);
    if websocket {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    }
    let mut request = Request::new(body);
    *request.method_mut() = parts.method;
    *request.uri_mut() = origin_form(parts.uri);
    *request.headers_mut() = headers;
    request
}

/// Path and query alone.
fn origin_form(uri: Uri) -> Uri {
    if uri.scheme().is_none() && uri.authority().is_none() {
        return uri;
    }
    uri.path_and_query()
        .cloned()
        .map_or_else(|| Uri::from_static("/"), Uri::from)
}

/// Sends the request while its body may still be under inspection.
async fn send(
    job: &mut Job,
    request: Request<Outgoing>,
    repeatable: bool,
    pump: Option<Pump>,
    case: &mut Option<Case>,
) -> Step<Sent> {
    let active = Arc::clone(&job.active);
    let count = Arc::clone(&job.closing.count);
    let asker = job.asker();
    let sending = active.groups[job.site].send(request, repeatable, &asker, &count);
    let outcome = match pump {
        None => sending.await,
        Some(pump) => {
            let (outcome, seen) = pump.beside(job, sending).await?;
            *case = seen;
            outcome
        }
    };
    outcome.map_err(|trouble| {
        conclude(job, case.take());
        let Some(fault) = job.closing.count.fault() else {
            return Refused::upstream(trouble);
        };
        // Not the site's fault: the client's body did not come to its end.
        Refused::body(fault, job.conn().link.fault())
    })
}

/// The site's answer as the client gets it.
async fn respond(job: &mut Job, sent: Sent, case: Option<Case>) -> Step<Response<Answer>> {
    let (mut parts, incoming) = sent.response.into_parts();
    fields::strip(&mut parts.headers);
    let streams = is_event_stream(&parts.headers);
    let stall = if streams {
        job.policy().parts().limits.tunnel_idle
    } else {
        job.site().pool.stall
    };
    let pace = Pace {
        stall,
        least_rate: 0,
        grace: stall,
    };
    let lasting = streams.then(|| job.conn().link.lasts());
    let mut relay = Relay::new(incoming, pace, sent.lease, lasting);
    match case {
        Some(case) if job.site().firewall.responses => {
            relay = inspected::answer(job, case, &parts, relay).await?;
        }
        case => conclude(job, case),
    }
    let site = job.site();
    site.tell(&mut parts.headers, job.client.secure);
    if let Ok(id) = HeaderValue::try_from(job.id.to_string()) {
        parts.headers.insert(X_REQUEST_ID, id);
    }
    job.closing.record().outcome = Outcome::Served;
    let mut response = Response::new(Answer::relay(relay));
    *response.status_mut() = parts.status;
    *response.headers_mut() = parts.headers;
    Ok(response)
}

/// The inspection is over and let the request pass.
fn conclude(job: &mut Job, case: Option<Case>) {
    if let Some(case) = case {
        inspected::conclude(job, case);
    }
}
