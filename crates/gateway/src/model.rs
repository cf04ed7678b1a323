//! What people decide about a site, and what the firewall found there.

use jiff::Timestamp;
use jiff::civil::Date;
use mamori_kernel::clock::tokyo_date;
use mamori_proxy::WafMode;
use mamori_waf::{Exclusion as RuleExclusion, PathMatch, RuleChoice};
use serde::{Deserialize, Serialize};

/// The most that an exclusion lasts. After it somebody looks again whether it is still needed.
pub const LONGEST_DAYS: i32 = 366;
/// Longest texts of an exclusion, in characters.
pub const REASON_CHARS: usize = 500;
const PATH_BYTES: usize = 1_000;
const TARGET_BYTES: usize = 200;

/// What people decided about a site in daily work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SitePolicy {
    /// What the firewall does with what it finds.
    pub mode: WafMode,
    /// Paranoia level of the rules, 1 to 4.
    pub paranoia: u8,
    /// Whether an operator closed the site.
    pub closed: bool,
    /// After how many minutes visitors of a closed site are asked to come again.
    pub retry_minutes: u32,
}

impl Default for SitePolicy {
    /// A new site is guarded at once.
    fn default() -> Self {
        Self {
            mode: WafMode::Block,
            paranoia: 1,
            closed: false,
            retry_minutes: 60,
        }
    }
}

/// A mode as tables and addresses write it.
pub fn mode_word(mode: WafMode) -> &'static str {
    match mode {
        WafMode::Off => "off",
        WafMode::Detect => "detect",
        WafMode::Block => "block",
    }
}

/// The mode of a word; `None` for another word.
pub fn mode_of(word: &str) -> Option<WafMode> {
    [WafMode::Off, WafMode::Detect, WafMode::Block]
        .into_iter()
        .find(|mode| mode_word(*mode) == word)
}

mamori_kernel::typed_id! {
    /// An exclusion.
    ExclusionId,
}

/// A rule that does not look at a parameter on a path (除外設定).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclusion {
    /// Its name in reports of the firewall.
    pub id: ExclusionId,
    /// Name of the site.
    pub site: String,
    /// Number of the rule.
    pub rule: u64,
    /// Parameter as rules write it: `ARGS:comment`; empty: the rule does not run at all there.
    pub target: String,
    /// Path; empty: everywhere.
    pub path: String,
    /// Whether it holds below the path too.
    pub below: bool,
    /// Why.
    pub reason: String,
    /// Who decided it.
    pub author: String,
    /// The request that it was made for; empty: none.
    pub request: String,
    /// Since when.
    pub created_at: Timestamp,
    /// The last day on which it holds.
    pub expires_on: Date,
    /// When a person ended it.
    pub ended_at: Option<Timestamp>,
}

impl Exclusion {
    /// Whether it holds now.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.ended_at.is_none() && tokyo_date(now) <= self.expires_on
    }

    /// As the engine takes it.
    pub fn for_engine(&self) -> RuleExclusion {
        RuleExclusion {
            name: self.id.to_string(),
            rules: RuleChoice::Id(self.rule),
            target: (!self.target.is_empty()).then(|| self.target.clone()),
            path: match (self.path.as_str(), self.below) {
                ("", _) => PathMatch::Any,
                (path, false) => PathMatch::Exact(path.to_owned()),
                (path, true) => PathMatch::Prefix(path.to_owned()),
            },
        }
    }
}

/// An exclusion as somebody asks for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Wish {
    /// Number of the rule.
    pub rule: String,
    /// Parameter.
    pub target: String,
    /// Path.
    pub path: String,
    /// `below` when it shall hold below the path too.
    pub reach: String,
    /// Why.
    pub reason: String,
    /// Last day.
    pub expires_on: String,
    /// The request that it is made for.
    pub request: String,
}

/// Whether a text says why something was decided.
pub(crate) fn is_reason(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty() && text.chars().count() <= REASON_CHARS
}

/// The last day that a text names: today at the earliest, and not too far away.
pub(crate) fn last_day(text: &str, today: Date) -> Option<Date> {
    let day = text.trim().parse::<Date>().ok()?;
    let longest = today.checked_add(jiff::Span::new().days(LONGEST_DAYS));
    (day >= today && longest.is_ok_and(|longest| day <= longest)).then_some(day)
}

/// What is wrong with a wish: field and key of the text that says it.
pub type WrongWish = (&'static str, &'static str);

impl Wish {
    /// Checks everything that can be known without the rules; whether they have this number is asked
    /// by the desk.
    pub fn check(&self, today: Date) -> Result<(u64, Date), Vec<WrongWish>> {
        let mut wrong = Vec::new();
        let rule = self.rule.trim().parse::<u64>().ok().filter(|id| *id > 0);
        if rule.is_none() {
            wrong.push(("rule", "gateway-wrong-rule"));
        }
        let path = self.path.trim();
        let plain = path.bytes().all(|byte| byte > b' ' && byte != 0x7f);
        if !path.is_empty() && (!path.starts_with('/') || path.len() > PATH_BYTES || !plain) {
            wrong.push(("path", "gateway-wrong-path"));
        }
        let target = self.target.trim();
        if target.len() > TARGET_BYTES || target.chars().any(char::is_control) {
            wrong.push(("target", "gateway-wrong-target"));
        }
        if target.is_empty() && path.is_empty() {
            // A rule that is off everywhere is a decision about the rules, not an exclusion.
            wrong.push(("path", "gateway-wrong-everywhere"));
        }
        if !is_reason(&self.reason) {
            wrong.push(("reason", "gateway-wrong-reason"));
        }
        let until = last_day(&self.expires_on, today);
        if until.is_none() {
            wrong.push(("expires_on", "gateway-wrong-expiry"));
        }
        match (rule, until) {
            (Some(rule), Some(until)) if wrong.is_empty() => Ok((rule, until)),
            _ => Err(wrong),
        }
    }
}

