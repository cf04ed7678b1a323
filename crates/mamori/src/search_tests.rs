//! The search over all capabilities: what belongs to no contract, and what one capability knows of
//! a number that somebody read out.

use mamori_kernel::permission::Role;
use mamori_runtime::config::{Gateway, GatewaySite};
use mamori_testkit::{Client, TestApp};
use mamori_web::account::{self, Scope};
use mamori_web::components::percent_encoded;

use crate::matrix_tests::{CONTRACT, Person, open};

async fn found(client: &mut Client, words: &str) -> Vec<String> {
    let address = format!("/search.json?q={}", percent_encoded(words));
    let answer = client.get(&address).await.json();
    let results = answer["results"].as_array().expect("a list").clone();
    results
        .iter()
        .map(|hit| hit["href"].as_str().expect("an address").to_owned())
        .collect()
}

async fn person(test: &TestApp, role: Role, scope: &Scope) -> Client {
    let name = format!("p-{}", role.as_str());
    Person::new(test, name, role, scope).await.client
}

#[tokio::test]
async fn people_help_and_pages_of_the_house_are_found_without_a_contract() {
    let test = open(|_| {}).await;
    test.add_user("tanaka", Role::Staff).await;
    let tanaka = account::find(&test.app, "tanaka").await.expect("there").id;
    let nowhere = Scope::Contracts(Vec::new());
    let mut admin = person(&test, Role::Administrator, &nowhere).await;
    let mut city = person(&test, Role::City, &nowhere).await;
    let mut auditor = person(&test, Role::Viewer, &nowhere).await;
    let one = format!("/people/{tanaka}");
    assert!(found(&mut admin, "tanaka").await.contains(&one));
    assert!(found(&mut admin, "ＴＡＮＡＫＡ").await.contains(&one));
    for (words, href) in [
        ("利用者", "/people"),
        ("システムの状態", "/system"),
        ("閲覧記録", "/people/audit"),
        ("権限の変更", "/people/changes"),
    ] {
        let hits = found(&mut admin, words).await;
        assert!(hits.iter().any(|hit| hit == href), "{words}: {hits:?}");
    }
    for client in [&mut admin, &mut city, &mut auditor] {
        let hits = found(client, "検収").await;
        assert!(hits.contains(&"/help/acceptance".to_owned()), "{hits:?}");
    }
    // What one may not open does not exist.
    for client in [&mut city, &mut auditor] {
        assert_eq!(found(client, "tanaka").await, Vec::<String>::new());
        let hits = found(client, "システムの状態").await;
        assert!(!hits.contains(&"/system".to_owned()), "{hits:?}");
    }
    let hits = found(&mut auditor, "閲覧記録").await;
    assert!(hits.contains(&"/people/audit".to_owned()), "{hits:?}");
}

#[tokio::test]
async fn the_number_that_a_visitor_quotes_leads_to_the_refused_request() {
    let test = open(|config| {
        config.gateway = Some(Gateway {
            sites: vec![GatewaySite {
                name: "hp".to_owned(),
                contract: CONTRACT.to_owned(),
                hosts: vec!["hp.example.jp".to_owned()],
                upstreams: vec!["127.0.0.1:1".to_owned()],
                certificate: None,
                inspect_answers: false,
            }],
            ..Gateway::default()
        });
    })
    .await;
    let number = "0a1b2c3d4e5f60718293a4b5";
    test.app
        .db
        .execute(
            "INSERT INTO gateway_finding (id, site, at, client, method, path, mode, refused, \
             score, incomplete, rules, matches) VALUES ($1, 'hp', $2, '203.0.113.7', 'POST', \
             '/contact', 'block', 1, 10, 0, '', '[]')",
            mamori_store::args![number, test.app.now()],
        )
        .await
        .expect("is written");
    let here = Scope::Contracts(vec![(CONTRACT.to_owned(), Role::Staff)]);
    let mut staff = person(&test, Role::Staff, &here).await;
    let expected = [format!("/c/{CONTRACT}/gateway/blocked/{number}")];
    assert_eq!(found(&mut staff, number).await, expected);
    assert_eq!(found(&mut staff, &format!(" {number} ")).await, expected);
    assert_eq!(found(&mut staff, &number[..20]).await, Vec::<String>::new());
    let elsewhere = Scope::Contracts(Vec::new());
    let mut other = person(&test, Role::Manager, &elsewhere).await;
    assert_eq!(found(&mut other, number).await, Vec::<String>::new());
    let desk = Scope::Contracts(vec![(CONTRACT.to_owned(), Role::Counsellor)]);
    let mut counsellor = person(&test, Role::Counsellor, &desk).await;
    assert_eq!(found(&mut counsellor, number).await, Vec::<String>::new());
}
