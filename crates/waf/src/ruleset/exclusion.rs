//! Exclusions that the caller gives as data: rule × parameter × path.

use crate::error::{LoadError, Problem};
use crate::pattern::Pattern;
use crate::seclang::ctl::Rules;
use crate::seclang::targets::{Target, target};
use crate::seclang::text::TxNames;

/// Which rules are excluded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleChoice {
    /// One rule.
    Id(u64),
    /// All rules with this tag.
    Tag(String),
}

/// On which paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathMatch {
    /// Everywhere.
    Any,
    /// Exactly there.
    Exact(String),
    /// There and below. Paths with dot segments or encoded slashes are never below.
    Prefix(String),
}

/// A rule does not look at something on a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclusion {
    /// The caller's name for it; reports list those that applied.
    pub name: String,
    /// Which rules.
    pub rules: RuleChoice,
    /// Which parameter, as in rules: `ARGS:comment`. `None`: the rule does not run at all.
    pub target: Option<String>,
    /// Where.
    pub path: PathMatch,
}

/// The same, resolved.
#[derive(Debug)]
pub(crate) struct CompiledExclusion {
    pub(crate) name: String,
    pub(crate) selection: u32,
    pub(crate) target: Option<Target>,
    path: PathMatch,
}

impl RuleChoice {
    pub(crate) fn rules(&self, whose: &str) -> Result<Rules, LoadError> {
        match self {
            Self::Id(id) => Ok(Rules::Ids(vec![(*id, *id)])),
            Self::Tag(tag) => {
                let pattern = format!("^{}$", regex_syntax::escape(tag));
                Pattern::new(&pattern, false)
                    .map(|pattern| Rules::Tag(pattern.regex))
                    .map_err(|problem| problem.of_caller(whose))
            }
        }
    }
}

impl Exclusion {
    pub(crate) fn compile(
        &self,
        selection: u32,
        names: &mut TxNames,
    ) -> Result<CompiledExclusion, LoadError> {
        let wrong = |reason: &str| Problem::Exclusion(reason.to_owned()).of_caller(&self.name);
        match &self.path {
            PathMatch::Exact(path) | PathMatch::Prefix(path) if !path.starts_with('/') => {
                return Err(wrong("its path must begin with /"));
            }
            _ => {}
        }
        let target = match &self.target {
            None => None,
            Some(text) => {
                Some(target(text, false, names).map_err(|problem| problem.of_caller(&self.name))?)
            }
        };
        Ok(CompiledExclusion {
            name: self.name.clone(),
            selection,
            target,
            path: self.path.clone(),
        })
    }
}

impl CompiledExclusion {
    /// Whether it holds on this path.
    pub(crate) fn holds(&self, path: &[u8]) -> bool {
        match &self.path {
            PathMatch::Any => true,
            PathMatch::Exact(own) => own.as_bytes() == path,
            PathMatch::Prefix(own) => {
                let below = path
                    .strip_prefix(own.as_bytes())
                    .is_some_and(|rest| rest.is_empty() || own.ends_with('/') || rest[0] == b'/');
                below && plain(path)
            }
        }
    }
}

/// Whether a path means what it says: no dot segments, no doubled, encoded or backward slashes.
fn plain(path: &[u8]) -> bool {
    let lower = path.to_ascii_lowercase();
    let has = |part: &[u8]| memchr::memmem::find(&lower, part).is_some();
    !(has(b"/.") || has(b"//") || has(b"%2") || has(b"%5c") || has(b"\\") || has(b"%00"))
}
