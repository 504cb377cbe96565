//! Blobs as files: `ab/cd/<64 hexadecimal digits>`, whole or not there.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use engine::Digest;
use futures::{StreamExt, stream};
use tempfile::NamedTempFile;
use tokio_util::bytes::Bytes;
use tokio_util::io::ReaderStream;

use super::claim::Claim;
use super::spool::{self, Spooled};
use super::{BlobError, BlobStream, Blobs, ByteStream, verified};

/// Uploads in progress, on the file system of the blobs so that a finished one can be moved in one step.
const INCOMING: &str = "incoming";
/// How long an upload may take before what a killed process left of it is removed.
const INCOMING_AGE_MAX: Duration = Duration::from_hours(24);
/// Bytes read at once.
const CHUNK_BYTES: usize = 256 << 10;

/// Blobs in a directory of this machine.
#[derive(Debug, Clone)]
pub struct Directory {
    root: PathBuf,
    bytes_max: u64,
}

impl Directory {
    /// Opens the directory, making it when it is not there, and removes remains of uploads older than a day.
    /// Blobs larger than `bytes_max` are refused.
    pub fn open(root: impl Into<PathBuf>, bytes_max: u64) -> Result<Self, BlobError> {
        let root = root.into();
        let incoming = root.join(INCOMING);
        let failed =
            |error| BlobError::storage(format!("open the directory `{}`", root.display()), error);
        fs::create_dir_all(&incoming).map_err(failed)?;
        sweep(&incoming).map_err(failed)?;
        Ok(Self { root, bytes_max })
    }

