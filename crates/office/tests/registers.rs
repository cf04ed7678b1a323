//! The registers with a database: the same story on SQLite and PostgreSQL, then the API.

use std::collections::BTreeSet;
use std::sync::Arc;

use clap::Parser;
use jiff::civil::{date, time};
use mamori_kernel::clock::tokyo_instant;
use mamori_kernel::evidence::FieldProblem;
use mamori_kernel::ledger::Actor;
use mamori_office::cli_work::{self, WorkCommand};
use mamori_office::register::{Desk, DeskError, Filter, Order, Refusal, Register, Side, TermsPort, fold};
use mamori_office::terms::FixedTerms;
use mamori_runtime::{Capability, Config, start_hook};
use mamori_store::{LedgerQuery, args};
use mamori_testkit::{PrivatePostgres, TestApp};
use serde_json::{Map, Value, json};

const CONTRACT: &str = "example-r8";

/// Stands in for the contract service.
fn terms_capability() -> Capability {
    Capability {
        id: "test-terms",
        title_ja: "試験用の契約",
        start: Some(start_hook(|app| async move {
            app.provide(Arc::new(TermsPort(Arc::new(FixedTerms::example()))));
            Ok(())
        })),
        ..Capability::default()
    }
}

async fn open(configure: impl FnOnce(&mut Config) + Send + 'static) -> TestApp {
    TestApp::builder()
        .with(registers_only())
        .with(terms_capability())
        .at(date(2026, 10, 30), time(9, 0, 0, 0))
        .configured(configure)
        .open()
        .await
}

/// The office without its contract service, which these tests replace.
fn registers_only() -> Capability {
    Capability { start: None, ..mamori_office::capability() }
}

/// Runs a story on SQLite and, where there is one, on PostgreSQL.
async fn on_both<F, Fut>(story: F)
where
    F: Fn(TestApp) -> Fut,
    Fut: Future<Output = ()>,
{
    story(open(|_| {}).await).await;
    if let Some(server) = PrivatePostgres::shared() {
        let url = server.fresh_database().await;
        story(open(move |config| config.database.url = Some(url)).await).await;
    }
}

fn register(key: &str) -> &'static Register {
    mamori_office::register(key).unwrap_or_else(|| panic!("no register {key}"))
}

fn desk(test: &TestApp) -> Desk {
    Desk::of(&test.app).expect("terms are provided")
}

fn form(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("no form: {other}"),
    }
}

fn order<'a>(key: &str, item: Option<&'a str>, act: &'a str, fields: Value) -> Order<'a> {
    Order::new(CONTRACT, register(key), item, act, form(fields), Actor::person("staff-1"))
}

fn entry(event: &str, day: &str, hours: &str) -> Value {
    json!({"date": day, "hours": hours, "category": "site-correction", "event": event, "by": "佐藤 花子"})
}

async fn record(desk: &Desk, fields: Value) -> String {
    let done = desk.act(order("work", None, "record", fields)).await;
    done.unwrap_or_else(|error| panic!("{error}")).item.id
}

