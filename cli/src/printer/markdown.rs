//! For a job page or a pull request.

use std::fmt::Write as _;

use engine::Verdict;

use super::{about, waiver_line, word};
use crate::report::Report;

/// Most violations that are listed; job pages are bounded.
const LISTED_MAX: usize = 50;

/// The verdict, a table of policies, and a list of what they hold against the run.
pub(crate) fn markdown(report: &Report) -> String {
    let record = &report.record;
    let mark = match record.verdict {
        Verdict::Passed => "✅",
        Verdict::Failed => "❌",
        Verdict::Indeterminate => "⚠️",
    };
    let mut text = format!("## {mark} Muster: {} under `{}`\n\n", record.verdict, report.contract);
    for reason in &record.reasons {
        let _infallible = writeln!(text, "- {}", cell(reason));
    }
    text.push_str(
        "| policy | on | outcome | violations | waived | reasons |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for evaluation in &record.evaluations {
        let _infallible = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            cell(&evaluation.policy),
            cell(&about(evaluation)),
            word(evaluation.outcome),
            evaluation.violations.len(),
            evaluation.waived.len(),
            cell(&evaluation.reasons.join("; "))
        );
    }
    text.push('\n');
    let all = record.evaluations.iter().flat_map(|evaluation| {
        evaluation.violations.iter().map(move |violation| (evaluation, violation))
    });
    for (evaluation, violation) in all.clone().take(LISTED_MAX) {
        let pointer = violation.pointer.as_deref().filter(|pointer| !pointer.is_empty());
        let at = pointer.map_or_else(String::new, |pointer| format!(" at `{}`", code(pointer)));
        let fix =
            violation.fix.as_deref().map_or_else(String::new, |fix| format!(" — *{}*", cell(fix)));
        let _infallible = writeln!(
            text,
            "- **{}** {}{at}{fix}",
            cell(&evaluation.policy),
            cell(&violation.message)
        );
    }
    let hidden = all.count().saturating_sub(LISTED_MAX);
    if hidden > 0 {
        let _infallible = writeln!(text, "\n… and {hidden} more.");
    }
    for waiver in &record.waivers {
        let _infallible = writeln!(text, "- {}", cell(&waiver_line(waiver)));
    }
    text.push('\n');
    text
}

/// A text within backticks, where only a backtick or the end of the line is markup.
fn code(text: &str) -> String {
    text.replace('`', "'").replace(char::is_control, " ")
}

/// Evidence may not break out of its cell, nor bring markup of its own: a character reference is never markup.
fn cell(text: &str) -> String {
    let mut cell = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_control() => cell.push(' '),
            '&' | '<' | '>' | '|' | '\\' | '`' | '[' | ']' | '*' | '_' | '~' | '#' => {
                let _infallible = write!(cell, "&#{};", u32::from(c));
            }
            c => cell.push(c),
        }
    }
    cell
}
