//! Contracts in force: activation with its evidence, the engine that follows the ledger, and
//! what the API tells of both.

use axum::http::StatusCode;
use jiff::civil::{date, time};
use mamori_contract::Verdict;
use mamori_kernel::ledger::{Actor, NewRecord};
use mamori_kernel::permission::Role;
use mamori_office::Office;
use mamori_office::contracts::{Activation, Contracts, ContractsError};
use mamori_runtime::Config;
use mamori_store::{LedgerQuery, args};
use mamori_testkit::{PrivatePostgres, TestApp};
use serde_json::{Value, json};

pub const ID: &str = "kokoshelju-r8";
pub const NAME: &str = "kokoshelju-r8.toml";
pub const SOURCE: &str = include_str!("../../../../contracts/kokoshelju-r8.toml");

pub async fn open(configure: impl FnOnce(&mut Config) + Send + 'static) -> TestApp {
    TestApp::builder()
        .with(mamori_office::capability())
        .at(date(2026, 11, 2), time(9, 0, 0, 0))
        .configured(configure)
        .open()
        .await
}

/// Runs a story with the whole office on SQLite and, where there is one, on PostgreSQL.
pub async fn on_both<F, Fut>(story: F)
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

pub async fn activate(test: &TestApp) -> std::sync::Arc<Office> {
    let office = Office::of(&test.app).expect("is started");
    office
        .contracts
        .activate(NAME, SOURCE, Actor::machine("test"))
        .await
        .expect("the contract is right");
    office
}

async fn kinds(test: &TestApp) -> Vec<String> {
    let records = test.app.db.ledger_records(&LedgerQuery::new(ID)).await;
    let records = records.expect("the ledger is read");
    records.into_iter().map(|record| record.kind).collect()
}

/// A record of a person for an obligation, as another process would append it.
async fn vouch(test: &TestApp, obligation: &str) {
    let payload = json!({"record_id": format!("r-{obligation}"), "obligation": obligation,
        "title": "確認した", "day": "2026-11-01", "state": "filed"});
    let record = NewRecord::new(
        ID,
        test.app.now(),
        Actor::machine("elsewhere"),
        "record.filed",
        format!("record:r-{obligation}"),
        &payload,
    )
    .expect("is a record");
    let mut tx = test.app.db.begin_write().await.expect("begins");
    tx.append(record).await.expect("is appended");
    tx.commit().await.expect("is committed");
}

async fn verdicts(contracts: &Contracts, test: &TestApp) -> Vec<(String, Verdict, Vec<String>)> {
    let live = contracts.live(ID).await.expect("is in force");
    let states = live.states(test.app.now()).await.expect("is judged");
    states
        .iter()
        .map(|state| {
            let now = state.current.unwrap_or(state.verdict);
            (state.key.clone(), now, state.reasons.clone())
        })
        .collect()
}

fn of(states: &[(String, Verdict, Vec<String>)], key: &str) -> Verdict {
    let found = states.iter().find(|(known, ..)| known == key);
    found.unwrap_or_else(|| panic!("{key} is not judged")).1
}

