//! All SQL of the gateway.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use mamori_store::{Db, Error, Result, Row, Tx, args};

use crate::model::{Exclusion, ExclusionId, Finding, SitePolicy, Traffic, mode_of, mode_word};

/// Which findings are looked for.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// Names of sites; none: nothing is found.
    pub sites: Vec<String>,
    /// Part of the path, or the whole number of a request, or the address of a client.
    pub words: String,
    /// Number of a rule that matched.
    pub rule: Option<u64>,
    /// Only what was refused.
    pub refused: bool,
}

fn wrong_row(what: &str) -> Error {
    Error::Invalid(format!("gateway: {what}"))
}

const POLICY: &str = "SELECT mode, paranoia, closed, retry_minutes, revision FROM gateway_policy \
    WHERE site = $1";

/// What people decided about a site; the defaults where nobody did.
pub async fn policy(db: &Db, site: &str) -> Result<SitePolicy> {
    Ok(policy_seen(db, site).await?.0)
}

/// The same with its revision: how often something was decided, 0 where nobody did.
pub async fn policy_seen(db: &Db, site: &str) -> Result<(SitePolicy, i64)> {
    policy_of(db.fetch_optional(POLICY, args![site]).await?)
}

/// The same while no other decision about any site can be taken.
pub(crate) async fn policy_alone(tx: &mut Tx, site: &str) -> Result<(SitePolicy, i64)> {
    // A site about which nothing was decided has no row that could be locked.
    let lock = tx.db().for_update();
    let sql = format!("SELECT revision FROM gateway_revision WHERE one = 1{lock}");
    tx.fetch_one(&sql, args![]).await?;
    policy_of(tx.fetch_optional(POLICY, args![site]).await?)
}

fn policy_of(row: Option<Row>) -> Result<(SitePolicy, i64)> {
    let Some(row) = row else {
        return Ok((SitePolicy::default(), 0));
    };
    let policy = SitePolicy {
        mode: mode_of(&row.text("mode")?).ok_or_else(|| wrong_row("mode"))?,
        paranoia: u8::try_from(row.i64("paranoia")?).map_err(|_| wrong_row("paranoia"))?,
        closed: row.i64("closed")? == 1,
        retry_minutes: u32::try_from(row.i64("retry_minutes")?)
            .map_err(|_| wrong_row("retry_minutes"))?,
    };
    Ok((policy, row.i64("revision")?))
}

/// Keeps what people decided about a site.
pub async fn set_policy(
    tx: &mut Tx,
    site: &str,
    policy: &SitePolicy,
    at: Timestamp,
    by: &str,
) -> Result<()> {
    tx.execute(
        "INSERT INTO gateway_policy (site, mode, paranoia, closed, retry_minutes, changed_at, changed_by) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (site) DO UPDATE SET mode = $2, paranoia = $3, \
         closed = $4, retry_minutes = $5, changed_at = $6, changed_by = $7, \
         revision = gateway_policy.revision + 1",
        args![
            site,
            mode_word(policy.mode),
            i64::from(policy.paranoia),
            i64::from(policy.closed),
            i64::from(policy.retry_minutes),
            at,
            by
        ],
    )
    .await?;
    count_up(tx).await
}

/// Tells running gateways to read again.
pub(crate) async fn count_up(tx: &mut Tx) -> Result<()> {
    tx.execute(
        "UPDATE gateway_revision SET revision = revision + 1 WHERE one = 1",
        args![],
    )
    .await?;
    Ok(())
}

/// Counts up with every change of policies and exclusions.
pub async fn revision(db: &Db) -> Result<i64> {
    db.fetch_one(
        "SELECT revision FROM gateway_revision WHERE one = 1",
        args![],
    )
    .await?
    .i64("revision")
}

/// Keeps a new exclusion.
pub async fn add_exclusion(tx: &mut Tx, exclusion: &Exclusion) -> Result<()> {
    tx.execute(
        "INSERT INTO gateway_exclusion (id, site, rule, target, path, below, reason, author, request, \
         created_at, expires_on, ended_at, ended_by) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, NULL, '')",
        args![
            exclusion.id.to_string(),
            &exclusion.site,
            i64::try_from(exclusion.rule).map_err(|_| wrong_row("rule"))?,
            &exclusion.target,
            &exclusion.path,
            i64::from(exclusion.below),
            &exclusion.reason,
            &exclusion.author,
            &exclusion.request,
            exclusion.created_at,
            exclusion.expires_on.to_string()
        ],
    )
    .await?;
    count_up(tx).await
}

/// Ends an exclusion; false when it has ended before or is not of these sites.
pub async fn end_exclusion(tx: &mut Tx, id: ExclusionId, at: Timestamp, by: &str) -> Result<bool> {
    let changed = tx
        .execute(
            "UPDATE gateway_exclusion SET ended_at = $2, ended_by = $3 WHERE id = $1 AND ended_at IS NULL",
            args![id.to_string(), at, by],
        )
        .await?;
    count_up(tx).await?;
    Ok(changed == 1)
}

