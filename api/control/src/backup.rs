//! A copy of an installation on one machine, taken while it runs; and an installation made of a copy.
//!
//! A backup is a directory: the database as it was in one moment and the blobs that it names, each under its digest,
//! and `backup.json`, which names the database. Blobs never change, so the next backup into the same directory copies
//! only what is new. `backup.json` is replaced last: a backup that is cut short leaves the one before as it was.
//! Everything is hashed on its way in and on its way out. The keys of the secrets are not copied: beside what they
//! seal they would protect nothing.

mod manifest;
mod restore;

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use engine::Digest;
use engine::digest::Hasher;
use futures::{StreamExt, TryStreamExt, stream};
use manifest::Manifest;
pub use restore::restore;
use serde::Serialize;
use tokio_util::io::ReaderStream;

use crate::blobs::{Blobs, Directory};
use crate::embedded::Embedded;
use crate::store::{Blob, Store};
use crate::{Error, Result, now};

/// Blobs read from the database at once.
const PAGE: u64 = 1_000;
/// Blobs copied at once.
const COPIES: usize = 8;
/// Most blobs that may be missing: with more the disk is broken, and a backup of it would be called one.
const MISSING_MAX: usize = 1_000;

/// What was copied.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Copied {
    /// The size of the database in bytes.
    pub database_bytes: u64,
    /// Blobs that were copied.
    pub blobs: u64,
    /// The sum of their sizes in bytes.
    pub blob_bytes: u64,
    /// Blobs that were there already.
    pub present: u64,
    /// Blobs that organizations keep in backends of their own, which are not copied.
    pub elsewhere: u64,
    /// Blobs that are not where they are kept, or are damaged there.
    pub missing: Vec<Digest>,
}

/// How far it is: blobs looked at, of how many.
pub type Progress<'a> = &'a (dyn Fn(u64, u64) + Send + Sync);

/// Copies `from` into the directory `to`, while `from` is served. Blobs that are missing do not end it: they are in the
/// answer, and `backup.json` says so too.
pub async fn back_up(from: &Embedded, to: &Path, progress: Progress<'_>) -> Result<Copied> {
    let source = open_current(from).await?;
    let backup = Backup::create(to)?;
    let folder = tempfile::tempdir_in(to).map_err(|error| failed("write to", to, error))?;
    let file = folder.path().join("snapshot.db");
    source.snapshot(&file).await?;
    source.close().await?;
    let snapshot = Store::open_current(&address(&file)).await?;
    let kept = Directory::open(from.blobs_directory(), u64::MAX)?;
    let mut copied = copy(&snapshot, &kept, &backup.blobs, progress).await?;
    snapshot.close().await?;
    let (database, size) = hash(&file).await?;
    let bytes = tokio::fs::File::open(&file).await.map_err(|error| failed("read", &file, error))?;
    backup.databases.put(database, Some(size), ReaderStream::new(bytes).boxed()).await?;
    copied.database_bytes = size;
    let manifest = Manifest::new(database, now(), copied.missing.clone());
    manifest.write(to)?;
    backup.forget_databases_but(database)?;
    Ok(copied)
}

/// The database of an installation that is there.
async fn open_current(from: &Embedded) -> Result<Store> {
    let file = from.database_file();
    if !file.exists() {
        return Err(Error::NotFound(format!("there is no database `{}`", file.display())));
    }
    Ok(Store::open_current(&address(&file)).await?)
}

/// The address of a database that must be there.
fn address(file: &Path) -> String {
    format!("sqlite://{}?mode=rw", file.display())
}

/// The parts of a backup.
struct Backup {
    root: PathBuf,
    databases: Directory,
    blobs: Directory,
}

