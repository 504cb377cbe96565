//! Evidence from a job to a gate, through the real binary and a real server, on both storages.

use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use engine::{Digest, Timestamp, Verdict, canonical};
use serde_json::{Value, json};
use trust::{Bundle, Signer, SigningKey, Statement};

use crate::http::Http;
use crate::site::{Site, attest, predicate, said};
use crate::support::{PASSWORD, Server};

/// Largest evidence that policies read, in bytes, and one more.
const TOO_MUCH: u64 = (64 << 20) + 1;

#[test]
fn the_exit_code_of_a_push_is_the_verdict_and_gates_agree() {
    for site in Site::all() {
        let server = site.serve(&[]);
        let huge = std::fs::File::create(site.sandbox.path("huge.json")).unwrap();
        huge.set_len(TOO_MUCH).unwrap();
        for (name, sbom, verdict, code) in [
            ("passing", "good.json", "passed", 0),
            ("failing", "evil.json", "failed", 3),
            ("unclear", "huge.json", "indeterminate", 4),
        ] {
            let (app, _) = site.attest(name);
            let pushed = site.run(&server, &attest(name, sbom)).with(code);
            let digest = said(&pushed.stderr);
            assert_eq!(pushed.json()["verdict"], verdict, "{}", site.name);
            shown(&site, &server, name, &digest, verdict);
            let allowed = site.run(&server, &format!("gate allow {name} --gate prod -o json"));
            let decision = &allowed.with(code).json()["decisions"][0];
            assert_eq!(decision["artifact"], json!(app), "{}", site.name);
            let lineage = site.run(&server, &format!("lineage {app} -o json")).with(0).json();
            let nodes = lineage["nodes"].as_array().unwrap();
            let ids: Vec<_> = nodes.iter().map(|node| node["id"].as_str().unwrap()).collect();
            assert_eq!(nodes.len(), 3, "{}: the application, its SBOM, the attestation", site.name);
            assert!(ids.contains(&digest.as_str()) && ids.contains(&app.to_string().as_str()));
        }
        let unknown = Digest::of("never seen");
        site.run(&server, &format!("gate allow {unknown} --gate prod")).with(4);
        site.run(&server, &format!("gate allow passing {unknown} --gate prod")).with(4);
        site.run(&server, "gate allow passing failing --gate prod").with(3);
        site.run(&server, "gate allow passing --gate nowhere").with(6);
    }
}

/// What is answered about an attestation is what was pushed, byte for byte, and what was judged.
fn shown(site: &Site, server: &Server, name: &str, digest: &str, verdict: &str) {
    let shown = site.run(server, &format!("attestation show {digest}")).with(0).json();
    assert_eq!(shown["verdict"], verdict, "{}", site.name);
    assert_eq!(shown["claimed_verdict"], verdict, "{}", site.name);
    let bundle = site.run(server, &format!("attestation bundle {digest}")).with(0).stdout;
    assert!(bundle.as_bytes() == site.bundle(name), "{}: another bundle", site.name);
    assert_eq!(Digest::of(&bundle).to_string(), digest, "{}", site.name);
    let record = site.run(server, &format!("attestation verdict {digest}")).with(0);
    assert_eq!(json!(Digest::of(&record.stdout)), shown["verdict_digest"], "{}", site.name);
    assert_eq!(record.json()["verdict"], verdict, "{}", site.name);
    site.run(server, &format!("verify {name}.bundle --key ci.pub --subject {name}")).with(0);
}

#[test]
fn the_same_bytes_twice_are_one_attestation() {
    for site in Site::all() {
        let server = site.serve(&[]);
        let (_, line) = site.attest("app");
        let digest = said(&site.run(&server, &line).with(0).stderr);
        let bundle = site.bundle("app");
        let run = predicate(&bundle)["run"].as_str().unwrap().to_owned();
        for _ in 0..2 {
            let receipt = site.http(&server).push(&run, &bundle).with(200).json();
            assert_eq!(receipt["attestation"]["digest"], json!(digest), "{}", site.name);
            assert_eq!(receipt["new"], json!(false), "{}", site.name);
        }
        let list = site.http(&server).get("/v1/attestations").with(200).json();
        assert_eq!(list["items"].as_array().unwrap().len(), 1, "{}", site.name);
    }
}

