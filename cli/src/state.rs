//! The state of an attestation that is crafted over many steps: one file for each job, locked while a command works on
//! it, replaced as a whole.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use api_types::{Added, OpenedRun};
use engine::{Digest, Timestamp};
use fs4::FileExt;
use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::exit::{Failure, Result};
use crate::runner;

/// The version of the file's form.
const VERSION: u32 = 1;

/// What was crafted so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    version: u32,
    /// The server that opened the run.
    pub server: String,
    /// The run, with the contract that it must meet.
    pub run: OpenedRun,
    /// When the job began.
    pub started_at: Timestamp,
    /// The token that this job was given for the run, when it had none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Given>,
    /// What names the state on the server that this one was read from, where it is kept there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<String>,
    /// The evidence so far.
    pub materials: Vec<Added>,
}

/// A token that is good for the run alone, for a while. The file of the state is its owner's alone to read.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Given {
    secret: String,
    /// When it ends.
    pub expires_at: Timestamp,
    /// For whom the identity token was that it was given for.
    pub audience: String,
}

impl Given {
    pub(crate) const fn new(secret: String, expires_at: Timestamp, audience: String) -> Self {
        Self { secret, expires_at, audience }
    }

    /// The token.
    pub(crate) fn secret(&self) -> &str {
        &self.secret
    }
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Given").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

impl State {
    /// The state of a run that was just opened.
    pub(crate) const fn new(server: String, run: OpenedRun, started_at: Timestamp) -> Self {
        Self {
            version: VERSION,
            server,
            run,
            started_at,
            token: None,
            remote: None,
            materials: Vec::new(),
        }
    }

    /// Adds evidence, in the place of what has the same name.
    pub(crate) fn add(&mut self, added: Added) {
        self.materials.retain(|one| one.material.name != added.material.name);
        self.materials.push(added);
    }
}

/// The file of this job, locked until it is dropped.
#[derive(Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
    _lock: File,
}

impl StateFile {
    /// Locks the file of this job. Waits while another command of the same job works on it.
    pub(crate) fn lock(directory: &Path, environment: &Environment) -> Result<Self> {
        let failed = |error| {
            Failure::unexpected(
                &format!("cannot use the state directory {}", directory.display()),
                error,
            )
        };
        fs::create_dir_all(directory).map_err(failed)?;
        let path = directory.join(format!("{}.json", job_key(environment)?));
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.with_extension("lock"));
        let lock = lock.map_err(failed)?;
        FileExt::lock(&lock).map_err(failed)?;
        Ok(Self { path, _lock: lock })
    }

    /// What was crafted so far; nothing when no run is open.
    pub(crate) fn read(&self) -> Result<Option<State>> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.damaged(error)),
        };
        let state: State = serde_json::from_slice(&bytes).map_err(|error| self.damaged(error))?;
        if state.version != VERSION {
            return Err(
                self.damaged(format!("it has the version {}, not {VERSION}", state.version))
            );
        }
        Ok(Some(state))
    }

    /// Replaces the state: all of it or nothing, also when the machine stops meanwhile.
    pub(crate) fn write(&self, state: &State) -> Result<()> {
        let failed = |error: &dyn fmt::Display| {
            Failure::unexpected(&format!("cannot write {}", self.path.display()), error)
        };
        let bytes = serde_json::to_vec_pretty(state).map_err(|error| failed(&error))?;
        let folder = self.path.parent().unwrap_or_else(|| Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|error| failed(&error))?;
        file.write_all(&bytes)
            .and_then(|()| file.as_file().sync_all())
            .map_err(|error| failed(&error))?;
        file.persist(&self.path).map_err(|error| failed(&error))?;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| failed(&error))
    }

    /// Forgets the run.
    pub(crate) fn remove(&self) -> Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(self.damaged(error)),
            _ => Ok(()),
        }
    }

    fn damaged(&self, error: impl fmt::Display) -> Failure {
        Failure::usage(format!("the state in {} cannot be read: {error}", self.path.display()))
            .with_hint("begin anew: muster attest init --workflow PROJECT/WORKFLOW --replace")
    }
}

/// What tells this job from others on this machine: the CI job, else the directory.
fn job_key(environment: &Environment) -> Result<String> {
    let job = match runner::job(environment) {
        Some(job) => job,
        None => std::env::current_dir()
            .map_err(|error| Failure::unexpected("there is no current directory", error))?
            .display()
            .to_string(),
    };
    Ok(Digest::of(job).to_hex().chars().take(32).collect())
}
