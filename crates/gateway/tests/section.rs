//! The firewall in the monthly report, from what happened to the words of the paper.

use std::collections::BTreeMap;

use jiff::civil::{date, time};
use jiff::{SignedDuration, ToSpan as _};
use mamori_document::{Document, Letterhead, Report, Section, Sender, Status, render_text};
use mamori_gateway::model::{SitePolicy, Traffic, Wish};
use mamori_gateway::tally::{Found, Tally, What};
use mamori_gateway::{capability, desk, evidence, local, store, tally};
use mamori_kernel::clock::{tokyo_date, tokyo_instant};
use mamori_kernel::ledger::{Actor, NewRecord};
use mamori_kernel::period::Period;
use mamori_proxy::WafMode;
use mamori_runtime::SectionRequest;
use mamori_runtime::config::{Gateway, GatewaySite};
use mamori_testkit::TestApp;
use serde_json::{Value, json};

const CONTRACT: &str = "c1";

async fn open() -> TestApp {
    let site = |name: &str, contract: &str| GatewaySite {
        name: name.to_owned(),
        contract: contract.to_owned(),
        hosts: vec![format!("{name}.example.jp")],
        upstreams: vec!["127.0.0.1:1".to_owned()],
        certificate: None,
        inspect_answers: false,
    };
    let settings = Gateway {
        sites: vec![
            site("www", CONTRACT),
            site("saiyo", CONTRACT),
            site("x", "c2"),
        ],
        ..Gateway::default()
    };
    let test = TestApp::builder()
        .configured(move |config| config.gateway = Some(settings))
        .with(capability())
        .at(date(2026, 10, 1), time(9, 0, 0, 0))
        .open()
        .await;
    // What the month's decisions name.
    let place = mamori_rules::in_force(&test.app.config.data_dir);
    std::fs::create_dir_all(&place).expect("made");
    let rules = "SecAction \"id:942100,phase:1,pass\"\nSecAction \"id:941110,phase:1,pass\"\n\
         SecAction \"id:932100,phase:1,pass,tag:attack-rce\"\n";
    std::fs::write(place.join("a.conf"), rules).expect("written");
    test
}

async fn section(test: &TestApp, contract: &str, period: &str) -> Value {
    let capability = capability();
    let hook = capability.sections.first().expect("a section");
    let request = SectionRequest {
        contract: contract.to_owned(),
        document: "monthly-report".to_owned(),
        period: period.parse::<Period>().expect("a period"),
    };
    let made = hook.build(test.app.clone(), request).await;
    made.unwrap_or_else(|error| panic!("{error}"))
}

fn paper(section: Value) -> Document {
    let section: Section = serde_json::from_value(section).expect("a section");
    Document::Report(Report {
        head: Letterhead {
            title: "状況報告書".to_owned(),
            subject: String::new(),
            number: String::new(),
            issued_on: None,
            addressee: String::new(),
            sender: Sender {
                address: String::new(),
                name: "株式会社見本".to_owned(),
                representative: String::new(),
            },
            responsible: None,
            contact: None,
            version: 1,
            replaced_on: None,
            status: Status::Draft,
            ledger_head: None,
            sample: true,
        },
        opening: Vec::new(),
        sections: vec![section],
        landscape: false,
    })
}

/// Counts of October: the site is attacked more each day.
async fn traffic(test: &TestApp) {
    let (mut days, mut counted) = (BTreeMap::new(), Tally::default());
    let first = date(2026, 10, 1);
    for (site, share) in [("www", 10), ("saiyo", 1), ("x", 1_000)] {
        for number in 0..34_u64 {
            let day = first.saturating_add(i64::try_from(number).expect("few").days());
            let one = Traffic {
                requests: 1_000 * share + number,
                refused: number * share,
                observed: number % 3,
                broken: number % 2,
                bytes_in: 1_000_000 * share,
                bytes_out: 300_000_000 * share,
            };
            days.insert((site.to_owned(), day), one);
            for (kind, refused) in [("sqli", number), ("rce", 2 * number), ("new-kind", 1)] {
                let found = Found {
                    refused,
                    observed: number % 3,
                };
                let key = (site.to_owned(), day, What::Kind, kind.to_owned());
                counted.found.insert(key, found);
            }
        }
    }
    let mut tx = test.app.db.begin_write().await.expect("begun");
    store::add_traffic(&mut tx, &days).await.expect("written");
    tally::store::add(&mut tx, &counted).await.expect("written");
    tx.commit().await.expect("committed");
}

