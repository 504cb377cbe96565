//! No statement of a request reads more of a large database than it answers.

use std::time::{Duration, Instant};

use api::ROUTES;
use engine::Digest;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, QueryResult, Statement};
use testdata::peers::{Receiver, Reply};

use crate::crash::items;
use crate::http::Http;
use crate::site::{Site, said};
use crate::support::Server;

/// Most pages of 8 KiB that one call of a statement may touch: a list of fifty with its indexes takes 150.
const PAGES_MAX: i64 = 200;
/// How long deliveries may take before the test fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// Makes thirty thousand of what one attestation with one delivery left, so that every table that grows has more pages
/// than a statement may touch.
const SEED: [&str; 19] = [
    "INSERT INTO run (id, org, project, workflow, contract_revision, state, created_at, created_by, closed_at, expires_at) \
     SELECT lpad(to_hex(n), 32, '0')::uuid, org, project, workflow, contract_revision, 'closed', created_at - n, created_by, \
     closed_at, expires_at FROM (SELECT * FROM run WHERE state = 'closed' LIMIT 1) r, generate_series(1, 30000) n",
    "INSERT INTO attestation SELECT md5('att' || n)::uuid, org, project, workflow, lpad(to_hex(n), 32, '0')::uuid, \
     sha256(('att' || n)::bytea), payload_digest, value + n, size, created_at, key_digest, claimed_verdict, verdict, \
     sha256(('ver' || n)::bytea) FROM (SELECT * FROM attestation LIMIT 1) a, counter, generate_series(1, 30000) n",
    "INSERT INTO attestation_subject SELECT md5('att' || n)::uuid, 0, org, s.name, algorithm, \
     encode(sha256(('app' || n)::bytea), 'hex'), sha256(('app' || n)::bytea) \
     FROM (SELECT * FROM attestation_subject LIMIT 1) s, generate_series(1, 30000) n",
    "INSERT INTO material SELECT md5('att' || n)::uuid, 0, org, name, kind, sha256(('app' || n)::bytea), size, \
     reference_only, source, facts FROM (SELECT * FROM material LIMIT 1) m, generate_series(1, 30000) n",
    "INSERT INTO evaluation SELECT md5('att' || n)::uuid, 0, org, policy, policy_digest, subject, outcome, record \
     FROM (SELECT * FROM evaluation LIMIT 1) e, generate_series(1, 30000) n",
    "INSERT INTO verdict SELECT md5('ver' || n)::uuid, org, md5('att' || n)::uuid, value + n, value + n, \
     sha256(('ver' || n)::bytea), verdict, record, created_at \
     FROM (SELECT * FROM verdict LIMIT 1) v, counter, generate_series(1, 30000) n",
    "INSERT INTO org_blob SELECT org, sha256(('app' || n)::bytea), size, created_at, backend \
     FROM (SELECT * FROM org_blob LIMIT 1) o, generate_series(1, 30000) n",
    "INSERT INTO blob_removal SELECT md5('rem' || n)::uuid, md5('space' || (n % 100))::uuid, sha256(('rem' || n)::bytea), \
     'done', created_at, created_at + 86400000::bigint * n, NULL FROM (SELECT * FROM org_blob LIMIT 1) o, generate_series(1, 30000) n",
    "INSERT INTO log_leaf SELECT value + n, kind, sha256(('leaf' || n)::bytea), created_at \
     FROM (SELECT * FROM log_leaf LIMIT 1) l, counter, generate_series(1, 30000) n",
    "INSERT INTO node (kind, key) SELECT kind, sha256(('app' || n)::bytea) \
     FROM (SELECT * FROM node LIMIT 1) o, generate_series(1, 30000) n",
    "INSERT INTO edge SELECT org, n.id, value, n.id - 1, kind, attestation \
     FROM (SELECT * FROM edge LIMIT 1) e, counter, (SELECT id FROM node ORDER BY id DESC LIMIT 30000) n",
    "INSERT INTO audit_event (id, org, seq, actor, action, target, detail, created_at, position, before, after, \
     previous, digest) SELECT md5('event' || n)::uuid, a.org, value + n, actor, action, target, detail, created_at, \
     h.position + n, before, after, previous, a.digest FROM (SELECT * FROM audit_event WHERE org IS NOT NULL LIMIT 1) a, \
     audit_head h, counter, generate_series(1, 30000) n WHERE h.org = a.org",
    "UPDATE audit_head SET position = position + 30000 WHERE org IN (SELECT id FROM organization)",
    "INSERT INTO outbox_event SELECT md5('out' || n)::uuid, org, value + n, kind, payload, created_at, created_at \
     FROM (SELECT * FROM outbox_event LIMIT 1) o, counter, generate_series(1, 30000) n",
    "INSERT INTO delivery SELECT md5('del' || n)::uuid, org, integration, md5('out' || n)::uuid, 'delivered', 1, since, \
     due_at, NULL, 200, NULL, created_at, attempted_at, settled_at \
     FROM (SELECT * FROM delivery LIMIT 1) d, generate_series(1, 30000) n",
    "INSERT INTO delivery_attempt SELECT md5('try' || n)::uuid, org, md5('del' || n)::uuid, began_at, duration_ms, status, \
     failure, excerpt FROM (SELECT * FROM delivery_attempt LIMIT 1) d, generate_series(1, 30000) n",
    "INSERT INTO imported_attestation SELECT md5('imp' || n)::uuid, org, sha256(('imp' || n)::bytea), payload_digest, value + n, \
     size, predicate_type, subjects, signer, trust_root, signed_at, created_at, created_by \
     FROM (SELECT * FROM imported_attestation LIMIT 1) i, counter, generate_series(1, 30000) n",
    "UPDATE counter SET value = value + 30000",
    "ANALYZE",
];

