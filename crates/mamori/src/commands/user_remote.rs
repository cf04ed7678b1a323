//! `mamori user` on another installation, through its API. Passwords do not travel this way: a
//! person who is invited, or who follows a reset link, chooses one in the browser.

use std::fmt::Write as _;

use anyhow::{Context as _, bail};
use mamori_runtime::remote::{Remote, encoded};
use serde_json::{Value, json};

use super::user::{Command, TokenCommand, done_line, link_line};

/// Carries a command out; what to print.
pub(super) fn run(remote: &Remote, command: Command, json: bool) -> anyhow::Result<String> {
    let people = People { remote, json };
    match command {
        Command::List => people.list(),
        Command::Disable { name } => people.act(
            &name,
            "disable",
            "を停止し、サインイン中の画面をすべて終わらせました",
        ),
        Command::Enable { name } => people.act(&name, "enable", "を再び使えるようにしました"),
        Command::RemoveSecondFactor { name } => {
            people.act(&name, "second-factor/remove", "の二段階認証を解除しました")
        }
        Command::Role { name, role } => {
            let person = people.find(&name)?;
            let body = json!({
                "role": role.as_str(),
                "every_contract": person["every_contract"],
                "contracts": person["contracts"],
            });
            remote.post(&path(&person, "rights")?, &body, None)?;
            let text = format!("の役割を{}にしました", role.title_ja());
            Ok(done_line(json, &name, &text))
        }
        Command::Invite {
            display_name,
            role,
            contracts,
        } => {
            let role = role.as_str();
            let on: Vec<Value> = contracts
                .iter()
                .map(|id| json!({ "id": id, "role": role }))
                .collect();
            let rights = json!({ "role": role, "every_contract": on.is_empty(), "contracts": on });
            let body = json!({ "display_name": display_name, "rights": rights });
            people.link("/invitations", &body)
        }
        Command::ResetLink { name } => {
            let person = people.find(&name)?;
            people.link(&path(&person, "reset")?, &Value::Null)
        }
        Command::Token {
            command: TokenCommand::List,
        } => people.tokens(),
        Command::Token {
            command: TokenCommand::Revoke { id },
        } => {
            remote.delete(&format!("/tokens/{}", encoded(&id)))?;
            Ok(done_line(json, &id, "を取り消しました"))
        }
        Command::Token {
            command: TokenCommand::Add { .. },
        } => bail!(
            "トークンでトークンは作れません。管理画面の「トークン」か、サーバーの機械の mamori user token add で作ってください"
        ),
        Command::Add { .. } | Command::Password { .. } => bail!(
            "パスワードを決める操作は --server では使えません。user invite か user reset-link でリンクを作り、本人に決めてもらってください"
        ),
    }
}

fn path(person: &Value, act: &str) -> anyhow::Result<String> {
    let id = person["id"].as_str().context("利用者の番号がありません")?;
    Ok(format!("/people/{}/{act}", encoded(id)))
}

struct People<'a> {
    remote: &'a Remote,
    json: bool,
}

impl People<'_> {
    fn find(&self, name: &str) -> anyhow::Result<Value> {
        let all = self.remote.all("/people")?;
        all.into_iter()
            .find(|person| person["name"] == name)
            .with_context(|| {
                format!("利用者「{name}」はいません。mamori user list で確かめてください")
            })
    }

    fn act(&self, name: &str, act: &str, said: &str) -> anyhow::Result<String> {
        let person = self.find(name)?;
        self.remote.post(&path(&person, act)?, &Value::Null, None)?;
        Ok(done_line(self.json, name, said))
    }

    fn link(&self, path: &str, body: &Value) -> anyhow::Result<String> {
        let told = self.remote.post(path, body, None)?;
        let link = told.value["link"].as_str().context("リンクがありません")?;
        Ok(link_line(self.json, link))
    }

    fn list(&self) -> anyhow::Result<String> {
        let people = self.remote.all("/people")?;
        if self.json {
            return Ok(format!("{}\n", Value::Array(people)));
        }
        let mut text = String::new();
        for person in people {
            let word = |field: &str| person[field].as_str().unwrap_or_default();
            let state = if person["disabled_at"].is_null() {
                "有効"
            } else {
                "停止"
            };
            let _ = writeln!(
                text,
                "{:<20} {:<14} {state:<6} {}",
                word("name"),
                word("role"),
                word("display_name")
            );
        }
        Ok(text)
    }

    fn tokens(&self) -> anyhow::Result<String> {
        let mut text = String::new();
        for token in self.remote.all("/tokens")? {
            if self.json {
                let _ = writeln!(text, "{token}");
                continue;
            }
            let word = |field: &str| token[field].as_str().unwrap_or_default();
            let state = if token["revoked_at"].is_null() {
                "有効"
            } else {
                "取消済み"
            };
            let _ = writeln!(
                text,
                "{}  {}  {state}  {} まで  {}",
                word("id"),
                word("role"),
                word("expires_at").get(..10).unwrap_or_default(),
                word("name")
            );
        }
        Ok(text)
    }
}
