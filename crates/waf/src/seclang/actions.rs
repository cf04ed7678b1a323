//! What a rule does: `id:1,phase:2,deny,t:none,setvar:'tx.a=+1',ctl:ruleRemoveById=2`.

use crate::error::Problem;
use crate::seclang::ctl::{self, Ctl};
use crate::seclang::setvar::{self, SetVar};
use crate::seclang::text::{Text, TxNames};
use crate::transform::Transform;
use crate::variable::Variable;

/// What happens to the transaction when a rule matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Disruptive {
    /// Nothing.
    Pass,
    /// Whatever `SecDefaultAction` says.
    Block,
    /// Refused with a status.
    Deny,
    /// Refused, and the connection closed.
    Drop,
    /// Sent elsewhere.
    Redirect(Text),
    /// Not inspected any further.
    Allow(Allow),
}

/// How far `allow` reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allow {
    /// All phases but logging.
    All,
    /// The rest of this phase.
    Phase,
    /// The request phases.
    Request,
}

/// Something done on every match.
#[derive(Debug, Clone)]
pub(crate) enum Effect {
    /// `setvar`
    Set(SetVar),
    /// `ctl`
    Ctl(Ctl),
    /// `setsid`, `setuid`
    Identify(Variable, Text),
    /// `sanitiseMatched`, `sanitiseArg:name` …: the report hides the value.
    Hide(Option<(Variable, Vec<u8>)>),
}

/// All that a rule says about itself and what it does.
#[derive(Debug, Clone, Default)]
pub(crate) struct Actions {
    pub(crate) id: Option<u64>,
    pub(crate) phase: Option<u8>,
    pub(crate) msg: Option<Text>,
    pub(crate) logdata: Option<Text>,
    pub(crate) tags: Vec<String>,
    pub(crate) rev: Option<String>,
    pub(crate) severity: Option<u8>,
    pub(crate) disruptive: Option<Disruptive>,
    pub(crate) status: Option<u16>,
    pub(crate) log: Option<bool>,
    pub(crate) auditlog: Option<bool>,
    pub(crate) chain: bool,
    pub(crate) skip: Option<u32>,
    pub(crate) skip_after: Option<String>,
    pub(crate) multi_match: bool,
    pub(crate) capture: bool,
    /// `t:none` was said: transformations of the default action do not count.
    pub(crate) fresh: bool,
    pub(crate) transforms: Vec<Transform>,
    pub(crate) effects: Vec<Effect>,
    /// Actions that were read but change nothing here, for the operator to know.
    pub(crate) without_effect: Vec<String>,
}

/// Names of severities, by number.
pub(crate) const SEVERITIES: [&str; 8] = [
    "EMERGENCY",
    "ALERT",
    "CRITICAL",
    "ERROR",
    "WARNING",
    "NOTICE",
    "INFO",
    "DEBUG",
];

/// Reads a list of actions.
pub(crate) fn parse(text: &str, names: &mut TxNames) -> Result<Actions, Problem> {
    let mut actions = Actions::default();
    for item in split(text)? {
        let (name, value) = match item.split_once(':') {
            Some((name, value)) => (name.trim(), Some(unquote(value))),
            None => (item.as_str(), None),
        };
        add(&mut actions, name, value.as_deref(), names)?;
    }
    Ok(actions)
}

/// Splits at commas outside of single quotes.
fn split(text: &str) -> Result<Vec<String>, Problem> {
    let mut items = vec![String::new()];
    let mut quoted = false;
    let mut escaped = false;
    for c in text.chars() {
        let item = items.last_mut().expect("never empty");
        if escaped {
            item.push(c);
            escaped = false;
            continue;
        }
        match c {
            '\\' => {
                item.push(c);
                escaped = true;
            }
            '\'' => {
                quoted = !quoted;
                item.push(c);
            }
            ',' if !quoted => items.push(String::new()),
            c => item.push(c),
        }
    }
    if quoted {
        return Err(Problem::UnclosedQuote);
    }
    Ok(items
        .into_iter()
        .map(|item| item.trim().to_owned())
        .filter(|item| !item.is_empty())
        .collect())
}

