//! `muster backend move`: asks until all is moved, and shows how far that is.

use api_types::{MoveBlobs, MovedBlobs, UnmovedBlob};
use reqwest::Method;
use serde::Serialize;

use super::Context;
use crate::args::BackendMoveArgs;
use crate::client::Client;
use crate::exit::{Exit, Result};
use crate::terminal::plain;

/// Most blobs that stay behind of which each is named to a person.
const NAMED_MAX: usize = 10;

/// What all requests together moved.
#[derive(Debug, Serialize)]
struct Moved {
    blobs: u64,
    bytes: u64,
    unmoved: Vec<UnmovedBlob>,
    left_blobs: u64,
    left_bytes: u64,
}

pub(super) async fn run(context: &Context, args: BackendMoveArgs) -> Result {
    let BackendMoveArgs { from, to, dry_run, output } = args;
    let client = context.client()?;
    let mut asked = MoveBlobs { from, to, after: None, dry_run: true };
    let before = ask(&client, &asked).await?;
    if dry_run {
        let MovedBlobs { left_blobs, left_bytes, .. } = &before;
        let text = || format!("{left_blobs} blobs, {left_bytes} bytes would be moved\n");
        context.answer(output, &before, text)?;
        return Ok(Exit::Success);
    }
    asked.dry_run = false;
    let bar = context.terminal.progress("{bar:30} {pos}/{len} blobs, {eta} left");
    bar.set_length(before.left_blobs);
    let (blobs, bytes, unmoved) = (0, 0, Vec::new());
    let MovedBlobs { left_blobs, left_bytes, .. } = before;
    let mut all = Moved { blobs, bytes, unmoved, left_blobs, left_bytes };
    loop {
        let part = ask(&client, &asked).await.inspect_err(|_failure| bar.abandon())?;
        bar.inc(part.blobs);
        all.add(&part);
        asked.after = part.next;
        if asked.after.is_none() {
            break;
        }
    }
    bar.finish_and_clear();
    context.answer(output, &all, || all.told())?;
    Ok(all.ended(context))
}

async fn ask(client: &Client, asked: &MoveBlobs) -> Result<MovedBlobs> {
    client.send_json(Method::POST, "/v1/blob-moves", asked).await
}

impl Moved {
    fn add(&mut self, part: &MovedBlobs) {
        self.blobs += part.blobs;
        self.bytes += part.bytes;
        self.unmoved.extend(part.unmoved.iter().cloned());
        (self.left_blobs, self.left_bytes) = (part.left_blobs, part.left_bytes);
    }

    fn told(&self) -> String {
        let moved = format!("moved {} blobs, {} bytes\n", self.blobs, self.bytes);
        let stays = |one: &UnmovedBlob| format!("  {} stays: {}\n", one.digest, plain(&one.reason));
        moved + &self.unmoved.iter().take(NAMED_MAX).map(stays).collect::<String>()
    }

    /// All is well when nothing is left where it was.
    fn ended(&self, context: &Context) -> Exit {
        if self.left_blobs == 0 {
            return Exit::Success;
        }
        let left = self.left_blobs;
        context.terminal.say(&format!("{left} blobs are still where they were: run it again"));
        Exit::TryAgain
    }
}
