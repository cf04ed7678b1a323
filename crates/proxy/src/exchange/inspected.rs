//! What the firewall says to a request: to its head, to its body, to the answer.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Uri, response};
use mamori_waf::RuleSet;

use super::pump::{self, Pump};
use super::refused::Refused;
use super::{Job, Step};
use crate::body::{ClientBody, Outgoing, Pieces, Relay};
use crate::commons::Portion;
use crate::event::{Event, Refusal, RequestId, Told, UpstreamTrouble};
use crate::framing::Head;
use crate::inspect::{About, Case, Desk, Ends, Findings, Stop, Uninspected, Unpacked};
use crate::policy::{BeyondBuffer, Overload, WafMode};
use crate::upstream::is_event_stream;

/// The head as it is shown to the rules.
enum Shown {
    /// As it arrived.
    One(Head),
    /// HTTP/2 has no text of its own; this is what it means.
    Two {
        method: Method,
        target: String,
        host: Option<String>,
        fields: HeaderMap,
    },
}

impl Shown {
    fn two(parts: &Parts) -> Self {
        let mut fields = parts.headers.clone();
        super::fields::join_cookies(&mut fields);
        Self::Two {
            method: parts.method.clone(),
            target: target(&parts.uri),
            host: (!fields.contains_key(http::header::HOST))
                .then(|| parts.uri.authority().map(ToString::to_string))
                .flatten(),
            fields,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::One(head) => head.bytes().len(),
            Self::Two { target, fields, .. } => {
                let fields = fields
                    .iter()
                    .map(|(name, value)| name.as_str().len() + value.len() + 4);
                target.len() + fields.sum::<usize>()
            }
        }
    }

    fn show(&self, case: &mut Case) {
        match self {
            Self::One(head) => {
                let version: &[u8] = if head.is_eleven() {
                    b"HTTP/1.1"
                } else {
                    b"HTTP/1.0"
                };
                case.line(head.method(), head.target(), version);
                for field in head.fields() {
                    case.field(field.name, field.value);
                }
            }
            Self::Two {
                method,
                target,
                host,
                fields,
            } => {
                case.line(method.as_str().as_bytes(), target.as_bytes(), b"HTTP/2.0");
                if let Some(host) = host {
                    case.field(b"host", host.as_bytes());
                }
                for (name, value) in fields {
                    case.field(name.as_str().as_bytes(), value.as_bytes());
                }
            }
        }
    }
}

fn target(uri: &Uri) -> String {
    uri.path_and_query()
        .map_or_else(|| "/".to_owned(), ToString::to_string)
}

/// Judges the head. `None`: nothing is inspected.
pub(super) async fn head(
    job: &mut Job,
    head: Option<Head>,
    parts: Parts,
    has_body: bool,
) -> Step<(Option<Case>, Parts)> {
    let firewall = &job.site().firewall;
    let mode = firewall.mode_on(parts.uri.path());
    let rules: Arc<RuleSet> = match (&firewall.rules, mode) {
        (None, _) | (_, WafMode::Off) => return Ok((None, parts)),
        (Some(rules), _) => Arc::clone(rules),
    };
    let ends = Ends {
        client: job.client.address,
        client_port: job.conn().peer.port(),
        local: job.conn().local,
        id: job.id,
        epoch: job.closing.record().at.as_second(),
    };
    let shown = head.map_or_else(|| Shown::two(&parts), Shown::One);
    let desk = Arc::clone(&job.active.desk);
    let judged = desk
        .run(shown.bytes(), shown, move |shown| {
            let mut case = Case::new(&rules, mode, &ends);
            shown.show(&mut case);
            case.judge_head(has_body);
            case
        })
        .await;
    let case = match judged {
        Ok((_, case)) => case,
        Err(uninspected) => {
            return unless_refused(&desk, mode, uninspected).map(|()| (None, parts));
        }
    };
    job.closing.record().waf = Some(mode);
    let case = unless_decided(job, case)?;
    Ok((Some(case), parts))
}