fn unquote(value: &str) -> String {
    let value = value.trim();
    let inner = value
        .strip_prefix('\'')
        .and_then(|value| value.strip_suffix('\''))
        .unwrap_or(value);
    inner.replace("\\'", "'")
}

fn add(
    actions: &mut Actions,
    name: &str,
    value: Option<&str>,
    names: &mut TxNames,
) -> Result<(), Problem> {
    let wrong = |reason: &str| Problem::ActionArgument {
        action: name.to_owned(),
        reason: reason.to_owned(),
    };
    let needed = || {
        value
            .filter(|v| !v.is_empty())
            .ok_or_else(|| wrong("it is absent"))
    };
    match name.to_ascii_lowercase().as_str() {
        "id" => {
            let id = needed()?
                .parse()
                .map_err(|_| wrong("write a whole number"))?;
            actions.id = Some(id);
        }
        "phase" => actions.phase = Some(phase(needed()?).ok_or_else(|| wrong("write 1 to 5"))?),
        "msg" => actions.msg = Some(Text::parse(needed()?, names)?),
        "logdata" => actions.logdata = Some(Text::parse(needed()?, names)?),
        "tag" => actions.tags.push(needed()?.to_owned()),
        "rev" => actions.rev = Some(needed()?.to_owned()),
        "ver" | "maturity" | "accuracy" => {
            needed()?;
        }
        "severity" => {
            actions.severity =
                Some(severity(needed()?).ok_or_else(|| wrong("write a name or 0 to 7"))?);
        }
        "pass" => actions.disruptive = Some(Disruptive::Pass),
        "block" => actions.disruptive = Some(Disruptive::Block),
        "deny" => actions.disruptive = Some(Disruptive::Deny),
        "drop" => actions.disruptive = Some(Disruptive::Drop),
        "redirect" => {
            actions.disruptive = Some(Disruptive::Redirect(Text::parse(needed()?, names)?));
        }
        "allow" => {
            actions.disruptive = Some(Disruptive::Allow(match value {
                None | Some("") => Allow::All,
                Some("phase") => Allow::Phase,
                Some("request") => Allow::Request,
                Some(_) => return Err(wrong("write allow, allow:phase or allow:request")),
            }));
        }
        "status" => {
            let status = needed()?
                .parse()
                .ok()
                .filter(|status| (100..600).contains(status));
            actions.status = Some(status.ok_or_else(|| wrong("write an HTTP status"))?);
        }
        "log" => actions.log = Some(true),
        "nolog" => {
            actions.log = Some(false);
            actions.auditlog = actions.auditlog.or(Some(false));
        }
        "auditlog" => actions.auditlog = Some(true),
        "noauditlog" => actions.auditlog = Some(false),
        "chain" => actions.chain = true,
        "skip" => {
            let count = needed()?
                .parse()
                .map_err(|_| wrong("write a whole number"))?;
            actions.skip = Some(count);
        }
        "skipafter" => actions.skip_after = Some(needed()?.to_owned()),
        "multimatch" => actions.multi_match = true,
        "capture" => actions.capture = true,
        "t" => {
            let transform = needed()?;
            if transform.eq_ignore_ascii_case("none") {
                actions.fresh = true;
                actions.transforms.clear();
            } else {
                actions.transforms.push(
                    Transform::named(transform)
                        .ok_or_else(|| Problem::UnknownTransformation(transform.to_owned()))?,
                );
            }
        }
        "setvar" => {
            let set = setvar::parse(needed()?, names)?;
            actions.effects.push(Effect::Set(set));
        }
        "setenv" => {
            let set = setvar::parse(&format!("env.{}", needed()?), names)?;
            actions.effects.push(Effect::Set(set));
        }
        "ctl" => ctl::parse(needed()?, names, actions)?,
        "setsid" | "setuid" => {
            let variable = if name.eq_ignore_ascii_case("setsid") {
                Variable::Sessionid
            } else {
                Variable::Userid
            };
            let text = Text::parse(needed()?, names)?;
            actions.effects.push(Effect::Identify(variable, text));
        }
        "initcol" => {
            let (collection, key) = needed()?
                .split_once('=')
                .ok_or_else(|| wrong("write initcol:ip=%{REMOTE_ADDR}"))?;
            setvar::collection(collection)?;
            Text::parse(key, names)?;
            actions.without_effect.push(format!("initcol:{collection}"));
        }
        "setrsc" | "expirevar" | "deprecatevar" => {
            Text::parse(needed()?, names)?;
            actions.without_effect.push(name.to_owned());
        }
        "xmlns" => {
            needed()?;
            actions.without_effect.push("xmlns".to_owned());
        }
        "sanitisematched" | "sanitizematched" | "sanitisematchedbytes" | "sanitizematchedbytes" => {
            actions.effects.push(Effect::Hide(None));
        }
        "sanitisearg" | "sanitizearg" => hide(actions, Variable::Args, needed()?),
        "sanitiserequestheader" | "sanitizerequestheader" => {
            hide(actions, Variable::RequestHeaders, needed()?);
        }
        "sanitiseresponseheader" | "sanitizeresponseheader" => {
            hide(actions, Variable::ResponseHeaders, needed()?);
        }
        "exec" => {
            return Err(unsupported(
                name,
                "the engine starts no programs; remove it",
            ));
        }
        "proxy" => {
            return Err(unsupported(
                name,
                "routes belong to the gateway's configuration; use deny or redirect",
            ));
        }
        "append" | "prepend" => {
            return Err(unsupported(
                name,
                "the engine does not change answers; remove it",
            ));
        }
        "pause" => {
            return Err(unsupported(
                name,
                "a pause holds a connection and helps attackers; use deny or the gateway's rate limit",
            ));
        }
        _ => return Err(Problem::UnknownAction(name.to_owned())),
    }
    Ok(())
}

