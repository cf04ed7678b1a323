//! The site behind the sample's gateway: one page that says what it is.

use std::net::TcpListener;

use axum::Router;
use axum::response::Html;

const PAGE: &str = "<!doctype html>\n<html lang=\"ja\"><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width\"><title>見本のサイト</title>\
<h1>見本のサイト</h1><p>ゲートウェイのうしろにある見本のページです。\
アドレスの後ろに <code>?id=1' UNION SELECT 1--</code> を付けて開くと、\
管理画面の「止めたリクエスト」に記録されます。</p></html>\n";

/// Answers on a socket until the runtime ends.
pub(super) fn serve(socket: TcpListener) -> std::io::Result<()> {
    socket.set_nonblocking(true)?;
    let socket = tokio::net::TcpListener::from_std(socket)?;
    let site = Router::new().fallback(|| async { Html(PAGE) });
    tokio::spawn(async move {
        if let Err(error) = axum::serve(socket, site).await {
            tracing::warn!(%error, "the sample site ended");
        }
    });
    Ok(())
}
