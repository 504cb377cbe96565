//! Real components to test against: found on this machine, started on loopback, gone when the test process is.
//!
//! Each is started at most once per process, on first use. Where the program is missing, one line
//! `skipped: NAME` goes to the real standard error (the test harness does not capture it, and `.ci/run` fails
//! on it) and the caller gets `None`. A program that is there and does not start is a panic.

mod certificate;
mod issuer;
mod login;
mod postgres;
mod receiver;
mod registry;
mod relay;
mod s3;
mod smtp;
mod supervisor;
mod token_server;

use std::io::Write;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::{env, fs};

pub use certificate::Certificate;
pub use issuer::Issuer;
pub use login::LoginServer;
pub use postgres::Postgres;
pub use receiver::{Received, Receiver, Reply};
use registry::Entry;
pub use registry::Registry;
pub use relay::Relay;
pub use s3::S3;
pub use smtp::{Smtp, SmtpMode};

/// The `PostgreSQL` cluster of this process, or `None` where `PostgreSQL` is not installed.
pub fn postgres() -> Option<&'static Postgres> {
    static CLUSTER: OnceLock<Option<Postgres>> = OnceLock::new();
    CLUSTER.get_or_init(|| found("postgresql", Postgres::find()).map(Postgres::fast)).as_ref()
}

/// A cluster of its own whose commits wait for the disk, for measuring; or `None` as above.
pub fn durable_postgres() -> Option<Postgres> {
    found("postgresql", Postgres::find()).map(Postgres::durable)
}

/// The OCI registry of this process, or `None` where `docker-registry` is not installed.
pub fn registry() -> Option<&'static Registry> {
    static REGISTRY: OnceLock<Option<Registry>> = OnceLock::new();
    REGISTRY.get_or_init(|| registry_for(&Entry::Open)).as_ref()
}

/// A registry that wants the user's name and password with each request, or `None` as above.
pub fn registry_with_password() -> Option<&'static Registry> {
    static REGISTRY: OnceLock<Option<Registry>> = OnceLock::new();
    REGISTRY.get_or_init(|| registry_for(&Entry::Password)).as_ref()
}

/// A registry that wants a token, or `None` where it or `openssl` is not installed.
pub fn registry_with_tokens() -> Option<&'static Registry> {
    static REGISTRY: OnceLock<Option<Registry>> = OnceLock::new();
    let start = || registry_for(&Entry::Token(found("openssl", program("openssl"))?));
    REGISTRY.get_or_init(start).as_ref()
}

/// A registry that lists referrers itself, or `None` where `ferro-oci-server` is not installed.
pub fn registry_with_referrers() -> Option<&'static Registry> {
    static REGISTRY: OnceLock<Option<Registry>> = OnceLock::new();
    let start = || {
        let program = built("MUSTER_FERRO_OCI_SERVER", "ferro-oci-server");
        found("ferro-oci-server", program).map(|program| Registry::start_listing(&program))
    };
    REGISTRY.get_or_init(start).as_ref()
}

/// `cosign`, or `None` where it is not installed.
pub fn cosign() -> Option<PathBuf> {
    found("cosign", built("MUSTER_COSIGN", "cosign"))
}

fn registry_for(entry: &Entry) -> Option<Registry> {
    let program = found("docker-registry", program("docker-registry"));
    program.map(|program| Registry::start(&program, entry))
}

/// The S3 server of this process, or `None` where `versitygw` is not installed.
pub fn s3() -> Option<&'static S3> {
    static SERVER: OnceLock<Option<S3>> = OnceLock::new();
    SERVER
        .get_or_init(|| {
            found("versitygw", built("MUSTER_VERSITYGW", "versitygw"))
                .map(|program| S3::start(&program))
        })
        .as_ref()
}

/// A certificate that signs itself, for hosts such as `IP:127.0.0.1,DNS:localhost`, or `None` where `openssl` is missing.
pub fn certificate(hosts: &str) -> Option<Certificate> {
    found("openssl", program("openssl")).map(|openssl| Certificate::make(&openssl, hosts))
}

/// A mail server of its own, or `None` where a `python3` with `aiosmtpd` or `openssl` is not installed.
pub fn smtp(mode: SmtpMode) -> Option<Smtp> {
    let openssl = found("openssl", program("openssl"))?;
    found("aiosmtpd", smtp::python()).map(|python| Smtp::start(&python, &openssl, mode))
}

/// A login provider of its own, or `None` where `node` or `oidc-provider` is not installed.
pub fn login_server() -> Option<LoginServer> {
    let node = found("node", program("node"))?;
    let modules = found("oidc-provider", login::modules(cache()));
    modules.map(|modules| LoginServer::start(&node, &modules))
}

/// The program that holds a server against its `OpenAPI` document, or `None` where `schemathesis` is not installed.
pub fn schemathesis() -> Option<PathBuf> {
    let installed = cache().map(|cache| cache.join("schemathesis/bin/schemathesis"));
    let installed = installed.filter(|program| program.is_file());
    found("schemathesis", installed.or_else(|| program("schemathesis")))
}

/// On `PATH`, or where that variable says, or where `.ci/run` installs what is in no distribution.
fn built(variable: &str, name: &str) -> Option<PathBuf> {
    let named = env::var_os(variable).map(PathBuf::from);
    let installed = cache().map(|cache| cache.join("bin").join(name));
    program(name).or(named).or(installed).filter(|program| program.is_file())
}

/// Where `.ci/run` installs what is in no distribution.
fn cache() -> Option<PathBuf> {
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| env::home_dir().map(|home| home.join(".cache")));
    cache.map(|cache| cache.join("muster-ci"))
}

/// Passes `program` on and says so when there is none.
fn found<T>(name: &str, program: Option<T>) -> Option<T> {
    if program.is_none() {
        // Not `eprintln!`: the harness would swallow it for a test that passes.
        let line = format!("\nskipped: {name}\n");
        if let Err(error) = std::io::stderr().write_all(line.as_bytes()) {
            panic!("cannot say that {name} is skipped: {error}");
        }
    }
    program
}

/// The first file of that name on `PATH`, then in the folders where Debian keeps `PostgreSQL`, newest first.
fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&path).collect();
    folders.extend(postgres_folders());
    folders.into_iter().map(|folder| folder.join(name)).find(|file| file.is_file())
}

fn postgres_folders() -> Vec<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<(u32, PathBuf)> = versions
        .map(|entry| entry.path())
        .filter_map(|path| Some((path.file_name()?.to_str()?.parse().ok()?, path.join("bin"))))
        .collect();
    folders.sort_unstable();
    folders.into_iter().rev().map(|(_, folder)| folder).collect()
}
