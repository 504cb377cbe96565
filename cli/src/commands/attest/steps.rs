//! The steps of an attestation that is crafted over a whole job.

use std::collections::BTreeMap;
use std::path::{Path, absolute};

use api_types::Added;
use engine::judge::{Exhibit, Label};
use engine::material::Problem;
use engine::{Digest, Kind, Limits, Material};

use super::admission::{self, client_of};
use super::deliver::{Delivery, open_key, upload};
use super::remote::{self, already_open};
use super::{Begin, PREPARED, fail, open_run};
use crate::args::{IdentityArgs, PushArgs, ResumeArgs};
use crate::client::Client;
use crate::commands::run::{cancel, state_word};
use crate::commands::{Context, library};
use crate::craft;
use crate::evidence::{self, Content, Given, Item};
use crate::exit::{Failure, Result};
use crate::report::{self, Output, Report};
use crate::state::{State, StateFile};

fn lock(context: &Context) -> Result<StateFile> {
    StateFile::lock(&context.environment.state_directory(), &context.environment)
}

pub(super) async fn init(context: &Context, begin: &Begin, identity: &IdentityArgs) -> Result {
    let file = lock(context)?;
    if !begin.replace
        && let Some(open) = file.read()?
    {
        return Err(already_open(&open).with_hint(
            "push it, give it up with `muster attest reset`, or begin anew with --replace",
        ));
    }
    let (client, token) = admission::client(context, identity, &begin.which).await?;
    let run = open_run(&client, &begin.which).await?;
    let shown =
        format!("{} under {} revision {}\n", run.id, run.contract.name, run.contract.revision);
    let mut state = State::new(client.server().to_owned(), run, craft::now());
    state.token = token;
    if begin.remote_state
        && let Err(failure) = remote::begin(&client, &mut state).await
    {
        // Nobody will come back to this run. Why it is not kept matters more than whether that could be noted.
        let _left_open = fail(&client, state.run.id, &failure.message).await;
        return Err(failure);
    }
    file.write(&state)?;
    context.terminal.data(&shown);
    Ok(PREPARED)
}

pub(super) async fn add(context: &Context, given: &[Given], resume: &ResumeArgs) -> Result {
    let file = lock(context)?;
    let mut state = remote::state(context, &file, resume).await?;
    let contract = craft::contract_of(&state.run, &library()?, &Limits::DEFAULT)?;
    // What is there already is not open for matching by kind.
    let mut remaining = contract.contract;
    let had: Vec<_> = state.materials.iter().map(|added| added.material.name.clone()).collect();
    let given_names: Vec<_> = given.iter().filter_map(|given| given.name.clone()).collect();
    remaining
        .materials
        .retain(|demand| !had.contains(&demand.name) || given_names.contains(&demand.name));
    let items = evidence::gather(given, &remaining, &Limits::DEFAULT)?;
    let client = client_of(context, &file, &mut state).await?;
    upload(context, &client, &items).await?;
    let added: Vec<Added> = items.iter().map(|item| shown(context, item)).collect();
    remote::save(&client, &mut state, &added).await?;
    file.write(&state)?;
    Ok(PREPARED)
}

/// Says what was added, and what is wrong with it.
fn shown(context: &Context, item: &Item) -> Added {
    let material = item.exhibit.material.clone();
    let Material { name, kind, digest, .. } = &material;
    context.terminal.data(&format!("{name} {kind} {digest}\n"));
    for problem in item.exhibit.problems() {
        let Problem { message, pointer } = problem;
        context.terminal.say(&format!("warning: `{name}`: {message} (at `{pointer}`)"));
    }
    Added { path: remembered(&item.path), material }
}

/// A path that a later step finds from any directory; anything else as it was named.
fn remembered(path: &str) -> String {
    if !Path::new(path).exists() {
        return path.to_owned();
    }
    absolute(path).map_or_else(|_error| path.to_owned(), |path| path.display().to_string())
}

pub(super) async fn status(context: &Context, outputs: &[Output], resume: &ResumeArgs) -> Result {
    report::check(outputs)?;
    let file = lock(context)?;
    let mut state = remote::state(context, &file, resume).await?;
    let contract = craft::contract_of(&state.run, &library()?, &Limits::DEFAULT)?;
    let client = match &state.remote {
        Some(_) => Some(client_of(context, &file, &mut state).await?),
        None => None,
    };
    let items = read_all_again(client.as_ref(), &state).await;
    let workflow = Some(craft::workflow_of(&state.run));
    let circumstances =
        craft::circumstances(&contract.contract, workflow, &BTreeMap::new(), &context.environment);
    let exhibits = items.iter().map(|item| item.exhibit.clone()).collect();
    let record = craft::check(&state.run, &contract, &circumstances, exhibits);
    let report = Report {
        record,
        contract: format!(
            "{} revision {}, as it stands",
            state.run.contract.name, state.run.contract.revision
        ),
        contract_path: format!("{}.yaml", state.run.contract.name),
        paths: items
            .into_iter()
            .map(|item| (item.exhibit.material.name.to_string(), item.path))
            .collect(),
    };
    report.write(outputs, &context.terminal)?;
    Ok(PREPARED)
}

