//! The identity token of this job, as its CI system hands it out: what lets the job in where it has no secret.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use engine::run::RunnerKind;
use reqwest::Url;
use serde::Deserialize;
use trust::TOKEN_BYTES_MAX;

use crate::environment::Environment;
use crate::evidence::read_bounded;
use crate::exit::{Exit, Failure, Result};
use crate::runner;

/// Where a job finds its identity token. The order is fixed: what was said for Muster comes first.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    /// In a variable: `GitLab`, `CircleCI`.
    Variable(&'static str),
    /// In a file that is renewed: Kubernetes.
    File(String),
    /// At an address of `GitHub` Actions, with a secret of the job.
    GitHub { url: String, secret: String },
    /// From the agent of Buildkite.
    Buildkite,
}

/// Variables that hold a token, by precedence.
const VARIABLES: [&str; 3] = ["MUSTER_ID_TOKEN", "CIRCLE_OIDC_TOKEN_V2", "CIRCLE_OIDC_TOKEN"];
const FILE: &str = "MUSTER_ID_TOKEN_FILE";
const REQUEST_URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
const REQUEST_SECRET: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";
/// The claims that Buildkite leaves out unless it is asked for them, and that never pass to someone else.
const BUILDKITE_CLAIMS: [&str; 2] = ["organization_id", "pipeline_id"];

/// Whether this job could be given an identity token.
pub(crate) fn is_there(environment: &Environment) -> bool {
    source(environment).is_some()
}

/// An identity token for `audience`; nothing where there is no CI system that issues one to this job.
pub(crate) async fn token(environment: &Environment, audience: &str) -> Result<Option<String>> {
    let Some(source) = source(environment) else { return Ok(None) };
    let token = match source {
        Source::Variable(name) => environment.get(name).unwrap_or_default().to_owned(),
        Source::File(path) => from_file(Path::new(&path))?,
        Source::GitHub { url, secret } => from_github(&url, &secret, audience).await?,
        Source::Buildkite => {
            let audience = audience.to_owned();
            tokio::task::spawn_blocking(move || from_buildkite(&audience))
                .await
                .map_err(|error| Failure::unexpected("the agent was not asked", error))??
        }
    };
    Ok(Some(token.trim().to_owned()))
}

fn source(environment: &Environment) -> Option<Source> {
    let [own, circle @ ..] = VARIABLES;
    if environment.has(own) {
        return Some(Source::Variable(own));
    }
    if let Some(path) = environment.get(FILE).filter(|path| !path.is_empty()) {
        return Some(Source::File(path.to_owned()));
    }
    if environment.has(REQUEST_URL) && environment.has(REQUEST_SECRET) {
        let value = |name: &str| environment.get(name).unwrap_or_default().to_owned();
        return Some(Source::GitHub { url: value(REQUEST_URL), secret: value(REQUEST_SECRET) });
    }
    if let Some(name) = circle.into_iter().find(|name| environment.has(name)) {
        return Some(Source::Variable(name));
    }
    let buildkite = runner::detect(environment).kind == RunnerKind::Buildkite;
    (buildkite && environment.has("BUILDKITE_JOB_ID")).then_some(Source::Buildkite)
}

fn from_file(path: &Path) -> Result<String> {
    let max = u64::try_from(TOKEN_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(2);
    let wrong = |error: &dyn std::fmt::Display| {
        Failure::usage(format!("cannot read the identity token in {}: {error}", path.display()))
    };
    let bytes = read_bounded(path, max).map_err(|error| wrong(&error))?;
    String::from_utf8(bytes).map_err(|error| wrong(&error))
}

/// What the address answers.
#[derive(Deserialize)]
struct Issued {
    value: String,
}

/// Asks as <https://docs.github.com/actions/reference/security/oidc> says.
async fn from_github(url: &str, secret: &str, audience: &str) -> Result<String> {
    let failed = |what: String| {
        Failure::new(Exit::TryAgain, format!("GitHub issued no identity token: {what}"))
    };
    let mut url = Url::parse(url)
        .map_err(|_cause| Failure::usage(format!("{REQUEST_URL} is not an address")))?;
    url.query_pairs_mut().append_pair("audience", audience);
    let http = reqwest::Client::builder()
        .timeout(Duration::from_secs(30))
        // The secret of the job goes to the address that was named, and to no other.
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| Failure::unexpected("cannot make an HTTP client", error))?;
    let answer = http.get(url).bearer_auth(secret).send().await;
    let answer = answer.map_err(|error| failed(error.without_url().to_string()))?;
    if !answer.status().is_success() {
        return Err(failed(format!("it answered {}", answer.status()))
            .with_hint("does the job have `permissions: id-token: write`?"));
    }
    let issued: Issued =
        answer.json().await.map_err(|error| failed(error.without_url().to_string()))?;
    Ok(issued.value)
}

/// Asks as <https://buildkite.com/docs/agent/v3/cli-oidc> says.
fn from_buildkite(audience: &str) -> Result<String> {
    let mut command = Command::new("buildkite-agent");
    command.args(["oidc", "request-token", "--audience", audience]);
    command.args(BUILDKITE_CLAIMS.iter().flat_map(|claim| ["--claim", claim]));
    let output = command.output().map_err(|error| {
        Failure::usage(format!("cannot ask buildkite-agent for an identity token: {error}"))
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().last().unwrap_or_default().to_owned();
        let message = format!("buildkite-agent issued no identity token: {}", said.trim());
        return Err(Failure::new(Exit::TryAgain, message));
    }
    String::from_utf8(output.stdout)
        .map_err(|error| Failure::unexpected("buildkite-agent issued no text", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_system_is_asked_in_its_way_and_what_is_said_comes_first() {
        let github = [(REQUEST_URL, "https://g/?v=1"), (REQUEST_SECRET, "s")];
        let found = || Source::GitHub { url: "https://g/?v=1".to_owned(), secret: "s".to_owned() };
        let [url, secret] = github;
        let build = ("BUILDKITE_BUILD_URL", "https://b/1");
        for (environment, expected) in [
            ([].into(), None),
            ([url].into(), None),
            (github.into(), Some(found())),
            ([url, secret, ("MUSTER_ID_TOKEN", "")].into(), Some(found())),
            (
                [url, secret, ("MUSTER_ID_TOKEN", "t")].into(),
                Some(Source::Variable("MUSTER_ID_TOKEN")),
            ),
            ([(FILE, "/var/t")].into(), Some(Source::File("/var/t".to_owned()))),
            (
                [("CIRCLE_OIDC_TOKEN", "1"), ("CIRCLE_OIDC_TOKEN_V2", "2")].into(),
                Some(Source::Variable("CIRCLE_OIDC_TOKEN_V2")),
            ),
            ([("CI_JOB_JWT", "t")].into(), None),
            (
                [("BUILDKITE", "true"), build, ("BUILDKITE_JOB_ID", "1")].into(),
                Some(Source::Buildkite),
            ),
            ([("BUILDKITE", "true"), build].into(), None),
        ] {
            assert_eq!(source(&environment), expected, "{environment:?}");
            assert_eq!(is_there(&environment), expected.is_some());
        }
    }
}
