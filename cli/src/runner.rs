//! Which CI system runs this job. The order is fixed, so that the answer is the same every time.

use engine::run::{Runner, RunnerEnvironment, RunnerKind};

use crate::environment::Environment;

/// One CI system: how to know it, where its job's page is, who operates its machine.
struct System {
    kind: RunnerKind,
    /// All of these are set.
    signs: &'static [&'static str],
    url: fn(&Environment) -> Option<String>,
    environment: fn(&Environment) -> RunnerEnvironment,
    /// What tells this job from others on the same machine.
    job: &'static [&'static str],
}

const UNKNOWN: fn(&Environment) -> RunnerEnvironment = |_| RunnerEnvironment::Unknown;

const SYSTEMS: [System; 8] = [
    System {
        kind: RunnerKind::GitHubActions,
        signs: &["GITHUB_ACTIONS", "GITHUB_REPOSITORY", "GITHUB_RUN_ID"],
        url: |env| {
            let server = env.get("GITHUB_SERVER_URL").unwrap_or("https://github.com");
            Some(format!(
                "{server}/{}/actions/runs/{}",
                env.get("GITHUB_REPOSITORY")?,
                env.get("GITHUB_RUN_ID")?
            ))
        },
        environment: |env| match env.get("RUNNER_ENVIRONMENT") {
            Some("github-hosted") => RunnerEnvironment::Managed,
            Some("self-hosted") => RunnerEnvironment::SelfHosted,
            _ => RunnerEnvironment::Unknown,
        },
        job: &["GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_JOB"],
    },
    System {
        kind: RunnerKind::GitLabCi,
        signs: &["GITLAB_CI", "CI_JOB_URL"],
        url: |env| env.get("CI_JOB_URL").map(ToOwned::to_owned),
        environment: |env| match (env.get("CI_SERVER_HOST"), env.get("CI_RUNNER_TAGS")) {
            (Some("gitlab.com"), Some(tags)) if tags.contains("saas-") => {
                RunnerEnvironment::Managed
            }
            _ => RunnerEnvironment::Unknown,
        },
        job: &["CI_JOB_ID"],
    },
    System {
        kind: RunnerKind::AzurePipelines,
        signs: &["TF_BUILD", "BUILD_BUILDURI"],
        url: |env| {
            let (server, project) =
                (env.get("SYSTEM_COLLECTIONURI")?, env.get("SYSTEM_TEAMPROJECT")?);
            Some(format!("{server}{project}/_build/results?buildId={}", env.get("BUILD_BUILDID")?))
        },
        environment: |env| match env.get("AGENT_NAME") {
            Some(name) if name.starts_with("Azure Pipelines") || name.starts_with("Hosted") => {
                RunnerEnvironment::Managed
            }
            Some(_) => RunnerEnvironment::SelfHosted,
            None => RunnerEnvironment::Unknown,
        },
        job: &["BUILD_BUILDURI", "SYSTEM_JOBID"],
    },
    System {
        kind: RunnerKind::CircleCi,
        signs: &["CIRCLECI", "CIRCLE_BUILD_URL"],
        url: |env| env.get("CIRCLE_BUILD_URL").map(ToOwned::to_owned),
        environment: UNKNOWN,
        job: &["CIRCLE_BUILD_URL", "CIRCLE_NODE_INDEX"],
    },
    System {
        kind: RunnerKind::Buildkite,
        signs: &["BUILDKITE", "BUILDKITE_BUILD_URL"],
        url: |env| {
            let job = env.get("BUILDKITE_JOB_ID").map_or_else(String::new, |job| format!("#{job}"));
            Some(format!("{}{job}", env.get("BUILDKITE_BUILD_URL")?))
        },
        environment: |env| match env.get("BUILDKITE_COMPUTE_TYPE") {
            Some("hosted") => RunnerEnvironment::Managed,
            Some("self-hosted") => RunnerEnvironment::SelfHosted,
            _ => RunnerEnvironment::Unknown,
        },
        job: &["BUILDKITE_JOB_ID"],
    },
    System {
        kind: RunnerKind::TeamCity,
        signs: &["TEAMCITY_VERSION"],
        url: |env| env.get("BUILD_URL").map(ToOwned::to_owned),
        environment: UNKNOWN,
        job: &["TEAMCITY_PROJECT_NAME", "TEAMCITY_BUILDCONF_NAME", "BUILD_NUMBER"],
    },
    System {
        kind: RunnerKind::Jenkins,
        signs: &["JENKINS_URL", "BUILD_URL"],
        url: |env| env.get("BUILD_URL").map(ToOwned::to_owned),
        environment: |_| RunnerEnvironment::SelfHosted,
        job: &["BUILD_URL", "STAGE_NAME"],
    },
    System {
        kind: RunnerKind::Tekton,
        signs: &["TEKTON_TASKRUN_NAME", "TEKTON_NAMESPACE"],
        url: |_| None,
        environment: UNKNOWN,
        job: &["TEKTON_NAMESPACE", "TEKTON_TASKRUN_NAME"],
    },
];

