//! `muster audit export`: the trail as it is, verified on the way.

use std::path::Path;

use engine::audit::Chain;
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncSeekExt, AsyncWriteExt};

use super::trail::{Trail, Walked};
use crate::commands::Context;
use crate::exit::{Exit, Failure, Result};

/// Everything, to the standard output.
pub(super) async fn to_output(context: &Context) -> Result {
    let mut trail = Trail::of_server(&context.client()?, Chain::new(), 0).await?;
    while let Some(line) = trail.next().await? {
        context.terminal.data(&String::from_utf8_lossy(&line));
    }
    Ok(say(context, trail.walked()))
}

/// Into a file; what is there already is verified, and gone on with after its last whole event.
pub(super) async fn to_file(context: &Context, path: &Path) -> Result {
    let failed = |error: std::io::Error| {
        Failure::unexpected(&format!("cannot write {}", path.display()), error)
    };
    let (chain, kept) = exported(path).await?;
    // Asked before anything is cut off, so that a server that is away costs nothing.
    let after = chain.len();
    let mut trail = Trail::of_server(&context.client()?, chain, after).await?;
    let mut file = open(path, kept).await.map_err(failed)?;
    while let Some(line) = trail.next().await? {
        file.write_all(&line).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)?;
    file.sync_all().await.map_err(failed)?;
    Ok(say(context, trail.walked()))
}

/// The walk over what the file has, and how many of its bytes are to be kept.
async fn exported(path: &Path) -> Result<(Chain, u64)> {
    if !path.exists() {
        return Ok((Chain::new(), 0));
    }
    let mut trail = Trail::of_file(path, Chain::new()).await?;
    while trail.next().await?.is_some() {}
    trail.paused().map_err(|broken| {
        Failure::new(Exit::Failed, format!("{}: {broken}", path.display()))
            .with_hint("keep that file as it is, and export to another one")
    })
}

async fn open(path: &Path, kept: u64) -> std::io::Result<File> {
    let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(path).await?;
    file.set_len(kept).await?;
    file.seek(std::io::SeekFrom::End(0)).await?;
    Ok(file)
}

fn say(context: &Context, walked: Walked) -> Exit {
    match walked {
        Walked::Intact(head) => {
            let head = head.map_or_else(|| "no events".to_owned(), |head| format!("head {head}"));
            context.terminal.say(&format!("exported: {head}"));
            Exit::Success
        }
        Walked::Broken(why) => {
            context.terminal.say(&format!("warning: the trail is broken: {why}"));
            Exit::Failed
        }
        Walked::Cut(_) => {
            context.terminal.say("the trail came without its end: run the same again");
            Exit::TryAgain
        }
    }
}
