//! `muster run`.

use clap::{Args, Subcommand, ValueEnum};
use engine::id::RunId;

use super::{Form, WorkflowPath};

/// `muster run`. A run is repeated with `muster attest --rerun RUN`.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  muster run list --state open")]
pub enum RunCommand {
    /// List runs, newest first.
    #[command(after_help = "Example:\n  muster run list --workflow web/release --state expired")]
    List(RunListArgs),
    /// What the server knows of a run.
    #[command(after_help = "Example:\n  muster run show 0199… -o json")]
    Show {
        /// The run.
        id: RunId,
        /// The form of the answer.
        #[arg(long, short, value_enum, default_value_t)]
        output: Form,
    },
    /// Give a run up; its attestation will not be accepted any more.
    #[command(after_help = "Example:\n  muster run cancel 0199… --reason 'superseded'")]
    Cancel {
        /// The run.
        id: RunId,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Say that the job of a run broke; its attestation will not be accepted any more.
    #[command(after_help = "Example:\n  muster run fail 0199… --reason 'the runner was lost'")]
    Fail {
        /// The run.
        id: RunId,
        /// Why.
        #[arg(long)]
        reason: String,
    },
}

/// `muster run list`.
#[derive(Debug, Args)]
pub struct RunListArgs {
    /// Of this workflow, PROJECT/WORKFLOW.
    #[arg(long, value_name = "P/W")]
    pub workflow: Option<WorkflowPath>,
    /// In this state.
    #[arg(long, value_enum)]
    pub state: Option<StateArg>,
    /// Older than this run, to go on with a list.
    #[arg(long, value_name = "RUN")]
    pub after: Option<RunId>,
    /// Most runs.
    #[arg(long, default_value_t = 50)]
    pub limit: usize,
    /// The form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Form,
}

/// What a run is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StateArg {
    /// Its attestation.
    Open,
    /// Nothing: its attestation was received and judged.
    Closed,
    /// Nothing: it was given up.
    Cancelled,
    /// Nothing: its job broke.
    Failed,
    /// Nothing: it waited too long.
    Expired,
}
