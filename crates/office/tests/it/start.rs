//! The start page of each role and the overview of all contracts.

use axum::http::StatusCode;
use jiff::civil::date;
use mamori_kernel::ledger::{Actor, NewRecord};
use mamori_kernel::permission::Role;
use mamori_office::documents::Submission;
use mamori_office::register::Order;
use mamori_testkit::{Client, TestApp};
use mamori_web::account::{self, Scope};
use serde_json::{Value, json};

use crate::contracts::{ID, activate, on_both};
use crate::{form, register};

const OTHER: &str = include_str!("../../../contract/testdata/winter-closure.toml");

pub fn staff() -> Actor {
    Actor::person("staff-1")
}

/// The text of a page that opens.
pub async fn text(client: &mut Client, path: &str) -> String {
    let answer = client.get(path).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
    answer.text()
}

/// The part of a page from one mark to the next.
pub fn part<'t>(page: &'t str, from: &str, to: &str) -> &'t str {
    let start = page
        .find(from)
        .unwrap_or_else(|| panic!("{from} is not in\n{page}"));
    let rest = &page[start..];
    &rest[..rest.find(to).unwrap_or(rest.len())]
}

/// The tile that leads to an address.
pub fn tile<'t>(page: &'t str, href: &str) -> &'t str {
    let link = format!("<a href=\"/c/{ID}{href}\">");
    let start = page
        .find(&link)
        .unwrap_or_else(|| panic!("no tile to {href} in\n{page}"));
    let rest = &page[start..];
    &rest[..rest.find("</li>").expect("a tile ends")]
}

