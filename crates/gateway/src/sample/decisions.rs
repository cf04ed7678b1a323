//! What was decided about the sample: an exclusion for the citizen whom the rules wronged, modes of
//! parts, who is kept out. Each by the desk, so that each has its evidence.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp, ToSpan as _};
use mamori_kernel::barrier::household;
use mamori_kernel::clock::tokyo_date;
use mamori_kernel::ledger::Actor;
use mamori_kernel::{Ban, BanCause};
use mamori_proxy::WafMode;
use mamori_runtime::App;

use super::attacks::attacker;
use super::past::Report;
use super::{SITE, SampleError, TRIAL};
use crate::bans::store::{self as ban_store};
use crate::bans::{self, BanWish, Stored};
use crate::desk;
use crate::local;
use crate::model::{SitePolicy, Wish};

/// The first ban of a watch lasts so long, each further one twice as long.
const FIRST_BAN: SignedDuration = SignedDuration::from_hours(12);

/// Takes them.
pub(super) async fn take(
    app: &App,
    contract: &str,
    actor: &Actor,
    report: &Report,
) -> Result<(), SampleError> {
    let trial = SitePolicy {
        mode: WafMode::Detect,
        ..SitePolicy::default()
    };
    desk::decide(app, contract, TRIAL, &trial, actor.clone()).await?;
    exclusions(app, contract, actor, report).await?;
    modes(app, contract, actor).await?;
    keep_out(app, contract, actor).await
}

fn in_days(app: &App, days: i64) -> String {
    tokyo_date(app.now())
        .saturating_add(days.days())
        .to_string()
}

async fn exclusions(
    app: &App,
    contract: &str,
    actor: &Actor,
    report: &Report,
) -> Result<(), SampleError> {
    let message = Wish {
        rule: "100400".to_owned(),
        target: "ARGS:message".to_owned(),
        path: "/contact/".to_owned(),
        reason: "お問い合わせの本文に、ページの一部（iframe）を引用する人がいるため".to_owned(),
        expires_on: in_days(app, 84),
        request: report.wronged.to_string(),
        ..Wish::default()
    };
    let editor = Wish {
        rule: "100600".to_owned(),
        target: "ARGS:content".to_owned(),
        path: "/wp-admin/".to_owned(),
        reach: "below".to_owned(),
        reason: "プログラミング講座の記事に載せるコードの例を、編集者が保存できないため".to_owned(),
        expires_on: in_days(app, 28),
        ..Wish::default()
    };
    let search = Wish {
        rule: "100300".to_owned(),
        target: "ARGS:s".to_owned(),
        path: "/".to_owned(),
        reason: "サイト内の検索が止まるという連絡を受けて、調べる間だけ".to_owned(),
        expires_on: in_days(app, 3),
        ..Wish::default()
    };
    for wish in [&message, &editor] {
        desk::exclude(app, contract, SITE, wish, actor.clone()).await?;
    }
    let ended = desk::exclude(app, contract, SITE, &search, actor.clone()).await?;
    let id = ended.id.to_string();
    desk::end_exclusion(app, contract, SITE, &id, actor.clone()).await?;
    Ok(())
}

async fn modes(app: &App, contract: &str, actor: &Actor) -> Result<(), SampleError> {
    let until = in_days(app, 12);
    for (site, about, name, mode, reason, expires_on) in [
        (
            TRIAL,
            "path",
            "/wp-login.php",
            "block",
            "試験用のサイトでも、管理画面への入り口だけは守るため",
            "",
        ),
        (
            SITE,
            "path",
            "/event/entry/",
            "detect",
            "講座の申し込みフォームを作り直したため、止めずに様子を見る",
            until.as_str(),
        ),
        (
            SITE,
            "rule",
            "100500",
            "detect",
            "パソコン講座の質問に記号が多く、止めずに数を数える",
            until.as_str(),
        ),
    ] {
        let wish = local::Wish {
            about: about.to_owned(),
            name: name.to_owned(),
            mode: mode.to_owned(),
            reason: reason.to_owned(),
            expires_on: expires_on.to_owned(),
        };
        local::desk::decide(app, contract, site, &wish, actor.clone()).await?;
    }
    Ok(())
}

async fn keep_out(app: &App, contract: &str, actor: &Actor) -> Result<(), SampleError> {
    let now = app.now();
    let ago = |minutes| now - SignedDuration::from_mins(minutes);
    let watched = [
        (attacker(231), "attacks", ago(95), 1),
        (attacker(207), "searching", ago(310), 2),
        (attacker(18), "failed-logins", ago(640), 1),
        (
            IpAddr::from([0x2001, 0xdb8, 0xbad, 7, 0, 0, 0, 9]),
            "flooding",
            ago(38),
            1,
        ),
    ];
    let stored: Vec<Stored> = watched
        .into_iter()
        .map(|(client, watch, since, times)| Stored {
            ban: by_watch(client, watch, since, times),
            author: String::new(),
            lifted: false,
        })
        .collect();
    let mut tx = app.db.begin_write().await?;
    ban_store::set(&mut tx, &stored).await?;
    ban_store::count_up(&mut tx).await?;
    tx.commit().await?;
    let wish = BanWish {
        network: "198.51.100.64/28".to_owned(),
        hours: "720".to_owned(),
        reason: "お問い合わせフォームへの宣伝の送信が続いたため（7日間で 214 件）".to_owned(),
    };
    bans::ban(app, contract, &wish, actor.clone()).await?;
    Ok(())
}

/// A ban by a watch.
pub(super) fn by_watch(client: IpAddr, watch: &str, since: Timestamp, times: u32) -> Ban {
    let hours = FIRST_BAN * i32::try_from(times).unwrap_or(i32::MAX);
    Ban {
        network: household(client),
        cause: BanCause::Watch {
            watch: watch.to_owned(),
        },
        since,
        until: since.checked_add(hours).ok(),
        times,
    }
}
