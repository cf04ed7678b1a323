//! The gateway of the demonstration: its past fills every page and is the same for the same seed,
//! and it serves and refuses like any other.

use std::net::IpAddr;

use jiff::{Timestamp, ToSpan as _};
use mamori_gateway::certificates::examine::examine;
use mamori_gateway::sample::{self, Stand};
use mamori_gateway::store::{self, Search};
use mamori_gateway::{capability, desk, service};
use mamori_kernel::clock::tokyo_date;
use mamori_kernel::ledger::Actor;
use mamori_kernel::permission::Role;
use mamori_proxy::visit::Visit;
use mamori_testkit::TestApp;
use tokio::sync::watch;

const CONTRACT: &str = "c1";
const ATTACK: &str = "?id=1'%20UNION%20SELECT%201--";

async fn open(seed: u64) -> (TestApp, Stand, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let stand = Stand::new(folder.path(), CONTRACT).expect("free ports");
    let settings = stand.settings.clone();
    let test = TestApp::builder()
        .configured(|config| config.gateway = Some(settings))
        .with(capability())
        .open()
        .await;
    sample::fill(&test.app, &stand, CONTRACT, &Actor::machine("demo"), seed)
        .await
        .expect("filled");
    (test, stand, folder)
}

async fn findings(test: &TestApp) -> Vec<(String, String, Timestamp)> {
    let sites = desk::sites(&test.app, CONTRACT);
    let search = Search {
        sites: sites.into_iter().map(|site| site.name).collect(),
        ..Search::default()
    };
    let found = store::findings(&test.app.db, &search, 0, 10_000).await;
    let found = found.expect("read").into_iter();
    found.map(|one| (one.id, one.client, one.at)).collect()
}

/// Addresses that nobody has (RFC 5737, RFC 3849).
fn is_of_documentation(address: &str) -> bool {
    match address.parse::<IpAddr>().expect("an address") {
        IpAddr::V4(v4) => matches!(
            v4.octets(),
            [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _]
        ),
        IpAddr::V6(v6) => v6.segments()[..2] == [0x2001, 0xdb8],
    }
}

#[tokio::test]
async fn the_past_is_full_invented_and_the_same_for_the_same_seed() {
    let (test, _stand, _folder) = open(8).await;
    let app = &test.app;
    let today = tokyo_date(app.now());
    let days = desk::traffic(app, CONTRACT, today.saturating_sub(14.days()), today);
    let days = days.await.expect("read");
    for (day, traffic) in days.range(..today) {
        assert!(
            traffic.requests > 300 && traffic.refused > 3,
            "{day}: {traffic:?}"
        );
    }
    assert!(days.range(..today).count() >= 14);
    let found = findings(&test).await;
    assert!(found.len() > 150, "{}", found.len());
    for (_, client, at) in &found {
        assert!(is_of_documentation(client), "{client}");
        assert!(*at <= app.now(), "nothing comes from the future");
    }
    let (again, _stand, _folder) = open(8).await;
    assert_eq!(found, findings(&again).await);
    let (other, _stand, _folder) = open(9).await;
    assert_ne!(found, findings(&other).await);

    let mut person = test.sign_in(Role::Manager).await;
    for (path, shown) in [
        ("/c/c1/gateway", "mihon-trial"),
        ("/c/c1/gateway/traffic", "100300"),
        ("/c/c1/gateway/blocked", "198.51.100."),
        ("/c/c1/gateway/bans", "198.51.100.64/28"),
        ("/c/c1/gateway/exclusions", "ARGS:message"),
        ("/c/c1/gateway/modes", "/event/entry/"),
        ("/c/c1/gateway/certificates", "見本の認証局"),
    ] {
        let page = person.get(path).await.text();
        assert!(page.contains(shown), "{path}: {shown}");
    }
    let yesterday = today.saturating_sub(1.days());
    let access = person
        .get(&format!("/c/c1/gateway/access?day={yesterday}"))
        .await
        .text();
    assert!(access.contains("/wp-content/themes/mihon/"), "{access}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_serves_believed_encryption_and_refuses_where_it_says_so() {
    let (test, stand, _folder) = open(8).await;
    let now = test.app.now();
    let (settings, sockets) = stand.open(now).expect("opened");
    let (http, site) = (settings.http[0], settings.sites[0].hosts[0].clone());
    let (stop, stopped) = watch::channel(false);
    let serving = tokio::spawn(service::serve(
        test.app.clone(),
        settings.clone(),
        sockets,
        stopped,
    ));
    let asked = async |path: &str| {
        let visit = Visit {
            listener: http,
            host: "localhost",
            protocol: b"http/1.1",
            authorities: &[],
            at: now,
        };
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let answer = visit.plainly(request.as_bytes()).await.expect("answered");
        String::from_utf8_lossy(&answer).into_owned()
    };
    let page = asked("/").await;
    assert!(page.contains("見本のサイト"), "{page}");
    // The trial site only observes, except where a path is told to refuse.
    assert!(
        asked(&format!("/{ATTACK}"))
            .await
            .starts_with("HTTP/1.1 200")
    );
    assert!(
        asked(&format!("/wp-login.php{ATTACK}"))
            .await
            .starts_with("HTTP/1.1 403")
    );
    let examined = examine(&settings, &site, now).await;
    assert!(examined.believed() && examined.encrypted(), "{examined:?}");
    stop.send_replace(true);
    serving.await.expect("no panic").expect("served");
}
