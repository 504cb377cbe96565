//! `muster retention`.

use clap::{Args, Subcommand};

use super::Form;

/// `muster retention`.
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Without a rule everything is kept. Attestations, verdicts and the log are kept whatever the rule says.\n\nExamples:\n  muster retention set --keep-days 400 --dry-run\n  muster retention set --keep-days 400"
)]
pub enum RetentionCommand {
    /// Show how long evidence is kept.
    #[command(after_help = "Example:\n  muster retention show")]
    Show {
        /// The form of the answer.
        #[arg(long, short, value_enum, default_value_t)]
        output: Form,
    },
    /// Keep evidence for so many days after it was handed in or used in an attestation.
    #[command(
        after_help = "What is older is noted first, and removed a day later unless somebody hands it in or uses it again. What a\nreleased version was attested with is kept for good.\n\nExamples:\n  muster retention set --keep-days 400 --dry-run\n  muster retention set --keep-days 400 --forget-released"
    )]
    Set(RetentionSetArgs),
    /// Keep all evidence that is there, for good.
    #[command(after_help = "Example:\n  muster retention clear")]
    Clear,
}

/// `muster retention set`.
#[derive(Debug, Args)]
pub struct RetentionSetArgs {
    /// Days, 1 to 36500.
    #[arg(long, value_name = "DAYS")]
    pub keep_days: u32,
    /// Remove what released versions were attested with like everything else.
    #[arg(long)]
    pub forget_released: bool,
    /// Say only how much would be removed, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// The form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Form,
}
