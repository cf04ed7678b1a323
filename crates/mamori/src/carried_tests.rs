//! A form that is carried through a sign-in shows the words that people chose, not their keys,
//! whichever capability it is of; and to nobody a contract's words that is none of theirs.

use axum::http::StatusCode;
use mamori_kernel::permission::Role;
use mamori_testkit::PASSWORD;
use mamori_web::account::Scope;

use crate::matrix_tests::{CONTRACT, ELSEWHERE, Person, activate_elsewhere, open};

/// What is listed as typed.
fn listed(page: &str) -> Vec<String> {
    let inside = |rest: &str| rest.split("</bdi>").next().map(str::to_owned);
    page.split("<li><bdi>").skip(1).filter_map(inside).collect()
}

#[tokio::test]
async fn a_carried_form_shows_words_and_not_keys() {
    let test = open(|_| {}).await;
    let scope = Scope::EveryContract;
    let mut person = Person::new(&test, "admin".to_owned(), Role::Administrator, &scope).await;
    let old = person.form_token.clone();
    person.client.post_form("/sign-out", &[]).await;
    person.client.sign_in("admin", PASSWORD).await;
    for (path, fields, words) in [
        (
            "question/new",
            &[("channel", "mail"), ("topic", "mail の件")][..],
            &["メール", "mail の件"][..],
        ),
        (
            "work/new",
            &[("category", "correct"), ("event", "写真")],
            &["ホームページの修正", "写真"],
        ),
        (
            "settings",
            &[("mail-city-release", "at-once")],
            &["そのまま送る"],
        ),
        ("gateway/modes/new", &[("mode", "detect")], &["記録"]),
    ] {
        let path = format!("/c/{CONTRACT}/{path}");
        let all = [&[("csrf", old.as_str())], fields].concat();
        let answer = person.client.post_raw_form(&path, &all).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.text());
        let listed = listed(&answer.text());
        assert_eq!(listed.len(), words.len(), "{path}: {listed:?}");
        for (shown, word) in listed.iter().zip(words) {
            assert!(shown.contains(word), "{path}: {listed:?}");
        }
    }
    let invite = [("csrf", old.as_str()), ("role", "city")];
    let answer = person.client.post_raw_form("/people/invite", &invite).await;
    assert_eq!(listed(&answer.text()), ["市担当者"], "{}", answer.text());
}

#[tokio::test]
async fn nobody_hears_words_of_a_contract_that_is_none_of_theirs() {
    let test = open(|_| {}).await;
    activate_elsewhere(&test).await;
    for (contract, shown) in [(CONTRACT, false), (ELSEWHERE, true)] {
        let scope = Scope::Contracts(vec![(CONTRACT.to_owned(), Role::Staff)]);
        let name = format!("staff-{shown}");
        let person = Person::new(&test, name.clone(), Role::Staff, &scope).await;
        let mut stranger = test.anonymous();
        let fields = [
            ("csrf", person.form_token.as_str()),
            ("obligation", "O-001"),
        ];
        let path = format!("/c/{contract}/record/new");
        let asked = stranger.post_raw_form(&path, &fields).await.text();
        let (_, rest) = asked.split_once("name=\"kept\" value=\"").expect("kept");
        let kept = rest.split('"').next().expect("a value");
        let entry = [
            ("name", name.as_str()),
            ("password", PASSWORD),
            ("kept", kept),
        ];
        let page = stranger.post_raw_form("/sign-in", &entry).await.text();
        assert_eq!(listed(&page) == ["O-001"], shown, "{contract}: {page}");
    }
}
