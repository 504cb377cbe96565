//! `muster gate`: may this ship?

use std::path::Path;

use api_types::{Decide, Decisions, GateRevision, PutDocument};
use engine::Limits;
use engine::gate::{Answer, Decision};
use reqwest::Method;

use super::Context;
use crate::args::GateCommand;
use crate::exit::{Exit, Result};
use crate::{artifact, documents, printer};

pub(super) async fn run(context: &Context, command: GateCommand) -> Result {
    match command {
        GateCommand::Push { file } => push(context, &file).await,
        GateCommand::Allow { artifacts, gate, as_of, output } => {
            let digests =
                artifacts.iter().map(|text| artifact::digest(text)).collect::<Result<_>>()?;
            let body = Decide { digests, as_of };
            let path = format!("/v1/gates/{gate}/decisions");
            let answer: Decisions = context.client()?.send_json(Method::POST, &path, &body).await?;
            let decisions = &answer.decisions;
            context.answer(output, &answer, || printer::decisions(decisions, &context.terminal))?;
            Ok(exit(decisions))
        }
    }
}

/// One denial denies, one doubt is a doubt, no answer is no permission.
fn exit(decisions: &[Decision]) -> Exit {
    let any = |answer| decisions.iter().any(|decision| decision.answer == answer);
    if any(Answer::Deny) {
        Exit::Failed
    } else if decisions.is_empty() || any(Answer::Indeterminate) {
        Exit::Indeterminate
    } else {
        Exit::Success
    }
}

async fn push(context: &Context, file: &Path) -> Result {
    let source = documents::read(file, &Limits::DEFAULT)?;
    let body = PutDocument { source: source.text, files: source.files };
    let revision: GateRevision =
        context.client()?.send_json(Method::PUT, "/v1/gates", &body).await?;
    context
        .terminal
        .data(&format!("{} revision {} {}\n", revision.name, revision.revision, revision.digest));
    Ok(Exit::Success)
}
