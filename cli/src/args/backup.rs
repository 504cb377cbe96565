//! `muster backup` and `muster restore`.

use std::path::PathBuf;

use clap::Args;

use super::Form;

/// `muster backup`.
#[derive(Debug, Args)]
#[command(
    after_help = "A later backup into the same directory copies only what is new. The keys of the secrets are not copied: keep\nthem in another place. With a database, a registry or a bucket of your own, back those up: the database first.\n\nExample:\n  muster backup /backup/muster"
)]
pub struct BackupArgs {
    /// Where to copy to.
    #[arg(value_name = "DIR")]
    pub to: PathBuf,
    /// Where the embedded database and blobs are kept.
    #[arg(long, env = "MUSTER_DATA", default_value = "muster-data", value_name = "DIR")]
    pub data: PathBuf,
    /// The form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Form,
}

/// `muster restore`.
#[derive(Debug, Args)]
#[command(
    after_help = "Put the keys of the secrets into the data directory, as secrets.key, before the server starts.\n\nExample:\n  muster restore /backup/muster --data muster-data"
)]
pub struct RestoreArgs {
    /// The backup.
    #[arg(value_name = "DIR")]
    pub from: PathBuf,
    /// Where the embedded database and blobs are to be kept; there must be none yet.
    #[arg(long, env = "MUSTER_DATA", default_value = "muster-data", value_name = "DIR")]
    pub data: PathBuf,
    /// The form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Form,
}
