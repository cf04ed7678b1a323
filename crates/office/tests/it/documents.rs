//! Papers from draft to acceptance, their files and evidence, and the job that prepares them.

use std::io::Write as _;
use std::process::{Command, Stdio};

use axum::http::StatusCode;
use jiff::civil::{date, time};
use mamori_kernel::clock::tokyo_instant;
use mamori_kernel::ledger::{Actor, Record};
use mamori_kernel::merkle::Digest;
use mamori_kernel::permission::Role;
use mamori_office::documents::{Paper, PaperError, Papers, Submission};
use mamori_office::register::{Done, Order, Side, Stored};
use mamori_runtime::{Capability, DocumentSection};
use mamori_store::LedgerQuery;
use mamori_testkit::TestApp;
use serde_json::{Value, json};

use crate::contracts::{ID, activate, on_both};
use crate::{form, register};

fn staff() -> Actor {
    Actor::person("staff-1")
}

fn paper(item: &Stored) -> Paper {
    item.read().expect("is a paper")
}

async fn draft(papers: &Papers, about: &str) -> Done {
    let done = papers.draft(ID, "monthly-report", about, staff()).await;
    done.unwrap_or_else(|error| panic!("{error}"))
}

fn on(day: jiff::civil::Date) -> Submission {
    Submission {
        on: day,
        how: "mail".to_owned(),
        receipt: None,
    }
}

async fn worked(test: &TestApp, event: &str, hours: &str) {
    let office = mamori_office::Office::of(&test.app).expect("is started");
    let fields =
        json!({"date": "2026-10-05", "hours": hours, "category": "correct", "event": event});
    let order = Order::new(ID, register("work"), None, "record", form(fields), staff());
    office.desk.act(order).await.expect("is recorded");
}

async fn records(test: &TestApp, kind: &str) -> Vec<Record> {
    let query = LedgerQuery {
        kinds: vec![kind.to_owned()],
        ..LedgerQuery::new(ID)
    };
    let records = test.app.db.ledger_records(&query).await;
    records.expect("the ledger is read")
}

async fn bytes(test: &TestApp, sha256: &str) -> Vec<u8> {
    let digest = Digest::from_hex(sha256).expect("is a digest");
    let bytes = test.app.read_blob(digest).await.expect("is kept");
    assert_eq!(Digest::of(&bytes), digest);
    bytes
}

