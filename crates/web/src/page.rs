//! The page shell: what every page has around its content, and the values its components take.
//!
//! A template of another crate names `../web/templates` in its `askama.toml`, extends `shell.html`,
//! imports `components.html`, and holds a field `page: Page`.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use mamori_kernel::period::Period;
use mamori_kernel::permission::Role;
use mamori_runtime::capability::NavGroup;
use mamori_runtime::{App, Finding, HookError};
use mamori_store::args;

use crate::assets;
use crate::house::help::topic_of;
use crate::session::Visitor;
use crate::switcher::same_kind;
use crate::texts::{self, Language, TextBook, Value};
use crate::written::Written;

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
    pub label: String,
    /// Address.
    pub href: String,
    /// Whether the page lies below it.
    pub current: bool,
    /// The key that leads there after `g`; empty beyond the last one.
    pub key: String,
}

/// Entries of the menu under one heading.
#[derive(Debug, Clone)]
pub struct NavSection {
    /// Heading.
    pub label: String,
    /// Entries.
    pub items: Vec<NavItem>,
}

/// The person shown in the header.
#[derive(Debug, Clone)]
pub struct Person {
    /// Id of the account: what the script keeps on this computer is kept under it.
    pub id: String,
    /// Display name.
    pub name: String,
    /// Role in the page's language.
    pub role: String,
}

/// A contract to choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContractTitle {
    /// Id, as in addresses.
    pub id: String,
    /// Title.
    pub title: String,
}

/// How days are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DateStyle {
    /// 令和8年11月10日（火）.
    #[default]
    Wareki,
    /// 2026-11-10（火）.
    Iso,
}

impl DateStyle {
    /// `wareki` or `iso`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wareki => "wareki",
            Self::Iso => "iso",
        }
    }

    /// The style of that name; 和暦 for anything unknown.
    pub fn of(name: &str) -> Self {
        if name == "iso" {
            Self::Iso
        } else {
            Self::Wareki
        }
    }
}

/// What the shell shows around a page, and the page's language.
#[derive(Debug, Clone)]
pub struct Page {
    /// Title of the page (its `h1` says the same).
    pub title: String,
    /// The 見本 banner, when the installation holds sample data.
    pub mark: Option<String>,
    /// The contract the page is about; on pages of the installation the visitor's only one.
    pub contract: Option<ContractTitle>,
    /// All contracts that the visitor may open.
    pub contracts: Vec<ContractTitle>,
    /// Where the switcher leads for each of `contracts`.
    pub switches: Vec<String>,
    /// Menu, only what the visitor may open.
    pub nav: Vec<NavSection>,
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
    /// Path of the page, for coming back to it.
    pub path: String,
    /// Which of the pages that the header leads to this installation has.
    pub offers: Offers,
    /// Language.
    pub language: Language,
    /// How days are written.
    pub date_style: DateStyle,
    texts: Arc<TextBook>,
}

/// Pages that the header leads to, where a capability has them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Offers {
    /// `/account`: one's own settings.
    pub account: bool,
    /// `/search` and `/search.json`.
    pub search: bool,
    /// `/help`.
    pub help: bool,
}

impl Offers {
    fn of(app: &App) -> Self {
        let has = |path: &str| {
            app.capabilities()
                .iter()
                .flat_map(|capability| &capability.routes)
                .any(|route| route.path == path)
        };
        Self {
            account: has("/account"),
            search: has("/search"),
            help: has("/help"),
        }
    }
}

/// What the shell says about the installation as a whole. Kept in a slot of [`App`]; set by
/// whoever knows the contracts.
#[derive(Debug, Clone, Default)]
pub struct Installation {
    /// The contracts in force, in their order.
    pub contracts: Vec<ContractTitle>,
    /// Whether the installation holds sample data (setting `demo.marked`): every page says 見本.
    pub sample: bool,
}

