//! The pages that the gateway itself answers with. They say what happened, what to do, and the id
//! under which the operator finds the request. No script, no style from elsewhere, nothing that the
//! client sent.

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::event::RequestId;
use crate::policy::Pages;

/// Which page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    Blocked,
    Refused,
    Unavailable,
    Maintenance,
    Limited,
}

impl Page {
    pub(crate) fn built_in(self) -> &'static str {
        match self {
            Self::Blocked => include_str!("pages/blocked.html"),
            Self::Refused => include_str!("pages/refused.html"),
            Self::Unavailable => include_str!("pages/unavailable.html"),
            Self::Maintenance => include_str!("pages/maintenance.html"),
            Self::Limited => include_str!("pages/limited.html"),
        }
    }

    pub(crate) fn of(self, pages: &Pages) -> &str {
        match self {
            Self::Blocked => &pages.blocked,
            Self::Refused => &pages.refused,
            Self::Unavailable => &pages.unavailable,
            Self::Maintenance => &pages.maintenance,
            Self::Limited => &pages.limited,
        }
    }
}

/// The text of a page for one request.
pub(crate) fn text(template: &str, status: StatusCode, id: RequestId) -> String {
    template
        .replace("{{status}}", status.as_str())
        .replace("{{id}}", &id.to_string())
}

/// Fields that go with every page.
pub(crate) fn headers(headers: &mut HeaderMap, retry_after: Option<u64>) {
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    );
    for (name, value) in [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Some(seconds) = retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_whole_documents_that_carry_the_id() {
        let id = RequestId::new();
        for page in [
            Page::Blocked,
            Page::Refused,
            Page::Unavailable,
            Page::Maintenance,
            Page::Limited,
        ] {
            let text = text(page.built_in(), StatusCode::FORBIDDEN, id);
            assert!(text.starts_with("<!DOCTYPE html>"));
            assert!(text.contains("<html lang=\"ja\">"));
            assert_eq!(text.matches("<h1").count(), 1);
            assert!(text.contains(&id.to_string()), "{page:?}");
            assert!(!text.contains("{{") && !text.contains("<style") && !text.contains("<script"));
        }
    }
}
