//! The gateway's pages and its API: what people see of refused requests, and what they decide.

use axum::http::StatusCode;
use jiff::Timestamp;
use mamori_gateway::model::{Finding, Matched};
use mamori_gateway::tally::{Found, Minute, Tally, What, minute_of};
use mamori_gateway::{access, capability, store};
use mamori_kernel::permission::Role;
use mamori_proxy::WafMode;
use mamori_runtime::config::{Gateway, GatewaySite};
use mamori_testkit::TestApp;
use serde_json::json;

fn site(name: &str, contract: &str) -> GatewaySite {
    GatewaySite {
        name: name.to_owned(),
        contract: contract.to_owned(),
        hosts: vec![format!("{name}.example.jp")],
        upstreams: vec!["127.0.0.1:1".to_owned()],
        certificate: None,
        inspect_answers: false,
    }
}

fn finding(id: &str, site: &str, at: Timestamp) -> Finding {
    let matched = |rule, target: &str| Matched {
        rule,
        message: "XSS Filter - Category 1".to_owned(),
        tags: vec!["attack-xss".to_owned()],
        observed: false,
        hits: vec![(target.to_owned(), "<script>alert(1)</script>".to_owned())],
    };
    Finding {
        id: id.to_owned(),
        site: site.to_owned(),
        at,
        client: "203.0.113.9".to_owned(),
        method: "POST".to_owned(),
        path: "/wp-comments-post.php".to_owned(),
        mode: WafMode::Block,
        refused: true,
        score: 5,
        incomplete: false,
        matches: vec![
            matched(941_110, "ARGS:comment"),
            matched(949_110, "TX:blocking_inbound_anomaly_score"),
        ],
    }
}

/// What decisions in these tests name.
const RULES: &str = "SecRule ARGS \"@contains <script\" \"id:941110,phase:2,pass,tag:attack-xss\"\n\
     SecRule ARGS \"@contains union\" \"id:942100,phase:2,pass,tag:attack-sqli\"\n";

async fn open() -> TestApp {
    let test = open_without_rules().await;
    install(&test, RULES);
    test
}

fn install(test: &TestApp, rules: &str) {
    let place = mamori_rules::in_force(&test.app.config.data_dir);
    std::fs::create_dir_all(&place).expect("made");
    std::fs::write(place.join("a.conf"), rules).expect("written");
}

async fn open_without_rules() -> TestApp {
    let test = TestApp::builder()
        .configured(|config| {
            config.gateway = Some(Gateway {
                sites: vec![site("a", "c1"), site("b", "c2")],
                ..Gateway::default()
            });
        })
        .with(capability())
        .open()
        .await;
    let mut tx = test.app.db.begin_write().await.expect("a transaction");
    let found = [
        finding("0a1b", "a", test.app.now()),
        finding("ffff", "b", test.app.now()),
    ];
    store::add_findings(&mut tx, &found).await.expect("written");
    tx.commit().await.expect("committed");
    test
}