/// Where the first page leads a visitor with several contracts; kept in a slot of [`App`] by
/// whoever has such a page.
#[derive(Debug, Clone, Copy)]
pub struct Overview(pub &'static str);

/// Setting of the installation that turns the 見本 mark on; the value is `1`.
pub const SAMPLE_SETTING: &str = "demo.marked";

/// Reads the 見本 mark when the application opens.
pub(crate) async fn read_installation(app: App) -> Result<(), HookError> {
    texts::load(&app)?;
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

impl Page {
    /// The shell for a signed-in visitor. `title` is the key of a text, or text that is data.
    pub fn new(app: &App, visitor: &Visitor, title: &str) -> Self {
        let mut page = Self::bare(app, visitor.language, title);
        page.date_style = visitor.date_style;
        page.path.clone_from(&visitor.path);
        page.offers = Offers::of(app);
        let installation = app.slot::<Installation>().unwrap_or_default();
        page.contracts = installation
            .contracts
            .iter()
            .filter(|contract| visitor.role_on(&contract.id).is_some())
            .cloned()
            .collect();
        page.switches = page
            .contracts
            .iter()
            .map(|contract| same_kind(app, visitor, &contract.id))
            .collect();
        page.contract = match &visitor.contract {
            Some(id) => page.contracts.iter().find(|one| one.id == *id).cloned(),
            None => match page.contracts.as_slice() {
                [only] => Some(only.clone()),
                _ => None,
            },
        };
        page.nav = navigation(app, visitor, &page);
        page.person = Some(Person {
            id: visitor.id.clone(),
            name: visitor.name.clone(),
            role: page.t(role_key(visitor.role)),
        });
        page.csrf.clone_from(&visitor.csrf);
        page.flash.clone_from(&visitor.flash);
        page.breadcrumbs = vec![Crumb {
            label: page.t("home-title"),
            href: Some(if page.contract.is_some() {
                page.at("")
            } else {
                "/".to_owned()
            }),
        }];
        page
    }

    /// The shell without menu and person: sign-in and error pages.
    pub fn bare(app: &App, language: Language, title: &str) -> Self {
        let installation = app.slot::<Installation>().unwrap_or_default();
        let texts = texts::texts(app);
        Self {
            title: texts
                .text(language, title, &[])
                .unwrap_or_else(|| title.to_owned()),
            mark: installation
                .sample
                .then(|| texts.say(language, "sample-banner", &[])),
            contract: None,
            contracts: Vec::new(),
            switches: Vec::new(),
            nav: Vec::new(),
            breadcrumbs: Vec::new(),
            flash: Vec::new(),
            person: None,
            csrf: String::new(),
            version: env!("CARGO_PKG_VERSION"),
            path: String::new(),
            offers: Offers::default(),
            language,
            date_style: DateStyle::default(),
            texts,
        }
    }

    /// The text of a key.
    pub fn t(&self, key: &str) -> String {
        self.texts.say(self.language, key, &[])
    }

    /// The text of a key with values put in.
    pub fn t_with(&self, key: &str, values: &[(&str, Value<'_>)]) -> String {
        self.texts.say(self.language, key, values)
    }

    /// The text of a key with one value, for templates.
    pub fn t1<'v>(&self, key: &str, name: &str, value: impl Into<Value<'v>>) -> String {
        self.texts.say(self.language, key, &[(name, value.into())])
    }

    /// What a check found.
    pub fn finding(&self, finding: &Finding) -> String {
        self.texts.finding(self.language, finding)
    }

    /// The text of a key, or `other` (a name that is data) when there is none.
    pub fn t_or(&self, key: &str, other: &str) -> String {
        self.texts
            .text(self.language, key, &[])
            .unwrap_or_else(|| other.to_owned())
    }

    /// The address of a page of this contract: `/c/{contract}` and `rest`.
    pub fn at(&self, rest: &str) -> String {
        match &self.contract {
            Some(contract) => format!("/c/{}{rest}", contract.id),
            None => "/".to_owned(),
        }
    }

    /// Whether the page is about this contract.
    pub fn is_at(&self, contract: &ContractTitle) -> bool {
        self.contract
            .as_ref()
            .is_some_and(|own| own.id == contract.id)
    }

    /// A day as this person wants it, with its weekday.
    pub fn day(&self, day: Date) -> String {
        self.written().day(day)
    }

    /// A month or another period as this person wants it.
    pub fn period(&self, period: Period) -> String {
        self.written().period(period)
    }

    /// A text of the contract's engine, which writes ISO dates, with its days as this person
    /// wants them.
    pub fn days_within(&self, text: &str) -> String {
        self.written().days_within(text)
    }

    fn written(&self) -> Written {
        Written {
            style: self.date_style,
            language: self.language,
        }
    }

    /// An optional day; a dash without one.
    pub fn day_or_dash(&self, day: Option<Date>) -> String {
        day.map_or_else(|| "―".to_owned(), |day| self.day(day))
    }

    /// An instant as a day and time in Japan, short enough for a table.
    pub fn moment(&self, at: Timestamp) -> String {
        self.written().moment(at)
    }

    /// Adds a step between the first page and this one; `label` is a text key or data.
    #[must_use]
    pub fn under(mut self, label: &str, href: impl Into<String>) -> Self {
        self.breadcrumbs.push(Crumb {
            label: self.t_or(label, label),
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
            self.t("sample-mark")
        } else {
            String::new()
        };
        format!("{mark}{} | {}", self.title, self.t("product"))
    }

    /// Address of the help that explains this page.
    pub fn help(&self) -> String {
        topic_of(&self.path)
    }

    /// Address of the style sheet.
    pub fn stylesheet(&self) -> &'static str {
        assets::stylesheet()
    }

    /// Address of the script.
    pub fn script(&self) -> &'static str {
        assets::script()
    }

    /// What the script says: pairs for `data-text-NAME` of `<body>`.
    pub fn script_texts(&self) -> Vec<(&'static str, String)> {
        assets::SCRIPT_TEXTS
            .iter()
            .map(|name| (*name, self.t(&format!("script-{name}"))))
            .collect()
    }

    /// Address of the icon.
    pub fn icon(&self) -> &'static str {
        assets::icon()
    }

    /// The languages other than this one, for the switch.
    pub fn other_languages(&self) -> impl Iterator<Item = Language> {
        let own = self.language;
        Language::ALL.into_iter().filter(move |one| *one != own)
    }
}

/// Key of a role's name.
pub fn role_key(role: Role) -> &'static str {
    match role {
        Role::Viewer => "role-viewer",
        Role::City => "role-city",
        Role::Counsellor => "role-counsellor",
        Role::Staff => "role-staff",
        Role::Manager => "role-manager",
        Role::Administrator => "role-administrator",
    }
}

