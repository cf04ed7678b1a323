//! The calendar of schedules before a contract names its own.

use jiff::civil::Date;
use mamori_kernel::calendar::{DaySet, YearlyRange};

use crate::schedule::OpenDays;

/// 閉庁日 of most public offices: weekends, law holidays, 12/29–1/3.
pub(crate) struct LawCalendar(DaySet);

impl Default for LawCalendar {
    fn default() -> Self {
        Self(DaySet::closed_days(YearlyRange::YEAR_END))
    }
}

impl OpenDays for LawCalendar {
    fn is_open(&self, date: Date) -> bool {
        self.0.is_open(date)
    }
}

impl OpenDays for DaySet {
    fn is_open(&self, date: Date) -> bool {
        Self::is_open(self, date)
    }
}
