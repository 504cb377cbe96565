//! Real components to test against: found on this machine, started on loopback, gone when the test process is.
//!
//! Each is started at most once per process, on first use. Where the program is missing, one line
//! `skipped: NAME` goes to the real standard error (the test harness does not capture it, and `.ci/run` fails
//! on it) and the caller gets `None`. A program that is there and does not start is a panic.

mod postgres;
mod receiver;
mod registry;
mod supervisor;

use std::io::Write;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::{env, fs};

pub use postgres::Postgres;
pub use receiver::{Received, Receiver, Reply};
pub use registry::Registry;

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
    let program = || found("docker-registry", program("docker-registry"));
    REGISTRY.get_or_init(|| program().map(|program| Registry::start(&program))).as_ref()
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
