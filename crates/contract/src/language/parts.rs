//! The named parts of a contract that obligations refer to: the head, parameters, calendars,
//! service hours, counters, work categories, approval gates and deliverables.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::evidence::{Condition, Select};
use super::value::{ClockTime, DateText, MonthDay, OrParam, Quantity};

/// `[contract]`: who, what, from when to when.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Head {
    /// Stable key of the contract.
    pub id: String,
    /// Name as in the contract's first clause; printed on every document.
    pub name: String,
    /// Other names the text uses.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// The body that buys.
    pub city: String,
    /// Its section.
    pub section: Option<String>,
    /// あて先 of documents.
    pub addressee: Option<String>,
    /// 履行期間.
    pub term: TermText,
    /// 契約締結日, or the parameter that will hold it.
    pub signed_on: Option<OrParam<DateText>>,
    /// Calendar of open days when a rule names none.
    #[schemars(extend("x-ref" = "calendar"))]
    pub city_calendar: Option<String>,
    /// Service hours when a rule names none.
    #[schemars(extend("x-ref" = "hours"))]
    pub service_hours: Option<String>,
    /// Where the text comes from.
    pub source: Option<String>,
    /// The contractor; empty fields are printed as （未記入）.
    #[serde(default)]
    pub contractor: Contractor,
}

/// First and last day, both included.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct TermText {
    /// First day.
    pub from: DateText,
    /// Last day.
    pub to: DateText,
}

/// The contractor's particulars for documents.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct Contractor {
    /// Name of the company.
    #[serde(default)]
    pub name: String,
    /// Address.
    #[serde(default)]
    pub address: String,
    /// 代表者.
    #[serde(default)]
    pub representative: String,
    /// 発行責任者.
    #[serde(default)]
    pub responsible: String,
    /// 担当者.
    #[serde(default)]
    pub contact: String,
    /// Telephone number.
    #[serde(default)]
    pub telephone: String,
    /// Mail address.
    #[serde(default)]
    pub mail: String,
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A clause of the specification.
    Clause,
    /// An annex.
    Annex,
    /// The contract deed.
    Contract,
    /// A city ordinance.
    Ordinance,
    /// A law or a ministry's rule.
    NationalRule,
    /// The city's policy.
    CityPolicy,
    /// A service plan's name or terms.
    Plan,
    /// Nobody wrote it; we assume it.
    Assumption,
}

/// `[parameters.NAME]`: a value with its source.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Parameter {
    /// Japanese name.
    pub title: String,
    /// The value; absent while unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// Unit.
    pub unit: Option<String>,
    /// Where it comes from.
    pub source: Source,
    /// Clause, article or page.
    pub reference: Option<String>,
    /// Whether the city confirmed it.
    #[serde(default)]
    pub confirmed: bool,
    /// What to ask the city.
    pub question: Option<String>,
    /// Ambiguities it belongs to.
    #[serde(default)]
    #[schemars(extend("x-ref" = "note"))]
    pub notes: Vec<String>,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

impl Day {
    /// The calendar library's weekday.
    pub fn weekday(self) -> jiff::civil::Weekday {
        use jiff::civil::Weekday;
        match self {
            Self::Mon => Weekday::Monday,
            Self::Tue => Weekday::Tuesday,
            Self::Wed => Weekday::Wednesday,
            Self::Thu => Weekday::Thursday,
            Self::Fri => Weekday::Friday,
            Self::Sat => Weekday::Saturday,
            Self::Sun => Weekday::Sunday,
        }
    }
}

/// `[calendars.NAME]`: a set of closed days.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct CalendarText {
    /// Japanese name.
    pub title: String,
    /// Closed weekdays.
    #[serde(default)]
    pub weekdays: Vec<Day>,
    /// Whether holidays by the holiday law are closed.
    #[serde(default)]
    pub law_holidays: bool,
    /// Ranges closed every year, such as the year's end.
    #[serde(default)]
    pub ranges: Vec<YearlyRange>,
    /// Single closed days.
    #[serde(default)]
    pub closed: Vec<NamedDay>,
    /// Single open days; they win over all else.
    #[serde(default)]
    pub open: Vec<NamedDay>,
    /// Other calendars whose closed days are closed here too.
    #[serde(default)]
    #[schemars(extend("x-ref" = "calendar"))]
    pub include: Vec<String>,
    /// Where it comes from.
    pub source: Option<Source>,
    /// Clause or ordinance.
    pub reference: Option<String>,
    /// Whether the city confirmed it.
    #[serde(default)]
    pub confirmed: bool,
    /// Ambiguities it belongs to.
    #[serde(default)]
    #[schemars(extend("x-ref" = "note"))]
    pub notes: Vec<String>,
}

