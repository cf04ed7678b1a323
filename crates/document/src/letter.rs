//! The letter head all papers share.
//!
//! Seals are gone from reports; in their place stand 発行責任者, 担当者 and how to reach them. A
//! wrong paper is replaced by a new version, never corrected (model.md 4.2).

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::clean::line;
use crate::date::date_in_words;

/// Who writes to whom about what, under which number and version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Letterhead {
    /// 表題, e.g. `ここシェルジュ運用システム等保守管理状況報告書（10月分）`. Also the title
    /// property of every file.
    pub title: String,
    /// 件名: the contract's name, exactly as in its clause 1.
    #[serde(default)]
    pub subject: String,
    /// 文書番号. Empty: none printed.
    #[serde(default)]
    pub number: String,
    /// Day on the paper. None on a draft: `令和　年　月　日` stays open for the day of submission.
    #[serde(default)]
    pub issued_on: Option<Date>,
    /// あて先, e.g. `札幌市長`. Empty: none printed.
    #[serde(default)]
    pub addressee: String,
    /// The contractor.
    pub sender: Sender,
    /// 発行責任者.
    #[serde(default)]
    pub responsible: Option<Contact>,
    /// 担当者.
    #[serde(default)]
    pub contact: Option<Contact>,
    /// 第n版, from 1.
    #[serde(default = "one")]
    pub version: u32,
    /// Day on which this version replaced the one before; only from version 2 on.
    #[serde(default)]
    pub replaced_on: Option<Date>,
    /// Where the paper stands.
    #[serde(default)]
    pub status: Status,
    /// Head of the evidence ledger, printed in the footer.
    #[serde(default)]
    pub ledger_head: Option<LedgerHead>,
    /// Sample data: 見本 on every page.
    #[serde(default)]
    pub sample: bool,
}

fn one() -> u32 {
    1
}

/// 発信者.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    /// 所在地.
    #[serde(default)]
    pub address: String,
    /// 商号又は名称.
    pub name: String,
    /// 代表者 with title, e.g. `代表取締役　見本　太郎`.
    #[serde(default)]
    pub representative: String,
}

impl Sender {
    /// Address, name, representative: one line each, empty ones left out.
    pub(crate) fn lines(&self) -> Vec<String> {
        [&self.address, &self.name, &self.representative]
            .into_iter()
            .map(|text| line(text))
            .filter(|text| !text.is_empty())
            .collect()
    }
}

/// A person at the contractor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Name, with title where wanted.
    pub name: String,
    /// Telephone number as printed.
    #[serde(default)]
    pub phone: String,
    /// Mail address.
    #[serde(default)]
    pub mail: String,
}

impl Contact {
    /// `見本　花子　電話 011-…　メール …`.
    pub(crate) fn in_words(&self) -> String {
        let mut text = self.name.clone();
        if !self.phone.is_empty() {
            text.push_str("　電話 ");
            text.push_str(&self.phone);
        }
        if !self.mail.is_empty() {
            text.push_str("　メール ");
            text.push_str(&self.mail);
        }
        text
    }
}

/// Where a paper stands on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// 案: may still change.
    #[default]
    Draft,
    /// 提出版: went to the city.
    Submitted,
}

impl Status {
    /// 案 or 提出版.
    pub fn mark(self) -> &'static str {
        match self {
            Status::Draft => "案",
            Status::Submitted => "提出版",
        }
    }
}

/// Head of the evidence ledger at the time of rendering. Whoever keeps this paper can later check
/// that no record before it was changed; it does not prove that the records were true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerHead {
    /// Contract id, the name of the chain. Papers made before it was printed have none.
    #[serde(default)]
    pub contract: String,
    /// Sequence number of the last record covered.
    pub seq: u64,
    /// Day of that head.
    pub on: Date,
    /// Hash of the head, lower-case hex.
    pub hash: String,
}

impl LedgerHead {
    /// `証跡台帳 先頭値：1a2b 3c4d（記録 1234 件、令和8年11月9日（月）現在）` and `照合用：mamori1:…`.
    /// The first eight digits are for reading out on the telephone; the second line is what
    /// `mamori ledger verify --against` takes.
    pub(crate) fn in_words(&self) -> [String; 2] {
        let short: String = self.hash.chars().take(8).collect();
        let middle = short.char_indices().nth(4).map_or(short.len(), |(i, _)| i);
        let (a, b) = short.split_at(middle);
        [
            format!(
                "証跡台帳 先頭値：{a} {b}（記録 {} 件、{}現在）",
                self.seq,
                date_in_words(self.on)
            ),
            if self.contract.is_empty() {
                format!("全値：{}", self.hash)
            } else {
                format!(
                    "照合用：mamori1:{}:{}:{}",
                    self.contract, self.seq, self.hash
                )
            },
        ]
    }
}

impl Letterhead {
    /// The date line: the day with weekday, or the open line of the form.
    pub(crate) fn date_line(&self) -> String {
        self.issued_on
            .map_or_else(|| "令和　　年　　月　　日".to_owned(), date_in_words)
    }

    /// `第2版　令和8年11月12日（木）差替え`, or `第1版`.
    pub(crate) fn version_line(&self) -> String {
        match self.replaced_on {
            Some(day) if self.version > 1 => {
                format!("第{}版　{}差替え", self.version, date_in_words(day))
            }
            _ => format!("第{}版", self.version),
        }
    }

    /// 件名 and the people who answer for the paper, as label and value.
    pub(crate) fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = Vec::new();
        if !self.subject.is_empty() {
            facts.push(("件　　　名", line(&self.subject)));
        }
        if let Some(person) = &self.responsible {
            facts.push(("発行責任者", line(&person.in_words())));
        }
        if let Some(person) = &self.contact {
            facts.push(("担　当　者", line(&person.in_words())));
        }
        facts
    }

    /// Text of the mark on every page of sample papers.
    pub(crate) const SAMPLE: &'static str = "見本";
    /// The mark spelled out.
    pub(crate) const SAMPLE_LINE: &'static str = "見本（実際の業務の記録ではありません）";
}
