//! Kinds of attack, as the rules tag them (`attack-sqli`).

use mamori_web::Page;

/// What has no tag of a kind.
pub const OTHER: &str = "other";

/// Kinds that the Core Rule Set has, and so have words: `gateway-kind-…` of the texts.
const KNOWN: [&str; 18] = [
    "sqli",
    "xss",
    "rce",
    "lfi",
    "rfi",
    "injection-php",
    "injection-java",
    "injection-generic",
    "ssrf",
    "ssti",
    "protocol",
    "multipart-header",
    "deprecated-header",
    "fixation",
    "disclosure",
    "reputation-scanner",
    "generic",
    OTHER,
];

/// Kinds among the tags of a rule.
pub fn of_tags(tags: &[String]) -> impl Iterator<Item = &str> {
    tags.iter().filter_map(|tag| tag.strip_prefix("attack-"))
}

/// A kind in the words of a page; one that is not known stands for itself.
pub fn in_words(page: &Page, kind: &str) -> String {
    if KNOWN.contains(&kind) {
        page.t(&format!("gateway-kind-{kind}"))
    } else {
        kind.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_kind_has_words_in_both_languages() {
        for language in ["ja", "en"] {
            let texts = crate::pages::texts().into_iter();
            let own: String = texts
                .filter(|texts| texts.language == language)
                .map(|texts| texts.source)
                .collect();
            for kind in KNOWN {
                let key = format!("\ngateway-kind-{kind} = ");
                assert!(own.contains(&key), "{language}: {kind}");
            }
        }
    }
}
