//! Backends of an organization: made, given roles, gone, back, and never a secret shown.

use serde_json::{Value, json};
use testdata::peers::Relay;

use crate::crash::{ended, until};
use crate::site::Site;
use crate::storage::{Place, places};
use crate::support::{Ended, Server};

/// A key to seal credentials with, 32 bytes in base64.
const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const VARIABLES: [(&str, &str); 1] = [("MUSTER_ALLOW_PRIVATE_HOST", "127.0.0.1")];

/// A bucket and a registry as backends of `acme`, with ways to them that can be cut.
struct Stores {
    bucket: Relay,
    registry: Relay,
}

/// Makes the backends `bucket` and `registry`; none where a server for them is missing.
fn stores(site: &Site, server: &Server, of: &str) -> Option<Stores> {
    let mut relays = Vec::new();
    for (name, place) in ["bucket", "registry"].into_iter().zip(places(of)) {
        let Place { relay, address, credentials, secret, .. } = place;
        site.sandbox.write("credentials.json", credentials);
        let line =
            format!("backend create {name} --place {address} --credentials-file credentials.json");
        let made = site.run(server, &line).with(0);
        assert!(made.stdout.contains("works"), "{}", made.stdout);
        assert!(!format!("{}{}", made.stdout, made.stderr).contains(secret), "{}", made.stdout);
        relays.push(relay);
    }
    let registry = relays.pop()?;
    Some(Stores { bucket: relays.pop()?, registry })
}

fn shown(site: &Site, server: &Server, name: &str) -> Value {
    site.run(server, &format!("backend show {name} -o json")).with(0).json()
}

fn attested(site: &Site, server: &Server, name: &str, code: i32) -> (engine::Digest, Ended) {
    let (app, line) = site.attest(name);
    (app, site.run(server, &line).with(code))
}

#[test]
fn new_blobs_go_to_the_default_or_while_it_is_gone_to_the_fallback() {
    for site in Site::all() {
        let server = site.serve(&VARIABLES);
        let of = format!("roles-{}", server.id());
        let Some(Stores { bucket, registry }) = stores(&site, &server, &of) else { return };
        let (before, _) = attested(&site, &server, "before", 0);
        let said = site.run(&server, "backend default bucket").with(0).stdout;
        assert!(said.starts_with("bucket  default   works    0 blobs"), "{said}");
        site.run(&server, "backend fallback registry").with(0);
        let (one, _) = attested(&site, &server, "one", 0);
        // The application and the bundle; the SBOM was handed in before.
        assert_eq!(shown(&site, &server, "bucket")["blobs"], 2, "{}", site.name);

        bucket.cut();
        let (two, _) = attested(&site, &server, "two", 0);
        assert_eq!(shown(&site, &server, "registry")["blobs"], 2, "{}", site.name);
        let failing = site.run(&server, "backend check bucket -o json").with(75).json();
        let failure = failing["failure"].as_str().unwrap();
        assert!(failure.contains("s3://evidence-roles"), "{failure}");
        let problem = site.http(&server).get(&format!("/v1/blobs/{one}")).with(503).json();
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("the blob store `bucket` cannot be reached"), "{detail}");
        site.http(&server).get("/readyz").with(200);
        let (three, _) = attested(&site, &server, "three", 0);

        registry.cut();
        let (four, ended) = attested(&site, &server, "four", 75);
        assert!(ended.stderr.contains("`registry` cannot be reached"), "{}", ended.stderr);
        site.http(&server).get(&format!("/v1/blobs/{four}")).with(404);

        bucket.mend();
        registry.mend();
        site.run(&server, "backend check bucket").with(0);
        attested(&site, &server, "four", 0);
        assert_eq!(shown(&site, &server, "bucket")["blobs"], 4, "{}", site.name);
        // Another server knows all of it.
        server.stop();
        let server = site.serve(&VARIABLES);
        for app in [before, one, two, three, four] {
            assert_eq!(site.http(&server).fetch_blob(app).0, app, "{}", site.name);
            site.run(&server, &format!("gate allow {app} --gate prod")).with(0);
        }
        let trail = site.run(&server, "audit list --action backend.* -o json").with(0).stdout;
        for action in ["create", "role", "fail", "recover"] {
            assert!(trail.contains(&format!("backend.{action}")), "{action}: {trail}");
        }
        let listed = site.run(&server, "backend list -o json").with(0).stdout;
        let (_, log) = server.stop();
        for text in [trail, listed, log] {
            assert!(!text.contains("correct"), "{}: {text}", site.name);
        }
    }
}

