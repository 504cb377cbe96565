//! Organizations, projects, workflows.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use api_types::{
    CreateOrganization, CreateProject, CreateWorkflow, CreatedOrganization, NewToken, Page,
    Project, ProjectMember, ProjectVersion, SetProjectRole, UpdateWorkflow, Workflow,
};
use engine::Name;
use engine::run::WorkflowPath;
use reqwest::Method;

use super::Context;
use crate::args::{
    ContractArg, OrgCommand, ProjectCommand, ProjectMemberArgs, ProjectMemberCommand,
    WorkflowCommand,
};
use crate::exit::{Exit, Failure, Result};
use crate::terminal::plain;

pub(super) async fn org(context: &Context, command: OrgCommand) -> Result {
    let OrgCommand::Create { name, owner, token_out } = command;
    let body = CreateOrganization { name, owner };
    let made: CreatedOrganization =
        context.client()?.send_json(Method::POST, "/v1/organizations", &body).await?;
    context.terminal.say(&format!(
        "made the organization `{}`; its token is shown only now",
        made.organization.name
    ));
    show(context, &made.token, token_out.as_deref())
}

pub(super) async fn project(context: &Context, command: ProjectCommand) -> Result {
    const ALL: &str = "/v1/projects";
    let client = context.client()?;
    match command {
        ProjectCommand::Create { name } => {
            let made: Project =
                client.send_json(Method::POST, ALL, &CreateProject { name }).await?;
            context.terminal.data(&format!("{}\n", made.name));
        }
        ProjectCommand::List { output } => {
            let page: Page<Project> = client.get(ALL).await?;
            let line = |one: &Project| format!("{}\n", one.name);
            context.answer(output, &page, || page.items.iter().map(line).collect())?;
        }
        ProjectCommand::Versions { name, output } => {
            let page: Page<ProjectVersion> = client.get(&format!("{ALL}/{name}/versions")).await?;
            context.answer(output, &page, || page.items.iter().map(version).collect())?;
        }
        ProjectCommand::Release { name, released } => {
            let path = format!("{ALL}/{name}/versions/{released}/release");
            let one: ProjectVersion = client.post(&path).await?;
            context.terminal.data(&version(&one));
        }
        ProjectCommand::Member(command) => return project_member(context, command).await,
    }
    Ok(Exit::Success)
}

async fn project_member(context: &Context, command: ProjectMemberCommand) -> Result {
    let at = |project: &Name| format!("/v1/projects/{project}/members");
    let client = context.client()?;
    match command {
        ProjectMemberCommand::List { project, output } => {
            let page: Page<ProjectMember> = client.get(&at(&project)).await?;
            context.answer(output, &page, || page.items.iter().map(member).collect())?;
        }
        ProjectMemberCommand::Set(ProjectMemberArgs { project, email, group, role }) => {
            let body = SetProjectRole { email, group, role: role.into() };
            let set = client.send_json(Method::PUT, &at(&project), &body).await?;
            context.terminal.data(&member(&set));
        }
        ProjectMemberCommand::Remove { project, id } => {
            client.delete(&format!("{}/{id}", at(&project))).await?;
        }
    }
    Ok(Exit::Success)
}

fn member(one: &ProjectMember) -> String {
    let whom = match (&one.email, &one.group) {
        (Some(email), _) => plain(email),
        (None, Some(group)) => format!("group {}", plain(group)),
        (None, None) => "nobody".to_owned(),
    };
    format!("{}  {whom}  {}\n", one.id, one.role)
}

fn version(one: &ProjectVersion) -> String {
    let ProjectVersion { project, version, released_at, attested, open, .. } = one;
    let released = released_at.map_or_else(String::new, |at| format!(", released at {at}"));
    format!("{project}@{version}: {attested} runs attested, {open} open{released}\n")
}

pub(super) async fn workflow(context: &Context, command: WorkflowCommand) -> Result {
    const ALL: &str = "/v1/workflows";
    let at = |path: &WorkflowPath| format!("{ALL}/{path}");
    let client = context.client()?;
    match command {
        WorkflowCommand::Create { path, contract, deadline_minutes } => {
            let (project, name) = (path.project, path.workflow);
            let ContractArg { name: contract, revision: contract_revision } = contract;
            let body =
                CreateWorkflow { project, name, contract, contract_revision, deadline_minutes };
            let made: Workflow = client.send_json(Method::POST, ALL, &body).await?;
            context.terminal.data(&line(&made));
        }
        WorkflowCommand::Delete { path } => {
            client.delete(&at(&path)).await?;
            context.terminal.data(&format!("deleted {path}\n"));
        }
        WorkflowCommand::Restore { path } => {
            let one: Workflow = client.post(&format!("{}/restore", at(&path))).await?;
            context.terminal.data(&line(&one));
        }
        WorkflowCommand::List { deleted, contract, output } => {
            let mut page: Page<Workflow> = client.get(&format!("{ALL}?deleted={deleted}")).await?;
            page.items.retain(|one| contract.as_ref().is_none_or(|name| *name == one.contract));
            context.answer(output, &page, || page.items.iter().map(line).collect())?;
        }
        WorkflowCommand::Show { path, output } => {
            let one: Workflow = client.get(&at(&path)).await?;
            context.answer(output, &one, || line(&one))?;
        }
        WorkflowCommand::Update { path, contract, deadline_minutes } => {
            let (contract, contract_revision) =
                contract.map_or((None, None), |one| (Some(one.name), one.revision));
            let body = UpdateWorkflow { contract, contract_revision, deadline_minutes };
            let one: Workflow = client.send_json(Method::PATCH, &at(&path), &body).await?;
            context.terminal.data(&line(&one));
        }
    }
    Ok(Exit::Success)
}

/// A workflow, and what its next run must meet.
fn line(one: &Workflow) -> String {
    let revision = one.contract_revision.map_or_else(String::new, |number| format!("@{number}"));
    let Workflow { project, name, contract, deadline_minutes, deleted_at, .. } = one;
    let deleted = deleted_at.map_or_else(String::new, |at| format!(", deleted at {at}"));
    format!(
        "{project}/{name} under {contract}{revision} within {deadline_minutes} minutes{deleted}\n"
    )
}

/// Shows a secret once, or writes it to a file that only its owner can read.
pub(super) fn show(context: &Context, token: &NewToken, file: Option<&Path>) -> Result {
    let Some(file) = file else {
        context.terminal.data(&format!("{}\n", token.secret));
        return Ok(Exit::Success);
    };
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    opened
        .and_then(|mut file| file.write_all(token.secret.as_bytes()))
        .map_err(|error| Failure::unexpected(&format!("cannot write {}", file.display()), error))?;
    Ok(Exit::Success)
}
