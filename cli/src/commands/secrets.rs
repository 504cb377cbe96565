//! `muster secrets`: the keys under which the server seals what it must hand on.

use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use api_types::Rotation;
use control::{Embedded, KeyRing};
use reqwest::Method;
use tempfile::NamedTempFile;

use super::{Context, wait};
use crate::args::{SecretsArgs, SecretsCommand};
use crate::environment::Environment;
use crate::exit::{Exit, Failure, Result};
use crate::keys;

pub(super) fn run(context: &Context, command: &SecretsCommand) -> Result {
    match command {
        SecretsCommand::Generate => {
            context.terminal.data(&format!("{}\n", new_key()?));
            Ok(Exit::Success)
        }
        SecretsCommand::Rotate { output } => wait(async {
            let client = context.client()?;
            let done: Rotation = client.ask(Method::POST, "/v1/secrets/rotate").await?;
            context.answer(*output, &done, || {
                format!("{} secrets were sealed anew with the key {}\n", done.resealed, done.key)
            })?;
            Ok(Exit::Success)
        }),
    }
}

/// The keys of a server: from the file or the variable that was named, else from `embedded`, the data directory of an
/// embedded database, where they are made when there are none.
pub(super) fn ring(
    args: &SecretsArgs,
    environment: &Environment,
    embedded: Option<&Embedded>,
) -> Result<Option<KeyRing>> {
    let variable = environment.get("MUSTER_SECRETS_KEY").filter(|text| !text.is_empty());
    match (&args.secrets_key_file, variable, embedded) {
        (Some(_), Some(_), _) => Err(Failure::usage(
            "both --secrets-key-file and MUSTER_SECRETS_KEY are given: use one of them",
        )),
        (Some(file), None, _) => of_file(file).map(Some),
        (None, Some(text), _) => parse("MUSTER_SECRETS_KEY", text).map(Some),
        (None, None, Some(embedded)) => {
            let file = embedded.keys_file();
            make(embedded.directory(), &file)?;
            of_file(&file).map(Some)
        }
        (None, None, None) => Ok(None),
    }
}

fn of_file(file: &Path) -> Result<KeyRing> {
    let text = keys::read(file)?;
    let mode = std::fs::metadata(file).map_or(0, |metadata| metadata.permissions().mode());
    if mode & 0o007 != 0 {
        tracing::warn!(file = %file.display(), "everyone on this machine may read the keys of the secrets");
    }
    parse(&file.display().to_string(), &text)
}

fn parse(place: &str, text: &str) -> Result<KeyRing> {
    KeyRing::parse(text).map_err(|error| {
        Failure::usage(format!("{place}: {error}"))
            .with_hint("`muster secrets generate` prints a key")
    })
}

/// Makes the file with one new key, for its owner only, unless it is there. It is whole from its first moment: a process
/// that is killed meanwhile leaves no empty one.
fn make(directory: &Path, file: &Path) -> Result<()> {
    let failed =
        |error: io::Error| Failure::usage(format!("cannot write {}: {error}", file.display()));
    if file.exists() {
        return Ok(());
    }
    let key = format!("{}\n", new_key()?);
    let mut new = NamedTempFile::new_in(directory).map_err(failed)?;
    new.write_all(key.as_bytes()).and_then(|()| new.as_file().sync_all()).map_err(failed)?;
    match new.persist_noclobber(file) {
        Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => {
            Err(failed(error.error))
        }
        _ => Ok(()),
    }
}

fn new_key() -> Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| Failure::unexpected("cannot make a key", error))?;
    Ok(KeyRing::encode_key(bytes))
}
