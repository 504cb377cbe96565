//! Receiving bytes: written to a temporary file by a thread that may block, hashed as they arrive.

use std::io::Write;
use std::path::Path;

use futures::StreamExt;
use tempfile::NamedTempFile;
use tokio::sync::mpsc;
use tokio_util::bytes::Bytes;

use super::claim::{Claim, Incoming};
use super::{BlobError, ByteStream};

/// Chunks between the network and the disk: enough to keep both busy, and a bound on memory. A chunk has up to 400 KiB.
const CHUNKS_WAITING: usize = 4;

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
    let incoming = claim.begin()?;
    let (sender, chunks) = mpsc::channel(CHUNKS_WAITING);
    let writer = tokio::task::spawn_blocking(move || end(write(begin()?, incoming, chunks)?));
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
    mut incoming: Incoming,
    mut chunks: mpsc::Receiver<Bytes>,
) -> Result<Spooled, BlobError> {
    while let Some(chunk) = chunks.blocking_recv() {
        incoming.take(&chunk)?;
        if let Some(file) = &mut file {
            file.write_all(&chunk)
                .map_err(|error| BlobError::storage("write a temporary file", error))?;
        }
    }
    Ok(Spooled { size: incoming.finish()?, file })
}
