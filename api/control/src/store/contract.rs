//! Contracts and their revisions. A revision never changes.

use std::collections::BTreeMap;

use engine::id::{ContractId, OrganizationId, RunId};
use engine::{Digest, Name, Timestamp};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::attestation::KEYS_PER_QUERY;
use super::entity::{contract, contract_revision, run};
use super::row::{Row, bytes, insert, int, json, millis, one, record, records, time};
use super::{Page, Reader, Sequenced, StoreError, Tx};

/// What workflows must provide, over all its revisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contract {
    /// Its identifier.
    pub id: ContractId,
    /// Whose it is.
    pub org: OrganizationId,
    /// Its name, unique in the organization.
    pub name: Name,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was deleted; it can be restored.
    pub deleted_at: Option<Timestamp>,
}

/// One text of a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContractRevision {
    /// Its identifier.
    pub id: Uuid,
    /// The contract.
    pub contract: ContractId,
    /// Whose it is.
    pub org: OrganizationId,
    /// 1 for the first, then counting up.
    pub revision: u32,
    /// The digest of its compiled form.
    pub digest: Digest,
    /// The document as it was written.
    pub source: String,
    /// The policies it came with: path to text.
    pub sources: BTreeMap<String, String>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Reader<'_> {
    /// The contract of that identifier.
    pub async fn contract(
        &self,
        org: OrganizationId,
        id: ContractId,
    ) -> Result<Option<Contract>, StoreError> {
        let found = contract::Entity::find_by_id(id.0).filter(contract::Column::Org.eq(org.0));
        record(found.one(&self.db).await?)
    }

    /// The contract of that name.
    pub async fn contract_by_name(
        &self,
        org: OrganizationId,
        name: &Name,
    ) -> Result<Option<Contract>, StoreError> {
        let of_org = contract::Entity::find().filter(contract::Column::Org.eq(org.0));
        record(of_org.filter(contract::Column::Name.eq(name.as_str())).one(&self.db).await?)
    }

    /// Every contract of the organization, by name.
    pub async fn contracts(&self, org: OrganizationId) -> Result<Vec<Contract>, StoreError> {
        let of_org = contract::Entity::find().filter(contract::Column::Org.eq(org.0));
        records(of_org.order_by_asc(contract::Column::Name).all(&self.db).await?)
    }

    /// The newest revision of the contract.
    pub async fn latest_contract_revision(
        &self,
        org: OrganizationId,
        contract: ContractId,
    ) -> Result<Option<Sequenced<ContractRevision>>, StoreError> {
        let found = revisions(org, contract).order_by_desc(contract_revision::Column::Revision);
        record(found.one(&self.db).await?)
    }

    /// The revision of that number.
    pub async fn contract_revision(
        &self,
        org: OrganizationId,
        contract: ContractId,
        revision: u32,
    ) -> Result<Option<Sequenced<ContractRevision>>, StoreError> {
        let found = revisions(org, contract)
            .filter(contract_revision::Column::Revision.eq(i64::from(revision)));
        record(found.one(&self.db).await?)
    }

    /// The revision of that identifier, as a run names it.
    pub async fn contract_revision_by_id(
        &self,
        org: OrganizationId,
        id: Uuid,
    ) -> Result<Option<Sequenced<ContractRevision>>, StoreError> {
        let found = contract_revision::Entity::find_by_id(id)
            .filter(contract_revision::Column::Org.eq(org.0));
        record(found.one(&self.db).await?)
    }

    /// The newest revision of any contract whose compiled form has that digest.
    pub async fn contract_revision_by_digest(
        &self,
        org: OrganizationId,
        digest: Digest,
    ) -> Result<Option<Sequenced<ContractRevision>>, StoreError> {
        let found = contract_revision::Entity::find()
            .filter(contract_revision::Column::Org.eq(org.0))
            .filter(contract_revision::Column::Digest.eq(bytes(digest)))
            .order_by_desc(contract_revision::Column::Seq);
        record(found.one(&self.db).await?)
    }

    /// The revisions of the contract, newest first; the cursor is a revision number.
    pub async fn contract_revisions(
        &self,
        org: OrganizationId,
        contract: ContractId,
        page: Page<u32>,
    ) -> Result<Vec<Sequenced<ContractRevision>>, StoreError> {
        let mut found = revisions(org, contract).order_by_desc(contract_revision::Column::Revision);
        if let Some(after) = page.after {
            found = found.filter(contract_revision::Column::Revision.lt(i64::from(after)));
        }
        records(found.limit(page.limit).all(&self.db).await?)
    }
}

