//! `muster integration`: who is told of what happens.

use api_types::{
    CreateIntegration, Delivery, DeliveryState, DisableIntegration, Integration, NewIntegration,
    Page, Target, UpdateIntegration, WebhookFormat,
};
use engine::Name;
use reqwest::Method;

use super::{Context, delivery};
use crate::args::{
    FormatArg, IntegrationCommand, IntegrationCreateCommand, IntegrationUpdateArgs, MailArgs,
};
use crate::exit::{Exit, Failure, Result};
use crate::keys;
use crate::terminal::plain;

const ALL: &str = "/v1/integrations";

pub(super) async fn run(context: &Context, command: IntegrationCommand) -> Result {
    let client = context.client()?;
    match command {
        IntegrationCommand::Create(command) => return create(context, command).await,
        IntegrationCommand::List { output } => {
            let page: Page<Integration> = client.get(ALL).await?;
            context.answer(output, &page, || page.items.iter().map(line).collect())?;
        }
        IntegrationCommand::Show { name, output } => {
            let one: Integration = client.get(&path(&name, "")).await?;
            context.answer(output, &one, || line(&one))?;
        }
        IntegrationCommand::Update(args) => return update(context, args).await,
        IntegrationCommand::Test { name } => return test(context, &name).await,
        IntegrationCommand::Enable { name } => {
            let one: Integration = client.post(&path(&name, "/enable")).await?;
            context.terminal.data(&line(&one));
        }
        IntegrationCommand::Disable { name, reason } => {
            let (path, body) = (path(&name, "/disable"), DisableIntegration { reason });
            let one: Integration = client.send_json(Method::POST, &path, &body).await?;
            context.terminal.data(&line(&one));
        }
        IntegrationCommand::Rotate { name } => {
            let renewed: NewIntegration = client.post(&path(&name, "/rotate")).await?;
            let said = "the secret is shown only now; the one before signs too for a day";
            context.terminal.say(said);
            secret(context, renewed.secret);
        }
        IntegrationCommand::Delete { name } => client.delete(&path(&name, "")).await?,
    }
    Ok(Exit::Success)
}

async fn create(context: &Context, command: IntegrationCreateCommand) -> Result {
    let (told, target, given) = match command {
        IntegrationCreateCommand::Webhook { told, address, format } => {
            let format = match format {
                FormatArg::CloudEvents => WebhookFormat::CloudEvents,
                FormatArg::CdEvents => WebhookFormat::CdEvents,
            };
            (told, Target::Webhook { address, format }, None)
        }
        IntegrationCreateCommand::DependencyTrack { told, address, key_file } => {
            (told, Target::DependencyTrack { address }, Some(keys::read_line(&key_file)?))
        }
        IntegrationCreateCommand::Guac { told, place, credentials_file } => {
            (told, Target::Guac { place }, Some(keys::read_line(&credentials_file)?))
        }
        IntegrationCreateCommand::Registry { told, place, credentials_file } => {
            let credentials = credentials_file.as_deref().map(keys::read_line).transpose()?;
            (told, Target::Registry { place }, credentials)
        }
        IntegrationCreateCommand::Slack { told, address_file } => {
            (told, Target::Slack { address: keys::read_line(&address_file)? }, None)
        }
        IntegrationCreateCommand::Discord { told, address_file } => {
            (told, Target::Discord { address: keys::read_line(&address_file)? }, None)
        }
        IntegrationCreateCommand::Email { told, mail } => {
            let MailArgs { address: server, from, to, username, password_file } = mail;
            let password = password_file.as_deref().map(keys::read_line).transpose()?;
            (told, Target::Email { server, from, to, username }, password)
        }
    };
    let (name, events) = (told.name, told.event);
    let body = CreateIntegration { name, target, events, secret: given };
    let made: NewIntegration = context.client()?.send_json(Method::POST, ALL, &body).await?;
    let name = &made.integration.name;
    let shown = if made.secret.is_some() { "; its secret is shown only now" } else { "" };
    context.terminal.say(&format!("created `{name}`{shown}"));
    secret(context, made.secret);
    Ok(Exit::Success)
}

fn secret(context: &Context, secret: Option<String>) {
    if let Some(secret) = secret {
        context.terminal.data(&format!("{secret}\n"));
    }
}

async fn update(context: &Context, args: IntegrationUpdateArgs) -> Result {
    let client = context.client()?;
    let path = path(&args.name, "");
    let change = args.change;
    let address = match (change.address, change.address_file) {
        (None, Some(file)) => Some(keys::read_line(&file)?),
        (address, _) => address,
    };
    let mut target = None;
    if address.is_some() || !change.to.is_empty() {
        let before: Integration = client.get(&path).await?;
        target = Some(retargeted(before.target, address, change.to)?);
    }
    let events = (!change.event.is_empty()).then_some(change.event);
    let secret = change.password_file.as_deref().map(keys::read_line).transpose()?;
    let body = UpdateIntegration { target, events, secret };
    let one: Integration = client.send_json(Method::PATCH, &path, &body).await?;
    context.terminal.data(&line(&one));
    Ok(Exit::Success)
}

/// The target at another address, for others, or both.
fn retargeted(target: Target, address: Option<String>, to: Vec<String>) -> Result<Target> {
    Ok(match (target, address) {
        (Target::Email { server, from, to: before, username }, address) => Target::Email {
            server: address.unwrap_or(server),
            from,
            to: if to.is_empty() { before } else { to },
            username,
        },
        (target, _) if !to.is_empty() => {
            let message = format!("--to is for mail, and this is a {}", target.kind());
            return Err(Failure::usage(message));
        }
        (target, None) => target,
        (Target::Webhook { format, .. }, Some(address)) => Target::Webhook { address, format },
        (Target::DependencyTrack { .. }, Some(address)) => Target::DependencyTrack { address },
        (Target::Guac { .. }, Some(place)) => Target::Guac { place },
        (Target::Registry { .. }, Some(place)) => Target::Registry { place },
        (Target::Slack { .. }, Some(address)) => Target::Slack { address },
        (Target::Discord { .. }, Some(address)) => Target::Discord { address },
    })
}

async fn test(context: &Context, name: &Name) -> Result {
    let tried: Delivery = context.client()?.post(&path(name, "/test")).await?;
    context.terminal.data(&delivery::line(&tried));
    let taken = tried.state == DeliveryState::Delivered;
    Ok(if taken { Exit::Success } else { Exit::Failed })
}

fn path(name: &Name, action: &str) -> String {
    format!("{ALL}/{name}{action}")
}

fn line(one: &Integration) -> String {
    let place = match &one.target {
        Target::Webhook { address, .. }
        | Target::Slack { address }
        | Target::Discord { address }
        | Target::DependencyTrack { address }
        | Target::Guac { place: address }
        | Target::Registry { place: address } => address.clone(),
        Target::Email { server, to, .. } => format!("{} by {server}", to.join(", ")),
    };
    let state = match (&one.disabled_reason, one.disabled_at) {
        (Some(reason), Some(at)) => format!("disabled {at}: {}", plain(reason)),
        _ => "enabled".to_owned(),
    };
    let (name, kind, events) = (&one.name, one.target.kind(), one.events.join(", "));
    format!("{name}  {kind}  {}  {events}  {state}\n", plain(&place))
}
