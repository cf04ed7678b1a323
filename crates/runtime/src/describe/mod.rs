//! What a route of the API promises, as data: parameters, bodies, answers.
//!
//! The description is used twice, so that it cannot drift from the code: `web` assembles the
//! OpenAPI document from it, and refuses requests that do not fit it (unknown query parameters,
//! numbers that are none, bodies of another type) before the handler sees them. What the handler
//! answers is compared with it by tests.

pub mod schema;

use serde_json::Value;

/// Where a parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A segment of the path.
    Path,
    /// The query.
    Query,
}

/// One parameter of an operation.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Name as it is sent.
    pub name: &'static str,
    /// Where it stands.
    pub place: Place,
    /// What it is, in Japanese.
    pub about_ja: &'static str,
    /// What it is, in English.
    pub about_en: &'static str,
    /// JSON Schema of its value.
    pub schema: Value,
    /// Whether it must be there.
    pub required: bool,
}

/// What the operation takes as body.
#[derive(Debug, Clone)]
pub enum Body {
    /// JSON that `web` compares with the schema before the handler reads it.
    Json(Value),
    /// JSON whose fields the handler reads itself, because its rules say more than a schema can.
    Form(Value),
    /// The bytes of a file, of any media type.
    File,
}

/// One answer of an operation that succeeded.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// When it is given.
    pub about_en: &'static str,
    /// Media types of the body; none means that there is no body.
    pub media_types: &'static [&'static str],
    /// Schema of a JSON body.
    pub schema: Option<Value>,
}

/// The description of one route.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Group in the document: a register, `contract`, `ledger`, ….
    pub tag: String,
    /// One line in Japanese.
    pub summary_ja: String,
    /// One line in English.
    pub summary_en: String,
    /// Parameters of path and query.
    pub parameters: Vec<Parameter>,
    /// Body.
    pub body: Option<Body>,
    /// Answers that say it succeeded.
    pub answers: Vec<Answer>,
    /// Whether `Idempotency-Key` makes the request safe to repeat.
    pub idempotency_key: bool,
    /// Whether `If-Match` is honoured.
    pub if_match: bool,
    /// Whether the state of things may refuse it (409).
    pub conflicts: bool,
}

const JSON: &[&str] = &["application/json"];

impl Operation {
    /// A description with a tag and its summaries.
    pub fn new(
        tag: impl Into<String>,
        summary_ja: impl Into<String>,
        summary_en: impl Into<String>,
    ) -> Self {
        Self {
            tag: tag.into(),
            summary_ja: summary_ja.into(),
            summary_en: summary_en.into(),
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            idempotency_key: false,
            if_match: false,
            conflicts: false,
        }
    }

    /// Takes a query parameter that may be left out.
    #[must_use]
    pub fn query(
        self,
        name: &'static str,
        about_ja: &'static str,
        about_en: &'static str,
        schema: Value,
    ) -> Self {
        self.parameter(Parameter {
            name,
            place: Place::Query,
            about_ja,
            about_en,
            schema,
            required: false,
        })
    }

    /// Takes a parameter.
    #[must_use]
    pub fn parameter(mut self, parameter: Parameter) -> Self {
        self.parameters.push(parameter);
        self
    }

    /// Describes a segment of the path more closely than by its name.
    #[must_use]
    pub fn path(
        self,
        name: &'static str,
        about_ja: &'static str,
        about_en: &'static str,
        schema: Value,
    ) -> Self {
        self.parameter(Parameter {
            name,
            place: Place::Path,
            about_ja,
            about_en,
            schema,
            required: true,
        })
    }

    /// Lists in pages.
    #[must_use]
    pub fn paged(self) -> Self {
        self.query(
            "page",
            "ページ（1から）",
            "Page, from 1",
            schema::integer_from(1),
        )
        .query(
            "per_page",
            "1ページの件数（200を超えるときは200）",
            "Items a page; more than 200 counts as 200",
            schema::integer_from(1),
        )
    }

    /// Sorts by one of `keys`; a minus before the key turns the order round.
    #[must_use]
    pub fn sorted(self, keys: &[&str]) -> Self {
        let both: Vec<String> = keys
            .iter()
            .flat_map(|key| [(*key).to_owned(), format!("-{key}")])
            .collect();
        self.query(
            "sort",
            "並べ替え（前に - を付けると逆順）",
            "Order; a minus before the key turns it round",
            serde_json::json!({ "type": "string", "enum": both }),
        )
    }

    /// Takes JSON that fits this schema.
    #[must_use]
    pub fn takes(mut self, schema: Value) -> Self {
        self.body = Some(Body::Json(schema));
        self
    }

    /// Takes a form of a register as JSON.
    #[must_use]
    pub fn takes_form(mut self, schema: Value) -> Self {
        self.body = Some(Body::Form(schema));
        self
    }

    /// Takes the bytes of a file.
    #[must_use]
    pub fn takes_file(mut self) -> Self {
        self.body = Some(Body::File);
        self
    }

    /// Answers with JSON.
    #[must_use]
    pub fn answers(mut self, status: u16, about_en: &'static str, schema: Value) -> Self {
        self.answers.push(Answer {
            status,
            about_en,
            media_types: JSON,
            schema: Some(schema),
        });
        self
    }

    /// Answers 200 with JSON.
    #[must_use]
    pub fn gives(self, schema: Value) -> Self {
        self.answers(200, "What was asked for", schema)
    }

    /// Answers 200 with the bytes of a file.
    #[must_use]
    pub fn gives_file(mut self, media_types: &'static [&'static str]) -> Self {
        self.answers.push(Answer {
            status: 200,
            about_en: "The file",
            media_types,
            schema: None,
        });
        self
    }

    /// Answers 204 without a body.
    #[must_use]
    pub fn gives_nothing(mut self) -> Self {
        self.answers.push(Answer {
            status: 204,
            about_en: "Done",
            media_types: &[],
            schema: None,
        });
        self
    }

    /// May be repeated with the same `Idempotency-Key`.
    #[must_use]
    pub fn idempotent_by_key(mut self) -> Self {
        self.idempotency_key = true;
        self.conflicts = true;
        self
    }

    /// Refuses when `If-Match` names another revision than the present one.
    #[must_use]
    pub fn matched(mut self) -> Self {
        self.if_match = true;
        self.conflicts = true;
        self
    }

    /// May be refused by the state of things.
    #[must_use]
    pub fn conflicting(mut self) -> Self {
        self.conflicts = true;
        self
    }
}

/// The candidate that a mistyped word most likely means, if any is near.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(score, _)| *score >= 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}