impl Reader<'_> {
    /// The name and number of each of those revisions.
    pub async fn contract_revision_names(
        &self,
        org: OrganizationId,
        ids: &[Uuid],
    ) -> Result<BTreeMap<Uuid, (Name, u32)>, StoreError> {
        let mut distinct = ids.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let contracts: BTreeMap<ContractId, Name> = self
            .contracts(org)
            .await?
            .into_iter()
            .map(|contract| (contract.id, contract.name))
            .collect();
        let mut names = BTreeMap::new();
        for chunk in distinct.chunks(KEYS_PER_QUERY) {
            let found = contract_revision::Entity::find()
                .select_only()
                .columns([
                    contract_revision::Column::Id,
                    contract_revision::Column::Contract,
                    contract_revision::Column::Revision,
                ])
                .filter(contract_revision::Column::Org.eq(org.0))
                .filter(contract_revision::Column::Id.is_in(chunk.iter().copied()))
                .into_tuple::<(Uuid, Uuid, i64)>()
                .all(&self.db)
                .await?;
            for (id, contract, revision) in found {
                let row = Row::new("contract_revision", id);
                if let Some(name) = contracts.get(&ContractId(contract)) {
                    names.insert(id, (name.clone(), row.small(revision)?));
                }
            }
        }
        Ok(names)
    }

    /// The name and number of the revision that each of those runs answers to.
    pub async fn contract_names_of_runs(
        &self,
        org: OrganizationId,
        runs: &[RunId],
    ) -> Result<BTreeMap<RunId, (Name, u32)>, StoreError> {
        let mut revisions = Vec::new();
        for chunk in runs.chunks(KEYS_PER_QUERY) {
            let found = run::Entity::find()
                .select_only()
                .columns([run::Column::Id, run::Column::ContractRevision])
                .filter(run::Column::Org.eq(org.0))
                .filter(run::Column::Id.is_in(chunk.iter().map(|run| run.0)))
                .into_tuple::<(Uuid, Uuid)>();
            revisions.extend(found.all(&self.db).await?);
        }
        let ids: Vec<Uuid> = revisions.iter().map(|(_, revision)| *revision).collect();
        let names = self.contract_revision_names(org, &ids).await?;
        Ok(revisions
            .into_iter()
            .filter_map(|(run, revision)| Some((RunId(run), names.get(&revision)?.clone())))
            .collect())
    }
}

fn revisions(
    org: OrganizationId,
    contract: ContractId,
) -> sea_orm::Select<contract_revision::Entity> {
    contract_revision::Entity::find()
        .filter(contract_revision::Column::Org.eq(org.0))
        .filter(contract_revision::Column::Contract.eq(contract.0))
}

impl Tx<'_> {
    /// Adds a contract without revisions. A name that is taken is a conflict.
    pub async fn insert_contract(&self, new: &Contract) -> Result<(), StoreError> {
        let model = contract::Model {
            id: new.id.0,
            org: new.org.0,
            name: new.name.to_string(),
            created_at: new.created_at.as_millis(),
            deleted_at: millis(new.deleted_at),
        };
        insert::<contract::Entity>(self.db(), vec![model]).await
    }

    /// Deletes a contract, or restores one that was deleted. One of which that was done meanwhile is a conflict.
    pub async fn set_contract_deleted(
        &self,
        old: &Contract,
        at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let deleted = contract::Column::DeletedAt;
        let same = if at.is_some() { deleted.is_null() } else { deleted.is_not_null() };
        let done = contract::Entity::update_many()
            .col_expr(deleted, Expr::value(millis(at)))
            .filter(contract::Column::Id.eq(old.id.0))
            .filter(contract::Column::Org.eq(old.org.0))
            .filter(same)
            .exec(self.db())
            .await?;
        one(done.rows_affected, "the contract")
    }

    /// Adds a revision and answers its sequence number. A number that is taken is a conflict: someone else
    /// revised the contract meanwhile.
    pub async fn insert_contract_revision(
        &self,
        new: &ContractRevision,
    ) -> Result<u64, StoreError> {
        let sources = json("contract_revision", &new.sources)?;
        let seq = self.next_seq(1).await?;
        let model = contract_revision::Model {
            id: new.id,
            contract: new.contract.0,
            org: new.org.0,
            revision: i64::from(new.revision),
            digest: bytes(new.digest),
            source: new.source.clone(),
            sources,
            created_at: new.created_at.as_millis(),
            seq: int(seq),
        };
        insert::<contract_revision::Entity>(self.db(), vec![model]).await?;
        Ok(seq)
    }
}

impl TryFrom<contract::Model> for Contract {
    type Error = StoreError;

    fn try_from(model: contract::Model) -> Result<Self, Self::Error> {
        let row = Row::new("contract", model.id);
        Ok(Self {
            id: ContractId(model.id),
            org: OrganizationId(model.org),
            name: row.text(&model.name)?,
            created_at: Timestamp::from_millis(model.created_at),
            deleted_at: time(model.deleted_at),
        })
    }
}

impl TryFrom<contract_revision::Model> for Sequenced<ContractRevision> {
    type Error = StoreError;

    fn try_from(model: contract_revision::Model) -> Result<Self, Self::Error> {
        let row = Row::new("contract_revision", model.id);
        let record = ContractRevision {
            id: model.id,
            contract: ContractId(model.contract),
            org: OrganizationId(model.org),
            revision: row.small(model.revision)?,
            digest: row.digest(&model.digest)?,
            source: model.source,
            sources: row.json(&model.sources)?,
            created_at: Timestamp::from_millis(model.created_at),
        };
        Ok(Self { seq: row.count(model.seq)?, record })
    }
}
