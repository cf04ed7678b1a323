//! Making papers: gather sources, build the model, render every format, keep the files, and record
//! the act through the register's desk, so that row, evidence and files agree.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::ToSpan as _;
use jiff::civil::Date;
use mamori_contract::Due;
use mamori_contract::language::parts::DeliverablePer;
use mamori_contract::language::value::OrParam;
use mamori_contract::language::{Deliverable, Rule};
use mamori_document::{Document, Fonts, LedgerHead, Status};
use mamori_kernel::clock::tokyo_date;
use mamori_kernel::ledger::Actor;
use mamori_kernel::period::{Period, PeriodKind, YearMonth};
use mamori_runtime::App;
use mamori_runtime::capability::SectionRequest;
use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;

use super::build;
use super::paper::Paper;
use super::sources::{About, PaperLine, Sources, Wanted};
use crate::approval::Approval;
use crate::attestation::Attestation;
use crate::consultation::Consultation;
use crate::contracts::{Contracts, ContractsError, Live, work_counter};
use crate::register::rules::CityWait;
use crate::register::{Desk, DeskError, Done, Order, Register, Side, Stored};
use crate::terms::Counts;
use crate::work::WorkEntry;

/// Why a paper was not made.
#[derive(Debug, thiserror::Error)]
pub enum PaperError {
    /// The contract has no such deliverable.
    #[error("書類「{key}」は契約にありません。使えるもの: {known}")]
    UnknownDocument {
        /// What was asked for.
        key: String,
        /// What there is.
        known: String,
    },
    /// What the paper should cover is neither a period of it nor an item.
    #[error("書類「{document}」の対象に「{about}」は使えません。{known}")]
    UnknownAbout {
        /// The deliverable.
        document: String,
        /// What was asked for.
        about: String,
        /// What there is, in words.
        known: String,
    },
    /// The contract.
    #[error(transparent)]
    Contract(#[from] ContractsError),
    /// The register.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// Rendering.
    #[error(transparent)]
    Render(#[from] mamori_document::Error),
    /// The database or the files.
    #[error(transparent)]
    Store(#[from] mamori_store::Error),
    /// A capability's section.
    #[error("書類の部分「{section}」を作れません: {message}")]
    Section {
        /// Its key.
        section: String,
        /// Why.
        message: String,
    },
    /// A mistake in the program.
    #[error("内部の誤りです: {0}")]
    Bug(String),
}

/// How a paper is handed in.
#[derive(Debug, Clone)]
pub struct Submission {
    /// Day of submission.
    pub on: Date,
    /// `mail`, `portal` or `paper`.
    pub how: String,
    /// Receipt, if there is one.
    pub receipt: Option<String>,
}

/// The maker of papers. Cloning is cheap.
#[derive(Clone)]
pub struct Papers {
    app: App,
    desk: Desk,
    contracts: Arc<Contracts>,
    fonts: Arc<OnceCell<Arc<Fonts>>>,
}

impl std::fmt::Debug for Papers {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Papers").finish_non_exhaustive()
    }
}

/// The rendered files of one version.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// PDF/UA-1.
    pub pdf: Vec<u8>,
    /// Word.
    pub docx: Vec<u8>,
    /// Excel.
    pub xlsx: Option<Vec<u8>>,
    /// Plain text.
    pub text: String,
}

static REGISTER: Register = Register::of::<Paper>();

impl Papers {
    /// A maker over the application.
    pub fn new(app: App, desk: Desk, contracts: Arc<Contracts>) -> Self {
        Self {
            app,
            desk,
            contracts,
            fonts: Arc::new(OnceCell::new()),
        }
    }

    /// The register of papers.
    pub fn register() -> &'static Register {
        &REGISTER
    }

    /// The paper of a deliverable about a period or item, if it was made.
    pub async fn find(
        &self,
        contract: &str,
        document: &str,
        about: &str,
    ) -> Result<Option<Stored>, PaperError> {
        let all = self.desk.all(contract, &REGISTER, Some(document)).await?;
        Ok(all
            .into_iter()
            .find(|item| item.data.get("period").and_then(Value::as_str) == Some(about)))
    }

