//! All SQL of certificates.

use jiff::Timestamp;
use jiff::civil::Date;
use mamori_kernel::clock::tokyo_date;
use mamori_store::{Db, Result, Row, Tx, args};

use crate::acme::trouble::Trouble;

/// How it stands with the orders for a site.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// Somebody asked for a new certificate.
    pub wanted: bool,
    /// The last try.
    pub tried_at: Option<Timestamp>,
    /// Failures since the last success.
    pub failures: u32,
    /// What the last try failed by; empty: it did not.
    pub trouble: String,
    /// As it was said.
    pub detail: String,
    /// No try before, by ourselves.
    pub pause_until: Option<Timestamp>,
    /// No try before, as the authority said.
    pub told_until: Option<Timestamp>,
    /// The last success.
    pub issued_at: Option<Timestamp>,
    /// Tries of [`State::day`].
    pub tries: u32,
    /// The day they are of.
    pub day: String,
    /// When the authority suggests to renew.
    pub renew_at: Option<Timestamp>,
    /// When it was asked about that.
    pub asked_at: Option<Timestamp>,
}

impl State {
    /// Tries of a day.
    pub fn tries_on(&self, day: Date) -> u32 {
        if self.day == day.to_string() {
            self.tries
        } else {
            0
        }
    }
}

/// How it stands; the defaults where nothing was tried.
pub async fn state(db: &Db, site: &str) -> Result<State> {
    let row = db
        .fetch_optional(
            "SELECT * FROM gateway_certificate WHERE site = $1",
            args![site],
        )
        .await?;
    row.as_ref().map_or_else(|| Ok(State::default()), state_of)
}

fn state_of(row: &Row) -> Result<State> {
    let count =
        |name: &str| -> Result<u32> { Ok(u32::try_from(row.i64(name)?).unwrap_or(u32::MAX)) };
    Ok(State {
        wanted: row.i64("wanted")? == 1,
        tried_at: row.get("tried_at")?,
        failures: count("failures")?,
        trouble: row.text("trouble")?,
        detail: row.text("detail")?,
        pause_until: row.get("pause_until")?,
        told_until: row.get("told_until")?,
        issued_at: row.get("issued_at")?,
        tries: count("tries")?,
        day: row.text("day")?,
        renew_at: row.get("renew_at")?,
        asked_at: row.get("asked_at")?,
    })
}

async fn exists(tx: &mut Tx, site: &str) -> Result<()> {
    tx.execute(
        "INSERT INTO gateway_certificate (site, wanted, failures, trouble, detail, day, tries) \
         VALUES ($1, 0, 0, '', '', '', 0) ON CONFLICT (site) DO NOTHING",
        args![site],
    )
    .await?;
    Ok(())
}

/// Somebody wants a new certificate: our own pause ends, the authority's does not.
pub async fn want(tx: &mut Tx, site: &str) -> Result<()> {
    exists(tx, site).await?;
    tx.execute(
        "UPDATE gateway_certificate SET wanted = 1, pause_until = NULL WHERE site = $1",
        args![site],
    )
    .await?;
    Ok(())
}

/// Takes the site for one order; false while somebody else holds it.
pub async fn hold(db: &Db, site: &str, now: Timestamp, until: Timestamp) -> Result<bool> {
    let mut tx = db.begin_write().await?;
    exists(&mut tx, site).await?;
    let taken = tx
        .execute(
            "UPDATE gateway_certificate SET held_until = $3 \
             WHERE site = $1 AND (held_until IS NULL OR held_until <= $2)",
            args![site, now, until],
        )
        .await?;
    tx.commit().await?;
    Ok(taken == 1)
}

/// Lets it go.
pub async fn let_go(db: &Db, site: &str) -> Result<()> {
    db.execute(
        "UPDATE gateway_certificate SET held_until = NULL WHERE site = $1",
        args![site],
    )
    .await?;
    Ok(())
}

