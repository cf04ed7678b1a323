//! The registers' pages at their edges: rows, names, strange texts, who may what, what ends.

use axum::http::StatusCode;
use mamori_kernel::permission::{ASKING, Permission, Role};
use mamori_office::REGISTERS;
use mamori_office::api::ways;

use crate::open;
use crate::register_pages::{BASE, done, fill};

#[tokio::test]
async fn rows_are_entered_and_their_mistakes_said_beside_them() {
    let test = open(|_| {}).await;
    let mut staff = test.sign_in(Role::Staff).await;
    let path = format!("{BASE}/handover/new");
    let mut fields = vec![
        ("title", "年度末の引渡し"),
        ("handed_on", "2026-10-30"),
        ("how", "media"),
        ("deliverables[0].name", "ソースコード一式"),
        ("deliverables[0].quantity", "多数"),
        ("deliverables[1].name", ""),
        ("deliverables[2].name", "手順書"),
    ];
    let refused = fill(&mut staff, &path, &fields).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let page = refused.text();
    for part in [
        "id=\"e-deliverables[0].quantity\"",
        "value=\"多数\"",
        "value=\"手順書\"",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    fields[4].1 = "1";
    let answer = fill(&mut staff, &path, &fields).await;
    let (_, page) = done(&mut staff, answer).await;
    assert!(
        page.contains("ソースコード一式") && page.contains("手順書"),
        "{page}"
    );
}

#[tokio::test]
async fn names_are_erased_by_administrators_with_a_reason() {
    let test = open(|_| {}).await;
    let mut admin = test.sign_in(Role::Administrator).await;
    let mut manager = test.sign_in(Role::Manager).await;
    let fields = [
        ("topic", "個人情報の扱い"),
        ("field", "personal_data"),
        ("held_on", "2026-10-29"),
        ("attendee_names", "佐藤 花子\n鈴木 一郎"),
    ];
    let answer = fill(&mut manager, &format!("{BASE}/training/new"), &fields).await;
    let (item, page) = done(&mut manager, answer).await;
    assert!(
        page.contains("佐藤 花子") && !page.contains("erase-personal"),
        "{page}"
    );
    let erase = format!("{item}/erase-personal");
    assert!(admin.get(&item).await.text().contains("erase-personal"));
    let refused = manager.post_form(&erase, &[("reason", "x")]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let refused = admin.post_form(&erase, &[("reason", " ")]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let answer = admin.post_form(&erase, &[("reason", "本人の求め")]).await;
    let (_, page) = done(&mut admin, answer).await;
    assert!(
        !page.contains("佐藤") && page.contains("消去済み"),
        "{page}"
    );
}

#[tokio::test]
async fn strange_texts_come_back_as_they_were_or_are_refused() {
    let test = open(|_| {}).await;
    let mut staff = test.sign_in(Role::Staff).await;
    let path = format!("{BASE}/work/new");
    let long = "長".repeat(34_000);
    for (event, taken) in [
        ("<script>alert(1)</script>", true),
        ("絵文字 😀 👨‍👩‍👧", true),
        ("\u{202e}逆さ", true),
        ("制御\u{7}文字", false),
        ("   ", false),
        (long.as_str(), false),
    ] {
        let fields = [
            ("date", "2026-10-29"),
            ("hours", "1"),
            ("category", "site-correction"),
            ("event", event),
        ];
        let answer = fill(&mut staff, &path, &fields).await;
        let page = if taken {
            done(&mut staff, answer).await.1
        } else {
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
            answer.text()
        };
        let escaped = event.replace('<', "&#60;").replace('>', "&#62;");
        assert!(page.contains(&escaped), "{escaped}: {page}");
        assert!(!page.contains("<script>alert"));
    }
}

/// Every register × act × way × role: the page of a form, its sending and the API's route are
/// open to the same people.
#[tokio::test]
async fn pages_and_api_open_the_same_acts_to_the_same_people() {
    let test = open(|_| {}).await;
    let mut people = Vec::new();
    for role in Role::ALL {
        people.push((role, test.sign_in(role).await, test.token(role).await));
    }
    let mut tried = 0;
    for register in &REGISTERS {
        let key = register.spec.key;
        for (role, person, program) in &mut people {
            let reads = role.allows(Permission::read(key));
            let list = person.get(&format!("{BASE}/{key}")).await;
            assert_eq!(list.status == StatusCode::OK, reads, "{role} {key}");
            let api = program.get(&format!("/api{API}/{key}")).await;
            assert_eq!(api.status == StatusCode::OK, reads, "{role} {key}");
        }
        for act in register.spec.acts {
            for way in ways(register, act) {
                let (page, api) = if act.opens() {
                    (format!("new{}", way.suffix), way.suffix.to_owned())
                } else {
                    let rest = format!("x/{}{}", act.name, way.suffix);
                    (rest.clone(), format!("/{rest}"))
                };
                for (role, person, program) in &mut people {
                    let open = role.allows(way.permission);
                    tried += 1;
                    let seen = person.get(&format!("{BASE}/{key}/{page}")).await.status;
                    let sent = person
                        .post_form(&format!("{BASE}/{key}/{page}"), &[])
                        .await
                        .status;
                    let told = program
                        .post_json(&format!("/api{API}/{key}{api}"), &serde_json::json!({}))
                        .await
                        .status;
                    for status in [seen, sent, told] {
                        let refused = status == StatusCode::FORBIDDEN;
                        assert_eq!(refused, !open, "{role} {key}.{} {status}", act.name);
                        assert!(
                            !status.is_server_error(),
                            "{role} {key}.{} {status}",
                            act.name
                        );
                    }
                }
            }
        }
    }
    assert!(tried > 250, "{tried}");
    assert!(Role::Counsellor.allows(Permission::write(ASKING)));
}

const API: &str = "/v1/contracts/example-r8";

#[tokio::test]
async fn lists_are_searched_sorted_and_speak_english() {
    let test = open(|_| {}).await;
    let mut staff = test.sign_in(Role::Staff).await;
    for (event, day) in [
        ("い", "2026-10-29"),
        ("あ", "2026-10-30"),
        ("う", "2026-09-30"),
    ] {
        let fields = [
            ("date", day),
            ("hours", "1"),
            ("category", "site-correction"),
            ("event", event),
        ];
        let answer = fill(&mut staff, &format!("{BASE}/work/new"), &fields).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        test.clock.advance(jiff::SignedDuration::from_mins(1));
    }
    let numbers = |page: &str| -> Vec<String> {
        let (_, table) = page.split_once("<tbody>").unwrap_or_default();
        let (_, table) = table.rsplit_once("<tbody>").unwrap_or(("", table));
        ["R8-001", "R8-002", "R8-003"]
            .iter()
            .filter_map(|number| Some((table.find(number)?, (*number).to_owned())))
            .collect::<std::collections::BTreeMap<_, _>>()
            .into_values()
            .collect()
    };
    let mut list =
        async |query: &str| numbers(&staff.get(&format!("{BASE}/work{query}")).await.text());
    assert_eq!(list("").await, ["R8-002", "R8-001"]);
    assert_eq!(list("?month=2026-09").await, ["R8-003"]);
    assert_eq!(
        list("?from=2026-09-01&sort=number&dir=asc").await,
        ["R8-001", "R8-002", "R8-003"]
    );
    assert_eq!(
        list("?from=2026-09-01&sort=title&dir=asc").await,
        ["R8-002", "R8-001", "R8-003"]
    );
    assert_eq!(list("?q=%E3%81%86").await, ["R8-003"]);
    assert_eq!(list("?state=withdrawn").await, Vec::<String>::new());
    assert_eq!(list("?month=2026-10&page=9").await, ["R8-002", "R8-001"]);
    let mut reader = test.sign_in(Role::Viewer).await;
    let page = reader
        .get(&format!("{BASE}/work?month=2026-10"))
        .await
        .text();
    assert!(
        !page.contains("data-new") && !page.contains("data-timer"),
        "{page}"
    );
}

#[tokio::test]
async fn what_ends_is_reminded_of_once_at_each_step() {
    use jiff::civil::{date, time};
    use mamori_kernel::clock::tokyo_instant;
    use mamori_kernel::ledger::Actor;
    use mamori_office::register::Order;

    let test = mamori_testkit::TestApp::builder()
        .with(mamori_office::capability())
        .at(date(2026, 11, 2), time(9, 0, 0, 0))
        .configured(|config| {
            config.mail.contractor = vec!["keiyaku@example.jp".to_owned()];
        })
        .open()
        .await;
    let office = crate::contracts::activate(&test).await;
    let enter = async |register: &str, act: &str, fields: serde_json::Value| {
        let order = Order::new(
            crate::contracts::ID,
            crate::register(register),
            None,
            act,
            crate::form(fields),
            Actor::person("staff-1"),
        );
        office.desk.act(order).await.expect("is taken").item.number
    };
    enter(
        "asset",
        "register",
        serde_json::json!({"name": "例の証明書", "kind": "certificate", "registered_on": "2026-04-01", "expires_on": "2026-12-31"}),
    )
    .await;
    enter(
        "attestation",
        "file",
        serde_json::json!({"obligation": "O-118", "issuer": "事業者", "issued_on": "2026-04-01", "expires_on": "2027-01-20"}),
    )
    .await;
    // One mail names all that is new; its subject begins with 【満了】 in base64.
    let mails = || {
        let subject = "=?utf-8?b?44CQ5rqA5LqG44CR";
        let sent = test.mails();
        sent.iter().filter(|mail| mail.contains(subject)).count()
    };
    // The first morning is the one after the opening: 58 days before the one end, 78 before the other.
    let morning = |day: jiff::civil::Date| tokyo_instant(day.at(9, 30, 0, 0));
    for (day, reminders, sent) in [
        (date(2026, 11, 2), 0, 0),
        (date(2026, 11, 3), 1, 1),
        (date(2026, 11, 4), 1, 1),
        (date(2026, 11, 21), 2, 2),
        // The machine was off on the 30th day before the end of the asset.
        (date(2026, 12, 3), 3, 3),
        (date(2026, 12, 4), 3, 3),
        (date(2026, 12, 24), 5, 4),
        (date(2026, 12, 25), 5, 4),
    ] {
        test.advance_to(morning(day)).await;
        let row = test
            .app
            .db
            .fetch_one(
                "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM office_item_reminder",
                mamori_store::args![],
            )
            .await
            .expect("reads");
        let noted = row.i64("n").expect("a number");
        assert_eq!((noted, mails()), (reminders, sent), "{day}");
    }
}

#[tokio::test]
async fn assets_and_media_live_through_their_pages() {
    let test = open(|_| {}).await;
    let mut staff = test.sign_in(Role::Staff).await;
    let mut viewer = test.sign_in(Role::Viewer).await;
    let asset = [
        ("name", "公開サーバ"),
        ("kind", "server"),
        ("registered_on", "2026-04-01"),
        ("expires_on", "2026-12-31"),
    ];
    let answer = fill(&mut staff, &format!("{BASE}/asset/new"), &asset).await;
    let (item, page) = done(&mut staff, answer).await;
    assert!(
        page.contains("公開サーバ") && page.contains("使用中"),
        "{page}"
    );
    let form = staff.get(&format!("{item}/change")).await.text();
    assert!(form.contains("value=\"2026-12-31\""), "{form}");
    let retire = [
        ("retired_on", "2026-10-30"),
        ("retired_reason", "移行した。データは消去済み"),
    ];
    let answer = fill(&mut staff, &format!("{item}/retire"), &retire).await;
    let (_, page) = done(&mut staff, answer).await;
    assert!(
        page.contains("廃止") && !page.contains("/change\""),
        "{page}"
    );
    let medium = [
        ("name", "貸与パソコン"),
        ("kind", "computer"),
        ("holds", "相談予約の写し"),
        ("registered_on", "2026-04-01"),
        ("lent", "yes"),
        ("keeper", "佐藤 花子"),
    ];
    let answer = fill(&mut staff, &format!("{BASE}/media/new"), &medium).await;
    let (item, page) = done(&mut staff, answer).await;
    assert!(page.contains("佐藤 花子"), "{page}");
    assert!(!viewer.get(&item).await.text().contains("佐藤"));
    let erase = [("erased_on", "2026-10-30"), ("erased_how", "overwrite")];
    let answer = fill(&mut staff, &format!("{item}/erase"), &erase).await;
    let (_, page) = done(&mut staff, answer).await;
    assert!(
        page.contains("返却したことになりません") && page.contains("消去・廃棄済"),
        "{page}"
    );
    // Who was shown a name is written down; who saw none is not.
    let readings = mamori_web::audit::count(&test.app, &mamori_web::audit::Search::default())
        .await
        .expect("reads");
    assert!(readings >= 2, "{readings}");
    viewer.get(&item).await;
    let after = mamori_web::audit::count(&test.app, &mamori_web::audit::Search::default())
        .await
        .expect("reads");
    assert_eq!(after, readings);
}
