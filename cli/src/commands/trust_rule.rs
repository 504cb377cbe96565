//! `muster trust`: who is let in without a secret.

use std::fmt::Write as _;
use std::io::Read;
use std::path::Path;

use api_types::{CreateTrustRule, ExplainToken, ExplainedRule, Explanation, Page, TrustRule};
use engine::Limits;
use engine::trust_rule::Miss;
use reqwest::Method;
use trust::TOKEN_BYTES_MAX;

use super::Context;
use crate::args::{ExplainArgs, TrustCommand};
use crate::documents;
use crate::exit::{Exit, Failure, Result};
use crate::terminal::plain;

pub(super) async fn run(context: &Context, command: TrustCommand) -> Result {
    match command {
        TrustCommand::Create { file } => create(context, &file).await,
        TrustCommand::List { output } => {
            let page: Page<TrustRule> = context.client()?.get("/v1/trust-rules").await?;
            context.answer(output, &page, || page.items.iter().map(line).collect())?;
            Ok(Exit::Success)
        }
        TrustCommand::Show { name, output } => {
            let path = format!("/v1/trust-rules/{name}");
            let rule: TrustRule = context.client()?.get(&path).await?;
            context.answer(output, &rule, || line(&rule) + &details(&rule))?;
            Ok(Exit::Success)
        }
        TrustCommand::Delete { name } => {
            context.client()?.delete(&format!("/v1/trust-rules/{name}")).await?;
            context.terminal.data(&format!("deleted {name}\n"));
            Ok(Exit::Success)
        }
        TrustCommand::Explain(args) => explain(context, args).await,
    }
}

async fn create(context: &Context, file: &Path) -> Result {
    // What is wrong with the document is said here, with its lines.
    documents::trust_rule(file, &Limits::DEFAULT)?;
    let body = CreateTrustRule { source: documents::read(file, &Limits::DEFAULT)?.text };
    let made = context.client()?.send_json(Method::POST, "/v1/trust-rules", &body).await?;
    context.terminal.data(&line(&made));
    Ok(Exit::Success)
}

async fn explain(context: &Context, args: ExplainArgs) -> Result {
    let token = if args.token == "-" { given()? } else { args.token };
    let workflow = args.workflow.map(|path| path.to_string());
    let body = ExplainToken { token: token.trim().to_owned(), workflow };
    let explained: Explanation =
        context.client()?.send_json(Method::POST, "/v1/tokens/explain", &body).await?;
    context.answer(args.output, &explained, || explanation(&explained))?;
    Ok(if explained.rule.is_some() { Exit::Success } else { Exit::Failed })
}

/// The token on the standard input; not more than can be one.
fn given() -> Result<String> {
    let mut token = String::new();
    let max = u64::try_from(TOKEN_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(2);
    let read = std::io::stdin().lock().take(max).read_to_string(&mut token);
    read.map_err(|error| Failure::usage(format!("cannot read the standard input: {error}")))?;
    Ok(token)
}

/// The name, whose jobs, and what they may run.
fn line(one: &TrustRule) -> String {
    let rule = &one.rule;
    let (kind, url) = (rule.issuer.kind.name(), plain(&rule.issuer.url));
    format!("{}  {kind} {url}  runs {}\n", rule.name, rule.grants.join(", "))
}

fn details(one: &TrustRule) -> String {
    let rule = &one.rule;
    let mut text = format!("  audience {}\n", plain(&rule.audience));
    for (claim, wanted) in &rule.claims {
        let _infallible = writeln!(text, "  {} {}", plain(claim), one_of(wanted));
    }
    let (age, digest, at) = (rule.max_age_minutes, one.digest, one.created_at);
    let _infallible = writeln!(text, "  tokens of at most {age} minutes\n  {digest} since {at}");
    text
}

fn explanation(explained: &Explanation) -> String {
    let mut text = match (&explained.rule, &explained.refusal) {
        (Some(rule), _) => format!("let in by `{rule}`\n"),
        (None, Some(refusal)) => {
            format!("refused at `{}`: {}\n", refusal.step, plain(&refusal.message))
        }
        (None, None) => "the token is good, and no rule lets it in\n".to_owned(),
    };
    if explained.rules.is_empty() && explained.issuer.is_some() {
        text.push_str("there are no trust rules\n");
    }
    text + &explained.rules.iter().map(rule).collect::<String>()
}

fn rule(rule: &ExplainedRule) -> String {
    if rule.misses.is_empty() {
        return format!("{}: met\n", rule.name);
    }
    let mut text = format!("{}:\n", rule.name);
    for Miss { claim, wanted, got } in &rule.misses {
        let (claim, wanted) = (plain(claim), one_of(wanted));
        let got = got
            .as_ref()
            .map_or_else(|| "is absent".to_owned(), |got| format!("is `{}`", plain(got)));
        let _infallible = writeln!(text, "  {claim} {got}, wanted {wanted}");
    }
    text
}

fn one_of(wanted: &[String]) -> String {
    wanted.iter().map(|one| format!("`{}`", plain(one))).collect::<Vec<_>>().join(" or ")
}
