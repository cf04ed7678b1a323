//! The compiled, immutable rule set.

mod bits;
mod chains;
mod compile;
mod conditions;
mod exclusion;
mod literal;
mod prefilter;

use std::sync::Arc;

pub(crate) use bits::Bits;
pub(crate) use chains::{ChainId, Chains, ROOT, undisturbed};
pub(crate) use exclusion::CompiledExclusion;
pub use exclusion::{Exclusion, PathMatch, RuleChoice};
pub(crate) use literal::{ByteSet, Required, of_pattern, of_text, of_words};
pub(crate) use prefilter::{Prefilter, PrefilterBuilder, ScanClass};

use crate::error::{LoadError, Place, Problem};
use crate::limits::Limits;
use crate::seclang::actions::Disruptive;
use crate::seclang::operator::{Comparison, Operator};
use crate::seclang::settings::Settings;
use crate::seclang::setvar::SetVar;
use crate::seclang::targets::Target;
use crate::seclang::text::{Slot, Text, TxNames};
use crate::seclang::{Reader, Source, ctl};
use crate::transaction::{Spare, Transaction};
use crate::variable::Variable;

/// One rule with its chain.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) id: u64,
    pub(crate) phase: u8,
    pub(crate) place: Place,
    pub(crate) tags: Vec<String>,
    pub(crate) msg: Option<Text>,
    pub(crate) logdata: Option<Text>,
    pub(crate) rev: Option<String>,
    pub(crate) severity: Option<u8>,
    pub(crate) log: bool,
    pub(crate) auditlog: bool,
    pub(crate) disruptive: Disruptive,
    pub(crate) status: u16,
    pub(crate) links: Vec<Link>,
    pub(crate) jump: Option<Jump>,
}

/// Where a matching rule goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Jump {
    /// Over this many rules.
    Skip(u32),
    /// To this place in the list of its phase.
    To(u32),
}

/// One link of a chain.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) targets: Vec<Target>,
    pub(crate) excluded: Vec<Target>,
    pub(crate) operator: Operator,
    pub(crate) negated: bool,
    pub(crate) chain: ChainId,
    /// With multiMatch: the chain after every step, the raw value first.
    pub(crate) steps: Vec<ChainId>,
    pub(crate) capture: bool,
    pub(crate) effects: Vec<Effect>,
    /// Text of the log that this link gives instead of the first one's.
    pub(crate) msg: Option<Text>,
    pub(crate) logdata: Option<Text>,
    pub(crate) filter: Option<Filter>,
    pub(crate) quick: Option<Quick>,
}

/// Place of a link in a prefilter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Filter {
    pub(crate) class: ScanClass,
    pub(crate) bit: u32,
    /// The group whose values are looked at once for all its links, if it belongs to one.
    pub(crate) group: Option<u32>,
}

/// A rule in the list of its phase, with what most often says that it need not be looked at: rules
/// are large and lie far apart, this list is gone through for every request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gate {
    pub(crate) rule: u32,
    /// Class, group and bit of its first link.
    pub(crate) group: Option<(ScanClass, u32, u32)>,
}

impl Gate {
    fn of(number: u32, rule: &Rule) -> Self {
        let filter = rule.links.first().and_then(|link| link.filter);
        Self {
            rule: number,
            group: filter.and_then(|filter| Some((filter.class, filter.group?, filter.bit))),
        }
    }
}

/// A comparison of one number in TX, the commonest of all rules.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quick {
    pub(crate) slot: Slot,
    pub(crate) comparison: Comparison,
    pub(crate) right: QuickNumber,
    /// `&TX:name`: whether it is there.
    pub(crate) count: bool,
}

/// The other side of it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum QuickNumber {
    /// As written.
    Fixed(i64),
    /// Another value of TX.
    Slot(Slot),
}

/// Something done on every match.
#[derive(Debug)]
pub(crate) enum Effect {
    Set(SetVar),
    /// These rules do not run any more (a selection).
    Remove(u32),
    /// These rules do not look at that any more.
    RemoveTarget(u32, Target),
    Ctl(ctl::Ctl),
    Identify(Variable, Text),
    Hide(Option<(Variable, Vec<u8>)>),
}

/// Values looked at once for many rules: the same variables through the same transformations.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) targets: Vec<Target>,
    pub(crate) chain: ChainId,
}

