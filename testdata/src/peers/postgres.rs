//! A `PostgreSQL` cluster of this process's own: trusting, on loopback.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::supervisor::{Supervised, folder, free_port};
use super::{postgres_folders, program};

const USER: &str = "muster";

/// A running cluster with one superuser, `muster`, and no password.
#[derive(Debug)]
pub struct Postgres {
    programs: Programs,
    port: u16,
    databases: AtomicU32,
    /// Held: the cluster ends with its pipe.
    _supervised: Supervised,
}

impl Postgres {
    /// Makes an empty database that nobody else has and returns its URL,
    /// `postgres://muster@127.0.0.1:PORT/NAME`. It goes with the cluster.
    pub fn database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        run(&self.programs.createdb(self.port, &name));
        format!("postgres://{USER}@127.0.0.1:{}/{name}", self.port)
    }

    pub(super) fn find() -> Option<Programs> {
        // `initdb` and `postgres` must be of one version: those of one folder.
        let on_path = program("initdb").and_then(|file| file.parent().map(Path::to_owned));
        let folders = on_path.into_iter().chain(postgres_folders());
        folders.map(|bin| Programs { bin }).find(Programs::complete)
    }

    /// For tests: nothing waits for the disk. Every statement is counted, where `pg_stat_statements` is installed.
    pub(super) fn fast(programs: Programs) -> Self {
        let mut settings = vec!["fsync=off", "synchronous_commit=off", "full_page_writes=off"];
        if programs.count_statements() {
            settings.push("shared_preload_libraries=pg_stat_statements");
            settings.push("pg_stat_statements.max=20000");
        }
        Self::start(programs, &settings)
    }

    /// As it is installed.
    pub(super) fn durable(programs: Programs) -> Self {
        Self::start(programs, &[])
    }

    fn start(programs: Programs, settings: &[&str]) -> Self {
        let folder = folder("postgres");
        let port = free_port();
        let data = folder.join("data");
        let user = unprivileged(&folder);
        let server = [user.clone(), programs.server(&data, port, settings)].concat();
        let mut supervised = Supervised::new(folder, "INT", &server);

        run(&[user, programs.initdb(&data)].concat());
        supervised.start(port, || {
            // Only our own server writes this file, so that a stranger on the port is not taken for it.
            let state = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
            state.lines().any(|line| line.trim() == "ready") && programs.accepts(port)
        });
        Self { programs, port, databases: AtomicU32::new(0), _supervised: supervised }
    }
}

/// Where the server and its tools are.
#[derive(Debug)]
pub(super) struct Programs {
    bin: PathBuf,
}

impl Programs {
    fn complete(&self) -> bool {
        ["initdb", "postgres", "createdb", "pg_isready"]
            .iter()
            .all(|name| self.bin.join(name).is_file())
    }

    fn count_statements(&self) -> bool {
        self.bin.join("../lib/pg_stat_statements.so").is_file()
    }

    fn command(&self, name: &str, arguments: &[&str]) -> Vec<String> {
        let program = self.bin.join(name).display().to_string();
        std::iter::once(program).chain(arguments.iter().map(|&text| text.to_owned())).collect()
    }

    fn initdb(&self, data: &Path) -> Vec<String> {
        let data = format!("--pgdata={}", data.display());
        let user = format!("--username={USER}");
        let fixed =
            ["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"];
        self.command("initdb", &[[&*data, &*user].as_slice(), &fixed].concat())
    }

    fn server(&self, data: &Path, port: u16, more: &[&str]) -> Vec<String> {
        let data = data.display().to_string();
        let port = format!("port={port}");
        let settings = [
            port.as_str(),
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=100",
        ];
        let settings = settings.iter().chain(more).flat_map(|setting| ["-c", setting]);
        self.command(
            "postgres",
            &["-D", data.as_str()].into_iter().chain(settings).collect::<Vec<_>>(),
        )
    }

    fn createdb(&self, port: u16, name: &str) -> Vec<String> {
        let port = format!("--port={port}");
        let user = format!("--username={USER}");
        // Nobody can connect to `template0`, so that no copy of it has to wait for another user.
        self.command("createdb", &["--host=127.0.0.1", "--template=template0", &port, &user, name])
    }

    fn accepts(&self, port: u16) -> bool {
        let port = format!("--port={port}");
        execute(&self.command("pg_isready", &["--quiet", "--host=127.0.0.1", &port])).is_ok()
    }
}

/// What to put before a command so that it does not run as root, which the server refuses: nothing when we
/// are not root. The folder is given to the user chosen.
fn unprivileged(folder: &Path) -> Vec<String> {
    if identity(&["-u"]) != Some(0) {
        return Vec::new();
    }
    let mut users = ["postgres", "nobody"].iter();
    let found = users.find_map(|&user| Some((identity(&["-u", user])?, identity(&["-g", user])?)));
    let Some((user, group)) = found else { panic!("root needs a user `postgres` or `nobody`") };
    if let Err(error) = chown(folder, Some(user), Some(group)) {
        panic!("cannot give {} to user {user}: {error}", folder.display());
    }
    let (user, group) = (format!("--reuid={user}"), format!("--regid={group}"));
    vec!["setpriv".to_owned(), user, group, "--clear-groups".to_owned(), "--".to_owned()]
}

fn identity(arguments: &[&str]) -> Option<u32> {
    let output = Command::new("id").args(arguments).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

fn run(command: &[String]) {
    if let Err(message) = execute(command) {
        panic!("{}: {message}", command.join(" "));
    }
}

fn execute(command: &[String]) -> Result<(), String> {
    let (program, arguments) = command.split_first().ok_or("no command")?;
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr)))
}
