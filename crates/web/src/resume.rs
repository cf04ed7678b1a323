//! The page that offers a form again: after a sign-in or a fresh proof, after a file that was too
//! large, when it was on a page of an older session. Nothing is sent without the person, but what
//! they have just proved they want.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use mamori_runtime::{App, Chosen};

use crate::assets;
use crate::error::{self, WebError};
use crate::flash;
use crate::kept::Kept;
use crate::page::{Page, Tone};
use crate::pages::set_cookie;
use crate::session::{self, Visitor};
use crate::sign_in::{Carried, local_path};

/// A form that waits to be sent again.
#[derive(Template)]
#[template(path = "resume.html")]
struct ResumePage {
    page: Page,
    /// Why it was not sent at once; may be empty.
    why: String,
    kept: Kept,
    /// What was typed, and the words of what was chosen.
    typed: Vec<String>,
    /// Whose it is: the script knows their drafts by it.
    person: String,
    script: &'static str,
    /// Whether the page sends it by itself where there is script.
    at_once: bool,
    tone_warn: Tone,
}

/// The page that offers a form again to somebody who is signed in; `why` is the key of the reason.
pub(crate) async fn offer_again(
    app: &App,
    visitor: &Visitor,
    kept: Kept,
    status: StatusCode,
    why: &str,
) -> Result<Response, WebError> {
    let page = Page::new(app, visitor, "resume-title");
    error::own_page(
        status,
        &ResumePage {
            why: page.t(why),
            typed: in_words(app, &page, Some(visitor), &kept).await,
            page,
            kept,
            person: visitor.id.clone(),
            script: assets::passkey_script(),
            at_once: false,
            tone_warn: Tone::Warn,
        },
    )
}

/// Sets the cookie and answers: with the form that waits, when it was on a page of this person, or
/// with a redirect.
pub(crate) async fn go_on(
    app: &App,
    mut page: Page,
    opened: session::Opened,
    person: &str,
    carried: &Carried,
    at_once: bool,
) -> Result<Response, WebError> {
    let kept = Kept::read(app, &carried.kept);
    let others = kept.as_ref().is_some_and(|kept| !kept.is_of(app, person));
    // Nobody else's page is theirs to go on with.
    let next = if others { "" } else { &carried.next };
    if others {
        let text = page.t("resume-not-yours");
        flash::leave_note(app, &opened.token, Tone::Warn, &text).await?;
    } else if kept.as_ref().is_some_and(|kept| kept.secrets) {
        let text = page.t("resume-secrets");
        flash::leave_note(app, &opened.token, Tone::Warn, &text).await?;
    }
    let mut response = match kept.filter(|kept| !others && !kept.secrets) {
        Some(kept) => {
            page.csrf = opened.csrf;
            let visitor = session::of_token(app, &opened.token, &kept.path).await?;
            error::html(&ResumePage {
                typed: in_words(app, &page, visitor.as_ref(), &kept).await,
                page,
                why: String::new(),
                at_once: at_once && kept.files.is_empty(),
                kept,
                person: person.to_owned(),
                script: assets::passkey_script(),
                tone_warn: Tone::Warn,
            })?
        }
        None => Redirect::to(local_path(next).unwrap_or("/")).into_response(),
    };
    set_cookie(&mut response, &session::cookie(app, &opened.token));
    Ok(response)
}

/// What a form holds as people read it: the words of a choice, not its key. Who has no business
/// with the contract hears nothing of its words.
async fn in_words(app: &App, page: &Page, visitor: Option<&Visitor>, kept: &Kept) -> Vec<String> {
    let mut words = Vec::new();
    for (name, value) in kept.typed() {
        let chosen = Chosen {
            path: kept.path.clone(),
            name: name.to_owned(),
            value: value.to_owned(),
            language: page.language.as_str(),
        };
        let may = chosen.of_contract().is_none_or(|(contract, _)| {
            visitor.is_some_and(|visitor| visitor.role_on(contract).is_some())
        });
        let mut said = None;
        for ask in app.capabilities().iter().filter_map(|one| one.choices) {
            if may && said.is_none() {
                said = ask(app.clone(), chosen.clone()).await;
            }
        }
        words.push(said.unwrap_or_else(|| value.to_owned()));
    }
    words
}
