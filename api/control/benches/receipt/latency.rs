//! How long a receipt takes, end to end, on SQLite and a directory: open a run, store the evidence, verify, judge, save.

#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

mod plane;

use criterion::{Criterion, criterion_group, criterion_main};
use engine::Verdict;
use plane::Plane;

async fn receive(plane: &Plane, sbom: &[u8]) -> Verdict {
    let ready = plane.prepare(sbom).await;
    plane.push(ready).await
}

fn receipt(c: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let database = plane::sqlite(&directory);
    let plane = runtime.block_on(Plane::open(directory, database));
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
