//! Sign-in by the organisation's accounts: who comes in, who does not, and what they are told.

use axum::http::StatusCode;
use jiff::SignedDuration;
use mamori_kernel::ledger::Actor;
use mamori_kernel::permission::Role;
use mamori_runtime::config::Oidc;
use mamori_runtime::{SYSTEM_CHAIN, Secret};
use mamori_store::LedgerQuery;
use mamori_testkit::{Answer, Client, PASSWORD, TestApp};
use mamori_web::account::{self, Scope};
use mamori_web::invitation::{self, Purpose};
use mamori_web::second;
use serde_json::{Value, json};

use crate::oidc_provider::{CLIENT, PUBLIC, Provider, SECRET, Signed};

fn oidc(provider: &Provider) -> Oidc {
    Oidc {
        issuer: provider.issuer(),
        client_id: CLIENT.to_owned(),
        client_secret: Secret::new(SECRET),
        label: "職員アカウント".to_owned(),
        email_domains: Vec::new(),
        claims: Vec::new(),
        second_factor: Vec::new(),
    }
}

async fn open_with(provider: &Provider, change: impl FnOnce(&mut Oidc)) -> TestApp {
    let mut settings = oidc(provider);
    change(&mut settings);
    TestApp::builder()
        .configured(move |config| {
            config.public_url = Some(PUBLIC.to_owned());
            config.oidc = Some(settings);
        })
        .open()
        .await
}

async fn open() -> (Provider, TestApp) {
    let provider = Provider::start().await;
    let test = open_with(&provider, |_| {}).await;
    (provider, test)
}

/// What the browser was sent to the provider with.
struct Sent {
    state: String,
    nonce: String,
    challenge: String,
    address: String,
}

fn sent(answer: &Answer) -> Sent {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let address = answer
        .header("refresh")
        .strip_prefix("0; url=")
        .expect("is sent on")
        .to_owned();
    let value = |name: &str| {
        let (_, rest) = address.split_once(&format!("{name}=")).expect("is there");
        rest.split('&').next().unwrap_or_default().to_owned()
    };
    Sent {
        state: value("&state"),
        nonce: value("&nonce"),
        challenge: value("code_challenge"),
        address: address.clone(),
    }
}

/// What the provider says of somebody.
fn claims(test: &TestApp, provider: &Provider, sent: &Sent, subject: &str) -> Value {
    let now = test.app.now().as_second();
    json!({
        "iss": provider.issuer(), "sub": subject, "aud": CLIENT, "nonce": sent.nonce,
        "iat": now, "exp": now + 300, "auth_time": now,
    })
}

/// Comes back as that person.
async fn back(
    test: &TestApp,
    provider: &Provider,
    client: &mut Client,
    sent: &Sent,
    subject: &str,
) -> Answer {
    let claims = claims(test, provider, sent, subject);
    let code = provider.code(claims, &sent.challenge);
    client.get(&answered(provider, &code, &sent.state)).await
}

fn answered(provider: &Provider, code: &str, state: &str) -> String {
    let iss = provider.issuer().replace(':', "%3A").replace('/', "%2F");
    format!("/sign-in/oidc/answer?code={code}&state={state}&iss={iss}")
}

async fn begin(client: &mut Client) -> Sent {
    let fields = [("next", "/account")];
    sent(&client.post_raw_form("/sign-in/oidc", &fields).await)
}

async fn signs_in(test: &TestApp, provider: &Provider, subject: &str) -> Answer {
    let mut client = test.anonymous();
    let sent = begin(&mut client).await;
    back(test, provider, &mut client, &sent, subject).await
}

/// Somebody with a password whose account is linked.
async fn linked(test: &TestApp, provider: &Provider, subject: &str) -> Client {
    let mut client = test.sign_in(Role::Staff).await;
    let sent = sent(&client.post_form("/account/oidc", &[]).await);
    let answer = back(test, provider, &mut client, &sent, subject).await;
    assert_eq!(answer.location(), "/account", "{}", answer.text());
    client
}

