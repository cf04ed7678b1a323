//! The clock port. Everything that needs the present instant takes a [`Clock`];
//! nothing in this crate asks the machine for it. `runtime::SystemClock` is the one
//! implementation that does; [`DrivenClock`] serves tests and the rehearsal.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Gives the present instant (UTC).
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;

    /// The present day in Japan.
    fn today(&self) -> Date {
        tokyo_date(self.now())
    }
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}

impl<C: Clock + ?Sized> Clock for &C {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}

/// A clock that stands still until it is set or advanced.
///
/// Clones are handles to the same clock. The resolution is one microsecond; it may be set
/// back, because a clock that jumps back is a case that callers must survive.
#[derive(Debug, Clone)]
pub struct DrivenClock {
    microseconds: Arc<AtomicI64>,
}

impl DrivenClock {
    /// A clock that shows `at`.
    pub fn new(at: Timestamp) -> Self {
        Self {
            microseconds: Arc::new(AtomicI64::new(bounded(at.as_microsecond()))),
        }
    }

    /// A clock that shows `time` of `date` in Japan.
    pub fn at(date: Date, time: Time) -> Self {
        Self::new(tokyo_instant(date.to_datetime(time)))
    }

    /// Sets the clock, forward or back.
    pub fn set(&self, at: Timestamp) {
        self.microseconds
            .store(bounded(at.as_microsecond()), Ordering::SeqCst);
    }

    /// Moves the clock by `by` (negative: back) and returns the new instant; stops at the
    /// ends of what a [`Timestamp`] can hold.
    pub fn advance(&self, by: SignedDuration) -> Timestamp {
        let step = i64::try_from(by.as_micros()).unwrap_or(if by.is_negative() {
            i64::MIN
        } else {
            i64::MAX
        });
        let before = self
            .microseconds
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| {
                Some(bounded(now.saturating_add(step)))
            })
            .unwrap_or_else(|now| now);
        from_microseconds(bounded(before.saturating_add(step)))
    }
}

impl Clock for DrivenClock {
    fn now(&self) -> Timestamp {
        from_microseconds(self.microseconds.load(Ordering::SeqCst))
    }
}

/// jiff takes microseconds only between whole seconds at both ends of its range.
fn bounded(microseconds: i64) -> i64 {
    microseconds.clamp(
        Timestamp::MIN.as_second() * 1_000_000,
        Timestamp::MAX.as_second() * 1_000_000,
    )
}

fn from_microseconds(value: i64) -> Timestamp {
    Timestamp::from_microsecond(value).expect("only values of valid timestamps are stored")
}

/// The time zone of every day, month and fiscal year: `Asia/Tokyo`, from the bundled tzdb.
pub fn tokyo() -> &'static TimeZone {
    static TOKYO: std::sync::LazyLock<TimeZone> = std::sync::LazyLock::new(|| {
        TimeZone::get("Asia/Tokyo").expect("the bundled tzdb holds Asia/Tokyo")
    });
    &TOKYO
}

/// The civil time of an instant in Japan.
pub fn tokyo_datetime(at: Timestamp) -> DateTime {
    tokyo().to_datetime(at)
}

/// The day of an instant in Japan.
pub fn tokyo_date(at: Timestamp) -> Date {
    tokyo_datetime(at).date()
}

/// The instant of a civil time in Japan; saturates at the ends of what a [`Timestamp`] can
/// hold (years -9999 and 9999).
pub fn tokyo_instant(civil: DateTime) -> Timestamp {
    tokyo().to_timestamp(civil).unwrap_or(if civil.year() < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

/// The first instant of a day in Japan.
pub fn tokyo_midnight(date: Date) -> Timestamp {
    tokyo_instant(date.to_datetime(Time::midnight()))
}

#[cfg(test)]
mod tests {
    use jiff::civil::{date, time};

    use super::*;

    #[test]
    fn clones_show_the_same_time_and_may_go_back() {
        let clock = DrivenClock::at(date(2026, 4, 1), time(8, 45, 0, 0));
        let other = clock.clone();
        assert_eq!(clock.now().to_string(), "2026-03-31T23:45:00Z");
        clock.advance(SignedDuration::from_hours(1));
        assert_eq!(other.now().to_string(), "2026-04-01T00:45:00Z");
        let back = other.advance(SignedDuration::from_hours(-2));
        assert_eq!(back, clock.now());
        assert_eq!(clock.now().to_string(), "2026-03-31T22:45:00Z");
        clock.set(Timestamp::UNIX_EPOCH);
        assert_eq!(other.now(), Timestamp::UNIX_EPOCH);
        clock.advance(SignedDuration::MAX);
        assert_eq!(clock.now().as_second(), Timestamp::MAX.as_second());
        clock.set(Timestamp::MAX);
        assert_eq!(clock.now().as_second(), Timestamp::MAX.as_second());
        clock.advance(SignedDuration::MIN);
        assert_eq!(clock.now().as_second(), Timestamp::MIN.as_second());
    }

    #[test]
    fn the_day_changes_at_midnight_in_japan() {
        let clock = DrivenClock::new("2026-03-31T14:59:59Z".parse().unwrap());
        assert_eq!(clock.today(), date(2026, 3, 31));
        clock.advance(SignedDuration::from_secs(1));
        assert_eq!(clock.today(), date(2026, 4, 1));
        assert_eq!(tokyo_midnight(date(2026, 4, 1)), clock.now());
    }
}
