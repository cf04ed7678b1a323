//! The values of variables, as rules ask for them.

use super::store::{EMPTY, Item, ValueId};
use super::tx::{TxValue, write_number};
use super::{Found, Transaction};
use crate::ruleset::RuleSet;
use crate::seclang::targets::{Selector, Target};
use crate::seclang::text::{Part, RuleField, Text};
use crate::variable::Variable;

/// Whose names a variable of names holds.
fn named(variable: Variable) -> Option<&'static [Variable]> {
    Some(match variable {
        Variable::ArgsNames => &[Variable::ArgsGet, Variable::ArgsPost],
        Variable::ArgsGetNames => &[Variable::ArgsGet],
        Variable::ArgsPostNames => &[Variable::ArgsPost],
        Variable::RequestHeadersNames => &[Variable::RequestHeaders],
        Variable::RequestCookiesNames => &[Variable::RequestCookies],
        Variable::ResponseHeadersNames => &[Variable::ResponseHeaders],
        _ => return None,
    })
}

/// Flags that are 0 unless something was wrong.
fn zero_by_default(variable: Variable) -> bool {
    matches!(
        variable,
        Variable::MultipartBoundaryQuoted
            | Variable::MultipartBoundaryWhitespace
            | Variable::MultipartCrlfLfLines
            | Variable::MultipartDataAfter
            | Variable::MultipartDataBefore
            | Variable::MultipartFileLimitExceeded
            | Variable::MultipartHeaderFolding
            | Variable::MultipartInvalidHeaderFolding
            | Variable::MultipartInvalidPart
            | Variable::MultipartInvalidQuoting
            | Variable::MultipartLfLine
            | Variable::MultipartMissingSemicolon
            | Variable::MultipartStrictError
            | Variable::MultipartUnmatchedBoundary
            | Variable::ReqbodyError
            | Variable::UrlencodedError
            | Variable::InboundDataError
            | Variable::OutboundDataError
            | Variable::RequestBodyLength
            | Variable::FilesCombinedSize
            | Variable::Duration
    )
}

/// What targets chose. Rules look at the same few variables again and again.
#[derive(Debug)]
pub(super) struct Choices {
    known: Vec<Choice>,
    found: Vec<Found>,
}

#[derive(Debug, Clone, Copy)]
struct Choice {
    /// How often the values had changed by then.
    changes: u32,
    start: u32,
    end: u32,
}

impl Choices {
    pub(super) fn new(count: usize) -> Self {
        let never = Choice {
            changes: u32::MAX,
            start: 0,
            end: 0,
        };
        Self {
            known: vec![never; count],
            found: Vec::new(),
        }
    }

    pub(super) fn reset(&mut self) {
        self.found.clear();
        for choice in &mut self.known {
            choice.changes = u32::MAX;
        }
    }
}

impl Transaction {
    /// Appends all values that the targets select.
    pub(super) fn collect(&mut self, rules: &RuleSet, targets: &[Target], out: &mut Vec<Found>) {
        for target in targets {
            if target.count {
                let start = out.len();
                self.choose(rules, target, out);
                let count = out.len() - start;
                out.truncate(start);
                let mut digits = Vec::new();
                write_number(count as i64, &mut digits);
                let name = match &target.selector {
                    Selector::Name(name, _) => self.store.push(name),
                    _ => EMPTY,
                };
                let value = self.store.push(&digits);
                out.push(Found {
                    variable: target.variable,
                    name,
                    value,
                });
            } else {
                self.choose(rules, target, out);
            }
        }
    }

    /// Appends the values that a target selects, from what is known of it where nothing has changed.
    fn choose(&mut self, rules: &RuleSet, target: &Target, out: &mut Vec<Found>) {
        let Some(at) = target.choice else {
            return self.select(rules, target, out);
        };
        let changes = self.changes(target.variable);
        let known = self.choices.known[at as usize];
        if known.changes == changes {
            let found = &self.choices.found[known.start as usize..known.end as usize];
            out.extend_from_slice(found);
            return;
        }
        let from = out.len();
        self.select(rules, target, out);
        let start = self.choices.found.len() as u32;
        self.choices.found.extend_from_slice(&out[from..]);
        self.choices.known[at as usize] = Choice {
            changes,
            start,
            end: self.choices.found.len() as u32,
        };
    }

    /// How often what a variable holds has changed.
    fn changes(&self, variable: Variable) -> u32 {
        let sources = named(variable).unwrap_or(variable.parts());
        if sources.is_empty() {
            return self.store.changes(variable);
        }
        let changes = sources.iter().map(|source| self.store.changes(*source));
        changes.sum()
    }

