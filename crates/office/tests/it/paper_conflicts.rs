//! Two people at one paper: who acts on an old view of it sees what the other did, and nothing is
//! lost; and the days within which the city answers.

use axum::http::StatusCode;
use jiff::civil::{date, time};
use mamori_kernel::clock::tokyo_instant;
use mamori_kernel::permission::Role;
use mamori_office::documents::Paper;
use mamori_office::register::Stored;
use mamori_testkit::{Answer, Client, TestApp};
use serde_json::json;

use crate::board::payloads;
use crate::contracts::{ID, activate, on_both};
use crate::start::text;

/// The report on October, submitted on 2 November by page.
async fn submitted(test: &TestApp, manager: &mut Client) -> (Stored, Paper) {
    let wanted = [("document", "monthly-report"), ("about", "2026-10")];
    let path = format!("/c/{ID}/documents/draft");
    done(&manager.post_form(&path, &wanted).await);
    let (item, _) = report(test).await;
    let path = format!("/c/{ID}/documents/{}/submit", item.number);
    let form = [("submitted_on", "2026-11-02"), ("how", "mail")];
    done(&manager.post_form(&path, &form).await);
    report(test).await
}

async fn report(test: &TestApp) -> (Stored, Paper) {
    let office = mamori_office::Office::of(&test.app).expect("is started");
    let found = office.papers.find(ID, "monthly-report", "2026-10").await;
    let item = found.expect("is read").expect("was made");
    let paper = item.read().expect("is a paper");
    (item, paper)
}

fn done(answer: &Answer) {
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
}

