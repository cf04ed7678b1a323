//! One test for each row of the model's tables (shared/contract/model.md 3.1–3.6), named after it.
#![allow(clippy::unwrap_used, reason = "tests")]
#![allow(
    clippy::cloned_ref_to_slice_refs,
    reason = "one fact beside lists of several reads alike"
)]

mod support;

/// 3.1 Deadline rules.
mod deadline_rules {
    use mamori_contract::engine::Verdict;
    use serde_json::json;

    use super::support::*;

    #[test]
    fn fixed() {
        let contract = contract(
            "one-off",
            r#"deadline = { rule = "fixed", date = "令和9年2月19日（金）" }"#,
        );
        let due = check_due(&contract, "term", "2027-02-19");
        assert_eq!(due.rule, "令和9年2月19日（金）まで");
        assert_eq!(due.reason, None);
    }

    #[test]
    fn day_n_of_the_month_or_quarter_after_the_period() {
        let monthly = contract(
            "monthly",
            r#"deadline = { rule = "after-period", day = 10 }"#,
        );
        assert_eq!(
            check_due(&monthly, "2026-05", "2026-06-10").rule,
            "翌月10日"
        );
        check_due(&monthly, "2026-09", "2026-10-10");
        let quarterly = contract(
            "quarterly",
            r#"deadline = { rule = "after-period", day = 15 }"#,
        );
        check_due(&quarterly, "2026-Q3", "2027-01-15");
        let second = contract(
            "monthly",
            r#"deadline = { rule = "after-period", day = 31, months = 2 }"#,
        );
        check_due(&second, "2026-04", "2026-06-30");
    }

    #[test]
    fn roll_on_law_holidays() {
        let rule = r#"deadline = { rule = "after-period", day = 10, roll = { when = "law", to = "city" } }"#;
        let contract = contract("monthly", rule);
        let due = check_due(&contract, "2026-09", "2026-10-13");
        assert_eq!(
            due.reason.unwrap(),
            "10/10 土、10/11 日、10/12 スポーツの日"
        );
        assert_eq!(due.rule, "翌月10日、土日祝なら翌開庁日");
        // 山の日 is 8/11: the 10th stands.
        assert_eq!(check_due(&contract, "2026-07", "2026-08-10").reason, None);
    }

    #[test]
    fn roll_on_closed_days() {
        let law = contract(
            "monthly",
            r#"deadline = { rule = "after-period", day = 2, roll = { when = "law", to = "city" } }"#,
        );
        let closed = contract(
            "monthly",
            r#"deadline = { rule = "after-period", day = 2, roll = { when = "city" } }"#,
        );
        // 2027-01-02 is a Saturday: both move. 2026-12-29 … 01-03 closes the city.
        check_due(&law, "2026-12", "2027-01-04");
        check_due(&closed, "2026-12", "2027-01-04");
        let law = contract(
            "monthly",
            r#"deadline = { rule = "after-period", day = 30, months = 0, roll = { when = "law", to = "city" } }"#,
        );
        let closed = contract(
            "monthly",
            r#"deadline = { rule = "after-period", day = 30, months = 0, roll = { when = "city" } }"#,
        );
        // 2026-12-30 is a Wednesday: no law holiday, but closed.
        check_due(&law, "2026-12", "2026-12-30");
        let reason = check_due(&closed, "2026-12", "2027-01-04").reason.unwrap();
        assert!(
            reason.starts_with("12/30 年末年始、12/31 年末年始、1/1 "),
            "{reason}"
        );
    }

