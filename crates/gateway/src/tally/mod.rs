//! What the traffic looked like, counted while it is told: by minute for pages that show now, by day
//! for what attacks aimed at. Nothing of it is about one visitor, and pages read some thousand rows
//! at most however much traffic there is.

pub mod kind;
pub mod read;
pub mod store;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use mamori_kernel::clock::tokyo_date;
use mamori_proxy::{Access, Firewall, Outcome};

use crate::model::looked;

/// A minute of a site.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Minute {
    /// Requests.
    pub requests: u64,
    /// Refused by the firewall.
    pub refused: u64,
    /// Only observed by it.
    pub observed: u64,
    /// Answers by class of their status: 2xx, 3xx, 4xx, 5xx. Others are in none.
    pub answers: [u64; 4],
}

impl Minute {
    /// Both together.
    pub fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.refused += other.refused;
        self.observed += other.observed;
        for (mine, theirs) in self.answers.iter_mut().zip(other.answers) {
            *mine += theirs;
        }
    }
}

/// What is counted of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// The kind of an attack ([`kind`]).
    Kind,
    /// The number of a rule.
    Rule,
}

impl What {
    /// As the table writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Rule => "rule",
        }
    }
}

/// Requests of a kind, or that a rule matched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// Refused.
    pub refused: u64,
    /// Only observed.
    pub observed: u64,
}

impl Found {
    /// Both together.
    pub fn add(&mut self, other: Self) {
        self.refused += other.refused;
        self.observed += other.observed;
    }

    /// Refused or not.
    pub fn all(self) -> u64 {
        self.refused + self.observed
    }
}

/// The number of a minute since 1970.
pub fn minute_of(at: Timestamp) -> i64 {
    at.as_second().div_euclid(60)
}

/// What gathered since it was written last.
#[derive(Debug, Default)]
pub struct Tally {
    /// By site and minute.
    pub minutes: BTreeMap<(String, i64), Minute>,
    /// By site, day, what and name.
    pub found: BTreeMap<(String, Date, What, String), Found>,
}

impl Tally {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.minutes.is_empty() && self.found.is_empty()
    }

    /// Counts a request.
    pub fn access(&mut self, access: &Access) {
        let Some(site) = &access.site else { return };
        let key = (site.to_string(), minute_of(access.at));
        let minute = self.minutes.entry(key).or_default();
        minute.requests += 1;
        minute.refused += u64::from(access.outcome == Outcome::Firewall);
        let class = usize::from(access.status / 100);
        if let Some(answers) = class
            .checked_sub(2)
            .and_then(|at| minute.answers.get_mut(at))
        {
            *answers += 1;
        }
    }

    /// Counts what the firewall refused, or only observed.
    pub fn firewall(&mut self, firewall: &Firewall) {
        let found = Found {
            refused: u64::from(firewall.refused),
            observed: u64::from(!firewall.refused),
        };
        let site = firewall.site.to_string();
        let day = tokyo_date(firewall.at);
        if !firewall.refused {
            let key = (site.clone(), minute_of(firewall.at));
            self.minutes.entry(key).or_default().observed += 1;
        }
        let matches = firewall.matches.iter();
        // A request counts once for each rule and each kind, however often they matched.
        let mut names = BTreeSet::new();
        for matched in matches.filter(|matched| looked(&matched.hits)) {
            names.insert((What::Rule, matched.rule.to_string()));
            names.extend(kind::of_tags(&matched.tags).map(|kind| (What::Kind, kind.to_owned())));
        }
        if !names.iter().any(|(what, _)| *what == What::Kind) {
            names.insert((What::Kind, kind::OTHER.to_owned()));
        }
        for (what, name) in names {
            let key = (site.clone(), day, what, name);
            self.found.entry(key).or_default().add(found);
        }
    }
}
