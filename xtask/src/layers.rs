//! The rows of `ARCHITECTURE.md` as a table, compared with what `cargo metadata` says.
//!
//! A crate imports only from lower rows; crates of one row never import each other; a heavy or
//! sharp dependency is named by the crate that wraps it and by no other.

use std::collections::BTreeMap;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

use crate::step;

/// Our crates and their rows, as in the map of `ARCHITECTURE.md`.
const ROWS: &[(&str, u8)] = &[
    ("mamori-kernel", 0),
    ("mamori-waf", 0),
    ("mamori-contract", 1),
    ("mamori-document", 1),
    ("mamori-store", 1),
    ("mamori-proxy", 1),
    ("mamori-rules", 1),
    ("mamori-runtime", 2),
    ("mamori-web", 3),
    ("mamori-office", 4),
    ("mamori-gateway", 4),
    ("mamori", 5),
];

/// Beside the rows: of ours, nothing depends on them except tests, and only as listed here.
const BESIDE: &[Beside] = &[
    Beside {
        name: "mamori-sitekit",
        may_use: &[],
    },
    Beside {
        name: "mamori-testkit",
        may_use: &[
            "mamori-kernel",
            "mamori-store",
            "mamori-runtime",
            "mamori-web",
            "mamori-sitekit",
        ],
    },
    Beside {
        name: "xtask",
        may_use: &["mamori-sitekit"],
    },
    Beside {
        name: "mamori-e2e",
        may_use: &["mamori-testkit"],
    },
];

/// A crate beside the rows.
struct Beside {
    name: &'static str,
    may_use: &'static [&'static str],
}

/// Third-party crates that only some of ours may name, each with the reason.
const ALONE: &[Alone] = &[
    Alone {
        crates: &["sqlx"],
        users: &["mamori-store"],
        why: "one place speaks SQL to a driver (store::Db)",
    },
    Alone {
        crates: &["typst", "typst-layout", "typst-pdf", "rust_xlsxwriter"],
        users: &["mamori-document"],
        why: "minutes to compile; documents are made in one place",
    },
    Alone {
        crates: &["quick-xml"],
        users: &["mamori-document", "mamori-waf"],
        why: "papers are written as XML, and bodies of requests are read as XML",
    },
    Alone {
        crates: &[
            "libinjectionrs",
            "regex-automata",
            "regex-syntax",
            "aho-corasick",
        ],
        users: &["mamori-waf"],
        why: "requests are judged in one place; everything else that matches text uses regex",
    },
    Alone {
        crates: &["toml_edit"],
        users: &["mamori-contract"],
        why: "the contract language is read in one place",
    },
    Alone {
        crates: &["schemars"],
        users: &["mamori-contract", "mamori-web", "mamori-office"],
        why: "schemas of the contract language, and of what the API takes",
    },
    Alone {
        crates: &["ed25519-dalek"],
        users: &["mamori-store"],
        why: "the ledger's key is used in one place",
    },
    Alone {
        crates: &["jsonwebtoken", "ring", "totp-rs", "webauthn-rs", "zxcvbn"],
        users: &["mamori-web"],
        why: "who somebody is, is proved in one place",
    },
    Alone {
        crates: &["aes-gcm"],
        users: &["mamori-runtime"],
        why: "what is secret at rest is sealed in one place",
    },
    Alone {
        crates: &["argon2"],
        users: &["mamori-web"],
        why: "passwords are checked in one place",
    },
    Alone {
        crates: &[
            "lettre",
            "ureq",
            "metrics-exporter-prometheus",
            "tracing-subscriber",
        ],
        users: &["mamori-runtime"],
        why: "what goes out goes through runtime",
    },
    Alone {
        crates: &["askama"],
        users: &["mamori-web", "mamori-office", "mamori-gateway"],
        why: "pages belong to web and to capabilities",
    },
    Alone {
        crates: &["axum"],
        users: &[
            "mamori-runtime",
            "mamori-web",
            "mamori-office",
            "mamori-gateway",
            "mamori",
            "mamori-testkit",
        ],
        why: "rows 0 and 1 know no HTTP",
    },
    Alone {
        crates: &["h2", "hyper", "hyper-util", "rustls", "tokio-rustls"],
        users: &["mamori-proxy"],
        why: "connections of visitors are taken in one place; the console's server is axum's",
    },
    Alone {
        crates: &["instant-acme", "rcgen", "x509-parser"],
        users: &["mamori-gateway"],
        why: "certificates are asked for, made and read in one place; proxy is handed them",
    },
    Alone {
        crates: &["tokio"],
        users: &[
            "mamori-store",
            "mamori-proxy",
            "mamori-runtime",
            "mamori-web",
            "mamori-office",
            "mamori-gateway",
            "mamori",
            "mamori-testkit",
        ],
        why: "kernel, contract and document are pure: no async",
    },
    Alone {
        crates: &["anyhow"],
        users: &["mamori", "xtask", "mamori-e2e"],
        why: "libraries have typed errors",
    },
];

