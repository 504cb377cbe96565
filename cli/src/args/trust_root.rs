//! `muster trust-root`.

use std::path::PathBuf;

use clap::Subcommand;

use super::{Form, NameArg};

/// `muster trust-root`.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  muster trust-root push github.yaml")]
pub enum TrustRootCommand {
    /// Say whose attestations, made elsewhere, are believed.
    #[command(
        after_help = "The form of the file: muster schema trust-root.\n\nExample:\n  muster trust-root push github.yaml"
    )]
    Push {
        /// The root, YAML or JSON.
        file: PathBuf,
    },
    /// List roots.
    #[command(after_help = "Example:\n  muster trust-root list -o json")]
    List {
        /// The form of the answer.
        #[arg(long, short, value_enum, default_value_t)]
        output: Form,
    },
    /// Show a root.
    #[command(after_help = "Example:\n  muster trust-root show github -o yaml")]
    Show {
        /// The root.
        name: NameArg,
        /// The form of the answer.
        #[arg(long, short, value_enum, default_value_t)]
        output: Form,
    },
    /// Delete a root: what was imported under it is not believed any more.
    #[command(after_help = "Example:\n  muster trust-root delete github")]
    Delete {
        /// The root.
        name: NameArg,
    },
}
