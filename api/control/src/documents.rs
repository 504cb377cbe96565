//! Compiled contracts and gates, kept by the digest of their revision: compile once, evaluate many.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use engine::contract::Compiled;
use engine::document::Document;
use engine::gate::Gate;
use engine::id::OrganizationId;
use uuid::Uuid;

use crate::{Control, Error, Result, store};

/// Most compiled documents that are kept of each kind; then the cache starts anew.
const KEPT_MAX: usize = 512;

/// Compiled revisions by row identifier. A revision never changes, so neither does its compiled form.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    contracts: Kept<Compiled>,
    gates: Kept<Gate>,
}

#[derive(Debug)]
struct Kept<T>(Mutex<BTreeMap<Uuid, Arc<T>>>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Kept<T> {
    fn get(&self, id: Uuid) -> Option<Arc<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id).map(Arc::clone)
    }

    fn keep(&self, id: Uuid, compiled: &Arc<T>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(id, Arc::clone(compiled));
    }
}

impl Control {
    /// The compiled form of a contract revision that a row of the organization names.
    pub(crate) async fn compiled(&self, org: OrganizationId, id: Uuid) -> Result<Arc<Compiled>> {
        if let Some(compiled) = self.cache.contracts.get(id) {
            return Ok(compiled);
        }
        let lost = || Error::internal(format!("the contract revision {id} is not there"));
        let found = self.store.read().contract_revision_by_id(org, id).await?;
        let revision = found.ok_or_else(lost)?.record;
        let document = Document::parse(&revision.source, &self.limits).map_err(Error::internal)?;
        let compiled = Compiled::compile(&document, &revision.sources, &self.library, &self.limits);
        let compiled = Arc::new(compiled.map_err(Error::internal)?);
        self.cache.contracts.keep(revision.id, &compiled);
        Ok(compiled)
    }

    /// The compiled form of a stored gate revision.
    pub(crate) fn compiled_gate(&self, revision: &store::GateRevision) -> Result<Arc<Gate>> {
        if let Some(gate) = self.cache.gates.get(revision.id) {
            return Ok(gate);
        }
        let document = Document::parse(&revision.source, &self.limits).map_err(Error::internal)?;
        let gate = Gate::compile(&document, &revision.sources, &self.library, &self.limits);
        let gate = Arc::new(gate.map_err(Error::internal)?);
        self.cache.gates.keep(revision.id, &gate);
        Ok(gate)
    }
}
