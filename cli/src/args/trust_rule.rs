//! `muster trust`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Form, NameArg, WorkflowPath};

/// `muster trust`.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  muster trust create github-web.yaml")]
pub enum TrustCommand {
    /// Make a rule: which jobs of which CI system may run which workflows.
    #[command(
        after_help = "The form of the file: muster schema trust-rule.\n\nExample:\n  muster trust create github-web.yaml"
    )]
    Create {
        /// The rule, YAML or JSON.
        file: PathBuf,
    },
    /// List rules.
    #[command(after_help = "Example:\n  muster trust list -o json")]
    List {
        /// The form of the answer.
        #[arg(long, short, value_enum, default_value_t)]
        output: Form,
    },
    /// Show a rule.
    #[command(after_help = "Example:\n  muster trust show github-web -o yaml")]
    Show {
        /// The rule.
        name: NameArg,
        /// The form of the answer.
        #[arg(long, short, value_enum, default_value_t)]
        output: Form,
    },
    /// Delete a rule, and end the tokens that jobs were given under it.
    #[command(after_help = "Example:\n  muster trust delete github-web")]
    Delete {
        /// The rule.
        name: NameArg,
    },
    /// Say which rule lets an identity token in, or what each rule missed. The token is not spent.
    #[command(
        after_help = "Ends with 0 when a rule lets it in, 3 when none does.\n\nExamples:\n  muster trust explain eyJhbGciOi… --workflow web/release\n  muster trust explain - < token"
    )]
    Explain(ExplainArgs),
}

/// `muster trust explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The identity token that the CI system issued, or - for the standard input.
    #[arg(value_name = "TOKEN")]
    pub token: String,
    /// The workflow that its job is to run, PROJECT/WORKFLOW; any when absent.
    #[arg(long, value_name = "P/W")]
    pub workflow: Option<WorkflowPath>,
    /// The form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Form,
}
