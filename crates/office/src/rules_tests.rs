//! The rules of the registers that stand beside the contract's text.

use jiff::civil::date;
use serde_json::{Value, json};

use crate::attestation::{self, Attestation, Validity};
use crate::gate::{self, Verdict};
use crate::register::spec::Side;
use crate::register::trial::{Trial, fields};
use crate::register::{Refusal, Register, Stored};
use crate::request::Request;
use crate::terms::ContractTerms;

fn register(key: &str) -> &'static Register {
    crate::register(key).unwrap_or_else(|| panic!("no register {key}"))
}

fn open(trial: &mut Trial, key: &str, act: &str, form: Value) -> String {
    trial
        .act(register(key), None, act, form)
        .unwrap_or_else(|refusal| panic!("{key}.{act}: {refusal}"))
}

fn act(trial: &mut Trial, key: &str, id: &str, act: &str, form: Value) {
    trial
        .act(register(key), Some(id), act, form)
        .unwrap_or_else(|refusal| panic!("{key}.{act}: {refusal}"));
}

fn subcontract(core: bool) -> Value {
    json!({"party": "株式会社デザイン", "scope": "画面デザイン", "core": core, "starts_on": "2026-10-20"})
}

#[test]
fn a_subcontract_starts_only_after_a_written_approval() {
    let mut trial = Trial::new();
    let refused = |trial: &mut Trial, says: &str| {
        let refusal = trial
            .act(
                register("subcontract"),
                None,
                "register",
                subcontract(false),
            )
            .expect_err("gate is closed");
        assert!(matches!(refusal, Refusal::Gate { .. }), "{refusal}");
        let text = refusal.to_string();
        assert!(text.contains("仕様書 12") && text.contains(says), "{text}");
    };
    refused(&mut trial, "承認願を登録");
    let asked = json!({"gate": "subcontract", "about": "株式会社デザインへの画面デザインの再委託", "requested_on": "2026-10-01"});
    let other =
        json!({"gate": "subcontract", "about": "有限会社別の会社", "requested_on": "2026-10-01"});
    let other = open(&mut trial, "approval", "request", other);
    act(
        &mut trial,
        "approval",
        &other,
        "grant",
        json!({"decided_on": "2026-10-02", "how": "paper"}),
    );
    refused(&mut trial, "承認願を登録");
    let approval = open(&mut trial, "approval", "request", asked);
    refused(&mut trial, "回答待ち");
    act(
        &mut trial,
        "approval",
        &approval,
        "grant",
        json!({"decided_on": "2026-10-05", "how": "phone"}),
    );
    assert_eq!(trial.codes(), ["not_written"]);
    refused(&mut trial, "口頭");
    let paper =
        json!({"name": "承認書.pdf", "media_type": "application/pdf", "sha256": "0f".repeat(32)});
    act(
        &mut trial,
        "approval",
        &approval,
        "confirm",
        json!({"confirmed_on": "2026-10-08", "file": paper}),
    );
    let id = open(&mut trial, "subcontract", "register", subcontract(false));
    assert_eq!(
        trial.row(&id).data["approval_id"],
        approval.as_str(),
        "the record names what allowed it"
    );
}

#[test]
fn the_core_is_never_subcontracted() {
    let mut trial = Trial::new();
    let refusal = trial
        .act(register("subcontract"), None, "register", subcontract(true))
        .expect_err("forbidden");
    assert_eq!(refusal.code(), "prohibited");
    assert!(refusal.to_string().contains("仕様書 12"), "{refusal}");
}

