//! Lists come in pages: what is asked for, where a page stands, how it is answered.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Most items of one page.
pub const MAX_PER_PAGE: u64 = 200;
const PER_PAGE: u64 = 50;

/// Where a page of a list stands; travels with the answer, which gets a `Link` header from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paging {
    /// How many items there are in all.
    pub total: u64,
    /// This page, from 1.
    pub page: u64,
    /// Items a page.
    pub per_page: u64,
}

impl Paging {
    /// Number of the last page; an empty list has one page.
    pub fn last(self) -> u64 {
        self.total.div_ceil(self.per_page.max(1)).max(1)
    }

    /// Items before this page.
    pub fn offset(self) -> u64 {
        (self.page - 1).saturating_mul(self.per_page)
    }

    /// The items of this page, out of all.
    pub fn part<T>(self, all: &[T]) -> impl Iterator<Item = &T> {
        let count = |items: u64| usize::try_from(items).unwrap_or(usize::MAX);
        all.iter()
            .skip(count(self.offset()))
            .take(count(self.per_page))
    }
}

/// `page` and `per_page` as sent. Whether they are numbers was compared with the route's
/// description before; texts, so that it can be flattened into the query of a list.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct PageQuery {
    #[serde(default)]
    page: String,
    #[serde(default)]
    per_page: String,
}

impl PageQuery {
    /// The page of a list with so many items.
    pub fn of(&self, total: u64) -> Paging {
        let number = |text: &str, unless: u64| text.parse().unwrap_or(unless).max(1);
        Paging {
            total,
            page: number(&self.page, 1),
            per_page: number(&self.per_page, PER_PAGE).min(MAX_PER_PAGE),
        }
    }

    /// Cuts the page out of a whole list and answers with it.
    pub fn cut<T: Serialize>(&self, all: &[T]) -> Response {
        let paging = self.of(all.len() as u64);
        page(&paging.part(all).collect::<Vec<_>>(), paging)
    }
}

/// The answer with a page of a list.
pub fn page<T: Serialize>(items: &[T], paging: Paging) -> Response {
    let mut response = Json(json!({
        "items": items,
        "total": paging.total,
        "page": paging.page,
        "per_page": paging.per_page,
    }))
    .into_response();
    response.extensions_mut().insert(paging);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_what_was_asked_for_within_bounds() {
        let asked = |page: &str, per_page: &str| {
            let query = PageQuery {
                page: page.to_owned(),
                per_page: per_page.to_owned(),
            };
            let paging = query.of(450);
            (paging.page, paging.per_page, paging.offset(), paging.last())
        };
        assert_eq!(asked("", ""), (1, 50, 0, 9));
        assert_eq!(asked("3", "200"), (3, 200, 400, 3));
        assert_eq!(asked("2", "9000"), (2, 200, 200, 3));
        assert_eq!(asked("4294967295", "1").0, 4_294_967_295);
        assert_eq!(PageQuery::default().of(0).last(), 1);
    }
}
