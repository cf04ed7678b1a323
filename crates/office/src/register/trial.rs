//! A desk in memory for tests of the rules: no database, the same functions.
//!
//! Every act asserts the invariant of the registers: the row is the fold of its evidence, and
//! no personal value is in a payload.

use jiff::civil::{Date, date};
use mamori_kernel::clock::tokyo_midnight;
use serde_json::Value;

use super::fold::{self, Current, Event};
use super::item::{Context, Lookup, Register, Stored, Warning};
use super::refusal::Refusal;
use super::spec::Side;
use super::subject;
use crate::terms::{ContractTerms, FixedTerms};

pub struct Trial {
    pub terms: FixedTerms,
    pub today: Date,
    pub side: Side,
    pub rows: Vec<Stored>,
    /// Subject and event, in order.
    pub ledger: Vec<(String, Event)>,
    pub warnings: Vec<Warning>,
}

impl Trial {
    pub fn new() -> Self {
        Self {
            terms: FixedTerms::example(),
            today: date(2026, 10, 30),
            side: Side::Contractor,
            rows: Vec::new(),
            ledger: Vec::new(),
            warnings: Vec::new(),
        }
    }

    fn find(&self, lookup: &Lookup) -> Vec<Stored> {
        self.rows
            .iter()
            .filter(|row| match lookup {
                Lookup::Item {
                    register,
                    reference,
                } => {
                    row.register == *register && (row.id == *reference || row.number == *reference)
                }
                Lookup::Days { register, from, to } => {
                    row.register == *register && (*from..=*to).contains(&row.day)
                }
                Lookup::Link { register, link } => {
                    row.register == *register && row.link.as_ref() == Some(link)
                }
            })
            .cloned()
            .collect()
    }

    /// Opens an item or acts on one; the id afterwards, or why not.
    pub fn act(
        &mut self,
        register: &Register,
        id: Option<&str>,
        act: &str,
        form: Value,
    ) -> Result<String, Refusal> {
        let Value::Object(form) = form else {
            panic!("forms are objects")
        };
        let act = register
            .spec
            .act(act)
            .unwrap_or_else(|| panic!("no act {act}"));
        let row = id.map(|id| {
            self.rows
                .iter()
                .find(|row| row.id == id)
                .expect("known id")
                .clone()
        });
        let id = row.as_ref().map_or_else(
            || format!("{}-{}", register.spec.key, self.rows.len() + 1),
            |row| row.id.clone(),
        );
        let number = format!("{}-{:03}", register.spec.number_ja, self.rows.len() + 1);
        let current = row.as_ref().map(|row| Current {
            id: &row.id,
            number: &row.number,
            state: &row.state,
            data: &row.data,
        });
        let proposal = fold::propose(register, act, current, &form, self.today).expect("fits")?;
        let guarded: Vec<_> = proposal
            .guards(register, &self.terms)
            .into_iter()
            .map(|guard| {
                let found = self.find(&guard.lookup());
                (guard, found)
            })
            .collect();
        let found: Vec<Stored> = proposal
            .lookups
            .iter()
            .flat_map(|lookup| self.find(lookup))
            .collect();
        let context = Context {
            now: tokyo_midnight(self.today),
            today: self.today,
            actor: "someone",
            number: row.as_ref().map_or(&number, |row| &row.number),
            terms: &self.terms as &dyn ContractTerms,
            found: &found,
            side: self.side,
        };
        let allowed =
            fold::decide(register, proposal, &guarded, &id, current, &context).expect("fits")?;
        self.warnings = allowed.warnings;
        let description = (register.describe)(&allowed.data).expect("fits");
        let stored = Stored {
            id: id.clone(),
            contract: "example".to_owned(),
            register: register.spec.key.to_owned(),
            number: context.number.to_owned(),
            state: allowed.state,
            day: description.day,
            title: description.title,
            link: description.link,
            data: allowed.data,
            opened_by: "someone".to_owned(),
            created_ms: 0,
            updated_ms: 0,
            revision: row.as_ref().map_or(1, |row| row.revision + 1),
        };
        self.ledger
            .push((subject(register.spec.key, &id), allowed.event));
        for extra in allowed.also {
            self.ledger.push((
                extra.subject,
                Event {
                    kind: extra.kind.to_owned(),
                    payload: extra.payload,
                    personal: None,
                },
            ));
        }
        self.assert_invariant(register, &stored);
        match self.rows.iter_mut().find(|row| row.id == id) {
            Some(row) => *row = stored,
            None => self.rows.push(stored),
        }
        Ok(id)
    }

    fn assert_invariant(&self, register: &Register, stored: &Stored) {
        let mine = stored.subject();
        let events: Vec<&Event> = self
            .ledger
            .iter()
            .filter(|(subject, _)| *subject == mine)
            .map(|(_, event)| event)
            .collect();
        let folded = fold::fold(register, events.iter().copied()).expect("has records");
        assert_eq!(folded, stored.data, "the row is the fold of its evidence");
        assert_eq!(folded["state"], stored.state.as_str());
        for event in events {
            for field in event.payload.keys() {
                assert!(
                    !register.spec.is_personal(field),
                    "{field} is personal and in the chain"
                );
            }
        }
    }

    pub fn row(&self, id: &str) -> &Stored {
        self.rows.iter().find(|row| row.id == id).expect("known id")
    }

    pub fn codes(&self) -> Vec<&str> {
        self.warnings.iter().map(|warning| warning.code).collect()
    }
}

/// The texts of a refusal's fields: `field: message`.
pub fn fields(refusal: &Refusal) -> Vec<&str> {
    refusal
        .fields()
        .iter()
        .map(|problem| problem.field.as_str())
        .collect()
}
