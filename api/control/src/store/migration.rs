//! Bringing the schema up to date: forward only, each migration once, all pending ones in one transaction.

use async_trait::async_trait;
use sea_orm::sea_query::{
    ColumnDef, ForeignKey, Index, IndexCreateStatement, TableAlterStatement, TableCreateStatement,
};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};
use sea_orm_migration::{MigrationName, MigrationTrait, MigratorTrait, SchemaManager};

use super::schema::{self, Addition, Column, MIGRATIONS, Migration, Table, Type};
use super::{StoreError, audit};

/// Which advisory lock of PostgreSQL means "I change Muster's schema": the word `muster` in ASCII.
const LOCK: &str = "SELECT pg_advisory_xact_lock(120351215609202)";

/// Applies what is pending. Replicas that start together wait for each other.
pub(super) async fn run(db: &DatabaseConnection) -> Result<(), StoreError> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let transaction = db.begin_with_options(options).await?;
    if transaction.get_database_backend() == DbBackend::Postgres {
        transaction.execute_unprepared(LOCK).await?;
    }
    Migrator::up(&transaction, None).await?;
    Ok(transaction.commit().await?)
}

/// Whether the schema is exactly the one of this version of Muster.
pub(super) async fn is_current(db: &DatabaseConnection) -> Result<bool, StoreError> {
    let manager = SchemaManager::new(db);
    if !manager.has_table(Migrator::migration_table_name().to_string()).await? {
        return Ok(false);
    }
    let applied = Migrator::get_migration_models(db).await?;
    let applied = applied.iter().map(|one| one.version.as_str());
    Ok(applied.eq(MIGRATIONS.iter().map(|one| one.name)))
}

struct Migrator;

#[async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let step = |migration| -> Box<dyn MigrationTrait> { Box::new(Step(migration)) };
        MIGRATIONS.iter().map(step).collect()
    }
}

/// A migration as the migrator wants it.
struct Step(&'static Migration);

impl MigrationName for Step {
    fn name(&self) -> &'static str {
        self.0.name
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait is written so, and its lifetimes must match"
)]
#[async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in self.0.tables {
            manager.create_table(create(table)).await?;
            add_indexes(manager, table.name, table.unique, table.index).await?;
        }
        for Addition { table, columns, unique, index } in self.0.columns {
            for column in *columns {
                manager.alter_table(add_column(table, column)).await?;
            }
            add_indexes(manager, table, unique, index).await?;
        }
        for statement in self.0.statements {
            manager.get_connection().execute_unprepared(statement).await?;
        }
        if self.0.name == schema::audit::MIGRATION.name {
            audit::chain_existing(manager.get_connection()).await?;
        }
        Ok(())
    }
}

