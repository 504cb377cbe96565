//! One execution of a workflow, as its attestation and its policies see it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::document::nearest;
use crate::{Name, Timestamp};

/// The CI systems that Muster knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunnerKind {
    /// Azure Pipelines.
    AzurePipelines,
    /// Buildkite.
    Buildkite,
    /// CircleCI.
    #[serde(rename = "circleci")]
    CircleCi,
    /// Anything else, a developer's machine included.
    Generic,
    /// GitHub Actions.
    #[serde(rename = "github-actions")]
    GitHubActions,
    /// GitLab CI.
    #[serde(rename = "gitlab-ci")]
    GitLabCi,
    /// Jenkins.
    Jenkins,
    /// TeamCity.
    #[serde(rename = "teamcity")]
    TeamCity,
    /// Tekton.
    Tekton,
}

/// Who operates the machine that ran the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunnerEnvironment {
    /// The CI vendor.
    Managed,
    /// The user.
    SelfHosted,
    /// It cannot be told.
    Unknown,
}

/// Where a run took place, as the job reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runner {
    /// The CI system.
    pub kind: RunnerKind,
    /// Who operates the machine.
    pub environment: RunnerEnvironment,
    /// The page of the job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// The source commit that was built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commit {
    /// The object id, 40 (SHA-1) or 64 (SHA-256) lower-case hexadecimal digits.
    pub id: String,
    /// The author, `Name <address>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// When it was committed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committed_at: Option<Timestamp>,
    /// The first line of its message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Addresses of the remotes by name, without credentials.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub remotes: BTreeMap<String, String>,
}

/// Which workflow ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workflow {
    /// The organization that owns it.
    pub organization: Name,
    /// The project that it belongs to.
    pub project: Name,
    /// Its own name.
    pub name: Name,
    /// The version of the project that this run builds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// Everything about a run but its materials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Circumstances {
    /// Which workflow ran; absent in a check that names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<Workflow>,
    /// Where it ran.
    pub runner: Runner,
    /// The environment variables that the contract asked for.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// What the job says about the run.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// The source commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<Commit>,
}

/// A workflow's full name, `project/workflow`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WorkflowPath {
    /// The project.
    pub project: Name,
    /// The workflow.
    pub workflow: Name,
}

/// Why a text is not a workflow path.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{0}` is not a workflow: expected PROJECT/WORKFLOW, each of lower-case letters, digits and hyphens"
)]
pub struct ParseWorkflowPathError(String);

impl std::str::FromStr for WorkflowPath {
    type Err = ParseWorkflowPathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseWorkflowPathError(text.chars().take(150).collect());
        let (project, workflow) = text.split_once('/').ok_or_else(wrong)?;
        match (project.parse(), workflow.parse()) {
            (Ok(project), Ok(workflow)) => Ok(Self { project, workflow }),
            _ => Err(wrong()),
        }
    }
}

impl std::fmt::Display for WorkflowPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.project, self.workflow)
    }
}

impl RunnerKind {
    /// Every kind with the name it has in contracts and statements.
    pub const ALL: [(Self, &'static str); 9] = [
        (Self::AzurePipelines, "azure-pipelines"),
        (Self::Buildkite, "buildkite"),
        (Self::CircleCi, "circleci"),
        (Self::Generic, "generic"),
        (Self::GitHubActions, "github-actions"),
        (Self::GitLabCi, "gitlab-ci"),
        (Self::Jenkins, "jenkins"),
        (Self::TeamCity, "teamcity"),
        (Self::Tekton, "tekton"),
    ];

    /// The name of this kind in contracts and statements.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }
}

impl std::str::FromStr for RunnerKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let names = Self::ALL.iter().map(|(_, name)| *name);
        Self::ALL.iter().find(|(_, name)| *name == text).map(|(kind, _)| *kind).ok_or_else(|| {
            nearest(text, names).map_or_else(
                || format!("`{text}` is not a kind of runner"),
                |name| format!("`{text}` is not a kind of runner; did you mean `{name}`?"),
            )
        })
    }
}
