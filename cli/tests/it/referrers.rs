//! Attestations beside the images that they are about, as others find them.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use engine::Digest;
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use testdata::peers::Registry;
use tokio::runtime::Runtime;

use crate::site::{Site, said};
use crate::support::Server;

const CONTRACT: &str = "
apiVersion: muster.dev/v1
kind: Contract
metadata: { name: release }
spec:
  materials:
    - { name: image, kind: container-image, output: true }
    - { name: note, kind: string }
";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const PREDICATE: &str = "https://muster.dev/attestation/v1";
/// How many attestations of one image are pushed at once.
const AT_ONCE: usize = 6;

/// A registry as its owner sees it.
struct Images {
    registry: &'static Registry,
    user: Option<(&'static str, &'static str)>,
    runtime: Runtime,
}

impl Images {
    fn new(registry: &'static Registry, user: Option<(&'static str, &'static str)>) -> Self {
        Self { registry, user, runtime: Runtime::new().unwrap() }
    }

    async fn send(&self, method: Method, url: &str, kind: &str, body: Vec<u8>) -> Response {
        let mut request = Client::new().request(method, url).header("content-type", kind);
        request = request.header("accept", format!("{INDEX}, {MANIFEST}")).body(body);
        if let Some((user, password)) = self.user {
            request = request.basic_auth(user, Some(password));
        }
        request.send().await.unwrap()
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/v2/{path}", self.registry.address())
    }

    /// Pushes an image without layers, and answers its digest.
    fn push(&self, repository: &str, name: &str) -> Digest {
        let config = json!({ "architecture": "amd64", "os": "linux", "author": name }).to_string();
        let digest = Digest::of(&config);
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "layers": [],
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": digest, "size": config.len(),
            },
        });
        let manifest = manifest.to_string();
        self.runtime.block_on(async {
            let begin = self.url(&format!("{repository}/blobs/uploads/"));
            let answer = self.send(Method::POST, &begin, "text/plain", Vec::new()).await;
            let location = answer.headers()["location"].to_str().unwrap().to_owned();
            let base = reqwest::Url::parse(&begin).unwrap();
            let mut place = base.join(&location).unwrap();
            place.query_pairs_mut().append_pair("digest", &digest.to_string());
            let kind = "application/octet-stream";
            let put = self.send(Method::PUT, place.as_str(), kind, config.into_bytes()).await;
            assert_eq!(put.status(), 201);
            let place = self.url(&format!("{repository}/manifests/{}", Digest::of(&manifest)));
            let put = self.send(Method::PUT, &place, MANIFEST, manifest.clone().into_bytes()).await;
            assert_eq!(put.status(), 201);
        });
        Digest::of(&manifest)
    }

    fn get(&self, path: &str) -> (u16, Vec<u8>) {
        self.runtime.block_on(async {
            let answer = self.send(Method::GET, &self.url(path), MANIFEST, Vec::new()).await;
            (answer.status().as_u16(), answer.bytes().await.unwrap().to_vec())
        })
    }

    /// What refers to an image: as the registry lists it, or else as the list under the tag has it.
    fn referrers(&self, repository: &str, image: Digest) -> Vec<Value> {
        let (status, listed) = self.get(&format!("{repository}/referrers/{image}"));
        let (status, listed) = if status == 404 {
            let tag = image.to_string().replace(':', "-");
            self.get(&format!("{repository}/manifests/{tag}"))
        } else {
            (status, listed)
        };
        assert!(matches!(status, 200 | 404), "{status}");
        let listed: Value = serde_json::from_slice(&listed).unwrap();
        listed["manifests"].as_array().cloned().unwrap_or_default()
    }
}

/// A server that keeps this contract, and tells the registry of what it receives.
fn serve(site: &Site, images: &Images) -> Server {
    let server = site.serve(&[]);
    site.sandbox.write("contract.yaml", CONTRACT);
    site.run(&server, "contract push contract.yaml").with(0);
    let place = format!("oci://{}/acme?plain-http=true", images.registry.address());
    let mut create =
        format!("integration create registry images --place {place} --event attestation.received");
    if let Some((username, password)) = images.user {
        let user = json!({ "username": username, "password": password });
        site.sandbox.write("user.json", user.to_string());
        create += " --credentials-file user.json";
    }
    site.run(&server, &create).with(0);
    server
}

fn attest(image: &str, note: &str) -> String {
    format!("attest --workflow web/release --key ci.pem image={image} note=text:{note}")
}

/// Waits until so many deliveries are taken.
fn delivered(site: &Site, server: &Server, count: usize) {
    let end = Instant::now() + Duration::from_mins(1);
    loop {
        let list = site.run(server, "delivery list --state delivered").with(0).stdout;
        if list.lines().count() == count {
            return;
        }
        let all = site.run(server, "delivery list -o json").with(0).stdout;
        assert!(Instant::now() < end, "{all}\n{}", server.log());
        thread::sleep(Duration::from_millis(100));
    }
}

