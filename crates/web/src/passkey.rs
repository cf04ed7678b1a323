//! Passkeys (WebAuthn): registering them, and the two halves of a sign-in with one.
//!
//! The challenge waits in the database, for five minutes and for one answer. A name without
//! passkeys gets a challenge too, with made-up credentials that are the same each time: the answer
//! does not tell which names exist. What the browser does stands in `assets/passkey.js`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use mamori_runtime::{App, Secret, seal};
use mamori_store::{Row, args};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use webauthn_rs::fake::{FakePasskeyDistribution, WebauthnFakeCredentialGenerator};
use webauthn_rs::prelude::{
    CredentialID, Passkey, PasskeyAuthentication, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, Url, Uuid, Webauthn, WebauthnBuilder,
};

use crate::account::Account;
use crate::token;

/// A challenge is answered within this time.
const ANSWER_WITHIN: SignedDuration = SignedDuration::from_mins(5);
/// Passkeys of one person.
pub const MOST_PASSKEYS: usize = 10;
/// Challenges that wait at a time; beyond it, new ones are refused until some have ended.
const MOST_WAITING: i64 = 5_000;
const TIMEOUT_MS: u64 = 300_000;

/// Why a passkey was not taken.
#[derive(Debug, thiserror::Error)]
pub enum PasskeyError {
    /// The database.
    #[error(transparent)]
    Store(#[from] mamori_store::Error),
    /// Passkeys need a name of the site, and TLS unless it is `localhost`.
    #[error(
        "このアドレスではパスキーを使えません。設定 public_url に https:// で始まるアドレスを書くか、http://localhost で開いてください"
    )]
    NoSite,
    /// The answer does not fit, came too late or twice.
    #[error("パスキーを確かめられませんでした。はじめからやり直してください")]
    Refused,
    /// As many as a person may have.
    #[error("パスキーは {MOST_PASSKEYS} 個までです。使っていないものを消してから登録してください")]
    TooMany,
    /// Too many sign-ins are under way.
    #[error("いま受け付けられません。少し待ってからやり直してください")]
    Busy,
}

/// A registered passkey, as the list shows it.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Id of the row.
    pub id: String,
    /// The person's name for it.
    pub name: String,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it last signed in.
    pub used_at: Option<Timestamp>,
}

/// A challenge for the browser.
#[derive(Debug, Clone)]
pub struct Challenge {
    /// Comes back with the answer.
    pub id: Secret,
    /// Options for `navigator.credentials`, as JSON.
    pub options: String,
}

/// The address under which passkeys belong to this installation.
pub fn origin(app: &App) -> String {
    app.config
        .public_url
        .clone()
        .unwrap_or_else(|| format!("http://localhost:{}", app.config.listen.port()))
}

/// Whether passkeys work on pages that the browser asked for under this `Host`.
pub fn works_at(app: &App, host: &str) -> bool {
    let bare = host.rsplit_once(':').map_or(host, |(name, port)| {
        if port.bytes().all(|byte| byte.is_ascii_digit()) {
            name
        } else {
            host
        }
    });
    Url::parse(&origin(app)).is_ok_and(|url| {
        url.domain()
            .is_some_and(|domain| domain.eq_ignore_ascii_case(bare))
    })
}

fn site(app: &App) -> Result<Webauthn, PasskeyError> {
    let url = Url::parse(&origin(app)).map_err(|_| PasskeyError::NoSite)?;
    let domain = url.domain().ok_or(PasskeyError::NoSite)?.to_owned();
    let builder = WebauthnBuilder::new(&domain, &url).map_err(|_| PasskeyError::NoSite)?;
    builder
        .rp_name("まもり")
        // Without a public address the port is whatever people reach us by on this machine.
        .allow_any_port(app.config.public_url.is_none())
        .build()
        .map_err(|_| PasskeyError::NoSite)
}

/// A person's passkeys, oldest first.
pub async fn list(app: &App, user: &str) -> Result<Vec<Stored>, mamori_store::Error> {
    let rows = app
        .db
        .fetch_all(
            "SELECT id, name, created_at, used_at FROM passkey WHERE user_id = $1 \
             ORDER BY created_at, id",
            args![user],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Stored {
                id: row.get("id")?,
                name: row.get("name")?,
                created_at: row.get("created_at")?,
                used_at: row.get("used_at")?,
            })
        })
        .collect()
}

async fn credentials(app: &App, user: &str) -> Result<Vec<Passkey>, mamori_store::Error> {
    let rows = app
        .db
        .fetch_all(
            "SELECT credential FROM passkey WHERE user_id = $1 ORDER BY created_at, id",
            args![user],
        )
        .await?;
    rows.iter().map(|row| read(row, "credential")).collect()
}

