//! No lookup along a reference scans a table.

use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};

use crate::support::stores;

/// Every reference of every table as `(table, column)`.
const SQLITE_REFERENCES: &str = "SELECT m.name AS t, f.\"from\" AS c FROM sqlite_master m \
    JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table'";
const POSTGRES_REFERENCES: &str = "SELECT r.relname AS t, a.attname::text AS c FROM pg_constraint k \
    JOIN pg_class r ON r.oid = k.conrelid JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum = k.conkey[1] \
    WHERE k.contype = 'f'";
/// The first two columns of every index as `(table, first, second)`.
const SQLITE_INDEXES: &str = "SELECT m.name AS t, \
    (SELECT name FROM pragma_index_info(i.name) WHERE seqno = 0) AS a, \
    COALESCE((SELECT name FROM pragma_index_info(i.name) WHERE seqno = 1), '') AS b \
    FROM sqlite_master m JOIN pragma_index_list(m.name) i WHERE m.type = 'table'";
const POSTGRES_INDEXES: &str = "SELECT r.relname AS t, a.attname::text AS a, COALESCE(b.attname::text, '') AS b \
    FROM pg_index i JOIN pg_class r ON r.oid = i.indrelid \
    JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum = i.indkey[0] \
    LEFT JOIN pg_attribute b ON b.attrelid = r.oid AND i.indnatts > 1 AND b.attnum = i.indkey[1]";

async fn rows(db: &DatabaseConnection, sql: &str, columns: &[&str]) -> Vec<Vec<String>> {
    let rows =
        db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap();
    rows.iter()
        .map(|row| columns.iter().map(|column| row.try_get("", column).unwrap()).collect())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reference_leads_an_index() {
    for opened in stores().await {
        let db = Database::connect(&opened.url).await.unwrap();
        let (references, indexes) = match db.get_database_backend() {
            DbBackend::Postgres => (POSTGRES_REFERENCES, POSTGRES_INDEXES),
            _ => (SQLITE_REFERENCES, SQLITE_INDEXES),
        };
        let references = rows(&db, references, &["t", "c"]).await;
        let indexes = rows(&db, indexes, &["t", "a", "b"]).await;
        assert!(references.len() > 30, "{} references", references.len());
        for reference in references {
            let (table, column) = (&reference[0], &reference[1]);
            let leads = |index: &&Vec<String>| {
                index[0] == *table
                    && (index[1] == *column || (index[1] == "org" && index[2] == *column))
            };
            assert!(indexes.iter().any(|index| leads(&index)), "{table}.{column} leads no index");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn edges_are_found_in_an_index_alone() {
    let opened = crate::support::sqlite().await;
    let db = Database::connect(&opened.url).await.unwrap();
    for (near, far) in [("dst", "src"), ("src", "dst")] {
        let sql = format!(
            "EXPLAIN QUERY PLAN SELECT src, dst, kind, seq, attestation FROM edge WHERE org = x'00' AND seq <= 9 \
             AND {near} IN (SELECT value FROM json_each('[1,2]')) ORDER BY {near}, seq, {far}, kind LIMIT 9"
        );
        let plan = rows(&db, &sql, &["detail"]).await.concat().join("; ");
        let expected = format!("(org=? AND {near}=? AND seq<?)");
        assert!(plan.contains("USING COVERING INDEX") && plan.contains(&expected), "{plan}");
    }
}
