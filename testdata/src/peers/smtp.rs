//! A mail server of this process's own: `aiosmtpd` with one account, which keeps what it was sent.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::certificate::{CERTIFICATE, certify};
use super::supervisor::{Supervised, folder, free_port};

/// What of it is not in a library: the account, and keeping messages as files.
const SCRIPT: &str = include_str!("smtp.py");
/// The name of the account.
const USER: &str = "muster";
/// Its password.
const PASSWORD: &str = "correct horse";

/// How a mail server wants to be spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpMode {
    /// Without TLS and without a login.
    Plain,
    /// With `STARTTLS`, then a login.
    StartTls,
    /// With TLS from the first byte, then a login.
    Tls,
}

/// A running mail server. It refuses `gone@…` for good and `later@…` for now.
#[derive(Debug)]
pub struct Smtp {
    port: u16,
    folder: PathBuf,
    /// Held: the server ends with its pipe.
    _supervised: Supervised,
}

impl Smtp {
    /// Where it listens: `127.0.0.1:PORT`, also known as `localhost`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The name of the account, and its password.
    pub fn account(&self) -> (&'static str, &'static str) {
        (USER, PASSWORD)
    }

    /// Its certificate, for `127.0.0.1` and `localhost`, which signs itself.
    pub fn certificate(&self) -> PathBuf {
        self.folder.join(CERTIFICATE)
    }

    /// What it took, oldest first: `from`, `to`, `login` and the message as `data`.
    pub fn kept(&self) -> Vec<Value> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        files.sort();
        let read = |path: &PathBuf| serde_json::from_slice(&fs::read(path).ok()?).ok();
        files.iter().filter_map(read).collect()
    }

    pub(super) fn start(python: &Path, openssl: &Path, mode: SmtpMode) -> Self {
        let (folder, port) = (folder("smtp"), free_port());
        let script = folder.join("smtp.py");
        let name = match mode {
            SmtpMode::Plain => "plain",
            SmtpMode::StartTls => "starttls",
            SmtpMode::Tls => "tls",
        };
        let paths = [python, &script, &folder].map(|path| path.display().to_string());
        let command = [paths.as_slice(), &[port.to_string(), name.to_owned()]].concat();
        let mut supervised = Supervised::new(folder.clone(), "TERM", &command);
        if let Err(error) = fs::write(&script, SCRIPT) {
            panic!("cannot write {}: {error}", script.display());
        }
        certify(openssl, &folder, "IP:127.0.0.1,DNS:localhost");
        let log = folder.join("log");
        // Its own words, so that a stranger on the port is not taken for it.
        supervised.start(port, || {
            fs::read_to_string(&log).is_ok_and(|log| log.contains("mail is taken"))
        });
        Self { port, folder, _supervised: supervised }
    }
}

/// The first `python3` that has `aiosmtpd`: on `PATH`, or the one of the system.
pub(super) fn python() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/bin")]);
    let has_it = |python: &PathBuf| {
        let mut command = Command::new(python);
        command.args(["-c", "import aiosmtpd"]).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    folders.map(|folder| folder.join("python3")).filter(|file| file.is_file()).find(has_it)
}
