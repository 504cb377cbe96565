//! Attestations that were made elsewhere: verified under the trust roots of the organization, kept byte for byte, and part
//! of its lineage.

use std::collections::BTreeSet;

use engine::id::{AttestationId, OrganizationId};
use engine::lineage::{ImportedSummary, Signer};
use engine::material::provenance_inputs;
use engine::{Digest, Timestamp, TrustRoot};
use serde_json::json;
use trust::{Endorsed, ForeignRoot, ForeignSigner, PublicKey, verify_foreign};

use crate::actor::{Actor, Permission};
use crate::audit::Change;
use crate::backends::{Kept, removal_conflict};
use crate::denials::{self, Who};
use crate::store::{self, Edge, EdgeKind, ImportedSubject, NodeKey, Reader, Sequenced, StoreError};
use crate::{Control, Error, Page, Result, audit, fresh, now};

/// Most subjects and most inputs of one: all of them are part of the lineage, or it is not imported.
const THINGS_MAX: usize = 10_000;

/// An attestation that was made elsewhere, as it stands now.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// What gates and lineage say about it.
    pub summary: ImportedSummary,
    /// Everything that it is about, by any algorithm.
    pub subjects: Vec<ImportedSubject>,
    /// The size of its bytes.
    pub size: u64,
}

impl Control {
    /// Imports an attestation, and says whether it is new. The same bytes twice answer the same. That it was refused, and
    /// at which step, is an audit event.
    pub async fn import(&self, actor: &Actor, bytes: Vec<u8>) -> Result<(Imported, bool)> {
        let org = actor.authorize(Permission::ImportAttestations)?;
        let digest = Digest::of(&bytes);
        match self.import_in_order(actor, org, digest, bytes).await {
            Err(refusal @ Error::Refused { .. }) => {
                self.record_refused_import(actor, digest, &refusal).await?;
                Err(refusal)
            }
            imported => imported,
        }
    }

    /// The order of trust, one line each.
    async fn import_in_order(
        &self,
        actor: &Actor,
        org: OrganizationId,
        digest: Digest,
        bytes: Vec<u8>,
    ) -> Result<(Imported, bool)> {
        self.within_limits(&bytes)?;
        let read = self.store.read();
        if let Some(found) = read.imported(org, digest).await? {
            return Ok((self.one_import(org, found).await?, false));
        }
        if read.attestation_by_digest(org, digest).await?.is_some() {
            return Err(Error::refused(
                "own",
                "it was received here with its run: it is no other's",
            ));
        }
        let (believed, root) = self.believe(org, bytes.clone()).await?;
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let new = row(actor, org, digest, size, &believed, &root);
        let edges = edges(digest, &believed);
        check_size(&new, &edges)?;
        let kept = self.keep_bundle(org, digest, bytes).await?;
        let made = self.save_import(actor, new, edges, kept).await?;
        let lost =
            || Error::internal(format!("the attestation {digest} was stored, and is not there"));
        let found = read.imported(org, digest).await?.ok_or_else(lost)?;
        Ok((self.one_import(org, found).await?, made))
    }

    /// Verifies under the roots of the organization.
    async fn believe(&self, org: OrganizationId, bytes: Vec<u8>) -> Result<(Endorsed, TrustRoot)> {
        let roots = self.store.read().trust_roots(org).await?;
        let verified = tokio::task::spawn_blocking(move || {
            let ready = roots.into_iter().map(|one| ForeignRoot::new(one.root));
            let roots = ready.collect::<Result<Vec<_>, _>>().map_err(Error::internal)?;
            let believed = verify_foreign(&bytes, &roots)
                .map_err(|refusal| Error::refused(refusal.code(), refusal.to_string()))?;
            let root = roots.get(believed.root()).map(|root| root.written().clone());
            let root = root.ok_or_else(|| Error::internal("no root has believed it"))?;
            Ok((believed, root))
        });
        verified.await.map_err(Error::internal)?
    }

