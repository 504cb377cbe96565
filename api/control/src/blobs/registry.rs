//! Blobs in an OCI registry, all in one repository.
//!
//! A registry collects blobs that no manifest names, and manifests that no tag names. So each blob has a manifest,
//! tagged `blob-<hex>`, or `blob-<backend>-<hex>` in a backend of an organization, that names it and its size:
//!
//! ```json
//! { "artifactType": "application/vnd.muster.blob.v1", "config": <the empty one>, "layers": [<the blob>] }
//! ```
//!
//! The bytes are received into a temporary file first: nothing is sent to the registry before they are known to be
//! what was claimed. An empty blob has no layer, since the client does not push zero bytes: its manifest says it all.

mod asking;
mod listing;
mod referrers;
mod removal;

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use engine::Digest;
use engine::id::BackendId;
use futures::{StreamExt, TryStreamExt, stream};
use oci_distribution::client::{BlobResponse, ClientConfig, ClientProtocol};
use oci_distribution::errors::{OciDistributionError, OciErrorCode};
use oci_distribution::manifest::{
    OCI_IMAGE_MEDIA_TYPE, OciDescriptor, OciImageManifest, OciManifest,
};
use oci_distribution::secrets::RegistryAuth;
use oci_distribution::{Client, Reference};
use tokio::sync::{Mutex, OnceCell};
use tokio_util::io::ReaderStream;

pub use self::referrers::Referrer;
use super::claim::Claim;
use super::spool::{self, Spooled};
use super::{BlobError, BlobStream, Blobs, ByteStream, verified};
use crate::outbound::Outbound;

const ARTIFACT_TYPE: &str = "application/vnd.muster.blob.v1";
const EMPTY_MEDIA_TYPE: &str = "application/vnd.oci.empty.v1+json";
const LAYER_MEDIA_TYPE: &str = "application/octet-stream";
const EMPTY_CONFIG: &[u8] = b"{}";
/// The annotation that names the backend.
const SPACE: &str = "dev.muster.backend";
/// The proxy of HTTP where only HTTPS is meant: nobody listens there. A registry that others named may redirect, and
/// name a server of tokens; over HTTPS that leads to nobody who cannot prove the name.
const NOWHERE: &str = "http://127.0.0.1:9";
/// Bytes handed to the client at once.
const CHUNK_BYTES: usize = 1 << 20;
/// Attempts to push a blob. Registries answer errors while another replica pushes the same bytes.
const ATTEMPTS_MAX: u32 = 4;
/// The pause after the first attempt; it doubles.
const PAUSE: Duration = Duration::from_millis(50);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an answer may pause.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// How many locks there are for blobs being pushed by this process: see [`Registry::pushing`].
const LOCKS: usize = 64;

/// Where the registry is and how to enter.
#[derive(Clone)]
pub struct RegistryConfig {
    /// `host` or `host:port`.
    pub address: String,
    /// The repository that holds the blobs, such as `muster/blobs`.
    pub repository: String,
    /// Speak HTTP without TLS: for a registry on this machine only.
    pub plain_http: bool,
    /// User name and password, if the registry wants them.
    pub credentials: Option<(String, String)>,
    /// The backend whose blobs these are, where others may be kept in the same repository.
    pub space: Option<BackendId>,
    /// Where requests may go, where others named the registry.
    pub guard: Option<Outbound>,
    /// Where uploads are received before they are passed on; the system's temporary directory when absent.
    pub spool: Option<PathBuf>,
    /// Blobs larger than this are refused, in bytes.
    pub bytes_max: u64,
}

impl RegistryConfig {
    /// A repository that is open to everyone.
    pub fn new(address: String, repository: String, plain_http: bool, bytes_max: u64) -> Self {
        let (credentials, space, guard, spool) = (None, None, None, None);
        Self { address, repository, plain_http, credentials, space, guard, spool, bytes_max }
    }
}

impl std::fmt::Debug for RegistryConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { address, repository, plain_http, .. } = self;
        f.debug_struct("RegistryConfig")
            .field("address", address)
            .field("repository", repository)
            .field("plain_http", plain_http)
            .finish_non_exhaustive()
    }
}

