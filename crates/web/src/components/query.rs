//! What the address of a list says: sorting, page, page size, filters. The address is the only
//! memory of a table, so that it can be kept as a bookmark, sent to a colleague and gone back to.

use std::cmp::Ordering;
use std::fmt::Write as _;

use axum::extract::Query;
use axum::http::Uri;

use crate::Pages;

/// Sizes of a page that people may choose.
pub const PAGE_SIZES: [u64; 4] = [20, 50, 100, 200];
/// Longest filter text that is looked at.
const LONGEST_FILTER: usize = 200;

/// What a list can be asked.
#[derive(Debug, Clone, Copy)]
pub struct TableSpec {
    /// Columns that it can be sorted by.
    pub sortable: &'static [&'static str],
    /// The column it is sorted by when nobody asks.
    pub sort: &'static str,
    /// Whether that is from the greatest.
    pub descending: bool,
    /// Names of its filters.
    pub filters: &'static [&'static str],
    /// Rows per page when nobody asks: one of [`PAGE_SIZES`].
    pub per_page: u64,
}

/// What a list was asked. Whatever an address says wrongly counts as not said.
#[derive(Debug, Clone)]
pub struct TableQuery {
    /// Column to sort by: one of the list's own.
    pub sort: &'static str,
    /// From the greatest.
    pub descending: bool,
    /// Page from 1; may lie beyond the end, see [`TableQuery::pages`].
    pub page: u64,
    /// Rows per page.
    pub per_page: u64,
    /// Whether the rows are wanted as CSV (`format=csv`), all of them.
    pub csv: bool,
    path: String,
    filters: Vec<(&'static str, String)>,
    spec: TableSpec,
}

impl TableQuery {
    /// Reads the address of a request.
    pub fn read(spec: &TableSpec, uri: &Uri) -> Self {
        let pairs: Vec<(String, String)> =
            Query::try_from_uri(uri).map_or_else(|_| Vec::new(), |Query(pairs)| pairs);
        let value = |name: &str| {
            pairs
                .iter()
                .find(|(key, _)| key == name)
                .map_or("", |(_, value)| value.as_str())
        };
        let wanted = spec.sortable.iter().find(|key| **key == value("sort"));
        let sort = wanted.copied().unwrap_or(spec.sort);
        let descending = match value("dir") {
            "asc" => false,
            "desc" => true,
            _ => sort == spec.sort && spec.descending,
        };
        let per_page = value("size")
            .parse()
            .ok()
            .filter(|size| PAGE_SIZES.contains(size))
            .unwrap_or(spec.per_page);
        Self {
            sort,
            descending,
            // Far beyond any list, and far from where multiplying overflows.
            page: value("page").parse().unwrap_or(1).clamp(1, 10_000_000),
            per_page,
            csv: value("format") == "csv",
            path: uri.path().to_owned(),
            filters: spec
                .filters
                .iter()
                .map(|name| (*name, clean(value(name))))
                .collect(),
            spec: *spec,
        }
    }

    /// The text of a filter; empty when it is not set.
    pub fn filter(&self, name: &str) -> &str {
        self.filters
            .iter()
            .find(|(key, _)| *key == name)
            .map_or("", |(_, value)| value)
    }

    /// Whether any filter is set.
    pub fn is_filtered(&self) -> bool {
        self.filters.iter().any(|(_, value)| !value.is_empty())
    }

    /// Path of the list, without any question.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Cuts a list of `total` rows; a page beyond the end becomes the last one.
    pub fn pages(&self, total: u64) -> Pages {
        let mut pages = Pages {
            current: 1,
            size: self.per_page,
            total,
            base: self.href(self.sort, self.descending, self.per_page),
        };
        pages.current = self.page.min(pages.count());
        pages
    }

    /// The address that sorts by a column: a second time the other way round.
    pub fn sort_href(&self, key: &str) -> String {
        let again = key == self.sort;
        self.href(key, again && !self.descending, self.per_page)
    }

    /// The address with another page size.
    pub fn size_href(&self, size: u64) -> String {
        self.href(self.sort, self.descending, size)
    }

    /// The address of all rows as CSV, filtered and sorted as now.
    pub fn csv_href(&self) -> String {
        let href = self.href(self.sort, self.descending, self.spec.per_page);
        let separator = if href.contains('?') { '&' } else { '?' };
        format!("{href}{separator}format=csv")
    }

    /// What a filter form has to carry along: everything but its own fields and the page.
    pub fn carried(&self) -> Vec<(&'static str, String)> {
        let mut carried = Vec::new();
        if self.sort != self.spec.sort || self.descending != self.spec.descending {
            carried.push(("sort", self.sort.to_owned()));
            carried.push(("dir", direction(self.descending).to_owned()));
        }
        if self.per_page != self.spec.per_page {
            carried.push(("size", self.per_page.to_string()));
        }
        carried
    }

