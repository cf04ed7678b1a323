//! From evidence to paper: pure functions from [`Sources`] to a typed [`Document`].
//!
//! A model name of the contract's deliverable chooses the builder; an unknown one becomes the
//! generic report, so that another city's contract loads without new code. No builder invents: a
//! missing name prints （未記入）, missing evidence prints 欠測 or 未確認.

mod matters;
mod standings;

use mamori_document::{
    Align, Cell, ChangePlan, Chart, Column, ConformityItem, ConformityState, ConformityTable,
    Contact, Counts, Document, Gap, Gauge, HoursMonth, Letterhead, ObligationGroup, ObligationLine,
    Section, Sender, StatusColumn, StatusField, StatusReport, StatusRow, SubmissionLine, Table,
    YearlyOverview,
};
use mamori_kernel::period::Period;

use self::matters::{approval_request, consultation_record, report};
use self::standings::standings_table;
use super::paper::WORDS;
use super::sources::{About, Sources, Standing};
use crate::terms;

/// What an empty particular of the contractor prints as.
const BLANK: &str = "（未記入）";

/// Builds the paper.
pub fn build(sources: &Sources) -> Document {
    let model = sources.deliverable.model.as_deref().unwrap_or_default();
    match model {
        "monthly-report" => Document::StatusReport(status_report(sources)),
        "change-plan" => Document::ChangePlan(change_plan(sources)),
        "conformity-table" => Document::ConformityTable(conformity_table(sources)),
        "yearly-overview" => Document::YearlyOverview(yearly_overview(sources)),
        "approval-request" if sources.approval.is_some() => approval_request(sources),
        "consultation-record" if sources.consultation.is_some() => consultation_record(sources),
        _ => Document::Report(report(sources)),
    }
}

/// The title as printed: the form's own pattern, or title and period.
pub fn title(sources: &Sources) -> String {
    let base = &sources.deliverable.title;
    match (&sources.deliverable.form_title, &sources.wanted.about) {
        (Some(pattern), About::Period(period)) => fill(pattern, base, *period),
        (_, About::Period(period)) if !matches!(period, Period::Term(_)) => {
            format!("{base}（{}）", period.japanese())
        }
        _ => base.clone(),
    }
}

fn fill(pattern: &str, base: &str, period: Period) -> String {
    let first = period.first();
    pattern
        .replace("{title}", base)
        .replace("{month}", &first.month().to_string())
        .replace("{year}", &first.year().to_string())
        .replace("{period}", &period.japanese())
}

fn letterhead(sources: &Sources) -> Letterhead {
    let contractor = &sources.head.contractor;
    let or_blank = |text: &str| {
        if text.is_empty() {
            BLANK.to_owned()
        } else {
            text.to_owned()
        }
    };
    let person = |name: &str| Contact {
        name: or_blank(name),
        phone: contractor.telephone.clone(),
        mail: contractor.mail.clone(),
    };
    let wanted = &sources.wanted;
    Letterhead {
        title: title(sources),
        subject: sources.head.name.clone(),
        number: wanted.number.clone(),
        issued_on: wanted.issued_on,
        addressee: sources
            .head
            .addressee
            .clone()
            .unwrap_or_else(|| sources.head.city.clone()),
        sender: Sender {
            address: or_blank(&contractor.address),
            name: or_blank(&contractor.name),
            representative: or_blank(&contractor.representative),
        },
        responsible: Some(Contact {
            phone: String::new(),
            mail: String::new(),
            ..person(&contractor.responsible)
        }),
        contact: Some(person(&contractor.contact)),
        version: wanted.version,
        replaced_on: wanted.replaced_on,
        status: wanted.status,
        ledger_head: sources.ledger_head.clone(),
        sample: sources.sample,
    }
}

fn counts(counts: terms::Counts) -> Counts {
    match counts {
        terms::Counts::Yes => Counts::Yes,
        terms::Counts::No => Counts::No,
        terms::Counts::Undecided => Counts::Undecided,
    }
}

