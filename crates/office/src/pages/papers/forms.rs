//! The forms of a paper's acts: which are possible for whom, and what was typed when one is refused.

use jiff::civil::Date;
use mamori_kernel::permission::Permission;
use mamori_web::components::form_key;
use mamori_web::{Field, Page, Visitor};

use super::{ACCEPT, DECIDE, WRITE};
use crate::documents::Paper;
use crate::documents::paper::{HOW, MOST_REPLACED, MOST_RETURNED, MOST_WORDS, WORDS};
use crate::register::{FieldProblem, Stored};

/// What was sent and not taken.
#[derive(Debug, Default)]
pub(in crate::pages) struct Typed {
    /// Name of the act.
    pub(in crate::pages) act: &'static str,
    /// What stood in its fields.
    pub(in crate::pages) values: Vec<(&'static str, String)>,
    /// What is wrong with single fields.
    pub(in crate::pages) problems: Vec<FieldProblem>,
    /// What is wrong as a whole; empty when it is single fields.
    pub(in crate::pages) message: String,
}

/// One act as a form.
pub(in crate::pages) struct ActForm {
    pub(in crate::pages) name: &'static str,
    pub(in crate::pages) action: String,
    pub(in crate::pages) label: String,
    pub(in crate::pages) kind: &'static str,
    pub(in crate::pages) fields: Vec<Field>,
    pub(in crate::pages) revision: i64,
    pub(in crate::pages) once: String,
    /// Where the person comes from and wants to go on: empty, or `closing`.
    pub(in crate::pages) from: &'static str,
    /// Name under which the browser keeps what was typed.
    pub(in crate::pages) draft: String,
}

/// The acts that are possible now.
pub(in crate::pages) struct Acts {
    pub(in crate::pages) refresh: Option<ActForm>,
    pub(in crate::pages) words: Option<ActForm>,
    pub(in crate::pages) submit: Option<ActForm>,
    pub(in crate::pages) receipt: Option<ActForm>,
    pub(in crate::pages) replace: Option<ActForm>,
    pub(in crate::pages) accept: Option<ActForm>,
    pub(in crate::pages) send_back: Option<ActForm>,
    /// What was typed for an act that is not possible any more: label and text.
    pub(in crate::pages) unsent: Vec<(String, String)>,
}

impl Acts {
    /// The acts of a paper for a visitor.
    pub(in crate::pages) fn of(
        page: &Page,
        visitor: &Visitor,
        (item, paper): (&Stored, &Paper),
        today: Date,
        typed: &Typed,
        from: &'static str,
    ) -> Self {
        let maker = Maker {
            page,
            visitor,
            item,
            typed,
            from,
        };
        let day = |name: &'static str| {
            maker
                .field("date", name)
                .value(today.to_string())
                .required()
        };
        let how = Field::select(
            "how",
            page.t("papers-field-how"),
            HOW.iter()
                .map(|(key, ja)| (*key, page.t_or(&format!("papers-how-{key}"), ja))),
        )
        .required();
        let words = WORDS
            .iter()
            .zip(paper.words())
            .map(|((name, heading), words)| {
                Field::long(
                    name,
                    page.t_or(&format!("papers-field-{name}"), heading),
                    MOST_WORDS,
                )
                .value(words)
            })
            .collect();
        let mut acts = Self {
            refresh: maker.form("refresh", &["draft"], WRITE, Vec::new()),
            words: maker.form("words", &["draft"], WRITE, words),
            submit: maker.form(
                "submit",
                &["draft"],
                DECIDE,
                vec![
                    day("submitted_on"),
                    how,
                    maker
                        .field("text", "receipt")
                        .help(page.t("papers-help-receipt")),
                ],
            ),
            receipt: maker.form(
                "receipt",
                &["submitted", "accepted", "returned"],
                WRITE,
                vec![
                    maker
                        .field("text", "receipt")
                        .value(paper.receipt.clone().unwrap_or_default())
                        .required(),
                ],
            ),
            replace: maker.form(
                "replace",
                &["submitted", "returned"],
                DECIDE,
                vec![
                    maker
                        .field("textarea", "reason")
                        .at_most(MOST_REPLACED)
                        .required(),
                ],
            ),
            accept: maker.form(
                "accept",
                &["submitted"],
                ACCEPT,
                vec![day("accepted_on"), maker.field("text", "by")],
            ),
            send_back: maker.form(
                "return",
                &["submitted"],
                ACCEPT,
                vec![
                    day("returned_on"),
                    maker
                        .field("textarea", "returned_reason")
                        .at_most(MOST_RETURNED)
                        .required(),
                ],
            ),
            unsent: Vec::new(),
        };
        if !acts.shows(typed.act) {
            acts.unsent = typed
                .values
                .iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(name, value)| (page.t(&format!("papers-field-{name}")), value.clone()))
                .collect();
        }
        acts
    }

    /// Every form, in the order of the page.
    fn forms(&self) -> impl Iterator<Item = &ActForm> {
        [
            &self.refresh,
            &self.words,
            &self.submit,
            &self.receipt,
            &self.accept,
            &self.send_back,
            &self.replace,
        ]
        .into_iter()
        .flatten()
    }

    fn shows(&self, act: &str) -> bool {
        act.is_empty() || self.forms().any(|form| form.name == act)
    }

    /// The fields that were refused, for the summary above.
    pub(in crate::pages) fn wrong(&self) -> Vec<Field> {
        self.forms()
            .flat_map(|form| &form.fields)
            .filter(|field| !field.error.is_empty())
            .cloned()
            .collect()
    }
}

struct Maker<'a> {
    page: &'a Page,
    visitor: &'a Visitor,
    item: &'a Stored,
    typed: &'a Typed,
    from: &'static str,
}

impl Maker<'_> {
    fn field(&self, kind: &'static str, name: &'static str) -> Field {
        Field::new(kind, name, self.page.t(&format!("papers-field-{name}")))
    }

    /// The form, when the state and the visitor's role allow the act; with what was typed before.
    fn form(
        &self,
        name: &'static str,
        states: &[&str],
        permission: Permission,
        fields: Vec<Field>,
    ) -> Option<ActForm> {
        let possible = states.contains(&self.item.state.as_str()) && self.visitor.may(permission);
        let fields = fields.into_iter().map(|field| self.filled(name, field));
        possible.then(|| ActForm {
            name,
            action: self
                .page
                .at(&format!("/documents/{}/{name}", self.item.number)),
            label: self.page.t(&format!("papers-do-{name}")),
            kind: match name {
                "return" | "replace" | "refresh" | "receipt" => "secondary",
                _ => "",
            },
            fields: fields.collect(),
            revision: self.item.revision,
            once: form_key(),
            from: self.from,
            draft: format!("paper-{name}-{}", self.item.id),
        })
    }

    fn filled(&self, act: &'static str, field: Field) -> Field {
        let field = field.of_form(act);
        if self.typed.act != act {
            return field;
        }
        let name = field.name;
        let field = match self.typed.values.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => field.value(value.clone()),
            None => field,
        };
        let problem = self.typed.problems.iter().find(|problem| {
            problem.field == name || (name == "reason" && problem.field == "replaced_reason")
        });
        match problem {
            Some(problem) => field.error(problem.message_ja.clone()),
            None => field,
        }
    }
}
