//! From rules as read to rules as run.

use std::collections::HashMap;

use crate::error::{LoadError, Place, Problem};
use crate::limits::Limits;
use crate::ruleset::{
    Bits, Chains, Effect, Exclusion, Filter, Gate, Group, Jump, Link, PrefilterBuilder, Quick,
    QuickNumber, ROOT, Rule, RuleChoice, RuleSet, ScanClass,
};
use crate::seclang::actions::{self, Actions, Disruptive};
use crate::seclang::ctl::{Ctl, Rules};
use crate::seclang::operator::{Number, Operator};
use crate::seclang::targets::{Selector, Target, Targets};
use crate::seclang::text::Part;
use crate::seclang::{self, Item, Parsed, Reader, Update};
use crate::transaction::Spare;
use crate::transform::Transform;
use crate::variable::{Class, Variable};

/// Compiles what was read.
pub(crate) fn compile(
    mut reader: Reader,
    limits: Limits,
    exclusions: &[Exclusion],
    only_observed: &[RuleChoice],
) -> Result<RuleSet, LoadError> {
    let updates = std::mem::take(&mut reader.updates);
    for (place, update) in updates {
        apply(&mut reader.items, &place, update)?;
    }
    let (parsed, markers) = order(std::mem::take(&mut reader.items));
    let index = Index::new(&parsed);
    let mut compiler = Compiler {
        chains: Chains::default(),
        builders: [PrefilterBuilder::default(), PrefilterBuilder::default()],
        groups: Vec::new(),
        selections: Vec::new(),
        index,
        defaults: &reader.defaults,
    };
    let mut phases: [Vec<u32>; 5] = Default::default();
    let mut jumps = Vec::new();
    let mut rules = Vec::with_capacity(parsed.len());
    for (number, (position, parsed)) in parsed.into_iter().enumerate() {
        let phase = usize::from(parsed.phase - 1);
        phases[phase].push(number as u32);
        let jump = parsed.links.first().and_then(|link| {
            let actions = &link.actions;
            actions
                .skip_after
                .clone()
                .map(|to| (to, link.place.clone()))
        });
        if let Some((to, place)) = jump {
            jumps.push((number, position, to, place));
        }
        rules.push((position, compiler.rule(parsed)));
    }
    let positions: Vec<usize> = rules.iter().map(|rule| rule.0).collect();
    let mut rules: Vec<Rule> = rules.into_iter().map(|rule| rule.1).collect();
    for (number, from, to, place) in jumps {
        let target = markers
            .iter()
            .find(|(name, at)| *at > from && *name == to)
            .map(|(_, at)| *at)
            .or_else(|| {
                let id: u64 = to.parse().ok()?;
                let at = rules.iter().position(|rule| rule.id == id)?;
                (positions[at] > from).then_some(positions[at] + 1)
            })
            .ok_or_else(|| Problem::NoMarker(to).at(&place))?;
        let list = &phases[usize::from(rules[number].phase - 1)];
        let next = list.partition_point(|rule| positions[*rule as usize] < target);
        rules[number].jump = Some(Jump::To(next as u32));
    }
    let mut names = reader.names;
    let mut resolved = Vec::new();
    for exclusion in exclusions {
        let selection = compiler.select(&exclusion.rules.rules(&exclusion.name)?);
        resolved.push(exclusion.compile(selection, &mut names)?);
    }
    let mut observed = Bits::new(rules.len());
    for choice in only_observed {
        let selection = compiler.select(&choice.rules("observe")?);
        observed.union(&compiler.selections[selection as usize]);
    }
    let wants_full_request = rules.iter().flat_map(|rule| &rule.links).any(|link| {
        link.targets.iter().any(|target| {
            matches!(
                target.variable,
                Variable::FullRequest | Variable::FullRequestLength
            )
        })
    });
    let score_slots =
        ["blocking_inbound_anomaly_score", "anomaly_score"].map(|name| names.find(name.as_bytes()));
    let [request, response] = compiler.builders;
    let choices = number_choices(&mut rules, &mut compiler.groups);
    let phases = phases.map(|list| {
        list.into_iter()
            .map(|number| Gate::of(number, &rules[number as usize]))
            .collect()
    });
    Ok(RuleSet {
        spare: Spare::default(),
        rules,
        phases,
        chains: compiler.chains,
        names,
        settings: reader.settings,
        limits,
        prefilters: [
            request.build(ScanClass::Request),
            response.build(ScanClass::Response),
        ],
        groups: compiler.groups,
        choices,
        selections: compiler.selections,
        exclusions: resolved,
        observed,
        score_slots,
        wants_full_request,
    })
}

