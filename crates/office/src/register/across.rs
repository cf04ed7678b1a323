//! Questions over all registers at once: who has the next word, and where a word occurs.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::civil::Date;
use mamori_kernel::permission::Role;
use mamori_store::{Error, Row, args};

use super::desk::{Desk, DeskError};
use super::item::Register;
use super::spec::{ActSpec, Side};
use super::store::like;
use super::typed::normal;
use crate::REGISTERS;
use crate::documents::Papers;

/// Most items that one question gives.
pub const MOST: usize = 500;

/// Who has the next word on an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// The city.
    City,
    /// The contractor.
    Contractor,
}

/// Every register and the papers.
pub fn registers() -> impl Iterator<Item = &'static Register> {
    REGISTERS.iter().chain([Papers::register()])
}

/// Acts that end or mend an item rather than bring it forward.
const ASIDE: [&str; 5] = ["withdraw", "correct", "amend", "end", "close"];

/// Who has the next word in a state, and the act that is waited for; `None` when nobody has.
pub fn turn(register: &Register, state: &str) -> Option<(Turn, &'static ActSpec)> {
    let forward = |side: Side| {
        register.spec.possible(Some(state)).find(|act| {
            act.side == side && !ASIDE.contains(&act.name) && act.to.is_some_and(|to| to != state)
        })
    };
    forward(Side::City)
        .map(|act| (Turn::City, act))
        .or_else(|| forward(Side::Contractor).map(|act| (Turn::Contractor, act)))
}

/// An item in a line.
#[derive(Debug, Clone)]
pub struct Brief {
    /// Its register.
    pub register: &'static Register,
    /// Number for people.
    pub number: String,
    /// One line.
    pub title: String,
    /// State key.
    pub state: String,
    /// Day under which it is listed.
    pub day: Date,
    /// When it came into its state or was last changed.
    pub since: Timestamp,
}

impl Brief {
    fn read(row: &Row) -> Result<Option<Self>, Error> {
        let key = row.text("register")?;
        // A register of another version of the program is left alone.
        let Some(register) = registers().find(|register| register.spec.key == key) else {
            return Ok(None);
        };
        let corrupt = |what: &str| Error::Corrupt {
            detail: format!("office_item.{what}"),
        };
        Ok(Some(Self {
            register,
            number: row.text("number")?,
            title: row.text("title")?,
            state: row.text("state")?,
            day: row.text("day")?.parse().map_err(|_| corrupt("day"))?,
            since: Timestamp::from_millisecond(row.i64("updated_ms")?)
                .map_err(|_| corrupt("updated_ms"))?,
        }))
    }

    /// Whose turn it is.
    pub fn turn(&self) -> Option<Turn> {
        turn(self.register, &self.state).map(|(turn, _)| turn)
    }

    /// Whether the next word is this role's own.
    pub fn awaits(&self, role: Role) -> bool {
        match turn(self.register, &self.state) {
            Some((Turn::City, _)) => role.allows(mamori_kernel::permission::Permission::accept(
                self.register.spec.key,
            )),
            Some((Turn::Contractor, act)) => {
                role.allows(crate::api::permission(self.register, act))
            }
            None => false,
        }
    }
}

const BRIEF: &str = "register, number, title, state, day, updated_ms";

/// Words to look for in some registers of a contract.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// Contract.
    pub contract: &'a str,
    /// Registers in which everything may be searched, personal values included.
    pub whole: Vec<&'static Register>,
    /// Registers of which only the public part may be found.
    pub public: Vec<&'static Register>,
    /// What was typed.
    pub words: &'a str,
}

impl Desk {
    /// All items on which somebody has the next word, those that wait longest first.
    pub async fn open_items(&self, contract: &str) -> Result<Vec<Brief>, DeskError> {
        let mut args = args![contract];
        let mut parts = Vec::new();
        for register in registers() {
            let states: Vec<String> = register
                .spec
                .states
                .iter()
                .filter(|(state, _)| turn(register, state).is_some())
                .map(|(state, _)| args.push(*state))
                .collect();
            if !states.is_empty() {
                let key = args.push(register.spec.key);
                // One part per register, so that each finds its states by the index.
                parts.push(format!(
                    "SELECT {BRIEF} FROM office_item \
                     WHERE contract = $1 AND register = {key} AND state IN ({})",
                    states.join(", ")
                ));
            }
        }
        let sql = format!(
            "{} ORDER BY updated_ms, number LIMIT {MOST}",
            parts.join(" UNION ALL ")
        );
        let rows = self.app.db.fetch_all(&sql, args).await?;
        briefs(&rows)
    }

