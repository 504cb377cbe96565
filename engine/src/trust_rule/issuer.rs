//! Issuers, and which of their claims stay with whom they were given to.

use serde::{Deserialize, Serialize};

use crate::document::{Diagnostic, Document};

/// Which CI system issues tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IssuerKind {
    /// `GitHub` Actions, also of an enterprise.
    GitHub,
    /// `GitLab` CI, also self-managed.
    GitLab,
    /// Buildkite.
    Buildkite,
    /// `CircleCI`.
    CircleCi,
    /// Service accounts of a Kubernetes cluster.
    Kubernetes,
    /// Any other `OpenID` provider.
    Custom,
}

/// Who issues tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// Which CI system it is.
    pub kind: IssuerKind,
    /// Its address, exactly as tokens name it.
    pub url: String,
    /// Of a custom issuer: the claims that it never gives to someone else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub immutable: Vec<String>,
}

/// An issuer as it stands in a document.
#[derive(Deserialize)]
pub(super) struct Written {
    kind: IssuerKind,
    url: Option<String>,
    #[serde(default)]
    immutable: Vec<String>,
}

/// What is known of one kind of issuer.
struct Known {
    kind: IssuerKind,
    name: &'static str,
    /// The address of its public service; none where every customer has one.
    url: Option<&'static str>,
    /// The claims that it never gives to someone else.
    immutable: &'static [&'static str],
    /// What two jobs have in common only when they are of one execution of one pipeline; empty where nothing says so.
    pipeline: &'static [&'static str],
    /// What says who ran what, where: kept with a run. No address and no name of a person is among them.
    identity: &'static [&'static str],
}

const KNOWN: [Known; 6] = [
    Known {
        kind: IssuerKind::GitHub,
        name: "github",
        url: Some("https://token.actions.githubusercontent.com"),
        // Not `job_workflow_ref`: it names the called workflow, and whoever may call it would be let in.
        immutable: &["repository_id", "repository_owner_id", "enterprise_id"],
        pipeline: &["repository_id", "run_id"],
        identity: &[
            "repository",
            "repository_id",
            "repository_owner_id",
            "repository_visibility",
            "ref",
            "ref_type",
            "sha",
            "event_name",
            "workflow_ref",
            "workflow_sha",
            "job_workflow_ref",
            "job_workflow_sha",
            "run_id",
            "run_attempt",
            "environment",
            "runner_environment",
        ],
    },
    Known {
        kind: IssuerKind::GitLab,
        name: "gitlab",
        url: Some("https://gitlab.com"),
        immutable: &["project_id", "namespace_id"],
        pipeline: &["project_id", "pipeline_id"],
        identity: &[
            "project_id",
            "project_path",
            "project_visibility",
            "namespace_id",
            "namespace_path",
            "ref",
            "ref_type",
            "ref_protected",
            "sha",
            "ci_config_ref_uri",
            "ci_config_sha",
            "pipeline_id",
            "pipeline_source",
            "job_id",
            "environment",
            "runner_environment",
        ],
    },
    Known {
        kind: IssuerKind::Buildkite,
        name: "buildkite",
        url: Some("https://agent.buildkite.com"),
        immutable: &["pipeline_id", "organization_id", "cluster_id"],
        pipeline: &["organization_id", "pipeline_id", "build_number"],
        identity: &[
            "organization_id",
            "organization_slug",
            "pipeline_id",
            "pipeline_slug",
            "build_number",
            "build_branch",
            "build_tag",
            "build_commit",
            "build_source",
            "step_key",
            "job_id",
            "runner_environment",
        ],
    },
    Known {
        kind: IssuerKind::CircleCi,
        name: "circleci",
        url: None,
        immutable: &[
            "oidc.circleci.com/project-id",
            "oidc.circleci.com/pipeline-definition-id",
            "oidc.circleci.com/context-ids",
        ],
        pipeline: &["oidc.circleci.com/project-id", "oidc.circleci.com/workflow-id"],
        identity: &[
            "oidc.circleci.com/project-id",
            "oidc.circleci.com/pipeline-definition-id",
            "oidc.circleci.com/pipeline-id",
            "oidc.circleci.com/workflow-id",
            "oidc.circleci.com/job-id",
            "oidc.circleci.com/vcs-origin",
            "oidc.circleci.com/vcs-ref",
        ],
    },
    Known {
        kind: IssuerKind::Kubernetes,
        name: "kubernetes",
        url: None,
        immutable: &["kubernetes.io.serviceaccount.uid"],
        pipeline: &[],
        identity: &[
            "kubernetes.io.namespace",
            "kubernetes.io.serviceaccount.name",
            "kubernetes.io.serviceaccount.uid",
            "kubernetes.io.pod.name",
            "kubernetes.io.pod.uid",
            "kubernetes.io.node.name",
        ],
    },
    Known {
        kind: IssuerKind::Custom,
        name: "custom",
        url: None,
        immutable: &[],
        pipeline: &[],
        identity: &[],
    },
];

