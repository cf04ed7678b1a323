//! All SQL of the registers.

use std::fmt::Write as _;

use jiff::civil::Date;
use mamori_kernel::FiscalYear;
use mamori_store::{Db, Error, Row, Tx, args};
use serde::Serialize;

use super::item::{Lookup, Stored};
use super::typed::normal;

const COLUMNS: &str = "id, contract, register, number, state, day, title, link, data, opened_by, \
     created_ms, updated_ms, revision";

/// Most items of one page.
pub const MAX_PAGE: u32 = 200;

/// Order of a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sort {
    key: SortKey,
    /// Oldest, smallest first.
    ascending: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum SortKey {
    #[default]
    Day,
    Number,
    Updated,
    Title,
    State,
}

impl Sort {
    /// `day`, `number`, `updated`, `title`, `state`, with a minus before it the other way round.
    pub fn parse(text: &str) -> Option<Self> {
        let (word, ascending) = match text.strip_prefix('-') {
            Some(word) => (word, false),
            None => (text, true),
        };
        let key = match word {
            "day" => SortKey::Day,
            "number" => SortKey::Number,
            "updated" => SortKey::Updated,
            "title" => SortKey::Title,
            "state" => SortKey::State,
            _ => return None,
        };
        Some(Self { key, ascending })
    }

    fn sql(self) -> String {
        let way = if self.ascending { "ASC" } else { "DESC" };
        let first = match self.key {
            SortKey::Day => format!("day {way}, "),
            SortKey::Title => format!("title {way}, "),
            SortKey::State => format!("state {way}, "),
            SortKey::Updated => format!("updated_ms {way}, "),
            // Numbers are given in the order of making.
            SortKey::Number => String::new(),
        };
        format!("{first}created_ms {way}, id {way}")
    }
}

/// What to list. All conditions hold together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Words that must all occur, in any order, in any width or case.
    pub q: String,
    /// Any of these states; empty means all.
    pub states: Vec<String>,
    /// First day.
    pub from: Option<Date>,
    /// Last day, included.
    pub to: Option<Date>,
    /// Exactly this link (obligation, gate, request id).
    pub link: Option<String>,
    /// Order.
    pub sort: Sort,
    /// Page, from 1; 0 counts as 1.
    pub page: u32,
    /// Items a page; 0 means 50.
    pub per_page: u32,
}

impl Filter {
    /// Items a page, within what is allowed.
    pub fn limit(&self) -> u32 {
        if self.per_page == 0 {
            50
        } else {
            self.per_page.min(MAX_PAGE)
        }
    }
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Page {
    /// The items.
    pub items: Vec<Stored>,
    /// How many match in all.
    pub total: u64,
    /// This page, from 1.
    pub page: u32,
    /// Items a page.
    pub per_page: u32,
}

fn read(row: &Row) -> Result<Stored, Error> {
    let corrupt = |what: &str| Error::Corrupt {
        detail: format!("office_item.{what}"),
    };
    Ok(Stored {
        id: row.text("id")?,
        contract: row.text("contract")?,
        register: row.text("register")?,
        number: row.text("number")?,
        state: row.text("state")?,
        day: row.text("day")?.parse().map_err(|_| corrupt("day"))?,
        title: row.text("title")?,
        link: row.get("link")?,
        data: serde_json::from_str(&row.text("data")?).map_err(|_| corrupt("data"))?,
        opened_by: row.text("opened_by")?,
        created_ms: row.i64("created_ms")?,
        updated_ms: row.i64("updated_ms")?,
        revision: row.i64("revision")?,
    })
}

/// The item of this id or number; locked until the transaction ends.
pub async fn lock(
    tx: &mut Tx,
    contract: &str,
    register: &str,
    reference: &str,
) -> Result<Option<Stored>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM office_item \
         WHERE contract = $1 AND register = $2 AND (id = $3 OR number = $3){}",
        tx.db().for_update()
    );
    let row = tx
        .fetch_optional(&sql, args![contract, register, reference])
        .await?;
    row.as_ref().map(read).transpose()
}

/// The item of this id or number.
pub async fn get(
    db: &Db,
    contract: &str,
    register: &str,
    reference: &str,
) -> Result<Option<Stored>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM office_item \
         WHERE contract = $1 AND register = $2 AND (id = $3 OR number = $3)"
    );
    let row = db
        .fetch_optional(&sql, args![contract, register, reference])
        .await?;
    row.as_ref().map(read).transpose()
}

