//! 検索: numbers, titles, clauses, texts of obligations, items of registers, papers, records of the
//! ledger by number, and pages; over all contracts of the visitor, and nothing that the visitor
//! may not open. What is personal is found by those only who may read it. What other capabilities
//! have (people, help, a refused request) comes from their [`SearchSource`]s.

use askama::Template;
use axum::Json;
use axum::extract::{Query, State};
use axum::response::Response;
use mamori_kernel::permission::Permission;
use mamori_runtime::{App, Guard, Route, SearchRequest, SearchSource};
use mamori_web::components::percent_encoded;
use mamori_web::{ContractTitle, Field, Page, Visitor, WebError, html};
use serde::{Deserialize, Serialize};

use super::view;
use super::{CONTRACT, LEDGER};
use crate::Office;
use crate::contracts::Live;
use crate::register::across::{Brief, MOST, Wanted, registers};
use crate::register::typed::normal;

/// What addresses of a contract begin with.
const OF_CONTRACT: &str = "/c/{contract}";
/// Longest question that is looked at, in characters.
const LONGEST: usize = 200;
/// Hits shown of each kind on the page.
const SHOWN: usize = 20;
/// Suggestions of each kind, and in all.
const SUGGESTED: usize = 4;
const SUGGESTIONS: usize = 10;

pub(super) fn routes() -> Vec<Route> {
    vec![
        // What is personal is found by words too, so a search is a reading.
        Route::get("/search", Guard::SignedIn, page).personal("search", []),
        Route::get("/search.json", Guard::SignedIn, suggestions).personal("search", []),
    ]
}

#[derive(Debug, Deserialize)]
struct Asked {
    #[serde(default)]
    q: String,
}

/// What is looked for, without what nobody can see and not longer than anybody types.
pub(crate) fn asked(q: &str) -> String {
    let visible: String = q.chars().filter(|c| !c.is_control()).collect();
    visible.trim().chars().take(LONGEST).collect()
}

/// Something found.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Hit {
    #[serde(rename = "page")]
    href: String,
    title: String,
    kind: String,
    note: String,
    /// Address in the API; pages of the menu have none.
    #[serde(rename = "href")]
    api: Option<String>,
}

/// Everything found of one kind.
#[derive(Debug)]
struct Group {
    kind: String,
    hits: Vec<Hit>,
    /// How many there are, in words.
    count: String,
    /// Whether more were found than are shown.
    cut: bool,
}

#[derive(Template)]
#[template(path = "start/search.html")]
struct SearchPage {
    page: Page,
    field: Field,
    asked: bool,
    groups: Vec<Group>,
}

async fn page(
    State(app): State<App>,
    visitor: Visitor,
    Query(query): Query<Asked>,
) -> Result<Response, WebError> {
    let page = Page::new(&app, &visitor, "search-title").here();
    let words = asked(&query.q);
    let hits = find(&app, &visitor, &page, &words).await?;
    html(&SearchPage {
        field: Field::new("search", "q", page.t("search-words"))
            .help(page.t("search-help"))
            .at_most(LONGEST)
            .value(&words),
        asked: !words.is_empty(),
        groups: groups(&page, hits),
        page,
    })
}

#[derive(Serialize)]
struct Suggestions {
    results: Vec<Suggestion>,
}

/// Something found, as the script shows it.
#[derive(Serialize)]
struct Suggestion {
    href: String,
    title: String,
    kind: String,
    note: String,
}

impl From<Hit> for Suggestion {
    fn from(hit: Hit) -> Self {
        Self {
            href: hit.href,
            title: hit.title,
            kind: hit.kind,
            note: hit.note,
        }
    }
}

async fn suggestions(
    State(app): State<App>,
    visitor: Visitor,
    Query(query): Query<Asked>,
) -> Result<Json<Suggestions>, WebError> {
    let page = Page::new(&app, &visitor, "search-title");
    let mut results: Vec<Suggestion> = Vec::new();
    for hit in find(&app, &visitor, &page, &asked(&query.q)).await? {
        let same = results.iter().filter(|one| one.kind == hit.kind).count();
        if same < SUGGESTED && results.len() < SUGGESTIONS {
            results.push(hit.into());
        }
    }
    Ok(Json(Suggestions { results }))
}

