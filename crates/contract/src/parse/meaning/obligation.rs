//! Mistakes of meaning inside one obligation: its deadline, thresholds, queries and conditions.

use jiff::civil::Date;

use super::{Pass, dates_in};
use crate::language::value::{OrParam, PeriodName};
use crate::language::{Check, Condition, Deadline, Obligation, Rule, Shape, Threshold};

pub(super) fn check(
    obligation: &Obligation,
    path: &str,
    first: Date,
    last: Date,
    pass: &mut Pass<'_>,
) {
    let well_formed = obligation
        .key
        .split_once('-')
        .is_some_and(|(letter, number)| {
            letter == "O" && number.len() >= 3 && number.bytes().all(|b| b.is_ascii_digit())
        });
    if !well_formed {
        pass.error(
            "key-form",
            &format!("{path}.key"),
            format!("義務の鍵「{}」は O-001 の形ではありません", obligation.key),
            Some("O- と三桁以上の数字で書いてください".into()),
        );
    }
    if let Some(deadline) = &obligation.deadline {
        deadline_parts(
            deadline,
            obligation,
            &format!("{path}.deadline"),
            first,
            last,
            pass,
        );
    }
    if let Some(internal) = &obligation.internal {
        if let Some(deadline) = &internal.deadline {
            deadline_parts(
                deadline,
                obligation,
                &format!("{path}.internal.deadline"),
                first,
                last,
                pass,
            );
        }
        for (index, threshold) in internal.thresholds.iter().enumerate() {
            threshold_parts(
                threshold,
                &format!("{path}.internal.thresholds[{index}]"),
                pass,
            );
        }
    }
    for (index, threshold) in obligation.thresholds.iter().enumerate() {
        threshold_parts(threshold, &format!("{path}.thresholds[{index}]"), pass);
    }
    for (index, check) in obligation.evidence.iter().enumerate() {
        let at = format!("{path}.evidence[{index}]");
        if let Check::Document {
            deliverable: None, ..
        } = check
            && obligation.deliverable.is_none()
        {
            pass.error(
                "missing-key",
                &at,
                "どの成果物かがわかりません".into(),
                Some(
                    "義務に deliverable = \"…\" を書くか、この問いに deliverable を書いてください"
                        .into(),
                ),
            );
        }
        if let Check::Rollup {
            obligations,
            clause,
        } = check
            && obligations.is_empty()
            && clause.is_none()
        {
            pass.error(
                "missing-key",
                &at,
                "まとめる義務がありません".into(),
                Some("obligations か clause を書いてください".into()),
            );
        }
        for condition in conditions_of(check) {
            condition_parts(condition, &at, pass);
        }
    }
    if let Some(active) = &obligation.active
        && let (Some(from), Some(to)) = (active.from, active.to)
        && to < from
    {
        pass.error(
            "active",
            &format!("{path}.active"),
            format!("有効な日の終わり {to} が始め {from} より前です"),
            None,
        );
    }
}

fn deadline_parts(
    deadline: &Deadline,
    obligation: &Obligation,
    path: &str,
    first: Date,
    last: Date,
    pass: &mut Pass<'_>,
) {
    match &deadline.rule {
        Rule::Fixed {
            date: OrParam::Value(date),
            ..
        } => {
            if date.0 < first || date.0 > last {
                pass.warn(
                    "outside-term",
                    &format!("{path}.date"),
                    format!("期限 {date} は履行期間（{first}〜{last}）の外です"),
                    None,
                );
            }
            let printed: Vec<Date> = dates_in(&obligation.text)
                .into_iter()
                .filter_map(|(_, day)| day.ok())
                .collect();
            if let [only] = printed[..]
                && only != date.0
                && path.ends_with("].deadline")
            {
                pass.warn(
                    "text-differs",
                    &format!("{path}.date"),
                    format!("引用には {only} とあり、期限は {date} です"),
                    Some("どちらが正しいか仕様書で確かめてください".into()),
                );
            }
        }
        Rule::AfterPeriod {
            day,
            days,
            open_days,
            month_end,
            month_day,
            plus_months,
            overrides,
            closing_day,
            ..
        } => {
            exactly_one(
                path,
                "期間の後いつか",
                &[
                    ("day", day.is_some()),
                    ("days", days.is_some()),
                    ("open_days", open_days.is_some()),
                    ("month_end", month_end.is_some()),
                    ("month_day", month_day.is_some()),
                    ("plus_months", plus_months.is_some()),
                ],
                pass,
            );
            for (name, value) in [("day", day), ("closing_day", closing_day)] {
                if value.is_some_and(|value| !(1..=31).contains(&value)) {
                    pass.error(
                        "bad-value",
                        &format!("{path}.{name}"),
                        format!("{name} は 1 から 31 までです"),
                        None,
                    );
                }
            }
            overrides_parts(overrides, path, first, last, pass);
        }
        Rule::PeriodEnd { overrides, .. } => overrides_parts(overrides, path, first, last, pass),
        Rule::AfterDate {
            within, open_days, ..
        }
        | Rule::AfterEvent {
            within, open_days, ..
        }
        | Rule::BeforeEvent {
            within, open_days, ..
        } => {
            exactly_one(
                path,
                "長さ",
                &[
                    ("within", within.is_some()),
                    ("open_days", open_days.is_some()),
                ],
                pass,
            );
        }
        _ => {}
    }
}