    /// One transaction: everything or nothing; answers false when somebody else had imported the same meanwhile.
    async fn save_import(
        &self,
        actor: &Actor,
        new: store::Imported,
        edges: Vec<Edge>,
        kept: Kept,
    ) -> Result<bool> {
        let digest = new.digest;
        let made = json!({
            "attestation": digest, "predicate_type": new.predicate_type, "signer": new.signer,
            "trust_root": new.trust_root, "signed_at": new.signed_at,
        });
        let event =
            audit::event(actor, Some(new.org), "attestation.import", digest, Change::made(made));
        let saved = self.store.write(move |tx| {
            let (new, edges, event) = (new.clone(), edges.clone(), event.clone());
            Box::pin(async move {
                kept.note(&tx).await?;
                match tx.insert_imported(&new, &edges).await {
                    Err(StoreError::Conflict { what }) if what == "imported_attestation" => {
                        return Err(Error::Conflict(what));
                    }
                    inserted => inserted.map_err(|error| removal_conflict(error, digest))?,
                };
                tx.insert_audit(&[event]).await?;
                Ok(())
            })
        });
        match saved.await {
            Ok(()) => Ok(true),
            Err(Error::Conflict(what)) if what == "imported_attestation" => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Attestations that were imported, newest first. `after` is the `next` of the page before.
    pub async fn imports(
        &self,
        actor: &Actor,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Imported>> {
        let org = actor.authorize(Permission::Read)?;
        let limit = self.page_size(limit)?;
        let wrong = |_error| Error::invalid("`after` is not the `next` of a page of imports");
        let after = after.map(str::parse::<u64>).transpose().map_err(wrong)?;
        let read = self.store.read();
        let mut found = read.list_imported(org, store::Page { after, limit: limit + 1 }).await?;
        let more = found.len() > usize::try_from(limit).unwrap_or(usize::MAX);
        if more {
            found.pop();
        }
        let next = found.last().filter(|_| more).map(|last| last.seq.to_string());
        Ok(Page { items: standing(&read, org, found).await?, next })
    }

    /// One of them.
    pub async fn imported(&self, actor: &Actor, digest: Digest) -> Result<Imported> {
        let org = actor.authorize(Permission::Read)?;
        let found = self.store.read().imported(org, digest).await?;
        let found = found.ok_or_else(|| Error::not_found("imported attestation", digest))?;
        self.one_import(org, found).await
    }

    /// One of them, byte for byte.
    pub async fn imported_bytes(&self, actor: &Actor, digest: Digest) -> Result<Vec<u8>> {
        let org = actor.authorize(Permission::Read)?;
        let missing = || Error::not_found("imported attestation", digest);
        let read = self.store.read();
        read.imported(org, digest).await?.ok_or_else(missing)?;
        let blob = read.blob(org, digest).await?.ok_or_else(missing)?;
        self.bytes(&blob).await
    }

    async fn one_import(
        &self,
        org: OrganizationId,
        found: Sequenced<store::Imported>,
    ) -> Result<Imported> {
        let lost = || Error::internal("one import of one");
        standing(&self.store.read(), org, vec![found]).await?.pop().ok_or_else(lost)
    }

    async fn record_refused_import(
        &self,
        actor: &Actor,
        digest: Digest,
        refusal: &Error,
    ) -> Result<()> {
        let Error::Refused { code, message } = refusal else { return Ok(()) };
        let reason = denials::shortened(message);
        let detail = json!({ "step": code, "reason": reason, "attestation": digest });
        let who = Who::of(actor, "attestation.refuse");
        self.record_bounded(who, None, &digest.to_string(), detail).await
    }
}

/// What was imported, and whether it is believed now.
pub(crate) async fn standing(
    read: &Reader<'_>,
    org: OrganizationId,
    found: Vec<Sequenced<store::Imported>>,
) -> Result<Vec<Imported>> {
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let roots = read.trust_roots(org).await?.into_iter();
    let roots: Vec<(TrustRoot, BTreeSet<Digest>)> =
        roots.map(|one| (one.root.clone(), key_ids(&one.root))).collect();
    let view = |Sequenced { seq, record }: Sequenced<store::Imported>| {
        let root = roots.iter().find(|(root, _)| root.name == record.trust_root);
        let believed = root.is_some_and(|(root, keys)| names(root, keys, &record));
        let sha256 = record.subjects.iter().filter(|subject| subject.algorithm == "sha256");
        let subjects = sha256.filter_map(|subject| Digest::from_hex(&subject.value).ok()).collect();
        let summary = ImportedSummary {
            digest: record.digest,
            predicate_type: record.predicate_type,
            signer: record.signer,
            trust_root: record.trust_root,
            believed,
            signed_at: record.signed_at,
            received_at: record.created_at,
            subjects,
            seq,
        };
        Imported { summary, subjects: record.subjects, size: record.size }
    };
    Ok(found.into_iter().map(view).collect())
}

fn key_ids(root: &TrustRoot) -> BTreeSet<Digest> {
    root.keys.iter().filter_map(|pem| Some(PublicKey::from_pem(pem).ok()?.id())).collect()
}

/// Whether a root with these keys, as it is now, names who signed and allows what is said.
fn names(root: &TrustRoot, keys: &BTreeSet<Digest>, imported: &store::Imported) -> bool {
    let Signer { key, issuer, subject } = &imported.signer;
    let by_key = key.is_some_and(|key| keys.contains(&key));
    let by_certificate = subject.as_ref().is_some_and(|subject| {
        let issuer = issuer.as_deref().unwrap_or_default();
        let identities = root.sigstore.iter().flat_map(|sigstore| &sigstore.identities);
        identities.into_iter().any(|identity| identity.matches(issuer, subject))
    });
    root.allows(&imported.predicate_type) && (by_key || by_certificate)
}

fn row(
    actor: &Actor,
    org: OrganizationId,
    digest: Digest,
    size: u64,
    believed: &Endorsed,
    root: &TrustRoot,
) -> store::Imported {
    let statement = believed.statement();
    let subjects = statement.subject.iter().flat_map(|subject| {
        subject.digest.iter().map(|(algorithm, value)| ImportedSubject {
            name: subject.name.clone(),
            algorithm: algorithm.clone(),
            value: value.clone(),
        })
    });
    let created_at: Timestamp = now();
    store::Imported {
        id: AttestationId(fresh()),
        org,
        digest,
        payload_digest: Digest::of(believed.payload()),
        size,
        predicate_type: statement.predicate_type.clone(),
        subjects: subjects.collect(),
        signer: signer(believed.signer()),
        trust_root: root.name.clone(),
        signed_at: believed.signed_at(),
        created_at,
        created_by: actor.token,
    }
}

/// Refuses what would be in the lineage in part only: what was left out could be what matters.
fn check_size(new: &store::Imported, edges: &[Edge]) -> Result<()> {
    let count = new.subjects.len().max(edges.len());
    if count <= THINGS_MAX {
        return Ok(());
    }
    let message = format!("it is about {count} things, more than the limit of {THINGS_MAX}");
    Err(Error::refused("statement", message))
}

fn signer(signer: &ForeignSigner) -> Signer {
    match signer {
        ForeignSigner::Key(key) => Signer { key: Some(*key), issuer: None, subject: None },
        ForeignSigner::Certificate { issuer, subject } => {
            let issuer = Some(issuer.clone()).filter(|issuer| !issuer.is_empty());
            Signer { key: None, issuer, subject: Some(subject.clone()) }
        }
    }
}

/// What flowed where, by the word of who signed: what provenance names into the attestation, that into its subjects.
fn edges(digest: Digest, believed: &Endorsed) -> Vec<Edge> {
    let attestation = NodeKey::Attestation(digest);
    let statement = believed.statement();
    let subjects = statement.subject.iter().filter_map(|subject| subject.digest.get("sha256"));
    let subjects: BTreeSet<Digest> =
        subjects.filter_map(|hex| Digest::from_hex(hex).ok()).collect();
    let inputs = provenance_inputs(&statement.predicate_type, &statement.predicate);
    let into = |src, kind| Edge { src, dst: attestation.clone(), kind };
    let materials = inputs.artifacts.difference(&subjects).map(|input| NodeKey::Artifact(*input));
    let mut edges: Vec<Edge> = materials.map(|src| into(src, EdgeKind::Material)).collect();
    edges.extend(inputs.commits.into_iter().map(|id| into(NodeKey::Commit(id), EdgeKind::Commit)));
    edges.extend(subjects.into_iter().map(|subject| Edge {
        src: attestation.clone(),
        dst: NodeKey::Artifact(subject),
        kind: EdgeKind::Subject,
    }));
    edges
}
