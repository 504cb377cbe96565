//! `muster waiver`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{Form, NameArg};

/// `muster waiver`.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  muster waiver request waiver.yaml")]
pub enum WaiverCommand {
    /// Ask for a waiver; someone else has to approve it.
    #[command(
        after_help = "The form of the file: muster schema waiver. Try it before you ask: muster check --waiver FILE …\n\nExample:\n  muster waiver request waiver.yaml"
    )]
    Request {
        /// The waiver, YAML or JSON.
        file: PathBuf,
    },
    /// Approve a waiver: sign a statement about it with a key that the organization registered.
    #[command(
        after_help = "The token that asked, and tokens that it made, may not approve. The token needs the scopes admin and read.\n\nExample:\n  muster waiver approve left-pad-gpl --key approver.key"
    )]
    Approve {
        /// The waiver.
        name: NameArg,
        /// Which revision; the latest when absent.
        #[arg(long, value_name = "NUMBER")]
        revision: Option<u32>,
        /// The private key: PKCS#8 PEM, or a cosign key file.
        #[arg(long, env = "MUSTER_KEY", value_name = "FILE")]
        key: PathBuf,
        /// Write the signed statement to this file too.
        #[arg(long, value_name = "FILE")]
        bundle_out: Option<PathBuf>,
    },
    /// Reject a waiver that waits for a decision.
    #[command(after_help = "Example:\n  muster waiver reject left-pad-gpl --reason 'replace it'")]
    Reject(WaiverEndArgs),
    /// Take an approved waiver back, from now on.
    #[command(after_help = "Example:\n  muster waiver revoke left-pad-gpl --reason 'a fix is out'")]
    Revoke(WaiverEndArgs),
    /// List revisions of waivers, newest first, with what became of them.
    #[command(
        after_help = "Examples:\n  muster waiver list --state unused\n  muster waiver list --state pending -o json"
    )]
    List(WaiverListArgs),
    /// Show a waiver.
    #[command(after_help = "Example:\n  muster waiver show left-pad-gpl -o yaml")]
    Show {
        /// The waiver.
        name: NameArg,
        /// Which revision; the latest when absent.
        #[arg(long, value_name = "NUMBER")]
        revision: Option<u32>,
        /// The form of the answer.
        #[arg(long, short, value_enum, default_value_t)]
        output: Form,
    },
}

/// `muster waiver reject` and `muster waiver revoke`.
#[derive(Debug, Args)]
pub struct WaiverEndArgs {
    /// The waiver.
    pub name: NameArg,
    /// Which revision; the latest that it can be done to when absent.
    #[arg(long, value_name = "NUMBER")]
    pub revision: Option<u32>,
    /// Why.
    #[arg(long)]
    pub reason: String,
}

/// `muster waiver list`.
#[derive(Debug, Args)]
pub struct WaiverListArgs {
    /// Only those in this state.
    #[arg(long, value_enum)]
    pub state: Option<WaiverStateArg>,
    /// What the page before named as the next.
    #[arg(long, value_name = "POSITION")]
    pub after: Option<u64>,
    /// Most revisions.
    #[arg(long, default_value_t = 50)]
    pub limit: usize,
    /// The form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Form,
}

/// What a revision of a waiver is, now.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum WaiverStateArg {
    /// It waits for someone to decide.
    Pending,
    /// It was approved, and starts later.
    Scheduled,
    /// It holds, and accepted something.
    InForce,
    /// It holds, and matched nothing yet.
    Unused,
    /// It ended, decided or not.
    Expired,
    /// It was rejected.
    Rejected,
    /// It was approved, and taken back.
    Revoked,
    /// A later revision took its place.
    Superseded,
}
