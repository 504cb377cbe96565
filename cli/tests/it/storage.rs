//! Where evidence is kept: in stores that the operator names, through a server that outlives their absence.

use serde_json::json;
use testdata::peers::{self, Relay};

use crate::http::Http;
use crate::site::Site;
use crate::support::{Sandbox, Server};

/// A place outside of the server, a way to it that can be cut, what opens it, and the secret in that.
pub(crate) struct Place {
    pub name: &'static str,
    pub relay: Relay,
    pub address: String,
    pub credentials: String,
    pub secret: &'static str,
}

/// A bucket, and a registry that wants tokens; each as far as it is installed.
pub(crate) fn places(of: &str) -> Vec<Place> {
    let mut places = Vec::new();
    if let Some(server) = peers::s3() {
        let ((id, key), bucket) = (server.key(), format!("evidence-{of}"));
        server.bucket(&bucket);
        let relay = Relay::to(server.endpoint().trim_start_matches("http://"));
        let address = format!("s3://{bucket}/muster?endpoint=http://{}", relay.address());
        let credentials = json!({ "access_key_id": id, "secret_access_key": key }).to_string();
        places.push(Place { name: "a bucket", relay, address, credentials, secret: key });
    }
    if let Some(registry) = peers::registry_with_tokens() {
        let (user, password) = registry.user();
        let relay = Relay::to(registry.address());
        let address = format!("oci://{}/muster/evidence-{of}?plain-http=true", relay.address());
        let credentials = json!({ "username": user, "password": password }).to_string();
        places.push(Place { name: "a registry", relay, address, credentials, secret: password });
    }
    places
}

#[test]
fn evidence_is_kept_where_the_operator_says() {
    for Place { name, address, credentials, secret, .. } in places("kept") {
        let site = Site::with_blobs_in(name, &address, &credentials);
        let server = site.serve(&[]);
        let (app, line) = site.attest("app");
        site.run(&server, &line).with(0);
        let (code, log) = server.stop();
        assert_eq!(code, 0, "{name}: {log}");
        assert!(!log.contains(secret), "{name}: {log}");
        // Another server finds it: it is not on the disk of this one.
        let server = site.serve(&[("RUST_LOG", "trace")]);
        assert_eq!(site.http(&server).fetch_blob(app).0, app, "{name}");
        let (_, log) = server.stop();
        assert!(log.contains("TRACE") && !log.contains(secret), "{name}");
    }
}

#[test]
fn a_store_that_is_gone_is_reported_and_nothing_is_lost() {
    for Place { name, relay, address, credentials, .. } in places("gone") {
        let site = Site::with_blobs_in(name, &address, &credentials);
        let server = site.serve(&[]);
        let http = site.http(&server);
        http.get("/readyz").with(200);
        let (one, line) = site.attest("one");
        site.run(&server, &line).with(0);

        relay.cut();
        let problem = http.get("/readyz").with(503).json();
        assert!(problem["detail"].as_str().unwrap().contains("blob store"), "{name}: {problem}");
        let (two, line) = site.attest("two");
        let refused = site.run(&server, &line).with(75).stderr;
        assert!(refused.contains("the blob store cannot be reached"), "{name}: {refused}");
        http.get(&format!("/v1/blobs/{one}")).with(503);
        http.get(&format!("/v1/blobs/{two}")).with(404);
        // What was decided needs no evidence.
        site.run(&server, &format!("gate allow {one} --gate prod")).with(0);
        site.run(&server, &format!("gate allow {two} --gate prod")).with(4);

        relay.mend();
        http.get("/readyz").with(200);
        site.run(&server, &line).with(0);
        for app in [one, two] {
            assert_eq!(http.fetch_blob(app).0, app, "{name}");
            site.run(&server, &format!("gate allow {app} --gate prod")).with(0);
        }
    }
}

#[test]
fn a_bucket_is_opened_by_what_the_machine_has() {
    let Some(s3) = peers::s3() else { return };
    s3.bucket("evidence-machine");
    let ((id, key), data) = (s3.key(), tempfile::tempdir().unwrap());
    let place = format!("s3://evidence-machine?endpoint={}", s3.endpoint());
    let json = json!({ "access_key_id": id, "secret_access_key": key }).to_string();
    for (variables, ready) in [
        (vec![("AWS_ACCESS_KEY_ID", id), ("AWS_SECRET_ACCESS_KEY", key)], 200),
        (vec![("AWS_ACCESS_KEY_ID", id), ("AWS_SECRET_ACCESS_KEY", "another")], 503),
        (vec![("MUSTER_BLOBS_CREDENTIALS", json.as_str())], 200),
    ] {
        let server = Server::start_with(data.path(), &["--blobs", &place], &variables);
        Http::new(&server.url, "").get("/readyz").with(ready);
        let (_, log) = server.stop();
        assert!(!log.contains(key), "{log}");
    }
}

#[test]
fn a_directory_is_a_place_too() {
    let (data, blobs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let place = blobs.path().join("evidence");
    for place in [place.display().to_string(), format!("file://{}", place.display())] {
        let server = Server::start_with(data.path(), &["--blobs", &place], &[]);
        Http::new(&server.url, "").get("/readyz").with(200);
    }
    assert!(place.join("incoming").exists() && !data.path().join("blobs").exists());
}

#[test]
fn a_place_that_cannot_be_opened_stops_the_server_and_no_secret_is_shown() {
    let sandbox = Sandbox::new();
    sandbox.write("password", r#"{"username":"u","password":"hunter2"}"#);
    sandbox.write("wrong", r#"{"user":"u","password":"hunter2"}"#);
    let variable = [("MUSTER_BLOBS_CREDENTIALS", "hunter2")];
    for (line, variables, code, phrase) in [
        ("--blobs ftp://evidence", [].as_slice(), 2, "`ftp:` is no place for blobs"),
        ("--blobs s3://u:hunter2@evidence", &[], 2, "must not hold credentials"),
        ("--blobs s3://evidence --blobs-registry host/x", &[], 2, "cannot be used with"),
        ("--blobs s3://evidence --blobs-credentials-file password", &[], 2, "an access key"),
        ("--blobs s3://evidence --blobs-credentials-file wrong", &[], 2, "not their form"),
        ("--blobs s3://evidence --blobs-credentials-file none", &[], 2, "cannot read none"),
        ("--blobs s3://evidence", &variable, 2, "MUSTER_BLOBS_CREDENTIALS: the credentials"),
        ("--blobs evidence --blobs-credentials-file password", &[], 2, "needs no credentials"),
        (
            "--blobs oci://registry.example.com/x?plain-http=true --blobs-credentials-file password",
            &[],
            2,
            "not sent over HTTP to another machine",
        ),
    ] {
        let line = format!("serve --listen 127.0.0.1:0 {line}");
        let ended = sandbox.run_with(variables, &line).with(code);
        assert!(ended.stderr.contains(phrase), "{line}: {}", ended.stderr);
        let told = ended.stderr.replace("s3://u:hunter2@evidence", "");
        assert!(!told.contains("hunter2"), "{line}: {told}");
    }
}
