//! Backends: where an organization keeps its blobs.

use std::fmt;
use std::str::FromStr;

use engine::id::{BackendId, OrganizationId};
use engine::{Name, Timestamp};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
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
    /// Those that the default does not take.
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
    /// What it is: `directory`, `registry` or `s3`.
    pub kind: String,
    /// Where it is, by kind. No secret.
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

    /// The backend of that name.
    pub async fn backend_by_name(
        &self,
        org: OrganizationId,
        name: &Name,
    ) -> Result<Option<Backend>, StoreError> {
        let of_org = backend::Entity::find().filter(backend::Column::Org.eq(org.0));
        record(of_org.filter(backend::Column::Name.eq(name.as_str())).one(&self.db).await?)
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
