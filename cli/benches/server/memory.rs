//! Peak memory of a server that receives 64 attestations at once, each over an SBOM of 20 MB.

use std::fs;
use std::sync::Barrier;
use std::time::Instant;

use engine::{Digest, predicate};
use serde_json::{Value, json};
use trust::{Signer, SigningKey, Statement};

use crate::http::Http;
use crate::site::{self, Site, attest};
use crate::support::Server;

const PUSHES: usize = 64;
const SBOM_BYTES: usize = 20_000_000;
const PEAK_MIB_MAX: u64 = 1024;

pub(crate) fn measure() {
    for site in Site::all() {
        let pushes = prepare(&site);
        // A server that has not yet done anything, so that the peak is of these pushes.
        let server = site.serve(&[]);
        let begun = Instant::now();
        push_at_once(&site.http(&server), &pushes);
        let (took, peak) = (begun.elapsed(), peak_mib(&server));
        let count = pushes.len();
        println!(
            "{}: {count} pushes of {SBOM_BYTES} bytes at once in {took:.1?}; the server held at most {peak} MiB (bar: {PEAK_MIB_MAX})",
            site.name
        );
    }
}

/// One push: a run that is open, the evidence that it hands over, and the bundle that it signs.
struct Push {
    run: String,
    app: Vec<u8>,
    sbom: Vec<u8>,
    bundle: Vec<u8>,
}

/// Makes each push after the image of one that the command line made.
fn prepare(site: &Site) -> Vec<Push> {
    let server = site.serve(&[]);
    site.sandbox.write("app", "the application");
    site.run(&server, &attest("app", "good.json")).with(0);
    let image = site::predicate(&site.bundle("app"));
    let key = SigningKey::from_pem(&site.sandbox.read("ci.pem"), None).unwrap();
    let http = site.http(&server);
    let pushes = (0..PUSHES).map(|number| {
        let run = http.post("/v1/runs", &json!({ "workflow": "web/release" })).with(201).json();
        let run = run["id"].as_str().unwrap().to_owned();
        let (app, sbom) = (format!("application {number}").into_bytes(), large_sbom(number));
        let bundle = sign(&key, image.clone(), &run, &app, &sbom);
        Push { run, app, sbom, bundle }
    });
    let pushes = pushes.collect();
    server.stop();
    pushes
}

fn sign(key: &SigningKey, mut predicate: Value, run: &str, app: &[u8], sbom: &[u8]) -> Vec<u8> {
    predicate["run"] = json!(run);
    for material in predicate["materials"].as_array_mut().unwrap() {
        let bytes = if material["name"] == "app" { app } else { sbom };
        material["digest"] = json!(Digest::of(bytes));
        material["size"] = json!(bytes.len());
    }
    let subject = ("app".to_owned(), "sha256".to_owned(), Digest::of(app).to_hex());
    let statement = Statement::new([subject], predicate::TYPE, predicate);
    key.sign(&statement).unwrap().bytes().to_vec()
}

/// A CycloneDX document of that size, with components as `syft` writes them.
fn large_sbom(number: usize) -> Vec<u8> {
    let mut text =
        String::from(r#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":["#);
    let mut part = 0;
    while text.len() < SBOM_BYTES {
        let comma = if part == 0 { "" } else { "," };
        let component = format!(
            r#"{comma}{{"type":"library","name":"part-{number}-{part}","version":"1.{part}.0","purl":"pkg:deb/debian/part-{number}-{part}@1.{part}.0?arch=amd64&distro=debian-12","licenses":[{{"license":{{"id":"Apache-2.0"}}}}],"properties":[{{"name":"syft:package:foundBy","value":"dpkg-db-cataloger"}},{{"name":"syft:location:0:path","value":"/var/lib/dpkg/status.d/part-{part}"}}]}}"#
        );
        text.push_str(&component);
        part += 1;
    }
    text.push_str("]}");
    text.into_bytes()
}

/// All of them begin at the same moment.
fn push_at_once(http: &Http, pushes: &[Push]) {
    let barrier = Barrier::new(pushes.len());
    std::thread::scope(|scope| {
        for push in pushes {
            let barrier = &barrier;
            scope.spawn(move || {
                barrier.wait();
                for bytes in [&push.app, &push.sbom] {
                    let status = http.put_blob(Digest::of(bytes), bytes).status;
                    assert!([200, 201].contains(&status), "{status}");
                }
                let receipt = http.push(&push.run, &push.bundle).with(201).json();
                assert_eq!(receipt["attestation"]["verdict"], "passed", "{receipt}");
            });
        }
    });
}

/// The most memory that the server ever held, which the kernel itself keeps: `VmHWM` of `proc_pid_status(5)`.
fn peak_mib(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() / 1024
}
