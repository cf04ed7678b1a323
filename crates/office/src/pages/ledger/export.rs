//! The records of a period with their files as one ZIP that can be verified anywhere. It is written
//! aside first, because a chain that does not verify is refused, and a broken-off download must not
//! look whole; then it is sent piece by piece.

use std::fs::OpenOptions;
use std::io::Seek as _;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::Response;
use jiff::ToSpan as _;
use jiff::civil::Date;
use mamori_kernel::clock::{tokyo_date, tokyo_midnight};
use mamori_runtime::App;
use mamori_store::Blobs;
use mamori_store::archive::{self, ExportRequest};
use mamori_web::{WebError, send};
use serde::Deserialize;

use crate::pages::view::At;
use crate::register::typed;

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
}

pub(super) async fn page(
    State(app): State<App>,
    at: At,
    Query(asked): Query<Asked>,
) -> Result<Response, WebError> {
    let today = tokyo_date(app.now());
    let day = |text: &str| match text {
        "" => Ok(None),
        text => typed::date(text, today)
            .map(Some)
            .map_err(WebError::invalid),
    };
    zip(&app, at.live.id(), day(&asked.from)?, day(&asked.to)?).await
}

/// Years of evidence take this long at most; a proxy in front may have to be as patient.
pub(crate) const WITHIN: Duration = Duration::from_mins(10);

/// One export after another: each needs a processor and the disk, the console the rest.
#[derive(Default)]
struct Turn(tokio::sync::Mutex<()>);

/// The records from one day to another (both included) of a contract, as an answer.
pub(crate) async fn zip(
    app: &App,
    contract: &str,
    from: Option<Date>,
    to: Option<Date>,
) -> Result<Response, WebError> {
    let today = tokyo_date(app.now());
    let request = ExportRequest {
        contract: contract.to_owned(),
        from: from.map(tokyo_midnight),
        until: to.map(|day| tokyo_midnight(day.saturating_add(1.day()))),
        now: app.now(),
    };
    let turn = app.slot_or_default::<Turn>();
    let _mine = turn.0.lock().await;
    let folder = &app.config.data_dir;
    let path = folder.join(format!(".export-{:016x}", rand::random::<u64>()));
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)
        .map_err(WebError::bug)?;
    // Without a name it is gone as soon as nobody reads it, whatever happens.
    std::fs::remove_file(&path).map_err(WebError::bug)?;
    let (app, folder) = (app.clone(), folder.clone());
    let runtime = tokio::runtime::Handle::current();
    // Years of evidence take long to read and pack: on a thread of its own nobody waits for it.
    let file = tokio::task::spawn_blocking(move || {
        let blobs = Blobs::new(folder.join("blobs"));
        let (db, key) = (&app.db, &app.ledger_key);
        runtime.block_on(archive::export(
            db, &blobs, key, &request, &folder, &mut file,
        ))?;
        file.rewind().map_err(WebError::bug)?;
        Ok::<_, WebError>(file)
    })
    .await
    .map_err(WebError::bug)??;
    let name = format!("mamori-{contract}-{today}.zip");
    send::file(file, "application/zip", &name)
}
