//! People who log in: an identity token of the operator's login provider, once, for a session in one organization.
//!
//! A session has no rights of its own. What the person may do is looked up at each request, so that who is not a member
//! any more is out at once.

mod provider;

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use engine::id::{OrganizationId, PersonId, ProjectId};
use engine::{Digest, Name, Timestamp};
pub use provider::LoginProvider;
pub(crate) use provider::Logins;
use serde_json::json;

use crate::actor::{Actor, Person, ProjectRole, Role, Scope};
use crate::audit::Change;
use crate::store::{self, ApiToken, AuditEvent, Invitation, Reader, Session, StoreError};
use crate::{Control, Error, Result, audit, fresh, now, tokens};

/// How long a session lasts, in hours.
pub const SESSION_HOURS: i64 = 8;

/// What a person who logs in shows.
#[derive(Clone)]
pub struct LogIn {
    /// The identity token that the login provider issued for this server.
    pub id_token: String,
    /// What only the program knows that asked for the token: the digest of this is the token's `nonce`.
    pub secret: Option<String>,
    /// The organization; the only one that it can be when absent.
    pub organization: Option<Name>,
}

impl std::fmt::Debug for LogIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogIn").field("organization", &self.organization).finish_non_exhaustive()
    }
}

/// A session with its secret, shown once.
#[derive(Clone)]
pub struct NewSession {
    /// The secret of its token.
    pub secret: String,
    /// The organization that it opens.
    pub organization: Name,
    /// Whose it is.
    pub email: String,
    /// What the person is there now.
    pub role: Role,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl std::fmt::Debug for NewSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewSession").field("email", &self.email).finish_non_exhaustive()
    }
}

/// Who the provider says that somebody is.
#[derive(Debug, Clone)]
struct Identity {
    subject: String,
    email: String,
    groups: BTreeSet<String>,
    fingerprint: Digest,
    usable_until: Timestamp,
}

/// Everything that is stored of a login.
#[derive(Debug, Clone)]
struct Login {
    person: store::Person,
    joined: Option<(Invitation, store::Member, AuditEvent)>,
    token: ApiToken,
    session: Session,
    fingerprint: Digest,
    usable_until: Timestamp,
    event: AuditEvent,
}

impl Control {
    /// Who says who people are, if anyone does.
    pub fn login_provider(&self) -> Option<&LoginProvider> {
        self.logins.as_deref().map(Logins::provider)
    }

    /// Begins a session. Nobody is authorized here: the identity token is what is looked at.
    pub async fn log_in(&self, asked: &LogIn) -> Result<NewSession> {
        let logins = self.logins.as_deref().ok_or_else(|| {
            Error::NotFound("nobody logs in here: the server has no login provider".to_owned())
        })?;
        let identity = logins.identify(asked).await?;
        let read = self.store.read();
        let person = seen(&read, logins.provider(), &identity).await?;
        let organization = choose(&read, &person, asked.organization.as_ref()).await?;
        let (login, session) = login(&read, organization, person, identity).await?;
        self.save_login(login).await?;
        Ok(session)
    }

    /// One transaction: the identity token is spent, the invitation accepted, and there is a session; or none of it.
    async fn save_login(&self, login: Login) -> Result<()> {
        let saved = self.store.write(move |tx| {
            let Login { person, joined, token, session, fingerprint, usable_until, event } =
                login.clone();
            Box::pin(async move {
                match tx.spend_token(session.org, fingerprint, usable_until).await {
                    Err(StoreError::Conflict { .. }) => return Ok(false),
                    spent => spent?,
                }
                tx.upsert_person(&person).await?;
                let mut events = vec![event];
                if let Some((invitation, member, event)) = joined {
                    tx.accept_invitation(invitation.id, member.created_at).await?;
                    tx.put_member(&member).await?;
                    events.insert(0, event);
                }
                tx.insert_token(&token).await?;
                tx.insert_session(&session).await?;
                tx.insert_audit(&events).await?;
                Ok::<_, Error>(true)
            })
        });
        if saved.await? {
            return Ok(());
        }
        let message = "this login was used before: log in again".to_owned();
        Err(Error::NotAdmitted { code: "replay", message })
    }

