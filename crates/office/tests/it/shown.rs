//! What pages show of what is recorded: figures, evidence, readings, files, days as one reads them.

use axum::http::StatusCode;
use jiff::ToSpan as _;
use jiff::civil::{date, time};
use mamori_kernel::clock::tokyo_instant;
use mamori_kernel::permission::Role;
use mamori_office::documents::Submission;
use mamori_office::register::{Order, Side};
use mamori_testkit::{Client, PASSWORD, TestApp};
use serde_json::{Value, json};

use crate::contracts::{ID, activate, on_both};
use crate::register_pages::{done, fill};
use crate::start::{append, part, staff, text, tile};
use crate::{form, register};

fn at(test: &TestApp, month: i8, day: i8, hour: i8) {
    let there = date(2026, month, day).to_datetime(time(hour, 0, 0, 0));
    test.clock.set(tokyo_instant(there));
}

async fn submit(test: &TestApp, document: &str, about: &str, on: jiff::civil::Date) -> String {
    let office = mamori_office::Office::of(&test.app).expect("is started");
    let draft = office.papers.draft(ID, document, about, staff()).await;
    let number = draft.expect("is drafted").item.number;
    let submission = Submission {
        on,
        how: "mail".to_owned(),
        receipt: None,
    };
    let papers = &office.papers;
    let done = papers.submit(ID, &number, submission, staff()).await;
    done.expect("is submitted");
    number
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_drill_stands_below_the_last_backup() {
    on_both(|test| async move {
        activate(&test).await;
        let home = format!("/c/{ID}");
        let backup = "/ledger?kind=backup.finished";
        let saved = json!({"class": "data", "method": "full", "generations": 2, "ok": true});
        append(&test, "backup.finished", "data", &saved).await;
        at(&test, 11, 2, 14);
        let mut manager = test.sign_in(Role::Manager).await;
        let page = text(&mut manager, &home).await;
        let shown = tile(&page, backup);
        assert!(
            shown.contains(">5<") && shown.contains("時間前") && !shown.contains("失敗"),
            "{shown}"
        );
        assert!(shown.contains("復元訓練の記録なし"), "{shown}");

        let drill = json!({"class": "data", "ok": true, "minutes": 40});
        append(&test, "backup.drill", "data", &drill).await;
        at(&test, 11, 3, 9);
        append(&test, "backup.drill", "data", &drill).await;
        at(&test, 11, 3, 10);
        let mut manager = test.sign_in(Role::Manager).await;
        let page = text(&mut manager, &home).await;
        let shown = tile(&page, backup);
        assert!(shown.contains(">25<"), "{shown}");
        assert!(
            shown.contains("復元訓練：R8.11.3 09:00") && !shown.contains("記録なし"),
            "{shown}"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_wait_for_the_city_is_told_in_days() {
    on_both(|test| async move {
        let office = activate(&test).await;
        let home = format!("/c/{ID}");
        let mut manager = test.sign_in(Role::Manager).await;
        let page = text(&mut manager, &home).await;
        let shown = tile(&page, "#city-turn");
        assert!(
            shown.contains(">0<") && !shown.contains("最も長い"),
            "{shown}"
        );
        submit(&test, "monthly-report", "2026-10", date(2026, 11, 2)).await;
        at(&test, 11, 5, 9);
        let ask =
            json!({"gate": "waf-change", "about": "規則の更新", "requested_on": "2026-11-05"});
        let order = Order::new(
            ID,
            register("approval"),
            None,
            "request",
            form(ask),
            staff(),
        );
        office.desk.act(order).await.expect("is requested");
        at(&test, 11, 9, 9);
        let mut manager = test.sign_in(Role::Manager).await;
        let page = text(&mut manager, &home).await;
        let shown = tile(&page, "#city-turn");
        assert!(
            shown.contains(">2<") && shown.contains("最も長いもの：7 日"),
            "{shown}"
        );
        // The city is not told that it waits for itself.
        let mut city = test.sign_in(Role::City).await;
        let page = text(&mut city, &home).await;
        assert!(!page.contains("最も長いもの"), "{page}");
    })
    .await;
}

/// Keys of the obligations that the board lists.
async fn board(client: &mut Client, due: &str) -> Vec<String> {
    let path = format!("/c/{ID}/obligations?due={due}&format=csv");
    let csv = text(client, &path).await;
    let lines = csv.lines().filter(|line| line.starts_with("O-"));
    let mut keys: Vec<String> = lines
        .filter_map(|line| line.split(',').next().map(str::to_owned))
        .collect();
    keys.sort();
    keys
}

/// Keys of the judged obligations with a date of the calendar for which this holds.
async fn calendar(client: &mut Client, holds: impl Fn(&Value) -> bool) -> Vec<String> {
    let path = format!("/api/v1/contracts/{ID}/calendar?per_page=200");
    let mut keys = Vec::new();
    for page in 1.. {
        let told = client.get(&format!("{path}&page={page}")).await.json();
        let items = told["items"].as_array().expect("a list");
        if items.is_empty() {
            break;
        }
        let held = items.iter().filter(|item| holds(item));
        keys.extend(held.filter_map(|item| item["obligation"].as_str().map(str::to_owned)));
    }
    keys.sort();
    keys.dedup();
    keys
}

#[tokio::test(flavor = "multi_thread")]
async fn the_board_by_due_date_shows_what_the_calendar_shows() {
    on_both(|test| async move {
        activate(&test).await;
        // Some papers are handed in, some dates pass.
        submit(&test, "monthly-report", "2026-10", date(2026, 11, 2)).await;
        test.clock.set(tokyo_instant(
            date(2027, 1, 20).to_datetime(time(9, 0, 0, 0)),
        ));
        let today = date(2027, 1, 20);
        let mut viewer = test.sign_in(Role::Viewer).await;
        let every = board(&mut viewer, "").await;
        let judged = |keys: Vec<String>| -> Vec<String> {
            keys.into_iter().filter(|key| every.contains(key)).collect()
        };
        let overdue = calendar(&mut viewer, |item| item["standing"] == "overdue").await;
        let overdue = judged(overdue);
        assert!(!overdue.is_empty() && overdue.len() < every.len());
        assert_eq!(board(&mut viewer, "overdue").await, overdue);
        for (word, days) in [("week", 6), ("month", 31)] {
            let last = today.saturating_add(days.days());
            let soon = calendar(&mut viewer, |item| {
                let day = item["due"].as_str().and_then(|day| day.parse().ok());
                item["standing"] == "open" && day.is_some_and(|day: jiff::civil::Date| day <= last)
            })
            .await;
            let soon = judged(soon);
            assert_eq!(board(&mut viewer, word).await, soon, "{word}");
            assert!(word == "week" || !soon.is_empty());
        }
        let dated = calendar(&mut viewer, |_| true).await;
        let undated: Vec<String> = every
            .iter()
            .filter(|key| !dated.contains(key))
            .cloned()
            .collect();
        assert_eq!(board(&mut viewer, "none").await, undated);
        // The tile that counts what is overdue leads to just these.
        let home = text(&mut viewer, &format!("/c/{ID}")).await;
        let shown = tile(&home, "/obligations?due=overdue");
        let told = viewer
            .get(&format!("/api/v1/contracts/{ID}/calendar?standing=overdue"))
            .await
            .json();
        let count = told["total"].as_u64().expect("a number");
        assert!(shown.contains(&format!(">{count}<")), "{count}: {shown}");
    })
    .await;
}

/// The table of the readings of A-04 that lead to different verdicts.
fn readings(page: &str) -> &str {
    let note = part(page, "id=\"note-A-04\"", "</section>");
    part(note, "<caption>読み方によって判定が分かれます", "</table>")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_obligation_shows_its_records_and_the_readings_that_differ() {
    on_both(|test| async move {
        activate(&test).await;
        let mut viewer = test.sign_in(Role::Viewer).await;
        let late = format!("/c/{ID}/obligations/O-099");
        let page = text(&mut viewer, &late).await;
        let evidence = part(&page, "id=\"h-evidence\"", "</section>");
        assert!(!evidence.contains("ledger?seq="), "{evidence}");
        // The months before are undecided; October is not due yet, whichever way one reads.
        assert!(!readings(&page).contains("令和8年10月分"), "{page}");

        // 目処: two days after the tenth the text does not decide.
        at(&test, 11, 12, 9);
        let number = submit(&test, "monthly-report", "2026-10", date(2026, 11, 12)).await;
        let mut viewer = test.sign_in(Role::Viewer).await;
        let page = text(&mut viewer, &late).await;
        let clause = part(&page, "<blockquote class=\"clause\"", "</blockquote>");
        assert!(clause.contains("10日"), "{clause}");
        let evidence = part(&page, "id=\"h-evidence\"", "</section>");
        let query = mamori_store::LedgerQuery {
            kinds: vec!["document.submitted".to_owned()],
            ..mamori_store::LedgerQuery::new(ID)
        };
        let records = test.app.db.ledger_records(&query).await.expect("is read");
        let seq = records.last().expect("a record").seq;
        let link = format!("<a href=\"/c/{ID}/ledger?seq={seq}\">#{seq}</a>");
        assert!(evidence.contains(&link), "{link}: {evidence}");
        assert!(evidence.contains("状態の理由"), "{evidence}");
        let led = viewer.get(&format!("/c/{ID}/ledger?seq={seq}")).await;
        let record = text(&mut viewer, led.location()).await;
        assert!(record.contains(&number), "{record}");

        let note = part(&page, "id=\"note-A-04\"", "</section>");
        let table = readings(&page);
        for (reading, verdict) in [("締切と読む", ">不履行<"), ("目安と読む", ">履行<")]
        {
            let start = format!("<th scope=\"row\">{reading}</th>");
            let said = table.split("<tr>").any(|row| {
                row.starts_with(&start) && row.contains(verdict) && row.contains("令和8年10月分")
            });
            assert!(said, "{reading} {verdict}: {table}");
        }
        assert!(note.contains("<blockquote class=\"clause\""), "{note}");
        let mut manager = test.sign_in(Role::Manager).await;
        let page = text(&mut manager, &late).await;
        let note = part(&page, "id=\"note-A-04\"", "</section>");
        assert!(note.contains("/consultation/new?topic="), "{note}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn days_are_written_as_each_person_chose() {
    let test = crate::contracts::open(|_| {}).await;
    activate(&test).await;
    test.add_user("koyomi", Role::Staff).await;
    let mut person = test.anonymous();
    person.sign_in("koyomi", PASSWORD).await;
    let choose = async |person: &mut Client, style: &str| {
        let fields = [
            ("display_name", "暦 見る人"),
            ("language", "ja"),
            ("date_style", style),
        ];
        let saved = person.post_form("/account", &fields).await;
        assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text());
    };
    let calendar = format!("/c/{ID}/calendar?month=2026-11");
    let (era, iso) = ("令和8年11月10日（火）", "2026-11-10（火）");
    for (style, there, not) in [("iso", iso, era), ("wareki", era, iso)] {
        choose(&mut person, style).await;
        let page = text(&mut person, &calendar).await;
        assert!(
            page.contains(there) && !page.contains(not),
            "{style}: {page}"
        );
        let home = text(&mut person, &format!("/c/{ID}")).await;
        let day = there.trim_end_matches("（火）");
        assert!(home.contains(day) && !home.contains(not), "{style}: {home}");
    }
    // It is the person's choice, not the installation's.
    choose(&mut person, "iso").await;
    let mut other = test.sign_in(Role::Viewer).await;
    let page = text(&mut other, &calendar).await;
    assert!(page.contains(era) && !page.contains(iso), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_months_gauge_is_drawn_and_told() {
    let test = crate::contracts::open(|_| {}).await;
    let office = activate(&test).await;
    for (day, hours, category) in [
        ("2026-10-05", "1.5", "correct"),
        ("2026-10-06", "2", "correct"),
    ] {
        let entry = json!({"date": day, "hours": hours, "category": category, "event": "画像"});
        let order = Order::new(ID, register("work"), None, "record", form(entry), staff());
        office.desk.act(order).await.expect("is recorded");
    }
    let mut viewer = test.sign_in(Role::Viewer).await;
    let page = text(&mut viewer, &format!("/c/{ID}/work?month=2026-10")).await;
    let chart = part(&page, "<figure class=\"chart\">", "</figure>");
    assert!(
        chart.contains("<svg") && chart.contains("role=\"img\""),
        "{chart}"
    );
    for told in ["算入時間は 3時間30分", "残りは 3時間30分", "<caption>"] {
        assert!(chart.contains(told), "{told}: {chart}");
    }
    assert!(
        part(chart, "<tbody>", "</tbody>").contains(">2<"),
        "{chart}"
    );
    let over = json!({"date": "2026-10-07", "hours": "4", "category": "correct", "event": "画像"});
    let order = Order::new(ID, register("work"), None, "record", form(over), staff());
    office.desk.act(order).await.expect("is recorded");
    let page = text(&mut viewer, &format!("/c/{ID}/work?month=2026-10")).await;
    let chart = part(&page, "<figure class=\"chart\">", "</figure>");
    assert!(chart.contains("上限を 30分 超えています"), "{chart}");
    // A month without an entry has its gauge too.
    let page = text(&mut viewer, &format!("/c/{ID}/work?month=2026-09")).await;
    let chart = part(&page, "<figure class=\"chart\">", "</figure>");
    assert!(chart.contains("残りは 7時間"), "{chart}");
}

const PDF: &[u8] = b"%PDF-1.7 approval";

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_shows_its_files_its_trail_and_the_paper_made_of_it() {
    let test = crate::contracts::open(|_| {}).await;
    let office = activate(&test).await;
    let mut staff_member = test.sign_in(Role::Staff).await;
    let mut city = test.sign_in(Role::City).await;
    let asked = [
        ("gate", "waf-change"),
        ("about", "規則の更新"),
        ("requested_on", "2026-10-29"),
    ];
    let path = format!("/c/{ID}/approval/new");
    let form_page = text(&mut staff_member, &path).await;
    let once = crate::register_pages::hidden(&form_page, "once");
    let act = crate::register_pages::hidden(&form_page, "act");
    let mut fields = vec![("once", once.as_str()), ("act", act.as_str())];
    fields.extend(asked);
    let files = [("file", "承認願.pdf", "application/pdf", PDF)];
    let answer = staff_member.post_files(&path, &fields, &files).await;
    let (item, page) = done(&mut staff_member, answer).await;
    assert!(
        !page.contains("/documents/"),
        "no paper was made yet: {page}"
    );
    assert!(
        page.contains("承認願.pdf") && page.contains("市の回答を待って 4 日"),
        "{page}"
    );

    let number = part(&page, "<p class=\"lead\">", "</p>")
        .trim_start_matches("<p class=\"lead\">")
        .to_owned();
    let draft = office.papers.draft(ID, "change-approval", &number, staff());
    let paper = draft.await.expect("is drafted").item;
    let granted = [
        ("decided_on", "2026-11-02"),
        ("how", "mail"),
        ("by", "広報課"),
        ("conditions", "夜間に行うこと"),
    ];
    let path = format!("{item}/grant/as-city");
    let answer = fill(&mut city, &path, &granted).await;
    done(&mut city, answer).await;

    for client in [&mut staff_member, &mut city] {
        let page = text(client, &item).await;
        let files = part(&page, "添付ファイル", "<ol class=\"timeline\">");
        assert!(
            files.contains("承認願.pdf") && files.contains("/files/"),
            "{files}"
        );
        let link = part(&page, "この願いの書類", "</dd>");
        assert!(
            link.contains("/documents/%E6%9B%B8%E9%A1%9E-R8-001") && link.contains(&paper.number),
            "{link}"
        );
        let trail = part(&page, "<ol class=\"timeline\">", "</ol>");
        // The newest first: the city's word with its conditions, then the asking.
        let (city_word, asking) = (trail.find("夜間に行うこと"), trail.find("規則の更新"));
        assert!(city_word.is_some() && city_word < asking, "{trail}");
        assert!(trail.contains("広報課"), "{trail}");
        assert_eq!(trail.matches("ledger?seq=").count(), 2, "{trail}");
        assert!(page.contains("市の回答を待った日数は 4 日"), "{page}");
    }
    let shown = text(&mut city, &format!("/c/{ID}/documents/{}", paper.number)).await;
    assert!(shown.contains(&number), "{shown}");

    // One of which no paper was made has none.
    let order = Order::new(
        ID,
        register("approval"),
        None,
        "request",
        form(json!({"gate": "chat-change", "about": "窓口の変更", "requested_on": "2026-11-02"})),
        staff(),
    );
    let other = office.desk.act(order).await.expect("is requested").item;
    let mut refuse = Order::new(
        ID,
        register("approval"),
        Some(&other.id),
        "refuse",
        form(json!({"decided_on": "2026-11-02", "how": "mail", "conditions": "予算がない"})),
        mamori_kernel::ledger::Actor::person("city-1"),
    );
    refuse.side = Side::City;
    let told = office.desk.act(refuse).await;
    told.unwrap_or_else(|error| panic!("{error}"));
    let page = text(&mut city, &format!("/c/{ID}/approval/{}", other.id)).await;
    assert!(
        page.contains("予算がない") && !page.contains("この願いの書類"),
        "{page}"
    );
}
