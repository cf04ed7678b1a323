//! Which rules and tags there are: a decision that names one that is not there would hold nothing
//! and look as if it did, so it is refused when it is written.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use mamori_rules::{Folders, RulesError, Wanted};
use mamori_runtime::App;
use mamori_waf::RuleChoice;

use crate::compiled::OnDisk;
use crate::service;

/// Numbers and tags of rules.
#[derive(Debug, Default)]
struct Names {
    rules: HashSet<u64>,
    tags: HashSet<String>,
}

impl Names {
    fn has(&self, choice: &RuleChoice) -> bool {
        match choice {
            RuleChoice::Id(number) => self.rules.contains(number),
            RuleChoice::Tag(tag) => self.tags.contains(tag),
        }
    }
}

/// The names of the files that were read last: reading them takes a processor for about a second.
#[derive(Debug, Default)]
struct Last(Mutex<Option<(OnDisk, Arc<Names>)>>);

impl Last {
    /// Blocks.
    fn names(&self, folders: Folders) -> Result<Arc<Names>, RulesError> {
        let files = OnDisk::look(folders);
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, names)) = &*last
            && *of == files
        {
            return Ok(Arc::clone(names));
        }
        let loaded = mamori_rules::load(files.folders(), &Wanted::default())?;
        let mut names = Names::default();
        for rule in loaded.rules.all() {
            names.rules.insert(rule.id);
            names.tags.extend(rule.tags.iter().cloned());
        }
        let names = Arc::new(names);
        *last = Some((files, Arc::clone(&names)));
        Ok(names)
    }
}

/// Why rules cannot be named so, as the key of a text; `None`: they are there.
pub async fn unknown(app: &App, choice: RuleChoice) -> Option<&'static str> {
    let gateway = app.config.gateway.as_ref();
    let Some(folders) = gateway.and_then(|gateway| service::folders(app, gateway)) else {
        return Some("gateway-no-rules");
    };
    let last = app.slot_or_default::<Last>();
    let read = tokio::task::spawn_blocking(move || last.names(folders));
    let said = match read.await {
        Ok(Ok(names)) if names.has(&choice) => return None,
        Ok(Ok(_)) => {
            return Some(match choice {
                RuleChoice::Id(_) => "gateway-unknown-rule",
                RuleChoice::Tag(_) => "gateway-unknown-tag",
            });
        }
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    tracing::warn!(error = said, "the names of rules cannot be looked up");
    Some("gateway-no-rules")
}
