//! What is done with a paper: made, worded, submitted, receipted, replaced, accepted, returned.
//!
//! An act that was done already in the same words (a second click, a form sent again) is said to
//! be done and leaves no second evidence. An act on a paper that somebody else changed meanwhile
//! gives the typed words back beside the paper as it is now.

use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use mamori_runtime::App;
use mamori_web::{Page, Tone, Visitor, WebError};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Typed, find, one};
use crate::documents::{Paper, PaperError, Submission, Wording};
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

/// An act being done by somebody on a paper.
struct Doing<'a> {
    app: &'a App,
    visitor: &'a Visitor,
    at: &'a At,
    number: &'a str,
    carried: &'a Carried,
}

impl Doing<'_> {
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
        let PaperError::Desk(desk) = error else {
            return Err(view::paper_error(error));
        };
        let (problems, message) = match desk {
            DeskError::Refused(Refusal::Fields(problems)) => (problems, String::new()),
            DeskError::Refused(refusal) => (Vec::new(), refusal.to_string()),
            error @ DeskError::Stale { .. } => (Vec::new(), error.to_string()),
            other => return Err(view::desk_error(other)),
        };
        let (item, paper) = find(self.at, self.number).await?;
        if same(&item.state, &paper) {
            return self.said(typed.act, "papers-done-already", &[]).await;
        }
        let typed = Typed {
            message: message_of(&problems, &typed, message),
            problems,
            ..typed
        };
        one::refused(self.app, self.visitor, self.at, self.number, &typed).await
    }

    /// Back to where the person came from, which says once what was done.
    async fn said(&self, act: &str, key: &str, warnings: &[String]) -> Result<Response, WebError> {
        let page = Page::new(self.app, self.visitor, "papers-title");
        let (tone, text) = if warnings.is_empty() {
            (Tone::Ok, page.t(key))
        } else {
            (
                Tone::Warn,
                format!("{} {}", page.t(key), warnings.join(" ")),
            )
        };
        self.visitor.flash(self.app, tone, &text).await?;
        let target = if self.carried.from == "closing" {
            let (_, paper) = find(self.at, self.number).await?;
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
    State(app): State<App>,
    visitor: Visitor,
    at: At,
    Form(form): Form<DraftForm>,
) -> Result<Response, WebError> {
    let done = at
        .office
        .papers
        .draft(at.live.id(), &form.document, &form.about, visitor.actor())
        .await
        .map_err(view::paper_error)?;
    let carried = Carried {
        from: form.from,
        ..Carried::default()
    };
    let doing = Doing {
        app: &app,
        visitor: &visitor,
        at: &at,
        number: &done.item.number,
        carried: &carried,
    };
    let key = if done.repeated {
        "papers-done-already"
    } else {
        "papers-done-draft"
    };
    doing.said("draft", key, &[]).await
}

pub(super) async fn refresh(
    State(app): State<App>,
    visitor: Visitor,
    Path((_, number)): Path<(String, String)>,
    at: At,
    Form(carried): Form<Carried>,
) -> Result<Response, WebError> {
    let (_, paper) = find(&at, &number).await?;
    let (document, about) = (paper.document, paper.period);
    let papers = &at.office.papers;
    let done = papers
        .draft(at.live.id(), &document, &about, visitor.actor())
        .await;
    let doing = Doing {
        app: &app,
        visitor: &visitor,
        at: &at,
        number: &number,
        carried: &carried,
    };
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

pub(super) async fn words(
    State(app): State<App>,
    visitor: Visitor,
    Path((_, number)): Path<(String, String)>,
    at: At,
    Form(form): Form<WordsForm>,
) -> Result<Response, WebError> {
    let words = [form.findings, form.plans, form.notices].map(|text| text.replace("\r\n", "\n"));
    let wording = Wording {
        words: words.clone(),
        revision: form.carried.revision(),
    };
    let papers = &at.office.papers;
    let done = papers
        .word(at.live.id(), &number, wording, visitor.actor())
        .await;
    let typed = Typed {
        act: "words",
        values: ["findings", "plans", "notices"]
            .into_iter()
            .zip(words.clone())
            .collect(),
        ..Typed::default()
    };
    let doing = Doing {
        app: &app,
        visitor: &visitor,
        at: &at,
        number: &number,
        carried: &form.carried,
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
    State(app): State<App>,
    visitor: Visitor,
    Path((_, number)): Path<(String, String)>,
    at: At,
    Form(form): Form<SubmitForm>,
) -> Result<Response, WebError> {
    let doing = Doing {
        app: &app,
        visitor: &visitor,
        at: &at,
        number: &number,
        carried: &form.carried,
    };
    let typed = Typed {
        act: "submit",
        values: vec![
            ("submitted_on", form.submitted_on.clone()),
            ("how", form.how.clone()),
            ("receipt", form.receipt.clone()),
        ],
        ..Typed::default()
    };
    let today = mamori_kernel::clock::tokyo_date(app.now());
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
    let papers = &at.office.papers;
    let revision = form.carried.revision();
    let done = papers
        .submit_seen(at.live.id(), &number, submission, visitor.actor(), revision)
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
    State(app): State<App>,
    visitor: Visitor,
    Path((_, number)): Path<(String, String)>,
    at: At,
    Form(form): Form<ReceiptForm>,
) -> Result<Response, WebError> {
    let doing = Doing {
        app: &app,
        visitor: &visitor,
        at: &at,
        number: &number,
        carried: &form.carried,
    };
    let (_, paper) = find(&at, &number).await?;
    if paper.receipt.as_deref() == Some(form.receipt.trim()) {
        return doing.said("receipt", "papers-done-already", &[]).await;
    }
    let papers = &at.office.papers;
    let done = papers
        .receipt(at.live.id(), &number, &form.receipt, visitor.actor())
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
    State(app): State<App>,
    visitor: Visitor,
    Path((_, number)): Path<(String, String)>,
    at: At,
    Form(form): Form<ReplaceForm>,
) -> Result<Response, WebError> {
    let papers = &at.office.papers;
    let revision = form.carried.revision();
    let done = papers
        .replace_seen(
            at.live.id(),
            &number,
            &form.reason,
            visitor.actor(),
            revision,
        )
        .await;
    let typed = Typed {
        act: "replace",
        values: vec![("reason", form.reason.clone())],
        ..Typed::default()
    };
    let doing = Doing {
        app: &app,
        visitor: &visitor,
        at: &at,
        number: &number,
        carried: &form.carried,
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
    State(app): State<App>,
    visitor: Visitor,
    Path((_, number)): Path<(String, String)>,
    at: At,
    Form(form): Form<AcceptForm>,
) -> Result<Response, WebError> {
    let doing = Doing {
        app: &app,
        visitor: &visitor,
        at: &at,
        number: &number,
        carried: &form.carried,
    };
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
    State(app): State<App>,
    visitor: Visitor,
    Path((_, number)): Path<(String, String)>,
    at: At,
    Form(form): Form<ReturnForm>,
) -> Result<Response, WebError> {
    let doing = Doing {
        app: &app,
        visitor: &visitor,
        at: &at,
        number: &number,
        carried: &form.carried,
    };
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
async fn answer(doing: &Doing<'_>, act: &str, fields: Value) -> Result<Done, PaperError> {
    let form: Map<String, Value> = fields.as_object().cloned().unwrap_or_default();
    let Doing {
        visitor,
        at,
        number,
        carried,
        ..
    } = doing;
    at.office
        .papers
        .answer_seen(
            at.live.id(),
            number,
            act,
            form,
            (visitor.actor(), Side::City),
            carried.revision(),
        )
        .await
}
