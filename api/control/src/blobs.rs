//! The bytes that rows name by digest: evidence and bundles.
//!
//! A blob is stored once, whoever hands it in; which organization may see it is a row of the store, and the caller's
//! business. Bytes are hashed on the way in, and nothing stays behind of an upload that is not what it claims to
//! be; they are hashed on the way out, so that a damaged disk is an error and not evidence. Memory use does not
//! depend on a blob's size.

mod claim;
mod credentials;
mod directory;
mod place;
mod registry;
mod s3;
mod spool;

use std::sync::Arc;
use std::{fmt, io};

pub use credentials::{Credentials, InvalidCredentials};
pub use directory::Directory;
use engine::Digest;
use engine::digest::Hasher;
use engine::id::BackendId;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
pub use place::{BlobsConfig, InvalidPlace, S3Config};
pub use registry::{Referrer, Registry, RegistryConfig};
pub use s3::S3;
use tokio_util::bytes::Bytes;

use crate::outbound::{Outbound, Refused};

/// Bytes as they come.
pub type ByteStream = BoxStream<'static, io::Result<Bytes>>;

/// A blob on its way out.
pub struct BlobStream {
    /// Its size in bytes.
    pub size: u64,
    /// Its bytes; ends in an error when they do not have the size and digest that they must have.
    pub stream: ByteStream,
}

impl fmt::Debug for BlobStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlobStream").field("size", &self.size).finish_non_exhaustive()
    }
}

/// Somewhere to keep blobs.
#[async_trait::async_trait]
pub trait Blobs: Send + Sync + fmt::Debug {
    /// Stores the bytes of `stream`, which must have that digest and, if given, that size; answers their size.
    ///
    /// A blob that is there already is read to its end and compared all the same: whoever does not have the bytes
    /// does not learn that someone else handed them in. Durable when answered.
    async fn put(
        &self,
        digest: Digest,
        size: Option<u64>,
        stream: ByteStream,
    ) -> Result<u64, BlobError>;

    /// The blob, or `None` when there is none of that digest.
    async fn get(&self, digest: Digest) -> Result<Option<BlobStream>, BlobError>;

    /// The blob's size in bytes, or `None` when there is none of that digest.
    async fn size(&self, digest: Digest) -> Result<Option<u64>, BlobError>;

    /// Removes the blob; one that is not there is removed already. Durable when answered. A place that keeps everything
    /// says so: [`BlobError::Kept`].
    async fn remove(&self, digest: Digest) -> Result<(), BlobError>;

    /// Blobs that are there, those after `after`, in the order of their digests; fewer than `limit` only at the end. What is
    /// stored or removed meanwhile may be among them or not.
    async fn list(&self, after: Option<Digest>, limit: usize) -> Result<Vec<Digest>, BlobError>;

    /// Whether blobs can be read and written now.
    async fn check(&self) -> Result<(), BlobError>;
}

/// How a place for blobs is opened.
#[derive(Debug)]
pub(crate) struct Opening {
    /// What opens it, where it has to be opened.
    pub(crate) credentials: Option<Credentials>,
    /// The backend under whose identifier its blobs are kept; those of the instance are kept under none.
    pub(crate) space: Option<BackendId>,
    /// What keeps it from reaching into the network of the server, where others named the address.
    pub(crate) guard: Option<Outbound>,
    /// Blobs larger than this are refused, in bytes.
    pub(crate) bytes_max: u64,
}

