//! The page shell: what every page has around its content, and the values its components take.
//!
//! A template of another crate names `../web/templates` in its `askama.toml`, extends `shell.html`,
//! imports `components.html`, and holds a field `page: Page`.

use std::fmt::Write as _;
use std::sync::Arc;

use mamori_runtime::{App, HookError};
use mamori_store::args;

use crate::assets;
use crate::session::Visitor;

/// The tone of a badge or notice. Each has a colour and an icon of its own shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Done, met: tick in a circle.
    Ok,
    /// Not met, failed: cross in an octagon.
    Bad,
    /// Needs attention: exclamation mark in a triangle.
    Warn,
    /// For information: i in a square.
    Info,
    /// The text does not decide: question mark in a diamond.
    Doubt,
    /// Not due yet: clock.
    Wait,
    /// Nothing can be said: dash in a broken circle.
    Quiet,
    /// 見本: star.
    Mark,
}

impl Tone {
    /// Name of the icon.
    pub fn key(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Bad => "bad",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Doubt => "doubt",
            Self::Wait => "wait",
            Self::Quiet => "quiet",
            Self::Mark => "mark",
        }
    }

    /// CSS class.
    pub fn class(self) -> &'static str {
        match self {
            Self::Doubt => "warn",
            Self::Wait => "info",
            other => other.key(),
        }
    }
}

/// One line shown once, after a form was handled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flash {
    /// Its tone.
    pub tone: Tone,
    /// What happened.
    pub text: String,
}

/// One step of the breadcrumbs.
#[derive(Debug, Clone)]
pub struct Crumb {
    /// Text.
    pub label: String,
    /// Address; `None` for the page itself.
    pub href: Option<String>,
}

/// One entry of the menu.
#[derive(Debug, Clone)]
pub struct NavItem {
    /// Text.
    pub label: &'static str,
    /// Address.
    pub href: &'static str,
    /// Whether the page lies below it.
    pub current: bool,
}

/// The person shown in the header.
#[derive(Debug, Clone)]
pub struct Person {
    /// Display name.
    pub name: String,
    /// Role in Japanese.
    pub role_ja: &'static str,
}

/// What the shell shows around a page.
#[derive(Debug, Clone)]
pub struct Page {
    /// Title of the page (its `h1` says the same).
    pub title: String,
    /// The 見本 banner, when the installation holds sample data.
    pub mark: Option<String>,
    /// Title of the contract in force; may be empty.
    pub contract: String,
    /// Menu, only what the visitor may open.
    pub nav: Vec<NavItem>,
    /// From the first page to this one.
    pub breadcrumbs: Vec<Crumb>,
    /// Messages shown once.
    pub flash: Vec<Flash>,
    /// Who is signed in.
    pub person: Option<Person>,
    /// Token for the hidden field `csrf` of every form.
    pub csrf: String,
    /// Version of the program.
    pub version: &'static str,
}

/// What the shell says about the installation as a whole. Kept in a slot of [`App`]; set by the
/// wiring when it knows the contract, and by the demo.
#[derive(Debug, Clone, Default)]
pub struct Installation {
    /// Title of the contract in force.
    pub contract: String,
    /// Whether the installation holds sample data (setting `demo.marked`): every page says 見本.
    pub sample: bool,
}

/// Setting of the installation that turns the 見本 mark on; the value is `1`.
pub const SAMPLE_SETTING: &str = "demo.marked";

/// Reads the 見本 mark when the application opens.
pub(crate) async fn read_installation(app: App) -> Result<(), HookError> {
    let value = app
        .db
        .fetch_optional(
            "SELECT value FROM setting WHERE key = $1",
            args![SAMPLE_SETTING],
        )
        .await
        .and_then(|row| row.map(|row| row.text("value")).transpose())
        .map_err(|error| HookError::caused_by("設定 demo.marked を読めません", error))?;
    let before = app.slot::<Installation>().unwrap_or_default();
    app.provide(Arc::new(Installation {
        sample: before.sample || value.as_deref() == Some("1"),
        ..(*before).clone()
    }));
    Ok(())
}

/// Text of the banner over sample data.
pub const SAMPLE_TEXT: &str =
    "見本：ここに示す記録・氏名・書類は試用のために作ったもので、実在の契約の記録ではありません。";

impl Page {
    /// The shell for a signed-in visitor.
    pub fn new(app: &App, visitor: &Visitor, title: impl Into<String>) -> Self {
        let mut page = Self::bare(app, title);
        page.nav = navigation(app, visitor);
        page.person = Some(Person {
            name: visitor.name.clone(),
            role_ja: visitor.role.title_ja(),
        });
        page.csrf.clone_from(&visitor.csrf);
        page.flash.clone_from(&visitor.flash);
        page.breadcrumbs = vec![Crumb {
            label: "はじめ".to_owned(),
            href: Some("/".to_owned()),
        }];
        page
    }

    /// The shell without menu and person: sign-in and error pages.
    pub fn bare(app: &App, title: impl Into<String>) -> Self {
        let installation = app.slot::<Installation>().unwrap_or_default();
        Self {
            title: title.into(),
            mark: installation.sample.then(|| SAMPLE_TEXT.to_owned()),
            contract: installation.contract.clone(),
            nav: Vec::new(),
            breadcrumbs: Vec::new(),
            flash: Vec::new(),
            person: None,
            csrf: String::new(),
            version: env!("CARGO_PKG_VERSION"),
        }
    }

