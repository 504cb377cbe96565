//! A control plane with an organization, a contract and a key, on every database and blob store there is.

use control::{
    Actor, BlobsConfig, Config, Control, Error, KeyRing, LoginProvider, OpenedRun, Receipt, Terms,
};
use engine::judge::{Exhibit, Label};
use engine::predicate::{self, ContractRef, Predicate};
use engine::run::{
    Circumstances, Commit, Runner, RunnerEnvironment, RunnerKind, Workflow, WorkflowPath,
};
use engine::{Digest, Kind, Limits, Material, Timestamp, Verdict};
use trust::{Bundle, Signer, SigningKey, Statement};

pub(crate) const CONTRACT: &str = "
apiVersion: muster.dev/v1
kind: Contract
metadata: { name: release }
spec:
  materials:
    - { name: app, kind: artifact, output: true }
    - { name: sbom, kind: sbom-cyclonedx-json }
  policies:
    - { use: sbom-components, on: { material: sbom }, with: { banned: [evil] } }
";

pub(crate) const GATE: &str = "
apiVersion: muster.dev/v1
kind: Gate
metadata: { name: prod }
spec: { use: released, with: { contract: release, max_age_days: 30 } }
";

pub(crate) struct Plane {
    pub(crate) control: Control,
    pub(crate) owner: Actor,
    pub(crate) instance: Actor,
    pub(crate) key: SigningKey,
    /// The address of its database.
    pub(crate) database: String,
    pub(crate) directory: tempfile::TempDir,
}

/// One plane on SQLite and a directory; another on PostgreSQL and a registry where both are installed.
pub(crate) async fn planes() -> Vec<Plane> {
    planes_with(None).await
}

/// The same with that issuer for the login provider.
pub(crate) async fn planes_with(login: Option<LoginProvider>) -> Vec<Plane> {
    let directory = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}?mode=rwc", directory.path().join("muster.db").display());
    let blobs = BlobsConfig::Directory(directory.path().join("blobs"));
    let mut planes = vec![plane(config(database, blobs, login.clone()), directory).await];
    if let (Some(postgres), Some(registry)) =
        (testdata::peers::postgres(), testdata::peers::registry())
    {
        let blobs = BlobsConfig::Registry {
            address: registry.address().to_owned(),
            repository: "muster/evidence".to_owned(),
            plain_http: true,
        };
        let config = config(postgres.database(), blobs, login);
        planes.push(plane(config, tempfile::tempdir().unwrap()).await);
    }
    planes
}

async fn plane(config: Config, directory: tempfile::TempDir) -> Plane {
    let database = config.database.clone();
    let control = Control::open(config).await.unwrap();
    let secret = control.bootstrap().await.unwrap().unwrap();
    assert!(
        control.bootstrap().await.unwrap().is_none(),
        "the token of the instance is shown once"
    );
    let instance = control.authenticate(&secret).await.unwrap();
    let owner = organization(&control, &instance, "acme").await;
    let key = SigningKey::generate().unwrap();
    furnish(&control, &owner, &key).await;
    Plane { control, owner, instance, key, database, directory }
}

/// With a key for secrets, and with the loopback as a host that integrations may name.
fn config(database: String, blobs: BlobsConfig, login: Option<LoginProvider>) -> Config {
    let keys = KeyRing::parse(&KeyRing::encode_key([7; 32])).unwrap();
    let private_hosts = vec!["127.0.0.1".to_owned()];
    Config { keys: Some(keys), private_hosts, login, ..Config::new(database, blobs) }
}

pub(crate) async fn organization(control: &Control, instance: &Actor, name: &str) -> Actor {
    let (_, token) =
        control.create_organization(instance, name.parse().unwrap(), None).await.unwrap();
    control.authenticate(&token.secret).await.unwrap()
}

pub(crate) async fn furnish(control: &Control, owner: &Actor, key: &SigningKey) {
    control.create_project(owner, "web".parse().unwrap()).await.unwrap();
    control.put_contract(owner, CONTRACT.to_owned(), [].into()).await.unwrap();
    let terms = Terms::of("release".parse().unwrap());
    control.create_workflow(owner, path(), terms).await.unwrap();
    control.put_gate(owner, GATE.to_owned(), [].into()).await.unwrap();
    control.add_key(owner, "ci".parse().unwrap(), key.public().to_pem().to_owned()).await.unwrap();
}

