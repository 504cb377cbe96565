//! `muster waiver`: ask, decide, list.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use api_types::{EndWaiver, Identity, Page, RequestWaiver, Waiver, WaiverDecided};
use engine::Limits;
use engine::waiver::{Approval, Party, TYPE};
use reqwest::Method;
use trust::{Bundle, Signer, Statement};

use super::Context;
use crate::args::{Form, NameArg, WaiverCommand, WaiverEndArgs, WaiverListArgs};
use crate::exit::{Exit, Failure, Result};
use crate::terminal::plain;
use crate::{craft, documents, keys};

pub(super) async fn run(context: &Context, command: WaiverCommand) -> Result {
    match command {
        WaiverCommand::Request { file } => request(context, &file).await,
        WaiverCommand::Approve { name, revision, key, bundle_out } => {
            approve(context, &path(&name, revision), &name, &key, bundle_out.as_deref()).await
        }
        WaiverCommand::Reject(args) => end(context, "rejection", args).await,
        WaiverCommand::Revoke(args) => end(context, "revocation", args).await,
        WaiverCommand::List(args) => list(context, args).await,
        WaiverCommand::Show { name, revision, output } => {
            let waiver: Waiver = context.client()?.get(&path(&name, revision)).await?;
            answer(context, output, &waiver)
        }
    }
}

fn path(name: &NameArg, revision: Option<u32>) -> String {
    let query = revision.map_or_else(String::new, |number| format!("?revision={number}"));
    format!("/v1/waivers/{name}{query}")
}

async fn request(context: &Context, file: &Path) -> Result {
    // What is wrong with the document is said here, with its lines.
    documents::waiver(file, craft::now(), &Limits::DEFAULT)?;
    let body = RequestWaiver { source: documents::read(file, &Limits::DEFAULT)?.text };
    let waiver: Waiver = context.client()?.send_json(Method::POST, "/v1/waivers", &body).await?;
    context.terminal.data(&line(&waiver));
    Ok(Exit::Success)
}

/// Signs what was asked for, as the server tells it, and says by whom.
async fn approve(
    context: &Context,
    path: &str,
    name: &NameArg,
    key: &Path,
    bundle_out: Option<&Path>,
) -> Result {
    let client = context.client()?;
    let key = keys::open(key, &context.environment)?;
    let asked: Waiver = client.get(path).await?;
    let me: Identity = client.get("/v1/identity").await?;
    let bundle = sign(&asked, me, &key)?;
    if let Some(file) = bundle_out {
        let failed =
            |error| Failure::unexpected(&format!("cannot write {}", file.display()), error);
        fs::write(file, bundle.bytes()).map_err(failed)?;
    }
    let path = format!("/v1/waivers/{name}/approval");
    let waiver: Waiver = client.post_signed(&path, bundle.bytes().to_vec()).await?;
    context.terminal.data(&line(&waiver));
    Ok(Exit::Success)
}

fn sign(asked: &Waiver, me: Identity, signer: &dyn Signer) -> Result<Bundle> {
    let internal = |error: &dyn std::fmt::Display| {
        Failure::unexpected("the statement cannot be signed", error)
    };
    let digest = asked.waiver.digest().map_err(|error| internal(&error))?;
    if digest != asked.digest {
        return Err(Failure::unexpected(
            "this program and the server understand the waiver differently",
            format!("{digest} here, {} there; update the older of the two", asked.digest),
        ));
    }
    let organization =
        me.organization.ok_or_else(|| Failure::usage("this token belongs to no organization"))?;
    let approval = Approval {
        organization,
        waiver: asked.waiver.clone(),
        revision: asked.revision,
        requested_by: asked.requested_by.clone(),
        approved_by: Party { token: me.token_id, name: me.token },
    };
    let subject = (approval.waiver.name.to_string(), "sha256".to_owned(), digest.to_hex());
    let predicate = serde_json::to_value(&approval).map_err(|error| internal(&error))?;
    signer.sign(&Statement::new([subject], TYPE, predicate)).map_err(|error| internal(&error))
}

async fn end(context: &Context, how: &str, args: WaiverEndArgs) -> Result {
    let WaiverEndArgs { name, revision, reason } = args;
    let path = format!("/v1/waivers/{name}/{how}");
    let body = EndWaiver { revision, reason };
    let waiver: Waiver = context.client()?.send_json(Method::POST, &path, &body).await?;
    context.terminal.data(&line(&waiver));
    Ok(Exit::Success)
}

async fn list(context: &Context, args: WaiverListArgs) -> Result {
    let WaiverListArgs { state, after, limit, output } = args;
    let mut path = format!("/v1/waivers?limit={limit}");
    if let Some(state) = state.and_then(|state| clap::ValueEnum::to_possible_value(&state)) {
        let _infallible = write!(path, "&state={}", state.get_name());
    }
    if let Some(after) = after {
        let _infallible = write!(path, "&after={after}");
    }
    let page: Page<Waiver> = context.client()?.get(&path).await?;
    context.answer(output, &page, || page.items.iter().map(line).collect())?;
    if let Some(next) = &page.next {
        context.terminal.say(&format!("there are more: --after {next}"));
    }
    Ok(Exit::Success)
}

fn answer(context: &Context, output: Form, waiver: &Waiver) -> Result {
    context.answer(output, waiver, || line(waiver) + &details(waiver))?;
    Ok(Exit::Success)
}

/// The state, the name, what it did and until when.
fn line(waiver: &Waiver) -> String {
    let used = match waiver.last_used_at {
        None => "never used".to_owned(),
        Some(last) => format!("used {} times, last {last}", waiver.uses),
    };
    let (name, revision) = (&waiver.waiver.name, waiver.revision);
    let (until, state) = (waiver.waiver.expires_at, state(waiver));
    format!("{state:<10}  {name} revision {revision}  until {until}  {used}\n")
}

fn state(waiver: &Waiver) -> String {
    let word = serde_json::to_value(waiver.state).unwrap_or_default();
    word.as_str().unwrap_or_default().to_owned()
}

fn details(waiver: &Waiver) -> String {
    let document = &waiver.waiver;
    let mut text = format!("  {}\n  {}\n", plain(&document.reason), waiver.digest);
    for accepts in &document.accepts {
        let _infallible = write!(text, "  accepts {}/{}", accepts.policy, plain(&accepts.rule));
        if !accepts.terms.is_empty() {
            let _infallible = write!(text, " for {}", plain(&accepts.terms.join(", ")));
        }
        if let Some(component) = &accepts.component {
            let version = component.version.as_ref().or(component.range.as_ref());
            let version = version.map_or_else(String::new, |version| format!(" {version}"));
            let _infallible = write!(text, " of {}", plain(&(component.name.clone() + &version)));
        }
        text.push('\n');
    }
    let (by, at) = (&waiver.requested_by.name, waiver.requested_at);
    let _infallible = writeln!(text, "  requested by {by} at {at}");
    for (what, decided) in [("decided", &waiver.decided), ("revoked", &waiver.revoked)] {
        let Some(WaiverDecided { by, at, reason, statement, .. }) = decided else { continue };
        let _infallible = write!(text, "  {what} by {} at {at}", by.name);
        if let Some(reason) = reason {
            let _infallible = write!(text, ": {}", plain(reason));
        }
        if let Some(statement) = statement {
            let _infallible = write!(text, ", signed statement {statement}");
        }
        text.push('\n');
    }
    text
}
