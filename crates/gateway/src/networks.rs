//! Lists of networks out of files: countries, feeds of attackers, offices.
//!
//! A list of a million entries takes a while to read and tens of megabytes, so one that did not
//! change is shared between the policies before and after.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use mamori_proxy::{AddressSet, ListError, NetworkRule, PathPattern, Requests};
use mamori_runtime::config::GatewayNetwork;

/// A list cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NetworksError {
    /// The file.
    #[error(
        "ネットワークの一覧 {file} が読めません（{error}）。パスと読み取り権限を確かめてください"
    )]
    File {
        /// Which.
        file: String,
        /// Why.
        error: std::io::Error,
    },
    /// A line.
    #[error("ネットワークの一覧 {file}: {error}")]
    List {
        /// Which.
        file: String,
        /// Why.
        error: ListError,
    },
}

/// Lists that were read.
#[derive(Debug, Default)]
pub struct Lists {
    read: HashMap<PathBuf, (Option<SystemTime>, Arc<AddressSet>)>,
}

impl Lists {
    /// The rules of a configuration. Blocks.
    pub fn rules(
        &mut self,
        networks: &[GatewayNetwork],
    ) -> Result<Vec<NetworkRule>, NetworksError> {
        networks
            .iter()
            .map(|own| {
                Ok(NetworkRule {
                    name: own.name.as_str().into(),
                    networks: self.list(&own.file)?,
                    inside: own.refuses_listed,
                    requests: Requests {
                        sites: own.sites.iter().map(|site| site.as_str().into()).collect(),
                        methods: Vec::new(),
                        paths: own.paths.iter().cloned().map(PathPattern::Below).collect(),
                    },
                    refuses: !own.observes,
                })
            })
            .collect()
    }

    fn list(&mut self, file: &Path) -> Result<Arc<AddressSet>, NetworksError> {
        let wrong = |error| NetworksError::File {
            file: file.display().to_string(),
            error,
        };
        let changed = std::fs::metadata(file).map_err(wrong)?.modified().ok();
        if let Some((at, list)) = self.read.get(file)
            && *at == changed
        {
            return Ok(Arc::clone(list));
        }
        let text = std::fs::read_to_string(file).map_err(wrong)?;
        let list = AddressSet::from_list(&text).map_err(|error| NetworksError::List {
            file: file.display().to_string(),
            error,
        })?;
        let list = Arc::new(list);
        self.read
            .insert(file.to_owned(), (changed, Arc::clone(&list)));
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(file: &Path) -> GatewayNetwork {
        GatewayNetwork {
            name: "office".to_owned(),
            file: file.to_owned(),
            refuses_listed: false,
            observes: false,
            sites: Vec::new(),
            paths: vec!["/wp-admin/".to_owned()],
        }
    }

    fn first_change(file: &Path) -> SystemTime {
        let about = std::fs::metadata(file).expect("the file");
        about.modified().expect("when it changed")
    }

    #[test]
    fn a_list_is_shared_until_its_file_changes_and_mistakes_name_file_and_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("office.txt");
        let mut lists = Lists::default();
        let missing = lists
            .rules(&[rule(&file)])
            .expect_err("no file")
            .to_string();
        assert!(missing.contains("office.txt"), "{missing}");
        std::fs::write(&file, "# 本庁\n192.0.2.0/24\n").expect("written");
        let first = lists.rules(&[rule(&file)]).expect("a list");
        let again = lists.rules(&[rule(&file)]).expect("a list");
        assert!(Arc::ptr_eq(&first[0].networks, &again[0].networks));
        assert!(!first[0].inside && first[0].refuses);
        std::fs::write(&file, "192.0.2.0/24\n市役所\n").expect("written");
        let later = first_change(&file) + std::time::Duration::from_secs(5);
        let handle = std::fs::File::options()
            .write(true)
            .open(&file)
            .expect("open");
        handle.set_modified(later).expect("a later change");
        let wrong = lists
            .rules(&[rule(&file)])
            .expect_err("no network")
            .to_string();
        assert!(wrong.contains("line 2"), "{wrong}");
    }
}
