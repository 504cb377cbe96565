//! What outlives a server: its data, and the organization that it knows. Servers come and go on it.

use std::path::PathBuf;
use std::process::{Child, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use control::KeyRing;
use engine::Digest;
use serde_json::Value;
use tempfile::TempDir;

use crate::http::Http;
use crate::support::{Ended, Sandbox, Server};

const CONTRACT: &str = "
apiVersion: muster.dev/v1
kind: Contract
metadata: { name: release }
spec:
  materials:
    - { name: app, kind: artifact, output: true }
    - { name: sbom, kind: sbom-cyclonedx-json }
    - { name: image, kind: container-image, optional: true }
  policies:
    - { use: sbom-components, on: { material: sbom }, with: { banned: [evil] } }
";

pub(crate) const GATE: &str = "
apiVersion: muster.dev/v1
kind: Gate
metadata: { name: prod }
spec: { use: released, with: { contract: release, max_age_days: 30 } }
";

/// Data for a server, and `acme`, which has the workflow `web/release`, the gate `prod` and the key `ci.pem`.
#[derive(Debug)]
pub(crate) struct Site {
    /// What it is kept in.
    pub name: &'static str,
    /// The folder of its jobs: `good.json`, `evil.json`, `ci.pem`, `contract.yaml`.
    pub sandbox: Sandbox,
    /// The token of the owner of `acme`.
    pub owner: String,
    /// The token of the instance.
    pub instance: String,
    /// The database, as `muster serve` names it.
    pub database: String,
    args: Vec<String>,
    folder: TempDir,
}

impl Site {
    /// On SQLite and a directory; and on PostgreSQL and a registry where both are installed.
    pub(crate) fn all() -> Vec<Self> {
        std::iter::once(Self::embedded()).chain(Self::shared()).collect()
    }

    /// On PostgreSQL and a registry, where both are installed: what several servers can share.
    pub(crate) fn shared() -> Option<Self> {
        let (postgres, registry) = (testdata::peers::postgres()?, testdata::peers::registry()?);
        let database = postgres.database();
        let blobs = format!("{}/muster/evidence", registry.address());
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("keys");
        std::fs::write(&keys, KeyRing::encode_key([7; 32])).unwrap();
        let database_args = ["--database", &database, "--secrets-key-file", keys.to_str().unwrap()];
        let blobs_args = ["--blobs-registry", &blobs, "--plain-http"];
        let args = database_args.iter().chain(&blobs_args).map(|&arg| arg.to_owned()).collect();
        Some(Self::furnished("PostgreSQL and a registry", folder, database, args))
    }

    /// On SQLite and a directory.
    pub(crate) fn embedded() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = format!("sqlite://{}", folder.path().join("data/muster.db").display());
        Self::furnished("SQLite and a directory", folder, database, Vec::new())
    }

    /// The same with more arguments for its servers.
    pub(crate) fn with(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|&arg| arg.to_owned()));
        self
    }

    /// On SQLite, with the blobs in a place that is opened with these credentials.
    pub(crate) fn with_blobs_in(name: &'static str, place: &str, credentials: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("credentials.json");
        std::fs::write(&file, credentials).unwrap();
        let database = format!("sqlite://{}", folder.path().join("data/muster.db").display());
        let args = ["--blobs", place, "--blobs-credentials-file", file.to_str().unwrap()];
        Self::furnished(name, folder, database, args.map(ToOwned::to_owned).into())
    }

    /// The data directory of its servers.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Starts a server on it, with more variables.
    pub(crate) fn serve(&self, variables: &[(&str, &str)]) -> Server {
        let args: Vec<&str> = self.args.iter().map(String::as_str).collect();
        Server::start_with(&self.data(), &args, variables)
    }

    /// The server as the owner sees it over HTTP.
    pub(crate) fn http(&self, server: &Server) -> Http {
        Http::new(&server.url, &self.owner)
    }

    /// Runs a command as the owner, to its end.
    pub(crate) fn run(&self, server: &Server, line: &str) -> Ended {
        self.run_under(server, &self.owner, line)
    }

    /// Runs a command under another token, to its end.
    pub(crate) fn run_under(&self, server: &Server, token: &str, line: &str) -> Ended {
        let variables = [("MUSTER_SERVER", server.url.as_str()), ("MUSTER_TOKEN", token)];
        self.sandbox.run_with(&variables, line)
    }

    /// Starts a command as the owner, and does not wait for it.
    pub(crate) fn start(&self, server: &Server, line: &str) -> Child {
        self.start_at(&server.url, line)
    }

    /// The same, at whatever listens there.
    pub(crate) fn start_at(&self, address: &str, line: &str) -> Child {
        let mut command = self.sandbox.command(line.split_whitespace());
        command.env("MUSTER_SERVER", address).env("MUSTER_TOKEN", &self.owner);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Writes the artifact `name`, and answers how to attest it with the good SBOM, keeping `name.bundle`.
    pub(crate) fn attest(&self, name: &str) -> (Digest, String) {
        let content = format!("the application {name}");
        self.sandbox.write(name, &content);
        (Digest::of(content), attest(name, "good.json"))
    }

    /// Imports an attestation that a stock client signed, under the trust root `cosign`.
    pub(crate) fn import(&self, server: &Server) {
        let key = testdata::text("materials/attestation/cosign.pub").replace('\n', "\n      ");
        let root = format!(
            "apiVersion: muster.dev/v1\nkind: TrustRoot\nmetadata: {{ name: cosign }}\nspec:\n  keys:\n    - |\n      {key}\n"
        );
        self.sandbox.write("cosign.yaml", root);
        let bundle = testdata::bytes("materials/attestation/cosign-attest.sigstore.json");
        self.sandbox.write("cosign-attest.sigstore.json", bundle);
        self.run(server, "trust-root push cosign.yaml").with(0);
        self.run(server, "attest import cosign-attest.sigstore.json").with(0);
    }

    /// The bytes of `name.bundle`.
    #[track_caller]
    pub(crate) fn bundle(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.sandbox.path(format!("{name}.bundle"))).unwrap()
    }

    fn furnished(name: &'static str, folder: TempDir, database: String, args: Vec<String>) -> Self {
        let sandbox = Sandbox::new();
        let mut site = Self {
            name,
            sandbox,
            owner: String::new(),
            instance: String::new(),
            database,
            args,
            folder,
        };
        let server = site.serve(&[]);
        site.instance = server.bootstrap.clone().expect("a first start");
        site.owner = site.organization(&server, "acme", &pkcs8());
        server.stop();
        site
    }

    /// Makes an organization that has everything that `acme` has, and answers its owner's token.
    pub(crate) fn organization(&self, server: &Server, name: &str, key: &str) -> String {
        let run = |token: &str, line: &str| self.run_under(server, token, line).with(0).stdout;
        let owner = run(&self.instance, &format!("org create {name}")).trim().to_owned();
        let public = trust::SigningKey::from_pem(key, None).unwrap().public().to_pem().to_owned();
        for (file, content) in [
            ("ci.pem", key),
            ("ci.pub", public.as_str()),
            ("contract.yaml", CONTRACT),
            ("gate.yaml", GATE),
            ("good.json", &sbom("good")),
            ("evil.json", &sbom("evil")),
        ] {
            self.sandbox.write(file, content);
        }
        for line in [
            "project create web",
            "contract push contract.yaml",
            "workflow create web/release --contract release",
            "key add ci.pub --name ci",
            "gate push gate.yaml",
        ] {
            run(&owner, line);
        }
        owner
    }
}

