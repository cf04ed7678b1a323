//! Every act of the console's own pages leaves a record in a chain, or stands below with the reason
//! why it leaves none. It walks the routes of the capability: a new one is asked for its record by
//! being there.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use mamori_kernel::permission::Role;
use mamori_runtime::setting::MAIL_CITY;
use mamori_runtime::{Notification, Route, Verb};
use mamori_store::args;
use mamori_testkit::{Answer, Client, PASSWORD, TestApp};
use mamori_web::{account, setup};

use super::mail_address::{link, mails_to};
use super::sample;
use super::second_factor::{between, code_of};

/// Acts without a record, each with the reason. An address that ends in `/**` names all below it.
const WITHOUT: &[(&str, &str)] = &[
    ("/language", "how pages look in one browser"),
    (
        "/prove/**",
        "proves who asks for the act that follows, and that act leaves its record",
    ),
    ("/sign-in/passkey", "asks the browser; nobody is in yet"),
    (
        "/sign-in/passkey/answer",
        "needs a device; it ends where a password does, which is walked here",
    ),
    (
        "/sign-in/oidc",
        "leads to the provider; who comes back signs in like everybody",
    ),
    (
        "/account/oidc",
        "leads to the provider; the link made after it is recorded",
    ),
    (
        "/invitation/{token}/oidc",
        "leads to the provider; the account made after it is recorded",
    ),
    (
        "/account/second-factor",
        "makes a secret that opens nothing before it is confirmed",
    ),
    (
        "/account/passkeys",
        "asks the browser; nothing is registered yet",
    ),
    (
        "/account/passkeys/answer",
        "needs a device; walked in the browser, where its record is seen",
    ),
    (
        "/c/{contract}/webhooks/{id}/test",
        "changes nothing; the list of what was sent keeps it",
    ),
    (
        "/c/{contract}/webhooks/{id}/again",
        "sends what is recorded already; the list of what was sent keeps it",
    ),
];

struct Walk {
    test: TestApp,
    done: BTreeSet<&'static str>,
}

impl Walk {
    async fn records(&self) -> u64 {
        let heads = self.test.app.db.ledger_heads().await.expect("heads");
        heads.iter().map(|head| head.seq).sum()
    }

    /// An act of the route: it succeeds, and a record is there.
    async fn acts(
        &mut self,
        route: &'static str,
        client: &mut Client,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Answer {
        let before = self.records().await;
        let answer = if client.cookie().is_some() {
            client.post_form(path, fields).await
        } else {
            client.post_raw_form(path, fields).await
        };
        let status = answer.status;
        assert!(
            status.is_success() || status.is_redirection(),
            "{route}: {status} {}",
            answer.text()
        );
        assert!(self.records().await > before, "{route} left no record");
        self.done.insert(route);
        answer
    }

    async fn id_of(&self, name: &str) -> String {
        let account = account::find(&self.test.app, name).await.expect("there");
        account.id.to_string()
    }

    async fn run(&self, sql: &str, args: mamori_store::Args) {
        self.test.app.db.execute(sql, args).await.expect("is run");
    }
}

const NEW: &str = "maple lantern orbit cedar";

fn new_person<'a>(name: &'a str, token: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("token", token),
        ("name", name),
        ("display_name", "田中"),
        ("password", NEW),
        ("password_again", NEW),
    ]
}

#[tokio::test]
async fn every_act_of_the_console_leaves_a_record_or_has_a_reason() {
    let test = TestApp::with(vec![sample::capability()]).await;
    let done = BTreeSet::new();
    let mut walk = Walk { test, done };
    entrance(&mut walk).await;
    own_account(&mut walk).await;
    people(&mut walk).await;
    of_a_contract(&mut walk).await;
    machine(&mut walk).await;
    let capabilities = walk.test.app.capabilities();
    let web = capabilities.iter().find(|one| one.id == "web");
    let is_act = |route: &&Route| route.verb != Verb::Get && !route.path.starts_with("/api/");
    let routes = web.expect("the console").routes.iter().filter(is_act);
    let all: BTreeSet<&str> = routes.map(|route| route.path).collect();
    let excused = |path: &str| {
        WITHOUT
            .iter()
            .any(|(known, _)| match known.strip_suffix("/**") {
                Some(above) => path
                    .strip_prefix(above)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
                None => *known == path,
            })
    };
    let forgotten: Vec<&&str> = all
        .iter()
        .filter(|path| !walk.done.contains(**path) && !excused(path))
        .collect();
    assert!(
        forgotten.is_empty(),
        "neither done nor excused: {forgotten:?}"
    );
    let gone: Vec<&&str> = walk
        .done
        .iter()
        .filter(|path| !all.contains(**path))
        .collect();
    assert!(gone.is_empty(), "no such route any more: {gone:?}");
    assert!(all.len() > 40, "only {} acts were looked at", all.len());
}