/// A range closed every year; it may cross the year's end.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct YearlyRange {
    /// First day.
    pub from: MonthDay,
    /// Last day.
    pub to: MonthDay,
    /// Japanese name.
    pub title: Option<String>,
    /// First day on which the range is in force.
    pub valid_from: Option<DateText>,
    /// Last day on which the range is in force.
    pub valid_until: Option<DateText>,
}

/// A single day with its reason.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct NamedDay {
    /// The day.
    pub date: DateText,
    /// Why.
    pub title: Option<String>,
}

/// `[hours.NAME]`: service hours.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct HoursText {
    /// Japanese name.
    pub title: String,
    /// Weekdays on which the windows hold.
    pub weekdays: Vec<Day>,
    /// Windows of the day, in order.
    pub windows: Vec<Window>,
    /// Calendar whose closed days are out; absent: holidays are in.
    #[schemars(extend("x-ref" = "calendar"))]
    pub closed_on: Option<String>,
    /// Where the half-day rule divides the day; 12:00 unless told.
    pub noon: Option<ClockTime>,
    /// Ambiguities it belongs to.
    #[serde(default)]
    #[schemars(extend("x-ref" = "note"))]
    pub notes: Vec<String>,
}

/// From (included) to (excluded).
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
pub struct Window {
    /// Opens.
    pub from: ClockTime,
    /// Closes.
    pub to: ClockTime,
}

/// What a duty or counter is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Per {
    /// Months.
    Month,
    /// Quarters of the fiscal year.
    Quarter,
    /// Halves of the fiscal year.
    Half,
    /// Fiscal years.
    FiscalYear,
    /// The whole term.
    Term,
}

/// `[counters.NAME]`: hours, visits or points with a cap.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Counter {
    /// Japanese name.
    pub title: String,
    /// What is counted.
    pub of: Select,
    /// Field that is summed; absent: each record counts 1.
    pub amount: Option<String>,
    /// Unit.
    pub unit: Option<String>,
    /// Span of the cap.
    pub per: Per,
    /// The cap.
    pub cap: Quantity,
    /// What becomes of the unused rest.
    #[serde(default)]
    pub carry: Carry,
    /// Field that names the category.
    pub category: Option<String>,
    /// Field in which the record itself says yes, no or undecided.
    pub counts: Option<String>,
    /// Weight per job.
    pub weights: Option<Weights>,
    /// What going over the cap means.
    #[serde(default)]
    pub over: Over,
    /// Sentence shown when over.
    pub over_note: Option<String>,
    /// A cadence written beside the pool.
    pub cadence: Option<Cadence>,
    /// Ambiguities it belongs to.
    #[serde(default)]
    #[schemars(extend("x-ref" = "note"))]
    pub notes: Vec<String>,
}

/// Carry-over of an unused rest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Carry {
    /// `none` or `next`.
    Word(CarryWord),
    /// At most so much, for so many periods.
    Limited(CarryLimit),
}

/// Carry-over without a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CarryWord {
    /// The rest is lost.
    None,
    /// The rest goes to the next period only.
    Next,
}

/// Carry-over within limits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CarryLimit {
    /// Most that may be carried at once, in the counter's unit.
    pub at_most: f64,
    /// For how many following periods; 1 unless told.
    pub periods: Option<u32>,
}

impl Default for Carry {
    fn default() -> Self {
        Self::Word(CarryWord::None)
    }
}

/// What going over a cap means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Over {
    /// Shown only.
    #[default]
    Allow,
    /// A warning.
    Warn,
    /// Not met.
    Breach,
}

/// Weights of a pool, by the value of a field.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Weights {
    /// The field.
    pub field: String,
    /// Weight per value.
    pub values: BTreeMap<String, f64>,
    /// Weight of every other value; 1 unless told.
    pub other: Option<f64>,
}

/// At least so many in each span.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
pub struct Cadence {
    /// How many.
    pub at_least: u32,
    /// In each.
    pub per: Per,
}

/// Yes, no, or the text does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Counts {
    /// Counts.
    Yes,
    /// Does not count.
    No,
    /// The text does not say.
    Undecided,
}

/// `[categories.NAME]`: a category of work and whether it counts.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Category {
    /// Japanese name.
    pub title: String,
    /// Clause.
    pub clause: Option<String>,
    /// The counter it belongs to.
    #[schemars(extend("x-ref" = "counter"))]
    pub counter: String,
    /// Whether it counts.
    pub counts: Counts,
    /// Whether the city confirmed that.
    #[serde(default)]
    pub confirmed: bool,
    /// Ambiguities it belongs to.
    #[serde(default)]
    #[schemars(extend("x-ref" = "note"))]
    pub notes: Vec<String>,
}

