//! Who is what in a project, besides what they are in its organization.

use std::collections::BTreeMap;

use engine::id::{OrganizationId, PersonId, ProjectRoleId};
use engine::{Name, Timestamp};
use serde_json::{Value, json};

use crate::actor::{Actor, Permission, ProjectRole};
use crate::audit::Change;
use crate::members::GROUP_CHARS_MAX;
use crate::store::{self, Grantee, Reader};
use crate::{Control, Error, Result, audit, fresh, now, versions};

/// Most people and groups that are something in one project by themselves.
pub const PROJECT_MEMBERS_MAX: usize = 500;

/// Whom an administrator means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    /// The member of the organization who has that address.
    Email(String),
    /// Everyone in a group of the login provider, as it names it.
    Group(String),
}

/// What somebody is in a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectMember {
    /// The identifier.
    pub id: ProjectRoleId,
    /// Who it is.
    pub whom: Whom,
    /// What they are.
    pub role: ProjectRole,
    /// Since when.
    pub created_at: Timestamp,
}

impl Control {
    /// Says what a member of the organization, or a group, is in a project, from their next request on.
    pub async fn set_project_role(
        &self,
        actor: &Actor,
        project: &Name,
        whom: Whom,
        role: ProjectRole,
    ) -> Result<ProjectMember> {
        let (org, within) = actor.authorize_within(Permission::EditProjectMembers)?;
        let (name, actor) = (project.clone(), actor.clone());
        self.store
            .write(move |tx| {
                let (project, actor, whom) = (name.clone(), actor.clone(), whom.clone());
                let within = within.clone();
                Box::pin(async move {
                    tx.take_turn().await?;
                    let id = versions::find(&tx, org, &within, &project).await?;
                    let grantee = grantee(&tx, org, &whom).await?;
                    let all = tx.project_roles(id).await?;
                    let before = all.iter().find(|one| one.grantee == grantee);
                    if before.is_none() && all.len() >= PROJECT_MEMBERS_MAX {
                        return Err(Error::Conflict(format!(
                            "{PROJECT_MEMBERS_MAX} people and groups are something in `{project}`, the most there may be: remove one first"
                        )));
                    }
                    let (role_id, created_at) = before.map_or_else(
                        || (ProjectRoleId(fresh()), now()),
                        |one| (one.id, one.created_at),
                    );
                    let after = store::ProjectRole {
                        id: role_id, org, project: id, grantee, role, created_at,
                    };
                    tx.put_project_role(&after).await?;
                    let change = Change::revised(
                        before.map(|before| side(before, &whom)),
                        side(&after, &whom),
                    );
                    let event = audit::event(&actor, Some(org), "project.role", &project, change);
                    tx.insert_audit(&[event]).await?;
                    Ok(ProjectMember { id: role_id, whom, role, created_at })
                })
            })
            .await
    }

    /// Lists who is what in a project by itself. Who is something in the organization is not among them.
    pub async fn project_members(
        &self,
        actor: &Actor,
        project: &Name,
    ) -> Result<Vec<ProjectMember>> {
        let (org, within) = actor.authorize_within(Permission::ReadProjects)?;
        let read = self.store.read();
        let id = versions::find(&read, org, &within, project).await?;
        views(&read, org, read.project_roles(id).await?).await
    }

    /// Makes somebody nothing in a project any more, from their next request on.
    pub async fn remove_project_member(
        &self,
        actor: &Actor,
        project: &Name,
        role: ProjectRoleId,
    ) -> Result<()> {
        let (org, within) = actor.authorize_within(Permission::EditProjectMembers)?;
        let read = self.store.read();
        let id = versions::find(&read, org, &within, project).await?;
        let found = read.project_roles(id).await?.into_iter().find(|one| one.id == role);
        let found = found.ok_or_else(|| Error::not_found("member of the project", role))?;
        let view = views(&read, org, vec![found.clone()]).await?.pop();
        let whom = view.map_or_else(|| Whom::Email(String::new()), |view| view.whom);
        let gone = json!({ "id": role, "deleted": true });
        let change = Change::of(side(&found, &whom), gone);
        let event = audit::event(actor, Some(org), "project-member.delete", project, change);
        self.store
            .write(move |tx| {
                let event = event.clone();
                Box::pin(async move {
                    tx.delete_project_role(id, role).await?;
                    tx.insert_audit(&[event]).await?;
                    Ok::<_, Error>(())
                })
            })
            .await
    }
}

/// Who that is. Of an address there is one member, or it is said that there is not.
async fn grantee(read: &Reader<'_>, org: OrganizationId, whom: &Whom) -> Result<Grantee> {
    match whom {
        Whom::Group(group) => {
            let long = group.is_empty() || group.chars().count() > GROUP_CHARS_MAX;
            if long || group.contains(char::is_control) {
                return Err(Error::invalid(format!(
                    "the name of a group has 1 to {GROUP_CHARS_MAX} characters, none of them a control"
                )));
            }
            Ok(Grantee::Group(group.clone()))
        }
        Whom::Email(email) => {
            let members = read.members(org).await?;
            let email = email.to_lowercase();
            let mut found = members.into_iter().filter(|(_, person)| person.email == email);
            let missing = || {
                let shown: String = email.chars().filter(|c| !c.is_control()).take(200).collect();
                Error::not_found("member", shown)
            };
            let (member, _) = found.next().ok_or_else(missing)?;
            if found.next().is_some() {
                let message = "two members have that address: give the role to a group of theirs";
                return Err(Error::Conflict(message.to_owned()));
            }
            Ok(Grantee::Person(member.person))
        }
    }
}

async fn views(
    read: &Reader<'_>,
    org: OrganizationId,
    roles: Vec<store::ProjectRole>,
) -> Result<Vec<ProjectMember>> {
    let people = read.members(org).await?.into_iter();
    let emails: BTreeMap<PersonId, String> =
        people.map(|(_, person)| (person.id, person.email)).collect();
    let view = |one: store::ProjectRole| {
        let whom = match one.grantee {
            Grantee::Group(group) => Whom::Group(group),
            // Who left the organization is nothing in its projects either.
            Grantee::Person(person) => Whom::Email(emails.get(&person)?.clone()),
        };
        Some(ProjectMember { id: one.id, whom, role: one.role, created_at: one.created_at })
    };
    Ok(roles.into_iter().filter_map(view).collect())
}

/// What auditors are shown.
fn side(one: &store::ProjectRole, whom: &Whom) -> Value {
    let (email, group) = match whom {
        Whom::Email(email) => (Some(email), None),
        Whom::Group(group) => (None, Some(group)),
    };
    json!({ "id": one.id, "email": email, "group": group, "role": one.role.name() })
}