/// How to attest the artifact `name` with an SBOM, keeping `name.bundle`.
pub(crate) fn attest(name: &str, sbom: &str) -> String {
    format!(
        "attest --workflow web/release --key ci.pem --bundle-out {name}.bundle -o json app={name} sbom={sbom}"
    )
}

/// The digest that `muster attest` said.
#[track_caller]
pub(crate) fn said(stderr: &str) -> String {
    let line = stderr.lines().find_map(|line| line.strip_prefix("attestation "));
    let digest = line.and_then(|line| line.split(' ').next());
    digest.unwrap_or_else(|| panic!("no digest: {stderr}")).to_owned()
}

/// The predicate that a bundle has signed.
pub(crate) fn predicate(bundle: &[u8]) -> Value {
    let bundle: Value = serde_json::from_slice(bundle).unwrap();
    let payload = STANDARD.decode(bundle["dsseEnvelope"]["payload"].as_str().unwrap()).unwrap();
    let mut statement: Value = serde_json::from_slice(&payload).unwrap();
    statement["predicate"].take()
}

/// An SBOM with one component.
pub(crate) fn sbom(component: &str) -> String {
    format!(
        r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[{{"type":"library","name":"{component}","version":"1"}}]}}"#
    )
}

/// A new ECDSA P-256 key, PKCS#8 PEM: opened in no time, unlike an encrypted one.
fn pkcs8() -> String {
    const HEAD: &str = "3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420";
    // Any 32 bytes are a key, but for one in 2^32.
    let scalar = Digest::of(trust::SigningKey::generate().unwrap().public().to_pem()).to_hex();
    let hex = format!("{HEAD}{scalar}");
    let der: Vec<u8> = (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der))
}
