//! The ledger's pages: searching, one record with its proof, checkpoints, the export.

use axum::http::StatusCode;
use mamori_kernel::ledger::{Actor, NewRecord};
use mamori_kernel::permission::Role;
use mamori_store::RecordProof;
use mamori_testkit::{Client, TestApp};
use serde_json::json;

use crate::contracts::{ID, activate, open};

async fn append(test: &TestApp, kind: &str, subject: &str, actor: Actor, personal: bool) -> u64 {
    let payload = json!({"note": "<b>&\u{202e}", "files": [{"name": "a"}], "ok": true});
    let now = test.app.now();
    let mut record = NewRecord::new(ID, now, actor, kind, subject, &payload).expect("is a record");
    if personal {
        record = record
            .personal(&json!({"name": "札幌 花子"}))
            .expect("is personal");
    }
    let mut tx = test.app.db.begin_write().await.expect("begins");
    let appended = tx.append(record).await.expect("is appended");
    tx.commit().await.expect("is committed");
    appended.seq
}

async fn page(client: &mut Client, path: &str) -> String {
    let answer = client.get(path).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
    answer.text()
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_found_by_kind_subject_actor_and_day_and_page_by_page() {
    let test = open(|_| {}).await;
    activate(&test).await;
    let machine = || Actor::machine("probe");
    for _ in 0..60 {
        append(&test, "watch.probe", "site:top", machine(), false).await;
    }
    let odd = append(
        &test,
        "watch.probe",
        "site:sub",
        Actor::machine("other"),
        false,
    )
    .await;
    let mut viewer = test.sign_in(Role::Viewer).await;
    let base = format!("/c/{ID}/ledger");
    let rows = |text: &str| text.matches("<th scope=\"row\"").count();
    let all = page(&mut viewer, &base).await;
    assert_eq!(rows(&all), 50);
    let next = all
        .split("href=\"")
        .filter_map(|part| part.split('"').next())
        .find(|href| href.contains("before="))
        .expect("leads on")
        .replace("&amp;", "&")
        .replace("&#38;", "&");
    assert_eq!(rows(&page(&mut viewer, &next).await), 12);
    for (query, count) in [
        ("kind=watch.probe&subject=site:sub", 1),
        ("actor=machine:other", 1),
        ("kind=contract.activated", 1),
        ("from=2026-11-02&to=2026-11-02&subject=site:sub", 1),
        ("from=2026-11-03", 0),
        ("to=2026-11-01", 0),
        ("actor=nobody", 0),
        ("kind=%3Cscript%3E", 0),
    ] {
        let text = page(&mut viewer, &format!("{base}?{query}")).await;
        assert_eq!(rows(&text), count, "{query}");
        assert!(!text.contains("<script>"));
    }
    let wrong = page(&mut viewer, &format!("{base}?from=someday")).await;
    assert!(
        wrong.contains("someday"),
        "the wrong day is shown with its error"
    );
    let old = viewer.get(&format!("{base}?seq={odd}")).await;
    assert_eq!(old.location(), format!("{base}/{odd}"));
    let none = viewer.get(&format!("{base}/99999")).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    let none = viewer.get(&format!("{base}/x")).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_proved_and_the_proof_holds_elsewhere() {
    let test = open(|_| {}).await;
    activate(&test).await;
    let mut seqs = Vec::new();
    for number in 0..9 {
        let actor = Actor::machine("probe");
        seqs.push(append(&test, "watch.probe", "site:top", actor, number == 3).await);
    }
    let mut viewer = test.sign_in(Role::Viewer).await;
    for seq in &seqs {
        let base = format!("/c/{ID}/ledger/{seq}");
        let text = page(&mut viewer, &base).await;
        assert!(text.contains("いま計算し直しました"), "#{seq}: {text}");
        assert!(
            text.contains("&lt;b&gt;") || text.contains("&#60;b&#62;"),
            "{text}"
        );
        assert!(!text.contains("札幌 花子"), "personal data is not shown");
        let file = viewer.get(&format!("{base}/proof")).await;
        assert!(file.header("content-disposition").contains("attachment"));
        let proof: RecordProof = serde_json::from_slice(&file.bytes).expect("is a proof");
        assert_eq!(proof.verify(None), Ok(()), "#{seq}");
        assert_eq!(
            proof.steps().last().map(|step| step.result),
            Some(proof.proof.root)
        );
        let mut forged = proof.clone();
        forged.record.payload["note"] = json!("changed");
        assert_eq!(forged.verify(None), Err(mamori_store::ProofFault::Record));
        let mut moved = proof.clone();
        moved.proof.leaf_index += 1;
        assert_eq!(moved.verify(None), Err(mamori_store::ProofFault::Place));
        let mut unsigned = proof.clone();
        unsigned.checkpoint.checkpoint.at_ms += 1;
        assert_eq!(
            unsigned.verify(None),
            Err(mamori_store::ProofFault::Signature)
        );
        let head = proof.checkpoint.checkpoint.head();
        assert_eq!(proof.verify(Some(&(&head).into())), Ok(()));
    }
    let mut tx = test.app.db.begin_write().await.expect("begins");
    let by = Actor::machine("test");
    let erased = tx
        .erase_personal(ID, seqs[3], "請求", by, test.app.now())
        .await;
    let tombstone = erased.expect("is erased").tombstone.seq;
    tx.commit().await.expect("is committed");
    let text = page(&mut viewer, &format!("/c/{ID}/ledger/{}", seqs[3])).await;
    assert!(text.contains("消去されました"), "{text}");
    assert!(text.contains(&format!("/ledger/{tombstone}\"")), "{text}");
    let text = page(&mut viewer, &format!("/c/{ID}/ledger/{tombstone}")).await;
    assert!(text.contains("消去された記録を見る"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn checkpoints_are_listed_and_the_export_verifies() {
    let test = open(|_| {}).await;
    activate(&test).await;
    let seq = append(
        &test,
        "watch.probe",
        "site:top",
        Actor::machine("probe"),
        false,
    )
    .await;
    let mut viewer = test.sign_in(Role::Viewer).await;
    page(&mut viewer, &format!("/c/{ID}/ledger/{seq}")).await;
    let listed = page(&mut viewer, &format!("/c/{ID}/ledger/checkpoints")).await;
    assert!(listed.contains(&format!("#{seq}")), "{listed}");
    let zip = viewer.get(&format!("/c/{ID}/ledger/export")).await;
    assert_eq!(zip.status, StatusCode::OK);
    let report = mamori_store::archive::verify(std::io::Cursor::new(zip.bytes), None);
    assert_eq!(report.expect("verifies").count, seq);
    let wrong = viewer.get(&format!("/c/{ID}/ledger/export?from=x")).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let mut counsellor = test.sign_in(Role::Counsellor).await;
    let forbidden = counsellor.get(&format!("/c/{ID}/ledger/export")).await;
    assert!(forbidden.status.is_client_error());
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_read_from_either_end_and_as_csv() {
    let test = open(|_| {}).await;
    activate(&test).await;
    for n in 0..70 {
        let subject = format!("site:{n}");
        append(
            &test,
            "watch.probe",
            &subject,
            Actor::machine("probe"),
            true,
        )
        .await;
    }
    let mut viewer = test.sign_in(Role::Viewer).await;
    let base = format!("/c/{ID}/ledger?kind=watch.probe");
    let newest = page(&mut viewer, &base).await;
    assert!(newest.contains("aria-sort=\"descending\""), "{newest}");
    assert!(newest.contains("<code>site:69</code>") && !newest.contains("<code>site:0</code>"));
    let oldest = page(&mut viewer, &format!("{base}&dir=asc")).await;
    assert!(oldest.contains("aria-sort=\"ascending\""));
    assert!(oldest.contains("<code>site:0</code>") && !oldest.contains("<code>site:69</code>"));
    let next = oldest
        .split("href=\"")
        .filter_map(|part| part.split('"').next())
        .find(|href| href.contains("after="))
        .expect("leads on")
        .replace("&amp;", "&")
        .replace("&#38;", "&");
    let rest = page(&mut viewer, &next).await;
    assert!(rest.contains("<code>site:69</code>") && !rest.contains("<code>site:49</code>"));
    assert!(!rest.contains("after="), "it ends there");
    let csv = page(&mut viewer, &format!("{base}&dir=asc&format=csv")).await;
    assert_eq!(csv.lines().count(), 71, "{csv}");
    let lines: Vec<&str> = csv.lines().collect();
    assert!(
        lines[1].contains("site:0,") && lines[70].contains("site:69,"),
        "{csv}"
    );
    assert!(!csv.contains("札幌"), "what is personal stays where it is");
}