fn status_report(sources: &Sources) -> StatusReport {
    let deliverable = &sources.deliverable;
    let columns: Vec<StatusColumn> = deliverable
        .columns
        .iter()
        .map(|column| StatusColumn {
            title: column.title.clone(),
            field: match column.field.as_str() {
                "date" => StatusField::Date,
                "event" => StatusField::Event,
                "response" => StatusField::Response,
                "hours" => StatusField::Hours,
                "counts" => StatusField::Counts,
                other => StatusField::Extra(other.trim_start_matches("extra:").to_owned()),
            },
        })
        .collect();
    let rows = sources
        .work
        .iter()
        .map(|work| StatusRow {
            date: work.date,
            event: work.event.clone(),
            response: work.response.clone().unwrap_or_default(),
            minutes: work.minutes,
            counts: counts(work.counts),
            extra: [(
                "category".to_owned(),
                sources
                    .categories
                    .get(&work.category)
                    .cloned()
                    .unwrap_or_else(|| work.category.clone()),
            )]
            .into(),
        })
        .collect();
    StatusReport {
        head: letterhead(sources),
        note: deliverable.form_note.clone().unwrap_or_default(),
        total_label: deliverable
            .total_label
            .clone()
            .unwrap_or_else(|| "該当合計時間：".to_owned()),
        columns: if columns.is_empty() {
            StatusReport::standard_columns()
        } else {
            columns
        },
        rows,
        sections: monthly_sections(sources),
    }
}

/// What the evidence adds after the form.
fn monthly_sections(sources: &Sources) -> Vec<Section> {
    let mut sections = Vec::new();
    sections.extend(hours_section(sources));
    sections.push(standing_section(&sources.standings));
    sections.extend(papers_section(sources));
    sections.extend(waiting_section(sources));
    sections.extend(own_sections(sources));
    number(&mut sections);
    sections
}

/// What capabilities add to a paper, then the words of people.
fn own_sections(sources: &Sources) -> Vec<Section> {
    let words = WORDS
        .iter()
        .zip(&sources.wanted.words)
        .filter_map(|((_, heading), words)| Section::remark(*heading, words));
    sources.sections.iter().cloned().chain(words).collect()
}

fn number(sections: &mut [Section]) {
    for (index, section) in sections.iter_mut().enumerate() {
        section.heading = format!("{}　{}", index + 1, section.heading);
    }
}

fn minutes_by(sources: &Sources, wanted: terms::Counts) -> u32 {
    sources
        .work
        .iter()
        .filter(|work| work.counts == wanted)
        .fold(0, |sum, work| sum.saturating_add(work.minutes))
}

fn hours_section(sources: &Sources) -> Option<Section> {
    let cap = sources.cap_minutes?;
    let counted = minutes_by(sources, terms::Counts::Yes);
    let undecided = minutes_by(sources, terms::Counts::Undecided);
    let hours = |minutes: u32| f64::from(minutes) / 60.0;
    let mut section = Section::new(sources.cap_title.clone()).chart(Chart::Gauge(Gauge {
        title: sources.cap_title.clone(),
        unit: "時間".to_owned(),
        value: hours(counted),
        limit: hours(cap),
        undecided: hours(undecided),
        decimals: 2,
    }));
    if counted > cap {
        section = section.note("※上限を超えた分は事業費の範囲内での対応とし、請求しない。");
    }
    let mut by_category: Vec<(String, u32, terms::Counts)> = Vec::new();
    for work in &sources.work {
        let name = sources
            .categories
            .get(&work.category)
            .unwrap_or(&work.category);
        match by_category
            .iter_mut()
            .find(|(known, _, counts)| known == name && *counts == work.counts)
        {
            Some((_, minutes, _)) => *minutes = minutes.saturating_add(work.minutes),
            None => by_category.push((name.clone(), work.minutes, work.counts)),
        }
    }
    if !by_category.is_empty() {
        let mut table = Table::new(
            "区分ごとの作業時間",
            vec![
                Column::new("区分", 3.0, Align::Left),
                Column::new("上限時間への算入", 2.0, Align::Left),
                Column::new("作業時間", 1.2, Align::Right),
            ],
        );
        for (name, minutes, counts) in by_category {
            table = table.row(vec![
                Cell::text(name),
                Cell::text(counts.title_ja()),
                Cell::Minutes(minutes),
            ]);
        }
        section = section.table(table);
    }
    Some(section)
}

