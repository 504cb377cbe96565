//! `muster secrets`, and where a server finds its keys.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Form;

/// The keys under which secrets are sealed.
#[derive(Debug, Args)]
pub struct SecretsArgs {
    /// A file with the keys that seal secrets, one on each line: the first seals, all open. `MUSTER_SECRETS_KEY` may
    /// hold the keys instead. With the embedded database and neither, `secrets.key` in the data directory is used, and
    /// made when it is not there.
    #[arg(long, env = "MUSTER_SECRETS_KEY_FILE", value_name = "FILE")]
    pub secrets_key_file: Option<PathBuf>,
}

/// `muster secrets`.
#[derive(Debug, Subcommand)]
#[command(
    after_help = "To replace a key: put a new one in the first line of the keys of every server, start them again, run\n`muster secrets rotate`, take the old key away.\n\nExample:\n  muster secrets rotate"
)]
pub enum SecretsCommand {
    /// Print a new key.
    #[command(after_help = "Example:\n  muster secrets generate > secrets.key")]
    Generate,
    /// Seal every stored secret anew under the server's first key. Needs a token of the instance.
    #[command(after_help = "Example:\n  muster secrets rotate")]
    Rotate {
        /// The form of the answer.
        #[arg(long, short, value_enum, default_value_t)]
        output: Form,
    },
}
