//! `muster key`: make a pair, register the public half.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use api_types::{CreateKey, Key};
use engine::Name;
use reqwest::Method;
use trust::SigningKey;

use super::{Context, wait};
use crate::args::KeyCommand;
use crate::exit::{Exit, Failure, Result};
use crate::keys;

pub(super) fn run(context: &Context, command: KeyCommand) -> Result {
    match command {
        KeyCommand::Generate { out } => generate(context, &out),
        KeyCommand::Add { file, name } => wait(add(context, &file, name)),
    }
}

fn generate(context: &Context, out: &Path) -> Result {
    let password = keys::new_password(&context.environment)?;
    let failed = |error| Failure::unexpected("cannot make a key", error);
    let key = SigningKey::generate().map_err(failed)?;
    let private = key.to_encrypted_pem(&password).map_err(failed)?;
    let public = PathBuf::from(format!("{}.pub", out.display()));
    write_new(out, private.as_bytes(), 0o600)?;
    if let Err(failure) = write_new(&public, key.public().to_pem().as_bytes(), 0o644) {
        // Half a pair is of no use, and would be in the way of the next attempt.
        let _gone = std::fs::remove_file(out);
        return Err(failure);
    }
    context.terminal.data(&format!("{}\n", key.public().id()));
    context.terminal.say(&format!("wrote {} and {}", out.display(), public.display()));
    Ok(Exit::Success)
}

/// Writes a file that must not exist: a key is never overwritten.
fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    file.and_then(|mut file| file.write_all(bytes))
        .map_err(|error| Failure::usage(format!("cannot write {}: {error}", path.display())))
}

async fn add(context: &Context, file: &Path, name: Name) -> Result {
    let key = keys::read_public(file)?;
    let body = CreateKey { name, public_key: key.to_pem().to_owned() };
    let key: Key = context.client()?.send_json(Method::POST, "/v1/keys", &body).await?;
    context.terminal.data(&format!("{} {}\n", key.name, key.digest));
    Ok(Exit::Success)
}
