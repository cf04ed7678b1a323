//! What people do in a rehearsed year: work, requests, questions, approvals, attestations,
//! trainings, records. Planned from the contract's categories, gates and duties, for any contract;
//! names are plainly invented (見本).

use std::collections::BTreeSet;

use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime};
use mamori_contract::language::evidence::Check;
use mamori_contract::language::{ContractFile, Counts, GateKind, Kind};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value, json};

/// One act on a register.
#[derive(Debug, Clone, PartialEq)]
pub struct Act {
    /// Japanese civil time.
    pub at: DateTime,
    /// Register key.
    pub register: &'static str,
    /// What the register calls the act.
    pub verb: &'static str,
    /// What is typed.
    pub form: Map<String, Value>,
    /// The city's own act.
    pub city: bool,
    /// Name under which later acts find the item that this one opened.
    pub opens: Option<String>,
    /// Name of the item it is applied to.
    pub on: Option<String>,
}

/// Plans the people's side of the term. `open` tells whether the city works on a day.
pub fn acts(file: &ContractFile, seed: u64, open: &dyn Fn(Date) -> bool) -> Vec<Act> {
    let mut planner = Planner {
        file,
        rng: ChaCha8Rng::seed_from_u64(seed),
        open,
        from: file.contract.term.from.0,
        to: file.contract.term.to.0,
        acts: Vec::new(),
        serial: 0,
    };
    planner.attestations();
    planner.consultations();
    planner.trainings();
    planner.measures();
    planner.records();
    planner.months();
    planner.handover();
    let mut acts = planner.acts;
    acts.retain(|act| {
        act.at.date() >= file.contract.term.from.0 && act.at.date() <= file.contract.term.to.0
    });
    acts.sort_by_key(|act| act.at);
    acts
}

struct Planner<'a> {
    file: &'a ContractFile,
    rng: ChaCha8Rng,
    open: &'a dyn Fn(Date) -> bool,
    from: Date,
    to: Date,
    acts: Vec<Act>,
    serial: u32,
}

/// What was asked and what was done, for work that the city orders.
const CHANGES: &[(&str, &str)] = &[
    ("お知らせ欄への記事追加", "記事を追加し、表示を確認した"),
    (
        "イベント案内ページの画像差替え",
        "画像を差し替え、代替テキストを更新した",
    ),
    (
        "相談予約フォームの項目追加",
        "入力項目を追加し、送信を試験した",
    ),
    ("リンク先の追加", "関連団体へのリンクを追加した"),
    ("開設時間の表記の変更", "全ページの表記を統一して修正した"),
    (
        "トップページの案内文の修正",
        "文言を修正し、スマートフォンでの表示を確認した",
    ),
    (
        "アンケート結果ページの追加",
        "ページを作成し、メニューに追加した",
    ),
];

const UPKEEP: &[(&str, &str)] = &[
    (
        "ソフトウェアの更新の確認",
        "試験環境で確認のうえ適用し、表示に異常のないことを確認した",
    ),
    (
        "問合せフォームの通知遅延の調査",
        "送信記録を調べ、設定を見直した",
    ),
    (
        "表示速度の低下の調査",
        "画像の容量を調べ、キャッシュの設定を見直した",
    ),
    (
        "操作方法の問合せへの対応",
        "手順を電話で説明し、要点をメールで送った",
    ),
];

