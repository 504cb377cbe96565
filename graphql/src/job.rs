//! CI jobs that were let in by a trust rule.

use async_graphql::{Object, SimpleObject};

use crate::cost;
use crate::scalar::Timestamp;

/// A CI job that was let in by a trust rule: who it is by the word of its issuer, which was verified.
#[derive(Debug)]
pub(crate) struct Job(pub(crate) control::Job);

/// One thing that an issuer says of a job.
#[derive(Debug, SimpleObject)]
pub(crate) struct Claim {
    /// The claim, such as `repository_id`.
    name: String,
    /// What it says.
    value: String,
}

/// A CI job that was let in by a trust rule: who it is by the word of its issuer, which was verified.
#[Object]
impl Job {
    /// The rule, which may have been deleted since.
    async fn rule(&self) -> &str {
        self.0.rule.as_str()
    }

    /// Which CI system it ran on, such as `github`.
    async fn kind(&self) -> &str {
        self.0.kind.name()
    }

    /// Who says who it is.
    async fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// What its issuer calls it.
    async fn subject(&self) -> &str {
        &self.0.subject
    }

    /// The claims that the rule stands on, and those that say who ran what, where.
    #[graphql(complexity = "cost::inner(child_complexity)")]
    async fn claims(&self) -> Vec<Claim> {
        let claims = self.0.claims.iter();
        claims.map(|(name, value)| Claim { name: name.clone(), value: value.clone() }).collect()
    }

    /// When it was let in.
    async fn admitted_at(&self) -> Timestamp {
        Timestamp(self.0.admitted_at)
    }
}