    /// Sorts rows that are in memory and takes the page that was asked for. `compare` is given the
    /// column's key. Equal rows keep their order.
    pub fn cut<T>(
        &self,
        mut rows: Vec<T>,
        compare: impl Fn(&str, &T, &T) -> Ordering,
    ) -> (Vec<T>, Pages) {
        let pages = self.pages(rows.len() as u64);
        rows.sort_by(|a, b| {
            let order = compare(self.sort, a, b);
            if self.descending {
                order.reverse()
            } else {
                order
            }
        });
        if self.csv {
            return (rows, pages);
        }
        let page = rows
            .into_iter()
            .skip(usize::try_from(pages.offset()).unwrap_or(usize::MAX))
            .take(usize::try_from(pages.size).unwrap_or(usize::MAX))
            .collect();
        (page, pages)
    }

    fn href(&self, sort: &str, descending: bool, per_page: u64) -> String {
        let mut query = String::new();
        let mut add = |name: &str, value: &str| {
            let separator = if query.is_empty() { '?' } else { '&' };
            let _ = write!(query, "{separator}{name}={}", percent_encoded(value));
        };
        for (name, value) in self.filters.iter().filter(|(_, value)| !value.is_empty()) {
            add(name, value);
        }
        if sort != self.spec.sort || descending != self.spec.descending {
            add("sort", sort);
            add("dir", direction(descending));
        }
        if per_page != self.spec.per_page {
            add("size", &per_page.to_string());
        }
        format!("{}{query}", self.path)
    }
}

fn direction(descending: bool) -> &'static str {
    if descending { "desc" } else { "asc" }
}

/// Without control characters and spaces around it, and not longer than anybody types.
fn clean(text: &str) -> String {
    let visible: String = text.chars().filter(|c| !c.is_control()).collect();
    visible.trim().chars().take(LONGEST_FILTER).collect()
}

/// Everything but unreserved ASCII as `%XX`, for queries and file names.
pub fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: TableSpec = TableSpec {
        sortable: &["day", "title"],
        sort: "day",
        descending: true,
        filters: &["q", "state"],
        per_page: 50,
    };

    fn query(address: &str) -> TableQuery {
        TableQuery::read(&SPEC, &address.parse().expect("an address"))
    }

    #[test]
    fn an_address_says_how_the_list_is_shown() {
        let asked = query("/c/x/work?q=%E4%BF%AE%E6%AD%A3&sort=title&dir=desc&page=3&size=20");
        assert_eq!((asked.sort, asked.descending), ("title", true));
        assert_eq!((asked.page, asked.per_page), (3, 20));
        assert_eq!(asked.filter("q"), "修正");
        assert_eq!(asked.filter("state"), "");
        assert!(asked.is_filtered() && !asked.csv);
        assert_eq!(
            asked.pages(100).base,
            "/c/x/work?q=%E4%BF%AE%E6%AD%A3&sort=title&dir=desc&size=20"
        );
    }

    #[test]
    fn what_is_said_wrongly_counts_as_not_said() {
        let asked = query("/work?sort=secret&dir=up&page=-1&size=7&page=2&state=%00%1B%20a%20");
        assert_eq!((asked.sort, asked.descending), ("day", true));
        assert_eq!((asked.page, asked.per_page), (1, 50));
        assert_eq!(asked.filter("state"), "a");
        let long = query(&format!("/work?q={}", "x".repeat(5000)));
        assert_eq!(long.filter("q").len(), LONGEST_FILTER);
        assert_eq!(query("/work?page=99999999999").pages(10).current, 1);
        assert_eq!(query("/work?page=18446744073709551615").page, 10_000_000);
        assert_eq!(query("/work?q=%FF%FE").sort, "day");
    }

    #[test]
    fn a_page_beyond_the_end_is_the_last_one() {
        assert_eq!(query("/work?page=9").pages(120).current, 3);
        assert_eq!(query("/work?page=9").pages(0).current, 1);
    }

    #[test]
    fn sorting_twice_turns_the_order_and_begins_at_the_first_page() {
        assert_eq!(
            query("/work?page=4").sort_href("day"),
            "/work?sort=day&dir=asc"
        );
        assert_eq!(query("/work?sort=day&dir=asc").sort_href("day"), "/work");
        assert_eq!(
            query("/work?q=a&page=4").sort_href("title"),
            "/work?q=a&sort=title&dir=asc"
        );
        assert_eq!(query("/work?q=a").csv_href(), "/work?q=a&format=csv");
        assert_eq!(query("/work").csv_href(), "/work?format=csv");
    }

    #[test]
    fn rows_in_memory_are_sorted_and_cut() {
        let rows: Vec<u32> = (0..45).collect();
        let (page, pages) = query("/work?size=20&page=2").cut(rows.clone(), |_, a, b| a.cmp(b));
        assert_eq!(page, (5..25).rev().collect::<Vec<_>>());
        assert_eq!((pages.current, pages.count()), (2, 3));
        let (all, _) = query("/work?size=20&format=csv").cut(rows, |_, a, b| a.cmp(b));
        assert_eq!(all.len(), 45);
    }
}