/// Exclusions of a site, the newest first; `open`: only those that no person ended.
pub async fn exclusions(db: &Db, site: &str, open: bool) -> Result<Vec<Exclusion>> {
    let rows = db
        .fetch_all(
            "SELECT * FROM gateway_exclusion WHERE site = $1 AND ($2 = 0 OR ended_at IS NULL) \
             ORDER BY created_at DESC, id DESC",
            args![site, i64::from(open)],
        )
        .await?;
    rows.iter().map(exclusion_of).collect()
}

fn exclusion_of(row: &Row) -> Result<Exclusion> {
    Ok(Exclusion {
        id: row
            .text("id")?
            .parse()
            .map_err(|_| wrong_row("exclusion"))?,
        site: row.text("site")?,
        rule: number(row, "rule")?,
        target: row.text("target")?,
        path: row.text("path")?,
        below: row.i64("below")? == 1,
        reason: row.text("reason")?,
        author: row.text("author")?,
        request: row.text("request")?,
        created_at: row.get("created_at")?,
        expires_on: row
            .text("expires_on")?
            .parse()
            .map_err(|_| wrong_row("expires_on"))?,
        ended_at: row.get("ended_at")?,
    })
}

fn number(row: &Row, name: &str) -> Result<u64> {
    u64::try_from(row.i64(name)?).map_err(|_| wrong_row(name))
}

/// Keeps findings; one that is there already stays as it is.
pub async fn add_findings(tx: &mut Tx, findings: &[Finding]) -> Result<()> {
    for finding in findings {
        let matches = serde_json::to_string(&finding.matches)
            .map_err(|error| wrong_row(&error.to_string()))?;
        // Surrounded by blanks, so that a number is found whole.
        let numbers = finding
            .matches
            .iter()
            .map(|matched| matched.rule.to_string());
        let rules = numbers.collect::<Vec<_>>().join(" ");
        tx.execute(
            "INSERT INTO gateway_finding (id, site, at, client, method, path, mode, refused, score, \
             incomplete, rules, matches) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
             ON CONFLICT (id) DO NOTHING",
            args![
                &finding.id,
                &finding.site,
                finding.at,
                &finding.client,
                without_nul(&finding.method),
                without_nul(&finding.path),
                mode_word(finding.mode),
                i64::from(finding.refused),
                finding.score,
                i64::from(finding.incomplete),
                format!(" {rules} "),
                without_nul(&matches)
            ],
        )
        .await?;
    }
    Ok(())
}

/// Attackers send NUL; no database keeps it in a text. It stays visible as its symbol.
fn without_nul(text: &str) -> String {
    text.replace('\0', "␀")
}

fn condition(search: &Search) -> (String, mamori_store::Args) {
    let mut args = mamori_store::Args::new();
    let sites: Vec<String> = search.sites.iter().map(|site| args.push(site)).collect();
    let mut parts = vec![if sites.is_empty() {
        "1 = 0".to_owned()
    } else {
        format!("site IN ({})", sites.join(", "))
    }];
    if !search.words.is_empty() {
        let whole = args.push(&search.words);
        let escaped = search
            .words
            .replace('\\', "\\\\")
            .replace('%', "\\%")
            .replace('_', "\\_");
        let part = args.push(format!("%{escaped}%"));
        parts.push(format!(
            "(id = {whole} OR client = {whole} OR path LIKE {part} ESCAPE '\\')"
        ));
    }
    if let Some(rule) = search.rule {
        let part = args.push(format!("% {rule} %"));
        parts.push(format!("rules LIKE {part}"));
    }
    if search.refused {
        parts.push("refused = 1".to_owned());
    }
    (parts.join(" AND "), args)
}

/// How many findings there are.
pub async fn count_findings(db: &Db, search: &Search) -> Result<u64> {
    let (condition, args) = condition(search);
    let sql =
        format!("SELECT CAST(COUNT(*) AS BIGINT) AS n FROM gateway_finding WHERE {condition}");
    number(&db.fetch_one(&sql, args).await?, "n")
}

/// Findings, the newest first.
pub async fn findings(db: &Db, search: &Search, offset: u64, most: u64) -> Result<Vec<Finding>> {
    let (condition, mut args) = condition(search);
    let limit = args.push(i64::try_from(most).unwrap_or(i64::MAX));
    let offset = args.push(i64::try_from(offset).unwrap_or(i64::MAX));
    let sql = format!(
        "SELECT * FROM gateway_finding WHERE {condition} ORDER BY at DESC, id DESC \
         LIMIT {limit} OFFSET {offset}"
    );
    db.fetch_all(&sql, args)
        .await?
        .iter()
        .map(finding_of)
        .collect()
}

/// One finding.
pub async fn finding(db: &Db, id: &str) -> Result<Option<Finding>> {
    db.fetch_optional("SELECT * FROM gateway_finding WHERE id = $1", args![id])
        .await?
        .as_ref()
        .map(finding_of)
        .transpose()
}

