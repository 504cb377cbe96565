//! How an organization stands: in figures of its newest runs and attestations, so that asking costs the same however many
//! there are.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use engine::Verdict;
use engine::id::{OrganizationId, WorkflowId};

use crate::actor::{Actor, Permission};
use crate::store::{Attestation, AttestationFilter, Page, Run, RunFilter, RunState};
use crate::{Control, Error, Result, Timestamp, now};

/// How many days the figures look back.
pub const READINESS_DAYS: i64 = 30;
/// Most runs, and most attestations, that they look at.
pub const READINESS_SAMPLE: u64 = 1_000;

/// How an organization stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// When that was.
    pub at: Timestamp,
    /// From when on runs and attestations count.
    pub since: Timestamp,
    /// How many runs are in each state.
    pub runs: BTreeMap<String, u64>,
    /// How many attestations were received with each verdict.
    pub verdicts: BTreeMap<String, u64>,
    /// How many workflows there are.
    pub workflows: u64,
    /// How many of them were attested.
    pub workflows_attested: u64,
    /// How old the newest attestation of each of those is.
    pub evidence_age: Option<Spread>,
    /// How long it took from the opening of a run to the receipt of its attestation.
    pub time_to_attest: Option<Spread>,
}

/// How long something takes: in the middle, nine times of ten, and at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    /// Half of them are no longer.
    pub median: Duration,
    /// Nine of ten are no longer.
    pub ninetieth: Duration,
    /// None is longer.
    pub longest: Duration,
}

impl Control {
    /// How the actor's organization stands.
    pub async fn readiness(&self, actor: &Actor) -> Result<Readiness> {
        let org = actor.authorize(Permission::Read)?;
        self.readiness_at(org, now()).await
    }

    async fn readiness_at(&self, org: OrganizationId, at: Timestamp) -> Result<Readiness> {
        let (read, limit) = (self.store.read(), READINESS_SAMPLE);
        let filter = RunFilter::default();
        let mut runs = read.list_runs(org, filter, Page { after: None, limit }).await?;
        let filter = AttestationFilter::default();
        let page = Page { after: None, limit };
        let attestations = read.list_attestations(org, &filter, page).await?;
        let mut attestations: Vec<Attestation> =
            attestations.into_iter().map(|one| one.record).collect();
        let since = since(&runs, &attestations, at);
        runs.retain(|run| run.created_at >= since);
        attestations.retain(|one| one.created_at >= since);
        let live: BTreeSet<WorkflowId> = read
            .workflows(org, None)
            .await?
            .into_iter()
            .filter(|workflow| workflow.deleted_at.is_none())
            .map(|workflow| workflow.id)
            .collect();
        figures(at, since, &runs, &attestations, &live)
    }
}

/// From when on all is in the sample.
fn since(runs: &[Run], attestations: &[Attestation], at: Timestamp) -> Timestamp {
    let full = |count: usize| u64::try_from(count).is_ok_and(|count| count == READINESS_SAMPLE);
    let oldest_run = runs.last().filter(|_| full(runs.len())).map(|run| run.created_at);
    let oldest = attestations.last().filter(|_| full(attestations.len()));
    let oldest = oldest.map(|one| one.created_at);
    let window = at.plus_days(-READINESS_DAYS);
    [oldest_run, oldest].into_iter().flatten().fold(window, Timestamp::max)
}

fn figures(
    at: Timestamp,
    since: Timestamp,
    runs: &[Run],
    attestations: &[Attestation],
    live: &BTreeSet<WorkflowId>,
) -> Result<Readiness> {
    let states = RunState::ALL.map(|(_, name)| (name.to_owned(), 0));
    let mut states: BTreeMap<String, u64> = states.into();
    for run in runs {
        *states.entry(run.state.to_string()).or_default() += 1;
    }
    let known = [Verdict::Passed, Verdict::Failed, Verdict::Indeterminate];
    let mut verdicts: BTreeMap<String, u64> = known.map(|one| (one.to_string(), 0)).into();
    let mut newest: BTreeMap<WorkflowId, Timestamp> = BTreeMap::new();
    for one in attestations {
        *verdicts.entry(one.verdict.clone()).or_default() += 1;
        if live.contains(&one.workflow) {
            newest.entry(one.workflow).or_insert(one.created_at);
        }
    }
    let attested = runs.iter().filter(|run| run.state == RunState::Closed);
    let took = attested.filter_map(|run| Some(between(run.created_at, run.closed_at?)));
    Ok(Readiness {
        at,
        since,
        runs: states,
        verdicts,
        workflows: count(live.len())?,
        workflows_attested: count(newest.len())?,
        evidence_age: spread(newest.into_values().map(|received| between(received, at))),
        time_to_attest: spread(took),
    })
}

fn spread(durations: impl Iterator<Item = Duration>) -> Option<Spread> {
    let mut sorted: Vec<Duration> = durations.collect();
    sorted.sort_unstable();
    let longest = *sorted.last()?;
    // The smallest that so many tenths are not above: the nearest rank.
    let rank = |tenths: usize| (sorted.len() * tenths).div_ceil(10).saturating_sub(1);
    let at = |tenths| sorted.get(rank(tenths)).copied().unwrap_or(longest);
    Some(Spread { median: at(5), ninetieth: at(9), longest })
}

fn between(from: Timestamp, to: Timestamp) -> Duration {
    let millis = to.as_millis().saturating_sub(from.as_millis());
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

fn count(len: usize) -> Result<u64> {
    u64::try_from(len).map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_of_the_nearest_ranks() {
        for (seconds, expected) in [
            (vec![], None),
            (vec![7], Some([7, 7, 7])),
            (vec![3, 1], Some([1, 3, 3])),
            ((1..=10).rev().collect(), Some([5, 9, 10])),
            ((1..=100).collect(), Some([50, 90, 100])),
        ] {
            let found = spread(seconds.iter().copied().map(Duration::from_secs));
            let found = found.map(|one| [one.median, one.ninetieth, one.longest]);
            assert_eq!(found, expected.map(|all| all.map(Duration::from_secs)), "{seconds:?}");
        }
    }
}
