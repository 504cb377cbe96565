//! `muster attest`: craft, sign, push; in one shot or step by step.

mod admission;
mod deliver;
mod import;
mod remote;
mod steps;

use api_types::{FailRun, OpenRun, OpenedRun, Run};
use deliver::{Delivery, open_key, upload};
use engine::Limits;
use engine::contract::Compiled;
use engine::id::RunId;
use engine::run::WorkflowPath;
use reqwest::Method;

use super::{Context, library};
use crate::args::{AttestArgs, AttestCommand, OneShotArgs};
use crate::client::Client;
use crate::evidence::{self, Given, Item};
use crate::exit::{Exit, Failure, Result};
use crate::project_file::ProjectFile;
use crate::{craft, report};

pub(super) async fn run(context: &Context, args: AttestArgs) -> Result {
    match args.command {
        None => one_shot(context, args.one_shot).await,
        Some(AttestCommand::Init {
            workflow,
            rerun,
            project_version,
            replace,
            remote_state,
            identity,
        }) => {
            let which = Which::of(workflow, rerun, project_version)?;
            let begin = Begin { which, replace, remote_state };
            steps::init(context, &begin, &identity).await
        }
        Some(AttestCommand::Add { evidence, resume }) => {
            steps::add(context, &evidence, &resume).await
        }
        Some(AttestCommand::Status { output, resume }) => {
            steps::status(context, &output, &resume).await
        }
        Some(AttestCommand::Push(args)) => steps::push(context, args).await,
        Some(AttestCommand::Import { files }) => import::run(context, &files).await,
        Some(AttestCommand::Reset { reason, failed, resume }) => {
            steps::reset(context, reason, failed, &resume).await
        }
    }
}

/// How a job begins.
#[derive(Debug)]
struct Begin {
    which: Which,
    /// Whether a run that it opened before is forgotten.
    replace: bool,
    /// Whether what it crafts is kept on the server.
    remote_state: bool,
}

/// Which run to open.
#[derive(Debug)]
enum Which {
    /// One of this workflow, and of this version of its project.
    Of(WorkflowPath, Option<String>),
    /// One that repeats this one.
    Again(RunId),
}

impl Which {
    /// One that repeats a run is of the version of that.
    fn of(
        workflow: Option<WorkflowPath>,
        rerun: Option<RunId>,
        version: Option<String>,
    ) -> Result<Self> {
        match (workflow, rerun) {
            (_, Some(run)) => Ok(Self::Again(run)),
            (Some(workflow), None) => Ok(Self::Of(workflow, version)),
            (None, None) => match ProjectFile::find()?.workflow(None)? {
                Some(workflow) => Ok(Self::Of(workflow, version)),
                None => Err(Failure::usage("no workflow was named")
                    .with_hint("give --workflow PROJECT/WORKFLOW, or say so in .muster.yaml")),
            },
        }
    }
}

async fn one_shot(context: &Context, args: OneShotArgs) -> Result {
    report::check(&args.judging.output)?;
    let started_at = craft::now();
    let which = Which::of(args.workflow, args.rerun, args.project_version)?;
    // Opening an encrypted key takes as long as everything else.
    let key = open_key(context, &args.signing)?;
    let (client, _only_now) = admission::client(context, &args.identity, &which).await?;
    let run = open_run(&client, &which).await?;
    let prepared = prepare(context, &client, &run, &args.judging.evidence).await;
    let (contract, items) = match prepared {
        Ok(prepared) => prepared,
        Err(failure) => {
            // Nobody will come back to this run. Why it was not prepared matters more than whether that could be noted.
            let _left_open = fail(&client, run.id, &failure.message).await;
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

/// Says that the job of a run broke; a reason that is too long is shortened.
pub(super) async fn fail(client: &Client, run: RunId, why: &str) -> Result<Run> {
    let reason: String = why.chars().take(control::REASON_CHARS_MAX).collect();
    client.send_json(Method::POST, &format!("/v1/runs/{run}/fail"), &FailRun { reason }).await
}

async fn open_run(client: &Client, which: &Which) -> Result<OpenedRun> {
    match which {
        Which::Of(workflow, version) => {
            let body = OpenRun { workflow: workflow.to_string(), version: version.clone() };
            client.send_json(Method::POST, "/v1/runs", &body).await
        }
        Which::Again(run) => client.post(&format!("/v1/runs/{run}/rerun")).await,
    }
}

/// The exit code of a command that only prepares.
const PREPARED: Exit = Exit::Success;
