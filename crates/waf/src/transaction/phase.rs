//! Running the rules of a phase.

use std::sync::Arc;

use super::injection;
use super::known::Harmless;
use super::operate;
use super::tx::{TxValue, number, write_number};
use super::{Found, Removal, Transaction};
use crate::limits::Exhausted;
use crate::report::{Decision, Hit, RuleMatch, Why};
use crate::ruleset::{Effect, Gate, Jump, Link, Quick, QuickNumber, Rule, RuleSet, ScanClass};
use crate::seclang::ctl::Mode;
use crate::seclang::operator::{Number, Operator};
use crate::seclang::targets::Target;
use crate::seclang::text::{Part, Text};
use crate::variable::Variable;

impl Transaction {
    /// Runs a phase.
    pub(super) fn run(&mut self, phase: u8) -> Decision {
        let at = usize::from(phase - 1);
        let over = phase < 5 && !self.report.decision.passes();
        let allowed = self.allowed.get(at).is_some_and(|allowed| *allowed);
        if self.mode == Mode::Off || over || allowed {
            return self.report.decision.clone();
        }
        let rules = Arc::clone(&self.rules);
        // Values may have been added since the phase before.
        self.group_known.fill(false);
        let list = &rules.phases[at];
        let mut next = 0;
        while let Some(Gate {
            rule: number,
            group,
        }) = list.get(next).copied()
        {
            next += 1;
            if self.removed.contains(number) {
                continue;
            }
            if let Some((class, group, bit)) = group
                && !self.in_group(&rules, class, group, bit)
            {
                continue;
            }
            let rule = &rules.rules[number as usize];
            let matched = self.rule(&rules, number, rule);
            if self.exhausted(&rules) {
                break;
            }
            if !matched {
                continue;
            }
            if self.disrupt(&rules, number) || self.mode == Mode::Off {
                break;
            }
            match rule.jump {
                Some(Jump::Skip(count)) => next += count as usize,
                Some(Jump::To(to)) => next = next.max(to as usize),
                None => {}
            }
        }
        self.report.decision.clone()
    }

    /// Whether the inspection has become too costly.
    fn exhausted(&mut self, rules: &RuleSet) -> bool {
        if self.store.work <= rules.limits.work && !self.store.full {
            return false;
        }
        match rules.limits.exhausted {
            Exhausted::Refuse => self.refuse(rules.limits.status, Why::TooCostly),
            Exhausted::Pass => self.report.incomplete = true,
        }
        true
    }

    /// Whether a link is a candidate for any value of its group.
    fn in_group(&mut self, rules: &RuleSet, class: ScanClass, group: u32, bit: u32) -> bool {
        let at = group as usize;
        let start = at * rules.widest();
        if !self.group_known[at] {
            let end = start + rules.prefilters[class as usize].words();
            self.group_rows[start..end].fill(0);
            let mut found = std::mem::take(&mut self.found);
            found.clear();
            self.collect(rules, &rules.groups[at].targets, &mut found);
            for one in &found {
                let chain = rules.groups[at].chain;
                let scan = self.store.scan_after(rules, one.value, chain, class);
                self.store
                    .merge(class, scan, &mut self.group_rows[start..end]);
            }
            self.found = found;
            self.group_known[at] = true;
        }
        self.group_rows[start + bit as usize / 64] & (1 << (bit % 64)) != 0
    }

    /// Runs one rule with its chain. `true`: all links matched.
    fn rule(&mut self, rules: &RuleSet, number: u32, rule: &Rule) -> bool {
        self.current = number;
        self.matched.before.clear();
        self.matched.now.clear();
        let mut hits = Vec::new();
        let (mut msg, mut logdata) = (None, None);
        for (place, link) in rule.links.iter().enumerate() {
            if place > 0 {
                // Matches of all links before are there for the next one.
                let mut now = std::mem::take(&mut self.matched.now);
                self.matched.before.clear();
                self.matched.before.append(&mut now);
                self.matched.now = now;
            }
            if !self.link(rules, link, number, place as u32) {
                return false;
            }
            if rule.log {
                self.note_hits(rules, place, &mut hits);
                let first = place == 0;
                let own_msg = link.msg.as_ref().or(rule.msg.as_ref().filter(|_| first));
                let own_data = link
                    .logdata
                    .as_ref()
                    .or(rule.logdata.as_ref().filter(|_| first));
                msg = own_msg.map(|text| self.excerpt(rules, text)).or(msg);
                logdata = own_data.map(|text| self.excerpt(rules, text)).or(logdata);
            }
        }
        if let Some(severity) = rule.severity {
            self.highest_severity = self.highest_severity.min(severity);
        }
        if rule.log {
            self.report.matches.push(RuleMatch {
                id: rule.id,
                phase: rule.phase,
                message: msg.unwrap_or_default(),
                data: logdata.unwrap_or_default(),
                severity: rule.severity,
                audit: rule.auditlog,
                rule: number,
                observed: rules.observed.contains(number),
                hits,
            });
        }
        true
    }

