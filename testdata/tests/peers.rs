//! The real components answer while the test process lives and leave nothing behind when it ends.

#![cfg(test)]

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs};

use testdata::peers;

/// Names the part that a copy of this binary, started by a test, has to play.
const ROLE: &str = "MUSTER_PEERS_ROLE";

/// Not a test of its own: what the copies do. They start a component, say where it is, and end.
#[test]
fn play_the_role() {
    match env::var(ROLE).as_deref() {
        Ok("postgres") => {
            let Some(postgres) = peers::postgres() else { return };
            println!("\naddress={}", authority(&postgres.database()));
        }
        Ok("registry") => {
            let Some(registry) = peers::registry() else { return };
            println!("\naddress={}", registry.address());
        }
        Ok("killed") => {
            let Some(registry) = peers::registry() else { return };
            println!("\naddress={}", registry.address());
            std::io::stdout().flush().unwrap();
            std::process::abort();
        }
        Ok("without programs") => {
            assert!(peers::registry().is_none() && peers::registry().is_none());
        }
        _ => {}
    }
}

#[test]
fn each_database_is_new_and_reachable() {
    let Some(postgres) = peers::postgres() else { return };
    let urls: BTreeSet<String> = std::thread::scope(|scope| {
        let makers: Vec<_> = (0..8).map(|_| scope.spawn(|| postgres.database())).collect();
        makers.into_iter().map(|maker| maker.join().unwrap()).collect()
    });
    assert_eq!(urls.len(), 8);
    for url in urls {
        assert!(url.starts_with("postgres://muster@127.0.0.1:"), "{url}");
        let query = Command::new("psql").args([&url, "-Atc", "show fsync"]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&query.stdout), "off\n", "{query:?}");
    }
}

#[test]
fn the_registry_speaks_the_distribution_protocol() {
    let Some(registry) = peers::registry() else { return };
    let mut stream = TcpStream::connect(registry.address()).unwrap();
    stream.write_all(b"GET /v2/ HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.0 200 OK"), "{answer}");
    assert!(answer.contains("registry/2.0"), "{answer}");
}

#[test]
fn nothing_is_left_when_the_process_has_ended() {
    for (role, present) in [
        ("postgres", peers::postgres().is_some()),
        ("registry", peers::registry().is_some()),
        ("killed", peers::registry().is_some()),
    ] {
        if !present {
            continue;
        }
        let temporary = tempfile::tempdir().unwrap();
        // The server does not run as root and must be able to enter.
        open_to_all(temporary.path());
        let output = play(role, |command| command.env("TMPDIR", temporary.path()));
        let printed = String::from_utf8_lossy(&output.stdout);
        let address = printed.lines().find_map(|line| line.strip_prefix("address=")).unwrap();
        until(&format!("{role}: {address} refuses"), || TcpStream::connect(address).is_err());
        until(&format!("{role}: its folder is gone"), || entries(temporary.path()).is_empty());
    }
}

#[test]
fn a_missing_program_is_said_once_past_the_harness() {
    let nowhere = tempfile::tempdir().unwrap();
    let output = play("without programs", |command| command.env("PATH", nowhere.path()));
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("skipped: ")).collect();
    assert_eq!(lines, ["skipped: docker-registry"]);
}

/// Runs this binary's `play_the_role` alone, its output captured by the harness as usual unless it says
/// where a component is.
fn play(role: &str, change: impl FnOnce(&mut Command) -> &mut Command) -> Output {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "play_the_role"]).env(ROLE, role).stdin(Stdio::null());
    if role != "without programs" {
        command.arg("--nocapture");
    }
    change(&mut command).output().unwrap()
}

fn authority(url: &str) -> &str {
    url.split(['@', '/']).nth(3).unwrap()
}

fn open_to_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).unwrap();
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[expect(clippy::disallowed_methods, reason = "polls another process, under a deadline")]
fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "still not so: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