/// Blobs in an OCI registry.
pub struct Registry {
    client: Client,
    address: String,
    repository: String,
    plain_http: bool,
    credentials: Option<(String, String)>,
    guard: Option<Outbound>,
    space: Option<BackendId>,
    spool: PathBuf,
    bytes_max: u64,
    config: OnceCell<()>,
    /// By the first byte of the digest: the same bytes are pushed by one task at a time, and the next finds them there.
    pushing: Vec<Mutex<()>>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { address, repository, .. } = self;
        f.debug_struct("Registry")
            .field("address", address)
            .field("repository", repository)
            .finish_non_exhaustive()
    }
}

impl Registry {
    /// Takes the configuration. Nothing is sent before the first call; [`Blobs::check`] tells whether it works.
    pub async fn open(config: RegistryConfig) -> Result<Self, BlobError> {
        if config.plain_http && config.credentials.is_some() && !on_loopback(&config.address) {
            return Err(BlobError::Config(
                "a password is not sent over HTTP to another machine: leave out plain HTTP",
            ));
        }
        let guarded = config.guard.is_some();
        if let Some(guard) = &config.guard {
            let (host, port) = host_and_port(&config.address);
            let refused = |error| BlobError::storage(format!("look up {host}"), error);
            guard.resolve(host, port).await.map_err(refused)?;
        }
        let protocol = if config.plain_http { ClientProtocol::Http } else { ClientProtocol::Https };
        let client = Client::try_from(ClientConfig {
            protocol,
            use_monolithic_push: true,
            connect_timeout: Some(CONNECT_TIMEOUT),
            read_timeout: Some(READ_TIMEOUT),
            http_proxy: (guarded && !config.plain_http).then(|| NOWHERE.to_owned()),
            ..ClientConfig::default()
        });
        let failed = |error| BlobError::storage(format!("open {}", config.address), error);
        let client = client.map_err(failed)?;
        let credentials = config.credentials.clone();
        let auth = credentials.map_or(RegistryAuth::Anonymous, |(user, password)| {
            RegistryAuth::Basic(user, password)
        });
        client.store_auth_if_needed(&config.address, &auth).await;
        Ok(Self {
            client,
            address: config.address,
            repository: config.repository,
            plain_http: config.plain_http,
            credentials: config.credentials,
            guard: config.guard,
            space: config.space,
            spool: config.spool.unwrap_or_else(std::env::temp_dir),
            bytes_max: config.bytes_max,
            config: OnceCell::new(),
            pushing: (0..LOCKS).map(|_| Mutex::new(())).collect(),
        })
    }

    fn reference(&self, digest: Digest) -> Reference {
        self.tagged(format!("{}{}", self.tag_prefix(), digest.to_hex()))
    }

    /// What the tags of these blobs begin with; those of backends in the same repository may begin with it too.
    fn tag_prefix(&self) -> String {
        let space = self.space.map_or_else(String::new, |space| format!("{}-", space.0.simple()));
        format!("blob-{space}")
    }

    fn tagged(&self, tag: String) -> Reference {
        Reference::with_tag(self.address.clone(), self.repository.clone(), tag)
    }

    fn failed(&self, operation: &str) -> impl FnOnce(OciDistributionError) -> BlobError {
        let operation = format!("{operation} at {}/{}", self.address, self.repository);
        |error| BlobError::storage(operation, error)
    }

    /// What the blob's manifest says of it.
    async fn layer(&self, digest: Digest) -> Result<Option<OciDescriptor>, BlobError> {
        let Some((manifest, _)) = self.manifest(digest).await? else { return Ok(None) };
        let empty = digest == Digest::of([]);
        let layer = manifest.layers.into_iter().find(|layer| layer.digest == digest.to_string());
        match layer {
            Some(layer) => Ok(Some(layer)),
            None if empty => Ok(Some(descriptor(LAYER_MEDIA_TYPE, digest, 0))),
            None => Err(BlobError::storage(
                format!("read the manifest of blob {digest}"),
                "it does not name the blob",
            )),
        }
    }

