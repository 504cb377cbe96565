//! What is handed on of the evidence itself: SBOMs to Dependency-Track, and what GUAC reads to the bucket that it collects
//! from.
//!
//! The attestation that an event is about says which. A delivery that fails is made again from its first piece; both
//! receivers know a piece that they have.

use std::time::Duration;

use engine::{Digest, Kind, Material, Timestamp};
use futures::{StreamExt, stream};
use reqwest::multipart::{Form, Part};
use reqwest::{Body, Method};
use serde_json::Value;
use tokio_util::bytes::Bytes;
use trust::Secret;

use super::attempt::{Answer, answered, unreachable};
use crate::blobs::{self, BlobStream, Blobs, BlobsConfig, Credentials, Opening};
use crate::error::chain;
use crate::store::{self, OutboxEvent, StoreError};
use crate::{Control, Error, events};

/// How long a receiver may take for all of the evidence of an attestation.
pub(super) const TIMEOUT: Duration = Duration::from_mins(3);
/// What GUAC reads, [as its documentation lists it](https://docs.guac.sh/guac-ingestion/).
const READ_BY_GUAC: [Kind; 3] = [Kind::SbomCycloneDxJson, Kind::SbomSpdxJson, Kind::OpenVex];
/// The status of an answer that says that all was taken.
pub(super) const TAKEN: u16 = 200;

/// What an event is about.
pub(super) struct Attested {
    pub(super) digest: Digest,
    project: String,
    version: Option<String>,
    pub(super) materials: Vec<Material>,
}

impl Control {
    /// Hands the CycloneDX SBOMs to a server of Dependency-Track:
    /// <https://docs.dependencytrack.org/usage/cicd/>.
    pub(super) async fn upload(
        &self,
        address: &str,
        event: &OutboxEvent,
        secrets: &[Secret],
        at: Timestamp,
    ) -> Answer {
        let uploaded = async {
            let key = secret(secrets)?;
            if events::name(&event.kind) == events::TEST {
                return self.known_to(address, key, at).await;
            }
            let attested = self.attested(event).await?;
            let mut answer = nothing("no CycloneDX SBOM that is stored here");
            for material in attested.of(&[Kind::SbomCycloneDxJson]) {
                answer = self.upload_one(address, key, &attested, material, event, at).await?;
                if answer.failure.is_some() {
                    break;
                }
            }
            Ok(answer)
        };
        uploaded.await.unwrap_or_else(|failed| failed)
    }

    /// Whether the server takes the key; nothing is changed there.
    async fn known_to(&self, address: &str, key: &str, at: Timestamp) -> Result<Answer, Answer> {
        let url = format!("{address}/api/v1/team/self");
        let request = self.outbound.request(Method::GET, &url).map_err(failed)?;
        let answer = request.header("x-api-key", key).send().await;
        Ok(answered(answer.map_err(|error| Answer::failed(unreachable(error)))?, at).await)
    }

    async fn upload_one(
        &self,
        address: &str,
        key: &str,
        attested: &Attested,
        material: &Material,
        event: &OutboxEvent,
        at: Timestamp,
    ) -> Result<Answer, Answer> {
        let BlobStream { size, stream } = self.piece(event, material.digest).await?;
        let file = Part::stream_with_length(Body::wrap_stream(stream), size)
            .file_name("bom.json")
            .mime_str("application/json")
            .map_err(failed)?;
        let mut form = Form::new()
            .text("autoCreate", "true")
            .text("projectName", format!("{}/{}", attested.project, material.name))
            .part("bom", file);
        if let Some(version) = &attested.version {
            form = form.text("projectVersion", version.clone());
        }
        let url = format!("{address}/api/v1/bom");
        let request = self.outbound.request(Method::POST, &url).map_err(failed)?;
        let sent = request.timeout(TIMEOUT).header("x-api-key", key).multipart(form).send().await;
        Ok(answered(sent.map_err(|error| Answer::failed(unreachable(error)))?, at).await)
    }

    /// Puts what GUAC reads into the bucket that it collects from, and the envelope of the attestation.
    pub(super) async fn drop_off(
        &self,
        place: &str,
        event: &OutboxEvent,
        secrets: &[Secret],
    ) -> Answer {
        let dropped = async {
            let bucket = self.bucket(place, secret(secrets)?).await?;
            if events::name(&event.kind) == events::TEST {
                bucket.check().await.map_err(|error| unstored(&error))?;
                return Ok(Answer { status: Some(TAKEN), ..Answer::default() });
            }
            let attested = self.attested(event).await?;
            for material in attested.of(&READ_BY_GUAC) {
                let BlobStream { size, stream } = self.piece(event, material.digest).await?;
                bucket
                    .put(material.digest, Some(size), stream)
                    .await
                    .map_err(|error| unstored(&error))?;
            }
            let envelope = self.envelope(event, attested.digest).await?;
            let (digest, size) = (Digest::of(&envelope), envelope.len());
            let bytes = stream::once(async move { Ok(Bytes::from(envelope)) }).boxed();
            bucket
                .put(digest, u64::try_from(size).ok(), bytes)
                .await
                .map_err(|error| unstored(&error))?;
            Ok(Answer { status: Some(TAKEN), ..Answer::default() })
        };
        dropped.await.unwrap_or_else(|failed| failed)
    }

