//! Receiving bytes: written to a temporary file by a thread that may block, hashed as they arrive.

use std::io::Write;
use std::path::Path;

use engine::Digest;
use engine::digest::Hasher;
use futures::StreamExt;
use tempfile::NamedTempFile;
use tokio::sync::mpsc;
use tokio_util::bytes::Bytes;

use super::{BlobError, ByteStream};

/// Chunks between the network and the disk: enough to keep both busy, and a bound on memory.
const CHUNKS_WAITING: usize = 16;

/// What must hold for the bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim {
    pub(super) digest: Digest,
    pub(super) size: Option<u64>,
    pub(super) bytes_max: u64,
}

impl Claim {
    /// Refuses a claim that cannot be accepted whatever arrives.
    fn check(self) -> Result<(), BlobError> {
        match self.size {
            Some(size) if size > self.bytes_max => {
                Err(BlobError::TooLarge { limit: self.bytes_max })
            }
            _ => Ok(()),
        }
    }

    fn check_so_far(self, size: u64) -> Result<(), BlobError> {
        match self.size {
            Some(expected) if size > expected => Err(BlobError::Size { expected, actual: size }),
            _ if size > self.bytes_max => Err(BlobError::TooLarge { limit: self.bytes_max }),
            _ => Ok(()),
        }
    }

    fn check_all(self, size: u64, actual: Digest) -> Result<(), BlobError> {
        match self.size {
            Some(expected) if size != expected => Err(BlobError::Size { expected, actual: size }),
            _ if actual != self.digest => {
                Err(BlobError::Mismatch { expected: self.digest, actual })
            }
            _ => Ok(()),
        }
    }
}

/// Bytes that are what was claimed. The file is gone when this is dropped, unless it was moved.
#[derive(Debug)]
pub(super) struct Spooled {
    /// Absent when the bytes were only to be compared.
    pub(super) file: Option<NamedTempFile>,
    pub(super) size: u64,
}

/// Receives `stream` into the file that `begin` makes, or compares it only when there is none, and hands what arrived to
/// `end`. All on one thread that may block: a change of threads costs more than a small blob.
pub(super) async fn receive<T: Send + 'static>(
    claim: Claim,
    mut stream: ByteStream,
    begin: impl FnOnce() -> Result<Option<NamedTempFile>, BlobError> + Send + 'static,
    end: impl FnOnce(Spooled) -> Result<T, BlobError> + Send + 'static,
) -> Result<T, BlobError> {
    claim.check()?;
    let (sender, chunks) = mpsc::channel(CHUNKS_WAITING);
    let writer = tokio::task::spawn_blocking(move || end(write(begin()?, claim, chunks)?));
    let mut interrupted = None;
    while let Some(chunk) = stream.next().await {
        match chunk {
            // The writer hangs up when it has found something wrong, and says what below.
            Ok(chunk) => {
                if sender.send(chunk).await.is_err() {
                    break;
                }
            }
            Err(error) => {
                interrupted = Some(error);
                break;
            }
        }
    }
    drop(sender);
    let written = writer.await.map_err(|error| BlobError::storage("receive a blob", error))?;
    match (interrupted, written) {
        (Some(error), _) => Err(BlobError::Interrupted(error)),
        (None, written) => written,
    }
}

/// A file that is gone when it is dropped, in `directory`.
pub(super) fn file(directory: &Path) -> Result<NamedTempFile, BlobError> {
    NamedTempFile::new_in(directory)
        .map_err(|error| BlobError::storage("make a temporary file", error))
}

fn write(
    mut file: Option<NamedTempFile>,
    claim: Claim,
    mut chunks: mpsc::Receiver<Bytes>,
) -> Result<Spooled, BlobError> {
    let mut hasher = Hasher::default();
    while let Some(chunk) = chunks.blocking_recv() {
        hasher.update(&chunk);
        claim.check_so_far(hasher.size())?;
        if let Some(file) = &mut file {
            file.write_all(&chunk)
                .map_err(|error| BlobError::storage("write a temporary file", error))?;
        }
    }
    let size = hasher.size();
    claim.check_all(size, hasher.finish())?;
    Ok(Spooled { file, size })
}
