//! The evidence kinds that contracts may name: their date, the field that identifies the thing
//! they speak of, and which kind corrects or withdraws an earlier record.
//!
//! The list mirrors ARCHITECTURE.md and section 8 of `docs/contract-language.md`. A contract adds
//! kinds of its own with `[[evidence_kinds]]`; a kind in neither list is a warning when checked.

use std::collections::BTreeMap;

use crate::language::DeclaredKind;

/// What the engine must know of a kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KindInfo {
    /// Field with the date or instant of what happened; absent: the record's own time.
    pub date: Option<String>,
    /// Field that identifies the thing across records.
    pub id: Option<String>,
    /// Kind whose records replace earlier ones with the same id.
    pub corrected_by: Option<String>,
    /// Kind whose records take back earlier ones with the same id.
    pub withdrawn_by: Option<String>,
}

/// kind, date field, id field (empty: none).
const KNOWN: &[(&str, &str, &str)] = &[
    ("work.recorded", "date", "work_id"),
    ("work.corrected", "date", "work_id"),
    ("work.withdrawn", "", "work_id"),
    ("request.received", "received_on", "request_id"),
    ("request.estimated", "", "request_id"),
    ("request.approved", "", "request_id"),
    ("request.done", "done_on", "request_id"),
    ("request.accepted", "accepted_on", "request_id"),
    ("request.amended", "", "request_id"),
    ("request.returned", "returned_on", "request_id"),
    ("request.withdrawn", "", "request_id"),
    ("question.received", "received_on", "question_id"),
    ("question.answered", "answered_on", "question_id"),
    ("question.withdrawn", "", "question_id"),
    ("approval.requested", "requested_on", "approval_id"),
    ("approval.granted", "decided_on", "approval_id"),
    ("approval.refused", "decided_on", "approval_id"),
    ("approval.withdrawn", "", "approval_id"),
    ("consultation.opened", "opened_on", "consultation_id"),
    ("consultation.agreed", "decided_on", "consultation_id"),
    ("consultation.closed", "decided_on", "consultation_id"),
    ("attestation.filed", "", "attestation_id"),
    ("attestation.accepted", "accepted_on", "attestation_id"),
    ("attestation.withdrawn", "", "attestation_id"),
    ("subcontract.registered", "starts_on", "subcontract_id"),
    ("subcontract.ended", "", "subcontract_id"),
    ("training.held", "held_on", "training_id"),
    ("training.corrected", "held_on", "training_id"),
    ("training.withdrawn", "", "training_id"),
    ("personal_data.measure", "", "measure_id"),
    ("handover.done", "handed_on", "handover_id"),
    ("handover.received", "received_on", "handover_id"),
    ("handover.withdrawn", "", "handover_id"),
    ("record.filed", "day", "record_id"),
    ("record.withdrawn", "", "record_id"),
    ("asset.registered", "registered_on", "asset_id"),
    ("asset.changed", "changed_on", "asset_id"),
    ("asset.retired", "retired_on", "asset_id"),
    ("media.registered", "registered_on", "media_id"),
    ("media.returned", "returned_on", "media_id"),
    ("media.erased", "erased_on", "media_id"),
    ("document.rendered", "", "document_id"),
    ("document.submitted", "submitted_on", "document_id"),
    ("document.returned", "", "document_id"),
    ("document.accepted", "accepted_on", "document_id"),
    ("document.replaced", "", "document_id"),
    ("document.receipted", "", "document_id"),
    ("watch.availability", "day", ""),
    ("watch.probe", "", ""),
    ("tls.checked", "", ""),
    ("domain.checked", "", ""),
    ("capacity.mail", "", ""),
    ("capacity.transfer", "date", ""),
    ("host.hardening", "", ""),
    ("page.published", "", ""),
    ("chat.checked", "", ""),
    ("chat.handover", "", ""),
    ("chat.changed", "", "change_id"),
    ("mail.checked", "", ""),
    ("mail.volume", "date", ""),
    ("mail.changed", "", "change_id"),
    ("waf.checked", "", ""),
    ("waf.changed", "", "change_id"),
    ("incident.opened", "detected_at", "incident_id"),
    ("incident.reported", "reported_at", "incident_id"),
    ("incident.planned", "planned_at", "incident_id"),
    ("incident.closed", "closed_at", "incident_id"),
    ("runbook.run", "", "incident_id"),
    ("notice.published", "published_at", "incident_id"),
    ("wordpress.updated", "", ""),
    ("wordpress.inventory", "", ""),
    ("browser.tested", "", ""),
    ("access.month", "", ""),
    ("backup.finished", "", ""),
    ("backup.drill", "", ""),
    ("erasure.done", "", "erasure_id"),
    ("erasure.certificate", "", "erasure_id"),
    ("virus.scan", "", ""),
    ("virus.pattern", "published_on", ""),
    ("vulnerability.feed", "", ""),
    ("vulnerability.assessed", "found_on", "vulnerability_id"),
    ("vulnerability.patched", "", "vulnerability_id"),
    ("vulnerability.test", "", "test_id"),
    ("a11y.pages", "", ""),
    ("a11y.checklist", "", ""),
    ("a11y.auto", "", ""),
    ("a11y.expert", "", ""),
    ("a11y.judged", "", ""),
    ("a11y.fixed", "", "item"),
    ("inspection.done", "day", ""),
    ("log.kept", "", ""),
    ("oncall.roster", "", ""),
    ("encryption.checked", "", ""),
    ("contract.activated", "", ""),
    ("contract.changed", "", ""),
    ("contract.reading", "", ""),
    ("ledger.checkpoint", "", ""),
    ("ledger.erased", "", ""),
    ("job.failed", "", ""),
    ("job.missed", "", ""),
    ("user.added", "", ""),
    ("user.removed", "", ""),
    ("demo.marked", "", ""),
];