#[test]
fn a_job_and_the_server_evaluate_byte_for_byte_the_same() {
    for site in Site::all() {
        let server = site.serve(&[]);
        for (name, sbom, code) in [("one", "good.json", 0), ("two", "evil.json", 3)] {
            site.attest(name);
            let line = format!("check --contract contract.yaml -o json app={name} sbom={sbom}");
            let checked = site.sandbox.run(&line).with(code).json();
            let digest = said(&site.run(&server, &attest(name, sbom)).with(code).stderr);
            let shown = site.run(&server, &format!("attestation show {digest}")).with(0).json();
            let bytes = |value: &Value| canonical::to_bytes(&value["evaluations"]).unwrap();
            let expected = bytes(&checked);
            assert!(checked["evaluations"].as_array().is_some_and(|list| list.len() > 1));
            let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
            assert_eq!(text(bytes(&shown)), text(expected.clone()), "{}", site.name);
            assert_eq!(bytes(&predicate(&site.bundle(name))), expected, "{}", site.name);
            // The record is canonical as it is stored: the very bytes are in it.
            let record = site.run(&server, &format!("attestation verdict {digest}")).with(0).stdout;
            let member = format!("\"evaluations\":{}", text(expected));
            assert!(record.contains(&member), "{}: {record}", site.name);
        }
    }
}

/// What a job changes, the status, and the step that refuses or the verdict.
type Tampering = (&'static str, fn(&mut Value), u16, &'static str);

const TAMPERINGS: [Tampering; 6] = [
    ("nothing", |_| {}, 201, "passed"),
    ("a claimed pass over bad evidence", claim_pass, 201, "failed"),
    ("another contract revision", |it| it["contract"]["revision"] = json!(7), 422, "contract"),
    ("another run", |it| it["run"] = json!("018f0000-0000-7000-8000-000000000000"), 422, "run"),
    ("another organization", globex, 422, "workflow"),
    ("evidence that is nowhere", nowhere, 422, "evidence"),
];

/// It goes over the bad SBOM, which is in the store, with the evaluations of the good one.
fn claim_pass(predicate: &mut Value) {
    let sbom = material(predicate, "sbom");
    sbom["digest"] = json!(Digest::of(crate::site::sbom("evil")));
    predicate["verdict"] = json!(Verdict::Passed);
}

fn globex(predicate: &mut Value) {
    predicate["circumstances"]["workflow"]["organization"] = json!("globex");
}

fn nowhere(predicate: &mut Value) {
    material(predicate, "sbom")["digest"] = json!(Digest::of("nowhere"));
}

fn material<'a>(predicate: &'a mut Value, name: &str) -> &'a mut Value {
    let materials = predicate["materials"].as_array_mut().unwrap();
    materials.iter_mut().find(|material| material["name"] == name).unwrap()
}

#[test]
fn a_tampered_predicate_is_refused_or_judged_by_the_evidence() {
    for site in Site::all() {
        let server = site.serve(&[]);
        let http = site.http(&server);
        let evil = crate::site::sbom("evil");
        http.put_blob(Digest::of(&evil), evil.as_bytes()).with(201);
        site.attest("app");
        site.run(&server, &attest("app", "good.json")).with(0);
        let honest = site.bundle("app");
        for (what, tamper, status, expected) in TAMPERINGS {
            let opened = http.post("/v1/runs", &json!({ "workflow": "web/release" })).with(201);
            let run = opened.json()["id"].as_str().unwrap().to_owned();
            let bundle = signed_again(&site, &honest, |predicate| {
                predicate["run"] = json!(run);
                tamper(predicate);
            });
            let answer = http.push(&run, bundle.bytes()).with(status).json();
            let actual =
                if status == 201 { &answer["attestation"]["verdict"] } else { &answer["step"] };
            assert_eq!(actual, expected, "{}, {what}: {answer}", site.name);
        }
        // A byte of the payload changed after it was signed.
        let opened = http.post("/v1/runs", &json!({ "workflow": "web/release" })).with(201);
        let run = opened.json()["id"].as_str().unwrap().to_owned();
        let mut bundle: Value = serde_json::from_slice(
            signed_again(&site, &honest, |predicate| predicate["run"] = json!(run)).bytes(),
        )
        .unwrap();
        let payload = bundle.pointer_mut("/dsseEnvelope/payload").unwrap();
        let text = String::from_utf8(STANDARD.decode(payload.as_str().unwrap()).unwrap()).unwrap();
        *payload = json!(STANDARD.encode(text.replacen("\"good.json\"", "\"food.json\"", 1)));
        let answer = http.push(&run, bundle.to_string().as_bytes()).with(422).json();
        assert_eq!(answer["step"], "signature", "{}: {answer}", site.name);
    }
}

