//! `muster verify`: offline, and honest about what was checked.

use std::fmt::Write as _;

use engine::Limits;
use serde_json::json;
use trust::{Bundle, Requirements, TrustedKey, Verified};

use super::Context;
use crate::args::VerifyArgs;
use crate::evidence::read_bounded;
use crate::exit::{Exit, Failure, Result};
use crate::terminal::Tone;
use crate::{artifact, craft, keys};

pub(super) fn run(context: &Context, args: &VerifyArgs) -> Result {
    let bytes = read_bounded(&args.bundle, Limits::DEFAULT.bundle_bytes_max).map_err(|error| {
        Failure::usage(format!("cannot read {}: {error}", args.bundle.display()))
    })?;
    let refused = |step: &str, error: &dyn std::fmt::Display| {
        let message = format!("{} does not verify: {error}", args.bundle.display());
        let answer = json!({
            "apiVersion": "muster.dev/v1",
            "kind": "Verification",
            "verified": false,
            "refusal": { "step": step, "message": error.to_string() },
        });
        // For a person the failure says it; a program gets an answer that it can read.
        match context.answer(args.output, &answer, String::new) {
            Ok(()) => Failure::new(Exit::Failed, message),
            Err(failure) => failure,
        }
    };
    let bundle = Bundle::parse(&bytes).map_err(|error| refused("bundle", &error))?;
    let mut trusted = Vec::new();
    for file in &args.key {
        let name =
            file.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        trusted.push(TrustedKey {
            key: keys::read_public(file)?,
            name,
            valid_from: None,
            revoked_at: None,
        });
    }
    let verified = trust::verify(&bundle, &Requirements::new(trusted), craft::now())
        .map_err(|refusal| refused(refusal.code(), &refusal))?;
    if let Some(subject) = &args.subject {
        let digest = artifact::digest(subject)?;
        verified.require_subject(digest).map_err(|refusal| refused(refusal.code(), &refusal))?;
    }
    let statement = verified.statement();
    let answer = json!({
        "apiVersion": "muster.dev/v1",
        "kind": "Verification",
        "verified": true,
        "bundle": bundle.digest(),
        "predicateType": statement.predicate_type,
        "subjects": statement.subject,
        "checks": verified.checks(),
    });
    context.answer(args.output, &answer, || table(context, &bundle, &verified))?;
    Ok(Exit::Success)
}

fn table(context: &Context, bundle: &Bundle, verified: &Verified) -> String {
    let mut text =
        format!("{}  {}\n", context.terminal.paint(Tone::Good, "VERIFIED"), bundle.digest());
    let statement = verified.statement();
    let _infallible = writeln!(text, "  predicate  {}", statement.predicate_type);
    for subject in &statement.subject {
        for (algorithm, value) in &subject.digest {
            let _infallible = writeln!(text, "  subject    {} {algorithm}:{value}", subject.name);
        }
    }
    for check in verified.checks() {
        let _infallible =
            writeln!(text, "  {:<9}  {}: {}", check.outcome.to_string(), check.name, check.detail);
    }
    text
}
