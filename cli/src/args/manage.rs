//! The nouns that operators manage.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Subcommand, ValueEnum};
use engine::Timestamp;

use super::{Form, NameArg, WorkflowPath};

/// `muster contract`.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  muster contract check contract.yaml")]
pub enum ContractCommand {
    /// Say what a contract means, or everything that is wrong with it.
    #[command(after_help = "Example:\n  muster contract check contract.yaml")]
    Check {
        /// The contract.
        file: PathBuf,
    },
    /// Write a bundle with which a stock Rego engine comes to the same verdict.
    #[command(
        after_help = "Example:\n  muster contract export contract.yaml --opa bundle\n  muster check --contract contract.yaml --opa-input input.json sbom.cdx.json\n  opa eval -d bundle -i input.json data.muster.verdict.verdict"
    )]
    Export {
        /// The contract.
        file: PathBuf,
        /// The directory to write; must not exist, or be empty.
        #[arg(long, value_name = "DIR")]
        opa: PathBuf,
    },
    /// Store a new revision on the server.
    #[command(after_help = "Example:\n  muster contract push contract.yaml")]
    Push {
        /// The contract.
        file: PathBuf,
    },
    /// Delete a contract that no workflow is under; what was judged by it stays.
    #[command(after_help = "Example:\n  muster contract delete web-release")]
    Delete {
        /// The contract.
        name: NameArg,
    },
    /// Restore a contract that was deleted.
    #[command(after_help = "Example:\n  muster contract restore web-release")]
    Restore {
        /// The contract.
        name: NameArg,
    },
    /// List contracts.
    #[command(after_help = "Examples:\n  muster contract list\n  muster contract list --deleted")]
    List {
        /// Those that were deleted.
        #[arg(long)]
        deleted: bool,
        /// The form of the answer.
        #[arg(long, short, value_enum, default_value_t)]
        output: Form,
    },
    /// Show a contract as it was written: its latest revision, or another.
    #[command(
        after_help = "Examples:\n  muster contract show web-release\n  muster contract show web-release@3 -o json"
    )]
    Show {
        /// The contract.
        #[arg(value_name = "NAME[@REVISION]")]
        contract: ContractArg,
        /// The form of the answer.
        #[arg(long, short, value_enum, default_value_t)]
        output: Form,
    },
    /// Say what is different between two revisions of a contract, or between a file and the latest.
    #[command(
        after_help = "Examples:\n  muster contract diff contract.yaml\n  muster contract diff web-release@3\n  muster contract diff web-release@3 --to web-release@5 --exit-code"
    )]
    Diff {
        /// A file, held against the latest revision; or a revision.
        #[arg(value_name = "FILE|NAME@REVISION")]
        from: String,
        /// The revision to hold it against; the latest when absent.
        #[arg(long, value_name = "NAME@REVISION")]
        to: Option<ContractArg>,
        /// End with 3 when anything is different.
        #[arg(long)]
        exit_code: bool,
        /// The form of the answer.
        #[arg(long, short, value_enum, default_value_t)]
        output: Form,
    },
}

/// `muster gate`.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  muster gate allow app.tar.gz --gate prod")]
pub enum GateCommand {
    /// Ask whether artifacts may ship. An unknown artifact is indeterminate, never allowed.
    #[command(
        after_help = "Examples:\n  muster gate allow app.tar.gz --gate prod\n  muster gate allow ghcr.io/acme/web@sha256:… --gate prod -o json"
    )]
    Allow {
        /// Digests, files, or IMAGE@sha256:….
        #[arg(value_name = "DIGEST|FILE|IMAGE@DIGEST", required = true)]
        artifacts: Vec<String>,
        /// The gate.
        #[arg(long, value_name = "NAME")]
        gate: NameArg,
        /// The log sequence number to ask as of.
        #[arg(long, value_name = "SEQ")]
        as_of: Option<u64>,
        /// The form of the answer.
        #[arg(long, short, value_enum, default_value_t)]
        output: Form,
    },
    /// Store a new revision of a gate on the server.
    #[command(after_help = "Example:\n  muster gate push gate.yaml")]
    Push {
        /// The gate.
        file: PathBuf,
    },
}

/// `muster org`.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  muster org create acme")]
pub enum OrgCommand {
    /// Make an organization; prints its first token. Needs the bootstrap token.
    #[command(
        after_help = "Examples:\n  muster org create acme\n  muster org create acme --owner jane@example.com"
    )]
    Create {
        /// Its name.
        name: NameArg,
        /// Invite this address as its first owner.
        #[arg(long, value_name = "EMAIL")]
        owner: Option<String>,
        /// Write the token to this file instead of printing it.
        #[arg(long, value_name = "FILE")]
        token_out: Option<PathBuf>,
    },
}

