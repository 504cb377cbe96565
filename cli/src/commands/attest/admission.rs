//! Under which token a job works: one that was given, or one that its identity is exchanged for.

use api_types::{EXCHANGE_GRANT, ExchangeToken, JWT_TYPE, OpenedRun};
use engine::id::RunId;
use engine::run::WorkflowPath;
use engine::{Name, Timestamp};

use super::Which;
use crate::args::IdentityArgs;
use crate::client::Client;
use crate::commands::Context;
use crate::exit::{Exit, Failure, Result};
use crate::project_file::ProjectFile;
use crate::state::{Given, State, StateFile};
use crate::{ambient, craft};

/// How much longer than the next step a token must hold, in milliseconds; else it is replaced before.
const MARGIN_MS: i64 = 3 * 60_000;

/// A client that may open the run, and its token when that is good for this run alone.
pub(super) async fn client(
    context: &Context,
    identity: &IdentityArgs,
    which: &Which,
) -> Result<(Client, Option<Given>)> {
    if context.token()?.is_some() || !ambient::is_there(&context.environment) {
        return Ok((context.client()?, None));
    }
    joining(context, identity, which, None).await
}

/// A client for a run of the workflow, the open one where there is any, and the token that this job is given for it.
pub(super) async fn joining(
    context: &Context,
    identity: &IdentityArgs,
    which: &Which,
    run: Option<RunId>,
) -> Result<(Client, Option<Given>)> {
    let server = context.server()?;
    let file = ProjectFile::find()?;
    let Some(organization) = file.organization(identity.organization.clone()) else {
        return Err(Failure::usage("no token was given, and no organization to be let in by")
            .with_hint("set MUSTER_ORGANIZATION, give --organization, or say so in .muster.yaml; or set MUSTER_TOKEN"));
    };
    let Which::Of(workflow, _version) = which else {
        return Err(Failure::usage("a job without a token cannot repeat a run")
            .with_hint("name the workflow: --workflow PROJECT/WORKFLOW; or set MUSTER_TOKEN"));
    };
    let audience = identity.audience.as_deref().unwrap_or(server).trim_end_matches('/');
    let job = Job { organization, workflow: workflow.clone(), run };
    let given = exchange(context, server, &job, audience).await?;
    Ok((Client::new(server, given.secret())?, Some(given)))
}

/// The client for a run that is open. The token of this job is replaced before it ends.
pub(super) async fn client_of(
    context: &Context,
    file: &StateFile,
    state: &mut State,
) -> Result<Client> {
    let given = match &state.token {
        Some(given) if context.token()?.is_none() => given,
        _ => return context.client(),
    };
    let server = context.server()?;
    if given.expires_at.as_millis() > craft::now().as_millis().saturating_add(MARGIN_MS) {
        return Client::new(server, given.secret());
    }
    let OpenedRun { id, organization, project, workflow, .. } = state.run.clone();
    let workflow = WorkflowPath { project, workflow };
    let job = Job { organization, workflow, run: Some(id) };
    let renewed = exchange(context, server, &job, &given.audience).await;
    let renewed = renewed.map_err(|failure| Failure {
        message: format!(
            "the token that this job was given ended at {}, and it was given no other: {}",
            given.expires_at, failure.message
        ),
        hint: Some("begin anew, later in the job: muster attest init --replace".to_owned()),
        ..failure
    })?;
    let client = Client::new(server, renewed.secret());
    state.token = Some(renewed);
    file.write(state)?;
    client
}

/// What a job asks for.
struct Job {
    organization: Name,
    workflow: WorkflowPath,
    run: Option<RunId>,
}

async fn exchange(context: &Context, server: &str, job: &Job, audience: &str) -> Result<Given> {
    let token = ambient::token(&context.environment, audience).await?;
    let token = token.ok_or_else(|| {
        Failure::new(Exit::Forbidden, "the CI system issues no identity token to this step")
    })?;
    let asked = ExchangeToken {
        grant_type: EXCHANGE_GRANT.to_owned(),
        subject_token: token,
        subject_token_type: JWT_TYPE.to_owned(),
        organization: job.organization.clone(),
        workflow: job.workflow.to_string(),
        run: job.run,
    };
    let (secret, seconds) = Client::exchange(server, &asked).await?;
    Ok(Given::new(secret, ends(seconds), audience.to_owned()))
}

fn ends(seconds: u64) -> Timestamp {
    let ms = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000);
    craft::now().plus_millis(ms)
}