#[test]
fn a_blob_whose_backend_is_gone_is_kept_again_when_it_is_handed_in_again() {
    let site = Site::embedded();
    let server = site.serve(&VARIABLES);
    let Some(Stores { bucket, .. }) = stores(&site, &server, "again") else { return };
    site.run(&server, "backend default bucket").with(0);
    let (app, _) = attested(&site, &server, "app", 0);
    bucket.cut();
    site.http(&server).get(&format!("/v1/blobs/{app}")).with(503);
    site.run(&server, "backend default registry").with(0);
    site.http(&server).put_blob(app, b"the application app").with(201);
    assert_eq!(site.http(&server).fetch_blob(app).0, app);
    assert_eq!(shown(&site, &server, "registry")["blobs"], 1);
}

#[test]
fn a_backend_is_deleted_only_when_nothing_is_in_it_and_nothing_goes_there() {
    let site = Site::embedded();
    let server = site.serve(&VARIABLES);
    if stores(&site, &server, "deleted").is_none() {
        return;
    }
    site.run(&server, "backend default bucket").with(0);
    attested(&site, &server, "app", 0);
    let delete = |name: &str, code: i32| {
        site.run(&server, &format!("backend delete {name}")).with(code).stderr
    };
    assert!(delete("bucket", 2).contains("`bucket` is the default"));
    site.run(&server, "backend rest bucket").with(0);
    assert!(delete("bucket", 2).contains("3 blobs are in `bucket`"));
    delete("registry", 0);
    delete("registry", 6);
    // With no default, the store of the server takes what is new.
    attested(&site, &server, "next", 0);
    assert_eq!(shown(&site, &server, "bucket")["blobs"], 3);
}

