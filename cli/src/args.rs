//! What can be typed. Nothing here does anything.

mod apply;
mod attest;
mod audit;
mod backend;
mod backup;
mod delivery;
mod integration;
mod manage;
mod member;
mod project;
mod retention;
mod run;
mod secrets;
mod serve;
mod trust_root;
mod trust_rule;
mod waiver;

use std::path::PathBuf;

pub(crate) use apply::ApplyArgs;
pub(crate) use attest::{
    AttestArgs, AttestCommand, IdentityArgs, OneShotArgs, PushArgs, ResumeArgs, SigningArgs,
};
pub(crate) use audit::{AuditCommand, AuditListArgs};
pub(crate) use backend::{
    BackendArgs, BackendCommand, BackendCreateArgs, BackendMoveArgs, BackendSweepArgs,
};
pub(crate) use backup::{BackupArgs, RestoreArgs};
use clap::{Args, Parser, Subcommand, ValueEnum};
pub(crate) use delivery::{DeliveryArg, DeliveryCommand, DeliveryListArgs};
use engine::{Digest, Name, Timestamp};
pub(crate) use integration::{
    FormatArg, IntegrationCommand, IntegrationCreateCommand, IntegrationUpdateArgs, MailArgs,
};
pub(crate) use manage::{
    ContractArg, ContractCommand, GateCommand, KeyCommand, OrgCommand, ScopeArg, TokenCommand,
    WorkflowCommand,
};
pub(crate) use member::{GroupCommand, InvitationCommand, LoginArgs, MemberCommand};
pub(crate) use project::{ProjectCommand, ProjectMemberArgs, ProjectMemberCommand};
pub(crate) use retention::{RetentionCommand, RetentionSetArgs};
pub(crate) use run::{RunCommand, RunListArgs, StateArg};
pub(crate) use secrets::{SecretsArgs, SecretsCommand};
pub(crate) use serve::{DemoArgs, ServeArgs};
pub(crate) use trust_root::TrustRootCommand;
pub(crate) use trust_rule::{ExplainArgs, TrustCommand};
pub(crate) use waiver::{WaiverCommand, WaiverEndArgs, WaiverListArgs};

use crate::evidence::Given;
use crate::report::Output;

/// Gather the evidence; pass muster; release.
#[derive(Debug, Parser)]
#[command(
    name = "muster",
    version,
    about,
    propagate_version = true,
    after_help = "Exit codes: 0 passed or allowed, 1 unexpected error, 2 wrong usage or invalid input, 3 failed or denied,\n4 indeterminate, 5 not authenticated or permitted, 6 not found, 75 try again.\n\nExample:\n  muster check --contract contract.yaml sbom=sbom.cdx.json report.sarif"
)]
pub struct Cli {
    /// How to reach the server.
    #[command(flatten)]
    pub connection: Connection,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// What that was called.
    #[arg(skip)]
    pub name: String,
}

