//! API tokens: `muster_pat_` and 30 letters and digits, then six of a checksum, so that scanners can tell a real one.
//!
//! The secret is shown once. What is stored is its digest.

use std::collections::BTreeSet;

use engine::id::{OrganizationId, TokenId};
use engine::trust_rule::{is_grant, matches};
use engine::{Digest, Name, Timestamp};
use serde_json::json;

use crate::actor::{Actor, Binding, Grants, Permission, Scope};
use crate::audit::Change;
use crate::store::ApiToken;
use crate::{Control, Error, Result, Token, audit, fresh, now};

const PREFIX: &str = "muster_pat_";
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const RANDOM_CHARS: usize = 30;
const CHECKSUM_CHARS: usize = 6;
/// Most grants of one token.
const GRANTS_MAX: usize = 100;

/// A token with its secret, shown once.
#[derive(Clone)]
pub struct NewToken {
    /// The token.
    pub token: Token,
    /// The secret.
    pub secret: String,
}

impl std::fmt::Debug for NewToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewToken").field("token", &self.token).finish_non_exhaustive()
    }
}

impl Control {
    /// Makes the token of the instance when there is none yet, and answers its secret.
    pub async fn bootstrap(&self) -> Result<Option<String>> {
        if !self.store.read().tokens(None).await?.is_empty() {
            return Ok(None);
        }
        let name: Name = "bootstrap".parse().map_err(Error::internal)?;
        let (row, token) = mint(None, name, &[Scope::Instance], None, None)?;
        let change = Change::made(side(&row));
        let event = audit::by("server:bootstrap", None, "token.create", &row.name, change);
        let first = self.store.write(move |tx| {
            let (row, event) = (row.clone(), event.clone());
            Box::pin(async move {
                // Replicas that start together come here together: the others wait until one has committed.
                tx.take_turn().await?;
                if !tx.tokens(None).await?.is_empty() {
                    return Ok(false);
                }
                tx.insert_token(&row).await?;
                tx.insert_audit(&[event]).await?;
                Ok::<_, Error>(true)
            })
        });
        Ok(first.await?.then_some(token.secret))
    }

    /// Accepts a bearer token, or says why not.
    pub async fn authenticate(&self, bearer: &str) -> Result<Actor> {
        if !well_formed(bearer) {
            return Err(Error::Unauthenticated(format!(
                "this is not a Muster token: one begins with `{PREFIX}`"
            )));
        }
        let unknown = || Error::Unauthenticated("the token is not known here".to_owned());
        let found =
            self.store.read().token_by_hash(Digest::of(bearer)).await?.ok_or_else(unknown)?;
        let at = now();
        if found.revoked_at.is_some() {
            return Err(Error::Unauthenticated(format!("the token `{}` was revoked", found.name)));
        }
        if let Some(end) = found.expires_at.filter(|end| *end <= at) {
            return Err(Error::Unauthenticated(format!(
                "the token `{}` expired at {end}",
                found.name
            )));
        }
        self.remember_use(&found, at).await?;
        let organization = match found.org {
            None => None,
            Some(id) => {
                Some((id, self.store.read().organization(id).await?.ok_or_else(unknown)?.name))
            }
        };
        let scopes: Vec<Scope> =
            found.scopes.iter().map(|scope| scope.parse()).collect::<Result<_>>()?;
        let job =
            if scopes.contains(&Scope::Job) { Some(self.binding(&found).await?) } else { None };
        let person = if scopes.contains(&Scope::Session) {
            Some(self.person_of(&found).await?)
        } else {
            None
        };
        let grants = self.grants_of(&found).await?;
        let ApiToken { id: token, name, .. } = found;
        Ok(Actor { token, name, scopes, organization, job, person, grants })
    }

    /// What alone the token is good for. The projects are those that there are now.
    async fn grants_of(&self, token: &ApiToken) -> Result<Option<Grants>> {
        let (Some(workflows), Some(org)) = (token.grants.clone(), token.org) else {
            return Ok(None);
        };
        let whole: Vec<&str> =
            workflows.iter().filter_map(|grant| grant.strip_suffix("/*")).collect();
        let all =
            if whole.is_empty() { Vec::new() } else { self.store.read().projects(org).await? };
        let named = |name: &Name| whole.iter().any(|pattern| matches(pattern, name.as_str()));
        let projects = all.into_iter().filter(|project| named(&project.name));
        let projects = projects.map(|project| project.id).collect();
        Ok(Some(Grants { workflows, projects }))
    }

