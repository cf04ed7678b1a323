//! Rules of CRS 3, which distributions still carry, that the engine cannot run.
//!
//! They need look-around (no linear time) or databases and networks (the gateway's own lists do
//! that). CRS 4 has none of them. Where the same can be asked in linear time, it is asked so
//! instead; the others are left out. Only the rules listed here, only where they do not load, and
//! each is said; any other rule that does not load is an error.

use std::collections::HashMap;
use std::path::Path;

use mamori_waf::{LoadError, Problem};

use crate::folder::RulesError;

/// Ids and what is missing without them.
const KNOWN: &[(u64, &str)] = &[
    (910_100, "国による遮断（gateway の一覧で行ってください）"),
    (910_140, "DNS の遮断一覧（gateway の一覧で行ってください）"),
    (
        942_130,
        "厳しさ 2 以上の、SQL の恒真式の検査の 1 つ（厳しさ 1 の 942100 も同じ攻撃を見ます。CRS 4 にはあります）",
    ),
];

/// A rule that can be asked in linear time too: what stands in it, and what asks the same.
struct Same {
    id: u64,
    operator: &'static str,
    instead: &'static str,
}

const SAME: &[Same] = &[
    // One of four signs, the semicolon only where it ends no entity of HTML: not a row of such
    // entities and other signs.
    Same {
        id: 920_120,
        operator: r#""@rx (?<!&(?:[aAoOuUyY]uml)|&(?:[aAeEiIoOuU]circ)|&(?:[eEiIoOuUyY]acute)|&(?:[aAeEiIoOuU]grave)|&(?:[cC]cedil)|&(?:[aAnNoO]tilde)|&(?:amp)|&(?:apos));|['\"=]""#,
        instead: r#""!@rx ^(?:&(?:[aAoOuUyY]uml|[aAeEiIoOuU]circ|[eEiIoOuUyY]acute|[aAeEiIoOuU]grave|[cC]cedil|[aAnNoO]tilde|amp|apos);|[^;'\"=])*\z""#,
    },
    // The begin of PHP, unless that of XML.
    Same {
        id: 953_120,
        operator: r#""@rx <\?(?!xml)""#,
        instead: r#""@rx <\?(?:[^x]|x[^m]|xm[^l]|(?:xm?)?\z)""#,
    },
];

/// A rule of CRS 3 that takes ordinary Japanese for an attack: a full-width sign such as `！`, then
/// somewhere `ま`. It is about browsers that read US-ASCII with the eighth bit cut off. CRS 4 asks
/// for a tag around it.
const NOT_FOR_JAPANESE: u64 = 941_310;
/// How CRS 3 writes its version.
const CRS_3: &str = "ver:'OWASP_CRS/3.";

/// What takes the rule away again, if it is the one of CRS 3, and what the operator is told.
pub fn not_for_japanese(file: &Path) -> Option<(String, String)> {
    let text = std::fs::read(file).ok()?;
    let text = String::from_utf8_lossy(&text);
    let (_, rule) = text.split_once(&format!("id:{NOT_FOR_JAPANESE},"))?;
    let rule = rule.split("SecRule ").next().unwrap_or(rule);
    rule.contains(CRS_3).then(|| {
        (
            format!("SecRuleRemoveById {NOT_FOR_JAPANESE}\n"),
            format!(
                "規則 {NOT_FOR_JAPANESE} は使いません（{}）。「！」のあとに「ま」があるだけの日本語の文を止めるためです（CRS 4 では直っています）",
                file.display()
            ),
        )
    })
}

/// Rule files from the disk, without what was left out of them.
#[derive(Debug, Default)]
pub struct Source {
    changed: HashMap<String, String>,
    left_out: Vec<String>,
}