#[tokio::test]
async fn a_refused_request_is_found_by_its_number_and_excluded_narrowly() {
    let test = open().await;
    let mut person = test.sign_in(Role::Manager).await;
    let list = person.get("/c/c1/gateway/blocked?q=0a1b").await;
    assert_eq!(list.status, StatusCode::OK, "{}", list.text());
    assert!(list.text().contains("941110"), "{}", list.text());
    assert!(
        !person
            .get("/c/c1/gateway/blocked?rule=94")
            .await
            .text()
            .contains("0a1b</code>")
    );
    let one = person.get("/c/c1/gateway/blocked/0a1b").await.text();
    assert!(
        one.contains("&#60;script&#62;alert(1)") || one.contains("&lt;script&gt;"),
        "{one}"
    );
    assert!(!one.contains("<script>alert(1)"));
    let link = one
        .split('"')
        .find(|part| part.contains("/gateway/exclusions/new?"))
        .unwrap_or_else(|| panic!("no link to the narrowest exclusion: {one}"))
        .replace("&#38;", "&")
        .replace("&amp;", "&");
    assert!(
        link.contains("rule=941110") && link.contains("target=ARGS%3Acomment"),
        "{link}"
    );
    assert_eq!(
        one.matches("/gateway/exclusions/new?").count(),
        1,
        "sums are not excluded"
    );
    let form = person.get(&link).await.text();
    assert!(
        form.contains("/wp-comments-post.php") && form.contains("2026-12-30"),
        "{form}"
    );

    let mut fields = vec![
        ("site", "a"),
        ("rule", "941110"),
        ("target", "ARGS:comment"),
        ("path", "/wp-comments-post.php"),
        ("reach", ""),
        ("reason", ""),
        ("expires_on", "2026-12-30"),
        ("request", "0a1b"),
    ];
    let wrong = person
        .post_form("/c/c1/gateway/exclusions/new", &fields)
        .await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text().contains("理由を 500 字までで書いてください"));
    assert!(
        wrong.text().contains("/wp-comments-post.php"),
        "what was typed stays"
    );
    fields[5].1 = "意見の中の例";
    let added = person
        .post_form("/c/c1/gateway/exclusions/new", &fields)
        .await;
    assert_eq!(added.status, StatusCode::SEE_OTHER, "{}", added.text());
    let held = store::exclusions(&test.app.db, "a", true)
        .await
        .expect("read");
    assert_eq!(
        (held.len(), held[0].rule, held[0].request.as_str()),
        (1, 941_110, "0a1b")
    );
    let list = person.get("/c/c1/gateway/exclusions").await.text();
    assert!(
        list.contains("意見の中の例") && list.contains("有効"),
        "{list}"
    );
    let end = format!("/c/c1/gateway/exclusions/a/{}/end", held[0].id);
    assert_eq!(
        person.post_form(&end, &[]).await.status,
        StatusCode::SEE_OTHER
    );
    assert_eq!(
        person.post_form(&end, &[]).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn sites_of_other_contracts_are_out_of_reach() {
    let test = open().await;
    let mut person = test.sign_in(Role::Manager).await;
    for path in [
        "/c/c1/gateway/blocked/ffff",
        "/api/v1/contracts/c1/gateway/blocked/ffff",
    ] {
        assert_eq!(
            person.get(path).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    let list = person.get("/c/c1/gateway/blocked").await.text();
    assert!(!list.contains("ffff"));
    let change = [("mode", "off"), ("paranoia", "1"), ("retry_minutes", "5")];
    let other = person.post_form("/c/c1/gateway/sites/b", &change).await;
    assert_eq!(other.status, StatusCode::NOT_FOUND);
    assert_eq!(
        store::policy(&test.app.db, "b").await.expect("read").mode,
        WafMode::Block
    );
}

#[tokio::test]
async fn a_site_is_changed_by_page_and_by_program() {
    let test = open().await;
    let mut person = test.sign_in(Role::Manager).await;
    let page = person.get("/c/c1/gateway").await.text();
    assert!(
        page.contains("動いていません") && page.contains("a.example.jp"),
        "{page}"
    );
    let change = [
        ("mode", "detect"),
        ("paranoia", "2"),
        ("retry_minutes", "30"),
        ("closed", "yes"),
    ];
    let done = person.post_form("/c/c1/gateway/sites/a", &change).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text());
    let policy = store::policy(&test.app.db, "a").await.expect("read");
    assert_eq!(
        (policy.mode, policy.paranoia, policy.closed),
        (WafMode::Detect, 2, true)
    );
    let wrong = [
        ("mode", "detect"),
        ("paranoia", "2"),
        ("retry_minutes", "20000"),
    ];
    let refused = person.post_form("/c/c1/gateway/sites/a", &wrong).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let page = refused.text();
    assert!(
        page.contains("<details class=\"panel\" open>") && page.contains("value=\"20000\""),
        "the form stays open with what was typed: {page}"
    );
    assert!(page.contains("id=\"e-a-retry_minutes\""), "{page}");
    let other = person.post_form("/c/c1/gateway/sites/b", &wrong).await;
    assert_eq!(other.status, StatusCode::NOT_FOUND);

    let mut program = test.token(Role::Manager).await;
    let path = "/api/v1/contracts/c1/gateway/sites/a";
    let body = json!({"mode": "block", "paranoia": 1, "closed": false, "retry_minutes": 60});
    let answer = program.post_json(path, &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let now = program.get("/api/v1/contracts/c1/gateway").await.json();
    assert_eq!(
        (&now["sites"][0]["mode"], &now["serving"]),
        (&json!("block"), &json!(false))
    );
    let mut city = test.token(Role::City).await;
    assert_eq!(
        city.get("/api/v1/contracts/c1/gateway").await.status,
        StatusCode::OK
    );
    assert_eq!(
        city.post_json(path, &body).await.status,
        StatusCode::FORBIDDEN
    );
    let wish = json!({
        "site": "a", "rule": 941_110, "target": "ARGS:comment", "reason": "見本",
        "expires_on": "2026-12-30",
    });
    let path = "/api/v1/contracts/c1/gateway/exclusions";
    let first = program.post_json(path, &wish).await.json();
    let again = program.post_json(path, &wish).await.json();
    assert_eq!(first["id"], again["id"], "the same is not made twice");
    assert_eq!(program.get(path).await.json()["total"], 1);
}

#[tokio::test]
async fn two_who_decide_about_a_site_at_once_see_each_others_decision() {
    let test = open().await;
    let mut first = test.sign_in(Role::Manager).await;
    let mut second = test.sign_in(Role::Administrator).await;
    for page in [
        first.get("/c/c1/gateway").await,
        second.get("/c/c1/gateway").await,
    ] {
        let hidden = r#"<input type="hidden" name="was" value="0">"#;
        assert!(page.text().contains(hidden), "{}", page.text());
    }
    let path = "/c/c1/gateway/sites/a";
    let closing = [
        ("mode", "block"),
        ("paranoia", "1"),
        ("retry_minutes", "60"),
        ("closed", "yes"),
        ("was", "0"),
    ];
    let done = first.post_form(path, &closing).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text());
    // A wrong value does not make the old view a new one.
    let wrong = [("mode", "detect"), ("paranoia", "9"), ("was", "0")];
    let refused = second.post_form(path, &wrong).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text().contains(r#"name="was" value="0""#));
    let observing = |was| {
        [
            ("mode", "detect"),
            ("paranoia", "3"),
            ("retry_minutes", "45"),
            ("was", was),
        ]
    };
    let late = second.post_form(path, &observing("0")).await;
    assert_eq!(late.status, StatusCode::CONFLICT, "{}", late.text());
    let told = late.text();
    for part in [
        "ほかの人がこのサイトの設定を変えました",
        "止める / 厳しさ 1 / 閉じています（保守中のページ） / 閉じたときの再訪 60 分後",
        "厳しさ 3 / 公開しています / 閉じたときの再訪 45 分後",
        r#"name="was" value="1""#,
        r#"value="45""#,
        r#"<details class="panel" open>"#,
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let policy = store::policy(&test.app.db, "a").await.expect("read");
    assert!(policy.closed && policy.mode == WafMode::Block, "{policy:?}");
    let done = second.post_form(path, &observing("1")).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text());
    // The same once more, from an old page: it is so already.
    let again = second.post_form(path, &observing("0")).await;
    assert_eq!(again.status, StatusCode::SEE_OTHER, "{}", again.text());
    let policy = store::policy(&test.app.db, "a").await.expect("read");
    assert_eq!((policy.paranoia, policy.closed), (3, false));

    let mut program = test.token(Role::Manager).await;
    let path = "/api/v1/contracts/c1/gateway/sites/a";
    let now = program.get("/api/v1/contracts/c1/gateway").await.json();
    assert_eq!(now["sites"][0]["revision"], 2, "{now}");
    let body = json!({"mode": "block", "paranoia": 1, "closed": false, "retry_minutes": 60});
    let old = program.post_json_seen(path, &body, 1).await;
    assert_eq!(
        old.status,
        StatusCode::PRECONDITION_FAILED,
        "{}",
        old.text()
    );
    assert_eq!(old.header("etag"), "\"2\"");
    let policy = store::policy(&test.app.db, "a").await.expect("read");
    assert_eq!(policy.paranoia, 3, "nothing was changed");
    let fresh = program.post_json_seen(path, &body, 2).await;
    assert_eq!(fresh.status, StatusCode::OK, "{}", fresh.text());
    assert_eq!(fresh.header("etag"), "\"3\"");
    assert_eq!(fresh.json()["revision"], 3);
    let without = [("mode", "off"), ("paranoia", "1"), ("retry_minutes", "5")];
    let done = first.post_form("/c/c1/gateway/sites/a", &without).await;
    assert_eq!(
        done.status,
        StatusCode::SEE_OTHER,
        "programs of old send none"
    );
}

#[tokio::test]
async fn somebody_is_kept_out_and_let_in_again_by_page_and_by_program() {
    let test = open().await;
    let mut person = test.sign_in(Role::Manager).await;
    let empty = person.get("/c/c1/gateway/bans").await.text();
    assert!(empty.contains("いま遮断している相手はいません"), "{empty}");
    let mut fields = [
        ("network", "10.0.0.0/8"),
        ("hours", "24"),
        ("reason", "くり返しの送信"),
    ];
    let wrong = person.post_form("/c/c1/gateway/bans/new", &fields).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text().contains("広すぎます") && wrong.text().contains("くり返しの送信"));
    fields[0].1 = "192.0.2.77";
    let done = person.post_form("/c/c1/gateway/bans/new", &fields).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text());
    let list = person.get("/c/c1/gateway/bans").await.text();
    assert!(
        list.contains("192.0.2.77/32") && list.contains("くり返しの送信"),
        "{list}"
    );
    let lifted = [("network", "192.0.2.77/32")];
    let done = person.post_form("/c/c1/gateway/bans/lift", &lifted).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    let again = person.post_form("/c/c1/gateway/bans/lift", &lifted).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);

    let refused = person.get("/c/c1/gateway/blocked/0a1b").await.text();
    assert!(
        refused.contains("/gateway/bans/new?network=203.0.113.9"),
        "{refused}"
    );
    let ban = json!({ "network": "2001:db8::5", "reason": "scan", "hours": 1 });
    let made = person
        .post_json("/api/v1/contracts/c1/gateway/bans", &ban)
        .await;
    assert_eq!(made.json()["network"], "2001:db8::/64", "{}", made.text());
    let list = person.get("/api/v1/contracts/c1/gateway/bans").await.json();
    assert_eq!(list["items"][0]["reason"], "scan", "{list}");
    let again = json!({ "network": "2001:db8::/64" });
    let path = "/api/v1/contracts/c1/gateway/bans/lift";
    assert_eq!(person.post_json(path, &again).await.status, StatusCode::OK);
    assert_eq!(
        person.post_json(path, &again).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn access_records_are_shown_only_of_own_sites_and_as_a_file() {
    let test = open().await;
    let folder = access::folder(&test.app);
    std::fs::create_dir_all(&folder).expect("a folder");
    let line = |site: &str, path: &str, status: u16| {
        json!({
            "kind": "access", "at": "2026-10-01T03:00:00Z", "id": "0123456789abcdef01234567",
            "listener": "http-0", "site": site, "client": "192.0.2.7", "method": "GET",
            "host": "www.example.jp", "path": path, "version": "HTTP/1.1", "tls": true,
            "status": status, "bytes_in": 0, "bytes_out": 12, "complete": true, "took_us": 1_500,
            "outcome": "served", "verdict": "passed", "score": 0,
        })
        .to_string()
    };
    let lines = [
        line("a", "/soudan/", 200),
        line("b", "/other/", 200),
        line("a", "/nothing", 404),
    ];
    let written = lines.join("\n") + "\n";
    std::fs::write(folder.join("access-2026-10-01-001.jsonl"), written).expect("written");
    let mut person = test.sign_in(Role::Manager).await;
    let page = person
        .get("/c/c1/gateway/access?day=2026-10-01")
        .await
        .text();
    assert!(
        page.contains("/soudan/") && page.contains("/nothing"),
        "{page}"
    );
    assert!(!page.contains("/other/"), "another contract's site");
    let narrow = person
        .get("/c/c1/gateway/access?day=2026-10-01&status=4xx")
        .await
        .text();
    assert!(!narrow.contains("/soudan/") && narrow.contains("/nothing"));
    let wrong = person.get("/c/c1/gateway/access?day=yesterday").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let file = person
        .get("/c/c1/gateway/access/file?day=2026-10-01&as=combined")
        .await;
    assert!(
        file.header("content-disposition")
            .contains("access-2026-10-01.log")
    );
    assert_eq!(file.text().lines().count(), 2, "{}", file.text());
    let items = person
        .get("/api/v1/contracts/c1/gateway/access?day=2026-10-01&q=soudan")
        .await
        .json();
    assert_eq!(items["items"][0]["path"], "/soudan/", "{items}");
}

#[tokio::test]
async fn parts_of_a_site_get_modes_by_page_and_by_program() {
    let test = open().await;
    let mut person = test.sign_in(Role::Manager).await;
    let form = person.get("/c/c1/gateway/modes/new").await;
    assert_eq!(form.status, StatusCode::OK, "{}", form.text());
    let wrong = [
        ("site", "a"),
        ("about", "rule"),
        ("name", "942100"),
        ("mode", "block"),
        ("reason", ""),
        ("expires_on", ""),
    ];
    let refused = person.post_form("/c/c1/gateway/modes/new", &wrong).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let said = refused.text();
    assert!(said.contains("規則は、何も決めなければ止めます"), "{said}");
    let wish = [
        ("site", "a"),
        ("about", "path"),
        ("name", "/wp-admin/"),
        ("mode", "detect"),
        ("reason", "編集の調査"),
        ("expires_on", "2026-10-30"),
    ];
    let done = person.post_form("/c/c1/gateway/modes/new", &wish).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text());
    let list = person.get("/c/c1/gateway/modes").await.text();
    for part in ["/wp-admin/ とその下", "記録だけする", "編集の調査"] {
        assert!(list.contains(part), "{part}: {list}");
    }

    let mut program = test.token(Role::Manager).await;
    let path = "/api/v1/contracts/c1/gateway/modes";
    let body = json!({
        "site": "a", "about": "tag", "name": "attack-sqli", "mode": "off", "reason": "見本",
        "expires_on": "2026-10-30",
    });
    let made = program.post_json(path, &body).await.json();
    assert_eq!(
        program.post_json(path, &body).await.json()["id"],
        made["id"]
    );
    let all = program.get(path).await.json();
    assert_eq!(all["total"], 2, "{all}");
    let id = made["id"].as_str().expect("an id");
    let end = format!("{path}/a/{id}/end");
    let ended = program.post_json(&end, &json!({})).await;
    assert_eq!(ended.json()["holds"], false);
    let again = program.post_json(&end, &json!({})).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
    let elsewhere = json!({
        "site": "b", "about": "path", "name": "/x", "mode": "block", "reason": "見本",
    });
    let refused = program.post_json(path, &elsewhere).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let mut city = test.token(Role::City).await;
    let forbidden = city.post_json(path, &body).await;
    assert_eq!(forbidden.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_rule_or_tag_that_is_not_there_is_refused_with_what_to_do() {
    let test = open_without_rules().await;
    let mut person = test.sign_in(Role::Manager).await;
    let mut program = test.token(Role::Manager).await;
    let fields = |about: &'static str, name: &'static str, reason: &'static str| {
        [
            ("site", "a"),
            ("about", about),
            ("name", name),
            ("mode", "detect"),
            ("reason", reason),
            ("expires_on", "2026-10-30"),
        ]
    };
    let page = "/c/c1/gateway/modes/new";
    for (rules, about, name, said) in [
        ("", "rule", "942100", "mamori waf install"),
        (RULES, "rule", "942101", "いま使っている規則にありません"),
        (RULES, "tag", "attack-SQLi", "大文字と小文字も区別して"),
        ("SecRule nonsense\n", "tag", "attack-sqli", "gateway.rules"),
    ] {
        if !rules.is_empty() {
            install(&test, rules);
        }
        let refused = person.post_form(page, &fields(about, name, "")).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        let answered = refused.text();
        assert!(answered.contains(said), "{name}: {answered}");
        assert!(answered.contains("理由を"), "and all else that is wrong");
        let body = json!({
            "site": "a", "about": about, "name": name, "mode": "off", "reason": "見本",
            "expires_on": "2026-10-30",
        });
        let answer = program.post_json("/api/v1/contracts/c1/gateway/modes", &body);
        let answer = answer.await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        let told = answer.json();
        assert_eq!(told["errors"][0]["field"], "name", "{told}");
        assert!(told.to_string().contains(said), "{told}");
    }
    // A path needs no rules; an exclusion names one too.
    let path = fields("path", "/form/", "見本");
    let done = person.post_form(page, &path).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text());
    install(&test, RULES);
    let wish = json!({
        "site": "a", "rule": 941_111, "target": "ARGS:comment", "reason": "見本",
        "expires_on": "2026-10-30",
    });
    let answer = program.post_json("/api/v1/contracts/c1/gateway/exclusions", &wish);
    let told = answer.await.json();
    assert_eq!(told["errors"][0]["field"], "rule", "{told}");
    assert!(told.to_string().contains("番号を書いてください"), "{told}");
    let rule = fields("rule", "942100", "見本");
    let done = person.post_form(page, &rule).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text());
}