fn standing_section(standings: &[Standing]) -> Section {
    let mut counts = Table::new(
        "",
        vec![
            Column::new("判定", 2.0, Align::Left),
            Column::new("件数", 1.0, Align::Right),
        ],
    );
    for state in [
        ConformityState::Met,
        ConformityState::NotMet,
        ConformityState::Undecided,
        ConformityState::Pending,
        ConformityState::Unmeasured,
        ConformityState::NotApplicable,
    ] {
        let count = standings
            .iter()
            .filter(|standing| standing.verdict == state)
            .count();
        counts = counts.row(vec![
            Cell::text(state.in_words()),
            Cell::count(count as u64),
        ]);
    }
    let mut section = Section::new("仕様書の各義務の状態")
        .paragraph("各義務を、証跡台帳の記録から判定した結果である。記録の無いものは「未確認」とし、満たしたものとして扱わない。")
        .table(counts);
    let attention: Vec<&Standing> = standings
        .iter()
        .filter(|standing| {
            matches!(
                standing.verdict,
                ConformityState::NotMet | ConformityState::Undecided
            )
        })
        .collect();
    if !attention.is_empty() {
        let table = standings_table(
            "不適合又は協議中の義務",
            ("理由", [0.9, 1.5, 3.0, 1.2, 3.6]),
            attention,
        );
        section = section.table(table);
    }
    section
}

fn papers_section(sources: &Sources) -> Option<Section> {
    if sources.papers.is_empty() {
        return None;
    }
    let mut table = Table::new(
        "",
        vec![
            Column::new("書類", 3.6, Align::Left),
            Column::new("対象", 1.6, Align::Left),
            Column::new("期限", 2.0, Align::Left),
            Column::new("提出日", 2.0, Align::Left),
            Column::new("検収日", 2.0, Align::Left),
        ],
    );
    let day = |day: Option<jiff::civil::Date>| day.map_or(Cell::text("―"), Cell::Date);
    for paper in &sources.papers {
        table = table.row(vec![
            Cell::text(&paper.title),
            Cell::text(&paper.period),
            day(paper.due),
            day(paper.submitted_on),
            day(paper.accepted_on),
        ]);
    }
    Some(Section::new("書類の提出と検収").table(table))
}

fn waiting_section(sources: &Sources) -> Option<Section> {
    if sources.waits.is_empty() {
        return None;
    }
    let mut table = Table::new(
        "",
        vec![
            Column::new("番号", 1.8, Align::Left),
            Column::new("内容", 1.5, Align::Left),
            Column::new("依頼した日", 2.2, Align::Left),
            Column::new("回答の日", 2.2, Align::Left),
            Column::new("日数", 0.9, Align::Right),
        ],
    );
    for (number, wait) in &sources.waits {
        table = table.row(vec![
            Cell::text(number),
            Cell::text(&wait.what),
            Cell::Date(wait.from),
            Cell::Date(wait.to),
            Cell::count(u64::from(wait.days())),
        ]);
    }
    Some(
        Section::new("札幌市".replace("札幌市", &sources.head.city) + "の回答を待った日数")
            .table(table),
    )
}

/// The annex a deliverable speaks of: the clause it names, or all attested rows.
fn annex(sources: &Sources) -> impl Iterator<Item = &Standing> {
    let clause = sources.deliverable.clause.clone().unwrap_or_default();
    let own = clause
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned();
    sources.standings.iter().filter(move |standing| {
        if own.is_empty() {
            standing.by_attestation
        } else {
            standing.clause.starts_with(&own) && !standing.clause.contains('※')
        }
    })
}

/// `別紙2 建物・1a` → `建物`.
fn group_of(clause: &str) -> String {
    clause
        .split_whitespace()
        .nth(1)
        .and_then(|rest| rest.split('・').next())
        .unwrap_or(clause)
        .to_owned()
}

fn attested(
    sources: &Sources,
    standing: &Standing,
) -> (String, Option<jiff::civil::Date>, Option<String>) {
    match sources.attestations.get(&standing.key) {
        Some(paper) => {
            let mut text = paper.issuer.clone().unwrap_or_default();
            text.push('（');
            text.push_str(&mamori_document::date_in_words(paper.issued_on));
            text.push('）');
            let applies = paper.applicability == "applies";
            let reason = (!applies).then(|| paper.reason.clone().unwrap_or_default());
            (text, paper.expires_on, reason)
        }
        None => (standing.reason.clone(), None, None),
    }
}

