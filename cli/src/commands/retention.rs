//! `muster retention`: how long an organization keeps its evidence.

use api_types::{PreviewRetention, Retention, RetentionPreview, RetentionRule};
use reqwest::Method;

use super::Context;
use crate::args::{Form, RetentionCommand, RetentionSetArgs};
use crate::exit::{Exit, Result};

const PATH: &str = "/v1/retention";

pub(super) async fn run(context: &Context, command: RetentionCommand) -> Result {
    match command {
        RetentionCommand::Show { output } => {
            let retention: Retention = context.client()?.get(PATH).await?;
            answer(context, output, &retention)
        }
        RetentionCommand::Set(args) if args.dry_run => preview(context, args).await,
        RetentionCommand::Set(args) => {
            let RetentionSetArgs { keep_days, forget_released, output, .. } = args;
            let rule = RetentionRule { keep_days, keep_released: !forget_released };
            let retention: Retention =
                context.client()?.send_json(Method::PUT, PATH, &rule).await?;
            answer(context, output, &retention)
        }
        RetentionCommand::Clear => {
            context.client()?.delete(PATH).await?;
            context.terminal.say("all evidence that is there is kept");
            Ok(Exit::Success)
        }
    }
}

/// Asks until all blobs were looked at, and shows that it goes on.
async fn preview(context: &Context, args: RetentionSetArgs) -> Result {
    let RetentionSetArgs { keep_days, forget_released, output, .. } = args;
    let client = context.client()?;
    let (keep_released, after) = (!forget_released, None);
    let mut asked = PreviewRetention { keep_days, keep_released, after };
    let mut all = RetentionPreview { blobs: 0, bytes: 0, next: None };
    let bar = context.terminal.progress("{spinner} {pos} blobs would be removed so far");
    loop {
        let path = format!("{PATH}/preview");
        let part = client.send_json(Method::POST, &path, &asked).await;
        let part: RetentionPreview = part.inspect_err(|_failure| bar.abandon())?;
        all.blobs += part.blobs;
        all.bytes += part.bytes;
        bar.set_position(all.blobs);
        asked.after = part.next;
        if asked.after.is_none() {
            break;
        }
    }
    bar.finish_and_clear();
    let RetentionPreview { blobs, bytes, .. } = all;
    context.answer(output, &all, || format!("{blobs} blobs, {bytes} bytes would be removed\n"))?;
    Ok(Exit::Success)
}

fn answer(context: &Context, output: Form, retention: &Retention) -> Result {
    context.answer(output, retention, || told(retention))?;
    Ok(Exit::Success)
}

fn told(retention: &Retention) -> String {
    let Some(RetentionRule { keep_days, keep_released }) = retention.rule else {
        return "all evidence is kept\n".to_owned();
    };
    let released = if keep_released { ", that of released versions for good" } else { "" };
    let swept = retention.swept_at.map_or_else(
        || "  not all blobs were looked at yet\n".to_owned(),
        |at| format!("  all blobs were looked at last at {at}\n"),
    );
    let Retention { expiring_blobs, expiring_bytes, .. } = retention;
    format!(
        "evidence is kept for {keep_days} days{released}\n{swept}  {expiring_blobs} blobs, {expiring_bytes} bytes are removed within a day\n"
    )
}
