//! Making papers: gather sources, build the model, render every format, keep the files, and record
//! the act through the register's desk, so that row, evidence and files agree.

use std::sync::Arc;

use jiff::ToSpan as _;
use jiff::civil::Date;
use mamori_document::{Document, Fonts, Status};
use mamori_kernel::clock::tokyo_date;
use mamori_kernel::given;
use mamori_kernel::ledger::Actor;
use mamori_runtime::App;
use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;

use super::asked::{about_of, due_of};
use super::build;
use super::paper::{MOST_WORDS, Paper, WORDS};
use super::sources::{About, Sources, Wanted};
use crate::contracts::{Contracts, ContractsError, Live};
use crate::register::{
    Desk, DeskError, Done, FieldProblem, Order, Refusal, Register, Side, Stored,
};

/// Why a paper was not made.
#[derive(Debug, thiserror::Error)]
pub enum PaperError {
    /// The contract has no such deliverable.
    #[error(
        "書類: {}。使えるもの: {known}",
        given::wrong(key, "は契約にありません")
    )]
    UnknownDocument {
        /// What was asked for.
        key: String,
        /// What there is.
        known: String,
    },
    /// What the paper should cover is neither a period of it nor an item.
    #[error(
        "書類「{document}」の対象: {}。{known}",
        given::wrong(about, "は使えません")
    )]
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

impl PaperError {
    /// Whether people mend it by writing something else: a sign that no typeface has cannot stand
    /// in a paper, and the message names it and the text that holds it.
    pub fn is_about_words(&self) -> bool {
        matches!(
            self,
            Self::Render(mamori_document::Error::MissingGlyph { .. })
        )
    }
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
    pub(super) app: App,
    pub(super) desk: Desk,
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

/// Words of people for a paper, and which state of it they were written for.
#[derive(Debug, Clone, Default)]
pub struct Wording {
    /// Under the headings of [`super::paper::WORDS`].
    pub words: [String; 3],
    /// The revision that was open while they were written.
    pub revision: Option<i64>,
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

    /// Puts words of people into a draft and renders it anew.
    pub async fn word(
        &self,
        contract: &str,
        reference: &str,
        wording: Wording,
        actor: Actor,
    ) -> Result<Done, PaperError> {
        let live = self.contracts.live(contract).await?;
        let item = self.desk.get(contract, &REGISTER, reference).await?;
        let paper = read(&item)?;
        let mut wanted = self.wanted(&live, &paper.document, &paper.period, Some(&item))?;
        wanted.words = wording.words.map(|text| text.replace("\r\n", "\n"));
        let mut form = Map::new();
        for ((field, _), words) in WORDS.iter().zip(&wanted.words) {
            form.insert((*field).to_owned(), json!(words));
        }
        // What cannot be taken is refused before anything is rendered; the desk looks again.
        if wording.revision.is_some_and(|seen| seen != item.revision) {
            return Err(stale(&item).into());
        }
        let long = too_long(&wanted.words);
        if !long.is_empty() {
            return Err(DeskError::from(Refusal::Fields(long)).into());
        }
        let (files, _) = self.make(&live, wanted).await?;
        form.extend(files);
        let mut order = Order::new(contract, &REGISTER, Some(&item.id), "refresh", form, actor);
        order.revision = wording.revision;
        Ok(self.desk.act(order).await?)
    }

    /// What a paper would say if it were made now, and from what. Nothing is kept.
    pub async fn preview(
        &self,
        contract: &str,
        document: &str,
        about: &str,
    ) -> Result<(Sources, Document), PaperError> {
        let live = self.contracts.live(contract).await?;
        let existing = self.find(contract, document, about).await?;
        let wanted = self.wanted(&live, document, about, existing.as_ref())?;
        let sources = self.sources(&live, wanted).await?;
        let document = build::build(&sources);
        Ok((sources, document))
    }

