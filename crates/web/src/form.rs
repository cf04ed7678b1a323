//! The fields of a form, for the macro `field` of `components.html`.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::components::Upload;

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
    /// `text`, `date`, `time`, `month`, `number`, `password`, `search`, `file`, `textarea`,
    /// `select`, `radio`, `checkbox`, `hidden`, …
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
    /// Choices of a `select` or `radio`.
    pub options: Vec<Choice>,
    /// Lower and upper end for numbers, dates, times; empty for none.
    pub range: (String, String),
    /// Greatest number of characters; 0 for none. Long texts are not cut off while they are typed
    /// or pasted, only counted.
    pub max_length: usize,
    /// Lines of a `textarea`; 0 for the usual.
    pub lines: u8,
    /// What a `file` field takes.
    pub upload: Upload,
    /// Tells the fields of one form from those of another on the same page; may be empty.
    pub form: Cow<'static, str>,
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
        Self::new("select", name, label).options(options)
    }

    /// A choice of one among `options` (value, label), all of them in sight.
    pub fn radio<V: Into<String>, L: Into<String>>(
        name: &'static str,
        label: impl Into<String>,
        options: impl IntoIterator<Item = (V, L)>,
    ) -> Self {
        Self::new("radio", name, label).options(options)
    }

    /// A yes: sends `yes` when it is ticked, nothing otherwise.
    pub fn checkbox(name: &'static str, label: impl Into<String>, ticked: bool) -> Self {
        Self::new("checkbox", name, label).value(if ticked { "yes" } else { "" })
    }

    /// A long text of at most `max_length` characters (0: any).
    pub fn long(name: &'static str, label: impl Into<String>, max_length: usize) -> Self {
        Self {
            max_length,
            ..Self::new("textarea", name, label)
        }
    }

    /// A file.
    pub fn file(name: &'static str, label: impl Into<String>, upload: Upload) -> Self {
        Self {
            upload,
            ..Self::new("file", name, label)
        }
    }

    fn options<V: Into<String>, L: Into<String>>(
        mut self,
        options: impl IntoIterator<Item = (V, L)>,
    ) -> Self {
        self.options = options
            .into_iter()
            .map(|(value, label)| Choice {
                value: value.into(),
                label: label.into(),
            })
            .collect();
        self
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

    /// Names the form, where a page has several.
    #[must_use]
    pub fn of_form(mut self, form: impl Into<Cow<'static, str>>) -> Self {
        self.form = form.into();
        self
    }

    /// Sets the greatest number of characters.
    #[must_use]
    pub fn at_most(mut self, max_length: usize) -> Self {
        self.max_length = max_length;
        self
    }

    /// The part of element ids that is this field's: its control is `f-ID`.
    pub fn id(&self) -> String {
        if self.form.is_empty() {
            self.name.to_owned()
        } else {
            format!("{}-{}", self.form, self.name)
        }
    }

    /// Lines of a `textarea`.
    pub fn rows(&self) -> u8 {
        match self.lines {
            // As much room as the text may need, not more.
            0 if (1..=500).contains(&self.max_length) => 2,
            0 => 4,
            lines => lines,
        }
    }

    /// Whether a `checkbox` is ticked.
    pub fn is_ticked(&self) -> bool {
        !self.value.is_empty()
    }

    /// `aria-describedby` and `aria-invalid` of a group of controls; already escaped.
    pub fn description(&self) -> String {
        let mut out = String::new();
        let mut described = Vec::new();
        let id = self.id();
        if !self.error.is_empty() {
            out.push_str(" aria-invalid=\"true\"");
            described.push(format!("e-{id}"));
        }
        if !self.help.is_empty() {
            described.push(format!("h-{id}"));
        }
        if self.kind == "file" {
            described.push(format!("l-{id}"));
        }
        if self.kind == "textarea" && self.max_length > 0 {
            described.push(format!("c-{id}"));
        }
        if !described.is_empty() {
            let _ = write!(out, " aria-describedby=\"{}\"", described.join(" "));
        }
        out
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
            ("accept", self.upload.accept),
        ] {
            if !value.is_empty() {
                let _ = write!(out, " {name}=\"{}\"", escaped(value));
            }
        }
        if self.upload.several {
            out.push_str(" multiple");
        }
        if self.max_length > 0 {
            let name = if self.kind == "textarea" {
                "data-most"
            } else {
                "maxlength"
            };
            let _ = write!(out, " {name}=\"{}\"", self.max_length);
        }
        out.push_str(&self.description());
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

    #[test]
    fn fields_of_two_forms_have_ids_of_their_own() {
        let field = Field::text("day", "日").of_form("accept").error("x");
        assert_eq!(field.id(), "accept-day");
        assert!(
            field
                .attributes()
                .contains("aria-describedby=\"e-accept-day\"")
        );
    }

    #[test]
    fn a_long_text_is_counted_and_not_cut() {
        let attributes = Field::long("note", "備考", 400).attributes();
        assert_eq!(attributes, " data-most=\"400\" aria-describedby=\"c-note\"");
        assert_eq!(
            Field::text("a", "A").at_most(9).attributes(),
            " maxlength=\"9\""
        );
    }

    #[test]
    fn a_file_says_what_it_takes() {
        let upload = Upload {
            accept: ".pdf",
            most_bytes: 1,
            several: true,
        };
        let attributes = Field::file("proof", "写し", upload).attributes();
        assert_eq!(
            attributes,
            " accept=\".pdf\" multiple aria-describedby=\"l-proof\""
        );
    }
}