    /// Adds a step between the first page and this one.
    #[must_use]
    pub fn under(mut self, label: impl Into<String>, href: impl Into<String>) -> Self {
        self.breadcrumbs.push(Crumb {
            label: label.into(),
            href: Some(href.into()),
        });
        self
    }

    /// Ends the breadcrumbs with the page itself.
    #[must_use]
    pub fn here(mut self) -> Self {
        self.breadcrumbs.push(Crumb {
            label: self.title.clone(),
            href: None,
        });
        self
    }

    /// Adds a message shown on this page.
    #[must_use]
    pub fn with_notice(mut self, tone: Tone, text: impl Into<String>) -> Self {
        self.flash.push(Flash {
            tone,
            text: text.into(),
        });
        self
    }

    /// Content of the `title` element.
    pub fn document_title(&self) -> String {
        let mark = if self.mark.is_some() {
            "【見本】"
        } else {
            ""
        };
        format!("{mark}{} | まもり", self.title)
    }

    /// Address of the style sheet.
    pub fn stylesheet(&self) -> &'static str {
        assets::stylesheet()
    }

    /// Address of the icon.
    pub fn icon(&self) -> &'static str {
        assets::icon()
    }
}

fn navigation(app: &App, visitor: &Visitor) -> Vec<NavItem> {
    let mut entries: Vec<_> = app
        .capabilities()
        .iter()
        .flat_map(|capability| &capability.navigation)
        .filter(|entry| visitor.may(entry.permission))
        .collect();
    entries.sort_by_key(|entry| entry.order);
    // The longest entry that the path lies below is the current one: /documents before /.
    let current = entries
        .iter()
        .filter(|entry| is_below(&visitor.path, entry.href))
        .map(|entry| entry.href)
        .max_by_key(|href| href.len());
    entries
        .into_iter()
        .map(|entry| NavItem {
            label: entry.label_ja,
            href: entry.href,
            current: current == Some(entry.href),
        })
        .collect()
}

fn is_below(path: &str, href: &str) -> bool {
    path == href || (href != "/" && path.strip_prefix(href).is_some_and(|r| r.starts_with('/')))
}

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

/// One link of the pagination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageLink {
    /// Page number from 1.
    pub number: u64,
    /// Address.
    pub href: String,
    /// Whether it is the page shown.
    pub current: bool,
}

/// A list cut into pages.
#[derive(Debug, Clone)]
pub struct Pages {
    /// Page shown, from 1.
    pub current: u64,
    /// Entries per page.
    pub size: u64,
    /// Entries in all.
    pub total: u64,
    /// Address with its query but without `page`, e.g. `/work?month=2026-10`.
    pub base: String,
}

impl Pages {
    /// Number of pages, at least 1.
    pub fn count(&self) -> u64 {
        self.total.div_ceil(self.size.max(1)).max(1)
    }

    /// Entries before the page shown.
    pub fn offset(&self) -> u64 {
        self.current.saturating_sub(1) * self.size
    }

    fn href(&self, number: u64) -> String {
        let sep = if self.base.contains('?') { '&' } else { '?' };
        format!("{}{sep}page={number}", self.base)
    }

    /// Address of the page before.
    pub fn previous(&self) -> Option<String> {
        (self.current > 1).then(|| self.href(self.current - 1))
    }

    /// Address of the page after.
    pub fn next(&self) -> Option<String> {
        (self.current < self.count()).then(|| self.href(self.current + 1))
    }

    /// First, last and the neighbours of the page shown.
    pub fn links(&self) -> Vec<PageLink> {
        let count = self.count();
        (1..=count)
            .filter(|n| *n == 1 || *n == count || n.abs_diff(self.current) <= 2)
            .map(|number| PageLink {
                number,
                href: self.href(number),
                current: number == self.current,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_entry_is_the_longest_one_the_path_lies_below() {
        assert!(is_below("/work/1", "/work"));
        assert!(!is_below("/workshop", "/work"));
        assert!(!is_below("/work", "/"));
        assert!(is_below("/", "/"));
    }

    #[test]
    fn pages_show_ends_and_neighbours() {
        let pages = Pages {
            current: 5,
            size: 20,
            total: 190,
            base: "/work?month=2026-10".to_owned(),
        };
        let numbers: Vec<u64> = pages.links().iter().map(|link| link.number).collect();
        assert_eq!(numbers, [1, 3, 4, 5, 6, 7, 10]);
        assert_eq!(
            pages.previous().as_deref(),
            Some("/work?month=2026-10&page=4")
        );
        assert_eq!(pages.offset(), 80);
    }

    #[test]
    fn attribute_values_are_escaped() {
        let field = Field::text("a", "A").range("\"><script>", "").error("x");
        assert_eq!(
            field.attributes(),
            " min=\"&quot;>&lt;script>\" aria-invalid=\"true\" aria-describedby=\"e-a\""
        );
    }
}