    fn excerpt(&self, rules: &RuleSet, text: &Text) -> Vec<u8> {
        let mut out = Vec::new();
        self.write_text(rules, text, &mut out);
        out.truncate(rules.limits.excerpt.saturating_mul(2));
        out
    }

    fn note_hits(&self, rules: &RuleSet, place: usize, hits: &mut Vec<Hit>) {
        for found in &self.matched.now {
            if hits.len() >= rules.limits.hits {
                return;
            }
            let value = self.store.bytes(found.value);
            hits.push(Hit {
                variable: found.variable,
                name: self.store.bytes(found.name).to_vec(),
                value: value[..value.len().min(rules.limits.excerpt)].to_vec(),
                link: u8::try_from(place).unwrap_or(u8::MAX),
            });
        }
    }

    /// Runs one link over all its values. `true`: at least one matched.
    fn link(&mut self, rules: &RuleSet, link: &Link, number: u32, place: u32) -> bool {
        if let Some(quick) = &link.quick {
            return self.quick(rules, link, *quick, number, place);
        }
        if link.targets.is_empty() {
            // SecAction.
            let holds = matches!(link.operator, Operator::Always);
            if holds {
                self.effects(rules, link, number, place);
            }
            return holds;
        }
        let mut found = std::mem::take(&mut self.found);
        found.clear();
        self.collect(rules, &link.targets, &mut found);
        let mut any = false;
        for one in &found {
            if self.excluded(link, one) {
                continue;
            }
            if link.steps.is_empty() {
                let value = self.store.transformed(rules, one.value, link.chain);
                any |= self.value(rules, link, Found { value, ..*one }, number, place);
            } else {
                let mut last = None;
                for step in &link.steps {
                    let value = self.store.transformed(rules, one.value, *step);
                    if last.replace(value) != Some(value) {
                        any |= self.value(rules, link, Found { value, ..*one }, number, place);
                    }
                }
            }
            if self.store.work > rules.limits.work {
                break;
            }
        }
        self.found = found;
        any
    }

    /// Tests one value and runs the effects of a match.
    fn value(
        &mut self,
        rules: &RuleSet,
        link: &Link,
        found: Found,
        number: u32,
        place: u32,
    ) -> bool {
        if let Some(filter) = link.filter {
            let scan = self.store.scan(rules, found.value, filter.class);
            if !self.store.candidate(filter.class, scan, filter.bit) {
                return false;
            }
        }
        let captured = self.test(rules, link, found);
        if captured.is_none() || self.narrowed_away(rules, number, &found) {
            return false;
        }
        self.matched.last = Some(found);
        if link.capture
            && let Some(groups) = captured.filter(|groups| !groups.is_empty())
        {
            for slot in 0..10u16 {
                let value = groups.get(usize::from(slot)).cloned().flatten();
                self.tx.set_slot(slot, value.map(TxValue::Text));
            }
        }
        self.matched.now.push(found);
        self.effects(rules, link, number, place);
        true
    }

    fn excluded(&self, link: &Link, found: &Found) -> bool {
        link.excluded
            .iter()
            .any(|target| self.covers(target, found))
    }

    fn covers(&self, target: &Target, found: &Found) -> bool {
        let same =
            target.variable == found.variable || target.variable.parts().contains(&found.variable);
        same && target.selector.selects(self.store.bytes(found.name))
    }

    /// Whether `ctl` or an exclusion took this value away from this rule.
    fn narrowed_away(&self, rules: &RuleSet, number: u32, found: &Found) -> bool {
        let may_be = self.narrowed_variables.contains(found.variable);
        if !may_be || !self.narrowed.contains(number) {
            return false;
        }
        self.removals.iter().any(|removal| {
            let (selection, target) = match removal {
                Removal::Effect { rule, link, effect } => {
                    let link = &rules.rules[*rule as usize].links[*link as usize];
                    match &link.effects[*effect as usize] {
                        Effect::RemoveTarget(selection, target) => (*selection, target),
                        _ => return false,
                    }
                }
                Removal::Exclusion(at) => {
                    let exclusion = &rules.exclusions[*at as usize];
                    match &exclusion.target {
                        Some(target) => (exclusion.selection, target),
                        None => return false,
                    }
                }
            };
            rules.selections[selection as usize].contains(number) && self.covers(target, found)
        })
    }

    /// A comparison of one number in TX.
    fn quick(&mut self, rules: &RuleSet, link: &Link, quick: Quick, rule: u32, place: u32) -> bool {
        let present = self.tx.slot(quick.slot);
        let left = match (quick.count, present) {
            (true, present) => i64::from(present.is_some()),
            (false, Some(value)) => value.number(),
            (false, None) => return false,
        };
        let right = match quick.right {
            QuickNumber::Fixed(number) => number,
            QuickNumber::Slot(slot) => self.tx.slot(slot).map_or(0, TxValue::number),
        };
        if quick.comparison.holds(left, right) == link.negated {
            return false;
        }
        let mut digits = Vec::new();
        match present {
            Some(value) if !quick.count => value.write(&mut digits),
            _ => write_number(left, &mut digits),
        }
        let found = Found {
            variable: Variable::Tx,
            name: self.store.push(rules.names.name(quick.slot)),
            value: self.store.push(&digits),
        };
        if self.excluded(link, &found) || self.narrowed_away(rules, rule, &found) {
            return false;
        }
        self.matched.last = Some(found);
        self.matched.now.push(found);
        self.effects(rules, link, rule, place);
        true
    }

