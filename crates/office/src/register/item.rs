//! What a register's own code says: the type of its items and the rules of its acts.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::refusal::{FieldProblem, Refusal};
use super::spec::{ActSpec, RegisterSpec, Side};
use crate::terms::ContractTerms;

/// An item of a register: a typed view of what its evidence says.
///
/// An implementor states rules; it neither stores nor writes evidence. [`Item::decide`] sees
/// the item *as it would be* after the act and may refuse it, warn, set derived fields, or add
/// evidence. It is a pure function, so every rule is tested without a database.
pub trait Item: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The register described as data.
    const SPEC: &'static RegisterSpec;

    /// Other items that [`Item::decide`] needs to see. They are read in the act's transaction.
    fn lookups(_proposed: &Self, _act: &ActSpec) -> Vec<Lookup> {
        Vec::new()
    }

    /// What an approval must be about to open the gate of an act on this item.
    fn about(&self) -> String {
        self.title()
    }

    /// The day for which the gate of an act must be open; today when `None`.
    fn gate_day(&self) -> Option<Date> {
        None
    }

    /// A key by which other items find this one: an obligation, a gate, a request's id.
    fn link(&self) -> Option<&str> {
        None
    }

    /// The rules of an act. `before` is `None` when the act opens the item.
    fn decide(
        proposed: &Self,
        before: Option<&Self>,
        act: &'static ActSpec,
        context: &Context<'_>,
        decision: &mut Decision,
    ) -> Result<(), Refusal>;

    /// One line for lists.
    fn title(&self) -> String;

    /// The day under which the item is listed and filtered.
    fn day(&self) -> Date;

    /// Texts that a search finds, besides number and title.
    fn search_text(&self) -> Vec<&str>;
}

/// What [`Item::decide`] may know.
pub struct Context<'a> {
    /// The instant of the act.
    pub now: Timestamp,
    /// The day of the act in Japan.
    pub today: Date,
    /// Who acts: the id in the record's actor.
    pub actor: &'a str,
    /// The item's number (`依頼-R8-012`).
    pub number: &'a str,
    /// The contract as of today.
    pub terms: &'a dyn ContractTerms,
    /// What [`Item::lookups`] asked for.
    pub found: &'a [Stored],
    /// Who is speaking: the city itself, or the contractor.
    pub side: Side,
}

impl Context<'_> {
    /// The items found of a register.
    pub fn of<'s>(&'s self, register: &'s str) -> impl Iterator<Item = &'s Stored> {
        self.found
            .iter()
            .filter(move |stored| stored.register == register)
    }

    /// The items found of a register, typed. Items that no longer fit their type are left out:
    /// they cannot open a gate.
    pub fn typed<T: Item>(&self) -> Vec<(&Stored, T)> {
        self.of(T::SPEC.key)
            .filter_map(|stored| Some((stored, stored.read::<T>().ok()?)))
            .collect()
    }
}

/// A question to the store, asked before [`Item::decide`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// The item of this id or number.
    Item {
        /// Register it must be in.
        register: &'static str,
        /// Id or number.
        reference: String,
    },
    /// All items listed under these days, both included.
    Days {
        /// Register.
        register: &'static str,
        /// First day.
        from: Date,
        /// Last day.
        to: Date,
    },
    /// All items with this link (see [`Item::link`]).
    Link {
        /// Register.
        register: &'static str,
        /// Link.
        link: String,
    },
}

/// What an act does beyond its fields and its state.
#[derive(Debug, Default)]
pub struct Decision {
    /// Derived public fields to set (`null` clears).
    pub set: Map<String, Value>,
    /// Derived personal fields to set.
    pub set_personal: Map<String, Value>,
    /// Things worth knowing that do not hinder the act.
    pub warnings: Vec<Warning>,
    /// Further evidence, on subjects of its own.
    pub also: Vec<Extra>,
    /// Wrong fields found by the rules.
    pub problems: Vec<FieldProblem>,
}

impl Decision {
    /// Sets a derived public field.
    pub fn set(&mut self, field: &str, value: impl Serialize) {
        let value = serde_json::to_value(value).expect("derived values are plain data");
        self.set.insert(field.to_owned(), value);
    }

    /// Sets a derived personal field; some act of the register must declare it personal.
    pub fn set_personal(&mut self, field: &str, value: impl Serialize) {
        let value = serde_json::to_value(value).expect("derived values are plain data");
        self.set_personal.insert(field.to_owned(), value);
    }

    /// Warns without hindering.
    pub fn warn(&mut self, code: &'static str, message_ja: impl Into<String>) {
        self.warnings.push(Warning {
            code,
            message_ja: message_ja.into(),
        });
    }