    /// Ends the session of this actor.
    pub async fn log_out(&self, actor: &Actor) -> Result<()> {
        let (Some(_), Some((org, _))) = (&actor.person, &actor.organization) else {
            return Err(Error::forbidden("this is the token of a machine: revoke it instead"));
        };
        let (org, id, at) = (*org, actor.token, now());
        let change = Change::of(json!({ "session": id }), json!({ "session": id, "ended_at": at }));
        let event = audit::event(actor, Some(org), "session.end", id, change);
        self.store
            .write(move |tx| {
                let event = event.clone();
                Box::pin(async move {
                    tx.revoke_token(Some(org), id, at).await?;
                    tx.insert_audit(&[event]).await?;
                    Ok::<_, Error>(())
                })
            })
            .await
    }

    /// Whose session it is, and what the person is now.
    pub(crate) async fn person_of(&self, token: &ApiToken) -> Result<Person> {
        let read = self.store.read();
        let lost = || Error::Unauthenticated("the session is not there any more".to_owned());
        let session = read.session(token.id).await?.ok_or_else(lost)?;
        let person = read.person(session.person).await?.ok_or_else(lost)?;
        let role = role(&read, session.org, person.id, &session.groups).await?;
        let role = role.ok_or_else(|| {
            Error::Unauthenticated(format!("`{}` is no member any more", person.email))
        })?;
        let projects = projects(&read, session.org, person.id, &session.groups).await?;
        Ok(Person { id: person.id, email: person.email, role, projects })
    }
}

/// What a person is in projects: by themselves, or by a group, whichever is more.
async fn projects(
    read: &Reader<'_>,
    org: OrganizationId,
    person: PersonId,
    groups: &BTreeSet<String>,
) -> Result<BTreeMap<ProjectId, (Name, ProjectRole)>> {
    let found = read.project_roles_of(org, person, groups).await?;
    if found.is_empty() {
        return Ok(BTreeMap::new());
    }
    let names = read.projects(org).await?.into_iter().map(|project| (project.id, project.name));
    let names: BTreeMap<ProjectId, Name> = names.collect();
    let mut projects: BTreeMap<ProjectId, (Name, ProjectRole)> = BTreeMap::new();
    for one in found {
        let Some(name) = names.get(&one.project) else { continue };
        let held = projects.entry(one.project).or_insert_with(|| (name.clone(), one.role));
        held.1 = held.1.max(one.role);
    }
    Ok(projects)
}

/// The person, as they are after this login.
async fn seen(
    read: &Reader<'_>,
    provider: &LoginProvider,
    identity: &Identity,
) -> Result<store::Person> {
    let before = read.person_by_subject(&provider.issuer, &identity.subject).await?;
    let at = now();
    let before = before.map(|person| (person.id, person.created_at));
    let (id, created_at) = before.unwrap_or_else(|| (PersonId(fresh()), at));
    Ok(store::Person {
        id,
        issuer: provider.issuer.clone(),
        subject: identity.subject.clone(),
        email: identity.email.clone(),
        created_at,
        seen_at: at,
    })
}

/// The organization that was named; else the one of which the person is a member, or into which they are invited.
async fn choose(
    read: &Reader<'_>,
    person: &store::Person,
    named: Option<&Name>,
) -> Result<store::Organization> {
    if let Some(name) = named {
        return read
            .organization_by_name(name)
            .await?
            .ok_or_else(|| no_member(&person.email, name));
    }
    let mut orgs: BTreeSet<OrganizationId> =
        read.memberships(person.id).await?.into_iter().map(|member| member.org).collect();
    if orgs.is_empty() {
        let invitations = read.invitations_of(&person.email, now()).await?;
        orgs = invitations.into_iter().map(|invitation| invitation.org).collect();
    }
    let mut found = Vec::new();
    for org in orgs {
        found.extend(read.organization(org).await?);
    }
    match found.len() {
        1 => found.pop().ok_or_else(|| Error::internal("one organization of one")),
        0 => Err(not_admitted(format!(
            "`{}` is a member of no organization: ask an owner of yours for an invitation, or name the organization that gave your group a role",
            person.email
        ))),
        _ => {
            let all: Vec<String> = found.iter().map(|one| format!("`{}`", one.name)).collect();
            Err(not_admitted(format!("say which organization: {}", all.join(", "))))
        }
    }
}

