//! Bringing the schema up to date: forward only, each migration once, all pending ones in one transaction.

use async_trait::async_trait;
use sea_orm::sea_query::{
    ColumnDef, ForeignKey, Index, IndexCreateStatement, TableCreateStatement,
};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};
use sea_orm_migration::{MigrationName, MigrationTrait, MigratorTrait, SchemaManager};

use super::StoreError;
use super::schema::{Column, TABLES, Table, Type};

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

struct Migrator;

#[async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(First)]
    }
}

/// All tables, and the counter at zero.
struct First;

impl MigrationName for First {
    fn name(&self) -> &'static str {
        "m0001_first"
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait is written so, and its lifetimes must match"
)]
#[async_trait]
impl MigrationTrait for First {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES {
            manager.create_table(create(table)).await?;
            for columns in table.unique {
                manager.create_index(index(table.name, columns).unique().take()).await?;
            }
            for columns in table.index {
                manager.create_index(index(table.name, columns)).await?;
            }
        }
        let zero = "INSERT INTO counter (name, value) VALUES ('seq', 0)";
        manager.get_connection().execute_unprepared(zero).await.map(|_| ())
    }
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