/// How to reach the server.
#[derive(Debug, Clone, Args)]
pub struct Connection {
    /// The server's address.
    #[arg(long, global = true, env = "MUSTER_SERVER", value_name = "URL")]
    pub server: Option<String>,
    /// A file with the API token; without it `MUSTER_TOKEN` is used, then the session of `muster login`.
    #[arg(long, global = true, env = "MUSTER_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Judge files against a contract, here, without a server.
    Check(CheckArgs),
    /// Craft, sign and push the attestation of a run.
    Attest(AttestArgs),
    /// Verify a bundle offline, and say what was checked.
    Verify(VerifyArgs),
    /// Ask gates, and write them.
    #[command(subcommand)]
    Gate(GateCommand),
    /// Show what an artifact was made from, and what was made from it.
    Lineage(LineageArgs),
    /// Show stored attestations.
    #[command(subcommand)]
    Attestation(AttestationCommand),
    /// Check, export and push contracts.
    #[command(subcommand)]
    Contract(ContractCommand),
    /// Make the organization what documents say.
    Apply(ApplyArgs),
    /// Print the JSON Schema of a kind of document.
    Schema(SchemaArgs),
    /// Manage organizations.
    #[command(subcommand)]
    Org(OrgCommand),
    /// Manage projects.
    #[command(subcommand)]
    Project(ProjectCommand),
    /// Manage workflows.
    #[command(subcommand)]
    Workflow(WorkflowCommand),
    /// List runs, and end those that will get no attestation.
    #[command(subcommand)]
    Run(RunCommand),
    /// Make and register keys.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Manage API tokens.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Manage the rules under which CI jobs are let in without a secret.
    #[command(subcommand)]
    Trust(TrustCommand),
    /// Manage whose attestations, made elsewhere, are believed.
    #[command(subcommand)]
    TrustRoot(TrustRootCommand),
    /// Ask for waivers, decide about them, and see what became of them.
    #[command(subcommand)]
    Waiver(WaiverCommand),
    /// Manage who is told of what happens, and who is handed evidence.
    #[command(subcommand)]
    Integration(IntegrationCommand),
    /// Show what integrations were told, and tell them again.
    #[command(subcommand)]
    Delivery(DeliveryCommand),
    /// Ask, export and verify the audit trail.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Say where the organization keeps its blobs.
    #[command(subcommand)]
    Backend(BackendCommand),
    /// Say how long the organization keeps its evidence.
    #[command(subcommand)]
    Retention(RetentionCommand),
    /// Make and replace the keys under which the server seals secrets.
    #[command(subcommand)]
    Secrets(SecretsCommand),
    /// See who is in the organization, and say what each is.
    #[command(subcommand)]
    Member(MemberCommand),
    /// Invite people into the organization.
    #[command(subcommand)]
    Invitation(InvitationCommand),
    /// Give groups of the login provider a role.
    #[command(subcommand)]
    Group(GroupCommand),
    /// Say how the organization stands, in figures of its newest runs and attestations.
    #[command(after_help = "Examples:\n  muster readiness\n  muster readiness -o json")]
    Readiness {
        /// The form of the answer.
        #[arg(long, short, value_enum, default_value_t)]
        output: Form,
    },
    /// Log in as a person.
    Login(LoginArgs),
    /// End the session of the last login.
    #[command(after_help = "Example:\n  muster logout")]
    Logout,
    /// Say who the token or the session belongs to, and what it may do.
    #[command(after_help = "Example:\n  muster whoami")]
    Whoami,
    /// Run the control plane.
    Serve(ServeArgs),
    /// Copy the data of a server on one machine, while it runs.
    Backup(BackupArgs),
    /// Make the data of a server on one machine of a backup.
    Restore(RestoreArgs),
    /// Show a pass, a fail, a lineage and two decisions, on this machine, on real evidence.
    Demo(DemoArgs),
}

/// `muster check`.
#[derive(Debug, Args)]
#[command(
    after_help = "A material is named by the contract. Files without a name are matched by their kind.\nSources: a file, a directory with an OCI image layout, IMAGE@sha256:…, text:… for a string, or - for the standard input.\n\nExamples:\n  muster check --contract contract.yaml sbom=sbom.cdx.json report.sarif\n  muster check --contract contract.yaml -o table -o sarif=out.sarif -o junit=out.xml sbom.cdx.json"
)]
pub struct CheckArgs {
    /// The contract, YAML or JSON; what `.muster.yaml` says when absent.
    #[arg(long, short, value_name = "FILE")]
    pub contract: Option<PathBuf>,
    #[command(flatten)]
    pub judging: JudgingArgs,
    /// The evaluation time (RFC 3339, or a date); now when absent.
    #[arg(long, value_name = "TIME")]
    pub at: Option<Timestamp>,
    /// A waiver to try, YAML or JSON; repeatable. Here nobody has to approve it.
    #[arg(long, value_name = "FILE")]
    pub waiver: Vec<PathBuf>,
    /// Write the input that an exported bundle needs to come to the same verdict.
    #[arg(long, value_name = "FILE")]
    pub opa_input: Option<PathBuf>,
    /// End with 0 whatever the verdict; errors still count.
    #[arg(long)]
    pub exit_zero: bool,
}

