//! WebSocket: after both sides agreed, bytes pass unseen until one of them ends.

use std::sync::Arc;
use std::time::Duration;

use http::header::{CONNECTION, UPGRADE};
use http::{HeaderValue, Response, StatusCode};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use super::{Job, fields};
use crate::body::Answer;
use crate::event::Outcome;
use crate::server::Stopping;
use crate::upstream::Sent;
use crate::wire::Link;

/// A request for another protocol that is not answered yet. When it goes, the answer was no.
pub(super) struct Undecided {
    link: Option<Arc<Link>>,
}

impl Undecided {
    pub(super) fn new(link: &Arc<Link>) -> Self {
        Self {
            link: Some(Arc::clone(link)),
        }
    }

    fn agree(mut self) {
        if let Some(link) = self.link.take() {
            link.decide(true);
        }
    }
}

impl Drop for Undecided {
    fn drop(&mut self) {
        if let Some(link) = self.link.take() {
            link.decide(false);
        }
    }
}

/// Both sides agreed: the answer, while a task carries bytes. The record is told at its end.
pub(super) fn open(
    job: &mut Job,
    sent: Sent,
    client: OnUpgrade,
    undecided: Undecided,
) -> Response<Answer> {
    let conn = Arc::clone(job.conn());
    let idle = job.policy().parts().limits.tunnel_idle;
    let mut closing = super::Closing::moved(&mut job.closing);
    closing.record().outcome = Outcome::Tunnel;
    closing.record().status = StatusCode::SWITCHING_PROTOCOLS.as_u16();
    let (mut site_answer, lease) = (sent.response, sent.lease);
    let mut headers = std::mem::take(site_answer.headers_mut());
    fields::strip(&mut headers);
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    let site = hyper::upgrade::on(site_answer);
    undecided.agree();
    tokio::spawn(async move {
        // The server's connection counts as used as long as the tunnel lasts.
        let _lease = lease;
        let (Ok(client), Ok(site)) = tokio::join!(client, site) else {
            return;
        };
        let (mut client, mut site) = (TokioIo::new(client), TokioIo::new(site));
        let mut stopping = conn.shared.stopping();
        let carried = tokio::select! {
            carried = tokio::io::copy_bidirectional(&mut client, &mut site) => carried.ok(),
            () = silent(&conn.link, idle) => None,
            _ = stopping.wait_for(|stopping| *stopping >= Stopping::Tunnels) => None,
        };
        if let Some((up, down)) = carried {
            closing.record().bytes_in = up;
            closing.record().bytes_out = down;
            closing.complete();
        }
    });
    let mut response = Response::new(Answer::whole(""));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.headers_mut() = headers;
    response
}

/// Ready when nothing has moved for a while.
async fn silent(link: &Link, idle: Duration) {
    loop {
        let still = link.doing().still_for;
        if still >= idle {
            return;
        }
        tokio::time::sleep(idle.saturating_sub(still).max(Duration::from_millis(10))).await;
    }
}
