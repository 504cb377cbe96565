//! What is crafted for a run, kept on the server: so that jobs on other machines go on with it.

use api_types::{Added, Crafted, Crafting};
use engine::Digest;
use engine::id::RunId;

use super::Which;
use super::admission::{self, client_of};
use crate::args::ResumeArgs;
use crate::client::Client;
use crate::commands::Context;
use crate::exit::{Exit, Failure, Result};
use crate::state::{State, StateFile};

/// How often evidence is added again to what another job wrote meanwhile.
const ATTEMPTS_MAX: u32 = 20;

/// What this job crafts for: the run of its file, as it stands on the server where it is kept there; or the run of
/// another job that it was told to go on with.
pub(super) async fn state(
    context: &Context,
    file: &StateFile,
    resume: &ResumeArgs,
) -> Result<State> {
    let mut state = match (file.read()?, resume.run) {
        (Some(open), Some(asked)) if open.run.id != asked => {
            return Err(already_open(&open)
                .with_hint("push it or give it up first, or leave out --run and MUSTER_RUN"));
        }
        (Some(open), _) => open,
        (None, Some(asked)) => return join(context, file, resume, asked).await,
        (None, None) => {
            return Err(Failure::usage("this job has opened no run")
                .with_hint("begin with: muster attest init --workflow PROJECT/WORKFLOW"));
        }
    };
    if state.remote.is_some() {
        let client = client_of(context, file, &mut state).await?;
        refresh(&client, &mut state).await?;
    }
    Ok(state)
}

pub(super) fn already_open(open: &State) -> Failure {
    let run = &open.run;
    Failure::usage(format!(
        "this job has the run {} of {}/{} open",
        run.id, run.project, run.workflow
    ))
}

/// Goes on with the run of another job.
async fn join(
    context: &Context,
    file: &StateFile,
    resume: &ResumeArgs,
    id: RunId,
) -> Result<State> {
    let (client, token) = if context.token()?.is_some() {
        (context.client()?, None)
    } else {
        let which = Which::of(resume.workflow.clone(), None, None)?;
        admission::joining(context, &resume.identity, &which, Some(id)).await?
    };
    let (crafting, tag): (Crafting, _) = client.get_tagged(&path(id)).await?;
    let kept = crafting.crafted.zip(tag);
    let (crafted, tag) = kept.ok_or_else(|| not_kept(id))?;
    let mut state = State::new(client.server().to_owned(), crafting.run, crafted.started_at);
    state.materials = crafted.materials;
    state.remote = Some(tag);
    state.token = token;
    file.write(&state)?;
    Ok(state)
}

/// Keeps the state of a run that was just opened.
pub(super) async fn begin(client: &Client, state: &mut State) -> Result<()> {
    let tag = client.put_over(&path(state.run.id), &crafted(state), None).await?;
    state.remote = Some(tag.ok_or_else(|| not_kept(state.run.id))?);
    Ok(())
}

/// Adds evidence, and keeps it. What another job adds meanwhile is added to, never written over.
pub(super) async fn save(client: &Client, state: &mut State, added: &[Added]) -> Result<()> {
    for _attempt in 0..ATTEMPTS_MAX {
        for one in added {
            state.add(one.clone());
        }
        if state.remote.is_none() {
            return Ok(());
        }
        let path = path(state.run.id);
        let written = client.put_over(&path, &crafted(state), state.remote.as_deref()).await?;
        if written.is_some() {
            state.remote = written;
            return Ok(());
        }
        refresh(client, state).await?;
    }
    Err(Failure::new(Exit::TryAgain, "other jobs add to this run all the time")
        .with_hint("the evidence is stored: add it again"))
}

/// The bytes of evidence that another machine added, if this job may have them.
pub(super) async fn bytes(server: Option<&Client>, digest: Digest) -> Option<Vec<u8>> {
    let bytes = server?.bytes(&format!("/v1/blobs/{digest}")).await.ok()?;
    (Digest::of(&bytes) == digest).then_some(bytes)
}

async fn refresh(client: &Client, state: &mut State) -> Result<()> {
    let id = state.run.id;
    let (crafting, tag): (Crafting, _) = client.get_tagged(&path(id)).await?;
    let kept = crafting.crafted.zip(tag);
    let (crafted, tag) = kept.ok_or_else(|| not_kept(id))?;
    state.materials = crafted.materials;
    state.remote = Some(tag);
    Ok(())
}

fn crafted(state: &State) -> Crafted {
    Crafted { started_at: state.started_at, materials: state.materials.clone() }
}

fn not_kept(id: RunId) -> Failure {
    Failure::usage(format!("what is crafted for the run {id} is not kept on the server"))
        .with_hint("the job that opens it says so: muster attest init --remote-state")
}

fn path(id: RunId) -> String {
    format!("/v1/runs/{id}/crafting")
}
