//! Commands on another installation, through its API (`--server`): the same words in and out as on
//! the installation's own machine.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use jiff::civil::Date;
use mamori_office::cli_work::{self, Asked, WorkCommand};
use mamori_office::register::Stored;
use mamori_office::work::Gauge;
use mamori_runtime::remote::{Remote, RemoteError, encoded};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// A contract of another installation.
pub struct Place<'a> {
    remote: &'a Remote,
    /// Path of the contract in the API.
    base: String,
    json: bool,
}

/// The contract of that id, or the only one that the token sees.
pub fn place<'a>(
    remote: &'a Remote,
    contract: Option<&str>,
    json: bool,
) -> anyhow::Result<Place<'a>> {
    let id = if let Some(id) = contract {
        id.to_owned()
    } else {
        let found = remote.all("/contracts")?;
        let ids: Vec<&str> = found
            .iter()
            .filter_map(|each| each["id"].as_str())
            .collect();
        match ids[..] {
            [only] => only.to_owned(),
            [] => bail!(
                "このトークンで見られる契約がありません。トークンの範囲と契約を確かめてください"
            ),
            _ => bail!(
                "契約が複数あります。--contract で選んでください: {}",
                ids.join(", ")
            ),
        }
    };
    Ok(Place {
        remote,
        base: format!("/contracts/{}", encoded(&id)),
        json,
    })
}

/// `mamori contract activate`.
pub fn activate(remote: &Remote, name: &str, source: &str, json: bool) -> anyhow::Result<String> {
    let body = json!({ "name": name, "source": source });
    let told = remote.post("/contracts", &body, None)?.value;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (id, done) = (text(&told["contract"]["id"]), text(&told["activation"]));
    if json {
        let line = json!({ "contract": id, "activation": done, "warnings": told["warnings"] });
        return Ok(format!("{line}\n"));
    }
    let name = text(&told["contract"]["name"]);
    Ok(format!(
        "{}\n",
        super::contract::activated(&done, &name, &id)
    ))
}

fn read<T: DeserializeOwned>(value: Value) -> anyhow::Result<T> {
    serde_json::from_value(value)
        .context("サーバーの応答を読めません。サーバーとこの命令の版を揃えてください")
}

/// Names the options of `mamori work` instead of the fields.
fn in_options(error: RemoteError) -> anyhow::Error {
    let RemoteError::Refused(refusal) = &error else {
        return error.into();
    };
    if refusal.errors.is_empty() {
        return error.into();
    }
    let lines: Vec<String> = refusal
        .errors
        .iter()
        .map(|(field, message)| {
            // The server writes 「ラベル: 文」.
            let (label, text) = message.split_once(": ").unwrap_or(("", message));
            let label = if label.is_empty() {
                String::new()
            } else {
                format!("（{label}）")
            };
            format!("{}{label}: {text}", cli_work::option_of(field))
        })
        .collect();
    anyhow::anyhow!(lines.join("\n"))
}

