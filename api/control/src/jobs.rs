//! CI jobs that are let in without a secret: an identity token of their CI system for a token that is good for one run.
//!
//! Whoever has a job anywhere on a public CI system has a token that verifies. So a stranger is told at which step it
//! ended, and never what the claims of a rule had to be; that is for auditors, and for `trust explain`.

mod admission;

use std::fmt;
use std::net::IpAddr;

use admission::Opener;
pub(crate) use admission::{Refusal, Stopped};
use engine::id::{RunId, TokenId};
use engine::run::WorkflowPath;
use engine::{Digest, Name, Timestamp};
use serde_json::json;
use trust::{IdentityToken, VerifiedToken};

use crate::actor::Scope;
use crate::audit::Change;
use crate::store::{ApiToken, AuditEvent, Job, StoreError};
use crate::tokens::{self, NewToken};
use crate::{Control, Error, Result, audit, now, store, workflows};

/// How long a job may use the token that it was given, in minutes.
pub const JOB_MINUTES: i64 = 15;
/// How much longer than needed a spent token is remembered, in milliseconds: the clocks of replicas differ.
const SLACK_MS: i64 = 10 * 60_000;

/// What a CI job asks for.
#[derive(Clone)]
pub struct Exchange {
    /// The organization whose rules are to let it in.
    pub organization: Name,
    /// The workflow that it runs.
    pub workflow: WorkflowPath,
    /// The open run that it goes on with; one that it will open when absent.
    pub run: Option<RunId>,
    /// The identity token.
    pub token: String,
    /// Where the request came from.
    pub source: Option<IpAddr>,
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("workflow", &self.workflow).finish_non_exhaustive()
    }
}

/// Everything that is stored of a job that is let in.
#[derive(Clone)]
struct Admission {
    token: ApiToken,
    job: Job,
    fingerprint: Digest,
    usable_until: Timestamp,
    /// The token that has the run now, when the job goes on with one.
    before: Option<(RunId, TokenId)>,
    event: AuditEvent,
}

impl Control {
    /// Lets a CI job in: an identity token, once, for a token that opens one run, or goes on with the run that the same
    /// job opened, whose token before then ends, or with one that another job of the same pipeline shares. Nobody is authorized here: the identity
    /// token is what is looked at. That it was refused is an audit event of the organization.
    pub async fn exchange(&self, asked: &Exchange) -> Result<NewToken> {
        let organization = self.store.read().organization_by_name(&asked.organization).await?;
        match self.admit(asked, organization.as_ref()).await {
            Ok(token) => Ok(token),
            Err(Stopped::Failed(error)) => Err(error),
            Err(Stopped::Refused(refusal)) => {
                if let Some(organization) = organization {
                    self.record_not_admitted(asked, organization.id, &refusal).await?;
                }
                Err(refusal.into())
            }
        }
    }

    /// The order of trust, one line each.
    async fn admit(
        &self,
        asked: &Exchange,
        organization: Option<&store::Organization>,
    ) -> Result<NewToken, Stopped> {
        let token = IdentityToken::parse(&asked.token)?;
        let org = organization.ok_or_else(|| admission::untrusted(&asked.organization, &token))?.id;
        let read = self.store.read();
        let rules = read.trust_rules(org, token.issuer()).await?;
        let verified = self.verify_identity(&asked.organization, &token, &rules).await?;
        let rule = admission::admitting(&rules, &verified, &asked.workflow)?;
        let workflow = workflows::find(&read, org, &asked.workflow).await?;
        workflows::standing(&workflow, &asked.workflow)?;
        let (mut admission, token) = admission(asked, rule, &workflow, &verified)?;
        if let Some(run) = asked.run {
            match self.opened_by(run, &admission.job).await? {
                Opener::Same(token) => admission.before = Some((run, token)),
                Opener::Sibling => admission.job.joined = Some(run),
            }
        }
        self.save_job(admission).await?;
        Ok(token)
    }

    /// One transaction: the identity token is spent, and the job has a token of ours; or neither.
    async fn save_job(&self, admission: Admission) -> Result<(), Stopped> {
        let saved = self.store.write(move |tx| {
            let Admission { token, job, fingerprint, usable_until, before, event } =
                admission.clone();
            Box::pin(async move {
                match tx.spend_token(job.org, fingerprint, usable_until).await {
                    Err(StoreError::Conflict { .. }) => return Ok(false),
                    spent => spent?,
                }
                tx.insert_token(&token).await?;
                match before {
                    None => tx.insert_job(&job).await?,
                    Some((run, from)) => tx.move_job(run, from, token.id, job.expires_at).await?,
                }
                tx.insert_audit(&[event]).await?;
                Ok::<_, Error>(true)
            })
        });
        if saved.await? { Ok(()) } else { Err(Refusal::spent().into()) }
    }

    /// Forgets what was spent and can never be accepted any more, and the jobs that opened no run.
    pub async fn forget_spent_tokens(&self) -> Result<()> {
        let at = now().plus_millis(-SLACK_MS);
        self.store
            .write(move |tx| Box::pin(async move { Ok::<_, Error>(tx.forget_spent(at).await?) }))
            .await
    }
}

fn admission(
    asked: &Exchange,
    rule: &store::TrustRule,
    workflow: &store::Workflow,
    verified: &VerifiedToken,
) -> Result<(Admission, NewToken)> {
    let (org, created_at) = (rule.org, now());
    let expires_at = created_at.plus_millis(JOB_MINUTES * 60_000);
    let name = rule.rule.name.clone();
    let (token, shown) =
        tokens::mint(Some(org), name.clone(), &[Scope::Job], Some(expires_at), None)?;
    let job = Job {
        token: token.id,
        org,
        workflow: workflow.id,
        run: None,
        joined: None,
        rule: rule.id,
        rule_name: name.clone(),
        kind: rule.rule.issuer.kind,
        issuer: rule.rule.issuer.url.clone(),
        subject: verified.subject().to_owned(),
        claims: rule.rule.identity(verified.claims()),
        created_at,
        expires_at,
    };
    let made = json!({
        "token": token.id, "expires_at": expires_at, "run": asked.run, "rule": name, "rule_digest": rule.digest,
        "issuer": job.issuer, "subject": job.subject, "claims": job.claims,
    });
    let actor = tokens::label(&name, token.id);
    let action = if asked.run.is_some() { "job.renew" } else { "job.admit" };
    let event = audit::by(actor, Some(org), action, &asked.workflow, Change::made(made));
    let (fingerprint, usable_until) = (verified.fingerprint(), verified.usable_until());
    Ok((Admission { token, job, fingerprint, usable_until, before: None, event }, shown))
}

/// What is shown of a job with its run.
pub(crate) fn view(job: Job) -> crate::Job {
    crate::Job {
        rule: job.rule_name,
        kind: job.kind,
        issuer: job.issuer,
        subject: job.subject,
        claims: job.claims,
        admitted_at: job.created_at,
    }
}