/// What a gate asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GateKind {
    /// Approval before the act, form free.
    PriorApproval,
    /// Written approval before the act.
    PriorWrittenApproval,
    /// 協議の上.
    Consult,
    /// Approval of a plan or schedule before work.
    Plan,
    /// Inspection or confirmation by the client.
    Inspection,
    /// An exception granted.
    Exception,
    /// An extension granted; moves a due date.
    Extension,
    /// An application filed before the act.
    Application,
    /// Only who opened it closes it.
    OpenerCloses,
    /// A paper with an expiry.
    Attestation,
    /// A certificate of erasure with fixed fields.
    ErasureCertificate,
}

/// `[gates.NAME]`: an approval that acts wait for.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Gate {
    /// Japanese name.
    pub title: String,
    /// What it asks for.
    pub kind: GateKind,
    /// Clause.
    pub clause: Option<String>,
    /// Whether the approval must be in writing.
    #[serde(default)]
    pub written: bool,
    /// The acts that wait for it.
    #[serde(default)]
    pub acts: Vec<Act>,
    /// Days the city has to answer or inspect.
    pub days: Option<u32>,
    /// The document used.
    #[schemars(extend("x-ref" = "deliverable"))]
    pub deliverable: Option<String>,
    /// Whether the software blocks the act meanwhile; true unless told.
    pub stop: Option<bool>,
    /// Fields that must be present (certificates).
    #[serde(default)]
    pub fields: Vec<String>,
    /// Ambiguities it belongs to.
    #[serde(default)]
    #[schemars(extend("x-ref" = "note"))]
    pub notes: Vec<String>,
}

/// An act that waits for a gate.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Act {
    /// Evidence kind of the act.
    #[schemars(extend("x-ref" = "kind"))]
    pub kind: String,
    /// Only records that fulfil these.
    #[serde(default, rename = "where")]
    pub conditions: Vec<Condition>,
    /// Field with the date of the act.
    pub at: Option<String>,
    /// Field that names the approval; `approval_id` unless told.
    #[serde(rename = "match")]
    pub matching: Option<String>,
}

/// File formats of a deliverable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// PDF.
    Pdf,
    /// Word.
    Docx,
    /// Excel.
    Xlsx,
    /// A web page.
    Html,
    /// Plain text.
    Text,
}

/// How often a deliverable appears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DeliverablePer {
    /// Every month.
    Month,
    /// Every quarter of the fiscal year.
    Quarter,
    /// Every half of the fiscal year.
    Half,
    /// Every fiscal year.
    FiscalYear,
    /// Once in the term.
    Term,
    /// Per event.
    Event,
}

/// `contractor`, `city` or `both`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Party {
    /// 受託者.
    #[default]
    Contractor,
    /// The city.
    City,
    /// Both.
    Both,
}

/// A column of a form's table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Column {
    /// Heading.
    pub title: String,
    /// `date`, `event`, `response`, `hours`, `counts` or `extra:NAME`.
    pub field: String,
}

/// `[deliverables.NAME]`: a paper the contract asks for.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Deliverable {
    /// Its name.
    pub title: String,
    /// Other names the text uses.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// The form it follows.
    pub form: Option<String>,
    /// Document model that renders it.
    pub model: Option<String>,
    /// File formats.
    #[serde(default)]
    pub formats: Vec<Format>,
    /// How often.
    pub per: Option<DeliverablePer>,
    /// Who hands it in.
    #[serde(default)]
    pub submitted_by: Party,
    /// Days the city has to accept (検収): a number or `$parameter`.
    pub acceptance_days: Option<Quantity>,
    /// Title as the form prints it; `{month}`, `{period}` and `{year}` are filled in.
    pub form_title: Option<String>,
    /// Note the form prints.
    pub form_note: Option<String>,
    /// Label of the form's total.
    pub total_label: Option<String>,
    /// Columns of the form's table.
    #[serde(default)]
    pub columns: Vec<Column>,
    /// Counter whose work the form lists.
    #[schemars(extend("x-ref" = "counter"))]
    pub counter: Option<String>,
    /// Sections it must have.
    #[serde(default)]
    pub sections: Vec<String>,
    /// Clause.
    pub clause: Option<String>,
    /// Ambiguities it belongs to.
    #[serde(default)]
    #[schemars(extend("x-ref" = "note"))]
    pub notes: Vec<String>,
}

/// `[[evidence_kinds]]`: a kind of record that this contract declares itself.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct DeclaredKind {
    /// `area.event`.
    pub kind: String,
    /// Japanese name.
    pub title: Option<String>,
    /// Field with the date of what happened.
    pub date: Option<String>,
    /// Field that identifies the thing across records.
    pub id: Option<String>,
    /// Kind that replaces an earlier record with the same id.
    pub corrected_by: Option<String>,
    /// Kind that withdraws an earlier record with the same id.
    pub withdrawn_by: Option<String>,
}