    /// The items of a register that were opened last.
    pub async fn newest(
        &self,
        contract: &str,
        register: &Register,
        count: u32,
    ) -> Result<Vec<Brief>, DeskError> {
        let sql = format!(
            "SELECT {BRIEF} FROM office_item WHERE contract = $1 AND register = $2 \
             ORDER BY day DESC, created_ms DESC LIMIT $3"
        );
        let args = args![contract, register.spec.key, count];
        briefs(&self.app.db.fetch_all(&sql, args).await?)
    }

    /// Items in which all words occur, newest day first, at most [`MOST`].
    pub async fn search(&self, wanted: &Wanted<'_>) -> Result<Vec<Brief>, DeskError> {
        let words = normal(wanted.words);
        if words.is_empty() {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for (registers, whole) in [(&wanted.whole, true), (&wanted.public, false)] {
            if registers.is_empty() {
                continue;
            }
            let mut args = args![wanted.contract];
            let keys: Vec<String> = registers
                .iter()
                .map(|register| args.push(register.spec.key))
                .collect();
            let mut condition = format!("contract = $1 AND register IN ({})", keys.join(", "));
            for word in words.split(' ') {
                let place = args.push(like(word));
                let _ = write!(condition, " AND search_text LIKE {place} ESCAPE '\\'");
            }
            let data = if whole { "" } else { ", data" };
            let sql = format!(
                "SELECT {BRIEF}{data} FROM office_item WHERE {condition} \
                 ORDER BY day DESC, created_ms DESC LIMIT {MOST}"
            );
            for row in self.app.db.fetch_all(&sql, args).await? {
                if let Some(brief) = Brief::read(&row)?
                    && (whole || shows(&brief, &row.text("data")?, &words))
                {
                    found.push(brief);
                }
            }
        }
        found.sort_by_key(|one| std::cmp::Reverse((one.day, one.since)));
        found.truncate(MOST);
        Ok(found)
    }
}

/// Whether all words occur in what everybody may see of an item: that a name is found would tell
/// as much as the name itself.
fn shows(brief: &Brief, data: &str, words: &str) -> bool {
    let Ok(serde_json::Value::Object(data)) = serde_json::from_str(data) else {
        return false;
    };
    let mut text = format!("{} {}", brief.number, brief.title);
    for (field, value) in &data {
        if let serde_json::Value::String(value) = value
            && !brief.register.spec.is_personal(field)
        {
            text.push(' ');
            text.push_str(value);
        }
    }
    let text = normal(&text);
    words.split(' ').all(|word| text.contains(word))
}

fn briefs(rows: &[Row]) -> Result<Vec<Brief>, DeskError> {
    let read: Result<Vec<Option<Brief>>, Error> = rows.iter().map(Brief::read).collect();
    Ok(read?.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_the_one_who_can_bring_it_forward() {
        let whose = |key: &str, state: &str| {
            let register = registers().find(|register| register.spec.key == key);
            turn(register.expect("a register"), state).map(|(turn, act)| (turn, act.name))
        };
        for (register, state, expected) in [
            ("document", "draft", Some((Turn::Contractor, "submit"))),
            ("document", "submitted", Some((Turn::City, "return"))),
            ("document", "returned", Some((Turn::Contractor, "replace"))),
            ("document", "accepted", None),
            ("request", "received", Some((Turn::Contractor, "estimate"))),
            ("request", "estimated", Some((Turn::City, "approve"))),
            ("request", "approved", Some((Turn::Contractor, "finish"))),
            ("request", "done", Some((Turn::City, "return"))),
            ("request", "withdrawn", None),
            ("approval", "requested", Some((Turn::City, "grant"))),
            ("approval", "granted", None),
            ("consultation", "opened", Some((Turn::City, "agree"))),
            ("question", "received", Some((Turn::Contractor, "answer"))),
            ("question", "answered", None),
            ("attestation", "filed", Some((Turn::City, "accept"))),
            ("work", "recorded", None),
            ("subcontract", "registered", None),
            (
                "measure",
                "planned",
                Some((Turn::Contractor, "put_in_place")),
            ),
            ("measure", "in_place", None),
            ("handover", "done", Some((Turn::City, "receive"))),
        ] {
            assert_eq!(whose(register, state), expected, "{register} {state}");
        }
    }

    #[test]
    fn a_draft_awaits_the_person_in_charge_and_a_submitted_paper_the_city() {
        let paper = |state: &str| Brief {
            register: Papers::register(),
            number: "書類-R8-001".to_owned(),
            title: String::new(),
            state: state.to_owned(),
            day: jiff::civil::date(2026, 11, 1),
            since: Timestamp::UNIX_EPOCH,
        };
        let who = |state: &str| -> Vec<Role> {
            Role::ALL
                .into_iter()
                .filter(|role| paper(state).awaits(*role))
                .collect()
        };
        assert_eq!(who("draft"), [Role::Manager, Role::Administrator]);
        assert_eq!(who("submitted"), [Role::City]);
        assert_eq!(who("accepted"), []);
    }
}