    fn select(&mut self, rules: &RuleSet, target: &Target, out: &mut Vec<Found>) {
        let variable = target.variable;
        let selector = &target.selector;
        let mut take = |item: &Item, value: ValueId, store: &super::Store| {
            if matches!(selector, Selector::All) || selector.selects(store.bytes(item.name)) {
                out.push(Found {
                    variable,
                    name: item.name,
                    value,
                });
            }
        };
        match variable {
            Variable::Args => {
                for source in variable.parts() {
                    for item in self.store.items(*source) {
                        take(item, item.value, &self.store);
                    }
                }
            }
            Variable::Tx
            | Variable::Ip
            | Variable::Session
            | Variable::User
            | Variable::Global
            | Variable::Resource
            | Variable::Env => self.select_tx(rules, target, out),
            Variable::MatchedVar => {
                if let Some(found) = self.matched.last {
                    out.push(Found {
                        variable: found.variable,
                        ..found
                    });
                }
            }
            Variable::MatchedVarName => {
                if let Some(found) = self.matched.last {
                    let value = self.name_of(&found);
                    out.push(Found {
                        variable,
                        name: EMPTY,
                        value,
                    });
                }
            }
            Variable::MatchedVars | Variable::MatchedVarsNames => {
                for at in 0..self.matched.before.len() {
                    let mut found = self.matched.before[at];
                    if !selector.selects(self.store.bytes(found.name)) {
                        continue;
                    }
                    if variable == Variable::MatchedVarsNames {
                        found = Found {
                            variable,
                            name: found.name,
                            value: self.name_of(&found),
                        };
                    }
                    out.push(found);
                }
            }
            Variable::ReqbodyProcessor
            | Variable::HighestSeverity
            | Variable::Sessionid
            | Variable::Userid
            | Variable::Webappid
            | Variable::Rule => {
                let mut text = Vec::new();
                let field = match selector {
                    Selector::Name(name, _) => {
                        std::str::from_utf8(name).ok().and_then(RuleField::named)
                    }
                    _ => None,
                };
                self.write_engine_value(rules, variable, field, &mut text);
                let value = self.store.push(&text);
                out.push(Found {
                    variable,
                    name: EMPTY,
                    value,
                });
            }
            _ => {
                if let Some(sources) = named(variable) {
                    for source in sources {
                        for item in self.store.items(*source) {
                            take(item, item.name, &self.store);
                        }
                    }
                    return;
                }
                let items = self.store.items(variable);
                if items.is_empty() && zero_by_default(variable) {
                    let value = self.store.push(b"0");
                    out.push(Found {
                        variable,
                        name: EMPTY,
                        value,
                    });
                    return;
                }
                for item in items {
                    take(item, item.value, &self.store);
                }
            }
        }
    }

    fn select_tx(&mut self, rules: &RuleSet, target: &Target, out: &mut Vec<Found>) {
        let mut text = Vec::new();
        if let Selector::Name(name, slot) = &target.selector {
            let value = match slot {
                Some(slot) => self.tx.slot(*slot),
                None => self.tx.get(&rules.names, target.variable, name),
            };
            let Some(value) = value else { return };
            value.write(&mut text);
            let found = Found {
                variable: target.variable,
                name: self.store.push(name),
                value: self.store.push(&text),
            };
            out.push(found);
            return;
        }
        for (name, value) in self.tx.all(&rules.names, target.variable) {
            if target.selector.selects(name) {
                text.clear();
                value.write(&mut text);
                out.push(Found {
                    variable: target.variable,
                    name: self.store.push(name),
                    value: self.store.push(&text),
                });
            }
        }
    }

    /// `ARGS:name` as a value.
    fn name_of(&mut self, found: &Found) -> ValueId {
        let mut text = Vec::new();
        self.write_name(found, &mut text);
        self.store.push(&text)
    }

    fn write_name(&self, found: &Found, out: &mut Vec<u8>) {
        out.extend_from_slice(found.variable.name().as_bytes());
        let name = self.store.bytes(found.name);
        if !name.is_empty() {
            out.push(b':');
            out.extend_from_slice(name);
        }
    }

