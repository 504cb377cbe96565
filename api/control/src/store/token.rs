//! API tokens, by the hash of their secret.

use std::collections::BTreeSet;

use engine::id::{OrganizationId, TokenId};
use engine::{Digest, Name, Timestamp};
use sea_orm::sea_query::{Expr, ExprTrait, SimpleExpr};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::entity::api_token;
use super::row::{Row, bytes, insert, json, millis, one, record, records, time};
use super::{Reader, StoreError, Tx};

/// The scopes of the tokens of which there is one for each run or login, as they are stored.
const PASSING_SCOPES: [&str; 2] = [r#"["job"]"#, r#"["session"]"#];

/// What a machine shows to be let in. The secret itself is never stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Its identifier.
    pub id: TokenId,
    /// The organization that it opens; none for the whole installation.
    pub org: Option<OrganizationId>,
    /// What its owner calls it.
    pub name: Name,
    /// The digest of its secret; unique.
    pub secret_hash: Digest,
    /// What it may do.
    pub scopes: BTreeSet<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working; none for never.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used; may lag.
    pub last_used_at: Option<Timestamp>,
    /// The token with which it was made; none for the first of an installation, and for those of old.
    pub minted_by: Option<TokenId>,
    /// The workflows whose runs alone it attests; none where it is not restricted so.
    pub grants: Option<Vec<String>>,
}

impl Reader<'_> {
    /// The token with that secret, whether or not it is still good: the caller must check expiry and revocation.
    pub async fn token_by_hash(&self, secret_hash: Digest) -> Result<Option<ApiToken>, StoreError> {
        let found =
            api_token::Entity::find().filter(api_token::Column::SecretHash.eq(bytes(secret_hash)));
        record(found.one(&self.db).await?)
    }

    /// The token of that identifier, of the organization or for the whole installation.
    pub async fn token(
        &self,
        org: Option<OrganizationId>,
        id: TokenId,
    ) -> Result<Option<ApiToken>, StoreError> {
        let found = api_token::Entity::find_by_id(id.0).filter(whose(org));
        record(found.one(&self.db).await?)
    }

    /// The tokens of the organization, or those for the whole installation, oldest first; not those of CI jobs and
    /// of people, of which there are as many as runs and logins.
    pub async fn tokens(&self, org: Option<OrganizationId>) -> Result<Vec<ApiToken>, StoreError> {
        records(
            api_token::Entity::find()
                .filter(whose(org))
                .filter(api_token::Column::Scopes.is_not_in(PASSING_SCOPES))
                .order_by_asc(api_token::Column::Id)
                .all(&self.db)
                .await?,
        )
    }
}

fn whose(org: Option<OrganizationId>) -> SimpleExpr {
    org.map_or_else(|| api_token::Column::Org.is_null(), |org| api_token::Column::Org.eq(org.0))
}

impl Tx<'_> {
    /// Adds a token.
    pub async fn insert_token(&self, new: &ApiToken) -> Result<(), StoreError> {
        let model = api_token::Model {
            id: new.id.0,
            org: new.org.map(|org| org.0),
            name: new.name.to_string(),
            secret_hash: bytes(new.secret_hash),
            scopes: json("api_token", &new.scopes)?,
            created_at: new.created_at.as_millis(),
            expires_at: millis(new.expires_at),
            revoked_at: millis(new.revoked_at),
            last_used_at: millis(new.last_used_at),
            minted_by: new.minted_by.map(|token| token.0),
            grants: new.grants.as_ref().map(|grants| json("api_token", grants)).transpose()?,
        };
        insert::<api_token::Entity>(self.db(), vec![model]).await
    }

    /// Notes that the token was used. Never moves the time back.
    pub async fn touch_token(&self, id: TokenId, at: Timestamp) -> Result<(), StoreError> {
        let earlier = api_token::Column::LastUsedAt
            .is_null()
            .or(api_token::Column::LastUsedAt.lt(at.as_millis()));
        api_token::Entity::update_many()
            .col_expr(api_token::Column::LastUsedAt, Expr::value(at.as_millis()))
            .filter(api_token::Column::Id.eq(id.0))
            .filter(earlier)
            .exec(self.db())
            .await?;
        Ok(())
    }

    /// Revokes a token of the organization, or one for the whole installation. One that is missing or revoked
    /// already is a conflict.
    pub async fn revoke_token(
        &self,
        org: Option<OrganizationId>,
        id: TokenId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let done = api_token::Entity::update_many()
            .col_expr(api_token::Column::RevokedAt, Expr::value(at.as_millis()))
            .filter(api_token::Column::Id.eq(id.0))
            .filter(whose(org))
            .filter(api_token::Column::RevokedAt.is_null())
            .exec(self.db())
            .await?;
        one(done.rows_affected, "an unrevoked api_token")
    }
}

impl TryFrom<api_token::Model> for ApiToken {
    type Error = StoreError;

    fn try_from(model: api_token::Model) -> Result<Self, Self::Error> {
        let row = Row::new("api_token", model.id);
        Ok(Self {
            id: TokenId(model.id),
            org: model.org.map(OrganizationId),
            name: row.text(&model.name)?,
            secret_hash: row.digest(&model.secret_hash)?,
            scopes: row.json(&model.scopes)?,
            created_at: Timestamp::from_millis(model.created_at),
            expires_at: time(model.expires_at),
            revoked_at: time(model.revoked_at),
            last_used_at: time(model.last_used_at),
            minted_by: model.minted_by.map(TokenId),
            grants: model.grants.map(|grants| row.json(&grants)).transpose()?,
        })
    }
}