pub(super) async fn push(context: &Context, args: PushArgs) -> Result {
    report::check(&args.output)?;
    let file = lock(context)?;
    let mut state = remote::state(context, &file, &args.resume).await?;
    let client = client_of(context, &file, &mut state).await?;
    if client.server() != state.server {
        return Err(Failure::usage(format!(
            "this run was opened on {}, not on {}",
            state.server,
            client.server()
        )));
    }
    let key = open_key(context, &args.signing)?;
    let delivery = Delivery {
        contract: craft::contract_of(&state.run, &library()?, &Limits::DEFAULT)?,
        items: read_all_again(state.remote.as_ref().map(|_| &client), &state).await,
        run: state.run,
        annotations: args.annotation.into_iter().collect(),
        started_at: state.started_at,
        bundle_out: args.signing.bundle_out,
        outputs: args.output,
    };
    let exit = delivery.deliver(context, &client, key).await?;
    file.remove()?;
    Ok(exit)
}

pub(super) async fn reset(
    context: &Context,
    reason: String,
    failed: bool,
    resume: &ResumeArgs,
) -> Result {
    let file = lock(context)?;
    let mut state = remote::state(context, &file, resume).await?;
    let (id, client) = (state.run.id, client_of(context, &file, &mut state).await?);
    let run = if failed {
        fail(&client, id, &reason).await?
    } else {
        cancel(&client, id, reason).await?
    };
    file.remove()?;
    context.terminal.data(&format!("{} {}\n", run.id, state_word(run.state)));
    Ok(PREPARED)
}

/// The evidence as it was added: read again for the job's own check, if it is still what it was. The server has it
/// under its digest in any case; what another machine added is had from there.
async fn read_all_again(server: Option<&Client>, state: &State) -> Vec<Item> {
    let mut items = Vec::with_capacity(state.materials.len());
    for added in &state.materials {
        items.push(read_again(server, added).await);
    }
    items
}

async fn read_again(server: Option<&Client>, added: &Added) -> Item {
    let Material { name, kind, digest, size, source, .. } = added.material.clone();
    let label = Label { name, kind, digest, source, size };
    let max = Limits::DEFAULT.evidence_bytes_max;
    let exhibit = if added.material.reference_only {
        Exhibit::reference(label)
    } else if kind == Kind::Artifact {
        Exhibit::opaque(label)
    } else if size > max {
        Exhibit::missing(label, format!("it has {size} bytes, more than the limit of {max}"))
    } else if let Some(bytes) = unchanged(&added.path, digest, max) {
        Exhibit::read(label, &bytes, &Limits::DEFAULT)
    } else if let Some(bytes) = remote::bytes(server, digest).await {
        Exhibit::read(label, &bytes, &Limits::DEFAULT)
    } else {
        Exhibit::missing(label, "it is not on this machine any more as it was added".to_owned())
    };
    Item { exhibit, content: Content::Reference, path: added.path.clone() }
}

/// The bytes that were added, if they can still be had: of a file, of the manifest in an image layout, of a text.
fn unchanged(path: &str, digest: Digest, max: u64) -> Option<Vec<u8>> {
    let place = Path::new(path);
    let bytes = if place.is_dir() {
        let manifest = place.join("blobs/sha256").join(digest.to_hex());
        evidence::read_bounded(&manifest, max).ok()?
    } else if place.is_file() {
        evidence::read_bounded(place, max).ok()?
    } else {
        path.strip_prefix("text:")?.as_bytes().to_vec()
    };
    (Digest::of(&bytes) == digest).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_judged_again_only_while_it_is_what_was_added() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(place("file"), "same").unwrap();
        let digest = Digest::of("same");
        let blobs = folder.path().join("layout/blobs/sha256");
        std::fs::create_dir_all(&blobs).unwrap();
        std::fs::write(blobs.join(digest.to_hex()), "same").unwrap();
        for (path, found) in [
            (place("file"), true),
            (place("layout"), true),
            ("text:same".to_owned(), true),
            ("text:other".to_owned(), false),
            (place("gone"), false),
            ("-".to_owned(), false),
        ] {
            assert_eq!(unchanged(&path, digest, 100).is_some(), found, "{path}");
        }
        std::fs::write(place("file"), "other").unwrap();
        std::fs::write(blobs.join(digest.to_hex()), "other").unwrap();
        assert!(unchanged(&place("file"), digest, 100).is_none());
        assert!(unchanged(&place("layout"), digest, 100).is_none());
    }
}
