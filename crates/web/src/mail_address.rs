//! A person's own mail address: for reminders of what they answer for, and for links that let them
//! in again.
//!
//! An address counts once the person, signed in, has opened a link that was sent to it: whoever
//! mistypes theirs does not hand their reminders to a stranger. Changing it needs a fresh proof,
//! and the address of before is told. It is kept beside the account and leaves no trace in the
//! ledger but that it changed.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::{SignedDuration, Timestamp};
use mamori_kernel::given;
use mamori_runtime::notify::is_address;
use mamori_runtime::{App, Guard, Notification, Route, Secret};
use mamori_store::{Tx, args};
use serde::Deserialize;

use crate::account::{self, Account, AccountError};
use crate::account_page::mail_refused;
use crate::error::{self, WebError};
use crate::page::{Page, Tone};
use crate::prove::own_account;
use crate::session::Visitor;
use crate::{passkey, token};

/// A link to confirm an address works for this long.
const VALID_FOR: SignedDuration = SignedDuration::from_hours(24);
/// Nobody is sent such links more often.
const PAUSE: SignedDuration = SignedDuration::from_mins(1);
const SMALL: usize = 16 * 1024;

/// What is known of a person's address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// The confirmed one.
    pub address: Option<String>,
    /// One that waits to be confirmed.
    pub wanted: Option<String>,
}

