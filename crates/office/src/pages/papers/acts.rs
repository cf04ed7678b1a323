//! What is done with a paper: made, worded, submitted, receipted, replaced, accepted, returned.
//!
//! An act that was done already in the same words (a second click, a form sent again) is said to
//! be done and leaves no second evidence. An act on a paper that somebody else changed meanwhile
//! gives the typed words back beside the paper as it is now.

use axum::extract::{Form, FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use mamori_runtime::App;
use mamori_web::{Page, Tone, Visitor, WebError};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Typed, find, one};
use crate::documents::{Paper, PaperError, Papers, Submission, Wording};
use crate::pages::view::{self, At};
use crate::register::{DeskError, Done, FieldProblem, Refusal, Side};

/// What every form of this file carries beside its fields.
#[derive(Default, Deserialize)]
pub(super) struct Carried {
    #[serde(default)]
    revision: String,
    #[serde(default)]
    from: String,
}

impl Carried {
    fn revision(&self) -> Option<i64> {
        self.revision.parse().ok()
    }
}

/// An act being done by somebody on a paper of the contract that the address names.
pub(super) struct Doing {
    app: App,
    visitor: Visitor,
    at: At,
    /// The paper of the address; empty where it names none.
    number: String,
    carried: Carried,
}

impl FromRequestParts<App> for Doing {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, WebError> {
        let visitor = <Visitor as FromRequestParts<App>>::from_request_parts(parts, app).await?;
        let at = At::from_request_parts(parts, app).await?;
        let names = RawPathParams::from_request_parts(parts, app)
            .await
            .map_err(WebError::bug)?;
        let number = names.iter().find(|(name, _)| *name == "number");
        Ok(Self {
            app: app.clone(),
            visitor,
            at,
            number: number.map_or_else(String::new, |(_, number)| number.to_owned()),
            carried: Carried::default(),
        })
    }
}

impl Doing {
    /// With what its form carries.
    fn carrying(mut self, carried: Carried) -> Self {
        self.carried = carried;
        self
    }

    fn papers(&self) -> &Papers {
        &self.at.office.papers
    }

    fn contract(&self) -> &str {
        self.at.live.id()
    }

    /// Says what was done, or gives back what was typed with the reason. `same` tells whether the
    /// paper already is as the act would have left it.
    async fn end(
        &self,
        done: Result<Done, PaperError>,
        typed: Typed,
        same: impl Fn(&str, &Paper) -> bool,
    ) -> Result<Response, WebError> {
        let error = match done {
            Ok(done) => {
                let key = format!("papers-done-{}", typed.act);
                let late: Vec<String> = done
                    .warnings
                    .into_iter()
                    .map(|warning| warning.message_ja)
                    .collect();
                return self.said(typed.act, &key, &late).await;
            }
            Err(error) => error,
        };
        let (problems, message) = match error {
            PaperError::Desk(DeskError::Refused(Refusal::Fields(problems))) => {
                (problems, String::new())
            }
            PaperError::Desk(DeskError::Refused(refusal)) => (Vec::new(), refusal.to_string()),
            PaperError::Desk(error @ DeskError::Stale { .. }) => (Vec::new(), error.to_string()),
            error if error.is_about_words() => (Vec::new(), error.to_string()),
            other => return Err(view::paper_error(other)),
        };
        let (item, paper) = find(&self.at, &self.number).await?;
        if same(&item.state, &paper) {
            return self.said(typed.act, "papers-done-already", &[]).await;
        }
        let typed = Typed {
            message: message_of(&problems, &typed, message),
            problems,
            ..typed
        };
        one::refused(&self.app, &self.visitor, &self.at, &self.number, &typed).await
    }

    /// Back to where the person came from, which says once what was done.
    async fn said(&self, act: &str, key: &str, warnings: &[String]) -> Result<Response, WebError> {
        let page = Page::new(&self.app, &self.visitor, "papers-title");
        let (tone, text) = if warnings.is_empty() {
            (Tone::Ok, page.t(key))
        } else {
            (
                Tone::Warn,
                format!("{} {}", page.t(key), warnings.join(" ")),
            )
        };
        self.visitor.flash(&self.app, tone, &text).await?;
        let target = if self.carried.from == "closing" {
            let (_, paper) = find(&self.at, &self.number).await?;
            let step = match act {
                "words" | "refresh" => "look",
                "draft" => "words",
                _ => "receipt",
            };
            format!(
                "/closing?month={}&document={}&step={step}",
                paper.period, paper.document
            )
        } else {
            format!("/documents/{}", self.number)
        };
        Ok(Redirect::to(&self.visitor.at(&target)).into_response())
    }
}