async fn add_indexes(
    manager: &SchemaManager<'_>,
    table: &str,
    unique: &[&[&'static str]],
    plain: &[&[&'static str]],
) -> Result<(), DbErr> {
    for columns in unique {
        manager.create_index(index(table, columns).unique().take()).await?;
    }
    for columns in plain {
        manager.create_index(index(table, columns)).await?;
    }
    Ok(())
}

/// Neither database checks a reference that is added to a table later; SQLite cannot even declare one.
fn add_column(table: &'static str, column: &Column) -> TableAlterStatement {
    let mut definition = definition(column);
    if let Some(value) = column.default {
        definition.default(value);
    }
    sea_orm::sea_query::Table::alter().table(table).add_column(&mut definition).to_owned()
}

fn create(table: &Table) -> TableCreateStatement {
    let mut statement = sea_orm::sea_query::Table::create().table(table.name).to_owned();
    for column in table.columns {
        statement.col(definition(column));
        if let Some(target) = column.refers_to {
            statement
                .foreign_key(ForeignKey::create().from(table.name, column.name).to(target, "id"));
        }
    }
    if !table.columns.iter().any(|column| column.kind == Type::Serial) {
        let mut key = Index::create();
        table.key.iter().for_each(|column| {
            key.col(*column);
        });
        statement.primary_key(&mut key);
    }
    statement
}

fn definition(column: &Column) -> ColumnDef {
    let mut definition = ColumnDef::new(column.name);
    match column.kind {
        Type::Uuid => definition.uuid(),
        Type::Bytes => definition.blob(),
        Type::Text => definition.text(),
        Type::Int => definition.big_integer(),
        Type::Small => definition.small_integer(),
        Type::Bool => definition.boolean(),
        Type::Serial => definition.big_integer().auto_increment().primary_key(),
    };
    if !column.null {
        definition.not_null();
    }
    definition
}

fn index(table: &str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create()
        .name(format!("{table}_{}", columns.join("_")))
        .table(table.to_owned())
        .to_owned();
    for column in columns {
        index.col(*column);
    }
    index
}

#[cfg(test)]
mod tests {
    use engine::Digest;
    use engine::audit::Chain;
    use engine::id::OrganizationId;
    use sea_orm::{Database, Statement, Value};
    use uuid::Uuid;

    use super::*;
    use crate::store::{Direction, NodeKey, Page, RunState, Store, TrailRow, Walk};

    const DIGEST: Digest = Digest::from_sha256([0; 32]);

    /// An empty database of each kind, and what must outlive it.
    fn databases() -> Vec<(String, Option<tempfile::TempDir>)> {
        let folder = tempfile::tempdir().unwrap();
        let sqlite = format!("sqlite://{}?mode=rwc", folder.path().join("muster.db").display());
        let postgres = testdata::peers::postgres().map(|cluster| (cluster.database(), None));
        std::iter::once((sqlite, Some(folder))).chain(postgres).collect()
    }

    /// Three events of an organization and two of the installation, mixed, as the first revision wrote them.
    async fn of_the_first_revision(url: &str, org: Uuid) {
        let db = Database::connect(url).await.unwrap();
        Migrator::up(&db, Some(1)).await.unwrap();
        let insert = async |sql: &str, values: Vec<Value>| {
            let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
            db.execute_raw(statement).await.unwrap();
        };
        let made = "INSERT INTO organization (id, name, created_at) VALUES ($1, $2, $3)";
        insert(made, vec![org.into(), "acme".into(), 1_i64.into()]).await;
        let event = "INSERT INTO audit_event (id, org, seq, actor, action, target, detail, created_at) \
            VALUES ($1, $2, $3, 'token:owner', 'project.create', $4, $5, $6)";
        for (seq, whose) in
            [(3_i64, Some(org)), (1, None), (2, Some(org)), (4, Some(org)), (5, None)]
        {
            let id = Uuid::from_u128(u128::try_from(seq).unwrap());
            let detail = if seq == 3 { "{\"b\": 1, \"a\":null}" } else { "{}" };
            let values = vec![
                id.into(),
                whose.into(),
                seq.into(),
                format!("p{seq}").into(),
                detail.into(),
                seq.into(),
            ];
            insert(event, values).await;
        }
        db.close().await.unwrap();
    }

    /// The chain is whole, and its events have these sequence numbers.
    async fn check_chain(store: &Store, chain: Option<OrganizationId>, expected: &[u64]) {
        let read = store.read();
        let head = read.audit_head(chain).await.unwrap().unwrap();
        let mut walk = Chain::new().expect(head);
        let mut seqs = Vec::new();
        for row in read.audit_trail(chain, 99, Page::first(99)).await.unwrap() {
            let TrailRow::Entry(entry) = row else { panic!("{row:?}") };
            walk.follow(&entry).unwrap();
            seqs.push(entry.event.seq);
        }
        assert_eq!((seqs.as_slice(), walk.head()), (expected, Some(head)));
        assert!(read.audit_outside(chain).await.unwrap().is_empty());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn events_of_the_first_revision_are_chained_from_the_oldest() {
        for (url, _folder) in databases() {
            let org = Uuid::now_v7();
            of_the_first_revision(&url, org).await;
            let store = Store::open(&url).await.unwrap();
            check_chain(&store, Some(OrganizationId(org)), &[2, 3, 4]).await;
            check_chain(&store, None, &[1, 5]).await;
            store.close().await.unwrap();
            Store::open(&url).await.unwrap();
        }
    }

    /// An open run and everything that it refers to, as the first revision wrote them; every identifier is `$1`.
    const OPEN_RUN: [&str; 7] = [
        "INSERT INTO organization (id, name, created_at) VALUES ($1, 'acme', 1)",
        "INSERT INTO project (id, org, name, created_at) VALUES ($1, $1, 'web', 1)",
        "INSERT INTO contract (id, org, name, created_at) VALUES ($1, $1, 'web', 1)",
        "INSERT INTO contract_revision (id, contract, org, revision, digest, source, sources, created_at, seq) \
         VALUES ($1, $1, $1, 1, $2, '', '{}', 1, 1)",
        "INSERT INTO workflow (id, org, project, name, contract, created_at) VALUES ($1, $1, $1, 'release', $1, 1)",
        "INSERT INTO api_token (id, org, name, secret_hash, scopes, created_at) VALUES ($1, $1, 'ci', $2, '[]', 1)",
        "INSERT INTO run (id, org, project, workflow, contract_revision, state, created_at, created_by) \
         VALUES ($1, $1, $1, $1, $1, 'open', 7, $1)",
    ];

    /// What else there is in the first revision, about that run; `$2` is every digest.
    const REST: [&str; 17] = [
        "INSERT INTO signing_key (id, org, name, key_digest, public_key, created_at) VALUES ($1, $1, 'ci', $2, 'PEM', 1)",
        "INSERT INTO org_blob (org, digest, size, created_at) VALUES ($1, $2, 1, 1)",
        "INSERT INTO attestation (id, org, project, workflow, run, digest, payload_digest, seq, size, created_at, key_digest, \
         verdict, verdict_digest) VALUES ($1, $1, $1, $1, $1, $2, $2, 2, 1, 1, $2, 'passed', $2)",
        "INSERT INTO attestation_subject (attestation, position, org, name, algorithm, value, digest) \
         VALUES ($1, 0, $1, 'app', 'sha256', '00', $2)",
        "INSERT INTO material (attestation, position, org, name, kind, digest, size, reference_only, source, facts) \
         VALUES ($1, 0, $1, 'sbom', 'sbom-cyclonedx-json', $2, 1, FALSE, 'sbom.json', '{}')",
        "INSERT INTO evaluation (attestation, position, org, policy, policy_digest, subject, outcome, record) \
         VALUES ($1, 0, $1, 'contract', $2, 'run', 'passed', '{}')",
        "INSERT INTO verdict (id, org, attestation, seq, from_seq, digest, verdict, record, created_at) \
         VALUES ($1, $1, $1, 2, 2, $2, 'passed', $2, 1)",
        "INSERT INTO gate (id, org, name, created_at) VALUES ($1, $1, 'prod', 1)",
        "INSERT INTO gate_revision (id, gate, org, revision, digest, source, sources, created_at, seq) \
         VALUES ($1, $1, $1, 1, $2, '', '{}', 1, 3)",
        "INSERT INTO node (kind, key) SELECT 'attestation', digest FROM attestation",
        "INSERT INTO node (kind, key) SELECT 'artifact', digest FROM org_blob",
        "INSERT INTO edge (org, dst, seq, src, kind, attestation) SELECT a.org, d.id, 2, s.id, 2, a.id \
         FROM attestation a, node s, node d WHERE s.kind = 'attestation' AND d.kind = 'artifact'",
        "INSERT INTO log_leaf (seq, kind, digest, created_at) SELECT 2, 'attestation', digest, 1 FROM attestation",
        "INSERT INTO audit_event (id, org, seq, actor, action, target, detail, created_at) \
         VALUES ($1, $1, 2, 'token:ci', 'attestation.receive', 'web', '{}', 1)",
        "INSERT INTO outbox_event (id, org, seq, kind, payload, created_at) \
         VALUES ($1, $1, 2, 'dev.muster.attestation.received.v1', '{}', 1)",
        "UPDATE run SET state = 'closed', closed_at = 1",
        "UPDATE counter SET value = 3",
    ];

    /// A database of the first revision that was made by these statements.
    async fn as_first(url: &str, statements: &[&str], id: Uuid) {
        let db = Database::connect(url).await.unwrap();
        Migrator::up(&db, Some(1)).await.unwrap();
        for sql in statements {
            let id = sql.contains("$1").then(|| Value::from(id));
            let digest = sql.contains("$2").then(|| Value::from(DIGEST.as_bytes().to_vec()));
            let values = id.into_iter().chain(digest);
            let backend = db.get_database_backend();
            db.execute_raw(Statement::from_sql_and_values(backend, *sql, values)).await.unwrap();
        }
        db.close().await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_the_first_revision_stored_is_read_by_this_one() {
        for (url, _folder) in databases() {
            let id = Uuid::now_v7();
            as_first(&url, &[OPEN_RUN.as_slice(), &REST].concat(), id).await;
            // Two replicas of the new version start at once.
            let (store, other) = tokio::join!(Store::open(&url), Store::open(&url));
            let store = store.unwrap();
            other.unwrap().close().await.unwrap();
            for table in MIGRATIONS[0].tables {
                let sql = format!("SELECT count(*) AS rows FROM {}", table.name);
                let backend = store.pools.read.get_database_backend();
                let counted = Statement::from_string(backend, sql);
                let row = store.pools.read.query_one_raw(counted).await.unwrap().unwrap();
                assert!(row.try_get::<i64>("", "rows").unwrap() > 0, "{} is empty", table.name);
            }
            read_all(&store, id).await;
            check_chain(&store, Some(OrganizationId(id)), &[2]).await;
            store.close().await.unwrap();
        }
    }

    /// Reads a record of every kind.
    async fn read_all(store: &Store, id: Uuid) {
        let (org, read) = (OrganizationId(id), store.read());
        let attestation = read.attestation_by_digest(org, DIGEST).await.unwrap().unwrap().record;
        let (one, run) = ([attestation.id], read.run(org, attestation.run).await.unwrap().unwrap());
        assert_eq!((run.state, run.expires_at), (RunState::Closed, None));
        assert_eq!(read.subjects_of(org, &one).await.unwrap()[&one[0]].len(), 1);
        assert_eq!(read.materials_of(org, &one).await.unwrap()[&one[0]].len(), 1);
        assert_eq!(read.evaluations_of(org, &one).await.unwrap()[&one[0]].len(), 1);
        assert_eq!(read.verdicts_of(org, &one).await.unwrap()[&one[0]].len(), 1);
        assert!(read.contract_revision_by_id(org, id).await.unwrap().is_some());
        assert!(read.gate_revision_by_id(org, id).await.unwrap().is_some());
        assert!(read.blob(org, DIGEST).await.unwrap().is_some());
        assert!(read.token_by_hash(DIGEST).await.unwrap().is_some());
        let lists = [
            read.organizations().await.unwrap().len(),
            read.projects(org).await.unwrap().len(),
            read.contracts(org).await.unwrap().len(),
            read.gates(org).await.unwrap().len(),
            read.signing_keys(org).await.unwrap().len(),
            read.log_leaves(0, 9).await.unwrap().len(),
            read.waiting_events(9).await.unwrap().len(),
        ];
        assert_eq!(lists, [1; 7]);
        let walk = Walk {
            org,
            roots: vec![NodeKey::Artifact(DIGEST)],
            direction: Direction::Up,
            hops_max: 2,
            nodes_max: 9,
            as_of: 3,
        };
        assert_eq!(read.walk(&walk).await.unwrap().edges.len(), 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn runs_that_were_open_before_there_were_deadlines_get_a_day() {
        for (url, _folder) in databases() {
            let id = Uuid::now_v7();
            as_first(&url, &OPEN_RUN, id).await;
            let store = Store::open(&url).await.unwrap();
            let run = store.read().run(OrganizationId(id), id.to_string().parse().unwrap()).await;
            let end = run.unwrap().unwrap().expires_at.unwrap();
            assert_eq!(end.as_millis(), 7 + 24 * 60 * 60 * 1_000);
        }
    }
}
