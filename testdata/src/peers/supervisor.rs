//! Starts a program that must not outlive this process, although nothing here runs when it ends.
//!
//! A static is never dropped and a killed process runs no code. So a small shell holds the read end of a pipe
//! from us: when we end, for whatever reason, the kernel closes the pipe, and the shell signals exactly
//! the one process it started, waits for it and removes its folder.

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// `$1` the folder, `$2` the signal, then the program. It is started on the first line read, so that a folder
/// being prepared is removed as well. The shell is the parent: the process id cannot be another's.
const SCRIPT: &str = r#"
folder=$1 signal=$2; shift 2
if read -r _; then
  "$@" </dev/null >"$folder/log" 2>&1 &
  child=$!
  cat >/dev/null
  kill -s "$signal" "$child"
  wait "$child"
fi
rm -rf -- "$folder"
"#;

/// How long a component may take to answer before the test fails.
const READY_MAX: Duration = Duration::from_mins(1);
/// Below the range from which the kernel hands out ports by itself, so that nobody gets one by accident
/// between our looking and the program's listening.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// A program in its own folder, which end when this process does.
#[derive(Debug)]
pub(super) struct Supervised {
    folder: PathBuf,
    /// Held for its pipe: the kernel closes it with this process, and that is the signal.
    shell: Child,
}

impl Supervised {
    /// Takes charge of `folder`. `command` is started by [`Supervised::start`] and ended with `signal`.
    pub(super) fn new(folder: PathBuf, signal: &str, command: &[String]) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", SCRIPT, "supervisor"]).arg(&folder).arg(signal).args(command);
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // Its own group, so that an interrupt from the keyboard ends us and only thereby the shell.
        match shell.process_group(0).spawn() {
            Ok(shell) => Self { folder, shell },
            Err(error) => panic!("cannot start sh: {error}"),
        }
    }

    /// Starts the program and waits until it listens on `port` and `ready` holds.
    pub(super) fn start(&mut self, port: u16, ready: impl Fn() -> bool) {
        let pipe = self.shell.stdin.as_mut();
        let told = pipe.is_some_and(|pipe| pipe.write_all(b"start\n").is_ok());
        assert!(told, "the supervisor of {} is gone", self.folder.display());
        let deadline = Instant::now() + READY_MAX;
        while !(listens(port) && ready()) {
            assert!(Instant::now() < deadline, "not ready in {READY_MAX:?}; log: {}", self.log());
            pause();
        }
    }

    /// What the program printed so far.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

/// A new empty folder. Give it to [`Supervised::new`] at once.
pub(super) fn folder(name: &str) -> PathBuf {
    match tempfile::Builder::new().prefix(&format!("muster-{name}-")).tempdir() {
        Ok(folder) => folder.keep(),
        Err(error) => panic!("cannot make a temporary folder: {error}"),
    }
}

/// A loopback port on which nobody listens.
pub(super) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Processes that run side by side begin their search far apart.
    let first = std::process::id().wrapping_mul(61);
    let free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    PORTS
        .map(|_| first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)))
        .filter_map(|step| u16::try_from(step % u32::from(PORTS.end - PORTS.start)).ok())
        .map(|offset| PORTS.start + offset)
        .find(free)
        .unwrap_or_else(|| panic!("no free port in {PORTS:?}"))
}

fn listens(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[expect(clippy::disallowed_methods, reason = "polls another process, under a deadline")]
fn pause() {
    std::thread::sleep(Duration::from_millis(10));
}