impl mamori_waf::Source for Source {
    fn read(&mut self, path: &str) -> Result<Vec<u8>, String> {
        match self.changed.get(path) {
            Some(text) => Ok(text.clone().into_bytes()),
            None => std::fs::read(path).map_err(|error| error.to_string()),
        }
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

impl Source {
    /// Leaves out the rule that does not load, if it is one of those known.
    pub fn leave_out(&mut self, error: LoadError) -> Result<(), RulesError> {
        let known = matches!(
            error.problem,
            Problem::NotLinear(_) | Problem::UnsupportedOperator { .. }
        );
        let text = known
            .then(|| mamori_waf::Source::read(self, &error.place.file).ok())
            .flatten()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        let line = error.place.line as usize;
        if let Some((text, id)) = text.as_deref().and_then(|text| the_same(text, line)) {
            self.left_out.push(format!(
                "規則 {id} は、同じことを調べる別の式で読みます（{}）",
                error.place
            ));
            self.changed.insert(error.place.file, text);
            return Ok(());
        }
        let left_out = text.and_then(|text| without(&text, line));
        let Some((text, id, missing)) = left_out else {
            return Err(error.into());
        };
        self.left_out.push(format!(
            "規則 {id} は読みません（{}）。この検査はありません: {missing}",
            error.place
        ));
        self.changed.insert(error.place.file, text);
        Ok(())
    }

    /// What was left out, for the operator.
    pub fn notes(self) -> Vec<String> {
        self.left_out
    }
}

/// The text with the operator of the rule at a line said otherwise; all lines keep their number.
fn the_same(text: &str, line: usize) -> Option<(String, u64)> {
    let lines: Vec<&str> = text.split('\n').collect();
    let (from, to) = directives(&lines)
        .into_iter()
        .find(|(from, to)| (*from..*to).contains(&(line - 1)))?;
    let rule = lines[from..to].join("\n");
    let same = SAME
        .iter()
        .find(|same| names(&rule, same.id) && rule.contains(same.operator))?;
    let rule = rule.replacen(same.operator, same.instead, 1);
    let changed = [&lines[..from], &[rule.as_str()], &lines[to..]].concat();
    Some((changed.join("\n"), same.id))
}

/// Whether a rule has this number.
fn names(rule: &str, id: u64) -> bool {
    rule.split(|c: char| !(c.is_ascii_alphanumeric() || c == ':'))
        .any(|word| word == format!("id:{id}"))
}

/// The text with the rule around a line (its whole chain) as comments; all lines keep their number.
fn without(text: &str, line: usize) -> Option<(String, u64, &'static str)> {
    let lines: Vec<&str> = text.split('\n').collect();
    let rules = directives(&lines);
    let at = rules
        .iter()
        .position(|(from, to)| (*from..*to).contains(&(line - 1)))?;
    let said = |(from, to): (usize, usize)| lines[from..to].join("\n");
    let first = (0..=at)
        .rev()
        .find(|at| *at == 0 || !chains(&said(rules[at - 1])))?;
    let last = (at..rules.len()).find(|at| !chains(&said(rules[*at])))?;
    let head = said(rules[first]);
    let (id, missing) = KNOWN.iter().find(|(id, _)| names(&head, *id))?;
    let (from, to) = (rules[first].0, rules[last].1);
    let changed: Vec<String> = lines
        .iter()
        .enumerate()
        .map(|(at, line)| {
            if (from..to).contains(&at) {
                // A comment must not go on in the next line.
                format!("#{}", line.trim_end().trim_end_matches('\\'))
            } else {
                (*line).to_owned()
            }
        })
        .collect();
    Some((changed.join("\n"), *id, missing))
}

/// First line and line after the last of every directive.
fn directives(lines: &[&str]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let from = at;
        while at < lines.len() && lines[at].trim_end().ends_with('\\') {
            at += 1;
        }
        at = (at + 1).min(lines.len());
        if lines[from].trim_start().starts_with("Sec") {
            found.push((from, at));
        }
    }
    found
}

/// Whether a directive has the action `chain`.
fn chains(directive: &str) -> bool {
    directive
        .split([',', '"', '\\', '\n', ' ', '\t', '\r'])
        .any(|word| word == "chain")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::folder::{Folders, Wanted, load};

    fn loaded(folder: &Path, text: &str) -> Result<(usize, Vec<String>), String> {
        std::fs::write(folder.join("a.conf"), text).expect("written");
        let folders = Folders {
            rules: folder.to_owned(),
            plugins: vec![],
        };
        load(&folders, &Wanted::default())
            .map(|loaded| (loaded.rules.len(), loaded.notes))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn known_rules_are_left_out_with_their_chain_and_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = |id: u64| {
            format!(
                "SecAction \"id:1,phase:1,pass\"\n\nSecRule TX:codes \"!@rx ^$\" \\\n  \"id:{id},\\\n  phase:1,pass,\\\n  chain\"\n\
                 SecRule ARGS \"@geoLookup\" \\\n  \"chain\"\n  SecRule GEO:X \"@rx .\" \"t:none\"\n# more\n\
                 SecRule ARGS \"@rx a\" \"id:2,phase:1,pass\"\nSecRule ARGS \"@rx a(?!b)\" \"id:942130,phase:2,pass\"\n"
            )
        };
        let (alone, _) = loaded(folder.path(), "SecAction \"id:1,phase:1,pass\"\n").expect("loads");
        let (rules, notes) = loaded(folder.path(), &text(910_100)).expect("loads");
        assert_eq!(rules, alone + 1);
        let said: Vec<&String> = notes
            .iter()
            .filter(|note| note.contains("読みません（"))
            .collect();
        assert_eq!(said.len(), 2, "{notes:?}");
        assert!(
            said[0].contains("910100") && said[0].contains("a.conf:7"),
            "{notes:?}"
        );
        assert!(said[1].contains("942130"), "{notes:?}");
    }

    #[test]
    fn what_can_be_asked_otherwise_is_asked_and_finds_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = format!(
            "SecRule ARGS {} \\\n  \"id:920120,phase:2,deny\"\nSecRule ARGS:b {} \\\n  \"id:953120,\\\n  phase:2,deny,chain\"\n\
             SecRule ARGS:b \"!@rx gif\" \"t:none\"\n",
            super::SAME[0].operator,
            super::SAME[1].operator
        );
        std::fs::write(folder.path().join("a.conf"), text).expect("written");
        let folders = Folders {
            rules: folder.path().to_owned(),
            plugins: vec![],
        };
        let loaded = load(&folders, &Wanted::default()).expect("loads");
        let said = |id: &str| {
            let mut notes = loaded.notes.iter();
            notes.any(|note| note.contains(id) && note.contains("別の式"))
        };
        assert!(said("920120") && said("953120"), "{:?}", loaded.notes);
        let passes = |query: &str| {
            let mut transaction = loaded.rules.transaction();
            transaction.request_line(b"GET", format!("/?{query}").as_bytes(), b"HTTP/1.1");
            transaction.request_headers();
            transaction.request_body().passes()
        };
        for (value, refused) in [
            ("", false),
            ("%E5%B8%82%E5%BD%B9%E6%89%80.pdf", false),
            ("a%26amp%3Bb%26Auml%3B%0A", false),
            ("%26amp", false),
            ("a%3Bb", true),
            ("%26lt%3B", true),
            ("%26amp%3B%3B", true),
            ("%26aMp%3B", true),
            ("a%27", true),
            ("%26amp%3B%22", true),
            ("a%3D", true),
            ("a%0A%3B", true),
        ] {
            assert_eq!(!passes(&format!("a={value}")), refused, "{value}");
        }
        for (value, refused) in [
            ("%3C?xml version", false),
            ("%3C?xml", false),
            ("%3C?php", true),
            ("%3C?", true),
            ("%3C?x", true),
            ("%3C?xm", true),
            ("%3C?xma", true),
            ("%3C?%0A", true),
            ("%3C?XML", true),
            ("%3C?xml %3C?php", true),
            ("gif %3C?php", false),
        ] {
            let value = value.replace('?', "%3F").replace(' ', "%20");
            assert_eq!(!passes(&format!("b={value}")), refused, "{value}");
        }
    }

