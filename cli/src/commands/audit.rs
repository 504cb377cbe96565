//! `muster audit`: who did what, and whether the trail of it is whole.

mod export;
mod trail;

use std::fmt::Write as _;
use std::path::Path;

use api_types::{AuditEvent, AuditHead, Page};
use engine::audit::{Chain, Head};
use reqwest::Url;
use trail::{Trail, Walked};

use super::Context;
use crate::args::{AuditCommand, AuditListArgs};
use crate::exit::{Exit, Failure, Result};
use crate::terminal::{Tone, plain};

pub(super) async fn run(context: &Context, command: AuditCommand) -> Result {
    match command {
        AuditCommand::List(args) => list(context, args).await,
        AuditCommand::Head => head(context).await,
        AuditCommand::Export { output: None } => export::to_output(context).await,
        AuditCommand::Export { output: Some(file) } => export::to_file(context, &file).await,
        AuditCommand::Verify { file, head } => verify(context, file.as_deref(), head).await,
    }
}

async fn list(context: &Context, args: AuditListArgs) -> Result {
    let page: Page<AuditEvent> = context.client()?.get(&path(&args)?).await?;
    context.answer(args.output, &page, || table(&page))?;
    if let Some(next) = &page.next {
        context.terminal.say(&format!("there are more: --after {next}"));
    }
    Ok(Exit::Success)
}

fn path(args: &AuditListArgs) -> Result<String> {
    let internal = |error| Failure::unexpected("cannot make the address", error);
    let mut url = Url::parse("http://server/v1/audit/events").map_err(internal)?;
    let (since, until) = (args.since.map(|at| at.to_string()), args.until.map(|at| at.to_string()));
    let after = args.after.map(|after| after.to_string());
    let asked = [
        ("actor", args.actor.as_deref()),
        ("action", args.action.as_deref()),
        ("target", args.target.as_deref()),
        ("since", since.as_deref()),
        ("until", until.as_deref()),
        ("after", after.as_deref()),
        ("limit", Some(args.limit.to_string().as_str())),
    ]
    .map(|(name, value)| value.map(|value| (name, value.to_owned())));
    url.query_pairs_mut().extend_pairs(asked.into_iter().flatten());
    Ok(format!("{}?{}", url.path(), url.query().unwrap_or_default()))
}

fn table(page: &Page<AuditEvent>) -> String {
    let mut text = String::new();
    for event in &page.items {
        let (position, at, action) = (event.position, event.at, &event.action);
        let (actor, target) = (plain(&event.actor), plain(&event.target));
        let _infallible = writeln!(text, "{position:>8}  {at}  {action:<22} {target}  by {actor}");
    }
    text
}

async fn head(context: &Context) -> Result {
    let head: AuditHead = context.client()?.get("/v1/audit/head").await?;
    let Some(digest) = head.digest else {
        return Err(Failure::new(Exit::NotFound, "there is no event yet"));
    };
    context.terminal.data(&format!("{}\n", Head { position: head.position, digest }));
    Ok(Exit::Success)
}

async fn verify(context: &Context, file: Option<&Path>, heads: Vec<Head>) -> Result {
    let chain = heads.into_iter().fold(Chain::new(), Chain::expect);
    let mut trail = match file {
        Some(file) => Trail::of_file(file, chain).await?,
        None => Trail::of_server(&context.client()?, chain, 0).await?,
    };
    while trail.next().await?.is_some() {}
    Ok(say(context, trail.walked()))
}

/// Says what became of a walk; the exit code follows.
fn say(context: &Context, walked: Walked) -> Exit {
    let (tone, word, what, exit) = match walked {
        Walked::Intact(None) => (Tone::Good, "INTACT", "0 events".to_owned(), Exit::Success),
        Walked::Intact(Some(head)) => {
            let what = format!("{} events, head {head}", head.position);
            (Tone::Good, "INTACT", what, Exit::Success)
        }
        Walked::Broken(why) => (Tone::Bad, "BROKEN", why, Exit::Failed),
        Walked::Cut(head) => {
            let last = head
                .map_or_else(|| "no event".to_owned(), |head| format!("event {}", head.position));
            let what = format!("it ends after {last}, and does not say that this is the end");
            (Tone::Unclear, "INDETERMINATE", what, Exit::Indeterminate)
        }
    };
    context.terminal.data(&format!("{}  {}\n", context.terminal.paint(tone, word), plain(&what)));
    exit
}