impl Planner<'_> {
    fn push(
        &mut self,
        at: DateTime,
        register: &'static str,
        act: &'static str,
        form: Value,
    ) -> usize {
        let form = match form {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        self.acts.push(Act {
            at,
            register,
            verb: act,
            form,
            city: false,
            opens: None,
            on: None,
        });
        self.acts.len() - 1
    }

    fn opening(
        &mut self,
        at: DateTime,
        register: &'static str,
        act: &'static str,
        form: Value,
    ) -> String {
        self.serial += 1;
        let name = format!("{register}-{}", self.serial);
        let index = self.push(at, register, act, form);
        self.acts[index].opens = Some(name.clone());
        name
    }

    fn on(
        &mut self,
        name: &str,
        at: DateTime,
        register: &'static str,
        act: &'static str,
        city: bool,
        form: Value,
    ) {
        let index = self.push(at, register, act, form);
        self.acts[index].on = Some(name.to_owned());
        self.acts[index].city = city;
    }

    /// The first day from `day` on that the city works, and a minute in its hours.
    fn open_time(&mut self, day: Date) -> DateTime {
        let mut day = day;
        for _ in 0..20 {
            if (self.open)(day) {
                break;
            }
            day = day.saturating_add(1.day());
        }
        let minutes = self.rng.random_range(9 * 60..16 * 60);
        day.at((minutes / 60) as i8, (minutes % 60) as i8, 0, 0)
    }

    fn later(&mut self, at: DateTime, least: i64, most: i64) -> DateTime {
        let days = self.rng.random_range(least..=most);
        self.open_time(at.date().saturating_add(days.days()))
    }

    fn attestations(&mut self) {
        let keys: Vec<String> = self
            .file
            .obligation
            .iter()
            .filter(|obligation| {
                obligation
                    .evidence
                    .iter()
                    .any(|check| matches!(check, Check::Attestation { .. }))
            })
            .map(|obligation| obligation.key.clone())
            .collect();
        // A provider answers late for one row and not at all for another: gaps are the rule.
        for (index, key) in keys.iter().enumerate() {
            if keys.len() > 8 && index == keys.len() * 2 / 3 {
                continue;
            }
            let wait = if index % 9 == 5 {
                60
            } else {
                2 + (index as i64 % 12)
            };
            let at = self.open_time(self.from.saturating_add(wait.days()));
            let name = self.opening(
                at,
                "attestation",
                "file",
                json!({
                    "obligation": key,
                    "issuer": "見本データセンター株式会社",
                    "statement": "提供元の証明書の写し（見本）",
                    "issued_on": at.date().to_string(),
                    "expires_on": at.date().saturating_add(400.days()).to_string(),
                }),
            );
            let accepted = self.later(at, 3, 9);
            self.on(
                &name,
                accepted,
                "attestation",
                "accept",
                true,
                json!({
                    "accepted_on": accepted.date().to_string(),
                    "accepted_by": "担当課（見本）",
                }),
            );
        }
    }

    /// Consultations that the contract asks for before an act: agreed within the first half.
    fn consultations(&mut self) {
        let gates: Vec<(String, String)> = self
            .file
            .gates
            .iter()
            .filter(|(_, gate)| gate.kind == GateKind::Consult)
            .map(|(key, gate)| (key.clone(), gate.title.clone()))
            .collect();
        for (index, (key, title)) in gates.into_iter().enumerate() {
            let start = 30 + (index as i64) * 18;
            let at = self.open_time(self.from.saturating_add(start.days()));
            let name = self.opening(
                at,
                "consultation",
                "open",
                json!({
                    "topic": format!("{title}（見本）"),
                    "opened_on": at.date().to_string(),
                    "proposal": "進め方の案を示し、意見を求める。",
                    "gate": key,
                }),
            );
            let agreed = self.later(at, 4, 12);
            self.on(
                &name,
                agreed,
                "consultation",
                "agree",
                true,
                json!({
                    "decided_on": agreed.date().to_string(),
                    "outcome": "提案のとおり進めることで合意した。",
                    "how": "mail",
                    "by": "担当課（見本）",
                }),
            );
        }
    }

    fn trainings(&mut self) {
        for (offset, topic, field) in [
            (
                25,
                "環境方針と業務の関わりについての研修（見本）",
                "environment",
            ),
            (
                60,
                "個人情報の取扱いについての研修（見本）",
                "personal_data",
            ),
        ] {
            let at = self.open_time(self.from.saturating_add(i64::from(offset).days()));
            self.push(
                at,
                "training",
                "hold",
                json!({
                    "topic": topic,
                    "field": field,
                    "held_on": at.date().to_string(),
                    "attendee_names": ["見本 一郎", "見本 花子"],
                    "minutes": "60分",
                }),
            );
        }
    }

    fn measures(&mut self) {
        let at = self.open_time(self.from.saturating_add(6.days()));
        let name = self.opening(
            at,
            "measure",
            "plan",
            json!({
                "title": "管理画面への接続元の制限（見本）",
                "field": "technical",
                "planned_on": at.date().to_string(),
            }),
        );
        let done = self.later(at, 5, 15);
        self.on(
            &name,
            done,
            "measure",
            "put_in_place",
            false,
            json!({ "in_place_on": done.date().to_string() }),
        );
    }

    /// A person's record for the duties that ask for one, more often where the contract does.
    fn records(&mut self) {
        let duties: Vec<(String, String, Kind, bool)> = self
            .file
            .obligation
            .iter()
            .filter(|obligation| obligation.type_.is_judged())
            .filter_map(|obligation| {
                obligation.evidence.iter().find_map(|check| match check {
                    Check::Record { max_age, .. } => Some((
                        obligation.key.clone(),
                        obligation.title.clone(),
                        obligation.kind,
                        max_age.is_some_and(|age| age.seconds().is_some_and(|s| s <= 92 * 86_400)),
                    )),
                    _ => None,
                })
            })
            .collect();
        for (index, (key, title, kind, often)) in duties.into_iter().enumerate() {
            if index % 13 == 11 {
                continue; // forgotten, as people do
            }
            let mut days: Vec<i64> = Vec::new();
            if often || kind == Kind::Monthly {
                days.extend((0..12).map(|month| 15 + month * 30));
            } else if matches!(kind, Kind::OneOff) {
                days.push(40 + (index as i64 * 7) % 120);
            } else {
                days.extend([12 + (index as i64 % 10), 190 + (index as i64 % 10)]);
            }
            for day in days {
                let at = self.open_time(self.from.saturating_add(day.days()));
                self.push(
                    at,
                    "record",
                    "file",
                    json!({
                        "obligation": key,
                        "title": format!("{title}の確認（見本）"),
                        "day": at.date().to_string(),
                    }),
                );
            }
        }
    }

    fn months(&mut self) {
        let mut first = self.from;
        while first <= self.to {
            self.month(first);
            let Ok(next) = first.first_of_month().checked_add(1.month()) else {
                return;
            };
            first = next;
        }
    }

    fn category(&self, counts: Counts) -> Vec<String> {
        self.file
            .categories
            .iter()
            .filter(|(_, category)| category.counts == counts)
            .map(|(key, _)| key.clone())
            .collect()
    }

    fn month(&mut self, first: Date) {
        let counted = self.category(Counts::Yes);
        let free: Vec<String> =
            [self.category(Counts::No), self.category(Counts::Undecided)].concat();
        let orders = self.rng.random_range(2..=3u32);
        let mut used = BTreeSet::new();
        for turn in 0..orders {
            let index = self.rng.random_range(0..CHANGES.len());
            if used.insert(index) && !counted.is_empty() {
                let category = counted[turn as usize % counted.len()].clone();
                let start = 2 + i64::from(turn) * 8;
                self.order(
                    first.saturating_add(start.days()),
                    CHANGES[index],
                    &category,
                );
            }
        }
        for turn in 0..2u32 {
            if free.is_empty() {
                break;
            }
            let pick = self.rng.random_range(0..free.len());
            let (event, response) = UPKEEP[self.rng.random_range(0..UPKEEP.len())];
            let at = self.open_time(first.saturating_add(i64::from(5 + turn * 11).days()));
            let minutes = self.rng.random_range(1..=4u32) * 15;
            self.work(at, &free[pick], event, response, minutes, None);
        }
        let at = self.open_time(first.saturating_add(13.days()));
        let channel = if self.rng.random_range(0..2u32) == 0 {
            "phone"
        } else {
            "mail"
        };
        let name = self.opening(
            at,
            "question",
            "receive",
            json!({
                "topic": "管理画面の操作方法について（見本）",
                "channel": channel,
                "received_on": at.date().to_string(),
                "caller": "見本 職員",
            }),
        );
        let answered = self.later(at, 0, 1).max(at.saturating_add(20.minutes()));
        self.on(
            &name,
            answered,
            "question",
            "answer",
            false,
            json!({
                "answered_on": answered.date().to_string(),
                "answer": "画面の手順を説明した。",
                "minutes": "20分",
            }),
        );
    }

    /// A request of the city from receipt to acceptance, with its work.
    fn order(&mut self, day: Date, (event, response): (&str, &str), category: &str) {
        let at = self.open_time(day);
        let minutes = self.rng.random_range(3..=9u32) * 15;
        let name = self.opening(
            at,
            "request",
            "receive",
            json!({
                "title": format!("{event}（見本）"),
                "received_on": at.date().to_string(),
                "channel": "mail",
                "section": "担当課（見本）",
            }),
        );
        let done = self.later(at, 1, 3);
        self.work(
            done,
            category,
            &format!("{event}（見本）"),
            response,
            minutes,
            Some(&name),
        );
        let finished = done.saturating_add(3.hours());
        self.on(
            &name,
            finished,
            "request",
            "finish",
            false,
            json!({
                "done_on": finished.date().to_string(),
                "result": response,
            }),
        );
        let accepted = self.later(finished, 1, 6);
        self.on(
            &name,
            accepted,
            "request",
            "accept",
            true,
            json!({
                "accepted_on": accepted.date().to_string(),
                "accepted_by": "担当課（見本）",
            }),
        );
    }

    fn work(
        &mut self,
        at: DateTime,
        category: &str,
        event: &str,
        response: &str,
        minutes: u32,
        request: Option<&str>,
    ) {
        let start = (at.hour() as u32) * 60 + at.minute() as u32;
        let end = (start + minutes).min(17 * 60 + 10);
        let clock = |minutes: u32| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        let mut form = json!({
            "date": at.date().to_string(),
            "start": clock(end.saturating_sub(minutes)),
            "end": clock(end),
            "category": category,
            "event": event,
            "response": response,
            "by": "見本 花子",
        });
        if let Some(request) = request {
            // Replaced by the item's number when the act is done.
            form["request"] = json!(format!("@{request}"));
        }
        let written = at.date().at(17, 12, 0, 0);
        self.push(written, "work", "record", form);
    }

    fn handover(&mut self) {
        let at = self.open_time(self.to.saturating_sub(8.days()));
        let name = self.opening(
            at,
            "handover",
            "hand",
            json!({
                "title": "成果品の引渡し（見本）",
                "deliverables": [{ "name": "運用記録一式", "quantity": 1, "form": "電子データ" }],
                "handed_on": at.date().to_string(),
                "how": "mail",
            }),
        );
        let received = self.later(at, 1, 3);
        self.on(
            &name,
            received,
            "handover",
            "receive",
            true,
            json!({ "received_on": received.date().to_string() }),
        );
    }
}
