//! `mamori work`: record, list, correct and withdraw work entries.
//!
//! Parsing and printing only; the rules are [`crate::work`]'s. What is wrong is printed with the
//! option that would be right.

use std::fmt::Write as _;

use clap::{Args, Subcommand, ValueEnum};
use jiff::civil::Date;
use mamori_kernel::YearMonth;
use mamori_kernel::ledger::Actor;
use mamori_kernel::wareki;
use serde_json::{Map, Value, json};

use crate::register::typed::minutes_ja;
use crate::register::{Desk, DeskError, Filter, Order, Refusal, Register, Stored};
use crate::terms::{ContractTerms, Counts};
use crate::work::{Gauge, WorkEntry};

/// What `mamori work` does.
#[derive(Debug, Subcommand)]
pub enum WorkCommand {
    /// Record work（作業を記録する）
    Add(AddArgs),
    /// List work with the month's gauge（作業の一覧と月の算入時間）
    List(ListArgs),
    /// Correct an entry; the former record stays（訂正する。前の記録は残る）
    Correct(CorrectArgs),
    /// Withdraw an entry; the record stays（取り消す。記録は残る）
    Withdraw(WithdrawArgs),
}

/// Fields of an entry.
#[derive(Debug, Args)]
pub struct EntryArgs {
    /// Start, e.g. 9:00（開始時刻）
    #[arg(long, value_name = "TIME")]
    start: Option<String>,
    /// End, e.g. 10:30 or 24:00（終了時刻）
    #[arg(long, value_name = "TIME")]
    end: Option<String>,
    /// Length: 1.5, 1:30, 90m, 1時間30分（作業時間）
    #[arg(long, value_name = "LENGTH")]
    hours: Option<String>,
    /// What was done（対応）
    #[arg(long, value_name = "TEXT")]
    response: Option<String>,
    /// Number or id of the request, なし to untie（依頼の番号）
    #[arg(long, value_name = "NUMBER")]
    request: Option<String>,
    /// Why outside the planned window（時間外の理由）
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Whether it counts, where the contract leaves it open（月の上限時間への算入）
    #[arg(long, value_enum)]
    counts: Option<CountsArg>,
    /// Ground for --counts, e.g. 協議-R8-003（算入の判断の理由）
    #[arg(long, value_name = "TEXT")]
    counts_reason: Option<String>,
    /// Who worked; kept as personal data（作業者）
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

/// `--counts yes|no`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum CountsArg {
    /// It counts（算入する）
    Yes,
    /// It does not count（算入しない）
    No,
}

/// `mamori work add`.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// Day, e.g. 2026-10-05, R8.10.5, 今日（作業日）
    #[arg(long, value_name = "DAY")]
    date: String,
    /// Category of the contract（区分）
    #[arg(long, value_name = "KEY")]
    category: String,
    /// What there was to do（事象）
    #[arg(long, value_name = "TEXT")]
    event: String,
    #[command(flatten)]
    entry: EntryArgs,
    /// The same key twice records once（二重登録を防ぐキー）
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

/// `mamori work correct`.
#[derive(Debug, Args)]
pub struct CorrectArgs {
    /// Number or id of the entry, e.g. 作業-R8-012
    item: String,
    /// Why it is corrected（訂正の理由）
    #[arg(long, value_name = "TEXT")]
    because: String,
    /// Day（作業日）
    #[arg(long, value_name = "DAY")]
    date: Option<String>,
    /// Category（区分）
    #[arg(long, value_name = "KEY")]
    category: Option<String>,
    /// What there was to do（事象）
    #[arg(long, value_name = "TEXT")]
    event: Option<String>,
    #[command(flatten)]
    entry: EntryArgs,
}

/// `mamori work withdraw`.
#[derive(Debug, Args)]
pub struct WithdrawArgs {
    /// Number or id of the entry
    item: String,
    /// Why it is withdrawn（取消しの理由）
    #[arg(long, value_name = "TEXT")]
    because: String,
}

/// `mamori work list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Month, e.g. 2026-10; all months when left out（月）
    #[arg(long, value_name = "MONTH")]
    month: Option<YearMonth>,
    /// Words to search for（検索語）
    #[arg(long, default_value = "")]
    q: String,
    /// Show withdrawn entries too（取り消した記録も）
    #[arg(long)]
    all: bool,
    /// Page, from 1
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    page: u32,
    /// Entries a page, at most 200
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=200))]
    per_page: u32,
}