pub async fn append(test: &TestApp, kind: &str, subject: &str, payload: &Value) {
    let record = NewRecord::new(
        ID,
        test.app.now(),
        Actor::machine("probe"),
        kind,
        subject,
        payload,
    )
    .expect("is a record");
    let mut tx = test.app.db.begin_write().await.expect("begins");
    tx.append(record).await.expect("is appended");
    tx.commit().await.expect("is committed");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_sees_what_awaits_it_and_nothing_it_may_not() {
    on_both(|test| async move {
        let office = activate(&test).await;
        let home = format!("/c/{ID}");
        let mut manager = test.sign_in(Role::Manager).await;
        let mut city = test.sign_in(Role::City).await;
        let mut viewer = test.sign_in(Role::Viewer).await;
        let mut counsellor = test.sign_in(Role::Counsellor).await;

        let order = Order::new(
            ID,
            register("work"),
            None,
            "record",
            form(json!({"date": "2026-11-02", "hours": "1.5", "category": "correct", "event": "画像"})),
            staff(),
        );
        office.desk.act(order).await.expect("is recorded");
        let draft = office.papers.draft(ID, "monthly-report", "2026-10", staff());
        let number = draft.await.expect("is drafted").item.number;

        let page = text(&mut manager, &home).await;
        assert!(part(&page, "id=\"my-turn\"", "id=\"due\"").contains(&number));
        // The first sentence says how the contract stands, and what comes next.
        let head = part(&page, "<div class=\"notice", "<h2");
        assert!(head.contains("期限") && head.contains("次の期限は"), "{head}");
        assert!(page.find("いますること") < page.find("サービスの稼働"));
        let hours = tile(&page, "/work");
        assert!(hours.contains(">1.5<") && hours.contains("/ 7 時間"), "{hours}");
        assert!(tile(&page, "/obligations?verdict=unmeasured").contains("未計測"));
        // Nothing is due within a week; the tile tells what comes next, and by which rule.
        let soon = tile(&page, "/calendar");
        assert!(soon.contains(">0<") && soon.contains("11月10日") && soon.contains("翌月10日"), "{soon}");

        let page = text(&mut city, &home).await;
        assert!(!part(&page, "id=\"my-turn\"", "id=\"due\"").contains(&number));
        office
            .papers
            .submit(
                ID,
                &number,
                Submission {
                    on: date(2026, 11, 2),
                    how: "mail".to_owned(),
                    receipt: None,
                },
                staff(),
            )
            .await
            .expect("is submitted");
        let page = text(&mut city, &home).await;
        let mine = part(&page, "id=\"my-turn\"", "id=\"due\"");
        assert!(mine.contains(&number) && mine.contains("検収期限"), "{mine}");
        let page = text(&mut manager, &home).await;
        assert!(!part(&page, "id=\"my-turn\"", "id=\"city-turn\"").contains(&number));
        assert!(part(&page, "id=\"city-turn\"", "</table>").contains(&number));

        let page = text(&mut viewer, &home).await;
        assert!(!page.contains("id=\"my-turn\"") && page.contains("id=\"attention\""));

        let page = text(&mut counsellor, &home).await;
        assert!(page.contains("職員からの質問はまだ") || page.contains("質問はまだありません"));
        for hidden in ["id=\"due\"", "id=\"attention\"", &number, "/obligations"] {
            assert!(!page.contains(hidden), "a counsellor sees {hidden}");
        }
        let nobody = test.anonymous().get(&home).await;
        assert_eq!(nobody.status, StatusCode::SEE_OTHER);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_measures_says_so_until_it_is_measured() {
    on_both(|test| async move {
        activate(&test).await;
        let mut manager = test.sign_in(Role::Manager).await;
        let home = format!("/c/{ID}");
        let page = text(&mut manager, &home).await;
        assert_eq!(page.matches("測定なし").count(), 3, "{page}");

        for (day, down) in [("2026-11-01", 0), ("2026-11-02", 14), ("2026-11-02", 144)] {
            let payload = json!({"day": day, "total_minutes": 1440, "down_minutes": down, "planned_minutes": 0});
            append(&test, "watch.availability", "site", &payload).await;
        }
        append(&test, "backup.finished", "data", &json!({"class": "data", "method": "full", "generations": 2, "ok": false})).await;
        append(&test, "incident.opened", "incident:i-1", &json!({"incident_id": "i-1", "detected_at": "2026-11-02T00:00:00Z", "title": "表示できない"})).await;
        append(&test, "incident.opened", "incident:i-2", &json!({"incident_id": "i-2", "detected_at": "2026-11-02T00:00:00Z", "title": "遅い"})).await;
        append(&test, "incident.closed", "incident:i-2", &json!({"incident_id": "i-2", "closed_at": "2026-11-02T01:00:00Z", "minutes": 60})).await;
        let page = text(&mut manager, &home).await;
        assert!(!page.contains("測定なし"));
        // 2,880 minutes, 144 of them down: the day recorded twice counts as recorded last.
        let availability = tile(&page, "/ledger?kind=watch.availability");
        assert!(availability.contains(">95<"), "{availability}");
        assert!(tile(&page, "/ledger?kind=backup.finished").contains("失敗"));
        let incidents = tile(&page, "/ledger?kind=incident.opened");
        assert!(incidents.contains(">1<") && incidents.contains("表示できない"), "{incidents}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_contracts_stand_side_by_side_for_those_who_may_see_them() {
    on_both(|test| async move {
        let office = activate(&test).await;
        let mut manager = test.sign_in(Role::Manager).await;
        let first = manager.get("/").await;
        assert_eq!(first.location(), format!("/c/{ID}"));

        let (other, ..) = office
            .contracts
            .activate("winter-closure.toml", OTHER, Actor::machine("test"))
            .await
            .expect("the other contract is right");
        let first = manager.get("/").await;
        assert_eq!(first.location(), "/contracts");
        let page = text(&mut manager, "/contracts?sort=next&dir=desc").await;
        for id in [ID, other.id()] {
            assert!(page.contains(&format!("href=\"/c/{id}\"")), "{id}\n{page}");
        }
        let csv = text(&mut manager, "/contracts?format=csv").await;
        assert_eq!(csv.lines().count(), 3, "{csv}");

        test.add_user("mieru", Role::Viewer).await;
        let scope = Scope::Contracts(vec![
            (ID.to_owned(), Role::Counsellor),
            (other.id().to_owned(), Role::City),
        ]);
        account::set_scope(&test.app, Actor::machine("test"), "mieru", &scope)
            .await
            .expect("is set");
        let mut mieru = test.anonymous();
        mieru.sign_in("mieru", mamori_testkit::PASSWORD).await;
        let csv = text(&mut mieru, "/contracts?format=csv").await;
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(lines.len(), 3);
        let here = lines
            .iter()
            .find(|line| line.contains('―'))
            .expect("a closed line");
        assert!(here.matches('―').count() == 9, "{here}");

        let scope = Scope::Contracts(vec![(other.id().to_owned(), Role::City)]);
        account::set_scope(&test.app, Actor::machine("test"), "mieru", &scope)
            .await
            .expect("is set");
        let page = text(&mut mieru, "/contracts").await;
        assert!(!page.contains(ID), "{page}");
    })
    .await;
}