#[tokio::test]
async fn an_account_is_linked_by_its_owner_and_signs_in_from_then_on() {
    let (provider, test) = open().await;
    let mut owner = linked(&test, &provider, "subject-1").await;
    let page = owner.get("/account").await.text();
    assert!(page.contains("subject-1"), "{page}");

    let mut client = test.anonymous();
    let shown = client.get("/sign-in").await.text();
    assert!(shown.contains("職員アカウントでサインイン"), "{shown}");
    let sent = begin(&mut client).await;
    assert!(
        sent.address
            .starts_with(&format!("{}/authorize?tenant=1&", provider.issuer()))
    );
    for part in [
        "response_type=code",
        "code_challenge_method=S256",
        "redirect_uri=http%3A%2F%2Flocalhost%3A8080%2Fsign-in%2Foidc%2Fanswer",
    ] {
        assert!(sent.address.contains(part), "{}", sent.address);
    }
    let answer = back(&test, &provider, &mut client, &sent, "subject-1").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    assert_eq!(answer.location(), "/account");
    assert_eq!(client.get("/account").await.status, StatusCode::OK);
    client.post_form("/sign-out", &[]).await;
    assert_eq!(client.get("/account").await.status, StatusCode::SEE_OTHER);

    owner.post_form("/account/oidc/remove", &[]).await;
    let refused = signs_in(&test, &provider, "subject-1").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let acts = acts(&test).await;
    assert!(acts.contains(&"oidc-linked".to_owned()), "{acts:?}");
    assert!(acts.contains(&"oidc-unlinked".to_owned()), "{acts:?}");
}

async fn acts(test: &TestApp) -> Vec<String> {
    let query = LedgerQuery::new(SYSTEM_CHAIN);
    let records = test.app.db.ledger_records(&query).await.expect("readable");
    records
        .iter()
        .filter_map(|record| {
            serde_json::from_str::<Value>(record.payload.as_str()).ok()?["act"]
                .as_str()
                .map(str::to_owned)
        })
        .collect()
}

#[tokio::test]
async fn nobody_comes_in_unlinked_and_no_account_is_made() {
    let (provider, test) = open().await;
    test.add_user("tanaka", Role::Administrator).await;
    // An address like the account's name opens nothing.
    provider.with().bend = Some(Box::new(|claims| {
        claims["email"] = "tanaka@example.lg.jp".into();
        claims["email_verified"] = true.into();
        claims["preferred_username"] = "tanaka".into();
    }));
    let refused = signs_in(&test, &provider, "stranger").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text().contains("自分の設定"), "{}", refused.text());
    assert_eq!(account::list(&test.app).await.expect("readable").len(), 1);
}

#[tokio::test]
async fn tokens_that_do_not_fit_open_nothing() {
    type Change = fn(&mut Value);
    let (provider, test) = open().await;
    linked(&test, &provider, "subject-1").await;
    let bent: [(&str, Change); 12] = [
        ("wrong nonce", |c| c["nonce"] = "another".into()),
        ("no nonce", |c| {
            c.as_object_mut().expect("an object").remove("nonce");
        }),
        ("wrong audience", |c| c["aud"] = "another".into()),
        ("several audiences, no party", |c| {
            c["aud"] = json!([CLIENT, "another"]);
        }),
        ("another party", |c| c["azp"] = "another".into()),
        ("other issuer", |c| {
            c["iss"] = "https://evil.example".into();
        }),
        ("expired", |c| {
            c["exp"] = json!(c["iat"].as_i64().expect("a number") - 120);
        }),
        ("expiry as text", |c| c["exp"] = "9999999999".into()),
        ("no expiry", |c| {
            c.as_object_mut().expect("an object").remove("exp");
        }),
        ("issued long ago", |c| {
            c["iat"] = json!(c["iat"].as_i64().expect("a number") - 3600);
        }),
        ("not valid yet", |c| {
            c["nbf"] = json!(c["iat"].as_i64().expect("a number") + 3600);
        }),
        ("nobody", |c| c["sub"] = "".into()),
    ];
    for (what, change) in bent {
        provider.with().bend = Some(Box::new(change));
        let refused = signs_in(&test, &provider, "subject-1").await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{what}");
        assert!(refused.text().contains("確かめられません"), "{what}");
    }
    provider.with().bend = None;
    for signed in [
        Signed::NotAtAll,
        Signed::WithThePublicKey,
        Signed::ByAnother,
    ] {
        provider.with().signed = signed;
        let refused = signs_in(&test, &provider, "subject-1").await;
        assert_eq!(
            refused.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{signed:?}"
        );
    }
    provider.with().signed = Signed::Properly;
    // Clocks differ a little.
    provider.with().bend = Some(Box::new(|c| {
        let iat = c["iat"].as_i64().expect("a number");
        c["iat"] = json!(iat + 40);
        c["exp"] = json!(iat - 40);
    }));
    let answer = signs_in(&test, &provider, "subject-1").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
}

