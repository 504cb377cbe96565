//! `muster backend`: where an organization keeps its blobs.

mod moving;
mod sweeping;

use std::io::Read;
use std::path::Path;

use api_types::{
    Backend, BackendCredentials, BackendRole, CreateBackend, Page, SetBackendCredentials,
    SetBackendRole,
};
use reqwest::Method;

use super::Context;
use crate::args::{BackendArgs, BackendCommand, BackendCreateArgs, Form, NameArg};
use crate::exit::{Exit, Failure, Result};
use crate::keys;
use crate::terminal::plain;

/// Most bytes of credentials that are read.
const CREDENTIALS_BYTES_MAX: u64 = 64 << 10;

pub(super) async fn run(context: &Context, command: BackendCommand) -> Result {
    match command {
        BackendCommand::Create(args) => create(context, args).await,
        BackendCommand::List { output } => list(context, output).await,
        BackendCommand::Show(BackendArgs { name, output }) => {
            let backend: Backend = context.client()?.get(&path(&name)).await?;
            answer(context, output, &backend)
        }
        BackendCommand::Check(args) => check(context, args).await,
        BackendCommand::Default(args) => role(context, args, BackendRole::Default).await,
        BackendCommand::Fallback(args) => role(context, args, BackendRole::Fallback).await,
        BackendCommand::Rest(args) => role(context, args, BackendRole::None).await,
        BackendCommand::Credentials { name, credentials_file, output } => {
            let body = SetBackendCredentials { credentials: credentials(&credentials_file)? };
            let path = format!("{}/credentials", path(&name));
            let backend: Backend = context.client()?.send_json(Method::PUT, &path, &body).await?;
            answer(context, output, &backend)
        }
        BackendCommand::Move(args) => moving::run(context, args).await,
        BackendCommand::Sweep(args) => sweeping::run(context, args).await,
        BackendCommand::Delete { name, leave_bytes } => {
            let query = if leave_bytes { "?leave_bytes=true" } else { "" };
            context.client()?.delete(&format!("{}{query}", path(&name))).await?;
            context.terminal.say(&format!("deleted the backend `{name}`"));
            Ok(Exit::Success)
        }
    }
}

fn path(name: &NameArg) -> String {
    format!("/v1/backends/{name}")
}

async fn create(context: &Context, args: BackendCreateArgs) -> Result {
    let BackendCreateArgs { name, place, credentials_file, organization, output } = args;
    let credentials = credentials_file.as_deref().map(credentials).transpose()?;
    let path = match &organization {
        Some(organization) => format!("/v1/organizations/{organization}/backends"),
        None => "/v1/backends".to_owned(),
    };
    let body = CreateBackend { name, place, credentials };
    let backend: Backend = context.client()?.send_json(Method::POST, &path, &body).await?;
    answer(context, output, &backend)?;
    let name = &backend.name;
    context.terminal.say(&format!("it takes no blobs yet: muster backend default {name}"));
    Ok(Exit::Success)
}

async fn list(context: &Context, output: Form) -> Result {
    let page: Page<Backend> = context.client()?.get("/v1/backends").await?;
    context.answer(output, &page, || page.items.iter().map(line).collect())?;
    Ok(Exit::Success)
}

async fn check(context: &Context, BackendArgs { name, output }: BackendArgs) -> Result {
    let path = format!("{}/check", path(&name));
    let backend: Backend = context.client()?.post(&path).await?;
    answer(context, output, &backend)?;
    Ok(if backend.failing_since.is_some() { Exit::TryAgain } else { Exit::Success })
}

async fn role(
    context: &Context,
    BackendArgs { name, output }: BackendArgs,
    role: BackendRole,
) -> Result {
    let path = format!("{}/role", path(&name));
    let body = SetBackendRole { role };
    let backend: Backend = context.client()?.send_json(Method::PUT, &path, &body).await?;
    answer(context, output, &backend)
}

/// What opens a backend. What is in the file is not repeated in any message.
fn credentials(file: &Path) -> Result<BackendCredentials> {
    let text = if file == Path::new("-") {
        let mut text = String::new();
        let read = std::io::stdin().take(CREDENTIALS_BYTES_MAX).read_to_string(&mut text);
        read.map_err(|error| Failure::usage(format!("cannot read the credentials: {error}")))?;
        text
    } else {
        keys::read(file)?
    };
    control::Credentials::parse(&text)
        .map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?;
    serde_json::from_str(&text)
        .map(BackendCredentials)
        .map_err(|_secret| Failure::usage(format!("{}: this is not JSON", file.display())))
}

fn answer(context: &Context, output: Form, backend: &Backend) -> Result {
    context.answer(output, backend, || line(backend) + &details(backend))?;
    Ok(Exit::Success)
}

/// The name, the role, whether it works, how much is in it and where it is.
fn line(backend: &Backend) -> String {
    let Backend { name, place, blobs, bytes, .. } = backend;
    let role = match backend.role {
        BackendRole::Default => "default",
        BackendRole::Fallback => "fallback",
        BackendRole::None => "-",
    };
    let health = if backend.failing_since.is_some() { "failing" } else { "works" };
    format!("{name}  {role:<8}  {health:<7}  {blobs} blobs, {bytes} bytes  {}\n", plain(place))
}

fn details(backend: &Backend) -> String {
    let failing = backend.failing_since.zip(backend.failure.as_ref());
    let failing = failing.map(|(since, why)| format!("  failing since {since}: {}\n", plain(why)));
    let removing = (backend.removing > 0)
        .then(|| format!("  {} blobs left it, and are still to be removed\n", backend.removing));
    let kept = backend.removal_failure.as_ref();
    let kept = kept.map(|why| format!("  it does not let go of blobs: {}\n", plain(why)));
    [failing, removing, kept].into_iter().flatten().collect()
}