/// What is stored when this person logs in there, and what is shown of it. An invitation never makes less of a member.
async fn login(
    read: &Reader<'_>,
    organization: store::Organization,
    person: store::Person,
    identity: Identity,
) -> Result<(Login, NewSession)> {
    let (org, at) = (organization.id, now());
    let invitations = read.invitations_of(&person.email, at).await?;
    let invitation = invitations.into_iter().find(|one| one.org == org);
    let has = role(read, org, person.id, &identity.groups).await?;
    let role = has.max(invitation.as_ref().map(|one| one.role));
    let role = role.ok_or_else(|| no_member(&person.email, &organization.name))?;
    let expires_at = at.plus_millis(SESSION_HOURS * 60 * 60_000);
    let (token, shown) =
        tokens::mint(Some(org), name(&person.email)?, &[Scope::Session], Some(expires_at), None)?;
    let label = label(&person.email, person.id);
    let joined = match invitation {
        None => None,
        Some(invitation) => {
            let before = read.member(org, person.id).await?;
            let invited = invitation.role;
            let role = before.map_or(invited, |member| member.role.max(invited));
            let member = store::Member { org, person: person.id, role, created_at: at };
            let made = json!({
                "person": person.id, "email": person.email, "role": role.name(), "invitation": invitation.id,
            });
            let event = audit::by(label.clone(), Some(org), "member.join", &person.email, made);
            Some((invitation, member, event))
        }
    };
    let made = json!({
        "session": token.id, "issuer": person.issuer, "subject": person.subject, "role": role.name(),
        "groups": identity.groups, "expires_at": expires_at,
    });
    let event = audit::by(label, Some(org), "session.begin", token.id, Change::made(made));
    let Identity { groups, fingerprint, usable_until, .. } = identity;
    let session =
        Session { token: token.id, org, person: person.id, groups, created_at: at, expires_at };
    let begun = NewSession {
        secret: shown.secret,
        organization: organization.name,
        email: person.email.clone(),
        role,
        expires_at,
    };
    let login = Login { person, joined, token, session, fingerprint, usable_until, event };
    Ok((login, begun))
}

/// What a person is in an organization: by themselves, or by a group that it gave a role, whichever is more.
async fn role(
    read: &Reader<'_>,
    org: OrganizationId,
    person: PersonId,
    groups: &BTreeSet<String>,
) -> Result<Option<Role>> {
    let own = read.member(org, person).await?.map(|member| member.role);
    if groups.is_empty() || own == Some(Role::Owner) {
        return Ok(own);
    }
    let of_groups = read.group_roles(org).await?.into_iter();
    let of_groups = of_groups.filter(|one| groups.contains(&one.group)).map(|one| one.role);
    Ok(of_groups.max().max(own))
}

fn no_member(email: &str, organization: &Name) -> Error {
    not_admitted(format!(
        "`{email}` is no member of an organization `{organization}`: ask one of its owners for an invitation"
    ))
}

fn not_admitted(message: String) -> Error {
    Error::NotAdmitted { code: "member", message }
}

/// How audit events name a person.
pub(crate) fn label(email: &str, id: PersonId) -> String {
    format!("person:{email}:{id}")
}

/// A name for the token, after the address: names have fewer letters than addresses.
fn name(email: &str) -> Result<Name> {
    let local = email.split('@').next().unwrap_or_default();
    let legal = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' };
    let name: String = local.chars().map(legal).take(63).collect();
    let name = name.trim_matches('-').parse().or_else(|_illegal| "person".parse());
    name.map_err(Error::internal)
}

/// What the `nonce` of a token must be that was asked for with this secret.
fn nonce(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(Digest::of(secret).as_bytes())
}
