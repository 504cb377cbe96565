//! `muster contract`: check, export, push, list, show, diff.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use api_types::{ContractRevision, Page, PutDocument};
use engine::Limits;
use engine::contract::{Compiled, Difference, Selector, differences, opa_bundle};
use engine::document::Document;
use reqwest::Method;
use serde_json::Value;

use super::{Context, library, wait};
use crate::args::{ContractArg, ContractCommand, Form, NameArg};
use crate::client::Client;
use crate::exit::{Exit, Failure, Result};
use crate::terminal::plain;
use crate::{craft, documents};

pub(super) fn run(context: &Context, command: ContractCommand) -> Result {
    match command {
        ContractCommand::Check { file } => check(context, &file),
        ContractCommand::Export { file, opa } => export(context, &file, &opa),
        ContractCommand::Push { file } => wait(push(context, &file)),
        ContractCommand::Delete { name } => wait(delete(context, name)),
        ContractCommand::Restore { name } => wait(restore(context, name)),
        ContractCommand::List { deleted, output } => wait(list(context, deleted, output)),
        ContractCommand::Show { contract, output } => wait(show(context, contract, output)),
        ContractCommand::Diff { from, to, exit_code, output } => {
            wait(diff(context, from, to, exit_code, output))
        }
    }
}

fn check(context: &Context, file: &Path) -> Result {
    let (_, contract) = documents::contract(file, &library()?, &Limits::DEFAULT)?;
    context.terminal.data(&describe(&contract));
    Ok(Exit::Success)
}

fn describe(compiled: &Compiled) -> String {
    let contract = &compiled.contract;
    let mut text = format!("{} {}\n", contract.name, compiled.digest);
    for demand in &contract.materials {
        let group = demand.group.as_ref().map(|group| format!("at least one of `{group}`"));
        let need = group
            .unwrap_or_else(|| if demand.optional { "optional" } else { "required" }.to_owned());
        let output = if demand.output { ", a subject" } else { "" };
        let _infallible = writeln!(
            text,
            "  material {:<16} {:<20} {need}{output}",
            demand.name.as_str(),
            demand.kind.name()
        );
    }
    for (attachment, demand) in compiled.attachments().iter().zip(&contract.policies) {
        let on = match &attachment.on {
            None => "the run".to_owned(),
            Some(Selector::Material(name)) => name.to_string(),
            Some(Selector::Kind(kind)) => format!("every {kind}"),
            Some(Selector::Prefix(prefix)) => format!("{prefix}*"),
        };
        let mode = format!("{:?}", demand.mode).to_lowercase();
        let after =
            demand.enforce_after.map_or_else(String::new, |after| format!(" after {after}"));
        let _infallible = writeln!(
            text,
            "  policy   {:<16} on {on}, {mode}{after}",
            attachment.policy.name.as_str()
        );
    }
    text
}

fn export(context: &Context, file: &Path, directory: &Path) -> Result {
    let (_, contract) = documents::contract(file, &library()?, &Limits::DEFAULT)?;
    if fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Failure::usage(format!("{} is not empty", directory.display()))
            .with_hint("name a new directory"));
    }
    let files =
        opa_bundle(&contract, craft::now()).map_err(|error| Failure::usage(error.to_string()))?;
    for (name, text) in &files {
        let path = directory.join(name);
        let failed =
            |error| Failure::unexpected(&format!("cannot write {}", path.display()), error);
        fs::create_dir_all(path.parent().unwrap_or(directory)).map_err(failed)?;
        fs::write(&path, text).map_err(failed)?;
    }
    context
        .terminal
        .say(&format!("wrote {} files; query data.muster.verdict.verdict", files.len()));
    Ok(Exit::Success)
}

async fn push(context: &Context, file: &Path) -> Result {
    let (source, _) = documents::contract(file, &library()?, &Limits::DEFAULT)?;
    let body = PutDocument { source: source.text, files: source.files };
    let revision: ContractRevision =
        context.client()?.send_json(Method::PUT, "/v1/contracts", &body).await?;
    context.terminal.data(&line(&revision));
    Ok(Exit::Success)
}