fn navigation(app: &App, visitor: &Visitor, page: &Page) -> Vec<NavSection> {
    let role = page
        .contract
        .as_ref()
        .and_then(|contract| visitor.role_on(&contract.id));
    let mut entries: Vec<(NavGroup, u16, &str, String)> = app
        .capabilities()
        .iter()
        .flat_map(|capability| &capability.navigation)
        .filter_map(|entry| {
            let href = if let Some(rest) = entry.href.strip_prefix("/c/{contract}") {
                role.filter(|role| role.allows(entry.permission))?;
                page.at(rest)
            } else {
                visitor
                    .own_role
                    .allows(entry.permission)
                    .then(|| entry.href.to_owned())?
            };
            Some((entry.group, entry.order, entry.label, href))
        })
        .collect();
    entries.sort();
    // The longest entry that the path lies below is the current one: /documents before /.
    let first = page.at("");
    let current = entries
        .iter()
        .map(|(_, _, _, href)| href.clone())
        .filter(|href| is_below(&visitor.path, href, &first))
        .max_by_key(String::len);
    let mut sections: Vec<(NavGroup, NavSection)> = Vec::new();
    let mut keys = ('1'..='9').chain('a'..='z');
    for (group, _, label, href) in entries {
        let item = NavItem {
            key: keys.next().map(String::from).unwrap_or_default(),
            label: page.t(label),
            current: current.as_deref() == Some(href.as_str()),
            href,
        };
        match sections.last_mut() {
            Some((last, section)) if *last == group => section.items.push(item),
            _ => sections.push((
                group,
                NavSection {
                    label: page.t(group.label()),
                    items: vec![item],
                },
            )),
        }
    }
    sections.into_iter().map(|(_, section)| section).collect()
}

/// Whether a path is a page or lies below it; nothing lies below the start pages.
fn is_below(path: &str, href: &str, first: &str) -> bool {
    path == href
        || (href != "/"
            && href != first
            && path.strip_prefix(href).is_some_and(|r| r.starts_with('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_entry_is_the_longest_one_the_path_lies_below() {
        let below = |path, href| is_below(path, href, "/c/a");
        assert!(below("/c/a/work/1", "/c/a/work"));
        assert!(!below("/c/a/workshop", "/c/a/work"));
        assert!(!below("/c/a/work", "/c/a"));
        assert!(below("/c/a", "/c/a"));
        assert!(!below("/work", "/"));
        assert!(below("/", "/"));
    }
}
