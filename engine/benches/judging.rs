//! How long judging takes: compiling a contract, a small policy, three policies over a large real SBOM.
//!
//! Parsing and evaluating are apart, so that a change shows where it helps.

#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use engine::contract::Compiled;
use engine::document::Document;
use engine::judge::{Exhibit, Label, Plan};
use engine::policy::{Files, Library, Policy};
use engine::rego::{self, Module, Unit};
use engine::run::{Circumstances, Runner, RunnerEnvironment, RunnerKind};
use engine::{Digest, Kind, Limits, Timestamp};
use serde_json::json;

const SMALL: &str = "
apiVersion: muster.dev/v1
kind: Contract
metadata: { name: small }
spec:
  materials: [{ name: sbom, kind: sbom-cyclonedx-json }]
  policies:
    - { use: sbom-components, on: { material: sbom }, with: { banned: [log4j-core] } }
    - { use: sbom-licenses, on: { material: sbom }, with: { banned: [AGPL-3.0-only] } }
    - { use: sbom-freshness, on: { material: sbom } }
";

fn shipped(folder: &str) -> Policy {
    let read = |file: &str| testdata::text(format!("../policies/{folder}/{file}"));
    let document = Document::parse(&read("policy.yaml"), &Limits::DEFAULT).unwrap();
    Policy::parse(&document, &Files::from([("policy.rego".to_owned(), read("policy.rego"))]))
        .unwrap()
}

fn library() -> Library {
    let source = testdata::text("../policies/contract/contract.rego");
    let policies = ["sbom-components", "sbom-licenses", "sbom-freshness"].map(shipped);
    Library {
        contract: vec![Module { path: "contract.rego".to_owned(), source }],
        policies: policies.into_iter().map(|policy| (policy.name.clone(), policy)).collect(),
        gates: [].into(),
    }
}

fn compiled() -> Compiled {
    let document = Document::parse(SMALL, &Limits::DEFAULT).unwrap();
    Compiled::compile(&document, &Files::new(), &library(), &Limits::DEFAULT).unwrap()
}

fn now() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

fn here() -> Circumstances {
    Circumstances {
        workflow: None,
        runner: Runner {
            kind: RunnerKind::Generic,
            environment: RunnerEnvironment::Unknown,
            url: None,
        },
        environment: [].into(),
        annotations: [].into(),
        commit: None,
    }
}

fn sbom(bytes: &[u8]) -> Exhibit {
    let label = Label {
        name: "sbom".parse().unwrap(),
        kind: Kind::SbomCycloneDxJson,
        digest: Digest::of(bytes),
        source: "sbom.cdx.json".to_owned(),
        size: u64::try_from(bytes.len()).unwrap(),
    };
    Exhibit::read(label, bytes, &Limits::DEFAULT)
}

fn contract(c: &mut Criterion) {
    let library = library();
    let document = Document::parse(SMALL, &Limits::DEFAULT).unwrap();
    c.bench_function("contract/compile", |b| {
        b.iter(|| {
            Compiled::compile(black_box(&document), &Files::new(), &library, &Limits::DEFAULT)
                .unwrap()
        });
    });
}

fn small_policy(c: &mut Criterion) {
    let source =
        "package small\nimport rego.v1\ndeny contains \"old\" if input.predicate.version < 2\n"
            .to_owned();
    let module = Module { path: "small.rego".to_owned(), source };
    let unit = Unit::compile(&[module], &json!({}), &Limits::DEFAULT).unwrap();
    let input = rego::Document::from_value(&json!({ "predicate": { "version": 1 } })).unwrap();
    c.bench_function("policy/small", |b| {
        b.iter(|| unit.evaluate(input.as_input(&[]), now(), &Limits::DEFAULT).unwrap());
    });
}

fn large_sbom(c: &mut Criterion) {
    let bytes = testdata::bytes("materials/sbom-cyclonedx-json/npm-large.cdx.json");
    let contract = compiled();
    let circumstances = here();
    let mut group = c.benchmark_group("sbom of 3.8 MB");
    group.throughput(Throughput::Bytes(u64::try_from(bytes.len()).unwrap()));
    group.sample_size(20);
    group.bench_function("hash", |b| b.iter(|| Digest::of(black_box(&bytes))));
    group.bench_function("read and validate", |b| b.iter(|| sbom(black_box(&bytes))));
    group.bench_function("parse for policies", |b| {
        b.iter(|| rego::Document::parse(black_box(&bytes)).unwrap());
    });
    // The exhibit's document is parsed by the first evaluation and kept, so this is evaluation alone.
    let exhibit = sbom(&bytes);
    group.bench_function("evaluate three policies", |b| {
        b.iter(|| {
            let plan = Plan::new(
                &contract,
                &circumstances,
                vec![exhibit.clone()],
                now(),
                &Limits::DEFAULT,
            );
            let evaluations = plan.tasks().map(|task| task.evaluate()).collect();
            plan.conclude(evaluations)
        });
    });
    group.finish();
}

criterion_group!(benches, contract, small_policy, large_sbom);
criterion_main!(benches);