    /// All papers of a contract, oldest first.
    pub async fn all(&self, contract: &str) -> Result<Vec<Stored>, PaperError> {
        Ok(self.desk.all(contract, &REGISTER, None).await?)
    }

    /// Makes the draft of a paper, or makes an existing draft anew from today's evidence.
    /// A submitted paper is left alone and returned as it is.
    pub async fn draft(
        &self,
        contract: &str,
        document: &str,
        about: &str,
        actor: Actor,
    ) -> Result<Done, PaperError> {
        let live = self.contracts.live(contract).await?;
        let existing = self.find(contract, document, about).await?;
        if let Some(item) = existing.as_ref().filter(|item| item.state != "draft") {
            return Ok(Done {
                item: item.clone(),
                warnings: Vec::new(),
                repeated: true,
            });
        }
        let wanted = self.wanted(&live, document, about, existing.as_ref())?;
        let (mut form, _) = self.make(&live, wanted).await?;
        let act = match &existing {
            None => {
                form.insert("document".to_owned(), json!(document));
                form.insert("period".to_owned(), json!(about));
                "render"
            }
            Some(_) => "refresh",
        };
        if let Some(due) = due_of(&live, document, about) {
            form.insert("due".to_owned(), json!(due.to_string()));
        }
        let item = existing.as_ref().map(|item| item.id.as_str());
        Ok(self
            .desk
            .act(Order::new(contract, &REGISTER, item, act, form, actor))
            .await?)
    }

    /// Replaces a submitted or returned paper by the next version, as a draft.
    pub async fn replace(
        &self,
        contract: &str,
        reference: &str,
        reason: &str,
        actor: Actor,
    ) -> Result<Done, PaperError> {
        let live = self.contracts.live(contract).await?;
        let item = self.desk.get(contract, &REGISTER, reference).await?;
        let paper = read(&item)?;
        let mut wanted = self.wanted(&live, &paper.document, &paper.period, Some(&item))?;
        wanted.version = paper.version + 1;
        wanted.replaced_on = Some(tokyo_date(self.app.now()));
        let (mut form, _) = self.make(&live, wanted).await?;
        form.insert("replaced_reason".to_owned(), json!(reason));
        Ok(self
            .desk
            .act(Order::new(
                contract,
                &REGISTER,
                Some(&item.id),
                "replace",
                form,
                actor,
            ))
            .await?)
    }

    /// Hands a draft in: renders the submitted version with its date and records the act.
    pub async fn submit(
        &self,
        contract: &str,
        reference: &str,
        submission: Submission,
        actor: Actor,
    ) -> Result<Done, PaperError> {
        let live = self.contracts.live(contract).await?;
        let item = self.desk.get(contract, &REGISTER, reference).await?;
        let paper = read(&item)?;
        let mut wanted = self.wanted(&live, &paper.document, &paper.period, Some(&item))?;
        wanted.status = Status::Submitted;
        wanted.issued_on = Some(submission.on);
        let terms = live.contract();
        let days = terms.deliverable(&paper.document).and_then(|deliverable| {
            terms.number(
                deliverable.acceptance_days.as_ref()?,
                terms.versions.len() - 1,
            )
        });
        let (mut form, _) = self.make(&live, wanted).await?;
        for field in ["title", "rendered_on"] {
            form.remove(field);
        }
        form.insert("submitted_on".to_owned(), json!(submission.on.to_string()));
        form.insert("how".to_owned(), json!(submission.how));
        if let Some(receipt) = submission.receipt {
            form.insert("receipt".to_owned(), json!(receipt));
        }
        if let Some(days) = days {
            let due = submission.on.saturating_add((days as i64).days());
            form.insert("acceptance_due".to_owned(), json!(due.to_string()));
        }
        Ok(self
            .desk
            .act(Order::new(
                contract,
                &REGISTER,
                Some(&item.id),
                "submit",
                form,
                actor,
            ))
            .await?)
    }

    /// The city's answer: `accept` or `return`.
    pub async fn answer(
        &self,
        contract: &str,
        reference: &str,
        act: &str,
        form: Map<String, Value>,
        actor: Actor,
        side: Side,
    ) -> Result<Done, PaperError> {
        let mut order = Order::new(contract, &REGISTER, Some(reference), act, form, actor);
        order.side = side;
        Ok(self.desk.act(order).await?)
    }

