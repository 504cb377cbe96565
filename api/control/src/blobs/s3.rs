//! Blobs in a bucket that speaks S3, as `<prefix>/sha256/<64 hexadecimal digits>`.
//!
//! Bytes go on as they arrive, in parts; the object appears only when the upload is completed, and that is done only
//! when all of them are what was claimed. What a killed process leaves of an upload is in no listing of objects, and is
//! removed by a rule of the bucket for incomplete multipart uploads.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use engine::Digest;
use futures::{StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, Checksum};
use object_store::client::{DnsFuture, DnsResolver};
use object_store::path::Path;
use object_store::{
    BackoffConfig, ClientOptions, Error, ObjectStore, ObjectStoreExt, PutPayload, RetryConfig,
    WriteMultipart,
};

use super::claim::{Claim, Incoming};
use super::{
    BlobError, BlobStream, Blobs, BlobsConfig, ByteStream, Credentials, S3Config, verified,
};
use crate::error::innermost;
use crate::outbound::Outbound;

/// Bytes of a part. S3 takes 10 000 of them: blobs of up to 78 GiB.
const PART_BYTES: usize = 8 << 20;
/// Parts of one upload on their way at once. With the one that fills up, this is the memory an upload needs.
const PARTS_AT_ONCE: usize = 2;
/// How long parts may take to be accepted before the upload is given up.
const STALLED: Duration = Duration::from_mins(2);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an answer may pause.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
const RETRIES_MAX: usize = 3;
/// How long a request may be repeated.
const RETRY_TIMEOUT: Duration = Duration::from_secs(30);

/// Blobs in a bucket.
pub struct S3 {
    store: AmazonS3,
    place: String,
    prefix: String,
    credentials: Credentials,
    bytes_max: u64,
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3").field("place", &self.place).finish_non_exhaustive()
    }
}

impl S3 {
    /// Takes the configuration. Nothing is sent before the first call; [`Blobs::check`] tells whether it works.
    /// Blobs larger than `bytes_max` are refused. Nothing is sent where `guard` does not let it.
    pub fn open(
        config: &S3Config,
        credentials: Credentials,
        guard: Option<Outbound>,
        bytes_max: u64,
    ) -> Result<Self, BlobError> {
        let place = BlobsConfig::S3(config.clone()).to_string();
        let failed = |error: Error| BlobError::storage(format!("open {place}"), error);
        let store = builder(config, credentials.clone(), guard)?.build().map_err(failed)?;
        Ok(Self { store, prefix: config.prefix.clone(), place, credentials, bytes_max })
    }

    fn path(&self, name: &str) -> Path {
        let parts = self.prefix.split('/').chain(name.split('/'));
        parts.filter(|part| !part.is_empty()).collect()
    }

    fn path_of(&self, digest: Digest) -> Path {
        self.path(&format!("sha256/{}", digest.to_hex()))
    }

    /// Servers repeat the headers of a request in their errors, and a session token is one of them.
    fn failed(&self, operation: &str) -> impl FnOnce(Error) -> BlobError {
        let operation = format!("{operation} at {}", self.place);
        |error| BlobError::storage(operation, self.credentials.hide(&innermost(&error)))
    }

    /// Receives a blob that is not there yet. A small one is one request.
    async fn receive(
        &self,
        digest: Digest,
        mut incoming: Incoming,
        mut stream: ByteStream,
    ) -> Result<u64, BlobError> {
        let path = self.path_of(digest);
        let (mut held, mut held_bytes) = (Vec::new(), 0);
        while held_bytes < PART_BYTES {
            let Some(chunk) = stream.next().await else {
                let size = incoming.finish()?;
                let put = self.store.put(&path, PutPayload::from_iter(held));
                put.await.map_err(self.failed(&format!("store blob {digest}")))?;
                return Ok(size);
            };
            let chunk = chunk.map_err(BlobError::Interrupted)?;
            incoming.take(&chunk)?;
            held_bytes += chunk.len();
            held.push(chunk);
        }
        let begun = self.store.put_multipart(&path).await;
        let begun = begun.map_err(self.failed(&format!("begin to store blob {digest}")))?;
        let mut upload = WriteMultipart::new_with_chunk_size(begun, PART_BYTES);
        for chunk in held {
            upload.put(chunk);
        }
        match self.pass_on(&mut upload, incoming, stream).await {
            Ok(size) => {
                let finished = timely(upload.finish()).await;
                finished.map_err(self.failed(&format!("store blob {digest}")))?;
                Ok(size)
            }
            Err(error) => {
                // A part that is still on its way when the upload is given up may stay behind.
                let _given_up = timely(upload.wait_for_capacity(0)).await;
                if let Err(left) = timely(upload.abort()).await {
                    tracing::warn!(%digest, error = %left, "parts of a refused upload stay behind");
                }
                Err(error)
            }
        }
    }

    /// Sends the rest of a blob. All of it has gone when it turns out to be what was claimed, or not.
    async fn pass_on(
        &self,
        upload: &mut WriteMultipart,
        mut incoming: Incoming,
        mut stream: ByteStream,
    ) -> Result<u64, BlobError> {
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(BlobError::Interrupted)?;
            incoming.take(&chunk)?;
            let room = timely(upload.wait_for_capacity(PARTS_AT_ONCE)).await;
            room.map_err(self.failed("send a part of a blob"))?;
            upload.put(chunk);
        }
        incoming.finish()
    }
}

