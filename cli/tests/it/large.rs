//! A blob of 2 GiB passes through the command line and the server in constant memory.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::time::{Duration, Instant};

use engine::Digest;

use crate::site::{Site, said};
use crate::support::Server;

const SIZE: u64 = 2 << 30;
/// Most memory that a process may ever have held, in KiB: a quarter of the blob. About 60 MiB of it are pages of a debug build.
const PEAK_MAX: u64 = 512 << 10;

#[test]
fn two_gibibytes_in_constant_memory() {
    let site = Site::embedded();
    sparse(&site);
    let server = site.serve(&[]);
    let (begun, idle_peak) = (Instant::now(), peak(server.id()).unwrap());
    let line = "attest --workflow web/release --key ci.pem app=large sbom=good.json";
    let mut job = site.start(&server, line);
    let mut client_peak = 0;
    while job.try_wait().unwrap().is_none() {
        // The kernel keeps the maximum itself, so that nothing between two looks is missed.
        client_peak = peak(job.id()).unwrap_or(client_peak);
        std::thread::sleep(Duration::from_millis(2));
    }
    let output = job.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let (pushed, pushed_peak) = (begun.elapsed(), peak(server.id()).unwrap());
    let http = site.http(&server);
    let digest = said(&stderr);
    let shown = http.get(&format!("/v1/attestations/{digest}")).with(200).json();
    let app = &shown["subjects"][0]["value"];
    let app = Digest::from_hex(app.as_str().unwrap()).unwrap();
    assert_eq!(http.fetch_blob(app), (app, SIZE));
    let server_peak = peak(server.id()).unwrap();
    println!(
        "pushed in {pushed:?}, fetched in {:?}; peaks: server {idle_peak}, {pushed_peak}, {server_peak} KiB, client {client_peak} KiB",
        begun.elapsed().saturating_sub(pushed)
    );
    assert!((1..PEAK_MAX).contains(&client_peak), "the client held {client_peak} KiB");
    assert!((1..PEAK_MAX).contains(&server_peak), "the server held {server_peak} KiB");
}

/// A file of that size which takes no room, with something to tell it by in three places.
fn sparse(site: &Site) {
    let mut file = File::create(site.sandbox.path("large")).unwrap();
    file.set_len(SIZE).unwrap();
    for at in [0, SIZE / 2 + 1, SIZE - 16] {
        file.seek(SeekFrom::Start(at)).unwrap();
        file.write_all(&Digest::of(site.owner.as_bytes()).to_hex().as_bytes()[..16]).unwrap();
    }
}

/// The most memory that a process ever held, in KiB; nothing once it is gone.
fn peak(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[test]
fn the_server_gives_memory_back_at_once_unless_its_operator_said_when() {
    let data = tempfile::tempdir().unwrap();
    for (variables, expected) in [
        (&[][..], "MIMALLOC_PURGE_DELAY=0"),
        (&[("MIMALLOC_PURGE_DELAY", "7")], "MIMALLOC_PURGE_DELAY=7"),
    ] {
        let server = Server::start_with(data.path(), &[], variables);
        let environment = fs::read_to_string(format!("/proc/{}/environ", server.id())).unwrap();
        assert!(environment.split('\0').any(|one| one == expected), "{environment:?}");
    }
}
