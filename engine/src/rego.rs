//! Rego: the only module (with its children) that names the engine behind it.
//!
//! A [`Unit`] is a policy compiled once: parsed, checked, prepared. Evaluating it clones the prepared engine, which
//! costs a few reference counts, so one unit serves many threads.

mod bounded;
mod check;
mod results;

use std::num::NonZeroU32;
use std::panic::AssertUnwindSafe;
use std::sync::OnceLock;
use std::time::Duration;

use regorus::utils::limits::ExecutionTimerConfig;

use crate::document::Diagnostic;
use crate::evaluation::Violation;
use crate::{Limits, Timestamp};

/// The version of what evaluation means. It changes when the same inputs may give another verdict.
pub const SEMANTICS: &str = "muster.dev/semantics/1";

/// One Rego source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Module {
    /// The file it came from, for messages and exports.
    pub path: String,
    /// Its text.
    pub source: String,
}

/// A value that policies read: a piece of evidence, parsed once.
#[derive(Clone)]
pub struct Document(regorus::Value);

/// A compiled policy.
#[derive(Clone)]
pub struct Unit {
    engine: regorus::Engine,
    /// The rules that report, by full name.
    reports: Vec<Report>,
    packages: Vec<String>,
}

/// One rule that reports, and what it reports.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Report {
    rule: String,
    role: Role,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Violations,
    Warnings,
    Doubts,
}

/// The rules that report, in every convention that is understood.
const ROLES: [(&str, Role); 5] = [
    ("deny", Role::Violations),
    ("violation", Role::Violations),
    ("violations", Role::Violations),
    ("warn", Role::Warnings),
    ("undecided", Role::Doubts),
];

/// What a policy reported.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Findings {
    /// What it holds against the input.
    pub violations: Vec<Violation>,
    /// What it wants to be noticed.
    pub warnings: Vec<Violation>,
    /// Why it could not decide; any makes the evaluation indeterminate.
    pub undecided: Vec<String>,
}

/// Why a set of modules is not a usable policy.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct InvalidPolicy(pub Vec<Diagnostic>);

impl Document {
    /// Parses JSON. Nesting is bounded by the parser (128).
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(json)
            .map_err(|error| format!("the evidence is not UTF-8: {error}"))?;
        regorus::Value::from_json_str(text)
            .map(Self)
            .map_err(|error| format!("the evidence is not JSON that policies can read: {error}"))
    }

    /// Converts a value built in memory.
    pub fn from_value(value: &serde_json::Value) -> Result<Self, String> {
        // `regorus::Value::from` answers `Undefined` on an error; going through text does not.
        regorus::Value::from_json_str(&value.to_string())
            .map(Self)
            .map_err(|error| error.to_string())
    }

    /// This document as the input of one evaluation: a list becomes `elements`, and the members of `extra` are laid
    /// over it, so that evidence cannot pose as what Muster says about it.
    #[must_use]
    pub fn as_input(&self, extra: &[(&str, &Self)]) -> Self {
        let mut input = match &self.0 {
            object @ regorus::Value::Object(_) => object.clone(),
            array @ regorus::Value::Array(_) => member("elements", array.clone()),
            other => member("value", other.clone()),
        };
        if let Ok(object) = input.as_object_mut() {
            for (name, value) in extra {
                object.insert((*name).into(), value.0.clone());
            }
        }
        Self(input)
    }
}

fn member(name: &str, value: regorus::Value) -> regorus::Value {
    let mut object = regorus::Value::new_object();
    if let Ok(members) = object.as_object_mut() {
        members.insert(name.into(), value);
    }
    object
}

impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Document(…)")
    }
}

impl Unit {
    /// Parses, checks and prepares `modules` with `data` as their `data` document.
    pub fn compile(
        modules: &[Module],
        data: &serde_json::Value,
        limits: &Limits,
    ) -> Result<Self, InvalidPolicy> {
        let broken = |error: anyhow::Error| {
            InvalidPolicy(vec![Diagnostic::whole(error.to_string().trim().to_owned())])
        };
        let mut engine = regorus::Engine::new();
        engine.set_strict_builtin_errors(true);
        for module in modules {
            engine.add_policy(module.path.clone(), module.source.clone()).map_err(broken)?;
        }
        engine.add_data_json(&data.to_string()).map_err(broken)?;
        let checked = check::check(engine.get_modules());
        if !checked.diagnostics.is_empty() {
            return Err(InvalidPolicy(checked.diagnostics));
        }
        prepare(&mut engine, &checked, limits)?;
        Ok(Self { engine, reports: checked.reports, packages: checked.packages })
    }