    /// What the token of a CI job is good for, while the rule that let the job in stands.
    async fn binding(&self, token: &ApiToken) -> Result<Binding> {
        let read = self.store.read();
        let lost = || Error::Unauthenticated("the token is of a job that is not there".to_owned());
        let job = read.job(token.id).await?.ok_or_else(lost)?;
        if !read.has_trust_rule(job.org, job.rule).await? {
            return Err(Error::Unauthenticated(format!(
                "the trust rule `{}`, which let this job in, was deleted",
                job.rule_name
            )));
        }
        Ok(Binding { workflow: job.workflow, run: job.run.or(job.joined) })
    }

    /// Records the use of a token, to the minute: a busy token is not a busy row.
    async fn remember_use(&self, token: &ApiToken, at: Timestamp) -> Result<()> {
        if token.last_used_at.is_some_and(|last| at.as_millis() - last.as_millis() < 60_000) {
            return Ok(());
        }
        let id = token.id;
        self.store
            .write(move |tx| Box::pin(async move { Ok::<_, Error>(tx.touch_token(id, at).await?) }))
            .await
    }

    /// Makes a token of this organization.
    pub async fn create_token(
        &self,
        actor: &Actor,
        name: Name,
        scopes: Vec<Scope>,
        expires_at: Option<Timestamp>,
    ) -> Result<NewToken> {
        self.make_token(actor, name, scopes, expires_at, None).await
    }

    /// Makes a token that is good for these workflows alone, `PROJECT/WORKFLOW` with `*` for any text within a name. It
    /// attests their runs; to read or administer, it has to be for whole projects, `PROJECT/*`.
    pub async fn create_granted_token(
        &self,
        actor: &Actor,
        name: Name,
        scopes: Vec<Scope>,
        expires_at: Option<Timestamp>,
        grants: Vec<String>,
    ) -> Result<NewToken> {
        if grants.is_empty() || grants.len() > GRANTS_MAX {
            return Err(Error::invalid(format!("a token has 1 to {GRANTS_MAX} grants")));
        }
        if let Some(wrong) = grants.iter().find(|grant| !is_grant(grant)) {
            return Err(Error::invalid(format!(
                "`{wrong}` is not PROJECT/WORKFLOW: write it as `web/release` or `web/*`"
            )));
        }
        let attests_alone = scopes.iter().all(|scope| *scope == Scope::Attest);
        let part = grants.iter().find(|grant| !grant.ends_with("/*"));
        if let (false, Some(part)) = (attests_alone, part) {
            return Err(Error::invalid(format!(
                "a token for `{part}` has the scope attest and no other: projects are read and administered as a whole, `PROJECT/*`"
            )));
        }
        self.make_token(actor, name, scopes, expires_at, Some(grants)).await
    }

