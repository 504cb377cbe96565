//! Artifacts: whatever a digest names.

use async_graphql::{Context, Object, Result};

use crate::attestation::Attestation;
use crate::cost;
use crate::error::{convert, invalid};
use crate::execute::Asker;
use crate::lineage::{Direction, Lineage};
use crate::page::{self, List, PageOf};
use crate::query::{HOPS, NODES};
use crate::scalar::{Digest, UInt64};

const LIST: List = List("artifact-attestations");

/// Some bytes, by their digest. Muster need not have seen them.
#[derive(Debug)]
pub(crate) struct Artifact(pub(crate) engine::Digest);

/// Some bytes, by their digest. Muster need not have seen them.
#[Object]
impl Artifact {
    /// The digest of the bytes.
    async fn digest(&self) -> Digest {
        Digest(self.0)
    }

    /// The attestations that have it as a subject, newest first.
    #[graphql(complexity = "cost::page(first, child_complexity)")]
    async fn attestations(
        &self,
        context: &Context<'_>,
        #[graphql(default = 50)] first: u32,
        after: Option<String>,
    ) -> Result<PageOf<Attestation>> {
        let asker = Asker::of(context)?;
        let max = asker.control.limits().page_max;
        if !(1..=max).contains(&page::size(first)) {
            return Err(invalid(format!("a page holds 1 to {max} entries, not {first}")));
        }
        let position = LIST.position(after.as_deref())?;
        let before = position.as_deref().map(str::parse::<u64>).transpose();
        let before =
            before.map_err(|_not_a_number| invalid("`after` is not a cursor of this list"))?;
        let found = asker.control.attestations_of(&asker.actor, self.0).await.map_err(convert)?;
        let full = found.len() >= max;
        let rest: Vec<_> =
            found.into_iter().filter(|one| before.is_none_or(|seq| one.seq < seq)).collect();
        let more = rest.len() > page::size(first);
        if full && !more {
            // What lies behind the newest `max` cannot be told from nothing.
            return Err(invalid(format!(
                "this artifact has {max} attestations or more: ask for `lineage` instead"
            )));
        }
        let entries = rest
            .into_iter()
            .take(page::size(first))
            .map(|one| (one.seq.to_string(), Attestation(one)));
        Ok(LIST.page(entries, before.is_some(), more))
    }

    /// The lineage around it.
    #[graphql(complexity = "cost::lineage(max_nodes, child_complexity)")]
    async fn lineage(
        &self,
        context: &Context<'_>,
        #[graphql(default_with = "Direction::Up")] direction: Direction,
        #[graphql(default_with = "HOPS")] max_hops: u32,
        #[graphql(default_with = "NODES")] max_nodes: u32,
        as_of: Option<UInt64>,
    ) -> Result<Lineage> {
        let question = control::LineageQuestion {
            root: self.0,
            direction: direction.into(),
            max_hops,
            max_nodes: page::size(max_nodes),
            as_of: as_of.map(|seq| seq.0),
        };
        Asker::of(context)?.lineage(question).await
    }
}
