//! Reading a month: counts by day, and what the ledger says of checks and decisions.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use mamori_kernel::clock::{tokyo_date, tokyo_midnight};
use mamori_kernel::period::Period;
use mamori_runtime::App;
use mamori_runtime::config::GatewaySite;
use mamori_store::{Error, LedgerQuery};
use mamori_web::{Language, Page};
use serde_json::Value;

use super::{Checks, Decision, Month, SiteMonth};
use crate::evidence;
use crate::local::{self, LocalMode, Scope};
use crate::model::{Exclusion, Traffic};
use crate::tally::{self, Found, What, kind};
use crate::{desk, store};

/// Records of a month at most: a check a day and site, and what people decided.
const MOST_RECORDS: u32 = 10_000;

/// What is known of a month; `None` where the contract has no site behind the gateway.
pub(super) async fn month(
    app: &App,
    contract: &str,
    period: Period,
) -> Result<Option<Month>, Error> {
    let (sites, Some(gateway)) = (desk::sites(app, contract), &app.config.gateway) else {
        return Ok(None);
    };
    if sites.is_empty() {
        return Ok(None);
    }
    let today = tokyo_date(app.now());
    let (first, last) = (period.first(), period.last().min(today));
    let records = records(app, contract, first, last).await?;
    let decided = Decided::read(app, &sites).await?;
    let mut months = Vec::new();
    let mut by_kind = BTreeMap::<String, Found>::new();
    for site in &sites {
        let mut sum = Traffic::default();
        for traffic in store::traffic(&app.db, &site.name, first, last)
            .await?
            .values()
        {
            sum.add(*traffic);
        }
        for (name, found) in
            tally::store::found(&app.db, &site.name, What::Kind, first, last).await?
        {
            by_kind.entry(name).or_default().add(found);
        }
        months.push(SiteMonth {
            checks: checks(&records, &site.name, first, last),
            name: site.name.clone(),
            traffic: sum,
        });
    }
    Ok(Some(Month {
        sites: months,
        by_day: every_day(
            desk::traffic(app, contract, first, last).await?,
            first,
            last,
        ),
        kinds: in_words(app, by_kind),
        plan_gigabytes: gateway.plan_gigabytes,
        decisions: decided.during(&records, first, last, today),
        in_force: decided.in_force(last),
    }))
}

/// Days without traffic have none; they are not left out.
fn every_day(known: BTreeMap<Date, Traffic>, first: Date, last: Date) -> BTreeMap<Date, Traffic> {
    let mut days: BTreeMap<_, _> = first
        .series(1.day())
        .take_while(|day| *day <= last)
        .map(|day| (day, Traffic::default()))
        .collect();
    days.extend(known);
    days
}

/// The most frequent first.
fn in_words(app: &App, by_kind: BTreeMap<String, Found>) -> Vec<(String, Found)> {
    let page = Page::bare(app, Language::Ja, "");
    let mut kinds: Vec<_> = by_kind
        .into_iter()
        .map(|(name, found)| (kind::in_words(&page, &name), found))
        .collect();
    kinds.sort_by_key(|(_, found)| std::cmp::Reverse(found.all()));
    kinds
}

/// A record of the gateway.
struct Told {
    kind: String,
    /// When it was recorded, in Japan.
    day: Date,
    payload: Value,
}

impl Told {
    fn text(&self, field: &str) -> &str {
        self.payload[field].as_str().unwrap_or_default()
    }
}

async fn records(app: &App, contract: &str, first: Date, last: Date) -> Result<Vec<Told>, Error> {
    let records = app
        .db
        .ledger_records(&LedgerQuery {
            kinds: [
                evidence::CHECKED,
                evidence::CHANGED,
                evidence::EXCLUDED,
                evidence::EXCLUSION_ENDED,
                evidence::MODE_SET,
                evidence::MODE_ENDED,
            ]
            .map(str::to_owned)
            .to_vec(),
            from: Some(tokyo_midnight(first)),
            // A check that was made late is about its day all the same.
            until: Some(tokyo_midnight(last.saturating_add(3.days()))),
            limit: MOST_RECORDS,
            ..LedgerQuery::new(contract)
        })
        .await?;
    let told = records.into_iter().map(|record| Told {
        day: tokyo_date(record.at),
        payload: record.payload.value(),
        kind: record.kind,
    });
    Ok(told.collect())
}

fn checks(records: &[Told], site: &str, first: Date, last: Date) -> Checks {
    let mut by_day = BTreeMap::<Date, &Value>::new();
    for record in records {
        let day = record.text("date").parse::<Date>();
        if record.kind == evidence::CHECKED
            && record.text("host") == site
            && let Ok(day) = day
            && (first..=last).contains(&day)
        {
            by_day.insert(day, &record.payload);
        }
    }
    let mut checks = Checks::default();
    for day in first.series(1.day()).take_while(|day| *day <= last) {
        match by_day.get(&day) {
            None => checks.missing += 1,
            Some(payload) if payload["ok"] == true => checks.passed += 1,
            Some(payload) => checks.failed.push((day, why(payload))),
        }
    }
    checks
}

/// Why a check failed. What the machine said in its own words stays in the ledger.
fn why(payload: &Value) -> String {
    let count = |field: &str| payload[field].as_u64().unwrap_or_default();
    let mut said = Vec::new();
    if payload["serving"] == false {
        said.push("ゲートウェイが動いていなかった。".to_owned());
    }
    match payload["mode"].as_str() {
        Some("detect") => said.push("攻撃を止めず、記録だけする設定だった。".to_owned()),
        Some("off") => said.push("WAF を使わない設定だった。".to_owned()),
        _ => {}
    }
    if count("rules") == 0 {
        said.push("規則を読み込めなかった。".to_owned());
    }
    if count("missed") > 0 {
        said.push(format!(
            "攻撃の見本{}件を止められなかった。",
            count("missed")
        ));
    }
    if count("wronged") > 0 {
        said.push(format!(
            "ふつうの文章{}件を誤って止めた。",
            count("wronged")
        ));
    }
    if said.is_empty() {
        said.push("新しい設定が有効になっていなかった。".to_owned());
    }
    said.concat()
}