/// The tables that were seeded, and those of them that a statement could scan unseen.
const LARGE: &str = "SELECT relname::text AS t FROM pg_class \
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND reltuples >= 30000";
const SMALL: &str = "SELECT relname::text AS t FROM pg_class \
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND reltuples >= 30000 AND relpages <= $1";

/// What was asked since the last reset: a row for each statement, whoever sent it. An insert reads nothing but keys.
const STATEMENTS: &str = "SELECT query AS t, (shared_blks_hit + shared_blks_read) / calls AS pages \
    FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = current_database() \
    AND query ~ '^(SELECT|UPDATE|DELETE|WITH)' AND query !~ '^WITH \"part_0\"' AND query !~ 'pg_' ORDER BY 2 DESC";

async fn rows(db: &DatabaseConnection, sql: &str, values: Vec<sea_orm::Value>) -> Vec<String> {
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
    let rows = db.query_all_raw(statement).await.unwrap();
    rows.iter().map(|row| row.try_get("", "t").unwrap()).collect()
}

#[test]
fn no_statement_reads_more_of_a_large_database_than_it_answers() {
    let Some(site) = Site::shared() else { return };
    let site = site.with(&["--allow-private-host", "127.0.0.1"]);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let db = runtime.block_on(Database::connect(&site.database)).unwrap();
    let loaded = "SELECT setting AS t FROM pg_settings WHERE name = 'pg_stat_statements.max'";
    if runtime.block_on(rows(&db, loaded, Vec::new())).is_empty() {
        println!("skipped: pg_stat_statements");
        return;
    }
    let receiver = Receiver::start(|_| Reply::status(200));
    let server = site.serve(&[]);
    let hook = receiver.url("/");
    site.run(&server, &format!("integration create webhook siem --event * --address {hook}"))
        .with(0);
    let first = said(&site.run(&server, &site.attest("first").1).with(0).stderr);
    site.import(&server);
    delivered(&site.http(&server));
    server.stop();
    runtime.block_on(async {
        for statement in SEED {
            db.execute_unprepared(statement).await.unwrap();
        }
        assert_eq!(rows(&db, LARGE, Vec::new()).await.len(), 16);
        let small = rows(&db, SMALL, vec![PAGES_MAX.into()]).await;
        assert!(small.is_empty(), "a scan of {small:?} would not be seen");
        db.execute_unprepared("CREATE EXTENSION pg_stat_statements").await.unwrap();
        let reset = "SELECT pg_stat_statements_reset(0, oid, 0) FROM pg_database WHERE datname = current_database()";
        db.execute_unprepared(reset).await.unwrap();
    });
    let server = site.serve(&[]);
    walk(&site, &server, &first);
    server.stop();
    runtime.block_on(async {
        let asked = asked(&db).await;
        assert!(asked.len() > 50, "only {} statements were seen", asked.len());
        for (statement, pages) in asked {
            assert!(pages <= PAGES_MAX, "{pages} pages: {statement}");
        }
        let scan = "SELECT max(size) AS seen FROM material";
        db.execute_unprepared(scan).await.unwrap();
        let seen = self::asked(&db).await.into_iter().find(|(statement, _)| statement == scan);
        assert!(seen.is_some_and(|(_, pages)| pages > PAGES_MAX), "a scan goes unseen");
    });
}

