//! The regression tests of the Core Rule Set, where it is on this machine.

mod support;

use support::{ftw, regression};

#[test]
fn regression_tests_of_the_core_rule_set() {
    let Some(crs) = support::crs() else { return };
    let rules = support::regression(&crs);
    let only = std::env::var("MAMORI_TEST_CRS_ONLY").ok();
    let tests = ftw::all(&crs.join("tests"));
    let outcome = regression::run_all(&rules, &tests, only.as_deref());
    eprintln!("passed {} of {}", outcome.passed(), outcome.judged);
    let unexpected = outcome.unexpected(only.is_none());
    assert!(unexpected.is_empty(), "{}", unexpected.join("\n"));
    assert!(
        only.is_some() || outcome.judged == 5009,
        "the number of tests has changed: {}",
        outcome.judged
    );
}
