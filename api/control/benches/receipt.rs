//! How long a receipt takes, end to end, on SQLite and a directory: open a run, store the evidence, verify, judge, save.

#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

use control::{Actor, BlobsConfig, Config, Control};
use criterion::{Criterion, criterion_group, criterion_main};
use engine::judge::{Exhibit, Label};
use engine::predicate::{self, ContractRef, Predicate};
use engine::run::{Circumstances, Runner, RunnerEnvironment, RunnerKind, Workflow, WorkflowPath};
use engine::{Digest, Kind, Limits, Timestamp, Verdict};
use trust::{Signer, SigningKey, Statement};

const CONTRACT: &str = "
apiVersion: muster.dev/v1
kind: Contract
metadata: { name: release }
spec:
  materials: [{ name: sbom, kind: sbom-cyclonedx-json, output: true }]
  policies: [{ use: sbom-components, on: { material: sbom }, with: { banned: [log4j-core] } }]
";

struct Plane {
    control: Control,
    owner: Actor,
    key: SigningKey,
    _directory: tempfile::TempDir,
}

async fn plane() -> Plane {
    let directory = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}?mode=rwc", directory.path().join("muster.db").display());
    let blobs = BlobsConfig::Directory(directory.path().join("blobs"));
    let control = Control::open(Config { database, blobs, limits: Limits::DEFAULT }).await.unwrap();
    let secret = control.bootstrap().await.unwrap().unwrap();
    let instance = control.authenticate(&secret).await.unwrap();
    let (_, token) = control.create_organization(&instance, "acme".parse().unwrap()).await.unwrap();
    let owner = control.authenticate(&token.secret).await.unwrap();
    let key = SigningKey::generate().unwrap();
    control.create_project(&owner, "web".parse().unwrap()).await.unwrap();
    control.put_contract(&owner, CONTRACT.to_owned(), [].into()).await.unwrap();
    control.create_workflow(&owner, path(), "release".parse().unwrap(), None).await.unwrap();
    control.add_key(&owner, "ci".parse().unwrap(), key.public().to_pem().to_owned()).await.unwrap();
    Plane { control, owner, key, _directory: directory }
}

fn path() -> WorkflowPath {
    "web/release".parse().unwrap()
}

async fn receive(plane: &Plane, sbom: &[u8]) -> Verdict {
    let run = plane.control.open_run(&plane.owner, &path()).await.unwrap();
    let digest = Digest::of(sbom);
    let bytes = tokio_util::bytes::Bytes::copy_from_slice(sbom);
    let stream = Box::pin(futures::stream::once(async move { Ok(bytes) }));
    let size = plane.control.put_blob(&plane.owner, digest, None, stream).await.unwrap();
    let label = Label {
        name: "sbom".parse().unwrap(),
        kind: Kind::SbomCycloneDxJson,
        digest,
        source: "sbom.cdx.json".to_owned(),
        size,
    };
    let materials = vec![Exhibit::missing(label, "the server reads it".to_owned()).material];
    let at = Timestamp::from_millis(0);
    let circumstances = Circumstances {
        workflow: Some(Workflow {
            organization: run.organization.clone(),
            project: run.project.clone(),
            name: run.workflow.clone(),
            version: None,
        }),
        runner: Runner {
            kind: RunnerKind::Generic,
            environment: RunnerEnvironment::Unknown,
            url: None,
        },
        environment: [].into(),
        annotations: [].into(),
        commit: None,
    };
    let subject = ("sbom".to_owned(), "sha256".to_owned(), digest.to_hex());
    let contract = ContractRef {
        name: run.contract.name,
        revision: run.contract.revision,
        digest: run.contract.digest,
    };
    let predicate = Predicate {
        run: run.id,
        contract,
        circumstances,
        materials,
        evaluations: Vec::new(),
        verdict: Verdict::Passed,
        started_at: at,
        finished_at: at,
    };
    let predicate = serde_json::to_value(&predicate).unwrap();
    let bundle = plane.key.sign(&Statement::new([subject], predicate::TYPE, predicate)).unwrap();
    let receipt =
        plane.control.receive(&plane.owner, run.id, bundle.bytes().to_vec()).await.unwrap();
    receipt.attestation.verdict
}

fn receipt(c: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let plane = runtime.block_on(plane());
    let sbom = testdata::bytes("materials/sbom-cyclonedx-json/python-env-small.cdx.json");
    let mut group = c.benchmark_group("receipt on SQLite, SBOM of 115 KB");
    group.sample_size(30);
    group.bench_function("one after the other", |b| {
        b.iter(|| assert_eq!(runtime.block_on(receive(&plane, &sbom)), Verdict::Passed));
    });
    group.bench_function("sixteen at once", |b| {
        b.iter(|| {
            let all = futures::future::join_all((0..16).map(|_| receive(&plane, &sbom)));
            assert!(runtime.block_on(all).iter().all(|verdict| *verdict == Verdict::Passed));
        });
    });
    group.finish();
}

criterion_group!(benches, receipt);
criterion_main!(benches);
