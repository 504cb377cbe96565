//! From what a rule evaluated to, to findings.

use regorus::Value;

use super::{Findings, Report, Role};
use crate::Limits;
use crate::evaluation::{Severity, Violation};

/// Adds what `report` evaluated to. Undefined means that the rule had nothing to say.
pub(super) fn collect(
    report: &Report,
    value: &Value,
    limits: &Limits,
    findings: &mut Findings,
) -> Result<(), String> {
    let rule = report.rule.rsplit('.').next().unwrap_or(&report.rule);
    let entries: Vec<&Value> = match value {
        Value::Undefined => Vec::new(),
        Value::Set(entries) => entries.iter().collect(),
        Value::Array(entries) => entries.iter().collect(),
        other => {
            return Err(format!(
                "the rule `{}` must be a set of violations, not {}",
                report.rule,
                kind(other)
            ));
        }
    };
    let total = findings.violations.len() + findings.warnings.len() + entries.len();
    if total > limits.findings_max {
        return Err(format!(
            "the policy reported more than the limit of {} findings",
            limits.findings_max
        ));
    }
    for entry in entries {
        let violation = violation(rule, entry, limits)?;
        match report.role {
            Role::Violations => findings.violations.push(violation),
            Role::Warnings => findings.warnings.push(violation),
            Role::Doubts => findings.undecided.push(violation.message),
        }
    }
    Ok(())
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Set(_) => "a set",
        Value::Object(_) => "a map",
        Value::Undefined => "undefined",
    }
}

/// One entry: a text, or an object with at least a message.
fn violation(rule: &str, entry: &Value, limits: &Limits) -> Result<Violation, String> {
    let mut violation = Violation {
        message: String::new(),
        rule: rule.to_owned(),
        severity: None,
        pointer: None,
        fix: None,
        code: None,
        data: None,
    };
    match entry {
        Value::String(message) => violation.message = message.to_string(),
        Value::Object(_) => fill(&mut violation, entry)?,
        other => return Err(format!("`{rule}` reported {}, not a text or an object", kind(other))),
    }
    let size = violation.message.len();
    if size > limits.message_bytes_max {
        return Err(format!(
            "`{rule}` reported a message of {size} bytes, more than the limit of {}",
            limits.message_bytes_max
        ));
    }
    Ok(violation)
}

fn fill(violation: &mut Violation, entry: &Value) -> Result<(), String> {
    let json = entry.to_json_str().map_err(|error| error.to_string())?;
    let members: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&json).map_err(|error| error.to_string())?;
    let mut rest = serde_json::Map::new();
    for (name, value) in members {
        match (name.as_str(), value) {
            ("message" | "msg", serde_json::Value::String(text)) => violation.message = text,
            ("rule", serde_json::Value::String(text)) => violation.rule = text,
            ("pointer", serde_json::Value::String(text)) => violation.pointer = Some(text),
            ("fix", serde_json::Value::String(text)) => violation.fix = Some(text),
            ("code", serde_json::Value::String(text)) => violation.code = Some(text),
            ("severity", value) => violation.severity = Some(severity(&value)?),
            ("data", value) => violation.data = Some(value),
            (_, value) => {
                rest.insert(name, value);
            }
        }
    }
    if violation.message.is_empty() {
        // Policies written for a plain engine report objects of their own shape: keep all of it readable.
        violation.message = serde_json::Value::Object(rest.clone()).to_string();
    }
    if violation.data.is_none() && !rest.is_empty() {
        violation.data = Some(serde_json::Value::Object(rest));
    }
    Ok(())
}

fn severity(value: &serde_json::Value) -> Result<Severity, String> {
    let text = value.as_str().unwrap_or_default().to_ascii_lowercase();
    Ok(match text.as_str() {
        "info" | "informational" | "note" | "none" => Severity::Info,
        "low" | "minor" => Severity::Low,
        "medium" | "moderate" | "warning" => Severity::Medium,
        "high" | "major" | "error" => Severity::High,
        "critical" => Severity::Critical,
        _ => {
            return Err(format!(
                "{value} is not a severity: expected info, low, medium, high or critical"
            ));
        }
    })
}
