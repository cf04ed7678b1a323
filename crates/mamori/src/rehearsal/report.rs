//! What a rehearsal found, as data and as text for people.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::ToSpan as _;
use jiff::civil::Date;
use mamori_contract::engine::Verdict;
use mamori_contract::language::Reach;
use mamori_kernel::period::Period;
use mamori_kernel::wareki;
use mamori_office::Office;
use mamori_office::contracts::Live;
use mamori_office::documents::Paper;
use serde::Serialize;

/// The result.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Contract id.
    pub contract: String,
    /// Name of the contract.
    pub name: String,
    /// First day looked at.
    pub from: String,
    /// Last day played.
    pub to: String,
    /// Number of judged obligations.
    pub obligations: usize,
    /// How many stand how at the end.
    pub counts: Counts,
    /// Every obligation.
    pub states: Vec<Line>,
    /// Every paper, by due day.
    pub documents: Vec<PaperLine>,
    /// What people must still do.
    pub todo: Vec<Todo>,
    /// Acts that the registers refused, with the reason: a contract that forbids what the
    /// rehearsal tried.
    pub refused: Vec<String>,
    /// Records in the ledger.
    pub records: u64,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// Obligations by verdict.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Counts {
    /// 履行.
    pub met: usize,
    /// 不履行.
    pub not_met: usize,
    /// 定めなし.
    pub undecided: usize,
    /// 期限前.
    pub pending: usize,
    /// 未計測.
    pub unmeasured: usize,
    /// 対象外.
    pub not_applicable: usize,
}

/// One obligation.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// Key.
    pub obligation: String,
    /// Clause.
    pub clause: String,
    /// Title.
    pub title: String,
    /// Verdict at the end.
    pub verdict: Verdict,
    /// Why.
    pub reasons: Vec<String>,
}

/// One paper.
#[derive(Debug, Clone, Serialize)]
pub struct PaperLine {
    /// Deliverable.
    pub document: String,
    /// Title.
    pub title: String,
    /// Period.
    pub period: String,
    /// Period in words; none for papers on the whole term.
    pub period_ja: Option<String>,
    /// Due day.
    pub due: Option<String>,
    /// Why it moved.
    pub reason: Option<String>,
    /// Number in the register, once made.
    pub number: Option<String>,
    /// Day of submission.
    pub submitted_on: Option<String>,
    /// Day of acceptance.
    pub accepted_on: Option<String>,
    /// Due after the term's end.
    pub after_term: bool,
}

/// Something that is left to a person.
#[derive(Debug, Clone, Serialize)]
pub struct Todo {
    /// Who: `contractor` or `city`.
    pub who: &'static str,
    /// Obligation, if it belongs to one.
    pub obligation: Option<String>,
    /// What to do.
    pub what: String,
}

/// Looks at the installation at the end of the rehearsal.
pub async fn make(
    office: &Office,
    live: &Live,
    from: Date,
    to: Date,
    now: Timestamp,
) -> anyhow::Result<Report> {
    let contract = live.contract();
    let mut counts = Counts::default();
    let mut states = Vec::new();
    let mut todo = Vec::new();
    for state in live.states(now).await? {
        let Some(obligation) = contract.latest(&state.key) else {
            continue;
        };
        let slot = match state.verdict {
            Verdict::Met => &mut counts.met,
            Verdict::NotMet => &mut counts.not_met,
            Verdict::Undecided => &mut counts.undecided,
            Verdict::Pending => &mut counts.pending,
            Verdict::Unmeasured => &mut counts.unmeasured,
            Verdict::NotApplicable => &mut counts.not_applicable,
        };
        *slot += 1;
        let person = matches!(obligation.reach, Some(Reach::H | Reach::S | Reach::X));
        let left = match state.verdict {
            Verdict::Unmeasured if obligation.reach == Some(Reach::X) => Some(format!(
                "「{}」の証明書類を受け取って登録する",
                obligation.title
            )),
            Verdict::Unmeasured | Verdict::NotMet if person => {
                Some(format!("「{}」の記録を残す", obligation.title))
            }
            Verdict::NotMet => Some(format!(
                "「{}」の不履行の原因を調べて対処する",
                obligation.title
            )),
            Verdict::Unmeasured => {
                Some(format!("「{}」を計測する手段を用意する", obligation.title))
            }
            _ => None,
        };
        todo.extend(left.map(|what| Todo {
            who: "contractor",
            obligation: Some(state.key.clone()),
            what,
        }));
        states.push(Line {
            obligation: state.key.clone(),
            clause: obligation.clause.clone(),
            title: obligation.title.clone(),
            verdict: state.verdict,
            reasons: state.reasons.clone(),
        });
    }
    for ambiguity in contract
        .file
        .ambiguity
        .iter()
        .filter(|ambiguity| ambiguity.question.is_some())
    {
        todo.push(Todo {
            who: "city",
            obligation: None,
            what: format!(
                "{}：{}",
                ambiguity.key,
                ambiguity.question.clone().unwrap_or_default()
            ),
        });
    }
    let documents = papers(office, live, from, to).await?;
    for paper in documents.iter().filter(|paper| paper.after_term) {
        todo.push(Todo {
            who: "contractor",
            obligation: None,
            what: format!(
                "{}{}の期限は契約期間の後です。提出の扱いを市と決める",
                paper.title,
                paper
                    .period_ja
                    .as_deref()
                    .map_or(String::new(), |period| format!("（{period}）"))
            ),
        });
    }
    Ok(Report {
        contract: live.id().to_owned(),
        name: contract.file.contract.name.clone(),
        from: from.to_string(),
        to: to.to_string(),
        obligations: states.len(),
        counts,
        states,
        documents,
        todo,
        refused: Vec::new(),
        records: 0,
        seconds: 0.0,
    })
}

