//! How a contract stands at one instant: what the start page, its tiles and the overview of all
//! contracts show. Read once per page; nothing here is counted anew that the engine or the desk
//! already holds.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use mamori_contract::engine::{State, Verdict};
use mamori_kernel::clock::tokyo_date;
use mamori_kernel::period::YearMonth;
use mamori_kernel::permission::Role;

use crate::Office;
use crate::contracts::Live;
use crate::deadlines::{self, Deadline, Standing};
use crate::documents::{Paper, PaperError};
use crate::register::Stored;
use crate::register::across::{Brief, Turn};
use crate::work::Gauge;

/// Days ahead that count as soon: today and the six days after it.
pub const SOON_DAYS: i32 = 6;

/// How a contract stands.
#[derive(Debug)]
pub struct Pulse {
    /// The day in Japan.
    pub today: Date,
    /// Every judged obligation.
    pub states: Vec<Arc<State>>,
    /// Every date of the contract.
    pub deadlines: Vec<Deadline>,
    /// Every paper, oldest first.
    pub papers: Vec<(Stored, Paper)>,
    /// Items on which somebody has the next word, the longest waiting first.
    pub open: Vec<Brief>,
    /// This month's work.
    pub gauge: Gauge,
}

impl Pulse {
    /// Reads how a contract stands.
    pub async fn read(office: &Office, live: &Live, now: Timestamp) -> Result<Self, PaperError> {
        let today = tokyo_date(now);
        let states = live.states(now).await?;
        let papers = papers(office, live).await?;
        let handed_in = deadlines::handed_in(&papers);
        Ok(Self {
            today,
            deadlines: deadlines::deadlines(live, &states, &handed_in, today),
            states,
            open: office.desk.open_items(live.id()).await?,
            gauge: office
                .desk
                .work_gauge(live.id(), YearMonth::of(today))
                .await?,
            papers,
        })
    }

    /// Only the dates: what calendar and reminders need.
    pub async fn dates(
        office: &Office,
        live: &Live,
        now: Timestamp,
    ) -> Result<Vec<Deadline>, PaperError> {
        let states = live.states(now).await?;
        let handed_in = deadlines::handed_in(&papers(office, live).await?);
        Ok(deadlines::deadlines(
            live,
            &states,
            &handed_in,
            tokyo_date(now),
        ))
    }

    /// Obligations with a verdict.
    pub fn with(&self, verdict: Verdict) -> impl Iterator<Item = &Arc<State>> {
        self.states
            .iter()
            .filter(move |state| state.verdict == verdict)
    }

    /// Obligations of which nothing tells whether they are kept although their time has begun.
    pub fn unproved(&self) -> usize {
        self.with(Verdict::Unmeasured).count()
    }

    /// Dates that have passed undone.
    pub fn overdue(&self) -> impl Iterator<Item = &Deadline> {
        self.deadlines
            .iter()
            .filter(|deadline| deadline.standing == Standing::Overdue)
    }

    /// Dates from today on, undone, at most so many days away.
    pub fn coming(&self, days: i32) -> impl Iterator<Item = &Deadline> {
        self.deadlines.iter().filter(move |deadline| {
            deadline.standing == Standing::Open
                && deadline
                    .days_left(self.today)
                    .is_some_and(|left| left <= days)
        })
    }

    /// Items on which this role has the next word.
    pub fn awaiting(&self, role: Role) -> impl Iterator<Item = &Brief> {
        self.open.iter().filter(move |item| item.awaits(role))
    }

    /// Items on which the city has the next word.
    pub fn awaiting_city(&self) -> impl Iterator<Item = &Brief> {
        self.open
            .iter()
            .filter(|item| item.turn() == Some(Turn::City))
    }

    /// Whole days that an item has waited.
    pub fn waited(&self, item: &Brief) -> i32 {
        deadlines::days_between(tokyo_date(item.since), self.today)
    }

    /// By when the city is to accept or return a paper (検収).
    pub fn acceptance_due(&self, number: &str) -> Option<Date> {
        self.papers
            .iter()
            .find(|(item, _)| item.number == number)
            .and_then(|(_, paper)| paper.acceptance_due)
    }
}

/// Every paper of a contract, oldest first.
pub async fn papers(office: &Office, live: &Live) -> Result<Vec<(Stored, Paper)>, PaperError> {
    let all = office.papers.all(live.id()).await?;
    Ok(all
        .into_iter()
        .filter_map(|item| {
            let paper = item.read::<Paper>().ok()?;
            Some((item, paper))
        })
        .collect())
}
