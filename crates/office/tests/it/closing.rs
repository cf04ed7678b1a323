//! The monthly closing through the pages, from missing evidence to acceptance, by both sides.

use axum::http::StatusCode;
use mamori_kernel::ledger::Actor;
use mamori_kernel::permission::Role;
use mamori_office::Office;
use mamori_office::documents::Paper;
use mamori_office::register::{Order, Stored};
use mamori_store::LedgerQuery;
use mamori_testkit::{Answer, Client, TestApp};
use serde_json::json;

use crate::contracts::{ID, activate, open};
use crate::{form, register};

const OCTOBER: &str = "/c/kokoshelju-r8/closing?month=2026-10&document=monthly-report";

async fn worked(test: &TestApp, event: &str) {
    worked_on(test, "2026-10-05", "1.5", event).await;
}

async fn worked_on(test: &TestApp, date: &str, hours: &str, event: &str) {
    let office = Office::of(&test.app).expect("is started");
    let fields = json!({"date": date, "hours": hours, "category": "correct", "event": event});
    let actor = Actor::person("staff-1");
    let order = Order::new(ID, register("work"), None, "record", form(fields), actor);
    office.desk.act(order).await.expect("is recorded");
}

async fn october(test: &TestApp) -> (Stored, Paper) {
    let office = Office::of(&test.app).expect("is started");
    let found = office.papers.find(ID, "monthly-report", "2026-10").await;
    let item = found.expect("is read").expect("was made");
    let paper = item.read().expect("is a paper");
    (item, paper)
}

async fn count(test: &TestApp, kind: &str) -> usize {
    let query = LedgerQuery {
        kinds: vec![kind.to_owned()],
        ..LedgerQuery::new(ID)
    };
    let records = test.app.db.ledger_records(&query).await;
    records.expect("the ledger is read").len()
}

async fn page(client: &mut Client, path: &str) -> String {
    let answer = client.get(path).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
    answer.text()
}

