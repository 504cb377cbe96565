//! Workflows: what runs, and the contract that its runs must meet.

use std::collections::BTreeMap;

use engine::id::{ContractId, OrganizationId, ProjectId, WorkflowId};
use engine::run::WorkflowPath;
use engine::{Digest, Name};
use serde_json::{Value, json};

use crate::actor::{Actor, Permission, Within};
use crate::audit::Change;
use crate::store::{Reader, Tx};
use crate::{Control, Error, Expected, Result, Workflow, audit, contracts, fresh, now, store};

/// How long a run waits for its attestation when its workflow does not say, in minutes: a day.
pub const DEADLINE_MINUTES: u32 = 24 * 60;
/// The longest that a workflow may say, in minutes: thirty days.
pub const DEADLINE_MINUTES_MAX: u32 = 30 * 24 * 60;

/// What runs of a workflow must meet, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The contract.
    pub contract: Name,
    /// The revision of it; none is the latest, whichever that is when a run is opened.
    pub contract_revision: Option<u32>,
    /// How long they wait for their attestation, in minutes; [`DEADLINE_MINUTES`] when none.
    pub deadline_minutes: Option<u32>,
}

impl Terms {
    /// The latest revision of a contract, within the usual time.
    pub fn of(contract: Name) -> Self {
        Self { contract, contract_revision: None, deadline_minutes: None }
    }
}

/// What is to be different about a workflow; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkflowUpdate {
    /// The contract. Named without a revision, the latest is followed.
    pub contract: Option<Name>,
    /// The revision to stay at.
    pub contract_revision: Option<u32>,
    /// How long runs wait for their attestation, in minutes.
    pub deadline_minutes: Option<u32>,
}