impl Backup {
    /// A directory for its owner only: it holds the evidence of everybody.
    fn create(root: &Path) -> Result<Self> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(root);
        made.map_err(|error| failed("make", root, error))?;
        Self::open(root)
    }

    fn open(root: &Path) -> Result<Self> {
        Ok(Self {
            root: root.to_owned(),
            databases: Directory::open(root.join("database"), u64::MAX)?,
            blobs: Directory::open(root.join("blobs"), u64::MAX)?,
        })
    }

    fn forget_databases_but(&self, kept: Digest) -> Result<()> {
        let root = self.root.join("database");
        self.databases.keep_only(kept).map_err(|error| failed("clean", &root, error))
    }
}

/// Copies the blobs that the database names and that are not in `to` yet.
async fn copy(
    store: &Store,
    from: &Directory,
    to: &Directory,
    progress: Progress<'_>,
) -> Result<Copied> {
    let read = store.read();
    let (total, mut done, mut after) = (read.count_blobs().await?, 0, None);
    let mut copied = Copied::default();
    loop {
        progress(done, total);
        let page = read.every_blob(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(copied) };
        after = Some(*last);
        let under_way = page.into_iter().map(|blob| copy_one(blob, from, to));
        let mut under_way = stream::iter(under_way).buffer_unordered(COPIES);
        while let Some((blob, fate)) = under_way.try_next().await? {
            copied.count(blob, fate)?;
            done += 1;
            progress(done, total);
        }
    }
}

/// What became of a blob.
#[derive(Clone, Copy)]
enum Fate {
    Copied,
    Present,
    Elsewhere,
    Missing,
}

impl Copied {
    fn count(&mut self, blob: Blob, fate: Fate) -> Result<()> {
        match fate {
            Fate::Copied => {
                self.blobs += 1;
                self.blob_bytes += blob.size;
            }
            Fate::Present => self.present += 1,
            Fate::Elsewhere => self.elsewhere += 1,
            Fate::Missing if self.missing.contains(&blob.digest) => {}
            Fate::Missing if self.missing.len() == MISSING_MAX => {
                return Err(Error::Conflict(format!(
                    "more than {MISSING_MAX} blobs are missing or damaged, the first is {}",
                    blob.digest
                )));
            }
            Fate::Missing => self.missing.push(blob.digest),
        }
        Ok(())
    }
}

async fn copy_one(blob: Blob, from: &Directory, to: &Directory) -> Result<(Blob, Fate)> {
    if blob.backend.is_some() {
        return Ok((blob, Fate::Elsewhere));
    }
    match to.size(blob.digest).await? {
        Some(size) if size == blob.size => return Ok((blob, Fate::Present)),
        Some(size) => {
            let Blob { digest, size: expected, .. } = blob;
            return Err(Error::Conflict(format!(
                "the copy of blob {digest} that is there already has {size} bytes and not {expected}: delete it"
            )));
        }
        None => {}
    }
    let Some(found) = from.get(blob.digest).await? else { return Ok((blob, Fate::Missing)) };
    match to.put(blob.digest, Some(blob.size), found.stream).await {
        Ok(_) => Ok((blob, Fate::Copied)),
        Err(error) if error.is_of_the_bytes() => {
            tracing::error!(%error, digest = %blob.digest, "a blob is damaged");
            Ok((blob, Fate::Missing))
        }
        Err(error) => Err(error.into()),
    }
}

/// The digest and the size of a file.
async fn hash(file: &Path) -> Result<(Digest, u64)> {
    let path = file.to_owned();
    let hashed = tokio::task::spawn_blocking(move || {
        let (mut file, mut hasher) = (File::open(path)?, Hasher::default());
        let mut buffer = vec![0; 256 << 10];
        loop {
            let count = file.read(&mut buffer)?;
            let size = hasher.size();
            match buffer.get(..count) {
                Some([]) | None => return Ok((hasher.finish(), size)),
                Some(read) => hasher.update(read),
            }
        }
    });
    let hashed = hashed.await.map_err(io::Error::other).and_then(|hashed: io::Result<_>| hashed);
    hashed.map_err(|error| failed("read", file, error))
}

/// An error of the file system, which the operator can mend.
fn failed(what: &str, path: &Path, error: impl std::fmt::Display) -> Error {
    Error::invalid(format!("cannot {what} `{}`: {error}", path.display()))
}
