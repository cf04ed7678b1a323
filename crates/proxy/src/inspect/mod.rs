//! Asking the firewall.
//!
//! One [`Case`] goes along with a request: the head is judged before anything is sent to the site,
//! the body before its end is. Judging is work for a processor, so it happens beside the traffic
//! ([`Desk`]), except for what is so small that the way there would cost more.

mod desk;
mod unpack;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use mamori_waf::{Decision, Mode, Report, RuleSet, Transaction};

pub(crate) use desk::{Desk, Uninspected};
pub(crate) use unpack::{Packing, Unpacked, Unpacker};

use crate::event::{Firewall, Match, RequestId};
use crate::policy::WafMode;

/// What stops a body while it is inspected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It cannot be unpacked.
    Encoding,
    /// It unpacks to too much.
    Bomb,
}

/// The inspection of one request.
pub(crate) struct Case {
    transaction: Transaction,
    rules: Arc<RuleSet>,
    pub(crate) mode: WafMode,
    unpacker: Option<Unpacker>,
    /// Something of the body was not looked at.
    pub(crate) incomplete: bool,
    /// The verdict on the request body is there.
    pub(crate) judged: bool,
}

/// Where a request comes from, as rules see it.
pub(crate) struct Ends {
    pub(crate) client: IpAddr,
    pub(crate) client_port: u16,
    pub(crate) local: SocketAddr,
    pub(crate) id: RequestId,
    pub(crate) epoch: i64,
}

/// Japan is nine hours ahead, all year.
const JAPAN: i32 = 9 * 3600;

impl Case {
    pub(crate) fn new(rules: &Arc<RuleSet>, mode: WafMode, ends: &Ends) -> Self {
        let mut transaction = rules.transaction();
        transaction.set_mode(match mode {
            WafMode::Off => Mode::Off,
            WafMode::Detect => Mode::DetectionOnly,
            WafMode::Block => Mode::On,
        });
        let port = ends.local.port();
        transaction.connection(ends.client, ends.client_port, ends.local.ip(), port);
        transaction.unique_id(&ends.id.to_string());
        transaction.time(ends.epoch, JAPAN);
        Self {
            transaction,
            rules: Arc::clone(rules),
            mode,
            unpacker: None,
            incomplete: false,
            judged: false,
        }
    }

    pub(crate) fn line(&mut self, method: &[u8], target: &[u8], version: &[u8]) {
        self.transaction.request_line(method, target, version);
    }

    pub(crate) fn field(&mut self, name: &[u8], value: &[u8]) {
        self.transaction.request_header(name, value);
    }

    /// Phase 1; for a request without body phase 2 as well.
    pub(crate) fn judge_head(&mut self, has_body: bool) {
        let decision = self.transaction.request_headers();
        if !has_body && decision.passes() {
            self.transaction.request_body();
            self.judged = true;
        }
    }

    /// The body comes packed like this.
    pub(crate) fn packed(&mut self, packing: Packing, limit: u64) {
        self.unpacker = Some(Unpacker::new(packing, limit));
    }

    /// Whether the body comes packed.
    pub(crate) fn is_packed(&self) -> bool {
        self.unpacker.is_some()
    }

    /// Pieces of the body.
    pub(crate) fn take(&mut self, pieces: &VecDeque<Bytes>) -> Result<(), Stop> {
        for piece in pieces {
            if !self.transaction.wants_request_body() {
                return Ok(());
            }
            let Some(unpacker) = &mut self.unpacker else {
                self.transaction.request_body_chunk(piece);
                continue;
            };
            let transaction = &mut self.transaction;
            unpacker.take(piece, &mut |plain| {
                transaction.request_body_chunk(plain);
            })?;
        }
        Ok(())
    }

    /// The body is complete: phase 2.
    pub(crate) fn judge_body(&mut self) -> Result<(), Stop> {
        self.judged = true;
        if let Some(unpacker) = self.unpacker.take()
            && self.transaction.wants_request_body()
        {
            let transaction = &mut self.transaction;
            unpacker.finish(&mut |plain| {
                transaction.request_body_chunk(plain);
            })?;
        }
        self.transaction.request_body();
        Ok(())
    }

    /// Only what arrived until now is judged: phase 2 without the rest.
    pub(crate) fn judge_part(&mut self) {
        self.judged = true;
        self.incomplete = true;
        self.transaction.request_body();
    }

    /// Whether more of the body is looked at.
    pub(crate) fn wants_body(&self) -> bool {
        self.transaction.wants_request_body()
    }

    pub(crate) fn decision(&self) -> &Decision {
        self.transaction.decision()
    }

    /// Phase 3.
    pub(crate) fn judge_answer_head(&mut self, status: u16, version: &str, fields: &HeaderMap) {
        self.transaction.response_line(status, version.as_bytes());
        for (name, value) in fields {
            self.transaction
                .response_header(name.as_str().as_bytes(), value.as_bytes());
        }
        self.transaction.response_headers();
    }

    /// Whether the answer's body is looked at.
    pub(crate) fn wants_answer(&self) -> bool {
        self.transaction.wants_response_body()
    }

    /// Phase 4.
    pub(crate) fn judge_answer(&mut self, pieces: &[Bytes], whole: bool) {
        for piece in pieces {
            self.transaction.response_body_chunk(piece);
        }
        self.incomplete |= !whole;
        self.transaction.response_body();
    }

    /// Phase 5 and the end.
    pub(crate) fn finish(self) -> Findings {
        let mut report = self.transaction.finish();
        report.incomplete |= self.incomplete;
        Findings {
            report,
            rules: self.rules,
            mode: self.mode,
        }
    }
}

/// What an inspection found.
pub(crate) struct Findings {
    pub(crate) report: Report,
    rules: Arc<RuleSet>,
    pub(crate) mode: WafMode,
}

/// Whose request it was, for the event.
pub(crate) struct About<'a> {
    pub(crate) at: jiff::Timestamp,
    pub(crate) id: RequestId,
    pub(crate) site: &'a Arc<str>,
    pub(crate) client: IpAddr,
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
}

impl Findings {
    /// The event, if there is anything to tell.
    pub(crate) fn event(&self, about: &About<'_>) -> Option<Firewall> {
        let report = &self.report;
        if report.matches.is_empty() && report.would.passes() && report.decision.passes() {
            return None;
        }
        let matches = report.matches.iter();
        Some(Firewall {
            at: about.at,
            id: about.id,
            site: Arc::clone(about.site),
            client: about.client,
            method: about.method.to_owned(),
            path: about.path.to_owned(),
            mode: self.mode,
            refused: !report.decision.passes(),
            would_refuse: !report.would.passes() || !report.decision.passes(),
            score: report.score,
            matches: matches.map(|one| Match::new(one, &self.rules)).collect(),
            exclusions: report.exclusions.clone(),
            incomplete: report.incomplete,
        })
    }
}