pub(crate) fn path() -> WorkflowPath {
    "web/release".parse().unwrap()
}

pub(crate) fn sbom(component: &str) -> Vec<u8> {
    format!(
        r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[{{"type":"library","name":"{component}","version":"1"}}]}}"#
    )
    .into_bytes()
}

/// What a job hands over, before it is signed.
pub(crate) struct Crafted {
    pub(crate) run: OpenedRun,
    pub(crate) predicate: Predicate,
    pub(crate) subjects: Vec<(String, String, String)>,
}

impl Plane {
    /// Another replica: the same database, and no blobs.
    pub(crate) async fn replica(&self) -> Control {
        let blobs = BlobsConfig::Directory(self.directory.path().join("none"));
        Control::open(config(self.database.clone(), blobs, None)).await.unwrap()
    }

    /// Opens a run, stores an application and an SBOM, and says that all is well.
    pub(crate) async fn craft(&self, app: &[u8], component: &str) -> Crafted {
        let run = self.control.open_run(&self.owner, &path()).await.unwrap();
        self.craft_for(run, app, component).await
    }

    /// The same for a run that is open.
    pub(crate) async fn craft_for(&self, run: OpenedRun, app: &[u8], component: &str) -> Crafted {
        let sbom = sbom(component);
        let materials = vec![
            self.hand_in("app", Kind::Artifact, app).await,
            self.hand_in("sbom", Kind::SbomCycloneDxJson, &sbom).await,
        ];
        let predicate = predicate(&run, materials);
        let contract =
            engine::document::Document::parse(&run.contract.source, &Limits::DEFAULT).unwrap();
        let contract = engine::contract::Contract::parse(&contract).unwrap();
        let commit = predicate.circumstances.commit.as_ref();
        let subjects = predicate::subjects(&contract, &predicate.materials, commit);
        Crafted { run, predicate, subjects }
    }

    pub(crate) async fn hand_in(&self, name: &str, kind: Kind, bytes: &[u8]) -> Material {
        let digest = Digest::of(bytes);
        store(&self.control, &self.owner, digest, bytes).await.unwrap();
        let size = u64::try_from(bytes.len()).unwrap();
        let label =
            Label { name: name.parse().unwrap(), kind, digest, source: name.to_owned(), size };
        if kind == Kind::Artifact {
            Exhibit::opaque(label).material
        } else {
            Exhibit::read(label, bytes, &Limits::DEFAULT).material
        }
    }

    pub(crate) fn sign(&self, crafted: &Crafted) -> Bundle {
        let predicate = serde_json::to_value(&crafted.predicate).unwrap();
        self.key
            .sign(&Statement::new(crafted.subjects.clone(), predicate::TYPE, predicate))
            .unwrap()
    }

    pub(crate) async fn push(&self, crafted: &Crafted) -> Result<Receipt, Error> {
        let bundle = self.sign(crafted);
        self.control.receive(&self.owner, crafted.run.id, bundle.bytes().to_vec()).await
    }
}

pub(crate) async fn store(
    control: &Control,
    actor: &Actor,
    digest: Digest,
    bytes: &[u8],
) -> Result<u64, Error> {
    let bytes = tokio_util::bytes::Bytes::copy_from_slice(bytes);
    control
        .put_blob(actor, digest, None, Box::pin(futures::stream::once(async move { Ok(bytes) })))
        .await
}

fn predicate(run: &OpenedRun, materials: Vec<Material>) -> Predicate {
    let at: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
    Predicate {
        run: run.id,
        contract: ContractRef {
            name: run.contract.name.clone(),
            revision: run.contract.revision,
            digest: run.contract.digest,
        },
        circumstances: Circumstances {
            workflow: Some(Workflow {
                organization: run.organization.clone(),
                project: run.project.clone(),
                name: run.workflow.clone(),
                version: run.version.clone(),
            }),
            runner: Runner {
                kind: RunnerKind::Generic,
                environment: RunnerEnvironment::Unknown,
                url: None,
            },
            environment: [].into(),
            annotations: [].into(),
            commit: Some(Commit {
                id: "a".repeat(40),
                author: None,
                committed_at: None,
                title: None,
                remotes: [].into(),
            }),
        },
        materials,
        evaluations: Vec::new(),
        verdict: Verdict::Passed,
        started_at: at,
        finished_at: at,
    }
}