#[tokio::test(flavor = "multi_thread")]
async fn activation_is_new_then_unchanged_then_changed_and_leaves_evidence() {
    on_both(|test| async move {
        let office = Office::of(&test.app).expect("is started");
        let put = async |source: &str| {
            let actor = Actor::person("admin");
            let done = office.contracts.activate(NAME, source, actor).await;
            done.unwrap_or_else(|error| panic!("{error}")).1
        };
        assert_eq!(put(SOURCE).await, Activation::New);
        assert_eq!(put(SOURCE).await, Activation::Unchanged);
        assert_eq!(kinds(&test).await, ["contract.activated"]);
        let changed = SOURCE.replace(
            "令和8年度ここシェルジュ運用システム等保守管理業務",
            "令和8年度の別の名前の業務",
        );
        assert_eq!(put(&changed).await, Activation::Changed);
        assert_eq!(
            kinds(&test).await,
            ["contract.activated", "contract.changed"]
        );
        let live = office.contracts.live(ID).await.expect("is in force");
        assert_eq!(
            live.contract().file.contract.name,
            "令和8年度の別の名前の業務"
        );
        let records = test.app.db.ledger_records(&LedgerQuery::new(ID)).await;
        let records = records.expect("the ledger is read");
        let (first, second) = (records[0].payload.value(), records[1].payload.value());
        assert_eq!(second["before"], first["sha256"]);
        assert_ne!(second["sha256"], first["sha256"]);
        assert_eq!(records[0].actor.to_string(), "person:admin");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_file_is_refused_and_changes_nothing() {
    on_both(|test| async move {
        let office = activate(&test).await;
        let wrong = SOURCE.replace("city_calendar = \"city\"", "city_calendar = \"ctiy\"");
        let error = office
            .contracts
            .activate(NAME, &wrong, Actor::person("admin"))
            .await
            .expect_err("is refused");
        let ContractsError::Wrong(report) = &error else {
            panic!("{error}")
        };
        assert!(report.counts().0 > 0, "{report}");
        assert!(error.to_string().contains(NAME), "{error}");
        assert_eq!(kinds(&test).await, ["contract.activated"]);
        let live = office.contracts.live(ID).await.expect("is still in force");
        assert_eq!(
            live.contract().file.contract.city_calendar.as_deref(),
            Some("city")
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_engine_follows_appends_of_others_and_a_saved_state_equals_a_replay() {
    on_both(|test| async move {
        let office = activate(&test).await;
        let before = verdicts(&office.contracts, &test).await;
        assert_ne!(of(&before, "O-009"), Verdict::Met);
        vouch(&test, "O-009").await;
        let after = verdicts(&office.contracts, &test).await;
        assert_eq!(of(&after, "O-009"), Verdict::Met);
        office.contracts.save_states().await.expect("is saved");
        let saved = async || {
            let sql = "SELECT seq FROM office_engine WHERE contract = $1";
            let row = test.app.db.fetch_optional(sql, args![ID]).await;
            row.expect("is read")
                .map(|row| row.get::<u64>("seq").expect("is a number"))
        };
        assert_eq!(saved().await, Some(2));
        // Another process starts from the saved state and reads on.
        vouch(&test, "O-098").await;
        let other = Contracts::load(test.app.clone()).await.expect("loads");
        let restored = verdicts(&other, &test).await;
        // One without a saved state replays the whole ledger.
        let sql = "DELETE FROM office_engine WHERE contract = $1";
        test.app
            .db
            .execute(sql, args![ID])
            .await
            .expect("is deleted");
        assert_eq!(saved().await, None);
        let fresh = Contracts::load(test.app.clone()).await.expect("loads");
        assert_eq!(verdicts(&fresh, &test).await, restored);
        assert_eq!(verdicts(&office.contracts, &test).await, restored);
        assert_ne!(restored, after, "the third record changed something");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_text_that_another_process_puts_into_force_is_taken_over() {
    on_both(|test| async move {
        let office = activate(&test).await;
        verdicts(&office.contracts, &test).await;
        let other = Contracts::load(test.app.clone()).await.expect("loads");
        let changed = SOURCE.replace(
            "令和8年度ここシェルジュ運用システム等保守管理業務",
            "令和8年度の別の名前の業務",
        );
        other
            .activate(NAME, &changed, Actor::person("admin"))
            .await
            .expect("is right");
        let name = async || {
            let live = office.contracts.live(ID).await.expect("is in force");
            live.contract().file.contract.name.clone()
        };
        assert_ne!(name().await, "令和8年度の別の名前の業務");
        // The next look at the ledger finds the change.
        verdicts(&office.contracts, &test).await;
        assert_eq!(name().await, "令和8年度の別の名前の業務");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_saved_under_another_text_is_not_used() {
    on_both(|test| async move {
        let office = activate(&test).await;
        vouch(&test, "O-009").await;
        verdicts(&office.contracts, &test).await;
        office.contracts.save_states().await.expect("is saved");
        let sql = "UPDATE office_engine SET basis = 'other', state = 'no JSON' WHERE contract = $1";
        test.app
            .db
            .execute(sql, args![ID])
            .await
            .expect("is spoiled");
        let fresh = Contracts::load(test.app.clone()).await.expect("loads");
        let states = verdicts(&fresh, &test).await;
        assert_eq!(of(&states, "O-009"), Verdict::Met);
    })
    .await;
}

fn keys(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().expect("a list");
    items
        .iter()
        .map(|item| item["key"].as_str().expect("text"))
        .collect()
}

const BASE: &str = "/api/v1/contracts/kokoshelju-r8";

#[tokio::test(flavor = "multi_thread")]
async fn contracts_obligations_and_due_dates_are_told() {
    on_both(|test| async move {
        activate(&test).await;
        vouch(&test, "O-009").await;
        let mut viewer = test.token(Role::Viewer).await;
        let list = viewer.get("/api/v1/contracts").await.json();
        let one = &list["items"][0];
        assert_eq!((&one["id"], &one["head"]["seq"]), (&json!(ID), &json!(2)));
        let counts = one["counts"].as_object().expect("an object");
        let sum: u64 = counts.values().filter_map(Value::as_u64).sum();
        assert_eq!(json!(sum), one["judged"]);

        let all = viewer
            .get(&format!("{BASE}/obligations?per_page=200"))
            .await
            .json();
        assert_eq!(all["total"], one["obligations"]);
        let open = viewer
            .get(&format!(
                "{BASE}/obligations?verdict=unmeasured,not_met&per_page=200"
            ))
            .await
            .json();
        let number = |key: &str| one["counts"][key].as_u64().expect("a number");
        assert!(number("unmeasured") > 0, "{one}");
        assert_eq!(
            open["total"],
            json!(number("unmeasured") + number("not_met"))
        );
        for item in open["items"].as_array().expect("a list") {
            let verdict = item["verdict"].as_str().expect("text");
            assert!(["unmeasured", "not_met"].contains(&verdict), "{item}");
        }
        let second = viewer
            .get(&format!("{BASE}/obligations?page=2&per_page=10"))
            .await
            .json();
        assert_eq!(keys(&second), keys(&all)[10..20]);
        let found = viewer
            .get(&format!("{BASE}/obligations?q=13-1"))
            .await
            .json();
        assert!(keys(&found).contains(&"O-099"), "{found}");

        let one = viewer
            .get(&format!("{BASE}/obligations/O-009"))
            .await
            .json();
        assert_eq!(
            (&one["current"], &one["key"]),
            (&json!("met"), &json!("O-009"))
        );
        let periods = one["state"]["periods"].as_array().expect("a list");
        assert!(
            periods
                .iter()
                .any(|period| period["evidence"] == json!([2])),
            "{one}"
        );
        let missing = viewer.get(&format!("{BASE}/obligations/O-999")).await;
        assert_eq!(missing.status, StatusCode::NOT_FOUND);

        let due = viewer
            .get(&format!("{BASE}/due?from=2026-11-10&to=2026-11-10"))
            .await
            .json();
        let report = due["items"]
            .as_array()
            .expect("a list")
            .iter()
            .find(|due| due["obligation"] == "O-099")
            .unwrap_or_else(|| panic!("{due}"));
        assert_eq!(
            (&report["due"], &report["deliverable"]),
            (&json!("2026-11-10"), &json!("monthly-report"))
        );
        for wrong in [
            "due?from=2026-11-10&to=2026-11-01",
            "due?from=x",
            "obligations?verdict=good",
            "obligations?page=0",
            "ledger?limit=-1",
        ] {
            let answer = viewer.get(&format!("{BASE}/{wrong}")).await;
            assert_eq!(
                (answer.status, answer.header("content-type")),
                (StatusCode::UNPROCESSABLE_ENTITY, "application/problem+json"),
                "{wrong}"
            );
        }
        for path in ["obligations", "due", "documents", "ledger", "ledger/head"] {
            let answer = viewer
                .get(&format!("/api/v1/contracts/nobody/{path}"))
                .await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        }
        let nobody = test.anonymous().get(&format!("{BASE}/obligations")).await;
        assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_is_read_in_pages_and_by_kind() {
    on_both(|test| async move {
        activate(&test).await;
        for key in ["O-009", "O-098", "O-004"] {
            vouch(&test, key).await;
        }
        let mut viewer = test.token(Role::Viewer).await;
        let first = viewer.get(&format!("{BASE}/ledger?limit=3")).await.json();
        assert_eq!(first["next_from_seq"], 4);
        let rest = viewer
            .get(&format!("{BASE}/ledger?from_seq=4&limit=3"))
            .await
            .json();
        assert_eq!(
            (&rest["items"][0]["seq"], &rest["next_from_seq"]),
            (&json!(4), &Value::Null)
        );
        assert_eq!(rest["items"][0]["prev"], first["items"][2]["hash"]);
        let filed = viewer
            .get(&format!("{BASE}/ledger?kind=record.filed"))
            .await
            .json();
        assert_eq!(filed["items"].as_array().map(Vec::len), Some(3));
        let head = viewer.get(&format!("{BASE}/ledger/head")).await.json();
        assert_eq!(
            (&head["seq"], &head["hash"]),
            (&json!(4), &rest["items"][0]["hash"])
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_activates_a_contract_and_learns_where_a_file_is_wrong() {
    on_both(|test| async move {
        let body = |source: &str| json!({"name": NAME, "source": source});
        for role in [Role::Viewer, Role::City, Role::Staff, Role::Manager] {
            let mut client = test.token(role).await;
            let answer = client.post_json("/api/v1/contracts", &body(SOURCE)).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{role}");
        }
        let mut admin = test.token(Role::Administrator).await;
        let wrong = SOURCE.replace("city_calendar = \"city\"", "city_calendar = \"ctiy\"");
        let line = 1 + SOURCE
            .lines()
            .position(|line| line.starts_with("city_calendar"))
            .expect("is there");
        let answer = admin.post_json("/api/v1/contracts", &body(&wrong)).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (StatusCode::UNPROCESSABLE_ENTITY, "application/problem+json")
        );
        let problem = answer.json();
        let place = format!("{NAME}:{line}:");
        let messages: Vec<&str> = problem["errors"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|error| error["message"].as_str())
            .collect();
        assert!(
            messages.iter().any(|message| message.starts_with(&place)),
            "{place} is not among {messages:?}"
        );
        for (status, done) in [(StatusCode::CREATED, "new"), (StatusCode::OK, "unchanged")] {
            let answer = admin.post_json("/api/v1/contracts", &body(SOURCE)).await;
            assert_eq!(answer.status, status, "{}", answer.text());
            let told = answer.json();
            assert_eq!(
                (&told["activation"], &told["contract"]["id"]),
                (&json!(done), &json!(ID))
            );
        }
        assert_eq!(kinds(&test).await, ["contract.activated"]);
    })
    .await;
}