#[test]
fn blobs_are_moved_though_the_server_is_killed_and_a_place_is_gone() {
    for site in Site::all() {
        let server = site.serve(&VARIABLES);
        let of = format!("moved-{}", server.id());
        let Some(Stores { bucket, registry }) = stores(&site, &server, &of) else { return };
        let apps: Vec<_> = ["one", "two"].map(|name| attested(&site, &server, name, 0).0).into();
        let to_bucket = "backend move --to bucket";
        let refused = site.run(&server, to_bucket).with(2).stderr;
        assert!(refused.contains("takes the new blobs"), "{refused}");
        site.run(&server, "backend default bucket").with(0);
        let dry = site.run(&server, &format!("{to_bucket} --dry-run")).with(0).stdout;
        // Two applications, their bundles, and the SBOM of both.
        assert!(dry.starts_with("5 blobs, "), "{dry}");
        bucket.cut();
        let gone = site.run(&server, to_bucket).with(75).stderr;
        assert!(gone.contains("cannot be reached"), "{gone}");
        bucket.mend();
        server.stop();

        let killed = site.serve(&[
            VARIABLES[0],
            ("FAILPOINTS", "move::before-transaction=pause"),
            ("RUST_LOG", "control::receipt=trace"),
        ]);
        let moving = site.start(&killed, to_bucket);
        until(&killed, "move::before-transaction");
        killed.kill();
        assert_eq!(ended(moving).code, 75, "{}", site.name);
        let server = site.serve(&VARIABLES);
        assert_eq!(shown(&site, &server, "bucket")["blobs"], 0, "{}", site.name);
        // What it had copied is there, and nothing refers to it.
        let sweep = "backend sweep bucket";
        let dry = site.run(&server, &format!("{sweep} --dry-run")).with(0).stdout;
        assert!(dry.starts_with("5 of 5 blobs, ") && dry.contains("would be removed"), "{dry}");
        let swept = site.run(&server, &format!("{sweep} -o json")).with(0).json();
        assert_eq!((&swept["looked_at"], &swept["blobs"]), (&json!(5), &json!(5)));
        let swept = site.run(&server, sweep).with(0).stdout;
        assert_eq!(swept, "0 of 5 blobs, 0 bytes are removed within some minutes\n");
        let moved = site.run(&server, to_bucket).with(0).stdout;
        assert!(moved.starts_with("moved 5 blobs, "), "{moved}");
        assert!(site.run(&server, to_bucket).with(0).stdout.starts_with("moved 0 blobs"));
        site.run(&server, "backend default registry").with(0);
        let onwards = "backend move --from bucket --to registry -o json";
        assert_eq!(site.run(&server, onwards).with(0).json()["blobs"], 5);
        let left = shown(&site, &server, "bucket");
        assert_eq!((&left["blobs"], &left["removing"]), (&json!(0), &json!(5)), "{}", site.name);
        bucket.cut();
        for app in &apps {
            assert_eq!(site.http(&server).fetch_blob(*app).0, *app, "{}", site.name);
        }
        let refused = site.run(&server, "backend delete bucket").with(2).stderr;
        assert!(refused.contains("still to be removed"), "{refused}");
        site.run(&server, "backend delete bucket --leave-bytes").with(0);
        registry.cut();
        for (line, code, phrase) in [
            ("backend sweep nowhere", 6, "there is no backend `nowhere`"),
            ("backend sweep --dry-run", 5, "only a token of the instance"),
            ("backend move", 2, "--from <NAME>|--to <NAME>"),
            ("backend move --from registry --to registry", 2, "to where they are"),
            ("backend move --from nowhere", 6, "there is no backend `nowhere`"),
            ("backend move --from registry", 2, "`registry` is the default"),
        ] {
            let stderr = site.run(&server, line).with(code).stderr;
            assert!(stderr.contains(phrase), "{line}: {stderr}");
        }
    }
}

#[test]
fn a_backend_that_does_not_work_is_not_made() {
    let site = Site::embedded();
    let server = site.serve(&VARIABLES);
    let (Some(s3), Some(registry)) =
        (testdata::peers::s3(), testdata::peers::registry_with_password())
    else {
        return;
    };
    s3.bucket("refused");
    let endpoint = s3.endpoint();
    for (file, content) in [
        ("user", json!({ "username": "muster", "password": "hunter2" })),
        ("key", json!({ "access_key_id": "muster", "secret_access_key": "hunter2" })),
        ("wrong", json!({ "username": "hunter2" })),
    ] {
        site.sandbox.write(file, content.to_string());
    }
    let open = testdata::peers::registry().map(|open| open.address().to_owned());
    let open = format!("oci://{}/refused?plain-http=true", open.unwrap());
    site.run(&server, &format!("backend create taken --place {open}")).with(0);
    for (name, place, credentials, code, phrase) in [
        ("x", "s3:evidence", None, 2, "bucket"),
        ("x", "file:///srv/evidence", None, 5, "only the operator of the instance"),
        ("x", "s3://evidence", None, 2, "needs an access key"),
        ("x", "s3://evidence", Some("user"), 2, "an access key, not with a password"),
        ("x", "s3://evidence", Some("wrong"), 2, "have not their form"),
        ("x", "s3://evidence", Some("nowhere"), 2, "cannot read nowhere"),
        ("x", &format!("s3://refused?endpoint={endpoint}"), Some("key"), 2, "does not work"),
        ("x", &format!("s3://nowhere?endpoint={endpoint}"), Some("key"), 2, "does not work"),
        (
            "x",
            &format!("oci://{}/x?plain-http=true", registry.address()),
            Some("user"),
            2,
            "does not work",
        ),
        ("x", "s3://evidence?endpoint=https://10.0.0.1", Some("key"), 2, "--allow-private-host"),
        ("x", "s3://evidence?endpoint=https://localhost", Some("key"), 2, "--allow-private-host"),
        ("x", "oci://169.254.169.254/latest", None, 2, "--allow-private-host"),
        ("x", "oci://localhost/x", None, 2, "--allow-private-host"),
        ("x", "oci://8.8.8.8/x?plain-http=true", None, 2, "is not `https`"),
        ("taken", &open, None, 2, "there is a backend `taken` already"),
    ] {
        let mut line = format!("backend create {name} --place {place}");
        line.extend(credentials.map(|file| format!(" --credentials-file {file}")));
        let stderr = site.run(&server, &line).with(code).stderr;
        assert!(stderr.contains(phrase), "{line}: {stderr}");
        assert!(!stderr.contains("hunter2"), "{line}: {stderr}");
    }
    let listed = site.run(&server, "backend list").with(0).stdout;
    assert_eq!(listed.lines().count(), 1, "{listed}");
    // What opens a backend is replaced only by what opens it.
    let stderr =
        site.run(&server, "backend credentials taken --credentials-file key").with(2).stderr;
    assert!(stderr.contains("a user name and a password"), "{stderr}");
    let (_, log) = server.stop();
    assert!(!log.contains("hunter2"), "{log}");
}