#[tokio::test]
async fn the_page_of_the_traffic_draws_what_was_counted() {
    let test = open().await;
    let now = test.app.now();
    let today = mamori_kernel::clock::tokyo_date(now);
    let mut tally = Tally::default();
    let minute = minute_of(now);
    for (at, requests) in [(minute - 2, 600), (minute - 90, 70)] {
        let one = Minute {
            requests,
            refused: 3,
            observed: 1,
            answers: [requests - 3, 0, 3, 0],
        };
        tally.minutes.insert(("a".to_owned(), at), one);
        tally.minutes.insert(("b".to_owned(), at), one);
    }
    let found = Found {
        refused: 6,
        observed: 2,
    };
    for (what, name) in [(What::Kind, "sqli"), (What::Rule, "942100")] {
        let key = ("a".to_owned(), today, what, name.to_owned());
        tally.found.insert(key, found);
    }
    let mut tx = test.app.db.begin_write().await.expect("begun");
    mamori_gateway::tally::store::add(&mut tx, &tally)
        .await
        .expect("written");
    tx.commit().await.expect("committed");
    let mut person = test.sign_in(Role::Viewer).await;
    let page = person.get("/c/c1/gateway/traffic").await.text();
    for part in [
        "2.0",
        "597",
        "SQL インジェクション",
        ">942100</a>",
        "/wp-comments-post.php",
        "合計 670 件",
        "合計 8 件",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    assert!(page.matches("role=\"img\"").count() >= 4, "{page}");

    let mut program = test.token(Role::Viewer).await;
    let told = program.get("/api/v1/contracts/c1/gateway/traffic").await;
    let told = told.json();
    assert_eq!(
        (&told["now"]["requests"], &told["now"]["answers_4xx"]),
        (&json!(600), &json!(3)),
        "{told}"
    );
    let hours = told["hours"].as_array().expect("hours");
    let requests = hours.iter().filter_map(|hour| hour["requests"].as_u64());
    assert_eq!((hours.len(), requests.sum::<u64>()), (24, 670));
    assert_eq!(told["kinds"][0]["name"], "sqli");
    assert_eq!(told["paths"][0]["path"], "/wp-comments-post.php");

    // Two days later the minutes are forgotten, the days stay.
    test.advance(jiff::SignedDuration::from_hours(72)).await;
    test.advance(jiff::SignedDuration::from_hours(24)).await;
    let left =
        mamori_gateway::tally::store::minutes(&test.app.db, "a", jiff::Timestamp::UNIX_EPOCH);
    assert!(left.await.expect("read").is_empty());
    let mut person = test.sign_in(Role::Viewer).await;
    let page = person.get("/c/c1/gateway/traffic").await.text();
    assert!(page.contains("SQL インジェクション"), "{page}");
}
