//! Who is in an organization, as what: members, invitations, and what a group of the login provider makes of people.

mod invitations;

use engine::Timestamp;
use engine::id::{GroupId, OrganizationId, PersonId};
pub use invitations::{INVITATION_DAYS, Invitation};
pub(crate) use invitations::{email, invitation};
use serde_json::{Value, json};

use crate::actor::{Actor, Permission, Role};
use crate::audit::Change;
use crate::store::{self, Tx};
use crate::{Control, Error, Result, audit, fresh, now};

/// Most groups to which one organization gives a role.
pub const GROUPS_MAX: usize = 500;
/// Longest name of a group, in characters.
pub(crate) const GROUP_CHARS_MAX: usize = 256;

/// A person who is in an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Who it is.
    pub id: PersonId,
    /// The address that the login provider verified last.
    pub email: String,
    /// What the person is.
    pub role: Role,
    /// Since when.
    pub joined_at: Timestamp,
    /// When the person last logged in, to any organization.
    pub seen_at: Timestamp,
}

/// What everyone in a group of the login provider is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRole {
    /// Its identifier.
    pub id: GroupId,
    /// The group, as the provider names it.
    pub group: String,
    /// What those in it are.
    pub role: Role,
    /// Since when.
    pub created_at: Timestamp,
}

impl Control {
    /// Lists members, those first who first logged in. Who is in only by a group is not among them.
    pub async fn members(&self, actor: &Actor) -> Result<Vec<Member>> {
        let org = actor.authorize(Permission::Read)?;
        let members = self.store.read().members(org).await?;
        Ok(members.into_iter().map(|(member, person)| view(member, person)).collect())
    }

    /// Makes something else of a member, from their next request on.
    pub async fn set_member_role(&self, actor: &Actor, id: PersonId, role: Role) -> Result<Member> {
        let org = actor.authorize(Permission::EditMembers)?;
        let actor = actor.clone();
        self.store
            .write(move |tx| {
                let actor = actor.clone();
                Box::pin(async move {
                    let (before, person) = member(&tx, org, id).await?;
                    check_rank(&actor, &[before.role, role])?;
                    let after = store::Member { role, ..before };
                    tx.put_member(&after).await?;
                    keep_an_owner(&tx, before).await?;
                    let change = Change::of(side(before, &person), side(after, &person));
                    let event =
                        audit::event(&actor, Some(org), "member.role", &person.email, change);
                    tx.insert_audit(&[event]).await?;
                    Ok::<_, Error>(view(after, person))
                })
            })
            .await
    }

    /// Removes a member: their sessions end. Tokens that they made for machines are the organization's, and stay.
    pub async fn remove_member(&self, actor: &Actor, id: PersonId) -> Result<()> {
        let org = actor.authorize(Permission::EditMembers)?;
        let actor = actor.clone();
        self.store
            .write(move |tx| {
                let actor = actor.clone();
                Box::pin(async move {
                    let (before, person) = member(&tx, org, id).await?;
                    check_rank(&actor, &[before.role])?;
                    tx.delete_member(org, id).await?;
                    tx.delete_project_roles_of(org, id).await?;
                    keep_an_owner(&tx, before).await?;
                    let gone = json!({ "person": id, "deleted": true });
                    let change = Change::of(side(before, &person), gone);
                    let event =
                        audit::event(&actor, Some(org), "member.delete", &person.email, change);
                    tx.insert_audit(&[event]).await?;
                    Ok::<_, Error>(())
                })
            })
            .await
    }

