//! One directive after another.

use crate::error::Problem;
use crate::seclang::actions::{self, Actions};
use crate::seclang::ctl::{Mode, Rules};
use crate::seclang::lines::Directive;
use crate::seclang::load::{Item, Link, Parsed, Reader, Update};
use crate::seclang::operator::{self, Operator, ReadFile, Test};
use crate::seclang::settings::Beyond;
use crate::seclang::targets::{self, Targets};

/// Directives that say where other engines write files or how they debug. They are read, and change
/// nothing: files, logs and uploads belong to the gateway.
const WITHOUT_EFFECT: &[&str] = &[
    "SecAuditEngine",
    "SecAuditLog",
    "SecAuditLog2",
    "SecAuditLogDirMode",
    "SecAuditLogFileMode",
    "SecAuditLogFormat",
    "SecAuditLogParts",
    "SecAuditLogRelevantStatus",
    "SecAuditLogStorageDir",
    "SecAuditLogType",
    "SecCacheTransformations",
    "SecCollectionTimeout",
    "SecCookieFormat",
    "SecCookieV0Separator",
    "SecDataDir",
    "SecDebugLog",
    "SecDebugLogLevel",
    "SecPcreMatchLimit",
    "SecPcreMatchLimitRecursion",
    "SecRequestBodyInMemoryLimit",
    "SecSensorId",
    "SecServerSignature",
    "SecStatusEngine",
    "SecTmpDir",
    "SecTmpSaveUploadedFiles",
    "SecUnicodeMapFile",
    "SecUploadDir",
    "SecUploadFileMode",
    "SecUploadKeepFiles",
];

/// Directives that would do what this engine does not.
const UNSUPPORTED: &[(&str, &str)] = &[
    (
        "SecRuleScript",
        "the engine runs no scripts; write the test as a SecRule",
    ),
    (
        "SecRemoteRules",
        "the engine asks no network; download the rules and Include them",
    ),
    (
        "SecRemoteRulesFailAction",
        "the engine asks no network; download the rules and Include them",
    ),
    (
        "SecGeoLookupDb",
        "countries are blocked by the gateway's lists; remove the line",
    ),
    (
        "SecGsbLookupDb",
        "the engine asks no database; remove the line",
    ),
    (
        "SecHttpBlKey",
        "the engine asks no network; use the gateway's lists",
    ),
    (
        "SecGuardianLog",
        "the engine starts no programs; remove the line",
    ),
    (
        "SecChrootDir",
        "the gateway is confined by its service unit; remove the line",
    ),
    (
        "SecContentInjection",
        "answers are not changed here; remove the line",
    ),
    (
        "SecStreamInBodyInspection",
        "bodies are inspected as they are parsed; remove the line",
    ),
    (
        "SecStreamOutBodyInspection",
        "bodies are inspected as they are parsed; remove the line",
    ),
    (
        "SecHashEngine",
        "answers are not changed here; remove the line",
    ),
    (
        "SecDisableBackendCompression",
        "belongs to the gateway's configuration; remove the line",
    ),
    (
        "SecInterceptOnError",
        "the engine has no errors while it runs; remove the line",
    ),
    (
        "SecConnEngine",
        "connection limits belong to the gateway's configuration",
    ),
    (
        "SecConnReadStateLimit",
        "connection limits belong to the gateway's configuration",
    ),
    (
        "SecConnWriteStateLimit",
        "connection limits belong to the gateway's configuration",
    ),
    (
        "SecRuleInheritance",
        "there is one rule set per site; remove the line",
    ),
    (
        "SecRulePerfTime",
        "costs are counted for every transaction; remove the line",
    ),
];

