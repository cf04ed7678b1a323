//! The kinds of paper. Each is a struct of what only that paper knows and a function that lays it
//! out as a [`Report`]; nothing here knows a format, and nothing a particular city.

mod approval;
mod change_plan;
mod conformity;
mod consultation;
mod incident;
mod status;
mod yearly;

pub use approval::{ApprovalDecision, ApprovalRequest};
pub use change_plan::{ChangePlan, Gap};
pub use conformity::{ConformityItem, ConformityState, ConformityTable};
pub use consultation::ConsultationRecord;
pub use incident::{IncidentReport, IncidentStep, Told};
use serde::{Deserialize, Serialize};
pub use status::{Counts, StatusColumn, StatusField, StatusReport, StatusRow};
pub use yearly::{HoursMonth, ObligationGroup, ObligationLine, SubmissionLine, YearlyOverview};

use crate::letter::Letterhead;
use crate::report::Report;

/// Any paper.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Document {
    /// 別紙3 保守管理状況報告書.
    StatusReport(StatusReport),
    /// サーバー変更計画書.
    ChangePlan(ChangePlan),
    /// 変更承認願, 再委託承認申請書.
    ApprovalRequest(ApprovalRequest),
    /// 協議書.
    ConsultationRecord(ConsultationRecord),
    /// 障害報告書.
    IncidentReport(IncidentReport),
    /// 別紙2 適合表.
    ConformityTable(ConformityTable),
    /// 年間総括.
    YearlyOverview(YearlyOverview),
    /// Anything else: title and sections.
    Report(Report),
}

impl Document {
    /// Stable key of the kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Document::StatusReport(_) => "status_report",
            Document::ChangePlan(_) => "change_plan",
            Document::ApprovalRequest(_) => "approval_request",
            Document::ConsultationRecord(_) => "consultation_record",
            Document::IncidentReport(_) => "incident_report",
            Document::ConformityTable(_) => "conformity_table",
            Document::YearlyOverview(_) => "yearly_overview",
            Document::Report(_) => "report",
        }
    }

    /// The letter head.
    pub fn head(&self) -> &Letterhead {
        match self {
            Document::StatusReport(d) => &d.head,
            Document::ChangePlan(d) => &d.head,
            Document::ApprovalRequest(d) => &d.head,
            Document::ConsultationRecord(d) => &d.head,
            Document::IncidentReport(d) => &d.head,
            Document::ConformityTable(d) => &d.head,
            Document::YearlyOverview(d) => &d.head,
            Document::Report(d) => &d.head,
        }
    }

    /// The letter head, to set number, day, status or version.
    pub fn head_mut(&mut self) -> &mut Letterhead {
        match self {
            Document::StatusReport(d) => &mut d.head,
            Document::ChangePlan(d) => &mut d.head,
            Document::ApprovalRequest(d) => &mut d.head,
            Document::ConsultationRecord(d) => &mut d.head,
            Document::IncidentReport(d) => &mut d.head,
            Document::ConformityTable(d) => &mut d.head,
            Document::YearlyOverview(d) => &mut d.head,
            Document::Report(d) => &mut d.head,
        }
    }

    /// The paper as letter head and sections.
    pub fn to_report(&self) -> Report {
        match self {
            Document::StatusReport(d) => d.to_report(),
            Document::ChangePlan(d) => d.to_report(),
            Document::ApprovalRequest(d) => d.to_report(),
            Document::ConsultationRecord(d) => d.to_report(),
            Document::IncidentReport(d) => d.to_report(),
            Document::ConformityTable(d) => d.to_report(),
            Document::YearlyOverview(d) => d.to_report(),
            Document::Report(d) => d.clone(),
        }
    }
}