    /// Values that the engine itself holds.
    fn write_engine_value(
        &self,
        rules: &RuleSet,
        variable: Variable,
        field: Option<RuleField>,
        out: &mut Vec<u8>,
    ) {
        match variable {
            Variable::ReqbodyProcessor => {
                let name = self
                    .request
                    .processor
                    .map_or("", |processor| processor.name());
                out.extend_from_slice(name.as_bytes());
            }
            Variable::HighestSeverity => write_number(i64::from(self.highest_severity), out),
            Variable::Sessionid => out.extend_from_slice(&self.identity[0]),
            Variable::Userid => out.extend_from_slice(&self.identity[1]),
            Variable::Webappid => out.extend_from_slice(rules.settings.application.as_bytes()),
            Variable::Rule => {
                if let (Some(field), Some(rule)) = (field, rules.rules.get(self.current as usize)) {
                    self.write_rule_field(rules, rule, field, out);
                }
            }
            _ => {}
        }
    }

    fn write_rule_field(
        &self,
        rules: &RuleSet,
        rule: &crate::ruleset::Rule,
        field: RuleField,
        out: &mut Vec<u8>,
    ) {
        let plain = |text: &Option<Text>, out: &mut Vec<u8>| {
            for part in text.iter().flat_map(|text| &text.parts) {
                // A macro of the rule in a text of the rule would go in a circle.
                if !matches!(part, Part::Rule(_)) {
                    self.write_part(rules, part, out);
                }
            }
        };
        match field {
            RuleField::Id => write_number(rule.id as i64, out),
            RuleField::Msg => plain(&rule.msg, out),
            RuleField::Logdata => plain(&rule.logdata, out),
            RuleField::Severity => {
                if let Some(severity) = rule.severity {
                    write_number(i64::from(severity), out);
                }
            }
            RuleField::Rev => out.extend_from_slice(rule.rev.as_deref().unwrap_or("").as_bytes()),
        }
    }

    /// Writes a text with its macros replaced.
    pub(super) fn write_text(&self, rules: &RuleSet, text: &Text, out: &mut Vec<u8>) {
        for part in &text.parts {
            self.write_part(rules, part, out);
        }
    }

    fn write_part(&self, rules: &RuleSet, part: &Part, out: &mut Vec<u8>) {
        match part {
            Part::Literal(text) => out.extend_from_slice(text),
            Part::Tx(slot) => {
                if let Some(value) = self.tx.slot(*slot) {
                    value.write(out);
                }
            }
            Part::Rule(field) => {
                if let Some(rule) = rules.rules.get(self.current as usize) {
                    self.write_rule_field(rules, rule, *field, out);
                }
            }
            Part::Variable(variable, key) => {
                self.write_variable(rules, *variable, key.as_deref(), out);
            }
        }
    }

    /// Writes the first value of a variable.
    fn write_variable(
        &self,
        rules: &RuleSet,
        variable: Variable,
        key: Option<&[u8]>,
        out: &mut Vec<u8>,
    ) {
        match variable {
            Variable::MatchedVar => {
                if let Some(found) = &self.matched.last {
                    out.extend_from_slice(self.store.bytes(found.value));
                }
            }
            Variable::MatchedVarName => {
                if let Some(found) = &self.matched.last {
                    self.write_name(found, out);
                }
            }
            Variable::ReqbodyProcessor
            | Variable::HighestSeverity
            | Variable::Sessionid
            | Variable::Userid
            | Variable::Webappid => self.write_engine_value(rules, variable, None, out),
            Variable::Tx
            | Variable::Ip
            | Variable::Session
            | Variable::User
            | Variable::Global
            | Variable::Resource
            | Variable::Env => {
                let value = key.and_then(|key| self.tx.get(&rules.names, variable, key));
                if let Some(value) = value {
                    TxValue::write(value, out);
                }
            }
            _ => {
                let own = [variable];
                let (sources, of_names): (&[Variable], bool) = match (variable, named(variable)) {
                    (_, Some(sources)) => (sources, true),
                    (Variable::Args, None) => (&[Variable::ArgsGet, Variable::ArgsPost], false),
                    _ => (&own, false),
                };
                let first = sources
                    .iter()
                    .flat_map(|source| self.store.items(*source))
                    .find(|item| {
                        key.is_none_or(|key| self.store.bytes(item.name).eq_ignore_ascii_case(key))
                    });
                match first {
                    Some(item) if of_names => out.extend_from_slice(self.store.bytes(item.name)),
                    Some(item) => out.extend_from_slice(self.store.bytes(item.value)),
                    None if zero_by_default(variable) => out.push(b'0'),
                    None => {}
                }
            }
        }
    }
}