#[test]
fn a_gate_judges_day_validity_and_matter() {
    let mut trial = Trial::new();
    let id = open(
        &mut trial,
        "approval",
        "request",
        json!({"gate": "chat-change", "about": "チャットを X に変更", "requested_on": "2026-10-01"}),
    );
    act(
        &mut trial,
        "approval",
        &id,
        "grant",
        json!({
            "decided_on": "2026-10-05", "how": "mail", "valid_from": "2026-10-10", "valid_until": "2026-10-20"
        }),
    );
    let gate = trial.terms.gate("chat-change").expect("known").clone();
    let cases = [
        ("チャットを X に変更", date(2026, 10, 10), true),
        ("チャットを Ｘ に変更", date(2026, 10, 20), true),
        ("チャットを X に変更", date(2026, 10, 9), false),
        ("チャットを X に変更", date(2026, 10, 21), false),
        ("チャットを Y に変更", date(2026, 10, 15), false),
        ("", date(2026, 10, 15), false),
    ];
    for (about, day, opens) in cases {
        let verdict = gate::judge(&gate, about, day, &trial.rows);
        assert_eq!(
            matches!(verdict, Verdict::Open { .. }),
            opens,
            "{about} {day}: {verdict:?}"
        );
    }
    act(
        &mut trial,
        "approval",
        &id,
        "withdraw",
        json!({"withdrawn_on": "2026-10-11", "withdrawn_reason": "中止"}),
    );
    let verdict = gate::judge(
        &gate,
        "チャットを X に変更",
        date(2026, 10, 15),
        &trial.rows,
    );
    assert!(
        matches!(verdict, Verdict::Closed { ref missing_ja } if missing_ja.contains("取り下げ")),
        "{verdict:?}"
    );
}

#[test]
fn approvals_know_their_gates() {
    let mut trial = Trial::new();
    let ask = |trial: &mut Trial, gate: &str| {
        let form = json!({"gate": gate, "about": "x", "requested_on": "2026-10-01"});
        trial.act(register("approval"), None, "request", form)
    };
    let text = ask(&mut trial, "subcontrakt")
        .expect_err("unknown")
        .to_string();
    assert!(text.contains("subcontract のことですか"), "{text}");
    let text = ask(&mut trial, "a11y-pages")
        .expect_err("is a consultation")
        .to_string();
    assert!(text.contains("協議"), "{text}");
    let id = ask(&mut trial, "chat-change").expect("known");
    let early = json!({"decided_on": "2026-09-30", "how": "mail"});
    let refusal = trial
        .act(register("approval"), Some(&id), "grant", early)
        .expect_err("before it was asked");
    assert_eq!(fields(&refusal), ["decided_on"]);
}

#[test]
fn only_the_city_itself_decides_by_portal_and_the_record_says_who_entered_it() {
    let mut trial = Trial::new();
    let id = open(
        &mut trial,
        "approval",
        "request",
        json!({"gate": "chat-change", "about": "x", "requested_on": "2026-10-01"}),
    );
    let grant = json!({"decided_on": "2026-10-02", "how": "portal"});
    let refusal = trial
        .act(register("approval"), Some(&id), "grant", grant.clone())
        .expect_err("contractor");
    assert_eq!(fields(&refusal), ["how"]);
    trial.side = Side::City;
    act(&mut trial, "approval", &id, "grant", grant);
    assert_eq!(trial.row(&id).data["entered_by"], "city");
    assert_eq!(trial.row(&id).data["written"], true);
    trial.side = Side::Contractor;
    act(
        &mut trial,
        "approval",
        &id,
        "withdraw",
        json!({"withdrawn_on": "2026-10-03", "withdrawn_reason": "x"}),
    );
    assert!(
        !trial.row(&id).data.contains_key("entered_by"),
        "of the last act only"
    );
}