/// A restriction on who names a third-party crate.
struct Alone {
    crates: &'static [&'static str],
    users: &'static [&'static str],
    why: &'static str,
}

/// What of a package the table speaks about.
#[derive(Debug)]
struct Package {
    name: String,
    /// Name of the dependency and whether it is for tests only.
    dependencies: Vec<(String, bool)>,
}

/// Findings in this workspace.
pub fn findings() -> anyhow::Result<Vec<String>> {
    let metadata = MetadataCommand::new()
        .manifest_path(step::root().join("Cargo.toml"))
        .no_deps()
        .exec()?;
    Ok(check(&packages(&metadata)))
}

fn packages(metadata: &Metadata) -> Vec<Package> {
    metadata
        .workspace_packages()
        .into_iter()
        .map(|package| Package {
            name: package.name.to_string(),
            dependencies: package
                .dependencies
                .iter()
                .map(|dependency| {
                    (
                        dependency.name.clone(),
                        dependency.kind == DependencyKind::Development,
                    )
                })
                .collect(),
        })
        .collect()
}

fn check(packages: &[Package]) -> Vec<String> {
    let rows: BTreeMap<&str, u8> = ROWS.iter().copied().collect();
    let beside = |name: &str| BESIDE.iter().find(|beside| beside.name == name);
    let ours = |name: &str| {
        rows.contains_key(name)
            || beside(name).is_some()
            || packages.iter().any(|package| package.name == name)
    };
    let mut findings = Vec::new();

    for Package { name, dependencies } in packages {
        let row = rows.get(name.as_str()).copied();
        if row.is_none() && beside(name).is_none() {
            findings.push(format!(
                "{name} has no row: add it to the map in ARCHITECTURE.md and to ROWS in xtask/src/layers.rs"
            ));
            continue;
        }
        for (dependency, for_tests) in dependencies {
            if ours(dependency) {
                if let Some(why) = forbidden(name, row, dependency, *for_tests, &rows) {
                    findings.push(format!("{name} -> {dependency}: {why}"));
                }
            } else if !for_tests && let Some(alone) = restricted(name, dependency) {
                findings.push(format!(
                    "{name} -> {dependency}: only {} may name it ({})",
                    alone.users.join(", "),
                    alone.why
                ));
            }
        }
    }
    findings
}

fn restricted(name: &str, dependency: &str) -> Option<&'static Alone> {
    ALONE
        .iter()
        .find(|alone| alone.crates.contains(&dependency) && !alone.users.contains(&name))
}

