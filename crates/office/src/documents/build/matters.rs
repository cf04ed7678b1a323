//! Papers on one matter (an approval, a consultation) and the generic report.

use mamori_document::{
    ApprovalDecision, ApprovalRequest, Block, ConsultationRecord, Document, Fact, Report, Section,
};

use super::standings::standings_table;
use super::{letterhead, number, own_sections};
use crate::documents::sources::{Sources, Standing};
use crate::register::rules::HOW;

pub(super) fn approval_request(sources: &Sources) -> Document {
    let Some(approval) = &sources.approval else {
        return Document::Report(report(sources));
    };
    let mut items = vec![Fact::new("承認を求める事項", approval.about.clone())];
    if let Some(reason) = &approval.reason {
        items.push(Fact::new("理由", reason.clone()));
    }
    let clause = sources.deliverable.clause.clone().unwrap_or_default();
    Document::ApprovalRequest(ApprovalRequest {
        head: letterhead(sources),
        request: format!("仕様書{clause}に基づき、下記のとおり承認願います。"),
        items,
        wanted_from: approval.valid_from,
        enclosures: approval.file.iter().map(|file| file.name.clone()).collect(),
        sections: own_sections(sources),
        decision: approval.decided_on.map(|on| ApprovalDecision {
            granted: sources.approval_granted,
            on,
            by: approval
                .by
                .clone()
                .unwrap_or_else(|| sources.head.city.clone()),
            remarks: approval.conditions.clone().unwrap_or_default(),
        }),
    })
}

/// How the city spoke, in words.
fn how(key: &str) -> String {
    HOW.iter()
        .find(|(known, _)| *known == key)
        .map_or(key, |(_, title)| *title)
        .to_owned()
}

pub(super) fn consultation_record(sources: &Sources) -> Document {
    let Some(consultation) = &sources.consultation else {
        return Document::Report(report(sources));
    };
    Document::ConsultationRecord(ConsultationRecord {
        head: letterhead(sources),
        topic: consultation.topic.clone(),
        clause: sources.deliverable.clause.clone().unwrap_or_default(),
        note: consultation.note.clone(),
        held_on: consultation.opened_on,
        method: consultation.how.as_deref().map_or_else(String::new, how),
        participants: vec![
            sources.head.city.clone(),
            sources.head.contractor.name.clone(),
        ]
        .into_iter()
        .filter(|name| !name.is_empty())
        .collect(),
        background: consultation.topic.clone(),
        proposal: consultation.proposal.clone().unwrap_or_default(),
        // The register keeps no answer of the city apart from what was agreed.
        answer: match consultation.outcome {
            Some(_) => "「協議の結果」に記した合意内容のとおり。".to_owned(),
            None => String::new(),
        },
        outcome: consultation.outcome.clone(),
        agreed_on: consultation.outcome.as_ref().and(consultation.decided_on),
        valid_from: consultation.effective_from.or(consultation.decided_on),
        sections: own_sections(sources),
    })
}

/// The generic paper: the obligations that ask for it with their state, then what capabilities say.
pub(super) fn report(sources: &Sources) -> Report {
    let own: Vec<&Standing> = sources
        .standings
        .iter()
        .filter(|standing| standing.deliverable.as_deref() == Some(&sources.wanted.document))
        .collect();
    let mut sections = Vec::new();
    if !own.is_empty() {
        let table = standings_table("", ("根拠", [0.9, 1.4, 3.6, 1.2, 3.4]), own);
        sections.push(Section::new("本書が示す義務").table(table));
    }
    if sources.sections.is_empty() {
        sections.push(Section::new("内容").block(Block::Note(
            "※この書類の本文となる証跡を書く機能が、まだ組み込まれていない（欠測）。".to_owned(),
        )));
    }
    sections.extend(own_sections(sources));
    number(&mut sections);
    Report {
        head: letterhead(sources),
        opening: Vec::new(),
        sections,
        landscape: false,
    }
}