#[test]
fn a_consultation_that_settles_an_ambiguity_leaves_a_reading() {
    let mut trial = Trial::new();
    let id = open(
        &mut trial,
        "consultation",
        "open",
        json!({"topic": "障害対応の算入", "opened_on": "2026-10-01", "note": "A-07"}),
    );
    let refusal = trial
        .act(register("consultation"), Some(&id), "agree", json!({"decided_on": "2026-10-09", "outcome": "算入しない", "how": "meeting", "reading": "wid"}))
        .expect_err("no such reading");
    assert!(
        refusal.to_string().contains("wide のことですか"),
        "{refusal}"
    );
    act(
        &mut trial,
        "consultation",
        &id,
        "agree",
        json!({
            "decided_on": "2026-10-09", "outcome": "算入しない", "how": "meeting", "reading": "narrow",
            "by": "経営支援・雇用労働担当部", "by_name": "札幌 太郎", "effective_from": "2026-10-01"
        }),
    );
    let (subject, reading) = trial.ledger.last().expect("has records");
    assert_eq!(
        (subject.as_str(), reading.kind.as_str()),
        ("note:A-07", "contract.reading")
    );
    assert_eq!(
        Value::Object(reading.payload.clone()),
        json!({"note": "A-07", "reading": "narrow", "from": "2026-10-01", "by": "経営支援・雇用労働担当部",
               "decided_on": "2026-10-09", "consultation": trial.row(&id).number})
    );
    // Without a reading among the candidates nothing is applied, and the person is told.
    let id = open(
        &mut trial,
        "consultation",
        "open",
        json!({"topic": "別の件", "opened_on": "2026-10-01", "note": "A-07"}),
    );
    let before = trial.ledger.len();
    act(
        &mut trial,
        "consultation",
        &id,
        "agree",
        json!({"decided_on": "2026-10-09", "outcome": "持ち帰り", "how": "mail"}),
    );
    assert_eq!(trial.ledger.len(), before + 1);
    assert_eq!(trial.codes(), ["no_reading"]);
    let refusal = trial
        .act(
            register("consultation"),
            None,
            "open",
            json!({"topic": "x", "opened_on": "2026-10-01", "note": "A-99"}),
        )
        .expect_err("unknown");
    assert_eq!(fields(&refusal), ["note"]);
}

#[test]
fn a_consultation_opens_its_gate_only_when_agreed() {
    let mut trial = Trial::new();
    let gate = trial.terms.gate("a11y-pages").expect("known").clone();
    let topic = "対象40ページの選定";
    let id = open(
        &mut trial,
        "consultation",
        "open",
        json!({"topic": topic, "opened_on": "2026-10-01", "gate": "a11y-pages"}),
    );
    let judge = |trial: &Trial| gate::judge(&gate, topic, trial.today, &trial.rows);
    assert!(
        matches!(judge(&trial), Verdict::Closed { ref missing_ja } if missing_ja.contains("まだ合意"))
    );
    act(
        &mut trial,
        "consultation",
        &id,
        "agree",
        json!({"decided_on": "2026-10-05", "outcome": "合意", "how": "meeting"}),
    );
    assert!(matches!(judge(&trial), Verdict::Open { .. }));
    let mut closed = Trial::new();
    let id = open(
        &mut closed,
        "consultation",
        "open",
        json!({"topic": topic, "opened_on": "2026-10-01", "gate": "a11y-pages"}),
    );
    act(
        &mut closed,
        "consultation",
        &id,
        "close",
        json!({"decided_on": "2026-10-05", "closed_reason": "折り合わず"}),
    );
    assert!(
        matches!(judge(&closed), Verdict::Closed { .. }),
        "an end without agreement opens nothing"
    );
}

#[test]
fn validity_of_an_attestation_follows_from_the_day() {
    let paper = |expires: Option<&str>, review: Option<&str>, applicability: &str| -> Attestation {
        serde_json::from_value(json!({
            "obligation": "O-118", "applicability": applicability, "issued_on": "2026-04-01",
            "expires_on": expires, "review_on": review
        }))
        .expect("fits")
    };
    let today = date(2026, 10, 30);
    let cases = [
        (paper(None, None, "applies"), Validity::Valid),
        (paper(Some("2027-03-31"), None, "applies"), Validity::Valid),
        (
            paper(Some("2026-12-29"), None, "applies"),
            Validity::Expiring { days: 60 },
        ),
        (paper(Some("2026-12-30"), None, "applies"), Validity::Valid),
        (
            paper(Some("2026-10-30"), None, "applies"),
            Validity::Expiring { days: 0 },
        ),
        (
            paper(Some("2026-10-29"), None, "applies"),
            Validity::Expired,
        ),
        (
            paper(None, Some("2026-11-01"), "applies"),
            Validity::Expiring { days: 2 },
        ),
        (
            paper(None, Some("2026-10-01"), "applies"),
            Validity::Expiring { days: 0 },
        ),
        (paper(None, None, "not_applicable"), Validity::NotApplicable),
        (
            paper(Some("2026-10-29"), None, "not_applicable"),
            Validity::Expired,
        ),
    ];
    for (item, expected) in cases {
        assert_eq!(item.validity(today), expected, "{item:?}");
    }
}

