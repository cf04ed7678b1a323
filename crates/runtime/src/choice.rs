//! What a choice in a form is called where people read it: a form sends its key (`mail`), the person
//! chose a word (メール). Each capability knows the choices of its own forms.

use crate::app::App;
use crate::capability::BoxFuture;

/// A value that a form sent.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// Path that the form is sent to. Whose words are asked for may come to its contract.
    pub path: String,
    /// Name of the field.
    pub name: String,
    /// What it sends.
    pub value: String,
    /// Language of the answer: `ja` or `en`.
    pub language: &'static str,
}

impl Chosen {
    /// Contract and parts of the path below it; none for a form of the house.
    pub fn of_contract(&self) -> Option<(&str, Vec<&str>)> {
        let mut parts = self.path.strip_prefix("/c/")?.split('/');
        Some((parts.next()?, parts.collect()))
    }
}

/// The words of a choice; none when it is no choice of the capability's forms.
pub type ChoiceWords = fn(App, Chosen) -> BoxFuture<Option<String>>;
