//! `mamori serve` on a fresh data directory: accounts, sign-in, health, metrics, a taken port.

use mamori_e2e::{Home, Server, free_port};

fn serve(home: &Home) -> Server {
    let port = free_port();
    Server::start(
        &mut home.command(&["serve", "--listen", &format!("127.0.0.1:{port}")]),
        port,
    )
}

/// Adds a user and returns the password that was made by chance.
fn add_user(home: &Home, name: &str, role: &str) -> String {
    let made = home
        .run(&["user", "add", name, "--role", role, "--generate", "--json"])
        .json();
    made[0]["password"]
        .as_str()
        .expect("a generated password is printed once")
        .to_owned()
}

#[test]
fn nobody_gets_in_without_signing_in() {
    let home = Home::new();
    let server = serve(&home);
    let mut stranger = server.browser();
    assert_eq!(stranger.get("/healthz").expect("it answers").status, 200);
    let first = stranger.get("/").expect("it answers");
    assert_eq!(first.status, 303, "{first:?}");
    assert!(
        first.headers["location"].starts_with("/sign-in"),
        "{first:?}"
    );
    for closed in ["/metrics", "/api/v1/work"] {
        let answer = stranger.get(closed).expect("it answers");
        assert!(
            matches!(answer.status, 303 | 401 | 403 | 404),
            "{closed}: {answer:?}"
        );
    }
    assert!(server.stop(), "Ctrl-C ends it well");
}

#[test]
fn a_person_signs_in_and_out() {
    let home = Home::new();
    let password = add_user(&home, "hanako", "manager");
    let server = serve(&home);
    let mut person = server.browser();
    let form = person.get("/sign-in").expect("it answers");
    assert!(form.text.contains("type=\"password\""), "{}", form.text);

    let refused = person
        .post(
            "/sign-in",
            &[("name", "hanako"), ("password", "wrong-password")],
        )
        .expect("it answers");
    assert!((400..500).contains(&refused.status), "{refused:?}");
    assert_eq!(
        person.get("/").expect("it answers").status,
        303,
        "still outside"
    );

    let let_in = person
        .post("/sign-in", &[("name", "hanako"), ("password", &password)])
        .expect("it answers");
    assert_eq!(let_in.status, 303, "{let_in:?}");
    let cookie = &let_in.headers["set-cookie"];
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite="),
        "{cookie}"
    );
    let page = person.open("/").expect("it answers");
    assert_eq!(page.status, 200);
    assert!(page.text.contains("サインアウト"), "{}", page.text);
    assert!(
        page.headers.contains_key("content-security-policy"),
        "{:?}",
        page.headers
    );

    // A post without the form's token changes nothing.
    let forged = person.post("/sign-out", &[]).expect("it answers");
    assert!((400..500).contains(&forged.status), "{forged:?}");
    let token = page
        .text
        .split("name=\"csrf\" value=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .expect("the page carries a token");
    person
        .post("/sign-out", &[("csrf", token)])
        .expect("it answers");
    assert_eq!(
        person.get("/").expect("it answers").status,
        303,
        "outside again"
    );
}

#[test]
fn a_program_reads_metrics_with_its_token() {
    let home = Home::new();
    let made = home
        .run(&[
            "user",
            "token",
            "add",
            "prometheus",
            "--role",
            "administrator",
            "--json",
        ])
        .json();
    let token = made[0]["token"]
        .as_str()
        .expect("the token is printed once");
    let server = serve(&home);
    let mut program = server.browser().with_token(token);
    program.get("/healthz").expect("it answers");
    let metrics = program.get("/metrics").expect("it answers");
    assert_eq!(metrics.status, 200, "{metrics:?}");
    assert!(
        metrics.text.contains("# TYPE"),
        "Prometheus text: {}",
        metrics.text
    );
}

#[test]
fn what_happened_to_accounts_stands_in_the_ledger() {
    let home = Home::new();
    add_user(&home, "hanako", "manager");
    let shown = home
        .run(&["ledger", "show", "--contract", "system", "--json"])
        .good();
    assert!(shown.contains("user.added"), "{shown}");
    assert!(
        !shown.contains("argon2"),
        "no password digest in the ledger"
    );
}

#[test]
fn a_second_server_on_the_port_says_what_to_do() {
    let home = Home::new();
    let server = serve(&home);
    let taken = format!("127.0.0.1:{}", server.port());
    let said = Home::new().run(&["serve", "--listen", &taken]).bad();
    assert!(said.contains(&taken) && said.contains("--listen"), "{said}");
}

#[test]
fn an_address_outside_loopback_is_refused_unless_asked_for() {
    let said = Home::new().run(&["serve", "--listen", "0.0.0.0:0"]).bad();
    assert!(said.contains("0.0.0.0"), "{said}");
}