/// The kinds known here and those a contract declares.
#[derive(Debug, Clone)]
pub struct Kinds {
    by_name: BTreeMap<String, KindInfo>,
}

impl Kinds {
    /// The known kinds, and the contract's own on top.
    pub fn with(declared: &[DeclaredKind]) -> Self {
        let text = |value: &str| (!value.is_empty()).then(|| value.to_owned());
        let mut by_name: BTreeMap<String, KindInfo> = KNOWN
            .iter()
            .map(|(kind, date, id)| {
                let corrected = match *kind {
                    "work.recorded" => Some("work.corrected"),
                    "training.held" => Some("training.corrected"),
                    _ => None,
                };
                let withdrawn = match *kind {
                    "work.recorded" | "work.corrected" => Some("work.withdrawn"),
                    "request.received" => Some("request.withdrawn"),
                    "question.received" | "question.answered" => Some("question.withdrawn"),
                    "training.held" | "training.corrected" => Some("training.withdrawn"),
                    "handover.done" => Some("handover.withdrawn"),
                    "record.filed" => Some("record.withdrawn"),
                    _ => None,
                };
                (
                    (*kind).to_owned(),
                    KindInfo {
                        date: text(date),
                        id: text(id),
                        corrected_by: corrected.map(str::to_owned),
                        withdrawn_by: withdrawn.map(str::to_owned),
                    },
                )
            })
            .collect();
        for kind in declared {
            by_name.insert(
                kind.kind.clone(),
                KindInfo {
                    date: kind.date.clone(),
                    id: kind.id.clone(),
                    corrected_by: kind.corrected_by.clone(),
                    withdrawn_by: kind.withdrawn_by.clone(),
                },
            );
        }
        Self { by_name }
    }

    /// What is known of a kind.
    pub fn get(&self, kind: &str) -> Option<&KindInfo> {
        self.by_name.get(kind)
    }

    /// All names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// Whether a name or glob matches at least one known kind.
    pub fn knows(&self, pattern: &str) -> bool {
        if pattern.contains('*') {
            self.names().any(|name| glob(pattern, name))
        } else {
            self.by_name.contains_key(pattern)
        }
    }
}

/// Whether `text` matches a glob in which `*` stands for any run of characters.
pub fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(first) = parts.next() else {
        return text.is_empty();
    };
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_runs() {
        for (pattern, text, expected) in [
            ("backup.*", "backup.finished", true),
            ("backup.*", "backups.finished", false),
            ("*.checked", "tls.checked", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("exact", "exact", true),
            ("exact", "exactly", false),
            ("ab*b", "ab", false),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
    }
}