impl IssuerKind {
    /// The name of this kind.
    pub fn name(self) -> &'static str {
        self.known().map_or("", |known| known.name)
    }

    /// The claims that two jobs have in common only when they are of one execution of one pipeline; empty where no claim
    /// says so.
    pub fn pipeline_claims(self) -> &'static [&'static str] {
        self.known().map_or(&[], |known| known.pipeline)
    }

    fn known(self) -> Option<&'static Known> {
        KNOWN.iter().find(|known| known.kind == self)
    }
}

impl Issuer {
    /// The issuer that was written; a public service has its own address.
    pub(super) fn of(written: Written, document: &Document) -> Result<Self, Diagnostic> {
        let Written { kind, url, immutable } = written;
        let public = || kind.known().and_then(|known| known.url).map(ToOwned::to_owned);
        let url = url.or_else(public).ok_or_else(|| {
            document
                .key_diagnostic(
                    "/spec/issuer",
                    format!(
                        "`url` is missing: {} has no public service that issues for everybody",
                        kind.name()
                    ),
                )
                .with_hint("give the address that tokens have in `iss`")
        })?;
        Ok(Self { kind, url, immutable })
    }

    /// The claims that this issuer never gives to someone else.
    pub fn immutable_claims(&self) -> Vec<&str> {
        let known = self.kind.known().map_or(&[][..], |known| known.immutable);
        known.iter().copied().chain(self.immutable.iter().map(String::as_str)).collect()
    }

    /// The claims that say who ran what, where.
    pub(super) fn identity_claims(&self) -> &'static [&'static str] {
        self.kind.known().map_or(&[][..], |known| known.identity)
    }

    /// Whether a demand on that claim holds a rule fast.
    pub(super) fn anchors(&self, claim: &str, values: &[String]) -> bool {
        self.immutable_claims().contains(&claim) && values.iter().all(|one| !one.contains('*'))
    }

    pub(super) fn problems(&self, document: &Document) -> Vec<Diagnostic> {
        let mut problems = Vec::new();
        if let Err(message) = check_url(&self.url) {
            problems.push(document.diagnostic("/spec/issuer/url", message));
        }
        if self.kind == IssuerKind::Custom && self.immutable.is_empty() {
            let message =
                "of a custom issuer it has to be said which claims it never gives to someone else";
            problems.push(
                document.key_diagnostic("/spec/issuer", message).with_hint("add `immutable`"),
            );
        }
        if self.kind != IssuerKind::Custom && !self.immutable.is_empty() {
            let message = format!("the claims of {} that stay are known", self.kind.name());
            problems.push(
                document
                    .key_diagnostic("/spec/issuer/immutable", message)
                    .with_hint("remove `immutable`"),
            );
        }
        problems
    }
}

/// An issuer is `https://HOST[:PORT][/PATH]` ([OpenID Connect Discovery](https://openid.net/specs/openid-connect-discovery-1_0.html#IssuerDiscovery));
/// whether plain HTTP will do on the loopback is the operator's to say.
fn check_url(url: &str) -> Result<(), String> {
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let host = rest.split('/').next().unwrap_or_default();
    let strange = |c: char| !c.is_ascii_graphic() || matches!(c, '?' | '#' | '@' | '\\' | '"');
    if !matches!(scheme, "https" | "http") || host.is_empty() || url.contains(strange) {
        return Err(format!(
            "`{url}` is not the address of an issuer: expected https://HOST or https://HOST/PATH"
        ));
    }
    Ok(())
}
