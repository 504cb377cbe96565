//! The lineage that an attestation adds.

use std::collections::BTreeSet;

use engine::Digest;
use engine::predicate::Predicate;
use trust::Verified;

use super::subjects;
use crate::store::{Edge, EdgeKind, NodeKey};

/// What flowed where: materials and the commit into the attestation, the attestation into its subjects.
pub(super) fn edges(digest: Digest, verified: &Verified, predicate: &Predicate) -> Vec<Edge> {
    let attestation = NodeKey::Attestation(digest);
    let outputs: BTreeSet<Digest> = subjects(verified)
        .filter(|(_, algorithm, _)| algorithm == "sha256")
        .filter_map(|(_, _, value)| Digest::from_hex(&value).ok())
        .collect();
    let inputs =
        predicate.materials.iter().filter(|material| !outputs.contains(&material.digest)).map(
            |material| Edge {
                src: NodeKey::Artifact(material.digest),
                dst: attestation.clone(),
                kind: EdgeKind::Material,
            },
        );
    let commit = predicate.circumstances.commit.iter().map(|commit| Edge {
        src: NodeKey::Commit(commit.id.clone()),
        dst: attestation.clone(),
        kind: EdgeKind::Commit,
    });
    let outputs = outputs.iter().map(|output| Edge {
        src: attestation.clone(),
        dst: NodeKey::Artifact(*output),
        kind: EdgeKind::Subject,
    });
    inputs.chain(commit).chain(outputs).collect()
}
