//! Backends: where an organization keeps its blobs.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use engine::id::{BackendId, OrganizationId};
use engine::{Name, Timestamp};
use sea_orm::sea_query::{Expr, ExprTrait, SimpleExpr};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::Value;
use trust::Sealed;

use super::entity::backend;
use super::row::{Row, insert, json, millis, record, records, time};
use super::{Reader, StoreError, Tx};

/// Which new blobs a backend takes. An organization has at most one backend of each role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// All of them.
    Default,
    /// Those that the default cannot take because it does not answer.
    Fallback,
}

impl Role {
    const ALL: [(Self, &'static str); 2] =
        [(Self::Default, "default"), (Self::Fallback, "fallback")];

    /// The role in lower case.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(role, _)| *role == self).map_or("", |(_, text)| text)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.iter().find(|(_, name)| *name == text).map(|(role, _)| *role);
        known.ok_or_else(|| {
            format!("`{text}` is not a role of a backend: expected default or fallback")
        })
    }
}

/// A place for blobs that an organization named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    /// Its identifier.
    pub id: BackendId,
    /// Whose it is.
    pub org: OrganizationId,
    /// Its name, unique in the organization.
    pub name: Name,
    /// What it is: `directory`, `oci` or `s3`.
    pub kind: String,
    /// Where it is: its `address`. No secret.
    pub settings: Value,
    /// What opens it, sealed.
    pub credentials: Option<Sealed>,
    /// Which new blobs go there; none when it only keeps what it has.
    pub role: Option<Role>,
    /// Whether the operator of the instance made it: then it may be a directory or have a private address.
    pub trusted: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last looked at.
    pub checked_at: Option<Timestamp>,
    /// Since when it does not answer as it should; none while it does.
    pub failing_since: Option<Timestamp>,
    /// What it answered then. No secret.
    pub failure: Option<String>,
}

impl Reader<'_> {
    /// The backends of the organization, by name.
    pub async fn backends(&self, org: OrganizationId) -> Result<Vec<Backend>, StoreError> {
        let of_org = backend::Entity::find().filter(backend::Column::Org.eq(org.0));
        records(of_org.order_by_asc(backend::Column::Name).all(&self.db).await?)
    }

    /// The backend of that identifier.
    pub async fn backend(
        &self,
        org: OrganizationId,
        id: BackendId,
    ) -> Result<Option<Backend>, StoreError> {
        let of_org = backend::Entity::find_by_id(id.0).filter(backend::Column::Org.eq(org.0));
        record(of_org.one(&self.db).await?)
    }

    /// The backend of that identifier, whosever it is.
    pub async fn backend_of_any(&self, id: BackendId) -> Result<Option<Backend>, StoreError> {
        record(backend::Entity::find_by_id(id.0).one(&self.db).await?)
    }

    /// The backend of that name.
    pub async fn backend_by_name(
        &self,
        org: OrganizationId,
        name: &Name,
    ) -> Result<Option<Backend>, StoreError> {
        let of_org = backend::Entity::find().filter(backend::Column::Org.eq(org.0));
        record(of_org.filter(backend::Column::Name.eq(name.as_str())).one(&self.db).await?)
    }

    /// Backends of all organizations that were not looked at since `before`, at most `limit` of them.
    pub async fn backends_unchecked(
        &self,
        before: Timestamp,
        limit: u64,
    ) -> Result<Vec<Backend>, StoreError> {
        let checked = backend::Column::CheckedAt;
        let due = checked.is_null().or(checked.lt(before.as_millis()));
        let due = backend::Entity::find().filter(due).order_by_asc(checked).limit(limit);
        records(due.all(&self.db).await?)
    }
}

