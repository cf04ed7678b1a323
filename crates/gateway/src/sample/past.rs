//! The weeks before now, told day by day as the data plane would have told them.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use mamori_kernel::clock::{tokyo_date, tokyo_midnight};
use mamori_proxy::{Event, RequestId, WafMode};
use mamori_rules::{Folders, Wanted};
use mamori_runtime::App;
use mamori_waf::RuleSet;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::attacks::{Arrival, WRONGED, attacker, judged};
use super::{SITE, SampleError, TRIAL, attacks, visitors};
use crate::access::{self, Writer};
use crate::policy::MakeError;
use crate::pump;

/// Days before today: enough for every page to be full.
const DAYS: i64 = 20;
/// When a citizen was wronged, yesterday.
const WRONGED_AT: SignedDuration = SignedDuration::from_mins(14 * 60 + 12);

/// What decisions are about.
pub(super) struct Report {
    /// The request of the citizen who was wronged.
    pub(super) wronged: RequestId,
}

/// The sample's rules.
pub(super) fn rules_in(folder: &Path) -> Result<Arc<RuleSet>, MakeError> {
    let folders = Folders {
        rules: folder.to_owned(),
        plugins: Vec::new(),
    };
    let wanted = Wanted {
        paranoia: Some(1),
        ..Wanted::default()
    };
    Ok(mamori_rules::load(&folders, &wanted)?.rules)
}

/// Writes the past.
pub(super) async fn fill(app: &App, folder: &Path, seed: u64) -> Result<Report, SampleError> {
    let now = app.now();
    let today = tokyo_date(now);
    let rules = rules_in(folder)?;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let wronged = visitors::id(&mut rng);
    let mut writer = Writer::open(access::folder(app));
    for ago in (0..=DAYS).rev() {
        let day = today.saturating_sub(ago.days());
        let mut events = of_day(&mut rng, &rules, day, now);
        if ago == 1 {
            let arrival = Arrival {
                at: tokyo_midnight(day) + WRONGED_AT,
                id: wronged,
                client: Ipv4Addr::new(192, 0, 2, 77).into(),
            };
            events.extend(judged(&rules, &WRONGED, arrival, SITE, WafMode::Block));
        }
        // What rules found stays before the record of its request.
        events.sort_by_key(instant);
        let (events, kept) = tokio::task::spawn_blocking(move || {
            writer.write(&events);
            (events, writer)
        })
        .await?;
        writer = kept;
        pump::keep(&app.db, events, now).await?;
    }
    Ok(Report { wronged })
}

/// The events of a day up to an instant, in no order.
fn of_day(rng: &mut ChaCha8Rng, rules: &Arc<RuleSet>, day: Date, until: Timestamp) -> Vec<Event> {
    let ordinary = visitors::of_day(rng, day, until).into_iter();
    let mut all: Vec<Event> = ordinary
        .map(|access| Event::Access(Box::new(access)))
        .collect();
    all.extend(attacks::of_day(rng, rules, day, until));
    if rng.random_range(0..3) == 0 {
        let arrival = Arrival {
            at: visitors::moment(rng, day),
            id: visitors::id(rng),
            client: attacker(rng.random_range(1..200)),
        };
        if arrival.at < until {
            all.extend(judged(rules, &WRONGED, arrival, TRIAL, WafMode::Detect));
        }
    }
    all
}

fn instant(event: &Event) -> Timestamp {
    match event {
        Event::Access(access) => access.at,
        Event::Waf(firewall) => firewall.at,
        Event::Intrusion(intrusion) => intrusion.at,
        Event::Refused { at, .. }
        | Event::CertificatePending { at, .. }
        | Event::UpstreamDown { at, .. }
        | Event::UpstreamUp { at, .. } => *at,
    }
}