fn read<T: DeserializeOwned>(row: &Row, column: &str) -> Result<T, mamori_store::Error> {
    serde_json::from_str(&row.text(column)?).map_err(|error| mamori_store::Error::Corrupt {
        detail: format!("passkey: {column}: {error}"),
    })
}

/// Keeps what the answer will be compared with.
async fn wait(
    app: &App,
    kind: &str,
    user: &str,
    state: &impl Serialize,
) -> Result<Secret, PasskeyError> {
    let now = app.now();
    let id = token::new();
    let state = serde_json::to_string(state).expect("a ceremony's state becomes JSON");
    let mut tx = app.db.begin_write().await?;
    tx.execute(
        "DELETE FROM passkey_ceremony WHERE expires_at <= $1",
        args![now],
    )
    .await?;
    let waiting = tx
        .fetch_one(
            "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM passkey_ceremony",
            args![],
        )
        .await?
        .i64("n")?;
    if waiting >= MOST_WAITING {
        return Err(PasskeyError::Busy);
    }
    tx.execute(
        "INSERT INTO passkey_ceremony (id_hash, kind, user_id, state, expires_at) \
         VALUES ($1, $2, $3, $4, $5)",
        args![
            token::digest(id.expose()),
            kind,
            user,
            state,
            now.checked_add(ANSWER_WITHIN).unwrap_or(Timestamp::MAX)
        ],
    )
    .await?;
    tx.commit().await?;
    Ok(id)
}

/// Takes a waiting challenge; it is gone afterwards, whatever the answer is.
async fn take<T: DeserializeOwned>(
    app: &App,
    kind: &str,
    id: &str,
) -> Result<(String, T), PasskeyError> {
    let digest = token::digest(id);
    let mut tx = app.db.begin_write().await?;
    let row = tx
        .fetch_optional(
            "SELECT user_id, state FROM passkey_ceremony \
             WHERE id_hash = $1 AND kind = $2 AND expires_at > $3",
            args![&digest, kind, app.now()],
        )
        .await?
        .ok_or(PasskeyError::Refused)?;
    let taken = tx
        .execute(
            "DELETE FROM passkey_ceremony WHERE id_hash = $1",
            args![&digest],
        )
        .await?;
    tx.commit().await?;
    if taken != 1 {
        return Err(PasskeyError::Refused);
    }
    Ok((row.text("user_id")?, read(&row, "state")?))
}

const REGISTER: &str = "register";
const SIGN_IN: &str = "sign-in";

/// Begins to register a passkey.
pub async fn begin_registration(app: &App, account: &Account) -> Result<Challenge, PasskeyError> {
    let user = account.id.to_string();
    let there = credentials(app, &user).await?;
    if there.len() >= MOST_PASSKEYS {
        return Err(PasskeyError::TooMany);
    }
    let ids = there.iter().map(|key| key.cred_id().clone()).collect();
    let (challenge, state) = site(app)?
        .start_passkey_registration(
            handle(&user),
            &account.name,
            &account.display_name,
            Some(ids),
        )
        .map_err(|_| PasskeyError::NoSite)?;
    Ok(Challenge {
        id: wait(app, REGISTER, &user, &state).await?,
        options: serde_json::to_string(&challenge).expect("options become JSON"),
    })
}

/// The id that authenticators keep: tells nothing about the person.
fn handle(user: &str) -> Uuid {
    let digest: [u8; 32] = Sha256::digest(user.as_bytes()).into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Uuid::from_bytes(bytes)
}

/// Ends a registration with the browser's answer.
pub async fn finish_registration(
    app: &App,
    user: &str,
    id: &str,
    answer: &str,
    name: &str,
) -> Result<(), PasskeyError> {
    let (owner, state) = take::<PasskeyRegistration>(app, REGISTER, id).await?;
    if owner != user {
        return Err(PasskeyError::Refused);
    }
    let answer: RegisterPublicKeyCredential =
        serde_json::from_str(answer).map_err(|_| PasskeyError::Refused)?;
    let key = site(app)?
        .finish_passkey_registration(&answer, &state)
        .map_err(|error| {
            tracing::warn!(%error, user, "a passkey was not registered");
            PasskeyError::Refused
        })?;
    let name: String = name.trim().chars().take(60).collect();
    let written = app
        .db
        .execute(
            "INSERT INTO passkey (id, user_id, name, credential_id, credential, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
            args![
                hex::encode(rand::random::<[u8; 6]>()),
                user,
                if name.is_empty() {
                    "パスキー".to_owned()
                } else {
                    name
                },
                URL_SAFE_NO_PAD.encode(key.cred_id()),
                serde_json::to_string(&key).expect("a passkey becomes JSON"),
                app.now()
            ],
        )
        .await?;
    if written == 0 {
        return Err(PasskeyError::Refused);
    }
    Ok(())
}

