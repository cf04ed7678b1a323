//! `/help`: short pages for each role's first day and for each kind of work, in both languages.
//!
//! The words stand in `locales/*/help.ftl`, one message per topic, with marks that [`blocks`]
//! understands: `## ` heading, `- ` point, `1. ` step, a blank line between paragraphs, `` `code` ``
//! and `~key~`. Nothing in them is markup, so nothing in them can break a page.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use mamori_kernel::permission::Role;
use mamori_runtime::{App, Route, SearchHit, SearchRequest, SearchSource};

use super::HELP;
use crate::error::{WebError, html};
use crate::page::Page;
use crate::session::Visitor;
use crate::texts::Language;

/// A topic: its key in the address and in the texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Topic {
    key: &'static str,
    /// The role whose first day it is.
    role: Option<Role>,
}

const fn topic(key: &'static str) -> Topic {
    Topic { key, role: None }
}

const fn first_day(key: &'static str, role: Role) -> Topic {
    Topic {
        key,
        role: Some(role),
    }
}

/// All topics, in the order of the list.
const TOPICS: [Topic; 24] = [
    first_day("first-city", Role::City),
    first_day("first-manager", Role::Manager),
    first_day("first-staff", Role::Staff),
    first_day("first-counsellor", Role::Counsellor),
    first_day("first-viewer", Role::Viewer),
    first_day("first-administrator", Role::Administrator),
    topic("overview"),
    topic("work"),
    topic("requests"),
    topic("closing"),
    topic("acceptance"),
    topic("obligations"),
    topic("verdicts"),
    topic("proofs"),
    topic("things"),
    topic("letters"),
    topic("settings"),
    topic("ledger"),
    topic("gateway"),
    topic("audit"),
    topic("account"),
    topic("programs"),
    topic("search"),
    topic("keys"),
];

/// Beginnings of the part of an address behind the contract, and the topic that explains them; the
/// longest that fits counts. The empty one is the start page of a contract.
const PLACES: [(&str, &str); 32] = [
    ("", "overview"),
    ("/contracts", "overview"),
    ("/work", "work"),
    ("/request", "requests"),
    ("/question", "requests"),
    ("/approval", "requests"),
    ("/consultation", "requests"),
    ("/closing", "closing"),
    ("/documents", "acceptance"),
    ("/obligations", "obligations"),
    ("/calendar", "obligations"),
    ("/attestation", "proofs"),
    ("/subcontract", "proofs"),
    ("/training", "proofs"),
    ("/measure", "proofs"),
    ("/handover", "proofs"),
    ("/record", "proofs"),
    ("/asset", "things"),
    ("/media", "things"),
    ("/letters", "letters"),
    ("/settings", "settings"),
    ("/ledger", "ledger"),
    ("/gateway", "gateway"),
    ("/webhooks", "programs"),
    ("/account/tokens", "programs"),
    ("/people", "first-administrator"),
    ("/people/audit", "audit"),
    ("/people/changes", "audit"),
    ("/system", "first-administrator"),
    ("/account", "account"),
    ("/prove", "account"),
    ("/search", "search"),
];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/help", HELP, list),
        Route::get("/help/{topic}", HELP, one),
    ]
}

/// The address of the help that explains the page at `path`; the list where none is meant.
pub fn topic_of(path: &str) -> String {
    let (contract, rest) = match path.strip_prefix("/c/") {
        Some(rest) => (true, rest.find('/').map_or("", |at| &rest[at..])),
        None => (false, path),
    };
    // With nothing behind it, only the address of a contract is its start page.
    let rest = rest.trim_end_matches('/');
    PLACES
        .iter()
        .filter(|(place, _)| match rest.strip_prefix(place) {
            Some(tail) if place.is_empty() => contract && tail.is_empty(),
            Some(tail) => tail.is_empty() || tail.starts_with('/'),
            None => false,
        })
        .max_by_key(|(place, _)| place.len())
        .map_or_else(|| "/help".to_owned(), |(_, key)| format!("/help/{key}"))
}

/// The beginnings of addresses that have a topic of their own.
pub fn places() -> impl Iterator<Item = &'static str> {
    PLACES.iter().map(|(place, _)| *place)
}

/// Topics by the words of their title and their first line.
pub(super) fn source() -> SearchSource {
    SearchSource::house("help", HELP, |app: App, wanted: SearchRequest| async move {
        let page = Page::bare(&app, Language::of(wanted.language), "help-title");
        let hits = TOPICS.iter().filter_map(|topic| {
            let title = page.t(&format!("help-{}", topic.key));
            let lead = page.t(&format!("help-{}-lead", topic.key));
            wanted.fits(&format!("{title} {lead}")).then(|| SearchHit {
                href: format!("/help/{}", topic.key),
                title,
                kind: page.title.clone(),
                note: lead,
                api: None,
            })
        });
        Ok(hits.collect())
    })
}

/// A piece of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    /// `text`, `code` or `key`.
    kind: &'static str,
    text: String,
}

/// A paragraph, a heading or a list.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Block {
    /// `heading`, `paragraph`, `points` or `steps`.
    kind: &'static str,
    lines: Vec<Vec<Piece>>,
}

/// Reads a text with the marks of the module's head.
fn blocks(text: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut continues = false;
    for line in text.lines().map(str::trim) {
        if line.is_empty() {
            continues = false;
            continue;
        }
        let (kind, words) = if let Some(words) = line.strip_prefix("## ") {
            ("heading", words)
        } else if let Some(words) = line.strip_prefix("- ") {
            ("points", words)
        } else if let Some(words) = step(line) {
            ("steps", words)
        } else {
            ("paragraph", line)
        };
        let joins = continues && matches!(kind, "points" | "steps");
        match found.last_mut() {
            Some(last) if joins && last.kind == kind => last.lines.push(pieces(words)),
            _ => found.push(Block {
                kind,
                lines: vec![pieces(words)],
            }),
        }
        continues = true;
    }
    found
}

