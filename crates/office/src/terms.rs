//! What the registers ask of the contract: a port.
//!
//! The registers know no clause. Whether a category of work counts, which window is planned,
//! which gate guards an act: all that is contract data, asked through [`ContractTerms`]. The
//! contract service implements it over the contract engine; [`FixedTerms`] is a small table for
//! tests and for examples. Terms are asked *as of a day*, since a contract may change.

use std::sync::Arc;

use jiff::civil::{Date, Time};
use serde::{Deserialize, Serialize};

/// Whether work of a category counts toward the contract's monthly hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counts {
    /// It counts (仕様書 7(2)ア・イ).
    Yes,
    /// It does not count (7(1), in principle 9).
    No,
    /// The text does not decide; shown apart until the city confirms.
    Undecided,
}

impl Counts {
    /// The word used in evidence payloads.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Undecided => "undecided",
        }
    }

    /// For people.
    pub fn title_ja(self) -> &'static str {
        match self {
            Self::Yes => "算入する",
            Self::No => "算入しない",
            Self::Undecided => "未定（協議が必要）",
        }
    }
}

/// A row of the contract's category table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Category {
    /// Key in the contract (`site-correction`).
    pub key: String,
    /// Name for people.
    pub title_ja: String,
    /// Where the contract speaks of it.
    pub clause: String,
    /// Whether it counts.
    pub counts: Counts,
    /// The text says 原則 or nothing: a person may enter another value with a reason.
    pub may_differ: bool,
    /// Whether the planned window of work applies to it.
    pub in_window: bool,
}

/// The planned window of work on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Window {
    /// Work is planned between these times.
    Between {
        /// First minute of the window.
        from: Time,
        /// End of the window.
        to: Time,
    },
    /// The whole day is outside (Sunday, holiday); with the reason for people.
    Closed(String),
    /// The contract sets no window.
    None,
}

/// The counter of monthly hours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cap {
    /// Name for people (`月7時間`).
    pub title_ja: String,
    /// Where the contract sets it.
    pub clause: String,
    /// Minutes a month (420).
    pub minutes: u32,
}

/// What opens a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GateKind {
    /// The city's approval (承認).
    Approval,
    /// An agreement after consultation (協議の上).
    Consultation,
}

/// An approval or consultation that must come before an act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gate {
    /// Key in the contract (`subcontract`).
    pub key: String,
    /// Name for people (`再委託の承認`).
    pub title_ja: String,
    /// Where the contract asks for it.
    pub clause: String,
    /// Approval or consultation.
    pub kind: GateKind,
    /// Only a written decision opens it (仕様書 12 「予め書面により」).
    pub written: bool,
    /// Acts of registers that wait for it, as `REGISTER.ACT` (`subcontract.register`).
    pub guards: Vec<String>,
}

/// An ambiguity of the text, with the readings that the contract file names as candidates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// Key (`A-07`).
    pub key: String,
    /// What is unclear.
    pub title_ja: String,
    /// Key and title of each candidate reading.
    pub readings: Vec<(String, String)>,
}

/// An obligation, as far as the registers need it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ObligationRef {
    /// Key (`O-118`).
    pub key: String,
    /// Name for people.
    pub title_ja: String,
    /// Clause of the contract.
    pub clause: String,
    /// Whether it is proven by an attestation of someone outside.
    pub by_attestation: bool,
}

/// Something the contract forbids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prohibition {
    /// Where the contract forbids it.
    pub clause: String,
    /// What it says.
    pub text_ja: String,
}

/// The contract as of one day.
pub trait ContractTerms: Send + Sync {
    /// First and last day of the term.
    fn term(&self) -> (Date, Date);
    /// The category table, in the contract's order.
    fn categories(&self) -> &[Category];
    /// The planned window on a day.
    fn window(&self, day: Date) -> Window;
    /// The monthly cap, if the contract has one.
    fn cap(&self) -> Option<&Cap>;
    /// All gates.
    fn gates(&self) -> &[Gate];
    /// All obligations.
    fn obligations(&self) -> &[ObligationRef];
    /// The ambiguities of the text.
    fn notes(&self) -> &[Note];
    /// Whether the city works on this day.
    fn is_open_day(&self, day: Date) -> bool;
    /// The prohibition on a deed (`subcontract.core`), if there is one.
    fn prohibition(&self, deed: &str) -> Option<&Prohibition>;