/// Hits of a kind together, in the order in which the kinds were found.
fn groups(page: &Page, hits: Vec<Hit>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for hit in hits {
        match groups.iter_mut().find(|group| group.kind == hit.kind) {
            Some(group) => group.hits.push(hit),
            None => groups.push(Group {
                kind: hit.kind.clone(),
                hits: vec![hit],
                count: String::new(),
                cut: false,
            }),
        }
    }
    for group in &mut groups {
        let count = group.hits.len();
        let key = if count >= MOST {
            "search-count-at-least"
        } else {
            "search-count"
        };
        group.count = page.t1(key, "count", count);
        group.cut = count > SHOWN;
        group.hits.truncate(SHOWN);
    }
    groups
}

/// One contract as the visitor may see it.
struct There<'a> {
    page: &'a Page,
    visitor: Visitor,
    contract: &'a ContractTitle,
    /// Name of the contract beside each hit, where there are several.
    several: bool,
    words: &'a str,
}

/// Everything in which the words occur, of what the visitor may open.
pub(crate) async fn find(
    app: &App,
    visitor: &Visitor,
    page: &Page,
    words: &str,
) -> Result<Vec<Hit>, WebError> {
    let folded = normal(words);
    if folded.is_empty() {
        return Ok(Vec::new());
    }
    let office = Office::of(app).map_err(WebError::bug)?;
    let mut hits = Vec::new();
    for contract in &page.contracts {
        let Some(role) = visitor.role_on(&contract.id) else {
            continue;
        };
        let mut visitor = visitor.clone();
        visitor.role = role;
        visitor.contract = Some(contract.id.clone());
        let there = There {
            page,
            visitor,
            contract,
            several: page.contracts.len() > 1,
            words: &folded,
        };
        let live = office
            .contracts
            .live(&contract.id)
            .await
            .map_err(view::contract_error)?;
        hits.extend(there.record(app).await?);
        hits.extend(there.sources(app).await?);
        hits.extend(there.obligations(&live));
        hits.extend(there.items(&office).await?);
        hits.extend(there.pages(app));
    }
    hits.extend(house(app, visitor, page, &folded).await?);
    Ok(hits)
}

/// What belongs to no contract: pages of the menu, people, help. It is found by whoever may open
/// it, also before there is a contract.
async fn house(
    app: &App,
    visitor: &Visitor,
    page: &Page,
    words: &str,
) -> Result<Vec<Hit>, WebError> {
    let wanted = SearchRequest {
        words: words.to_owned(),
        contract: None,
        language: visitor.language.as_str(),
    };
    let mut hits = Vec::new();
    for capability in app.capabilities() {
        for entry in &capability.navigation {
            let title = page.t(entry.label);
            if !entry.href.starts_with(OF_CONTRACT)
                && visitor.may(entry.permission)
                && wanted.fits(&title)
            {
                hits.push(Hit {
                    href: entry.href.to_owned(),
                    title,
                    kind: page.t("search-pages"),
                    note: String::new(),
                    api: None,
                });
            }
        }
    }
    for source in sources(app, false).filter(|source| visitor.may(source.permission)) {
        let found = source.find(app.clone(), wanted.clone()).await;
        let found = found.map_err(WebError::bug)?;
        hits.extend(found.into_iter().map(|one| Hit {
            href: one.href,
            title: one.title,
            kind: one.kind,
            note: one.note,
            api: one.api,
        }));
    }
    Ok(hits)
}

/// The sources of all capabilities that are asked for each contract, or for the house.
fn sources(app: &App, of_contract: bool) -> impl Iterator<Item = &SearchSource> {
    app.capabilities()
        .iter()
        .flat_map(|capability| &capability.search)
        .filter(move |source| source.of_contract == of_contract)
}