async fn delete(context: &Context, name: NameArg) -> Result {
    context.client()?.delete(&format!("/v1/contracts/{name}")).await?;
    context.terminal.data(&format!("deleted {name}\n"));
    Ok(Exit::Success)
}

async fn restore(context: &Context, name: NameArg) -> Result {
    let restored: ContractRevision =
        context.client()?.post(&format!("/v1/contracts/{name}/restore")).await?;
    context.terminal.data(&line(&restored));
    Ok(Exit::Success)
}

async fn list(context: &Context, deleted: bool, output: Form) -> Result {
    let path = format!("/v1/contracts?deleted={deleted}");
    let page: Page<ContractRevision> = context.client()?.get(&path).await?;
    context.answer(output, &page, || page.items.iter().map(line).collect())?;
    Ok(Exit::Success)
}

async fn show(context: &Context, contract: ContractArg, output: Form) -> Result {
    let revision = revision(&context.client()?, &contract).await?;
    context.answer(output, &revision, || format!("{}\n", revision.source.trim_end()))?;
    Ok(Exit::Success)
}

/// From a revision to a later one; or from the latest to a file, which would be the next.
async fn diff(
    context: &Context,
    from: String,
    to: Option<ContractArg>,
    exit_code: bool,
    output: Form,
) -> Result {
    let client = context.client()?;
    let file = Path::new(&from);
    let (before, after) = if file.is_file() {
        let (_, written) = documents::contract(file, &library()?, &Limits::DEFAULT)?;
        let name = written.contract.name.clone();
        let held = to.unwrap_or(ContractArg { name, revision: None });
        (compiled(&revision(&client, &held).await?)?, written)
    } else {
        let from: ContractArg = from
            .parse()
            .map_err(|error| Failure::usage(format!("{error}; and there is no file `{from}`")))?;
        let to = to.unwrap_or_else(|| ContractArg { revision: None, ..from.clone() });
        let (before, after) = (revision(&client, &from).await?, revision(&client, &to).await?);
        (compiled(&before)?, compiled(&after)?)
    };
    let found = differences(&before, &after)
        .map_err(|error| Failure::unexpected("the contracts cannot be compared", error))?;
    context.answer(output, &found, || found.iter().map(difference).collect())?;
    Ok(if exit_code && !found.is_empty() { Exit::Failed } else { Exit::Success })
}

async fn revision(client: &Client, contract: &ContractArg) -> Result<ContractRevision> {
    let ContractArg { name, revision } = contract;
    let which = revision.map_or_else(String::new, |number| format!("?revision={number}"));
    client.get(&format!("/v1/contracts/{name}{which}")).await
}

pub(super) fn compiled(revision: &ContractRevision) -> Result<Compiled> {
    let ContractRevision { name, revision: number, source, files, .. } = revision;
    let wrong = |error: &dyn std::fmt::Display| {
        Failure::unexpected(&format!("{name}@{number} does not compile here"), error)
    };
    let document = Document::parse(source, &Limits::DEFAULT).map_err(|error| wrong(&error))?;
    Compiled::compile(&document, files, &library()?, &Limits::DEFAULT)
        .map_err(|error| wrong(&error))
}

pub(super) fn difference(one: &Difference) -> String {
    let Difference { at, before, after } = one;
    let at = plain(at);
    match (before, after) {
        (None, after) => format!("+ {at}  {}\n", shown(after.as_ref())),
        (before, None) => format!("- {at}  {}\n", shown(before.as_ref())),
        (before, after) => {
            format!("~ {at}  {} -> {}\n", shown(before.as_ref()), shown(after.as_ref()))
        }
    }
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(String::new, |value| plain(&value.to_string()))
}

fn line(one: &ContractRevision) -> String {
    let deleted = one.deleted_at.map_or_else(String::new, |at| format!(", deleted at {at}"));
    format!("{} revision {} {}{deleted}\n", one.name, one.revision, one.digest)
}
