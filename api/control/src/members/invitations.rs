//! Invitations: whoever logs in with that verified address becomes a member, once, within a week.

use engine::id::{InvitationId, OrganizationId};
use engine::{Name, Timestamp};
use serde_json::{Value, json};

use super::check_rank;
use crate::actor::{Actor, Permission, Role};
use crate::audit::Change;
use crate::store::{self, AuditEvent};
use crate::{Control, Error, Result, audit, fresh, now};

/// How long an invitation can be accepted, in days.
pub const INVITATION_DAYS: i64 = 7;
/// Most invitations of one organization that are open.
const INVITATIONS_MAX: u64 = 1_000;
/// Longest mail address, in bytes ([RFC 5321](https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1.3)).
const EMAIL_BYTES_MAX: usize = 254;

/// An invitation that can be accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Its identifier.
    pub id: InvitationId,
    /// The address, lower case.
    pub email: String,
    /// What the person will be.
    pub role: Role,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl Control {
    /// Invites an address; an invitation before of the same address ends.
    pub async fn invite(&self, actor: &Actor, address: &str, role: Role) -> Result<Invitation> {
        let org = actor.authorize(Permission::EditMembers)?;
        check_rank(actor, &[role])?;
        let open = self.store.read().count_open_invitations(org, now()).await?;
        if open >= INVITATIONS_MAX {
            return Err(Error::Conflict(format!(
                "{INVITATIONS_MAX} invitations are open, the most there may be: revoke one first"
            )));
        }
        let (made, event) = invitation(actor, org, address, role)?;
        self.save_invitation(made, vec![event]).await
    }

    /// Invites an address into an organization of this installation, as anything.
    pub async fn invite_for(
        &self,
        actor: &Actor,
        organization: &Name,
        address: &str,
        role: Role,
    ) -> Result<Invitation> {
        actor.authorize_instance()?;
        let found = self.store.read().organization_by_name(organization).await?;
        let org = found.ok_or_else(|| Error::not_found("organization", organization))?.id;
        let (made, event) = invitation(actor, org, address, role)?;
        let of_instance = audit::event(actor, None, "invitation.create", organization, side(&made));
        self.save_invitation(made, vec![of_instance, event]).await
    }

    async fn save_invitation(
        &self,
        made: store::Invitation,
        events: Vec<AuditEvent>,
    ) -> Result<Invitation> {
        let saved = made.clone();
        self.store
            .write(move |tx| {
                let (made, events) = (saved.clone(), events.clone());
                Box::pin(async move {
                    tx.insert_invitation(&made).await?;
                    tx.insert_audit(&events).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        Ok(view(made))
    }

    /// Lists the invitations that can still be accepted, oldest first.
    pub async fn invitations(&self, actor: &Actor) -> Result<Vec<Invitation>> {
        let org = actor.authorize(Permission::EditMembers)?;
        let open = self.store.read().open_invitations(org, now()).await?;
        Ok(open.into_iter().map(view).collect())
    }

    /// Revokes an invitation that was not accepted yet.
    pub async fn revoke_invitation(&self, actor: &Actor, id: InvitationId) -> Result<()> {
        let org = actor.authorize(Permission::EditMembers)?;
        let at = now();
        let before = self.store.read().open_invitation(org, id, at).await?;
        let before = before.ok_or_else(|| Error::not_found("open invitation", id))?;
        check_rank(actor, &[before.role])?;
        let change = Change::of(side(&before), json!({ "id": id, "revoked_at": at }));
        let event = audit::event(actor, Some(org), "invitation.revoke", &before.email, change);
        self.store
            .write(move |tx| {
                let event = event.clone();
                Box::pin(async move {
                    tx.revoke_invitation(id, at).await?;
                    tx.insert_audit(&[event]).await?;
                    Ok::<_, Error>(())
                })
            })
            .await
    }
}

/// An invitation, and what auditors of the organization are told of it.
pub(crate) fn invitation(
    actor: &Actor,
    org: OrganizationId,
    address: &str,
    role: Role,
) -> Result<(store::Invitation, AuditEvent)> {
    let email = email(address).map_err(Error::invalid)?;
    let at = now();
    let made = store::Invitation {
        id: InvitationId(fresh()),
        org,
        email,
        role,
        created_at: at,
        created_by: actor.token,
        expires_at: at.plus_days(INVITATION_DAYS),
        accepted_at: None,
        revoked_at: None,
    };
    let event = audit::event(actor, Some(org), "invitation.create", &made.email, side(&made));
    Ok((made, event))
}

/// A mail address as it is compared: lower case, as every provider has it, whatever the RFC allows the part before `@`.
pub(crate) fn email(text: &str) -> Result<String, String> {
    let wrong = |why: &str| {
        let shown: String = text.chars().filter(|c| !c.is_control()).take(100).collect();
        format!("`{shown}` is not a mail address: {why}")
    };
    if text.len() > EMAIL_BYTES_MAX {
        return Err(wrong(&format!("it has more than {EMAIL_BYTES_MAX} bytes")));
    }
    let address: lettre::Address =
        text.parse().map_err(|error: lettre::address::AddressError| wrong(&error.to_string()))?;
    Ok(address.to_string().to_lowercase())
}

fn side(one: &store::Invitation) -> Value {
    json!({
        "id": one.id, "email": one.email, "role": one.role.name(), "expires_at": one.expires_at,
    })
}

fn view(one: store::Invitation) -> Invitation {
    let store::Invitation { id, email, role, created_at, expires_at, .. } = one;
    Invitation { id, email, role, created_at, expires_at }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_in_lower_case_and_others_are_refused() {
        assert_eq!(email("Jane.Doe@Acme.test").unwrap(), "jane.doe@acme.test");
        for wrong in ["", "jane", "jane@", "@acme.test", "a b@acme.test", "Jane <j@acme.test>"] {
            let error = email(wrong).unwrap_err();
            assert!(error.starts_with(&format!("`{wrong}` is not a mail address: ")), "{error}");
        }
        assert!(email(&format!("{}@acme.test", "a".repeat(250))).is_err());
    }
}
