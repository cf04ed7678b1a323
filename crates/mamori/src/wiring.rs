//! How a command gets its application.

use std::future::Future;
use std::sync::Arc;

use anyhow::Context as _;
use mamori_kernel::Clock;
use mamori_runtime::{App, Config, SystemClock, telemetry};

use crate::capabilities;
use crate::global::Global;

/// Reads the configuration that the options name.
pub fn load_config(global: &Global) -> anyhow::Result<Config> {
    Ok(Config::load(&global.data_dir(), global.config.as_deref())?)
}

/// Opens the application on the machine's clock: configuration, logs, data directory, database
/// with migrations, capabilities.
pub async fn open_app(global: &Global) -> anyhow::Result<App> {
    open_with(load_config(global)?, Arc::new(SystemClock)).await
}

/// Opens the application with a configuration and a clock (demo, rehearsal).
pub async fn open_with(config: Config, clock: Arc<dyn Clock>) -> anyhow::Result<App> {
    telemetry::start_logs(&config.log);
    let data_dir = config.data_dir.clone();
    App::open(config, clock, capabilities::all())
        .await
        .with_context(|| format!("データの場所 {} を開けません", data_dir.display()))
}

/// Runs a command's future on a runtime of its own.
pub fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the async runtime")?
        .block_on(future)
}
