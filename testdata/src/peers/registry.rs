//! An OCI registry of this process's own: `docker-registry` over a folder.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::supervisor::{Supervised, folder, free_port};
use super::token_server;

/// Who may enter a registry that is not open.
pub(super) const USER: &str = "muster";
/// The password.
pub(super) const PASSWORD: &str = "correct horse";
/// The same in the form of `htpasswd`: bcrypt, of the least cost.
const HTPASSWD: &str = "muster:$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e\n";

/// Who is let in.
#[derive(Debug)]
pub(super) enum Entry {
    /// Everyone.
    Open,
    /// Whoever sends the user's name and password with each request. It deletes nothing.
    Password,
    /// Whoever has a token, which a server signs by this `openssl` for the user.
    Token(PathBuf),
}

/// A running registry.
#[derive(Debug)]
pub struct Registry {
    address: String,
    /// Held: the registry ends with its pipe.
    _supervised: Supervised,
}

impl Registry {
    /// Where it listens, plain HTTP: `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The name and the password of its user, where it is not open.
    pub fn user(&self) -> (&'static str, &'static str) {
        (USER, PASSWORD)
    }

    pub(super) fn start(program: &Path, entry: &Entry) -> Self {
        let folder = folder("registry");
        let port = free_port();
        let address = format!("127.0.0.1:{port}");
        let config = folder.join("config.json");
        let command = [program, Path::new("serve"), &config].map(|part| part.display().to_string());
        let mut supervised = Supervised::new(folder.clone(), "KILL", &command);

        let auth = auth(entry, &folder);
        // JSON is YAML, and quotes the folder's name rightly.
        let mut text = json!({
            "version": "0.1",
            "log": {"level": "info", "accesslog": {"disabled": true}},
            "storage": {
                "filesystem": {"rootdirectory": folder.join("blobs")},
                "delete": {"enabled": !matches!(entry, Entry::Password)},
            },
            "http": {"addr": address},
        });
        if let (Some(auth), Some(text)) = (auth, text.as_object_mut()) {
            text.insert("auth".to_owned(), auth);
        }
        write(&config, &text.to_string());
        let log = folder.join("log");
        // Its own words, so that a stranger on the port is not taken for it.
        supervised
            .start(port, || fs::read_to_string(&log).is_ok_and(|log| log.contains("listening on")));
        Self { address, _supervised: supervised }
    }
}

impl Registry {
    /// A registry that lists referrers itself: `ferro-oci-server` over a folder.
    pub(super) fn start_listing(program: &Path) -> Self {
        let folder = folder("referrers");
        let port = free_port();
        let address = format!("127.0.0.1:{port}");
        let listen = format!("FERRO_OCI_LISTEN={address}");
        let storage = format!("FERRO_OCI_STORAGE_DIR={}", folder.join("blobs").display());
        let command = ["env".to_owned(), listen, storage, program.display().to_string()];
        let mut supervised = Supervised::new(folder, "KILL", &command);
        supervised.start(port, || true);
        Self { address, _supervised: supervised }
    }
}

fn auth(entry: &Entry, folder: &Path) -> Option<Value> {
    match entry {
        Entry::Open => None,
        Entry::Password => {
            let path = folder.join("htpasswd");
            write(&path, HTPASSWD);
            Some(json!({ "htpasswd": { "realm": "muster", "path": path } }))
        }
        Entry::Token(openssl) => {
            let realm = token_server::start(openssl, folder);
            Some(json!({ "token": {
                "realm": realm,
                "service": token_server::SERVICE,
                "issuer": token_server::ISSUER,
                "rootcertbundle": folder.join("certificate.pem"),
            }}))
        }
    }
}

fn write(path: &Path, text: &str) {
    if let Err(error) = fs::write(path, text) {
        panic!("cannot write {}: {error}", path.display());
    }
}
