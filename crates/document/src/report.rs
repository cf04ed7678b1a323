//! The generic paper: a letter head and sections. Every kind becomes one of these before it is
//! rendered, so that each format is written once.

use serde::{Deserialize, Serialize};

use crate::chart::Chart;
use crate::letter::Letterhead;
use crate::table::Table;

/// A letter head and what follows it. The kind to use for papers without a struct of their own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Number, date, addressee, sender, title.
    pub head: Letterhead,
    /// Text between title and first section, without a heading.
    #[serde(default)]
    pub opening: Vec<Block>,
    /// What the paper says.
    #[serde(default)]
    pub sections: Vec<Section>,
    /// 横置き: for wide tables.
    #[serde(default)]
    pub landscape: bool,
}

/// A heading and what stands under it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Section {
    /// Heading with its number where wanted, e.g. `2 稼働状況`.
    pub heading: String,
    /// Starts on a new page.
    #[serde(default)]
    pub new_page: bool,
    /// Contents in order.
    #[serde(default)]
    pub blocks: Vec<Block>,
}

/// A piece of a section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Block {
    /// A paragraph; `\n` breaks the line.
    Paragraph(String),
    /// A remark in smaller type (※ …).
    Note(String),
    /// A line that stands out, e.g. the total of 別紙3.
    Emphasis(String),
    /// Centred, e.g. 記.
    Centered(String),
    /// At the right edge, e.g. 以上.
    Right(String),
    /// Bulleted list.
    List(Vec<String>),
    /// Numbered list.
    Steps(Vec<String>),
    /// Label and value, one per line, in a ruled box.
    Facts(Vec<Fact>),
    /// A ruled table.
    Table(Table),
    /// A drawing with its sentence and its numbers.
    Chart(Chart),
}

/// A label and its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// Left cell.
    pub label: String,
    /// Right cell; `\n` breaks the line.
    pub value: String,
}

impl Fact {
    /// A label and its value.
    pub fn new(label: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            value: value.into(),
        }
    }
}

impl Section {
    /// An empty section.
    pub fn new(heading: impl Into<String>) -> Self {
        Self {
            heading: heading.into(),
            ..Self::default()
        }
    }

    /// What a person has to say beside the evidence, a paragraph for every blank line; none when
    /// there are no words, so that an empty remark prints nothing.
    pub fn remark(heading: impl Into<String>, words: &str) -> Option<Self> {
        let words = words.replace("\r\n", "\n");
        let blocks: Vec<Block> = words
            .split("\n\n")
            .map(str::trim)
            .filter(|paragraph| !paragraph.is_empty())
            .map(|paragraph| Block::Paragraph(paragraph.to_owned()))
            .collect();
        (!blocks.is_empty()).then(|| Self {
            heading: heading.into(),
            new_page: false,
            blocks,
        })
    }

    /// Adds any block.
    #[must_use]
    pub fn block(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }

    /// Adds a paragraph.
    #[must_use]
    pub fn paragraph(self, text: impl Into<String>) -> Self {
        self.block(Block::Paragraph(text.into()))
    }

    /// Adds a remark.
    #[must_use]
    pub fn note(self, text: impl Into<String>) -> Self {
        self.block(Block::Note(text.into()))
    }

    /// Adds a table.
    #[must_use]
    pub fn table(self, table: Table) -> Self {
        self.block(Block::Table(table))
    }

    /// Adds a chart.
    #[must_use]
    pub fn chart(self, chart: Chart) -> Self {
        self.block(Block::Chart(chart))
    }
}

impl Report {
    /// All blocks in reading order.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.opening
            .iter()
            .chain(self.sections.iter().flat_map(|section| &section.blocks))
    }

    /// Tables in reading order with the heading they stand under; the numbers behind charts count.
    pub(crate) fn tables(&self) -> Vec<(String, Table)> {
        let opening = self
            .opening
            .iter()
            .map(|block| (self.head.title.as_str(), block));
        let rest = self
            .sections
            .iter()
            .flat_map(|s| s.blocks.iter().map(move |b| (s.heading.as_str(), b)));
        opening
            .chain(rest)
            .filter_map(|(heading, block)| match block {
                Block::Table(table) => Some((heading.to_owned(), table.clone())),
                Block::Chart(chart) => Some((heading.to_owned(), chart.table())),
                _ => None,
            })
            .collect()
    }
}
