//! The server's own judgement, under the waivers in force.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::Digest;
use engine::contract::Compiled;
use engine::id::OrganizationId;
use engine::judge::{Plan, Record};
use engine::predicate::Predicate;
use uuid::Uuid;

use super::evidence::Evidence;
use crate::store::{Attestation, WaiverUse};
use crate::{Control, Error, Result, judge, now, waivers};

/// A revision of a waiver that accepted so many violations.
#[derive(Debug, Clone, Copy)]
pub(super) struct Used {
    revision: Uuid,
    violations: u64,
}

impl Control {
    /// Judges the evidence under the waivers in force now, and says which of them were used.
    pub(super) async fn judge(
        &self,
        org: OrganizationId,
        contract: Arc<Compiled>,
        predicate: &Predicate,
        evidence: Evidence,
    ) -> Result<(Record, Vec<Used>)> {
        let (circumstances, limits, at) =
            (predicate.circumstances.clone(), Arc::clone(&self.limits), now());
        let in_force = waivers::in_force(&self.store.read(), org, at).await?;
        let documents = in_force.iter().map(|one| one.document.clone()).collect();
        let judged = tokio::task::spawn_blocking(move || {
            let (exhibits, _room) = evidence.read(&limits);
            let plan = Plan::new(&contract, &circumstances, exhibits, at, &limits);
            judge::conclude(&plan.waiving(documents))
        });
        let record = judged.await.map_err(Error::internal)?;
        let revisions: BTreeMap<Digest, Uuid> =
            in_force.iter().map(|one| (one.digest, one.id)).collect();
        let used = record.waivers.iter().filter(|waiver| waiver.violations > 0).filter_map(|one| {
            let revision = *revisions.get(&one.digest)?;
            Some(Used { revision, violations: one.violations })
        });
        let used = used.collect();
        Ok((record, used))
    }
}

/// The rows of what waivers did to an attestation.
pub(super) fn uses(attestation: &Attestation, used: &[Used]) -> Vec<WaiverUse> {
    let row = |one: &Used| WaiverUse {
        revision: one.revision,
        attestation: attestation.id,
        org: attestation.org,
        violations: one.violations,
        created_at: attestation.created_at,
    };
    used.iter().map(row).collect()
}