impl Tx<'_> {
    /// Adds a backend. A name that is taken is a conflict.
    pub async fn insert_backend(&self, new: &Backend) -> Result<(), StoreError> {
        let model = backend::Model {
            id: new.id.0,
            org: new.org.0,
            name: new.name.to_string(),
            kind: new.kind.clone(),
            settings: json("backend", &new.settings)?,
            credentials_sealed: new.credentials.as_ref().map(|sealed| sealed.as_str().to_owned()),
            role: new.role.map(|role| role.as_str().to_owned()),
            trusted: new.trusted,
            created_at: new.created_at.as_millis(),
            checked_at: millis(new.checked_at),
            failing_since: millis(new.failing_since),
            failure: new.failure.clone(),
        };
        insert::<backend::Entity>(self.db(), vec![model]).await
    }

    /// Gives the backend a role, and takes it from the one that had it; or takes the backend's own away.
    pub async fn set_backend_role(
        &self,
        backend: &Backend,
        role: Option<Role>,
    ) -> Result<(), StoreError> {
        let none = Expr::value(Option::<String>::None);
        if let Some(role) = role {
            backend::Entity::update_many()
                .col_expr(backend::Column::Role, none)
                .filter(backend::Column::Org.eq(backend.org.0))
                .filter(backend::Column::Role.eq(role.as_str()))
                .exec(self.db())
                .await?;
        }
        let role = role.map(|role| role.as_str().to_owned());
        self.update(backend, [(backend::Column::Role, Expr::value(role))]).await
    }

    /// Puts other credentials in the place of the backend's.
    pub async fn set_backend_credentials(
        &self,
        backend: &Backend,
        sealed: &Sealed,
    ) -> Result<(), StoreError> {
        let sealed = Expr::value(sealed.as_str());
        self.update(backend, [(backend::Column::CredentialsSealed, sealed)]).await
    }

    /// Notes how the backend was found.
    pub async fn set_backend_health(&self, backend: &Backend) -> Result<(), StoreError> {
        let columns = [
            (backend::Column::CheckedAt, Expr::value(millis(backend.checked_at))),
            (backend::Column::FailingSince, Expr::value(millis(backend.failing_since))),
            (backend::Column::Failure, Expr::value(backend.failure.clone())),
        ];
        self.update(backend, columns).await
    }

    /// Takes the next look at the backend upon oneself; answers false when another replica has done so.
    pub async fn claim_backend_check(
        &self,
        backend: &Backend,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let checked = backend::Column::CheckedAt;
        let unchanged = match backend.checked_at {
            Some(at) => checked.eq(at.as_millis()),
            None => checked.is_null(),
        };
        let done = backend::Entity::update_many()
            .col_expr(checked, Expr::value(at.as_millis()))
            .filter(backend::Column::Id.eq(backend.id.0))
            .filter(unchanged)
            .exec(self.db())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Deletes a backend in which no blob is; one that has some is a conflict. What was still to be removed from it stays
    /// there.
    pub async fn delete_backend(&self, backend: &Backend) -> Result<(), StoreError> {
        // Whoever stores a blob in it holds it until that is committed.
        let held = backend::Entity::find_by_id(backend.id.0).lock_exclusive();
        held.one(self.db()).await?;
        if self.blobs_usage(backend.org, Some(backend.id)).await?.blobs > 0 {
            return Err(StoreError::conflict("a backend without blobs"));
        }
        self.forget_removals(backend.id).await?;
        let of_org = backend::Entity::delete_by_id(backend.id.0)
            .filter(backend::Column::Org.eq(backend.org.0));
        let done = of_org.exec(self.db()).await?;
        if done.rows_affected == 1 { Ok(()) } else { Err(StoreError::missing("the backend")) }
    }

    /// Keeps the backends from being deleted before this transaction ends; one that is gone is a conflict.
    pub(super) async fn hold_backends(
        &self,
        backends: impl IntoIterator<Item = BackendId>,
    ) -> Result<(), StoreError> {
        let ids: BTreeSet<_> = backends.into_iter().map(|backend| backend.0).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let held = backend::Entity::find().filter(backend::Column::Id.is_in(ids.iter().copied()));
        let held = held.order_by_asc(backend::Column::Id).lock_shared().all(self.db()).await?;
        if held.len() == ids.len() { Ok(()) } else { Err(StoreError::conflict("the backend")) }
    }

    async fn update(
        &self,
        backend: &Backend,
        columns: impl IntoIterator<Item = (backend::Column, SimpleExpr)>,
    ) -> Result<(), StoreError> {
        let mut update = backend::Entity::update_many()
            .filter(backend::Column::Id.eq(backend.id.0))
            .filter(backend::Column::Org.eq(backend.org.0));
        for (column, value) in columns {
            update = update.col_expr(column, value);
        }
        let done = update.exec(self.db()).await?;
        if done.rows_affected == 1 { Ok(()) } else { Err(StoreError::missing("the backend")) }
    }
}

impl TryFrom<backend::Model> for Backend {
    type Error = StoreError;

    fn try_from(model: backend::Model) -> Result<Self, Self::Error> {
        let row = Row::new("backend", model.id);
        Ok(Self {
            id: BackendId(model.id),
            org: OrganizationId(model.org),
            name: row.text(&model.name)?,
            kind: model.kind,
            settings: row.json(&model.settings)?,
            credentials: model.credentials_sealed.map(|sealed| row.text(&sealed)).transpose()?,
            role: model.role.map(|role| row.text(&role)).transpose()?,
            trusted: model.trusted,
            created_at: Timestamp::from_millis(model.created_at),
            checked_at: time(model.checked_at),
            failing_since: time(model.failing_since),
            failure: model.failure,
        })
    }
}