    fn wanted(
        &self,
        live: &Live,
        document: &str,
        about: &str,
        existing: Option<&Stored>,
    ) -> Result<Wanted, PaperError> {
        let contract = live.contract();
        if contract.deliverable(document).is_none() {
            let known: Vec<&str> = contract
                .file
                .deliverables
                .keys()
                .map(String::as_str)
                .collect();
            return Err(PaperError::UnknownDocument {
                key: document.to_owned(),
                known: known.join("、"),
            });
        }
        let version = match existing {
            Some(item) => read(item)?.version,
            None => 1,
        };
        let replaced_on = match existing {
            Some(item) => read(item)?
                .replaced_reason
                .map(|_| tokyo_date(self.app.now())),
            None => None,
        };
        Ok(Wanted {
            document: document.to_owned(),
            about: about_of(live, document, about)?,
            number: existing.map(|item| item.number.clone()).unwrap_or_default(),
            version,
            replaced_on,
            status: Status::Draft,
            issued_on: None,
        })
    }

    /// Builds and renders; stores the files and gives the form fields that name them.
    async fn make(
        &self,
        live: &Live,
        wanted: Wanted,
    ) -> Result<(Map<String, Value>, Rendered), PaperError> {
        let about = match &wanted.about {
            About::Period(period) => period.to_string(),
            About::Item(item) => item.clone(),
        };
        let name = format!("{}_{about}_v{}", wanted.document, wanted.version);
        let sources = self.sources(live, wanted).await?;
        let document = build::build(&sources);
        let tables = sources
            .deliverable
            .formats
            .contains(&mamori_contract::language::parts::Format::Xlsx);
        let model =
            serde_json::to_vec_pretty(&document).map_err(|e| PaperError::Bug(e.to_string()))?;
        let rendered = self.render(document, tables).await?;
        let mut form = Map::new();
        form.insert("title".to_owned(), json!(build::title(&sources)));
        form.insert("rendered_on".to_owned(), json!(sources.today.to_string()));
        form.insert("ledger_seq".to_owned(), json!(sources.ledger_seq));
        let mut files = vec![
            ("pdf", "pdf", "application/pdf", &rendered.pdf),
            (
                "docx",
                "docx",
                "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
                &rendered.docx,
            ),
            ("model", "json", "application/json", &model),
        ];
        if let Some(xlsx) = &rendered.xlsx {
            files.push((
                "xlsx",
                "xlsx",
                "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                xlsx,
            ));
        }
        for (field, extension, media_type, bytes) in files {
            let blob = self.app.store_blob(bytes.clone()).await?;
            form.insert(
                field.to_owned(),
                json!({
                    "name": format!("{name}.{extension}").replace(['/', ':'], "-"),
                    "media_type": media_type,
                    "sha256": blob.sha256.to_hex(),
                }),
            );
        }
        Ok((form, rendered))
    }

    /// Renders a model in every format. Runs on a thread of its own: layout is CPU work.
    pub async fn render(&self, document: Document, tables: bool) -> Result<Rendered, PaperError> {
        let fonts = self.fonts().await?;
        tokio::task::spawn_blocking(move || {
            Ok(Rendered {
                pdf: mamori_document::render_pdf(&document, &fonts)?,
                docx: mamori_document::render_docx(&document)?,
                xlsx: match tables
                    .then(|| mamori_document::render_xlsx(&document))
                    .transpose()
                {
                    // A paper without a table has nothing to put on a sheet.
                    Err(mamori_document::Error::NoTable(_)) => None,
                    other => other?,
                },
                text: mamori_document::render_text(&document),
            })
        })
        .await
        .map_err(|error| PaperError::Bug(error.to_string()))?
    }

    async fn fonts(&self) -> Result<Arc<Fonts>, PaperError> {
        self.fonts
            .get_or_try_init(|| async {
                tokio::task::spawn_blocking(|| Fonts::system().map(Arc::new))
                    .await
                    .map_err(|error| PaperError::Bug(error.to_string()))?
                    .map_err(PaperError::from)
            })
            .await
            .cloned()
    }

