//! Whether a job is let in, and what is said when it is not.

use std::collections::BTreeMap;

use engine::Name;
use engine::id::{OrganizationId, RunId, TokenId};
use engine::run::WorkflowPath;
use engine::trust_rule::{IssuerKind, Miss};
use serde_json::{Value, json};
use trust::{
    AGE_SECONDS_MAX, IdentityToken, TokenRefusal, TokenRequirements, VerifiedToken, verify_token,
};

use super::Exchange;
use crate::denials::{self, Who};
use crate::store::{Job, StoreError, TrustRule};
use crate::{Control, Error, Result, now, runs};

/// Most rules of which auditors are told what was missed.
const TOLD_MAX: usize = 20;

/// Why a job is not let in.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// The stable name of the step.
    pub(crate) step: &'static str,
    /// What the job is told.
    pub(crate) message: String,
    /// What auditors are told besides.
    detail: Value,
}

/// Who opened a run with which a job goes on.
#[derive(Debug)]
pub(super) enum Opener {
    /// The same job; this is the token that it has now.
    Same(TokenId),
    /// Another job of the same pipeline.
    Sibling,
}

/// Why there is no answer, or not this one.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// The job is not let in.
    Refused(Refusal),
    /// It could not be found out.
    Failed(Error),
}

impl Refusal {
    fn new(step: &'static str, message: impl Into<String>) -> Self {
        Self { step, message: message.into(), detail: Value::Null }
    }

    /// A token was shown before.
    pub(crate) fn spent() -> Self {
        Self::new("replay", "the token was exchanged before: have the CI system issue another")
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::NotAdmitted { code: refusal.step, message: refusal.message }
    }
}

impl From<TokenRefusal> for Refusal {
    fn from(refusal: TokenRefusal) -> Self {
        Self::new(refusal.code(), refusal.to_string())
    }
}

impl From<TokenRefusal> for Stopped {
    fn from(refusal: TokenRefusal) -> Self {
        Self::Refused(refusal.into())
    }
}

impl From<Refusal> for Stopped {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// An issuer that no rule names. An organization that is not there has no rules.
pub(super) fn untrusted(organization: &Name, token: &IdentityToken) -> Refusal {
    let issuer =
        token.issuer().map_or_else(|| "nobody".to_owned(), |it| format!("`{}`", short(it)));
    Refusal::new("issuer", format!("no trust rule of `{organization}` is about tokens of {issuer}"))
}

/// The first rule that the token meets, by name.
pub(super) fn admitting<'a>(
    rules: &'a [TrustRule],
    token: &VerifiedToken,
    workflow: &WorkflowPath,
) -> Result<&'a TrustRule, Refusal> {
    let at = now();
    let mut lacking: BTreeMap<String, Vec<Miss>> = BTreeMap::new();
    for rule in rules {
        let misses = rule.rule.misses(token.claims(), Some(workflow), at);
        if misses.is_empty() {
            return Ok(rule);
        }
        lacking.insert(rule.rule.name.to_string(), misses);
    }
    let names = |misses: Vec<Miss>| misses.into_iter().map(|miss| miss.claim).collect::<Vec<_>>();
    let told = lacking.into_iter().take(TOLD_MAX).map(|(rule, misses)| (rule, names(misses)));
    let message = format!(
        "the token is good, but no trust rule lets it run `{workflow}`: an administrator sees why with `muster trust explain`"
    );
    let detail = json!({
        "subject": short(token.subject()), "missed": told.collect::<BTreeMap<_, _>>(),
    });
    Err(Refusal { detail, ..Refusal::new("rules", message) })
}

impl Control {
    /// Verifies a token with the keys of its issuer, which all the rules name. There must be a rule: nobody else is asked
    /// for keys.
    pub(crate) async fn verify_identity(
        &self,
        organization: &Name,
        token: &IdentityToken,
        rules: &[TrustRule],
    ) -> Result<VerifiedToken, Stopped> {
        let first = rules.first().ok_or_else(|| untrusted(organization, token))?;
        let issuer = &first.rule.issuer.url;
        let keys = self.issuers.keys(&self.outbound, issuer, token.key()).await?;
        let requirements = TokenRequirements {
            issuer: issuer.clone(),
            audiences: rules.iter().map(|rule| rule.rule.audience.clone()).collect(),
            // Each rule says how old a token may be; this is the bound for all.
            age_seconds_max: AGE_SECONDS_MAX,
        };
        Ok(verify_token(token, &keys, &requirements, now())?)
    }

    /// Who opened the open run: this job, by everything that its issuer says of it; or another of the same pipeline, by
    /// what its issuer never gives to two, which keeps here what it crafted so that others go on with it.
    pub(super) async fn opened_by(&self, run: RunId, job: &Job) -> Result<Opener, Stopped> {
        let read = self.store.read();
        let other = || Refusal::new("run", format!("the run {run} was not opened by this job"));
        let mut found = read.jobs_of_runs(job.org, &[run]).await?;
        let first = found.pop().ok_or_else(other)?;
        let found = read.run(job.org, run).await?.ok_or_else(other)?;
        let opener = if is_same(&first, job) {
            Opener::Same(first.token)
        } else if is_sibling(&first, job) && read.crafting(job.org, run).await?.is_some() {
            Opener::Sibling
        } else {
            return Err(other().into());
        };
        runs::check_open(&found)?;
        Ok(opener)
    }

    /// Tells auditors of a job that was not let in, or counts it.
    pub(super) async fn record_not_admitted(
        &self,
        asked: &Exchange,
        org: OrganizationId,
        refusal: &Refusal,
    ) -> Result<()> {
        let mut detail = json!({
            "step": refusal.step, "reason": denials::shortened(&refusal.message),
            "source": asked.source.map(|source| source.to_string()),
        });
        if let (Some(all), Some(more)) = (detail.as_object_mut(), refusal.detail.as_object()) {
            all.extend(more.clone());
        }
        let who = Who::stranger(org, "job", "job.refuse");
        self.record_bounded(who, asked.source, &asked.workflow.to_string(), detail).await
    }
}

/// Of another issuer than those that are known it is not known which of its claims tell two jobs apart.
fn is_same(opened: &Job, job: &Job) -> bool {
    let who = |job: &Job| {
        let Job { workflow, rule, issuer, subject, claims, .. } = job.clone();
        (workflow, rule, issuer, subject, claims)
    };
    job.kind != IssuerKind::Custom && who(opened) == who(job)
}

fn is_sibling(opened: &Job, job: &Job) -> bool {
    let claims = job.kind.pipeline_claims();
    let said = |job: &Job| -> Option<Vec<String>> {
        claims.iter().map(|claim| job.claims.get(*claim).cloned()).collect()
    };
    !claims.is_empty()
        && said(job).is_some()
        && said(opened) == said(job)
        && (opened.workflow, opened.kind, &opened.issuer) == (job.workflow, job.kind, &job.issuer)
}

fn short(text: &str) -> String {
    denials::shortened(&text.replace(char::is_control, ""))
}
