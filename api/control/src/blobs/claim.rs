//! What is claimed of bytes that arrive, and whether it holds.

use engine::Digest;
use engine::digest::Hasher;

use super::BlobError;

/// What must hold for the bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim {
    pub(super) digest: Digest,
    pub(super) size: Option<u64>,
    pub(super) bytes_max: u64,
}

/// Bytes that arrive under a claim. What contradicts it is refused as soon as it shows.
#[derive(Debug)]
pub(super) struct Incoming {
    claim: Claim,
    hasher: Hasher,
}

impl Claim {
    /// Begins to receive. Refuses a claim that cannot be accepted whatever arrives.
    pub(super) fn begin(self) -> Result<Incoming, BlobError> {
        match self.size {
            Some(size) if size > self.bytes_max => {
                Err(BlobError::TooLarge { limit: self.bytes_max })
            }
            _ => Ok(Incoming { claim: self, hasher: Hasher::default() }),
        }
    }
}

impl Incoming {
    pub(super) fn take(&mut self, chunk: &[u8]) -> Result<(), BlobError> {
        self.hasher.update(chunk);
        let (size, limit) = (self.hasher.size(), self.claim.bytes_max);
        match self.claim.size {
            Some(expected) if size > expected => Err(BlobError::Size { expected, actual: size }),
            _ if size > limit => Err(BlobError::TooLarge { limit }),
            _ => Ok(()),
        }
    }

    /// The size of the bytes, which are what was claimed.
    pub(super) fn finish(self) -> Result<u64, BlobError> {
        let Claim { digest, size, .. } = self.claim;
        let (actual_size, actual) = (self.hasher.size(), self.hasher.finish());
        match size {
            Some(expected) if actual_size != expected => {
                Err(BlobError::Size { expected, actual: actual_size })
            }
            _ if actual != digest => Err(BlobError::Mismatch { expected: digest, actual }),
            _ => Ok(actual_size),
        }
    }
}
