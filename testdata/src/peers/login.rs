//! A login provider of this process's own: `oidc-provider`, certified by the `OpenID` Foundation, with one public client.

use std::fs;
use std::path::{Path, PathBuf};

use super::supervisor::{Supervised, folder, free_port};

/// What of it is not in a library: the client, and who people are.
const SCRIPT: &str = include_str!("login.mjs");

/// A running provider. A login is a mail address: `unverified…` has not verified it, and `security…` is in the group
/// `security`, as everyone is in `everyone`.
#[derive(Debug)]
pub struct LoginServer {
    port: u16,
    /// Held: the provider ends with its pipe.
    _supervised: Supervised,
}

impl LoginServer {
    /// Its client, which is public.
    pub const CLIENT_ID: &str = "muster";

    /// Its address, as tokens name it: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(super) fn start(node: &Path, modules: &Path) -> Self {
        let (folder, port) = (folder("login"), free_port());
        let script = folder.join("login.mjs");
        let [node, file, modules] = [node, &script, modules].map(|it| it.display().to_string());
        let command = [node, file, port.to_string(), modules];
        let mut supervised = Supervised::new(folder.clone(), "TERM", &command);
        if let Err(error) = fs::write(&script, SCRIPT) {
            panic!("cannot write {}: {error}", script.display());
        }
        let log = folder.join("log");
        // Its own words, so that a stranger on the port is not taken for it.
        supervised.start(port, || {
            fs::read_to_string(&log).is_ok_and(|log| log.contains("people log in"))
        });
        Self { port, _supervised: supervised }
    }
}

/// Where `oidc-provider` is installed: where `MUSTER_NODE_MODULES` says, or in `cache`, by `.ci/run`.
pub(super) fn modules(cache: Option<PathBuf>) -> Option<PathBuf> {
    let named = std::env::var_os("MUSTER_NODE_MODULES").map(PathBuf::from);
    let installed = cache.map(|cache| cache.join("node"));
    let there = |folder: &PathBuf| folder.join("node_modules/oidc-provider").is_dir();
    named.or(installed).filter(there)
}
