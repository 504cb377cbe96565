//! `muster contract`: check, export, push, list.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use api_types::{ContractRevision, PutDocument};
use engine::Limits;
use engine::contract::{Compiled, Selector, opa_bundle};
use reqwest::Method;

use super::{Context, library, wait};
use crate::args::ContractCommand;
use crate::exit::{Exit, Failure, Result};
use crate::{craft, documents};

pub(super) fn run(context: &Context, command: ContractCommand) -> Result {
    match command {
        ContractCommand::Check { file } => check(context, &file),
        ContractCommand::Export { file, opa } => export(context, &file, &opa),
        ContractCommand::Push { file } => wait(push(context, &file)),
        ContractCommand::List => wait(list(context)),
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
    context
        .terminal
        .data(&format!("{} revision {} {}\n", revision.name, revision.revision, revision.digest));
    Ok(Exit::Success)
}

async fn list(context: &Context) -> Result {
    let contracts: Vec<ContractRevision> = context.client()?.get("/v1/contracts").await?;
    for contract in contracts {
        context.terminal.data(&format!(
            "{} revision {} {}\n",
            contract.name, contract.revision, contract.digest
        ));
    }
    Ok(Exit::Success)
}