    async fn bucket(
        &self,
        place: &str,
        credentials: &str,
    ) -> Result<std::sync::Arc<dyn Blobs>, Answer> {
        let place: BlobsConfig = place.parse().map_err(failed)?;
        let opening = Opening {
            credentials: Some(Credentials::parse(credentials).map_err(failed)?),
            space: None,
            guard: Some(self.outbound.clone()),
            bytes_max: self.limits.blob_bytes_max,
        };
        blobs::open(place, opening).await.map_err(|error| unstored(&error))
    }

    /// What the event is about. One that is about no attestation is of another kind of integration.
    pub(super) async fn attested(&self, event: &OutboxEvent) -> Result<Attested, Answer> {
        let member = |name: &str| event.payload.get(name).and_then(Value::as_str);
        let digest = member("attestation").and_then(|digest| digest.parse().ok());
        let digest = digest.ok_or_else(|| Answer::hopeless("the event is about no attestation"))?;
        let read = self.store.read();
        let found = read.attestation_by_digest(event.org, digest).await.map_err(unread)?;
        let found = found.ok_or_else(|| Answer::hopeless("the attestation is not there"))?.record;
        let mut materials = read.materials_of(event.org, &[found.id]).await.map_err(unread)?;
        let run = read.run(event.org, found.run).await.map_err(unread)?;
        Ok(Attested {
            digest,
            project: member("project").unwrap_or_default().to_owned(),
            version: run.and_then(|run| run.version),
            materials: materials.remove(&found.id).unwrap_or_default(),
        })
    }

    async fn piece(&self, event: &OutboxEvent, digest: Digest) -> Result<BlobStream, Answer> {
        let blob = self.store.read().blob(event.org, digest).await.map_err(unread)?;
        let gone = || Answer::hopeless(format!("the evidence {digest} was removed meanwhile"));
        let blob: store::Blob = blob.ok_or_else(gone)?;
        self.fetch(&blob).await.map_err(failed)
    }

    /// The [DSSE](https://github.com/secure-systems-lab/dsse) envelope in a bundle: GUAC knows no bundles.
    async fn envelope(&self, event: &OutboxEvent, digest: Digest) -> Result<Vec<u8>, Answer> {
        let bundle = self.bundle_of(event, digest).await?;
        let bundle: Value = serde_json::from_slice(&bundle).map_err(failed)?;
        let envelope = bundle.get("dsseEnvelope").ok_or_else(|| Answer::hopeless("no envelope"))?;
        serde_json::to_vec(envelope).map_err(failed)
    }

    pub(super) async fn bundle_of(
        &self,
        event: &OutboxEvent,
        digest: Digest,
    ) -> Result<Vec<u8>, Answer> {
        let blob = self.store.read().blob(event.org, digest).await.map_err(unread)?;
        let blob = blob.ok_or_else(|| Answer::hopeless("the bundle is not there"))?;
        self.bytes(&blob).await.map_err(failed)
    }
}

impl Attested {
    /// The materials of these kinds whose bytes are stored here.
    fn of(&self, kinds: &[Kind]) -> impl Iterator<Item = &Material> {
        let stored = self.materials.iter().filter(|one| !one.reference_only);
        stored.filter(|one| kinds.contains(&one.kind))
    }
}

/// Taken, since there was nothing to take.
pub(super) fn nothing(what: &str) -> Answer {
    Answer { excerpt: Some(format!("the attestation has {what}")), ..Answer::default() }
}

pub(super) fn secret(secrets: &[Secret]) -> Result<&str, Answer> {
    let secret = secrets.first().and_then(|secret| std::str::from_utf8(secret.expose()).ok());
    secret.ok_or_else(|| Answer::hopeless("the stored secret is not text"))
}

pub(super) fn failed(error: impl std::fmt::Display) -> Answer {
    Answer::failed(error.to_string())
}

pub(super) fn unstored(error: &blobs::BlobError) -> Answer {
    Answer::failed(chain(error))
}

/// What is wrong with the database is not for those who read of deliveries.
fn unread(error: StoreError) -> Answer {
    failed(Error::from(error))
}
