//! An OCI registry of this process's own: `docker-registry` over a folder, without authentication.

use std::fs;
use std::path::Path;

use super::supervisor::{Supervised, folder, free_port};

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

    pub(super) fn start(program: &Path) -> Self {
        let folder = folder("registry");
        let port = free_port();
        let address = format!("127.0.0.1:{port}");
        let config = folder.join("config.json");
        let command = [program, Path::new("serve"), &config].map(|part| part.display().to_string());
        let mut supervised = Supervised::new(folder.clone(), "KILL", &command);

        // JSON is YAML, and quotes the folder's name rightly.
        let text = serde_json::json!({
            "version": "0.1",
            "log": {"level": "info", "accesslog": {"disabled": true}},
            "storage": {
                "filesystem": {"rootdirectory": folder.join("blobs")},
                "delete": {"enabled": true},
            },
            "http": {"addr": address},
        });
        if let Err(error) = fs::write(&config, text.to_string()) {
            panic!("cannot write {}: {error}", config.display());
        }
        let log = folder.join("log");
        // Its own words, so that a stranger on the port is not taken for it.
        supervised
            .start(port, || fs::read_to_string(&log).is_ok_and(|log| log.contains("listening on")));
        Self { address, _supervised: supervised }
    }
}
