//! How many connections the machine lets the gateway have open at the same time.
//!
//! A process begins with 1,024 open files on most systems, fewer than the gateway is made for; what
//! the system allows beyond that has only to be asked for. Connections with clients are then bounded
//! so that files for the database, for records and for the sites behind are always left: who cannot
//! open a file cannot answer anybody.

use rlimit::Resource;

/// Files that are not connections of the gateway: database, records, console, mail.
const OWN: u64 = 256;
/// Connections with clients below which nothing can be served.
const LEAST: usize = 64;

/// Lets this process open as many files as the system allows.
pub fn ask_for_all() {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "the number of open files was not raised");
    }
}

/// How many connections with clients fit beside those to the sites behind, but not more than wanted.
pub fn connections(wanted: usize, behind: usize) -> usize {
    match Resource::NOFILE.get_soft() {
        Ok(open) => fitting(wanted, behind, open),
        // Nobody says how many: as wanted.
        Err(_) => wanted,
    }
}

fn fitting(wanted: usize, behind: usize, open: u64) -> usize {
    let left = open.saturating_sub(OWN).saturating_sub(behind as u64);
    usize::try_from(left)
        .unwrap_or(usize::MAX)
        .max(LEAST)
        .min(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_left_for_everything_else() {
        assert_eq!(fitting(10_000, 256, 524_288), 10_000);
        assert_eq!(fitting(10_000, 256, 4096), 3584);
        assert_eq!(fitting(10_000, 512, 1024), 256);
        assert_eq!(fitting(10_000, 5_000, 1024), LEAST, "it tries all the same");
        assert_eq!(fitting(10_000, 256, u64::MAX), 10_000);
    }

    #[test]
    fn what_the_system_allows_is_had() {
        ask_for_all();
        let (soft, hard) = Resource::NOFILE.get().expect("every system tells");
        assert_eq!(soft, hard);
        assert!(connections(10_000, 256) >= LEAST);
    }
}