async fn checked(test: &TestApp, site: &str, payload: Value) {
    let day = tokyo_date(test.app.now());
    let mut whole = json!({
        "host": site, "date": day.to_string(), "ok": true, "serving": true, "mode": "block",
        "rules": 600, "missed": 0, "wronged": 0, "requests": 1, "refused": 0,
    });
    for (field, value) in payload.as_object().into_iter().flatten() {
        whole[field] = value.clone();
    }
    let (app, actor) = (&test.app, Actor::person("u1"));
    let record = NewRecord::new(CONTRACT, app.now(), actor, evidence::CHECKED, site, &whole);
    let mut tx = app.db.begin_write().await.expect("begun");
    app.append(&mut tx, record.expect("a record"))
        .await
        .expect("appended");
    tx.commit().await.expect("committed");
}

/// What people do in October, day by day.
async fn october(test: &TestApp) {
    let actor = || Actor::person("u1");
    let app = &test.app;
    let decide = async |site: &str, policy: SitePolicy| {
        let done = desk::decide(app, CONTRACT, site, &policy, actor()).await;
        assert!(done.expect("decided").changed);
    };
    let mut ended = String::new();
    for number in 1..=31 {
        test.clock.set(tokyo_instant(
            date(2026, 10, number).to_datetime(time(9, 0, 0, 0)),
        ));
        match number {
            3 => {
                decide(
                    "www",
                    SitePolicy {
                        mode: WafMode::Detect,
                        paranoia: 2,
                        ..SitePolicy::default()
                    },
                )
                .await;
                checked(test, "www", json!({"ok": false, "mode": "detect"})).await;
            }
            4 => {
                decide("www", SitePolicy::default()).await;
                let wish = Wish {
                    rule: "942100".to_owned(),
                    target: "ARGS:comment".to_owned(),
                    path: "/wp-comments-post.php".to_owned(),
                    reason: "意見の中の引用符".to_owned(),
                    expires_on: "2026-10-20".to_owned(),
                    ..Wish::default()
                };
                let made = desk::exclude(app, CONTRACT, "www", &wish, actor()).await;
                made.expect("excluded");
                checked(test, "www", json!({})).await;
            }
            5 => {
                let wish = Wish {
                    rule: "941110".to_owned(),
                    path: "/wp-admin/".to_owned(),
                    reach: "below".to_owned(),
                    reason: "編集画面".to_owned(),
                    expires_on: "2026-12-31".to_owned(),
                    ..Wish::default()
                };
                let made = desk::exclude(app, CONTRACT, "saiyo", &wish, actor()).await;
                ended = made.expect("excluded").id.to_string();
                let wish = local::Wish {
                    about: "tag".to_owned(),
                    name: "attack-rce".to_owned(),
                    mode: "detect".to_owned(),
                    reason: "誤検知の調査".to_owned(),
                    expires_on: "2026-11-30".to_owned(),
                };
                let made = local::desk::decide(app, CONTRACT, "www", &wish, actor()).await;
                made.expect("decided");
            }
            9 => {
                let done = desk::end_exclusion(app, CONTRACT, "saiyo", &ended, actor()).await;
                done.expect("ended");
                let bad = json!({"ok": false, "serving": false, "missed": 2, "wronged": 1,
                    "trouble": "/var/lib/mamori/waf/current"});
                checked(test, "saiyo", bad).await;
            }
            _ => {
                checked(test, "www", json!({})).await;
                checked(test, "saiyo", json!({})).await;
            }
        }
    }
}

#[tokio::test]
async fn the_months_report_says_what_the_firewall_did() {
    let test = open().await;
    traffic(&test).await;
    october(&test).await;
    test.clock.advance(SignedDuration::from_hours(48));
    let made = section(&test, CONTRACT, "2026-10").await;
    let said = render_text(&paper(made));
    // Neither addresses nor what the machine said of itself.
    assert!(!said.contains("/var/lib"), "{said}");
    insta::assert_snapshot!(said);
}

#[tokio::test]
async fn a_contract_without_a_site_and_other_periods_get_nothing() {
    let test = open().await;
    assert_eq!(section(&test, "c9", "2026-10").await, Value::Null);
    assert_eq!(section(&test, CONTRACT, "FY2026").await, Value::Null);
    // A month that has only begun: no day is judged that has not come.
    let early = render_text(&paper(section(&test, CONTRACT, "2026-10").await));
    assert!(early.contains("| www | 0 | 0 | 1 |"), "{early}");
    assert!(early.contains("除外はない"), "{early}");
}
