//! An installation made of a backup.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use engine::Digest;
use tempfile::TempDir;
use tokio_util::io::StreamReader;

use super::manifest::Manifest;
use super::{Backup, Copied, Progress, address, copy, failed};
use crate::blobs::{Blobs, Directory};
use crate::embedded::Embedded;
use crate::store::Store;
use crate::{Error, Result};

/// Makes the installation `to`, which must not be there, of the backup in the directory `from`.
///
/// The schema is brought up to date. The database is put in place last: until then nothing can be served from it, and the command can be
/// given again.
pub async fn restore(from: &Path, to: &Embedded, progress: Progress<'_>) -> Result<Copied> {
    let manifest = Manifest::read(from)?;
    let backup = Backup::open(from)?;
    let (root, place) = (to.directory(), to.database_file());
    fs::create_dir_all(root).map_err(|error| failed("make", root, error))?;
    if place.exists() {
        let place = place.display();
        return Err(Error::Conflict(format!(
            "`{place}` is there already: restore into another directory"
        )));
    }
    let folder = tempfile::tempdir_in(root).map_err(|error| failed("write to", root, error))?;
    let (file, size) = database(&backup, manifest.database, &folder).await?;
    let store = Store::open(&address(&file)).await?;
    let blobs = Directory::open(to.blobs_directory(), u64::MAX)?;
    let copied = copy(&store, &backup.blobs, &blobs, progress).await?;
    store.close().await?;
    refuse_lost(&copied.missing, &manifest.missing)?;
    put(&file, &place).map_err(|error| failed("write", &place, error))?;
    Ok(Copied { database_bytes: size, ..copied })
}

/// The database of the backup, written to a file, and its size.
async fn database(backup: &Backup, digest: Digest, folder: &TempDir) -> Result<(PathBuf, u64)> {
    let found = backup.databases.get(digest).await?;
    let found = found.ok_or_else(|| {
        Error::NotFound(format!(
            "the backup has no database {digest}: take it from another copy of the backup"
        ))
    })?;
    let path = folder.path().join("muster.db");
    let written = async {
        let mut file = tokio::fs::File::create_new(&path).await?;
        tokio::io::copy(&mut StreamReader::new(found.stream), &mut file).await?;
        file.sync_all().await
    };
    written.await.map_err(|error: io::Error| failed("write", &path, error))?;
    Ok((path, found.size))
}

/// What was missing when the backup was taken is missing still; all else must be there.
fn refuse_lost(missing: &[Digest], known: &[Digest]) -> Result<()> {
    let lost: Vec<&Digest> = missing.iter().filter(|digest| !known.contains(digest)).collect();
    let Some(first) = lost.first() else { return Ok(()) };
    Err(Error::Conflict(format!(
        "{} blobs are missing or damaged in the backup, the first is {first}: nothing was restored; \
         copy them from another copy of the backup and restore again",
        lost.len()
    )))
}

fn put(file: &Path, place: &Path) -> io::Result<()> {
    File::open(file)?.sync_all()?;
    fs::rename(file, place)?;
    place.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}
