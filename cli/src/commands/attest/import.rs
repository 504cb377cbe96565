//! Attestations that were made elsewhere, handed in as they are.

use std::io::Read;
use std::path::{Path, PathBuf};

use api_types::{Imported, Signer};
use engine::Limits;
use serde::de::IgnoredAny;

use crate::commands::Context;
use crate::evidence::read_bounded;
use crate::exit::{Exit, Failure, Result};
use crate::terminal::plain;

/// How many attestations of the largest size a file may hold.
const PER_FILE: u64 = 16;

pub(super) async fn run(context: &Context, files: &[PathBuf]) -> Result {
    let client = context.client()?;
    let mut exit = Exit::Success;
    for file in files {
        let bytes = read(file)?;
        let attestations = attestations(&bytes)
            .map_err(|problem| Failure::usage(format!("{}: {problem}", file.display())))?;
        for (number, one) in attestations.into_iter().enumerate() {
            match client.post_signed::<Imported>("/v1/imports", one.to_vec()).await {
                Ok(imported) => context.terminal.data(&line(&imported)),
                // The others may be good; that this one is not is for the exit code to say.
                Err(failure) if failure.exit == Exit::Failed => {
                    let (place, number) = (file.display(), number + 1);
                    context.terminal.say(&format!("{place}: {number}: {}", failure.message));
                    exit = Exit::Failed;
                }
                Err(failure) => return Err(failure),
            }
        }
    }
    Ok(exit)
}

fn read(file: &Path) -> Result<Vec<u8>> {
    let failed = |error| Failure::usage(format!("cannot read {}: {error}", file.display()));
    let max = Limits::DEFAULT.bundle_bytes_max.saturating_mul(PER_FILE);
    if file != Path::new("-") {
        return read_bounded(file, max).map_err(failed);
    }
    let mut bytes = Vec::new();
    std::io::stdin().lock().take(max).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// A file that is one JSON document holds one; else each of its lines does, and is one.
fn attestations(bytes: &[u8]) -> std::result::Result<Vec<&[u8]>, String> {
    let is_json = |text: &[u8]| serde_json::from_slice::<IgnoredAny>(text).is_ok();
    if is_json(bytes) {
        return Ok(vec![bytes]);
    }
    let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).enumerate();
    let lines: Vec<(usize, &[u8])> = lines.filter(|(_, line)| !line.is_empty()).collect();
    if let Some((at, _)) = lines.iter().find(|(_, line)| !is_json(line)) {
        return Err(format!("line {} is not JSON: it holds no attestations", at + 1));
    }
    if lines.is_empty() {
        return Err("it is empty".to_owned());
    }
    Ok(lines.into_iter().map(|(_, line)| line).collect())
}

/// Its digest, what it says, and who says so.
fn line(one: &Imported) -> String {
    let Signer { key, issuer, subject } = &one.signer;
    let signer = match (key, subject, issuer) {
        (Some(key), ..) => format!("the key {key}"),
        (None, Some(subject), Some(issuer)) => format!("{} ({})", plain(subject), plain(issuer)),
        (None, Some(subject), None) => plain(subject),
        (None, None, _) => "nobody".to_owned(),
    };
    let (digest, root, kind) = (one.digest, &one.trust_root, plain(&one.predicate_type));
    format!("{digest}  {kind}  by {signer}  under {root}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_holds_one_or_one_on_each_line() {
        for (text, expected) in [
            ("{}", Ok(vec!["{}"])),
            ("{\n}", Ok(vec!["{\n}"])),
            ("{\"a\":1}\n{\"a\":2}\n", Ok(vec!["{\"a\":1}", "{\"a\":2}"])),
            ("\n {} \r\n\n{}", Ok(vec!["{}", "{}"])),
            ("{}\n\nno", Err("line 3 is not JSON: it holds no attestations")),
            ("", Err("it is empty")),
            ("\n\n", Err("it is empty")),
        ] {
            let found = attestations(text.as_bytes());
            let expected: std::result::Result<Vec<&[u8]>, String> = expected
                .map(|all| all.into_iter().map(str::as_bytes).collect())
                .map_err(ToOwned::to_owned);
            assert_eq!(found, expected, "{text}");
        }
    }
}
