//! Key files and their passwords.

use std::fs;
use std::io::IsTerminal;
use std::path::Path;

use trust::{KeyError, PublicKey, SigningKey};

use crate::environment::Environment;
use crate::exit::{Failure, Result};

/// Opens a private key. The password of an encrypted one comes from `MUSTER_KEY_PASSWORD` or `COSIGN_PASSWORD`, or is
/// asked for at a terminal.
pub(crate) fn open(path: &Path, environment: &Environment) -> Result<SigningKey> {
    let text = read(path)?;
    let wrong = |error: KeyError| Failure::usage(format!("{}: {error}", path.display()));
    match SigningKey::from_pem(&text, password(environment)) {
        Err(KeyError::NeedsPassword) if std::io::stdin().is_terminal() => {
            let password = prompt(&format!("Password of {}: ", path.display()))?;
            SigningKey::from_pem(&text, Some(&password)).map_err(wrong)
        }
        other => other.map_err(wrong),
    }
}

/// Reads a public key.
pub(crate) fn read_public(path: &Path) -> Result<PublicKey> {
    PublicKey::from_pem(&read(path)?)
        .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

/// The password for a new key.
pub(crate) fn new_password(environment: &Environment) -> Result<String> {
    if let Some(password) = password(environment) {
        return Ok(password.to_owned());
    }
    if !std::io::stdin().is_terminal() {
        return Err(
            Failure::usage("the key file needs a password").with_hint("set MUSTER_KEY_PASSWORD")
        );
    }
    let first = prompt("Password for the key: ")?;
    if prompt("Once more: ")? != first {
        return Err(Failure::usage("the two passwords differ"));
    }
    Ok(first)
}

fn password(environment: &Environment) -> Option<&str> {
    environment.get("MUSTER_KEY_PASSWORD").or_else(|| environment.get("COSIGN_PASSWORD"))
}

fn prompt(text: &str) -> Result<String> {
    rpassword::prompt_password(text)
        .map_err(|error| Failure::unexpected("cannot ask for a password", error))
}

/// Reads what is secret and one line long from a file; `-` is the standard input.
pub(crate) fn read_line(path: &Path) -> Result<String> {
    let text = if path == Path::new("-") {
        std::io::read_to_string(std::io::stdin())
            .map_err(|error| Failure::usage(format!("cannot read the standard input: {error}")))?
    } else {
        read(path)?
    };
    Ok(text.trim().to_owned())
}

/// Reads a text file.
pub(crate) fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))
}
