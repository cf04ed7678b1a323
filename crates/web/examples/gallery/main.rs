//! Every component on one page, to look at and to try:
//! `cargo run --workspace --example gallery -- PORT`, then sign in with what it prints. The browser
//! walk `tests/browser/gallery.test.js` does the same.

mod page;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use mamori_kernel::permission::Role;
use mamori_testkit::{PASSWORD, TestApp};
use mamori_web::{ContractTitle, Installation};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() {
    let port = std::env::args()
        .nth(1)
        .and_then(|port| port.parse().ok())
        .unwrap_or(8099);
    let test = TestApp::with(vec![page::capability()]).await;
    test.add_user("manager-0", Role::Manager).await;
    test.app.provide(Arc::new(Installation {
        contracts: [
            ("site-r8", "令和8年度 公式ウェブサイト保守業務委託"),
            ("kosodate-r8", "令和8年度 子育て情報サイト運用業務委託"),
        ]
        .map(|(id, title)| ContractTitle {
            id: id.to_owned(),
            title: title.to_owned(),
        })
        .to_vec(),
        sample: true,
    }));
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = TcpListener::bind(address).await.expect("a free port");
    let address = listener.local_addr().expect("a bound address");
    println!("http://{address}/gallery  manager-0  {PASSWORD}");
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    mamori_web::serve(test.app.clone(), listener, stopped)
        .await
        .expect("the server runs");
}
