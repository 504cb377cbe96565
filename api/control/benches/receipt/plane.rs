//! A control plane with one workflow, and jobs that attest under it.

use control::{Actor, BlobsConfig, Config, Control, OpenedRun, Terms};
use engine::id::RunId;
use engine::judge::{Exhibit, Label};
use engine::predicate::{self, ContractRef, Predicate};
use engine::run::{Circumstances, Runner, RunnerEnvironment, RunnerKind, Workflow, WorkflowPath};
use engine::{Digest, Kind, Timestamp, Verdict};
use tempfile::TempDir;
use trust::{Signer, SigningKey, Statement};

const CONTRACT: &str = "
apiVersion: muster.dev/v1
kind: Contract
metadata: { name: release }
spec:
  materials: [{ name: sbom, kind: sbom-cyclonedx-json, output: true }]
  policies: [{ use: sbom-components, on: { material: sbom }, with: { banned: [log4j-core] } }]
";

pub(crate) struct Plane {
    pub(crate) control: Control,
    owner: Actor,
    key: SigningKey,
    _directory: TempDir,
}

/// An attestation that is ready to be pushed: its run is open, its evidence is stored.
pub(crate) struct Ready {
    run: RunId,
    bundle: Vec<u8>,
}

/// The address of a new SQLite database in `directory`.
pub(crate) fn sqlite(directory: &TempDir) -> String {
    format!("sqlite://{}?mode=rwc", directory.path().join("muster.db").display())
}

impl Plane {
    pub(crate) async fn open(directory: TempDir, database: String) -> Self {
        let blobs = BlobsConfig::Directory(directory.path().join("blobs"));
        let config = Config::new(database, blobs);
        let control = Control::open(config).await.unwrap();
        let secret = control.bootstrap().await.unwrap().unwrap();
        let instance = control.authenticate(&secret).await.unwrap();
        let name = "acme".parse().unwrap();
        let (_, token) = control.create_organization(&instance, name, None).await.unwrap();
        let owner = control.authenticate(&token.secret).await.unwrap();
        let key = SigningKey::generate().unwrap();
        control.create_project(&owner, "web".parse().unwrap()).await.unwrap();
        control.put_contract(&owner, CONTRACT.to_owned(), [].into()).await.unwrap();
        control
            .create_workflow(&owner, path(), Terms::of("release".parse().unwrap()))
            .await
            .unwrap();
        let pem = key.public().to_pem().to_owned();
        control.add_key(&owner, "ci".parse().unwrap(), pem).await.unwrap();
        Self { control, owner, key, _directory: directory }
    }

    /// Opens a run, stores its evidence and signs its statement.
    pub(crate) async fn prepare(&self, sbom: &[u8]) -> Ready {
        let opened = self.control.open_run(&self.owner, &path()).await.unwrap();
        let (digest, run) = (Digest::of(sbom), opened.id);
        let bytes = tokio_util::bytes::Bytes::copy_from_slice(sbom);
        let stream = Box::pin(futures::stream::once(async move { Ok(bytes) }));
        let size = self.control.put_blob(&self.owner, digest, None, stream).await.unwrap();
        let predicate = serde_json::to_value(predicate(opened, digest, size)).unwrap();
        let subject = ("sbom".to_owned(), "sha256".to_owned(), digest.to_hex());
        let statement = Statement::new([subject], predicate::TYPE, predicate);
        Ready { run, bundle: self.key.sign(&statement).unwrap().bytes().to_vec() }
    }

    /// Pushes it: verified, judged and stored when this answers.
    pub(crate) async fn push(&self, ready: Ready) -> Verdict {
        let receipt = self.control.receive(&self.owner, ready.run, ready.bundle).await.unwrap();
        receipt.attestation.verdict
    }
}

fn path() -> WorkflowPath {
    "web/release".parse().unwrap()
}

fn predicate(run: OpenedRun, digest: Digest, size: u64) -> Predicate {
    let label = Label {
        name: "sbom".parse().unwrap(),
        kind: Kind::SbomCycloneDxJson,
        digest,
        source: "sbom.cdx.json".to_owned(),
        size,
    };
    let runner =
        Runner { kind: RunnerKind::Generic, environment: RunnerEnvironment::Unknown, url: None };
    let workflow = Workflow {
        organization: run.organization,
        project: run.project,
        name: run.workflow,
        version: None,
    };
    let at = Timestamp::from_millis(0);
    Predicate {
        run: run.id,
        contract: ContractRef {
            name: run.contract.name,
            revision: run.contract.revision,
            digest: run.contract.digest,
        },
        circumstances: Circumstances {
            workflow: Some(workflow),
            runner,
            environment: [].into(),
            annotations: [].into(),
            commit: None,
        },
        materials: vec![Exhibit::missing(label, "the server reads it".to_owned()).material],
        evaluations: Vec::new(),
        verdict: Verdict::Passed,
        started_at: at,
        finished_at: at,
    }
}