async fn entrance(walk: &mut Walk) {
    let way = setup::open(&walk.test.app).await.expect("answers");
    let way = way.expect("no account yet");
    let token = way.expose().split_once('=').expect("a token").1.to_owned();
    let mut first = walk.test.anonymous();
    let fields = new_person("first", &token);
    walk.acts("/setup", &mut first, "/setup", &fields).await;
    walk.acts("/sign-out", &mut first, "/sign-out", &[]).await;
    let mut again = walk.test.anonymous();
    let fields = [("name", "first"), ("password", NEW)];
    walk.acts("/sign-in", &mut again, "/sign-in", &fields).await;
    let fields = [("display_name", "佐藤"), ("role", "staff"), ("every", "1")];
    let route = "/people/invite";
    let made = walk.acts(route, &mut again, route, &fields).await.text();
    let secret = between(&made, "/invitation/", "\"").to_owned();
    let mut guest = walk.test.anonymous();
    let fields = new_person("sato", "");
    let path = format!("/invitation/{secret}");
    walk.acts("/invitation/{token}", &mut guest, &path, &fields)
        .await;
    walk.acts(
        route,
        &mut again,
        route,
        &[("display_name", "鈴木"), ("role", "staff"), ("every", "1")],
    )
    .await;
    let page = again.get("/people").await.text();
    let id = between(&page, "/people/invitations/", "/revoke").to_owned();
    let path = format!("/people/invitations/{id}/revoke");
    walk.acts("/people/invitations/{id}/revoke", &mut again, &path, &[])
        .await;
}

async fn own_account(walk: &mut Walk) {
    let mut own = walk.test.sign_in(Role::Staff).await;
    let name = "staff-0";
    let fields = [
        ("display_name", "田中"),
        ("language", "ja"),
        ("date_style", "iso"),
    ];
    walk.acts("/account", &mut own, "/account", &fields).await;
    let fields = [
        ("current_password", PASSWORD),
        ("password", NEW),
        ("password_again", NEW),
    ];
    let route = "/account/password";
    walk.acts(route, &mut own, route, &fields).await;
    let mut other = walk.test.anonymous();
    other.sign_in(name, NEW).await;
    let page = own.get("/account").await.text();
    let id = between(&page, "/account/sessions/", "/end\"").to_owned();
    let path = format!("/account/sessions/{id}/end");
    walk.acts("/account/sessions/{id}/end", &mut own, &path, &[])
        .await;
    other.sign_in(name, NEW).await;
    let route = "/account/sessions/end-others";
    walk.acts(route, &mut own, route, &[]).await;

    let fields = [("mail", "hanako@example.jp")];
    let route = "/account/mail";
    walk.acts(route, &mut own, route, &fields).await;
    let mails = mails_to(&walk.test, "hanako@example.jp").await;
    let path = link(&mails[0]);
    walk.acts("/account/mail/{token}", &mut own, &path, &[])
        .await;
    let route = "/account/mail/remove";
    walk.acts(route, &mut own, route, &[]).await;

    let user = walk.id_of(name).await;
    let now = walk.test.app.now();
    walk.run(
        "INSERT INTO passkey (id, user_id, name, credential_id, credential, created_at) \
         VALUES ('k1', $1, '鍵', 'c', '{}', $2)",
        args![&user, now],
    )
    .await;
    let path = "/account/passkeys/k1/remove";
    walk.acts("/account/passkeys/{id}/remove", &mut own, path, &[])
        .await;
    let linked = "INSERT INTO oidc_identity (issuer, subject, user_id, linked_at) \
                  VALUES ('https://id.example.jp', 's', $1, $2)";
    walk.run(linked, args![&user, now]).await;
    let route = "/account/oidc/remove";
    walk.acts(route, &mut own, route, &[]).await;
    let mut admin = walk.test.sign_in(Role::Administrator).await;
    walk.run(linked, args![&user, now]).await;
    let path = format!("/people/{user}/oidc/remove");
    walk.acts("/people/{id}/oidc/remove", &mut admin, &path, &[])
        .await;

    let fields = [
        ("name", "取込み"),
        ("scopes", "sample.read"),
        ("days", "7"),
        ("key", "k"),
    ];
    let route = "/account/tokens";
    walk.acts(route, &mut own, route, &fields).await;
    let id = own.get("/api/v1/tokens").await.json()["items"][0]["id"].clone();
    let path = format!("/account/tokens/{}/revoke", id.as_str().expect("an id"));
    walk.acts("/account/tokens/{id}/revoke", &mut own, &path, &[])
        .await;
    second_factor(walk, &mut own, name).await;
}

