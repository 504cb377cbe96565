//! SARIF 2.1.0 logs of static analysis.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::json;
use serde_sarif::sarif::{ReportingDescriptor, Result as Finding, ResultLevel, Sarif};

use super::json::{self, Outline, shown};
use super::{Kind, Problem, Reading, Row, Sign};
use crate::Limits;

pub(super) const ROW: Row =
    Row { kind: Kind::Sarif, name: "sarif", sign: Sign::Json(recognise), read };

const VERSION: &str = "2.1.0";

/// SARIF names itself by its schema, or by its version and runs.
fn recognise(outline: &Outline, _: &[u8]) -> bool {
    let schema = outline.text("$schema").is_some_and(|schema| schema.contains("sarif"));
    outline.has("runs") && (schema || outline.has("version"))
}

fn read<'a>(bytes: &'a [u8], limits: &Limits) -> Reading<'a> {
    let outline = match json::outline(bytes, limits) {
        Ok(outline) => outline,
        Err(problem) => return Reading::unreadable(problem),
    };
    let reading = json::with_stack(&outline, || judge(&outline, bytes));
    reading.unwrap_or_else(|| Reading::over(json::NO_STACK.to_owned()))
}

fn judge<'a>(outline: &Outline, bytes: &'a [u8]) -> Reading<'a> {
    let mut reading = Reading { json: Some(Cow::Borrowed(bytes)), ..Reading::default() };
    reading.problems.extend(outline.duplicates());
    if outline.text("version") != Some(VERSION) {
        let found = shown(outline.text("version").unwrap_or_default());
        let message = format!("`{found}` is not a version that is read: {VERSION}");
        reading.problems.push(Problem::at("/version", message));
        return reading;
    }
    match json::parse::<Sarif>(bytes) {
        Ok(log) => note(&log, &mut reading),
        Err(problem) => reading.problems.push(problem),
    }
    reading
}

fn note(log: &Sarif, reading: &mut Reading<'_>) {
    reading.fact("spec_version", VERSION);
    reading.fact("runs", log.runs.len());
    let drivers = || log.runs.iter().map(|run| &run.tool.driver);
    if let Some(driver) = drivers().next() {
        let version = driver.semantic_version.as_ref().or(driver.version.as_ref());
        reading.named("tool", Some(&driver.name), version.map(String::as_str));
    }
    let mut levels = BTreeMap::from([("error", 0_u64), ("none", 0), ("note", 0), ("warning", 0)]);
    let mut results = 0_usize;
    for (index, run) in log.runs.iter().enumerate() {
        let Some(findings) = &run.results else {
            // The specification: absent results mean that the run failed to look, not that it found nothing.
            let place = format!("/runs/{index}/results");
            let message =
                "the run has no results, so it did not scan; a clean scan has an empty list";
            reading.problems.push(Problem::at(place, message));
            continue;
        };
        results = results.saturating_add(findings.len());
        let rules = run.tool.driver.rules.as_deref().unwrap_or_default();
        let by_id = rules.iter().map(|rule| (rule.id.as_str(), rule)).collect();
        for finding in findings {
            let count = levels.entry(level(finding, rules, &by_id)).or_default();
            *count = count.saturating_add(1);
        }
    }
    reading.fact("results", results);
    reading.fact("levels", json!(levels));
}

/// The level of a finding: its own, else its rule's default, else `warning`; a finding that is not a failure has none.
fn level(
    finding: &Finding,
    rules: &[ReportingDescriptor],
    by_id: &BTreeMap<&str, &ReportingDescriptor>,
) -> &'static str {
    match finding.level {
        Some(ResultLevel::Error) => return "error",
        Some(ResultLevel::Warning) => return "warning",
        Some(ResultLevel::Note) => return "note",
        Some(ResultLevel::None) => return "none",
        None => {}
    }
    let by_index = finding.rule_index.and_then(|at| rules.get(usize::try_from(at).ok()?));
    let default = by_index
        .or_else(|| by_id.get(finding.rule_id.as_deref()?).copied())
        .and_then(|rule| rule.default_configuration.as_ref()?.level.as_ref()?.as_str());
    match default {
        Some("error") => "error",
        Some("note") => "note",
        Some("none") => "none",
        _ => "warning",
    }
}