    async fn make_token(
        &self,
        actor: &Actor,
        name: Name,
        scopes: Vec<Scope>,
        expires_at: Option<Timestamp>,
        grants: Option<Vec<String>>,
    ) -> Result<NewToken> {
        let org = actor.authorize(Permission::EditTokens)?;
        let given = [Scope::Admin, Scope::Attest, Scope::Read];
        if scopes.is_empty() || scopes.iter().any(|scope| !given.contains(scope)) {
            return Err(Error::invalid(
                "a token of an organization needs at least one of the scopes admin, attest, read",
            ));
        }
        if expires_at.is_some_and(|end| end <= now()) {
            return Err(Error::invalid("the token would have expired already"));
        }
        let (mut row, mut token) = mint(Some(org), name, &scopes, expires_at, Some(actor.token))?;
        row.grants.clone_from(&grants);
        token.token.grants = grants;
        let event =
            audit::event(actor, Some(org), "token.create", &row.name, Change::made(side(&row)));
        self.store
            .write(move |tx| {
                let (row, event) = (row.clone(), event.clone());
                Box::pin(async move {
                    tx.insert_token(&row).await?;
                    tx.insert_audit(&[event]).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        Ok(token)
    }

    /// Lists tokens, without their secrets.
    pub async fn tokens(&self, actor: &Actor) -> Result<Vec<Token>> {
        let org = actor.authorize(Permission::EditTokens)?;
        self.store.read().tokens(Some(org)).await?.into_iter().map(view).collect()
    }

    /// Revokes a token from now on.
    pub async fn revoke_token(&self, actor: &Actor, id: TokenId) -> Result<()> {
        let org = actor.authorize(Permission::EditTokens)?;
        let (actor, at) = (actor.clone(), now());
        self.store
            .write(move |tx| {
                let actor = actor.clone();
                Box::pin(async move {
                    let before = tx.token(Some(org), id).await?;
                    tx.revoke_token(Some(org), id, at).await?;
                    let before = before.ok_or_else(|| Error::not_found("token", id))?;
                    let after = ApiToken { revoked_at: Some(at), ..before.clone() };
                    let change = Change::of(side(&before), side(&after));
                    let name = &before.name;
                    tx.insert_audit(&[audit::event(
                        &actor,
                        Some(org),
                        "token.revoke",
                        name,
                        change,
                    )])
                    .await?;
                    Ok::<_, Error>(())
                })
            })
            .await
    }
}

/// A new token: the row to store and the secret to show.
pub(crate) fn mint(
    org: Option<OrganizationId>,
    name: Name,
    scopes: &[Scope],
    expires_at: Option<Timestamp>,
    minted_by: Option<TokenId>,
) -> Result<(ApiToken, NewToken)> {
    let secret = secret()?;
    let row = ApiToken {
        id: TokenId(fresh()),
        org,
        name,
        secret_hash: Digest::of(&secret),
        scopes: scopes.iter().map(|scope| scope.name().to_owned()).collect::<BTreeSet<_>>(),
        created_at: now(),
        expires_at,
        revoked_at: None,
        last_used_at: None,
        minted_by,
        grants: None,
    };
    let token = view(row.clone())?;
    Ok((row, NewToken { token, secret }))
}

/// How audit events name a token.
pub(crate) fn label(name: &Name, id: TokenId) -> String {
    format!("token:{name}:{id}")
}

/// What auditors are shown of a token: neither its secret nor the secret's digest.
fn side(row: &ApiToken) -> serde_json::Value {
    json!({
        "id": row.id, "name": row.name, "scopes": row.scopes,
        "created_at": row.created_at, "expires_at": row.expires_at, "revoked_at": row.revoked_at,
        "minted_by": row.minted_by, "grants": row.grants,
    })
}

fn view(row: ApiToken) -> Result<Token> {
    Ok(Token {
        id: row.id,
        name: row.name,
        scopes: row.scopes.iter().map(|scope| scope.parse()).collect::<Result<_>>()?,
        created_at: row.created_at,
        expires_at: row.expires_at,
        revoked_at: row.revoked_at,
        last_used_at: row.last_used_at,
        grants: row.grants,
    })
}

fn secret() -> Result<String> {
    let mut secret = PREFIX.to_owned();
    while secret.len() < PREFIX.len() + RANDOM_CHARS {
        let mut bytes = [0_u8; 64];
        getrandom::fill(&mut bytes).map_err(|error| Error::internal(error.to_string()))?;
        // Bytes beyond the last whole multiple of 62 are thrown away: the rest is uniform.
        let letters =
            bytes.iter().filter(|byte| **byte < 248).filter_map(|byte| letter(u32::from(*byte)));
        secret.extend(letters.take(PREFIX.len() + RANDOM_CHARS - secret.len()));
    }
    let checksum = checksum(&secret);
    Ok(secret + &checksum)
}

fn letter(number: u32) -> Option<char> {
    let index = usize::try_from(number % 62).ok()?;
    ALPHABET.get(index).map(|byte| char::from(*byte))
}

/// The CRC-32 of what stands before it, in base 62.
fn checksum(text: &str) -> String {
    let mut number = crc32fast::hash(text.as_bytes());
    let mut letters = Vec::with_capacity(CHECKSUM_CHARS);
    for _ in 0..CHECKSUM_CHARS {
        letters.extend(letter(number));
        number /= 62;
    }
    letters.iter().rev().collect()
}

/// Whether a text could be a token of ours.
pub(crate) fn well_formed(bearer: &str) -> bool {
    let Some(split) =
        bearer.len().checked_sub(CHECKSUM_CHARS).filter(|split| bearer.is_char_boundary(*split))
    else {
        return false;
    };
    let (body, given) = bearer.split_at(split);
    body.starts_with(PREFIX) && body.len() == PREFIX.len() + RANDOM_CHARS && checksum(body) == given
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_carries_its_checksum() {
        let secret = secret().unwrap();
        assert_eq!(secret.len(), PREFIX.len() + RANDOM_CHARS + CHECKSUM_CHARS);
        assert!(well_formed(&secret));
        let mut wrong = secret;
        let last = if wrong.pop() == Some('a') { 'b' } else { 'a' };
        wrong.push(last);
        for bad in [wrong.as_str(), "", "muster_pat_", "ghp_123456", "müster_pat_äöü"] {
            assert!(!well_formed(bad), "{bad}");
        }
    }
}