/// Text of a PDF without white space.
fn pdf_text(pdf: &[u8]) -> String {
    let mut child = Command::new("pdftotext")
        .args(["-raw", "-", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("pdftotext: {error}. Install it: sudo apt-get install poppler-utils")
        });
    let mut stdin = child.stdin.take().expect("is piped");
    let input = pdf.to_vec();
    let feed = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("ends");
    feed.join().expect("ends").expect("takes the file");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_goes_from_draft_over_return_and_replacement_to_acceptance() {
    on_both(|test| async move {
        let office = activate(&test).await;
        let papers = &office.papers;
        worked(&test, "求人ページの画像", "1.5").await;
        let first = draft(papers, "2026-10").await;
        let number = first.item.number.clone();
        assert_eq!(
            (first.item.state.as_str(), paper(&first.item).version),
            ("draft", 1)
        );
        assert_eq!(paper(&first.item).due, Some(date(2026, 11, 10)));

        // Made anew from newer evidence: same number, same version, another content.
        worked(&test, "問合せ先の変更", "0.5").await;
        let again = draft(papers, "2026-10").await;
        assert_eq!(
            (&again.item.number, paper(&again.item).version),
            (&number, 1)
        );
        assert_ne!(paper(&again.item).pdf.sha256, paper(&first.item).pdf.sha256);

        let done = papers
            .submit(ID, &number, on(date(2026, 11, 2)), staff())
            .await;
        let done = done.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(
            (done.item.state.as_str(), done.warnings.len()),
            ("submitted", 0)
        );
        let handed = paper(&done.item);
        let record = records(&test, "document.submitted").await.remove(0);
        let attached = |extension: &str| {
            let found = record
                .attachments
                .iter()
                .find(|file| file.name.ends_with(extension));
            let file = found.unwrap_or_else(|| panic!("{extension} is not attached"));
            file.sha256.to_hex()
        };
        assert_eq!(attached(".pdf"), handed.pdf.sha256);
        assert_eq!(
            Some(attached(".docx")),
            handed.docx.as_ref().map(|file| file.sha256.clone())
        );
        assert_eq!(
            Some(attached(".xlsx")),
            handed.xlsx.as_ref().map(|file| file.sha256.clone())
        );
        for file in &record.attachments {
            let kept = bytes(&test, &file.sha256.to_hex()).await;
            assert_eq!(kept.len() as u64, file.size, "{}", file.name);
        }
        let text = pdf_text(&bytes(&test, &handed.pdf.sha256).await);
        for part in [
            "令和8年11月2日",
            "提出版",
            "求人ページの画像",
            "問合せ先の変更",
            number.as_str(),
        ] {
            assert!(text.contains(part), "{part} is missing:\n{text}");
        }
        let draft_text = pdf_text(&bytes(&test, &paper(&again.item).pdf.sha256).await);
        assert!(!draft_text.contains("提出版"), "{draft_text}");

        // A submitted paper is left alone.
        let untouched = draft(papers, "2026-10").await;
        assert!(untouched.repeated);
        assert_eq!(paper(&untouched.item).pdf, handed.pdf);
        let twice = papers
            .submit(ID, &number, on(date(2026, 11, 2)), staff())
            .await;
        assert!(matches!(twice, Err(PaperError::Desk(_))), "{twice:?}");

        let returned = json!({"returned_on": "2026-11-02", "returned_reason": "事象の書き方"});
        let city = Actor::person("city-1");
        let done = papers
            .answer(
                ID,
                &number,
                "return",
                form(returned),
                city.clone(),
                Side::City,
            )
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(done.item.state, "returned");

        let done = papers.replace(ID, &number, "事象を直した", staff()).await;
        let done = done.unwrap_or_else(|error| panic!("{error}"));
        let second = paper(&done.item);
        assert_eq!((done.item.state.as_str(), second.version), ("draft", 2));
        assert_eq!((second.submitted_on, second.returned_on), (None, None));
        assert_eq!(done.item.number, number);
        let text = pdf_text(&bytes(&test, &second.pdf.sha256).await);
        assert!(text.contains("第2版") && text.contains("案"), "{text}");

        papers
            .submit(ID, &number, on(date(2026, 11, 2)), staff())
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        let accepted = json!({"accepted_on": "2026-11-02", "by": "担当課"});
        let done = papers
            .answer(ID, &number, "accept", form(accepted), city, Side::City)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(done.item.state, "accepted");
        assert_eq!(paper(&done.item).accepted_on, Some(date(2026, 11, 2)));
        assert_eq!(records(&test, "document.submitted").await.len(), 2);
        // The first version's files are still what the ledger says.
        assert!(pdf_text(&bytes(&test, &handed.pdf.sha256).await).contains("提出版"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_submission_warns_and_is_taken() {
    on_both(|test| async move {
        let office = activate(&test).await;
        let late = draft(&office.papers, "2026-09").await;
        let done = office
            .papers
            .submit(ID, &late.item.number, on(date(2026, 11, 2)), staff())
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        let codes: Vec<&str> = done.warnings.iter().map(|warning| warning.code).collect();
        assert_eq!(codes, ["late"]);
        assert_eq!(done.item.state, "submitted");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_contract_does_not_know_is_refused_with_what_it_knows() {
    let test = TestApp::builder()
        .with(mamori_office::capability())
        .at(date(2026, 11, 2), time(9, 0, 0, 0))
        .open()
        .await;
    let office = activate(&test).await;
    let refusal = async |document: &str, about: &str| {
        let done = office.papers.draft(ID, document, about, staff()).await;
        done.expect_err("is refused").to_string()
    };
    let said = refusal("monthly-reprot", "2026-10").await;
    assert!(said.contains("monthly-report、"), "{said}");
    for about in [
        "2026-13",
        "FY2026",
        "2026-Q3",
        "2027-10",
        "先月",
        "承認-R8-999",
    ] {
        let said = refusal("monthly-report", about).await;
        assert!(said.contains(about) && said.contains("2026-04、"), "{said}");
    }
    let said = refusal("change-approval", "承認-R8-999").await;
    assert!(said.contains("登録の番号"), "{said}");
    assert_eq!(records(&test, "document.rendered").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn capabilities_add_their_sections_to_papers_of_their_kind() {
    let section = |document, section, heading: Option<&'static str>| {
        DocumentSection::new(document, section, move |_, request| async move {
            Ok(heading.map_or(Value::Null, |heading| {
                let text = format!("{}の記録", request.period.japanese());
                json!({"heading": heading, "blocks": [{"paragraph": text}]})
            }))
        })
    };
    let other = Capability {
        id: "other",
        sections: vec![
            section("monthly-report", "some", Some("見張りの状況")),
            section("monthly-report", "none", None),
            section("yearly-overview", "another", Some("ほかの書類の部分")),
        ],
        ..Capability::default()
    };
    let test = TestApp::builder()
        .with(mamori_office::capability())
        .with(other)
        .at(date(2026, 11, 2), time(9, 0, 0, 0))
        .open()
        .await;
    let office = activate(&test).await;
    let preview = office.papers.preview(ID, "monthly-report", "2026-10").await;
    let text = mamori_document::render_text(&preview.expect("is shown").1);
    assert!(
        text.contains("見張りの状況\n\n令和8年10月分の記録"),
        "{text}"
    );
    assert!(!text.contains("ほかの書類の部分"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_job_prepares_drafts_nine_days_ahead_and_once() {
    on_both(|test| async move {
        let office = activate(&test).await;
        let made = async || {
            let all = office.papers.all(ID).await.expect("is listed");
            all.iter()
                .map(|item| (paper(item).document, paper(item).period))
                .filter(|(document, _)| document == "monthly-report")
                .collect::<Vec<_>>()
        };
        // The report on November is due on 10 December: nine days ahead is the 1st, 6:00.
        let at = |month, day, hour| tokyo_instant(date(2026, month, day).at(hour, 0, 0, 0));
        test.advance_to(at(11, 30, 7)).await;
        let wanted = ("monthly-report".to_owned(), "2026-11".to_owned());
        assert!(!made().await.contains(&wanted));
        test.advance_to(at(12, 1, 7)).await;
        assert!(made().await.contains(&wanted), "{:?}", made().await);
        let count = records(&test, "document.rendered").await.len();
        let first = made().await;
        test.advance_to(at(12, 2, 7)).await;
        assert_eq!(made().await, first);
        let of_report = |records: &[Record]| {
            records
                .iter()
                .filter(|record| record.payload.value()["document"] == "monthly-report")
                .count()
        };
        let after = records(&test, "document.rendered").await;
        assert_eq!(of_report(&after), first.len());
        assert!(after.len() >= count);
        let record = &after[0];
        assert!(
            record.actor.to_string().starts_with("job:"),
            "{}",
            record.actor
        );
    })
    .await;
}

const BASE: &str = "/api/v1/contracts/kokoshelju-r8/documents";

fn acts(view: &Value) -> Vec<&str> {
    let acts = view["acts"].as_array().expect("a list");
    acts.iter().filter_map(|act| act["name"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paper_goes_its_way_through_the_api() {
    on_both(|test| async move {
        activate(&test).await;
        let mut staff = test.token(Role::Staff).await;
        let mut manager = test.token(Role::Manager).await;
        let mut city = test.token(Role::City).await;
        let wanted = json!({"document": "monthly-report", "period": "2026-10"});
        let refused = city.post_json(BASE, &wanted).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        let wrong = json!({"document": "monthly-report", "period": "2026-13"});
        let wrong = staff.post_json(BASE, &wrong).await;
        assert_eq!(
            (wrong.status, &wrong.json()["errors"][0]["field"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!("period"))
        );
        let made = staff.post_json(BASE, &wanted).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
        let path = made.location().to_owned();
        assert!(path.starts_with(BASE), "{path}");
        assert_eq!(acts(&made.json()), ["refresh"], "staff may not hand in");
        let again = staff.post_json(BASE, &wanted).await;
        assert_eq!(
            (again.status, &again.json()["id"]),
            (StatusCode::OK, &made.json()["id"])
        );

        let listed = staff.get(&format!("{BASE}?state=draft")).await.json();
        assert_eq!(
            (
                &listed["total"],
                &listed["items"][0]["number"],
                &listed["items"][0]["due"]
            ),
            (&json!(1), &made.json()["number"], &json!("2026-11-10"))
        );
        let open = staff
            .get(&format!(
                "{BASE}?state=not_made&document=monthly-report&from=2026-12-01&to=2026-12-31"
            ))
            .await
            .json();
        assert_eq!(
            (&open["total"], &open["items"][0]["period"]),
            (&json!(1), &json!("2026-11"))
        );

        let handing = json!({"on": "2026-11-02", "how": "portal", "receipt": "受付-12"});
        let forbidden = staff.post_json(&format!("{path}/submit"), &handing).await;
        assert_eq!(forbidden.status, StatusCode::FORBIDDEN);
        let wrong = json!({"on": "いつか"});
        let wrong = manager.post_json(&format!("{path}/submit"), &wrong).await;
        assert_eq!(wrong.json()["errors"][0]["field"], "on");
        let done = manager.post_json(&format!("{path}/submit"), &handing).await;
        assert_eq!(
            (done.status, &done.json()["state"]),
            (StatusCode::OK, &json!("submitted")),
            "{}",
            done.text()
        );
        let twice = manager.post_json(&format!("{path}/submit"), &handing).await;
        assert_eq!(twice.status, StatusCode::CONFLICT);

        let sha = done.json()["data"]["pdf"]["sha256"].clone();
        let file = city.get(&format!("{path}/files/pdf")).await;
        assert_eq!(
            (
                file.header("content-type"),
                json!(Digest::of(&file.bytes).to_hex())
            ),
            ("application/pdf", sha.clone())
        );
        assert!(file.bytes.starts_with(b"%PDF-"));
        for format in ["docx", "xlsx"] {
            let file = city.get(&format!("{path}/files/{format}")).await;
            assert!(file.bytes.starts_with(b"PK"), "{format}: {}", file.status);
        }
        let none = city.get(&format!("{path}/files/exe")).await;
        assert_eq!(none.status, StatusCode::NOT_FOUND);

        let reason = json!({"returned_on": "2026-11-02", "returned_reason": "合計を確かめて"});
        let back = city.post_json(&format!("{path}/return"), &reason).await;
        assert_eq!(
            back.status,
            StatusCode::FORBIDDEN,
            "the city has its own path"
        );
        let back = city
            .post_json(&format!("{path}/return/as-city"), &reason)
            .await;
        assert_eq!(back.json()["state"], "returned", "{}", back.text());
        let replaced = manager
            .post_json(
                &format!("{path}/replace"),
                &json!({"reason": "合計を直した"}),
            )
            .await;
        assert_eq!(replaced.json()["data"]["version"], 2, "{}", replaced.text());
        let old = city.get(&format!("{path}/files/pdf?version=1")).await;
        assert_eq!(json!(Digest::of(&old.bytes).to_hex()), sha);
        let none = city.get(&format!("{path}/files/pdf?version=3")).await;
        assert_eq!(none.status, StatusCode::NOT_FOUND);
        manager.post_json(&format!("{path}/submit"), &handing).await;

        // The manager enters the city's paper; the evidence says who did.
        let accepted = json!({"accepted_on": "2026-11-02"});
        let done = manager
            .post_json(&format!("{path}/accept"), &accepted)
            .await;
        assert_eq!(done.json()["state"], "accepted", "{}", done.text());
        let story = city.get(&format!("{path}/history")).await.json();
        let entered: Vec<&Value> = story["history"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|entry| &entry["payload"]["entered_by"])
            .filter(|by| !by.is_null())
            .collect();
        assert_eq!(entered, [&json!("city"), &json!("contractor")]);
        let one = city.get(&path).await.json();
        let versions: Vec<(&Value, &Value)> = one["versions"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|version| (&version["version"], &version["state"]))
            .collect();
        assert_eq!(
            versions,
            [
                (&json!(1), &json!("returned")),
                (&json!(2), &json!("accepted"))
            ]
        );
    })
    .await;
}