/// What policy says when nothing could be inspected.
pub(super) fn unless_refused(desk: &Desk, mode: WafMode, uninspected: Uninspected) -> Step<()> {
    if uninspected == Uninspected::Failed {
        tracing::error!("an inspection failed; the rule engine has a fault");
    }
    match (mode, desk.settings().overload) {
        (WafMode::Block, Overload::Refuse) => Err(Refused::refusal(Refusal::NotInspected)),
        _ => Ok(()),
    }
}

/// Goes on unless the rules decided otherwise; then everything is told and the answer is theirs.
pub(super) fn unless_decided(job: &mut Job, case: Case) -> Step<Case> {
    if case.decision().passes() {
        return Ok(case);
    }
    let decision = case.decision().clone();
    conclude(job, case);
    Err(Refused::firewall(&decision))
}

/// The end of an inspection: what it found is told.
pub(super) fn conclude(job: &mut Job, case: Case) {
    let findings = case.finish();
    job.closing.record().score = findings.report.score;
    job.closing.record().would_refuse = !findings.report.would.passes();
    let whose = Whose::of(job);
    whose.tell(&findings);
}

/// Whose request it is; can outlive the request.
pub(super) struct Whose {
    at: jiff::Timestamp,
    id: RequestId,
    site: Arc<str>,
    client: IpAddr,
    method: String,
    path: String,
    told: Told,
}

impl Whose {
    pub(super) fn of(job: &mut Job) -> Self {
        let site = Arc::clone(&job.site().name);
        let told = job.conn().shared.told.clone();
        let record = job.closing.record();
        Self {
            at: record.at,
            id: record.id,
            site,
            client: record.client,
            method: record.method.clone(),
            path: record.path.clone(),
            told,
        }
    }

    pub(super) fn tell(&self, findings: &Findings) {
        let about = About {
            at: self.at,
            id: self.id,
            site: &self.site,
            client: self.client,
            method: &self.method,
            path: &self.path,
        };
        if let Some(event) = findings.event(&about) {
            self.told.tell(Event::Waf(Box::new(event)));
        }
    }
}

/// What inspecting a body gives: what goes to the site, the case for the answer, and the task that
/// goes on inspecting.
pub(super) type Inspected = (Outgoing, Option<Case>, Option<Pump>);

/// Judges the body, or begins to.
pub(super) async fn body(
    job: &mut Job,
    mut case: Case,
    mut body: ClientBody,
    parts: &Parts,
) -> Step<Inspected> {
    let firewall = &job.site().firewall;
    let (buffer, beyond, limit) = (firewall.buffer, firewall.beyond, firewall.unpack_limit);
    match Unpacked::of(&parts.headers) {
        Unpacked::Plain => {}
        Unpacked::Packed(packing) => case.packed(packing, limit),
        Unpacked::Unknown if case.mode == WafMode::Block => {
            conclude(job, case);
            return Err(Refused::stop(Stop::Encoding));
        }
        Unpacked::Unknown => case.judge_part(),
    }
    if !case.judged && !case.wants_body() {
        // The rules do not look into bodies.
        let desk = Arc::clone(&job.active.desk);
        let mode = case.mode;
        let judged = desk.run(0, case, Case::judge_body).await;
        case = match judged {
            Ok((case, _)) => unless_decided(job, case)?,
            Err(uninspected) => {
                unless_refused(&desk, mode, uninspected)?;
                job.closing.record().waf = None;
                return Ok((super::passing(body, true), None, None));
            }
        };
        case.judged = true;
    }
    if case.judged {
        return Ok((super::passing(body, true), Some(case), None));
    }
    let wanted = announced(parts).unwrap_or(buffer).min(buffer);
    let room = match job.active.desk.room(&job.asker(), wanted).await {
        Ok(room) => room,
        Err(uninspected) => {
            unless_refused(&job.active.desk, case.mode, uninspected)?;
            job.closing.record().waf = None;
            conclude(job, case);
            return Ok((super::passing(body, true), None, None));
        }
    };
    let mut held = Pieces::default();
    let mut bytes = 0;
    while bytes <= buffer {
        match body.next().await {
            Some(Ok(piece)) => {
                bytes += piece.len();
                held.push(piece);
            }
            Some(Err(fault)) => {
                let framing = job.conn().link.fault();
                conclude(job, case);
                return Err(Refused::body(fault, framing));
            }
            None => return whole(job, case, held.done(), bytes, room).await,
        }
    }
    if beyond == BeyondBuffer::Refuse && case.mode == WafMode::Block {
        conclude(job, case);
        return Err(Refused::refusal(Refusal::BodyTooLarge));
    }
    Ok(pump::withheld(
        job,
        case,
        held.done(),
        body,
        announced(parts),
        room,
    ))
}