fn finding_of(row: &Row) -> Result<Finding> {
    Ok(Finding {
        id: row.text("id")?,
        site: row.text("site")?,
        at: row.get("at")?,
        client: row.text("client")?,
        method: row.text("method")?,
        path: row.text("path")?,
        mode: mode_of(&row.text("mode")?).ok_or_else(|| wrong_row("mode"))?,
        refused: row.i64("refused")? == 1,
        score: row.i64("score")?,
        incomplete: row.i64("incomplete")? == 1,
        matches: serde_json::from_str(&row.text("matches")?)
            .map_err(|error| wrong_row(&error.to_string()))?,
    })
}

/// Deletes findings from before an instant; gives how many.
pub async fn forget_findings(db: &Db, before: Timestamp) -> Result<u64> {
    db.execute("DELETE FROM gateway_finding WHERE at < $1", args![before])
        .await
}

/// Adds traffic to days of sites.
pub async fn add_traffic(tx: &mut Tx, days: &BTreeMap<(String, Date), Traffic>) -> Result<()> {
    for ((site, day), traffic) in days {
        let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        tx.execute(
            "INSERT INTO gateway_day (site, day, requests, refused, observed, broken, bytes_in, bytes_out) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (site, day) DO UPDATE SET \
             requests = gateway_day.requests + $3, refused = gateway_day.refused + $4, \
             observed = gateway_day.observed + $5, broken = gateway_day.broken + $6, \
             bytes_in = gateway_day.bytes_in + $7, bytes_out = gateway_day.bytes_out + $8",
            args![
                site,
                day.to_string(),
                signed(traffic.requests),
                signed(traffic.refused),
                signed(traffic.observed),
                signed(traffic.broken),
                signed(traffic.bytes_in),
                signed(traffic.bytes_out)
            ],
        )
        .await?;
    }
    Ok(())
}

/// Traffic by day of a site, from one day to another, both included; days without are left out.
pub async fn traffic(db: &Db, site: &str, from: Date, to: Date) -> Result<BTreeMap<Date, Traffic>> {
    let rows = db
        .fetch_all(
            "SELECT * FROM gateway_day WHERE site = $1 AND day >= $2 AND day <= $3",
            args![site, from.to_string(), to.to_string()],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let day = row.text("day")?.parse().map_err(|_| wrong_row("day"))?;
            Ok((
                day,
                Traffic {
                    requests: number(row, "requests")?,
                    refused: number(row, "refused")?,
                    observed: number(row, "observed")?,
                    broken: number(row, "broken")?,
                    bytes_in: number(row, "bytes_in")?,
                    bytes_out: number(row, "bytes_out")?,
                },
            ))
        })
        .collect()
}

/// How the gateway says it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alive {
    /// When it said so.
    pub at: Timestamp,
    /// Since when it serves.
    pub since: Timestamp,
    /// When the policy in force was made.
    pub policy_at: Timestamp,
    /// Why the newest decisions are not in force; empty: they are.
    pub trouble: String,
    /// Events that were lost since it serves: requests that are counted nowhere.
    pub lost: u64,
    /// Findings that were counted but not kept.
    pub left_out: u64,
    /// Access records that could not be written.
    pub unwritten: u64,
}

/// The gateway says that it runs.
pub async fn say_alive(db: &Db, alive: &Alive) -> Result<()> {
    db.execute(
        "INSERT INTO gateway_alive (one, at, since, policy_at, trouble, lost, left_out, unwritten) \
         VALUES (1, $1, $2, $3, $4, $5, $6, $7) ON CONFLICT (one) DO UPDATE SET at = $1, \
         since = $2, policy_at = $3, trouble = $4, lost = $5, left_out = $6, unwritten = $7",
        args![
            alive.at,
            alive.since,
            alive.policy_at,
            &alive.trouble,
            i64::try_from(alive.lost).unwrap_or(i64::MAX),
            i64::try_from(alive.left_out).unwrap_or(i64::MAX),
            i64::try_from(alive.unwritten).unwrap_or(i64::MAX)
        ],
    )
    .await?;
    Ok(())
}

/// What it said last.
pub async fn alive(db: &Db) -> Result<Option<Alive>> {
    let row = db
        .fetch_optional("SELECT * FROM gateway_alive WHERE one = 1", args![])
        .await?;
    row.map(|row| {
        Ok(Alive {
            at: row.get("at")?,
            since: row.get("since")?,
            policy_at: row.get("policy_at")?,
            trouble: row.text("trouble")?,
            lost: number(&row, "lost")?,
            left_out: number(&row, "left_out")?,
            unwritten: number(&row, "unwritten")?,
        })
    })
    .transpose()
}

/// Notes that people were told of a share of a month's plan; false when they had been.
pub async fn alarm_once(
    tx: &mut Tx,
    contract: &str,
    month: &str,
    percent: u32,
    at: Timestamp,
) -> Result<bool> {
    let noted = tx
        .execute(
            "INSERT INTO gateway_alarm (contract, month, percent, at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (contract, month, percent) DO NOTHING",
            args![contract, month, i64::from(percent), at],
        )
        .await?;
    Ok(noted == 1)
}