/// Evidence, and how to report on it.
#[derive(Debug, Args)]
pub struct JudgingArgs {
    /// The evidence.
    #[arg(value_name = "[NAME=]FILE")]
    pub evidence: Vec<Given>,
    /// Something to say about the run.
    #[arg(long, value_name = "NAME=VALUE", value_parser = annotation)]
    pub annotation: Vec<(String, String)>,
    /// The form of the report, repeatable: table, json, yaml, sarif, junit, markdown.
    #[arg(long, short, value_name = "FORMAT[=FILE]")]
    pub output: Vec<Output>,
}

/// `muster verify`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  muster verify run.sigstore.json --key ci.pub --subject app.tar.gz"
)]
pub struct VerifyArgs {
    /// The bundle.
    #[arg(value_name = "BUNDLE")]
    pub bundle: PathBuf,
    /// A public key that may have signed it, PEM; repeatable.
    #[arg(long, required = true, value_name = "FILE")]
    pub key: Vec<PathBuf>,
    /// What the statement must be about: a digest, or a file.
    #[arg(long, value_name = "DIGEST|FILE")]
    pub subject: Option<String>,
    /// The form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Form,
}

/// `muster lineage`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  muster lineage app.tar.gz\n  muster lineage sha256:… --direction down -o json"
)]
pub struct LineageArgs {
    /// A digest, or a file.
    #[arg(value_name = "DIGEST|FILE")]
    pub artifact: String,
    /// Which way to walk.
    #[arg(long, value_enum, default_value_t)]
    pub direction: Way,
    /// Most edges from the artifact.
    #[arg(long, default_value_t = 16)]
    pub max_hops: u32,
    /// Most nodes in the answer.
    #[arg(long, default_value_t = 1_000)]
    pub max_nodes: usize,
    /// The log sequence number to ask as of.
    #[arg(long, value_name = "SEQ")]
    pub as_of: Option<u64>,
    /// The form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Form,
}

/// `muster attestation`.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  muster attestation show sha256:…")]
pub enum AttestationCommand {
    /// What the server knows of it.
    #[command(after_help = "Example:\n  muster attestation show sha256:…")]
    Show {
        /// The digest of the bundle.
        digest: Digest,
    },
    /// The bundle, byte for byte as it was signed.
    #[command(after_help = "Example:\n  muster attestation bundle sha256:… > run.sigstore.json")]
    Bundle {
        /// The digest of the bundle.
        digest: Digest,
    },
    /// The record of the server's verdict, canonical JSON.
    #[command(after_help = "Example:\n  muster attestation verdict sha256:… | jq .evaluations")]
    Verdict {
        /// The digest of the bundle.
        digest: Digest,
    },
}

/// `muster schema`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  muster schema contract > contract.schema.json")]
pub struct SchemaArgs {
    /// The kind of document.
    #[arg(value_enum)]
    pub kind: SchemaKind,
}

/// The kinds of documents that people write.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum SchemaKind {
    /// `kind: Contract`.
    Contract,
    /// `kind: Policy`.
    Policy,
    /// `kind: Gate`.
    Gate,
    /// `kind: Waiver`.
    Waiver,
    /// `kind: TrustRoot`.
    TrustRoot,
    /// `kind: TrustRule`.
    TrustRule,
    /// `kind: Workflow`.
    Workflow,
}

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Form {
    /// For a person.
    #[default]
    Table,
    /// For a program.
    Json,
    /// For a program that likes YAML.
    Yaml,
}

/// Which way to walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Way {
    /// Towards what it was made from.
    #[default]
    Up,
    /// Towards what was made from it.
    Down,
    /// Both.
    Both,
}

fn annotation(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if name.is_empty() || !name.chars().all(legal) {
        return Err(format!("`{name}` is not a name: use letters, digits, `_`, `.` and `-`"));
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// A project and a workflow, as `P/W`.
pub(crate) type WorkflowPath = engine::run::WorkflowPath;

/// The name of something.
pub(crate) type NameArg = Name;
