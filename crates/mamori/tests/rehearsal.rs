//! `mamori rehearse` with the real contract and with contracts of other bodies: the real binary,
//! without configuration.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

fn rehearse(contract: &str, arguments: &[&str]) -> Value {
    let folder = tempfile::tempdir().expect("temp folder");
    let output = Command::new(env!("CARGO_BIN_EXE_mamori"))
        .args(["rehearse", "--json", "--contract"])
        .arg(repository(contract))
        .args(arguments)
        .current_dir(folder.path())
        .env_clear()
        .env("TMPDIR", folder.path())
        .output()
        .expect("the binary runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{contract} {arguments:?}: {text} {}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        folder.path().read_dir().expect("is there").next().is_none(),
        "a rehearsal leaves nothing behind"
    );
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn counted(report: &Value) -> u64 {
    let counts = report["counts"].as_object().expect("an object");
    counts.values().filter_map(Value::as_u64).sum()
}

fn papers<'a>(report: &'a Value, document: &str, period: &str) -> Vec<&'a Value> {
    let papers = report["documents"].as_array().expect("a list");
    papers
        .iter()
        .filter(|paper| paper["document"] == document && paper["period"] == period)
        .collect()
}

#[test]
fn six_weeks_of_the_real_contract_bring_the_april_reports_in_time() {
    let arguments = ["--to", "2026-05-15"];
    let report = rehearse("contracts/kokoshelju-r8.toml", &arguments);
    assert_eq!(report["contract"], "kokoshelju-r8");
    assert_eq!(json!(counted(&report)), report["obligations"]);
    assert_eq!(report["states"].as_array().map(Vec::len), Some(149));
    assert_eq!(report["refused"], json!([]), "the registers took every act");
    assert!(
        report["counts"]["met"].as_u64() > Some(0),
        "{}",
        report["counts"]
    );
    for document in ["monthly-report", "access-report"] {
        let april = papers(&report, document, "2026-04");
        let [april] = april.as_slice() else {
            panic!("{document}: {april:?}")
        };
        // The 10th of May 2026 is a Sunday.
        assert_eq!(april["due"], "2026-05-11", "{document}");
        let on = april["submitted_on"].as_str().expect("is handed in");
        assert!(
            ("2026-05-01"..="2026-05-11").contains(&on),
            "{document}: {on}"
        );
    }

    // Everything invented follows from the seed.
    let mut again = rehearse("contracts/kokoshelju-r8.toml", &arguments);
    again["seconds"] = report["seconds"].clone();
    assert_eq!(again, report);
    let other = rehearse(
        "contracts/kokoshelju-r8.toml",
        &["--to", "2026-05-15", "--seed", "9"],
    );
    assert_ne!(
        other["states"], report["states"],
        "another seed, another year"
    );
}

#[test]
fn contracts_of_other_bodies_run_without_new_code() {
    for (file, id, to) in [
        ("quarterly-town.toml", "minato-r7", "2025-10-31"),
        ("winter-closure.toml", "kitano-r8", "2026-08-31"),
    ] {
        let contract = format!("crates/contract/testdata/{file}");
        let report = rehearse(&contract, &["--to", to]);
        assert_eq!(report["contract"], id);
        let states = report["states"].as_array().expect("a list");
        assert!(!states.is_empty(), "{contract}");
        assert_eq!(counted(&report), states.len() as u64, "{contract}");
        assert!(report["records"].as_u64() > Some(1), "{contract}: {report}");
        let papers = report["documents"].as_array().expect("a list");
        assert!(!papers.is_empty(), "{contract}");
        for paper in papers {
            let (Some(due), Some(on)) = (paper["due"].as_str(), paper["submitted_on"].as_str())
            else {
                continue;
            };
            assert!(on <= due, "{contract}: {paper}");
        }
        let handed_in = papers.iter().any(|paper| paper["submitted_on"].is_string());
        assert!(handed_in, "{contract}: no paper came out");
    }
}

#[test]
fn a_wrong_contract_is_refused_with_its_place() {
    let folder = tempfile::tempdir().expect("temp folder");
    let file = folder.path().join("wrong.toml");
    let source =
        std::fs::read_to_string(repository("crates/contract/testdata/winter-closure.toml"))
            .expect("is read");
    let wrong = source.replace(
        "city_calendar = \"prefecture\"",
        "city_calendar = \"prefectura\"",
    );
    assert_ne!(wrong, source);
    std::fs::write(&file, wrong).expect("is written");
    let output = Command::new(env!("CARGO_BIN_EXE_mamori"))
        .args(["rehearse", "--json", "--contract"])
        .arg(&file)
        .current_dir(folder.path())
        .env_clear()
        .output()
        .expect("the binary runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(
        told.contains("wrong.toml:") && told.contains("prefecture"),
        "{told}"
    );
}
