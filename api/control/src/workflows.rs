//! Workflows: what runs, and the contract that its runs must meet.

use std::collections::BTreeMap;

use engine::Name;
use engine::id::{ContractId, OrganizationId, ProjectId, WorkflowId};
use engine::run::WorkflowPath;
use serde_json::json;

use crate::actor::{Actor, Permission};
use crate::audit::Change;
use crate::store::Reader;
use crate::{Control, Error, Result, Workflow, audit, fresh, now, store};

/// How long a run waits for its attestation when its workflow does not say, in minutes: a day.
pub const DEADLINE_MINUTES: u32 = 24 * 60;
/// The longest that a workflow may say, in minutes: thirty days.
pub const DEADLINE_MINUTES_MAX: u32 = 30 * 24 * 60;

impl Control {
    /// Makes a workflow whose runs must meet the latest revision of `contract`, within so many minutes.
    pub async fn create_workflow(
        &self,
        actor: &Actor,
        path: WorkflowPath,
        contract: Name,
        deadline_minutes: Option<u32>,
    ) -> Result<Workflow> {
        let org = actor.authorize(Permission::EditWorkflows)?;
        check_deadline(deadline_minutes)?;
        let read = self.store.read();
        let project = read.project_by_name(org, &path.project).await?;
        let project = project.ok_or_else(|| Error::not_found("project", &path.project))?;
        let found = read.contract_by_name(org, &contract).await?;
        let found = found.ok_or_else(|| Error::not_found("contract", &contract))?;
        let workflow = store::Workflow {
            id: WorkflowId(fresh()),
            org,
            project: project.id,
            name: path.workflow.clone(),
            contract: found.id,
            created_at: now(),
            deadline_minutes,
        };
        let event = audit::event(
            actor,
            Some(org),
            "workflow.create",
            &path,
            Change::made(json!({
                "id": workflow.id, "contract": contract, "deadline_minutes": minutes(&workflow),
            })),
        );
        let saved = workflow.clone();
        self.store
            .write(move |tx| {
                let (workflow, event) = (saved.clone(), event.clone());
                Box::pin(async move {
                    tx.insert_workflow(&workflow).await?;
                    tx.insert_audit(&[event]).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        Ok(Workflow {
            id: workflow.id,
            deadline_minutes: minutes(&workflow),
            project: project.name,
            name: workflow.name,
            contract,
            created_at: workflow.created_at,
        })
    }

    /// Lists workflows.
    pub async fn workflows(&self, actor: &Actor) -> Result<Vec<Workflow>> {
        let org = actor.authorize(Permission::Read)?;
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
            .map(|workflow| {
                let contract = contracts.get(&workflow.contract).cloned();
                Ok(Workflow {
                    id: workflow.id,
                    deadline_minutes: minutes(&workflow),
                    project: names.project(workflow.project)?,
                    contract: contract
                        .ok_or_else(|| Error::internal("a workflow has no contract"))?,
                    name: workflow.name,
                    created_at: workflow.created_at,
                })
            })
            .collect()
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
