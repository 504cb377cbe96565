//! `muster backend sweep`: asks until all was looked at, and shows how far that is.

use api_types::{SweepBlobs, SweptBlobs};
use reqwest::Method;

use super::{Context, path};
use crate::args::BackendSweepArgs;
use crate::exit::{Exit, Result};

pub(super) async fn run(context: &Context, args: BackendSweepArgs) -> Result {
    let BackendSweepArgs { name, dry_run, output } = args;
    let client = context.client()?;
    let path =
        name.map_or_else(|| "/v1/blob-sweeps".to_owned(), |name| format!("{}/sweep", path(&name)));
    let mut asked = SweepBlobs { after: None, dry_run };
    let mut all = SweptBlobs { looked_at: 0, blobs: 0, bytes: 0, next: None };
    let bar = context.terminal.progress("{spinner} {pos} blobs were looked at");
    loop {
        let part = client.send_json(Method::POST, &path, &asked).await;
        let part: SweptBlobs = part.inspect_err(|_failure| bar.abandon())?;
        all.looked_at += part.looked_at;
        all.blobs += part.blobs;
        all.bytes += part.bytes;
        bar.set_position(all.looked_at);
        asked.after = part.next;
        if asked.after.is_none() {
            break;
        }
    }
    bar.finish_and_clear();
    let SweptBlobs { looked_at, blobs, bytes, .. } = all;
    let fate = if dry_run { "would be removed" } else { "are removed within some minutes" };
    let text = || format!("{blobs} of {looked_at} blobs, {bytes} bytes {fate}\n");
    context.answer(output, &all, text)?;
    Ok(Exit::Success)
}