#[test]
fn gaps_are_rows_without_valid_paper_or_reason() {
    let mut trial = Trial::new();
    let gaps = |trial: &Trial| -> Vec<String> {
        attestation::gaps(&trial.terms, &trial.rows, trial.today)
            .into_iter()
            .map(|gap| format!("{} {}", gap.obligation.key, gap.standing_ja))
            .collect()
    };
    let none = "証明書類がありません";
    assert_eq!(
        gaps(&trial),
        [
            format!("O-052 {none}"),
            format!("O-118 {none}"),
            format!("O-134 {none}")
        ]
    );
    open(
        &mut trial,
        "attestation",
        "exempt",
        json!({"obligation": "O-134", "reason": "VPSのため該当する機器がない", "issued_on": "2026-04-01"}),
    );
    open(
        &mut trial,
        "attestation",
        "file",
        json!({"obligation": "O-052", "issuer": "JIPDEC", "issued_on": "2024-10-01", "expires_on": "2026-09-30"}),
    );
    assert_eq!(trial.codes(), ["expired", "no_file"]);
    let id = open(
        &mut trial,
        "attestation",
        "file",
        json!({"obligation": "O-118", "issuer": "事業者", "issued_on": "2026-04-01"}),
    );
    assert_eq!(
        gaps(&trial),
        ["O-052 証明書類の期限が切れています（2026-09-30）".to_owned()]
    );
    let renewed = open(
        &mut trial,
        "attestation",
        "file",
        json!({"obligation": "O-052", "issuer": "JIPDEC", "issued_on": "2026-10-01", "expires_on": "2028-09-30"}),
    );
    assert!(trial.codes().contains(&"renewal"));
    assert!(gaps(&trial).is_empty());
    act(
        &mut trial,
        "attestation",
        &renewed,
        "accept",
        json!({"accepted_on": "2026-10-02"}),
    );
    let standing = attestation::standings(&trial.terms, &trial.rows, trial.today);
    let spoken = standing[0].attestation.as_ref().expect("has one");
    assert_eq!(
        (spoken.id.as_str(), spoken.accepted),
        (renewed.as_str(), true)
    );
    act(
        &mut trial,
        "attestation",
        &id,
        "withdraw",
        json!({"withdrawn_on": "2026-10-20", "withdrawn_reason": "事業者の変更"}),
    );
    assert_eq!(gaps(&trial), [format!("O-118 {none}")]);
}

#[test]
fn the_citys_time_is_counted_while_it_has_the_next_word() {
    let request: Request = serde_json::from_value(json!({
        "title": "x", "received_on": "2026-10-01", "channel": "mail", "estimated_on": "2026-10-05",
        "city_waits": [{"what": "検収", "from": "2026-10-01", "to": "2026-10-03"}]
    }))
    .expect("fits");
    assert_eq!(request.city_wait_days("received", date(2026, 10, 9)), 2);
    assert_eq!(request.city_wait_days("estimated", date(2026, 10, 9)), 6);
    assert_eq!(
        request.city_wait_days("estimated", date(2026, 10, 1)),
        2,
        "a clock that went back adds nothing"
    );
}

#[test]
fn a_request_that_was_sent_back_may_be_done_again_in_order() {
    let mut trial = Trial::new();
    let id = open(
        &mut trial,
        "request",
        "receive",
        json!({"title": "リンクの追加", "received_on": "2026-10-01", "channel": "phone"}),
    );
    act(
        &mut trial,
        "request",
        &id,
        "finish",
        json!({"done_on": "2026-10-02", "result": "追加した"}),
    );
    assert_eq!(trial.codes(), ["no_work"]);
    act(
        &mut trial,
        "request",
        &id,
        "return",
        json!({"returned_on": "2026-10-05", "return_reason": "リンク先が違う"}),
    );
    let early = json!({"done_on": "2026-10-03", "result": "直した"});
    let refusal = trial
        .act(register("request"), Some(&id), "finish", early)
        .expect_err("before it was sent back");
    assert_eq!(fields(&refusal), ["done_on"]);
    act(
        &mut trial,
        "request",
        &id,
        "finish",
        json!({"done_on": "2026-10-06", "result": "直した"}),
    );
    act(
        &mut trial,
        "request",
        &id,
        "accept",
        json!({"accepted_on": "2026-10-07"}),
    );
    let item: Request = trial.row(&id).read().expect("fits");
    assert_eq!(item.city_wait_days("accepted", trial.today), 3 + 1);
}

