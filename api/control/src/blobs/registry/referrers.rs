//! Attestations beside the images that they are about, where every client looks for them:
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers>.
//!
//! They are laid out as cosign lays out its own: a manifest that names the image as its `subject`, with the bundle as its
//! only layer. A registry that lists no referrers itself has them listed under a tag, by whoever pushes:
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema>. Two that write that
//! list at once lose one of both, so the caller sees to it that one does.

use engine::{Digest, Timestamp};
use oci_distribution::Reference;
use oci_distribution::errors::OciDistributionError;
use oci_distribution::manifest::{
    IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE,
    OCI_IMAGE_MEDIA_TYPE,
};
use oci_distribution::secrets::RegistryAuth;
use reqwest::header::HeaderValue;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{BlobError, EMPTY_CONFIG, EMPTY_MEDIA_TYPE, Registry, is_missing};

/// What an image is described by.
const IMAGES: [&str; 4] = [
    OCI_IMAGE_MEDIA_TYPE,
    OCI_IMAGE_INDEX_MEDIA_TYPE,
    IMAGE_MANIFEST_MEDIA_TYPE,
    IMAGE_MANIFEST_LIST_MEDIA_TYPE,
];

/// An attestation that is about an image.
#[derive(Debug, Clone)]
pub struct Referrer {
    /// The manifest of the image.
    pub image: Digest,
    /// The attestation.
    pub bundle: Vec<u8>,
    /// What it says, by the URI of its predicate.
    pub predicate_type: String,
    /// When it was made: the same one is always laid out the same.
    pub created_at: Timestamp,
}

/// The entry of a referrer in the list under a tag.
#[derive(Debug, Clone)]
pub struct Entry {
    image: Digest,
    digest: Digest,
    descriptor: Value,
}

impl Registry {
    /// Whether the registry lets in whoever has these credentials.
    pub async fn enter(&self) -> Result<(), BlobError> {
        let operation = format!("enter {}", self.address);
        let answer = self.ask(Method::GET, "", &operation).await?;
        if answer.status().is_success() {
            return Ok(());
        }
        Err(BlobError::storage(operation, format!("the answer was {}", answer.status())))
    }

    /// Pushes an attestation beside its image, which must be there. Answers what is left to be listed when the registry
    /// lists no referrers itself: hand it to [`Self::list_referrer`].
    pub async fn attach(&self, referrer: &Referrer) -> Result<Option<Entry>, BlobError> {
        let image = self.image(referrer.image).await?;
        let manifest = manifest(referrer, &image);
        let bytes = serde_json::to_vec(&manifest)
            .map_err(|error| BlobError::storage("write the manifest of a referrer", error))?;
        let digest = Digest::of(&bytes);
        let lists = self.lists_referrers(referrer.image).await?;
        // What no tag names is taken for garbage by a registry that knows no referrers.
        let reference =
            if lists { self.of(digest) } else { self.tagged(format!("att-{}", digest.to_hex())) };
        self.push_config(&reference).await?;
        let layer = Digest::of(&referrer.bundle).to_string();
        let pushed = self.client.push_blob(&reference, referrer.bundle.clone(), &layer).await;
        pushed.map_err(self.failed("push an attestation"))?;
        self.push_raw(&reference, &bytes, OCI_IMAGE_MEDIA_TYPE).await?;
        if lists {
            return Ok(None);
        }
        let size = bytes.len();
        let descriptor = json!({
            "mediaType": OCI_IMAGE_MEDIA_TYPE, "digest": digest.to_string(), "size": size,
            "artifactType": trust::MEDIA_TYPE, "annotations": annotations(referrer),
        });
        Ok(Some(Entry { image: referrer.image, digest, descriptor }))
    }

    /// Lists a referrer of an image under the tag of that image, beside those that are listed there. One at a time.
    pub async fn list_referrer(&self, entry: &Entry) -> Result<(), BlobError> {
        let reference = self.tagged(entry.image.to_string().replace(':', "-"));
        let mut index = self.index(&reference).await?;
        let listed = index.get_mut("manifests").and_then(Value::as_array_mut);
        let operation = format!("read the list of referrers at {reference}");
        let listed = listed.ok_or_else(|| BlobError::storage(operation, "it is no list"))?;
        let digest = entry.digest.to_string();
        if listed.iter().any(|one| one.get("digest").and_then(Value::as_str) == Some(&digest)) {
            return Ok(());
        }
        listed.push(entry.descriptor.clone());
        let bytes = serde_json::to_vec(&index)
            .map_err(|error| BlobError::storage("write the list of referrers", error))?;
        self.push_raw(&reference, &bytes, OCI_IMAGE_INDEX_MEDIA_TYPE).await
    }

