//! Compiled rules, kept as long as a site uses them.
//!
//! Compiling takes a processor for about a second and a rule set some tens of megabytes, so a
//! decision about one site compiles nothing for the others, and sites with the same rules share one.

use std::sync::Arc;

use mamori_rules::{Folders, RulesError, Stamp, Wanted};
use mamori_waf::{Exclusion, RuleChoice, RuleSet};

/// Rule files as they lie there now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnDisk {
    folders: Folders,
    stamp: Stamp,
}

impl OnDisk {
    /// Looks at the files. What changes later is not what was seen.
    pub fn look(folders: Folders) -> Self {
        let stamp = Stamp::of(&folders);
        Self { folders, stamp }
    }

    /// Where they lie.
    pub fn folders(&self) -> &Folders {
        &self.folders
    }
}

/// What was decided about the rules of a site.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choices {
    /// Paranoia level.
    pub paranoia: u8,
    /// What rules do not look at, and rules that are switched off.
    pub exclusions: Vec<Exclusion>,
    /// Rules that are only observed.
    pub observed: Vec<RuleChoice>,
}

/// What a compiled rule set was made from.
#[derive(Debug, PartialEq, Eq)]
struct Origin {
    files: OnDisk,
    choices: Choices,
}

#[derive(Debug)]
struct Kept {
    origin: Origin,
    rules: Arc<RuleSet>,
    used: bool,
}

/// The rule sets in use.
#[derive(Debug, Default)]
pub struct Compiled {
    kept: Vec<Kept>,
}

impl Compiled {
    /// A new policy begins: what it does not ask for is not needed any more when it is done.
    pub fn begin(&mut self) {
        for one in &mut self.kept {
            one.used = false;
        }
    }

    /// The rules for these choices, compiled unless they are there. Blocks.
    pub fn rules(&mut self, files: &OnDisk, choices: Choices) -> Result<Arc<RuleSet>, RulesError> {
        let origin = Origin {
            files: files.clone(),
            choices,
        };
        if let Some(there) = self.kept.iter_mut().find(|one| one.origin == origin) {
            there.used = true;
            return Ok(Arc::clone(&there.rules));
        }
        let wanted = Wanted {
            paranoia: Some(origin.choices.paranoia),
            exclusions: origin.choices.exclusions.clone(),
            observed: origin.choices.observed.clone(),
            ..Wanted::default()
        };
        let mamori_rules::Loaded { rules, notes, .. } =
            mamori_rules::load(&files.folders, &wanted)?;
        if self.kept.iter().all(|one| one.origin.files != origin.files) {
            for note in notes {
                tracing::warn!(note, "the rules were read with a reservation");
            }
        }
        self.kept.push(Kept {
            origin,
            rules: Arc::clone(&rules),
            used: true,
        });
        Ok(rules)
    }

    /// The policy is complete: rules that it does not use are let go.
    pub fn done(&mut self) {
        self.kept.retain(|one| one.used);
    }
}

#[cfg(test)]
mod tests {
    use mamori_waf::PathMatch;

    use super::*;

    fn exclusion(rule: u64) -> Exclusion {
        Exclusion {
            name: format!("e{rule}"),
            rules: RuleChoice::Id(rule),
            target: None,
            path: PathMatch::Exact("/a".to_owned()),
        }
    }

    #[test]
    fn only_what_changed_is_compiled_and_only_what_is_used_is_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.conf");
        std::fs::write(&file, "SecAction \"id:1,phase:1,pass\"\n").expect("written");
        let look = || {
            OnDisk::look(Folders {
                rules: folder.path().to_owned(),
                plugins: Vec::new(),
            })
        };
        let mut compiled = Compiled::default();
        let mut round = |files: &OnDisk, wanted: &[(u8, Vec<Exclusion>)]| -> Vec<Arc<RuleSet>> {
            compiled.begin();
            let rules = wanted
                .iter()
                .map(|(paranoia, exclusions)| {
                    let choices = Choices {
                        paranoia: *paranoia,
                        exclusions: exclusions.clone(),
                        observed: Vec::new(),
                    };
                    compiled.rules(files, choices).expect("loads")
                })
                .collect();
            compiled.done();
            rules
        };
        let files = look();
        let first = round(&files, &[(1, vec![]), (1, vec![]), (2, vec![])]);
        assert!(Arc::ptr_eq(&first[0], &first[1]), "two sites share");
        assert!(!Arc::ptr_eq(&first[0], &first[2]));

        let second = round(&look(), &[(1, vec![]), (1, vec![exclusion(1)])]);
        assert!(Arc::ptr_eq(&first[0], &second[0]), "nothing changed there");
        assert!(!Arc::ptr_eq(&first[1], &second[1]));
        assert_eq!(Arc::strong_count(&first[2]), 1, "nobody uses it any more");

        std::fs::write(&file, "SecAction \"id:12,phase:1,pass\"\n").expect("written");
        let third = round(&look(), &[(1, vec![])]);
        assert!(!Arc::ptr_eq(&first[0], &third[0]), "the file is another");
        assert!(third[0].rule(12).is_some() && third[0].rule(1).is_none());
    }
}
