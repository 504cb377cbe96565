//! `muster backup` and `muster restore`: the data of a server on one machine, and a copy of it.

use std::path::Path;

use control::backup::{self, Copied};
use control::{Embedded, Error};
use indicatif::ProgressBar;

use super::Context;
use crate::args::{BackupArgs, RestoreArgs};
use crate::exit::{Exit, Failure, Result};

/// Most missing blobs that are named to a person.
const NAMED_MAX: usize = 10;

pub(super) async fn back_up(context: &Context, args: BackupArgs) -> Result {
    let from = Embedded::new(args.data);
    let bar = progress(context);
    let copied = backup::back_up(&from, &args.to, &advance(&bar)).await;
    bar.finish_and_clear();
    let copied = copied.map_err(refused)?;
    context.answer(args.output, &copied, || told("backed up", &copied))?;
    let keys = from.keys_file();
    if keys.exists() {
        context.terminal.say(&format!("not copied: {}; keep it in another place", keys.display()));
    }
    Ok(ended(context, &copied, from.directory()))
}

pub(super) async fn restore(context: &Context, args: RestoreArgs) -> Result {
    let to = Embedded::new(args.data);
    let bar = progress(context);
    let copied = backup::restore(&args.from, &to, &advance(&bar)).await;
    bar.finish_and_clear();
    let copied = copied.map_err(refused)?;
    context.answer(args.output, &copied, || told("restored", &copied))?;
    let keys = to.keys_file();
    if !keys.exists() {
        context.terminal.say(&format!(
            "before the server starts, put the keys of its secrets into {}",
            keys.display()
        ));
    }
    Ok(ended(context, &copied, &args.from))
}

fn refused(error: Error) -> Failure {
    match error {
        Error::NotFound(message) => Failure::new(Exit::NotFound, message),
        Error::Conflict(message) | Error::Invalid { message, .. } => Failure::usage(message),
        error => Failure::caused("it was not copied", &error),
    }
}

/// A backup that lacks something is none that one may rely on.
fn ended(context: &Context, copied: &Copied, place: &Path) -> Exit {
    if copied.missing.is_empty() {
        return Exit::Success;
    }
    let count = copied.missing.len();
    let place = place.display();
    context.terminal.say(&format!("error: {count} blobs are missing or damaged in {place}:"));
    for digest in copied.missing.iter().take(NAMED_MAX) {
        context.terminal.say(&format!("  {digest}"));
    }
    Exit::Failed
}

fn told(what: &str, copied: &Copied) -> String {
    let Copied { database_bytes, blobs, blob_bytes, present, elsewhere, .. } = copied;
    let present = some(*present, "were there already");
    let elsewhere = some(*elsewhere, "are kept in backends of organizations and were not copied");
    format!(
        "{what} the database ({database_bytes} bytes) and {blobs} blobs ({blob_bytes} bytes){present}{elsewhere}\n"
    )
}

fn some(count: u64, what: &str) -> String {
    if count == 0 { String::new() } else { format!("; {count} {what}") }
}

fn progress(context: &Context) -> ProgressBar {
    context.terminal.progress("{bar:30} {pos}/{len} blobs, {eta} left")
}

fn advance(bar: &ProgressBar) -> impl Fn(u64, u64) + Send + Sync + use<> {
    let bar = bar.clone();
    move |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    }
}
