//! What fields cost. A list costs what its entries cost, times how many there can be.

/// Most that one document may cost. A gate's largest question and a page of the largest size with a lookup per entry
/// fit; two of them do not.
pub(crate) const MAX: usize = 100_000;
/// What a field costs that asks the database for one thing.
pub(crate) const LOOKUP: usize = 50;
/// How many entries a list without pages is taken to have.
const ENTRIES: usize = 20;
/// What one decision costs besides what is shown of it: a walk and a policy.
const DECISION: usize = 50;

/// A page of `first` entries.
pub(crate) fn page(first: u32, child: usize) -> usize {
    LOOKUP.saturating_add(times(first, child))
}

/// A list that is read from the database and has no pages.
pub(crate) const fn list(child: usize) -> usize {
    LOOKUP.saturating_add(ENTRIES.saturating_mul(child))
}

/// A list that comes with the value it belongs to.
pub(crate) const fn inner(child: usize) -> usize {
    ENTRIES.saturating_mul(child).saturating_add(1)
}

/// One thing that is read from the database.
pub(crate) const fn lookup(child: usize) -> usize {
    LOOKUP.saturating_add(child)
}

/// A lineage of at most `max_nodes` nodes.
pub(crate) fn lineage(max_nodes: u32, child: usize) -> usize {
    LOOKUP.saturating_add(times(max_nodes, child))
}

/// Decisions about so many artifacts.
pub(crate) const fn decisions(digests: usize, child: usize) -> usize {
    digests.saturating_mul(DECISION.saturating_add(child))
}

fn times(count: u32, child: usize) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX).saturating_mul(child)
}
