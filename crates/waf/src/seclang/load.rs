//! Files, includes, and what is gathered from them.

use std::collections::HashMap;

use crate::error::{LoadError, Place, Problem};
use crate::seclang::actions::Actions;
use crate::seclang::ctl::Rules;
use crate::seclang::lines::{Directive, directives};
use crate::seclang::operator::Test;
use crate::seclang::settings::Settings;
use crate::seclang::targets::Targets;
use crate::seclang::text::TxNames;

/// Where rule files come from. The engine itself opens nothing.
pub trait Source {
    /// The bytes of a file.
    fn read(&mut self, path: &str) -> Result<Vec<u8>, String>;

    /// Names of the files directly in a directory, in any order; for `Include dir/*.conf`.
    fn list(&mut self, directory: &str) -> Result<Vec<String>, String>;
}

/// One SecRule or SecAction.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) place: Place,
    pub(crate) targets: Targets,
    pub(crate) test: Test,
    pub(crate) actions: Actions,
}

/// A rule with all links of its chain.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) id: u64,
    pub(crate) phase: u8,
    pub(crate) links: Vec<Link>,
}

/// What stands in a rule set, in order.
#[derive(Debug)]
pub(crate) enum Item {
    /// A rule.
    Rule(Parsed),
    /// A place to jump to.
    Marker(String),
}

/// What one directive changes about rules.
#[derive(Debug)]
pub(crate) enum Update {
    /// They go.
    Remove(Rules),
    /// They look at more, or at less. With a list to replace: instead of that.
    Targets(Rules, Targets, Option<Targets>),
    /// They do something else.
    Actions(u64, Box<Actions>),
}

/// Reads rule files.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) items: Vec<Item>,
    pub(crate) updates: Vec<(Place, Update)>,
    pub(crate) names: TxNames,
    pub(crate) settings: Settings,
    /// Default actions by phase.
    pub(crate) defaults: [Option<Actions>; 5],
    /// Where each id was used.
    pub(crate) ids: HashMap<u64, Place>,
    /// A chain whose next link is still to come.
    pub(crate) open: Option<Parsed>,
}

/// Includes deeper than this go in a circle.
const DEEPEST: usize = 32;

impl Reader {
    pub(crate) fn new() -> Self {
        Self {
            items: Vec::new(),
            updates: Vec::new(),
            names: TxNames::new(),
            settings: Settings::default(),
            defaults: [const { None }; 5],
            ids: HashMap::new(),
            open: None,
        }
    }

    /// Reads one file and all it includes.
    pub(crate) fn file(&mut self, source: &mut dyn Source, path: &str) -> Result<(), LoadError> {
        let place = Place {
            file: path.to_owned(),
            line: 0,
        };
        self.include(source, path, &place, 0)
    }

    /// Reads rules from memory; files they name are read relative to `name`.
    pub(crate) fn text(
        &mut self,
        source: &mut dyn Source,
        name: &str,
        text: &[u8],
    ) -> Result<(), LoadError> {
        self.bytes(source, name, text, 0)
    }

    fn include(
        &mut self,
        source: &mut dyn Source,
        path: &str,
        place: &Place,
        depth: usize,
    ) -> Result<(), LoadError> {
        if depth > DEEPEST {
            return Err(Problem::IncludeDepth(DEEPEST).at(place));
        }
        let bytes = read(source, path).map_err(|problem| problem.at(place))?;
        self.bytes(source, path, &bytes, depth)
    }

    fn bytes(
        &mut self,
        source: &mut dyn Source,
        name: &str,
        bytes: &[u8],
        depth: usize,
    ) -> Result<(), LoadError> {
        for directive in directives(name, bytes)? {
            let place = directive.place.clone();
            let lower = directive.name.to_ascii_lowercase();
            if lower == "include" || lower == "includeoptional" {
                for path in found(source, &directive, lower == "includeoptional")
                    .map_err(|problem| problem.at(&place))?
                {
                    self.include(source, &path, &place, depth + 1)?;
                }
                continue;
            }
            let mut beside = |file: &str| read(source, &relative(name, file));
            self.directive(directive, &mut beside)
                .map_err(|problem| problem.at(&place))?;
        }
        match &self.open {
            Some(open) => {
                let place = open.links.last().map(|link| link.place.clone());
                Err(Problem::OpenChain.at(&place.unwrap_or_default()))
            }
            None => Ok(()),
        }
    }
}

fn read(source: &mut dyn Source, path: &str) -> Result<Vec<u8>, Problem> {
    source.read(path).map_err(|reason| Problem::Unreadable {
        path: path.to_owned(),
        reason,
    })
}

/// A path beside the file that names it.
fn relative(from: &str, path: &str) -> String {
    match from.rfind('/') {
        Some(at) if !path.starts_with('/') => format!("{}/{path}", &from[..at]),
        _ => path.to_owned(),
    }
}

/// The files that an include means, in the order of their names.
fn found(
    source: &mut dyn Source,
    directive: &Directive,
    optional: bool,
) -> Result<Vec<String>, Problem> {
    let [argument] = directive.arguments.as_slice() else {
        return Err(Problem::Arguments {
            directive: directive.name.clone(),
            expected: "one path",
            found: directive.arguments.len(),
        });
    };
    let path = relative(&directive.place.file, argument);
    let (directory, pattern) = path.rsplit_once('/').unwrap_or((".", &path));
    if directory.contains(['*', '?']) {
        return Err(Problem::DirectiveArgument {
            directive: directive.name.clone(),
            reason: "wildcards may stand only in the last part of the path".to_owned(),
        });
    }
    if !pattern.contains(['*', '?']) {
        return Ok(vec![path]);
    }
    let mut names: Vec<String> = match source.list(directory) {
        Ok(names) => names,
        Err(_) if optional => Vec::new(),
        Err(reason) => {
            return Err(Problem::Unreadable {
                path: directory.to_owned(),
                reason,
            });
        }
    };
    names.retain(|name| glob(pattern.as_bytes(), name.as_bytes()));
    names.sort_unstable();
    if names.is_empty() && !optional {
        return Err(Problem::Unreadable {
            path: path.clone(),
            reason: "no file has such a name".to_owned(),
        });
    }
    Ok(names
        .into_iter()
        .map(|name| match path.rfind('/') {
            Some(at) => format!("{}/{name}", &path[..at]),
            None => name,
        })
        .collect())
}

/// Whether a name matches a pattern with `*` and `?`.
fn glob(pattern: &[u8], name: &[u8]) -> bool {
    // The last star seen and where the name stood then: no recursion, no blow-up.
    let (mut p, mut n) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                back = Some((p + 1, n));
                p += 1;
            }
            Some(b'?') => {
                p += 1;
                n += 1;
            }
            Some(c) if *c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match back {
                Some((star, at)) => {
                    p = star;
                    n = at + 1;
                    back = Some((star, n));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        for (pattern, name, expected) in [
            ("*.conf", "a.conf", true),
            ("*.conf", "a.conf.example", false),
            ("REQUEST-9??-*", "REQUEST-901-INIT.conf", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b", "acbd", false),
        ] {
            assert_eq!(
                glob(pattern.as_bytes(), name.as_bytes()),
                expected,
                "{pattern}"
            );
        }
    }

    #[test]
    fn paths_beside_the_file() {
        assert_eq!(relative("a/b.conf", "c.data"), "a/c.data");
        assert_eq!(relative("b.conf", "c.data"), "c.data");
        assert_eq!(relative("a/b.conf", "/c"), "/c");
    }
}