/// A refusal told in the words of the command line.
#[derive(Debug, thiserror::Error)]
pub enum WorkCliError {
    /// Fields are wrong, named by their options.
    #[error("{0}")]
    Fields(String),
    /// Anything else.
    #[error(transparent)]
    Desk(#[from] DeskError),
}

/// What a command asks for, wherever the entries are kept.
#[derive(Debug)]
pub enum Asked {
    /// A list.
    List(ListArgs),
    /// An act on an entry, or on a new one.
    Act {
        /// Number or id; none for a new entry.
        item: Option<String>,
        /// The act's name.
        act: &'static str,
        /// Its fields.
        form: Map<String, Value>,
        /// The same key twice records once.
        key: Option<String>,
    },
}

impl WorkCommand {
    /// What the command asks for.
    pub fn asked(self) -> Asked {
        let (item, act, form, key) = match self {
            Self::List(list) => return Asked::List(list),
            Self::Add(add) => {
                let mut form = entry_form(&add.entry);
                put(&mut form, "date", Some(&add.date));
                put(&mut form, "category", Some(&add.category));
                put(&mut form, "event", Some(&add.event));
                (None, "record", form, add.key)
            }
            Self::Correct(correct) => {
                let mut form = entry_form(&correct.entry);
                put(&mut form, "date", correct.date.as_ref());
                put(&mut form, "category", correct.category.as_ref());
                put(&mut form, "event", correct.event.as_ref());
                put(&mut form, "correction_reason", Some(&correct.because));
                (Some(correct.item), "correct", form, None)
            }
            Self::Withdraw(withdraw) => {
                let mut form = Map::new();
                put(&mut form, "withdrawn_reason", Some(&withdraw.because));
                (Some(withdraw.item), "withdraw", form, None)
            }
        };
        Asked::Act {
            item,
            act,
            form,
            key,
        }
    }
}

impl ListArgs {
    /// The conditions as a query of the API.
    pub fn query(&self) -> Vec<(&'static str, String)> {
        let mut query = vec![
            ("page", self.page.to_string()),
            ("per_page", self.per_page.to_string()),
        ];
        if !self.q.is_empty() {
            query.push(("q", self.q.clone()));
        }
        if !self.all {
            query.push(("state", "recorded".to_owned()));
        }
        if let Some(month) = self.month {
            query.push(("from", month.first().to_string()));
            query.push(("to", month.last().to_string()));
        }
        query
    }