    #[test]
    fn the_rule_of_crs_3_that_stops_japanese_is_not_used() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = |version: &str| {
            format!(
                "SecRule ARGS \"@rx \\xbc[^\\xbe>]*[\\xbe>]\" \"id:941310,phase:2,deny,ver:'OWASP_CRS/{version}'\"\n\
                 SecRule ARGS \"@rx a\" \"id:941320,phase:2,deny,ver:'OWASP_CRS/3.3.4'\"\n"
            )
        };
        let (three, notes) = loaded(folder.path(), &text("3.3.4")).expect("loads");
        let (four, _) = loaded(folder.path(), &text("4.0.0")).expect("loads");
        assert_eq!(three + 1, four);
        assert!(
            notes.iter().any(|note| note.contains("941310")),
            "{notes:?}"
        );
    }

    #[test]
    fn every_other_rule_that_does_not_load_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        for text in [
            "SecRule ARGS \"@rx a(?!b)\" \"id:5,phase:2,pass\"\n",
            // The id of a known rule in another number or text.
            "SecRule ARGS \"@rx a(?!b)\" \"id:9421300,phase:2,pass,msg:'942130'\"\n",
            "SecRule ARGS \"@rx (\" \"id:942130,phase:2,pass\"\n",
        ] {
            let error = loaded(folder.path(), text).expect_err(text);
            assert!(error.contains("a.conf:1"), "{error}");
        }
    }
}
