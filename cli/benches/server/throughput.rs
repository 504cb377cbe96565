//! Blobs through the server, beside `curl` to the same registry: the same bytes, in turn.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use engine::Digest;
use testdata::peers;

use crate::site::Site;

const ROUNDS: u64 = 5;
const BLOB_BYTES: usize = 256 << 20;

pub(crate) fn measure() {
    let (Some(site), Some(registry)) = (Site::shared(), peers::registry()) else { return };
    if Command::new("curl").arg("--version").output().is_err() {
        println!("skipped: curl");
        return;
    }
    let server = site.serve(&[]);
    let (authorization, file) =
        (format!("authorization: Bearer {}", site.owner), site.sandbox.path("blob"));
    let direct = format!("http://{}/v2/direct/blobs", registry.address());
    let through = format!("{}/v1/blobs", server.url);
    let mut times = [const { Vec::new() }; 5];
    for round in 0..ROUNDS {
        let digest = write_blob(&file, round);
        let took = [
            timed(|| put_directly(&direct, digest, &file)),
            timed(|| put(&format!("{through}/{digest}"), &authorization, &file)),
            timed(|| get(&format!("{direct}/{digest}"), &authorization)),
            timed(|| get_and_check(&format!("{direct}/{digest}"), digest)),
            timed(|| get(&format!("{through}/{digest}"), &authorization)),
        ];
        for (times, took) in times.iter_mut().zip(took) {
            times.push(took);
        }
    }
    let [put_direct, put_through, get_direct, get_checked, get_through] = times.map(rate);
    for (what, through, direct, by) in [
        ("put", put_through, put_direct, "curl"),
        ("get", get_through, get_direct, "curl, which checks nothing"),
        ("get", get_through, get_checked, "curl and sha256sum"),
    ] {
        println!(
            "{what} {} MiB: {through:.0} MiB/s through the server, {direct:.0} MiB/s from its registry by {by}; ratio {:.2} (bar: 0.70)",
            BLOB_BYTES >> 20,
            through / direct
        );
    }
}

/// A file that nobody stored before.
fn write_blob(path: &Path, round: u64) -> Digest {
    let mut bytes = vec![0; BLOB_BYTES];
    let mut state = round.wrapping_add(0x9e37_79b9_7f4a_7c15);
    for word in bytes.chunks_exact_mut(8) {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        word.copy_from_slice(&state.to_le_bytes());
    }
    File::create(path).unwrap().write_all(&bytes).unwrap();
    Digest::of(&bytes)
}

fn put_directly(blobs: &str, digest: Digest, file: &Path) {
    let opened = curl(
        &["-X", "POST", "-o", "/dev/null", "-w", "%header{location}"],
        &format!("{blobs}/uploads/"),
    );
    let sign = if opened.contains('?') { '&' } else { '?' };
    put(&format!("{opened}{sign}digest={digest}"), "", file);
}

fn put(url: &str, header: &str, file: &Path) {
    let file = file.to_str().unwrap();
    curl(&["-T", file, "-H", "content-type: application/octet-stream", "-H", header], url);
}

fn get(url: &str, header: &str) {
    curl(&["-o", "/dev/null", "-H", header], url);
}

/// What the server does for whoever asks it: the bytes are those that the digest names.
fn get_and_check(url: &str, digest: Digest) {
    let script = r#"curl -sS --fail "$1" | sha256sum"#;
    let output = Command::new("sh").args(["-c", script, "get", url]).output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().starts_with(&digest.to_hex()));
}

fn curl(args: &[&str], url: &str) -> String {
    let output = Command::new("curl").args(["-sS", "--fail"]).args(args).arg(url).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{url}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

fn timed(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

/// MiB per second of the median.
fn rate(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    let median = times[times.len() / 2];
    f64::from(u32::try_from(BLOB_BYTES >> 20).unwrap()) / median.as_secs_f64()
}
