//! The steps of an attestation that is crafted over a whole job.

use std::collections::BTreeMap;
use std::path::{Path, absolute};

use engine::judge::{Exhibit, Label};
use engine::{Digest, Kind, Limits, Material};

use super::admission::{self, client_of};
use super::deliver::{Delivery, open_key, upload};
use super::{PREPARED, Which, fail, open_run};
use crate::args::{IdentityArgs, PushArgs};
use crate::commands::run::{cancel, state_word};
use crate::commands::{Context, library};
use crate::craft;
use crate::evidence::{self, Content, Given, Item};
use crate::exit::{Failure, Result};
use crate::report::{self, Output, Report};
use crate::state::{Added, State, StateFile};

fn lock(context: &Context) -> Result<StateFile> {
    StateFile::lock(&context.environment.state_directory(), &context.environment)
}

fn opened(file: &StateFile) -> Result<State> {
    file.read()?.ok_or_else(|| {
        Failure::usage("this job has opened no run")
            .with_hint("begin with: muster attest init --workflow PROJECT/WORKFLOW")
    })
}

pub(super) async fn init(
    context: &Context,
    which: &Which,
    replace: bool,
    identity: &IdentityArgs,
) -> Result {
    let file = lock(context)?;
    if !replace && let Some(open) = file.read()? {
        return Err(Failure::usage(format!(
            "this job has the run {} of {}/{} open",
            open.run.id, open.run.project, open.run.workflow
        ))
        .with_hint(
            "push it, give it up with `muster attest reset`, or begin anew with --replace",
        ));
    }
    let (client, token) = admission::client(context, identity, which).await?;
    let run = open_run(&client, which).await?;
    context.terminal.data(&format!(
        "{} under {} revision {}\n",
        run.id, run.contract.name, run.contract.revision
    ));
    let mut state = State::new(client.server().to_owned(), run, craft::now());
    state.token = token;
    file.write(&state)?;
    Ok(PREPARED)
}

pub(super) async fn add(context: &Context, given: &[Given]) -> Result {
    let file = lock(context)?;
    let mut state = opened(&file)?;
    let contract = craft::contract_of(&state.run, &library()?, &Limits::DEFAULT)?;
    // What is there already is not open for matching by kind.
    let mut remaining = contract.contract;
    let had: Vec<_> = state.materials.iter().map(|added| added.material.name.clone()).collect();
    let given_names: Vec<_> = given.iter().filter_map(|given| given.name.clone()).collect();
    remaining
        .materials
        .retain(|demand| !had.contains(&demand.name) || given_names.contains(&demand.name));
    let items = evidence::gather(given, &remaining, &Limits::DEFAULT)?;
    upload(context, &client_of(context, &file, &mut state).await?, &items).await?;
    for item in items {
        let material = item.exhibit.material.clone();
        context
            .terminal
            .data(&format!("{} {} {}\n", material.name, material.kind, material.digest));
        for problem in item.exhibit.problems() {
            context.terminal.say(&format!(
                "warning: `{}`: {} (at `{}`)",
                material.name, problem.message, problem.pointer
            ));
        }
        state.materials.retain(|added| added.material.name != material.name);
        state.materials.push(Added { path: remembered(&item.path), material });
    }
    file.write(&state)?;
    Ok(PREPARED)
}

/// A path that a later step finds from any directory; anything else as it was named.
fn remembered(path: &str) -> String {
    if !Path::new(path).exists() {
        return path.to_owned();
    }
    absolute(path).map_or_else(|_error| path.to_owned(), |path| path.display().to_string())
}

pub(super) fn status(context: &Context, outputs: &[Output]) -> Result {
    report::check(outputs)?;
    let file = lock(context)?;
    let state = opened(&file)?;
    let contract = craft::contract_of(&state.run, &library()?, &Limits::DEFAULT)?;
    let items: Vec<Item> = state.materials.iter().map(read_again).collect();
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
    let mut state = opened(&file)?;
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
        items: state.materials.iter().map(read_again).collect(),
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

pub(super) async fn reset(context: &Context, reason: String, failed: bool) -> Result {
    let file = lock(context)?;
    let mut state = opened(&file)?;
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
/// under its digest in any case.
fn read_again(added: &Added) -> Item {
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
