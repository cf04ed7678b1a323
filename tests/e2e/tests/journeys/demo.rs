//! The sample installation: what a visitor sees first.

use std::time::Duration;

use mamori_e2e::{Home, Server, free_port, root};

#[test]
fn the_demo_announces_itself_and_everybody_signs_in() {
    let home = Home::new();
    let port = free_port();
    let file = |path: &str| root().join(path).display().to_string();
    let (first, second) = (
        file("contracts/kokoshelju-r8.toml"),
        file("crates/contract/testdata/winter-closure.toml"),
    );
    let port_text = port.to_string();
    let mut command = home.command(&[
        "demo",
        "--port",
        &port_text,
        "--json",
        "--contract",
        &first,
        "--contract",
        &second,
    ]);
    let (server, ready) = Server::announced(&mut command, port, Duration::from_mins(5));
    assert_eq!(
        ready["address"],
        format!("http://127.0.0.1:{port}/"),
        "{ready}"
    );

    let health = server.browser().get("/healthz").expect("it answers");
    assert_eq!(health.status, 200, "{health:?}");

    let people = ready["sign_ins"].as_array().expect("sign-ins are printed");
    assert!(people.len() >= 3, "{ready}");
    for person in people {
        let text = |name: &str| person[name].as_str().expect("a text").to_owned();
        let mut browser = server.browser();
        let form = [("name", text("name")), ("password", text("password"))];
        let form = form.each_ref().map(|(name, value)| (*name, value.as_str()));
        let answer = browser.post("/sign-in", &form).expect("it answers");
        assert_eq!(answer.status, 303, "{person}: {answer:?}");
        let page = browser.open("/").expect("it answers");
        assert_eq!(page.status, 200, "{person}");
        // Whoever may see both contracts meets both.
        for contract in ["/c/kokoshelju-r8", "/c/kitano-r8"] {
            assert!(page.text.contains(contract), "{person}: {}", page.text);
        }
        assert!(
            page.text.contains("見本"),
            "everything is marked as a sample"
        );
    }
    assert!(server.stop(), "it ends well when asked to");

    // The ledger that the demo filled is whole, and its export verifies elsewhere.
    home.run(&["ledger", "verify"]).good();
    let file = home.path().join("demo.zip");
    let file = file.to_str().expect("ASCII");
    home.run(&[
        "ledger",
        "export",
        "--contract",
        "kokoshelju-r8",
        "--out",
        file,
    ])
    .good();
    let found = Home::new()
        .run(&["ledger", "verify", file, "--json"])
        .json();
    assert!(
        found[0]["count"].as_u64().is_some_and(|count| count > 500),
        "{found:?}"
    );
}