#[test]
fn credentials_are_replaced_and_follow_the_keys_of_the_server() {
    let site = Site::embedded();
    let variables = |keys| [("MUSTER_SECRETS_KEY", keys), VARIABLES[0]];
    let server = site.serve(&variables(KEY));
    let Some(registry) = testdata::peers::registry_with_password() else { return };
    let (user, password) = registry.user();
    let place = format!("oci://{}/replaced?plain-http=true", registry.address());
    let json = json!({ "username": user, "password": password }).to_string();
    site.sandbox.write("good", &json);
    let line = format!("backend create registry --place {place} --credentials-file good");
    site.run(&server, &line).with(0);
    site.run(&server, "backend default registry").with(0);
    site.run(&server, "backend credentials registry --credentials-file good").with(0);
    let (app, _) = attested(&site, &server, "app", 0);
    server.stop();
    let other = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";
    let both = format!("{other}\n{KEY}");
    let server = site.serve(&variables(both.as_str()));
    let rotated = site.run_under(&server, &site.instance, "secrets rotate").with(0).stdout;
    assert!(rotated.starts_with("1 secrets were sealed anew"), "{rotated}");
    server.stop();
    let server = site.serve(&variables(other));
    assert_eq!(site.http(&server).fetch_blob(app).0, app);
}

#[test]
fn the_operator_makes_a_backend_anywhere_and_another_organization_sees_none() {
    let site = Site::embedded();
    let server = site.serve(&[]);
    let folder = tempfile::tempdir().unwrap();
    let place = format!("file://{}", folder.path().display());
    let make = |token: &str, organization: &str| {
        let line =
            format!("backend create disk --place {place} --organization {organization} -o json");
        site.run_under(&server, token, &line)
    };
    make(&site.owner, "acme").with(5);
    make(&site.instance, "nowhere").with(6);
    let disk = make(&site.instance, "acme").with(0).json();
    site.run(&server, "backend default disk").with(0);
    let (app, _) = attested(&site, &server, "app", 0);
    assert_eq!(site.http(&server).fetch_blob(app).0, app);
    let hex = app.to_hex();
    let within = folder.path().join(disk["id"].as_str().unwrap());
    assert!(within.join(&hex[..2]).join(&hex[2..4]).join(&hex).exists());
    let globex = site.organization(&server, "globex", &site.sandbox.read("ci.pem"));
    let as_globex = |line: &str| site.run_under(&server, &globex, line);
    assert_eq!(as_globex("backend list").with(0).stdout, "");
    for line in ["show", "check", "default", "fallback", "rest", "delete", "move --from"] {
        as_globex(&format!("backend {line} disk")).with(6);
    }
}