/// All exclusions and modes of parts that there ever were.
struct Decided {
    exclusions: Vec<Exclusion>,
    local: Vec<LocalMode>,
}

impl Decided {
    async fn read(app: &App, sites: &[GatewaySite]) -> Result<Self, Error> {
        let (mut exclusions, mut local) = (Vec::new(), Vec::new());
        for site in sites {
            exclusions.extend(store::exclusions(&app.db, &site.name, false).await?);
            local.extend(local::store::all(&app.db, &site.name, false).await?);
        }
        Ok(Self { exclusions, local })
    }

    /// How many hold on a day.
    fn in_force(&self, day: Date) -> usize {
        let began = |at: Timestamp| tokyo_date(at) <= day;
        let open = |ended: Option<Timestamp>| ended.is_none_or(|at| tokyo_date(at) > day);
        let exclusions = self
            .exclusions
            .iter()
            .filter(|one| began(one.created_at) && open(one.ended_at) && day <= one.expires_on);
        let local = self.local.iter().filter(|one| {
            let lasts = one.expires_on.is_none_or(|last| day <= last);
            began(one.created_at) && open(one.ended_at) && lasts
        });
        exclusions.count() + local.count()
    }

    /// What was decided, and what ended by its day, in order.
    fn during(&self, records: &[Told], first: Date, last: Date, today: Date) -> Vec<Decision> {
        let within = |day: &Date| (first..=last).contains(day);
        let mut all: Vec<Decision> = records
            .iter()
            .filter(|record| within(&record.day))
            .filter_map(|record| self.decision(record))
            .collect();
        let over = |day: Date| within(&day) && day < today;
        for one in self.exclusions.iter().filter(|one| one.ended_at.is_none()) {
            if over(one.expires_on) {
                all.push(Decision {
                    day: one.expires_on,
                    site: one.site.clone(),
                    what: format!("{}の期限が来て終わった", exclusion(one)),
                    reason: String::new(),
                });
            }
        }
        for one in self.local.iter().filter(|one| one.ended_at.is_none()) {
            if let Some(day) = one.expires_on.filter(|day| over(*day)) {
                all.push(Decision {
                    day,
                    site: one.site.clone(),
                    what: format!("{}の期限が来て終わった", mode(one)),
                    reason: String::new(),
                });
            }
        }
        all.sort_by_key(|one| one.day);
        all
    }

    fn decision(&self, record: &Told) -> Option<Decision> {
        let what = match record.kind.as_str() {
            evidence::CHANGED => changed(&record.payload),
            evidence::EXCLUDED | evidence::EXCLUSION_ENDED => {
                let mut all = self.exclusions.iter();
                let one = all.find(|one| one.id.to_string() == record.text("exclusion_id"))?;
                act(record, evidence::EXCLUDED, &exclusion(one))
            }
            evidence::MODE_SET | evidence::MODE_ENDED => {
                let mut all = self.local.iter();
                let one = all.find(|one| one.id.to_string() == record.text("mode_id"))?;
                act(record, evidence::MODE_SET, &mode(one))
            }
            _ => return None,
        };
        Some(Decision {
            day: record.day,
            site: record.text("site").to_owned(),
            what,
            reason: record.text("reason").to_owned(),
        })
    }
}

fn act(record: &Told, began: &str, what: &str) -> String {
    let done = if record.kind == began {
        "決めた"
    } else {
        "終えた"
    };
    format!("{what}を{done}")
}

fn exclusion(one: &Exclusion) -> String {
    let target = match one.target.as_str() {
        "" => " の全体".to_owned(),
        target => format!(" の項目 {target}"),
    };
    let place = match (one.path.as_str(), one.below) {
        ("", _) => String::new(),
        (path, false) => format!("、{path}"),
        (path, true) => format!("、{path} とその下"),
    };
    format!("除外（規則 {}{target}{place}）", one.rule)
}

fn mode(one: &LocalMode) -> String {
    let what = match &one.scope {
        Scope::Path(path) => format!("{path} とその下"),
        Scope::Rule(number) => format!("規則 {number}"),
        Scope::Tag(tag) => format!("{tag} の規則"),
    };
    format!(
        "動作（{what}：{}）",
        word(crate::model::mode_word(one.mode))
    )
}

fn word(mode: &str) -> &'static str {
    match mode {
        "block" => "止める",
        "detect" => "記録だけする",
        _ => "使わない",
    }
}

/// What is another than before.
fn changed(payload: &Value) -> String {
    let before = &payload["before"];
    let mut said = Vec::new();
    let mode = |of: &Value| word(of["mode"].as_str().unwrap_or_default());
    if payload["mode"] != before["mode"] {
        said.push(format!(
            "動作を「{}」から「{}」に",
            mode(before),
            mode(payload)
        ));
    }
    if payload["paranoia"] != before["paranoia"] {
        said.push(format!(
            "規則の厳しさを {} から {} に",
            before["paranoia"], payload["paranoia"]
        ));
    }
    match (before["closed"].as_bool(), payload["closed"].as_bool()) {
        (Some(false), Some(true)) => said.push("サイトを保守中に".to_owned()),
        (Some(true), Some(false)) => said.push("サイトの保守中を公開に".to_owned()),
        _ => {}
    }
    if said.is_empty() {
        return "閉じている間の案内を変えた".to_owned();
    }
    format!("{}した", said.join("、"))
}