fn conformity_table(sources: &Sources) -> ConformityTable {
    let items = annex(sources)
        .map(|standing| {
            let (evidence, expires_on, not_applicable) = attested(sources, standing);
            ConformityItem {
                obligation: standing.key.clone(),
                group: group_of(&standing.clause),
                requirement: standing.text.clone(),
                not_applicable,
                state: standing.verdict,
                evidence,
                expires_on,
            }
        })
        .collect();
    ConformityTable {
        head: letterhead(sources),
        opening: "各要件の適否を、証明書類と証跡から示す。未確認の要件は、適合とは扱わない。"
            .to_owned(),
        as_of: sources.today,
        items,
        sections: own_sections(sources),
    }
}

fn change_plan(sources: &Sources) -> ChangePlan {
    let (_, term_end) = (sources.head.term.from.0, sources.head.term.to.0);
    let remedy_due_on = sources.remedy_due.unwrap_or(term_end);
    let gaps = annex(sources)
        .filter(|standing| {
            matches!(
                standing.verdict,
                ConformityState::NotMet | ConformityState::Unmeasured
            )
        })
        .map(|standing| Gap {
            obligation: standing.key.clone(),
            clause: standing.clause.clone(),
            requirement: standing.text.clone(),
            shortfall: if standing.verdict == ConformityState::NotMet {
                standing.reason.clone()
            } else {
                "要件を満たすことを示す証明書類又は記録が無い。".to_owned()
            },
            steps: vec![
                "提供事業者に該当の有無と証明書類を照会する。".to_owned(),
                "証明書類を受領し、要件との差を確かめて記録する。".to_owned(),
                "満たさない場合は、満たす設備又はサービスへの変更を札幌市と協議して行う。"
                    .replace("札幌市", &sources.head.city),
            ],
            due_on: remedy_due_on,
            in_charge: if sources.head.contractor.contact.is_empty() {
                BLANK.to_owned()
            } else {
                sources.head.contractor.contact.clone()
            },
        })
        .collect();
    ChangePlan {
        head: letterhead(sources),
        basis: sources.deliverable.form_note.clone().unwrap_or_else(|| {
            "仕様書の要件を満たしていない箇所と、これを満たすための改善手順を、次のとおり定める。".to_owned()
        }),
        contract_signed_on: sources.signed_on,
        plan_due_on: sources.papers.iter().find_map(|paper| {
            (paper.title == sources.deliverable.title).then_some(paper.due).flatten()
        }),
        remedy_due_on,
        gaps,
        impact: String::new(),
        sections: own_sections(sources),
    }
}

fn yearly_overview(sources: &Sources) -> YearlyOverview {
    let mut groups: Vec<ObligationGroup> = Vec::new();
    for standing in &sources.standings {
        let clause = standing
            .clause
            .split(['(', '-', ' ', '・'])
            .next()
            .unwrap_or(&standing.clause)
            .to_owned();
        let line = ObligationLine {
            obligation: standing.key.clone(),
            text: standing.title.clone(),
            state: standing.verdict,
            remark: standing.reason.clone(),
        };
        match groups.iter_mut().find(|group| group.clause == clause) {
            Some(group) => group.lines.push(line),
            None => groups.push(ObligationGroup {
                clause,
                lines: vec![line],
            }),
        }
    }
    YearlyOverview {
        head: letterhead(sources),
        opening: "契約期間の各義務の状態、作業時間及び書類の提出を、証跡からまとめた。".to_owned(),
        groups,
        hours: sources
            .months
            .iter()
            .map(|(month, counted, other)| HoursMonth {
                month: month.clone(),
                counted: *counted,
                other: *other,
            })
            .collect(),
        limit_minutes: sources.cap_minutes,
        submissions: sources
            .papers
            .iter()
            .map(|paper| SubmissionLine {
                title: if paper.period.is_empty() {
                    paper.title.clone()
                } else {
                    format!("{}（{}）", paper.title, paper.period)
                },
                due_on: paper.due,
                submitted_on: paper.submitted_on,
                accepted_on: paper.accepted_on,
            })
            .collect(),
        sections: own_sections(sources),
    }
}
