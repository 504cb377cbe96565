//! `muster readiness`: how an organization stands.

use std::collections::BTreeMap;
use std::time::Duration;

use api_types::{Readiness, Spread};
use indicatif::HumanDuration;

use super::Context;
use crate::args::Form;
use crate::exit::{Exit, Result};

pub(super) async fn run(context: &Context, output: Form) -> Result {
    let found: Readiness = context.client()?.get("/v1/readiness").await?;
    context.answer(output, &found, || told(&found))?;
    Ok(Exit::Success)
}

fn told(found: &Readiness) -> String {
    let Readiness { since, workflows, workflows_attested, .. } = found;
    [
        format!("since       {since}\n"),
        format!("runs        {}\n", counts(&found.runs)),
        format!("verdicts    {}\n", counts(&found.verdicts)),
        format!("workflows   {workflows_attested} of {workflows} attested\n"),
        format!("evidence    {}\n", spread(found.evidence_age, "old")),
        format!("to attest   {}\n", spread(found.time_to_attest, "after the run was opened")),
    ]
    .concat()
}

fn counts(counts: &BTreeMap<String, u64>) -> String {
    let named: Vec<String> = counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
    named.join(", ")
}

fn spread(spread: Option<Spread>, what: &str) -> String {
    let Some(Spread { median_ms, ninetieth_ms, longest_ms }) = spread else {
        return "none".to_owned();
    };
    let [median, ninetieth, longest] =
        [median_ms, ninetieth_ms, longest_ms].map(|ms| HumanDuration(Duration::from_millis(ms)));
    format!("{median} {what}; nine of ten at most {ninetieth}, all at most {longest}")
}