/// The length that the client announced.
fn announced<N: std::str::FromStr>(parts: &Parts) -> Option<N> {
    let value = parts.headers.get(http::header::CONTENT_LENGTH)?;
    value.to_str().ok()?.parse().ok()
}

/// Judges a body that is there as a whole.
async fn whole(
    job: &mut Job,
    case: Case,
    held: VecDeque<Bytes>,
    bytes: usize,
    room: Portion,
) -> Step<Inspected> {
    let desk = Arc::clone(&job.active.desk);
    let mode = case.mode;
    let packed = case.is_packed();
    // Pieces are shared, not copied: should the inspection fail, they are still there.
    let kept = held.clone();
    // A packed body may be many times larger than what arrived.
    let cost = if packed { usize::MAX } else { bytes };
    let judged = desk
        .run(cost, (case, held), |(case, held)| {
            case.take(held)?;
            case.judge_body()
        })
        .await;
    match judged {
        Ok(((case, held), Ok(()))) => {
            let case = unless_decided(job, case)?;
            Ok((Outgoing::held(held, Some(room)), Some(case), None))
        }
        Ok(((case, _), Err(stop))) if mode == WafMode::Block => {
            conclude(job, case);
            Err(Refused::stop(stop))
        }
        Ok(((mut case, held), Err(_))) => {
            case.incomplete = true;
            Ok((Outgoing::held(held, Some(room)), Some(case), None))
        }
        Err(uninspected) => {
            unless_refused(&desk, mode, uninspected)?;
            job.closing.record().waf = None;
            Ok((Outgoing::held(kept, Some(room)), None, None))
        }
    }
}

/// Judges an answer of the site: its head, and its body as far as it is held back.
pub(super) async fn answer(
    job: &mut Job,
    case: Case,
    parts: &response::Parts,
    mut relay: Relay,
) -> Step<Relay> {
    let desk = Arc::clone(&job.active.desk);
    let mode = case.mode;
    let most = job.site().firewall.response_buffer;
    let (status, fields) = (parts.status.as_u16(), parts.headers.clone());
    let judged = desk
        .run(fields.len() * 64, case, move |case| {
            case.judge_answer_head(status, "HTTP/1.1", &fields);
        })
        .await;
    let mut case = match judged {
        Ok((case, ())) => unless_decided(job, case)?,
        Err(uninspected) => return unless_refused(&desk, mode, uninspected).map(|()| relay),
    };
    let packed = Unpacked::of(&parts.headers) != Unpacked::Plain;
    // What has no end is never there as a whole: held back, its reader would see nothing.
    let endless = is_event_stream(&parts.headers);
    if !case.wants_answer() || packed || endless {
        conclude(job, case);
        return Ok(relay);
    }
    let (mut pieces, mut bytes, mut whole) = (Vec::new(), 0, false);
    while bytes < most {
        match relay.next().await {
            Some(Ok(piece)) => {
                bytes += piece.len();
                pieces.push(piece);
            }
            Some(Err(_)) => {
                conclude(job, case);
                return Err(Refused::upstream(UpstreamTrouble::Broken));
            }
            None => {
                whole = true;
                break;
            }
        }
    }
    for piece in &pieces {
        relay.hold(piece.clone());
    }
    let judged = desk
        .run(bytes, case, move |case| case.judge_answer(&pieces, whole))
        .await;
    case = match judged {
        Ok((case, ())) => unless_decided(job, case)?,
        Err(uninspected) => return unless_refused(&desk, mode, uninspected).map(|()| relay),
    };
    conclude(job, case);
    Ok(relay)
}