    /// Replaces a submitted or returned paper by the next version, as a draft.
    pub async fn replace(
        &self,
        contract: &str,
        reference: &str,
        reason: &str,
        actor: Actor,
    ) -> Result<Done, PaperError> {
        self.replace_seen(contract, reference, reason, actor, None)
            .await
    }

    /// The same, only if the paper still is as it was seen.
    pub async fn replace_seen(
        &self,
        contract: &str,
        reference: &str,
        reason: &str,
        actor: Actor,
        revision: Option<i64>,
    ) -> Result<Done, PaperError> {
        let live = self.contracts.live(contract).await?;
        let item = self.desk.get(contract, &REGISTER, reference).await?;
        let paper = read(&item)?;
        let mut wanted = self.wanted(&live, &paper.document, &paper.period, Some(&item))?;
        wanted.version = paper.version + 1;
        wanted.replaced_on = Some(tokyo_date(self.app.now()));
        let (mut form, _) = self.make(&live, wanted).await?;
        form.insert("replaced_reason".to_owned(), json!(reason));
        let mut order = Order::new(contract, &REGISTER, Some(&item.id), "replace", form, actor);
        order.revision = revision;
        Ok(self.desk.act(order).await?)
    }

    /// Hands a draft in: renders the submitted version with its date and records the act.
    pub async fn submit(
        &self,
        contract: &str,
        reference: &str,
        submission: Submission,
        actor: Actor,
    ) -> Result<Done, PaperError> {
        self.submit_seen(contract, reference, submission, actor, None)
            .await
    }

    /// The same, only if the draft still is as it was seen.
    pub async fn submit_seen(
        &self,
        contract: &str,
        reference: &str,
        submission: Submission,
        actor: Actor,
        revision: Option<i64>,
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
        let mut order = Order::new(contract, &REGISTER, Some(&item.id), "submit", form, actor);
        order.revision = revision;
        Ok(self.desk.act(order).await?)
    }

    /// Records the city's confirmation that it has the paper, only if the paper still is as it was
    /// seen: a number that somebody else wrote meanwhile is not lost.
    pub async fn receipt_seen(
        &self,
        contract: &str,
        reference: &str,
        receipt: &str,
        actor: Actor,
        revision: Option<i64>,
    ) -> Result<Done, PaperError> {
        let mut form = Map::new();
        form.insert("receipt".to_owned(), json!(receipt));
        let mut order = Order::new(contract, &REGISTER, Some(reference), "receipt", form, actor);
        order.revision = revision;
        Ok(self.desk.act(order).await?)
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
        self.answer_seen(contract, reference, act, form, (actor, side), None)
            .await
    }

    /// The same, only if the paper still is as it was seen.
    pub async fn answer_seen(
        &self,
        contract: &str,
        reference: &str,
        act: &str,
        form: Map<String, Value>,
        (actor, side): (Actor, Side),
        revision: Option<i64>,
    ) -> Result<Done, PaperError> {
        let mut order = Order::new(contract, &REGISTER, Some(reference), act, form, actor);
        order.side = side;
        order.revision = revision;
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
            words: match existing {
                Some(item) => read(item)?.words().map(str::to_owned),
                None => <[String; 3]>::default(),
            },
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
}

fn stale(item: &Stored) -> DeskError {
    DeskError::Stale {
        number: item.number.clone(),
        revision: item.revision,
    }
}

fn too_long(words: &[String; 3]) -> Vec<FieldProblem> {
    WORDS
        .iter()
        .zip(words)
        .filter_map(|((field, label), words)| {
            let length = words.trim().chars().count();
            (length > MOST_WORDS).then(|| {
                let message = format!("{MOST_WORDS}文字以内で書いてください（いま{length}文字）");
                FieldProblem::new(field, label, message)
            })
        })
        .collect()
}

fn read(item: &Stored) -> Result<Paper, PaperError> {
    item.read()
        .map_err(|error| PaperError::Bug(error.to_string()))
}