impl Reader {
    /// Takes one directive.
    pub(crate) fn directive(
        &mut self,
        directive: Directive,
        read: ReadFile<'_>,
    ) -> Result<(), Problem> {
        let name = directive.name.as_str();
        let lower = name.to_ascii_lowercase();
        if self.open.is_some() && lower != "secrule" && lower != "secaction" {
            return Err(Problem::OpenChain);
        }
        if WITHOUT_EFFECT
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
        {
            self.settings.without_effect.push(name.to_owned());
            return Ok(());
        }
        if let Some((_, why)) = UNSUPPORTED
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
        {
            return Err(Problem::UnsupportedDirective {
                directive: name.to_owned(),
                why,
            });
        }
        match lower.as_str() {
            "secrule" => self.rule(&directive, read),
            "secaction" => self.action(&directive),
            "secmarker" => {
                let marker = one(&directive)?.to_owned();
                self.items.push(Item::Marker(marker));
                Ok(())
            }
            "secdefaultaction" => {
                let read = actions::parse(one(&directive)?, &mut self.names)?;
                let phase = read
                    .phase
                    .ok_or_else(|| wrong(&directive, "it needs phase:N"))?;
                if read.disruptive.is_none() {
                    return Err(wrong(&directive, "it needs pass, deny or the like"));
                }
                self.defaults[usize::from(phase - 1)] = Some(read);
                Ok(())
            }
            "secruleremovebyid" => {
                let rules =
                    Rules::ids(directive.arguments.iter().flat_map(|a| a.split([',', ' '])))
                        .map_err(|reason| wrong(&directive, &reason))?;
                self.update(directive, Update::Remove(rules));
                Ok(())
            }
            "secruleremovebytag" => {
                let rules = Rules::tag(one(&directive)?)?;
                self.update(directive, Update::Remove(rules));
                Ok(())
            }
            "secruleremovebymsg" => {
                let rules = Rules::msg(one(&directive)?)?;
                self.update(directive, Update::Remove(rules));
                Ok(())
            }
            "secruleupdatetargetbyid" | "secruleupdatetargetbytag" | "secruleupdatetargetbymsg" => {
                self.update_targets(directive, &lower)
            }
            "secruleupdateactionbyid" => {
                let [id, list] = directive.arguments.as_slice() else {
                    return Err(count(&directive, "a rule id and a list of actions"));
                };
                let id = id
                    .parse()
                    .map_err(|_| wrong(&directive, "the first argument is no rule id"))?;
                let list = actions::parse(list, &mut self.names)?;
                if list.id.is_some() || list.phase.is_some() || list.chain {
                    return Err(wrong(&directive, "id, phase and chain cannot be changed"));
                }
                self.update(directive, Update::Actions(id, Box::new(list)));
                Ok(())
            }
            _ => self.setting(&directive, &lower),
        }
    }

    fn update(&mut self, directive: Directive, update: Update) {
        self.updates.push((directive.place, update));
    }

    fn update_targets(&mut self, directive: Directive, lower: &str) -> Result<(), Problem> {
        let (which, list, replaced) = match directive.arguments.as_slice() {
            [which, list] => (which, list, None),
            [which, list, replaced] => (which, list, Some(replaced)),
            _ => {
                return Err(count(
                    &directive,
                    "rules, variables and maybe variables to replace",
                ));
            }
        };
        let rules = match lower {
            "secruleupdatetargetbyid" => {
                Rules::ids(which.split([',', ' '])).map_err(|reason| wrong(&directive, &reason))?
            }
            "secruleupdatetargetbytag" => Rules::tag(which)?,
            _ => Rules::msg(which)?,
        };
        let list = targets::parse(list, &mut self.names)?;
        let replaced = replaced
            .map(|text| targets::parse(text, &mut self.names))
            .transpose()?;
        self.update(directive, Update::Targets(rules, list, replaced));
        Ok(())
    }

    fn rule(&mut self, directive: &Directive, read: ReadFile<'_>) -> Result<(), Problem> {
        let (variables, test, list) = match directive.arguments.as_slice() {
            [variables, test] => (variables, test, ""),
            [variables, test, list] => (variables, test, list.as_str()),
            _ => return Err(count(directive, "variables, an operator and actions")),
        };
        let targets = targets::parse(variables, &mut self.names)?;
        if targets.wanted.is_empty() {
            return Err(wrong(directive, "all its variables are excluded"));
        }
        let test = operator::parse(test, &mut self.names, read)?;
        let actions = actions::parse(list, &mut self.names)?;
        self.link(directive, targets, test, actions)
    }

    fn action(&mut self, directive: &Directive) -> Result<(), Problem> {
        let actions = actions::parse(one(directive)?, &mut self.names)?;
        let always = Test {
            operator: Operator::Always,
            negated: false,
            required: None,
        };
        self.link(directive, Targets::default(), always, actions)
    }

