//! `muster attest`: craft, sign, push; in one shot or step by step.

mod deliver;
mod steps;

use api_types::{OpenRun, OpenedRun};
use engine::Limits;
use reqwest::Method;

use super::{Context, library};
use crate::args::{AttestArgs, AttestCommand, OneShotArgs};
use crate::client::Client;
use crate::exit::{Exit, Failure, Result};
use crate::{craft, evidence};
use deliver::{Delivery, open_key, upload};

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
    let started_at = craft::now();
    let workflow = args
        .workflow
        .ok_or_else(|| Failure::usage("name the workflow: --workflow PROJECT/WORKFLOW"))?;
    let client = context.client()?;
    // Opening an encrypted key takes as long as everything else.
    let key = open_key(context, &args.signing)?;
    let run = open_run(&client, &workflow.to_string()).await?;
    let contract = craft::contract_of(&run, &library()?, &Limits::DEFAULT)?;
    let items = evidence::gather(&args.judging.evidence, &contract.contract, &Limits::DEFAULT)?;
    upload(context, &client, &items).await?;
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

/// Opens a run of a workflow.
pub(super) async fn open_run(client: &Client, workflow: &str) -> Result<OpenedRun> {
    let body = OpenRun { workflow: workflow.to_owned() };
    client.send_json(Method::POST, "/v1/runs", &body).await
}

/// The exit code of a command that only prepares.
const PREPARED: Exit = Exit::Success;