/// The revision that the form of an act carries.
fn carried(page: &str, act: &str) -> String {
    let form = page
        .split("<form")
        .find(|form| form.contains(&format!("/{act}\"")))
        .unwrap_or_else(|| panic!("no form to {act} in {page}"));
    let value = form
        .split("name=\"revision\" value=\"")
        .nth(1)
        .unwrap_or_else(|| panic!("the form to {act} carries no revision: {form}"));
    value.split('"').next().expect("a value ends").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_later_of_two_receipts_sees_the_earlier_one() {
    on_both(|test| async move {
        activate(&test).await;
        let mut manager = test.sign_in(Role::Manager).await;
        let mut staff = test.sign_in(Role::Staff).await;
        let (item, _) = submitted(&test, &mut manager).await;
        let base = format!("/c/{ID}/documents/{}", item.number);
        let seen = carried(&text(&mut manager, &base).await, "receipt");
        assert_eq!(seen, carried(&text(&mut staff, &base).await, "receipt"));
        let path = format!("{base}/receipt");

        done(
            &manager
                .post_form(&path, &[("receipt", "受付-12"), ("revision", &seen)])
                .await,
        );
        let late = staff
            .post_form(&path, &[("receipt", "受付-99"), ("revision", &seen)])
            .await;
        assert_eq!(late.status, StatusCode::UNPROCESSABLE_ENTITY);
        let shown = late.text();
        for part in ["受付-12", "value=\"受付-99\"", "ほかの人が先に変更しました"]
        {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert_eq!(report(&test).await.1.receipt.as_deref(), Some("受付-12"));
        assert_eq!(payloads(&test, "document.receipted").await.len(), 1);
        // Having seen the other, it may still be sent.
        let now = carried(&shown, "receipt");
        assert_ne!(now, seen);
        done(
            &staff
                .post_form(&path, &[("receipt", "受付-99"), ("revision", &now)])
                .await,
        );
        assert_eq!(report(&test).await.1.receipt.as_deref(), Some("受付-99"));
        // What is so already is no conflict.
        done(
            &manager
                .post_form(&path, &[("receipt", "受付-99"), ("revision", &seen)])
                .await,
        );
        assert_eq!(payloads(&test, "document.receipted").await.len(), 2);

        let mut program = test.token(Role::Staff).await;
        let path = format!("/api/v1/contracts/{ID}/documents/{}/receipt", item.id);
        let old = seen.parse().expect("a number");
        let body = json!({"receipt": "受付-7"});
        let stale = program.post_json_seen(&path, &body, old).await;
        assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
        assert_eq!(report(&test).await.1.receipt.as_deref(), Some("受付-99"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_city_does_not_accept_a_version_that_was_replaced_after_it_looked() {
    on_both(|test| async move {
        activate(&test).await;
        let mut manager = test.sign_in(Role::Manager).await;
        let mut city = test.sign_in(Role::City).await;
        let (item, first) = submitted(&test, &mut manager).await;
        let base = format!("/c/{ID}/documents/{}", item.number);
        let open = text(&mut city, &base).await;
        let (accept, back) = (carried(&open, "accept"), carried(&open, "return"));

        // A colleague returns it; the next version is submitted before the page is used.
        let reason = [
            ("returned_on", "2026-11-02"),
            ("returned_reason", "事象の書き方"),
            ("revision", &back),
        ];
        let mut colleague = test.sign_in(Role::City).await;
        done(
            &colleague
                .post_form(&format!("{base}/return"), &reason)
                .await,
        );
        let form = [("reason", "書き方を直した")];
        done(&manager.post_form(&format!("{base}/replace"), &form).await);
        let form = [("submitted_on", "2026-11-02"), ("how", "portal")];
        done(&manager.post_form(&format!("{base}/submit"), &form).await);

        let form = [
            ("accepted_on", "2026-11-02"),
            ("by", "担当課"),
            ("revision", &accept),
        ];
        let old = city.post_form(&format!("{base}/accept"), &form).await;
        assert_eq!(old.status, StatusCode::UNPROCESSABLE_ENTITY);
        let shown = old.text();
        for part in ["ほかの人が先に変更しました", "value=\"担当課\"", "第2版"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        let form = [
            ("returned_on", "2026-11-02"),
            ("returned_reason", "別の理由"),
            ("revision", &back),
        ];
        let old = city.post_form(&format!("{base}/return"), &form).await;
        assert_eq!(old.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(old.text().contains("別の理由"), "{}", old.text());
        assert_eq!(payloads(&test, "document.accepted").await.len(), 0);
        assert_eq!(payloads(&test, "document.returned").await.len(), 1);
        let (item, second) = report(&test).await;
        assert_eq!((item.state.as_str(), second.version), ("submitted", 2));
        assert_ne!(first.pdf.sha256, second.pdf.sha256);

        // From the page that came back it is accepted as it is now.
        let now = carried(&shown, "accept");
        let form = [
            ("accepted_on", "2026-11-02"),
            ("by", "担当課"),
            ("revision", &now),
        ];
        done(&city.post_form(&format!("{base}/accept"), &form).await);
        assert_eq!(payloads(&test, "document.accepted").await.len(), 1);
    })
    .await;
}

/// `inspection_days` of the contract: ten days from the day of submission.
#[tokio::test(flavor = "multi_thread")]
async fn the_city_has_ten_days_and_both_sides_see_when_they_are_over() {
    on_both(|test| async move {
        activate(&test).await;
        let mut manager = test.sign_in(Role::Manager).await;
        let (item, paper) = submitted(&test, &mut manager).await;
        assert_eq!(paper.acceptance_due, Some(date(2026, 11, 12)));
        let base = format!("/c/{ID}/documents/{}", item.number);
        let told = payloads(&test, "document.submitted").await;
        assert_eq!(told[0]["acceptance_due"], "2026-11-12", "{told:?}");

        let clock = "令和8年11月2日（月）に提出。検収の期限は 令和8年11月12日（木）です。";
        for (day, left) in [
            (2, "あと10日"),
            (9, "あと3日"),
            (11, "あと1日"),
            (12, "今日まで"),
            (13, "1日超過"),
            (30, "18日超過"),
        ] {
            let noon = date(2026, 11, day).to_datetime(time(12, 0, 0, 0));
            test.clock.set(tokyo_instant(noon));
            let mut manager = test.sign_in(Role::Manager).await;
            let mut city = test.sign_in(Role::City).await;
            for page in [
                text(&mut manager, &base).await,
                text(&mut city, &base).await,
                text(&mut city, &format!("/c/{ID}/closing")).await,
            ] {
                assert!(page.contains(left), "{day}: {left}: {page}");
            }
            let page = text(&mut city, &base).await;
            assert!(page.contains(clock), "{page}");
        }
    })
    .await;
}
