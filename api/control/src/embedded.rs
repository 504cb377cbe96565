//! Where an installation on one machine keeps what it keeps.

use std::path::{Path, PathBuf};

use crate::BlobsConfig;

/// The data directory of an installation on one machine.
#[derive(Debug, Clone)]
pub struct Embedded {
    directory: PathBuf,
}

impl Embedded {
    /// An installation in that directory, which need not be there.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The address of its database, which is made when it is not there.
    pub fn database(&self) -> String {
        format!("sqlite://{}?mode=rwc", self.database_file().display())
    }

    /// Where it keeps blobs.
    pub fn blobs(&self) -> BlobsConfig {
        BlobsConfig::Directory(self.blobs_directory())
    }

    /// The keys that seal its secrets.
    pub fn keys_file(&self) -> PathBuf {
        self.directory.join("secrets.key")
    }

    pub(crate) fn database_file(&self) -> PathBuf {
        self.directory.join("muster.db")
    }

    pub(crate) fn blobs_directory(&self) -> PathBuf {
        self.directory.join("blobs")
    }
}