/// Why an edge between two of our crates is not allowed, if so.
fn forbidden(
    name: &str,
    row: Option<u8>,
    dependency: &str,
    for_tests: bool,
    rows: &BTreeMap<&str, u8>,
) -> Option<String> {
    let target = rows.get(dependency).copied();
    match (row, target) {
        (Some(row), Some(target)) if target < row => None,
        (Some(row), Some(target)) if target == row => Some(format!(
            "both are in row {row}; crates of one row never import each other"
        )),
        (Some(row), Some(target)) => Some(format!(
            "row {row} may not import from row {target} above it"
        )),
        (Some(_), None) if ["mamori-testkit", "mamori-sitekit"].contains(&dependency) => {
            (!for_tests).then(|| format!("{dependency} is a dev-dependency only"))
        }
        (Some(_), None) => Some("it stands beside the rows; nothing depends on it".to_owned()),
        (None, _) => {
            let allowed = BESIDE
                .iter()
                .find(|beside| beside.name == name)
                .map_or(&[][..], |beside| beside.may_use);
            (!allowed.contains(&dependency)).then(|| {
                format!(
                    "{name} stands beside the rows and may use only: {}",
                    allowed.join(", ")
                )
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, dependencies: &[(&str, bool)]) -> Package {
        Package {
            name: name.to_owned(),
            dependencies: dependencies
                .iter()
                .map(|(name, tests)| ((*name).to_owned(), *tests))
                .collect(),
        }
    }

    fn one(name: &str, dependency: &str, for_tests: bool) -> Vec<String> {
        check(&[package(name, &[(dependency, for_tests)])])
    }

    #[test]
    fn this_workspace_keeps_its_layers() {
        assert_eq!(
            findings().expect("cargo metadata works"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn downward_edges_are_fine() {
        assert!(one("mamori-office", "mamori-kernel", false).is_empty());
        assert!(one("mamori", "mamori-web", false).is_empty());
        assert!(one("mamori-store", "sqlx", false).is_empty());
        assert!(one("mamori-store", "mamori-testkit", true).is_empty());
    }

    #[test]
    fn forbidden_edges_are_found() {
        assert!(
            one("mamori-kernel", "mamori-store", false)[0]
                .contains("row 0 may not import from row 1")
        );
        assert!(one("mamori-contract", "mamori-store", false)[0].contains("both are in row 1"));
        assert!(
            one("mamori-contract", "mamori-store", true)[0].contains("both are in row 1"),
            "tests too"
        );
        assert!(one("mamori-office", "mamori-testkit", false)[0].contains("dev-dependency only"));
        assert!(one("mamori-office", "sqlx", false)[0].contains("only mamori-store may name it"));
        assert!(one("mamori", "typst", false)[0].contains("only mamori-document"));
        assert!(one("mamori-kernel", "tokio", false)[0].contains("pure"));
        assert!(one("mamori-testkit", "mamori-office", false)[0].contains("beside the rows"));
        assert!(check(&[package("mamori-new", &[])])[0].contains("has no row"));
    }

    /// The same through the form that `cargo metadata` really prints.
    #[test]
    fn a_forbidden_edge_is_found_in_metadata() {
        let package = |name: &str, dependencies: serde_json::Value| {
            serde_json::json!({
                "name": name, "version": "0.1.0", "id": format!("path+file:///w/{name}#0.1.0"), "source": null,
                "dependencies": dependencies, "targets": [], "features": {}, "manifest_path": format!("/w/{name}/Cargo.toml"),
                "license": null, "license_file": null, "description": null, "metadata": null, "publish": null,
                "authors": [], "categories": [], "keywords": [], "readme": null, "repository": null, "homepage": null,
                "documentation": null, "edition": "2024", "links": null, "default_run": null, "rust_version": null,
            })
        };
        let dependency = |name: &str, kind: serde_json::Value| {
            serde_json::json!({
                "name": name, "source": null, "req": "*", "kind": kind, "rename": null, "optional": false,
                "uses_default_features": true, "features": [], "target": null, "registry": null,
            })
        };
        let text = serde_json::json!({
            "packages": [
                package("mamori-kernel", serde_json::json!([dependency("mamori-testkit", serde_json::json!("dev")), dependency("sqlx", serde_json::Value::Null)])),
                package("mamori-testkit", serde_json::json!([])),
            ],
            "workspace_members": ["path+file:///w/mamori-kernel#0.1.0", "path+file:///w/mamori-testkit#0.1.0"],
            "workspace_default_members": [], "resolve": null, "target_directory": "/w/target", "version": 1,
            "workspace_root": "/w", "metadata": null,
        })
        .to_string();
        let metadata =
            MetadataCommand::parse(text).expect("the fixture has the form of cargo metadata");
        let findings = check(&packages(&metadata));
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(findings[0].starts_with("mamori-kernel -> sqlx: only mamori-store may name it"));
    }

    /// The table here and the map in ARCHITECTURE.md say the same.
    #[test]
    fn the_table_is_the_map_of_architecture_md() {
        let text = std::fs::read_to_string(step::root().join("ARCHITECTURE.md"))
            .expect("ARCHITECTURE.md is there");
        let map = text
            .split("```")
            .nth(1)
            .expect("the map is the first code block");
        let mut row = None;
        let mut found = Vec::new();
        for line in map.lines() {
            let mut words = line.split_whitespace().peekable();
            if words.peek() == Some(&"row") {
                words.next();
                row = words.next().and_then(|number| number.parse::<u8>().ok());
            } else if line.starts_with("beside") {
                row = None;
            }
            if let (Some(row), Some(name)) = (row, words.next()) {
                let name = if name == "mamori" {
                    name.to_owned()
                } else {
                    format!("mamori-{name}")
                };
                found.push((name, row));
            }
        }
        let table: Vec<(String, u8)> = ROWS
            .iter()
            .map(|(name, row)| ((*name).to_owned(), *row))
            .collect();
        assert_eq!(found, table);
    }
}
