//! An installation with something of everything, for requests that nobody should send.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use mamori_kernel::permission::Role;
use mamori_runtime::config::{Gateway, GatewaySite};
use mamori_runtime::notify::MAIL_JOB;
use mamori_runtime::{Config, Guard, NewJob, Notification, Route};
use mamori_store::{Db, args};
use mamori_testkit::{Answer, TestApp};
use mamori_web::account::Scope;
use serde_json::{Value, json};

use crate::matrix_tests::{CONTRACT, Person, SOURCE};

/// A body that opens an item of each register.
pub(super) fn forms() -> Vec<(&'static str, Value)> {
    vec![
        (
            "work",
            json!({"date": "2026-10-05", "hours": "1.5", "category": "correct", "event": "画像の差替え"}),
        ),
        (
            "request",
            json!({"title": "表の修正", "received_on": "2026-10-05", "channel": "mail"}),
        ),
        (
            "question",
            json!({"topic": "操作について", "channel": "mail", "received_on": "2026-10-05"}),
        ),
        (
            "approval",
            json!({"gate": "subcontract", "about": "見本工業", "requested_on": "2026-10-01"}),
        ),
        (
            "consultation",
            json!({"topic": "読み方の確認", "opened_on": "2026-10-05"}),
        ),
        (
            "attestation",
            json!({"obligation": attested(), "issuer": "見本株式会社", "issued_on": "2026-10-05"}),
        ),
        (
            "subcontract",
            json!({"party": "見本工業", "scope": "画像の加工", "core": false, "starts_on": "2026-10-20"}),
        ),
        (
            "training",
            json!({"topic": "個人情報の扱い", "field": "personal_data", "held_on": "2026-10-05", "attendee_names": ["見本 一郎"]}),
        ),
        (
            "measure",
            json!({"title": "接続元の制限", "field": "technical", "planned_on": "2026-10-05"}),
        ),
        (
            "handover",
            json!({"title": "引渡し", "deliverables": [{"name": "運用記録"}], "handed_on": "2026-10-05", "how": "mail"}),
        ),
        (
            "record",
            json!({"obligation": recorded(), "title": "確認した", "day": "2026-10-05"}),
        ),
        (
            "asset",
            json!({"name": "Web サーバー", "kind": "server", "registered_on": "2026-10-05"}),
        ),
        (
            "media",
            json!({"name": "USB メモリー", "kind": "usb", "holds": "写真", "registered_on": "2026-10-05"}),
        ),
    ]
}

/// The first obligation whose text in the contract file names `word`.
fn naming(word: &str) -> &'static str {
    let block = SOURCE
        .split("[[obligation]]")
        .find(|block| block.contains(word))
        .unwrap_or_else(|| panic!("no obligation names {word}"));
    let key = block.split("key = \"").nth(1).expect("it has a key");
    &key[..5]
}

fn attested() -> &'static str {
    naming("check = \"attestation\"")
}

pub(super) fn recorded() -> &'static str {
    naming("check = \"record\"")
}

/// A statement that gives everything the database holds, but when somebody was last seen.
async fn whole_content(db: &Db, sqlite: bool) -> String {
    let names = if sqlite {
        "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
    } else {
        "SELECT CAST(table_name AS TEXT) AS name FROM information_schema.tables \
         WHERE table_schema = current_schema() ORDER BY 1"
    };
    let mut parts = Vec::new();
    for table in db.fetch_all(names, args![]).await.expect("tables") {
        let table = table.text("name").expect("a name");
        // Whatever is appended to a chain changes its head, and chains hold by far the most.
        let left_out = [
            "audit_read",
            "sqlite_sequence",
            "ledger_record",
            "ledger_node",
        ];
        if left_out.contains(&table.as_str()) {
            continue;
        }
        let columns = if sqlite {
            format!("SELECT name FROM pragma_table_info('{table}') ORDER BY name")
        } else {
            format!(
                "SELECT CAST(column_name AS TEXT) AS name FROM information_schema.columns \
                 WHERE table_schema = current_schema() AND table_name = '{table}' ORDER BY 1"
            )
        };
        let columns: Vec<String> = db
            .fetch_all(&columns, args![])
            .await
            .expect("columns")
            .iter()
            .map(|row| row.text("name").expect("a name"))
            .filter(|name| !matches!(name.as_str(), "seen_at" | "last_used_at" | "flash"))
            .map(|name| {
                if sqlite {
                    format!("quote(\"{name}\")")
                } else {
                    format!("COALESCE(\"{name}\"::text, 'NULL')")
                }
            })
            .collect();
        let row = columns.join(" || ',' || ");
        let lines = if sqlite {
            format!(
                "SELECT COALESCE(group_concat(line, '|'), '') \
                 FROM (SELECT {row} AS line FROM \"{table}\" ORDER BY 1)"
            )
        } else {
            format!(
                "SELECT COALESCE(string_agg(line, '|' ORDER BY line), '') \
                 FROM (SELECT {row} AS line FROM \"{table}\") AS lines"
            )
        };
        parts.push(format!("SELECT '{table}' AS name, ({lines}) AS content"));
    }
    format!("{} ORDER BY 1", parts.join(" UNION ALL "))
}

