//! Contracts as data by the command line.

use mamori_e2e::{Home, contract};

fn real() -> String {
    contract().to_str().expect("ASCII").to_owned()
}

#[test]
fn the_real_contract_is_right() {
    Home::new().run(&["contract", "check", &real()]).good();
}

#[test]
fn a_broken_contract_is_refused_with_every_place() {
    let home = Home::new();
    let text = std::fs::read_to_string(contract()).expect("the real contract is there");
    // Two errors far apart: a key with a typing error, and a date that does not exist.
    let broken = text.replacen("clause =", "clasue =", 1);
    let line = 1 + broken
        .lines()
        .position(|line| line.contains("clasue"))
        .expect("an obligation names its clause");
    let file = home.path().join("broken.toml");
    std::fs::write(&file, broken).expect("written");
    let said = home
        .run(&["contract", "check", file.to_str().expect("ASCII")])
        .bad();
    assert!(
        said.contains(&format!("broken.toml:{line}:")),
        "file and line: {said}"
    );
    assert!(
        said.contains("clasue") && said.contains("clause"),
        "did you mean: {said}"
    );
}

#[test]
fn a_contract_that_is_no_toml_or_not_there_is_refused() {
    let home = Home::new();
    let file = home.path().join("broken.toml");
    std::fs::write(&file, "[contract]\nname = \"x\n").expect("written");
    let said = home
        .run(&["contract", "check", file.to_str().expect("ASCII")])
        .bad();
    assert!(said.contains("broken.toml:2:"), "{said}");
    let said = home.run(&["contract", "check", "no-such-file.toml"]).bad();
    assert!(said.contains("no-such-file.toml"), "{said}");
}

#[test]
fn due_dates_name_rule_and_reason() {
    let home = Home::new();
    let due = home
        .run(&[
            "contract",
            "due",
            "--contract",
            &real(),
            "--from",
            "2026-04-01",
            "--to",
            "2027-04-30",
            "--json",
        ])
        .json();
    assert!(due.len() > 12, "{} due dates", due.len());
    for one in &due {
        assert!(
            one["obligation"]
                .as_str()
                .is_some_and(|key| key.starts_with("O-")),
            "{one}"
        );
        assert!(
            one["due"].is_string() || one["unknown"].is_string(),
            "a date, or what it waits for: {one}"
        );
        assert!(!one["rule"].is_null(), "{one}");
    }
    // The status report of September is due on 10 October 2026, a Saturday; the 12th is スポーツの日.
    let moved: Vec<_> = due.iter().filter(|one| !one["reason"].is_null()).collect();
    assert!(
        !moved.is_empty(),
        "some due dates move because of closed days"
    );
}

#[test]
fn the_schema_is_json() {
    let schema = Home::new().run(&["contract", "schema"]).json();
    assert!(schema[0]["properties"].is_object(), "{schema:?}");
}
