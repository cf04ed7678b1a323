//! The first administrator: a link with a token by chance, printed when a server starts on an
//! installation that has no account, good until there is one or the server ends.

use std::sync::Arc;

use mamori_kernel::ledger::Actor;
use mamori_kernel::permission::Role;
use mamori_runtime::{App, Secret};
use mamori_store::args;
use subtle::ConstantTimeEq as _;

use crate::account::{self, Account, AccountError, NewAccount};
use crate::token;

/// Digest of the token of this process. Kept in a slot of [`App`].
struct Open(String);

/// Setting that says that the installation has had its first administrator. Written in the same
/// transaction as the account, so that of two set-ups at once one wins.
const DONE: &str = "web.set-up";

async fn is_closed(app: &App) -> Result<bool, mamori_store::Error> {
    let row = app
        .db
        .fetch_optional(
            "SELECT 1 AS there FROM user_account UNION ALL \
             SELECT 1 AS there FROM setting WHERE key = $1",
            args![DONE],
        )
        .await?;
    Ok(row.is_some())
}

/// Opens the set-up when there is no account: the path with its token, to be printed once.
pub async fn open(app: &App) -> Result<Option<Secret>, mamori_store::Error> {
    if is_closed(app).await? {
        return Ok(None);
    }
    let token = token::new();
    app.provide(Arc::new(Open(token::digest(token.expose()))));
    Ok(Some(Secret::new(format!(
        "/setup?token={}",
        token.expose()
    ))))
}

/// Whether the token opens the set-up now.
pub(crate) async fn admits(app: &App, given: &str) -> Result<bool, mamori_store::Error> {
    let fits = app
        .slot::<Open>()
        .is_some_and(|open| bool::from(open.0.as_bytes().ct_eq(token::digest(given).as_bytes())));
    Ok(fits && !is_closed(app).await?)
}

/// Makes the first administrator. `None`: the token does not fit, or somebody was faster.
pub(crate) async fn finish(
    app: &App,
    given: &str,
    name: &str,
    display_name: &str,
    password: Secret,
) -> Result<Option<Account>, AccountError> {
    if !admits(app, given).await? {
        return Ok(None);
    }
    let prepared = account::prepare(
        app,
        NewAccount {
            name: name.to_owned(),
            display_name: display_name.to_owned(),
            role: Role::Administrator,
            password,
        },
    )
    .await?;
    let mut tx = app.db.begin_write().await?;
    let first = tx
        .execute(
            "INSERT INTO setting (key, value) VALUES ($1, '1') ON CONFLICT DO NOTHING",
            args![DONE],
        )
        .await?;
    let others = tx
        .fetch_optional("SELECT 1 AS there FROM user_account LIMIT 1", args![])
        .await?;
    if first == 0 || others.is_some() {
        return Ok(None);
    }
    let account = account::insert(app, &mut tx, Actor::machine("set-up"), prepared).await?;
    tx.commit().await?;
    Ok(Some(account))
}