/// Opens a place for blobs. Nothing is sent before the first call.
pub(crate) async fn open(
    place: BlobsConfig,
    opening: Opening,
) -> Result<Arc<dyn Blobs>, BlobError> {
    let Opening { credentials, space, guard, bytes_max } = opening;
    if let (Some(guard), Some(url)) = (&guard, place.url()) {
        guard.check(&url)?;
    }
    Ok(match (place, credentials) {
        (BlobsConfig::Directory(mut path), None) => {
            path.extend(space.map(|space| space.to_string()));
            Arc::new(Directory::open(path, bytes_max)?)
        }
        (BlobsConfig::Directory(_), Some(_)) => {
            return Err(BlobError::Config("a directory needs no credentials"));
        }
        (BlobsConfig::Registry { address, repository, plain_http }, credentials) => {
            let credentials = credentials.map(|credentials| match credentials {
                Credentials::Password { username, password } => Ok((username, password)),
                _ => Err(BlobError::Config("a registry is opened with a user name and a password")),
            });
            let config = RegistryConfig {
                credentials: credentials.transpose()?,
                space,
                guard,
                ..RegistryConfig::new(address, repository, plain_http, bytes_max)
            };
            Arc::new(Registry::open(config).await?)
        }
        (BlobsConfig::S3(mut config), Some(credentials)) => {
            if let Some(space) = space {
                let ends = if config.prefix.is_empty() { "" } else { "/" };
                config.prefix = format!("{}{ends}{space}", config.prefix);
            }
            Arc::new(S3::open(&config, credentials, guard, bytes_max)?)
        }
        (BlobsConfig::S3(_), None) => {
            return Err(BlobError::Config("a bucket needs an access key"));
        }
    })
}

/// Why a blob was not stored or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlobError {
    /// The bytes are not those that the digest names.
    #[error("the bytes have the digest {actual}, not {expected} as claimed")]
    Mismatch {
        /// The digest claimed.
        expected: Digest,
        /// The digest of the bytes.
        actual: Digest,
    },
    /// There are more or fewer bytes than was claimed.
    #[error("{actual} bytes arrived, not {expected} as claimed")]
    Size {
        /// The size claimed.
        expected: u64,
        /// The bytes that arrived before it was noticed.
        actual: u64,
    },
    /// The blob is larger than the limit.
    #[error("the blob is larger than `blob_bytes_max`, {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The bytes stopped coming.
    #[error("the upload ended early")]
    Interrupted(#[source] io::Error),
    /// The place for blobs cannot be opened as it is described.
    #[error("{0}")]
    Config(&'static str),
    /// The place for blobs may not be asked.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The place does not let this blob be removed; it is there as before.
    #[error("the blob is kept: {0}")]
    Kept(String),
    /// The place where blobs are kept failed. The call may be repeated.
    #[error("the blob store failed: {operation}")]
    Storage {
        /// What was attempted, and where.
        operation: String,
        /// What the system or registry said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl BlobError {
    /// Whether the bytes are wrong, and not the place or the way.
    pub(crate) fn is_of_the_bytes(&self) -> bool {
        let damaged = |error: &io::Error| error.kind() == io::ErrorKind::InvalidData;
        match self {
            Self::Mismatch { .. } | Self::Size { .. } => true,
            Self::Interrupted(error) => damaged(error),
            _ => false,
        }
    }

    fn storage(
        operation: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Storage { operation: operation.into(), source: source.into() }
    }
}

/// The same bytes, ending in an error unless they are `size` bytes with that digest.
fn verified(digest: Digest, size: u64, bytes: ByteStream) -> BlobStream {
    let state = Some((bytes, Hasher::default()));
    let stream = stream::unfold(state, move |state| async move {
        let (mut bytes, mut hasher) = state?;
        match bytes.next().await {
            Some(Ok(chunk)) => {
                hasher.update(&chunk);
                Some((Ok(chunk), Some((bytes, hasher))))
            }
            Some(Err(error)) => Some((Err(error), None)),
            None => {
                let (actual_size, actual) = (hasher.size(), hasher.finish());
                let intact = actual == digest && actual_size == size;
                let message = || {
                    format!(
                        "blob {digest} is damaged: its {actual_size} bytes have the digest {actual}"
                    )
                };
                (!intact)
                    .then(|| (Err(io::Error::new(io::ErrorKind::InvalidData, message())), None))
            }
        }
    });
    BlobStream { size, stream: stream.boxed() }
}