/// A try begins.
pub async fn begin_try(db: &Db, site: &str, now: Timestamp) -> Result<()> {
    let day = tokyo_date(now).to_string();
    db.execute(
        "UPDATE gateway_certificate SET tried_at = $2, \
         tries = CASE WHEN day = $3 THEN tries + 1 ELSE 1 END, day = $3 WHERE site = $1",
        args![site, now, day],
    )
    .await?;
    Ok(())
}

/// A try failed.
pub async fn failed(db: &Db, site: &str, trouble: &Trouble, pause_until: Timestamp) -> Result<()> {
    db.execute(
        "UPDATE gateway_certificate SET wanted = 0, failures = failures + 1, trouble = $2, \
         detail = $3, pause_until = $4, told_until = $5 WHERE site = $1",
        args![
            site,
            trouble.kind.word(),
            trouble.detail.replace('\0', "␀"),
            pause_until,
            trouble.again
        ],
    )
    .await?;
    Ok(())
}

/// A try brought a certificate.
pub async fn issued(tx: &mut Tx, site: &str, now: Timestamp) -> Result<()> {
    tx.execute(
        "UPDATE gateway_certificate SET wanted = 0, failures = 0, trouble = '', detail = '', \
         pause_until = NULL, told_until = NULL, issued_at = $2, renew_at = NULL, asked_at = NULL \
         WHERE site = $1",
        args![site, now],
    )
    .await?;
    Ok(())
}

/// What the authority suggests about the next renewal.
pub async fn suggested(
    db: &Db,
    site: &str,
    renew_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<()> {
    let mut tx = db.begin_write().await?;
    exists(&mut tx, site).await?;
    tx.execute(
        "UPDATE gateway_certificate SET renew_at = $2, asked_at = $3 WHERE site = $1",
        args![site, renew_at, now],
    )
    .await?;
    tx.commit().await
}

/// How a name is proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// HTTP-01.
    Http,
    /// TLS-ALPN-01.
    TlsAlpn,
}

/// A question of an authority, with its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// Which name it is about.
    pub host: String,
    /// How it is asked.
    pub proof: Proof,
    /// HTTP-01: what is asked for.
    pub token: String,
    /// HTTP-01: the key authorization. TLS-ALPN-01: its digest, in hexadecimal.
    pub answer: String,
}

/// What every gateway answers at the moment.
pub async fn challenges(db: &Db) -> Result<Vec<Challenge>> {
    let rows = db
        .fetch_all(
            "SELECT host, kind, token, answer FROM gateway_challenge ORDER BY host, kind, token",
            args![],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Challenge {
                host: row.text("host")?,
                proof: match row.text("kind")?.as_str() {
                    "http" => Proof::Http,
                    _ => Proof::TlsAlpn,
                },
                token: row.text("token")?,
                answer: row.text("answer")?,
            })
        })
        .collect()
}

/// Answers these questions for a site, and no others.
pub async fn answer(db: &Db, site: &str, challenges: &[Challenge], now: Timestamp) -> Result<()> {
    let mut tx = db.begin_write().await?;
    tx.execute("DELETE FROM gateway_challenge WHERE site = $1", args![site])
        .await?;
    for challenge in challenges {
        let kind = match challenge.proof {
            Proof::Http => "http",
            Proof::TlsAlpn => "tls-alpn",
        };
        tx.execute(
            "INSERT INTO gateway_challenge (site, host, kind, token, answer, at) \
             VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (host, kind, token) DO UPDATE SET answer = $5, at = $6",
            args![
                site,
                &challenge.host,
                kind,
                &challenge.token,
                &challenge.answer,
                now
            ],
        )
        .await?;
    }
    tx.commit().await
}

/// Notes that people were warned of the end of a certificate; false when they had been.
pub async fn warn_once(
    tx: &mut Tx,
    site: &str,
    not_after: Timestamp,
    days: i64,
    at: Timestamp,
) -> Result<bool> {
    let noted = tx
        .execute(
            "INSERT INTO gateway_certificate_warning (site, not_after, days, at) \
             VALUES ($1, $2, $3, $4) ON CONFLICT (site, not_after, days) DO NOTHING",
            args![site, not_after, days, at],
        )
        .await?;
    Ok(noted == 1)
}
