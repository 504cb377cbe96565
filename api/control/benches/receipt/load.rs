//! Receipts per second, verified and judged, on each database, beside what that database can insert by itself.
//!
//! Eight clients push attestations of runs that are open and whose evidence is stored; each is durable when answered.
//! The peer is the same eight clients inserting one row of two indexes per transaction through the same library, in the
//! same run, with the same durability. Run with `cargo bench --package control --bench load`.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark may panic and prints")]

mod plane;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use engine::Verdict;
use futures::future::join_all;
use plane::Plane;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement,
};
use serde_json::json;
use tokio::sync::Mutex;

const CLIENTS: usize = 8;
const RECEIPTS: usize = 2_000;
const INSERTING: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() {
    println!("{CLIENTS} clients, durable; ratio = receipts / bare inserts");
    let directory = tempfile::tempdir().unwrap();
    let bare = format!("sqlite://{}?mode=rwc", directory.path().join("bare.db").display());
    let database = plane::sqlite(&directory);
    measure("SQLite", directory, database, &bare).await;
    if let Some(cluster) = testdata::peers::durable_postgres() {
        let directory = tempfile::tempdir().unwrap();
        measure("PostgreSQL", directory, cluster.database(), &cluster.database()).await;
    }
}

async fn measure(name: &str, directory: tempfile::TempDir, database: String, bare: &str) {
    let bare = inserts(bare).await;
    let plane = Arc::new(Plane::open(directory, database).await);
    for (size, sbom) in [("1 component", sbom(1)), ("100 components", sbom(100))] {
        let (rate, cpu) = receipts(&plane, &sbom).await;
        println!(
            "{name}, SBOM of {size} ({} bytes): {rate:.0} receipts/s, {cpu:.1} ms of CPU each; bare inserts {bare:.0}/s; ratio {:.2}",
            sbom.len(),
            rate / bare
        );
    }
}

/// A CycloneDX document of so many components.
fn sbom(components: u32) -> Vec<u8> {
    let component =
        |n| json!({ "type": "library", "name": format!("part-{n}"), "version": "1.0.0" });
    let components: Vec<_> = (0..components).map(component).collect();
    json!({ "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": components })
        .to_string()
        .into_bytes()
}

/// Receipts per second, and milliseconds of processor time that this process spent on each.
async fn receipts(plane: &Arc<Plane>, sbom: &[u8]) -> (f64, f64) {
    let mut ready = Vec::with_capacity(RECEIPTS);
    for _ in 0..RECEIPTS {
        ready.push(plane.prepare(sbom).await);
    }
    let (ready, begun, cpu) = (Arc::new(Mutex::new(ready)), Instant::now(), processor_ticks());
    let client = || {
        let (plane, ready) = (Arc::clone(plane), Arc::clone(&ready));
        tokio::spawn(async move {
            loop {
                let Some(next) = ready.lock().await.pop() else { return };
                assert_eq!(plane.push(next).await, Verdict::Passed);
            }
        })
    };
    for client in join_all((0..CLIENTS).map(|_| client())).await {
        client.unwrap();
    }
    let count = f64::from(u32::try_from(RECEIPTS).unwrap());
    (count / begun.elapsed().as_secs_f64(), (processor_ticks() - cpu) * 10.0 / count)
}

/// Hundredths of a second that this process was on a processor: `utime` and `stime` of `proc_pid_stat(5)`.
fn processor_ticks() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(") ").next().unwrap_or_default();
    after_name.split(' ').skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum()
}

/// Rows per second when each is a transaction of its own.
async fn inserts(url: &str) -> f64 {
    let db = connect(url).await;
    db.execute_unprepared("CREATE TABLE bare (id BIGINT PRIMARY KEY, org BIGINT, body TEXT)")
        .await
        .unwrap();
    db.execute_unprepared("CREATE INDEX bare_org ON bare (org, id)").await.unwrap();
    let (next, begun) = (Arc::new(AtomicU64::new(0)), Instant::now());
    let client = || {
        let (db, next) = (db.clone(), Arc::clone(&next));
        tokio::spawn(async move {
            while begun.elapsed() < INSERTING {
                let id = i64::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap();
                let sql = "INSERT INTO bare (id, org, body) VALUES ($1, $2, $3)";
                let values = [id.into(), (id % 7).into(), "x".repeat(200).into()];
                let insert = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
                db.execute_raw(insert).await.unwrap();
            }
        })
    };
    for client in join_all((0..CLIENTS).map(|_| client())).await {
        client.unwrap();
    }
    let inserted = u32::try_from(next.load(Ordering::Relaxed)).unwrap();
    f64::from(inserted) / begun.elapsed().as_secs_f64()
}

/// As the store connects: SQLite with one writer and a commit that waits for the disk.
async fn connect(url: &str) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options.sqlx_logging(false).max_connections(if url.starts_with("sqlite") { 1 } else { 16 });
    options.map_sqlx_sqlite_opts(|options| {
        options.pragma("journal_mode", "WAL").pragma("synchronous", "FULL")
    });
    let db = Database::connect(options).await.unwrap();
    assert!(matches!(db.get_database_backend(), DbBackend::Sqlite | DbBackend::Postgres));
    db
}