/// The same statement with another predicate, signed by the job's own key.
fn signed_again(site: &Site, bundle: &[u8], change: impl FnOnce(&mut Value)) -> Bundle {
    let bundle = Bundle::parse(bundle).unwrap();
    let statement: Value = serde_json::from_slice(&bundle.envelope().payload).unwrap();
    let mut predicate = statement["predicate"].clone();
    change(&mut predicate);
    let subjects = statement["subject"].as_array().unwrap().iter().map(|subject| {
        let digest = subject["digest"]["sha256"].as_str().unwrap().to_owned();
        (subject["name"].as_str().unwrap().to_owned(), "sha256".to_owned(), digest)
    });
    let statement = Statement::new(subjects, engine::predicate::TYPE, predicate);
    let key = SigningKey::from_pem(&site.sandbox.read("ci.pem"), None).unwrap();
    key.sign(&statement).unwrap()
}

#[test]
fn tokens_end() {
    for site in Site::all() {
        let server = site.serve(&[]);
        let http = site.http(&server);
        let create = |name: &str, end: Option<Timestamp>| {
            let body = json!({ "name": name, "scopes": ["read"], "expires_at": end });
            http.post("/v1/tokens", &body).with(201).json()
        };
        let soon = chrono::Utc::now() + chrono::TimeDelta::seconds(3);
        let brief = create("brief", Some(Timestamp::from_datetime(soon)));
        let revoked = create("revoked", None);
        let secret = |token: &Value| token["secret"].as_str().unwrap().to_owned();
        let brief = secret(&brief);
        http.under(&brief).get("/v1/identity").with(200);
        http.under(&secret(&revoked)).get("/v1/identity").with(200);
        let id = revoked["token"]["id"].as_str().unwrap();
        http.delete(&format!("/v1/tokens/{id}")).with(204);
        refused(&site, &server, &secret(&revoked));
        // Until after its end it must be accepted or refused, then refused for good.
        let late = soon + chrono::TimeDelta::seconds(5);
        while http.under(&brief).get("/v1/identity").status != 401 {
            assert!(chrono::Utc::now() < late, "{}: it does not end", site.name);
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        assert!(chrono::Utc::now() >= soon, "{}: it ended before its time", site.name);
        refused(&site, &server, &brief);
        refused(&site, &server, "muster_pat_nonsense");
    }
}

fn refused(site: &Site, server: &Server, token: &str) {
    let problem = site.http(server).under(token).get("/v1/identity").with(401).json();
    assert_eq!(problem["code"], "unauthenticated", "{}: {problem}", site.name);
    for line in [
        "whoami",
        "gate allow ci.pem --gate prod",
        "attest --workflow web/release --key ci.pem app=ci.pem",
    ] {
        site.run_under(server, token, line).with(5);
    }
}

#[test]
fn another_organization_finds_nothing() {
    for site in Site::all() {
        let server = site.serve(&[]);
        let (app, line) = site.attest("app");
        let digest = said(&site.run(&server, &line).with(0).stderr);
        let run = predicate(&site.bundle("app"))["run"].as_str().unwrap().to_owned();
        let key = site.sandbox.read("ci.pem");
        let globex = site.organization(&server, "globex", &key);
        let http: Http = site.http(&server).under(&globex);
        for path in [
            format!("/v1/attestations/{digest}"),
            format!("/v1/attestations/{digest}/bundle"),
            format!("/v1/attestations/{digest}/verdict"),
            format!("/v1/blobs/{app}"),
            format!("/v1/blobs/{digest}"),
            format!("/v1/runs/{run}"),
        ] {
            http.get(&path).with(404);
        }
        http.push(&run, &site.bundle("app")).with(404);
        for part in ["show", "bundle", "verdict"] {
            site.run_under(&server, &globex, &format!("attestation {part} {digest}")).with(6);
        }
        site.run_under(&server, &globex, "gate allow app --gate prod").with(4);
        assert_eq!(http.get("/v1/attestations").with(200).json()["items"], json!([]));
    }
}

#[test]
fn a_blob_must_have_its_digest() {
    for site in Site::all() {
        let server = site.serve(&[]);
        let (http, digest) = (site.http(&server), Digest::of("right"));
        let problem = http.put_blob(digest, b"wrong").with(422).json();
        assert_eq!(problem["status"], 422, "{}: {problem}", site.name);
        http.get(&format!("/v1/blobs/{digest}")).with(404);
        http.put_blob(digest, b"right").with(201);
        assert_eq!(http.fetch_blob(digest), (digest, 5), "{}", site.name);
    }
}

#[test]
fn an_image_needs_a_digest() {
    let site = Site::embedded();
    let server = site.serve(&[]);
    let (_, line) = site.attest("app");
    for image in ["ghcr.io/acme/web", "ghcr.io/acme/web:1.0"] {
        let refused = site.run(&server, &format!("{line} image={image}")).with(2);
        assert!(refused.stderr.contains("has no digest"), "{}", refused.stderr);
    }
    let image = Digest::of("an image");
    site.run(&server, &format!("{line} image=ghcr.io/acme/web@{image}")).with(0);
}

#[test]
fn keys_of_stock_tools_and_of_ours_sign() {
    let site = Site::embedded();
    let server = site.serve(&[]);
    let password = [
        ("MUSTER_KEY_PASSWORD", PASSWORD),
        ("MUSTER_SERVER", server.url.as_str()),
        ("MUSTER_TOKEN", site.owner.as_str()),
    ];
    let run = |line: &str| site.sandbox.run_with(&password, line);
    run("key generate --out cosign.key").with(0);
    assert!(site.sandbox.read("cosign.key").contains("ENCRYPTED"));
    let mut keys = vec![("cosign", "cosign.key", "cosign.key.pub")];
    if openssl(
        &site,
        &[
            "genpkey",
            "-algorithm",
            "EC",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-out",
            "openssl.pem",
        ],
    ) && openssl(&site, &["pkey", "-in", "openssl.pem", "-pubout", "-out", "openssl.pub"])
    {
        keys.push(("openssl", "openssl.pem", "openssl.pub"));
    }
    for (name, key, public) in keys {
        let (app, line) = site.attest(name);
        let line = line.replace("ci.pem", key);
        // A key that nobody registered signs, and convinces nobody.
        let refused = run(&line).with(3);
        assert!(refused.stderr.contains("does not verify"), "{}", refused.stderr);
        run(&format!("gate allow {app} --gate prod")).with(4);
        run(&format!("key add {public} --name {name}")).with(0);
        run(&line).with(0);
        run(&format!("gate allow {app} --gate prod")).with(0);
        run(&format!("verify {name}.bundle --key {public} --subject {name}")).with(0);
        run(&format!("verify {name}.bundle --key ci.pub --subject {name}")).with(3);
    }
}

/// Whether `openssl` did as asked; says so where there is none.
fn openssl(site: &Site, args: &[&str]) -> bool {
    let mut command = Command::new("openssl");
    command.args(args).current_dir(site.sandbox.path("")).stderr(Stdio::null());
    match command.status() {
        Ok(status) => status.success() || panic!("openssl {args:?}: {status}"),
        Err(error) => {
            // Not captured: whoever runs the tests must see it.
            use std::io::Write;
            writeln!(std::io::stderr(), "\nskipped: openssl ({error})").unwrap();
            false
        }
    }
}
