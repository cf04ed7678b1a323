//! Options that every command shares.

use std::path::PathBuf;

/// `--data-dir`, `--config`, `--json`: the same on every command.
#[derive(Debug, Clone, clap::Args)]
pub struct Global {
    /// Directory that holds the installation's data (default: ./mamori-data)
    #[arg(long, global = true, env = "MAMORI_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,

    /// Configuration file (default: DIR/mamori.toml when it exists)
    #[arg(long, global = true, env = "MAMORI_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Print JSON for machines instead of text for people
    #[arg(long, global = true)]
    pub json: bool,
}

impl Global {
    /// The data directory, with its default.
    pub fn data_dir(&self) -> PathBuf {
        self.data_dir
            .clone()
            .unwrap_or_else(|| PathBuf::from("mamori-data"))
    }
}
