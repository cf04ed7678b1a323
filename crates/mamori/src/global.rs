//! Options that every command shares.

use std::path::PathBuf;

use mamori_runtime::remote::Remote;

/// `--data-dir`, `--config`, `--json`: the same on every command.
#[derive(Debug, Clone, clap::Args)]
pub struct Global {
    /// Directory that holds the installation's data (default: ./mamori-data)
    #[arg(long, global = true, env = "MAMORI_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,

    /// Configuration file (default: DIR/mamori.toml when it exists)
    #[arg(long, global = true, env = "MAMORI_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Work on another installation, through its API: https://mamori.example.jp
    #[arg(long, global = true, env = "MAMORI_SERVER", value_name = "URL")]
    pub server: Option<String>,

    /// File that holds the token for --server
    #[arg(long, global = true, env = "MAMORI_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,

    /// Print JSON for machines instead of text for people
    #[arg(long, global = true)]
    pub json: bool,
}

impl Global {
    /// The other installation that the command is meant for, if it is.
    pub fn remote(&self) -> anyhow::Result<Option<Remote>> {
        self.server
            .as_deref()
            .map(|server| Remote::new(server, self.token_file.as_deref()))
            .transpose()
            .map_err(Into::into)
    }

    /// The data directory, with its default.
    pub fn data_dir(&self) -> PathBuf {
        self.data_dir
            .clone()
            .unwrap_or_else(|| PathBuf::from("mamori-data"))
    }
}
