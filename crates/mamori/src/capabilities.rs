//! The one list of capabilities. To add one: make its crate (or module) with
//! `pub fn capability() -> Capability`, and name it here. Nothing else in the tree lists them;
//! tests walk over this list.

use mamori_runtime::Capability;

/// Every capability of the program, the ground first.
pub fn all() -> Vec<Capability> {
    vec![
        mamori_web::capability(),
        mamori_office::capability(),
        mamori_gateway::capability(),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use mamori_runtime::{Guard, Verb, app};

    use super::*;

    #[test]
    fn the_list_is_sound() {
        app::check(&all()).expect("ids, jobs, schedules, routes and evidence do not repeat");
    }

    #[test]
    fn only_the_console_has_public_routes() {
        for capability in all().iter().filter(|capability| capability.id != "web") {
            for route in &capability.routes {
                // A calendar program has no sign-in: the feed's address is itself the secret.
                let feed = route.path == "/calendar/{file}" && route.verb == Verb::Get;
                assert!(feed || route.guard != Guard::Public, "{route:?}");
            }
        }
    }

    /// What changes nothing but a person's own view of what they may read.
    const OWN: [&str; 2] = [
        "/c/{contract}/calendar/feed",
        "/c/{contract}/calendar/feed/stop",
    ];

    #[test]
    fn what_changes_something_needs_more_than_reading() {
        use mamori_kernel::permission::Access;
        let list = all();
        let routes = list.iter().flat_map(|capability| &capability.routes);
        for route in routes.filter(|route| !OWN.contains(&route.path)) {
            if let (true, Guard::Needs(permission)) = (route.verb != Verb::Get, route.guard) {
                assert_ne!(permission.access, Access::Read, "{route:?}");
            }
        }
    }

    #[test]
    fn every_menu_entry_leads_to_a_page_with_its_permission() {
        let list = all();
        let pages: Vec<_> = list
            .iter()
            .flat_map(|capability| &capability.routes)
            .filter(|route| route.verb == Verb::Get)
            .collect();
        for entry in list.iter().flat_map(|capability| &capability.navigation) {
            let page = pages
                .iter()
                .find(|route| route.path == entry.href)
                .unwrap_or_else(|| panic!("{} leads nowhere", entry.href));
            assert_eq!(page.guard, Guard::Needs(entry.permission), "{}", entry.href);
        }
    }

    /// Keys of a Fluent source: what stands before ` = ` at the beginning of a line.
    fn keys(source: &str) -> BTreeSet<&str> {
        source
            .lines()
            .filter(|line| line.starts_with(|first: char| first.is_ascii_lowercase()))
            .filter_map(|line| line.split_once('=').map(|(key, _)| key.trim_end()))
            .collect()
    }

    #[test]
    fn every_text_exists_in_both_languages() {
        let of = |language: &str| -> BTreeSet<&str> {
            all()
                .iter()
                .flat_map(|capability| &capability.texts)
                .filter(|texts| texts.language == language)
                .flat_map(|texts| keys(texts.source))
                .collect()
        };
        let (japanese, english) = (of("ja"), of("en"));
        let only: Vec<&&str> = japanese.symmetric_difference(&english).collect();
        assert!(only.is_empty(), "in one language only: {only:?}");
        assert!(japanese.len() > 60);
    }

    #[test]
    fn every_menu_entry_has_a_text() {
        let list = all();
        let book = mamori_web::texts::TextBook::of(&list).expect("the texts are sound");
        for entry in list.iter().flat_map(|capability| &capability.navigation) {
            for key in [entry.label, entry.group.label()] {
                for language in mamori_web::Language::ALL {
                    assert!(book.text(language, key, &[]).is_some(), "{key}");
                }
            }
        }
    }

    #[test]
    fn what_runs_and_what_is_written_has_a_name_for_people() {
        let list = all();
        let book = mamori_web::texts::TextBook::of(&list).expect("the texts are sound");
        let dashed = |name: &str| name.replace(['.', '_'], "-");
        let jobs = list.iter().flat_map(|one| {
            let schedules = one.schedules.iter().map(|schedule| schedule.name);
            schedules.chain(one.jobs.iter().map(|job| job.name))
        });
        let kinds = list.iter().flat_map(|one| &one.evidence);
        let mut lacking: Vec<String> = jobs
            .map(|name| format!("job-{}", dashed(name)))
            .chain(kinds.map(|kind| format!("kind-{}", dashed(kind.kind))))
            .filter(|key| {
                mamori_web::Language::ALL
                    .iter()
                    .any(|language| book.text(*language, key, &[]).is_none())
            })
            .collect();
        lacking.sort();
        lacking.dedup();
        assert!(lacking.is_empty(), "{lacking:?}");
    }

    #[test]
    fn every_route_of_the_api_is_described_and_no_page_is() {
        for route in all().iter().flat_map(|capability| &capability.routes) {
            let is_api = route.path.starts_with("/api/");
            assert_eq!(route.operation.is_some(), is_api, "{route:?}");
            if let Some(operation) = &route.operation {
                assert!(!operation.answers.is_empty(), "{route:?} answers nothing");
                assert!(!operation.summary_ja.is_empty() && !operation.summary_en.is_empty());
            }
        }
    }

    /// The paths of the API with who may use them. A change is meant, or it is a mistake.
    #[test]
    fn paths_and_permissions_of_the_api_are_the_known_ones() {
        let list = all();
        let routes = list.iter().flat_map(|capability| &capability.routes);
        let document = mamori_web::api::openapi::document(routes);
        let mut lines = Vec::new();
        for (path, verbs) in document["paths"].as_object().expect("an object") {
            for (verb, operation) in verbs.as_object().expect("an object") {
                let permission = operation["x-permission"].as_str().expect("text");
                lines.push(format!("{} {path} {permission}", verb.to_ascii_uppercase()));
            }
        }
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn the_description_refers_to_nothing_that_is_missing() {
        let list = all();
        let routes = list.iter().flat_map(|capability| &capability.routes);
        let document = mamori_web::api::openapi::document(routes);
        let text = document.to_string();
        for reference in text.split("\"$ref\":\"").skip(1) {
            let target = reference.split('"').next().expect("a target");
            let pointer = target.trim_start_matches('#');
            assert!(
                document.pointer(pointer).is_some(),
                "{target} leads nowhere"
            );
        }
        let ids: Vec<&str> = text
            .split("\"operationId\":\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
        assert!(!text.contains("x-component"));
    }

    #[test]
    fn evidence_is_written_by_one_capability_only() {
        let mut seen = BTreeSet::new();
        for capability in all() {
            let kinds: BTreeSet<&str> = capability.evidence.iter().map(|kind| kind.kind).collect();
            for kind in kinds {
                assert!(seen.insert(kind), "{kind} is declared twice");
            }
        }
    }
}