fn overrides_parts(
    overrides: &[crate::language::PeriodOverride],
    path: &str,
    first: Date,
    last: Date,
    pass: &mut Pass<'_>,
) {
    for (index, each) in overrides.iter().enumerate() {
        let at = format!("{path}.overrides[{index}]");
        exactly_one(
            &at,
            "特例の日",
            &[("date", each.date.is_some()), ("day", each.day.is_some())],
            pass,
        );
        if let PeriodName::Period(period) = each.period
            && (period.last() < first || period.first() > last)
        {
            pass.error(
                "outside-term",
                &format!("{at}.period"),
                format!(
                    "期間 {period} は履行期間（{first}〜{last}）の外で、使われることがありません"
                ),
                None,
            );
        }
    }
}

fn threshold_parts(threshold: &Threshold, path: &str, pass: &mut Pass<'_>) {
    let limits = [
        ("at_least", threshold.at_least.is_some()),
        ("more_than", threshold.more_than.is_some()),
        ("at_most", threshold.at_most.is_some()),
        ("less_than", threshold.less_than.is_some()),
        ("exactly", threshold.exactly.is_some()),
    ];
    let (needs_limit, needs_records) = match &threshold.shape {
        Shape::Generations { .. } | Shape::Retention { .. } | Shape::Range { .. } => (false, true),
        Shape::PenaltyMoney { .. } | Shape::LateInterest { .. } | Shape::Coverage { .. } => {
            (false, false)
        }
        Shape::Version {
            newest_from,
            edition,
            ..
        } => (newest_from.is_none() && edition.is_none(), true),
        _ => (true, true),
    };
    if needs_limit {
        exactly_one(path, "限度", &limits, pass);
    }
    if needs_records && threshold.of.is_none() {
        pass.error(
            "missing-key",
            path,
            "「of」がありません".into(),
            Some("of = \"証跡の種別\" を書いてください".into()),
        );
    }
    match &threshold.shape {
        Shape::Availability {
            total,
            down,
            from,
            to,
            ..
        } => {
            let by_minutes = total.is_some() && down.is_some();
            let by_outages = from.is_some() && to.is_some();
            if by_minutes == by_outages {
                pass.error(
                    "missing-key",
                    path,
                    "稼働率の測り方がわかりません".into(),
                    Some(
                        "total と down(分)か、from と to(停止の区間)の片方の組を書いてください"
                            .into(),
                    ),
                );
            }
        }
        Shape::Longest { field, from, to }
            if field.is_none() && (from.is_none() || to.is_none()) =>
        {
            pass.error(
                "missing-key",
                path,
                "長さの測り方がわかりません".into(),
                Some("field か、from と to を書いてください".into()),
            );
        }
        Shape::Retention {
            oldest, deleted, ..
        } => {
            exactly_one(
                path,
                "保存の確かめ方",
                &[("oldest", oldest.is_some()), ("deleted", deleted.is_some())],
                pass,
            );
        }
        Shape::Range { min, max, .. } => match (min, max) {
            (None, None) => pass.error("missing-key", path, "min か max が要ります".into(), None),
            (Some(min), Some(max)) if max < min => {
                pass.error(
                    "contradiction",
                    path,
                    format!("max {max} が min {min} より小さい"),
                    None,
                );
            }
            _ => {}
        },
        _ => {}
    }
}

fn conditions_of(check: &Check) -> Vec<&Condition> {
    let mut all: Vec<&Condition> = Vec::new();
    match check {
        Check::Exists { of, .. } | Check::Every { of, .. } | Check::None { of, .. } => {
            all.extend(of.conditions());
        }
        Check::Newest { of, must, .. } | Check::Each { of, must } => {
            all.extend(of.conditions());
            all.extend(must);
        }
        Check::Pair {
            trigger, response, ..
        } => {
            all.extend(trigger.conditions());
            all.extend(response.conditions());
        }
        Check::Cover {
            universe, covered, ..
        } => {
            all.extend(universe.conditions());
            all.extend(covered.conditions());
        }
        Check::Document { must, .. } => all.extend(must),
        Check::Attestation { .. }
        | Check::Record { .. }
        | Check::Gate { .. }
        | Check::Rollup { .. } => {}
    }
    all
}

fn condition_parts(condition: &Condition, path: &str, pass: &mut Pass<'_>) {
    let combined = condition.any.is_some() || condition.all.is_some() || condition.not.is_some();
    let compares = condition.eq.is_some()
        || condition.ne.is_some()
        || condition.lt.is_some()
        || condition.le.is_some()
        || condition.gt.is_some()
        || condition.ge.is_some()
        || condition.one_of.is_some()
        || condition.not_in.is_some()
        || condition.exists.is_some()
        || condition.contains.is_some()
        || condition.like.is_some()
        || condition.min_days_left.is_some()
        || condition.hours.is_some();
    if compares && condition.field.is_none() {
        pass.error(
            "condition",
            path,
            "条件に field がありません".into(),
            Some("{ field = \"…\", eq = … } の形で書いてください".into()),
        );
    }
    if !compares && !combined {
        pass.error(
            "condition",
            path,
            "条件に比べ方がありません".into(),
            Some("eq、ge、exists、in などを一つ書いてください".into()),
        );
    }
}

fn exactly_one(path: &str, what: &str, given: &[(&str, bool)], pass: &mut Pass<'_>) {
    let names: Vec<&str> = given.iter().map(|(name, _)| *name).collect();
    let used: Vec<&str> = given
        .iter()
        .filter(|(_, used)| *used)
        .map(|(name, _)| *name)
        .collect();
    match used.len() {
        1 => {}
        0 => pass.error(
            "missing-key",
            path,
            format!("{what}がありません"),
            Some(format!(
                "次のどれか一つを書いてください: {}",
                names.join("、")
            )),
        ),
        _ => pass.error(
            "contradiction",
            path,
            format!("{what}が二つ以上あります: {}", used.join("、")),
            Some("一つだけ残してください".into()),
        ),
    }
}