/// Name of the site behind the gateway.
const SITE: &str = "www";

/// With a site behind the gateway.
pub(super) fn with_a_site(config: &mut Config) {
    let site = GatewaySite {
        name: SITE.to_owned(),
        contract: CONTRACT.to_owned(),
        hosts: vec!["www.example.jp".to_owned()],
        upstreams: vec!["127.0.0.1:1".to_owned()],
        certificate: None,
        inspect_answers: false,
    };
    config.gateway = Some(Gateway {
        sites: vec![site],
        ..Gateway::default()
    });
}

/// An installation with something of everything, and two people who may do everything together.
pub(super) struct Bench {
    pub(super) test: TestApp,
    /// Whether the last request left the database other than it was.
    pub(super) changed: bool,
    content: String,
    whole_content: String,
    admin: Person,
    city: Person,
    /// What stands for a parameter: by the start of the path behind the contract, or by its name.
    known: Vec<(String, String)>,
}

fn encoded(text: &str) -> String {
    mamori_web::components::percent_encoded(text)
}

impl Bench {
    pub(super) async fn new(test: TestApp, sqlite: bool) -> Self {
        let everywhere = Scope::EveryContract;
        let admin = Person::new(&test, "kanri".to_owned(), Role::Administrator, &everywhere).await;
        let city = Person::new(&test, "shi".to_owned(), Role::City, &everywhere).await;
        test.add_user("victim", Role::Viewer).await;
        let mut bench = Self {
            changed: false,
            content: String::new(),
            whole_content: whole_content(&test.app.db, sqlite).await,
            test,
            admin,
            city,
            known: Vec::new(),
        };
        bench.furnish().await;
        bench
    }

    fn learn(&mut self, what: &str, id: &Value) {
        let id = id.as_str().expect("an id").to_owned();
        self.known.push((what.to_owned(), id));
    }

    async fn furnish(&mut self) {
        for (register, form) in forms() {
            if register == "subcontract" {
                self.grant().await;
            }
            self.reopen(register, &form).await;
        }
        let body = json!({"document": "monthly-report", "period": "2026-10"});
        let made = self
            .made(&format!("/contracts/{CONTRACT}/documents"), &body)
            .await;
        self.learn("documents", &made["id"]);
        let hook = json!({"url": "https://hooks.example.jp/m", "kinds": ["media.erased"]});
        let made = self
            .made(&format!("/contracts/{CONTRACT}/webhooks"), &hook)
            .await;
        self.learn("webhooks", &made["id"]);
        let wish =
            json!({"display_name": "客", "rights": {"role": "viewer", "every_contract": true}});
        let made = self.made("/invitations", &wish).await;
        self.learn("invitations", &made["id"]);
        let made = self.made("/tokens", &json!({"name": "見本"})).await;
        self.learn("tokens", &made["id"]);
        let mail = Notification {
            to: vec!["shi@example.jp".to_owned()],
            subject: "見本".to_owned(),
            body: "見本".to_owned(),
            attachments: Vec::new(),
            contract: None,
        };
        let app = self.test.app.clone();
        let mut tx = app.db.begin_write().await.expect("a transaction");
        app.notify(&mut tx, &mail).await.expect("is queued");
        tx.commit().await.expect("is committed");
        let jobs = self.admin.client.get("/api/v1/system/jobs").await.json();
        self.learn("system", &jobs["items"][0]["id"]);
        let people = self.admin.client.get("/api/v1/people").await.json();
        let victim = people["items"].as_array().expect("a list").iter();
        let victim = victim.clone().find(|person| person["name"] == "victim");
        self.learn("people", &victim.expect("is there")["id"]);
        self.known
            .push(("obligations".to_owned(), recorded().to_owned()));
        self.known.push(("gateway".to_owned(), SITE.to_owned()));
        let setting = mamori_runtime::setting::MAIL_CITY_RELEASE;
        self.known.push(("settings".to_owned(), setting.to_owned()));
        self.content = self.read().await;
    }