    fn of(&self, digest: Digest) -> Reference {
        let (address, repository) = (self.address.clone(), self.repository.clone());
        Reference::with_digest(address, repository, digest.to_string())
    }

    /// The descriptor of the image, as it is there.
    async fn image(&self, digest: Digest) -> Result<Value, BlobError> {
        let operation = format!("look for the image {digest}");
        let pulled = self.pull_raw(&self.of(digest), &IMAGES, &operation).await?;
        let bytes = pulled.ok_or_else(|| {
            let place = format!("{}/{}", self.address, self.repository);
            BlobError::storage(operation.as_str(), format!("it is not in {place}"))
        })?;
        if Digest::of(&bytes) != digest {
            return Err(BlobError::storage(operation, "the registry has something else there"));
        }
        let found: Value =
            serde_json::from_slice(&bytes).map_err(|error| BlobError::storage(operation, error))?;
        let written = found.get("mediaType").and_then(Value::as_str);
        let list = found.get("manifests").is_some();
        let unwritten = if list { OCI_IMAGE_INDEX_MEDIA_TYPE } else { OCI_IMAGE_MEDIA_TYPE };
        let (media_type, size) = (written.unwrap_or(unwritten), bytes.len());
        Ok(json!({ "mediaType": media_type, "digest": digest.to_string(), "size": size }))
    }

    async fn lists_referrers(&self, image: Digest) -> Result<bool, BlobError> {
        let operation = format!("list the referrers of {image}");
        let path = format!("{}/referrers/{image}", self.repository);
        match self.ask(Method::GET, &path, &operation).await?.status() {
            status if status.is_success() => Ok(true),
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Ok(false),
            status => Err(BlobError::storage(operation, format!("the answer was {status}"))),
        }
    }

    /// The list of referrers under a tag; an empty one where there is none.
    async fn index(&self, reference: &Reference) -> Result<Value, BlobError> {
        let operation = format!("read the list of referrers at {reference}");
        let accepted = [OCI_IMAGE_INDEX_MEDIA_TYPE];
        match self.pull_raw(reference, &accepted, &operation).await? {
            Some(bytes) => {
                serde_json::from_slice(&bytes).map_err(|error| BlobError::storage(operation, error))
            }
            None => Ok(json!({
                "schemaVersion": 2, "mediaType": OCI_IMAGE_INDEX_MEDIA_TYPE, "manifests": [],
            })),
        }
    }

    async fn pull_raw(
        &self,
        reference: &Reference,
        accepted: &[&str],
        operation: &str,
    ) -> Result<Option<Vec<u8>>, BlobError> {
        let auth = RegistryAuth::Anonymous;
        match self.client.pull_manifest_raw(reference, &auth, accepted).await {
            Ok((bytes, _digest)) => Ok(Some(bytes.to_vec())),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(self.failed(operation)(error)),
        }
    }

    async fn push_raw(
        &self,
        reference: &Reference,
        bytes: &[u8],
        media_type: &'static str,
    ) -> Result<(), BlobError> {
        let media_type = HeaderValue::from_static(media_type);
        let pushed = self.client.push_manifest_raw(reference, bytes.to_vec(), media_type).await;
        let failed =
            |error: OciDistributionError| self.failed("push the manifest of a referrer")(error);
        pushed.map(drop).map_err(failed)
    }
}

/// Byte for byte the same for the same attestation of the same image.
fn manifest(referrer: &Referrer, image: &Value) -> Value {
    let bundle = &referrer.bundle;
    let (layer, size) = (Digest::of(bundle).to_string(), bundle.len());
    let config = Digest::of(EMPTY_CONFIG).to_string();
    json!({
        "schemaVersion": 2,
        "mediaType": OCI_IMAGE_MEDIA_TYPE,
        "artifactType": trust::MEDIA_TYPE,
        "config": { "mediaType": EMPTY_MEDIA_TYPE, "digest": config, "size": EMPTY_CONFIG.len() },
        "layers": [{ "mediaType": trust::MEDIA_TYPE, "digest": layer, "size": size }],
        "subject": image,
        "annotations": annotations(referrer),
    })
}

fn annotations(referrer: &Referrer) -> Value {
    json!({
        "org.opencontainers.image.created": referrer.created_at.to_string(),
        "dev.sigstore.bundle.content": "dsse-envelope",
        "dev.sigstore.bundle.predicateType": referrer.predicate_type,
    })
}
