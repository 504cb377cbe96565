//! `muster trust-root`: whose attestations, made elsewhere, are believed.

use std::fmt::Write as _;
use std::path::Path;

use api_types::{Page, PutTrustRoot, TrustRoot};
use engine::Limits;
use reqwest::Method;

use super::Context;
use crate::args::TrustRootCommand;
use crate::documents;
use crate::exit::{Exit, Result};
use crate::terminal::plain;

pub(super) async fn run(context: &Context, command: TrustRootCommand) -> Result {
    let client = context.client()?;
    match command {
        TrustRootCommand::Push { file } => return push(context, &file).await,
        TrustRootCommand::List { output } => {
            let page: Page<TrustRoot> = client.get("/v1/trust-roots").await?;
            context.answer(output, &page, || page.items.iter().map(line).collect())?;
        }
        TrustRootCommand::Show { name, output } => {
            let root: TrustRoot = client.get(&format!("/v1/trust-roots/{name}")).await?;
            context.answer(output, &root, || line(&root) + &details(&root))?;
        }
        TrustRootCommand::Delete { name } => {
            client.delete(&format!("/v1/trust-roots/{name}")).await?;
            context.terminal.data(&format!("deleted {name}\n"));
        }
    }
    Ok(Exit::Success)
}

async fn push(context: &Context, file: &Path) -> Result {
    // What is wrong with the document is said here, with its lines.
    documents::trust_root(file, &Limits::DEFAULT)?;
    let body = PutTrustRoot { source: documents::read(file, &Limits::DEFAULT)?.text };
    let stored = context.client()?.send_json(Method::PUT, "/v1/trust-roots", &body).await?;
    context.terminal.data(&line(&stored));
    Ok(Exit::Success)
}

/// The name, and whom it believes.
fn line(one: &TrustRoot) -> String {
    let root = &one.root;
    let count = |number: usize, one: &str, many: &str| match number {
        1 => format!("1 {one}"),
        number => format!("{number} {many}"),
    };
    let mut believes = Vec::new();
    if !root.keys.is_empty() {
        believes.push(count(root.keys.len(), "key", "keys"));
    }
    if let Some(sigstore) = &root.sigstore {
        let instance = sigstore.root.as_str().unwrap_or("an instance of its own");
        let identities = count(sigstore.identities.len(), "identity", "identities");
        believes.push(format!("{identities} of {instance}"));
    }
    format!("{}  {}\n", root.name, believes.join(", "))
}

fn details(one: &TrustRoot) -> String {
    let mut text = String::new();
    for identity in one.root.sigstore.iter().flat_map(|sigstore| &sigstore.identities) {
        let (issuer, subject) = (plain(&identity.issuer), plain(&identity.subject));
        let _infallible = writeln!(text, "  {subject} {issuer}");
    }
    for predicate in &one.root.predicate_types {
        let _infallible = writeln!(text, "  says {}", plain(predicate));
    }
    let _infallible = writeln!(text, "  {} since {}", one.digest, one.created_at);
    text
}
