//! The board of obligations, one obligation with its readings, the calendar with
//! its feed and its reminders, and the search.

use axum::http::StatusCode;
use jiff::civil::{date, time};
use mamori_kernel::clock::tokyo_instant;
use mamori_kernel::ledger::Actor;
use mamori_kernel::permission::Role;
use mamori_office::register::{Order, Side};
use mamori_store::LedgerQuery;
use mamori_testkit::TestApp;
use mamori_web::account;
use serde_json::json;

use crate::contracts::{ID, activate, on_both};
use crate::start::{part, staff, text};
use crate::{form, register};

pub async fn payloads(test: &TestApp, kind: &str) -> Vec<serde_json::Value> {
    let query = LedgerQuery {
        kinds: vec![kind.to_owned()],
        ..LedgerQuery::new(ID)
    };
    let records = test.app.db.ledger_records(&query).await.expect("is read");
    records
        .iter()
        .map(|record| record.payload.value())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_board_is_filtered_sorted_and_written_as_csv() {
    on_both(|test| async move {
        let office = activate(&test).await;
        let mut viewer = test.sign_in(Role::Viewer).await;
        let board = format!("/c/{ID}/obligations");
        let csv = text(&mut viewer, &format!("{board}?format=csv")).await;
        let all = csv.matches("\nO-").count();
        assert!(all > 140, "{all}");
        // Every obligation is in exactly one state and in exactly one chapter.
        let mut by_state = 0;
        for verdict in [
            "met",
            "not_met",
            "undecided",
            "pending",
            "unmeasured",
            "not_applicable",
        ] {
            let csv = text(
                &mut viewer,
                &format!("{board}?verdict={verdict}&format=csv"),
            )
            .await;
            by_state += csv.matches("\nO-").count();
        }
        assert_eq!(by_state, all);
        let annex = text(
            &mut viewer,
            &format!("{board}?chapter=%E5%88%A5%E7%B4%992&format=csv"),
        )
        .await;
        let contract = office.contracts.live(ID).await.expect("is in force");
        let contract = contract.contract();
        let rows = contract
            .keys()
            .into_iter()
            .filter_map(|key| contract.latest(key))
            .filter(|row| row.type_.is_judged() && row.clause.starts_with("別紙2"))
            .count();
        assert_eq!(annex.matches("\nO-").count(), rows);
        assert!(rows > 20, "{rows}");
        assert!(
            annex
                .lines()
                .skip(1)
                .filter(|line| line.starts_with("O-"))
                .all(|line| line.contains("別紙2"))
        );
        let sorted = text(
            &mut viewer,
            &format!("{board}?sort=due&format=csv&due=month"),
        )
        .await;
        let days: Vec<&str> = sorted
            .lines()
            .filter(|line| line.starts_with("O-"))
            .filter_map(|line| {
                line.split(',')
                    .find(|cell| cell.starts_with("2026-") || cell.starts_with("2027-"))
            })
            .collect();
        assert!(!days.is_empty() && days.is_sorted(), "{days:?}");
        let none = text(
            &mut viewer,
            &format!("{board}?q=%E5%AD%98%E5%9C%A8%E3%81%97%E3%81%AA%E3%81%84%E8%A8%80%E8%91%89"),
        )
        .await;
        assert!(none.contains("条件に合う義務はありません"));
        // Wrong questions are not errors.
        text(
            &mut viewer,
            &format!("{board}?verdict=x&sort=y&page=-1&who=%07&due=%F0%9F%98%80"),
        )
        .await;
        let missing = viewer.get(&format!("{board}/O-999")).await;
        assert_eq!(missing.status, StatusCode::NOT_FOUND);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reading_is_recorded_with_the_consultation_that_agreed_on_it() {
    on_both(|test| async move {
        let office = activate(&test).await;
        let live = office.contracts.live(ID).await.expect("is in force");
        let note = live
            .contract()
            .file
            .ambiguity
            .iter()
            .find(|note| !note.reading.is_empty() && !note.affects.is_empty())
            .expect("an ambiguity with readings")
            .clone();
        let obligation = live
            .contract()
            .keys()
            .into_iter()
            .find(|key| {
                live.contract()
                    .latest(key)
                    .is_some_and(|row| row.notes.contains(&note.key))
            })
            .expect("an obligation with the note")
            .to_owned();
        let page_address = format!("/c/{ID}/obligations/{obligation}");
        let path = format!("{page_address}/reading");
        let open = Order::new(
            ID,
            register("consultation"),
            None,
            "open",
            form(json!({"topic": "読み方", "opened_on": "2026-11-02", "note": note.key})),
            staff(),
        );
        let number = office.desk.act(open).await.expect("is opened").item.number;

        let mut manager = test.sign_in(Role::Manager).await;
        let page = text(&mut manager, &page_address).await;
        assert!(
            page.contains("/consultation/new?topic=")
                && page.contains(&format!("note={}", note.key))
        );
        let reading = note.reading[0].key.clone();
        let send = |consultation: &str, once: &str| {
            [
                ("note", note.key.clone()),
                ("reading", reading.clone()),
                ("consultation", consultation.to_owned()),
                ("from", "2026-11-02".to_owned()),
                ("by", "総務課".to_owned()),
                ("once", once.to_owned()),
            ]
        };
        for (consultation, why) in [
            ("協議-R8-999", "登録されていません"),
            (number.as_str(), "まだ合意していません"),
            ("", "登録されていません"),
        ] {
            let fields = send(consultation, "k1");
            let fields: Vec<(&str, &str)> = fields
                .iter()
                .map(|(key, value)| (*key, value.as_str()))
                .collect();
            let refused = manager.post_form(&path, &fields).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
            assert!(
                refused.text().contains(why) && refused.text().contains("総務課"),
                "{}",
                refused.text()
            );
        }
        assert_eq!(payloads(&test, "contract.reading").await.len(), 0);

        let mut agree = Order::new(
            ID,
            register("consultation"),
            Some(&number),
            "agree",
            form(json!({"decided_on": "2026-11-02", "outcome": "そのとおり", "how": "mail"})),
            Actor::person("city-1"),
        );
        agree.side = Side::City;
        office
            .desk
            .act(agree)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        for _ in 0..2 {
            let fields = send(&number, "k2");
            let fields: Vec<(&str, &str)> = fields
                .iter()
                .map(|(key, value)| (*key, value.as_str()))
                .collect();
            let done = manager.post_form(&path, &fields).await;
            assert_eq!(done.location(), page_address);
        }
        let records = payloads(&test, "contract.reading").await;
        assert_eq!(records.len(), 1, "the same form twice is one decision");
        assert_eq!(records[0]["consultation"], number.as_str());
        let page = text(&mut manager, &page_address).await;
        assert!(
            page.contains("市と決めた読み方") && page.contains(&number),
            "{page}"
        );

        let mut staff = test.sign_in(Role::Staff).await;
        let refused = staff.post_form(&path, &[("note", &note.key)]).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        assert!(
            !text(&mut staff, &page_address)
                .await
                .contains("決まった読み方を記録する")
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_shows_its_dates_its_closed_days_and_their_reasons() {
    on_both(|test| async move {
        activate(&test).await;
        let mut viewer = test.sign_in(Role::Viewer).await;
        let page = text(&mut viewer, &format!("/c/{ID}/calendar?month=2026-11")).await;
        let grid = part(&page, "<table class=\"calendar\">", "</table>");
        let day = |number: i8| {
            let mark = format!("datetime=\"2026-11-{number:02}\"");
            let start = grid
                .find(&mark)
                .unwrap_or_else(|| panic!("{number} is missing"));
            &grid[start..start + grid[start..].find("</td>").expect("a cell ends")]
        };
        assert!(
            day(3).contains("文化の日") && day(1).contains("閉庁"),
            "{grid}"
        );
        assert!(day(10).contains("/obligations/"), "{}", day(10));
        assert!(grid.contains("aria-current=\"date\""));
        // The report on December moves past the New Year's days, and says so.
        let page = text(&mut viewer, &format!("/c/{ID}/calendar?month=2027-01")).await;
        let moved = part(&page, "id=\"m-2027-01\"", "</section>");
        assert!(
            moved.contains("翌月10日") && moved.contains("<br>"),
            "{moved}"
        );
        for odd in [
            "",
            "?month=2026-13",
            "?month=%07",
            "?month=9999-12",
            "?month=-1",
        ] {
            let page = text(&mut viewer, &format!("/c/{ID}/calendar{odd}")).await;
            assert!(page.contains("id=\"m-2026-11\""), "{odd}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_opens_with_its_secret_alone_and_closes_with_the_person() {
    on_both(|test| async move {
        activate(&test).await;
        test.add_user("koyomi", Role::Staff).await;
        let mut person = test.anonymous();
        person.sign_in("koyomi", mamori_testkit::PASSWORD).await;
        let address = |page: &str| {
            let start = page
                .find("/calendar/")
                .and_then(|_| page.find(".ics"))
                .expect("an address");
            page[start - 64 - "/calendar/".len()..start + ".ics".len()].to_owned()
        };
        let made = person
            .post_form(&format!("/c/{ID}/calendar/feed"), &[])
            .await;
        assert_eq!(made.status, StatusCode::OK, "{}", made.text());
        let first = address(&made.text());
        let secret = first
            .trim_start_matches("/calendar/")
            .trim_end_matches(".ics")
            .to_owned();
        let kept = test
            .app
            .db
            .fetch_one("SELECT token_hash FROM office_feed", mamori_store::args![])
            .await
            .expect("a row");
        assert_ne!(kept.text("token_hash").expect("text"), secret);

        let mut reader = test.anonymous();
        let feed = reader.get(&first).await;
        assert_eq!(feed.status, StatusCode::OK);
        assert_eq!(feed.header("content-type"), "text/calendar; charset=utf-8");
        let body = feed.text();
        assert!(body.contains("DTSTART;VALUE=DATE:20261110\r\n"), "{body}");
        assert_eq!(
            body.matches("UID:").count(),
            body.matches("BEGIN:VEVENT").count()
        );
        let mut uids: Vec<&str> = body
            .lines()
            .filter(|line| line.starts_with("UID:"))
            .collect();
        uids.sort_unstable();
        uids.dedup();
        assert_eq!(uids.len(), body.matches("BEGIN:VEVENT").count());
        let request = axum::http::Request::get(&first)
            .header("if-none-match", format!("\"x\", W/{}", feed.header("etag")))
            .body(axum::body::Body::empty())
            .expect("a request");
        assert_eq!(reader.send(request).await.status, StatusCode::NOT_MODIFIED);

        let mut counsellor = test.sign_in(Role::Counsellor).await;
        let refused = counsellor
            .post_form(&format!("/c/{ID}/calendar/feed"), &[])
            .await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);

        // A new address closes the one before.
        let again = person
            .post_form(&format!("/c/{ID}/calendar/feed"), &[])
            .await;
        let second = address(&again.text());
        assert_eq!(reader.get(&first).await.status, StatusCode::NOT_FOUND);
        assert_eq!(reader.get(&second).await.status, StatusCode::OK);
        assert!(
            !text(&mut person, &format!("/c/{ID}/calendar"))
                .await
                .contains(&second)
        );
        // Who has no business on the contract any more has no feed of it either.
        account::set_role(
            &test.app,
            Actor::machine("test"),
            "koyomi",
            Role::Counsellor,
        )
        .await
        .expect("is set");
        assert_eq!(reader.get(&second).await.status, StatusCode::NOT_FOUND);
        account::set_role(&test.app, Actor::machine("test"), "koyomi", Role::Staff)
            .await
            .expect("is set");
        assert_eq!(reader.get(&second).await.status, StatusCode::OK);
        person
            .post_form(&format!("/c/{ID}/calendar/feed/stop"), &[])
            .await;
        for gone in [
            second.as_str(),
            "/calendar/x.ics",
            "/calendar/",
            "/calendar/x",
        ] {
            assert_eq!(
                reader.get(gone).await.status,
                StatusCode::NOT_FOUND,
                "{gone}"
            );
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_opened_is_found_and_nothing_else() {
    on_both(|test| async move {
        let office = activate(&test).await;
        let order = Order::new(ID, register("work"), None, "record",
            form(json!({"date": "2026-11-02", "hours": "1", "category": "correct", "event": "トップ画像の差替え", "by": "秘田 密子"})), staff());
        let number = office.desk.act(order).await.expect("is recorded").item.number;
        let mut staff = test.sign_in(Role::Staff).await;
        let mut viewer = test.sign_in(Role::Viewer).await;
        let mut counsellor = test.sign_in(Role::Counsellor).await;
        let search = |words: &str| format!("/search.json?q={}", mamori_web::components::percent_encoded(words));
        macro_rules! found {
            ($who:expr, $words:expr) => {
                $who.get(&search($words)).await.json()["results"].as_array().expect("a list").iter()
                    .map(|hit| hit["href"].as_str().expect("an address").to_owned()).collect::<Vec<_>>()
            };
        }
        let is_work = |href: &String| href.starts_with(&format!("/c/{ID}/work/"));
        // Any width, any case, words in any order.
        for words in ["差替え トップ", "ﾄｯﾌﾟ", &number] {
            assert!(found!(staff, words).iter().any(is_work), "{words}");
            assert!(found!(viewer, words).iter().any(is_work), "{words}");
            assert!(!found!(counsellor, words).iter().any(is_work), "{words}");
        }
        // A name is found by those who may read it; to others it does not exist.
        assert!(found!(staff, "秘田").iter().any(is_work));
        assert_eq!(found!(viewer, "秘田"), Vec::<String>::new());
        assert!(found!(viewer, "O-017").contains(&format!("/c/{ID}/obligations/O-017")));
        assert_eq!(found!(counsellor, "O-017"), Vec::<String>::new());
        assert!(found!(viewer, "#1").contains(&format!("/c/{ID}/ledger?seq=1")));
        assert_eq!(found!(counsellor, "#1"), Vec::<String>::new());
        assert!(found!(viewer, "台帳").contains(&format!("/c/{ID}/ledger")));
        // What belongs to no contract: people and the house for those who may open them, help for all.
        let person = mamori_web::account::find(&test.app, "counsellor-2").await.expect("signed in").id;
        let person = format!("/people/{person}");
        assert!(found!(staff, "counsellor-2").contains(&person));
        assert_eq!(found!(viewer, "counsellor-2"), Vec::<String>::new());
        assert_eq!(found!(counsellor, "counsellor-2"), Vec::<String>::new());
        assert!(found!(staff, "システムの状態").contains(&"/system".to_owned()));
        assert!(!found!(viewer, "システムの状態").contains(&"/system".to_owned()));
        for href in ["/help", "/help/keys"] {
            assert!(found!(counsellor, if href == "/help" { "使い方" } else { "キーの操作" }).contains(&href.to_owned()));
        }
        for odd in ["", "   ", "%", "_", "\\", "'; DROP TABLE office_item; --", "#99999999999999999999", "\u{202e}😀"] {
            let answer = staff.get(&search(odd)).await;
            assert_eq!(answer.status, StatusCode::OK, "{odd}");
        }
        assert!(!found!(staff, "%").iter().any(is_work), "a sign is a sign, not a pattern");
        let page = text(&mut staff, "/search?q=%3Cscript%3E").await;
        assert!(page.contains("見つかりませんでした") && !page.contains("<script>"));
        let page = text(&mut staff, &search("画像").replace(".json", "")).await;
        assert!(page.contains(&number));
        staff.post_form("/language", &[("to", "en"), ("next", "/search")]).await;
        let page = text(&mut staff, &search("画像").replace(".json", "")).await;
        assert!(page.contains("Work entries") && page.contains("Recorded R8.11.2"), "{page}");
        assert_eq!(test.anonymous().get("/search.json?q=x").await.status, StatusCode::SEE_OTHER);
    })
    .await;
}

/// The reminders that were queued: receiver, subject, text.
async fn reminders(test: &TestApp) -> Vec<(String, String, String)> {
    let rows = test
        .app
        .db
        .fetch_all(
            "SELECT payload FROM job WHERE kind = 'notify.mail' ORDER BY queued_at, id",
            mamori_store::args![],
        )
        .await
        .expect("is read");
    rows.iter()
        .map(|row| serde_json::from_str(&row.text("payload").expect("text")).expect("JSON"))
        .filter(|mail: &serde_json::Value| {
            mail["subject"]
                .as_str()
                .is_some_and(|subject| subject.starts_with("【期限】"))
        })
        .map(|mail| {
            let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
            (
                text(&mail["to"][0]),
                text(&mail["subject"]),
                text(&mail["body"]),
            )
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_receiver_is_reminded_once_a_day_with_reason_and_person() {
    let test = TestApp::builder()
        .with(mamori_office::capability())
        .at(date(2026, 11, 2), time(9, 0, 0, 0))
        .configured(|config| {
            config.mail.contractor =
                vec!["noc@example.jp".to_owned(), "lead@example.jp".to_owned()];
        })
        .open()
        .await;
    let office = activate(&test).await;
    let live = office.contracts.live(ID).await.expect("is in force");
    test.add_user("tanto", Role::Staff).await;
    let tanto = account::find(&test.app, "tanto")
        .await
        .expect("a user")
        .id
        .to_string();
    let mut manager = test.sign_in(Role::Manager).await;
    // What falls due on 10 November, a week after the next morning.
    let due = live
        .dues()
        .iter()
        .find(|due| due.due == Some(date(2026, 11, 10)))
        .expect("a date");
    let path = format!("/c/{ID}/obligations/{}/person", due.obligation);
    manager.post_form(&path, &[("person", &tanto)]).await;

    let morning = |day: i8| tokyo_instant(date(2026, 11, day).at(8, 41, 0, 0));
    // The first tick sets the schedules.
    test.advance_to(tokyo_instant(date(2026, 11, 2).at(9, 1, 0, 0)))
        .await;
    test.advance_to(morning(3)).await;
    let sent = reminders(&test).await;
    let receivers: Vec<&str> = sent.iter().map(|(to, ..)| to.as_str()).collect();
    assert_eq!(receivers, ["lead@example.jp", "noc@example.jp"]);
    let (_, subject, body) = &sent[0];
    assert!(subject.contains("令和8年11月3日（火）"), "{subject}");
    assert!(
        body.contains("令和8年11月10日（火）（あと7日）") && body.contains("担当：tanto"),
        "{body}"
    );
    assert!(body.contains("期限の理由："), "{body}");
    // Papers that were never made are overdue and said to be.
    assert!(body.contains("日超過"), "{body}");

    // The same day again, by whatever way: nothing more.
    let mut tx = test.app.db.begin_write().await.expect("begins");
    let again = mamori_runtime::NewJob::new("deadline.remind", &json!({}));
    test.app.enqueue(&mut tx, again).await.expect("is queued");
    tx.commit().await.expect("is committed");
    test.advance_to(tokyo_instant(date(2026, 11, 3).at(12, 0, 0, 0)))
        .await;
    assert_eq!(reminders(&test).await.len(), 2);
    test.advance_to(morning(4)).await;
    assert_eq!(reminders(&test).await.len(), 4);

    // Whoever has an address of their own is told there what is theirs; the others are not.
    test.app
        .db
        .execute(
            "INSERT INTO account_mail (user_id, address) VALUES ($1, 'tanto@example.jp')",
            mamori_store::args![&tanto],
        )
        .await
        .expect("is written");
    test.advance_to(morning(7)).await;
    let sent = reminders(&test).await;
    let tells = |to: &str| {
        let (.., body) = sent.iter().rfind(|(receiver, ..)| receiver == to)?;
        Some(
            body.split('・')
                .any(|part| part.contains("（あと3日）") && part.contains("担当：tanto")),
        )
    };
    assert_eq!(tells("tanto@example.jp"), Some(true));
    assert_eq!(tells("lead@example.jp"), Some(false));
}
