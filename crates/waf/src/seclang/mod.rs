//! SecLang, the language of rules: reading files into rules that are not yet compiled.

pub(crate) mod actions;
pub(crate) mod ctl;
mod directive;
pub(crate) mod late;
mod lines;
mod load;
pub(crate) mod operator;
pub(crate) mod settings;
pub(crate) mod setvar;
pub(crate) mod targets;
pub(crate) mod text;

pub use load::Source;
pub(crate) use load::{Item, Link, Parsed, Reader, Update};
