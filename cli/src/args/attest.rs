//! `muster attest`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use engine::id::RunId;

use super::{JudgingArgs, NameArg, WorkflowPath};
use crate::evidence::Given;
use crate::report::Output;

/// `muster attest`: in one shot, or step by step.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "The exit code is the server's verdict.\n\nIn a job of GitHub Actions (permissions: id-token: write), Buildkite or CircleCI no token is needed where a trust rule\nlets the job in. GitLab: id_tokens: { MUSTER_ID_TOKEN: { aud: … } }. Kubernetes: MUSTER_ID_TOKEN_FILE, a projected token.\n\nExamples:\n  muster attest --workflow web/release --key ci.key sbom=sbom.cdx.json image=ghcr.io/acme/web@sha256:…\n\n  muster attest init --workflow web/release\n  muster attest add sbom=sbom.cdx.json\n  muster attest push --key ci.key"
)]
pub struct AttestArgs {
    /// A single step.
    #[command(subcommand)]
    pub command: Option<AttestCommand>,
    #[command(flatten)]
    pub one_shot: OneShotArgs,
}

/// Everything at once.
#[derive(Debug, Args)]
pub struct OneShotArgs {
    /// The workflow, PROJECT/WORKFLOW; what `.muster.yaml` says when absent.
    #[arg(long, value_name = "P/W")]
    pub workflow: Option<WorkflowPath>,
    /// Repeat this run, which is not open any more, instead of naming a workflow.
    #[arg(long, conflicts_with = "workflow", value_name = "RUN")]
    pub rerun: Option<RunId>,
    /// The version of the project that is built; it must not be released.
    #[arg(long, env = "MUSTER_PROJECT_VERSION", value_name = "VERSION")]
    pub project_version: Option<String>,
    #[command(flatten)]
    pub identity: IdentityArgs,
    #[command(flatten)]
    pub signing: SigningArgs,
    #[command(flatten)]
    pub judging: JudgingArgs,
}

/// How a CI job without a token is let in: its CI system says who it is.
#[derive(Debug, Args)]
pub struct IdentityArgs {
    /// The organization whose trust rules let this job in when no token is given; what `.muster.yaml` says when absent.
    #[arg(long, env = "MUSTER_ORGANIZATION", value_name = "NAME")]
    pub organization: Option<NameArg>,
    /// For whom the CI system is to issue the identity token; the address of the server when absent.
    #[arg(long, env = "MUSTER_AUDIENCE", value_name = "TEXT")]
    pub audience: Option<String>,
}

/// With which run a job goes on that another job opened.
#[derive(Debug, Args)]
pub struct ResumeArgs {
    /// Go on with this run, which another job opened with `muster attest init --remote-state`; once is enough.
    #[arg(long, env = "MUSTER_RUN", value_name = "RUN")]
    pub run: Option<RunId>,
    /// Its workflow, PROJECT/WORKFLOW, where the job has no token; what `.muster.yaml` says when absent.
    #[arg(long, value_name = "P/W", requires = "run")]
    pub workflow: Option<WorkflowPath>,
    #[command(flatten)]
    pub identity: IdentityArgs,
}

/// How to sign.
#[derive(Debug, Args)]
pub struct SigningArgs {
    /// The private key: PKCS#8, or a cosign key file whose password is in `MUSTER_KEY_PASSWORD`.
    #[arg(long, env = "MUSTER_KEY", value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Keep the signed bundle in this file.
    #[arg(long, value_name = "FILE")]
    pub bundle_out: Option<PathBuf>,
}

/// The steps.
#[derive(Debug, Subcommand)]
pub enum AttestCommand {
    /// Open a run.
    #[command(
        after_help = "Examples:\n  muster attest init --workflow web/release\n  muster attest init --workflow web/release --remote-state\n  muster attest init --rerun 0199…"
    )]
    Init {
        /// The workflow, PROJECT/WORKFLOW; what `.muster.yaml` says when absent.
        #[arg(long, value_name = "P/W")]
        workflow: Option<WorkflowPath>,
        /// Repeat this run, which is not open any more, instead of naming a workflow.
        #[arg(long, conflicts_with = "workflow", value_name = "RUN")]
        rerun: Option<RunId>,
        /// The version of the project that is built; it must not be released.
        #[arg(long, env = "MUSTER_PROJECT_VERSION", value_name = "VERSION")]
        project_version: Option<String>,
        /// Forget a run that this job opened before.
        #[arg(long)]
        replace: bool,
        /// Keep what is crafted on the server, so that other jobs of the pipeline go on with the run: `MUSTER_RUN`, `--run`.
        #[arg(long)]
        remote_state: bool,
        #[command(flatten)]
        identity: IdentityArgs,
    },
    /// Hand evidence over; its bytes are stored at once.
    #[command(after_help = "Example:\n  muster attest add sbom=sbom.cdx.json report.sarif")]
    Add {
        /// The evidence.
        #[arg(value_name = "[NAME=]FILE", required = true)]
        evidence: Vec<Given>,
        #[command(flatten)]
        resume: ResumeArgs,
    },
    /// What was handed over, and what is missing.
    #[command(after_help = "Example:\n  muster attest status -o markdown")]
    Status {
        /// The form of the report, repeatable.
        #[arg(long, short, value_name = "FORMAT[=FILE]")]
        output: Vec<Output>,
        #[command(flatten)]
        resume: ResumeArgs,
    },
    /// Sign and push; the exit code is the server's verdict.
    Push(PushArgs),
    /// Hand in attestations that were made elsewhere; those that no trust root believes are refused.
    #[command(
        after_help = "A file holds one Sigstore bundle or DSSE envelope, or one on each line. Ends with 3 when one is refused.\n\nExamples:\n  gh attestation download app.tar.gz --repo acme/web\n  muster attest import sha256:….jsonl"
    )]
    Import {
        /// The attestations; - is the standard input.
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
    /// Give the run up.
    #[command(after_help = "Example:\n  muster attest reset --reason 'the build failed'")]
    Reset {
        /// Why.
        #[arg(long, default_value = "reset by the job")]
        reason: String,
        /// Note that the job broke, not that it gave the run up.
        #[arg(long)]
        failed: bool,
        #[command(flatten)]
        resume: ResumeArgs,
    },
}

/// `muster attest push`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  muster attest push --key ci.key --annotation team=web")]
pub struct PushArgs {
    #[command(flatten)]
    pub signing: SigningArgs,
    /// Something to say about the run.
    #[arg(long, value_name = "NAME=VALUE", value_parser = super::annotation)]
    pub annotation: Vec<(String, String)>,
    /// The form of the report, repeatable.
    #[arg(long, short, value_name = "FORMAT[=FILE]")]
    pub output: Vec<Output>,
    #[command(flatten)]
    pub resume: ResumeArgs,
}
