//! `muster backend`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Form, NameArg};

/// `muster backend`.
#[derive(Debug, Subcommand)]
#[command(
    after_help = "New blobs go to the default, or to the fallback while the default does not answer; with no default they go to\nthe store of the server. Where a blob is does not change when the roles do.\n\nExamples:\n  muster backend create evidence --place 's3://acme-evidence?region=eu-central-1' --credentials-file key.json\n  muster backend default evidence"
)]
pub enum BackendCommand {
    /// Make a backend, once it was found to work. It takes no blobs before it is the default or the fallback.
    #[command(
        after_help = "The credentials are a JSON object: username and password for a registry; access_key_id, secret_access_key\nand maybe session_token for a bucket. They are sealed at rest and never shown.\n\nExamples:\n  muster backend create evidence --place 's3://acme-evidence?region=eu-central-1' --credentials-file key.json\n  muster backend create evidence --place oci://registry.example.com/acme/evidence --credentials-file user.json\n  muster backend create disk --place file:///srv/acme --organization acme"
    )]
    Create(BackendCreateArgs),
    /// List backends.
    #[command(after_help = "Example:\n  muster backend list")]
    List {
        /// The form of the answer.
        #[arg(long, short, value_enum, default_value_t)]
        output: Form,
    },
    /// Show a backend.
    #[command(after_help = "Example:\n  muster backend show evidence")]
    Show(BackendArgs),
    /// Look at a backend now. Ends with 75 when it does not work.
    #[command(after_help = "Example:\n  muster backend check evidence")]
    Check(BackendArgs),
    /// Let a backend take all new blobs.
    #[command(after_help = "Example:\n  muster backend default evidence")]
    Default(BackendArgs),
    /// Let a backend take the blobs that the default cannot take because it does not answer.
    #[command(after_help = "Example:\n  muster backend fallback disk")]
    Fallback(BackendArgs),
    /// Let a backend take no new blobs; it keeps what it has.
    #[command(after_help = "Example:\n  muster backend rest disk")]
    Rest(BackendArgs),
    /// Replace what opens a backend, once it was found to open it.
    #[command(
        after_help = "Example:\n  muster backend credentials evidence --credentials-file new.json"
    )]
    Credentials {
        /// The backend.
        name: NameArg,
        /// A file with what opens it, a JSON object; - for the standard input.
        #[arg(long, value_name = "FILE")]
        credentials_file: PathBuf,
        /// The form of the answer.
        #[arg(long, short, value_enum, default_value_t)]
        output: Form,
    },
    /// Move all blobs from one place to another. Where it is stopped, the next call goes on.
    #[command(
        after_help = "Each blob is copied and hashed before its old place is given up, so all of them can be read meanwhile. The bytes\nthat are left behind are removed some ten minutes later. Ends with 75 while some blobs cannot be moved.\n\nExamples:\n  muster backend move --from disk --to evidence --dry-run\n  muster backend move --from disk --to evidence\n  muster backend move --to evidence"
    )]
    Move(BackendMoveArgs),
    /// Remove bytes to which nothing refers: what is left of uploads that broke off. Where it is stopped, call it again.
    #[command(
        after_help = "What is found is removed some ten minutes later, unless somebody hands it in meanwhile. With no name the store of\nthe server is swept, with the token of the instance. Nothing else may keep its blobs in that place: the server of\nanother database, or of a copy of this one.\n\nExamples:\n  muster backend sweep evidence --dry-run\n  muster backend sweep evidence\n  muster backend sweep"
    )]
    Sweep(BackendSweepArgs),
    /// Delete a backend that has no blobs and takes none.
    #[command(after_help = "Example:\n  muster backend delete disk")]
    Delete {
        /// The backend.
        name: NameArg,
        /// Let the bytes that are still to be removed from it stay where they are, for good.
        #[arg(long)]
        leave_bytes: bool,
    },
}

/// `muster backend move`.
#[derive(Debug, Args)]
#[group(id = "places", required = true, multiple = true)]
pub struct BackendMoveArgs {
    /// The backend that the blobs are in; the store of the server when absent.
    #[arg(long, value_name = "NAME", group = "places")]
    pub from: Option<NameArg>,
    /// The backend that they are to be in; the store of the server when absent.
    #[arg(long, value_name = "NAME", group = "places")]
    pub to: Option<NameArg>,
    /// Say only how much would be moved.
    #[arg(long)]
    pub dry_run: bool,
    /// The form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Form,
}

/// `muster backend sweep`.
#[derive(Debug, Args)]
pub struct BackendSweepArgs {
    /// The backend; the store of the server when absent.
    pub name: Option<NameArg>,
    /// Say only how much would be removed.
    #[arg(long)]
    pub dry_run: bool,
    /// The form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Form,
}

/// One backend.
#[derive(Debug, Args)]
pub struct BackendArgs {
    /// The backend.
    pub name: NameArg,
    /// The form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Form,
}

/// `muster backend create`.
#[derive(Debug, Args)]
pub struct BackendCreateArgs {
    /// Its name.
    pub name: NameArg,
    /// Where it is: `oci://HOST[:PORT]/REPOSITORY`, `s3://BUCKET[/PREFIX][?region=REGION&endpoint=URL]`, or
    /// `file:///DIRECTORY` of the server.
    #[arg(long, value_name = "URL")]
    pub place: String,
    /// A file with what opens it, a JSON object; - for the standard input.
    #[arg(long, value_name = "FILE")]
    pub credentials_file: Option<PathBuf>,
    /// Make it for this organization, with the token of the instance: a directory, and a private address, is for the
    /// operator only.
    #[arg(long, value_name = "NAME")]
    pub organization: Option<NameArg>,
    /// The form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Form,
}
