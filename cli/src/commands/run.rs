//! `muster run`: what became of runs, and ending those that will get no attestation.

use std::fmt::Write as _;

use api_types::{CancelRun, Page, Run, RunState};
use engine::id::RunId;
use reqwest::{Method, Url};

use super::{Context, attest};
use crate::args::{RunCommand, RunListArgs, StateArg};
use crate::client::Client;
use crate::exit::{Exit, Failure, Result};
use crate::terminal::plain;

pub(super) async fn run(context: &Context, command: RunCommand) -> Result {
    let client = context.client()?;
    let run: Run = match command {
        RunCommand::List(args) => return list(context, args).await,
        RunCommand::Show { id, output } => {
            let run: Run = client.get(&format!("/v1/runs/{id}")).await?;
            context.answer(output, &run, || line(&run) + &job(&run))?;
            return Ok(Exit::Success);
        }
        RunCommand::Cancel { id, reason } => cancel(&client, id, reason).await?,
        RunCommand::Fail { id, reason } => attest::fail(&client, id, &reason).await?,
    };
    context.terminal.data(&format!("{} {}\n", run.id, state_word(run.state)));
    Ok(Exit::Success)
}

/// Gives a run up.
pub(super) async fn cancel(client: &Client, run: RunId, reason: String) -> Result<Run> {
    let path = format!("/v1/runs/{run}/cancel");
    client.send_json(Method::POST, &path, &CancelRun { reason }).await
}

async fn list(context: &Context, args: RunListArgs) -> Result {
    let page: Page<Run> = context.client()?.get(&path(&args)?).await?;
    context.answer(args.output, &page, || page.items.iter().map(line).collect())?;
    if let Some(next) = &page.next {
        context.terminal.say(&format!("there are more: --after {next}"));
    }
    Ok(Exit::Success)
}

fn path(args: &RunListArgs) -> Result<String> {
    let internal = |error| Failure::unexpected("cannot make the address", error);
    let mut url = Url::parse("http://server/v1/runs").map_err(internal)?;
    let asked = [
        ("workflow", args.workflow.as_ref().map(ToString::to_string)),
        ("state", args.state.map(|state| state_word(asked(state)).to_owned())),
        ("after", args.after.map(|run| run.to_string())),
        ("limit", Some(args.limit.to_string())),
    ];
    let asked = asked.into_iter().filter_map(|(name, value)| Some((name, value?)));
    url.query_pairs_mut().extend_pairs(asked);
    Ok(format!("{}?{}", url.path(), url.query().unwrap_or_default()))
}

const fn asked(state: StateArg) -> RunState {
    match state {
        StateArg::Open => RunState::Open,
        StateArg::Closed => RunState::Closed,
        StateArg::Cancelled => RunState::Cancelled,
        StateArg::Failed => RunState::Failed,
        StateArg::Expired => RunState::Expired,
    }
}

/// The word for a state.
pub(super) const fn state_word(state: RunState) -> &'static str {
    match state {
        RunState::Open => "open",
        RunState::Closed => "closed",
        RunState::Cancelled => "cancelled",
        RunState::Failed => "failed",
        RunState::Expired => "expired",
    }
}

/// Who opened the run, where that was not a token that somebody keeps.
fn job(run: &Run) -> String {
    let Some(job) = &run.job else { return String::new() };
    let (kind, subject) = (plain(&job.kind), plain(&job.subject));
    let mut text = format!("  {kind} {subject}, let in by `{}` at {}\n", job.rule, job.admitted_at);
    for (claim, value) in &job.claims {
        let _infallible = writeln!(text, "  {} {}", plain(claim), plain(value));
    }
    text
}

fn line(run: &Run) -> String {
    let state = state_word(run.state);
    let mut text =
        format!("{}  {}/{}  {}  {state}", run.id, run.project, run.workflow, run.created_at);
    if let Some(verdict) = run.verdict {
        let _infallible = write!(text, " {verdict}");
    }
    if let Some(end) = run.expires_at.filter(|_| run.state == RunState::Open) {
        let _infallible = write!(text, " until {end}");
    }
    if let Some(old) = run.rerun_of {
        let _infallible = write!(text, ", repeats {old}");
    }
    if let Some(reason) = &run.reason {
        let _infallible = write!(text, ": {}", plain(reason));
    }
    text + "\n"
}
