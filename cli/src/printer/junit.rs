//! `JUnit` XML: one case for each evaluation. What could not be decided is an error, not a pass.

use std::time::Duration;

use engine::Outcome;
use quick_junit::{NonSuccessKind, Report as Junit, TestCase, TestCaseStatus, TestSuite};

use super::about;
use crate::report::Report;

/// The evaluations as test cases.
pub(crate) fn junit(report: &Report) -> String {
    let mut suite = TestSuite::new(report.contract.clone());
    for evaluation in &report.record.evaluations {
        let status = match evaluation.outcome {
            Outcome::Passed | Outcome::Warned | Outcome::Waived => TestCaseStatus::success(),
            Outcome::Skipped => TestCaseStatus::skipped(),
            Outcome::Failed => TestCaseStatus::non_success(NonSuccessKind::Failure),
            Outcome::Indeterminate => TestCaseStatus::non_success(NonSuccessKind::Error),
        };
        let mut case =
            TestCase::new(format!("{} on {}", evaluation.policy, about(evaluation)), status);
        case.set_classname(report.contract.clone()).set_time(Duration::ZERO);
        let messages: Vec<&str> = evaluation
            .violations
            .iter()
            .map(|violation| violation.message.as_str())
            .chain(evaluation.reasons.iter().map(String::as_str))
            .collect();
        if !messages.is_empty() && evaluation.outcome != Outcome::Warned {
            case.status.set_message(messages.join("\n"));
        }
        if !evaluation.waived.is_empty() {
            let waived = evaluation.waived.iter();
            let waived =
                waived.map(|one| format!("waived by {}: {}", one.waiver, one.violation.message));
            case.set_system_out(waived.collect::<Vec<_>>().join("\n"));
        }
        suite.add_test_case(case);
    }
    for reason in &report.record.reasons {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_message(reason.clone());
        suite.add_test_case(TestCase::new("verdict", status));
    }
    let mut junit = Junit::new("muster");
    junit.add_test_suite(suite);
    junit.to_string().unwrap_or_default()
}