fn went(answer: &Answer, to: &str) {
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    assert!(answer.location().ends_with(to), "{}", answer.location());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_is_closed_from_missing_evidence_to_acceptance() {
    let test = open(|_| {}).await;
    activate(&test).await;
    worked(&test, "求人ページの画像").await;
    let mut staff = test.sign_in(Role::Staff).await;
    let mut manager = test.sign_in(Role::Manager).await;
    let mut city = test.sign_in(Role::City).await;

    // What the report will say, and what is missing, before anything is made.
    let figures = page(&mut staff, OCTOBER).await;
    assert!(figures.contains("求人ページの画像"), "{figures}");
    assert!(figures.contains("1.5時間"), "{figures}");
    let missing = page(&mut staff, &format!("{OCTOBER}&step=missing")).await;
    assert!(missing.contains("対応が書かれていません"), "{missing}");
    assert!(missing.contains("（未記入）"), "{missing}");
    let seen = page(&mut city, OCTOBER).await;
    assert!(seen.contains("まだ提出されていません"), "{seen}");

    // The draft, and the words in it.
    let wanted = [
        ("document", "monthly-report"),
        ("about", "2026-10"),
        ("from", "closing"),
    ];
    let path = format!("/c/{ID}/documents/draft");
    let forbidden = city.post_form(&path, &wanted).await;
    assert_eq!(forbidden.status, StatusCode::FORBIDDEN);
    went(&staff.post_form(&path, &wanted).await, "&step=words");
    let (item, _) = october(&test).await;
    let base = format!("/c/{ID}/documents/{}", item.number);
    let revision = item.revision.to_string();
    let words = |findings: &'static str, revision: &'static str| {
        [
            ("findings", findings),
            ("notices", ""),
            ("revision", revision),
            ("from", "closing"),
        ]
    };
    let first: &'static str = revision.leak();
    let path = format!("{base}/words");
    let done = staff
        .post_form(&path, &words("安定していた。", first))
        .await;
    went(&done, "&step=look");
    let look = page(&mut staff, &format!("{OCTOBER}&step=look")).await;
    assert!(
        look.contains("所見") && look.contains("安定していた。"),
        "{look}"
    );
    let rendered = count(&test, "document.rendered").await;

    // Somebody else, from an older page: nothing is lost, nothing is overwritten.
    let stale = manager
        .post_form(&path, &words("別の人の言葉", first))
        .await;
    assert_eq!(stale.status, StatusCode::UNPROCESSABLE_ENTITY);
    let shown = stale.text();
    assert!(
        shown.contains("別の人の言葉") && shown.contains("安定していた。"),
        "{shown}"
    );
    // The same words again are no second rendering.
    went(
        &staff
            .post_form(&path, &words("安定していた。", first))
            .await,
        "&step=look",
    );
    let long: &'static str = "長".repeat(4_001).leak();
    let refused = staff.post_form(&path, &words(long, "")).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        refused.text().contains("4000文字以内"),
        "{}",
        refused.text()
    );
    // A sign that no typeface has: named, and what was typed comes back.
    let unprintable = staff
        .post_form(&path, &words("象形\u{13000}文字", ""))
        .await;
    assert_eq!(unprintable.status, StatusCode::UNPROCESSABLE_ENTITY);
    let shown = unprintable.text();
    assert!(
        shown.contains("U+13000") && shown.contains("象形\u{13000}文字</textarea>"),
        "{shown}"
    );
    assert_eq!(count(&test, "document.rendered").await, rendered);

    // Only the lead submits, and once.
    let path = format!("{base}/submit");
    let form = [
        ("submitted_on", "2026-11-02"),
        ("how", "mail"),
        ("from", "closing"),
    ];
    assert_eq!(
        staff.post_form(&path, &form).await.status,
        StatusCode::FORBIDDEN
    );
    let bad = [("submitted_on", "いつか"), ("how", "mail")];
    let bad = manager.post_form(&path, &bad).await;
    assert_eq!(bad.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(bad.text().contains("いつか"), "what was typed is kept");
    went(&manager.post_form(&path, &form).await, "&step=receipt");
    went(&manager.post_form(&path, &form).await, "&step=receipt");
    assert_eq!(count(&test, "document.submitted").await, 1);
    let path = format!("{base}/receipt");
    let form = [("receipt", "受付-12"), ("from", "closing")];
    went(&staff.post_form(&path, &form).await, "&step=receipt");
    went(&staff.post_form(&path, &form).await, "&step=receipt");
    assert_eq!(count(&test, "document.receipted").await, 1);
    let (_, paper) = october(&test).await;
    assert_eq!(paper.receipt.as_deref(), Some("受付-12"));
    assert_eq!(paper.words()[0], "安定していた。");
    let submitted = paper.pdf.sha256.clone();

    // The city reads it with its clock, and returns it.
    let seen = page(&mut city, &format!("/c/{ID}/closing")).await;
    for part in [
        "検収を待つ書類",
        "検収の期限は",
        "求人ページの画像",
        "/question/new",
    ] {
        assert!(seen.contains(part), "{part}: {seen}");
    }
    let path = format!("{base}/return");
    let empty = [("returned_on", "2026-11-02"), ("returned_reason", " ")];
    let empty = city.post_form(&path, &empty).await;
    assert_eq!(
        empty.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "{}",
        empty.text()
    );
    let form = [
        ("returned_on", "2026-11-02"),
        ("returned_reason", "事象の書き方"),
    ];
    assert_eq!(
        manager.post_form(&path, &form).await.status,
        StatusCode::FORBIDDEN
    );
    let answer = city.post_form(&path, &form).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    let told = page(&mut manager, &format!("{OCTOBER}&step=receipt")).await;
    assert!(told.contains("事象の書き方"), "{told}");

    // The next version, submitted and accepted once.
    let path = format!("{base}/replace");
    let answer = manager
        .post_form(&path, &[("reason", "書き方を直した")])
        .await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    let form = [
        ("submitted_on", "2026-11-02"),
        ("how", "portal"),
        ("from", "closing"),
    ];
    went(
        &manager.post_form(&format!("{base}/submit"), &form).await,
        "&step=receipt",
    );
    let path = format!("{base}/accept");
    let form = [("accepted_on", "2026-11-02"), ("by", "担当課")];
    for _ in 0..2 {
        let answer = city.post_form(&path, &form).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    }
    assert_eq!(count(&test, "document.accepted").await, 1);

    // Every rendering is still there, and two of them can be compared.
    let (item, paper) = october(&test).await;
    assert_eq!((item.state.as_str(), paper.version), ("accepted", 2));
    let one = page(&mut city, &base).await;
    assert!(one.contains("第1版") && one.contains("第2版"), "{one}");
    let record = one
        .split("paper.pdf?record=")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .map(str::to_owned)
        .collect::<Vec<_>>();
    let mut kept = Vec::new();
    for seq in &record {
        let answer = city.get(&format!("{base}/paper.pdf?record={seq}")).await;
        assert_eq!(answer.status, StatusCode::OK);
        kept.push(mamori_kernel::merkle::Digest::of(&answer.bytes).to_hex());
    }
    assert!(
        kept.contains(&submitted),
        "the first submitted file is served"
    );
    let none = city.get(&format!("{base}/paper.pdf?record=1")).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    let compared = page(
        &mut city,
        &format!(
            "{base}/compare?from={}&to={}",
            record[record.len() - 1],
            record[0]
        ),
    )
    .await;
    assert!(compared.contains("<ins>"), "{compared}");
    let list = page(
        &mut city,
        &format!("/c/{ID}/documents?state=accepted&format=csv"),
    )
    .await;
    assert!(list.contains(&item.number), "{list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_with_many_rows_shows_some_and_puts_all_into_the_paper() {
    const ROWS: usize = 103;
    let test = open(|_| {}).await;
    activate(&test).await;
    let event = |at: usize| format!("作業その{at:03}。");
    for at in 0..ROWS {
        let day = format!("2026-10-{:02}", 5 + at % 5);
        worked_on(&test, &day, "0.25", &event(at)).await;
    }
    let held = |text: &str| (0..ROWS).filter(|at| text.contains(&event(*at))).count();
    let mut manager = test.sign_in(Role::Manager).await;
    let figures = page(&mut manager, OCTOBER).await;
    let (table, whole) = figures
        .split_once("<div class=\"paper\"")
        .expect("the whole paper below the table");
    assert_eq!(held(table), 100, "{table}");
    assert!(table.contains("ほか 3 件あります"), "{table}");
    assert_eq!(held(whole), ROWS, "all rows below");
    let missing = page(&mut manager, &format!("{OCTOBER}&step=missing")).await;
    assert!(
        missing.contains("件あります。上のものを片付けると"),
        "{missing}"
    );

    let wanted = [("document", "monthly-report"), ("about", "2026-10")];
    manager
        .post_form(&format!("/c/{ID}/documents/draft"), &wanted)
        .await;
    let (item, _) = october(&test).await;
    let shown = page(&mut manager, &format!("/c/{ID}/documents/{}", item.number)).await;
    assert_eq!(held(&shown), ROWS, "the paper has all rows");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_looks_and_changes_nothing() {
    let test = open(|_| {}).await;
    activate(&test).await;
    worked(&test, "求人ページの画像").await;
    let mut staff = test.sign_in(Role::Staff).await;
    let wanted = [("document", "monthly-report"), ("about", "2026-10")];
    staff
        .post_form(&format!("/c/{ID}/documents/draft"), &wanted)
        .await;
    let (item, _) = october(&test).await;
    let mut viewer = test.sign_in(Role::Viewer).await;
    let base = format!("/c/{ID}/documents/{}", item.number);
    for path in [OCTOBER, &base, &format!("/c/{ID}/documents")] {
        let text = page(&mut viewer, path).await;
        assert!(
            !text.contains("/documents/draft\""),
            "{path} offers a draft"
        );
        let column = "<th scope=\"col\">操作</th>";
        assert!(!text.contains(column), "{path} has a column for nothing");
    }
    for act in [
        "words", "refresh", "submit", "receipt", "replace", "accept", "return",
    ] {
        let answer = viewer.post_form(&format!("{base}/{act}"), &[]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{act}");
    }
    let bad = viewer.get(&format!("/c/{ID}/closing?month=11")).await;
    assert_eq!(bad.status, StatusCode::UNPROCESSABLE_ENTITY);
    let none = page(&mut viewer, &format!("/c/{ID}/closing?month=2031-01")).await;
    assert!(none.contains("この月に締める書類はありません"), "{none}");
}
