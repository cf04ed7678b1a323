//! `ctl`: what a rule changes about the inspection of this one transaction.

use crate::error::Problem;
use crate::pattern::{LazyRegex, Pattern};
use crate::seclang::actions::{Actions, Effect};
use crate::seclang::targets::{Target, target};
use crate::seclang::text::TxNames;

/// Which rules are meant.
#[derive(Debug, Clone)]
pub(crate) enum Rules {
    /// Those with ids in these ranges.
    Ids(Vec<(u64, u64)>),
    /// Those with a tag that matches.
    Tag(LazyRegex),
    /// Those with a message that matches.
    Msg(LazyRegex),
}

impl Rules {
    pub(crate) fn tag(pattern: &str) -> Result<Self, Problem> {
        Ok(Self::Tag(Pattern::new(pattern, false)?.regex))
    }

    pub(crate) fn msg(pattern: &str) -> Result<Self, Problem> {
        Ok(Self::Msg(Pattern::new(pattern, false)?.regex))
    }

    /// Reads `942100`, `942100-942999` and lists of them.
    pub(crate) fn ids<'a>(parts: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let mut ranges = Vec::new();
        for part in parts.filter(|part| !part.is_empty()) {
            let (low, high) = part.split_once('-').unwrap_or((part, part));
            let number = |text: &str| {
                text.trim()
                    .parse::<u64>()
                    .map_err(|_| format!("{part:?} is no rule id and no range of them"))
            };
            ranges.push((number(low)?, number(high)?));
        }
        if ranges.is_empty() {
            return Err("no rule id given".to_owned());
        }
        Ok(Self::Ids(ranges))
    }
}

/// Which bodies are read how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyProcessor {
    /// `application/x-www-form-urlencoded`
    UrlEncoded,
    /// `multipart/form-data`
    Multipart,
    /// JSON
    Json,
    /// XML
    Xml,
}

impl BodyProcessor {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::UrlEncoded => "URLENCODED",
            Self::Multipart => "MULTIPART",
            Self::Json => "JSON",
            Self::Xml => "XML",
        }
    }
}

/// How the engine acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Inspects and refuses.
    On,
    /// Inspects and reports only.
    DetectionOnly,
    /// Does nothing.
    #[default]
    Off,
}

impl Mode {
    pub(crate) fn named(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "on" => Some(Self::On),
            "off" => Some(Self::Off),
            "detectiononly" => Some(Self::DetectionOnly),
            _ => None,
        }
    }
}

/// One change.
#[derive(Debug, Clone)]
pub(crate) enum Ctl {
    /// These rules do not run.
    Remove(Rules),
    /// These rules do not look at that.
    RemoveTarget(Rules, Target),
    /// The engine's mode.
    Engine(Mode),
    /// How the body is read.
    Processor(BodyProcessor),
    /// Whether `REQUEST_BODY` is filled for bodies of unknown kind.
    ForceBodyVariable(bool),
    /// Whether the request body is inspected.
    BodyAccess(bool),
    /// Whether the response body is inspected.
    ResponseBodyAccess(bool),
    /// The largest request body.
    BodyLimit(u64),
    /// The largest response body.
    ResponseBodyLimit(u64),
    /// Whether the report is meant for the audit log.
    Audit(bool),
}

/// Reads one `ctl`.
pub(crate) fn parse(text: &str, names: &mut TxNames, actions: &mut Actions) -> Result<(), Problem> {
    let wrong = |reason: String| Problem::ActionArgument {
        action: "ctl".to_owned(),
        reason,
    };
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| wrong("write ctl:NAME=VALUE".to_owned()))?;
    let (name, value) = (name.trim(), value.trim());
    let on_off = || match value.to_ascii_lowercase().as_str() {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(wrong(format!("{name} takes On or Off"))),
    };
    let number = || {
        value
            .parse::<u64>()
            .map_err(|_| wrong(format!("{name} takes a number of bytes")))
    };
    let by_comma = |text: &str| -> Result<Rules, Problem> {
        Rules::ids(text.split([',', ' '])).map_err(wrong)
    };
    let split_target = || {
        value
            .split_once(';')
            .ok_or_else(|| wrong(format!("write {name}=RULES;VARIABLE:NAME")))
    };
    let ctl = match name.to_ascii_lowercase().as_str() {
        "ruleremovebyid" => Ctl::Remove(by_comma(value)?),
        "ruleremovebytag" => Ctl::Remove(Rules::tag(value)?),
        "ruleremovebymsg" => Ctl::Remove(Rules::msg(value)?),
        "ruleremovetargetbyid" => {
            let (rules, one) = split_target()?;
            Ctl::RemoveTarget(by_comma(rules)?, target(one.trim(), false, names)?)
        }
        "ruleremovetargetbytag" => {
            let (rules, one) = split_target()?;
            Ctl::RemoveTarget(Rules::tag(rules)?, target(one.trim(), false, names)?)
        }
        "ruleremovetargetbymsg" => {
            let (rules, one) = split_target()?;
            Ctl::RemoveTarget(Rules::msg(rules)?, target(one.trim(), false, names)?)
        }
        "ruleengine" => Ctl::Engine(
            Mode::named(value)
                .ok_or_else(|| wrong("ruleEngine takes On, Off or DetectionOnly".to_owned()))?,
        ),
        "requestbodyprocessor" => Ctl::Processor(match value.to_ascii_uppercase().as_str() {
            "URLENCODED" => BodyProcessor::UrlEncoded,
            "MULTIPART" => BodyProcessor::Multipart,
            "JSON" => BodyProcessor::Json,
            "XML" => BodyProcessor::Xml,
            _ => {
                return Err(wrong(
                    "requestBodyProcessor takes URLENCODED, MULTIPART, JSON or XML".to_owned(),
                ));
            }
        }),
        "forcerequestbodyvariable" => Ctl::ForceBodyVariable(on_off()?),
        "requestbodyaccess" => Ctl::BodyAccess(on_off()?),
        "responsebodyaccess" => Ctl::ResponseBodyAccess(on_off()?),
        "requestbodylimit" => Ctl::BodyLimit(number()?),
        "responsebodylimit" => Ctl::ResponseBodyLimit(number()?),
        "auditengine" => Ctl::Audit(match value.to_ascii_lowercase().as_str() {
            "on" | "relevantonly" => true,
            "off" => false,
            _ => {
                return Err(wrong(
                    "auditEngine takes On, Off or RelevantOnly".to_owned(),
                ));
            }
        }),
        "auditlogparts" | "debugloglevel" => {
            actions.without_effect.push(format!("ctl:{name}"));
            return Ok(());
        }
        "hashengine" | "hashenforcement" => {
            return Err(Problem::UnsupportedAction {
                action: format!("ctl:{name}"),
                why: "answers are not changed here; remove it",
            });
        }
        _ => return Err(Problem::UnknownAction(format!("ctl:{name}"))),
    };
    actions.effects.push(Effect::Ctl(ctl));
    Ok(())
}
