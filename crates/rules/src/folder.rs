//! Loading the rules of a folder into the engine.

use std::path::PathBuf;
use std::sync::Arc;

use mamori_waf::{Builder, Exclusion, LoadError, Mode, RuleChoice, RuleSet};

use crate::base;
use crate::layout::{self, Layout};
use crate::left_out::{self, Source as Files};

/// Where rules come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folders {
    /// The rule set: the folder that holds `rules/`, or the files themselves.
    pub rules: PathBuf,
    /// Plugins: `*-config.conf`, `*-before.conf`, `*-after.conf`, perhaps in `plugins/`.
    pub plugins: Vec<PathBuf>,
}

/// What the caller decides about the rules.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Refuse, or only say what would be refused.
    pub mode: Mode,
    /// The blocking paranoia level; `None`: as the setup says.
    pub paranoia: Option<u8>,
    /// Directives after the setup and before the rules.
    pub after_setup: String,
    /// Broken bodies are refused before the rules look at them.
    pub check_bodies: bool,
    /// Parameters that rules do not look at.
    pub exclusions: Vec<Exclusion>,
    /// Rules that are only observed.
    pub observed: Vec<RuleChoice>,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            mode: Mode::On,
            paranoia: None,
            after_setup: String::new(),
            check_bodies: true,
            exclusions: Vec::new(),
            observed: Vec::new(),
        }
    }
}

/// Rules ready to run, and what is to be said about where they came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// For the engine.
    pub rules: Arc<RuleSet>,
    /// The setup that was read.
    pub setup: Option<PathBuf>,
    /// How many files beside it.
    pub files: usize,
    /// For the operator.
    pub notes: Vec<String>,
}

/// Rules cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// A folder cannot be read or holds no rules.
    #[error(
        "規則のフォルダー {folder}: {why}。OWASP CRS のフォルダー（rules/*.conf か *.conf があるもの）を指定してください"
    )]
    Folder {
        /// The folder.
        folder: String,
        /// What is wrong.
        why: String,
    },
    /// A folder of a plugin holds none.
    #[error(
        "プラグインのフォルダー {folder} に *-config.conf、*-before.conf、*-after.conf のどれもありません。プラグインを展開したフォルダーを指定してください"
    )]
    Plugin {
        /// The folder.
        folder: String,
    },
    /// A rule is not understood.
    #[error("規則を読み込めません: {0}")]
    Load(Box<LoadError>),
}

impl From<LoadError> for RulesError {
    fn from(error: LoadError) -> Self {
        Self::Load(Box::new(error))
    }
}

/// Loads and compiles rules. Blocks: compiling takes a processor for about a second.
///
/// A few rules of CRS 3 that this engine cannot run are left out, each with a note; anything else
/// that it does not know is an error.
pub fn load(folders: &Folders, wanted: &Wanted) -> Result<Loaded, RulesError> {
    let mut layout = layout::find(folders)?;
    let mut files = Files::default();
    let (removed, told): (Vec<_>, Vec<_>) = layout
        .files
        .iter()
        .filter_map(|file| left_out::not_for_japanese(file))
        .unzip();
    layout.notes.extend(told);
    let removed = removed.concat();
    let rules = loop {
        match build(&layout, wanted, &removed, &mut files) {
            Ok(rules) => break rules,
            Err(error) => files.leave_out(error)?,
        }
    };
    let mut notes = layout.notes;
    notes.extend(files.notes());
    Ok(Loaded {
        rules,
        setup: layout.setup,
        files: layout.files.len(),
        notes,
    })
}

fn build(
    layout: &Layout,
    wanted: &Wanted,
    removed: &str,
    files: &mut Files,
) -> Result<Arc<RuleSet>, LoadError> {
    let mut builder = Builder::new();
    builder.inline("mamori", base::HEAD)?;
    if wanted.check_bodies {
        builder.inline("mamori", base::BODIES)?;
    }
    match &layout.setup {
        Some(setup) => builder.file(files, &setup.to_string_lossy())?,
        None => builder.inline("mamori", base::SETUP)?,
    };
    if let Some(level) = wanted.paranoia {
        builder.inline("mamori", &base::paranoia(level))?;
    }
    builder.inline("mamori", &wanted.after_setup)?;
    for file in &layout.files {
        builder.file(files, &file.to_string_lossy())?;
    }
    builder.inline("mamori", removed)?;
    // The last word, whatever the files say.
    builder.inline("mamori", base::mode(wanted.mode))?;
    for exclusion in &wanted.exclusions {
        builder.exclusion(exclusion.clone());
    }
    for choice in &wanted.observed {
        builder.observe(choice.clone());
    }
    builder.build()
}
