//! The shipped library and short ways to judge.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use engine::contract::Compiled;
use engine::document::{Document, InvalidDocument};
use engine::judge::{Exhibit, Label, Plan, Record};
use engine::policy::{Files, Library, Policy};
use engine::rego::Module;
use engine::run::{Circumstances, Runner, RunnerEnvironment, RunnerKind};
use engine::{Digest, Kind, Limits, Timestamp};

fn policies() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies")
}

#[expect(clippy::disallowed_methods, reason = "tests read fixtures")]
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn load(folder: &Path) -> BTreeMap<engine::Name, Policy> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let folder = entry.unwrap().path();
        if !folder.join("policy.yaml").exists() {
            continue;
        }
        let document =
            Document::parse(&read(&folder.join("policy.yaml")), &Limits::DEFAULT).unwrap();
        let files = Files::from([("policy.rego".to_owned(), read(&folder.join("policy.rego")))]);
        let policy = Policy::parse(&document, &files)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        found.insert(policy.name.clone(), policy);
    }
    found
}

pub(crate) fn library() -> Library {
    let source = read(&policies().join("contract/contract.rego"));
    Library {
        contract: vec![Module { path: "contract.rego".to_owned(), source }],
        policies: load(&policies()),
        gates: load(&policies().join("gates")),
    }
}

/// A contract with this `spec`, indented by two.
pub(crate) fn contract(spec: &str) -> String {
    format!("apiVersion: muster.dev/v1\nkind: Contract\nmetadata: {{ name: web }}\nspec:\n{spec}")
}

/// A contract that asks this policy about its one material, `note`.
pub(crate) fn inline(rego: &str) -> String {
    let indented = rego.replace('\n', "\n            ");
    contract(&format!(
        "  materials: [{{ name: note, kind: evidence }}]
  policies:
    - on: {{ material: note }}
      policy:
        apiVersion: muster.dev/v1
        kind: Policy
        metadata: {{ name: probe }}
        spec:
          rego: |
            {indented}
"
    ))
}

pub(crate) fn compile(text: &str) -> Result<Compiled, InvalidDocument> {
    let document = Document::parse(text, &Limits::DEFAULT)?;
    Compiled::compile(&document, &Files::new(), &library(), &Limits::DEFAULT)
}

pub(crate) fn now() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

pub(crate) fn exhibit(name: &str, kind: Kind, bytes: &[u8]) -> Exhibit {
    let label = Label {
        name: name.parse().unwrap(),
        kind,
        digest: Digest::of(bytes),
        source: name.to_owned(),
        size: u64::try_from(bytes.len()).unwrap(),
    };
    Exhibit::read(label, bytes, &Limits::DEFAULT)
}

pub(crate) fn here() -> Circumstances {
    Circumstances {
        workflow: None,
        runner: Runner {
            kind: RunnerKind::Generic,
            environment: RunnerEnvironment::Unknown,
            url: None,
        },
        environment: BTreeMap::new(),
        annotations: BTreeMap::new(),
        commit: None,
    }
}

pub(crate) fn judge(contract: &Compiled, exhibits: Vec<Exhibit>, limits: &Limits) -> Record {
    conclude(&Plan::new(contract, &here(), exhibits, now(), limits))
}

pub(crate) fn conclude(plan: &Plan<'_>) -> Record {
    let evaluations = plan.tasks().map(|task| task.evaluate()).collect();
    plan.conclude(evaluations)
}