impl Control {
    /// Makes a workflow.
    pub async fn create_workflow(
        &self,
        actor: &Actor,
        path: WorkflowPath,
        terms: Terms,
    ) -> Result<Workflow> {
        let (org, within) = actor.authorize_within(Permission::EditWorkflows)?;
        check_deadline(terms.deadline_minutes)?;
        let read = self.store.read();
        let project = read.project_by_name(org, &path.project).await?;
        let project = project
            .filter(|project| within.has(project.id))
            .ok_or_else(|| Error::not_found("project", &path.project))?;
        let Terms { contract, contract_revision, deadline_minutes } = terms;
        let workflow = store::Workflow {
            id: WorkflowId(fresh()),
            org,
            project: project.id,
            name: path.workflow.clone(),
            contract: contract_at(&read, org, &contract, contract_revision).await?,
            contract_revision,
            created_at: now(),
            deadline_minutes,
            deleted_at: None,
        };
        let change = Change::made(side(&workflow, &contract));
        let event = audit::event(actor, Some(org), "workflow.create", &path, change);
        let saved = workflow.clone();
        self.store
            .write(move |tx| {
                let (workflow, event) = (saved.clone(), event.clone());
                Box::pin(async move {
                    keep_contract(&tx, &workflow).await?;
                    tx.insert_workflow(&workflow).await?;
                    tx.insert_audit(&[event]).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        Ok(view(workflow, project.name, contract))
    }

    /// Lists workflows, or those that were deleted.
    pub async fn workflows(&self, actor: &Actor, deleted: bool) -> Result<Vec<Workflow>> {
        let (org, within) = actor.authorize_within(Permission::ReadProjects)?;
        let read = self.store.read();
        let names = Names::load(&read, org).await?;
        let contracts: BTreeMap<ContractId, Name> = read
            .contracts(org)
            .await?
            .into_iter()
            .map(|contract| (contract.id, contract.name))
            .collect();
        let workflows = read.workflows(org, None).await?;
        workflows
            .into_iter()
            .filter(|workflow| workflow.deleted_at.is_some() == deleted)
            .filter(|workflow| within.has(workflow.project))
            .map(|workflow| {
                let project = names.project(workflow.project)?;
                let contract = contracts.get(&workflow.contract).cloned();
                let lost = || Error::internal("a workflow has no contract");
                Ok(view(workflow, project, contract.ok_or_else(lost)?))
            })
            .collect()
    }

    /// Shows a workflow.
    pub async fn workflow(&self, actor: &Actor, path: &WorkflowPath) -> Result<Workflow> {
        let (org, within) = actor.authorize_within(Permission::ReadProjects)?;
        let read = self.store.read();
        let workflow = find_within(&read, org, &within, path).await?;
        let contract = contract_of(&read, &workflow).await?;
        Ok(view(workflow, path.project.clone(), contract))
    }

    /// Changes what the next runs of a workflow must meet. Runs that are open stay under what they were opened under.
    pub async fn update_workflow(
        &self,
        actor: &Actor,
        path: WorkflowPath,
        update: WorkflowUpdate,
    ) -> Result<Workflow> {
        self.update_workflow_over(actor, path, update, Expected::default()).await
    }

    /// The same over what the caller has read.
    pub async fn update_workflow_over(
        &self,
        actor: &Actor,
        path: WorkflowPath,
        update: WorkflowUpdate,
        expected: Expected,
    ) -> Result<Workflow> {
        let (org, within) = actor.authorize_within(Permission::EditWorkflows)?;
        check_deadline(update.deadline_minutes)?;
        if update == WorkflowUpdate::default() {
            return Err(Error::invalid(
                "nothing is to be changed: name a contract, a revision or a deadline",
            ));
        }
        let actor = actor.clone();
        self.store
            .write(move |tx| {
                let (actor, path, update) = (actor.clone(), path.clone(), update.clone());
                let (within, expected) = (within.clone(), expected.clone());
                Box::pin(async move {
                    let before = find_within(&tx, org, &within, &path).await?;
                    standing(&before, &path)?;
                    let old = contract_of(&tx, &before).await?;
                    let there = view(before.clone(), path.project.clone(), old.clone()).tag();
                    expected.check("workflow", Some(&there))?;
                    let (after, contract) = updated(&tx, &before, &old, update).await?;
                    if after != before {
                        let change = Change::of(side(&before, &old), side(&after, &contract));
                        let action = "workflow.update";
                        keep_contract(&tx, &after).await?;
                        tx.replace_workflow(&before, &after).await?;
                        let event = audit::event(&actor, Some(org), action, &path, change);
                        tx.insert_audit(&[event]).await?;
                    }
                    Ok::<_, Error>(view(after, path.project, contract))
                })
            })
            .await
    }

    /// Deletes a workflow: no run of it is opened any more. Its runs, and what they attested, stay; those that are open
    /// can be finished.
    pub async fn delete_workflow(&self, actor: &Actor, path: WorkflowPath) -> Result<()> {
        let (org, within) = actor.authorize_within(Permission::EditWorkflows)?;
        let (actor, at) = (actor.clone(), now());
        self.store
            .write(move |tx| {
                let (actor, path, within) = (actor.clone(), path.clone(), within.clone());
                Box::pin(async move {
                    let before = find_within(&tx, org, &within, &path).await?;
                    standing(&before, &path)?;
                    tx.set_workflow_deleted(&before, Some(at)).await?;
                    let contract = contract_of(&tx, &before).await?;
                    let after = json!({ "id": before.id, "deleted_at": at });
                    let change = Change::of(side(&before, &contract), after);
                    let event = audit::event(&actor, Some(org), "workflow.delete", &path, change);
                    tx.insert_audit(&[event]).await?;
                    Ok::<_, Error>(())
                })
            })
            .await
    }

    /// Restores a workflow that was deleted, under the contract that it was under.
    pub async fn restore_workflow(&self, actor: &Actor, path: WorkflowPath) -> Result<Workflow> {
        let (org, within) = actor.authorize_within(Permission::EditWorkflows)?;
        let actor = actor.clone();
        self.store
            .write(move |tx| {
                let (actor, path, within) = (actor.clone(), path.clone(), within.clone());
                Box::pin(async move {
                    let before = find_within(&tx, org, &within, &path).await?;
                    let Some(at) = before.deleted_at else {
                        return Err(Error::Conflict(format!(
                            "the workflow `{path}` is not deleted"
                        )));
                    };
                    keep_contract(&tx, &before).await?;
                    tx.set_workflow_deleted(&before, None).await?;
                    let contract = contract_of(&tx, &before).await?;
                    let change = Change::of(
                        json!({ "id": before.id, "deleted_at": at }),
                        side(&before, &contract),
                    );
                    let event = audit::event(&actor, Some(org), "workflow.restore", &path, change);
                    tx.insert_audit(&[event]).await?;
                    let after = store::Workflow { deleted_at: None, ..before };
                    Ok(view(after, path.project, contract))
                })
            })
            .await
    }
}

/// Refuses a workflow that was deleted.
pub(crate) fn standing(workflow: &store::Workflow, path: &WorkflowPath) -> Result<()> {
    let Some(at) = workflow.deleted_at else { return Ok(()) };
    Err(Error::NotFound(format!("the workflow `{path}` was deleted at {at}: restore it first")))
}

/// Refuses to put a workflow under a contract that was deleted, and keeps others from deleting it meanwhile.
async fn keep_contract(tx: &Tx<'_>, workflow: &store::Workflow) -> Result<()> {
    tx.take_turn().await?;
    let contract = tx.contract(workflow.org, workflow.contract).await?;
    contracts::standing(&contract.ok_or_else(|| Error::internal("a workflow has no contract"))?)
}

/// The workflow as it is to be, and the name of its contract.
async fn updated(
    read: &Reader<'_>,
    before: &store::Workflow,
    old: &Name,
    update: WorkflowUpdate,
) -> Result<(store::Workflow, Name)> {
    let WorkflowUpdate { contract, contract_revision, deadline_minutes } = update;
    let mut after = before.clone();
    after.deadline_minutes = deadline_minutes.or(before.deadline_minutes);
    if contract.is_none() && contract_revision.is_none() {
        return Ok((after, old.clone()));
    }
    let contract = contract.unwrap_or_else(|| old.clone());
    after.contract = contract_at(read, before.org, &contract, contract_revision).await?;
    after.contract_revision = contract_revision;
    Ok((after, contract))
}

/// The contract of that name, which has that revision.
async fn contract_at(
    read: &Reader<'_>,
    org: OrganizationId,
    name: &Name,
    revision: Option<u32>,
) -> Result<ContractId> {
    let found = contracts::found(read, org, name).await?;
    contracts::standing(&found)?;
    let id = found.id;
    if let Some(number) = revision
        && read.contract_revision(org, id, number).await?.is_none()
    {
        return Err(Error::not_found("contract", format!("{name}@{number}")));
    }
    Ok(id)
}

async fn contract_of(read: &Reader<'_>, workflow: &store::Workflow) -> Result<Name> {
    let found = read.contract(workflow.org, workflow.contract).await?;
    Ok(found.ok_or_else(|| Error::internal("a workflow has no contract"))?.name)
}

/// What auditors are shown of a workflow.
fn side(workflow: &store::Workflow, contract: &Name) -> Value {
    json!({
        "id": workflow.id, "contract": contract, "contract_revision": workflow.contract_revision,
        "deadline_minutes": minutes(workflow),
    })
}

fn view(workflow: store::Workflow, project: Name, contract: Name) -> Workflow {
    Workflow {
        id: workflow.id,
        deadline_minutes: minutes(&workflow),
        project,
        name: workflow.name,
        contract,
        contract_revision: workflow.contract_revision,
        created_at: workflow.created_at,
        deleted_at: workflow.deleted_at,
    }
}

impl Workflow {
    /// What tells how it stands from how it stood before any change of it.
    pub fn tag(&self) -> String {
        let Self { contract, contract_revision, deadline_minutes, deleted_at, .. } = self;
        let stands = json!([contract, contract_revision, deadline_minutes, deleted_at]);
        Digest::of(stands.to_string()).to_string()
    }
}

fn check_deadline(minutes: Option<u32>) -> Result<()> {
    match minutes {
        Some(minutes) if !(1..=DEADLINE_MINUTES_MAX).contains(&minutes) => Err(Error::invalid(
            format!("a deadline has 1 to {DEADLINE_MINUTES_MAX} minutes, not {minutes}"),
        )),
        _ => Ok(()),
    }
}

/// How long runs of the workflow wait for their attestation, in minutes.
pub(crate) fn minutes(workflow: &store::Workflow) -> u32 {
    workflow.deadline_minutes.unwrap_or(DEADLINE_MINUTES)
}

/// The workflow at `path`, and its row of the organization.
pub(crate) async fn find(
    read: &Reader<'_>,
    org: OrganizationId,
    path: &WorkflowPath,
) -> Result<store::Workflow> {
    let missing = || Error::not_found("workflow", path);
    let project = read.project_by_name(org, &path.project).await?.ok_or_else(missing)?;
    read.workflow_by_name(org, project.id, &path.workflow).await?.ok_or_else(missing)
}

/// The same, if it is in that part of the organization.
pub(crate) async fn find_within(
    read: &Reader<'_>,
    org: OrganizationId,
    within: &Within,
    path: &WorkflowPath,
) -> Result<store::Workflow> {
    let found = find(read, org, path).await?;
    if within.has(found.project) { Ok(found) } else { Err(Error::not_found("workflow", path)) }
}

/// The names of an organization's projects and workflows.
pub(crate) struct Names {
    projects: BTreeMap<ProjectId, Name>,
    workflows: BTreeMap<WorkflowId, Name>,
}

impl Names {
    pub(crate) async fn load(read: &Reader<'_>, org: OrganizationId) -> Result<Self> {
        let projects = read
            .projects(org)
            .await?
            .into_iter()
            .map(|project| (project.id, project.name))
            .collect();
        let workflows = read
            .workflows(org, None)
            .await?
            .into_iter()
            .map(|workflow| (workflow.id, workflow.name))
            .collect();
        Ok(Self { projects, workflows })
    }

    pub(crate) fn project(&self, id: ProjectId) -> Result<Name> {
        self.projects
            .get(&id)
            .cloned()
            .ok_or_else(|| Error::internal(format!("the project {id} is not there")))
    }

    pub(crate) fn workflow(&self, id: WorkflowId) -> Result<Name> {
        self.workflows
            .get(&id)
            .cloned()
            .ok_or_else(|| Error::internal(format!("the workflow {id} is not there")))
    }
}
