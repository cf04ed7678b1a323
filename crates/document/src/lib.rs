//! Papers for the city: typed models in, PDF, Word, Excel, plain text and HTML out.
//!
//! Serves clauses 13 (別紙3 status report), 別紙2 ※ (server change plan), 6, 7(3), 7(4) and 12
//! (approvals), 15(1) (consultation), 5(2) (incident report) of the contract; titles, notes and
//! columns come from data, so that other cities' contracts need no new code.
//!
//! Everything here is a pure function of its arguments: no clock, no database, and no I/O but
//! reading font files once. Equal input gives equal bytes; every time stamp inside a file comes
//! from the model.
//!
//! ```text
//! Document (one struct per kind) ──▶ Report (letter head + sections) ──▶ pdf | docx | xlsx | text | html
//! ```
//!
//! What it does not do: decide anything. Whether an obligation is met, which work counts and when
//! a paper is due are the contract engine's business; this crate only adds up hours that it prints.

mod chart;
mod clean;
mod date;
mod docx;
mod error;
mod fonts;
mod html;
mod kinds;
mod letter;
mod pdf;
mod plain;
mod pour;
mod report;
mod table;
mod xlsx;
mod zipped;

pub use chart::{
    Bar, BarChart, Chart, Gauge, GaugeWords, LineChart, Series, StackedChart, Theme, TimelineChart,
    TimelineEvent,
};
pub use date::{date_in_words, day_in_words, hours_in_words, month_in_words};
pub use docx::render_docx;
pub use error::{Error, Result};
pub use fonts::{FONT_PACKAGE, Fonts};
pub use html::render_html;
pub use kinds::{
    ApprovalDecision, ApprovalRequest, ChangePlan, ConformityItem, ConformityState,
    ConformityTable, ConsultationRecord, Counts, Document, Gap, HoursMonth, IncidentReport,
    IncidentStep, ObligationGroup, ObligationLine, StatusColumn, StatusField, StatusReport,
    StatusRow, SubmissionLine, Told, YearlyOverview,
};
pub use letter::{Contact, LedgerHead, Letterhead, Sender, Status};
pub use pdf::render_pdf;
pub use plain::render_text;
pub use pour::{PourData, RowSet, placeholders, pour};
pub use report::{Block, Fact, Report, Section};
pub use table::{Align, Cell, Column, HourStyle, Table, Total};
pub use xlsx::render_xlsx;