/// What is wrong with fields that the form does not have is said above it.
fn message_of(problems: &[FieldProblem], typed: &Typed, message: String) -> String {
    let elsewhere: Vec<String> = problems
        .iter()
        .filter(|problem| {
            let known = |name: &str| typed.values.iter().any(|(field, _)| *field == name);
            !(known(&problem.field) || problem.field == "replaced_reason" && known("reason"))
        })
        .map(|problem| format!("{}: {}", problem.label_ja, problem.message_ja))
        .collect();
    if elsewhere.is_empty() {
        message
    } else {
        elsewhere.join(" ")
    }
}

#[derive(Deserialize)]
pub(super) struct DraftForm {
    document: String,
    about: String,
    #[serde(default)]
    from: String,
}

pub(super) async fn draft(
    mut doing: Doing,
    Form(form): Form<DraftForm>,
) -> Result<Response, WebError> {
    let (contract, actor) = (doing.contract(), doing.visitor.actor());
    let done = doing
        .papers()
        .draft(contract, &form.document, &form.about, actor)
        .await
        .map_err(view::paper_error)?;
    doing.number = done.item.number;
    doing.carried.from = form.from;
    let key = if done.repeated {
        "papers-done-already"
    } else {
        "papers-done-draft"
    };
    doing.said("draft", key, &[]).await
}

pub(super) async fn refresh(
    doing: Doing,
    Form(carried): Form<Carried>,
) -> Result<Response, WebError> {
    let doing = doing.carrying(carried);
    let (_, paper) = find(&doing.at, &doing.number).await?;
    let actor = doing.visitor.actor();
    let done = doing
        .papers()
        .draft(doing.contract(), &paper.document, &paper.period, actor)
        .await;
    let typed = Typed {
        act: "refresh",
        ..Typed::default()
    };
    doing.end(done, typed, |_, _| false).await
}

#[derive(Deserialize)]
pub(super) struct WordsForm {
    #[serde(default)]
    findings: String,
    #[serde(default)]
    plans: String,
    #[serde(default)]
    notices: String,
    #[serde(flatten)]
    carried: Carried,
}

pub(super) async fn words(doing: Doing, Form(form): Form<WordsForm>) -> Result<Response, WebError> {
    let doing = doing.carrying(form.carried);
    let words = [form.findings, form.plans, form.notices].map(|text| text.replace("\r\n", "\n"));
    let wording = Wording {
        words: words.clone(),
        revision: doing.carried.revision(),
    };
    let done = doing
        .papers()
        .word(
            doing.contract(),
            &doing.number,
            wording,
            doing.visitor.actor(),
        )
        .await;
    let typed = Typed {
        act: "words",
        values: ["findings", "plans", "notices"]
            .into_iter()
            .zip(words.clone())
            .collect(),
        ..Typed::default()
    };
    doing
        .end(done, typed, |state, paper| {
            let kept = paper.words();
            state == "draft" && kept.iter().zip(&words).all(|(a, b)| *a == b.trim())
        })
        .await
}

#[derive(Deserialize)]
pub(super) struct SubmitForm {
    #[serde(default)]
    submitted_on: String,
    #[serde(default)]
    how: String,
    #[serde(default)]
    receipt: String,
    #[serde(flatten)]
    carried: Carried,
}

pub(super) async fn submit(
    doing: Doing,
    Form(form): Form<SubmitForm>,
) -> Result<Response, WebError> {
    let doing = doing.carrying(form.carried);
    let typed = Typed {
        act: "submit",
        values: vec![
            ("submitted_on", form.submitted_on.clone()),
            ("how", form.how.clone()),
            ("receipt", form.receipt.clone()),
        ],
        ..Typed::default()
    };
    let today = mamori_kernel::clock::tokyo_date(doing.app.now());
    let on = match crate::register::typed::date(&form.submitted_on, today) {
        Ok(on) => on,
        Err(message) => {
            let problem = FieldProblem::new("submitted_on", "提出日", message);
            let refusal = DeskError::Refused(Refusal::Fields(vec![problem]));
            return doing.end(Err(refusal.into()), typed, |_, _| false).await;
        }
    };
    let receipt = form.receipt.trim();
    let submission = Submission {
        on,
        how: form.how.clone(),
        receipt: (!receipt.is_empty()).then(|| receipt.to_owned()),
    };
    let (actor, revision) = (doing.visitor.actor(), doing.carried.revision());
    let done = doing
        .papers()
        .submit_seen(doing.contract(), &doing.number, submission, actor, revision)
        .await;
    doing
        .end(done, typed, |state, paper| {
            state == "submitted"
                && paper.submitted_on == Some(on)
                && paper.how.as_deref() == Some(form.how.as_str())
        })
        .await
}

