//! Organizations and their projects.

use engine::Name;
use engine::id::{OrganizationId, ProjectId};
use serde_json::json;

use crate::actor::{Actor, Permission, Role, Scope};
use crate::audit::Change;
use crate::members::invitation;
use crate::tokens::{self, NewToken};
use crate::{Control, Error, Organization, Project, Result, audit, fresh, now, store};

impl Control {
    /// Makes an organization and its first token, which may do everything in it but make owners; and invites its first
    /// owner.
    pub async fn create_organization(
        &self,
        actor: &Actor,
        name: Name,
        owner: Option<&str>,
    ) -> Result<(Organization, NewToken)> {
        actor.authorize_instance()?;
        let organization =
            store::Organization { id: OrganizationId(fresh()), name, created_at: now() };
        let invited = owner.map(|owner| invitation(actor, organization.id, owner, Role::Owner));
        let (invited, told) = invited.transpose()?.unzip();
        let first: Name = "owner".parse().map_err(Error::internal)?;
        let scopes = [Scope::Admin, Scope::Attest, Scope::Read];
        let (row, token) =
            tokens::mint(Some(organization.id), first, &scopes, None, Some(actor.token))?;
        let event = audit::event(
            actor,
            Some(organization.id),
            "organization.create",
            &organization.name,
            Change::made(json!({
                "id": organization.id, "name": organization.name,
                "token": { "id": row.id, "name": row.name, "scopes": row.scopes },
            })),
        );
        let made = audit::event(
            actor,
            None,
            "organization.create",
            &organization.name,
            Change::made(json!({ "id": organization.id, "name": organization.name })),
        );
        let saved = organization.clone();
        self.store
            .write(move |tx| {
                let (organization, row, invited) = (saved.clone(), row.clone(), invited.clone());
                let mut events = vec![made.clone(), event.clone()];
                events.extend(told.clone());
                Box::pin(async move {
                    tx.insert_organization(&organization).await?;
                    tx.insert_token(&row).await?;
                    if let Some(invited) = invited {
                        tx.insert_invitation(&invited).await?;
                    }
                    tx.insert_audit(&events).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        Ok((view(organization), token))
    }

    /// Lists organizations.
    pub async fn organizations(&self, actor: &Actor) -> Result<Vec<Organization>> {
        actor.authorize_instance()?;
        Ok(self.store.read().organizations().await?.into_iter().map(view).collect())
    }

    /// Makes a project.
    pub async fn create_project(&self, actor: &Actor, name: Name) -> Result<Project> {
        let org = actor.authorize(Permission::EditProjects)?;
        let project = store::Project { id: ProjectId(fresh()), org, name, created_at: now() };
        let event = audit::event(
            actor,
            Some(org),
            "project.create",
            &project.name,
            Change::made(json!({ "id": project.id, "name": project.name })),
        );
        let saved = project.clone();
        self.store
            .write(move |tx| {
                let (project, event) = (saved.clone(), event.clone());
                Box::pin(async move {
                    tx.insert_project(&project).await?;
                    tx.insert_audit(&[event]).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        Ok(Project { id: project.id, name: project.name, created_at: project.created_at })
    }

    /// Lists projects.
    pub async fn projects(&self, actor: &Actor) -> Result<Vec<Project>> {
        let (org, within) = actor.authorize_within(Permission::ReadProjects)?;
        let projects = self.store.read().projects(org).await?;
        Ok(projects
            .into_iter()
            .filter(|project| within.has(project.id))
            .map(|project| Project {
                id: project.id,
                name: project.name,
                created_at: project.created_at,
            })
            .collect())
    }
}

fn view(organization: store::Organization) -> Organization {
    Organization {
        id: organization.id,
        name: organization.name,
        created_at: organization.created_at,
    }
}
