//! For a person at a terminal.

use std::fmt::Write as _;

use engine::gate::{Answer, Decision};
use engine::lineage::{Closure, ImportedSummary, NodeKind};
use engine::{Evaluation, Outcome, Verdict, Violation};

use super::{about, waiver_line, word};
use crate::report::Report;
use crate::terminal::{Terminal, Tone, plain};

/// Most violations of one evaluation that are shown; reports in a file have them all.
const SHOWN_MAX: usize = 20;

/// The verdict, then each policy, then what each holds against the run.
pub(crate) fn table(report: &Report, terminal: &Terminal) -> String {
    let record = &report.record;
    let mut text = String::new();
    let tone = match record.verdict {
        Verdict::Passed => Tone::Good,
        Verdict::Failed => Tone::Bad,
        Verdict::Indeterminate => Tone::Unclear,
    };
    let verdict = terminal.paint(tone, &record.verdict.to_string().to_uppercase());
    let _infallible = writeln!(text, "{verdict}  {}", report.contract);
    for reason in &record.reasons {
        let _infallible = writeln!(text, "  {}", plain(reason));
    }
    for material in &record.materials {
        let line = format!(
            "  {:<16} {:<20} {}",
            material.name.as_str(),
            material.kind.name(),
            plain(&material.source)
        );
        let _infallible = writeln!(text, "{}", terminal.paint(Tone::Quiet, &line));
    }
    for evaluation in &record.evaluations {
        write_evaluation(&mut text, evaluation, terminal);
    }
    for waiver in &record.waivers {
        let _infallible = writeln!(text, "  {}", plain(&waiver_line(waiver)));
    }
    text
}

fn write_evaluation(text: &mut String, evaluation: &Evaluation, terminal: &Terminal) {
    let tone = match evaluation.outcome {
        Outcome::Passed => Tone::Good,
        Outcome::Failed => Tone::Bad,
        Outcome::Warned | Outcome::Waived | Outcome::Indeterminate => Tone::Unclear,
        Outcome::Skipped => Tone::Quiet,
    };
    let outcome = terminal.paint(tone, &format!("{:<13}", word(evaluation.outcome)));
    let _infallible = writeln!(text, "  {outcome} {} on {}", evaluation.policy, about(evaluation));
    for reason in &evaluation.reasons {
        let _infallible = writeln!(text, "      {}", plain(reason));
    }
    for violation in evaluation.violations.iter().take(SHOWN_MAX) {
        write_violation(text, "-", violation, terminal);
    }
    for warning in evaluation.warnings.iter().take(SHOWN_MAX) {
        write_violation(text, "~", warning, terminal);
    }
    for waived in evaluation.waived.iter().take(SHOWN_MAX) {
        write_violation(text, "w", &waived.violation, terminal);
        let line = format!("waived by {} {}", waived.waiver, waived.waiver_digest);
        let _infallible = writeln!(text, "        {}", terminal.paint(Tone::Quiet, &line));
    }
    let hidden = evaluation.violations.len().saturating_sub(SHOWN_MAX)
        + evaluation.waived.len().saturating_sub(SHOWN_MAX)
        + evaluation.warnings.len().saturating_sub(SHOWN_MAX);
    if hidden > 0 {
        let _infallible = writeln!(text, "      … and {hidden} more; see them all with -o json");
    }
}

fn write_violation(text: &mut String, mark: &str, violation: &Violation, terminal: &Terminal) {
    let _infallible =
        writeln!(text, "      {mark} {} [{}]", plain(&violation.message), plain(&violation.rule));
    if let Some(pointer) = violation.pointer.as_ref().filter(|pointer| !pointer.is_empty()) {
        let _infallible = writeln!(
            text,
            "        {}",
            terminal.paint(Tone::Quiet, &format!("at {}", plain(pointer)))
        );
    }
    if let Some(fix) = &violation.fix {
        let _infallible = writeln!(
            text,
            "        {}",
            terminal.paint(Tone::Quiet, &format!("fix: {}", plain(fix)))
        );
    }
}

/// A gate's answers.
pub(crate) fn decisions(decisions: &[Decision], terminal: &Terminal) -> String {
    let mut text = String::new();
    for decision in decisions {
        let (tone, answer) = match decision.answer {
            Answer::Allow => (Tone::Good, "ALLOW"),
            Answer::Deny => (Tone::Bad, "DENY"),
            Answer::Indeterminate => (Tone::Unclear, "INDETERMINATE"),
        };
        let _infallible = writeln!(
            text,
            "{}  {} at the gate `{}`, as of {}",
            terminal.paint(tone, answer),
            decision.artifact,
            decision.gate,
            decision.as_of_seq
        );
        for doubt in &decision.undecided {
            let _infallible = writeln!(text, "      ? {}", plain(doubt));
        }
        for violation in &decision.violations {
            write_violation(&mut text, "-", violation, terminal);
        }
        for warning in &decision.warnings {
            write_violation(&mut text, "~", warning, terminal);
        }
    }
    text
}

/// A lineage: nodes by distance, then how data flowed.
pub(crate) fn lineage(closure: &Closure, terminal: &Terminal) -> String {
    let mut text = String::new();
    let _infallible =
        writeln!(text, "{}", terminal.paint(Tone::Strong, &format!("lineage of {}", closure.root)));
    for node in &closure.nodes {
        let indent = usize::try_from(node.hops).unwrap_or(0).min(20) * 2;
        let kind = match node.kind {
            NodeKind::Artifact => "artifact",
            NodeKind::Attestation => "attestation",
            NodeKind::Commit => "commit",
        };
        let known = node.attestation.as_ref().map_or_else(String::new, |attestation| {
            format!(
                "  {}/{} {} under {} r{}",
                attestation.project,
                attestation.workflow,
                attestation.verdict,
                attestation.contract,
                attestation.contract_revision
            )
        });
        let elsewhere = node.imported.as_ref().map_or_else(String::new, imported);
        let _infallible = writeln!(text, "{:indent$}{kind:<11} {}{known}{elsewhere}", "", node.id);
    }
    for edge in &closure.edges {
        let line = format!("  {} → {} ({})", shortened(&edge.from), shortened(&edge.to), edge.kind);
        let _infallible = writeln!(text, "{}", terminal.paint(Tone::Quiet, &line));
    }
    let how = match (closure.truncated, closure.redacted) {
        (false, 0) => "complete".to_owned(),
        (true, 0) => "cut at a limit".to_owned(),
        (_, hidden) => format!("{hidden} nodes hidden"),
    };
    let _infallible = writeln!(
        text,
        "{} nodes, {} edges, {how}, as of {}",
        closure.nodes.len(),
        closure.edges.len(),
        closure.as_of_seq
    );
    text
}

/// What an attestation says that was made elsewhere, and whether that is believed.
fn imported(one: &ImportedSummary) -> String {
    let (kind, root) = (plain(&one.predicate_type), &one.trust_root);
    let believed = if one.believed { "believed" } else { "not believed any more" };
    format!("  {kind} {believed} under {root}")
}

/// Enough of an identity to find it again.
fn shortened(id: &str) -> String {
    id.chars().take(19).collect()
}