    #[test]
    fn year_end_closure_differs() {
        for (range, expected) in [
            (r#"{ from = "12-29", to = "01-03" }"#, "2027-01-04"),
            (r#"{ from = "12-31", to = "01-03" }"#, "2026-12-29"),
            (r#"{ from = "12-29", to = "01-04" }"#, "2027-01-05"),
            (r#"{ from = "12-31", to = "01-05" }"#, "2026-12-29"),
            (
                r#"{ from = "12-29", to = "01-03", valid_until = "2026-04-30" }"#,
                "2026-12-29",
            ),
        ] {
            let parts = format!(
                "[calendars.town]\ntitle = \"閉庁日\"\nweekdays = [\"sat\", \"sun\"]\nlaw_holidays = true\nranges = [ {range} ]"
            );
            let contract = contract_with(
                &parts,
                "one-off",
                r#"deadline = { rule = "fixed", date = "2026-12-29", roll = { when = "town" } }"#,
            );
            check_due(&contract, "term", expected);
        }
    }

    #[test]
    fn override_for_one_period() {
        let contract = contract(
            "monthly",
            r#"deadline = { rule = "after-period", day = 10, roll = { when = "law", to = "city" }, overrides = [ { period = "2027-03", date = "令和9年3月31日（水）", reason = "13ただし書" } ] }"#,
        );
        check_due(&contract, "2027-02", "2027-03-10");
        let march = check_due(&contract, "2027-03", "2027-03-31");
        assert!(!march.after_term);
        assert_eq!(march.reason.as_deref(), Some("13ただし書"));
    }

    #[test]
    fn quarter_closing_and_report_day() {
        let contract = contract(
            "quarterly",
            r#"deadline = { rule = "after-period", day = 20, roll = { when = "city" } }"#,
        );
        check_due(&contract, "2026-Q1", "2026-07-21");
        check_due(&contract, "2026-Q2", "2026-10-20");
        check_due(&contract, "2026-Q4", "2027-04-20");
        let closing = super::support::contract(
            "monthly",
            r#"deadline = { rule = "after-period", days = 10, closing_day = 20 }"#,
        );
        check_due(&closing, "2026-04", "2026-04-30");
    }

    #[test]
    fn after_the_fiscal_year() {
        for (field, expected) in [
            ("days = 30", "2027-04-30"),
            ("plus_months = 2", "2027-05-31"),
            ("month_end = 1", "2027-04-30"),
            (r#"month_day = "05-15""#, "2027-05-15"),
            ("open_days = 5", "2027-04-07"),
        ] {
            let contract = contract(
                "yearly",
                &format!(r#"deadline = {{ rule = "after-period", {field} }}"#),
            );
            assert!(
                check_due(&contract, "FY2026", expected).after_term,
                "{field}"
            );
        }
    }

    #[test]
    fn after_the_contract_date() {
        let signed = |value: &str, rule: &str| {
            let source = format!("{HEAD}\n[[obligation]]\nkey = \"O-001\"\nclause = \"1\"\ntitle = \"計画書\"\ntext = \"契約締結後に提出すること。\"\ntype = \"duty\"\nkind = \"one-off\"\ndeadline = {rule}\n")
                .replace("title = \"契約締結日\"", &format!("title = \"契約締結日\"\n{value}"));
            parse(&source)
        };
        let week = r#"{ rule = "after-date", within = "1週間" }"#;
        for (rule, expected) in [
            (week, "2026-04-08"),
            (
                r#"{ rule = "after-date", within = "1週間", first_day = "included" }"#,
                "2026-04-07",
            ),
            (
                r#"{ rule = "after-date", within = "1週間", bound = "before" }"#,
                "2026-04-07",
            ),
            (r#"{ rule = "after-date", within = "10日" }"#, "2026-04-11"),
            (r#"{ rule = "after-date", within = "1か月" }"#, "2026-05-01"),
            (r#"{ rule = "after-date", open_days = 5 }"#, "2026-04-08"),
            (
                r#"{ rule = "after-date", from = "2026-04-30", within = "7日", roll = { when = "city" } }"#,
                "2026-05-07",
            ),
        ] {
            check_due(&signed("value = \"2026-04-01\"", rule), "term", expected);
        }
        // Unknown: said, not guessed.
        let due = check_due(&signed("", week), "term", "-");
        assert!(due.unknown.unwrap().contains("契約締結日"));
    }

    #[test]
    fn after_an_event_by_the_clock() {
        let rule = |deadline: &str| {
            contract(
                "per-event",
                &format!(
                    "deadline = {deadline}\nevidence = [ {{ check = \"pair\", trigger = \"incident.opened\", response = \"incident.reported\" }} ]"
                ),
            )
        };
        let wall = rule(r#"{ rule = "after-event", within = "30分" }"#);
        let opened = (
            "2026-05-01T17:00",
            "incident.opened",
            json!({ "incident_id": "i1" }),
        );
        let reported =
            |when: &'static str| (when, "incident.reported", json!({ "incident_id": "i1" }));
        check(
            &wall,
            &[opened.clone()],
            "2026-05-01T17:30",
            "2026-05",
            Verdict::Pending,
        );
        check(
            &wall,
            &[opened.clone()],
            "2026-05-01T17:31",
            "2026-05",
            Verdict::NotMet,
        );
        check(
            &wall,
            &[opened.clone(), reported("2026-05-01T17:30")],
            "2026-05-02",
            "2026-05",
            Verdict::Met,
        );
        check(
            &wall,
            &[opened.clone(), reported("2026-05-01T17:31")],
            "2026-05-02",
            "2026-05",
            Verdict::NotMet,
        );
        // In service hours the half hour ends on the next open day: 5/2–5/6 are closed in 2026.
        let hours = rule(
            r#"{ rule = "after-event", within = "30分", clock = "hours", hours = "service" }"#,
        );
        check(
            &hours,
            &[opened.clone(), reported("2026-05-07T09:00")],
            "2026-05-08",
            "2026-05",
            Verdict::Met,
        );
        check(
            &hours,
            &[opened.clone(), reported("2026-05-07T09:01")],
            "2026-05-08",
            "2026-05",
            Verdict::NotMet,
        );
        let strict = rule(r#"{ rule = "after-event", within = "30分", bound = "before" }"#);
        check(
            &strict,
            &[opened, reported("2026-05-01T17:30")],
            "2026-05-02",
            "2026-05",
            Verdict::NotMet,
        );
        check(&wall, &[], "2026-05-20", "2026-05", Verdict::NotApplicable);
    }

    #[test]
    fn before_an_event() {
        let rule = |deadline: &str| {
            contract(
                "per-event",
                &format!(
                    "deadline = {deadline}\nevidence = [ {{ check = \"pair\", trigger = {{ kind = \"waf.changed\", at = \"on\" }}, response = {{ kind = \"request.received\", at = \"received_on\" }}, match = \"job\", response_first = true }} ]"
                ),
            )
        };
        let changed = (
            "2026-05-20",
            "waf.changed",
            json!({ "job": "j", "on": "2026-05-20" }),
        );
        let told = |on: &'static str| {
            (
                on,
                "request.received",
                json!({ "job": "j", "received_on": on }),
            )
        };
        for (deadline, good, bad) in [
            (
                r#"{ rule = "before-event", within = "7日" }"#,
                "2026-05-13",
                "2026-05-14",
            ),
            (
                r#"{ rule = "before-event", open_days = 5 }"#,
                "2026-05-13",
                "2026-05-14",
            ),
            // 2026-05-07 is 9 open days before 05-20; 05-03 to 05-06 are holidays.
            (
                r#"{ rule = "before-event", open_days = 10 }"#,
                "2026-05-01",
                "2026-05-07",
            ),
        ] {
            let contract = rule(deadline);
            check(
                &contract,
                &[told(good), changed.clone()],
                "2026-05-21",
                "2026-05",
                Verdict::Met,
            );
            check(
                &contract,
                &[told(bad), changed.clone()],
                "2026-05-21",
                "2026-05",
                Verdict::NotMet,
            );
            check(
                &contract,
                &[changed.clone()],
                "2026-05-21",
                "2026-05",
                Verdict::NotMet,
            );
        }
    }

    #[test]
    fn open_day_count() {
        let contract = contract(
            "per-event",
            "deadline = { rule = \"after-event\", open_days = 3 }\nevidence = [ { check = \"pair\", trigger = \"question.received\", response = \"question.answered\" } ]",
        );
        let asked = (
            "2026-09-18",
            "question.received",
            json!({ "question_id": "q", "received_on": "2026-09-18" }),
        );
        let answered = |on: &'static str| {
            (
                on,
                "question.answered",
                json!({ "question_id": "q", "answered_on": on }),
            )
        };
        // 09-21 敬老の日, 09-22 国民の休日, 09-23 秋分の日: the third open day is 09-28.
        check(
            &contract,
            &[asked.clone(), answered("2026-09-28")],
            "2026-09-30",
            "2026-09",
            Verdict::Met,
        );
        let late = check(
            &contract,
            &[asked, answered("2026-09-29")],
            "2026-09-30",
            "2026-09",
            Verdict::NotMet,
        );
        assert_eq!(late.late_by_days, Some(1));
    }

    #[test]
    fn half_day_rule() {
        let contract = contract(
            "per-event",
            "deadline = { rule = \"half-day\", hours = \"service\" }\nevidence = [ { check = \"pair\", trigger = \"question.received\", response = \"question.answered\" } ]",
        );
        let asked = |when: &'static str| (when, "question.received", json!({ "question_id": "q" }));
        let answered =
            |when: &'static str| (when, "question.answered", json!({ "question_id": "q" }));
        for (from, to, expected) in [
            ("2026-05-01T10:00", "2026-05-01T17:15", Verdict::Met),
            ("2026-05-01T10:00", "2026-05-01T17:16", Verdict::NotMet),
            ("2026-05-01T13:00", "2026-05-07T12:00", Verdict::Met),
            ("2026-05-01T13:00", "2026-05-07T12:01", Verdict::NotMet),
        ] {
            check(
                &contract,
                &[asked(from), answered(to)],
                "2026-05-08",
                "2026-05",
                expected,
            );
        }
    }

    #[test]
    fn time_window() {
        let rule = |principle: bool, hours: &str| {
            let parts = "[hours.six]\ntitle = \"月曜から土曜\"\nweekdays = [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \"sat\"]\nwindows = [ { from = \"09:00\", to = \"17:00\" } ]";
            contract_with(
                parts,
                "per-event",
                &format!(
                    "deadline = {{ rule = \"window\", hours = \"{hours}\", principle = {principle}, reason = \"outside_hours_reason\" }}\nevidence = [ {{ check = \"each\", of = \"work.recorded\", must = [ {{ field = \"minutes\", gt = 0 }} ] }} ]"
                ),
            )
        };
        let work = |start: &str, end: &str, reason: &str, date: &str| {
            let payload = json!({ "work_id": "w", "date": date, "start": start, "end": end, "minutes": 30, "outside_hours_reason": reason });
            ("2026-05-31", "work.recorded", payload)
        };
        let inside = work("08:45", "17:15", "", "2026-05-08");
        let outside = work("17:00", "17:30", "", "2026-05-08");
        let excused = work("17:00", "17:30", "改ざんの緊急対応", "2026-05-08");
        let now = "2026-06-01";
        check(
            &rule(true, "service"),
            &[inside.clone()],
            now,
            "2026-05",
            Verdict::Met,
        );
        let principle = check(
            &rule(true, "service"),
            &[outside.clone()],
            now,
            "2026-05",
            Verdict::Met,
        );
        assert_eq!(principle.warnings.len(), 1, "原則 only warns");
        assert!(
            check(
                &rule(true, "service"),
                &[excused],
                now,
                "2026-05",
                Verdict::Met
            )
            .warnings
            .is_empty()
        );
        check(
            &rule(false, "service"),
            &[outside],
            now,
            "2026-05",
            Verdict::NotMet,
        );
        // Monday to Saturday, holidays in: 2026-05-04 (みどりの日) and a Saturday are inside.
        check(
            &rule(false, "six"),
            &[work("09:00", "10:00", "", "2026-05-04")],
            now,
            "2026-05",
            Verdict::Met,
        );
        check(
            &rule(false, "six"),
            &[work("09:00", "10:00", "", "2026-05-09")],
            now,
            "2026-05",
            Verdict::Met,
        );
        check(
            &rule(false, "six"),
            &[work("09:00", "10:00", "", "2026-05-10")],
            now,
            "2026-05",
            Verdict::NotMet,
        );
        check(
            &rule(false, "service"),
            &[work("09:00", "10:00", "", "2026-05-04")],
            now,
            "2026-05",
            Verdict::NotMet,
        );
    }

    #[test]
    fn at_least_n_per_period_with_spacing() {
        let rule = |rest: &str| {
            contract(
                "yearly",
                &format!(
                    "deadline = {{ rule = \"at-least\", {rest} }}\nevidence = [ {{ check = \"exists\", of = \"vulnerability.test\" }} ]"
                ),
            )
        };
        let test = |on: &'static str| (on, "vulnerability.test", json!({}));
        let once = rule("count = 1");
        check_due(&once, "FY2026", "2027-03-31");
        check(&once, &[], "2027-03-31", "FY2026", Verdict::Pending);
        check(&once, &[], "2027-04-01", "FY2026", Verdict::NotMet);
        check(
            &once,
            &[test("2026-11-01")],
            "2027-04-01",
            "FY2026",
            Verdict::Met,
        );
        let halves = rule("count = 2, spacing = \"half\"");
        check(
            &halves,
            &[test("2026-05-01"), test("2026-06-01")],
            "2026-10-01",
            "FY2026",
            Verdict::Pending,
        );
        check(
            &halves,
            &[test("2026-05-01"), test("2026-06-01")],
            "2027-04-01",
            "FY2026",
            Verdict::NotMet,
        );
        check(
            &halves,
            &[test("2026-10-01"), test("2026-11-01")],
            "2026-12-01",
            "FY2026",
            Verdict::NotMet,
        );
        check(
            &halves,
            &[test("2026-05-01"), test("2026-11-01")],
            "2027-04-01",
            "FY2026",
            Verdict::Met,
        );
        let apart = rule("count = 2, min_gap = \"30日\"");
        check(
            &apart,
            &[test("2026-05-01"), test("2026-05-15")],
            "2026-06-01",
            "FY2026",
            Verdict::NotMet,
        );
        // Four a year unless upstream blocks.
        let four = rule(
            "count = 4, spacing = \"quarter\", unless = { kind = \"job.missed\", where = [ { field = \"upstream\", eq = true } ] }",
        );
        let blocked = ("2026-08-01", "job.missed", json!({ "upstream": true }));
        let tests = [test("2026-05-01"), test("2026-11-01"), test("2027-02-01")];
        check(&four, &tests, "2027-04-01", "FY2026", Verdict::NotMet);
        let with = [
            test("2026-05-01"),
            blocked,
            test("2026-11-01"),
            test("2027-02-01"),
        ];
        check(&four, &with, "2027-04-01", "FY2026", Verdict::Met);
    }

    #[test]
    fn on_request() {
        let rule = |rest: &str| {
            contract(
                "conditional",
                &format!(
                    "deadline = {{ rule = \"on-request\"{rest} }}\nevidence = [ {{ check = \"pair\", trigger = \"request.received\", response = \"request.done\", closed_by = \"request.withdrawn\" }} ]"
                ),
            )
        };
        let asked = (
            "2026-05-01",
            "request.received",
            json!({ "request_id": "r", "received_on": "2026-05-01" }),
        );
        let done = |on: &'static str| {
            (
                on,
                "request.done",
                json!({ "request_id": "r", "done_on": on }),
            )
        };
        let open = rule("");
        check(
            &open,
            &[asked.clone()],
            "2026-12-01",
            "2026-05",
            Verdict::Pending,
        );
        check(
            &open,
            &[asked.clone(), done("2026-09-01")],
            "2026-12-01",
            "2026-05",
            Verdict::Met,
        );
        let dated = rule(", within = \"14日\"");
        check(
            &dated,
            &[asked.clone(), done("2026-05-15")],
            "2026-12-01",
            "2026-05",
            Verdict::Met,
        );
        check(
            &dated,
            &[asked, done("2026-05-16")],
            "2026-12-01",
            "2026-05",
            Verdict::NotMet,
        );
    }

    #[test]
    fn end_of_term() {
        check_due(
            &contract("one-off", r#"deadline = { rule = "end-of-term" }"#),
            "term",
            "2027-03-31",
        );
        check_due(
            &contract(
                "one-off",
                r#"deadline = { rule = "end-of-term", days = 10, roll = { when = "city" } }"#,
            ),
            "term",
            "2027-04-12",
        );
        check_due(
            &contract(
                "one-off",
                r#"deadline = { rule = "end-of-term", days = -30 }"#,
            ),
            "term",
            "2027-03-01",
        );
    }

    #[test]
    fn soft_words() {
        let contract = contract(
            "conditional",
            "deadline = { rule = \"soft\", word = \"ただちに\" }\nevidence = [ { check = \"pair\", trigger = \"incident.opened\", response = \"incident.reported\", closed_by = \"incident.closed\" } ]",
        );
        let opened = (
            "2026-05-01T10:00",
            "incident.opened",
            json!({ "incident_id": "i" }),
        );
        let waiting = check(
            &contract,
            &[opened.clone()],
            "2026-05-20",
            "2026-05",
            Verdict::Pending,
        );
        assert!(waiting.warnings[0].contains("ただちに"));
        let reported = (
            "2026-05-03T10:00",
            "incident.reported",
            json!({ "incident_id": "i" }),
        );
        let done = check(
            &contract,
            &[opened.clone(), reported],
            "2026-05-20",
            "2026-05",
            Verdict::Met,
        );
        assert_eq!(
            done.figures[0].value,
            Some(2880.0),
            "the measured value is shown without a limit"
        );
        let closed = (
            "2026-05-04",
            "incident.closed",
            json!({ "incident_id": "i" }),
        );
        check(
            &contract,
            &[opened, closed],
            "2026-05-20",
            "2026-05",
            Verdict::NotMet,
        );
        // A soft word beside a number warns only; hard counts it; undecided says so.
        for (binding, expected) in [
            ("", Verdict::Met),
            (", binding = \"hard\"", Verdict::NotMet),
            (", binding = \"undecided\"", Verdict::Undecided),
        ] {
            let parts = "[deliverables.report]\ntitle = \"報告書\"";
            let contract = contract_with(
                parts,
                "monthly",
                &format!(
                    "deliverable = \"report\"\ndeadline = {{ rule = \"after-period\", day = 10, soft = \"目処\"{binding} }}\nevidence = [ {{ check = \"document\" }} ]"
                ),
            );
            let late = (
                "2026-06-11",
                "document.submitted",
                json!({ "document": "report", "period": "2026-05", "submitted_on": "2026-06-11" }),
            );
            let found = check(&contract, &[late], "2026-06-12", "2026-05", expected);
            assert_eq!(found.late_by_days, Some(1));
        }
    }

    #[test]
    fn month_end_with_forward_or_backward_roll() {
        let forward = contract(
            "monthly",
            r#"deadline = { rule = "period-end", roll = { when = "city" } }"#,
        );
        let backward = contract(
            "monthly",
            r#"deadline = { rule = "period-end", roll = { when = "city", direction = "backward" } }"#,
        );
        check_due(&forward, "2026-05", "2026-06-01");
        check_due(&backward, "2026-05", "2026-05-29");
        check_due(&backward, "2026-12", "2026-12-28");
        check_due(&forward, "2026-06", "2026-06-30");
    }
}

/// 3.2 Thresholds, counters, money.
mod thresholds_counters_money {
    use mamori_contract::engine::Verdict;
    use mamori_kernel::period::Period;
    use serde_json::{Value, json};

    use super::support::*;

    fn threshold(kind: &str, threshold: &str) -> std::sync::Arc<mamori_contract::Contract> {
        contract(kind, &format!("thresholds = [ {threshold} ]"))
    }

    fn month(name: &str) -> Period {
        name.parse().unwrap()
    }

    #[test]
    fn availability() {
        let rule = |limit: &str| {
            threshold(
                "monthly",
                &format!(
                    "{{ shape = \"availability\", of = \"watch.availability\", total = \"total_minutes\", down = \"down_minutes\", {limit} }}"
                ),
            )
        };
        let told = |down: f64| {
            (
                "2026-04-30T23:00",
                "watch.availability",
                json!({ "day": "2026-04-30", "total_minutes": 43200, "down_minutes": down }),
            )
        };
        check(
            &rule("at_least = 99.5"),
            &[told(216.0)],
            "2026-05-01",
            "2026-04",
            Verdict::Met,
        );
        check(
            &rule("more_than = 99.5"),
            &[told(216.0)],
            "2026-05-01",
            "2026-04",
            Verdict::NotMet,
        );
        let broken = check(
            &rule("at_least = 99.5"),
            &[told(217.0)],
            "2026-05-01",
            "2026-04",
            Verdict::NotMet,
        );
        assert!((broken.figures[0].value.unwrap() - 99.497_685).abs() < 1e-5);
        // A running month may still recover.
        check(
            &rule("at_least = 99.5"),
            &[told(217.0)],
            "2026-04-30T23:30",
            "2026-04",
            Verdict::Pending,
        );
        check(
            &rule("at_least = 99.5"),
            &[],
            "2026-05-01",
            "2026-04",
            Verdict::Unmeasured,
        );
        let quarterly = threshold(
            "quarterly",
            "{ shape = \"availability\", of = \"watch.availability\", total = \"total_minutes\", down = \"down_minutes\", at_least = 99.9 }",
        );
        check(
            &quarterly,
            &[told(100.0)],
            "2026-07-01",
            "2026-Q1",
            Verdict::NotMet,
        );
        // Within service hours, from outages: May 2026 has 18 open days of 510 minutes.
        let hours = threshold(
            "monthly",
            "{ shape = \"availability\", of = { kind = \"incident.closed\", at = \"to\" }, from = \"from\", to = \"to\", hours = \"service\", at_least = 99.5 }",
        );
        let outage = |from: &str, to: &str| {
            (
                "2026-05-31",
                "incident.closed",
                json!({ "from": from, "to": to }),
            )
        };
        let night = outage("2026-05-07T18:00", "2026-05-08T08:00");
        check(
            &hours,
            &[night.clone()],
            "2026-06-01",
            "2026-05",
            Verdict::Met,
        );
        let short = outage("2026-05-08T09:00", "2026-05-08T09:45");
        check(
            &hours,
            &[night.clone(), short],
            "2026-06-01",
            "2026-05",
            Verdict::Met,
        );
        // 46 of 9180 minutes are more than half a percent; overlapping outages count once.
        let longer = outage("2026-05-08T09:00", "2026-05-08T09:46");
        let overlapping = outage("2026-05-08T09:10", "2026-05-08T09:20");
        let found = check(
            &hours,
            &[night, longer, overlapping],
            "2026-06-01",
            "2026-05",
            Verdict::NotMet,
        );
        assert!((found.figures[0].value.unwrap() - (1.0 - 46.0 / 9180.0) * 100.0).abs() < 1e-6);
    }

    #[test]
    fn exclusions() {
        let contract = threshold(
            "monthly",
            "{ shape = \"availability\", of = { kind = \"incident.closed\", at = \"to\" }, from = \"from\", to = \"to\", at_least = 99.9, exclude = [ { title = \"計画停止\", where = [ { field = \"planned\", eq = true } ], proof = \"approval_id\" }, { title = \"短い停止\", shorter_than = \"5分\" } ] }",
        );
        let outage = |payload: Value| vec![("2026-05-31", "incident.closed", payload)];
        let planned = json!({ "from": "2026-05-10T00:00", "to": "2026-05-10T06:00", "planned": true, "approval_id": "a1" });
        let unproved =
            json!({ "from": "2026-05-10T00:00", "to": "2026-05-10T06:00", "planned": true });
        let short = json!({ "from": "2026-05-10T00:00", "to": "2026-05-10T00:04" });
        check(
            &contract,
            &outage(planned),
            "2026-06-01",
            "2026-05",
            Verdict::Met,
        );
        check(
            &contract,
            &outage(unproved),
            "2026-06-01",
            "2026-05",
            Verdict::NotMet,
        );
        check(
            &contract,
            &outage(short),
            "2026-06-01",
            "2026-05",
            Verdict::Met,
        );
        let minutes = threshold(
            "monthly",
            "{ shape = \"availability\", of = \"watch.availability\", total = \"total\", down = \"down\", at_least = 99.9, exclude = [ { title = \"計画停止\", field = \"planned\", proof = \"approval_id\" } ] }",
        );
        let told = |payload: Value| vec![("2026-05-31", "watch.availability", payload)];
        check(
            &minutes,
            &told(json!({ "total": 43200, "down": 240, "planned": 240, "approval_id": "a" })),
            "2026-06-01",
            "2026-05",
            Verdict::Met,
        );
        check(
            &minutes,
            &told(json!({ "total": 43200, "down": 240, "planned": 240 })),
            "2026-06-01",
            "2026-05",
            Verdict::NotMet,
        );
    }

    #[test]
    fn other_percentages() {
        let contract = threshold(
            "monthly",
            "{ shape = \"share\", of = \"question.answered\", good = [ { field = \"minutes\", le = 60 } ], at_least = 95 }",
        );
        let answered = |count: usize, minutes: u32| {
            vec![
                (
                    "2026-05-10",
                    "question.answered",
                    json!({ "minutes": minutes })
                );
                count
            ]
        };
        let mix = |good, bad| [answered(good, 60), answered(bad, 61)].concat();
        check(
            &contract,
            &mix(19, 1),
            "2026-06-01",
            "2026-05",
            Verdict::Met,
        );
        check(
            &contract,
            &mix(18, 1),
            "2026-06-01",
            "2026-05",
            Verdict::NotMet,
        );
    }

    #[test]
    fn longest_duration() {
        let by_field = threshold(
            "monthly",
            "{ shape = \"longest\", of = \"incident.closed\", field = \"minutes\", at_most = \"4時間\" }",
        );
        let closed = |minutes: u32| {
            vec![(
                "2026-05-10",
                "incident.closed",
                json!({ "minutes": minutes }),
            )]
        };
        check(
            &by_field,
            &closed(240),
            "2026-06-01",
            "2026-05",
            Verdict::Met,
        );
        check(
            &by_field,
            &closed(241),
            "2026-05-11",
            "2026-05",
            Verdict::NotMet,
        );
        check(
            &by_field,
            &[],
            "2026-06-01",
            "2026-05",
            Verdict::NotApplicable,
        );
        let by_times = threshold(
            "monthly",
            "{ shape = \"longest\", of = \"incident.closed\", from = \"called\", to = \"arrived\", less_than = \"2h\" }",
        );
        let arrived = |at: &str| {
            vec![(
                "2026-05-10T18:00",
                "incident.closed",
                json!({ "called": "2026-05-10T10:00", "arrived": at }),
            )]
        };
        check(
            &by_times,
            &arrived("2026-05-10T11:59"),
            "2026-06-01",
            "2026-05",
            Verdict::Met,
        );
        check(
            &by_times,
            &arrived("2026-05-10T12:00"),
            "2026-06-01",
            "2026-05",
            Verdict::NotMet,
        );
    }

    #[test]
    fn performance() {
        let all = threshold(
            "monthly",
            "{ shape = \"performance\", of = \"watch.probe\", field = \"seconds\", at_most = 3 }",
        );
        let most = threshold(
            "monthly",
            "{ shape = \"performance\", of = \"watch.probe\", field = \"seconds\", at_most = 3, percent = 95 }",
        );
        let probes = |fast: usize, slow: usize| {
            [
                vec![("2026-05-10", "watch.probe", json!({ "seconds": 3.0 })); fast],
                vec![("2026-05-10", "watch.probe", json!({ "seconds": 3.1 })); slow],
            ]
            .concat()
        };
        check(&all, &probes(20, 0), "2026-06-01", "2026-05", Verdict::Met);
        check(
            &all,
            &probes(19, 1),
            "2026-06-01",
            "2026-05",
            Verdict::NotMet,
        );
        check(&most, &probes(19, 1), "2026-06-01", "2026-05", Verdict::Met);
        check(
            &most,
            &probes(18, 1),
            "2026-06-01",
            "2026-05",
            Verdict::NotMet,
        );
    }

    #[test]
    fn recovery_point_and_time() {
        let point = threshold(
            "monthly",
            "{ shape = \"recovery-point\", of = \"backup.finished\", at_most = \"24時間\" }",
        );
        let daily = |skip: Option<u8>| -> Vec<(String, Value)> {
            (1..=31)
                .filter(|day| Some(*day) != skip)
                .map(|day| (format!("2026-05-{day:02}T00:00"), json!({})))
                .collect()
        };
        let run = |list: Vec<(String, Value)>, expected| {
            let list: Vec<(&str, &str, Value)> = list
                .iter()
                .map(|(at, payload)| (at.as_str(), "backup.finished", payload.clone()))
                .collect();
            check(&point, &list, "2026-06-01T00:00", "2026-05", expected);
        };
        run(daily(None), Verdict::Met);
        run(daily(Some(20)), Verdict::NotMet);
        let time = threshold(
            "monthly",
            "{ shape = \"recovery-time\", of = \"backup.drill\", field = \"minutes\", at_most = \"4時間\" }",
        );
        let drill =
            |minutes: u32| vec![("2026-05-10", "backup.drill", json!({ "minutes": minutes }))];
        check(&time, &drill(240), "2026-06-01", "2026-05", Verdict::Met);
        check(&time, &drill(300), "2026-06-01", "2026-05", Verdict::NotMet);
    }

    #[test]
    fn smallest_count() {
        let contract = contract(
            "one-off",
            "deadline = { rule = \"fixed\", date = \"2027-02-19\" }\nthresholds = [ { shape = \"count\", of = \"a11y.auto\", distinct = \"page\", at_least = 40 } ]",
        );
        let pages = |count: usize| -> Vec<(&str, &str, Value)> {
            (0..count)
                .flat_map(|page| {
                    vec![
                        (
                            "2026-11-10",
                            "a11y.auto",
                            json!({ "page": format!("/p{page}") })
                        );
                        2
                    ]
                })
                .collect()
        };
        check(
            &contract,
            &pages(39),
            "2027-02-19",
            "term",
            Verdict::Pending,
        );
        check(&contract, &pages(39), "2027-02-20", "term", Verdict::NotMet);
        check(&contract, &pages(40), "2027-02-20", "term", Verdict::Met);
    }

    #[test]
    fn largest_count() {
        let most = threshold(
            "monthly",
            "{ shape = \"count\", of = \"incident.opened\", at_most = 2 }",
        );
        let below = threshold(
            "monthly",
            "{ shape = \"count\", of = \"incident.opened\", less_than = 2 }",
        );
        let two = vec![("2026-05-10", "incident.opened", json!({})); 2];
        check(&most, &two, "2026-06-01", "2026-05", Verdict::Met);
        check(&below, &two, "2026-05-11", "2026-05", Verdict::NotMet);
        check(
            &most,
            &vec![("2026-05-10", "incident.opened", json!({})); 3],
            "2026-05-11",
            "2026-05",
            Verdict::NotMet,
        );
    }

    #[test]
    fn coverage() {
        let contract = contract(
            "one-off",
            "deadline = { rule = \"fixed\", date = \"2027-02-19\" }\nthresholds = [ { shape = \"coverage\", universe = \"a11y.pages\", universe_field = \"pages\", covered = \"a11y.auto\", covered_field = \"page\", at_least = 100 } ]",
        );
        let listed = ("2026-11-01", "a11y.pages", json!({ "pages": ["/a", "/b"] }));
        let done = |page: &str, on: &'static str| (on, "a11y.auto", json!({ "page": page }));
        let a = done("/a", "2026-11-02");
        check(
            &contract,
            &[listed.clone(), a.clone()],
            "2026-12-01",
            "term",
            Verdict::Pending,
        );
        check(
            &contract,
            &[listed.clone(), a.clone()],
            "2027-02-20",
            "term",
            Verdict::NotMet,
        );
        check(
            &contract,
            &[listed.clone(), a.clone(), done("/b", "2026-11-03")],
            "2027-02-20",
            "term",
            Verdict::Met,
        );
        let late = check(
            &contract,
            &[listed, a, done("/b", "2027-02-22")],
            "2027-02-23",
            "term",
            Verdict::NotMet,
        );
        assert_eq!(late.late_by_days, Some(3));
    }

    #[test]
    fn capacity() {
        let contract = threshold(
            "continuous",
            "{ shape = \"capacity\", of = \"capacity.mail\", field = \"gigabytes\", at_least = 30, unit = \"GB\" }",
        );
        let told = |gigabytes: u32| {
            vec![(
                "2026-05-10",
                "capacity.mail",
                json!({ "gigabytes": gigabytes }),
            )]
        };
        check(&contract, &told(30), "2026-05-11", "2026-05", Verdict::Met);
        check(
            &contract,
            &told(29),
            "2026-05-11",
            "2026-05",
            Verdict::NotMet,
        );
        check(&contract, &[], "2026-05-11", "2026-05", Verdict::Unmeasured);
    }

    #[test]
    fn generations_and_cycle_of_backups() {
        let contract = threshold(
            "continuous",
            "{ shape = \"generations\", of = \"backup.finished\", class = \"data\", full = \"week\", differential = \"day\", keep = 2 }",
        );
        let run = |skip: Option<u8>, generations: u32, expected| {
            let list: Vec<(String, Value)> = (1..=31)
                .filter(|day| Some(*day) != skip)
                .map(|day| {
                    // Sundays of May 2026: 3, 10, 17, 24, 31.
                    let method = if day % 7 == 3 { "full" } else { "differential" };
                    (format!("2026-05-{day:02}T02:00"), json!({ "class": "data", "method": method, "generations": generations, "ok": true }))
                })
                .collect();
            let list: Vec<(&str, &str, Value)> = list
                .iter()
                .map(|(at, payload)| (at.as_str(), "backup.finished", payload.clone()))
                .collect();
            check(&contract, &list, "2026-06-01", "2026-05", expected);
        };
        run(None, 2, Verdict::Met);
        run(None, 1, Verdict::NotMet);
        run(Some(20), 2, Verdict::NotMet);
        run(Some(17), 2, Verdict::NotMet);
        let other = [(
            "2026-05-10",
            "backup.finished",
            json!({ "class": "system", "method": "full", "generations": 9 }),
        )];
        check(
            &contract,
            &other,
            "2026-06-01",
            "2026-05",
            Verdict::Unmeasured,
        );
    }

    #[test]
    fn retention() {
        let kept = threshold(
            "continuous",
            "{ shape = \"retention\", of = \"log.kept\", keep = \"3か月\", basis = \"event\", oldest = \"oldest_on\" }",
        );
        let told = |oldest: &str| vec![("2026-09-10", "log.kept", json!({ "oldest_on": oldest }))];
        check(
            &kept,
            &told("2026-06-10"),
            "2026-09-11",
            "2026-09",
            Verdict::Met,
        );
        check(
            &kept,
            &told("2026-06-11"),
            "2026-09-11",
            "2026-09",
            Verdict::NotMet,
        );
        // Nothing older than the contract can be asked for.
        let early = vec![(
            "2026-05-01",
            "log.kept",
            json!({ "oldest_on": "2026-04-01" }),
        )];
        check(&kept, &early, "2026-05-02", "2026-05", Verdict::Met);
        for (basis, good, bad) in [
            ("event", "2026-05-10", "2026-05-11"),
            ("month-end", "2026-04-30", "2026-05-01"),
        ] {
            let erased = threshold(
                "continuous",
                &format!(
                    "{{ shape = \"retention\", of = \"erasure.done\", keep = \"3か月\", basis = \"{basis}\", deleted = \"made_on\" }}"
                ),
            );
            let done =
                |made: &str| vec![("2026-08-11", "erasure.done", json!({ "made_on": made }))];
            check(&erased, &done(good), "2026-08-12", "2026-08", Verdict::Met);
            check(
                &erased,
                &done(bad),
                "2026-08-12",
                "2026-08",
                Verdict::NotMet,
            );
        }
        let year = threshold(
            "continuous",
            "{ shape = \"retention\", of = \"erasure.done\", keep = \"1年\", basis = \"fiscal-year\", deleted = \"made_on\" }",
        );
        check(
            &year,
            &[(
                "2026-08-11",
                "erasure.done",
                json!({ "made_on": "2025-03-31" }),
            )],
            "2026-08-12",
            "2026-08",
            Verdict::Met,
        );
        check(
            &year,
            &[(
                "2026-08-11",
                "erasure.done",
                json!({ "made_on": "2025-04-01" }),
            )],
            "2026-08-12",
            "2026-08",
            Verdict::NotMet,
        );
    }

    #[test]
    fn range_or_limit_values_of_a_site() {
        let rule = |guide: bool| {
            threshold(
                "continuous",
                &format!(
                    "{{ shape = \"range\", of = \"watch.probe\", field = \"celsius\", min = 20, max = 25, guide = {guide}, unit = \"℃\" }}"
                ),
            )
        };
        let told =
            |celsius: f64| vec![("2026-05-10", "watch.probe", json!({ "celsius": celsius }))];
        check(
            &rule(false),
            &told(25.0),
            "2026-05-11",
            "2026-05",
            Verdict::Met,
        );
        check(
            &rule(false),
            &told(25.1),
            "2026-05-11",
            "2026-05",
            Verdict::NotMet,
        );
        let guide = check(
            &rule(true),
            &told(25.1),
            "2026-05-11",
            "2026-05",
            Verdict::Met,
        );
        assert_eq!(guide.warnings.len(), 1);
        check(
            &rule(true),
            &[],
            "2026-05-11",
            "2026-05",
            Verdict::NotApplicable,
        );
    }

    #[test]
    fn version_or_edition() {
        let newest = threshold(
            "continuous",
            "{ shape = \"version\", of = \"browser.tested\", field = \"version\", by = \"browser\", grace = \"14日\", newest_from = { of = \"wordpress.inventory\", field = \"version\" } }",
        );
        let tested = (
            "2026-05-10",
            "browser.tested",
            json!({ "browser": "edge", "version": "130.0" }),
        );
        let released = |version: &str| {
            (
                "2026-05-11",
                "wordpress.inventory",
                json!({ "browser": "edge", "version": version }),
            )
        };
        check(
            &newest,
            &[tested.clone(), released("130.0")],
            "2026-05-12",
            "2026-05",
            Verdict::Met,
        );
        check(
            &newest,
            &[tested.clone(), released("131.0")],
            "2026-05-25",
            "2026-05",
            Verdict::Met,
        );
        check(
            &newest,
            &[tested, released("131.0")],
            "2026-05-26",
            "2026-05",
            Verdict::NotMet,
        );
        let least = threshold(
            "continuous",
            "{ shape = \"version\", of = \"wordpress.inventory\", field = \"version\", at_least = \"6.9\" }",
        );
        let is = |version: &str| {
            vec![(
                "2026-05-10",
                "wordpress.inventory",
                json!({ "version": version }),
            )]
        };
        check(&least, &is("6.10"), "2026-05-11", "2026-05", Verdict::Met);
        check(
            &least,
            &is("6.8.3"),
            "2026-05-11",
            "2026-05",
            Verdict::NotMet,
        );
        let edition = threshold(
            "continuous",
            "{ shape = \"version\", of = \"wordpress.inventory\", field = \"edition\", edition = \"2020-12\" }",
        );
        let of = |edition: &str| {
            vec![(
                "2026-05-10",
                "wordpress.inventory",
                json!({ "edition": edition }),
            )]
        };
        check(
            &edition,
            &of("2020-12"),
            "2026-05-11",
            "2026-05",
            Verdict::Met,
        );
        check(
            &edition,
            &of("2016-03"),
            "2026-05-11",
            "2026-05",
            Verdict::NotMet,
        );
    }

    const HOURS: &str = r#"
[counters.hours]
title = "月7時間の枠"
of = "work.recorded"
amount = "minutes"
unit = "分"
per = "month"
cap = 420
CARRY
category = "category"
counts = "counts"
over = "OVER"
[categories.modify]
title = "改修"
counter = "hours"
counts = "yes"
confirmed = true
[categories.upgrade]
title = "更新"
counter = "hours"
counts = "no"
[categories.fault]
title = "障害"
counter = "hours"
counts = "undecided"
"#;

    fn hours(carry: &str, over: &str) -> std::sync::Arc<mamori_contract::Contract> {
        contract_with(
            &HOURS.replace("CARRY", carry).replace("OVER", over),
            "monthly",
            "counter = \"hours\"",
        )
    }

    fn work(
        id: &str,
        date: &'static str,
        category: &str,
        minutes: u32,
    ) -> (&'static str, &'static str, Value) {
        (
            date,
            "work.recorded",
            json!({ "work_id": id, "date": date, "category": category, "minutes": minutes }),
        )
    }

    #[test]
    fn monthly_hours_no_carry_over_excluded_categories() {
        let contract = hours("", "breach");
        let list = [
            work("a", "2026-05-01", "modify", 300),
            work("b", "2026-05-02", "upgrade", 600),
            work("c", "2026-05-03", "fault", 60),
        ];
        let found = check(&contract, &list, "2026-06-01", "2026-05", Verdict::Met);
        assert_eq!(found.figures[0].value, Some(300.0));
        let mut engine = engine(&contract);
        for fact in facts(&list) {
            engine.apply(&fact);
        }
        let counter = engine.counter("hours", month("2026-05")).unwrap();
        assert_eq!(
            (
                counter.counted,
                counter.excluded,
                counter.undecided,
                counter.cap
            ),
            (300.0, 600.0, 60.0, Some(420.0))
        );
        // Whether it is over depends on a category the text leaves open.
        let open = [
            work("a", "2026-05-01", "modify", 400),
            work("c", "2026-05-03", "fault", 60),
        ];
        check(
            &contract,
            &open,
            "2026-06-01",
            "2026-05",
            Verdict::Undecided,
        );
        let over = [work("a", "2026-05-01", "modify", 421)];
        check(&contract, &over, "2026-06-01", "2026-05", Verdict::NotMet);
        check(
            &hours("", "allow"),
            &over,
            "2026-06-01",
            "2026-05",
            Verdict::Met,
        );
        assert_eq!(
            check(
                &hours("", "warn"),
                &over,
                "2026-06-01",
                "2026-05",
                Verdict::Met
            )
            .warnings
            .len(),
            1
        );
        // April's rest is not carried over.
        let april = [
            work("z", "2026-04-01", "modify", 60),
            work("a", "2026-05-01", "modify", 421),
        ];
        check(&contract, &april, "2026-06-01", "2026-05", Verdict::NotMet);
        check(
            &hours("carry = \"next\"", "breach"),
            &april,
            "2026-06-01",
            "2026-05",
            Verdict::Met,
        );
        let limited = hours("carry = { at_most = 30, periods = 1 }", "breach");
        check(
            &limited,
            &[
                work("z", "2026-04-01", "modify", 60),
                work("a", "2026-05-01", "modify", 450),
            ],
            "2026-06-01",
            "2026-05",
            Verdict::Met,
        );
        check(
            &limited,
            &[
                work("z", "2026-04-01", "modify", 60),
                work("a", "2026-05-01", "modify", 451),
            ],
            "2026-06-01",
            "2026-05",
            Verdict::NotMet,
        );
        // The rest of April lives one period only: it is gone in June.
        let june = [
            work("z", "2026-04-01", "modify", 60),
            work("y", "2026-05-01", "modify", 420),
            work("a", "2026-06-01", "modify", 421),
        ];
        check(
            &hours("carry = \"next\"", "breach"),
            &june,
            "2026-07-01",
            "2026-06",
            Verdict::NotMet,
        );
    }

    #[test]
    fn corrections_and_withdrawals_of_work() {
        let contract = hours("", "breach");
        let base = work("a", "2026-05-01", "modify", 500);
        let corrected = (
            "2026-05-02",
            "work.corrected",
            json!({ "work_id": "a", "date": "2026-05-01", "category": "modify", "minutes": 300 }),
        );
        let moved = (
            "2026-05-02",
            "work.corrected",
            json!({ "work_id": "a", "date": "2026-04-30", "category": "modify", "minutes": 500 }),
        );
        let withdrawn = ("2026-05-03", "work.withdrawn", json!({ "work_id": "a" }));
        check(
            &contract,
            &[base.clone()],
            "2026-06-01",
            "2026-05",
            Verdict::NotMet,
        );
        check(
            &contract,
            &[base.clone(), corrected.clone()],
            "2026-06-01",
            "2026-05",
            Verdict::Met,
        );
        let both = state(&contract, &[base.clone(), moved], "2026-06-01");
        assert_eq!(period(&both, "2026-04").verdict, Verdict::NotMet);
        assert_eq!(period(&both, "2026-05").verdict, Verdict::NotApplicable);
        check(
            &contract,
            &[base, corrected, withdrawn],
            "2026-06-01",
            "2026-05",
            Verdict::NotApplicable,
        );
    }

    #[test]
    fn visit_or_hour_pool_over_term_or_year() {
        let parts = "[[evidence_kinds]]\nkind = \"visit.made\"\ndate = \"visited_on\"\n[counters.visits]\ntitle = \"訪問\"\nof = \"visit.made\"\nper = \"term\"\ncap = 12\nunit = \"回\"\nover = \"breach\"\nweights = { field = \"job\", values = { \"大規模改修\" = 5 } }\ncadence = { at_least = 1, per = \"quarter\" }";
        let contract = contract_with(parts, "continuous", "per = \"term\"\ncounter = \"visits\"");
        let visit = |on: &'static str, job: &str| {
            (on, "visit.made", json!({ "visited_on": on, "job": job }))
        };
        let four = [
            visit("2026-05-10", "点検"),
            visit("2026-08-10", "点検"),
            visit("2026-11-10", "点検"),
            visit("2027-02-10", "大規模改修"),
        ];
        let found = check(&contract, &four, "2027-04-01", "term", Verdict::Met);
        assert_eq!(found.figures[0].value, Some(8.0));
        check(&contract, &four[1..], "2027-04-01", "term", Verdict::NotMet);
        let heavy = [
            visit("2026-05-10", "大規模改修"),
            visit("2026-08-10", "大規模改修"),
            visit("2026-11-10", "大規模改修"),
        ];
        check(&contract, &heavy, "2026-12-01", "term", Verdict::NotMet);
    }

    #[test]
    fn plan_caps() {
        let contract = threshold(
            "monthly",
            "{ shape = \"plan-cap\", of = \"mail.volume\", field = \"mails\", at_most = 50000 }",
        );
        let sent = |mails: u32| {
            vec![
                (
                    "2026-05-10",
                    "mail.volume",
                    json!({ "date": "2026-05-10", "mails": mails }),
                ),
                (
                    "2026-05-11",
                    "mail.volume",
                    json!({ "date": "2026-05-11", "mails": 1 }),
                ),
            ]
        };
        check(
            &contract,
            &sent(49_999),
            "2026-06-01",
            "2026-05",
            Verdict::Met,
        );
        check(
            &contract,
            &sent(50_000),
            "2026-05-12",
            "2026-05",
            Verdict::NotMet,
        );
    }

    #[test]
    fn scores() {
        let contract = threshold(
            "quarterly",
            "{ shape = \"score\", of = \"record.filed\", points = \"points\", full = 5, at_least = 80 }",
        );
        let scored = |points: &[u32]| {
            points
                .iter()
                .map(|points| ("2026-05-10", "record.filed", json!({ "points": points })))
                .collect::<Vec<_>>()
        };
        check(
            &contract,
            &scored(&[5, 3, 4]),
            "2026-07-01",
            "2026-Q1",
            Verdict::Met,
        );
        check(
            &contract,
            &scored(&[5, 3, 3]),
            "2026-07-01",
            "2026-Q1",
            Verdict::NotMet,
        );
    }

    #[test]
    fn penalty_points() {
        let contract = threshold(
            "continuous",
            "{ shape = \"penalty-points\", of = \"incident.opened\", items = [ { title = \"遅延\", where = [ { field = \"late\", eq = true } ], points = 2 }, { title = \"停止\", where = [ { field = \"stop\", eq = true } ], points = 5 } ], repeat = 1.5, expires = \"6か月\", less_than = 10 }",
        );
        let late = |on: &'static str| (on, "incident.opened", json!({ "late": true }));
        let stop = |on: &'static str| (on, "incident.opened", json!({ "stop": true }));
        // 2 + 3 + 5 = 10 points.
        let list = [late("2026-05-01"), late("2026-06-01"), stop("2026-07-01")];
        check(&contract, &list[..2], "2026-07-02", "2026-07", Verdict::Met);
        check(&contract, &list, "2026-07-02", "2026-07", Verdict::NotMet);
        // The first expires: 2 + 5.
        let found = check(&contract, &list, "2026-11-02", "2026-11", Verdict::Met);
        assert_eq!(found.figures[0].value, Some(7.0));
    }

    #[test]
    fn penalty_money() {
        let contract = contract(
            "monthly",
            "thresholds = [ { shape = \"availability\", of = \"watch.availability\", total = \"total\", down = \"down\", at_least = 99.5 }, { shape = \"penalty-money\", fee = 500000, formula = \"shortfall\" }, { shape = \"penalty-money\", fee = 500000, formula = \"percent\", percent = 3 }, { shape = \"penalty-money\", fee = 0, formula = \"guarantee\", amount = 100000 } ]",
        );
        let told = |down: u32| {
            vec![(
                "2026-05-31",
                "watch.availability",
                json!({ "total": 40000, "down": down }),
            )]
        };
        let broken = check(
            &contract,
            &told(1000),
            "2026-06-01",
            "2026-05",
            Verdict::NotMet,
        );
        let money: Vec<f64> = broken
            .figures
            .iter()
            .skip(1)
            .map(|figure| figure.value.unwrap())
            .collect();
        assert_eq!(money, vec![12_500.0, 15_000.0, 100_000.0]);
        let kept = check(&contract, &told(0), "2026-06-01", "2026-05", Verdict::Met);
        assert!(
            kept.figures
                .iter()
                .skip(1)
                .all(|figure| figure.value == Some(0.0))
        );
    }

    #[test]
    fn late_interest() {
        let contract = contract_with(
            "[deliverables.report]\ntitle = \"報告書\"",
            "one-off",
            "deliverable = \"report\"\ndeadline = { rule = \"fixed\", date = \"2026-04-30\" }\nevidence = [ { check = \"document\" } ]\nthresholds = [ { shape = \"late-interest\", rate = 2.5, amount = 1000000 } ]",
        );
        let late = [(
            "2026-05-10",
            "document.submitted",
            json!({ "document": "report", "submitted_on": "2026-05-10" }),
        )];
        let found = check(&contract, &late, "2026-05-11", "term", Verdict::NotMet);
        assert_eq!(found.late_by_days, Some(10));
        assert_eq!(found.figures.last().unwrap().value, Some(684.0));
    }

    #[test]
    fn who_bears_the_cost() {
        let parts = "[[evidence_kinds]]\nkind = \"invoice.received\"\ndate = \"issued_on\"";
        let contract = contract_with(
            parts,
            "continuous",
            "bears_cost = \"contractor\"\nevidence = [ { check = \"each\", of = \"invoice.received\", must = [ { field = \"payer\", eq = \"contractor\" } ] } ]",
        );
        let invoice =
            |payer: &str| vec![("2026-05-10", "invoice.received", json!({ "payer": payer }))];
        check(
            &contract,
            &invoice("contractor"),
            "2026-05-11",
            "2026-05",
            Verdict::Met,
        );
        check(
            &contract,
            &invoice("city"),
            "2026-05-11",
            "2026-05",
            Verdict::NotMet,
        );
        check(
            &contract,
            &[],
            "2026-05-11",
            "2026-05",
            Verdict::NotApplicable,
        );
    }
}

/// 3.3 Approvals and evidence.
mod approvals {
    use mamori_contract::engine::Verdict;
    use serde_json::{Value, json};

    use super::support::*;

    fn gate(kind: &str, rest: &str) -> std::sync::Arc<mamori_contract::Contract> {
        let parts = format!("[gates.g]\ntitle = \"承認\"\nkind = \"{kind}\"\n{rest}");
        contract_with(&parts, "conditional", "gates = [\"g\"]")
    }

    const ACT: &str = "acts = [ { kind = \"waf.changed\" } ]";

    fn changed(on: &'static str) -> (&'static str, &'static str, Value) {
        (on, "waf.changed", json!({ "approval_id": "a" }))
    }

    fn granted(on: &'static str, written: bool) -> (&'static str, &'static str, Value) {
        (
            on,
            "approval.granted",
            json!({ "approval_id": "a", "gate": "g", "decided_on": on, "written": written }),
        )
    }

    #[test]
    fn prior_approval_form_free() {
        let contract = gate("prior-approval", ACT);
        check(
            &contract,
            &[],
            "2026-05-20",
            "2026-05",
            Verdict::NotApplicable,
        );
        check(
            &contract,
            &[changed("2026-05-10")],
            "2026-05-20",
            "2026-05",
            Verdict::NotMet,
        );
        check(
            &contract,
            &[granted("2026-05-09", false), changed("2026-05-10")],
            "2026-05-20",
            "2026-05",
            Verdict::Met,
        );
        check(
            &contract,
            &[changed("2026-05-10"), granted("2026-05-11", true)],
            "2026-05-20",
            "2026-05",
            Verdict::NotMet,
        );
        let refused = (
            "2026-05-09",
            "approval.refused",
            json!({ "approval_id": "a", "gate": "g" }),
        );
        check(
            &contract,
            &[refused, changed("2026-05-10")],
            "2026-05-20",
            "2026-05",
            Verdict::NotMet,
        );
        let other = (
            "2026-05-09",
            "approval.granted",
            json!({ "approval_id": "b", "gate": "g" }),
        );
        check(
            &contract,
            &[other, changed("2026-05-10")],
            "2026-05-20",
            "2026-05",
            Verdict::NotMet,
        );
    }

    #[test]
    fn prior_written_approval() {
        let contract = gate("prior-written-approval", ACT);
        check(
            &contract,
            &[granted("2026-05-09", false), changed("2026-05-10")],
            "2026-05-20",
            "2026-05",
            Verdict::NotMet,
        );
        check(
            &contract,
            &[granted("2026-05-09", true), changed("2026-05-10")],
            "2026-05-20",
            "2026-05",
            Verdict::Met,
        );
    }

    #[test]
    fn consult_and_agree() {
        let contract = contract_with(
            "[gates.g]\ntitle = \"協議\"\nkind = \"consult\"",
            "one-off",
            "deadline = { rule = \"fixed\", date = \"2026-06-30\" }\nevidence = [ { check = \"gate\", gate = \"g\" } ]",
        );
        let agreed = |on: &'static str| {
            (
                on,
                "consultation.agreed",
                json!({ "consultation_id": "c", "gate": "g", "decided_on": on }),
            )
        };
        check(&contract, &[], "2026-06-30", "term", Verdict::Pending);
        check(&contract, &[], "2026-07-01", "term", Verdict::NotMet);
        check(
            &contract,
            &[agreed("2026-06-30")],
            "2026-07-01",
            "term",
            Verdict::Met,
        );
        check(
            &contract,
            &[agreed("2026-07-01")],
            "2026-07-02",
            "term",
            Verdict::NotMet,
        );
    }

    #[test]
    fn approval_of_a_plan_or_schedule_before_work() {
        let contract = gate(
            "plan",
            "acts = [ { kind = \"work.recorded\", where = [ { field = \"category\", eq = \"modify\" } ], match = \"plan_id\" } ]",
        );
        let work = |plan: &str| {
            (
                "2026-05-10",
                "work.recorded",
                json!({ "work_id": "w", "date": "2026-05-10", "category": "modify", "plan_id": plan }),
            )
        };
        let plan = (
            "2026-05-01",
            "approval.granted",
            json!({ "approval_id": "p", "gate": "g" }),
        );
        check(
            &contract,
            &[plan.clone(), work("p")],
            "2026-05-20",
            "2026-05",
            Verdict::Met,
        );
        check(
            &contract,
            &[plan, work("q")],
            "2026-05-20",
            "2026-05",
            Verdict::NotMet,
        );
    }

    #[test]
    fn inspection_by_the_client_with_days() {
        let contract = gate("inspection", "days = 10");
        let asked = (
            "2026-05-01",
            "approval.requested",
            json!({ "approval_id": "a", "gate": "g", "requested_on": "2026-05-01" }),
        );
        let waiting = check(
            &contract,
            &[asked.clone()],
            "2026-05-11",
            "2026-05",
            Verdict::Pending,
        );
        assert!(waiting.warnings.is_empty());
        let overdue = check(
            &contract,
            &[asked.clone()],
            "2026-05-12",
            "2026-05",
            Verdict::Pending,
        );
        assert_eq!((overdue.warnings.len(), overdue.city_waiting_days), (1, 11));
        check(
            &contract,
            &[asked, granted("2026-05-13", true)],
            "2026-05-20",
            "2026-05",
            Verdict::Met,
        );
    }

    #[test]
    fn exception_granted_extension() {
        let parts = "[gates.longer]\ntitle = \"期限の延長\"\nkind = \"extension\"\n[deliverables.report]\ntitle = \"報告書\"";
        let contract = contract_with(
            parts,
            "monthly",
            "deliverable = \"report\"\ndeadline = { rule = \"after-period\", day = 10 }\nevidence = [ { check = \"document\" } ]",
        );
        let submitted = (
            "2026-06-15",
            "document.submitted",
            json!({ "document": "report", "period": "2026-05", "submitted_on": "2026-06-15" }),
        );
        check(
            &contract,
            &[submitted.clone()],
            "2026-06-16",
            "2026-05",
            Verdict::NotMet,
        );
        let extended = (
            "2026-06-01",
            "approval.granted",
            json!({ "approval_id": "e", "gate": "longer", "obligation": "O-001", "period": "2026-05", "due": "2026-06-15", "by": "札幌市" }),
        );
        let found = check(
            &contract,
            &[extended, submitted],
            "2026-06-16",
            "2026-05",
            Verdict::Met,
        );
        assert!(found.due_reason.unwrap().contains("札幌市"));
        // An exception for an emergency is a gate like any other.
        check(
            &gate("exception", ACT),
            &[granted("2026-05-09", false), changed("2026-05-10")],
            "2026-05-20",
            "2026-05",
            Verdict::Met,
        );
    }

    #[test]
    fn application_form_before_an_act() {
        let contract = gate("application", ACT);
        let asked = (
            "2026-05-09",
            "approval.requested",
            json!({ "approval_id": "a", "gate": "g" }),
        );
        check(
            &contract,
            &[asked, changed("2026-05-10")],
            "2026-05-20",
            "2026-05",
            Verdict::Met,
        );
        check(
            &contract,
            &[changed("2026-05-10")],
            "2026-05-20",
            "2026-05",
            Verdict::NotMet,
        );
    }

    #[test]
    fn only_the_opener_closes() {
        let contract = gate("opener-closes", "acts = [ { kind = \"incident.closed\" } ]");
        let closed = |by: &str| {
            vec![(
                "2026-05-10",
                "incident.closed",
                json!({ "opened_by": "札幌市", "closed_by": by }),
            )]
        };
        check(
            &contract,
            &closed("札幌市"),
            "2026-05-20",
            "2026-05",
            Verdict::Met,
        );
        check(
            &contract,
            &closed("受託者"),
            "2026-05-20",
            "2026-05",
            Verdict::NotMet,
        );
    }

    #[test]
    fn attestation_with_expiry() {
        let rule = |rest: &str| {
            contract(
                "continuous",
                &format!(
                    "evidence = [ {{ check = \"attestation\", warn_before = \"60日\"{rest} }} ]"
                ),
            )
        };
        let filed = |more: Value| {
            let mut payload = json!({ "attestation_id": "t", "obligation": "O-001", "issuer": "iDC", "issued_on": "2026-04-01", "applicability": "applies" });
            payload
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            ("2026-04-10", "attestation.filed", payload)
        };
        let paper = filed(json!({ "expires_on": "2026-09-30" }));
        check(&rule(""), &[], "2026-05-01", "2026-05", Verdict::Unmeasured);
        assert!(
            check(
                &rule(""),
                &[paper.clone()],
                "2026-08-01T09:00",
                "2026-07",
                Verdict::Met
            )
            .warnings
            .is_empty()
        );
        assert_eq!(
            check(
                &rule(""),
                &[paper.clone()],
                "2026-08-02",
                "2026-08",
                Verdict::Met
            )
            .warnings
            .len(),
            1
        );
        check(
            &rule(""),
            &[paper.clone()],
            "2026-10-01",
            "2026-10",
            Verdict::Unmeasured,
        );
        check(
            &rule(", expired = \"not_met\""),
            &[paper.clone()],
            "2026-10-01",
            "2026-10",
            Verdict::NotMet,
        );
        check(
            &rule(", expired = \"not_met\""),
            &[paper.clone()],
            "2026-09-30",
            "2026-09",
            Verdict::Met,
        );
        check(
            &rule(", review = \"3か月\""),
            &[filed(json!({}))],
            "2026-07-02",
            "2026-07",
            Verdict::Unmeasured,
        );
        check(
            &rule(""),
            &[filed(
                json!({ "applicability": "not_applicable", "reason": "VPS" }),
            )],
            "2026-05-01",
            "2026-05",
            Verdict::NotApplicable,
        );
        let withdrawn = (
            "2026-05-10",
            "attestation.withdrawn",
            json!({ "attestation_id": "t" }),
        );
        check(
            &rule(""),
            &[paper.clone(), withdrawn],
            "2026-05-20",
            "2026-05",
            Verdict::Unmeasured,
        );
        let accepted = (
            "2026-05-10",
            "attestation.accepted",
            json!({ "attestation_id": "t", "accepted_on": "2026-05-10" }),
        );
        check(
            &rule(", accepted = true"),
            &[paper.clone()],
            "2026-05-20",
            "2026-05",
            Verdict::Unmeasured,
        );
        check(
            &rule(", accepted = true"),
            &[paper, accepted],
            "2026-05-20",
            "2026-05",
            Verdict::Met,
        );
    }

    #[test]
    fn certificate_of_erasure_with_fixed_fields() {
        let contract = gate(
            "erasure-certificate",
            "acts = [ { kind = \"erasure.certificate\" } ]\nfields = [\"method\", \"media\", \"signed_by\"]",
        );
        let issued = |payload: Value| vec![("2026-05-10", "erasure.certificate", payload)];
        check(
            &contract,
            &issued(json!({ "method": "暗号消去", "media": ["vda"], "signed_by": "甲" })),
            "2026-05-20",
            "2026-05",
            Verdict::Met,
        );
        let found = check(
            &contract,
            &issued(json!({ "method": "暗号消去", "media": [] })),
            "2026-05-20",
            "2026-05",
            Verdict::NotMet,
        );
        assert!(
            found.reasons[0].contains("media、signed_by"),
            "{:?}",
            found.reasons
        );
    }

    #[test]
    fn the_citys_waiting_time_is_taken_off() {
        let parts = "[gates.g]\ntitle = \"協議\"\nkind = \"prior-approval\"\nacts = [ { kind = \"waf.changed\" } ]";
        let contract = contract_with(
            parts,
            "one-off",
            "deadline = { rule = \"fixed\", date = \"2026-05-31\" }\nwaiting = [\"g\"]\nevidence = [ { check = \"record\" } ]",
        );
        let asked = (
            "2026-05-20",
            "approval.requested",
            json!({ "approval_id": "a", "gate": "g", "requested_on": "2026-05-20" }),
        );
        let filed = |on: &'static str| {
            (
                on,
                "record.filed",
                json!({ "obligation": "O-001", "day": on }),
            )
        };
        check(
            &contract,
            &[filed("2026-06-05")],
            "2026-06-06",
            "term",
            Verdict::NotMet,
        );
        let found = check(
            &contract,
            &[
                asked.clone(),
                granted("2026-05-30", true),
                filed("2026-06-05"),
            ],
            "2026-06-06",
            "term",
            Verdict::Met,
        );
        assert_eq!(found.city_waiting_days, 10);
        let late = check(
            &contract,
            &[asked, granted("2026-05-30", true), filed("2026-06-15")],
            "2026-06-16",
            "term",
            Verdict::NotMet,
        );
        assert_eq!(late.late_by_days, Some(5));
    }
}

/// 3.4 Document kinds: each is a deliverable of its own name, form, model and rhythm.
mod document_kinds {
    use mamori_contract::engine::Verdict;
    use serde_json::json;

    use super::support::*;

    #[test]
    fn every_kind_of_the_table() {
        for (name, kind, per, deadline, due, name_of_period) in [
            (
                "monthly-status-report",
                "monthly",
                "month",
                "{ rule = \"after-period\", day = 10 }",
                "2026-06-10",
                "2026-05",
            ),
            (
                "access-analysis-report",
                "monthly",
                "month",
                "{ rule = \"after-period\", day = 10 }",
                "2026-06-10",
                "2026-05",
            ),
            (
                "quarterly-report",
                "quarterly",
                "quarter",
                "{ rule = \"after-period\", day = 10 }",
                "2026-07-10",
                "2026-Q1",
            ),
            (
                "yearly-report",
                "yearly",
                "fiscal-year",
                "{ rule = \"after-period\", days = 30 }",
                "2027-04-30",
                "FY2026",
            ),
            (
                "incident-report",
                "one-off",
                "event",
                "{ rule = \"fixed\", date = \"2026-06-01\" }",
                "2026-06-01",
                "2026-04-01..2027-03-31",
            ),
            (
                "change-plan",
                "one-off",
                "term",
                "{ rule = \"fixed\", date = \"2026-06-01\" }",
                "2026-06-01",
                "2026-04-01..2027-03-31",
            ),
            (
                "test-report",
                "yearly",
                "fiscal-year",
                "{ rule = \"period-end\" }",
                "2027-03-31",
                "FY2026",
            ),
            (
                "check-sheet",
                "half-yearly",
                "half",
                "{ rule = \"period-end\" }",
                "2026-09-30",
                "2026-H1",
            ),
            (
                "sla-table",
                "quarterly",
                "quarter",
                "{ rule = \"after-period\", open_days = 10 }",
                "2026-07-14",
                "2026-Q1",
            ),
            (
                "minutes",
                "monthly",
                "month",
                "{ rule = \"after-period\", days = 7 }",
                "2026-06-07",
                "2026-05",
            ),
            (
                "daily-log",
                "monthly",
                "month",
                "{ rule = \"period-end\" }",
                "2026-05-31",
                "2026-05",
            ),
            (
                "organisation-chart",
                "one-off",
                "term",
                "{ rule = \"after-date\", from = \"2026-04-01\", within = \"2週間\" }",
                "2026-04-15",
                "2026-04-01..2027-03-31",
            ),
            (
                "training-record",
                "yearly",
                "fiscal-year",
                "{ rule = \"at-least\", count = 1 }",
                "2027-03-31",
                "FY2026",
            ),
            (
                "erasure-certificate",
                "one-off",
                "event",
                "{ rule = \"end-of-term\" }",
                "2027-03-31",
                "2026-04-01..2027-03-31",
            ),
            (
                "application-form",
                "one-off",
                "event",
                "{ rule = \"fixed\", date = \"2026-06-01\" }",
                "2026-06-01",
                "2026-04-01..2027-03-31",
            ),
            (
                "attestation-table",
                "one-off",
                "term",
                "{ rule = \"fixed\", date = \"2026-09-30\" }",
                "2026-09-30",
                "2026-04-01..2027-03-31",
            ),
            (
                "hand-over-package",
                "one-off",
                "term",
                "{ rule = \"end-of-term\" }",
                "2027-03-31",
                "2026-04-01..2027-03-31",
            ),
            (
                "public-policy-page",
                "one-off",
                "term",
                "{ rule = \"end-of-term\" }",
                "2027-03-31",
                "2026-04-01..2027-03-31",
            ),
        ] {
            let parts = format!(
                "[deliverables.{name}]\ntitle = \"{name}\"\naliases = [\"別名\"]\nform = \"f\"\nmodel = \"{name}\"\nformats = [\"pdf\", \"docx\"]\nper = \"{per}\"\nacceptance_days = 10"
            );
            let contract = contract_with(
                &parts,
                kind,
                &format!(
                    "deliverable = \"{name}\"\ndeadline = {deadline}\nevidence = [ {{ check = \"document\" }} ]"
                ),
            );
            assert_eq!(
                check_due(&contract, name_of_period, due)
                    .deliverable
                    .as_deref(),
                Some(name)
            );
            let submitted = |on: &'static str| {
                (
                    "2027-06-01",
                    "document.submitted",
                    json!({ "document": name, "period": name_of_period, "submitted_on": on, "document_id": "d" }),
                )
            };
            let due: &'static str = due;
            let (found, expected) = (submitted(due), Verdict::Met);
            check(&contract, &[found], "2027-06-02", name_of_period, expected);
            check(
                &contract,
                &[submitted("2027-05-31")],
                "2027-06-02",
                name_of_period,
                Verdict::NotMet,
            );
            check(
                &contract,
                &[],
                "2027-06-02",
                name_of_period,
                Verdict::NotMet,
            );
        }
    }

    #[test]
    fn one_document_serves_several_duties_and_may_be_sent_back() {
        let parts = "[deliverables.report]\ntitle = \"報告書\"";
        let contract = contract_with(
            parts,
            "monthly",
            "deliverable = \"report\"\ndeadline = { rule = \"after-period\", day = 10 }\nevidence = [ { check = \"document\", must = [ { field = \"number\", exists = true } ] } ]\n[[obligation]]\nkey = \"O-002\"\nclause = \"2\"\ntitle = \"合計欄\"\ntext = \"合計\"\ntype = \"duty\"\nkind = \"monthly\"\nevidence = [ { check = \"document\", deliverable = \"report\", stage = \"rendered\" } ]",
        );
        let submitted = |on: &'static str| {
            (
                on,
                "document.submitted",
                json!({ "document": "report", "period": "2026-05", "submitted_on": on, "number": "1" }),
            )
        };
        let returned = (
            "2026-06-08",
            "document.returned",
            json!({ "document": "report", "period": "2026-05" }),
        );
        check(
            &contract,
            &[submitted("2026-06-05"), returned.clone()],
            "2026-06-09",
            "2026-05",
            Verdict::Pending,
        );
        check(
            &contract,
            &[submitted("2026-06-05"), returned.clone()],
            "2026-06-11",
            "2026-05",
            Verdict::NotMet,
        );
        check(
            &contract,
            &[submitted("2026-06-05"), returned, submitted("2026-06-09")],
            "2026-06-11",
            "2026-05",
            Verdict::Met,
        );
        let unnumbered = (
            "2026-06-05",
            "document.submitted",
            json!({ "document": "report", "period": "2026-05", "submitted_on": "2026-06-05" }),
        );
        check(
            &contract,
            &[unnumbered],
            "2026-06-11",
            "2026-05",
            Verdict::NotMet,
        );
        let mut engine = engine(&contract);
        for fact in facts(&[(
            "2026-06-05",
            "document.rendered",
            json!({ "document": "report", "period": "2026-05" }),
        )]) {
            assert_eq!(
                engine.apply(&fact).len(),
                2,
                "the first record of a kind touches all, the paper both"
            );
        }
        assert_eq!(
            engine
                .state("O-002")
                .unwrap()
                .period("2026-05".parse().unwrap())
                .unwrap()
                .verdict,
            Verdict::NotMet,
            "rendered after the month"
        );
    }
}

/// 3.6 What the model needs beyond a list of dates.
mod beyond_dates {
    use mamori_contract::engine::Verdict;
    use serde_json::json;

    use super::support::*;

    #[test]
    fn two_calendars_per_rule_named_dated_and_replaceable() {
        // A vendor's holiday triggers; the city's open day is the target.
        let parts = "[calendars.vendor]\ntitle = \"事業者の休業日\"\nweekdays = [\"sun\"]\nclosed = [ { date = \"2026-06-10\", title = \"創立記念日\" } ]\n[calendars.extra]\ntitle = \"臨時\"\ninclude = [\"city\"]\nclosed = [ { date = \"2026-06-11\", title = \"停電\" } ]\nopen = [ { date = \"2026-06-13\", title = \"臨時開庁\" } ]";
        let contract = contract_with(
            parts,
            "monthly",
            r#"deadline = { rule = "after-period", day = 10, roll = { when = "vendor", to = "extra" } }"#,
        );
        let due = check_due(&contract, "2026-05", "2026-06-12");
        assert_eq!(due.reason.unwrap(), "6/10 創立記念日、6/11 停電");
        let saturday = contract_with(
            parts,
            "one-off",
            r#"deadline = { rule = "fixed", date = "2026-06-13", roll = { when = "extra" } }"#,
        );
        assert_eq!(
            check_due(&saturday, "term", "2026-06-13").reason,
            None,
            "one-off open day"
        );
        // Special-law years are data of the kernel: 2020-08-10 was 山の日, 2026-08-10 is not.
        let head = HEAD
            .replace("2026-04-01", "2020-04-01")
            .replace("2027-03-31", "2021-03-31");
        let rule = r#"deadline = { rule = "after-period", day = 10, roll = { when = "law", to = "city" } }"#;
        let old = parse(&format!(
            "{head}\n[[obligation]]\nkey = \"O-001\"\nclause = \"1\"\ntitle = \"試験\"\ntext = \"試験\"\ntype = \"duty\"\nkind = \"monthly\"\n{rule}\n"
        ));
        check_due(&old, "2020-07", "2020-08-11");
    }

    #[test]
    fn one_duty_holds_deadline_counter_threshold_gate_and_document_at_once() {
        let parts = "[deliverables.report]\ntitle = \"報告書\"\n[gates.g]\ntitle = \"承認\"\nkind = \"prior-approval\"\nacts = [ { kind = \"waf.changed\" } ]\n[counters.c]\ntitle = \"枠\"\nof = \"work.recorded\"\namount = \"minutes\"\nper = \"month\"\ncap = 60\nover = \"breach\"";
        let contract = contract_with(
            parts,
            "monthly",
            "deliverable = \"report\"\ndeadline = { rule = \"after-period\", day = 10 }\nevidence = [ { check = \"document\" } ]\nthresholds = [ { shape = \"count\", of = \"incident.opened\", at_most = 1 } ]\ncounter = \"c\"\ngates = [\"g\"]",
        );
        let good = [
            (
                "2026-05-01",
                "work.recorded",
                json!({ "work_id": "w", "date": "2026-05-01", "minutes": 60 }),
            ),
            ("2026-05-02", "incident.opened", json!({})),
            (
                "2026-06-10",
                "document.submitted",
                json!({ "document": "report", "period": "2026-05", "submitted_on": "2026-06-10" }),
            ),
        ];
        check(&contract, &good, "2026-06-11", "2026-05", Verdict::Met);
        for extra in [
            (
                "2026-06-10",
                "work.recorded",
                json!({ "work_id": "x", "date": "2026-05-31", "minutes": 1 }),
            ),
            (
                "2026-06-10",
                "incident.opened",
                json!({ "detected_at": "2026-05-31" }),
            ),
            ("2026-06-10", "waf.changed", json!({ "day": "x" })),
        ] {
            let mut list = good.to_vec();
            let is_gate = extra.1 == "waf.changed";
            list.push(extra);
            let name = if is_gate { "2026-06" } else { "2026-05" };
            check(&contract, &list, "2026-06-11", name, Verdict::NotMet);
        }
    }

    const SOFT: &str = r#"
[deliverables.report]
title = "報告書"
[[ambiguity]]
key = "A-04"
text = "目処とまで"
handling = "締切と読む"
question = "締切ですか。"
affects = ["O-001"]
working = "hard"
[[ambiguity.reading]]
key = "hard"
title = "締切"
[[ambiguity.reading]]
key = "soft"
title = "目安"
patch = { "O-001" = { deadline = { rule = "after-period", day = 10, soft = "目処" } } }
"#;

    fn soft() -> std::sync::Arc<mamori_contract::Contract> {
        contract_with(
            SOFT,
            "monthly",
            "deliverable = \"report\"\ndeadline = { rule = \"after-period\", day = 10, soft = \"目処\", binding = \"hard\" }\nevidence = [ { check = \"document\" } ]\nnotes = [\"A-04\"]",
        )
    }

    #[test]
    fn three_results_met_not_met_the_text_does_not_decide() {
        let contract = soft();
        let submitted = |on: &'static str| {
            (
                on,
                "document.submitted",
                json!({ "document": "report", "period": "2026-05", "submitted_on": on }),
            )
        };
        check(
            &contract,
            &[submitted("2026-06-10")],
            "2026-06-20",
            "2026-05",
            Verdict::Met,
        );
        let open = check(
            &contract,
            &[submitted("2026-06-11")],
            "2026-06-20",
            "2026-05",
            Verdict::Undecided,
        );
        let readings: Vec<(&str, Verdict)> = open
            .candidates
            .iter()
            .map(|each| (each.reading.as_str(), each.verdict))
            .collect();
        assert_eq!(
            readings,
            vec![("hard", Verdict::NotMet), ("soft", Verdict::Met)]
        );
        assert_eq!(open.questions, vec!["締切ですか。"]);
        // The city's answer settles it from its day on.
        let answer = |reading: &str, from: &str| {
            (
                "2026-06-12",
                "contract.reading",
                json!({ "note": "A-04", "reading": reading, "from": from }),
            )
        };
        check(
            &contract,
            &[submitted("2026-06-11"), answer("soft", "2026-05-01")],
            "2026-06-20",
            "2026-05",
            Verdict::Met,
        );
        check(
            &contract,
            &[submitted("2026-06-11"), answer("hard", "2026-05-01")],
            "2026-06-20",
            "2026-05",
            Verdict::NotMet,
        );
        check(
            &contract,
            &[submitted("2026-06-11"), answer("soft", "2026-06-12")],
            "2026-06-20",
            "2026-05",
            Verdict::Undecided,
        );
    }

    #[test]
    fn contract_limits_and_internal_targets_are_kept_apart() {
        let parts = "[deliverables.report]\ntitle = \"報告書\"";
        let contract = contract_with(
            parts,
            "monthly",
            "deliverable = \"report\"\ndeadline = { rule = \"after-period\", day = 10 }\nevidence = [ { check = \"document\" } ]\ninternal = { deadline = { rule = \"after-period\", day = 5 }, thresholds = [ { shape = \"count\", of = \"incident.opened\", less_than = 1 } ] }",
        );
        assert_eq!(
            due(&contract, "2026-05").internal.unwrap().to_string(),
            "2026-06-05"
        );
        let waiting = check(&contract, &[], "2026-06-06", "2026-05", Verdict::Pending);
        assert!(waiting.warnings[0].contains("社内目標"));
        let incident = ("2026-05-02", "incident.opened", json!({}));
        let submitted = (
            "2026-06-08",
            "document.submitted",
            json!({ "document": "report", "period": "2026-05", "submitted_on": "2026-06-08" }),
        );
        let done = check(
            &contract,
            &[incident, submitted],
            "2026-06-09",
            "2026-05",
            Verdict::Met,
        );
        assert!(
            done.warnings
                .iter()
                .any(|warning| warning.contains("社内目標"))
        );
        assert!(done.figures.iter().all(|figure| figure.internal));
    }

    #[test]
    fn overrides_with_who_and_when() {
        let parts = "[[override]]\nobligation = \"O-001\"\nperiod = \"2026-12\"\ndate = \"2027-01-20\"\nreason = \"システム移行\"\nby = \"試験市\"\ndecided_on = \"2026-12-20\"";
        let contract = contract_with(
            parts,
            "monthly",
            r#"deadline = { rule = "after-period", day = 10 }"#,
        );
        let due = check_due(&contract, "2026-12", "2027-01-20");
        let reason = due.reason.unwrap();
        assert!(
            reason.contains("システム移行")
                && reason.contains("試験市")
                && reason.contains("2026-12-20"),
            "{reason}"
        );
        check_due(&contract, "2026-11", "2026-12-10");
    }

    #[test]
    fn parameters_with_source_are_said_when_unknown() {
        let parts = "[parameters.limit]\ntitle = \"上限\"\nsource = \"city-policy\"\nquestion = \"上限はいくつですか。\"";
        let contract = contract_with(
            parts,
            "monthly",
            "thresholds = [ { shape = \"count\", of = \"incident.opened\", at_most = \"$limit\" } ]",
        );
        let found = check(&contract, &[], "2026-06-01", "2026-05", Verdict::Undecided);
        assert!(
            found.reasons[0].contains("上限はいくつですか。"),
            "{:?}",
            found.reasons
        );
        let known = contract_with(
            &format!("{parts}\nvalue = 0"),
            "monthly",
            "thresholds = [ { shape = \"count\", of = \"incident.opened\", at_most = \"$limit\" } ]",
        );
        check(
            &known,
            &[("2026-05-02", "incident.opened", json!({}))],
            "2026-06-01",
            "2026-05",
            Verdict::NotMet,
        );
    }

    #[test]
    fn wareki_in_and_out_with_weekday_and_full_width_digits() {
        let contract = contract(
            "one-off",
            "deadline = { rule = \"fixed\", date = \"令和９年２月１９日（金）\" }",
        );
        assert_eq!(
            check_due(&contract, "term", "2027-02-19").rule,
            "令和9年2月19日（金）まで"
        );
        let wrong = format!(
            "{HEAD}\n[[obligation]]\nkey = \"O-001\"\nclause = \"1\"\ntitle = \"t\"\ntext = \"t\"\ntype = \"duty\"\nkind = \"one-off\"\ndeadline = {{ rule = \"fixed\", date = \"令和9年2月19日（木）\" }}\n"
        );
        let report = mamori_contract::Contract::parse("x.toml", &wrong).unwrap_err();
        assert!(report.to_string().contains("曜日"), "{report}");
    }

    #[test]
    fn changes_hold_from_a_day_and_old_periods_keep_old_rules() {
        let parts = "[[change]]\nkey = \"C-01\"\ntitle = \"第1回変更\"\nfrom = \"2026-10-15\"\nsource = \"amendment\"\npatch = { \"O-001\" = { deadline = { rule = \"after-period\", day = 20 } } }\nSTRADDLING";
        let monthly = |straddling: &str| {
            contract_with(
                &parts.replace("STRADDLING", straddling),
                "monthly",
                r#"deadline = { rule = "after-period", day = 10 }"#,
            )
        };
        check_due(&monthly(""), "2026-09", "2026-10-10");
        check_due(&monthly(""), "2026-10", "2026-11-10");
        check_due(&monthly(""), "2026-11", "2026-12-20");
        check_due(&monthly("straddling = \"new\""), "2026-10", "2026-11-20");
        // The term is reached by the change unless it says otherwise.
        let parts = "[[change]]\nkey = \"C-01\"\ntitle = \"期限の変更\"\nfrom = \"2026-10-15\"\nsource = \"consultation\"\npatch = { \"O-001\" = { deadline = { rule = \"fixed\", date = \"2027-02-26\" } } }";
        let once = contract_with(
            parts,
            "one-off",
            r#"deadline = { rule = "fixed", date = "2027-02-19" }"#,
        );
        check_due(&once, "term", "2027-02-26");
    }
}