    /// A field breaks a rule. The label is taken from the register's description.
    pub fn problem(&mut self, act: &ActSpec, field: &str, message_ja: impl Into<String>) {
        let label = act
            .fields
            .iter()
            .find(|spec| spec.name == field)
            .map_or(field, |spec| spec.label_ja);
        self.problems
            .push(FieldProblem::new(field, label, message_ja));
    }

    /// Adds evidence on a subject of its own.
    pub fn also(&mut self, kind: &'static str, subject: String, payload: Map<String, Value>) {
        self.also.push(Extra {
            kind,
            subject,
            payload,
        });
    }
}

/// Evidence beside the item's own.
#[derive(Debug, Clone, PartialEq)]
pub struct Extra {
    /// Evidence kind.
    pub kind: &'static str,
    /// Subject of the record.
    pub subject: String,
    /// Payload.
    pub payload: Map<String, Value>,
}

/// Something worth knowing that does not hinder the act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// Stable code for machines (`overlap`).
    pub code: &'static str,
    /// For people.
    pub message_ja: String,
}

/// A row of a register.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    /// UUID text.
    pub id: String,
    /// Contract.
    pub contract: String,
    /// Register key.
    pub register: String,
    /// Number for people (`依頼-R8-012`).
    pub number: String,
    /// State key.
    pub state: String,
    /// Day under which it is listed.
    pub day: Date,
    /// One line for lists.
    pub title: String,
    /// See [`Item::link`].
    pub link: Option<String>,
    /// The item itself: what its evidence says, personal data included.
    pub data: Map<String, Value>,
    /// Who opened it: actor id.
    pub opened_by: String,
    /// Milliseconds UTC.
    pub created_ms: i64,
    /// Milliseconds UTC.
    pub updated_ms: i64,
    /// Counts acts from 1.
    pub revision: i64,
}

impl Stored {
    /// The item, typed.
    pub fn read<T: Item>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_value(Value::Object(self.data.clone()))
    }

    /// The subject of the item's records (`request:0192…`).
    pub fn subject(&self) -> String {
        subject(&self.register, &self.id)
    }
}

/// The subject of an item's records.
pub fn subject(register: &str, id: &str) -> String {
    format!("{register}:{id}")
}

/// A register as a value: its description and its rules, without its type.
#[derive(Clone, Copy)]
pub struct Register {
    /// The description.
    pub spec: &'static RegisterSpec,
    pub(super) judge: Judge,
    pub(super) lookups: Lookups,
    pub(super) describe: Describe,
}

type Lookups = fn(&Map<String, Value>, &ActSpec) -> Result<Vec<Lookup>, serde_json::Error>;
type Describe = fn(&Map<String, Value>) -> Result<Description, serde_json::Error>;

type Judge = fn(
    &Map<String, Value>,
    Option<&Map<String, Value>>,
    &'static ActSpec,
    &Context<'_>,
    &mut Decision,
) -> Result<Result<(), Refusal>, serde_json::Error>;

/// What the row's columns say about an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// One line for lists.
    pub title: String,
    /// Day under which it is listed.
    pub day: Date,
    /// Normalised text for searching.
    pub search_text: String,
    /// See [`Item::link`].
    pub link: Option<String>,
    /// See [`Item::about`].
    pub about: String,
    /// See [`Item::gate_day`].
    pub gate_day: Option<Date>,
}

impl Register {
    /// The register of an item type.
    pub const fn of<T: Item>() -> Self {
        Self {
            spec: T::SPEC,
            judge: |proposed, before, act, context, decision| {
                let proposed: T = from_map(proposed)?;
                let before: Option<T> = before.map(from_map).transpose()?;
                Ok(T::decide(
                    &proposed,
                    before.as_ref(),
                    act,
                    context,
                    decision,
                ))
            },
            lookups: |proposed, act| Ok(T::lookups(&from_map(proposed)?, act)),
            describe: |data| {
                let item: T = from_map(data)?;
                let title = item.title();
                let mut parts = vec![title.as_str()];
                parts.extend(item.search_text());
                let search_text = super::typed::normal(&parts.join(" "));
                Ok(Description {
                    title: title.clone(),
                    day: item.day(),
                    search_text,
                    link: item.link().map(str::to_owned),
                    about: item.about(),
                    gate_day: item.gate_day(),
                })
            },
        }
    }
}

impl std::fmt::Debug for Register {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Register({})", self.spec.key)
    }
}

fn from_map<T: DeserializeOwned>(data: &Map<String, Value>) -> Result<T, serde_json::Error> {
    serde_json::from_value(Value::Object(data.clone()))
}
