//! A test report as policies see it.

use std::collections::BTreeMap;

use serde::Serialize;

/// How many cases there are, and how many did not pass.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    pub(super) tests: u64,
    pub(super) failures: u64,
    pub(super) errors: u64,
    pub(super) skipped: u64,
}

impl Counts {
    /// Applies `op` to each count of both.
    pub(super) fn zip(self, other: Self, op: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            tests: op(self.tests, other.tests),
            failures: op(self.failures, other.failures),
            errors: op(self.errors, other.errors),
            skipped: op(self.skipped, other.skipped),
        }
    }
}

/// How a case ended.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    /// It ran and nothing was wrong.
    #[default]
    Passed,
    /// It did not run, or was expected to fail.
    Skipped,
    /// What it checks does not hold.
    Failed,
    /// It could not check.
    Error,
}

/// One test case.
#[derive(Debug, Default, Serialize)]
pub(super) struct Case {
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) classname: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) time: Option<f64>,
    pub(super) status: Status,
    /// Why it did not pass: the worst mark's message, else the start of its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(super) type_: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) properties: BTreeMap<String, String>,
}

/// One test suite; nested ones follow their parent in the list.
#[derive(Debug, Default, Serialize)]
pub(super) struct Suite {
    pub(super) name: String,
    /// The file in the archive that it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<String>,
    pub(super) tests: u64,
    pub(super) failures: u64,
    pub(super) errors: u64,
    pub(super) skipped: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) time: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) timestamp: Option<String>,
    pub(super) properties: BTreeMap<String, String>,
    pub(super) cases: Vec<Case>,
}

impl Suite {
    /// What its cases show.
    pub(super) fn shown(&self) -> Counts {
        let count = |status| {
            u64::try_from(self.cases.iter().filter(|case| case.status == status).count())
                .unwrap_or(u64::MAX)
        };
        Counts {
            tests: u64::try_from(self.cases.len()).unwrap_or(u64::MAX),
            failures: count(Status::Failed),
            errors: count(Status::Error),
            skipped: count(Status::Skipped),
        }
    }

    /// Takes the counts that hold.
    pub(super) const fn set(&mut self, counts: Counts) {
        let Counts { tests, failures, errors, skipped } = counts;
        self.tests = tests;
        self.failures = failures;
        self.errors = errors;
        self.skipped = skipped;
    }
}

/// A test report: the totals and all suites, flat.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    #[serde(flatten)]
    pub(super) counts: Counts,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) time: Option<f64>,
    pub(super) suites: Vec<Suite>,
}

impl Report {
    /// Adds the suites of another file.
    pub(super) fn merge(&mut self, other: Self, file: Option<&str>) {
        self.counts = self.counts.zip(other.counts, u64::saturating_add);
        self.time = match (self.time, other.time) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        };
        let named =
            other.suites.into_iter().map(|suite| Suite { file: file.map(str::to_owned), ..suite });
        self.suites.extend(named);
    }
}