/// What `cosign` says of the attestations of an image.
fn cosign(
    program: &Path,
    site: &Site,
    images: &Images,
    image: &str,
    key: &str,
) -> Result<String, String> {
    let home = tempfile::tempdir().unwrap();
    if let Some((user, password)) = images.user {
        use base64::Engine as _;
        let auth = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        let config = json!({ "auths": { images.registry.address(): { "auth": auth } } });
        std::fs::write(home.path().join("config.json"), config.to_string()).unwrap();
    }
    let mut command = Command::new(program);
    command.args(["verify-attestation", "--key"]).arg(site.sandbox.path(key));
    command.args(["--insecure-ignore-tlog=true", "--private-infrastructure=true"]);
    command.args(["--allow-http-registry", "--type", PREDICATE, image]);
    command.env("DOCKER_CONFIG", home.path()).env("HOME", home.path());
    let ended = command.output().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    let problem = String::from_utf8_lossy(&ended.stderr);
    if !ended.status.success() {
        return Err(problem.into_owned());
    }
    Ok(said)
}

fn registries() -> Vec<Images> {
    let open = testdata::peers::registry().map(|one| Images::new(one, None));
    let closed = testdata::peers::registry_with_password();
    let closed = closed.map(|one| Images::new(one, Some(one.user())));
    let listing = testdata::peers::registry_with_referrers().map(|one| Images::new(one, None));
    [open, closed, listing].into_iter().flatten().collect()
}

#[test]
fn whoever_has_an_image_finds_its_attestation_and_verifies_it() {
    let Some(program) = testdata::peers::cosign() else { return };
    for (number, images) in registries().into_iter().enumerate() {
        let site = Site::embedded().with(&["--allow-private-host", "127.0.0.1"]);
        let server = serve(&site, &images);
        let tested = site.run(&server, "integration test images").with(0).stdout;
        assert!(tested.contains("delivered"), "{tested}");
        let repository = format!("acme/found-{number}");
        let digest = images.push(&repository, "found");
        let image = format!("{}/{repository}@{digest}", images.registry.address());
        let attested = said(&site.run(&server, &attest(&image, "one")).with(0).stderr);
        delivered(&site, &server, 2);

        let referrers = images.referrers(&repository, digest);
        assert_eq!(referrers.len(), 1, "{referrers:?}");
        assert_eq!(referrers[0]["artifactType"], BUNDLE);
        let annotations = &referrers[0]["annotations"];
        assert_eq!(annotations["dev.sigstore.bundle.predicateType"], PREDICATE);
        let place = format!("{repository}/manifests/{}", referrers[0]["digest"].as_str().unwrap());
        let manifest: Value = serde_json::from_slice(&images.get(&place).1).unwrap();
        assert_eq!(manifest["subject"]["digest"], digest.to_string());
        assert_eq!(manifest["layers"][0]["digest"], attested);

        let statement = cosign(&program, &site, &images, &image, "ci.pub").unwrap();
        assert!(statement.contains("application/vnd.in-toto+json"), "{statement}");
        let other = trust::SigningKey::generate().unwrap().public().to_pem().to_owned();
        site.sandbox.write("other.pub", other);
        let refused = cosign(&program, &site, &images, &image, "other.pub").unwrap_err();
        assert!(refused.contains("no matching attestations"), "{refused}");
        server.stop();
    }
}

#[test]
fn none_is_lost_when_many_attest_one_image_at_once() {
    for site in Site::all() {
        let site = site.with(&["--allow-private-host", "127.0.0.1"]);
        for (number, images) in registries().into_iter().enumerate() {
            let server = serve(&site, &images);
            // Another replica delivers too, where the database has room for two.
            let other = site.name.contains("PostgreSQL").then(|| site.serve(&[]));
            let name = site.name.contains("PostgreSQL");
            let repository = format!("acme/many-{number}-{name}");
            let digest = images.push(&repository, "many");
            let image = format!("{}/{repository}@{digest}", images.registry.address());
            let started: Vec<_> = (0..AT_ONCE)
                .map(|note| site.start(&server, &attest(&image, &note.to_string())))
                .collect();
            let attested: Vec<String> = started
                .into_iter()
                .map(|job| {
                    said(&String::from_utf8(job.wait_with_output().unwrap().stderr).unwrap())
                })
                .collect();
            delivered(&site, &server, AT_ONCE);
            let referrers = images.referrers(&repository, digest);
            assert_eq!(referrers.len(), attested.len(), "{referrers:?}");
            site.run(&server, "integration delete images").with(0);
            drop(other);
            server.stop();
        }
    }
}

#[test]
fn an_image_that_is_elsewhere_is_left_alone_and_one_that_is_missing_waited_for() {
    let Some(registry) = testdata::peers::registry() else { return };
    let images = Images::new(registry, None);
    let site = Site::embedded().with(&["--allow-private-host", "127.0.0.1"]);
    let server = serve(&site, &images);
    let digest = images.push("other/web", "elsewhere");
    images.push("acmes", "elsewhere");
    for (count, repository) in ["other/web", "acmes"].into_iter().enumerate() {
        let image = format!("{}/{repository}@{digest}", registry.address());
        site.run(&server, &attest(&image, repository)).with(0);
        delivered(&site, &server, count + 1);
        assert!(images.referrers("other/web", digest).is_empty());
    }
    let missing = Digest::of("missing");
    let image = format!("{}/acme/web@{missing}", registry.address());
    site.run(&server, &attest(&image, "missing")).with(0);
    let end = Instant::now() + Duration::from_mins(1);
    loop {
        let list = site.run(&server, "delivery list -o json").with(0).stdout;
        if list.contains("it is not in") {
            assert!(list.contains("\"pending\""), "{list}");
            break;
        }
        assert!(Instant::now() < end, "{list}");
        thread::sleep(Duration::from_millis(100));
    }
    server.stop();
}