#[async_trait]
impl Blobs for S3 {
    async fn put(
        &self,
        digest: Digest,
        size: Option<u64>,
        mut stream: ByteStream,
    ) -> Result<u64, BlobError> {
        let mut incoming = Claim { digest, size, bytes_max: self.bytes_max }.begin()?;
        if self.size(digest).await?.is_none() {
            return self.receive(digest, incoming, stream).await;
        }
        while let Some(chunk) = stream.next().await {
            incoming.take(&chunk.map_err(BlobError::Interrupted)?)?;
        }
        incoming.finish()
    }

    async fn get(&self, digest: Digest) -> Result<Option<BlobStream>, BlobError> {
        match self.store.get(&self.path_of(digest)).await {
            Ok(found) => {
                let size = found.meta.size;
                let bytes = found.into_stream().map_err(std::io::Error::other).boxed();
                Ok(Some(verified(digest, size, bytes)))
            }
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed(&format!("read blob {digest}"))(error)),
        }
    }

    async fn size(&self, digest: Digest) -> Result<Option<u64>, BlobError> {
        match self.store.head(&self.path_of(digest)).await {
            Ok(found) => Ok(Some(found.size)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed(&format!("look for blob {digest}"))(error)),
        }
    }

    async fn remove(&self, digest: Digest) -> Result<(), BlobError> {
        match self.store.delete(&self.path_of(digest)).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error @ (Error::PermissionDenied { .. } | Error::Unauthenticated { .. })) => {
                Err(BlobError::Kept(self.credentials.hide(&innermost(&error))))
            }
            Err(error) => Err(self.failed(&format!("remove blob {digest}"))(error)),
        }
    }

    async fn list(&self, after: Option<Digest>, limit: usize) -> Result<Vec<Digest>, BlobError> {
        let folder = self.path("sha256");
        let listed = match after {
            Some(after) => self.store.list_with_offset(Some(&folder), &self.path_of(after)),
            None => self.store.list(Some(&folder)),
        };
        // What else lies there is not ours.
        let blobs = listed.try_filter_map(|found| async move {
            Ok(found.location.filename().and_then(|hex| Digest::from_hex(hex).ok()))
        });
        let blobs = blobs.take(limit).try_collect().await;
        blobs.map_err(self.failed("list the blobs"))
    }

    async fn check(&self) -> Result<(), BlobError> {
        self.size(Digest::of([])).await.map(drop)
    }
}

fn builder(
    config: &S3Config,
    credentials: Credentials,
    guard: Option<Outbound>,
) -> Result<AmazonS3Builder, BlobError> {
    let S3Config { bucket, region, endpoint, path_style, .. } = config;
    let plain_http = endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http:"));
    let mut options = ClientOptions::new()
        .with_allow_http(plain_http)
        .with_connect_timeout(CONNECT_TIMEOUT)
        .with_read_timeout(READ_TIMEOUT)
        // The whole of a large blob takes as long as it takes.
        .with_timeout_disabled();
    if let Some(guard) = guard {
        options = options.with_dns_resolver(Arc::new(Guarded(AssertUnwindSafe(guard))));
    }
    let retry = RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: RETRIES_MAX,
        retry_timeout: RETRY_TIMEOUT,
    };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(region)
        .with_virtual_hosted_style_request(!path_style)
        .with_checksum_algorithm(Checksum::SHA256)
        .with_client_options(options)
        .with_retry(retry);
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(if *path_style {
            endpoint.clone()
        } else {
            endpoint.replacen("://", &format!("://{bucket}."), 1)
        });
    }
    match credentials {
        Credentials::Keys { access_key_id, secret_access_key, session_token } => {
            builder =
                builder.with_access_key_id(access_key_id).with_secret_access_key(secret_access_key);
            Ok(match session_token {
                Some(token) => builder.with_token(token),
                None => builder,
            })
        }
        Credentials::Machine(variables) => {
            for (name, value) in variables {
                if let Ok(key) = name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>() {
                    builder = builder.with_config(key, value);
                }
            }
            Ok(builder)
        }
        Credentials::Password { .. } => {
            Err(BlobError::Config("a bucket is opened with an access key, not with a password"))
        }
    }
}

async fn timely<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let late = |error| Error::Generic { store: "S3", source: Box::new(error) };
    tokio::time::timeout(STALLED, work).await.map_err(late)?
}

/// Looks names up where others named them. Redirects lead nowhere else: only HTTPS is followed, to names.
#[derive(Debug)]
struct Guarded(AssertUnwindSafe<Outbound>);

impl DnsResolver for Guarded {
    fn resolve(&self, host: &str) -> DnsFuture {
        let (guard, host) = (self.0.0.clone(), host.to_owned());
        Box::pin(async move {
            let found = guard.resolve(&host, 443).await?;
            Ok(found.into_iter().map(|address| address.ip()).collect())
        })
    }
}