/// What a lookup finds, oldest first.
pub async fn find(tx: &mut Tx, contract: &str, lookup: &Lookup) -> Result<Vec<Stored>, Error> {
    let (condition, args) = match lookup {
        Lookup::Item {
            register,
            reference,
        } => (
            "(id = $3 OR number = $3)",
            args![contract, *register, reference],
        ),
        Lookup::Days { register, from, to } => (
            "day >= $3 AND day <= $4",
            args![contract, *register, from.to_string(), to.to_string()],
        ),
        Lookup::Link { register, link } => ("link = $3", args![contract, *register, link]),
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM office_item \
         WHERE contract = $1 AND register = $2 AND {condition} ORDER BY created_ms, id"
    );
    tx.fetch_all(&sql, args).await?.iter().map(read).collect()
}

/// Lists items.
pub async fn list(db: &Db, contract: &str, register: &str, filter: &Filter) -> Result<Page, Error> {
    let mut args = args![contract, register];
    let mut condition = "contract = $1 AND register = $2".to_owned();
    for word in normal(&filter.q).split(' ').filter(|word| !word.is_empty()) {
        let place = args.push(format!("%{}%", escape_like(word)));
        let _ = write!(condition, " AND search_text LIKE {place} ESCAPE '\\'");
    }
    if !filter.states.is_empty() {
        let places: Vec<String> = filter
            .states
            .iter()
            .map(|state| args.push(state.as_str()))
            .collect();
        let _ = write!(condition, " AND state IN ({})", places.join(", "));
    }
    if let Some(from) = filter.from {
        let _ = write!(condition, " AND day >= {}", args.push(from.to_string()));
    }
    if let Some(to) = filter.to {
        let _ = write!(condition, " AND day <= {}", args.push(to.to_string()));
    }
    if let Some(link) = &filter.link {
        let _ = write!(condition, " AND link = {}", args.push(link.as_str()));
    }
    let count = format!("SELECT CAST(COUNT(*) AS BIGINT) AS n FROM office_item WHERE {condition}");
    let total = db.fetch_one(&count, args.clone()).await?.get("n")?;
    let (page, limit) = (filter.page.max(1), filter.limit());
    let sql = format!(
        "SELECT {COLUMNS} FROM office_item WHERE {condition} \
         ORDER BY {} LIMIT {} OFFSET {}",
        filter.sort.sql(),
        args.push(limit),
        args.push(i64::from(page - 1) * i64::from(limit)),
    );
    let rows = db.fetch_all(&sql, args).await?;
    Ok(Page {
        items: rows.iter().map(read).collect::<Result<_, _>>()?,
        total,
        page,
        per_page: limit,
    })
}

/// All items listed under these days (both included), oldest first: for sums, not for pages.
pub async fn on_days(
    db: &Db,
    contract: &str,
    register: &str,
    from: Date,
    to: Date,
) -> Result<Vec<Stored>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM office_item WHERE contract = $1 AND register = $2 \
         AND day >= $3 AND day <= $4 ORDER BY day, created_ms, id"
    );
    let args = args![contract, register, from.to_string(), to.to_string()];
    db.fetch_all(&sql, args).await?.iter().map(read).collect()
}

/// All items of a register with this link, or all items, oldest first.
pub async fn all(
    db: &Db,
    contract: &str,
    register: &str,
    link: Option<&str>,
) -> Result<Vec<Stored>, Error> {
    let mut args = args![contract, register];
    let by_link = link
        .map(|link| format!(" AND link = {}", args.push(link)))
        .unwrap_or_default();
    let sql = format!(
        "SELECT {COLUMNS} FROM office_item WHERE contract = $1 AND register = $2{by_link} \
         ORDER BY created_ms, id"
    );
    db.fetch_all(&sql, args).await?.iter().map(read).collect()
}

/// The next number of a register in a fiscal year, from 1. No gaps: it is taken in the
/// transaction of the act.
pub async fn next_number(
    tx: &mut Tx,
    contract: &str,
    register: &str,
    fiscal_year: FiscalYear,
) -> Result<u64, Error> {
    tx.fetch_one(
        "INSERT INTO office_number (contract, register, fiscal_year, last) VALUES ($1, $2, $3, 1) \
         ON CONFLICT (contract, register, fiscal_year) \
         DO UPDATE SET last = office_number.last + 1 RETURNING last",
        args![contract, register, i32::from(fiscal_year.year())],
    )
    .await?
    .get("last")
}

