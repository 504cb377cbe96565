//! Archives of XML files: zip and tar.gz, expanded in memory, one file at a time, within limits.
//!
//! The sizes that an archive *claims* are checked before anything is expanded, and the sizes it *has* while it is:
//! neither a liar nor a bomb gets further than the limit.

use std::cell::Cell;
use std::io::{self, Cursor, Read};
use std::ops::ControlFlow;

use flate2::read::MultiGzDecoder;

use crate::Limits;

const ZIP: &[u8] = b"PK\x03\x04";
const ZIP_EMPTY: &[u8] = b"PK\x05\x06";
const GZIP: &[u8] = b"\x1f\x8b";

/// Why an archive was not read to its end.
#[derive(Debug)]
pub(super) enum Stop {
    /// It is over the limit that the text names.
    Over(String),
    /// It is damaged, or uses what Muster does not read.
    Broken(String),
}

/// Called for each XML file with its name and content.
pub(super) type Visit<'v> = dyn FnMut(&str, &[u8]) -> ControlFlow<()> + 'v;

/// Whether the bytes start like an archive.
pub(super) fn is_archive(bytes: &[u8]) -> bool {
    [ZIP, ZIP_EMPTY, GZIP].iter().any(|magic| bytes.starts_with(magic))
}

/// Calls `visit` for each file with the extension `xml`, until it breaks.
pub(super) fn for_each_xml(
    bytes: &[u8],
    limits: &Limits,
    visit: &mut Visit<'_>,
) -> Result<(), Stop> {
    let budget = Budget { limits, entries: 0, claimed: 0 };
    if bytes.starts_with(GZIP) { tar_gz(bytes, budget, visit) } else { zip(bytes, budget, visit) }
}

/// What the entries seen so far claim.
struct Budget<'l> {
    limits: &'l Limits,
    entries: usize,
    claimed: u64,
}

impl Budget<'_> {
    fn claim(&mut self, size: u64) -> Result<(), Stop> {
        self.entries = self.entries.saturating_add(1);
        self.claimed = self.claimed.saturating_add(size);
        let Limits { archive_entries_max, archive_bytes_max, .. } = self.limits;
        if self.entries > *archive_entries_max {
            return Err(Stop::Over(format!(
                "the archive has more entries than the limit archive_entries_max of {archive_entries_max}"
            )));
        }
        if self.claimed > *archive_bytes_max {
            return Err(Stop::Over(format!(
                "the archive claims {} bytes, over the limit archive_bytes_max of {archive_bytes_max}",
                self.claimed
            )));
        }
        Ok(())
    }

    fn expanded_too_far(&self) -> Stop {
        Stop::Over(format!(
            "the archive expands to more than the limit archive_bytes_max of {} bytes, whatever it claims",
            self.limits.archive_bytes_max
        ))
    }
}

fn is_xml(name: &str) -> bool {
    let hidden = name.rsplit('/').next().is_some_and(|file| file.starts_with('.'));
    !hidden
        && name
            .get(name.len().saturating_sub(4)..)
            .is_some_and(|end| end.eq_ignore_ascii_case(".xml"))
}

fn zip(bytes: &[u8], mut budget: Budget<'_>, visit: &mut Visit<'_>) -> Result<(), Stop> {
    let broken =
        |error: zip::result::ZipError| Stop::Broken(format!("it is not a readable zip: {error}"));
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
    if archive.has_duplicate_names() {
        return Err(Stop::Broken("the zip holds two files of the same name".to_owned()));
    }
    let mut wanted = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_data(index).map_err(broken)?;
        budget.claim(entry.size())?;
        let name = entry.name().map_err(broken)?.into_owned();
        if entry.is_file() && is_xml(&name) {
            wanted.push((name, index));
        }
    }
    wanted.sort();
    let mut left = budget.limits.archive_bytes_max;
    for (name, index) in wanted {
        let entry = archive.by_index(index).map_err(|error| entry_broken(&name, &error))?;
        let mut content = Vec::new();
        entry
            .take(left.saturating_add(1))
            .read_to_end(&mut content)
            .map_err(|error| entry_broken(&name, &error))?;
        let size = u64::try_from(content.len()).unwrap_or(u64::MAX);
        left = left.checked_sub(size).ok_or_else(|| budget.expanded_too_far())?;
        if visit(&name, &content).is_break() {
            break;
        }
    }
    Ok(())
}

fn entry_broken(name: &str, error: &dyn std::error::Error) -> Stop {
    Stop::Broken(format!("`{}` in the archive is not readable: {error}", super::json::shown(name)))
}

fn tar_gz(bytes: &[u8], mut budget: Budget<'_>, visit: &mut Visit<'_>) -> Result<(), Stop> {
    let exceeded = Cell::new(false);
    let left = budget.limits.archive_bytes_max;
    let mut archive =
        tar::Archive::new(Bounded { inner: MultiGzDecoder::new(bytes), left, exceeded: &exceeded });
    let limits = budget.limits;
    let stop = |error: io::Error| {
        if exceeded.get() {
            Budget { limits, entries: 0, claimed: 0 }.expanded_too_far()
        } else {
            Stop::Broken(format!("it is not a readable tar.gz: {error}"))
        }
    };
    for entry in archive.entries().map_err(stop)? {
        let mut entry = entry.map_err(stop)?;
        budget.claim(entry.size())?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if !entry.header().entry_type().is_file() || !is_xml(&name) {
            continue;
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(stop)?;
        if visit(&name, &content).is_break() {
            break;
        }
    }
    Ok(())
}

/// A reader that fails, and says so, once more than `left` bytes came out of it.
struct Bounded<'c, R> {
    inner: R,
    left: u64,
    exceeded: &'c Cell<bool>,
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buf)?;
        let size = u64::try_from(count).unwrap_or(u64::MAX);
        if let Some(left) = self.left.checked_sub(size) {
            self.left = left;
            return Ok(count);
        }
        self.exceeded.set(true);
        Err(io::Error::other("over the limit"))
    }
}