    fn link(
        &mut self,
        directive: &Directive,
        targets: Targets,
        test: Test,
        mut actions: Actions,
    ) -> Result<(), Problem> {
        self.settings
            .without_effect
            .append(&mut actions.without_effect);
        let chain = actions.chain;
        let mut parsed = if let Some(open) = self.open.take() {
            not_in_link(&actions)?;
            open
        } else {
            let id = actions.id.ok_or(Problem::NoId)?;
            if let Some(first) = self.ids.insert(id, directive.place.clone()) {
                return Err(Problem::DuplicateId {
                    id,
                    first: first.to_string(),
                });
            }
            Parsed {
                id,
                phase: actions.phase.unwrap_or(2),
                links: Vec::new(),
            }
        };
        parsed.links.push(Link {
            place: directive.place.clone(),
            targets,
            test,
            actions,
        });
        if chain {
            self.open = Some(parsed);
        } else {
            self.items.push(Item::Rule(parsed));
        }
        Ok(())
    }

    fn setting(&mut self, directive: &Directive, lower: &str) -> Result<(), Problem> {
        let argument = || one(directive);
        let on_off = || match one(directive)?.to_ascii_lowercase().as_str() {
            "on" => Ok(true),
            "off" => Ok(false),
            _ => Err(wrong(directive, "write On or Off")),
        };
        let number = || {
            one(directive)?
                .parse::<u64>()
                .map_err(|_| wrong(directive, "write a whole number"))
        };
        let beyond = || match one(directive)?.to_ascii_lowercase().as_str() {
            "reject" => Ok(Beyond::Reject),
            "processpartial" => Ok(Beyond::ProcessPartial),
            _ => Err(wrong(directive, "write Reject or ProcessPartial")),
        };
        let settings = &mut self.settings;
        match lower {
            "secruleengine" => {
                settings.mode = Mode::named(argument()?)
                    .ok_or_else(|| wrong(directive, "write On, Off or DetectionOnly"))?;
            }
            "secrequestbodyaccess" => settings.request_body = on_off()?,
            "secresponsebodyaccess" => settings.response_body = on_off()?,
            "secrequestbodylimit" => settings.request_limit = number()?,
            "secrequestbodynofileslimit" => settings.request_limit_without_files = number()?,
            "secrequestbodylimitaction" => settings.request_beyond = beyond()?,
            "secrequestbodyjsondepthlimit" => settings.json_depth = number()?.min(10_000) as usize,
            "secresponsebodylimit" => settings.response_limit = number()?,
            "secresponsebodylimitaction" => settings.response_beyond = beyond()?,
            "secresponsebodymimetype" => {
                settings.response_types = directive
                    .arguments
                    .iter()
                    .flat_map(|types| types.split_ascii_whitespace())
                    .map(str::to_ascii_lowercase)
                    .collect();
            }
            "secresponsebodymimetypesclear" => settings.response_types.clear(),
            "secargumentslimit" => settings.arguments = number()?.min(1_000_000) as usize,
            "secargumentseparator" => match argument()?.as_bytes() {
                [byte] => settings.separator = *byte,
                _ => return Err(wrong(directive, "write one character")),
            },
            "secuploadfilelimit" => settings.files = number()?.min(1_000_000) as usize,
            "secwebappid" => argument()?.clone_into(&mut settings.application),
            "seccomponentsignature" => settings.components.push(argument()?.to_owned()),
            "secxmlexternalentity" => {
                if on_off()? {
                    return Err(wrong(
                        directive,
                        "external entities are never loaded; write Off or remove the line",
                    ));
                }
            }
            _ => return Err(Problem::UnknownDirective(directive.name.clone())),
        }
        Ok(())
    }
}

/// What only the first rule of a chain may say.
fn not_in_link(actions: &Actions) -> Result<(), Problem> {
    let disruptive = !matches!(
        actions.disruptive,
        None | Some(actions::Disruptive::Pass | actions::Disruptive::Block)
    );
    for (said, name) in [
        (actions.id.is_some(), "id"),
        (actions.phase.is_some(), "phase"),
        (disruptive, "a disruptive action"),
        (actions.skip.is_some(), "skip"),
        (actions.skip_after.is_some(), "skipAfter"),
    ] {
        if said {
            return Err(Problem::OnlyInChainStart(name));
        }
    }
    Ok(())
}

fn one(directive: &Directive) -> Result<&str, Problem> {
    match directive.arguments.as_slice() {
        [argument] => Ok(argument),
        _ => Err(count(directive, "one argument")),
    }
}

fn count(directive: &Directive, expected: &'static str) -> Problem {
    Problem::Arguments {
        directive: directive.name.clone(),
        expected,
        found: directive.arguments.len(),
    }
}

fn wrong(directive: &Directive, reason: &str) -> Problem {
    Problem::DirectiveArgument {
        directive: directive.name.clone(),
        reason: reason.to_owned(),
    }
}
