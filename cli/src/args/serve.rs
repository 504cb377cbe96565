//! `muster serve` and `muster demo`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::SecretsArgs;

/// `muster serve`.
#[derive(Debug, Args)]
#[command(
    after_help = "The first start prints a bootstrap token, once, on the standard error.\n\nExamples:\n  muster serve\n  muster serve --database postgres://muster@db/muster --blobs-registry registry.example.com/muster/evidence"
)]
pub struct ServeArgs {
    /// The address to listen on; port 0 picks a free one.
    #[arg(long, env = "MUSTER_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub listen: SocketAddr,
    /// Where the embedded database and blobs are kept.
    #[arg(long, env = "MUSTER_DATA", default_value = "muster-data", value_name = "DIR")]
    pub data: PathBuf,
    /// A database of your own: postgres://… or sqlite://….
    #[arg(long, env = "MUSTER_DATABASE", hide_env_values = true, value_name = "URL")]
    pub database: Option<String>,
    /// An OCI registry to keep blobs in, HOST[:PORT]/REPOSITORY.
    #[arg(long, env = "MUSTER_BLOBS_REGISTRY", value_name = "HOST/REPOSITORY")]
    pub blobs_registry: Option<String>,
    /// Speak HTTP to the registry, which then must be on the loopback.
    #[arg(long, requires = "blobs_registry")]
    pub plain_http: bool,
    /// A host that integrations may name although its address is private, and over HTTP; repeatable.
    #[arg(long, env = "MUSTER_ALLOW_PRIVATE_HOST", value_delimiter = ',', value_name = "HOST")]
    pub allow_private_host: Vec<String>,
    #[command(flatten)]
    pub secrets: SecretsArgs,
}

/// `muster demo`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  muster demo --keep")]
pub struct DemoArgs {
    /// Leave the server running until Ctrl-C.
    #[arg(long)]
    pub keep: bool,
}
