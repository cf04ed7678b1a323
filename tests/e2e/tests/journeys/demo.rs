//! The sample installation: what a visitor sees first.

use std::time::Duration;

use mamori_e2e::{Home, Server, free_port};

#[test]
fn the_demo_announces_itself_and_serves_its_first_page() {
    let home = Home::new();
    let port = free_port();
    let mut command = home.command(&["demo", "--port", &port.to_string(), "--json"]);
    let (server, ready) = Server::announced(&mut command, port, Duration::from_mins(5));
    let text = ready.to_string();
    assert!(text.contains(&format!("127.0.0.1:{port}")), "{text}");

    let health = server.browser().get("/healthz").expect("it answers");
    assert_eq!(health.status, 200, "{health:?}");
    let metrics = server.browser().get("/metrics").expect("it answers");
    assert_eq!(metrics.status, 200);
    assert!(
        metrics.text.contains("# TYPE"),
        "Prometheus text: {}",
        metrics.text
    );
    assert!(server.stop(), "it ends well when asked to");
}