#[tokio::test(flavor = "multi_thread")]
async fn an_act_is_a_row_and_its_evidence() {
    on_both(|test| async move {
        let desk = desk(&test);
        let id = record(&desk, entry("画像の差替え", "2026-10-05", "1:30")).await;
        let item = desk.get(CONTRACT, register("work"), &id).await.expect("is there");
        assert_eq!((item.number.as_str(), item.revision), ("作業-R8-001", 1));
        assert_eq!(desk.get(CONTRACT, register("work"), "作業-R8-001").await.expect("by number").id, id);
        desk.act(order("work", Some("作業-R8-001"), "correct", json!({"hours": "2", "correction_reason": "計り直し"})))
            .await
            .expect("corrected");
        let history = desk.history(CONTRACT, register("work"), &id).await.expect("is there");
        let told: Vec<(&str, &Value)> = history.iter().map(|h| (h.kind.as_str(), &h.payload["minutes"])).collect();
        assert_eq!(told, [("work.recorded", &json!(90)), ("work.corrected", &json!(120))]);
        assert_eq!(history[0].personal, Some(json!({"by": "佐藤 花子"})));
        let records = test.app.db.ledger_records(&LedgerQuery::new(CONTRACT)).await.expect("reads");
        assert_eq!(records.len(), 2);
        for record in &records {
            assert_eq!(record.subject, format!("work:{id}"));
            assert_eq!(record.actor.to_string(), "person:staff-1");
            assert!(!record.payload.as_str().contains("佐藤"), "{}", record.payload);
        }
        assert!(records[0].personal.is_some());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_act_leaves_nothing() {
    on_both(|test| async move {
        let desk = desk(&test);
        let refused = [
            order("work", None, "record", entry("x", "2026-11-30", "1")),
            order("subcontract", None, "register", json!({"party": "A社", "scope": "x", "core": false, "starts_on": "2026-10-30"})),
            order("work", Some("作業-R8-001"), "withdraw", json!({"withdrawn_reason": "x"})),
            order("work", None, "recrod", json!({})),
        ];
        for order in refused {
            desk.act(order).await.expect_err("refused");
        }
        assert_eq!(test.app.db.ledger_head(CONTRACT).await.expect("reads").map_or(0, |head| head.seq), 0);
        let id = record(&desk, entry("x", "2026-10-05", "1")).await;
        let item = desk.get(CONTRACT, register("work"), &id).await.expect("is there");
        assert_eq!(item.number, "作業-R8-001", "a refused act takes no number");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_searched_filtered_and_paged() {
    on_both(|test| async move {
        let desk = desk(&test);
        for (event, day, hours) in [
            ("トップページの画像を差替え", "2026-10-05", "1"),
            ("リンク先の追加 (100%)", "2026-10-06", "1"),
            ("ＳＳＬ証明書の更新", "2026-09-30", "1"),
        ] {
            record(&desk, entry(event, day, hours)).await;
        }
        let gone = record(&desk, entry("二重の記録", "2026-10-07", "1")).await;
        desk.act(order("work", Some(&gone), "withdraw", json!({"withdrawn_reason": "二重"}))).await.expect("ok");
        let found = async |filter: Filter| -> Vec<String> {
            let page = desk.list(CONTRACT, register("work"), &filter).await.expect("lists");
            assert!(page.total >= page.items.len() as u64);
            page.items.into_iter().map(|item| item.number).collect()
        };
        let q = |q: &str| Filter { q: q.to_owned(), ..Filter::default() };
        let number = |n: u32| format!("作業-R8-{n:03}");
        assert_eq!(found(q("ssl 証明書")).await, [number(3)], "any width, any case, all words");
        assert_eq!(found(q("画像　トップ")).await, [number(1)]);
        assert_eq!(found(q("100%")).await, [number(2)], "% is a character");
        assert_eq!(found(q("_")).await, Vec::<String>::new(), "_ is a character");
        assert_eq!(found(q("佐藤")).await.len(), 4, "who worked is searched");
        assert_eq!(found(q("r8-002")).await, [number(2)]);
        let states = vec!["recorded".to_owned()];
        assert_eq!(found(Filter { states, ..Filter::default() }).await, [number(2), number(1), number(3)]);
        let days = Filter { from: Some(date(2026, 10, 1)), to: Some(date(2026, 10, 6)), ..Filter::default() };
        assert_eq!(found(days).await, [number(2), number(1)]);
        let page = |page| Filter { page, per_page: 3, ..Filter::default() };
        assert_eq!(found(page(1)).await, [number(4), number(2), number(1)]);
        assert_eq!(found(page(2)).await, [number(3)]);
        assert_eq!(found(page(3)).await, Vec::<String>::new());
        let other = desk.list("other-contract", register("work"), &Filter::default()).await.expect("lists");
        assert_eq!(other.total, 0, "contracts do not mix");
        let tally = desk.tally(CONTRACT, register("work")).await.expect("counts");
        assert_eq!(tally, [("recorded".to_owned(), 3), ("withdrawn".to_owned(), 1)]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_begin_anew_with_the_fiscal_year_and_have_no_gaps() {
    on_both(|test| async move {
        let desk = desk(&test);
        let mut running = Vec::new();
        for n in 0..12 {
            let desk = desk.clone();
            running.push(tokio::spawn(async move {
                record(&desk, entry(&format!("同時 {n}"), "2026-10-05", "0:10")).await
            }));
        }
        for task in running {
            task.await.expect("no panic");
        }
        let page = desk.list(CONTRACT, register("work"), &Filter::default()).await.expect("lists");
        let numbers: BTreeSet<String> = page.items.into_iter().map(|item| item.number).collect();
        let expected: BTreeSet<String> = (1..=12).map(|n| format!("作業-R8-{n:03}")).collect();
        assert_eq!(numbers, expected);
        test.clock.set(tokyo_instant(date(2027, 4, 1).at(9, 0, 0, 0)));
        let id = record(&desk, entry("年度末の作業", "2027-03-31", "0:10")).await;
        let item = desk.get(CONTRACT, register("work"), &id).await.expect("is there");
        assert_eq!(item.number, "作業-R9-001");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_does_the_act_once() {
    on_both(|test| async move {
        let desk = desk(&test);
        let keyed = |event: &str| Order {
            key: Some("key-1".to_owned()),
            ..order("work", None, "record", entry(event, "2026-10-05", "1"))
        };
        let first = desk.act(keyed("一度だけ")).await.expect("ok");
        let again = desk.act(keyed("一度だけ")).await.expect("ok");
        assert_eq!((first.repeated, again.repeated), (false, true));
        assert_eq!(first.item, again.item);
        let error = desk.act(keyed("別の内容")).await.expect_err("same key");
        assert!(matches!(error, DeskError::KeyReused(_)), "{error}");
        let other = Order { actor: Actor::person("staff-2"), ..keyed("別の人の同じキー") };
        assert!(!desk.act(other).await.expect("keys are a person's own").repeated);
        assert_eq!(test.app.db.ledger_head(CONTRACT).await.expect("reads").expect("has records").seq, 2);
        // A refused act does not use up its key.
        let late = |day: &str| Order { key: Some("key-2".to_owned()), ..order("work", None, "record", entry("x", day, "1")) };
        desk.act(late("2026-12-01")).await.expect_err("ahead");
        desk.act(late("2026-10-06")).await.expect("the key is free");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_of_two_people_is_told() {
    on_both(|test| async move {
        let desk = desk(&test);
        let id = record(&desk, entry("x", "2026-10-05", "1")).await;
        let correct = |hours: &str| Order {
            revision: Some(1),
            ..order("work", Some(&id), "correct", json!({"hours": hours, "correction_reason": "x"}))
        };
        desk.act(correct("2")).await.expect("first");
        let error = desk.act(correct("3")).await.expect_err("has moved on");
        assert!(matches!(error, DeskError::Stale { revision: 2, .. }), "{error}");
        let mut running = Vec::new();
        for _ in 0..6 {
            let (desk, id) = (desk.clone(), id.clone());
            running.push(tokio::spawn(async move {
                desk.act(order("work", Some(&id), "withdraw", json!({"withdrawn_reason": "同時"}))).await
            }));
        }
        let mut done = 0;
        for task in running {
            match task.await.expect("no panic") {
                Ok(_) => done += 1,
                Err(DeskError::Refused(Refusal::State { .. })) => {}
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(done, 1, "one of them withdraws it");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn personal_data_can_be_erased_and_the_row_rebuilt() {
    on_both(|test| async move {
        let desk = desk(&test);
        let trainings = register("training");
        let held = json!({"topic": "環境方針", "field": "environment", "held_on": "2026-10-05",
            "attendee_names": ["佐藤 花子", "鈴木 一郎"], "trainer": "田中"});
        let id = desk.act(order("training", None, "hold", held)).await.expect("ok").item.id;
        // A damaged row is rebuilt from the ledger, personal data included.
        let intact = desk.get(CONTRACT, trainings, &id).await.expect("is there");
        test.app
            .db
            .execute("UPDATE office_item SET data = '{\"topic\":\"x\",\"field\":\"x\",\"held_on\":\"2026-01-01\"}' WHERE id = $1", args![&id])
            .await
            .expect("writes");
        assert!(desk.rebuild(CONTRACT, trainings, &id).await.expect("rebuilds"));
        assert!(!desk.rebuild(CONTRACT, trainings, &id).await.expect("is right now"));
        assert_eq!(desk.get(CONTRACT, trainings, &id).await.expect("is there").data, intact.data);
        // Erased: from ledger, row and search; the number of attendees stands.
        let erased = desk
            .erase_personal(CONTRACT, trainings, &id, "本人の求め（個人情報保護条例）", &Actor::person("admin"))
            .await
            .expect("erases");
        assert_eq!(erased, 1);
        let item = desk.get(CONTRACT, trainings, &id).await.expect("is there");
        assert_eq!(item.data["attendees"], 2);
        assert!(!Value::Object(item.data).to_string().contains("佐藤"));
        let found = desk.list(CONTRACT, trainings, &Filter { q: "佐藤".to_owned(), ..Filter::default() }).await.expect("lists");
        assert_eq!(found.total, 0);
        let history = desk.history(CONTRACT, trainings, &id).await.expect("is there");
        assert!(history[0].erased && history[0].personal.is_none());
        let row = test.app.db.fetch_one("SELECT CAST(COUNT(*) AS BIGINT) AS n FROM ledger_personal", args![]).await.expect("reads");
        assert_eq!(row.i64("n").expect("a number"), 0);
        let last = test.app.db.ledger_records(&LedgerQuery { newest_first: true, limit: 1, ..LedgerQuery::new(CONTRACT) }).await.expect("reads");
        assert_eq!(last[0].kind, "ledger.erased");
        // The item lives on.
        desk.act(order("training", Some(&id), "correct", json!({"topic": "札幌市環境方針", "correction_reason": "名称"})))
            .await
            .expect("can still be corrected");
        assert_eq!(desk.get(CONTRACT, trainings, &id).await.expect("is there").data["attendees"], 2);
    })
    .await;
}

/// Any sequence of acts: the row is the fold of the ledger, and payloads fit their declarations.
#[tokio::test(flavor = "multi_thread")]
async fn rows_are_the_fold_of_the_ledger() {
    let test = open(|_| {}).await;
    let desk = desk(&test);
    let kinds = mamori_office::evidence::kinds();
    let stories: Vec<(&str, Vec<(&str, Value)>)> = vec![
        ("work", vec![
            ("record", entry("x", "2026-10-05", "1")),
            ("correct", json!({"start": "9:00", "end": "10:00", "response": "済", "correction_reason": "x"})),
            ("correct", json!({"start": null, "end": null, "by": "鈴木", "correction_reason": "x"})),
            ("withdraw", json!({"withdrawn_reason": "x"})),
        ]),
        ("request", vec![
            ("receive", json!({"title": "画像", "received_on": "2026-10-01", "channel": "mail", "requester": "札幌 太郎"})),
            ("estimate", json!({"estimate_minutes": "1", "estimated_on": "2026-10-02"})),
            ("approve", json!({"approved_on": "2026-10-03", "approved_by_name": "札幌 次郎"})),
            ("finish", json!({"done_on": "2026-10-05", "result": "済"})),
            ("return", json!({"returned_on": "2026-10-06", "return_reason": "違う"})),
            ("finish", json!({"done_on": "2026-10-07", "result": "済"})),
            ("accept", json!({"accepted_on": "2026-10-09"})),
        ]),
        ("question", vec![
            ("receive", json!({"topic": "操作", "channel": "phone", "received_on": "2026-10-01", "caller": "高橋", "received_at": "9:00"})),
            ("answer", json!({"answered_on": "2026-10-01", "answered_at": "9:20", "answer": "高橋さんへ説明", "minutes": "10m"})),
        ]),
        ("approval", vec![
            ("request", json!({"gate": "chat-change", "about": "チャットの変更", "requested_on": "2026-10-01"})),
            ("grant", json!({"decided_on": "2026-10-05", "how": "mail", "by": "担当部", "by_name": "札幌 三郎"})),
            ("withdraw", json!({"withdrawn_on": "2026-10-06", "withdrawn_reason": "x"})),
        ]),
        ("consultation", vec![
            ("open", json!({"topic": "算入", "opened_on": "2026-10-01", "note": "A-07"})),
            ("agree", json!({"decided_on": "2026-10-05", "outcome": "入らない", "how": "meeting", "reading": "narrow"})),
        ]),
        ("attestation", vec![
            ("exempt", json!({"obligation": "O-134", "reason": "VPS", "issued_on": "2026-04-01"})),
            ("accept", json!({"accepted_on": "2026-04-02", "accepted_by_name": "札幌 四郎"})),
            ("withdraw", json!({"withdrawn_on": "2026-04-03", "withdrawn_reason": "x"})),
        ]),
        ("measure", vec![
            ("plan", json!({"title": "アクセス権", "field": "technical", "planned_on": "2026-04-01", "obligation": "O-110"})),
            ("put_in_place", json!({"in_place_on": "2026-04-02"})),
            ("confirm", json!({"confirmed_on": "2026-10-01"})),
            ("end", json!({"ended_on": "2026-10-02", "end_reason": "x"})),
        ]),
        ("handover", vec![
            ("hand", json!({"title": "引渡し", "handed_on": "2026-10-01", "how": "media", "deliverables": [{"name": "一式"}]})),
            ("receive", json!({"received_on": "2026-10-02", "received_by_name": "札幌 五郎"})),
        ]),
        ("record", vec![
            ("file", json!({"obligation": "O-009", "title": "請求書", "day": "2026-10-01", "witness": "田中"})),
            ("withdraw", json!({"withdrawn_reason": "x"})),
        ]),
    ];
    for (key, steps) in stories {
        let mut id: Option<String> = None;
        for (act, fields) in steps {
            let done = desk.act(order(key, id.as_deref(), act, fields)).await;
            let item = done.unwrap_or_else(|error| panic!("{key}.{act}: {error}")).item;
            let mut events = Vec::new();
            for record in test.app.db.ledger_records(&LedgerQuery { subject: Some(item.subject()), ..LedgerQuery::new(CONTRACT) }).await.expect("reads") {
                let kind = kinds.iter().find(|kind| kind.kind == record.kind).unwrap_or_else(|| panic!("{} is not declared", record.kind));
                assert_eq!(kind.check(&record.payload.value()), Vec::<FieldProblem>::new(), "{}", record.kind);
                for name in ["札幌 ", "高橋", "田中", "鈴木", "佐藤"] {
                    assert!(!record.payload.as_str().contains(name), "{}: {}", record.kind, record.payload);
                }
                let personal = test.app.db.ledger_personal(CONTRACT, record.seq).await.expect("reads");
                events.push(fold::Event {
                    kind: record.kind,
                    payload: form(record.payload.value()),
                    personal: personal.map(|personal| form(personal.value())),
                });
            }
            let folded = fold::fold(register(key), &events).expect("has records");
            let stored = desk.get(CONTRACT, register(key), &item.id).await.expect("is there");
            assert_eq!(folded, stored.data, "{key}.{act}");
            assert_eq!(folded["state"], stored.state.as_str(), "{key}.{act}");
            id = Some(item.id);
        }
    }
    let reading = LedgerQuery { kinds: vec!["contract.reading".to_owned()], ..LedgerQuery::new(CONTRACT) };
    let reading = test.app.db.ledger_records(&reading).await.expect("reads");
    assert_eq!((reading.len(), reading[0].subject.as_str()), (1, "note:A-07"));
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
    desk.act(order("request", Some(&id), "estimate", json!({"estimate_minutes": "2", "estimated_on": "2026-10-29"}))).await.expect("ok");
    desk.act(order("request", Some(&id), "estimate", json!({"estimate_minutes": "x", "estimated_on": "2026-10-29"}))).await.expect_err("wrong");
    let approve = Order { side: Side::City, ..order("request", Some(&id), "approve", json!({"approved_on": "2026-10-30", "approved_how": "portal"})) };
    desk.act(approve).await.expect("ok");
    test.advance(jiff::SignedDuration::from_mins(1)).await;
    let row = test.app.db.fetch_all("SELECT payload FROM job WHERE kind = 'notify.mail' ORDER BY id", args![]).await.expect("reads");
    let sent: Vec<Value> = row.iter().map(|row| serde_json::from_str(&row.text("payload").expect("text")).expect("JSON")).collect();
    let told: Vec<(&str, &str)> = sent.iter().map(|mail| (mail["to"][0].as_str().expect("text"), mail["subject"].as_str().expect("text"))).collect();
    assert_eq!(told, [
        ("city@example.jp", "【依頼】依頼-R8-001 見積り"),
        ("office@example.jp", "【依頼】依頼-R8-001 市の承認"),
    ]);
    assert!(sent.iter().all(|mail| !mail.to_string().contains("札幌 太郎")));
    assert_eq!(test.mails().len(), 2);
}

#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: WorkCommand,
}

async fn cli(desk: &Desk, line: &[&str], json: bool) -> Result<String, String> {
    let words = std::iter::once("work").chain(line.iter().copied());
    let command = Cli::try_parse_from(words).map_err(|error| error.to_string())?.command;
    cli_work::run(desk, CONTRACT, command, Actor::machine("command-line"), json).await.map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_records_lists_and_explains() {
    let test = open(|_| {}).await;
    let desk = desk(&test);
    let add = ["add", "--date", "R8.10.5", "--start", "9:00", "--end", "10:30", "--category", "site-correction", "--event", "画像の差替え", "--key", "k1"];
    let text = cli(&desk, &add, false).await.expect("records");
    assert!(text.starts_with("作業-R8-001 を記録しました\n  2026-10-05（月） 09:00～10:30 1時間30分 site-correction ※該当 画像の差替え\n"), "{text}");
    assert!(text.contains("令和8年10月の算入時間: 1時間30分 / 7時間（残り 5時間30分）"), "{text}");
    let text = cli(&desk, &add, false).await.expect("the same key");
    assert!(text.contains("記録済み"), "{text}");
    let error = cli(&desk, &["add", "--date", "2026-10-10", "--hours", "1.33", "--category", "site-corection", "--event", "x"], false).await.expect_err("wrong");
    for part in ["--hours（作業時間）", "1:19"] {
        assert!(error.contains(part), "{error}");
    }
    let error = cli(&desk, &["add", "--date", "2026-10-10", "--hours", "1", "--category", "site-corection", "--event", "x"], false).await.expect_err("wrong");
    assert!(error.contains("--category（区分）: 「site-corection」は契約にありません。site-correction のことですか"), "{error}");
    let error = cli(&desk, &["add", "--date", "2026-10-10", "--hours", "1", "--category", "upkeep", "--event", "x"], false).await.expect_err("Saturday");
    assert!(error.contains("--reason（時間外の理由）") && error.contains("土曜日"), "{error}");
    cli(&desk, &["add", "--date", "2026-10-10", "--hours", "1", "--category", "fault", "--event", "改ざんの復旧", "--reason", "緊急"], false).await.expect("has a reason");
    let text = cli(&desk, &["correct", "作業-R8-001", "--because", "昼休みを除く", "--hours", "1"], false).await.expect("corrects");
    assert!(text.contains("訂正しました") && text.contains("1時間 /"), "{text}");
    let listed: Value = serde_json::from_str(&cli(&desk, &["list", "--month", "2026-10"], true).await.expect("lists")).expect("JSON");
    assert_eq!(listed["total"], 2);
    assert_eq!(listed["gauge"]["counted_minutes"], 60);
    assert_eq!(listed["gauge"]["undecided_minutes"], 60);
    let text = cli(&desk, &["list", "--month", "2026-10", "--q", "復旧"], false).await.expect("lists");
    assert!(text.contains("作業-R8-002") && !text.contains("作業-R8-001") && text.contains("算入が未定の時間: 1時間"), "{text}");
    cli(&desk, &["withdraw", "作業-R8-002", "--because", "誤り"], false).await.expect("withdraws");
    let error = cli(&desk, &["withdraw", "作業-R8-002", "--because", "誤り"], false).await.expect_err("twice");
    assert!(error.contains("「取消し」なので"), "{error}");
    let text = cli(&desk, &["list", "--all"], false).await.expect("lists");
    assert!(text.contains("［取消し］"), "{text}");
    let error = cli(&desk, &["withdraw", "作業-R8-099", "--because", "x"], false).await.expect_err("unknown");
    assert!(error.contains("作業-R8-099"), "{error}");
}
