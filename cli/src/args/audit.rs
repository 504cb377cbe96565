//! `muster audit`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use engine::Timestamp;
use engine::audit::Head;

use super::Form;

/// `muster audit`.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  muster audit list --action 'contract.*' --since 2027-01-01")]
pub enum AuditCommand {
    /// List events, newest first.
    #[command(
        after_help = "Examples:\n  muster audit list --action access.deny\n  muster audit list --actor 'token:ci:*' --since 2027-01-01 --until 2027-02-01 -o json"
    )]
    List(AuditListArgs),
    /// Print the head of the chain, DIGEST@POSITION. Note it elsewhere: it fixes everything up to there.
    #[command(after_help = "Example:\n  muster audit head >> heads.txt")]
    Head,
    /// Write the whole trail as JSON Lines, with the head of its chain at the end. A file that is there is gone on with.
    #[command(after_help = "Example:\n  muster audit export -o audit.jsonl")]
    Export {
        /// The file; the standard output when absent.
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Compute the chain again, and name the first event that was altered, removed or inserted.
    #[command(
        after_help = "Ends with 0 when the chain is intact, 3 when it is broken, 4 when the file has no end.\n\nExamples:\n  muster audit verify\n  muster audit verify --file audit.jsonl --head sha256:…@42"
    )]
    Verify {
        /// An exported trail, verified here without a server; else that of the server.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// A head that was noted earlier; repeatable.
        #[arg(long, value_name = "DIGEST@POSITION")]
        head: Vec<Head>,
    },
}

/// `muster audit list`. A text that ends in `*` matches what begins so.
#[derive(Debug, Args)]
pub struct AuditListArgs {
    /// By whom.
    #[arg(long)]
    pub actor: Option<String>,
    /// What.
    #[arg(long)]
    pub action: Option<String>,
    /// To what.
    #[arg(long)]
    pub target: Option<String>,
    /// Not before this time.
    #[arg(long, value_name = "TIME")]
    pub since: Option<Timestamp>,
    /// Before this time.
    #[arg(long, value_name = "TIME")]
    pub until: Option<Timestamp>,
    /// Below this position, to go on with a list.
    #[arg(long, value_name = "POSITION")]
    pub after: Option<u64>,
    /// Most events.
    #[arg(long, default_value_t = 50)]
    pub limit: usize,
    /// The form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Form,
}