    /// Removes every blob but one.
    pub(crate) fn keep_only(&self, digest: Digest) -> io::Result<()> {
        let kept = self.path(digest);
        for outer in shards(&self.root)? {
            for inner in shards(&outer)? {
                for blob in fs::read_dir(inner)? {
                    let blob = blob?.path();
                    if blob != kept {
                        fs::remove_file(blob)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn path(&self, digest: Digest) -> PathBuf {
        let hex = digest.to_hex();
        let shard = |range: std::ops::Range<usize>| hex.get(range).unwrap_or_default().to_owned();
        self.root.join(shard(0..2)).join(shard(2..4)).join(&hex)
    }
}

#[async_trait]
impl Blobs for Directory {
    async fn put(
        &self,
        digest: Digest,
        size: Option<u64>,
        stream: ByteStream,
    ) -> Result<u64, BlobError> {
        let claim = Claim { digest, size, bytes_max: self.bytes_max };
        let (incoming, path) = (self.root.join(INCOMING), self.path(digest));
        let (root, place) = (self.root.clone(), path.clone());
        let begin = move || {
            let known = path.try_exists();
            let known = known
                .map_err(|error| BlobError::storage(format!("look for blob {digest}"), error))?;
            (!known).then(|| spool::file(&incoming)).transpose()
        };
        let end = move |spooled: Spooled| {
            let failed = |error| BlobError::storage(format!("store blob {digest}"), error);
            spooled.file.map_or(Ok(()), |file| keep(&root, file, &place)).map_err(failed)?;
            Ok(spooled.size)
        };
        spool::receive(claim, stream, begin, end).await
    }

    async fn get(&self, digest: Digest) -> Result<Option<BlobStream>, BlobError> {
        let failed = |error| BlobError::storage(format!("read blob {digest}"), error);
        let path = self.path(digest);
        let opened = tokio::task::spawn_blocking(move || open(&path)).await;
        let opened = opened.map_err(io::Error::other).and_then(found).map_err(failed)?;
        Ok(opened.map(|opened| verified(digest, opened.size, opened.bytes)))
    }

    async fn size(&self, digest: Digest) -> Result<Option<u64>, BlobError> {
        let metadata = found(tokio::fs::metadata(self.path(digest)).await);
        let metadata = metadata
            .map_err(|error| BlobError::storage(format!("look for blob {digest}"), error))?;
        Ok(metadata.map(|metadata| metadata.len()))
    }

    async fn remove(&self, digest: Digest) -> Result<(), BlobError> {
        let path = self.path(digest);
        let removed = tokio::task::spawn_blocking(move || forget(&path)).await;
        let removed = removed.map_err(io::Error::other).and_then(|removed| removed);
        removed.map_err(|error| BlobError::storage(format!("remove blob {digest}"), error))
    }

    async fn list(&self, after: Option<Digest>, limit: usize) -> Result<Vec<Digest>, BlobError> {
        let root = self.root.clone();
        let listed = tokio::task::spawn_blocking(move || list(&root, after, limit)).await;
        listed.map_err(io::Error::other).and_then(|listed| listed).map_err(|error| {
            BlobError::storage(format!("list the directory `{}`", self.root.display()), error)
        })
    }

    async fn check(&self) -> Result<(), BlobError> {
        let incoming = self.root.join(INCOMING);
        let written =
            tokio::task::spawn_blocking(move || NamedTempFile::new_in(incoming).map(drop)).await;
        let written = written.map_err(io::Error::other).and_then(|written| written);
        written.map_err(|error| {
            BlobError::storage(format!("write to `{}`", self.root.display()), error)
        })
    }
}

struct Opened {
    size: u64,
    bytes: ByteStream,
}

/// Opens a blob. A small one is read at once: every later read would be another trip to a thread that may block.
fn open(path: &Path) -> io::Result<Opened> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    let small = usize::try_from(size).ok().filter(|size| *size <= CHUNK_BYTES);
    let bytes = if let Some(size) = small {
        let mut bytes = Vec::with_capacity(size);
        file.read_to_end(&mut bytes)?;
        stream::once(async move { Ok(Bytes::from(bytes)) }).boxed()
    } else {
        let file = tokio::fs::File::from_std(file);
        ReaderStream::with_capacity(file, CHUNK_BYTES).boxed()
    };
    Ok(Opened { size, bytes })
}

fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Moves a finished upload to its place: the bytes reach the disk before the name does, and both before this ends.
fn keep(root: &Path, file: NamedTempFile, path: &Path) -> io::Result<()> {
    file.as_file().sync_all()?;
    let shard = path.parent().unwrap_or(root);
    fs::create_dir_all(shard)?;
    // Two uploads of the same bytes may end here at once; either file is right.
    file.persist(path).map_err(|error| error.error)?;
    let mut made = shard.ancestors().take_while(|directory| directory.starts_with(root));
    made.try_for_each(|directory| File::open(directory)?.sync_all())
}

/// Removes a blob for good: it does not come back when the machine stops.
fn forget(path: &Path) -> io::Result<()> {
    let Some(()) = found(fs::remove_file(path))? else { return Ok(()) };
    path.parent().map_or(Ok(()), |shard| File::open(shard)?.sync_all())
}

/// The blobs after `after`: shards that end before it are not opened.
fn list(root: &Path, after: Option<Digest>, limit: usize) -> io::Result<Vec<Digest>> {
    let after = after.map(|after| after.to_hex()).unwrap_or_default();
    let before = |shard: &Path, range: std::ops::Range<usize>| {
        let name = shard.file_name().and_then(|name| name.to_str());
        after.get(range).is_some_and(|first| name < Some(first))
    };
    let mut found = Vec::new();
    for outer in sorted(shards(root)?).filter(|outer| !before(outer, 0..2)) {
        let first = outer.ends_with(after.get(0..2).unwrap_or_default());
        for inner in sorted(shards(&outer)?).filter(|inner| !(first && before(inner, 2..4))) {
            let mut blobs = Vec::new();
            for blob in fs::read_dir(inner)? {
                let name = blob?.file_name();
                blobs.extend(name.to_str().and_then(|hex| Digest::from_hex(hex).ok()));
            }
            blobs.sort_unstable();
            found.extend(blobs.into_iter().filter(|blob| blob.to_hex() > after));
            if found.len() >= limit {
                found.truncate(limit);
                return Ok(found);
            }
        }
    }
    Ok(found)
}

fn sorted(mut paths: Vec<PathBuf>) -> std::vec::IntoIter<PathBuf> {
    paths.sort_unstable();
    paths.into_iter()
}

/// The directories in a directory whose names are two characters.
fn shards(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().len() == 2 {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn sweep(incoming: &Path) -> io::Result<()> {
    for entry in fs::read_dir(incoming)? {
        let entry = entry?;
        let age =
            SystemTime::now().duration_since(entry.metadata()?.modified()?).unwrap_or_default();
        if age > INCOMING_AGE_MAX {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