/// What stands behind `12. `.
fn step(line: &str) -> Option<&str> {
    let (number, words) = line.split_once(". ")?;
    number
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then_some(words)
}

fn pieces(line: &str) -> Vec<Piece> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some(start) = rest.find(['`', '~']) {
        let (before, marked) = rest.split_at(start);
        let mark = &marked[..1];
        let Some(end) = marked[1..].find(mark) else {
            break;
        };
        push(&mut found, "text", before);
        let kind = if mark == "`" { "code" } else { "key" };
        push(&mut found, kind, &marked[1..=end]);
        rest = &marked[end + 2..];
    }
    push(&mut found, "text", rest);
    found
}

fn push(found: &mut Vec<Piece>, kind: &'static str, text: &str) {
    if !text.is_empty() {
        found.push(Piece {
            kind,
            text: text.to_owned(),
        });
    }
}

/// A topic in a list.
struct Entry {
    href: String,
    title: String,
    lead: String,
    own: bool,
}

fn entry(page: &Page, topic: Topic, visitor: &Visitor) -> Entry {
    Entry {
        href: format!("/help/{}", topic.key),
        title: page.t(&format!("help-{}", topic.key)),
        lead: page.t(&format!("help-{}-lead", topic.key)),
        own: topic.role == Some(visitor.role),
    }
}

#[derive(Template)]
#[template(path = "house/help.html")]
struct HelpList {
    page: Page,
    first_days: Vec<Entry>,
    topics: Vec<Entry>,
}

async fn list(State(app): State<App>, visitor: Visitor) -> Result<Response, WebError> {
    let page = Page::new(&app, &visitor, "help-title").here();
    let (days, topics): (Vec<Topic>, Vec<Topic>) =
        TOPICS.iter().partition(|topic| topic.role.is_some());
    let mut first_days: Vec<Entry> = days
        .into_iter()
        .map(|topic| entry(&page, topic, &visitor))
        .collect();
    // One's own first day first.
    first_days.sort_by_key(|entry| !entry.own);
    let topics = topics
        .into_iter()
        .map(|topic| entry(&page, topic, &visitor))
        .collect();
    html(&HelpList {
        page,
        first_days,
        topics,
    })
}

#[derive(Template)]
#[template(path = "house/help-topic.html")]
struct HelpPage {
    page: Page,
    lead: String,
    blocks: Vec<Block>,
}

async fn one(
    State(app): State<App>,
    visitor: Visitor,
    Path(key): Path<String>,
) -> Result<Response, WebError> {
    let Some(topic) = TOPICS.iter().find(|topic| topic.key == key) else {
        return Err(WebError::NotFound(key));
    };
    let page = Page::new(&app, &visitor, &format!("help-{}", topic.key))
        .under("help-title", "/help")
        .here();
    let body = page.t(&format!("help-{}-body", topic.key));
    html(&HelpPage {
        lead: page.t(&format!("help-{}-lead", topic.key)),
        blocks: blocks(&body),
        page,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_leads_to_a_topic() {
        for (_, key) in PLACES {
            assert!(TOPICS.iter().any(|topic| topic.key == key), "{key}");
        }
        assert_eq!(topic_of("/c/aoba/work/7"), "/help/work");
        assert_eq!(topic_of("/c/aoba/workshop"), "/help");
        assert_eq!(topic_of("/c/work"), "/help/overview");
        assert_eq!(topic_of("/c/aoba/"), "/help/overview");
        assert_eq!(topic_of("/people/u-1"), "/help/first-administrator");
        assert_eq!(topic_of("/people/audit"), "/help/audit");
        assert_eq!(topic_of("/account/tokens/t-1"), "/help/programs");
        assert_eq!(topic_of("/system/jobs"), "/help/first-administrator");
        assert_eq!(topic_of("/"), "/help");
    }

    #[test]
    fn marks_become_blocks_and_pieces() {
        let found = blocks("はじめ\n\n## 題\n- 一\n- `二`\n\n1. ~n~ を押す\n2. 終わり");
        let kinds: Vec<(&str, usize)> = found
            .iter()
            .map(|block| (block.kind, block.lines.len()))
            .collect();
        assert_eq!(
            kinds,
            [
                ("paragraph", 1),
                ("heading", 1),
                ("points", 2),
                ("steps", 2)
            ]
        );
        let key = &found[3].lines[0][0];
        assert_eq!((key.kind, key.text.as_str()), ("key", "n"));
        assert_eq!(found[2].lines[1][0].kind, "code");
    }

    #[test]
    fn a_lonely_mark_stays_as_it_is() {
        let line = pieces("9:00~17:15");
        assert_eq!((line.len(), line[0].text.as_str()), (1, "9:00~17:15"));
    }

    #[test]
    fn every_topic_is_written_in_both_languages() {
        let book = crate::texts::TextBook::of(&[mamori_runtime::Capability {
            texts: super::super::texts(),
            ..Default::default()
        }])
        .expect("the texts are sound");
        for language in crate::Language::ALL {
            for topic in TOPICS {
                for end in ["", "-lead", "-body"] {
                    let key = format!("help-{}{end}", topic.key);
                    let text = book.text(language, &key, &[]).unwrap_or_default();
                    assert!(!text.trim().is_empty(), "{key} {language:?}");
                }
                let body = book
                    .text(language, &format!("help-{}-body", topic.key), &[])
                    .unwrap_or_default();
                assert!(blocks(&body).len() >= 3, "{} {language:?}", topic.key);
            }
        }
    }
}