fn hide(actions: &mut Actions, variable: Variable, name: &str) {
    let name = name.to_ascii_lowercase().into_bytes();
    actions.effects.push(Effect::Hide(Some((variable, name))));
}

fn unsupported(action: &str, why: &'static str) -> Problem {
    Problem::UnsupportedAction {
        action: action.to_owned(),
        why,
    }
}

fn phase(text: &str) -> Option<u8> {
    match text.to_ascii_lowercase().as_str() {
        "request" => Some(2),
        "response" => Some(4),
        "logging" => Some(5),
        digits => digits.parse().ok().filter(|phase| (1..=5).contains(phase)),
    }
}

fn severity(text: &str) -> Option<u8> {
    SEVERITIES
        .iter()
        .position(|name| name.eq_ignore_ascii_case(text))
        .and_then(|at| u8::try_from(at).ok())
        .or_else(|| text.parse().ok().filter(|number| *number < 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Actions, Problem> {
        parse(text, &mut TxNames::new())
    }

    #[test]
    fn a_rule_says_much() {
        let actions = read(
            "id:1, phase:request,deny,status:403,t:none,t:lowercase,msg:'a, b \\'c\\'',tag:x,tag:'y/z',\
             severity:CRITICAL,nolog,chain,skipAfter:END,setvar:'tx.a=+%{tx.b}'",
        )
        .expect("reads");
        assert_eq!(actions.id, Some(1));
        assert_eq!(actions.phase, Some(2));
        assert_eq!(actions.status, Some(403));
        assert_eq!(actions.severity, Some(2));
        assert_eq!(actions.log, Some(false));
        assert_eq!(actions.auditlog, Some(false));
        assert_eq!(actions.tags, ["x", "y/z"]);
        assert_eq!(
            actions
                .msg
                .and_then(|text| text.fixed().map(<[u8]>::to_vec)),
            Some(b"a, b 'c'".to_vec())
        );
        assert!(actions.chain && actions.fresh);
        assert_eq!(actions.transforms, [Transform::Lowercase]);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for text in [
            "foo",
            "id:x",
            "phase:6",
            "t:foo",
            "severity:9",
            "exec:/bin/x",
            "msg:'a",
            "ctl:foo=1",
            "setvar:foo=1",
            "status:9",
            "allow:x",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
