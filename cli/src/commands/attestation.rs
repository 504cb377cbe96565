//! `muster attestation`: what is stored, byte for byte.

use std::io::Write;

use engine::Digest;

use super::Context;
use crate::args::AttestationCommand;
use crate::exit::{Exit, Failure, Result};

pub(super) async fn run(context: &Context, command: AttestationCommand) -> Result {
    let (digest, part): (Digest, &str) = match command {
        AttestationCommand::Show { digest } => (digest, ""),
        AttestationCommand::Bundle { digest } => (digest, "/bundle"),
        AttestationCommand::Verdict { digest } => (digest, "/verdict"),
    };
    let bytes = context.client()?.bytes(&format!("/v1/attestations/{digest}{part}")).await?;
    let failed = |error| Failure::unexpected("cannot write the answer", error);
    std::io::stdout().write_all(&bytes).map_err(failed)?;
    Ok(Exit::Success)
}