/// Gives the same number to targets that choose the same values. Gives how many there are.
fn number_choices(rules: &mut [Rule], groups: &mut [Group]) -> usize {
    let of_links = rules.iter_mut().flat_map(|rule| &mut rule.links);
    let of_links = of_links.flat_map(|link| &mut link.targets);
    let of_groups = groups.iter_mut().flat_map(|group| &mut group.targets);
    let mut known: Vec<(Variable, Selector)> = Vec::new();
    for target in of_links.chain(of_groups) {
        if target.variable.class() == Class::Dynamic {
            continue;
        }
        let at = known
            .iter()
            .position(|(variable, selector)| {
                (*variable, selector) == (target.variable, &target.selector)
            })
            .unwrap_or_else(|| {
                known.push((target.variable, target.selector.clone()));
                known.len() - 1
            });
        target.choice = Some(at as u32);
    }
    known.len()
}

/// A rule and its place among rules and markers.
type Placed = (usize, Parsed);

/// Rules and markers, each with its position.
fn order(items: Vec<Item>) -> (Vec<Placed>, Vec<(String, usize)>) {
    let mut rules = Vec::new();
    let mut markers = Vec::new();
    for (position, item) in items.into_iter().enumerate() {
        match item {
            Item::Rule(parsed) => rules.push((position, parsed)),
            Item::Marker(name) => markers.push((name, position)),
        }
    }
    (rules, markers)
}

/// Carries out one `SecRuleRemove…` or `SecRuleUpdate…`.
fn apply(items: &mut Vec<Item>, place: &Place, update: Update) -> Result<(), LoadError> {
    match update {
        Update::Remove(which) => items.retain(|item| match item {
            Item::Rule(rule) => !selects(&which, rule),
            Item::Marker(_) => true,
        }),
        Update::Targets(which, add, replace) => {
            for item in items {
                let Item::Rule(rule) = item else { continue };
                if selects(&which, rule) {
                    change_targets(rule, &add, replace.as_ref());
                }
            }
        }
        Update::Actions(id, change) => {
            let rule = items
                .iter_mut()
                .find_map(|item| match item {
                    Item::Rule(rule) if rule.id == id => Some(rule),
                    _ => None,
                })
                .ok_or_else(|| {
                    Problem::DirectiveArgument {
                        directive: "SecRuleUpdateActionById".to_owned(),
                        reason: format!("there is no rule {id}"),
                    }
                    .at(place)
                })?;
            if let Some(head) = rule.links.first_mut() {
                merge(&mut head.actions, *change);
            }
        }
    }
    Ok(())
}

fn change_targets(rule: &mut Parsed, add: &Targets, replace: Option<&Targets>) {
    for (at, link) in rule.links.iter_mut().enumerate() {
        if let Some(replace) = replace {
            let before = link.targets.wanted.len();
            link.targets
                .wanted
                .retain(|one| !replace.wanted.contains(one));
            if link.targets.wanted.len() == before {
                continue;
            }
        }
        for one in &add.wanted {
            if (at == 0 || replace.is_some()) && !link.targets.wanted.contains(one) {
                link.targets.wanted.push(one.clone());
            }
        }
        // A link without variables of its own (SecAction) has nothing to exclude.
        link.targets.excluded.extend(add.excluded.iter().cloned());
    }
}

/// Actions of an update replace those of the rule.
fn merge(own: &mut Actions, change: Actions) {
    own.msg = change.msg.or_else(|| own.msg.take());
    own.logdata = change.logdata.or_else(|| own.logdata.take());
    own.severity = change.severity.or(own.severity);
    own.rev = change.rev.or_else(|| own.rev.take());
    own.disruptive = change.disruptive.or_else(|| own.disruptive.take());
    own.status = change.status.or(own.status);
    own.log = change.log.or(own.log);
    own.auditlog = change.auditlog.or(own.auditlog);
    own.skip = change.skip.or(own.skip);
    own.skip_after = change.skip_after.or_else(|| own.skip_after.take());
    own.multi_match |= change.multi_match;
    own.capture |= change.capture;
    own.tags.extend(change.tags);
    if change.fresh {
        own.fresh = true;
        own.transforms.clear();
    }
    own.transforms.extend(change.transforms);
    own.effects.extend(change.effects);
}