impl Place<'_> {
    fn get(&self, rest: &str) -> Result<Value, RemoteError> {
        self.remote.get(&format!("{}{rest}", self.base))
    }

    fn gauge(&self, month: &str) -> anyhow::Result<Gauge> {
        read(self.get(&format!("/work/gauge?month={month}"))?)
    }

    /// `mamori work`: what to print.
    pub fn work(&self, command: WorkCommand) -> anyhow::Result<String> {
        match command.asked() {
            Asked::List(list) => {
                let query: Vec<String> = list
                    .query()
                    .into_iter()
                    .map(|(name, value)| format!("{name}={}", encoded(&value)))
                    .collect();
                let told = self.get(&format!("/work?{}", query.join("&")))?;
                let gauge = list
                    .month()
                    .map(|month| self.gauge(&month.to_string()))
                    .transpose()?;
                let items: Vec<Stored> = read(told["items"].clone())?;
                if self.json {
                    return Ok(json!({
                        "entries": items,
                        "total": told["total"],
                        "page": told["page"],
                        "per_page": told["per_page"],
                        "gauge": gauge,
                    })
                    .to_string());
                }
                let total = told["total"].as_u64().unwrap_or_default();
                Ok(cli_work::listed(&items, total, gauge.as_ref()))
            }
            Asked::Act {
                item,
                act,
                form,
                key,
            } => self.work_act(item.as_deref(), act, form, key.as_deref()),
        }
    }

    fn work_act(
        &self,
        item: Option<&str>,
        act: &str,
        mut form: Map<String, Value>,
        key: Option<&str>,
    ) -> anyhow::Result<String> {
        let path = match item {
            None => {
                form.insert("act".to_owned(), json!(act));
                format!("{}/work", self.base)
            }
            Some(item) => format!("{}/work/{}/{act}", self.base, encoded(item)),
        };
        let told = self
            .remote
            .post(&path, &Value::Object(form), key)
            .map_err(in_options)?;
        let warnings = told.value.get("warnings").cloned().unwrap_or(json!([]));
        let item: Stored = read(told.value)?;
        if self.json {
            return Ok(json!({
                "entry": item,
                "warnings": warnings,
                "repeated": told.repeated,
            })
            .to_string());
        }
        let gauge = self.gauge(&item.day.strftime("%Y-%m").to_string())?;
        let warnings: Vec<String> = warnings
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|warning| warning["message_ja"].as_str().map(str::to_owned))
            .collect();
        Ok(cli_work::told(&item, act, told.repeated, &warnings, &gauge))
    }

    /// `mamori document list`.
    pub fn documents(&self, month: Option<&str>) -> anyhow::Result<String> {
        let month = month.map(str::parse::<mamori_kernel::Period>).transpose()?;
        let mut lines = self.remote.all(&format!("{}/documents", self.base))?;
        if let Some(month) = month {
            lines.retain(|line| {
                let within = |field: &str| {
                    line[field]
                        .as_str()
                        .and_then(|text| text.parse::<jiff::civil::Date>().ok())
                        .is_some_and(|day| month.contains(day))
                };
                line["period"] == json!(month.to_string())
                    || within("due")
                    || within("submitted_on")
            });
        }
        let mut text = String::new();
        for line in lines {
            if self.json {
                let _ = writeln!(text, "{line}");
            } else {
                text.push_str(&super::document::listed(&line));
            }
        }
        Ok(text)
    }

    /// An act on a paper, then its line and, if wanted, its files.
    pub fn paper(
        &self,
        number: &str,
        act: &str,
        form: &Value,
        out: Option<&Path>,
    ) -> anyhow::Result<String> {
        let path = format!("{}/documents/{}/{act}", self.base, encoded(number));
        let told = self.remote.post(&path, form, None)?;
        for warning in told.value["warnings"].as_array().into_iter().flatten() {
            eprintln!(
                "注意：{}",
                warning["message_ja"].as_str().unwrap_or_default()
            );
        }
        self.paper_told(&told.value, out)
    }

    /// `mamori document render`.
    pub fn draft(
        &self,
        document: &str,
        period: &str,
        out: Option<&Path>,
    ) -> anyhow::Result<String> {
        let body = json!({ "document": document, "period": period });
        let told = self
            .remote
            .post(&format!("{}/documents", self.base), &body, None)?;
        self.paper_told(&told.value, out)
    }

    /// `mamori document export`.
    pub fn paper_files(&self, number: &str, out: &Path) -> anyhow::Result<String> {
        let told = self.get(&format!("/documents/{}", encoded(number)))?;
        self.paper_told(&told, Some(out))
    }

    fn paper_told(&self, item: &Value, out: Option<&Path>) -> anyhow::Result<String> {
        let text = |field: &str| item[field].as_str().unwrap_or_default();
        let written = match out {
            Some(folder) => self.files(item, folder)?,
            None => Vec::new(),
        };
        let files: Vec<String> = written
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        if self.json {
            let told = json!({
                "number": item["number"], "state": item["state"], "files": files,
                "paper": item["data"],
            });
            return Ok(format!("{told}\n"));
        }
        let mut told = format!(
            "{}　{}　{}\n",
            text("number"),
            text("state_ja"),
            text("title")
        );
        for file in files {
            let _ = writeln!(told, "  {file}");
        }
        Ok(told)
    }

    fn files(&self, item: &Value, folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("{} を作れません", folder.display()))?;
        let id = item["id"].as_str().context("書類の番号がありません")?;
        let mut written = Vec::new();
        for format in ["pdf", "docx", "xlsx"] {
            let Some(name) = item["data"][format]["name"].as_str() else {
                continue;
            };
            // The server's word is no path.
            ensure!(
                !name.contains(['/', '\\']) && name != "..",
                "サーバーの示すファイル名「{name}」は使えません"
            );
            let path = format!("{}/documents/{}/files/{format}", self.base, encoded(id));
            let (bytes, _) = self.remote.bytes(&path)?;
            let file = folder.join(name);
            std::fs::write(&file, bytes)
                .with_context(|| format!("{} に書けません", file.display()))?;
            written.push(file);
        }
        Ok(written)
    }

    /// `mamori contract status`.
    pub fn status(&self, obligation: Option<&str>) -> anyhow::Result<String> {
        let lines = match obligation {
            Some(key) => vec![self.get(&format!("/obligations/{}", encoded(key)))?],
            None => self.remote.all(&format!("{}/obligations", self.base))?,
        };
        let mut text = String::new();
        let mut counts: Vec<(String, usize)> = Vec::new();
        for line in lines.iter().filter(|line| line["verdict"].is_string()) {
            if self.json {
                let state = line.get("state").filter(|state| state.is_object());
                let _ = writeln!(text, "{}", state.unwrap_or(line));
                continue;
            }
            let word = |field: &str| line[field].as_str().unwrap_or_default();
            let verdict = word("verdict_ja");
            match counts.iter_mut().find(|(known, _)| known == verdict) {
                Some((_, count)) => *count += 1,
                None => counts.push((verdict.to_owned(), 1)),
            }
            let _ = writeln!(text, "{}  {verdict}  {}", word("key"), word("title"));
            if !word("reason").is_empty() {
                let _ = writeln!(text, "            {}", word("reason"));
            }
        }
        if obligation.is_none() && !self.json {
            let sum: usize = counts.iter().map(|(_, count)| count).sum();
            let words: Vec<String> = counts
                .iter()
                .map(|(verdict, count)| format!("{verdict} {count}"))
                .collect();
            let _ = writeln!(text, "義務・禁止 {sum}: {}", words.join("、"));
        }
        Ok(text)
    }

    /// `mamori contract due`: without days the whole of the contract, as from its file.
    pub fn due(&self, from: Option<&str>, to: Option<&str>) -> anyhow::Result<String> {
        let from = match from {
            Some(day) => day.to_owned(),
            None => self.get("")?["term"]["from"]
                .as_str()
                .context("契約の履行期間が答えにありません。サーバーの版を確かめてください")?
                .to_owned(),
        };
        let to = to.map_or_else(|| Date::MAX.to_string(), str::to_owned);
        let path = format!(
            "{}/due?from={}&to={}",
            self.base,
            encoded(&from),
            encoded(&to)
        );
        let mut text = String::new();
        for due in self.remote.all(&path)? {
            text.push_str(&super::contract::due_said(
                &serde_json::from_value(due)?,
                self.json,
            )?);
        }
        Ok(text)
    }

    /// `mamori ledger show --seq`: the record as the API tells it.
    pub fn record(&self, seq: u64) -> anyhow::Result<String> {
        let record = self.get(&format!("/ledger/{seq}"))?;
        Ok(if self.json {
            record.to_string()
        } else {
            serde_json::to_string_pretty(&record)?
        })
    }

    /// `mamori ledger prove`.
    pub fn proof(&self, seq: u64) -> Result<Value, RemoteError> {
        self.get(&format!("/ledger/{seq}/proof"))
    }

    /// `mamori ledger export`: how many bytes were written to `out`.
    pub fn export(
        &self,
        days: [(&str, Option<jiff::civil::Date>); 2],
        out: &mut dyn std::io::Write,
    ) -> Result<u64, RemoteError> {
        let query: Vec<String> = days
            .into_iter()
            .filter_map(|(name, day)| Some(format!("{name}={}", day?)))
            .collect();
        let path = format!("{}/ledger/export?{}", self.base, query.join("&"));
        self.remote.save(path.trim_end_matches('?'), out)
    }

    /// `mamori ledger head`.
    pub fn head(&self) -> anyhow::Result<String> {
        let head = self.get("/ledger/head")?;
        Ok(if self.json {
            format!("{head}\n")
        } else {
            format!("{}\n", head["text"].as_str().unwrap_or_default())
        })
    }
}