    async fn sources(&self, live: &Live, wanted: Wanted) -> Result<Sources, PaperError> {
        let contract = live.contract();
        let id = contract.file.contract.id.as_str();
        let today = tokyo_date(self.app.now());
        let deliverable: Deliverable = contract
            .deliverable(&wanted.document)
            .cloned()
            .ok_or_else(|| PaperError::Bug(format!("deliverable {}", wanted.document)))?;
        let (first, last) = match &wanted.about {
            About::Period(period) => (period.first(), period.last()),
            About::Item(_) => (contract.term.first(), contract.term.last()),
        };
        let entries = self
            .work(id, contract.term.first(), contract.term.last())
            .await?;
        let version = contract.versions.len() - 1;
        let cap = work_counter(contract).and_then(|(_, counter)| {
            Some((
                counter.title.clone(),
                contract.number(&counter.cap, version)? as u32,
            ))
        });
        let (approval, granted, consultation) =
            self.matter(live, &wanted.document, &wanted.about).await?;
        let head = self.app.db.ledger_head(id).await?;
        let sample = self
            .app
            .slot::<mamori_web::Installation>()
            .is_some_and(|installation| installation.sample);
        let months = months(
            &entries,
            contract.term.first(),
            today.min(contract.term.last()),
        );
        Ok(Sources {
            head: contract.file.contract.clone(),
            cap_minutes: cap.as_ref().map(|(_, minutes)| *minutes),
            cap_title: cap.map(|(title, _)| title).unwrap_or_default(),
            categories: contract
                .file
                .categories
                .iter()
                .map(|(key, category)| (key.clone(), category.title.clone()))
                .collect(),
            work: entries
                .into_iter()
                .filter(|entry| first <= entry.date && entry.date <= last)
                .collect(),
            months,
            standings: live.standings(self.app.now()).await?,
            papers: self.lines(live, first, last).await?,
            waits: self.waits(id, first, last).await?,
            attestations: self.attestations(id).await?,
            approval,
            approval_granted: granted,
            consultation,
            signed_on: signed_on(live),
            remedy_due: remedy_due(live, &wanted.document),
            sections: self.sections(id, &wanted).await?,
            ledger_seq: head.as_ref().map_or(0, |head| head.seq),
            ledger_head: head.map(|head| LedgerHead {
                contract: id.to_owned(),
                seq: head.seq,
                on: today,
                hash: head.hash.to_hex(),
            }),
            sample,
            today,
            deliverable,
            wanted,
        })
    }

    /// Work entries in force, oldest first.
    async fn work(
        &self,
        contract: &str,
        first: Date,
        last: Date,
    ) -> Result<Vec<WorkEntry>, PaperError> {
        let register = crate::register("work").ok_or_else(|| PaperError::Bug("work".to_owned()))?;
        let items = self.desk.on_days(contract, register, first, last).await?;
        let mut entries: Vec<WorkEntry> = items
            .iter()
            .filter(|item| item.state != "withdrawn")
            .filter_map(|item| item.read().ok())
            .collect();
        entries.sort_by(|a, b| (a.date, &a.start).cmp(&(b.date, &b.start)));
        Ok(entries)
    }

    async fn matter(
        &self,
        live: &Live,
        document: &str,
        about: &About,
    ) -> Result<(Option<Approval>, bool, Option<Consultation>), PaperError> {
        let About::Item(reference) = about else {
            return Ok((None, false, None));
        };
        for key in ["approval", "consultation"] {
            let Some(register) = crate::register(key) else {
                continue;
            };
            match self.desk.get(live.id(), register, reference).await {
                Ok(item) if key == "approval" => {
                    return Ok((item.read().ok(), item.state == "granted", None));
                }
                Ok(item) => return Ok((None, false, item.read().ok())),
                Err(DeskError::NotFound { .. }) => {}
                Err(other) => return Err(other.into()),
            }
        }
        Err(unknown_about(live, document, reference))
    }

