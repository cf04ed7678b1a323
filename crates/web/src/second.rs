//! The second factor: one-time codes of an app (RFC 6238) and recovery codes for the day the phone
//! is lost.
//!
//! The app's secret is sealed with `keys/web.key`: it must be readable to compute codes, so a digest
//! would not do, and a copy of the database must not yield codes. Recovery codes are kept as
//! digests. A code opens once: the step of the last one is remembered, and only later ones fit.

use jiff::Timestamp;
use mamori_runtime::{App, Secret, seal};
use mamori_store::{Tx, args};
use qrcode::QrCode;
use qrcode::render::svg;
use totp_rs::{Builder, Totp};

use crate::token;

/// Bytes of an app's secret (RFC 4226 asks for 160 bits).
const SECRET_BYTES: usize = 20;
/// How many recovery codes a person gets.
pub const RECOVERY_CODES: usize = 10;
const ISSUER: &str = "Mamori";

/// How a code was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// A code of the app.
    App,
    /// A recovery code; so many are left.
    Recovery {
        /// Unused codes after this one.
        left: usize,
    },
}

/// Whether a person has a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// None.
    Off,
    /// Begun: a secret was made, no code was shown yet.
    Begun,
    /// In force since then.
    On {
        /// Since when.
        since: Timestamp,
        /// Unused recovery codes.
        recovery_left: usize,
    },
}

fn totp(secret: Vec<u8>) -> Totp {
    Builder::new()
        .with_secret(secret)
        .build()
        .expect("160 bits, six digits and 30 seconds are within the RFC")
}

/// What a person typed, without the spaces and dashes that make codes readable; full-width digits
/// count as digits.
fn plain(code: &str) -> String {
    code.chars()
        .map(|sign| match sign {
            '０'..='９' => char::from(b'0' + (u32::from(sign) - u32::from('０')) as u8),
            other => other,
        })
        .filter(char::is_ascii_alphanumeric)
        .map(|sign| sign.to_ascii_lowercase())
        .take(64)
        .collect()
}

/// The step that `code` belongs to, when it is one of now or its neighbours and later than `last`.
fn step_of(secret: &[u8], code: &str, now: Timestamp, last: i64) -> Option<i64> {
    let seconds = u64::try_from(now.as_second()).ok()?;
    let step = totp(secret.to_vec()).check(code, seconds)?;
    i64::try_from(step).ok().filter(|step| *step > last)
}

fn purpose(user: &str) -> String {
    format!("second-factor:{user}")
}

/// The state of a person's second factor.
pub async fn state(app: &App, user: &str) -> Result<State, mamori_store::Error> {
    let row = app
        .db
        .fetch_optional(
            "SELECT confirmed_at FROM second_factor WHERE user_id = $1",
            args![user],
        )
        .await?;
    let Some(row) = row else {
        return Ok(State::Off);
    };
    let Some(since) = row.get::<Option<Timestamp>>("confirmed_at")? else {
        return Ok(State::Begun);
    };
    let left = app
        .db
        .fetch_one(
            "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM recovery_code \
             WHERE user_id = $1 AND used_at IS NULL",
            args![user],
        )
        .await?
        .i64("n")?;
    Ok(State::On {
        since,
        recovery_left: usize::try_from(left).unwrap_or_default(),
    })
}

/// Whether sign-in asks for a code.
pub async fn is_on(app: &App, user: &str) -> Result<bool, mamori_store::Error> {
    Ok(matches!(state(app, user).await?, State::On { .. }))
}

/// Makes a new secret that is not in force until a code of it was shown. Replaces one that was
/// begun before; one in force is left alone.
pub async fn begin(app: &App, user: &str) -> Result<(), mamori_store::Error> {
    let secret: [u8; SECRET_BYTES] = rand::random();
    let sealed = seal::of(app).seal(&purpose(user), &secret);
    let mut tx = app.db.begin_write().await?;
    tx.execute(
        "DELETE FROM second_factor WHERE user_id = $1 AND confirmed_at IS NULL",
        args![user],
    )
    .await?;
    tx.execute(
        "INSERT INTO second_factor (user_id, sealed, last_step, made_at) \
         VALUES ($1, $2, 0, $3) ON CONFLICT DO NOTHING",
        args![user, sealed, app.now()],
    )
    .await?;
    tx.commit().await
}

