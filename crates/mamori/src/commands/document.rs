//! `mamori document`: list, render, submit papers; record the city's answer.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use jiff::civil::Date;
use mamori_document::Document;
use mamori_kernel::clock::tokyo_date;
use mamori_kernel::ledger::Actor;
use mamori_kernel::merkle::Digest;
use mamori_kernel::wareki;
use mamori_office::Office;
use mamori_office::contracts::Live;
use mamori_office::documents::{Paper, Papers, Submission, deliverable_dues};
use mamori_office::register::{Side, Stored};
use mamori_runtime::App;
use mamori_runtime::remote::Remote;
use serde_json::{Map, Value, json};

use crate::global::Global;
use crate::wiring;

/// Arguments of `mamori document`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Contract id (needed only when several contracts are in force)
    #[arg(long, global = true, value_name = "ID")]
    contract: Option<String>,
    /// Who acts, as it is recorded in the ledger
    #[arg(long, global = true, value_name = "NAME", default_value = "cli")]
    by: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Papers that were made, and those that are due
    List {
        /// Only papers due in or covering this month (2026-10)
        #[arg(long, value_name = "MONTH")]
        month: Option<String>,
    },
    /// Make the draft of a paper from the evidence (again, when there is a draft)
    Render {
        /// Key of the contract's deliverable (monthly-report)
        document: String,
        /// What it covers: 2026-10, 2026-Q3, FY2026, or an item's number
        #[arg(long, value_name = "PERIOD")]
        period: String,
        /// Write the files into this directory
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Hand a draft in: the submitted version is rendered with its date
    Submit {
        /// Number or id (書類-R8-012)
        number: String,
        /// Day of submission (today)
        #[arg(long, value_name = "DATE")]
        on: Option<String>,
        /// How: mail, portal or paper
        #[arg(long, default_value = "mail")]
        how: String,
        /// Receipt number or remark
        #[arg(long)]
        receipt: Option<String>,
        /// Write the submitted files into this directory
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Record the city's acceptance (検収), from its paper or mail
    Accept {
        /// Number or id
        number: String,
        /// Day of acceptance (today)
        #[arg(long, value_name = "DATE")]
        on: Option<String>,
        /// Section that accepted; no person's name
        #[arg(long)]
        section: Option<String>,
    },
    /// Record that the city returned a paper
    Return {
        /// Number or id
        number: String,
        /// Day of return (today)
        #[arg(long, value_name = "DATE")]
        on: Option<String>,
        /// What the city wants changed
        #[arg(long)]
        reason: String,
    },
    /// Make the next version of a submitted or returned paper, as a draft
    Replace {
        /// Number or id
        number: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Pour a paper's content into the city's own form (.docx or .xlsx with {{placeholders}})
    Pour {
        /// Number or id
        number: String,
        /// The city's form
        #[arg(long, value_name = "FILE")]
        form: PathBuf,
        /// File to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Write a paper's files into a directory
    Export {
        /// Number or id
        number: String,
        /// Directory
        #[arg(long, value_name = "DIR", default_value = ".")]
        out: PathBuf,
    },
}

/// Runs the command.
pub fn run(args: Args, global: &Global) -> anyhow::Result<ExitCode> {
    if let Some(remote) = global.remote()? {
        print!("{}", there(&remote, args, global.json)?);
        return Ok(ExitCode::SUCCESS);
    }
    wiring::block_on(async {
        let app = wiring::open_app(global).await?;
        let office = Office::of(&app)?;
        let live = office.contracts.choose(args.contract.as_deref()).await?;
        let desk = Clerk {
            app: &app,
            office: &office,
            live: &live,
            actor: Actor::person(&args.by),
            json: global.json,
        };
        desk.run(args.command).await?;
        office.contracts.save_states().await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// The command on another installation: what to print.
fn there(remote: &Remote, args: Args, json: bool) -> anyhow::Result<String> {
    let place = super::remote::place(remote, args.contract.as_deref(), json)?;
    let given = |fields: Value| {
        let mut form: Map<String, Value> = fields.as_object().cloned().unwrap_or_default();
        form.retain(|_, value| !value.is_null());
        Value::Object(form)
    };
    match args.command {
        Command::List { month } => place.documents(month.as_deref()),
        Command::Render {
            document,
            period,
            out,
        } => place.draft(&document, &period, out.as_deref()),
        Command::Submit {
            number,
            on,
            how,
            receipt,
            out,
        } => {
            let form = given(json!({ "on": on, "how": how, "receipt": receipt }));
            place.paper(&number, "submit", &form, out.as_deref())
        }
        Command::Accept {
            number,
            on,
            section,
        } => {
            let on = on.unwrap_or_else(|| "今日".to_owned());
            let form = given(json!({ "accepted_on": on, "by": section }));
            place.paper(&number, "accept", &form, None)
        }
        Command::Return { number, on, reason } => {
            let on = on.unwrap_or_else(|| "今日".to_owned());
            let form = json!({ "returned_on": on, "returned_reason": reason });
            place.paper(&number, "return", &form, None)
        }
        Command::Replace { number, reason } => {
            place.paper(&number, "replace", &json!({ "reason": reason }), None)
        }
        Command::Export { number, out } => place.paper_files(&number, &out),
        Command::Pour { .. } => anyhow::bail!(
            "document pour は --server では使えません。document export で取り出すか、サーバーの機械で実行してください"
        ),
    }
}

/// A paper in a list, for people.
pub fn listed(line: &Value) -> String {
    let text = |field: &str| line[field].as_str().unwrap_or("―").to_owned();
    format!(
        "{:<14} {:<10} {:<10} 期限 {}　提出 {}　{}\n",
        text("number"),
        text("state_ja"),
        text("period"),
        text("due"),
        text("submitted_on"),
        text("title")
    )
}

struct Clerk<'a> {
    app: &'a App,
    office: &'a Office,
    live: &'a Live,
    actor: Actor,
    json: bool,
}

impl Clerk<'_> {
    async fn run(&self, command: Command) -> anyhow::Result<()> {
        let id = self.live.id();
        let papers = &self.office.papers;
        let actor = self.actor.clone();
        match command {
            Command::List { month } => self.list(month.as_deref()).await,
            Command::Render {
                document,
                period,
                out,
            } => {
                let done = papers.draft(id, &document, &period, actor).await?;
                if done.repeated {
                    eprintln!(
                        "この書類は提出済みです。作り直すには「mamori document replace {}」を使ってください",
                        done.item.number
                    );
                }
                self.show(&done.item, out).await
            }
            Command::Submit {
                number,
                on,
                how,
                receipt,
                out,
            } => {
                let on = self.day(on)?;
                let submission = Submission { on, how, receipt };
                let done = papers.submit(id, &number, submission, actor).await?;
                for warning in &done.warnings {
                    eprintln!("注意：{}", warning.message_ja);
                }
                self.show(&done.item, out).await
            }
            Command::Accept {
                number,
                on,
                section,
            } => {
                let form = json!({ "accepted_on": self.day(on)?.to_string(), "by": section });
                self.answer(&number, "accept", form).await
            }
            Command::Return { number, on, reason } => {
                let form =
                    json!({ "returned_on": self.day(on)?.to_string(), "returned_reason": reason });
                self.answer(&number, "return", form).await
            }
            Command::Replace { number, reason } => {
                let done = papers.replace(id, &number, &reason, actor).await?;
                self.show(&done.item, None).await
            }
            Command::Pour { number, form, out } => self.pour(&number, &form, &out).await,
            Command::Export { number, out } => {
                let item = self
                    .office
                    .desk
                    .get(id, Papers::register(), &number)
                    .await?;
                self.show(&item, Some(out)).await
            }
        }
    }

    async fn pour(&self, number: &str, form: &Path, out: &Path) -> anyhow::Result<()> {
        let item = self
            .office
            .desk
            .get(self.live.id(), Papers::register(), number)
            .await?;
        let paper: Paper = item.read().context("書類の記録を読めません")?;
        let digest = Digest::from_hex(&paper.model.sha256).context("要約値を読めません")?;
        let model: Document = serde_json::from_slice(&self.app.read_blob(digest).await?)
            .context("書類の内容を読めません")?;
        let bytes =
            std::fs::read(form).with_context(|| format!("様式 {} を読めません", form.display()))?;
        let poured = mamori_document::pour(&bytes, &model.pour_data())?;
        std::fs::write(out, poured).with_context(|| format!("{} に書けません", out.display()))?;
        if self.json {
            println!(
                "{}",
                json!({ "number": item.number, "file": out.display().to_string() })
            );
        } else {
            println!("{}　{}", item.number, out.display());
        }
        Ok(())
    }

    fn day(&self, text: Option<String>) -> anyhow::Result<Date> {
        match text {
            None => Ok(tokyo_date(self.app.now())),
            Some(text) => Ok(wareki::parse(&text)?),
        }
    }

    async fn answer(&self, number: &str, act: &str, form: Value) -> anyhow::Result<()> {
        let mut form: Map<String, Value> = form.as_object().cloned().unwrap_or_default();
        form.retain(|_, value| !value.is_null());
        let done = self
            .office
            .papers
            .answer(
                self.live.id(),
                number,
                act,
                form,
                self.actor.clone(),
                Side::Contractor,
            )
            .await?;
        self.show(&done.item, None).await
    }

    async fn show(&self, item: &Stored, out: Option<PathBuf>) -> anyhow::Result<()> {
        let paper: Paper = item.read().context("書類の記録を読めません")?;
        let mut written = Vec::new();
        if let Some(folder) = out {
            std::fs::create_dir_all(&folder)
                .with_context(|| format!("{} を作れません", folder.display()))?;
            for file in [Some(&paper.pdf), paper.docx.as_ref(), paper.xlsx.as_ref()]
                .into_iter()
                .flatten()
            {
                let digest = Digest::from_hex(&file.sha256).context("要約値を読めません")?;
                let path = folder.join(&file.name);
                std::fs::write(&path, self.app.read_blob(digest).await?)
                    .with_context(|| format!("{} に書けません", path.display()))?;
                written.push(path);
            }
        }
        if self.json {
            let files: Vec<String> = written
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            println!(
                "{}",
                json!({ "number": item.number, "state": item.state, "files": files, "paper": paper })
            );
        } else {
            println!(
                "{}　{}　{}",
                item.number,
                Papers::register().spec.state_ja(&item.state),
                item.title
            );
            for path in written {
                println!("  {}", path.display());
            }
        }
        Ok(())
    }

    async fn list(&self, month: Option<&str>) -> anyhow::Result<()> {
        let term = self.live.contract().term;
        let month = month.map(str::parse::<mamori_kernel::Period>).transpose()?;
        let made = self.office.papers.all(self.live.id()).await?;
        let read: Vec<(&Stored, Paper)> = made
            .iter()
            .filter_map(|item| Some((item, item.read().ok()?)))
            .collect();
        let mut lines = Vec::new();
        let last = term.last().checked_add(jiff::Span::new().days(90))?;
        for due in deliverable_dues(self.live, term.first(), last) {
            let Some(document) = due.deliverable.clone() else {
                continue;
            };
            let about = due.period.to_string();
            let found = read
                .iter()
                .find(|(_, paper)| paper.document == document && paper.period == about);
            lines.push(line(
                found.map(|(item, paper)| (*item, paper)),
                &document,
                &about,
                due.deliverable_title.as_deref().unwrap_or(&document),
                due.due,
            ));
        }
        for (item, paper) in &read {
            let listed = lines
                .iter()
                .any(|line| line["number"] == json!(item.number));
            if !listed {
                lines.push(line(
                    Some((item, paper)),
                    &paper.document,
                    &paper.period,
                    &item.title,
                    paper.due,
                ));
            }
        }
        if let Some(month) = month {
            lines.retain(|line| {
                let day = |field: &str| {
                    line[field]
                        .as_str()
                        .and_then(|text| text.parse::<Date>().ok())
                };
                line["period"] == json!(month.to_string())
                    || day("due").is_some_and(|day| month.contains(day))
                    || day("submitted_on").is_some_and(|day| month.contains(day))
            });
        }
        for line in lines {
            if self.json {
                println!("{line}");
            } else {
                print!("{}", listed(&line));
            }
        }
        Ok(())
    }
}

fn line(
    made: Option<(&Stored, &Paper)>,
    document: &str,
    period: &str,
    title: &str,
    due: Option<Date>,
) -> Value {
    let day = |day: Option<Date>| day.map(|day| day.to_string());
    json!({
        "document": document,
        "period": period,
        "title": title,
        "due": day(due),
        "number": made.map(|(item, _)| item.number.clone()),
        "state": made.map_or("not_made", |(item, _)| item.state.as_str()),
        "state_ja": made.map_or("未作成", |(item, _)| Papers::register().spec.state_ja(&item.state)),
        "version": made.map(|(_, paper)| paper.version),
        "submitted_on": made.and_then(|(_, paper)| day(paper.submitted_on)),
        "accepted_on": made.and_then(|(_, paper)| day(paper.accepted_on)),
        "pdf_sha256": made.map(|(_, paper)| paper.pdf.sha256.clone()),
    })
}
