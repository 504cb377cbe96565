//! `muster apply`.

use std::path::PathBuf;

use clap::Args;

use super::Form;

/// `muster apply`.
#[derive(Debug, Args)]
#[command(
    after_help = "Contracts, gates, workflows, trust rules and waivers; policies come with the contracts that name them. Projects are\nmade where workflows name them. A waiver is asked for, and someone else has to approve it.\n\nExamples:\n  muster apply -f policy/ --dry-run\n  muster apply -f policy/\n  muster apply -f policy/ --prune --dry-run --exit-code"
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct ApplyArgs {
    /// A document, or a folder of documents; repeatable.
    #[arg(long, short, required = true, value_name = "FILE|DIR")]
    pub file: Vec<PathBuf>,
    /// Say what would change, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Delete workflows, trust rules and contracts that are in no document.
    #[arg(long)]
    pub prune: bool,
    /// End with 3 when anything would change.
    #[arg(long, requires = "dry_run")]
    pub exit_code: bool,
    /// The form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Form,
}