/// `muster workflow`.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  muster workflow create web/release --contract web-release")]
pub enum WorkflowCommand {
    /// Make a workflow whose runs must meet a contract.
    #[command(after_help = "Example:\n  muster workflow create web/release --contract web-release")]
    Create {
        /// The workflow, PROJECT/WORKFLOW.
        #[arg(value_name = "P/W")]
        path: WorkflowPath,
        /// The contract, whose latest revision each run must meet; NAME@REVISION stays at one.
        #[arg(long, value_name = "NAME[@REVISION]")]
        contract: ContractArg,
        /// How long its runs wait for their attestation, in minutes; a day when absent.
        #[arg(long, value_name = "MINUTES")]
        deadline_minutes: Option<u32>,
    },
    /// Delete a workflow: no run of it is opened any more; what its runs attested stays.
    #[command(after_help = "Example:\n  muster workflow delete web/release")]
    Delete {
        /// The workflow, PROJECT/WORKFLOW.
        #[arg(value_name = "P/W")]
        path: WorkflowPath,
    },
    /// Restore a workflow that was deleted.
    #[command(after_help = "Example:\n  muster workflow restore web/release")]
    Restore {
        /// The workflow, PROJECT/WORKFLOW.
        #[arg(value_name = "P/W")]
        path: WorkflowPath,
    },
    /// List workflows, and who meets which revision of what.
    #[command(
        after_help = "Examples:\n  muster workflow list --contract web-release\n  muster workflow list --deleted"
    )]
    List {
        /// Those that were deleted.
        #[arg(long)]
        deleted: bool,
        /// Only those under this contract.
        #[arg(long, value_name = "NAME")]
        contract: Option<NameArg>,
        /// The form of the answer.
        #[arg(long, short, value_enum, default_value_t)]
        output: Form,
    },
    /// Show a workflow.
    #[command(after_help = "Example:\n  muster workflow show web/release")]
    Show {
        /// The workflow, PROJECT/WORKFLOW.
        #[arg(value_name = "P/W")]
        path: WorkflowPath,
        /// The form of the answer.
        #[arg(long, short, value_enum, default_value_t)]
        output: Form,
    },
    /// Change what the next runs must meet; what is not given stays, and so do runs that are open.
    #[command(
        after_help = "Examples:\n  muster workflow update web/release --contract web-release@3\n  muster workflow update web/release --contract web-release"
    )]
    Update {
        /// The workflow, PROJECT/WORKFLOW.
        #[arg(value_name = "P/W")]
        path: WorkflowPath,
        /// The contract, whose latest revision each run must meet; NAME@REVISION stays at one.
        #[arg(long, value_name = "NAME[@REVISION]", required_unless_present = "deadline_minutes")]
        contract: Option<ContractArg>,
        /// How long runs wait for their attestation, in minutes.
        #[arg(long, value_name = "MINUTES")]
        deadline_minutes: Option<u32>,
    },
}

/// A contract, and the revision to stay at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContractArg {
    /// The contract.
    pub name: NameArg,
    /// The revision; none is the latest.
    pub revision: Option<u32>,
}

impl FromStr for ContractArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, revision) = match text.split_once('@') {
            None => (text, None),
            Some((name, revision)) => {
                let number = revision.parse().ok().filter(|number| *number > 0);
                let wrong = || format!("`{revision}` is not the number of a revision: 1 or more");
                (name, Some(number.ok_or_else(wrong)?))
            }
        };
        let name = name.parse::<NameArg>().map_err(|error| error.to_string())?;
        Ok(Self { name, revision })
    }
}

/// `muster key`.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  muster key generate --out ci.key")]
pub enum KeyCommand {
    /// Make a key pair: FILE (encrypted, cosign's form) and FILE.pub.
    #[command(after_help = "Example:\n  MUSTER_KEY_PASSWORD=… muster key generate --out ci.key")]
    Generate {
        /// The file of the private key; must not exist.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Register a public key that may sign attestations.
    #[command(after_help = "Example:\n  muster key add ci.key.pub --name ci")]
    Add {
        /// The public key, PEM.
        file: PathBuf,
        /// Its name.
        #[arg(long)]
        name: NameArg,
    },
}

/// `muster token`.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  muster token create ci --scope attest --scope read")]
pub enum TokenCommand {
    /// Make a token of this organization; prints its secret once.
    #[command(
        after_help = "Examples:\n  muster token create ci --scope attest --scope read --expires-at 2027-01-31\n  muster token create web --scope attest --grant 'web/*'\n  muster token create web-admin --scope read --scope admin --grant 'web/*'"
    )]
    Create {
        /// Its name.
        name: NameArg,
        /// What it may do; repeatable.
        #[arg(long, required = true, value_enum)]
        scope: Vec<ScopeArg>,
        /// When it ends.
        #[arg(long, value_name = "TIME")]
        expires_at: Option<Timestamp>,
        /// Be good for this workflow alone, PROJECT/WORKFLOW with `*` for any text within a name; to read or administer, for
        /// all of a project, PROJECT/*. Repeatable.
        #[arg(long, value_name = "P/W")]
        grant: Vec<String>,
    },
    /// List tokens, without their secrets.
    #[command(after_help = "Example:\n  muster token list")]
    List {
        /// The form of the answer.
        #[arg(long, short, value_enum, default_value_t)]
        output: Form,
    },
    /// Revoke a token, from now on.
    #[command(after_help = "Example:\n  muster token revoke ci")]
    Revoke {
        /// The token's name or identifier.
        #[arg(value_name = "NAME|ID")]
        token: String,
    },
}

/// What a token may do.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ScopeArg {
    /// Change what the organization has.
    Admin,
    /// Open runs, hand over evidence, push attestations.
    Attest,
    /// Read everything, ask gates.
    Read,
}