    /// The category of this key.
    fn category(&self, key: &str) -> Option<&Category> {
        self.categories()
            .iter()
            .find(|category| category.key == key)
    }

    /// The gate of this key.
    fn gate(&self, key: &str) -> Option<&Gate> {
        self.gates().iter().find(|gate| gate.key == key)
    }

    /// The gates that an act of a register waits for (`subcontract.register`).
    fn guards(&self, act: &str) -> Vec<&Gate> {
        self.gates()
            .iter()
            .filter(|gate| gate.guards.iter().any(|guarded| guarded == act))
            .collect()
    }

    /// The obligation of this key.
    fn obligation(&self, key: &str) -> Option<&ObligationRef> {
        self.obligations()
            .iter()
            .find(|obligation| obligation.key == key)
    }
}

/// Why the terms cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TermsError {
    /// No such contract, or none in force.
    #[error(
        "契約「{0}」は登録されていません。`mamori contract activate FILE` で契約ファイルを有効にしてください"
    )]
    NoContract(String),
    /// The contract's data cannot be read now.
    #[error("契約データを読めません: {0}")]
    Unavailable(String),
}

/// Finds the terms of a contract as of a day. The contract service implements it.
pub trait TermsSource: Send + Sync {
    /// The terms of `contract` on `day`.
    fn terms<'a>(&'a self, contract: &'a str, day: Date) -> TermsFuture<'a>;
}

/// What [`TermsSource::terms`] returns.
pub type TermsFuture<'a> =
    std::pin::Pin<Box<dyn Future<Output = Result<Arc<dyn ContractTerms>, TermsError>> + Send + 'a>>;

/// Terms held in a table: tests, examples.
#[derive(Debug, Clone)]
pub struct FixedTerms {
    /// See [`ContractTerms::term`].
    pub term: (Date, Date),
    /// See [`ContractTerms::categories`].
    pub categories: Vec<Category>,
    /// Window on Monday to Friday.
    pub weekdays: Option<(Time, Time)>,
    /// Further closed days.
    pub holidays: Vec<(Date, String)>,
    /// See [`ContractTerms::cap`].
    pub cap: Option<Cap>,
    /// See [`ContractTerms::gates`].
    pub gates: Vec<Gate>,
    /// See [`ContractTerms::obligations`].
    pub obligations: Vec<ObligationRef>,
    /// See [`ContractTerms::notes`].
    pub notes: Vec<Note>,
    /// Deed and prohibition.
    pub prohibitions: Vec<(String, Prohibition)>,
}

impl FixedTerms {
    fn closed(&self, day: Date) -> Option<String> {
        use jiff::civil::Weekday;
        if let Some((_, name)) = self.holidays.iter().find(|(holiday, _)| *holiday == day) {
            return Some(name.clone());
        }
        match day.weekday() {
            Weekday::Saturday => Some("土曜日".to_owned()),
            Weekday::Sunday => Some("日曜日".to_owned()),
            _ => None,
        }
    }
}

impl ContractTerms for FixedTerms {
    fn term(&self) -> (Date, Date) {
        self.term
    }
    fn categories(&self) -> &[Category] {
        &self.categories
    }
    fn window(&self, day: Date) -> Window {
        match (self.weekdays, self.closed(day)) {
            (None, _) => Window::None,
            (Some(_), Some(reason)) => Window::Closed(reason),
            (Some((from, to)), None) => Window::Between { from, to },
        }
    }
    fn cap(&self) -> Option<&Cap> {
        self.cap.as_ref()
    }
    fn gates(&self) -> &[Gate] {
        &self.gates
    }
    fn obligations(&self) -> &[ObligationRef] {
        &self.obligations
    }
    fn notes(&self) -> &[Note] {
        &self.notes
    }
    fn is_open_day(&self, day: Date) -> bool {
        self.closed(day).is_none()
    }
    fn prohibition(&self, deed: &str) -> Option<&Prohibition> {
        self.prohibitions
            .iter()
            .find(|(key, _)| key == deed)
            .map(|(_, prohibition)| prohibition)
    }
}

