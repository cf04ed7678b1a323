//! What the macros of `templates/components.html` take: plain values, made by the page and tested
//! without a browser. `docs/components.md` shows the call of each.
//!
//! Words that belong to a component stand in `locales/*/components.ftl`; words that belong to the
//! page are given by it.

mod compare;
pub mod csv;
mod parts;
mod query;
mod table;

pub use compare::{Comparison, Line, Piece, Side};
pub use parts::{
    Event, Figure, Meter, Progress, Stage, Stat, Step, Tab, Upload, form_key, grouped,
};
pub use query::{PAGE_SIZES, TableQuery, TableSpec, percent_encoded};
pub use table::{Act, Cell, Column, Empty, Head, Row, Shape, Table};