/// What the app is given: the secret as text for typing, and the address for the picture.
#[derive(Debug, Clone)]
pub struct Enrolment {
    /// Base32, in groups of four.
    pub secret: Secret,
    uri: Secret,
}

impl Enrolment {
    /// The address as a QR code: an SVG picture.
    pub fn picture(&self) -> String {
        QrCode::new(self.uri.expose().as_bytes())
            .expect("an address of at most 200 bytes fits")
            .render::<svg::Color<'_>>()
            .min_dimensions(240, 240)
            .build()
    }
}

/// The secret that was begun and is not in force yet.
pub async fn enrolment(
    app: &App,
    user: &str,
    name: &str,
) -> Result<Option<Enrolment>, mamori_store::Error> {
    let row = app
        .db
        .fetch_optional(
            "SELECT sealed FROM second_factor WHERE user_id = $1 AND confirmed_at IS NULL",
            args![user],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let secret = unsealed(app, user, &row.text("sealed")?)?;
    let base32 = totp(secret).secret().to_base32();
    let grouped: Vec<&str> = (0..base32.len())
        .step_by(4)
        .map(|from| &base32[from..base32.len().min(from + 4)])
        .collect();
    Ok(Some(Enrolment {
        uri: Secret::new(format!(
            "otpauth://totp/{ISSUER}:{name}?secret={base32}&issuer={ISSUER}&algorithm=SHA1&digits=6&period=30"
        )),
        secret: Secret::new(grouped.join(" ")),
    }))
}

fn unsealed(app: &App, user: &str, sealed: &str) -> Result<Vec<u8>, mamori_store::Error> {
    seal::of(app)
        .open(&purpose(user), sealed)
        .ok_or_else(|| mamori_store::Error::Corrupt {
            detail: "second_factor: keys/web.key does not open it".to_owned(),
        })
}

/// Puts the secret in force when `code` is one of its codes, and gives the recovery codes, which
/// are shown once. `None`: the code does not fit, or nothing was begun.
pub async fn confirm(
    app: &App,
    user: &str,
    code: &str,
) -> Result<Option<Vec<Secret>>, mamori_store::Error> {
    let now = app.now();
    let mut tx = app.db.begin_write().await?;
    let sql = format!(
        "SELECT sealed FROM second_factor WHERE user_id = $1 AND confirmed_at IS NULL{}",
        app.db.for_update()
    );
    let Some(row) = tx.fetch_optional(&sql, args![user]).await? else {
        return Ok(None);
    };
    let secret = unsealed(app, user, &row.text("sealed")?)?;
    let Some(step) = step_of(&secret, &plain(code), now, 0) else {
        return Ok(None);
    };
    tx.execute(
        "UPDATE second_factor SET confirmed_at = $1, last_step = $2 WHERE user_id = $3",
        args![now, step, user],
    )
    .await?;
    let codes = write_recovery_codes(&mut tx, user).await?;
    tx.commit().await?;
    Ok(Some(codes))
}

/// New recovery codes in place of the old ones.
pub async fn renew_recovery_codes(
    app: &App,
    user: &str,
) -> Result<Vec<Secret>, mamori_store::Error> {
    let mut tx = app.db.begin_write().await?;
    let codes = write_recovery_codes(&mut tx, user).await?;
    tx.commit().await?;
    Ok(codes)
}

async fn write_recovery_codes(tx: &mut Tx, user: &str) -> Result<Vec<Secret>, mamori_store::Error> {
    tx.execute("DELETE FROM recovery_code WHERE user_id = $1", args![user])
        .await?;
    let codes: Vec<Secret> = (0..RECOVERY_CODES).map(|_| recovery_code()).collect();
    for code in &codes {
        tx.execute(
            "INSERT INTO recovery_code (user_id, code_hash) VALUES ($1, $2)",
            args![user, token::digest(&plain(code.expose()))],
        )
        .await?;
    }
    Ok(codes)
}

/// 80 bits in four groups of four signs that are not mistaken for each other: enough that a digest
/// without salt tells nothing.
fn recovery_code() -> Secret {
    const SIGNS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let bytes: [u8; 16] = rand::random();
    let groups: Vec<String> = bytes
        .chunks(4)
        .map(|group| {
            group
                .iter()
                .map(|byte| char::from(SIGNS[usize::from(byte % 32)]))
                .collect()
        })
        .collect();
    Secret::new(groups.join("-"))
}

/// Accepts a code of the app or a recovery code, once.
pub async fn accept(
    app: &App,
    user: &str,
    code: &str,
) -> Result<Option<Accepted>, mamori_store::Error> {
    let code = plain(code);
    let mut tx = app.db.begin_write().await?;
    let sql = format!(
        "SELECT sealed, last_step FROM second_factor \
         WHERE user_id = $1 AND confirmed_at IS NOT NULL{}",
        app.db.for_update()
    );
    let Some(row) = tx.fetch_optional(&sql, args![user]).await? else {
        return Ok(None);
    };
    let secret = unsealed(app, user, &row.text("sealed")?)?;
    if let Some(step) = step_of(&secret, &code, app.now(), row.i64("last_step")?) {
        tx.execute(
            "UPDATE second_factor SET last_step = $1 WHERE user_id = $2",
            args![step, user],
        )
        .await?;
        tx.commit().await?;
        return Ok(Some(Accepted::App));
    }
    let spent = tx
        .execute(
            "UPDATE recovery_code SET used_at = $1 \
             WHERE user_id = $2 AND code_hash = $3 AND used_at IS NULL",
            args![app.now(), user, token::digest(&code)],
        )
        .await?;
    if spent == 0 {
        return Ok(None);
    }
    let left = tx
        .fetch_one(
            "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM recovery_code \
             WHERE user_id = $1 AND used_at IS NULL",
            args![user],
        )
        .await?
        .i64("n")?;
    tx.commit().await?;
    Ok(Some(Accepted::Recovery {
        left: usize::try_from(left).unwrap_or_default(),
    }))
}

/// Takes the second factor away, with its recovery codes.
pub async fn remove(tx: &mut Tx, user: &str) -> Result<(), mamori_store::Error> {
    for sql in [
        "DELETE FROM second_factor WHERE user_id = $1",
        "DELETE FROM recovery_code WHERE user_id = $1",
    ] {
        tx.execute(sql, args![user]).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Secret and times of RFC 6238, appendix B (SHA-1), of whose eight digits the last six count.
    #[test]
    fn codes_are_those_of_the_rfc() {
        let secret = b"12345678901234567890";
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_234_567_890, "005924"),
            (20_000_000_000_i64, "353130"),
        ] {
            let now = Timestamp::from_second(seconds).expect("in range");
            let step = step_of(secret, code, now, 0).expect("it fits");
            assert_eq!(step, seconds / 30);
            assert_eq!(step_of(secret, code, now, step), None, "not twice");
        }
    }

    #[test]
    fn a_code_holds_for_a_step_before_and_after() {
        let secret = b"12345678901234567890";
        let at = |seconds: i64| Timestamp::from_second(1_800_000_000 + seconds).expect("in range");
        let code = totp(secret.to_vec()).generate(1_800_000_000).to_string();
        for (seconds, fits) in [
            (-31, false),
            (-29, true),
            (0, true),
            (59, true),
            (61, false),
        ] {
            assert_eq!(
                step_of(secret, &code, at(seconds), 0).is_some(),
                fits,
                "{seconds}"
            );
        }
    }

    #[test]
    fn typed_codes_are_read_kindly() {
        assert_eq!(plain(" 123 456\n"), "123456");
        assert_eq!(plain("１２３４５６"), "123456");
        assert_eq!(plain("ABCD-efgh"), "abcdefgh");
        assert_eq!(plain(&"9".repeat(5000)).len(), 64);
    }

    #[test]
    fn recovery_codes_differ() {
        let (a, b) = (recovery_code(), recovery_code());
        assert_ne!(a.expose(), b.expose());
        assert_eq!(a.expose().len(), 19);
    }
}
