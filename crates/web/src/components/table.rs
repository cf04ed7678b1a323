//! The data table: sorted, filtered and cut by links and a form; the script only saves the reload.

use fluent_bundle::FluentValue;

use super::{PAGE_SIZES, TableQuery};
use crate::{Field, Pages, Tone};

/// How wide a column wants to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shape {
    /// A few words.
    #[default]
    Words,
    /// A word.
    Brief,
    /// Sentences.
    Long,
    /// Never broken: numbers of papers, days, badges.
    Fixed,
    /// A quantity: to the right, digits under digits.
    Number,
}

impl Shape {
    /// CSS class.
    pub fn class(self) -> &'static str {
        match self {
            Self::Words => "words",
            Self::Brief => "brief",
            Self::Long => "long",
            Self::Fixed => "nowrap",
            Self::Number => "number",
        }
    }
}

/// A column.
#[derive(Debug, Clone)]
pub struct Column {
    /// Key in addresses.
    pub key: &'static str,
    /// Heading.
    pub label: String,
    /// Shape.
    pub shape: Shape,
    /// Whether the list can be sorted by it (the list's spec must name it too).
    pub sortable: bool,
}

impl Column {
    /// A column of a few words that cannot be sorted by.
    pub fn new(key: &'static str, label: impl Into<String>) -> Self {
        Self {
            key,
            label: label.into(),
            shape: Shape::default(),
            sortable: false,
        }
    }

    /// Sets the shape.
    #[must_use]
    pub fn shape(mut self, shape: Shape) -> Self {
        self.shape = shape;
        self
    }

    /// Lets people sort by it.
    #[must_use]
    pub fn sortable(mut self) -> Self {
        self.sortable = true;
        self
    }
}

/// A button of a row: a form of its own.
#[derive(Debug, Clone)]
pub struct Act {
    /// Address that it is sent to.
    pub action: String,
    /// Label.
    pub label: String,
    /// CSS class.
    pub class: &'static str,
}

/// What stands in a cell of a table or of a definition list.
#[derive(Debug, Clone)]
pub struct Cell {
    /// `text`, `link`, `badge`, `time`, `code`, `sentences` or `acts`.
    pub kind: &'static str,
    /// Text.
    pub text: String,
    /// Address of a link, `datetime` of a time, what acts send as `back`.
    pub reference: String,
    /// Tone of a badge.
    pub tone: Tone,
    /// Sentences: the first is shown, the others on demand.
    pub list: Vec<String>,
    /// Buttons.
    pub acts: Vec<Act>,
}

impl Cell {
    /// Whether the text would change the order of what stands beside it.
    pub fn turns(&self) -> bool {
        crate::name::turns(&self.text)
    }

    fn new(kind: &'static str, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
            reference: String::new(),
            tone: Tone::Quiet,
            list: Vec::new(),
            acts: Vec::new(),
        }
    }

    /// Text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new("text", text)
    }

    /// A link to a page.
    pub fn link(href: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            reference: href.into(),
            ..Self::new("link", text)
        }
    }

    /// A state.
    pub fn badge(tone: Tone, text: impl Into<String>) -> Self {
        Self {
            tone,
            ..Self::new("badge", text)
        }
    }

    /// A day or an instant: as a machine reads it, as a person reads it.
    pub fn time(iso: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            reference: iso.into(),
            ..Self::new("time", text)
        }
    }

    /// An id, a digest.
    pub fn code(text: impl Into<String>) -> Self {
        Self::new("code", text)
    }

    /// Several sentences.
    pub fn sentences(list: Vec<String>) -> Self {
        Self {
            list,
            ..Self::new("sentences", "")
        }
    }

    /// Buttons; `back` tells the handler which list they stood in. No column of a CSV.
    pub fn acts(acts: Vec<Act>, back: impl Into<String>) -> Self {
        Self {
            acts,
            reference: back.into(),
            ..Self::new("acts", "")
        }
    }
}

