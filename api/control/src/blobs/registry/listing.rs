//! The blobs in a registry, by their tags:
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-tags>.
//!
//! Registries answer as many tags as they like, and old ones all of them whatever they are asked for. So what is answered
//! again is passed over, and only an answer with nothing new is the end.

use std::collections::BTreeSet;

use engine::Digest;
use oci_distribution::secrets::RegistryAuth;

use super::{BlobError, Registry, is_missing};

/// Tags that are asked for at once.
const PAGE: usize = 1_000;

impl Registry {
    /// Blobs after `after`, in the order of their digests.
    pub(super) async fn list_tags(
        &self,
        after: Option<Digest>,
        limit: usize,
    ) -> Result<Vec<Digest>, BlobError> {
        let prefix = self.tag_prefix();
        let mut last =
            after.map_or_else(|| prefix.clone(), |after| format!("{prefix}{}", after.to_hex()));
        let mut found = BTreeSet::new();
        while found.len() < limit {
            let tags: BTreeSet<String> = self.tags_after(&last).await?;
            let Some(end) = tags.last() else { break };
            let blobs = tags.iter().filter_map(|tag| tag.strip_prefix(&prefix));
            found.extend(blobs.filter_map(|hex| Digest::from_hex(hex).ok()));
            // In order, so nothing of these blobs comes later.
            if !end.starts_with(&prefix) {
                break;
            }
            last.clone_from(end);
        }
        Ok(found.into_iter().take(limit).collect())
    }

    async fn tags_after(&self, last: &str) -> Result<BTreeSet<String>, BlobError> {
        let reference = self.tagged(last.to_owned());
        let auth = RegistryAuth::Anonymous;
        match self.client.list_tags(&reference, &auth, Some(PAGE), Some(last)).await {
            Ok(answer) => Ok(answer.tags.into_iter().filter(|tag| tag.as_str() > last).collect()),
            Err(error) if is_missing(&error) => Ok(BTreeSet::new()),
            Err(error) => Err(self.failed("list the tags")(error)),
        }
    }
}
