//! CI jobs that were let in: who each is, by its issuer's word, and the one run that its token is good for.

use std::collections::BTreeMap;

use engine::id::{OrganizationId, RunId, TokenId, TrustRuleId, WorkflowId};
use engine::trust_rule::IssuerKind;
use engine::{Digest, Name, Timestamp};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use super::entity::{api_token, job, spent_token};
use super::row::{Row, bytes, insert, json, one, record, records};
use super::{Reader, StoreError, Tx};

/// How many jobs without a run are forgotten in one transaction.
const FORGOTTEN_MAX: u64 = 500;

/// A CI job that was let in under a trust rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The token that it was given.
    pub token: TokenId,
    /// Whose it is.
    pub org: OrganizationId,
    /// The workflow of which it may open one run.
    pub workflow: WorkflowId,
    /// The run that it opened.
    pub run: Option<RunId>,
    /// The run of another job of the same pipeline, with which it goes on.
    pub joined: Option<RunId>,
    /// The rule that let it in; it may have been deleted since.
    pub rule: TrustRuleId,
    /// The rule's name.
    pub rule_name: Name,
    /// Which CI system it runs on.
    pub kind: IssuerKind,
    /// Who says who it is.
    pub issuer: String,
    /// What its issuer calls it (`sub`).
    pub subject: String,
    /// The claims that were verified and say who ran what, where.
    pub claims: BTreeMap<String, String>,
    /// When it was let in.
    pub created_at: Timestamp,
    /// When its token ends.
    pub expires_at: Timestamp,
}

impl Reader<'_> {
    /// The job that has the token.
    pub async fn job(&self, token: TokenId) -> Result<Option<Job>, StoreError> {
        record(job::Entity::find_by_id(token.0).one(&self.db).await?)
    }

    /// The jobs that opened these runs.
    pub async fn jobs_of_runs(
        &self,
        org: OrganizationId,
        runs: &[RunId],
    ) -> Result<Vec<Job>, StoreError> {
        let found = job::Entity::find()
            .filter(job::Column::Org.eq(org.0))
            .filter(job::Column::Run.is_in(runs.iter().map(|run| run.0)));
        records(found.all(&self.db).await?)
    }

    /// Whether a token was spent already.
    pub async fn is_spent(&self, fingerprint: Digest) -> Result<bool, StoreError> {
        let found = spent_token::Entity::find_by_id(bytes(fingerprint)).one(&self.db).await?;
        Ok(found.is_some())
    }
}

impl Tx<'_> {
    /// Adds a job, whose token is there already.
    pub async fn insert_job(&self, new: &Job) -> Result<(), StoreError> {
        let model = job::Model {
            token: new.token.0,
            org: new.org.0,
            workflow: new.workflow.0,
            run: new.run.map(|run| run.0),
            joined: new.joined.map(|run| run.0),
            rule: new.rule.0,
            rule_name: new.rule_name.to_string(),
            kind: json("job", &new.kind)?,
            issuer: new.issuer.clone(),
            subject: new.subject.clone(),
            claims: json("job", &new.claims)?,
            created_at: new.created_at.as_millis(),
            expires_at: new.expires_at.as_millis(),
        };
        insert::<job::Entity>(self.db(), vec![model]).await
    }

    /// Binds a job to the run that it opens. One that has a run already is a conflict: of two that try, one wins.
    pub async fn bind_job(&self, token: TokenId, run: RunId) -> Result<(), StoreError> {
        let done = job::Entity::update_many()
            .col_expr(job::Column::Run, Expr::value(run.0))
            .filter(job::Column::Token.eq(token.0))
            .filter(job::Column::Run.is_null())
            .filter(job::Column::Joined.is_null())
            .exec(self.db())
            .await?;
        one(done.rows_affected, "a job's run")
    }

    /// Moves a run from one token to another of the same job. One that `from` does not have is a conflict.
    pub async fn move_job(
        &self,
        run: RunId,
        from: TokenId,
        to: TokenId,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let done = job::Entity::update_many()
            .col_expr(job::Column::Token, Expr::value(to.0))
            .col_expr(job::Column::ExpiresAt, Expr::value(expires_at.as_millis()))
            .filter(job::Column::Run.eq(run.0))
            .filter(job::Column::Token.eq(from.0))
            .exec(self.db())
            .await?;
        one(done.rows_affected, "a job's token")
    }

    /// Spends a token of an issuer until it can never be accepted any more. One that was spent is a conflict, whoever
    /// spent it.
    pub async fn spend_token(
        &self,
        org: OrganizationId,
        fingerprint: Digest,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        let model = spent_token::Model {
            fingerprint: bytes(fingerprint),
            org: org.0,
            expires_at: until.as_millis(),
        };
        insert::<spent_token::Entity>(self.db(), vec![model]).await
    }

    /// Forgets the spent tokens that could not be accepted at `at` any more, and the jobs whose own token had ended by
    /// then and that opened no run, with that token; some of them when there are many.
    pub async fn forget_spent(&self, at: Timestamp) -> Result<(), StoreError> {
        let at = at.as_millis();
        spent_token::Entity::delete_many()
            .filter(spent_token::Column::ExpiresAt.lte(at))
            .exec(self.db())
            .await?;
        let idle: Vec<Uuid> = job::Entity::find()
            .select_only()
            .column(job::Column::Token)
            .filter(job::Column::Run.is_null())
            .filter(job::Column::Joined.is_null())
            .filter(job::Column::ExpiresAt.lte(at))
            .limit(FORGOTTEN_MAX)
            .into_tuple()
            .all(self.db())
            .await?;
        job::Entity::delete_many()
            .filter(job::Column::Token.is_in(idle.iter().copied()))
            .filter(job::Column::Run.is_null())
            .exec(self.db())
            .await?;
        api_token::Entity::delete_many()
            .filter(api_token::Column::Id.is_in(idle))
            .exec(self.db())
            .await?;
        Ok(())
    }
}

impl TryFrom<job::Model> for Job {
    type Error = StoreError;

    fn try_from(model: job::Model) -> Result<Self, Self::Error> {
        let row = Row::new("job", model.token);
        Ok(Self {
            token: TokenId(model.token),
            org: OrganizationId(model.org),
            workflow: WorkflowId(model.workflow),
            run: model.run.map(RunId),
            joined: model.joined.map(RunId),
            rule: TrustRuleId(model.rule),
            rule_name: row.text(&model.rule_name)?,
            kind: row.json(&model.kind)?,
            issuer: model.issuer,
            subject: model.subject,
            claims: row.json(&model.claims)?,
            created_at: Timestamp::from_millis(model.created_at),
            expires_at: Timestamp::from_millis(model.expires_at),
        })
    }
}