    async fn attestations(
        &self,
        contract: &str,
    ) -> Result<BTreeMap<String, Attestation>, PaperError> {
        let Some(register) = crate::register("attestation") else {
            return Ok(BTreeMap::new());
        };
        let items = self.desk.all(contract, register, None).await?;
        Ok(items
            .iter()
            .filter(|item| item.state != "withdrawn")
            .filter_map(|item| item.read::<Attestation>().ok())
            .map(|paper| (paper.obligation.clone(), paper))
            .collect())
    }

    /// Papers due or submitted between two days.
    async fn lines(
        &self,
        live: &Live,
        first: Date,
        last: Date,
    ) -> Result<Vec<PaperLine>, PaperError> {
        let contract = live.contract();
        let made = self.all(&contract.file.contract.id).await?;
        let mut lines = Vec::new();
        for due in deliverable_dues(live, first, last) {
            let Some(key) = due.deliverable.as_deref() else {
                continue;
            };
            let paper = made
                .iter()
                .filter_map(|item| item.read::<Paper>().ok())
                .find(|paper| paper.document == key && paper.period == due.period.to_string());
            lines.push(PaperLine {
                title: due
                    .deliverable_title
                    .clone()
                    .unwrap_or_else(|| key.to_owned()),
                period: match due.period {
                    Period::Term(_) => String::new(),
                    period => period.japanese(),
                },
                due: due.due,
                submitted_on: paper.as_ref().and_then(|paper| paper.submitted_on),
                accepted_on: paper.as_ref().and_then(|paper| paper.accepted_on),
            });
        }
        Ok(lines)
    }

    /// Finished spans of waiting for the city that end in the period.
    async fn waits(
        &self,
        contract: &str,
        first: Date,
        last: Date,
    ) -> Result<Vec<(String, CityWait)>, PaperError> {
        let mut waits = Vec::new();
        let registers = ["request", "approval", "consultation"].map(crate::register);
        for register in registers.into_iter().flatten().chain([&REGISTER]) {
            for item in self.desk.all(contract, register, None).await? {
                let spans: Vec<CityWait> = item
                    .data
                    .get("city_waits")
                    .cloned()
                    .and_then(|value| serde_json::from_value(value).ok())
                    .unwrap_or_default();
                waits.extend(
                    spans
                        .into_iter()
                        .filter(|wait| first <= wait.to && wait.to <= last)
                        .map(|wait| (item.number.clone(), wait)),
                );
            }
        }
        waits.sort_by_key(|(_, wait)| wait.from);
        Ok(waits)
    }

    async fn sections(
        &self,
        contract: &str,
        wanted: &Wanted,
    ) -> Result<Vec<mamori_document::Section>, PaperError> {
        let About::Period(period) = wanted.about else {
            return Ok(Vec::new());
        };
        let mut sections = Vec::new();
        for hook in self
            .app
            .capabilities()
            .iter()
            .flat_map(|capability| &capability.sections)
        {
            if hook.document != wanted.document {
                continue;
            }
            let failed = |message: String| PaperError::Section {
                section: hook.section.to_owned(),
                message,
            };
            let request = SectionRequest {
                contract: contract.to_owned(),
                document: wanted.document.clone(),
                period,
            };
            let value = hook
                .build(self.app.clone(), request)
                .await
                .map_err(|e| failed(e.to_string()))?;
            sections.push(serde_json::from_value(value).map_err(|e| failed(e.to_string()))?);
        }
        Ok(sections)
    }
}

fn read(item: &Stored) -> Result<Paper, PaperError> {
    item.read()
        .map_err(|error| PaperError::Bug(error.to_string()))
}

/// What a paper covers, from its text: a period of the contract's term, of the paper's own kind
/// or one that a due date names; anything else that looks like a number or an id is an item.
fn about_of(live: &Live, document: &str, text: &str) -> Result<About, PaperError> {
    let Ok(period) = text.parse::<Period>() else {
        return if text.contains(['-', ':']) {
            Ok(About::Item(text.to_owned()))
        } else {
            Err(unknown_about(live, document, text))
        };
    };
    let term = live.contract().term;
    let in_term = period.first() <= term.last() && term.first() <= period.last();
    let fits = match own_kind(live, document) {
        Some(kind) => period.kind() == Some(kind),
        None => true,
    };
    let asked = || {
        let last = term.last().saturating_add(400.days());
        deliverable_dues(live, term.first(), last)
            .iter()
            .any(|due| due.deliverable.as_deref() == Some(document) && due.period == period)
    };
    if (in_term && fits) || asked() {
        Ok(About::Period(period))
    } else {
        Err(unknown_about(live, document, text))
    }
}

