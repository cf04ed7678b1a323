//! Licences, bans and sources of everything we build, by the rules of `deny.toml`.
//!
//! `cargo deny` reads the same file and is run too where it is installed. This check exists because
//! building cargo-deny takes minutes and the rule must hold on every run. It reads what a package
//! declares; it does not look into licence texts.

use cargo_metadata::{Metadata, MetadataCommand};
use spdx::{Expression, ParseMode};

use crate::step;

/// The part of `deny.toml` that we check ourselves.
#[derive(Debug)]
struct Rules {
    allowed: Vec<String>,
    banned: Vec<String>,
    /// Crates banned except as a dependency of these.
    wrapped: Vec<(String, Vec<String>)>,
}

/// Findings in this workspace.
pub fn findings() -> anyhow::Result<Vec<String>> {
    let rules = Rules::read(&std::fs::read_to_string(step::root().join("deny.toml"))?)?;
    // Only what is built on the systems we support; Windows bindings are not our concern.
    let metadata = MetadataCommand::new()
        .manifest_path(step::root().join("Cargo.toml"))
        .other_options(vec![
            "--filter-platform".into(),
            "x86_64-unknown-linux-gnu".into(),
            "--locked".into(),
        ])
        .exec()?;
    Ok(all(&rules, &metadata))
}

impl Rules {
    fn read(text: &str) -> anyhow::Result<Self> {
        let table: toml::Table = toml::from_str(text)?;
        let strings = |section: &str, key: &str| -> anyhow::Result<Vec<String>> {
            let list = table
                .get(section)
                .and_then(|section| section.get(key))
                .and_then(toml::Value::as_array)
                .ok_or_else(|| anyhow::anyhow!("deny.toml lacks [{section}] {key}"))?;
            Ok(list
                .iter()
                .filter(|item| item.get("wrappers").is_none())
                .filter_map(|item| item.as_str().or_else(|| item.get("crate")?.as_str()))
                .map(str::to_owned)
                .collect())
        };
        let banned = strings("bans", "deny")?;
        let wrapped = table["bans"]["deny"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|item| {
                let wrappers = item.get("wrappers")?.as_array()?;
                let wrappers = wrappers.iter().filter_map(toml::Value::as_str);
                let name = item.get("crate")?.as_str()?.to_owned();
                Some((name, wrappers.map(str::to_owned).collect()))
            })
            .collect();
        Ok(Self {
            allowed: strings("licenses", "allow")?,
            banned,
            wrapped,
        })
    }
}

fn all(rules: &Rules, metadata: &Metadata) -> Vec<String> {
    let built: Vec<_> = metadata
        .resolve
        .iter()
        .flat_map(|resolve| &resolve.nodes)
        .map(|node| &node.id)
        .collect();
    metadata
        .packages
        .iter()
        .filter(|package| built.contains(&&package.id))
        .flat_map(|package| {
            let source = package.source.as_ref().map(|source| source.repr.as_str());
            one(rules, &package.name, package.license.as_deref(), source)
                .into_iter()
                .map(|what| format!("{} {}: {what}", package.name, package.version))
                .collect::<Vec<_>>()
        })
        .chain(outside_wrappers(rules, metadata))
        .collect()
}

/// Who depends on a crate that only its wrappers may name.
fn outside_wrappers(rules: &Rules, metadata: &Metadata) -> Vec<String> {
    let mut findings = Vec::new();
    for node in metadata.resolve.iter().flat_map(|resolve| &resolve.nodes) {
        let name = &metadata[&node.id].name;
        for dependency in &node.dependencies {
            let wanted = &metadata[dependency].name;
            for (banned, wrappers) in &rules.wrapped {
                if wanted.as_str() == banned && !wrappers.iter().any(|one| one == name.as_str()) {
                    findings.push(format!("{name}: depends on {banned}, banned by deny.toml"));
                }
            }
        }
    }
    findings
}

/// What is wrong with one package. `source` is `None` for our own.
fn one(rules: &Rules, name: &str, licence: Option<&str>, source: Option<&str>) -> Vec<String> {
    let mut findings = Vec::new();
    match licence.map(|text| (text, Expression::parse_mode(text, ParseMode::LAX))) {
        None => findings.push("declares no licence".to_owned()),
        Some((text, Err(error))) => findings.push(format!(
            "licence {text:?} is no SPDX expression: {}",
            error.reason
        )),
        Some((text, Ok(expression))) => {
            if !expression
                .evaluate(|need| rules.allowed.iter().any(|name| *name == need.to_string()))
            {
                findings.push(format!("licence {text:?} is not allowed by deny.toml"));
            }
        }
    }
    if rules.banned.iter().any(|banned| banned == name) {
        findings.push("is banned by deny.toml".to_owned());
    }
    if source.is_some_and(|source| {
        !source.starts_with("registry+https://github.com/rust-lang/crates.io-index")
    }) {
        findings.push("does not come from crates.io".to_owned());
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        Rules::read("[licenses]\nallow = [\"MIT\", \"Apache-2.0\", \"Apache-2.0 WITH LLVM-exception\"]\n[bans]\ndeny = [{ crate = \"openssl\" }]\n")
            .expect("well formed")
    }

    #[test]
    fn an_allowed_licence_passes() {
        for licence in [
            "MIT",
            "MIT OR GPL-3.0-only",
            "MIT/Apache-2.0",
            "Apache-2.0 WITH LLVM-exception OR GPL-2.0-only",
        ] {
            assert_eq!(
                one(&rules(), "x", Some(licence), None),
                Vec::<String>::new(),
                "{licence}"
            );
        }
    }

    #[test]
    fn other_licences_bans_and_sources_are_found() {
        let rules = rules();
        assert!(one(&rules, "x", Some("AGPL-3.0-only"), None)[0].contains("not allowed"));
        assert!(one(&rules, "x", Some("MIT AND GPL-3.0-only"), None)[0].contains("not allowed"));
        assert!(one(&rules, "x", None, None)[0].contains("no licence"));
        assert!(one(&rules, "openssl", Some("MIT"), None)[0].contains("banned"));
        assert!(
            one(&rules, "x", Some("MIT"), Some("git+https://example.org/x"))[0]
                .contains("crates.io")
        );
    }

    #[test]
    fn deny_toml_is_readable() {
        let text =
            std::fs::read_to_string(step::root().join("deny.toml")).expect("deny.toml is there");
        let rules = Rules::read(&text).expect("well formed");
        assert!(rules.allowed.iter().any(|name| name == "MIT"));
        assert!(!rules.allowed.iter().any(|name| name.contains("GPL")));
        assert!(!rules.banned.is_empty());
    }
}
