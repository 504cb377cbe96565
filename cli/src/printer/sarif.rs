//! SARIF 2.1.0 ([specification](https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html)), for code scanning.

use std::collections::BTreeMap;

use engine::waiver::Waived;
use engine::{Digest, Evaluation, Outcome, Severity, Violation};
use serde_json::{Value, json};

use super::material;
use crate::report::Report;

/// Most results in one run that code scanning services take.
const RESULTS_MAX: usize = 25_000;

/// Violations as errors, warnings as warnings, what could not be decided as errors of its own rule.
pub(crate) fn sarif(report: &Report) -> Result<String, serde_json::Error> {
    let mut rules = BTreeMap::new();
    let mut results = Vec::new();
    for evaluation in &report.record.evaluations {
        for violation in &evaluation.violations {
            let level = if evaluation.outcome == Outcome::Failed { "error" } else { "warning" };
            results.push(result(report, evaluation, violation, level, &mut rules));
        }
        for waived in &evaluation.waived {
            let mut one = result(report, evaluation, &waived.violation, "error", &mut rules);
            if let Some(members) = one.as_object_mut() {
                members.insert("suppressions".to_owned(), json!([suppression(report, waived)]));
            }
            results.push(one);
        }
        for warning in &evaluation.warnings {
            results.push(result(report, evaluation, warning, "warning", &mut rules));
        }
        if evaluation.outcome == Outcome::Indeterminate {
            for reason in &evaluation.reasons {
                results.push(result(report, evaluation, &undecided(reason), "error", &mut rules));
            }
        }
    }
    results.truncate(RESULTS_MAX);
    let rules: Vec<Value> = rules.into_values().collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "muster", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "results": results,
        }],
    });
    Ok(serde_json::to_string_pretty(&log)? + "\n")
}

/// Why a result does not count. <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html#_Toc34317730>
fn suppression(report: &Report, waived: &Waived) -> Value {
    let digest = waived.waiver_digest;
    let applied = report.record.waivers.iter().find(|waiver| waiver.digest == digest);
    let why = applied.map_or_else(String::new, |waiver| {
        format!(" until {}: {}", waiver.expires_at, waiver.reason)
    });
    json!({
        "kind": "external",
        "status": "accepted",
        "justification": format!("waived by {} {digest}{why}", waived.waiver),
    })
}

fn undecided(reason: &str) -> Violation {
    Violation {
        message: reason.to_owned(),
        rule: "indeterminate".to_owned(),
        severity: None,
        pointer: None,
        fix: None,
        code: None,
        data: None,
    }
}

fn result(
    report: &Report,
    evaluation: &Evaluation,
    violation: &Violation,
    level: &str,
    rules: &mut BTreeMap<String, Value>,
) -> Value {
    let rule = format!("{}/{}", evaluation.policy, violation.rule);
    rules.entry(rule.clone()).or_insert_with(|| json!({ "id": rule, "name": violation.rule }));
    let file = material(evaluation, violation).and_then(|name| report.paths.get(&name).cloned());
    let file = file.unwrap_or_else(|| report.contract_path.clone());
    let pointer = violation.pointer.clone().unwrap_or_default();
    let text = match &violation.fix {
        Some(fix) => format!("{} ({fix})", violation.message),
        None => violation.message.clone(),
    };
    let print = Digest::of(format!("{rule}\0{file}\0{pointer}\0{}", violation.message));
    json!({
        "ruleId": rule,
        "level": level,
        "message": { "text": text },
        "locations": [{
            "physicalLocation": { "artifactLocation": { "uri": file.replace('\\', "/") }, "region": { "startLine": 1 } },
            "logicalLocations": [{ "fullyQualifiedName": pointer }],
        }],
        "partialFingerprints": { "muster/v1": print.to_hex() },
        "properties": { "security-severity": score(violation.severity) },
    })
}

/// The severity on the scale of code scanning.
const fn score(severity: Option<Severity>) -> &'static str {
    match severity {
        Some(Severity::Critical) => "9.5",
        Some(Severity::High) => "8.0",
        Some(Severity::Medium) | None => "5.0",
        Some(Severity::Low) => "3.0",
        Some(Severity::Info) => "0.0",
    }
}
