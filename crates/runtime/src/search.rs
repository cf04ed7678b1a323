//! Sources of the search: what a capability has that people look for by words or by a number.
//!
//! The search asks a source only for who holds its permission, so a source need not ask again.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use mamori_kernel::permission::Permission;
use unicode_normalization::UnicodeNormalization;

use crate::app::App;
use crate::capability::{BoxFuture, HookError};

/// The same text whichever way it was typed: width, case and spaces do not matter.
pub fn folded(text: &str) -> String {
    let folded: String = text.nfkc().flat_map(char::to_lowercase).collect();
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What is looked for.
#[derive(Debug, Clone)]
pub struct SearchRequest {
    /// The words, [`folded`], with one space between them.
    pub words: String,
    /// The contract that is searched; none for a source of the house.
    pub contract: Option<String>,
    /// Language of the answer: `ja` or `en`.
    pub language: &'static str,
}

impl SearchRequest {
    /// Whether all words occur in the text.
    pub fn fits(&self, text: &str) -> bool {
        let text = folded(text);
        self.words.split(' ').all(|word| text.contains(word))
    }
}

/// Something found, in the language that was asked for.
#[derive(Debug, Clone)]
pub struct SearchHit {
    /// Address of its page; behind the contract (`/gateway/…`) where one is searched.
    pub href: String,
    /// What it is called.
    pub title: String,
    /// What it is: hits of one kind stand together.
    pub kind: String,
    /// A little more; may be empty.
    pub note: String,
    /// Its address in the API, behind the contract where one is searched.
    pub api: Option<String>,
}

type FindFn =
    Arc<dyn Fn(App, SearchRequest) -> BoxFuture<Result<Vec<SearchHit>, HookError>> + Send + Sync>;

/// A source of hits.
#[derive(Clone)]
pub struct SearchSource {
    /// Stable key: `people`.
    pub key: &'static str,
    /// Whose search it answers.
    pub permission: Permission,
    /// Whether it is asked for each contract; otherwise once, for the house.
    pub of_contract: bool,
    find: FindFn,
}

impl SearchSource {
    /// A source of the house, asked once.
    pub fn house<F, Fut>(key: &'static str, permission: Permission, find: F) -> Self
    where
        F: Fn(App, SearchRequest) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<SearchHit>, HookError>> + Send + 'static,
    {
        Self {
            key,
            permission,
            of_contract: false,
            find: Arc::new(move |app, request| Box::pin(find(app, request))),
        }
    }

    /// A source that is asked for each contract.
    pub fn of_contract<F, Fut>(key: &'static str, permission: Permission, find: F) -> Self
    where
        F: Fn(App, SearchRequest) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<SearchHit>, HookError>> + Send + 'static,
    {
        Self {
            of_contract: true,
            ..Self::house(key, permission, find)
        }
    }

    /// Asks it.
    pub async fn find(
        &self,
        app: App,
        request: SearchRequest,
    ) -> Result<Vec<SearchHit>, HookError> {
        (self.find)(app, request).await
    }
}

impl fmt::Debug for SearchSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SearchSource({})", self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_fit_in_any_width_case_and_order() {
        let request = SearchRequest {
            words: folded("ＴＯＰ　画像"),
            contract: None,
            language: "ja",
        };
        assert_eq!(request.words, "top 画像");
        assert!(request.fits("画像（Top）の差替え"));
        assert!(!request.fits("画像の差替え"));
    }
}