/// What was asked, and how many pages a call of it touched.
async fn asked(db: &DatabaseConnection) -> Vec<(String, i64)> {
    let statement = Statement::from_string(DbBackend::Postgres, STATEMENTS);
    let asked = db.query_all_raw(statement).await.unwrap();
    let pair =
        |row: &QueryResult| (row.try_get("", "t").unwrap(), row.try_get("", "pages").unwrap());
    asked.iter().map(pair).collect()
}

/// Waits until something that happened was told.
fn delivered(http: &Http) {
    let begun = Instant::now();
    while !items(http, "deliveries").iter().any(|delivery| delivery["state"] == "delivered") {
        assert!(begun.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Asks every route that reads, by everything that it can be asked by; and takes an attestation from its job to the gate.
fn walk(site: &Site, server: &Server, first: &str) {
    let (app, line) = site.attest("second");
    site.run(server, &line).with(0);
    site.run(server, &format!("gate allow {app} --gate prod")).with(0);
    let http = site.http(server);
    let one = |list: &str| {
        let page = http.get(&format!("/v1/{list}?limit=1")).with(200).json();
        page["items"][0]["id"].as_str().unwrap().to_owned()
    };
    let ids = [one("runs"), one("deliveries"), one("tokens")];
    let digests = [first.to_owned(), app.to_string(), Digest::of("nobody's").to_string()];
    let names = ["release", "prod", "siem", "web"].map(ToOwned::to_owned);
    for route in ROUTES.iter().filter(|route| matches!(route.method, "GET" | "HEAD")) {
        let given: &[String] = match route.path {
            // All of it is what this one answers.
            "/v1/audit/trail" => &[],
            path if path.contains("{id}") => &ids,
            path if path.contains("{digest}") => &digests,
            _ => &names,
        };
        for one in given {
            let path = route.path.replace("{project}", "web");
            let path = path.replace("{id}", one).replace("{digest}", one);
            let status = http.get(&path.replace("{name}", one)).status;
            assert!(status < 500, "{} {path}: {status}", route.method);
        }
    }
    for path in [
        "runs?workflow=web/release",
        "runs?state=open",
        "deliveries?integration=siem&state=delivered",
        "deliveries?state=dead",
        "audit/events?action=run.open",
    ] {
        http.get(&format!("/v1/{path}")).with(200);
    }
    let lists = ["attestations", "runs", "auditEvents"];
    http.graphql(&format!(
        "{{ {} }}",
        lists.map(|list| format!("{list} {{ edges {{ cursor }} }}")).join(" ")
    ));
}
