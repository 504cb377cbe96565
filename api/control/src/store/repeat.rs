//! Requests that are not to be done twice.

use engine::id::TokenId;
use engine::{Digest, Timestamp};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};

use super::entity::repeat;
use super::row::{Row, bytes, record};
use super::{Reader, StoreError, Tx};

/// A request that may come again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeat {
    /// Who made it.
    pub token: TokenId,
    /// What they call it.
    pub key: String,
    /// What was asked.
    pub fingerprint: Digest,
    /// When it was begun.
    pub created_at: Timestamp,
    /// What was answered; none while that is not known.
    pub answer: Option<KeptAnswer>,
}

/// What was answered to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The status.
    pub status: u32,
    /// The media type of the body.
    pub media_type: Option<String>,
    /// The body; none where it is not kept.
    pub body: Option<Vec<u8>>,
}

impl Reader<'_> {
    /// The request that the token calls so.
    pub async fn repeat(&self, token: TokenId, key: &str) -> Result<Option<Repeat>, StoreError> {
        let found = repeat::Entity::find_by_id((token.0, key.to_owned()));
        record(found.one(&self.db).await?)
    }
}

impl Tx<'_> {
    /// Notes that a request is begun; answers false when one that the token calls so was begun before.
    pub async fn begin_repeat(&self, new: &Repeat) -> Result<bool, StoreError> {
        let model = repeat::Model {
            token: new.token.0,
            key: new.key.clone(),
            fingerprint: bytes(new.fingerprint),
            created_at: new.created_at.as_millis(),
            status: None,
            media_type: None,
            body: None,
        };
        let once = OnConflict::columns([repeat::Column::Token, repeat::Column::Key])
            .do_nothing()
            .to_owned();
        let inserted = repeat::Entity::insert(model.into_active_model())
            .on_conflict(once)
            .exec_without_returning(self.db())
            .await?;
        Ok(inserted == 1)
    }

    /// Notes what was answered.
    pub async fn answer_repeat(
        &self,
        token: TokenId,
        key: &str,
        answer: &KeptAnswer,
    ) -> Result<(), StoreError> {
        let status = i16::try_from(answer.status).unwrap_or(i16::MAX);
        repeat::Entity::update_many()
            .col_expr(repeat::Column::Status, Expr::value(status))
            .col_expr(repeat::Column::MediaType, Expr::value(answer.media_type.clone()))
            .col_expr(repeat::Column::Body, Expr::value(answer.body.clone()))
            .filter(repeat::Column::Token.eq(token.0))
            .filter(repeat::Column::Key.eq(key))
            .exec(self.db())
            .await?;
        Ok(())
    }

    /// Forgets a request of which nothing was done.
    pub async fn forget_repeat(&self, token: TokenId, key: &str) -> Result<(), StoreError> {
        repeat::Entity::delete_by_id((token.0, key.to_owned())).exec(self.db()).await?;
        Ok(())
    }

    /// Forgets the requests that were begun before then.
    pub async fn forget_repeats(&self, before: Timestamp) -> Result<(), StoreError> {
        repeat::Entity::delete_many()
            .filter(repeat::Column::CreatedAt.lt(before.as_millis()))
            .exec(self.db())
            .await?;
        Ok(())
    }
}

impl TryFrom<repeat::Model> for Repeat {
    type Error = StoreError;

    fn try_from(model: repeat::Model) -> Result<Self, Self::Error> {
        let row = Row::new("repeat", model.token);
        let status = model.status.map(|status| row.small(status.into())).transpose()?;
        let (media_type, body) = (model.media_type, model.body);
        let answer = status.map(|status| KeptAnswer { status, media_type, body });
        Ok(Self {
            token: TokenId(model.token),
            fingerprint: row.digest(&model.fingerprint)?,
            key: model.key,
            created_at: Timestamp::from_millis(model.created_at),
            answer,
        })
    }
}