/// The kind of period that a paper is made for, unless it belongs to an event or the term.
fn own_kind(live: &Live, document: &str) -> Option<PeriodKind> {
    match live.contract().deliverable(document)?.per? {
        DeliverablePer::Month => Some(PeriodKind::Month),
        DeliverablePer::Quarter => Some(PeriodKind::Quarter),
        DeliverablePer::Half => Some(PeriodKind::Half),
        DeliverablePer::FiscalYear => Some(PeriodKind::FiscalYear),
        DeliverablePer::Term | DeliverablePer::Event => None,
    }
}

/// The refusal, which names what could be meant.
fn unknown_about(live: &Live, document: &str, about: &str) -> PaperError {
    let term = live.contract().term;
    let known = match own_kind(live, document) {
        Some(kind) => {
            let all: Vec<String> = kind
                .over(term.first(), term.last())
                .map(|period| period.to_string())
                .collect();
            match all.as_slice() {
                [first, .., last] if all.len() > 12 => {
                    format!("使える期間: {first} から {last} まで")
                }
                few => format!("使える期間: {}", few.join("、")),
            }
        }
        None => format!(
            "契約期間（{}〜{}）の中の期間（例 2026-10）か、登録の番号（例 承認-R8-001）で指定してください",
            term.first(),
            term.last()
        ),
    };
    PaperError::UnknownAbout {
        document: document.to_owned(),
        about: about.to_owned(),
        known,
    }
}

/// Due dates that ask for a paper, one per paper and period, in order.
pub fn deliverable_dues(live: &Live, first: Date, last: Date) -> Vec<Due> {
    let mut dues: Vec<Due> = Vec::new();
    for due in live.contract().due(first, last) {
        if due.deliverable.is_some()
            && !dues
                .iter()
                .any(|known| known.deliverable == due.deliverable && known.period == due.period)
        {
            dues.push(due);
        }
    }
    dues
}

/// The day a paper is due. Due dates may lie after the term (the report on its last month).
fn due_of(live: &Live, document: &str, about: &str) -> Option<Date> {
    let term = live.contract().term;
    live.contract()
        .due(term.first(), term.last().saturating_add(400.days()))
        .into_iter()
        .find(|due| due.deliverable.as_deref() == Some(document) && due.period.to_string() == about)
        .and_then(|due| due.due)
}

fn signed_on(live: &Live) -> Option<Date> {
    live.contract()
        .on(live.contract().term.first())
        .book
        .signed_on
        .clone()
        .ok()
}

/// The fixed date of another duty on the same annex: by when gaps must be closed.
fn remedy_due(live: &Live, document: &str) -> Option<Date> {
    let contract = live.contract();
    let clause = contract.deliverable(document)?.clause.clone()?;
    contract.file.obligation.iter().find_map(|obligation| {
        if !obligation.clause.starts_with(&clause) {
            return None;
        }
        match &obligation.deadline.as_ref()?.rule {
            Rule::Fixed {
                date: OrParam::Value(date),
                ..
            } => Some(date.0),
            _ => None,
        }
    })
}

/// Counted and other minutes of each month.
fn months(entries: &[WorkEntry], first: Date, last: Date) -> Vec<(String, u32, u32)> {
    let mut months = Vec::new();
    let mut month = YearMonth::of(first);
    while month.first() <= last {
        let (mut counted, mut other) = (0u32, 0u32);
        for entry in entries
            .iter()
            .filter(|entry| YearMonth::of(entry.date) == month)
        {
            match entry.counts {
                Counts::Yes => counted = counted.saturating_add(entry.minutes),
                Counts::No | Counts::Undecided => other = other.saturating_add(entry.minutes),
            }
        }
        months.push((format!("{}月", month.month()), counted, other));
        month = month.plus(1);
    }
    months
}
