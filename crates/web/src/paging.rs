//! A list cut into pages, for the macro `pagination` of `components.html`.

/// One link of the pagination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageLink {
    /// Page number from 1.
    pub number: u64,
    /// Address.
    pub href: String,
    /// Whether it is the page shown.
    pub current: bool,
    /// Whether pages are left out before it.
    pub gap: bool,
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
        // Built from what is shown: a list may have very many pages.
        let near = self.current.saturating_sub(2).max(1)..=(self.current + 2).min(count);
        let mut numbers: Vec<u64> = std::iter::once(1).chain(near).chain([count]).collect();
        numbers.dedup();
        let mut before = 0;
        numbers
            .into_iter()
            .map(|number| {
                let gap = number > before + 1;
                before = number;
                PageLink {
                    number,
                    href: self.href(number),
                    current: number == self.current,
                    gap,
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let gaps: Vec<u64> = pages
            .links()
            .iter()
            .filter(|link| link.gap)
            .map(|link| link.number)
            .collect();
        assert_eq!(gaps, [3, 10]);
        assert_eq!(
            pages.previous().as_deref(),
            Some("/work?month=2026-10&page=4")
        );
        assert_eq!(pages.offset(), 80);
    }
}