impl There<'_> {
    /// What other capabilities have about the contract.
    async fn sources(&self, app: &App) -> Result<Vec<Hit>, WebError> {
        let mut hits = Vec::new();
        for source in sources(app, true).filter(|source| self.visitor.may(source.permission)) {
            let wanted = SearchRequest {
                words: self.words.to_owned(),
                contract: Some(self.contract.id.clone()),
                language: self.visitor.language.as_str(),
            };
            let found = source.find(app.clone(), wanted).await;
            for one in found.map_err(WebError::bug)? {
                let hit = self.hit(&one.href, one.kind, one.title, &one.note);
                hits.push(match one.api {
                    Some(rest) => self.known_as(hit, &rest),
                    None => hit,
                });
            }
        }
        Ok(hits)
    }

    fn hit(&self, rest: &str, kind: String, title: String, note: &str) -> Hit {
        let note = match (self.several, note.is_empty()) {
            (false, _) => note.to_owned(),
            (true, true) => self.contract.title.clone(),
            (true, false) => format!("{note} {}", self.contract.title),
        };
        Hit {
            href: format!("/c/{}{rest}", self.contract.id),
            title,
            kind,
            note,
            api: None,
        }
    }

    /// The hit with its address in the API.
    fn known_as(&self, mut hit: Hit, rest: &str) -> Hit {
        hit.api = Some(format!("/api/v1/contracts/{}{rest}", self.contract.id));
        hit
    }

    fn fits(&self, text: &str) -> bool {
        self.words.split(' ').all(|word| text.contains(word))
    }

    /// `#123`: the record of that number.
    async fn record(&self, app: &App) -> Result<Option<Hit>, WebError> {
        let digits = self.words.strip_prefix('#').unwrap_or(self.words);
        let Ok(seq) = digits.parse::<u64>() else {
            return Ok(None);
        };
        if !self.visitor.may(LEDGER) {
            return Ok(None);
        }
        let record = match app.db.ledger_record(&self.contract.id, seq).await {
            Ok(record) => record,
            Err(mamori_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let kind = view::kind_title(app, self.page, &record.kind);
        let note = format!("{kind} {}", self.page.moment(record.at));
        let hit = self.hit(
            &format!("/ledger?seq={seq}"),
            self.page.t("nav-ledger"),
            format!("#{seq}"),
            &note,
        );
        Ok(Some(self.known_as(hit, &format!("/ledger/{seq}"))))
    }

    fn obligations(&self, live: &Live) -> Vec<Hit> {
        if !self.visitor.may(CONTRACT) {
            return Vec::new();
        }
        let kind = self.page.t("nav-obligations");
        let mut hits: Vec<Hit> = live
            .words()
            .iter()
            .filter(|(_, text)| self.fits(text))
            .filter_map(|(key, _)| {
                let row = live.contract().latest(key)?;
                let rest = format!("/obligations/{key}");
                let title = format!("{key} {}", row.title);
                let hit = self.hit(&rest, kind.clone(), title, &row.clause);
                Some(self.known_as(hit, &rest))
            })
            .collect();
        hits.extend(
            live.contract()
                .file
                .ambiguity
                .iter()
                .filter(|note| self.fits(&normal(&format!("{} {}", note.key, note.text))))
                .filter_map(|note| {
                    let obligation = note.affects.first()?;
                    let hit = self.hit(
                        &format!("/obligations/{obligation}#note-{}", note.key),
                        self.page.t("search-notes"),
                        format!("{} {}", note.key, note.text),
                        "",
                    );
                    Some(self.known_as(hit, &format!("/obligations/{obligation}")))
                }),
        );
        hits
    }

    /// Items of the registers and papers; those whose very number was typed come first.
    async fn items(&self, office: &Office) -> Result<Vec<Hit>, WebError> {
        let (mut whole, mut public) = (Vec::new(), Vec::new());
        for register in registers() {
            let area = register.spec.key;
            if self.visitor.may(Permission::read(area)) {
                let personal = self.visitor.may(Permission::write(area))
                    || self.visitor.may(Permission::accept(area));
                if personal { &mut whole } else { &mut public }.push(register);
            }
        }
        let wanted = Wanted {
            contract: &self.contract.id,
            whole,
            public,
            words: self.words,
        };
        let mut found = office
            .desk
            .search(&wanted)
            .await
            .map_err(view::desk_error)?;
        found.sort_by_key(|item| normal(&item.number) != self.words);
        Ok(found.iter().map(|item| self.item(item)).collect())
    }

    fn item(&self, item: &Brief) -> Hit {
        let spec = item.register.spec;
        let list = view::item_address(&self.contract.id, spec.key, &percent_encoded(&item.number));
        let state = view::state_name(self.page, spec, &item.state);
        let note = format!("{state} {}", self.page.day(item.day));
        let mut hit = self.hit(
            "",
            view::register_name(self.page, spec),
            format!("{} {}", item.number, item.title),
            &note,
        );
        hit.href = list;
        hit.api = Some(crate::api::answer::address_of(
            &self.contract.id,
            spec.key,
            &percent_encoded(&item.number),
        ));
        hit
    }

    /// Pages of the menu by their names.
    fn pages(&self, app: &App) -> Vec<Hit> {
        let mut hits = Vec::new();
        for entry in app
            .capabilities()
            .iter()
            .flat_map(|capability| &capability.navigation)
        {
            let label = self.page.t(entry.label);
            if let Some(rest) = entry.href.strip_prefix(OF_CONTRACT)
                && self.visitor.may(entry.permission)
                && self.fits(&normal(&label))
            {
                hits.push(self.hit(rest, self.page.t("search-pages"), label, ""));
            }
        }
        hits
    }
}
