//! Which columns each register shows, where it stands in the menu, and how its states look.

use mamori_runtime::NavGroup;
use mamori_web::Tone;

/// What a register shows in its list.
pub(super) struct Listed {
    /// Register.
    pub key: &'static str,
    /// Text key of its menu entry.
    pub nav: &'static str,
    /// Address of its list.
    pub href: &'static str,
    /// Heading in the menu.
    pub group: NavGroup,
    /// Place below it.
    pub order: u16,
    /// Columns after the number: `day`, `title`, `state`, `waits`, or a field.
    pub columns: &'static [&'static str],
    /// Columns that only the CSV has.
    pub csv: &'static [&'static str],
    /// State in which the city has the next word, and the day since when.
    pub waits: &'static [(&'static str, &'static str)],
}

macro_rules! listed {
    ($key:literal, $group:ident, $order:literal, $columns:expr, $csv:expr, $waits:expr) => {
        Listed {
            key: $key,
            nav: concat!("register-", $key),
            href: concat!("/c/{contract}/", $key),
            group: NavGroup::$group,
            order: $order,
            columns: $columns,
            csv: $csv,
            waits: $waits,
        }
    };
}

/// All registers, as the menu has them.
pub(super) static LISTED: [Listed; 13] = [
    listed!(
        "work",
        Today,
        30,
        &["day", "title", "state", "category", "minutes", "counts"],
        &[
            "start",
            "end",
            "response",
            "request_number",
            "outside_hours_reason",
            "by"
        ],
        &[]
    ),
    listed!(
        "request",
        Records,
        10,
        &[
            "day",
            "title",
            "state",
            "waits",
            "section",
            "wanted_by",
            "estimate_minutes"
        ],
        &[
            "detail",
            "approved_on",
            "done_on",
            "worked_minutes",
            "accepted_on"
        ],
        &[("estimated", "estimated_on"), ("done", "done_on")]
    ),
    listed!(
        "question",
        Records,
        20,
        &["day", "title", "state", "channel", "section", "answered_on"],
        &[
            "received_at",
            "answered_at",
            "minutes",
            "answer_time_minutes"
        ],
        &[]
    ),
    listed!(
        "approval",
        Records,
        30,
        &[
            "day",
            "title",
            "state",
            "waits",
            "gate",
            "written",
            "decided_on"
        ],
        &["how", "by", "valid_from", "valid_until", "conditions"],
        &[("requested", "requested_on")]
    ),
    listed!(
        "consultation",
        Records,
        40,
        &[
            "day",
            "title",
            "state",
            "waits",
            "gate",
            "note",
            "decided_on"
        ],
        &["proposal", "outcome", "reading", "effective_from"],
        &[("opened", "opened_on")]
    ),
    listed!(
        "attestation",
        Records,
        50,
        &[
            "title",
            "state",
            "waits",
            "obligation",
            "issued_on",
            "expires_on"
        ],
        &["issuer", "statement", "reason", "review_on", "accepted_on"],
        &[("filed", "")]
    ),
    listed!(
        "subcontract",
        Records,
        60,
        &[
            "title",
            "state",
            "scope",
            "starts_on",
            "ends_on",
            "personal_data"
        ],
        &["core"],
        &[]
    ),
    listed!(
        "training",
        Records,
        70,
        &["day", "title", "state", "field", "attendees", "obligation"],
        &["minutes"],
        &[]
    ),
    listed!(
        "measure",
        Records,
        80,
        &[
            "title",
            "state",
            "field",
            "in_place_on",
            "confirmed_on",
            "obligation"
        ],
        &["detail", "planned_on", "ended_on"],
        &[]
    ),
    listed!(
        "handover",
        Records,
        90,
        &["day", "title", "state", "waits", "how", "received_on"],
        &["note"],
        &[("done", "handed_on")]
    ),
    listed!(
        "record",
        Records,
        100,
        &["day", "title", "state", "obligation"],
        &["note"],
        &[]
    ),
    listed!(
        "asset",
        Records,
        110,
        &["title", "kind", "state", "provider", "place", "expires_on"],
        &["inventory", "registered_on", "retired_on", "note"],
        &[]
    ),
    listed!(
        "media",
        Records,
        120,
        &["title", "kind", "state", "holds", "place", "return_by"],
        &[
            "inventory",
            "lent",
            "registered_on",
            "returned_on",
            "erased_on",
            "erased_how"
        ],
        &[]
    ),
];

/// What a register shows.
pub(super) fn of(key: &str) -> &'static Listed {
    LISTED
        .iter()
        .find(|listed| listed.key == key)
        .expect("every register has its list; a test compares the two")
}

/// Badge of a state.
pub(super) fn tone(register: &str, state: &str) -> Tone {
    match (register, state) {
        ("handover", "received") | ("record", "filed") => Tone::Ok,
        (_, "estimated" | "requested" | "done" | "filed") => Tone::Wait,
        (_, "received" | "opened" | "planned") => Tone::Warn,
        (_, "refused") => Tone::Bad,
        (_, "withdrawn" | "ended" | "closed" | "retired" | "returned" | "erased") => Tone::Quiet,
        (_, "approved" | "registered") => Tone::Info,
        _ => Tone::Ok,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_register_has_a_list_whose_columns_it_knows() {
        let registers: Vec<&str> = crate::REGISTERS.iter().map(|r| r.spec.key).collect();
        let lists: Vec<&str> = LISTED.iter().map(|listed| listed.key).collect();
        assert_eq!(lists, registers);
        for (listed, register) in LISTED.iter().zip(&crate::REGISTERS) {
            let spec = register.spec;
            let known = |name: &str| {
                matches!(name, "day" | "title" | "state" | "waits")
                    || spec
                        .acts
                        .iter()
                        .flat_map(|act| act.fields)
                        .any(|field| field.name == name)
                    || spec.derived.iter().any(|(derived, _)| *derived == name)
            };
            for column in listed.columns.iter().chain(listed.csv) {
                assert!(known(column), "{}.{column}", listed.key);
            }
            for (state, field) in listed.waits {
                assert!(spec.states.iter().any(|(key, _)| key == state), "{state}");
                assert!(field.is_empty() || known(field), "{field}");
            }
        }
    }
}