    /// Evaluates every reporting rule over `input` as of `at`. An error means that the policy could not run to its
    /// end, and says why; the evaluation is then indeterminate.
    pub fn evaluate(
        &self,
        input: Document,
        at: Timestamp,
        limits: &Limits,
    ) -> Result<Findings, String> {
        // Some builtins of the engine panic on arguments that a policy may choose, which must not end the process.
        std::panic::catch_unwind(AssertUnwindSafe(|| self.run(input, at, limits)))
            .unwrap_or_else(|_| Err("the policy could not run: it made a builtin panic".to_owned()))
    }

    fn run(&self, input: Document, at: Timestamp, limits: &Limits) -> Result<Findings, String> {
        let mut engine = self.engine.clone();
        begin(&mut engine, at, limits)?;
        engine.set_input(input.0);
        let mut findings = Findings::default();
        for report in &self.reports {
            let value =
                engine.eval_rule(report.rule.clone()).map_err(|error| undecided(&error, limits))?;
            results::collect(report, &value, limits, &mut findings)?;
        }
        Ok(findings)
    }

    /// The packages of its modules, without the leading `data.`.
    pub fn packages(&self) -> &[String] {
        &self.packages
    }

    /// The full names of the rules that report, such as `data.sbom.deny`.
    pub fn reporting_rules(&self) -> impl Iterator<Item = &str> {
        self.reports.iter().map(|report| report.rule.as_str())
    }
}

impl std::fmt::Debug for Unit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unit").field("reports", &self.reports).finish_non_exhaustive()
    }
}

/// Runs the analysis of the whole module set, so that errors show now and clones are ready to go.
fn prepare(
    engine: &mut regorus::Engine,
    checked: &check::Checked,
    limits: &Limits,
) -> Result<(), InvalidPolicy> {
    let wrong = |message: String| InvalidPolicy(vec![Diagnostic::whole(message)]);
    let Some(first) = checked.reports.first() else {
        return Err(wrong("no rule of this policy reports anything".to_owned()).clone_with_hint());
    };
    let mut trial = engine.clone();
    begin(&mut trial, Timestamp::from_millis(0), limits).map_err(wrong)?;
    trial.set_input(regorus::Value::new_object());
    let rule: std::sync::Arc<str> = first.rule.as_str().into();
    trial
        .compile_with_entrypoint(&rule)
        .map_err(|error| wrong(error.to_string().trim().to_owned()))?;
    engine
        .compile_with_entrypoint(&rule)
        .map_err(|error| wrong(error.to_string().trim().to_owned()))?;
    Ok(())
}

impl InvalidPolicy {
    fn clone_with_hint(self) -> Self {
        let hint = "a policy reports through a `deny`, `violation` or `warn` set";
        Self(self.0.into_iter().map(|diagnostic| diagnostic.with_hint(hint)).collect())
    }
}

/// What every evaluation starts from: the given time, and the time it may take.
fn begin(engine: &mut regorus::Engine, at: Timestamp, limits: &Limits) -> Result<(), String> {
    bound_memory(limits);
    engine.set_execution_timer_config(ExecutionTimerConfig {
        limit: Duration::from_millis(limits.evaluation_ms_max),
        check_interval: NonZeroU32::new(64).unwrap_or(NonZeroU32::MIN),
    });
    bounded::replace(engine).map_err(|error| error.to_string())?;
    let now = regorus::Value::from(at.as_nanos());
    engine
        .add_extension(
            "time.now_ns".to_owned(),
            0,
            Box::new(move |_: Vec<regorus::Value>| Ok(now.clone())),
        )
        .map_err(|error| error.to_string())
}

/// The allocator counts for the whole process, so the first limit that is asked for holds.
fn bound_memory(limits: &Limits) {
    static BOUND: OnceLock<()> = OnceLock::new();
    BOUND.get_or_init(|| regorus::set_global_memory_limit(Some(limits.memory_bytes_max)));
}

/// Names the limit that stopped an evaluation.
fn undecided(error: &anyhow::Error, limits: &Limits) -> String {
    let text = error.to_string();
    match error.downcast_ref::<regorus::LimitError>() {
        Some(regorus::LimitError::TimeLimitExceeded { .. }) => {
            format!("the policy ran longer than the limit of {} ms", limits.evaluation_ms_max)
        }
        Some(regorus::LimitError::MemoryLimitExceeded { .. }) => {
            format!(
                "the evaluation needed more memory than the limit of {} bytes",
                limits.memory_bytes_max
            )
        }
        _ if text.contains("time limit") => {
            format!("the policy ran longer than the limit of {} ms", limits.evaluation_ms_max)
        }
        _ if text.contains("memory limit") => {
            format!(
                "the evaluation needed more memory than the limit of {} bytes",
                limits.memory_bytes_max
            )
        }
        _ => format!("the policy could not run: {}", text.trim()),
    }
}