    /// Gives everyone in a group of the login provider a role, from their next request on, unless they have a higher one.
    pub async fn set_group_role(
        &self,
        actor: &Actor,
        group: String,
        role: Role,
    ) -> Result<GroupRole> {
        let org = actor.authorize(Permission::EditMembers)?;
        let long = group.is_empty() || group.chars().count() > GROUP_CHARS_MAX;
        if long || group.contains(char::is_control) {
            return Err(Error::invalid(format!(
                "the name of a group has 1 to {GROUP_CHARS_MAX} characters, none of them a control"
            )));
        }
        let all = self.store.read().group_roles(org).await?;
        let before = all.iter().find(|one| one.group == group);
        if before.is_none() && all.len() >= GROUPS_MAX {
            return Err(Error::Conflict(format!(
                "{GROUPS_MAX} groups have a role, the most there may be: delete one first"
            )));
        }
        check_rank(actor, &[role, before.map_or(role, |before| before.role)])?;
        let (id, created_at) =
            before.map_or_else(|| (GroupId(fresh()), now()), |one| (one.id, one.created_at));
        let after = store::GroupRole { id, org, group, role, created_at };
        let change = Change::revised(before.map(group_side), group_side(&after));
        let event = audit::event(actor, Some(org), "group.role", &after.group, change);
        let saved = after.clone();
        self.store
            .write(move |tx| {
                let (group, event) = (saved.clone(), event.clone());
                Box::pin(async move {
                    tx.put_group_role(&group).await?;
                    tx.insert_audit(&[event]).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        Ok(group_view(after))
    }

    /// Lists the groups that have a role, by name.
    pub async fn group_roles(&self, actor: &Actor) -> Result<Vec<GroupRole>> {
        let org = actor.authorize(Permission::EditMembers)?;
        Ok(self.store.read().group_roles(org).await?.into_iter().map(group_view).collect())
    }

    /// Takes the role of a group away, from the next request of everyone in it on.
    pub async fn delete_group_role(&self, actor: &Actor, id: GroupId) -> Result<()> {
        let org = actor.authorize(Permission::EditMembers)?;
        let all = self.store.read().group_roles(org).await?;
        let before = all.into_iter().find(|one| one.id == id);
        let before = before.ok_or_else(|| Error::not_found("group", id))?;
        check_rank(actor, &[before.role])?;
        let change = Change::of(group_side(&before), json!({ "id": id, "deleted": true }));
        let event = audit::event(actor, Some(org), "group.delete", &before.group, change);
        self.store
            .write(move |tx| {
                let event = event.clone();
                Box::pin(async move {
                    tx.delete_group_role(org, id).await?;
                    tx.insert_audit(&[event]).await?;
                    Ok::<_, Error>(())
                })
            })
            .await
    }
}

/// Only owners make and unmake owners. What an administrator could do, a token of theirs could.
fn check_rank(actor: &Actor, touched: &[Role]) -> Result<()> {
    let least = if touched.contains(&Role::Owner) { Role::Owner } else { Role::Guest };
    if actor.rank() >= least {
        return Ok(());
    }
    Err(Error::forbidden("only an owner of the organization makes and unmakes owners"))
}

/// A member as it is now. Of two who change members at once, one waits here.
async fn member(
    tx: &Tx<'_>,
    org: OrganizationId,
    id: PersonId,
) -> Result<(store::Member, store::Person)> {
    tx.take_turn().await?;
    let missing = || Error::not_found("member", id);
    let member = tx.member(org, id).await?.ok_or_else(missing)?;
    Ok((member, tx.person(id).await?.ok_or_else(missing)?))
}

/// Refuses to leave an organization that had an owner without one.
async fn keep_an_owner(tx: &Tx<'_>, before: store::Member) -> Result<()> {
    if before.role != Role::Owner || tx.count_owners(before.org).await? > 0 {
        return Ok(());
    }
    Err(Error::Conflict(
        "this is the last owner of the organization: make another first".to_owned(),
    ))
}

/// What auditors are shown.
fn side(member: store::Member, person: &store::Person) -> Value {
    json!({ "person": person.id, "email": person.email, "role": member.role.name() })
}

fn group_side(group: &store::GroupRole) -> Value {
    json!({ "id": group.id, "group": group.group, "role": group.role.name() })
}

fn view(member: store::Member, person: store::Person) -> Member {
    Member {
        id: person.id,
        email: person.email,
        role: member.role,
        joined_at: member.created_at,
        seen_at: person.seen_at,
    }
}

fn group_view(group: store::GroupRole) -> GroupRole {
    let store::GroupRole { id, group, role, created_at, .. } = group;
    GroupRole { id, group, role, created_at }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_owners_touch_owners() {
        for (role, _) in Role::ALL {
            let person = crate::actor::Person {
                id: PersonId(uuid::Uuid::nil()),
                email: "a@acme.test".to_owned(),
                role,
                projects: [].into(),
            };
            let actor = Actor {
                token: engine::id::TokenId(uuid::Uuid::nil()),
                name: "a".parse().unwrap(),
                scopes: Vec::new(),
                organization: None,
                job: None,
                person: Some(person),
                grants: None,
            };
            let owner = role == Role::Owner;
            assert!(check_rank(&actor, &[Role::Admin]).is_ok());
            assert_eq!(check_rank(&actor, &[Role::Viewer, Role::Owner]).is_ok(), owner);
            let machine = Actor { person: None, ..actor };
            assert!(check_rank(&machine, &[Role::Owner]).is_err());
        }
    }
}