fn selects(which: &Rules, rule: &Parsed) -> bool {
    let Some(head) = rule.links.first() else {
        return false;
    };
    match which {
        Rules::Ids(ranges) => ranges
            .iter()
            .any(|(low, high)| (*low..=*high).contains(&rule.id)),
        Rules::Tag(regex) => head.actions.tags.iter().any(|tag| regex.is_match(tag)),
        Rules::Msg(regex) => message(&head.actions).is_some_and(|msg| regex.is_match(&msg)),
    }
}

fn message(actions: &Actions) -> Option<Vec<u8>> {
    actions.msg.as_ref().map(|msg| {
        msg.parts
            .iter()
            .flat_map(|part| match part {
                Part::Literal(text) => text.clone(),
                _ => Vec::new(),
            })
            .collect()
    })
}

/// What `ctl` needs to find rules.
struct Index {
    rules: Vec<(u64, Vec<String>, Option<Vec<u8>>)>,
    known: HashMap<String, u32>,
}

impl Index {
    fn new(parsed: &[Placed]) -> Self {
        let rules = parsed
            .iter()
            .map(|(_, rule)| {
                let head = rule.links.first();
                (
                    rule.id,
                    head.map(|link| link.actions.tags.clone())
                        .unwrap_or_default(),
                    head.and_then(|link| message(&link.actions)),
                )
            })
            .collect();
        Self {
            rules,
            known: HashMap::new(),
        }
    }
}

struct Compiler<'d> {
    chains: Chains,
    builders: [PrefilterBuilder; 2],
    groups: Vec<Group>,
    selections: Vec<Bits>,
    index: Index,
    defaults: &'d [Option<Actions>; 5],
}