    /// Whether the operator holds for a value; what it captured, where that is asked for.
    fn test(&mut self, rules: &RuleSet, link: &Link, found: Found) -> Option<Captured> {
        let seen = match link.operator {
            Operator::ValidateByteRange(_) | Operator::DetectXss | Operator::DetectSqli => {
                self.store.seen(rules, found.value)
            }
            _ => crate::ruleset::ByteSet::default(),
        };
        let value = self.store.bytes(found.value);
        let cost = value.len() as u64 + 1;
        let mut captured = Captured::new();
        let holds = match &link.operator {
            Operator::Rx(regex) => {
                let holds = regex.is_match(value);
                if holds && link.capture && !link.negated {
                    captured = regex.groups(value, GROUPS);
                }
                holds
            }
            Operator::RxText(pattern) => {
                let regex = self.with(rules, &pattern.text, |text| pattern.regex(text));
                let holds = regex.as_ref().is_some_and(|regex| regex.is_match(value));
                if let Some(regex) = regex
                    && holds
                    && link.capture
                    && !link.negated
                {
                    captured = regex.groups(value, GROUPS);
                }
                holds
            }
            Operator::Pm(words) => match words.find(value) {
                Some(word) => {
                    captured = vec![Some(value[word.range()].to_vec())];
                    true
                }
                None => false,
            },
            Operator::BeginsWith(text) => self.with(rules, text, |text| value.starts_with(text)),
            Operator::EndsWith(text) => self.with(rules, text, |text| value.ends_with(text)),
            Operator::Streq(text) => self.with(rules, text, |text| value == text),
            Operator::Contains(text) => self.with(rules, text, |text| {
                memchr::memmem::find(value, text).is_some()
            }),
            Operator::ContainsWord(text) => {
                self.with(rules, text, |text| operate::contains_word(value, text))
            }
            Operator::Within(text) => self.with(rules, text, |text| {
                value.is_empty() || memchr::memmem::find(text, value).is_some()
            }),
            Operator::Compare(comparison, right) => {
                let right = match right {
                    Number::Fixed(number) => *number,
                    Number::Text(text) => self.with(rules, text, number),
                };
                comparison.holds(number(value), right)
            }
            Operator::IpMatch(networks) => networks.contain(value),
            Operator::DetectSqli if self.store.is_harmless(found.value, Harmless::Sql) => false,
            Operator::DetectSqli => {
                let print = injection::sqli(value, &seen);
                let holds = print.is_some();
                if holds {
                    captured = vec![print];
                } else {
                    self.store.set_harmless(found.value, Harmless::Sql);
                }
                holds
            }
            Operator::DetectXss if self.store.is_harmless(found.value, Harmless::Script) => false,
            Operator::DetectXss => {
                let found_one = injection::xss(value, &seen);
                if !found_one {
                    self.store.set_harmless(found.value, Harmless::Script);
                }
                found_one
            }
            Operator::ValidateByteRange(allowed) => operate::outside(&seen, allowed),
            Operator::ValidateUrlEncoding => operate::invalid_url_encoding(value),
            Operator::ValidateUtf8Encoding => operate::invalid_utf8(value),
            Operator::VerifyCc(regex) => regex
                .find_iter(value)
                .any(|found| operate::luhn(&value[found.range()])),
            Operator::Always => true,
            Operator::Never => false,
        };
        self.store.work += cost;
        (holds != link.negated).then_some(captured)
    }

    /// Gives a text with its macros replaced; without copying where it has one part.
    fn with<T>(&self, rules: &RuleSet, text: &Text, run: impl FnOnce(&[u8]) -> T) -> T {
        match text.parts.as_slice() {
            [] => run(b""),
            [Part::Literal(text)] => run(text),
            [Part::Tx(slot)] => match self.tx.slot(*slot) {
                Some(TxValue::Fixed(text)) => run(text),
                Some(TxValue::Text(text)) => run(text),
                Some(TxValue::Number(number)) => {
                    let mut digits = Vec::new();
                    write_number(*number, &mut digits);
                    run(&digits)
                }
                None => run(b""),
            },
            _ => {
                let mut out = Vec::new();
                self.write_text(rules, text, &mut out);
                run(&out)
            }
        }
    }
}

/// Groups that a rule can refer to: `TX:0` to `TX:9`.
const GROUPS: usize = 10;

/// Groups of a pattern, the whole match first.
type Captured = Vec<Option<Vec<u8>>>;