    /// The approval that a sub-contract waits for.
    async fn grant(&mut self) {
        let id = self.value("approval").to_owned();
        let path = format!("/api/v1/contracts/{CONTRACT}/approval/{id}/grant/as-city");
        let body = json!({"decided_on": "2026-10-02", "how": "paper"});
        let answer = self.send(Role::City, &post(&path, &body.to_string())).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    }

    /// A mail to the city that waits for a person's word.
    pub(super) async fn hold_a_letter(&mut self) {
        let mail = Notification {
            to: vec!["shi@example.jp".to_owned()],
            subject: "見本".to_owned(),
            body: "見本".to_owned(),
            attachments: Vec::new(),
            contract: Some(CONTRACT.to_owned()),
        };
        let app = self.test.app.clone();
        let mut tx = app.db.begin_write().await.expect("a transaction");
        let job = NewJob::new(MAIL_JOB, &mail).held();
        app.enqueue(&mut tx, job).await.expect("is queued");
        tx.commit().await.expect("is committed");
        let path = format!("/api/v1/contracts/{CONTRACT}/letters");
        let letters = self.admin.client.get(&path).await.json();
        self.learn("letters", &letters["items"][0]["id"]);
        self.content = self.read().await;
    }

    async fn read(&self) -> String {
        let db = &self.test.app.db;
        let rows = db.fetch_all(&self.whole_content, args![]).await;
        let lines = rows.expect("is read");
        let texts = lines.iter().map(|row| row.text("content").expect("text"));
        texts.collect::<Vec<_>>().join("\n")
    }

    async fn made(&mut self, path: &str, body: &Value) -> Value {
        let sent = post(&format!("/api/v1{path}"), &body.to_string());
        let answer = self.send(Role::Administrator, &sent).await;
        assert_eq!(
            answer.status,
            StatusCode::CREATED,
            "{path}: {}",
            answer.text()
        );
        answer.json()
    }

    /// A new item of a register, in its first state.
    pub(super) async fn reopen(&mut self, register: &str, form: &Value) {
        let made = self
            .made(&format!("/contracts/{CONTRACT}/{register}"), form)
            .await;
        self.known.retain(|(known, _)| known != register);
        self.learn(register, &made["id"]);
    }

    pub(super) fn value(&self, what: &str) -> &str {
        let found = self.known.iter().find(|(known, _)| known == what);
        found.map_or("x-1", |(_, id)| id)
    }

    /// The route's address with something that is there for each parameter.
    pub(super) fn address(&self, route: &Route) -> String {
        let below = route
            .path
            .trim_start_matches("/api/v1/")
            .trim_start_matches("contracts/{contract}/");
        let what = below.split('/').next().unwrap_or_default();
        Self::address_of(route, CONTRACT, self.value(what))
    }

    /// The route's address below a contract, with the same for every other parameter.
    pub(super) fn address_of(route: &Route, contract: &str, reference: &str) -> String {
        let parts = route.path.split('/').map(|part| match part {
            "{contract}" => contract.to_owned(),
            part if part.starts_with('{') => encoded(reference),
            part => part.to_owned(),
        });
        parts.collect::<Vec<_>>().join("/")
    }

    pub(super) async fn send(&mut self, role: Role, sent: &Sent) -> Answer {
        let person = if role == Role::City {
            &mut self.city
        } else {
            &mut self.admin
        };
        let mut request = Request::builder()
            .method(sent.method.clone())
            .uri(&sent.path)
            .header("sec-fetch-site", "same-origin")
            .header("x-csrf-token", &person.form_token);
        if let Some(kind) = sent.kind {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        for (name, value) in &sent.headers {
            request = request.header(*name, value.as_str());
        }
        let body = Body::from(sent.body.clone());
        let answer = person
            .client
            .send(request.body(body).expect("a request"))
            .await;
        let content = self.read().await;
        self.changed = content != self.content;
        self.content = content;
        answer
    }
}

/// A request to be sent.
#[derive(Clone)]
pub(super) struct Sent {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) kind: Option<&'static str>,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

pub(super) const JSON: Option<&str> = Some("application/json");

pub(super) fn post(path: &str, body: &str) -> Sent {
    Sent {
        method: Method::POST,
        path: path.to_owned(),
        kind: JSON,
        headers: Vec::new(),
        body: body.as_bytes().to_vec(),
    }
}

/// Who may use the route: the contractor's administrator, or the city.
pub(super) fn who(route: &Route) -> Role {
    match route.guard {
        Guard::Needs(permission) if !Role::Administrator.allows(permission) => Role::City,
        _ => Role::Administrator,
    }
}
