//! `muster apply`: make the organization what the documents of a folder say, and nothing else unless told.
//!
//! Everything is read and checked before anything is asked; everything is asked before anything is changed. What is done
//! is done once: applying again changes nothing.

mod documents;
mod plan;
mod standing;

use std::collections::BTreeMap;

use api_types::UpdateWorkflow;
use control::DEADLINE_MINUTES;
use documents::Wanted;
use engine::workflow::Workflow;
use plan::{Action, Change, Noun};
use reqwest::Method;
use serde_json::{Value, json};
use standing::Standing;

use super::Context;
use crate::args::ApplyArgs;
use crate::client::Client;
use crate::exit::{Exit, Failure, Result};
use crate::terminal::plain;

pub(super) async fn run(context: &Context, args: ApplyArgs) -> Result {
    let wanted = Wanted::read(&args.file)?;
    let client = context.client()?;
    let standing = Standing::ask(&client, &wanted, args.prune).await?;
    let changes = plan::changes(&wanted, &standing, args.prune)?;
    if args.dry_run {
        context.answer(args.output, &changes, || shown(&changes))?;
        let differs = changes.iter().any(|one| one.action != Action::Keep);
        return Ok(if args.exit_code && differs { Exit::Failed } else { Exit::Success });
    }
    let different = changes.iter().filter(|one| one.action != Action::Keep);
    for (done, change) in different.enumerate() {
        apply(&client, &wanted, change).await.map_err(|failure| after(done, change, failure))?;
        context.terminal.say(&line(change));
    }
    context.answer(args.output, &changes, || summary(&changes))?;
    Ok(Exit::Success)
}

/// Does one change. Each is one request, or one to restore and one to change.
async fn apply(client: &Client, wanted: &Wanted, change: &Change) -> Result<()> {
    let path = format!("{}/{}", change.noun.path(), change.name);
    match change.action {
        Action::Keep => return Ok(()),
        Action::Delete => return client.delete(&path).await,
        Action::Restore => {
            let _restored: Value = client.post(&format!("{path}/restore")).await?;
        }
        Action::Create | Action::Update => {}
    }
    let all = change.noun.path().to_owned();
    let (method, path) = match (change.noun, change.action) {
        (Noun::Contract | Noun::Gate | Noun::TrustRoot | Noun::TrustRule, _) => (Method::PUT, all),
        (Noun::Project | Noun::Waiver, _) | (Noun::Workflow, Action::Create) => (Method::POST, all),
        (Noun::Workflow, _) => (Method::PATCH, path),
    };
    let _answer: Value = client.send_json(method, &path, &body(wanted, change)?).await?;
    Ok(())
}

/// What is sent.
fn body(wanted: &Wanted, change: &Change) -> Result<Value> {
    let name = change.name.as_str();
    Ok(match change.noun {
        Noun::Contract => json!(found(&wanted.contracts, name)?.body),
        Noun::Gate => json!(found(&wanted.gates, name)?.body),
        Noun::Project => json!({ "name": name }),
        Noun::TrustRoot => json!({ "source": found(&wanted.trust_roots, name)?.source }),
        Noun::TrustRule => json!({ "source": found(&wanted.trust_rules, name)?.source }),
        Noun::Waiver => json!({ "source": found(&wanted.waivers, name)?.source }),
        Noun::Workflow => {
            let Workflow { path, contract, contract_revision, deadline_minutes } =
                found(&wanted.workflows, name)?.clone();
            let (project, name) = (path.project, path.workflow);
            let contract = Some(contract);
            if change.action == Action::Create {
                json!({
                    "project": project, "name": name, "contract": contract,
                    "contract_revision": contract_revision, "deadline_minutes": deadline_minutes,
                })
            } else {
                let deadline_minutes = Some(deadline_minutes.unwrap_or(DEADLINE_MINUTES));
                json!(UpdateWorkflow { contract, contract_revision, deadline_minutes })
            }
        }
    })
}

fn found<'w, T>(all: &'w BTreeMap<String, T>, name: &str) -> Result<&'w T> {
    all.get(name).ok_or_else(|| Failure::unexpected("the plan names what nobody wrote", name))
}

/// What went wrong, and that what was done before stays.
fn after(done: usize, change: &Change, failure: Failure) -> Failure {
    let message = format!("{} {}: {}", change.noun, change.name, failure.message);
    let hint = failure.hint.unwrap_or_else(|| {
        format!("{done} changes were made before; apply again once this is mended")
    });
    Failure { message, ..Failure::new(failure.exit, "") }.with_hint(hint)
}

fn shown(changes: &[Change]) -> String {
    let lines = changes.iter().map(|change| {
        let more = change.difference.iter().map(|line| format!("    {}\n", plain(line)));
        format!("{}\n{}", line(change), more.collect::<String>())
    });
    lines.collect::<String>() + &summary(changes)
}

fn line(change: &Change) -> String {
    let note = change.note.as_ref().map_or_else(String::new, |note| format!(": {note}"));
    format!("{} {} {}{note}", change.action.sign(), change.noun, change.name)
}

fn summary(changes: &[Change]) -> String {
    let count = |action| changes.iter().filter(|one| one.action == action).count();
    format!(
        "{} to create, {} to change, {} to restore, {} to delete, {} as they are\n",
        count(Action::Create),
        count(Action::Update),
        count(Action::Restore),
        count(Action::Delete),
        count(Action::Keep)
    )
}
