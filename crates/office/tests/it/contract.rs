//! The real contract in force: what people record moves the states of its obligations, and what
//! they take back moves them back.

use jiff::civil::{date, time};
use mamori_contract::Verdict;
use mamori_kernel::ledger::Actor;
use mamori_office::Office;
use mamori_office::register::{DeskError, Order, Refusal};
use mamori_testkit::TestApp;
use serde_json::{Value, json};

use crate::{form, register};

const ID: &str = "kokoshelju-r8";
const SOURCE: &str = include_str!("../../../../contracts/kokoshelju-r8.toml");

async fn in_force() -> TestApp {
    let test = TestApp::builder()
        .with(mamori_office::capability())
        .at(date(2026, 10, 30), time(9, 0, 0, 0))
        .open()
        .await;
    let office = Office::of(&test.app).expect("is started");
    office
        .contracts
        .activate("kokoshelju-r8.toml", SOURCE, Actor::machine("test"))
        .await
        .expect("the contract is right");
    test
}

async fn act(
    test: &TestApp,
    key: &str,
    item: Option<&str>,
    act: &str,
    fields: Value,
) -> Result<String, DeskError> {
    let actor = Actor::person("staff-1");
    let order = Order::new(ID, register(key), item, act, form(fields), actor);
    let office = Office::of(&test.app).expect("is started");
    Ok(office.desk.act(order).await?.item.id)
}

async fn verdict(test: &TestApp, obligation: &str) -> Verdict {
    let office = Office::of(&test.app).expect("is started");
    let live = office.contracts.live(ID).await.expect("is in force");
    let states = live.states(test.app.now()).await.expect("is judged");
    let state = states.iter().find(|state| state.key == obligation);
    let state = state.unwrap_or_else(|| panic!("{obligation} is not judged"));
    state.current.unwrap_or(state.verdict)
}

#[tokio::test(flavor = "multi_thread")]
async fn records_attestations_and_trainings_vouch_until_they_are_taken_back() {
    let test = in_force().await;
    let invoice = json!({"obligation": "O-009", "title": "VPS利用料の請求書（受託者あて）", "day": "2026-10-01"});
    let paper =
        json!({"obligation": "O-118", "issuer": "データセンター事業者", "issued_on": "2026-04-01"});
    let held = json!({"topic": "札幌市環境方針", "field": "environment", "held_on": "2026-04-15",
        "obligation": "O-107", "attendee_names": ["佐藤 花子"]});
    let cases = [
        ("O-009", "record", "file", invoice),
        ("O-118", "attestation", "file", paper),
        ("O-107", "training", "hold", held),
    ];
    for (obligation, key, opening, fields) in cases {
        let before = verdict(&test, obligation).await;
        assert_ne!(
            before,
            Verdict::Met,
            "{obligation} before anything is recorded"
        );
        let id = act(&test, key, None, opening, fields)
            .await
            .unwrap_or_else(|error| panic!("{obligation}: {error}"));
        if key == "attestation" {
            act(
                &test,
                key,
                Some(&id),
                "accept",
                json!({"accepted_on": "2026-04-10"}),
            )
            .await
            .expect("is accepted");
        }
        assert_eq!(
            verdict(&test, obligation).await,
            Verdict::Met,
            "{obligation} with {key}"
        );
        let taken_back = if key == "attestation" {
            json!({"withdrawn_on": "2026-10-30", "withdrawn_reason": "誤り"})
        } else {
            json!({"withdrawn_reason": "誤り"})
        };
        act(&test, key, Some(&id), "withdraw", taken_back)
            .await
            .expect("is withdrawn");
        assert_eq!(
            verdict(&test, obligation).await,
            before,
            "{obligation} after it was taken back"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contracts_own_gate_and_prohibition_stand_before_a_subcontract() {
    let test = in_force().await;
    let subcontract = |core: bool| json!({"party": "株式会社デザイン", "scope": "画面デザイン", "core": core, "starts_on": "2026-10-20"});
    let refused = async |core: bool| {
        let error = act(&test, "subcontract", None, "register", subcontract(core)).await;
        match error.expect_err("is refused") {
            DeskError::Refused(refusal) => refusal,
            other => panic!("{other}"),
        }
    };
    let refusal = refused(true).await;
    assert!(matches!(refusal, Refusal::Prohibited { .. }), "{refusal}");
    let refusal = refused(false).await;
    assert!(
        matches!(&refusal, Refusal::Gate { gate, .. } if gate == "subcontract"),
        "{refusal}"
    );
    let asked = json!({"gate": "subcontract", "about": "株式会社デザインへの画面デザインの再委託", "requested_on": "2026-10-01"});
    let approval = act(&test, "approval", None, "request", asked)
        .await
        .expect("is asked");
    let grant = json!({"decided_on": "2026-10-05", "how": "paper"});
    act(&test, "approval", Some(&approval), "grant", grant)
        .await
        .expect("is granted");
    act(&test, "subcontract", None, "register", subcontract(false))
        .await
        .expect("the gate is open");
    assert_eq!(verdict(&test, "O-097").await, Verdict::Met);
    // That nothing forbidden was registered is not enough: a person must vouch for it too.
    assert_eq!(verdict(&test, "O-098").await, Verdict::Unmeasured);
    let vouched = json!({"obligation": "O-098", "title": "作業者の名簿とログインを照合した", "day": "2026-10-29"});
    act(&test, "record", None, "file", vouched)
        .await
        .expect("is filed");
    assert_eq!(verdict(&test, "O-098").await, Verdict::Met);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_city_settles_which_work_counts() {
    let test = in_force().await;
    let fault =
        json!({"date": "2026-10-05", "hours": "2", "category": "fault", "event": "障害対応"});
    act(&test, "work", None, "record", fault)
        .await
        .expect("is recorded");
    let office = Office::of(&test.app).expect("is started");
    let terms = office
        .desk
        .terms(ID, office.desk.today())
        .await
        .expect("is in force");
    let note = terms
        .notes()
        .iter()
        .find(|note| note.key == "A-07")
        .expect("is noted");
    let reading = note
        .readings
        .first()
        .expect("has candidate readings")
        .0
        .clone();
    let opened =
        json!({"topic": "障害対応の時間の算入", "opened_on": "2026-10-06", "note": "A-07"});
    let id = act(&test, "consultation", None, "open", opened)
        .await
        .expect("is opened");
    let agreed = json!({"decided_on": "2026-10-09", "outcome": "合意した", "how": "meeting", "reading": reading});
    act(&test, "consultation", Some(&id), "agree", agreed)
        .await
        .expect("is agreed");
    let live = office.contracts.live(ID).await.expect("is in force");
    live.states(test.app.now())
        .await
        .expect("the engine takes the reading");
}