async fn papers(
    office: &Office,
    live: &Live,
    from: Date,
    to: Date,
) -> anyhow::Result<Vec<PaperLine>> {
    let made: Vec<(String, Paper)> = office
        .papers
        .all(live.id())
        .await?
        .into_iter()
        .filter_map(|item| Some((item.number.clone(), item.read().ok()?)))
        .collect();
    // Whole terms show what falls due after them too (the report on the last month).
    let last = if to == live.contract().term.last() {
        to.saturating_add(90.days())
    } else {
        to
    };
    Ok(mamori_office::documents::deliverable_dues(live, from, last)
        .into_iter()
        .filter_map(|due| {
            let document = due.deliverable.clone()?;
            let period = due.period.to_string();
            let paper = made
                .iter()
                .find(|(_, paper)| paper.document == document && paper.period == period);
            Some(PaperLine {
                title: due
                    .deliverable_title
                    .clone()
                    .unwrap_or_else(|| document.clone()),
                document,
                period_ja: (!matches!(due.period, Period::Term(_))).then(|| due.period.japanese()),
                period,
                due: due.due.map(|day| day.to_string()),
                reason: due.reason.clone(),
                number: paper.map(|(number, _)| number.clone()),
                submitted_on: paper
                    .and_then(|(_, paper)| paper.submitted_on)
                    .map(|day| day.to_string()),
                accepted_on: paper
                    .and_then(|(_, paper)| paper.accepted_on)
                    .map(|day| day.to_string()),
                after_term: due.after_term,
            })
        })
        .collect())
}

impl Report {
    /// Text for people.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let day = |text: &str| {
            text.parse::<Date>()
                .map_or_else(|_| text.to_owned(), wareki::with_weekday)
        };
        let _ = writeln!(out, "リハーサル：{}", self.name);
        let _ = writeln!(
            out,
            "期間　　　：{} から {}",
            day(&self.from),
            day(&self.to)
        );
        let counts = &self.counts;
        let _ = writeln!(
            out,
            "義務 {} 件：履行 {}、不履行 {}、定めなし {}、期限前 {}、未計測 {}、対象外 {}",
            self.obligations,
            counts.met,
            counts.not_met,
            counts.undecided,
            counts.pending,
            counts.unmeasured,
            counts.not_applicable
        );
        for (verdict, title) in [
            (Verdict::NotMet, "不履行となる義務"),
            (Verdict::Undecided, "仕様書の定めが無く判定できない義務"),
            (Verdict::Unmeasured, "計測・記録の無い義務"),
        ] {
            let lines: Vec<&Line> = self
                .states
                .iter()
                .filter(|line| line.verdict == verdict)
                .collect();
            if lines.is_empty() {
                continue;
            }
            let _ = writeln!(out, "\n{title}（{} 件）", lines.len());
            for line in lines {
                let _ = writeln!(
                    out,
                    "  {} {} {}　{}",
                    line.obligation,
                    line.clause,
                    line.title,
                    line.reasons.join("。")
                );
            }
        }
        let _ = writeln!(out, "\n書類（{} 件）", self.documents.len());
        for paper in &self.documents {
            let due = paper
                .due
                .as_deref()
                .map_or_else(|| "期限不明".to_owned(), day);
            let moved = paper
                .reason
                .as_deref()
                .map_or(String::new(), |reason| format!("［{reason}］"));
            let handed = paper.submitted_on.as_deref().map_or_else(
                || {
                    if paper.after_term {
                        "契約期間の後".to_owned()
                    } else {
                        "未提出".to_owned()
                    }
                },
                |on| format!("提出 {on}"),
            );
            let accepted = paper
                .accepted_on
                .as_deref()
                .map_or(String::new(), |on| format!("、検収 {on}"));
            let period = paper
                .period_ja
                .as_deref()
                .map_or(String::new(), |period| format!("（{period}）"));
            let _ = writeln!(
                out,
                "  {due}{moved}　{}{period}　{handed}{accepted}",
                paper.title
            );
        }
        let _ = writeln!(out, "\n人が行うこと（{} 件）", self.todo.len());
        for todo in &self.todo {
            let who = if todo.who == "city" {
                "市へ確認"
            } else {
                "受託者"
            };
            let key = todo
                .obligation
                .as_deref()
                .map_or(String::new(), |key| format!("{key} "));
            let _ = writeln!(out, "  {who}：{key}{}", todo.what);
        }
        if !self.refused.is_empty() {
            let _ = writeln!(
                out,
                "\n登録簿が受け付けなかった操作（{} 件）",
                self.refused.len()
            );
            for line in &self.refused {
                let _ = writeln!(out, "  {line}");
            }
        }
        let _ = writeln!(
            out,
            "\n証跡 {} 件、{:.1} 秒。記録はすべて見本で、実際の計測ではありません。",
            self.records, self.seconds
        );
        out
    }
}
