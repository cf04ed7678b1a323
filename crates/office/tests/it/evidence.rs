//! What acts leave behind: records that fit their declarations, mails without personal data.

use mamori_kernel::evidence::FieldProblem;
use mamori_office::register::{Order, Side, fold};
use mamori_store::{LedgerQuery, args};
use serde_json::{Value, json};

use crate::{CONTRACT, desk, entry, form, open, order, register};

/// Any sequence of acts: the row is the fold of the ledger, and payloads fit their declarations.
#[tokio::test(flavor = "multi_thread")]
async fn rows_are_the_fold_of_the_ledger() {
    let test = open(|_| {}).await;
    let desk = desk(&test);
    let kinds = mamori_office::evidence::kinds();
    let stories: Vec<(&str, Vec<(&str, Value)>)> = vec![
        (
            "work",
            vec![
                ("record", entry("x", "2026-10-05", "1")),
                (
                    "correct",
                    json!({"start": "9:00", "end": "10:00", "response": "済", "correction_reason": "x"}),
                ),
                (
                    "correct",
                    json!({"start": null, "end": null, "by": "鈴木", "correction_reason": "x"}),
                ),
                ("withdraw", json!({"withdrawn_reason": "x"})),
            ],
        ),
        (
            "request",
            vec![
                (
                    "receive",
                    json!({"title": "画像", "received_on": "2026-10-01", "channel": "mail", "requester": "札幌 太郎"}),
                ),
                (
                    "estimate",
                    json!({"estimate_minutes": "1", "estimated_on": "2026-10-02"}),
                ),
                (
                    "approve",
                    json!({"approved_on": "2026-10-03", "approved_by_name": "札幌 次郎"}),
                ),
                ("finish", json!({"done_on": "2026-10-05", "result": "済"})),
                (
                    "return",
                    json!({"returned_on": "2026-10-06", "return_reason": "違う"}),
                ),
                ("finish", json!({"done_on": "2026-10-07", "result": "済"})),
                ("accept", json!({"accepted_on": "2026-10-09"})),
            ],
        ),
        (
            "question",
            vec![
                (
                    "receive",
                    json!({"topic": "操作", "channel": "phone", "received_on": "2026-10-01", "caller": "高橋", "received_at": "9:00"}),
                ),
                (
                    "answer",
                    json!({"answered_on": "2026-10-01", "answered_at": "9:20", "answer": "高橋さんへ説明", "minutes": "10m"}),
                ),
            ],
        ),
        (
            "approval",
            vec![
                (
                    "request",
                    json!({"gate": "chat-change", "about": "チャットの変更", "requested_on": "2026-10-01"}),
                ),
                (
                    "grant",
                    json!({"decided_on": "2026-10-05", "how": "mail", "by": "担当部", "by_name": "札幌 三郎"}),
                ),
                (
                    "withdraw",
                    json!({"withdrawn_on": "2026-10-06", "withdrawn_reason": "x"}),
                ),
            ],
        ),
        (
            "consultation",
            vec![
                (
                    "open",
                    json!({"topic": "算入", "opened_on": "2026-10-01", "note": "A-07"}),
                ),
                (
                    "agree",
                    json!({"decided_on": "2026-10-05", "outcome": "入らない", "how": "meeting", "reading": "narrow"}),
                ),
            ],
        ),
        (
            "attestation",
            vec![
                (
                    "exempt",
                    json!({"obligation": "O-134", "reason": "VPS", "issued_on": "2026-04-01"}),
                ),
                (
                    "accept",
                    json!({"accepted_on": "2026-04-02", "accepted_by_name": "札幌 四郎"}),
                ),
                (
                    "withdraw",
                    json!({"withdrawn_on": "2026-04-03", "withdrawn_reason": "x"}),
                ),
            ],
        ),
        (
            "measure",
            vec![
                (
                    "plan",
                    json!({"title": "アクセス権", "field": "technical", "planned_on": "2026-04-01", "obligation": "O-110"}),
                ),
                ("put_in_place", json!({"in_place_on": "2026-04-02"})),
                ("confirm", json!({"confirmed_on": "2026-10-01"})),
                ("end", json!({"ended_on": "2026-10-02", "end_reason": "x"})),
            ],
        ),
        (
            "handover",
            vec![
                (
                    "hand",
                    json!({"title": "引渡し", "handed_on": "2026-10-01", "how": "media", "deliverables": [{"name": "一式"}]}),
                ),
                (
                    "receive",
                    json!({"received_on": "2026-10-02", "received_by_name": "札幌 五郎"}),
                ),
            ],
        ),
        (
            "record",
            vec![
                (
                    "file",
                    json!({"obligation": "O-009", "title": "請求書", "day": "2026-10-01", "witness": "田中"}),
                ),
                ("withdraw", json!({"withdrawn_reason": "x"})),
            ],
        ),
    ];
    for (key, steps) in stories {
        let mut id: Option<String> = None;
        for (act, fields) in steps {
            let done = desk.act(order(key, id.as_deref(), act, fields)).await;
            let item = done
                .unwrap_or_else(|error| panic!("{key}.{act}: {error}"))
                .item;
            let mut events = Vec::new();
            for record in test
                .app
                .db
                .ledger_records(&LedgerQuery {
                    subject: Some(item.subject()),
                    ..LedgerQuery::new(CONTRACT)
                })
                .await
                .expect("reads")
            {
                let kind = kinds
                    .iter()
                    .find(|kind| kind.kind == record.kind)
                    .unwrap_or_else(|| panic!("{} is not declared", record.kind));
                assert_eq!(
                    kind.check(&record.payload.value()),
                    Vec::<FieldProblem>::new(),
                    "{}",
                    record.kind
                );
                for name in ["札幌 ", "高橋", "田中", "鈴木", "佐藤"] {
                    assert!(
                        !record.payload.as_str().contains(name),
                        "{}: {}",
                        record.kind,
                        record.payload
                    );
                }
                let personal = test
                    .app
                    .db
                    .ledger_personal(CONTRACT, record.seq)
                    .await
                    .expect("reads");
                events.push(fold::Event {
                    kind: record.kind,
                    payload: form(record.payload.value()),
                    personal: personal.map(|personal| form(personal.value())),
                });
            }
            let folded = fold::fold(register(key), &events).expect("has records");
            let stored = desk
                .get(CONTRACT, register(key), &item.id)
                .await
                .expect("is there");
            assert_eq!(folded, stored.data, "{key}.{act}");
            assert_eq!(folded["state"], stored.state.as_str(), "{key}.{act}");
            id = Some(item.id);
        }
    }
    let reading = LedgerQuery {
        kinds: vec!["contract.reading".to_owned()],
        ..LedgerQuery::new(CONTRACT)
    };
    let reading = test.app.db.ledger_records(&reading).await.expect("reads");
    assert_eq!(
        (reading.len(), reading[0].subject.as_str()),
        (1, "note:A-07")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_go_out_with_the_act_and_hold_no_personal_data() {
    let test = open(|config| {
        config.mail.city = vec!["city@example.jp".to_owned()];
        config.mail.contractor = vec!["office@example.jp".to_owned()];
    })
    .await;
    let desk = desk(&test);
    let id = desk
        .act(order("request", None, "receive", json!({"title": "バナーの追加", "received_on": "2026-10-29", "channel": "mail", "requester": "札幌 太郎"})))
        .await
        .expect("ok")
        .item
        .id;
    desk.act(order(
        "request",
        Some(&id),
        "estimate",
        json!({"estimate_minutes": "2", "estimated_on": "2026-10-29"}),
    ))
    .await
    .expect("ok");
    desk.act(order(
        "request",
        Some(&id),
        "estimate",
        json!({"estimate_minutes": "x", "estimated_on": "2026-10-29"}),
    ))
    .await
    .expect_err("wrong");
    let approve = Order {
        side: Side::City,
        ..order(
            "request",
            Some(&id),
            "approve",
            json!({"approved_on": "2026-10-30", "approved_how": "portal"}),
        )
    };
    desk.act(approve).await.expect("ok");
    test.advance(jiff::SignedDuration::from_mins(1)).await;
    let row = test
        .app
        .db
        .fetch_all(
            "SELECT payload, state FROM job WHERE kind = 'notify.mail' ORDER BY id",
            args![],
        )
        .await
        .expect("reads");
    let states: Vec<String> = row
        .iter()
        .map(|row| row.text("state").expect("text"))
        .collect();
    assert_eq!(
        states,
        ["held", "done"],
        "mail to the city waits for a person's word"
    );
    let sent: Vec<Value> = row
        .iter()
        .map(|row| serde_json::from_str(&row.text("payload").expect("text")).expect("JSON"))
        .collect();
    let told: Vec<(&str, &str)> = sent
        .iter()
        .map(|mail| {
            (
                mail["to"][0].as_str().expect("text"),
                mail["subject"].as_str().expect("text"),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("city@example.jp", "【依頼】依頼-R8-001 見積り"),
            ("office@example.jp", "【依頼】依頼-R8-001 市の承認"),
        ]
    );
    assert!(
        sent.iter()
            .all(|mail| !mail.to_string().contains("札幌 太郎"))
    );
    assert_eq!(test.mails().len(), 1);
}