    /// The month whose gauge is shown.
    pub fn month(&self) -> Option<YearMonth> {
        self.month
    }
}

/// Runs the command for a contract and returns what to print.
pub async fn run(
    desk: &Desk,
    contract: &str,
    command: WorkCommand,
    actor: Actor,
    json: bool,
) -> Result<String, WorkCliError> {
    let register = crate::register("work").expect("the register of work entries");
    let (item, act, form, key) = match command.asked() {
        Asked::List(list) => return self::list(desk, contract, register, &list, json).await,
        Asked::Act {
            item,
            act,
            form,
            key,
        } => (item, act, form, key),
    };
    let order = Order {
        key,
        ..Order::new(contract, register, item.as_deref(), act, form, actor)
    };
    let done = desk.act(order).await.map_err(in_options)?;
    if json {
        return Ok(json!({
            "entry": done.item,
            "warnings": done.warnings,
            "repeated": done.repeated,
        })
        .to_string());
    }
    let gauge = desk
        .work_gauge(contract, YearMonth::of(done.item.day))
        .await?;
    let warnings: Vec<String> = done
        .warnings
        .iter()
        .map(|warning| warning.message_ja.clone())
        .collect();
    Ok(told(&done.item, act, done.repeated, &warnings, &gauge))
}

fn entry_form(entry: &EntryArgs) -> Map<String, Value> {
    let mut form = Map::new();
    put(&mut form, "start", entry.start.as_ref());
    put(&mut form, "end", entry.end.as_ref());
    put(&mut form, "hours", entry.hours.as_ref());
    put(&mut form, "response", entry.response.as_ref());
    put(&mut form, "request", entry.request.as_ref());
    put(&mut form, "outside_hours_reason", entry.reason.as_ref());
    put(&mut form, "counts_reason", entry.counts_reason.as_ref());
    put(&mut form, "by", entry.by.as_ref());
    let counts = entry.counts.map(|counts| match counts {
        CountsArg::Yes => "yes".to_owned(),
        CountsArg::No => "no".to_owned(),
    });
    put(&mut form, "counts_as", counts.as_ref());
    form
}

fn put(form: &mut Map<String, Value>, field: &str, text: Option<&String>) {
    if let Some(text) = text {
        form.insert(field.to_owned(), json!(text));
    }
}

/// The option that fills a field.
pub fn option_of(field: &str) -> String {
    let option = match field {
        "outside_hours_reason" => "reason",
        "counts_as" => "counts",
        "correction_reason" | "withdrawn_reason" => "because",
        other => other,
    };
    format!("--{}", option.replace('_', "-"))
}

/// Names the options instead of the fields.
fn in_options(error: DeskError) -> WorkCliError {
    let DeskError::Refused(Refusal::Fields(problems)) = &error else {
        return error.into();
    };
    let lines: Vec<String> = problems
        .iter()
        .map(|problem| {
            format!(
                "{}（{}）: {}",
                option_of(&problem.field),
                problem.label_ja,
                problem.message_ja
            )
        })
        .collect();
    WorkCliError::Fields(lines.join("\n"))
}

/// What an act led to, for people.
pub fn told(
    item: &Stored,
    act: &str,
    repeated: bool,
    warnings: &[String],
    gauge: &Gauge,
) -> String {
    let what = match act {
        "record" if repeated => "記録済みです（同じキー）",
        "record" => "記録しました",
        "correct" => "訂正しました",
        _ => "取り消しました",
    };
    let mut text = format!("{} を{what}\n", item.number);
    if let Ok(entry) = item.read::<WorkEntry>() {
        let _ = writeln!(text, "  {}", line(item, &entry));
    }
    for warning in warnings {
        let _ = writeln!(text, "  注意: {warning}");
    }
    text.push_str(&gauge_line(gauge));
    text
}

fn line(item: &Stored, entry: &WorkEntry) -> String {
    let span = match (&entry.start, &entry.end) {
        (Some(start), Some(end)) => format!(" {start}～{end}"),
        _ => String::new(),
    };
    let counts = match entry.counts {
        Counts::Yes => "※該当",
        Counts::No => "算入なし",
        Counts::Undecided => "未定",
    };
    let withdrawn = if item.state == "withdrawn" {
        "［取消し］"
    } else {
        ""
    };
    format!(
        "{}{span} {} {} {counts} {withdrawn}{}",
        day(entry.date),
        minutes_ja(entry.minutes),
        entry.category,
        item.title
    )
}

fn day(date: Date) -> String {
    format!("{date}（{}）", wareki::weekday(date.weekday()))
}

fn gauge_line(gauge: &Gauge) -> String {
    let mut text = format!(
        "{}の算入時間: {}",
        wareki::month(gauge.month),
        minutes_ja(gauge.counted_minutes)
    );
    if let Some(cap) = &gauge.cap {
        let _ = write!(text, " / {}", minutes_ja(cap.minutes));
        if gauge.over_minutes > 0 {
            let _ = write!(
                text,
                "（{} 超過。超過分は請求の対象になりません）",
                minutes_ja(gauge.over_minutes)
            );
        } else {
            let _ = write!(text, "（残り {}）", minutes_ja(gauge.left_minutes));
        }
    }
    if gauge.undecided_minutes > 0 {
        let _ = write!(
            text,
            "、算入が未定の時間: {}",
            minutes_ja(gauge.undecided_minutes)
        );
    }
    text.push('\n');
    text
}

async fn list(
    desk: &Desk,
    contract: &str,
    register: &Register,
    list: &ListArgs,
    json: bool,
) -> Result<String, WorkCliError> {
    let filter = Filter {
        q: list.q.clone(),
        states: if list.all {
            Vec::new()
        } else {
            vec!["recorded".to_owned()]
        },
        from: list.month.map(YearMonth::first),
        to: list.month.map(YearMonth::last),
        page: list.page,
        per_page: list.per_page,
        ..Filter::default()
    };
    // Asked for even without a month: an unknown contract must not look like an empty one.
    let _terms: std::sync::Arc<dyn ContractTerms> = desk
        .terms(contract, desk.today())
        .await
        .map_err(DeskError::from)?;
    let page = desk.list(contract, register, &filter).await?;
    let gauge = match list.month {
        Some(month) => Some(desk.work_gauge(contract, month).await?),
        None => None,
    };
    if json {
        return Ok(json!({
            "entries": page.items,
            "total": page.total,
            "page": page.page,
            "per_page": page.per_page,
            "gauge": gauge,
        })
        .to_string());
    }
    Ok(listed(&page.items, page.total, gauge.as_ref()))
}

/// A page of entries with the month's gauge, for people.
pub fn listed(items: &[Stored], total: u64, gauge: Option<&Gauge>) -> String {
    let mut text = String::new();
    for item in items {
        if let Ok(entry) = item.read::<WorkEntry>() {
            let _ = writeln!(text, "{}  {}", item.number, line(item, &entry));
        }
    }
    if items.is_empty() {
        text.push_str("該当する作業記録はありません\n");
    } else if total > items.len() as u64 {
        let _ = writeln!(
            text,
            "全 {total} 件のうち {} 件（--page で次へ）",
            items.len()
        );
    }
    if let Some(gauge) = gauge {
        text.push_str(&gauge_line(gauge));
    }
    text
}