#[derive(Deserialize)]
pub(super) struct ReceiptForm {
    #[serde(default)]
    receipt: String,
    #[serde(flatten)]
    carried: Carried,
}

pub(super) async fn receipt(
    doing: Doing,
    Form(form): Form<ReceiptForm>,
) -> Result<Response, WebError> {
    let doing = doing.carrying(form.carried);
    let (_, paper) = find(&doing.at, &doing.number).await?;
    if paper.receipt.as_deref() == Some(form.receipt.trim()) {
        return doing.said("receipt", "papers-done-already", &[]).await;
    }
    let (actor, revision) = (doing.visitor.actor(), doing.carried.revision());
    let done = doing
        .papers()
        .receipt_seen(
            doing.contract(),
            &doing.number,
            &form.receipt,
            actor,
            revision,
        )
        .await;
    let typed = Typed {
        act: "receipt",
        values: vec![("receipt", form.receipt.clone())],
        ..Typed::default()
    };
    doing.end(done, typed, |_, _| false).await
}

#[derive(Deserialize)]
pub(super) struct ReplaceForm {
    #[serde(default)]
    reason: String,
    #[serde(flatten)]
    carried: Carried,
}

pub(super) async fn replace(
    doing: Doing,
    Form(form): Form<ReplaceForm>,
) -> Result<Response, WebError> {
    let doing = doing.carrying(form.carried);
    let (actor, revision) = (doing.visitor.actor(), doing.carried.revision());
    let done = doing
        .papers()
        .replace_seen(
            doing.contract(),
            &doing.number,
            &form.reason,
            actor,
            revision,
        )
        .await;
    let typed = Typed {
        act: "replace",
        values: vec![("reason", form.reason.clone())],
        ..Typed::default()
    };
    doing
        .end(done, typed, |state, paper| {
            state == "draft" && paper.replaced_reason.as_deref() == Some(form.reason.trim())
        })
        .await
}

#[derive(Deserialize)]
pub(super) struct AcceptForm {
    #[serde(default)]
    accepted_on: String,
    #[serde(default)]
    by: String,
    #[serde(flatten)]
    carried: Carried,
}

pub(super) async fn accept(
    doing: Doing,
    Form(form): Form<AcceptForm>,
) -> Result<Response, WebError> {
    let doing = doing.carrying(form.carried);
    let typed = Typed {
        act: "accept",
        values: vec![
            ("accepted_on", form.accepted_on.clone()),
            ("by", form.by.clone()),
        ],
        ..Typed::default()
    };
    let fields = json!({ "accepted_on": form.accepted_on, "by": form.by });
    let done = answer(&doing, "accept", fields).await;
    doing
        .end(done, typed, |state, paper| {
            state == "accepted"
                && paper.accepted_on.map(|on| on.to_string()) == Some(form.accepted_on.clone())
        })
        .await
}

#[derive(Deserialize)]
pub(super) struct ReturnForm {
    #[serde(default)]
    returned_on: String,
    #[serde(default)]
    returned_reason: String,
    #[serde(flatten)]
    carried: Carried,
}

pub(super) async fn send_back(
    doing: Doing,
    Form(form): Form<ReturnForm>,
) -> Result<Response, WebError> {
    let doing = doing.carrying(form.carried);
    let typed = Typed {
        act: "return",
        values: vec![
            ("returned_on", form.returned_on.clone()),
            ("returned_reason", form.returned_reason.clone()),
        ],
        ..Typed::default()
    };
    let fields = json!({
        "returned_on": form.returned_on,
        "returned_reason": form.returned_reason,
    });
    let done = answer(&doing, "return", fields).await;
    doing
        .end(done, typed, |state, paper| {
            state == "returned"
                && paper.returned_reason.as_deref() == Some(form.returned_reason.trim())
        })
        .await
}

/// The city's word on a submitted paper, spoken by the city itself.
async fn answer(doing: &Doing, act: &str, fields: Value) -> Result<Done, PaperError> {
    let form: Map<String, Value> = fields.as_object().cloned().unwrap_or_default();
    doing
        .papers()
        .answer_seen(
            doing.contract(),
            &doing.number,
            act,
            form,
            (doing.visitor.actor(), Side::City),
            doing.carried.revision(),
        )
        .await
}