    /// The blob's manifest, and the digest of that. docker-registry answers 500 while a tag is being written, so that is
    /// asked again.
    async fn manifest(
        &self,
        digest: Digest,
    ) -> Result<Option<(OciImageManifest, String)>, BlobError> {
        let reference = self.reference(digest);
        let mut attempt = 1;
        loop {
            match self.client.pull_image_manifest(&reference, &RegistryAuth::Anonymous).await {
                Ok(found) => return Ok(Some(found)),
                Err(error) if is_missing(&error) => return Ok(None),
                Err(OciDistributionError::ServerError { code: 500.., .. })
                    if attempt < ATTEMPTS_MAX =>
                {
                    tokio::time::sleep(PAUSE.saturating_mul(1 << attempt)).await;
                    attempt += 1;
                }
                Err(error) => {
                    return Err(self.failed(&format!("pull the manifest of blob {digest}"))(error));
                }
            }
        }
    }

    /// Pushes the blob unless someone else has meanwhile.
    async fn push_once(&self, digest: Digest, spooled: &Spooled) -> Result<(), BlobError> {
        let lock = digest.as_bytes().first().map_or(0, |byte| usize::from(*byte) % LOCKS);
        let _pushing = match self.pushing.get(lock) {
            Some(lock) => Some(lock.lock().await),
            None => None,
        };
        let mut attempt = 1;
        while self.layer(digest).await?.is_none() {
            match self.push(digest, spooled).await {
                Ok(()) => return Ok(()),
                Err(error) if attempt >= ATTEMPTS_MAX => return Err(error),
                Err(error) => tracing::warn!(%digest, %error, "a push failed and is repeated"),
            }
            tokio::time::sleep(PAUSE.saturating_mul(1 << attempt)).await;
            attempt += 1;
        }
        Ok(())
    }

    async fn push(&self, digest: Digest, spooled: &Spooled) -> Result<(), BlobError> {
        let reference = self.reference(digest);
        self.push_config(&reference).await?;
        let layer = descriptor(LAYER_MEDIA_TYPE, digest, spooled.size);
        if spooled.size > 0 {
            self.push_bytes(&reference, digest, spooled).await?;
        }
        let manifest = OciImageManifest {
            media_type: Some(OCI_IMAGE_MEDIA_TYPE.to_owned()),
            artifact_type: Some(ARTIFACT_TYPE.to_owned()),
            config: descriptor(EMPTY_MEDIA_TYPE, Digest::of(EMPTY_CONFIG), 2),
            layers: if layer.size > 0 { vec![layer] } else { Vec::new() },
            // So that no two backends have a manifest in common: what is deleted is deleted by its digest.
            annotations: self.space.map(|space| [(SPACE.to_owned(), space.to_string())].into()),
            ..OciImageManifest::default()
        };
        let pushed = self.client.push_manifest(&reference, &OciManifest::Image(manifest)).await;
        pushed.map(drop).map_err(self.failed(&format!("push the manifest of blob {digest}")))
    }

    async fn push_bytes(
        &self,
        reference: &Reference,
        digest: Digest,
        spooled: &Spooled,
    ) -> Result<(), BlobError> {
        let failed = |error| BlobError::storage(format!("read the received blob {digest}"), error);
        let Some(file) = &spooled.file else { return Ok(()) };
        let file = tokio::fs::File::open(file.path()).await.map_err(failed)?;
        let bytes =
            ReaderStream::with_capacity(file, CHUNK_BYTES).map_err(OciDistributionError::IoError);
        let name = digest.to_string();
        let pushed =
            self.client.push_blob_stream(reference, bytes, &name, Some(spooled.size)).await;
        pushed.map(drop).map_err(self.failed(&format!("push blob {digest}")))
    }

    /// The empty configuration that every manifest names; once per process.
    async fn push_config(&self, reference: &Reference) -> Result<(), BlobError> {
        let push = || async {
            let digest = Digest::of(EMPTY_CONFIG).to_string();
            let pushed = self.client.push_blob(reference, EMPTY_CONFIG, &digest).await;
            pushed.map(drop).map_err(self.failed("push the empty configuration"))
        };
        self.config.get_or_try_init(push).await.copied()
    }
}

