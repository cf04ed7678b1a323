//! Rules that come while the gateway runs, and modes of paths and rules.

use std::time::Duration;

use mamori_gateway::model::{Finding, SitePolicy};
use mamori_gateway::store::{self, Search};
use mamori_gateway::{desk, evidence, local, service, tally};
use mamori_kernel::ledger::Actor;
use mamori_proxy::WafMode;

use crate::{ATTACK, CONTRACT, open_as};

#[tokio::test(flavor = "multi_thread")]
async fn rules_installed_while_it_runs_without_any_are_seen() {
    let off = SitePolicy {
        mode: WafMode::Off,
        ..SitePolicy::default()
    };
    let bench = open_as(None, &off).await;
    assert_eq!(bench.ask(ATTACK).await, 200, "nothing is looked at");
    let app = &bench.test.app;
    let block = SitePolicy::default();
    desk::decide(app, CONTRACT, "site", &block, Actor::person("u1"))
        .await
        .expect("decided");
    let running = app.slot_or_default::<service::Running>();
    while running.status().trouble.is_none() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(bench.ask(ATTACK).await, 200, "there are no rules yet");

    let place = mamori_rules::in_force(&app.config.data_dir);
    std::fs::create_dir_all(&place).expect("made");
    let rule = "SecRule ARGS \"@contains <script\" \"id:1,phase:2,deny,status:403\"\n";
    std::fs::write(place.join("a.conf"), rule).expect("written");
    bench.becomes(ATTACK, 403).await;
    assert_eq!(running.status().trouble, None);
    bench.stop.send_replace(true);
    bench.served.await.expect("no panic").expect("served");
}

/// One rule that scores and one that decides by the score.
const OWN_RULES: &str = "SecRule ARGS \"@contains <script\" \"id:1,phase:2,pass,log,tag:attack-xss,\
     msg:'script',setvar:'tx.blocking_inbound_anomaly_score=+5'\"\n\
     SecRule TX:blocking_inbound_anomaly_score \"@ge 5\" \"id:2,phase:2,deny,status:403\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_path_and_a_rule_have_modes_of_their_own() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a.conf"), OWN_RULES).expect("written");
    let off = SitePolicy {
        mode: WafMode::Off,
        ..SitePolicy::default()
    };
    let bench = open_as(Some(folder.path().to_owned()), &off).await;
    let app = &bench.test.app;
    let today = mamori_kernel::clock::tokyo_date(app.now());
    let decide = async |about: &str, name: &str, mode: &str, until: &str| {
        let wish = local::Wish {
            about: about.to_owned(),
            name: name.to_owned(),
            mode: mode.to_owned(),
            reason: "見本".to_owned(),
            expires_on: until.to_owned(),
        };
        let made = local::desk::decide(app, CONTRACT, "site", &wish, Actor::person("u1")).await;
        made.expect("decided").id.to_string()
    };
    let end = async |id: &str| {
        local::desk::end(app, CONTRACT, "site", id, Actor::person("u1"))
            .await
            .expect("ended");
    };
    let login = "/wp-login.php?s=%3Cscript%3E";
    assert_eq!(bench.ask(login).await, 200, "the site is not looked at");
    decide("path", "/wp-login.php", "block", "").await;
    bench.becomes(login, 403).await;
    assert_eq!(bench.ask(ATTACK).await, 200, "only that path is");

    desk::decide(
        app,
        CONTRACT,
        "site",
        &SitePolicy::default(),
        Actor::person("u1"),
    )
    .await
    .expect("decided");
    bench.becomes(ATTACK, 403).await;
    let until = today.to_string();
    let path = decide("path", "/tools/", "detect", &until).await;
    bench.becomes("/tools/x?s=%3Cscript%3E", 200).await;
    assert_eq!(bench.ask("/tools/../?s=%3Cscript%3E").await, 403);
    end(&path).await;
    bench.becomes("/tools/x?s=%3Cscript%3E", 403).await;

    let observed = decide("rule", "1", "detect", &until).await;
    assert_eq!(decide("rule", "1", "detect", &until).await, observed);
    bench.becomes(ATTACK, 200).await;
    let search = Search {
        sites: vec!["site".to_owned()],
        rule: Some(1),
        ..Search::default()
    };
    let seen = loop {
        let found = store::findings(&app.db, &search, 0, 50)
            .await
            .expect("read");
        let observed = |one: &Finding| !one.refused && one.matches.iter().any(|one| one.observed);
        if let Some(one) = found.into_iter().find(observed) {
            break one;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!((seen.path.as_str(), seen.score), ("/", 0));
    // Another decision about the same rule takes its place.
    let off = decide("tag", "attack-xss", "off", &until).await;
    decide("rule", "1", "off", &until).await;
    let open = local::store::all(&app.db, "site", true)
        .await
        .expect("read");
    assert_eq!(open.len(), 3, "{open:?}");
    assert!(open.iter().all(|one| one.id.to_string() != observed));
    for one in open.iter().filter(|one| one.scope.rules().is_some()) {
        assert_eq!(bench.ask(ATTACK).await, 200);
        end(&one.id.to_string()).await;
    }
    bench.becomes(ATTACK, 403).await;
    let again = local::desk::end(app, CONTRACT, "site", &off, Actor::person("u1")).await;
    assert!(matches!(again, Err(desk::DeskError::NoMode)));
    let kinds = bench.kinds().await;
    for kind in [evidence::MODE_SET, evidence::MODE_ENDED] {
        assert!(kinds.contains(&kind.to_owned()), "{kinds:?}");
    }

    bench.stop.send_replace(true);
    bench.served.await.expect("no panic").expect("served");
    let kinds = tally::store::found(&app.db, "site", tally::What::Kind, today, today).await;
    let kinds = kinds.expect("read");
    let xss = kinds.get("xss").copied().unwrap_or_default();
    assert!(xss.refused >= 4 && xss.observed >= 2, "{kinds:?}");
    let minutes = tally::store::minutes(&app.db, "site", jiff::Timestamp::UNIX_EPOCH).await;
    let mut sum = tally::Minute::default();
    for minute in minutes.expect("read").values() {
        sum.add(*minute);
    }
    assert_eq!(sum.requests, sum.answers.iter().sum::<u64>());
    assert!(sum.refused >= 4 && sum.answers[2] == sum.refused, "{sum:?}");
}
