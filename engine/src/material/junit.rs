//! `JUnit` XML test reports: one file, or a zip or tar.gz of them, projected to JSON.
//!
//! There is no one `JUnit` format, so reading is tolerant of attributes and unknown elements, and strict about XML.
//! Counts are fail-closed: each is the larger of what a suite declares and what its cases show, so neither a summary
//! without cases nor a failed case under a clean summary goes unseen.

mod model;
mod xml;

use std::ops::ControlFlow;

use model::Report;
use serde_json::Value;

use super::archive::{self, Stop};
use super::{Kind, Problem, Reading, Row, Sign, json, recognise};
use crate::Limits;

pub(super) const ROW: Row =
    Row { kind: Kind::JunitXml, name: "junit-xml", sign: Sign::Xml(&ROOTS), read };

/// The root elements of a report.
const ROOTS: [&str; 2] = ["testsuites", "testsuite"];

/// Policies see `{tests, failures, errors, skipped, time, suites: [{name, …, cases: [{name, status, …}]}]}`.
fn read<'a>(bytes: &'a [u8], limits: &Limits) -> Reading<'a> {
    let mut problems = Vec::new();
    let mut report = Report::default();
    if archive::is_archive(bytes) {
        if let Err(stop) = expand(bytes, limits, &mut report, &mut problems) {
            return match stop {
                Stop::Over(limit) => Reading::over(limit),
                Stop::Broken(message) => Reading::unreadable(Problem::whole(message)),
            };
        }
    } else if let Err(problem) = add(None, bytes, limits, &mut report) {
        return Reading::unreadable(problem);
    }
    if report.suites.is_empty() {
        problems.push(Problem::whole("it holds no test suite"));
    }
    project(&report, problems)
}

/// Adds every report in an archive. Other XML files may lie beside them; one that is no XML at all is a problem.
fn expand(
    bytes: &[u8],
    limits: &Limits,
    report: &mut Report,
    problems: &mut Vec<Problem>,
) -> Result<(), Stop> {
    archive::for_each_xml(bytes, limits, &mut |name, content| {
        let root = recognise::root_element(content);
        if root.is_none_or(|root| ROOTS.contains(&root.as_str()))
            && let Err(problem) = add(Some(name), content, limits, report)
        {
            problems.push(Problem::whole(format!("`{}`: {}", json::shown(name), problem.message)));
        }
        ControlFlow::Continue(())
    })
}

fn add(
    file: Option<&str>,
    bytes: &[u8],
    limits: &Limits,
    report: &mut Report,
) -> Result<(), Problem> {
    let text = json::utf8(bytes.strip_prefix(json::BOM).unwrap_or(bytes))?;
    if text.trim().is_empty() {
        return Err(Problem::whole("it is empty"));
    }
    let parsed =
        xml::parse(text, limits.depth_max).map_err(|error| Problem::whole(error.to_string()))?;
    report.merge(parsed, file);
    Ok(())
}

fn project(report: &Report, problems: Vec<Problem>) -> Reading<'static> {
    let mut reading = Reading { problems, ..Reading::default() };
    for (name, count) in [
        ("tests", report.counts.tests),
        ("failures", report.counts.failures),
        ("errors", report.counts.errors),
        ("skipped", report.counts.skipped),
    ] {
        reading.fact(name, count);
    }
    reading.fact("suites", report.suites.len());
    reading.fact_if("time", report.time.map(Value::from));
    match serde_json::to_vec(report) {
        Ok(json) => reading.json = Some(json.into()),
        Err(error) => {
            reading.problems.push(Problem::whole(format!("it has no JSON form: {error}")));
        }
    }
    reading
}