/// A row.
#[derive(Debug, Clone)]
pub struct Row {
    /// One per column.
    pub cells: Vec<Cell>,
    /// What the row is called where only it can be heard; the text of its heading cell.
    pub name: String,
}

impl Row {
    /// A row named for those who hear it.
    pub fn new(name: impl Into<String>, cells: Vec<Cell>) -> Self {
        Self {
            cells,
            name: name.into(),
        }
    }
}

/// What to say when there is nothing, and what to do then.
#[derive(Debug, Clone, Default)]
pub struct Empty {
    /// What is not there.
    pub text: String,
    /// Address of what to do; empty for nothing.
    pub href: String,
    /// Its label.
    pub label: String,
}

impl Empty {
    /// Only a sentence.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    /// Adds what to do.
    #[must_use]
    pub fn action(mut self, href: impl Into<String>, label: impl Into<String>) -> Self {
        self.href = href.into();
        self.label = label.into();
        self
    }
}

/// The heading of a column as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Key of the column.
    pub key: &'static str,
    /// Text.
    pub label: String,
    /// CSS class.
    pub class: &'static str,
    /// Where sorting by it leads; `None` when it cannot be.
    pub href: Option<String>,
    /// Value of `aria-sort`: `ascending`, `descending`, or empty.
    pub sorted: &'static str,
}

/// A data table with its filter, its pages and its CSV.
#[derive(Debug, Clone)]
pub struct Table {
    /// Id of the region, one per page.
    pub id: &'static str,
    /// Caption.
    pub caption: String,
    /// What the caption adds more quietly; may be empty.
    pub note: String,
    /// Columns.
    pub columns: Vec<Column>,
    /// Which column names the row (`th scope="row"`).
    pub heading: usize,
    /// Rows of the page shown.
    pub rows: Vec<Row>,
    /// Fields of the filter; empty for none.
    pub filter: Vec<Field>,
    /// Pages.
    pub pages: Pages,
    /// Whether all rows can be had as CSV.
    pub csv: bool,
    /// When there are no rows at all.
    pub empty: Empty,
    /// When there are none of those asked for.
    pub nothing_found: Empty,
    query: TableQuery,
}

impl Table {
    /// A table over what `query` asked for.
    pub fn new(
        id: &'static str,
        caption: impl Into<String>,
        query: &TableQuery,
        columns: Vec<Column>,
        rows: Vec<Row>,
        pages: Pages,
    ) -> Self {
        Self {
            id,
            caption: caption.into(),
            note: String::new(),
            columns,
            heading: 0,
            rows,
            filter: Vec::new(),
            pages,
            csv: false,
            empty: Empty::default(),
            nothing_found: Empty::default(),
            query: query.clone(),
        }
    }

    /// Sets the quiet part of the caption.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// Sets the column that names the row.
    #[must_use]
    pub fn heading(mut self, column: usize) -> Self {
        self.heading = column;
        self
    }

    /// Adds a filter; each field's value comes from the query, its name is one of the spec's. Where
    /// the query has none the field keeps what it was given: what is shown by itself.
    #[must_use]
    pub fn filter(mut self, fields: Vec<Field>) -> Self {
        self.filter = fields
            .into_iter()
            .map(|field| {
                let value = self.query.filter(field.name).to_owned();
                if value.is_empty() {
                    field
                } else {
                    field.value(value)
                }
            })
            .collect();
        self
    }

    /// Offers all rows as CSV: the handler answers `format=csv` with [`super::csv::response`].
    #[must_use]
    pub fn with_csv(mut self) -> Self {
        self.csv = true;
        self
    }

    /// Sets what is said when there is nothing at all.
    #[must_use]
    pub fn empty(mut self, empty: Empty) -> Self {
        self.empty = empty;
        self
    }

