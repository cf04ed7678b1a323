//! The fields of a form, for the macro `field` of `components.html`.

use std::fmt::Write as _;

/// One choice of a `select`.
#[derive(Debug, Clone)]
pub struct Choice {
    /// Value sent.
    pub value: String,
    /// Text shown.
    pub label: String,
}

/// One field of a form, for the macro `field`.
#[derive(Debug, Clone, Default)]
pub struct Field {
    /// Name of the form value; also makes the element's id.
    pub name: &'static str,
    /// Label.
    pub label: String,
    /// `text`, `date`, `time`, `month`, `number`, `password`, `file`, `textarea`, `select`, …
    pub kind: &'static str,
    /// Present value.
    pub value: String,
    /// Help under the label; may be empty.
    pub help: String,
    /// Error beside the field; empty when right.
    pub error: String,
    /// Whether it must be filled.
    pub required: bool,
    /// `autocomplete` value; may be empty.
    pub autocomplete: &'static str,
    /// Choices of a `select`.
    pub options: Vec<Choice>,
    /// Lower and upper end for numbers, dates, times; empty for none.
    pub range: (String, String),
    /// Greatest number of characters; 0 for none.
    pub max_length: usize,
}

impl Field {
    /// A field of a kind.
    pub fn new(kind: &'static str, name: &'static str, label: impl Into<String>) -> Self {
        Self {
            name,
            label: label.into(),
            kind,
            ..Self::default()
        }
    }

    /// A one-line text.
    pub fn text(name: &'static str, label: impl Into<String>) -> Self {
        Self::new("text", name, label)
    }

    /// A choice of one among `options` (value, label).
    pub fn select<V: Into<String>, L: Into<String>>(
        name: &'static str,
        label: impl Into<String>,
        options: impl IntoIterator<Item = (V, L)>,
    ) -> Self {
        let mut field = Self::new("select", name, label);
        field.options = options
            .into_iter()
            .map(|(value, label)| Choice {
                value: value.into(),
                label: label.into(),
            })
            .collect();
        field
    }

    /// Sets the present value.
    #[must_use]
    pub fn value(mut self, value: impl Into<String>) -> Self {
        self.value = value.into();
        self
    }

    /// Sets the help text.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// Sets the error shown beside the field; empty means right.
    #[must_use]
    pub fn error(mut self, error: impl Into<String>) -> Self {
        self.error = error.into();
        self
    }

    /// Marks the field as one that must be filled.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Sets the `autocomplete` value.
    #[must_use]
    pub fn autocomplete(mut self, value: &'static str) -> Self {
        self.autocomplete = value;
        self
    }

    /// Sets the lowest and highest value; empty for none.
    #[must_use]
    pub fn range(mut self, min: impl Into<String>, max: impl Into<String>) -> Self {
        self.range = (min.into(), max.into());
        self
    }

    /// Attributes of the control besides id, name, type and value; already escaped.
    pub fn attributes(&self) -> String {
        let mut out = String::new();
        if self.required {
            out.push_str(" required");
        }
        for (name, value) in [
            ("autocomplete", self.autocomplete),
            ("min", &self.range.0),
            ("max", &self.range.1),
        ] {
            if !value.is_empty() {
                let _ = write!(out, " {name}=\"{}\"", escaped(value));
            }
        }
        if self.max_length > 0 {
            let _ = write!(out, " maxlength=\"{}\"", self.max_length);
        }
        let mut described = Vec::new();
        if !self.error.is_empty() {
            out.push_str(" aria-invalid=\"true\"");
            described.push(format!("e-{}", self.name));
        }
        if !self.help.is_empty() {
            described.push(format!("h-{}", self.name));
        }
        if !described.is_empty() {
            let _ = write!(out, " aria-describedby=\"{}\"", described.join(" "));
        }
        out
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attribute_values_are_escaped() {
        let field = Field::text("a", "A").range("\"><script>", "").error("x");
        assert_eq!(
            field.attributes(),
            " min=\"&quot;>&lt;script>\" aria-invalid=\"true\" aria-describedby=\"e-a\""
        );
    }
}
