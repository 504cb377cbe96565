//! `muster attest`: craft, sign, push; in one shot or step by step.

mod deliver;
mod steps;

use api_types::{CancelRun, OpenRun, OpenedRun, Run};
use deliver::{Delivery, open_key, upload};
use engine::Limits;
use engine::contract::Compiled;
use reqwest::Method;

use super::{Context, library};
use crate::args::{AttestArgs, AttestCommand, OneShotArgs};
use crate::client::Client;
use crate::evidence::{self, Given, Item};
use crate::exit::{Exit, Failure, Result};
use crate::{craft, report};

pub(super) async fn run(context: &Context, args: AttestArgs) -> Result {
    match args.command {
        None => one_shot(context, args.one_shot).await,
        Some(AttestCommand::Init { workflow, replace }) => {
            steps::init(context, &workflow, replace).await
        }
        Some(AttestCommand::Add { evidence }) => steps::add(context, &evidence).await,
        Some(AttestCommand::Status { output }) => steps::status(context, &output),
        Some(AttestCommand::Push(args)) => steps::push(context, args).await,
        Some(AttestCommand::Reset { reason }) => steps::reset(context, reason).await,
    }
}

async fn one_shot(context: &Context, args: OneShotArgs) -> Result {
    report::check(&args.judging.output)?;
    let started_at = craft::now();
    let workflow = args
        .workflow
        .ok_or_else(|| Failure::usage("name the workflow: --workflow PROJECT/WORKFLOW"))?;
    let client = context.client()?;
    // Opening an encrypted key takes as long as everything else.
    let key = open_key(context, &args.signing)?;
    let run = open_run(&client, &workflow.to_string()).await?;
    let prepared = prepare(context, &client, &run, &args.judging.evidence).await;
    let (contract, items) = match prepared {
        Ok(prepared) => prepared,
        Err(failure) => {
            // Nobody will come back to this run. Why it was not prepared matters more than whether it could be given up.
            let _left_open = cancel(&client, &run, &failure.message).await;
            return Err(failure);
        }
    };
    let delivery = Delivery {
        run,
        contract,
        items,
        annotations: args.judging.annotation.into_iter().collect(),
        started_at,
        bundle_out: args.signing.bundle_out,
        outputs: args.judging.output,
    };
    delivery.deliver(context, &client, key).await
}

/// Reads the evidence and hands it over.
async fn prepare(
    context: &Context,
    client: &Client,
    run: &OpenedRun,
    given: &[Given],
) -> Result<(Compiled, Vec<Item>)> {
    let contract = craft::contract_of(run, &library()?, &Limits::DEFAULT)?;
    let items = evidence::gather(given, &contract.contract, &Limits::DEFAULT)?;
    upload(context, client, &items).await?;
    Ok((contract, items))
}

async fn cancel(client: &Client, run: &OpenedRun, why: &str) -> Result<Run> {
    let reason: String = why.chars().take(REASON_CHARS_MAX).collect();
    let path = format!("/v1/runs/{}/cancel", run.id);
    client.send_json(Method::POST, &path, &CancelRun { reason }).await
}

/// How much of a failure is kept as the reason for giving a run up.
const REASON_CHARS_MAX: usize = 200;

/// Opens a run of a workflow.
pub(super) async fn open_run(client: &Client, workflow: &str) -> Result<OpenedRun> {
    let body = OpenRun { workflow: workflow.to_owned() };
    client.send_json(Method::POST, "/v1/runs", &body).await
}

/// The exit code of a command that only prepares.
const PREPARED: Exit = Exit::Success;
