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

use super::StoreError;
use super::schema::{Addition, Column, MIGRATIONS, Migration, Table, Type};

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
