//! Certificates that sign themselves, made by `openssl`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A certificate and its key as files, gone when this is dropped.
#[derive(Debug)]
pub struct Certificate {
    folder: TempDir,
}

impl Certificate {
    /// The certificate, PEM. Whoever trusts it trusts nobody else by it.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join(CERTIFICATE)
    }

    /// Its private key, PEM.
    pub fn key(&self) -> PathBuf {
        self.folder.path().join(KEY)
    }

    pub(super) fn make(openssl: &Path, hosts: &str) -> Self {
        match tempfile::tempdir() {
            Ok(folder) => {
                certify(openssl, folder.path(), hosts);
                Self { folder }
            }
            Err(error) => panic!("cannot make a temporary folder: {error}"),
        }
    }
}

pub(super) const CERTIFICATE: &str = "certificate.pem";
pub(super) const KEY: &str = "key.pem";

/// Makes `certificate.pem` and `key.pem` in `folder`, for hosts such as `IP:127.0.0.1,DNS:localhost`.
pub(super) fn certify(openssl: &Path, folder: &Path, hosts: &str) {
    let made = Command::new(openssl)
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-addext"])
        .arg(format!("subjectAltName={hosts}"))
        .arg("-keyout")
        .arg(folder.join(KEY))
        .arg("-out")
        .arg(folder.join(CERTIFICATE))
        .stderr(Stdio::null())
        .status();
    assert!(made.is_ok_and(|status| status.success()), "openssl makes no certificate");
}