/// One contract for every key that it is asked for: tests, examples.
impl TermsSource for FixedTerms {
    fn terms<'a>(&'a self, _contract: &'a str, _day: Date) -> TermsFuture<'a> {
        let terms: Arc<dyn ContractTerms> = Arc::new(self.clone());
        Box::pin(async move { Ok(terms) })
    }
}

impl FixedTerms {
    /// A small contract in the likeness of 仕様書 令和8年度: what tests and examples run on.
    /// The real one is `contracts/kokoshelju-r8.toml`.
    pub fn example() -> Self {
        use jiff::civil::{date, time};
        let category =
            |key: &str, title_ja: &str, clause: &str, counts, may_differ, in_window| Category {
                key: key.to_owned(),
                title_ja: title_ja.to_owned(),
                clause: clause.to_owned(),
                counts,
                may_differ,
                in_window,
            };
        let gate = |key: &str, title_ja: &str, clause: &str, kind, written, guards: &[&str]| Gate {
            key: key.to_owned(),
            title_ja: title_ja.to_owned(),
            clause: clause.to_owned(),
            kind,
            written,
            guards: guards.iter().map(|act| (*act).to_owned()).collect(),
        };
        let obligation = |key: &str, title_ja: &str, clause: &str, by_attestation| ObligationRef {
            key: key.to_owned(),
            title_ja: title_ja.to_owned(),
            clause: clause.to_owned(),
            by_attestation,
        };
        Self {
            term: (date(2026, 4, 1), date(2027, 3, 31)),
            categories: vec![
                category("upkeep", "運用管理", "7(1)", Counts::No, false, true),
                category(
                    "system-change",
                    "改修・追加実装",
                    "7(2)ア",
                    Counts::Yes,
                    false,
                    true,
                ),
                category(
                    "site-correction",
                    "ホームページの修正",
                    "7(2)イ",
                    Counts::Yes,
                    false,
                    true,
                ),
                category("question", "運用補助", "9", Counts::No, true, false),
                category("fault", "障害対応", "5(2)", Counts::Undecided, true, true),
            ],
            weekdays: Some((time(8, 45, 0, 0), time(17, 15, 0, 0))),
            holidays: vec![(date(2026, 10, 12), "スポーツの日".to_owned())],
            cap: Some(Cap {
                title_ja: "月7時間".to_owned(),
                clause: "7(2)".to_owned(),
                minutes: 420,
            }),
            gates: vec![
                gate(
                    "subcontract",
                    "再委託の承認",
                    "12",
                    GateKind::Approval,
                    true,
                    &["subcontract.register"],
                ),
                gate(
                    "chat-change",
                    "チャットサービスの変更の承認",
                    "7(3)",
                    GateKind::Approval,
                    false,
                    &[],
                ),
                gate(
                    "a11y-pages",
                    "対象ページの協議",
                    "10(2)",
                    GateKind::Consultation,
                    false,
                    &[],
                ),
            ],
            obligations: vec![
                obligation("O-009", "利用料等は受託者が負担", "5(1)イ(ア)", false),
                obligation("O-052", "プライバシーマークの取得", "7(3)イ", true),
                obligation("O-107", "環境方針の研修", "14(5)", false),
                obligation("O-110", "個人情報の管理措置", "15(2)", false),
                obligation("O-118", "建物は日本国内", "別紙2 建物", true),
                obligation("O-134", "HUBの施錠", "別紙2 通信ケーブル", true),
            ],
            notes: vec![Note {
                key: "A-07".to_owned(),
                title_ja: "どの作業が月7時間に入るか".to_owned(),
                readings: vec![
                    ("narrow".to_owned(), "7(2)だけが入る".to_owned()),
                    ("wide".to_owned(), "障害対応なども入る".to_owned()),
                ],
            }],
            prohibitions: vec![(
                "subcontract.core".to_owned(),
                Prohibition {
                    clause: "12".to_owned(),
                    text_ja: "当該業務の根幹を成す保守管理業務を再委託することは認めない"
                        .to_owned(),
                },
            )],
        }
    }
}
