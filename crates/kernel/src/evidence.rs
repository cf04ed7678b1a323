//! Evidence kinds: what a capability declares about the records that it writes, and the names of
//! kinds that another capability or a contract reads.
//!
//! A kind is declared once, by its writer ([`EvidenceKind`]). A contract names kinds as text and
//! is checked against the declared ones when it is loaded; a kind that nobody in the installation
//! writes makes an obligation *unmeasured*, never *met*.

/// A declaration: `kind` in version `version` has these payload fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EvidenceKind {
    /// Lower-case dotted text, `area.event`.
    pub kind: &'static str,
    /// Version of the payload's form, from 1. A new form is a new version, never an edit.
    pub version: u32,
    /// Japanese title for pages and documents.
    pub title_ja: &'static str,
    /// Payload fields with their meaning; a trailing `?` marks an optional field.
    pub fields: &'static [(&'static str, &'static str)],
}

impl EvidenceKind {
    /// Names the fields that `payload` lacks or that the declaration does not know.
    pub fn check(&self, payload: &serde_json::Value) -> Vec<FieldProblem> {
        let Some(members) = payload.as_object() else {
            return vec![FieldProblem::NotAnObject];
        };
        let bare = |name: &'static str| name.strip_suffix('?').unwrap_or(name);
        let missing = self
            .fields
            .iter()
            .filter(|(name, _)| !name.ends_with('?') && !members.contains_key(*name))
            .map(|(name, _)| FieldProblem::Missing((*name).to_owned()));
        let unknown = members
            .keys()
            .filter(|name| !self.fields.iter().any(|(known, _)| bare(known) == *name))
            .map(|name| FieldProblem::Unknown(name.clone()));
        missing.chain(unknown).collect()
    }
}

/// How a payload differs from its declaration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldProblem {
    /// The payload is not an object.
    #[error("JSON のオブジェクトではありません(not an object)")]
    NotAnObject,
    /// A required field is missing.
    #[error("項目 {0} がありません(missing field)")]
    Missing(String),
    /// A field that the declaration does not know.
    #[error("項目 {0} は定義されていません(unknown field)")]
    Unknown(String),
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$doc])* pub const $name: &str = $text;)*
        /// Every kind that this module names.
        pub const SHARED: &[&str] = &[$($text),*];
    };
}

kinds! {
    /// Hours worked.
    WORK_RECORDED = "work.recorded";
    /// A work entry was corrected.
    WORK_CORRECTED = "work.corrected";
    /// A work entry was withdrawn.
    WORK_WITHDRAWN = "work.withdrawn";
    /// The city asked for work.
    REQUEST_RECEIVED = "request.received";
    /// The effort of a request was estimated.
    REQUEST_ESTIMATED = "request.estimated";
    /// A request was approved.
    REQUEST_APPROVED = "request.approved";
    /// A request was carried out.
    REQUEST_DONE = "request.done";
    /// The city accepted the work of a request.
    REQUEST_ACCEPTED = "request.accepted";
    /// A request was withdrawn.
    REQUEST_WITHDRAWN = "request.withdrawn";
    /// A question came in.
    QUESTION_RECEIVED = "question.received";
    /// A question was answered.
    QUESTION_ANSWERED = "question.answered";
    /// An approval was asked for.
    APPROVAL_REQUESTED = "approval.requested";
    /// An approval was given.
    APPROVAL_GRANTED = "approval.granted";
    /// An approval was refused.
    APPROVAL_REFUSED = "approval.refused";
    /// An approval request was withdrawn.
    APPROVAL_WITHDRAWN = "approval.withdrawn";
    /// A consultation was opened.
    CONSULTATION_OPENED = "consultation.opened";
    /// A consultation ended in agreement.
    CONSULTATION_AGREED = "consultation.agreed";
    /// A consultation was closed without agreement.
    CONSULTATION_CLOSED = "consultation.closed";
    /// A certificate was filed.
    ATTESTATION_FILED = "attestation.filed";
    /// The city accepted a certificate.
    ATTESTATION_ACCEPTED = "attestation.accepted";
    /// A certificate was withdrawn.
    ATTESTATION_WITHDRAWN = "attestation.withdrawn";
    /// A subcontract was registered.
    SUBCONTRACT_REGISTERED = "subcontract.registered";
    /// A subcontract ended.
    SUBCONTRACT_ENDED = "subcontract.ended";
    /// A training was held.
    TRAINING_HELD = "training.held";
    /// A measure for personal data.
    PERSONAL_DATA_MEASURE = "personal_data.measure";
    /// Deliverables were handed over.
    HANDOVER_DONE = "handover.done";
    /// A person's record of a duty that only a person can vouch for.
    RECORD_FILED = "record.filed";
    /// A document was rendered.
    DOCUMENT_RENDERED = "document.rendered";
    /// A document was submitted.
    DOCUMENT_SUBMITTED = "document.submitted";
    /// The city returned a document.
    DOCUMENT_RETURNED = "document.returned";
    /// The city accepted a document.
    DOCUMENT_ACCEPTED = "document.accepted";
    /// A document was replaced by a new version.
    DOCUMENT_REPLACED = "document.replaced";
    /// The city confirmed that it has a document.
    DOCUMENT_RECEIPTED = "document.receipted";
    /// A contract came into force.
    CONTRACT_ACTIVATED = "contract.activated";
    /// A contract was changed.
    CONTRACT_CHANGED = "contract.changed";
    /// An ambiguous text was read in one way, decided by people.
    CONTRACT_READING = "contract.reading";
    /// A head was handed to somebody outside (mailed, printed).
    LEDGER_CHECKPOINT = "ledger.checkpoint";
    /// Personal data or an attachment was erased lawfully.
    LEDGER_ERASED = "ledger.erased";
    /// A job failed for good.
    JOB_FAILED = "job.failed";
    /// A scheduled run was missed.
    JOB_MISSED = "job.missed";
    /// A user was added.
    USER_ADDED = "user.added";
    /// A user was removed.
    USER_REMOVED = "user.removed";
    /// A session began or ended, or a sign-in was refused.
    USER_SESSION = "user.session";
    /// The installation holds sample data.
    DEMO_MARKED = "demo.marked";
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn shared_kinds_are_valid_and_named_once() {
        let mut seen = std::collections::BTreeSet::new();
        for kind in SHARED {
            assert_eq!(crate::ledger::check_kind(kind), Ok(()), "{kind}");
            assert!(kind.contains('.'), "{kind}");
            assert!(seen.insert(kind), "{kind} twice");
        }
    }

    #[test]
    fn payloads_are_compared_with_their_declaration() {
        let kind = EvidenceKind {
            kind: "work.recorded",
            version: 1,
            title_ja: "作業記録",
            fields: &[("date", "作業日"), ("minutes", "分"), ("start?", "開始")],
        };
        assert_eq!(kind.check(&json!({"date": "2026-10-01", "minutes": 5})), []);
        assert_eq!(
            kind.check(&json!({"date": "2026-10-01", "begin": "09:00"})),
            [
                FieldProblem::Missing("minutes".to_owned()),
                FieldProblem::Unknown("begin".to_owned())
            ]
        );
        assert_eq!(kind.check(&json!([])), [FieldProblem::NotAnObject]);
    }
}