/// A request that rules refused, or would have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Number that the visitor was shown.
    pub id: String,
    /// Name of the site.
    pub site: String,
    /// When it arrived.
    pub at: Timestamp,
    /// Who asked (personal).
    pub client: String,
    /// Method.
    pub method: String,
    /// Path.
    pub path: String,
    /// What the firewall did then.
    pub mode: WafMode,
    /// Whether it was refused.
    pub refused: bool,
    /// Anomaly score.
    pub score: i64,
    /// Whether not everything could be looked at.
    pub incomplete: bool,
    /// What matched (values are personal).
    pub matches: Vec<Matched>,
}

/// A rule that matched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matched {
    /// Its number.
    pub rule: u64,
    /// What it says.
    pub message: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// It was only observed: it added nothing to the score and decided nothing.
    #[serde(default)]
    pub observed: bool,
    /// Targets and values, cut.
    pub hits: Vec<(String, String)>,
}

impl Finding {
    /// Numbers of the rules that matched, as the list shows them: those that add to the score, which
    /// are the ones an exclusion can be made for.
    pub fn rules(&self) -> String {
        let numbers: Vec<String> = self
            .excludable()
            .map(|matched| matched.rule.to_string())
            .collect();
        numbers.join(" ")
    }

    /// Rules that look at something; those that only sum up the score have nothing to exclude.
    pub fn excludable(&self) -> impl Iterator<Item = &Matched> {
        self.matches.iter().filter(|matched| looked(&matched.hits))
    }
}

/// Whether a rule with these hits looked at something of the request; those that only sum up the
/// score did not.
pub(crate) fn looked(hits: &[(String, String)]) -> bool {
    hits.iter().any(|(target, _)| !target.starts_with("TX"))
}

/// Traffic of one day of a site.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Requests.
    pub requests: u64,
    /// Refused by the firewall.
    pub refused: u64,
    /// Would have been refused, had the firewall not only observed.
    pub observed: u64,
    /// Answered by an error of the site behind, or not at all.
    pub broken: u64,
    /// Bytes of request bodies.
    pub bytes_in: u64,
    /// Bytes of answers.
    pub bytes_out: u64,
}

impl Traffic {
    /// Both together.
    pub fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.refused += other.refused;
        self.observed += other.observed;
        self.broken += other.broken;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
    }

    /// What counts against the plan: both directions, in gigabytes of 10⁹ bytes.
    pub fn gigabytes(self) -> f64 {
        (self.bytes_in + self.bytes_out) as f64 / 1e9
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn wish() -> Wish {
        Wish {
            rule: "942100".to_owned(),
            target: "ARGS:comment".to_owned(),
            path: "/wp-comments-post.php".to_owned(),
            reason: "意見の中の引用符".to_owned(),
            expires_on: "2026-12-31".to_owned(),
            ..Wish::default()
        }
    }

    #[test]
    fn a_wish_names_everything_that_is_wrong() {
        let today = date(2026, 11, 23);
        assert_eq!(wish().check(today), Ok((942_100, date(2026, 12, 31))));
        let wrong = Wish {
            rule: "x".to_owned(),
            path: "no-slash".to_owned(),
            reason: " ".to_owned(),
            expires_on: "2026-11-22".to_owned(),
            ..wish()
        };
        let fields: Vec<&str> = wrong
            .check(today)
            .expect_err("wrong")
            .iter()
            .map(|(field, _)| *field)
            .collect();
        assert_eq!(fields, ["rule", "path", "reason", "expires_on"]);
        let long = Wish {
            expires_on: "2027-11-25".to_owned(),
            ..wish()
        };
        assert!(long.check(today).is_err(), "nothing is excluded for ever");
        let everywhere = Wish {
            path: String::new(),
            target: String::new(),
            ..wish()
        };
        assert_eq!(
            everywhere.check(today),
            Err(vec![("path", "gateway-wrong-everywhere")])
        );
    }

    #[test]
    fn an_exclusion_ends_with_its_last_day_in_japan() {
        let exclusion = Exclusion {
            id: ExclusionId::new(Timestamp::UNIX_EPOCH, [0; 10]),
            site: "s".to_owned(),
            rule: 1,
            target: String::new(),
            path: "/a/".to_owned(),
            below: true,
            reason: String::new(),
            author: String::new(),
            request: String::new(),
            created_at: Timestamp::UNIX_EPOCH,
            expires_on: date(2026, 11, 23),
            ended_at: None,
        };
        let at = |text: &str| -> Timestamp { text.parse().expect("an instant") };
        assert!(exclusion.holds(at("2026-11-23T23:59:59+09:00")));
        assert!(!exclusion.holds(at("2026-11-24T00:00:00+09:00")));
        assert_eq!(
            exclusion.for_engine().path,
            PathMatch::Prefix("/a/".to_owned())
        );
    }

    #[test]
    fn modes_have_words() {
        for word in ["off", "detect", "block"] {
            assert_eq!(mode_of(word).map(mode_word), Some(word));
        }
        assert_eq!(mode_of("on"), None);
    }
}