/// An address was not taken.
#[derive(Debug, thiserror::Error)]
pub enum MailAddressError {
    /// It is none.
    #[error(
        "{}。name@example.jp のように 1 つだけ書いてください",
        given::wrong(.0, "はメールアドレスではありません")
    )]
    Wrong(String),
    /// A link was sent moments ago.
    #[error("確かめのメールを送ったばかりです。届くのを待つか、1 分後にもう一度送ってください")]
    TooSoon,
    /// The mail cannot be queued.
    #[error(transparent)]
    Notify(#[from] mamori_runtime::notify::NotifyError),
    /// The database does not answer.
    #[error(transparent)]
    Store(#[from] mamori_store::Error),
    /// The change cannot be recorded.
    #[error(transparent)]
    Account(#[from] AccountError),
}

impl From<MailAddressError> for WebError {
    fn from(error: MailAddressError) -> Self {
        match error {
            MailAddressError::Store(error) => error.into(),
            MailAddressError::Account(error) => error.into(),
            MailAddressError::Notify(error) => Self::bug(error),
            wrong => Self::invalid(wrong.to_string()),
        }
    }
}

/// What is known of an account's address.
pub async fn of(app: &App, user: &str) -> Result<Known, mamori_store::Error> {
    let row = app
        .db
        .fetch_optional(
            "SELECT address, wanted, expires_at FROM account_mail WHERE user_id = $1",
            args![user],
        )
        .await?;
    let Some(row) = row else {
        return Ok(Known::default());
    };
    let waits = row
        .get::<Option<Timestamp>>("expires_at")?
        .is_some_and(|at| at > app.now());
    Ok(Known {
        address: row.get("address")?,
        wanted: row.get::<Option<String>>("wanted")?.filter(|_| waits),
    })
}

/// One address without what surrounds it.
pub(crate) fn read(text: &str) -> Result<String, MailAddressError> {
    let text = text.trim();
    if text.len() <= 254 && is_address(text) {
        Ok(text.to_owned())
    } else {
        let shown = text.chars().take(60).collect();
        Err(MailAddressError::Wrong(shown))
    }
}

/// Sends a link to an address that an account wants to have.
pub async fn ask(
    app: &App,
    visitor: &Visitor,
    account: &Account,
    address: &str,
) -> Result<(), MailAddressError> {
    let address = read(address)?;
    let now = app.now();
    let secret = token::new();
    let user = account.id.to_string();
    let mut tx = app.db.begin_write().await?;
    tx.execute(
        "INSERT INTO account_mail (user_id) VALUES ($1) ON CONFLICT DO NOTHING",
        args![&user],
    )
    .await?;
    let asked = tx
        .execute(
            "UPDATE account_mail SET wanted = $1, token_hash = $2, asked_at = $3, expires_at = $4 \
             WHERE user_id = $5 AND (asked_at IS NULL OR asked_at <= $6)",
            args![
                &address,
                token::digest(secret.expose()),
                now,
                now.checked_add(VALID_FOR).unwrap_or(Timestamp::MAX),
                &user,
                now.checked_sub(PAUSE).unwrap_or(Timestamp::MIN)
            ],
        )
        .await?;
    if asked == 0 {
        return Err(MailAddressError::TooSoon);
    }
    let mail = Notification {
        to: vec![address],
        subject: "【Mamori】メールアドレスの確認".to_owned(),
        body: format!(
            "{}さんの Mamori の利用者に、このアドレスを登録する求めがありました。\n\n\
             次のアドレスを 24 時間以内に開き、「このアドレスを使う」を押してください。\n{}\n\n\
             心当たりがないときは、何もせずにこのメールを消してください。登録されません。\n",
            account.display_name,
            link(app, &secret).expose()
        ),
        ..Notification::default()
    };
    app.notify(&mut tx, &mail).await?;
    noted(app, &mut tx, visitor, account, "mail-asked").await?;
    tx.commit().await?;
    Ok(())
}

/// Leaves what was done with an address in the ledger, without the address.
async fn noted(
    app: &App,
    tx: &mut Tx,
    visitor: &Visitor,
    account: &Account,
    act: &str,
) -> Result<(), AccountError> {
    account::record(app, tx, visitor.actor(), account::USER_ADDED, account, act).await
}

fn link(app: &App, secret: &Secret) -> Secret {
    Secret::new(format!(
        "{}/account/mail/{}",
        passkey::origin(app),
        secret.expose()
    ))
}

/// The address that a link of this account would confirm.
async fn waiting(
    app: &App,
    user: &str,
    secret: &str,
) -> Result<Option<String>, mamori_store::Error> {
    let row = app
        .db
        .fetch_optional(
            "SELECT wanted FROM account_mail \
             WHERE user_id = $1 AND token_hash = $2 AND expires_at > $3",
            args![user, token::digest(secret), app.now()],
        )
        .await?;
    row.map_or(Ok(None), |row| row.get("wanted"))
}

/// Confirms an address by its link; false when the link opens nothing (any more).
async fn confirm(
    app: &App,
    visitor: &Visitor,
    account: &Account,
    secret: &str,
) -> Result<bool, MailAddressError> {
    let user = account.id.to_string();
    let Some(wanted) = waiting(app, &user, secret).await? else {
        return Ok(false);
    };
    let before = of(app, &user).await?.address;
    let mut tx = app.db.begin_write().await?;
    let changed = tx
        .execute(
            "UPDATE account_mail SET address = wanted, verified_at = $1, wanted = NULL, \
             token_hash = NULL, expires_at = NULL WHERE user_id = $2 AND token_hash = $3",
            args![app.now(), &user, token::digest(secret)],
        )
        .await?;
    if changed == 0 {
        return Ok(false);
    }
    if let Some(before) = before.filter(|before| *before != wanted) {
        tell_before(app, &mut tx, account, before).await?;
    }
    noted(app, &mut tx, visitor, account, "mail-changed").await?;
    tx.commit().await?;
    Ok(true)
}

/// Tells the address of before: whoever took over a session cannot change it unseen.
async fn tell_before(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    before: String,
) -> Result<(), MailAddressError> {
    let mail = Notification {
        to: vec![before],
        subject: "【Mamori】メールアドレスが変わりました".to_owned(),
        body: format!(
            "{}さんの Mamori の利用者のメールアドレスが、このアドレスからほかのものに変わりました。\n\n\
             自分で変えたのでなければ、すぐに管理者へ知らせてください。\n",
            account.display_name
        ),
        ..Notification::default()
    };
    app.notify(tx, &mail).await?;
    Ok(())
}

/// Writes an address that a link proved already.
pub(crate) async fn insert_verified(
    tx: &mut Tx,
    user: &str,
    address: &str,
    now: Timestamp,
) -> Result<(), mamori_store::Error> {
    tx.execute(
        "INSERT INTO account_mail (user_id, address, verified_at) VALUES ($1, $2, $3) \
         ON CONFLICT DO NOTHING",
        args![user, address, now],
    )
    .await?;
    Ok(())
}

/// Forgets an account's address, confirmed or not; the confirmed one is told.
async fn remove(app: &App, visitor: &Visitor, account: &Account) -> Result<(), MailAddressError> {
    let user = account.id.to_string();
    let before = of(app, &user).await?.address;
    let mut tx = app.db.begin_write().await?;
    tx.execute("DELETE FROM account_mail WHERE user_id = $1", args![&user])
        .await?;
    if let Some(before) = before {
        tell_before(app, &mut tx, account, before).await?;
    }
    noted(app, &mut tx, visitor, account, "mail-removed").await?;
    tx.commit().await?;
    Ok(())
}

/// The routes of this module.
pub(crate) fn routes() -> Vec<Route> {
    let own = Guard::SignedIn;
    vec![
        Route::post("/account/mail", own, change)
            .fresh()
            .with_body_limit(SMALL),
        Route::post("/account/mail/remove", own, forget)
            .fresh()
            .with_body_limit(SMALL),
        Route::get("/account/mail/{token}", own, confirm_page),
        Route::post("/account/mail/{token}", own, confirmed).with_body_limit(SMALL),
    ]
}

#[derive(Deserialize)]
struct AddressForm {
    #[serde(default)]
    mail: String,
}

async fn change(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    Form(given): Form<AddressForm>,
) -> Result<Response, WebError> {
    let account = own_account(&app, &visitor).await?;
    match ask(&app, &visitor, &account, &given.mail).await {
        Ok(()) => {}
        Err(wrong @ (MailAddressError::Wrong(_) | MailAddressError::TooSoon)) => {
            let message = wrong.to_string();
            return mail_refused(&app, &visitor, &headers, given.mail, message).await;
        }
        Err(error) => return Err(error.into()),
    }
    back(&app, &visitor, "own-mail-asked").await
}

async fn forget(State(app): State<App>, visitor: Visitor) -> Result<Response, WebError> {
    let account = own_account(&app, &visitor).await?;
    remove(&app, &visitor, &account).await?;
    back(&app, &visitor, "own-mail-removed").await
}

async fn back(app: &App, visitor: &Visitor, key: &str) -> Result<Response, WebError> {
    let text = Page::bare(app, visitor.language, "own-mail-title").t(key);
    visitor.flash(app, Tone::Ok, text).await?;
    Ok(Redirect::to("/account#mail").into_response())
}

/// Asks once more, so that programs that look into links confirm nothing.
#[derive(Template)]
#[template(path = "mail-confirm.html")]
struct ConfirmPage {
    page: Page,
    address: Option<String>,
    action: String,
    tone_bad: Tone,
}

async fn confirm_page(
    State(app): State<App>,
    visitor: Visitor,
    Path(secret): Path<String>,
) -> Result<Response, WebError> {
    own_account(&app, &visitor).await?;
    let address = waiting(&app, &visitor.id, &secret).await?;
    show(&app, &visitor, address, &secret)
}

fn show(
    app: &App,
    visitor: &Visitor,
    address: Option<String>,
    secret: &str,
) -> Result<Response, WebError> {
    let shown = ConfirmPage {
        page: Page::new(app, visitor, "own-mail-confirm-title")
            .under("account-title", "/account")
            .here(),
        action: format!("/account/mail/{secret}"),
        address,
        tone_bad: Tone::Bad,
    };
    if shown.address.is_some() {
        error::html(&shown)
    } else {
        error::own_page(axum::http::StatusCode::NOT_FOUND, &shown)
    }
}

async fn confirmed(
    State(app): State<App>,
    visitor: Visitor,
    Path(secret): Path<String>,
) -> Result<Response, WebError> {
    let account = own_account(&app, &visitor).await?;
    if confirm(&app, &visitor, &account, &secret).await? {
        back(&app, &visitor, "own-mail-confirmed").await
    } else {
        show(&app, &visitor, None, &secret)
    }
}
