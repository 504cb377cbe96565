//! `muster token`: make, list, revoke.

use api_types::{CreateToken, NewToken, Page, Scope, Token};
use reqwest::Method;

use super::{Context, manage};
use crate::args::{ScopeArg, TokenCommand};
use crate::exit::{Exit, Failure, Result};

const ALL: &str = "/v1/tokens";

pub(super) async fn run(context: &Context, command: TokenCommand) -> Result {
    let client = context.client()?;
    match command {
        TokenCommand::Create { name, scope, expires_at, grant } => {
            let scopes = scope.into_iter().map(scope_of).collect();
            let grants = (!grant.is_empty()).then_some(grant);
            let body = CreateToken { name, scopes, expires_at, grants };
            let token: NewToken = client.send_json(Method::POST, ALL, &body).await?;
            context.terminal.say(&format!(
                "made the token `{}`; its secret is shown only now",
                token.token.name
            ));
            manage::show(context, &token, None)
        }
        TokenCommand::List { output } => {
            let page: Page<Token> = client.get(ALL).await?;
            context.answer(output, &page, || page.items.iter().map(line).collect())?;
            Ok(Exit::Success)
        }
        TokenCommand::Revoke { token } => {
            let page: Page<Token> = client.get(ALL).await?;
            let id = standing(&page.items, &token)?.id;
            client.delete(&format!("{ALL}/{id}")).await?;
            context.terminal.data(&format!("revoked {token}\n"));
            Ok(Exit::Success)
        }
    }
}

const fn scope_of(scope: ScopeArg) -> Scope {
    match scope {
        ScopeArg::Admin => Scope::Admin,
        ScopeArg::Attest => Scope::Attest,
        ScopeArg::Read => Scope::Read,
    }
}

/// The token of that name or identifier that was not revoked. Names are not unique.
fn standing<'t>(tokens: &'t [Token], wanted: &str) -> Result<&'t Token> {
    let named = |one: &&Token| one.name.as_str() == wanted || one.id.to_string() == wanted;
    let mut found = tokens.iter().filter(|one| one.revoked_at.is_none()).filter(named);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => Err(Failure::usage(format!("several tokens are called `{wanted}`"))
            .with_hint("name one by its identifier: muster token list")),
        (None, _) => {
            let missing = format!("there is no token `{wanted}` that was not revoked");
            Err(Failure::new(Exit::NotFound, missing))
        }
    }
}

fn line(one: &Token) -> String {
    let Token { id, name, scopes, expires_at, revoked_at, last_used_at, grants, .. } = one;
    let scopes: Vec<String> = scopes.iter().map(ToString::to_string).collect();
    let mut line = format!("{id} {name} {}", scopes.join(","));
    let grants = grants.as_ref().map(|grants| grants.join(","));
    for (what, value) in [
        ("for", grants),
        ("until", expires_at.map(|at| at.to_string())),
        ("revoked", revoked_at.map(|at| at.to_string())),
        ("used", last_used_at.map(|at| at.to_string())),
    ] {
        line.extend(value.map(|value| format!(" {what} {value}")));
    }
    line + "\n"
}
