//! What is wrong in the configuration, where it was written, and what to do about it.

use std::fmt;
use std::path::PathBuf;

/// Where a setting was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the configuration file; line and column count characters from 1.
    File {
        /// The file as it was named on the command line.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
    },
    /// In an environment variable.
    Environment(String),
    /// Nowhere: a setting is absent, or the file as a whole is meant.
    Nowhere,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, line, column } => {
                write!(f, "{}:{line}:{column}", file.display())
            }
            Self::Environment(name) => write!(f, "環境変数 {name}"),
            Self::Nowhere => f.write_str("設定"),
        }
    }
}

/// One thing that is wrong in the configuration, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it was written.
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// What to do next.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n    → {}", self.place, self.message, self.remedy)
    }
}

pub(super) fn secret_problem(key: &str, instead: &str, place: Place) -> Problem {
    Problem {
        place,
        message: format!("{key} に秘密の値を直接書くことはできません"),
        remedy: format!(
            "値を所有者だけが読めるファイルに移し、そのパスを {instead} に書いてください。"
        ),
    }
}
