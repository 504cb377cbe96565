//! `backup.json`: what a backup is a backup of.

use std::io::Write;
use std::path::Path;

use engine::{Digest, Timestamp};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::failed;
use crate::{Error, Result};

const NAME: &str = "backup.json";
/// The only form that there is.
const FORMAT: u32 = 1;
/// Largest manifest, in bytes: enough for every blob that may be missing.
const BYTES_MAX: u64 = 1 << 20;

/// What a backup is a backup of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    /// The form of the backup.
    pub(super) format: u32,
    /// The version of Muster that took it.
    pub(super) muster: String,
    /// When it was taken.
    pub(super) taken_at: Timestamp,
    /// The database.
    pub(super) database: Digest,
    /// Blobs that were missing or damaged then.
    pub(super) missing: Vec<Digest>,
}

impl Manifest {
    pub(super) fn new(database: Digest, taken_at: Timestamp, missing: Vec<Digest>) -> Self {
        let muster = env!("CARGO_PKG_VERSION").to_owned();
        Self { format: FORMAT, muster, taken_at, database, missing }
    }

    /// The manifest of the backup in that directory.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let path = root.join(NAME);
        let size = std::fs::metadata(&path).map_err(|error| failed("read", &path, error))?.len();
        if size > BYTES_MAX {
            let why = format!("it has {size} bytes, more than {BYTES_MAX}");
            return Err(failed("read", &path, why));
        }
        let text = std::fs::read(&path).map_err(|error| failed("read", &path, error))?;
        let manifest: Self =
            serde_json::from_slice(&text).map_err(|error| failed("read", &path, error))?;
        if manifest.format != FORMAT {
            return Err(Error::invalid(format!(
                "`{}` has the format {}, and this version of Muster reads {FORMAT}: restore it with Muster {}",
                path.display(),
                manifest.format,
                manifest.muster
            )));
        }
        Ok(manifest)
    }

    /// Writes it in one step: before it the backup is the one before, after it this one.
    pub(super) fn write(&self, root: &Path) -> Result<()> {
        let path = root.join(NAME);
        let text = serde_json::to_vec_pretty(self).map_err(Error::internal)?;
        let written = || {
            let mut file = NamedTempFile::new_in(root)?;
            file.write_all(&text)?;
            file.as_file().sync_all()?;
            file.persist(&path).map_err(|error| error.error)?;
            std::fs::File::open(root)?.sync_all()
        };
        written().map_err(|error| failed("write", &path, error))
    }
}
