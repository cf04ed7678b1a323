//! Messages that the next page of a person shows once. They wait in the row of the session.

use mamori_runtime::{App, Secret};
use mamori_store::args;

use crate::page::{Flash, Tone};
use crate::session::{Credential, Visitor};
use crate::token;

impl Visitor {
    /// Puts the message that this request took back for the next page, unless there is a newer one.
    pub(crate) async fn keep_flash(&self, app: &App) -> Result<(), mamori_store::Error> {
        let (Credential::Session(digest), [flash, ..]) = (&self.credential, &self.flash[..]) else {
            return Ok(());
        };
        let line = format!("{} {}", flash.tone.key(), flash.text);
        app.db
            .execute(
                "UPDATE session SET flash = $1 WHERE token_hash = $2 AND flash IS NULL",
                args![line, digest],
            )
            .await?;
        Ok(())
    }

    /// Shows `text` on the next page of this person. Call it outside a write transaction.
    pub async fn flash(
        &self,
        app: &App,
        tone: Tone,
        text: impl Into<String>,
    ) -> Result<(), mamori_store::Error> {
        let Credential::Session(digest) = &self.credential else {
            return Ok(());
        };
        let line = format!("{} {}", tone.key(), text.into().replace('\n', " "));
        app.db
            .execute(
                "UPDATE session SET flash = $1 WHERE token_hash = $2",
                args![line, digest],
            )
            .await?;
        Ok(())
    }
}

/// Shows `text` on the first page of a session that was just opened.
pub(crate) async fn leave_note(
    app: &App,
    token: &Secret,
    tone: Tone,
    text: &str,
) -> Result<(), mamori_store::Error> {
    app.db
        .execute(
            "UPDATE session SET flash = $1 WHERE token_hash = $2",
            args![
                format!("{} {text}", tone.key()),
                token::digest(token.expose())
            ],
        )
        .await?;
    Ok(())
}

/// The message that a session holds.
pub(crate) fn read(line: &str) -> Option<Flash> {
    let (tone, text) = line.split_once(' ')?;
    let tone = match tone {
        "ok" => Tone::Ok,
        "bad" => Tone::Bad,
        "warn" => Tone::Warn,
        _ => Tone::Info,
    };
    Some(Flash {
        tone,
        text: text.to_owned(),
    })
}