impl Compiler<'_> {
    /// The set of rules that is meant; the same set is kept once.
    fn select(&mut self, which: &Rules) -> u32 {
        let key = match which {
            Rules::Ids(ranges) => format!("i{ranges:?}"),
            Rules::Tag(regex) => format!("t{}", regex.as_str()),
            Rules::Msg(regex) => format!("m{}", regex.as_str()),
        };
        if let Some(known) = self.index.known.get(&key)
            && matches!(which, Rules::Ids(_))
        {
            return *known;
        }
        let mut bits = Bits::new(self.index.rules.len());
        for (at, (id, tags, msg)) in self.index.rules.iter().enumerate() {
            let selected = match which {
                Rules::Ids(ranges) => ranges.iter().any(|(low, high)| (*low..=*high).contains(id)),
                Rules::Tag(regex) => tags.iter().any(|tag| regex.is_match(tag)),
                Rules::Msg(regex) => msg.as_ref().is_some_and(|msg| regex.is_match(msg)),
            };
            if selected {
                bits.insert(at as u32);
            }
        }
        let at = self
            .selections
            .iter()
            .position(|known| *known == bits)
            .unwrap_or_else(|| {
                self.selections.push(bits);
                self.selections.len() - 1
            }) as u32;
        self.index.known.insert(key, at);
        at
    }

    fn rule(&mut self, parsed: Parsed) -> Rule {
        let default = self.defaults[usize::from(parsed.phase - 1)]
            .clone()
            .unwrap_or_default();
        let mut links = parsed.links.into_iter();
        let head = links.next();
        let place = head
            .as_ref()
            .map(|link| link.place.clone())
            .unwrap_or_default();
        let actions = head
            .as_ref()
            .map(|link| link.actions.clone())
            .unwrap_or_default();
        let of_default = default.disruptive.clone().unwrap_or(Disruptive::Pass);
        let disruptive = match actions.disruptive {
            None | Some(Disruptive::Block) => of_default,
            Some(own) => own,
        };
        let log = actions.log.or(default.log).unwrap_or(true);
        let auditlog = actions.auditlog.or(default.auditlog).unwrap_or(log);
        let status = actions.status.or(default.status).unwrap_or(403);
        let compiled = head
            .into_iter()
            .chain(links)
            .enumerate()
            .map(|(at, link)| self.link(link, &default.transforms, at == 0))
            .collect();
        Rule {
            id: parsed.id,
            phase: parsed.phase,
            place,
            tags: actions.tags,
            msg: actions.msg,
            logdata: actions.logdata,
            rev: actions.rev,
            severity: actions.severity,
            log,
            auditlog,
            disruptive,
            status,
            links: compiled,
            jump: actions.skip.map(Jump::Skip),
        }
    }

    fn link(&mut self, link: seclang::Link, inherited: &[Transform], head: bool) -> Link {
        let actions = link.actions;
        let mut transforms = if actions.fresh {
            Vec::new()
        } else {
            inherited.to_vec()
        };
        transforms.extend(&actions.transforms);
        let chain = self.chains.intern(&transforms);
        let steps = if actions.multi_match {
            let mut at = ROOT;
            let mut steps = vec![at];
            for step in &transforms {
                at = self.chains.extend(at, *step);
                steps.push(at);
            }
            steps
        } else {
            Vec::new()
        };
        let effects = actions
            .effects
            .into_iter()
            .map(|effect| self.effect(effect))
            .collect();
        let (mut wanted, excluded) = (link.targets.wanted, link.targets.excluded);
        // What is both wanted by this very selector and excluded can fall away now.
        wanted.retain(|one| one.count || !excluded.contains(one));
        let filter = self.filter(
            &wanted,
            link.test.required.as_ref(),
            chain,
            steps.is_empty(),
        );
        let quick = quick(&wanted, &excluded, &link.test.operator, chain);
        Link {
            targets: wanted,
            excluded,
            operator: link.test.operator,
            negated: link.test.negated,
            chain,
            steps,
            capture: actions.capture,
            effects,
            msg: actions.msg.filter(|_| !head),
            logdata: actions.logdata.filter(|_| !head),
            filter,
            quick,
        }
    }

    fn effect(&mut self, effect: actions::Effect) -> Effect {
        match effect {
            actions::Effect::Set(set) => Effect::Set(set),
            actions::Effect::Ctl(Ctl::Remove(which)) => Effect::Remove(self.select(&which)),
            actions::Effect::Ctl(Ctl::RemoveTarget(which, target)) => {
                Effect::RemoveTarget(self.select(&which), target)
            }
            actions::Effect::Ctl(other) => Effect::Ctl(other),
            actions::Effect::Identify(variable, text) => Effect::Identify(variable, text),
            actions::Effect::Hide(what) => Effect::Hide(what),
        }
    }

    /// The place of a link in the prefilters, if its values hold still and it requires something.
    fn filter(
        &mut self,
        targets: &[Target],
        required: Option<&crate::ruleset::Required>,
        chain: crate::ruleset::ChainId,
        one_step: bool,
    ) -> Option<Filter> {
        let required = required?;
        let class = match targets.first()?.variable.class() {
            Class::Request => ScanClass::Request,
            Class::Response => ScanClass::Response,
            Class::Dynamic => return None,
        };
        let still = targets
            .iter()
            .all(|target| !target.count && target.variable.class() == targets[0].variable.class());
        if !still {
            return None;
        }
        let bit = self.builders[class as usize].add(required);
        let group = one_step.then(|| {
            let known = self
                .groups
                .iter()
                .position(|group| group.chain == chain && group.targets == targets);
            known.unwrap_or_else(|| {
                self.groups.push(Group {
                    targets: targets.to_vec(),
                    chain,
                });
                self.groups.len() - 1
            }) as u32
        });
        Some(Filter { class, bit, group })
    }
}

/// The short way for comparisons of one number in TX.
fn quick(
    targets: &[Target],
    excluded: &[Target],
    operator: &Operator,
    chain: crate::ruleset::ChainId,
) -> Option<Quick> {
    let ([target], [], Operator::Compare(comparison, number), ROOT) =
        (targets, excluded, operator, chain)
    else {
        return None;
    };
    let Selector::Name(_, Some(slot)) = target.selector else {
        return None;
    };
    if target.variable != Variable::Tx {
        return None;
    }
    let right = match number {
        Number::Fixed(number) => QuickNumber::Fixed(*number),
        Number::Text(text) => match text.parts.as_slice() {
            [Part::Tx(slot)] => QuickNumber::Slot(*slot),
            _ => return None,
        },
    };
    Some(Quick {
        slot,
        comparison: *comparison,
        right,
        count: target.count,
    })
}