/// Rules ready to run. It never changes; a new one replaces it.
#[derive(Debug)]
pub struct RuleSet {
    /// Memory of transactions that have ended.
    pub(crate) spare: Spare,
    pub(crate) rules: Vec<Rule>,
    /// Rules by phase, in order.
    pub(crate) phases: [Vec<Gate>; 5],
    pub(crate) chains: Chains,
    pub(crate) names: TxNames,
    pub(crate) settings: Settings,
    pub(crate) limits: Limits,
    pub(crate) prefilters: [Prefilter; 2],
    pub(crate) groups: Vec<Group>,
    /// How many different choices of values the targets make.
    pub(crate) choices: usize,
    /// Sets of rules that `ctl` and exclusions name.
    pub(crate) selections: Vec<Bits>,
    pub(crate) exclusions: Vec<CompiledExclusion>,
    /// Rules that are only observed.
    pub(crate) observed: Bits,
    /// Values of TX that the engine itself knows.
    pub(crate) score_slots: [Option<Slot>; 2],
    /// Whether some rule looks at whole requests or contents, which costs memory.
    pub(crate) wants_full_request: bool,
}

impl RuleSet {
    /// Begins the inspection of one request.
    pub fn transaction(self: &Arc<Self>) -> Transaction {
        Transaction::new(Arc::clone(self))
    }

    /// Words of the longest row of candidates.
    pub(crate) fn widest(&self) -> usize {
        self.prefilters
            .iter()
            .map(Prefilter::words)
            .max()
            .unwrap_or(0)
    }

    /// Compiles now what would be compiled when a value first needs it: for trials that measure what
    /// a request costs.
    pub fn warm(&self) {
        for link in self.rules.iter().flat_map(|rule| &rule.links) {
            if let Operator::Rx(regex) | Operator::VerifyCc(regex) = &link.operator {
                regex.warm();
            }
        }
    }

    /// What the rule files set.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How many rules there are (a chain is one).
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// What is known of a rule: phase, tags, file and line; for pages that explain decisions.
    pub fn rule(&self, id: u64) -> Option<RuleInfo<'_>> {
        self.all().find(|rule| rule.id == id)
    }

    /// What is known of each rule.
    pub fn all(&self) -> impl Iterator<Item = RuleInfo<'_>> {
        self.rules.iter().map(|rule| RuleInfo {
            id: rule.id,
            phase: rule.phase,
            tags: &rule.tags,
            place: &rule.place,
        })
    }
}

/// What is known of a rule.
#[derive(Debug, Clone, Copy)]
pub struct RuleInfo<'r> {
    /// Its number.
    pub id: u64,
    /// 1 request headers, 2 request body, 3 response headers, 4 response body, 5 logging.
    pub phase: u8,
    /// Its tags.
    pub tags: &'r [String],
    /// Where it stands.
    pub place: &'r Place,
}

/// Gathers rule files, settings and exclusions, and compiles them.
#[derive(Debug)]
pub struct Builder {
    reader: Reader,
    limits: Limits,
    exclusions: Vec<Exclusion>,
    observed: Vec<RuleChoice>,
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    /// No rules yet.
    pub fn new() -> Self {
        Self {
            reader: Reader::new(),
            limits: Limits::default(),
            exclusions: Vec::new(),
            observed: Vec::new(),
        }
    }

    /// Adds a file and all it includes.
    pub fn file(&mut self, source: &mut dyn Source, path: &str) -> Result<&mut Self, LoadError> {
        self.reader.file(source, path)?;
        Ok(self)
    }

    /// Adds rules from memory; `name` stands in messages, and files are read beside it.
    pub fn text(
        &mut self,
        source: &mut dyn Source,
        name: &str,
        text: &str,
    ) -> Result<&mut Self, LoadError> {
        self.reader.text(source, name, text.as_bytes())?;
        Ok(self)
    }

    /// Adds rules from memory that name no files.
    pub fn inline(&mut self, name: &str, text: &str) -> Result<&mut Self, LoadError> {
        self.text(&mut NoFiles, name, text)
    }

    /// Sets how much one transaction may cost.
    pub fn limits(&mut self, limits: Limits) -> &mut Self {
        self.limits = limits;
        self
    }

    /// Adds an exclusion: a rule does not look at a parameter on a path.
    pub fn exclusion(&mut self, exclusion: Exclusion) -> &mut Self {
        self.exclusions.push(exclusion);
        self
    }

    /// Only observes rules: they match and are reported, but refuse and allow nothing and add nothing
    /// to any score.
    pub fn observe(&mut self, rules: RuleChoice) -> &mut Self {
        self.observed.push(rules);
        self
    }

    /// Compiles everything.
    pub fn build(self) -> Result<Arc<RuleSet>, LoadError> {
        compile::compile(self.reader, self.limits, &self.exclusions, &self.observed).map(Arc::new)
    }
}

struct NoFiles;

impl Source for NoFiles {
    fn read(&mut self, _path: &str) -> Result<Vec<u8>, String> {
        Err("rules given as text cannot name files".to_owned())
    }

    fn list(&mut self, _directory: &str) -> Result<Vec<String>, String> {
        Err("rules given as text cannot name files".to_owned())
    }
}

impl Problem {
    /// This problem in something the caller gave.
    pub(crate) fn of_caller(self, what: &str) -> LoadError {
        self.at(&Place {
            file: what.to_owned(),
            line: 0,
        })
    }
}
