//! How much is under way in this process, so that one receiver that hangs does not hold up the others.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine::id::{IntegrationId, OrganizationId};

/// Most attempts under way at once: in all, of one organization, and to one integration.
const ALL_MAX: u64 = 256;
const ORGANIZATION_MAX: u64 = 32;
const INTEGRATION_MAX: u64 = 4;

type Counts = BTreeMap<(OrganizationId, IntegrationId), u64>;

/// What is under way. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Busy {
    counts: Arc<Mutex<Counts>>,
}

impl Busy {
    /// How many more attempts to that integration may begin.
    pub(super) fn room(&self, org: OrganizationId, integration: IntegrationId) -> u64 {
        room(&self.counts(), org, integration)
    }

    /// The integrations that are under way to which no more attempts may begin.
    pub(super) fn full(&self) -> Vec<IntegrationId> {
        let counts = self.counts();
        let full = counts.keys().filter(|(org, id)| room(&counts, *org, *id) == 0);
        full.map(|(_, id)| *id).collect()
    }

    /// Counts an attempt until it is dropped.
    pub(super) fn slot(&self, org: OrganizationId, integration: IntegrationId) -> Slot {
        *self.counts().entry((org, integration)).or_default() += 1;
        Slot { busy: self.clone(), key: (org, integration) }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn room(counts: &Counts, org: OrganizationId, integration: IntegrationId) -> u64 {
    let of_it = counts.get(&(org, integration)).copied().unwrap_or_default();
    let of_org: u64 = counts.iter().filter(|((of, _), _)| *of == org).map(|(_, count)| count).sum();
    let of_all: u64 = counts.values().sum();
    let left = [(ALL_MAX, of_all), (ORGANIZATION_MAX, of_org), (INTEGRATION_MAX, of_it)];
    left.into_iter().map(|(max, used)| max.saturating_sub(used)).min().unwrap_or_default()
}

/// One attempt that is under way.
#[derive(Debug)]
pub(super) struct Slot {
    busy: Busy,
    key: (OrganizationId, IntegrationId),
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut counts = self.busy.counts();
        match counts.get_mut(&self.key) {
            Some(count @ 2..) => *count -= 1,
            _ => _ = counts.remove(&self.key),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn one_integration_leaves_room_for_others_and_one_organization_too() {
        let busy = Busy::default();
        let org = |n| OrganizationId(Uuid::from_u128(n));
        let id = |n| IntegrationId(Uuid::from_u128(n));
        let mut held: Vec<Slot> = (0..4).map(|_| busy.slot(org(1), id(1))).collect();
        assert_eq!((busy.room(org(1), id(1)), busy.full()), (0, vec![id(1)]));
        assert_eq!(busy.room(org(1), id(2)), 4);
        held.extend(
            (2..9)
                .flat_map(|n| (0..4).map(move |_| (org(1), id(n))))
                .map(|(org, id)| busy.slot(org, id)),
        );
        assert_eq!(busy.room(org(1), id(99)), 0, "the organization is at its bound");
        assert_eq!(busy.room(org(2), id(100)), 4);
        drop(held);
        assert_eq!((busy.room(org(1), id(1)), busy.full()), (4, vec![]));
    }
}
