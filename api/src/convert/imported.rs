//! Attestations that were made elsewhere, and whose are believed.

use api_types as out;
use control as view;

pub(crate) fn root(one: view::TrustRoot) -> out::TrustRoot {
    let view::TrustRoot { root, digest, created_at } = one;
    out::TrustRoot { root, digest, created_at }
}

pub(crate) fn shown(one: view::Imported) -> out::Imported {
    let view::Imported { summary, subjects, size } = one;
    let signer = summary.signer;
    out::Imported {
        digest: summary.digest,
        predicate_type: summary.predicate_type,
        signer: out::Signer { key: signer.key, issuer: signer.issuer, subject: signer.subject },
        trust_root: summary.trust_root,
        believed: summary.believed,
        signed_at: summary.signed_at,
        received_at: summary.received_at,
        size,
        seq: summary.seq,
        subjects: subjects.into_iter().map(subject).collect(),
    }
}

fn subject(one: view::ImportedSubject) -> out::Subject {
    let view::ImportedSubject { name, algorithm, value } = one;
    out::Subject { name, algorithm, value }
}
