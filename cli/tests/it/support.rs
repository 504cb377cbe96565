//! The binary in a folder of its own, and a server that it started.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde_json::Value;
use tempfile::TempDir;

/// The password of every key that a test makes.
pub(crate) const PASSWORD: &str = "correct horse";

/// Variables for a command.
pub(crate) type Variables = Vec<(String, String)>;

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// The same, if it ended with `code`; else the test fails and shows what was said.
    #[track_caller]
    pub(crate) fn with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// The standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", self.stdout, self.stderr))
    }
}

/// A folder in which commands run, with a home and a state directory of its own.
#[derive(Debug)]
pub(crate) struct Sandbox {
    folder: TempDir,
    variables: Variables,
}

impl Sandbox {
    /// An empty folder, and no variables but `HOME`, `XDG_STATE_HOME` and `PATH`.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["home", "state", "cwd"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self { folder, variables: Vec::new() }
    }

    /// A folder with a copy of what `testdata/` holds for `muster`.
    pub(crate) fn with_testdata() -> Self {
        let sandbox = Self::new();
        for name in ["tour", "materials"] {
            copy(&testdata::path(name), &sandbox.path(name));
        }
        sandbox
    }

    /// The same with variables for each of its commands.
    pub(crate) fn and(
        mut self,
        variables: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
    ) -> Self {
        let more = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
        self.variables.extend(more);
        self
    }

    /// A path in the folder.
    pub(crate) fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join("cwd").join(relative)
    }

    /// Where commands keep their state.
    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state/muster")
    }

    /// Writes a file in the folder, and the folders above it.
    pub(crate) fn write(&self, relative: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Reads a file of the folder.
    #[track_caller]
    pub(crate) fn read(&self, relative: &str) -> String {
        fs::read_to_string(self.path(relative)).unwrap()
    }

    /// A command that has not started.
    pub(crate) fn command(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
        command
            .args(args)
            .current_dir(self.path(""))
            .env_clear()
            .env("HOME", self.folder.path().join("home"))
            .env("XDG_STATE_HOME", self.folder.path().join("state"))
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(self.variables.iter().cloned())
            .stdin(Stdio::null());
        command
    }

    /// Runs a command, given as words with a space between, to its end.
    pub(crate) fn run(&self, line: &str) -> Ended {
        self.args(line.split_whitespace())
    }

    /// Runs a command, given as arguments, to its end.
    pub(crate) fn args(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Ended {
        end(&mut self.command(args), &[])
    }

    /// Runs a command with something on its standard input.
    pub(crate) fn fed(&self, line: &str, input: &[u8]) -> Ended {
        end(self.command(line.split_whitespace()).stdin(Stdio::piped()), input)
    }

    /// Runs a command with more variables.
    pub(crate) fn run_with(&self, variables: &[(&str, &str)], line: &str) -> Ended {
        let mut command = self.command(line.split_whitespace());
        end(command.envs(variables.iter().copied()), &[])
    }
}

/// Runs a command to its end.
pub(crate) fn end(command: &mut Command, input: &[u8]) -> Ended {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not want to read on may stop listening.
        let _closed = stdin.write_all(input);
    }
    let output = child.wait_with_output().unwrap();
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// `muster serve` as a process of its own; killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Its address, `http://127.0.0.1:PORT`.
    pub url: String,
    /// The bootstrap token; only a first start prints one.
    pub bootstrap: Option<String>,
    log: Arc<Mutex<String>>,
    reading: Option<JoinHandle<()>>,
    sandbox: Sandbox,
}

impl Server {
    /// A server with a database and blobs of its own.
    pub(crate) fn start() -> Self {
        let sandbox = Sandbox::new();
        let data = sandbox.path("data");
        Self::start_in(sandbox, &data, &[], &[])
    }

    /// A server over `data`, with more arguments and variables; fails the test when it does not listen.
    pub(crate) fn start_with(data: &Path, args: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::start_in(Sandbox::new(), data, args, variables)
    }

    fn start_in(sandbox: Sandbox, data: &Path, args: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = sandbox.command(["serve", "--listen", "127.0.0.1:0", "--data"]);
        command.arg(data).args(args).envs(variables.iter().copied());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let (url, bootstrap) = listening(&mut stderr);
        let log = Arc::new(Mutex::new(String::new()));
        let reading = drain(stderr, Arc::clone(&log));
        Self { child, url, bootstrap, log, reading: Some(reading), sandbox }
    }

    /// Variables with which a command talks to it under `token`.
    pub(crate) fn variables(&self, token: &str) -> Variables {
        let variables = [("MUSTER_SERVER", self.url.as_str()), ("MUSTER_TOKEN", token)];
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    /// Makes an organization through the command line, and answers the variables for its owner.
    pub(crate) fn organization(&self, name: &str) -> Variables {
        let bootstrap = self.bootstrap.as_deref().expect("a first start");
        let made = Sandbox::new().and(self.variables(bootstrap));
        let made = made.args(["org", "create", name]).with(0);
        self.variables(made.stdout.trim())
    }

    /// The process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it logged since it listened.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Asks it to end, waits until it did, and answers the exit code and what it logged after it listened.
    pub(crate) fn stop(mut self) -> (i32, String) {
        signal(self.id(), "TERM");
        let status = self.child.wait().unwrap();
        self.reading.take().unwrap().join().unwrap();
        let log = self.log.lock().unwrap().clone();
        (status.code().unwrap_or(-1), log)
    }

    /// Ends it as a power cut would, and waits until it is gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it ended by itself, and answers the exit code (-1 after a signal).
    pub(crate) fn wait(mut self) -> i32 {
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Sends a signal to one process.
pub(crate) fn signal(id: u32, name: &str) {
    let mut command = Command::new("kill");
    let sent = command.arg(format!("-{name}")).arg(id.to_string()).status().unwrap();
    assert!(sent.success());
}

fn listening(stderr: &mut BufReader<ChildStderr>) -> (String, Option<String>) {
    let (mut said, mut bootstrap) = (String::new(), None);
    loop {
        let mut line = String::new();
        assert!(
            stderr.read_line(&mut line).unwrap() != 0,
            "the server ended before it listened: {said}"
        );
        if let Some(url) = line.trim_end().strip_prefix("listening on ") {
            return (url.to_owned(), bootstrap);
        }
        if let Some((_, token)) = line.split_once("bootstrap token (shown once): ") {
            bootstrap = Some(token.trim().to_owned());
        }
        said.push_str(&line);
    }
}

/// Reads on, so that the server never waits for a reader.
fn drain(mut stderr: BufReader<ChildStderr>, log: Arc<Mutex<String>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = stderr.read(&mut buffer) {
            log.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
    })
}

/// What the tour furnishes an organization with: a project, a contract, a workflow, a key, a gate.
///
/// The folder has the copy of `testdata/`, the variables of the owner and `ci.key`.
pub(crate) fn toured(server: &Server, organization: &str) -> Sandbox {
    let sandbox = Sandbox::with_testdata()
        .and(server.organization(organization))
        .and([("MUSTER_KEY_PASSWORD", PASSWORD)]);
    for line in [
        "project create web",
        "contract push tour/contract.yaml",
        "workflow create web/release --contract web-release",
        "key generate --out ci.key",
        "key add ci.key.pub --name ci",
        "gate push tour/gate.yaml",
    ] {
        sandbox.run(line).with(0);
    }
    sandbox
}
