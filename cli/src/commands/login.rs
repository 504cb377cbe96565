//! `muster login`, `logout` and `whoami`.

use api_types::{CreateSession, Identity, LoginProvider, NewSession};
use reqwest::Method;

use super::Context;
use crate::args::LoginArgs;
use crate::client::Client;
use crate::exit::{Exit, Result};
use crate::login::Login;
use crate::project_file::ProjectFile;
use crate::sessions::Sessions;

pub(super) async fn login(context: &Context, args: LoginArgs) -> Result {
    let server = context.server()?;
    let sessions = Sessions::read(&context.environment)?;
    let nobody = Client::new(server, "")?;
    let provider: LoginProvider = nobody.get("/v1/login").await?;
    let login = Login::new(provider).await?;
    let proof = if args.device {
        login.on_device(&context.terminal).await?
    } else {
        login.in_browser(&context.terminal).await?
    };
    let organization = ProjectFile::find()?.organization(args.organization);
    let body = CreateSession { id_token: proof.id_token, secret: proof.secret, organization };
    let session: NewSession = nobody.send_json(Method::POST, "/v1/sessions", &body).await?;
    sessions.keep(server, &session)?;
    let NewSession { email, organization, role, expires_at, .. } = session;
    context.terminal.say(&format!("{email} is {role} of {organization} until {expires_at}"));
    Ok(Exit::Success)
}

pub(super) async fn logout(context: &Context) -> Result {
    let server = context.server()?;
    let sessions = Sessions::read(&context.environment)?;
    let Some(secret) = sessions.secret(server)? else {
        context.terminal.say(&format!("there is no session on {server}"));
        return Ok(Exit::Success);
    };
    Client::new(server, &secret)?.delete("/v1/sessions/current").await?;
    sessions.forget(server)?;
    context.terminal.say(&format!("the session on {server} ended"));
    Ok(Exit::Success)
}

pub(super) async fn whoami(context: &Context) -> Result {
    let identity: Identity = context.client()?.get("/v1/identity").await?;
    let organization =
        identity.organization.map_or_else(|| "the instance".to_owned(), |name| name.to_string());
    let (who, may) = if let Some(person) = identity.person {
        (person.email, person.role.to_string())
    } else {
        let scopes: Vec<String> = identity.scopes.iter().map(ToString::to_string).collect();
        (identity.token.to_string(), scopes.join(", "))
    };
    context.terminal.data(&format!("{who} of {organization}: {may}\n"));
    Ok(Exit::Success)
}
