//! What jobs crafted so far for runs that are open.

use engine::id::{OrganizationId, RunId};
use engine::{Digest, Timestamp};
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use trust::Sealed;

use super::entity::{crafting, run};
use super::row::{Row, bytes, insert, one, record};
use super::{Reader, RunState, StoreError, Tx};

/// What was crafted for a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crafting {
    /// The run.
    pub run: RunId,
    /// Whose it is.
    pub org: OrganizationId,
    /// What was crafted, sealed.
    pub state: Sealed,
    /// The digest of what was crafted.
    pub digest: Digest,
    /// When it was written last.
    pub updated_at: Timestamp,
}

impl Reader<'_> {
    /// What was crafted for a run, where a job keeps it here.
    pub async fn crafting(
        &self,
        org: OrganizationId,
        run: RunId,
    ) -> Result<Option<Crafting>, StoreError> {
        let found = crafting::Entity::find_by_id(run.0).filter(crafting::Column::Org.eq(org.0));
        record(found.one(&self.db).await?)
    }
}

impl Tx<'_> {
    /// Writes what was crafted over what has the digest `over`; the first when that is none. Anything else that is there
    /// is a conflict: of two who write over the same, one does.
    pub async fn put_crafting(
        &self,
        new: &Crafting,
        over: Option<Digest>,
    ) -> Result<(), StoreError> {
        let Some(over) = over else {
            let model = crafting::Model {
                id: new.run.0,
                org: new.org.0,
                state_sealed: new.state.as_str().to_owned(),
                digest: bytes(new.digest),
                updated_at: new.updated_at.as_millis(),
            };
            return insert::<crafting::Entity>(self.db(), vec![model]).await;
        };
        let done = crafting::Entity::update_many()
            .col_expr(crafting::Column::StateSealed, Expr::value(new.state.as_str()))
            .col_expr(crafting::Column::Digest, Expr::value(bytes(new.digest)))
            .col_expr(crafting::Column::UpdatedAt, Expr::value(new.updated_at.as_millis()))
            .filter(crafting::Column::Id.eq(new.run.0))
            .filter(crafting::Column::Org.eq(new.org.0))
            .filter(crafting::Column::Digest.eq(bytes(over)))
            .exec(self.db())
            .await?;
        one(done.rows_affected, "what was crafted")
    }

    /// Forgets what was crafted for runs that are not open any more.
    pub async fn forget_crafting(&self) -> Result<(), StoreError> {
        let mut ended = Query::select();
        ended.expr(Expr::val(1)).from(run::Entity);
        ended.and_where(
            Expr::col((run::Entity, run::Column::Id))
                .equals((crafting::Entity, crafting::Column::Id)),
        );
        ended.and_where(Expr::col((run::Entity, run::Column::State)).ne(RunState::Open.as_str()));
        crafting::Entity::delete_many().filter(Expr::exists(ended)).exec(self.db()).await?;
        Ok(())
    }
}

impl TryFrom<crafting::Model> for Crafting {
    type Error = StoreError;

    fn try_from(model: crafting::Model) -> Result<Self, Self::Error> {
        let row = Row::new("crafting", model.id);
        Ok(Self {
            run: RunId(model.id),
            org: OrganizationId(model.org),
            state: row.text(&model.state_sealed)?,
            digest: row.digest(&model.digest)?,
            updated_at: Timestamp::from_millis(model.updated_at),
        })
    }
}
