//! The sessions of the person at this machine: one for each server, in a file that only they can read.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use api_types::NewSession;
use engine::Timestamp;
use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::exit::{Exit, Failure, Result};

/// What is kept of a session.
#[derive(Clone, Serialize, Deserialize)]
struct Kept {
    secret: String,
    expires_at: Timestamp,
}

/// The file, by the address of the server.
pub(crate) struct Sessions {
    file: PathBuf,
    kept: BTreeMap<String, Kept>,
}

impl Sessions {
    /// Reads the file; there need not be one.
    pub(crate) fn read(environment: &Environment) -> Result<Self> {
        let file = environment.state_directory().join("sessions.json");
        let kept = match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                Failure::usage(format!("{}: {error}", file.display()))
                    .with_hint("delete the file and log in again")
            })?,
            Err(error) if error.kind() == ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => {
                return Err(Failure::unexpected(&format!("cannot read {}", file.display()), error));
            }
        };
        Ok(Self { file, kept })
    }

    /// The secret for that server, if there is a session that has not ended.
    pub(crate) fn secret(&self, server: &str) -> Result<Option<String>> {
        let Some(kept) = self.kept.get(key(server)) else { return Ok(None) };
        if kept.expires_at <= Timestamp::from_datetime(chrono::Utc::now()) {
            let ended = format!("the session on {server} ended at {}", kept.expires_at);
            return Err(Failure::new(Exit::Forbidden, ended).with_hint("muster login"));
        }
        Ok(Some(kept.secret.clone()))
    }

    /// Keeps a session.
    pub(crate) fn keep(mut self, server: &str, session: &NewSession) -> Result<()> {
        let kept = Kept { secret: session.secret.clone(), expires_at: session.expires_at };
        self.kept.insert(key(server).to_owned(), kept);
        self.write()
    }

    /// Forgets a session.
    pub(crate) fn forget(mut self, server: &str) -> Result<()> {
        self.kept.remove(key(server));
        self.write()
    }

    /// Replaces the file as a whole. A temporary file is its owner's alone to read.
    fn write(&self) -> Result<()> {
        let failed = |error: std::io::Error| {
            Failure::unexpected(&format!("cannot write {}", self.file.display()), error)
        };
        let folder = self.file.parent().unwrap_or(&self.file);
        fs::create_dir_all(folder).map_err(failed)?;
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        let text = serde_json::to_vec(&self.kept).map_err(std::io::Error::other).map_err(failed)?;
        file.write_all(&text).map_err(failed)?;
        file.persist(&self.file).map_err(|error| failed(error.error))?;
        Ok(())
    }
}

fn key(server: &str) -> &str {
    server.trim_end_matches('/')
}