#[async_trait]
impl Blobs for Registry {
    async fn put(
        &self,
        digest: Digest,
        size: Option<u64>,
        stream: ByteStream,
    ) -> Result<u64, BlobError> {
        let known = self.layer(digest).await?.is_some();
        let claim = Claim { digest, size, bytes_max: self.bytes_max };
        let spool = (!known).then(|| self.spool.clone());
        let begin = move || spool.as_deref().map(spool::file).transpose();
        let spooled = spool::receive(claim, stream, begin, Ok).await?;
        if !known {
            self.push_once(digest, &spooled).await?;
        }
        Ok(spooled.size)
    }

    async fn get(&self, digest: Digest) -> Result<Option<BlobStream>, BlobError> {
        let Some(layer) = self.layer(digest).await? else { return Ok(None) };
        let size = bytes_of(&layer)?;
        if size == 0 {
            return Ok(Some(verified(digest, 0, stream::empty().boxed())));
        }
        // All of it, asked for as a part: of that the client does not compute the digest, which is computed here.
        let reference = self.reference(digest);
        let pulled = self.client.pull_blob_stream_partial(&reference, &layer, 0, Some(size)).await;
        let pulled = pulled.map_err(self.failed(&format!("pull blob {digest}")))?;
        let (BlobResponse::Full(pulled) | BlobResponse::Partial(pulled)) = pulled;
        Ok(Some(verified(digest, size, pulled.stream)))
    }

    async fn size(&self, digest: Digest) -> Result<Option<u64>, BlobError> {
        self.layer(digest).await?.as_ref().map(bytes_of).transpose()
    }

    async fn remove(&self, digest: Digest) -> Result<(), BlobError> {
        let Some((_, manifest)) = self.manifest(digest).await? else { return Ok(()) };
        self.delete_manifest(digest, &manifest).await
    }

    async fn list(&self, after: Option<Digest>, limit: usize) -> Result<Vec<Digest>, BlobError> {
        self.list_tags(after, limit).await
    }

    async fn check(&self) -> Result<(), BlobError> {
        let config = Digest::of(EMPTY_CONFIG);
        let reference = self.reference(config);
        self.push_config(&reference).await?;
        let found = self.client.blob_exists(&reference, &config.to_string()).await;
        if found.map_err(self.failed("look for the empty configuration"))? {
            Ok(())
        } else {
            Err(BlobError::storage("look for the empty configuration", "it is gone"))
        }
    }
}

/// Whether `HOST[:PORT]` is this machine.
fn on_loopback(address: &str) -> bool {
    let (host, _) = host_and_port(address);
    let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || literal.is_ok_and(|address| address.is_loopback())
}

fn host_and_port(address: &str) -> (&str, u16) {
    let port = address.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    port.unwrap_or((address, 443))
}

fn descriptor(media_type: &str, digest: Digest, size: u64) -> OciDescriptor {
    OciDescriptor {
        media_type: media_type.to_owned(),
        digest: digest.to_string(),
        size: i64::try_from(size).unwrap_or(i64::MAX),
        ..OciDescriptor::default()
    }
}

fn bytes_of(layer: &OciDescriptor) -> Result<u64, BlobError> {
    u64::try_from(layer.size).map_err(|error| {
        BlobError::storage(format!("read the size of blob {}", layer.digest), error)
    })
}

fn is_missing(error: &OciDistributionError) -> bool {
    use OciErrorCode::{ManifestUnknown, NameUnknown, NotFound};
    match error {
        OciDistributionError::ImageManifestNotFoundError(_) => true,
        OciDistributionError::RegistryError { envelope, .. } => envelope
            .errors
            .iter()
            .any(|error| matches!(error.code, ManifestUnknown | NameUnknown | NotFound)),
        OciDistributionError::ServerError { code, .. } => *code == 404,
        _ => false,
    }
}