async fn second_factor(walk: &mut Walk, own: &mut Client, name: &str) {
    own.post_form("/account/second-factor", &[]).await;
    let page = own.get("/account/second-factor").await.text();
    let secret = between(&page, "<br><span class=\"mono\">", "</span>").to_owned();
    let code = code_of(&walk.test, &secret);
    let route = "/account/second-factor/confirm";
    walk.acts(route, own, route, &[("code", &code)]).await;
    let mut other = walk.test.anonymous();
    let fields = [("name", name), ("password", NEW)];
    let page = other.post_raw_form("/sign-in", &fields).await.text();
    let pending = between(&page, "name=\"pending\" value=\"", "\"").to_owned();
    walk.test.clock.advance(SignedDuration::from_mins(1));
    let code = code_of(&walk.test, &secret);
    let fields = [("pending", pending.as_str()), ("code", &code)];
    let route = "/sign-in/code";
    walk.acts(route, &mut other, route, &fields).await;
    for route in [
        "/account/second-factor/codes",
        "/account/second-factor/remove",
    ] {
        walk.acts(route, own, route, &[]).await;
    }
}

async fn people(walk: &mut Walk) {
    let mut admin = walk.test.sign_in(Role::Administrator).await;
    walk.test.add_user("tanaka", Role::Staff).await;
    let id = walk.id_of("tanaka").await;
    let at = |act: &str| format!("/people/{id}/{act}");
    let fields = [("role", "manager"), ("every", "1")];
    walk.acts("/people/{id}/rights", &mut admin, &at("rights"), &fields)
        .await;
    for (route, act) in [
        ("/people/{id}/disable", "disable"),
        ("/people/{id}/enable", "enable"),
        ("/people/{id}/reset", "reset"),
        ("/people/{id}/end-sessions", "end-sessions"),
        ("/people/{id}/second-factor/remove", "second-factor/remove"),
    ] {
        walk.acts(route, &mut admin, &at(act), &[]).await;
    }
}

async fn of_a_contract(walk: &mut Walk) {
    let mut admin = walk.test.sign_in(Role::Administrator).await;
    let fields = [(MAIL_CITY, "koho@example.jp")];
    walk.acts(
        "/c/{contract}/settings",
        &mut admin,
        "/c/c1/settings",
        &fields,
    )
    .await;
    for subject in ["一通目", "二通目"] {
        let mail = Notification {
            subject: subject.to_owned(),
            body: "ご確認ください。".to_owned(),
            ..Notification::default()
        };
        let mut tx = walk.test.app.db.begin_write().await.expect("a transaction");
        let app = &walk.test.app;
        app.notify_city(&mut tx, "c1", mail).await.expect("queued");
        tx.commit().await.expect("committed");
    }
    let waiting = walk
        .test
        .app
        .letters("c1", Vec::new())
        .await
        .expect("letters");
    for (route, act, letter) in [
        ("/c/{contract}/letters/{id}/release", "release", &waiting[0]),
        (
            "/c/{contract}/letters/{id}/withdraw",
            "withdraw",
            &waiting[1],
        ),
    ] {
        let path = format!("/c/c1/letters/{}/{act}", letter.job.id);
        walk.acts(route, &mut admin, &path, &[]).await;
    }
    let fields = [
        ("url", "https://hooks.example.jp/m"),
        ("kinds", "work.*"),
        ("key", "k1"),
    ];
    walk.acts(
        "/c/{contract}/webhooks",
        &mut admin,
        "/c/c1/webhooks",
        &fields,
    )
    .await;
    let items = admin.get("/api/v1/contracts/c1/webhooks").await.json();
    let id = items["items"][0]["id"].as_str().expect("an id").to_owned();
    walk.run(
        "UPDATE webhook_subscription SET disabled_at = $1, disabled_reason = 'x' WHERE id = $2",
        args![walk.test.app.now(), &id],
    )
    .await;
    for (route, act) in [
        ("/c/{contract}/webhooks/{id}/resume", "resume"),
        ("/c/{contract}/webhooks/{id}/end", "end"),
    ] {
        let path = format!("/c/c1/webhooks/{id}/{act}");
        walk.acts(route, &mut admin, &path, &[]).await;
    }
}

async fn machine(walk: &mut Walk) {
    let mut admin = walk.test.sign_in(Role::Administrator).await;
    let mail = Notification {
        to: vec!["no address".to_owned()],
        subject: "期限の知らせ".to_owned(),
        ..Notification::default()
    };
    let mut tx = walk.test.app.db.begin_write().await.expect("a transaction");
    walk.test.app.notify(&mut tx, &mail).await.expect("queued");
    tx.commit().await.expect("committed");
    walk.test.advance(SignedDuration::ZERO).await;
    let row = walk
        .test
        .app
        .db
        .fetch_one("SELECT id FROM job WHERE state = 'failed'", args![]);
    let id = row.await.expect("a failed job").text("id").expect("an id");
    for (route, act, before) in [
        ("/system/jobs/{id}/retry", "retry", "failed"),
        ("/system/jobs/{id}/cancel", "cancel", "queued"),
        ("/system/jobs/{id}/release", "release", "held"),
    ] {
        walk.run(
            "UPDATE job SET state = $1 WHERE id = $2",
            args![before, &id],
        )
        .await;
        let path = format!("/system/jobs/{id}/{act}");
        walk.acts(route, &mut admin, &path, &[]).await;
    }
}