#[tokio::test]
async fn answers_are_taken_once_in_the_browser_that_went_and_in_time() {
    let (provider, test) = open().await;
    linked(&test, &provider, "subject-1").await;
    let code =
        |sent: &Sent| provider.code(claims(&test, &provider, sent, "subject-1"), &sent.challenge);

    // A state that nobody gave, and one that another browser was given.
    let mut client = test.anonymous();
    let mine = begin(&mut client).await;
    let forged = client.get(&answered(&provider, &code(&mine), "0")).await;
    assert_eq!(forged.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        forged.text().contains("別のブラウザー"),
        "{}",
        forged.text()
    );
    let mut other = test.anonymous();
    begin(&mut other).await;
    let stolen = other
        .get(&answered(&provider, &code(&mine), &mine.state))
        .await;
    assert_eq!(stolen.status, StatusCode::UNPROCESSABLE_ENTITY);
    // That cost its owner nothing.
    let used = code(&mine);
    let answer = client.get(&answered(&provider, &used, &mine.state)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    // The same again: the state is used, and with a new state the code is.
    let again = client.get(&answered(&provider, &used, &mine.state)).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    let mut fresh = test.anonymous();
    let next = begin(&mut fresh).await;
    let replayed = fresh.get(&answered(&provider, &used, &next.state)).await;
    assert_eq!(replayed.status, StatusCode::UNPROCESSABLE_ENTITY);
    // Somebody else's code put into one's own sign-in: the PKCE challenge is another.
    let (victim, attacker) = (begin(&mut other).await, begin(&mut fresh).await);
    let injected = fresh
        .get(&answered(&provider, &code(&victim), &attacker.state))
        .await;
    assert_eq!(injected.status, StatusCode::UNPROCESSABLE_ENTITY);
    // From another provider, or without saying from which.
    for iss in ["&iss=https%3A%2F%2Fevil.example", ""] {
        let sent = begin(&mut fresh).await;
        let path = format!(
            "/sign-in/oidc/answer?code={}&state={}{iss}",
            code(&sent),
            sent.state
        );
        let mixed = fresh.get(&path).await;
        assert_eq!(mixed.status, StatusCode::UNPROCESSABLE_ENTITY, "{iss}");
    }
    // The person said no there.
    let sent = begin(&mut fresh).await;
    let iss = provider.issuer().replace(':', "%3A").replace('/', "%2F");
    let denied = fresh
        .get(&format!(
            "/sign-in/oidc/answer?error=access_denied&state={}&iss={iss}",
            sent.state
        ))
        .await;
    assert!(denied.text().contains("取りやめ"), "{}", denied.text());
    // Too late.
    let sent = begin(&mut fresh).await;
    test.clock.advance(SignedDuration::from_mins(16));
    let late = back(&test, &provider, &mut fresh, &sent, "subject-1").await;
    assert_eq!(late.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn the_second_factor_is_asked_for_unless_the_provider_is_trusted_with_it() {
    let provider = Provider::start().await;
    let test = open_with(&provider, |oidc| {
        oidc.second_factor = vec!["mfa".to_owned()];
    })
    .await;
    linked(&test, &provider, "subject-1").await;
    let account = &account::list(&test.app).await.expect("readable")[0];
    let user = account.id.to_string();
    second::begin(&test.app, &user).await.expect("begun");
    let enrolment = second::enrolment(&test.app, &user, "x")
        .await
        .expect("readable")
        .expect("begun");
    let code = crate::second_factor::code_of(&test, enrolment.secret.expose());
    let confirmed = second::confirm(&test.app, &user, &code).await;
    assert!(confirmed.expect("readable").is_some());

    let answer = signs_in(&test, &provider, "subject-1").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert!(answer.text().contains("/sign-in/code"), "{}", answer.text());
    for (claim, value) in [("amr", json!(["pwd", "mfa"])), ("acr", json!("mfa"))] {
        provider.with().bend = Some(Box::new(move |c| c[claim] = value.clone()));
        let answer = signs_in(&test, &provider, "subject-1").await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    }
}

#[tokio::test]
async fn a_fresh_proof_is_one_only_when_the_provider_asked_the_same_person_again() {
    let (provider, test) = open().await;
    let mut client = linked(&test, &provider, "subject-1").await;
    linked(&test, &provider, "subject-2").await;
    test.clock.advance(SignedDuration::from_mins(6));
    let asked = client.post_form("/account/oidc/remove", &[]).await;
    assert_eq!(asked.status, StatusCode::UNAUTHORIZED);
    assert!(
        asked.text().contains("職員アカウントで確かめる"),
        "{}",
        asked.text()
    );
    let goes = |client: &Client| {
        let mut client = client.clone();
        async move {
            let sent = sent(&client.post_form("/prove/oidc", &[("next", "/help")]).await);
            assert!(sent.address.contains("prompt=login"), "{}", sent.address);
            (client, sent)
        }
    };
    let (mut other, way) = goes(&client).await;
    let refused = back(&test, &provider, &mut other, &way, "subject-2").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    provider.with().bend = Some(Box::new(|c| {
        c["auth_time"] = json!(c["iat"].as_i64().expect("a number") - 3600);
    }));
    let (mut remembered, way) = goes(&client).await;
    let refused = back(&test, &provider, &mut remembered, &way, "subject-1").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    provider.with().bend = None;
    let (mut client, way) = goes(&client).await;
    let answer = back(&test, &provider, &mut client, &way, "subject-1").await;
    assert_eq!(answer.location(), "/help", "{}", answer.text());
    let removed = client.post_form("/account/oidc/remove", &[]).await;
    assert_eq!(removed.status, StatusCode::SEE_OTHER, "{}", removed.text());
}

#[tokio::test]
async fn an_invitation_is_taken_with_the_organisations_account() {
    let (provider, test) = open().await;
    let invite = || async {
        let purpose = Purpose::Join {
            role: Role::City,
            scope: Scope::EveryContract,
        };
        invitation::make(&test.app, &Actor::machine("test"), "田中", &purpose)
            .await
            .expect("made")
    };
    let first = invite().await;
    let path = format!("/invitation/{}", first.expose());
    let mut client = test.anonymous();
    let page = client.get(&path).await.text();
    assert!(page.contains("職員アカウントで始める"), "{page}");
    let way = format!("{path}/oidc");
    let bad = client.post_raw_form(&way, &[("name", "T")]).await;
    assert_eq!(bad.status, StatusCode::UNPROCESSABLE_ENTITY);
    let go = sent(&client.post_raw_form(&way, &[("name", "tanaka")]).await);
    let answer = back(&test, &provider, &mut client, &go, "subject-1").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    assert_eq!(client.get("/account").await.status, StatusCode::OK);
    // The link is used; the account comes in again; a second account for the same person does not.
    let used = test.anonymous().get(&path).await;
    assert_eq!(used.status, StatusCode::NOT_FOUND);
    let answer = signs_in(&test, &provider, "subject-1").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let second = invite().await;
    let way = format!("/invitation/{}/oidc", second.expose());
    let mut client = test.anonymous();
    let go = sent(&client.post_raw_form(&way, &[("name", "suzuki")]).await);
    let refused = back(&test, &provider, &mut client, &go, "subject-1").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(account::list(&test.app).await.expect("readable").len(), 1);
}

#[tokio::test]
async fn only_admitted_domains_come_in() {
    let provider = Provider::start().await;
    let domains = vec!["example.lg.jp".to_owned()];
    let test = open_with(&provider, |oidc| oidc.email_domains = domains).await;
    provider.with().userinfo =
        json!({ "sub": "subject-1", "email": "a@example.lg.jp", "email_verified": true });
    linked(&test, &provider, "subject-1").await;
    for said in [
        json!({ "sub": "subject-1", "email": "a@example.jp", "email_verified": true }),
        json!({ "sub": "subject-2", "email": "a@example.lg.jp", "email_verified": true }),
    ] {
        provider.with().userinfo = said;
        let refused = signs_in(&test, &provider, "subject-1").await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
}

#[tokio::test]
async fn new_keys_are_fetched_and_a_provider_that_is_down_is_told() {
    let (provider, test) = open().await;
    linked(&test, &provider, "subject-1").await;
    provider.turn_key();
    // Not more often than once a minute.
    let refused = signs_in(&test, &provider, "subject-1").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    test.clock.advance(SignedDuration::from_secs(61));
    let answer = signs_in(&test, &provider, "subject-1").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    assert_eq!(provider.with().asked_for_keys, 2);
    // What it said within the last day holds; after that the page says so, and passwords work.
    provider.with().down = true;
    test.clock.advance(SignedDuration::from_hours(2));
    let mut client = test.anonymous();
    begin(&mut client).await;
    test.clock.advance(SignedDuration::from_hours(24));
    let refused = client.post_raw_form("/sign-in/oidc", &[]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        refused.text().contains("応答しません"),
        "{}",
        refused.text()
    );
    test.add_user("tanaka", Role::Staff).await;
    client.sign_in("tanaka", PASSWORD).await;
}

#[tokio::test]
async fn another_provider_than_the_configured_one_is_not_believed() {
    let provider = Provider::start().await;
    let test = open_with(&provider, |oidc| oidc.issuer.push('/')).await;
    let mut client = test.anonymous();
    let refused = client.post_raw_form("/sign-in/oidc", &[]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        refused.text().contains("設定と合いません"),
        "{}",
        refused.text()
    );
}

#[tokio::test]
async fn without_configuration_there_is_no_such_way() {
    let test = TestApp::with(vec![]).await;
    let mut client = test.sign_in(Role::Staff).await;
    for path in ["/account", "/sign-in"] {
        assert!(!client.open(path).await.text().contains("/oidc"), "{path}");
    }
    let answer = client.get("/sign-in/oidc/answer?code=1&state=2").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let answer = client.post_form("/account/oidc", &[]).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}
