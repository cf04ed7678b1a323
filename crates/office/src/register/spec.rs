//! A register described as data: its states, its acts, the fields of each act.
//!
//! The description is read by the desk (which act is possible now), by [`super::form`] (what
//! was typed), by the API (routes, permissions) and later by the console (forms). Nothing here
//! decides anything.

/// What a register is called and which acts move its items.
#[derive(Debug)]
pub struct RegisterSpec {
    /// Short key: table column, address segment, prefix of subjects and permissions (`request`).
    pub key: &'static str,
    /// Name for people (`依頼`).
    pub title_ja: &'static str,
    /// First part of an item's number (`依頼` → `依頼-R8-012`).
    pub number_ja: &'static str,
    /// The name of the id in evidence payloads (`request_id`).
    pub id_field: &'static str,
    /// Key and Japanese name of each state, in the order of an item's life.
    pub states: &'static [(&'static str, &'static str)],
    /// Every act; exactly those whose `from` is empty open a new item.
    pub acts: &'static [ActSpec],
    /// Public fields that the rules derive, with their meaning.
    pub derived: &'static [(&'static str, &'static str)],
}

/// Who may perform an act; becomes the permission of its route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The contractor's people.
    Contractor,
    /// The city's decision, entered by the city itself or by the contractor from the city's paper.
    City,
    /// Either: the contractor writes down what the city said, or the city enters it itself.
    Either,
}

/// One act: from which states, to which state, with which fields, leaving which evidence.
#[derive(Debug)]
pub struct ActSpec {
    /// Verb, last segment of the address (`approve`).
    pub name: &'static str,
    /// Name for people (`承認`).
    pub title_ja: &'static str,
    /// States in which the act is possible; empty: the act opens a new item.
    pub from: &'static [&'static str],
    /// State afterwards; `None`: the state stays.
    pub to: Option<&'static str>,
    /// Evidence kind it appends to the ledger.
    pub kind: &'static str,
    /// Name of that kind for people (`依頼の受付`).
    pub kind_ja: &'static str,
    /// Whose act it is.
    pub side: Side,
    /// Fields it takes.
    pub fields: &'static [FieldSpec],
}

impl ActSpec {
    /// Whether the act opens a new item.
    pub fn opens(&self) -> bool {
        self.from.is_empty()
    }
}

/// One field of an act.
#[derive(Debug, Clone, Copy)]
pub struct FieldSpec {
    /// Key in the form and in the item.
    pub name: &'static str,
    /// Label for people.
    pub label_ja: &'static str,
    /// What it takes.
    pub kind: FieldKind,
    /// Whether it must be filled.
    pub required: bool,
    /// Personal data: goes to the erasable part of the record, the chain holds a salted digest.
    pub personal: bool,
}

/// What a field takes and how it is kept.
#[derive(Debug, Clone, Copy)]
pub enum FieldKind {
    /// A day (`2026-10-05`, `R8.10.5`, `今日`); kept as ISO text.
    Date,
    /// A time of day (`9:05`, `24:00`); kept as `HH:MM`.
    Time,
    /// A length of work (`1.5`, `1:30`, `90m`, `1時間30分`); kept as whole minutes.
    Minutes,
    /// A whole number, 0 or more.
    Count,
    /// Text of at most so many characters.
    Text(usize),
    /// Yes or no (`true`, `はい`, `no`); kept as a boolean.
    Bool,
    /// One of these keys (key, Japanese name).
    Choice(&'static [(&'static str, &'static str)]),
    /// Several lines or an array of texts; kept as an array of texts.
    Names,
    /// An array of objects with these fields.
    Rows(&'static [FieldSpec]),
    /// A stored file `{name, media_type, sha256}`; becomes an attachment of the record.
    File,
}

/// A field that must be filled.
pub const fn must(name: &'static str, label_ja: &'static str, kind: FieldKind) -> FieldSpec {
    FieldSpec {
        name,
        label_ja,
        kind,
        required: true,
        personal: false,
    }
}

/// A field that may stay empty.
pub const fn may(name: &'static str, label_ja: &'static str, kind: FieldKind) -> FieldSpec {
    FieldSpec {
        name,
        label_ja,
        kind,
        required: false,
        personal: false,
    }
}

impl FieldSpec {
    /// The same field, kept out of the chain.
    #[must_use]
    pub const fn personal(mut self) -> Self {
        self.personal = true;
        self
    }
}

impl RegisterSpec {
    /// The act of this name.
    pub fn act(&self, name: &str) -> Option<&'static ActSpec> {
        self.acts.iter().find(|act| act.name == name)
    }

    /// Japanese name of a state; the key itself when unknown.
    pub fn state_ja<'a>(&self, state: &'a str) -> &'a str
    where
        'static: 'a,
    {
        self.states
            .iter()
            .find(|(key, _)| *key == state)
            .map_or(state, |(_, name)| *name)
    }

    /// Acts possible in a state (`None`: acts that open an item).
    pub fn possible(&self, state: Option<&str>) -> impl Iterator<Item = &'static ActSpec> {
        self.acts.iter().filter(move |act| match state {
            None => act.opens(),
            Some(state) => act.from.contains(&state),
        })
    }

    /// Whether it holds anything personal.
    pub fn has_personal(&self) -> bool {
        let mut fields = self.acts.iter().flat_map(|act| act.fields);
        fields.any(|field| field.personal)
    }

    /// Whether any act keeps this field out of the chain.
    pub fn is_personal(&self, field: &str) -> bool {
        self.acts
            .iter()
            .flat_map(|act| act.fields)
            .any(|spec| spec.name == field && spec.personal)
    }
}