/// Writes a new item (revision 1) or the next revision of one.
pub async fn save(tx: &mut Tx, item: &Stored, search_text: &str) -> Result<(), Error> {
    let data = serde_json::Value::Object(item.data.clone()).to_string();
    let day = item.day.to_string();
    let search_text = format!("{} {search_text}", normal(&item.number));
    let touched = if item.revision == 1 {
        tx.execute(
            "INSERT INTO office_item (id, contract, register, number, state, day, title, link, \
             search_text, data, opened_by, created_ms, updated_ms, revision) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
            args![
                &item.id,
                &item.contract,
                &item.register,
                &item.number,
                &item.state,
                day,
                &item.title,
                item.link.clone(),
                search_text,
                data,
                &item.opened_by,
                item.created_ms,
                item.updated_ms,
                item.revision
            ],
        )
        .await?
    } else {
        tx.execute(
            "UPDATE office_item SET state = $2, day = $3, title = $4, link = $5, \
             search_text = $6, data = $7, updated_ms = $8, revision = $9 \
             WHERE id = $1 AND revision = $9 - 1",
            args![
                &item.id,
                &item.state,
                day,
                &item.title,
                item.link.clone(),
                search_text,
                data,
                item.updated_ms,
                item.revision
            ],
        )
        .await?
    };
    if touched == 1 {
        Ok(())
    } else {
        Err(Error::conflict(format!(
            "{} は同時に変更されました",
            item.number
        )))
    }
}

/// Outcome of [`claim_key`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The key is new and now taken.
    New,
    /// The same act was done before, on this item.
    Repeated(String),
    /// The key was used for something else.
    Different,
}

/// Takes an idempotency key for an act with this digest.
pub async fn claim_key(
    tx: &mut Tx,
    contract: &str,
    actor: &str,
    key: &str,
    digest: &str,
    at_ms: i64,
) -> Result<Claim, Error> {
    let taken = tx
        .execute(
            "INSERT INTO office_idempotency (contract, actor, request_key, digest, item_id, at_ms) \
             VALUES ($1, $2, $3, $4, NULL, $5) \
             ON CONFLICT (contract, actor, request_key) DO NOTHING",
            args![contract, actor, key, digest, at_ms],
        )
        .await?;
    if taken == 1 {
        return Ok(Claim::New);
    }
    let row = tx
        .fetch_one(
            "SELECT digest, item_id FROM office_idempotency \
             WHERE contract = $1 AND actor = $2 AND request_key = $3",
            args![contract, actor, key],
        )
        .await?;
    let item: Option<String> = row.get("item_id")?;
    Ok(match item {
        Some(item) if row.text("digest")? == digest => Claim::Repeated(item),
        _ => Claim::Different,
    })
}

/// Notes on which item the act of a key was done.
pub async fn settle_key(
    tx: &mut Tx,
    contract: &str,
    actor: &str,
    key: &str,
    item: &str,
) -> Result<(), Error> {
    tx.execute(
        "UPDATE office_idempotency SET item_id = $4 \
         WHERE contract = $1 AND actor = $2 AND request_key = $3",
        args![contract, actor, key, item],
    )
    .await?;
    Ok(())
}

/// Forgets the keys of an item's acts: their digests cover what was typed, names included.
pub async fn forget_keys(tx: &mut Tx, item: &str) -> Result<(), Error> {
    tx.execute(
        "DELETE FROM office_idempotency WHERE item_id = $1",
        args![item],
    )
    .await?;
    Ok(())
}

/// The pattern of everything that holds a word; used with `ESCAPE '\\'`.
pub(super) fn like(word: &str) -> String {
    format!("%{}%", escape_like(word))
}

fn escape_like(word: &str) -> String {
    let mut escaped = String::with_capacity(word.len());
    for c in word.chars() {
        if matches!(c, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// How many items of a register are in each state.
pub async fn tally(db: &Db, contract: &str, register: &str) -> Result<Vec<(String, u64)>, Error> {
    db.fetch_all(
        "SELECT state, CAST(COUNT(*) AS BIGINT) AS n FROM office_item \
         WHERE contract = $1 AND register = $2 GROUP BY state ORDER BY state",
        args![contract, register],
    )
    .await?
    .iter()
    .map(|row| Ok((row.text("state")?, row.get("n")?)))
    .collect()
}