/// The first CI system of the list whose signs are all there; else a generic one.
pub(crate) fn detect(environment: &Environment) -> Runner {
    match system(environment) {
        Some(system) => Runner {
            kind: system.kind,
            environment: (system.environment)(environment),
            url: (system.url)(environment).map(without_credentials),
        },
        None => {
            Runner { kind: RunnerKind::Generic, environment: RunnerEnvironment::Unknown, url: None }
        }
    }
}

/// What tells this job from others on the same machine; nothing outside CI.
pub(crate) fn job(environment: &Environment) -> Option<String> {
    let system = system(environment)?;
    let parts: Vec<&str> = system.job.iter().filter_map(|name| environment.get(name)).collect();
    Some(format!("{} {}", system.kind.name(), parts.join(" ")))
}

fn system(environment: &Environment) -> Option<&'static System> {
    SYSTEMS.iter().find(|system| system.signs.iter().all(|name| environment.has(name)))
}

/// An address without `user:password@`.
pub(crate) fn without_credentials(url: String) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url };
    let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://{host}{path}"),
        None => url,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Case = (RunnerKind, RunnerEnvironment, Option<&'static str>, Environment);

    #[test]
    fn each_system_is_known_by_its_signs() {
        for (kind, operated, url, environment) in hosted().into_iter().chain(others()) {
            let runner = detect(&environment);
            assert_eq!(
                runner,
                Runner { kind, environment: operated, url: url.map(ToOwned::to_owned) }
            );
        }
    }

    fn hosted() -> Vec<Case> {
        use RunnerEnvironment::{Managed, SelfHosted, Unknown};
        vec![
            (
                RunnerKind::GitHubActions,
                Managed,
                Some("https://github.com/o/r/actions/runs/7"),
                [
                    ("GITHUB_ACTIONS", "true"),
                    ("GITHUB_REPOSITORY", "o/r"),
                    ("GITHUB_RUN_ID", "7"),
                    ("RUNNER_ENVIRONMENT", "github-hosted"),
                ]
                .into(),
            ),
            (
                RunnerKind::GitLabCi,
                Unknown,
                Some("https://gitlab.example/j/1"),
                [("GITLAB_CI", "true"), ("CI_JOB_URL", "https://user:secret@gitlab.example/j/1")]
                    .into(),
            ),
            (
                RunnerKind::AzurePipelines,
                SelfHosted,
                Some("https://dev.azure.com/o/p/_build/results?buildId=3"),
                [
                    ("TF_BUILD", "True"),
                    ("BUILD_BUILDURI", "vstfs:///Build/3"),
                    ("BUILD_BUILDID", "3"),
                    ("SYSTEM_COLLECTIONURI", "https://dev.azure.com/o/"),
                    ("SYSTEM_TEAMPROJECT", "p"),
                    ("AGENT_NAME", "mine"),
                ]
                .into(),
            ),
            (
                RunnerKind::CircleCi,
                Unknown,
                Some("https://c/1"),
                [("CIRCLECI", "true"), ("CIRCLE_BUILD_URL", "https://c/1")].into(),
            ),
        ]
    }

    fn others() -> Vec<Case> {
        use RunnerEnvironment::{Managed, SelfHosted, Unknown};
        vec![
            (
                RunnerKind::Buildkite,
                Managed,
                Some("https://b/1#job"),
                [
                    ("BUILDKITE", "true"),
                    ("BUILDKITE_BUILD_URL", "https://b/1"),
                    ("BUILDKITE_JOB_ID", "job"),
                    ("BUILDKITE_COMPUTE_TYPE", "hosted"),
                ]
                .into(),
            ),
            (RunnerKind::TeamCity, Unknown, None, [("TEAMCITY_VERSION", "2026.1")].into()),
            (
                RunnerKind::Jenkins,
                SelfHosted,
                Some("https://j/1"),
                [("JENKINS_URL", "https://j"), ("BUILD_URL", "https://j/1")].into(),
            ),
            (
                RunnerKind::Tekton,
                Unknown,
                None,
                [("TEKTON_TASKRUN_NAME", "t"), ("TEKTON_NAMESPACE", "n")].into(),
            ),
            (RunnerKind::Generic, Unknown, None, [("CI", "true")].into()),
            // Jenkins started from within GitHub Actions is the outer system, every time.
            (
                RunnerKind::GitHubActions,
                Unknown,
                Some("https://github.com/o/r/actions/runs/7"),
                [
                    ("JENKINS_URL", "https://j"),
                    ("BUILD_URL", "https://j/1"),
                    ("GITHUB_ACTIONS", "true"),
                    ("GITHUB_REPOSITORY", "o/r"),
                    ("GITHUB_RUN_ID", "7"),
                ]
                .into(),
            ),
        ]
    }
}
