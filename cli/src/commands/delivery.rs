//! `muster delivery`: what integrations were told, and telling them again.

use std::fmt::Write as _;

use api_types::{Delivery, DeliveryState, Page};
use reqwest::Url;

use super::Context;
use crate::args::{DeliveryArg, DeliveryCommand, DeliveryListArgs};
use crate::exit::{Exit, Failure, Result};
use crate::terminal::plain;

pub(super) async fn run(context: &Context, command: DeliveryCommand) -> Result {
    let client = context.client()?;
    match command {
        DeliveryCommand::List(args) => return list(context, args).await,
        DeliveryCommand::Show { id, output } => {
            let one: Delivery = client.get(&format!("/v1/deliveries/{id}")).await?;
            context.answer(output, &one, || shown(&one))?;
        }
        DeliveryCommand::Redeliver { id } => {
            let one: Delivery = client.post(&format!("/v1/deliveries/{id}/redeliver")).await?;
            context.terminal.data(&line(&one));
        }
    }
    Ok(Exit::Success)
}

async fn list(context: &Context, args: DeliveryListArgs) -> Result {
    let page: Page<Delivery> = context.client()?.get(&path(&args)?).await?;
    context.answer(args.output, &page, || page.items.iter().map(line).collect())?;
    if let Some(next) = &page.next {
        context.terminal.say(&format!("there are more: --after {next}"));
    }
    Ok(Exit::Success)
}

fn path(args: &DeliveryListArgs) -> Result<String> {
    let internal = |error| Failure::unexpected("cannot make the address", error);
    let mut url = Url::parse("http://server/v1/deliveries").map_err(internal)?;
    let asked = [
        ("integration", args.integration.as_ref().map(ToString::to_string)),
        ("state", args.state.map(|state| word(asked(state)).to_owned())),
        ("after", args.after.map(|delivery| delivery.to_string())),
        ("limit", Some(args.limit.to_string())),
    ];
    let asked = asked.into_iter().filter_map(|(name, value)| Some((name, value?)));
    url.query_pairs_mut().extend_pairs(asked);
    Ok(format!("{}?{}", url.path(), url.query().unwrap_or_default()))
}

const fn asked(state: DeliveryArg) -> DeliveryState {
    match state {
        DeliveryArg::Pending => DeliveryState::Pending,
        DeliveryArg::Delivered => DeliveryState::Delivered,
        DeliveryArg::Dead => DeliveryState::Dead,
    }
}

const fn word(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Pending => "pending",
        DeliveryState::Delivered => "delivered",
        DeliveryState::Dead => "dead",
    }
}

/// A delivery for a person.
pub(super) fn line(one: &Delivery) -> String {
    let (id, to, what, at) = (one.id, &one.integration, &one.event_type, one.created_at);
    let mut text = format!("{id}  {to}  {what}  {at}  {}", word(one.state));
    let _infallible = write!(text, ", attempts: {}", one.attempts);
    if let Some(failure) = &one.failure {
        let _infallible = write!(text, ", {}", plain(failure));
    }
    if let Some(due) = one.due_at {
        let _infallible = write!(text, ", due {due}");
    }
    text + "\n"
}

/// A delivery with its attempts.
fn shown(one: &Delivery) -> String {
    let mut text = line(one);
    for attempt in &one.log {
        let said = attempt.failure.as_deref().unwrap_or("taken");
        let (at, took) = (attempt.began_at, attempt.duration_ms);
        let _infallible = write!(text, "  {at}  {took} ms  {}", plain(said));
        if let Some(excerpt) = &attempt.excerpt {
            let _infallible = write!(text, ": {}", plain(excerpt));
        }
        text.push('\n');
    }
    text
}