#[test]
fn names_and_words_of_people_stay_out_of_the_chain() {
    let mut trial = Trial::new();
    let id = open(
        &mut trial,
        "training",
        "hold",
        json!({
            "topic": "札幌市環境方針", "field": "環境", "held_on": "令和8年4月15日", "obligation": "O-107",
            "attendee_names": "佐藤 花子、鈴木 一郎", "trainer": "田中"
        }),
    );
    let question = open(
        &mut trial,
        "question",
        "receive",
        json!({
            "topic": "予約画面の操作", "channel": "電話", "received_on": "2026-10-05", "received_at": "9:00",
            "caller": "高橋", "detail": "高橋さんの予約が見えない"
        }),
    );
    act(
        &mut trial,
        "question",
        &question,
        "answer",
        json!({
            "answered_on": "2026-10-05", "answered_at": "10:30", "answer": "高橋さんへ手順を説明", "minutes": "15分"
        }),
    );
    let chain: String = trial
        .ledger
        .iter()
        .map(|(_, event)| Value::Object(event.payload.clone()).to_string())
        .collect();
    for name in ["佐藤", "鈴木", "田中", "高橋"] {
        assert!(!chain.contains(name), "{name} is in the chain");
    }
    assert_eq!(trial.row(&id).data["attendees"], 2);
    assert_eq!(
        trial.row(&id).data["attendee_names"],
        json!(["佐藤 花子", "鈴木 一郎"])
    );
    assert_eq!(trial.row(&question).data["answer_time_minutes"], 90);
    let refusal = trial
        .act(register("training"), None, "hold", json!({"topic": "x", "field": "環境", "held_on": "今日", "attendee_names": ["佐藤", "佐藤"]}))
        .expect_err("twice");
    assert!(refusal.to_string().contains("2回"), "{refusal}");
}

#[test]
fn rows_of_deliverables_are_checked_one_by_one() {
    let mut trial = Trial::new();
    let form = json!({"title": "年度末の引渡し", "handed_on": "2026-10-30", "how": "media",
        "deliverables": [{"name": "ソースコード一式", "quantity": "１"}, {"quantity": -1}, "x"]});
    let refusal = trial
        .act(register("handover"), None, "hand", form)
        .expect_err("rows are wrong");
    assert_eq!(
        fields(&refusal),
        [
            "deliverables[1].name",
            "deliverables[1].quantity",
            "deliverables[2]"
        ]
    );
    let id = open(
        &mut trial,
        "handover",
        "hand",
        json!({"title": "年度末の引渡し", "handed_on": "2026-10-30", "how": "記録媒体",
        "deliverables": [{"name": "ソースコード一式", "quantity": "１", "form": "ZIP"}]}),
    );
    assert_eq!(
        trial.row(&id).data["deliverables"],
        json!([{"name": "ソースコード一式", "quantity": 1, "form": "ZIP"}])
    );
    assert_eq!(trial.row(&id).data["how"], "media");
}

#[test]
fn a_persons_record_needs_an_obligation_of_the_contract() {
    let mut trial = Trial::new();
    let form = |key: &str| json!({"obligation": key, "title": "VPS利用料の請求書（受託者あて）", "day": "2026-10-01"});
    let refusal = trial
        .act(register("record"), None, "file", form("O-008"))
        .expect_err("unknown");
    assert_eq!(fields(&refusal), ["obligation"]);
    assert!(refusal.to_string().contains("O-009"), "{refusal}");
    let id = open(&mut trial, "record", "file", form("O-009"));
    let found: Vec<&Stored> = trial
        .rows
        .iter()
        .filter(|row| row.link.as_deref() == Some("O-009"))
        .collect();
    assert_eq!(found[0].id, id);
}