    /// Sets what is said when nothing fits the filter.
    #[must_use]
    pub fn nothing_found(mut self, empty: Empty) -> Self {
        self.nothing_found = empty;
        self
    }

    /// Path of the list.
    pub fn path(&self) -> &str {
        self.query.path()
    }

    /// Headings with their links.
    pub fn heads(&self) -> Vec<Head> {
        self.columns
            .iter()
            .map(|column| Head {
                key: column.key,
                label: column.label.clone(),
                class: column.shape.class(),
                href: column.sortable.then(|| self.query.sort_href(column.key)),
                sorted: match (
                    column.sortable && column.key == self.query.sort,
                    self.query.descending,
                ) {
                    (false, _) => "",
                    (true, false) => "ascending",
                    (true, true) => "descending",
                },
            })
            .collect()
    }

    /// CSS class of a column.
    pub fn class(&self, column: &usize) -> &'static str {
        self.columns
            .get(*column)
            .map_or("words", |column| column.shape.class())
    }

    /// Whether a filter is set.
    pub fn is_filtered(&self) -> bool {
        self.query.is_filtered()
    }

    /// Hidden fields of the filter form.
    pub fn carried(&self) -> Vec<(&'static str, String)> {
        self.query.carried()
    }

    /// Address of the CSV.
    pub fn csv_href(&self) -> String {
        self.query.csv_href()
    }

    /// Page sizes that make a difference: size, address, whether it is the present one.
    pub fn sizes(&self) -> Vec<(u64, String, bool)> {
        if self.pages.total <= PAGE_SIZES[0] {
            return Vec::new();
        }
        PAGE_SIZES
            .iter()
            .map(|size| (*size, self.query.size_href(*size), *size == self.pages.size))
            .collect()
    }

    /// Values for the text `ui-count`.
    pub fn counts(&self) -> Vec<(&'static str, FluentValue<'static>)> {
        let from = self.pages.offset() + 1;
        let to = self.pages.offset() + self.rows.len() as u64;
        vec![
            ("total", self.pages.total.into()),
            ("from", from.into()),
            ("to", to.into()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::components::TableSpec;

    const SPEC: TableSpec = TableSpec {
        sortable: &["day"],
        sort: "day",
        descending: false,
        filters: &["q"],
        per_page: 20,
    };

    fn table(address: &str, total: u64) -> Table {
        let query = TableQuery::read(&SPEC, &address.parse().expect("an address"));
        let columns = vec![
            Column::new("day", "日").sortable().shape(Shape::Fixed),
            Column::new("title", "件名"),
        ];
        let pages = query.pages(total);
        Table::new("t", "一覧", &query, columns, Vec::new(), pages)
            .filter(vec![Field::new("search", "q", "言葉")])
    }

    #[test]
    fn headings_say_how_the_list_is_sorted_and_where_a_click_leads() {
        let heads = table("/work", 0).heads();
        assert_eq!(heads[0].sorted, "ascending");
        assert_eq!(heads[0].href.as_deref(), Some("/work?sort=day&dir=desc"));
        assert_eq!((heads[1].sorted, &heads[1].href), ("", &None));
    }

    #[test]
    fn the_filter_keeps_what_was_typed_and_carries_the_rest() {
        let table = table("/work?q=a&dir=desc&size=50&page=2", 200);
        assert_eq!(table.filter[0].value, "a");
        assert_eq!(
            table.carried(),
            [
                ("sort", "day".to_owned()),
                ("dir", "desc".to_owned()),
                ("size", "50".to_owned())
            ]
        );
        assert_eq!(
            table.sizes()[1],
            (50, "/work?q=a&sort=day&dir=desc&size=50".to_owned(), true)
        );
        assert_eq!(table.sizes()[0].1, "/work?q=a&sort=day&dir=desc");
    }

    #[test]
    fn a_short_list_offers_no_page_sizes() {
        assert_eq!(table("/work", 20).sizes(), []);
    }
}
