//! `muster serve` and `muster demo`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use control::BlobsConfig;
use control::blobs::InvalidPlace;

use super::SecretsArgs;

/// `muster serve`.
#[derive(Debug, Args)]
#[command(
    after_help = "The first start prints a bootstrap token, once, on the standard error.\n\nExamples:\n  muster serve\n  muster serve --database postgres://muster@db/muster --blobs-registry registry.example.com/muster/evidence\n  muster serve --blobs 's3://evidence/muster?region=eu-central-1' --blobs-credentials-file bucket.json"
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
    /// Where to keep blobs: a directory, `oci://HOST[:PORT]/REPOSITORY[?plain-http=true]` or
    /// `s3://BUCKET[/PREFIX][?region=REGION&endpoint=URL&path-style=true]`.
    #[arg(long, env = "MUSTER_BLOBS", value_name = "DIR|URL", value_parser = place, conflicts_with = "blobs_registry")]
    pub blobs: Option<BlobsConfig>,
    /// A file with what opens that place, a JSON object: `username` and `password` for a registry, `access_key_id` and
    /// `secret_access_key` for a bucket. `MUSTER_BLOBS_CREDENTIALS` may hold the object instead. With neither, a bucket is
    /// opened by what the machine has: the variables of AWS, or the role of its instance.
    #[arg(long, env = "MUSTER_BLOBS_CREDENTIALS_FILE", value_name = "FILE")]
    pub blobs_credentials_file: Option<PathBuf>,
    /// An OCI registry to keep blobs in, HOST[:PORT]/REPOSITORY.
    #[arg(long, env = "MUSTER_BLOBS_REGISTRY", value_name = "HOST/REPOSITORY")]
    pub blobs_registry: Option<String>,
    /// Speak HTTP to the registry, which then must be on the loopback.
    #[arg(long, requires = "blobs_registry")]
    pub plain_http: bool,
    /// A host that backends, integrations and trust rules may name although its address is private, and over HTTP; repeatable.
    #[arg(long, env = "MUSTER_ALLOW_PRIVATE_HOST", value_delimiter = ',', value_name = "HOST")]
    pub allow_private_host: Vec<String>,
    /// A file with the certificate of the server, then those of who issued it, PEM; with it HTTPS is spoken. Read again
    /// at SIGHUP.
    #[arg(long, env = "MUSTER_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// A file with its private key, PEM without a password.
    #[arg(long, env = "MUSTER_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// How many requests a second one token may make, and four times as many at once; 0 is without a bound.
    #[arg(long, env = "MUSTER_RATE_LIMIT", default_value_t = 500, value_name = "REQUESTS")]
    pub rate_limit: u32,
    /// The same for all that come from one address without a token: CI jobs that exchange theirs, and whoever looks.
    #[arg(
        long,
        env = "MUSTER_ANONYMOUS_RATE_LIMIT",
        default_value_t = 50,
        value_name = "REQUESTS"
    )]
    pub anonymous_rate_limit: u32,
    /// The provider (`OpenID` Connect) with which people log in, as its tokens name it.
    #[arg(long, env = "MUSTER_LOGIN_ISSUER", value_name = "URL", requires = "login_client_id")]
    pub login_issuer: Option<String>,
    /// What the provider calls Muster: a public client that may come back to `http://127.0.0.1/callback`, any port.
    #[arg(long, env = "MUSTER_LOGIN_CLIENT_ID", value_name = "ID", requires = "login_issuer")]
    pub login_client_id: Option<String>,
    /// The claim of its tokens that names the groups of a person.
    #[arg(long, env = "MUSTER_LOGIN_GROUPS_CLAIM", value_name = "CLAIM", default_value = "groups")]
    pub login_groups_claim: String,
    #[command(flatten)]
    pub secrets: SecretsArgs,
    /// A file with settings, YAML: the names of these flags, such as `listen: 0.0.0.0:8080`. Flags and variables come first.
    #[arg(long, env = "MUSTER_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Say what every setting is and where it comes from, and do nothing.
    #[arg(long)]
    pub print_config: bool,
    /// What is said then.
    #[arg(skip)]
    pub effective: String,
}

impl ServeArgs {
    /// Refuses half of what belongs together: a file has no flags that could require each other.
    pub(crate) fn check(&self) -> Result<(), String> {
        for (one, other, what) in [
            (self.tls_cert.is_some(), self.tls_key.is_some(), "`tls-cert` and `tls-key`"),
            (
                self.login_issuer.is_some(),
                self.login_client_id.is_some(),
                "`login-issuer` and `login-client-id`",
            ),
        ] {
            if one != other {
                return Err(format!("{what} belong together: give both, or neither"));
            }
        }
        if self.blobs.is_some() && self.blobs_registry.is_some() {
            return Err(
                "`blobs` and `blobs-registry` both say where blobs are: give one".to_owned()
            );
        }
        if self.plain_http && self.blobs_registry.is_none() {
            return Err("`plain-http` is for `blobs-registry`".to_owned());
        }
        Ok(())
    }
}

/// `muster demo`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  muster demo --keep")]
pub struct DemoArgs {
    /// Leave the server running until Ctrl-C.
    #[arg(long)]
    pub keep: bool,
}

/// What is no address is a directory.
fn place(text: &str) -> Result<BlobsConfig, InvalidPlace> {
    let address = text.contains("://") || text.starts_with("file:");
    if address { text.parse() } else { Ok(BlobsConfig::Directory(PathBuf::from(text))) }
}