/// Removes a passkey of this person; whether there was one.
pub async fn remove(app: &App, user: &str, id: &str) -> Result<bool, mamori_store::Error> {
    let removed = app
        .db
        .execute(
            "DELETE FROM passkey WHERE id = $1 AND user_id = $2",
            args![id, user],
        )
        .await?;
    Ok(removed > 0)
}

/// Begins a sign-in; `account` is whose name was typed, if there is one.
pub async fn begin_sign_in(
    app: &App,
    name: &str,
    account: Option<&Account>,
) -> Result<Challenge, PasskeyError> {
    let site = site(app)?;
    let keys = match account.filter(|account| account.disabled_at.is_none()) {
        Some(account) => credentials(app, &account.id.to_string()).await?,
        None => Vec::new(),
    };
    let Some(account) = account.filter(|_| !keys.is_empty()) else {
        let made_up = made_up(app, name)?;
        let ids = made_up.iter().map(|id| URL_SAFE_NO_PAD.encode(id));
        let challenge = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        return Ok(Challenge {
            id: token::new(),
            options: options(app, &challenge, ids),
        });
    };
    let (challenge, state) = site
        .start_passkey_authentication(&keys)
        .map_err(|_| PasskeyError::NoSite)?;
    let ids = keys.iter().map(|key| URL_SAFE_NO_PAD.encode(key.cred_id()));
    Ok(Challenge {
        id: wait(app, SIGN_IN, &account.id.to_string(), &state).await?,
        options: options(
            app,
            &URL_SAFE_NO_PAD.encode(&challenge.public_key.challenge),
            ids,
        ),
    })
}

/// Credentials for a name that has none, the same each time. The generator sometimes gives none,
/// which no name with passkeys would show: then it is asked again.
fn made_up(app: &App, name: &str) -> Result<Vec<CredentialID>, PasskeyError> {
    let key = seal::of(app).derived("made-up passkeys");
    let generator = WebauthnFakeCredentialGenerator::<FakePasskeyDistribution>::new(&key)
        .map_err(|_| PasskeyError::NoSite)?;
    // Some turn among so many gives one: each fails by chance alone.
    (0..1_000_u64)
        .map(|turn| generator.generate(format!("{turn} {name}").as_bytes()))
        .find(|made| made.as_ref().map_or(true, |ids| !ids.is_empty()))
        .unwrap_or_else(|| Ok(Vec::new()))
        .map_err(|_| PasskeyError::NoSite)
}

/// One form for real and made-up challenges, so that they cannot be told apart.
fn options(app: &App, challenge: &str, ids: impl Iterator<Item = String>) -> String {
    let domain = Url::parse(&origin(app))
        .ok()
        .and_then(|url| url.domain().map(str::to_owned))
        .unwrap_or_default();
    let allowed: Vec<Value> = ids
        .map(|id| json!({ "type": "public-key", "id": id }))
        .collect();
    json!({ "publicKey": {
        "challenge": challenge,
        "timeout": TIMEOUT_MS,
        "rpId": domain,
        "allowCredentials": allowed,
        "userVerification": "required",
    }})
    .to_string()
}

/// Ends a sign-in: the id of the account whose passkey answered.
pub async fn finish_sign_in(app: &App, id: &str, answer: &str) -> Result<String, PasskeyError> {
    let (user, state) = take::<PasskeyAuthentication>(app, SIGN_IN, id).await?;
    let answer: PublicKeyCredential =
        serde_json::from_str(answer).map_err(|_| PasskeyError::Refused)?;
    let result = site(app)?
        .finish_passkey_authentication(&answer, &state)
        .map_err(|error| {
            tracing::warn!(%error, user, "a passkey was refused");
            PasskeyError::Refused
        })?;
    let credential_id = URL_SAFE_NO_PAD.encode(result.cred_id());
    let mut tx = app.db.begin_write().await?;
    let sql = format!(
        "SELECT credential FROM passkey WHERE credential_id = $1 AND user_id = $2{}",
        app.db.for_update()
    );
    // Removed meanwhile: it opens nothing any more.
    let row = tx
        .fetch_optional(&sql, args![&credential_id, &user])
        .await?
        .ok_or(PasskeyError::Refused)?;
    let mut key: Passkey = read(&row, "credential")?;
    key.update_credential(&result);
    tx.execute(
        "UPDATE passkey SET credential = $1, used_at = $2 WHERE credential_id = $3",
        args![
            serde_json::to_string(&key).expect("a passkey becomes JSON"),
            app.now(),
            &credential_id
        ],
    )
    .await?;
    tx.commit().await?;
    Ok(user)
}
