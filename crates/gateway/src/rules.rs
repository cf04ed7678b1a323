//! Rules from a folder: the OWASP Core Rule Set as a distribution installs it or as its release
//! unpacks, with a plugin beside it.
//!
//! The engine opens nothing; here files are found and put into the order that CRS asks for: its
//! setup, what a plugin configures, what it takes away before, the rules, what it does after.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mamori_waf::{Builder, Exclusion, LoadError, RuleSet, Source};

/// Where rules come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFolders {
    /// CRS: the folder that holds `rules/`, or the files themselves.
    pub rules: PathBuf,
    /// A plugin of CRS: `*-config.conf`, `*-before.conf`, `*-after.conf`, perhaps in `plugins/`.
    pub plugin: Option<PathBuf>,
}

/// Rules cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// A folder cannot be read or holds no rules.
    #[error(
        "規則のフォルダー {folder}: {why}。gateway.rules に OWASP CRS のフォルダー（rules/*.conf があるもの）を指定してください"
    )]
    Folder {
        /// The folder.
        folder: String,
        /// What is wrong.
        why: String,
    },
    /// A rule is not understood.
    #[error("規則が読めません: {0}")]
    Load(#[from] LoadError),
}

/// Compiles the rules for one site.
pub fn load(
    folders: &RuleFolders,
    paranoia: u8,
    exclusions: &[Exclusion],
) -> Result<Arc<RuleSet>, RulesError> {
    let mut builder = Builder::new();
    builder.inline("mamori", HEAD)?;
    builder.inline("mamori", BODIES)?;
    let mut disk = Disk;
    if let Some(setup) = setup(&folders.rules) {
        builder.file(&mut disk, &text(&setup))?;
    } else {
        builder.inline("mamori", SETUP)?;
    }
    builder.inline("mamori", &level(paranoia))?;
    let plugin = folders.plugin.as_deref().map(plugin_files).transpose()?;
    let of = |kind: &str| -> Vec<PathBuf> {
        let files = plugin.iter().flatten();
        files.filter(|file| ends(file, kind)).cloned().collect()
    };
    let order = [
        of("-config.conf"),
        of("-before.conf"),
        rule_files(&folders.rules)?,
        of("-after.conf"),
    ];
    for file in order.concat() {
        builder.file(&mut disk, &text(&file))?;
    }
    for exclusion in exclusions {
        builder.exclusion(exclusion.clone());
    }
    Ok(builder.build()?)
}

/// What CRS expects of the engine's own configuration.
const HEAD: &str = "SecRuleEngine On\nSecRequestBodyAccess On\nSecResponseBodyAccess Off\n\
     SecRequestBodyLimit 13107200\nSecRequestBodyNoFilesLimit 1048576\n\
     SecRule REQUEST_HEADERS:Content-Type \"^(?:application(?:/soap\\+|/)|text/)xml\" \
     \"id:200000,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=XML\"\n\
     SecRule REQUEST_HEADERS:Content-Type \"^application/(?:[a-z0-9.-]+\\+)?json\" \
     \"id:200001,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON\"\n";
/// Bodies that are not what they claim to be are refused before the rules look at them.
const BODIES: &str = "SecRule REQBODY_ERROR \"!@eq 0\" \"id:200002,phase:2,t:none,log,deny,status:400,\
     msg:'Failed to parse request body.',severity:2\"\n\
     SecRule MULTIPART_STRICT_ERROR \"!@eq 0\" \"id:200003,phase:2,t:none,log,deny,status:400,\
     msg:'Multipart request body failed strict validation.',severity:2\"\n";
/// In place of `crs-setup.conf`: thresholds as CRS recommends them.
const SETUP: &str =
    "SecAction \"id:900990,phase:1,pass,t:none,nolog,setvar:tx.crs_setup_version=400\"\n";

/// The last word on the paranoia level.
fn level(paranoia: u8) -> String {
    format!(
        "SecAction \"id:900003,phase:1,pass,t:none,nolog,setvar:tx.blocking_paranoia_level={paranoia},\
         setvar:tx.detection_paranoia_level={paranoia}\"\n"
    )
}

fn setup(folder: &Path) -> Option<PathBuf> {
    ["crs-setup.conf", "crs-setup.conf.example"]
        .into_iter()
        .flat_map(|name| [folder.join(name), folder.join("..").join(name)])
        .find(|file| file.is_file())
}

fn rule_files(folder: &Path) -> Result<Vec<PathBuf>, RulesError> {
    let below = folder.join("rules");
    let place = if below.is_dir() {
        below
    } else {
        folder.to_owned()
    };
    let files: Vec<PathBuf> = conf_files(&place)?
        .into_iter()
        .filter(|file| !ends(file, "crs-setup.conf"))
        .collect();
    if files.is_empty() {
        return Err(RulesError::Folder {
            folder: text(&place),
            why: "*.conf がありません".to_owned(),
        });
    }
    Ok(files)
}

fn plugin_files(folder: &Path) -> Result<Vec<PathBuf>, RulesError> {
    let below = folder.join("plugins");
    conf_files(if below.is_dir() { &below } else { folder })
}

/// `*.conf` by name: the order of the numbers in CRS's names.
fn conf_files(folder: &Path) -> Result<Vec<PathBuf>, RulesError> {
    let wrong = |error: std::io::Error| RulesError::Folder {
        folder: text(folder),
        why: error.to_string(),
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "conf")
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn ends(file: &Path, end: &str) -> bool {
    file.to_string_lossy().ends_with(end)
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

struct Disk;

impl Source for Disk {
    fn read(&mut self, path: &str) -> Result<Vec<u8>, String> {
        std::fs::read(path).map_err(|error| error.to_string())
    }

    fn list(&mut self, directory: &str) -> Result<Vec<String>, String> {
        std::fs::read_dir(directory)
            .and_then(|entries| {
                entries
                    .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
                    .collect()
            })
            .map_err(|error| error.to_string())
    }
}
