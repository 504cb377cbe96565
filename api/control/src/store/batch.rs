//! Rows of several tables that go to the database together.
//!
//! A statement costs a round trip: two changes of process or thread, which is more than most inserts cost by
//! themselves. What is written while the sequence number is held must be short, because every other writer waits for it.

use sea_orm::sea_query::{CommonTableExpression, InsertStatement, WithClause, WithQuery};
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DbBackend, EntityTrait, InsertMany, IntoActiveModel,
    QueryTrait, Statement,
};

use super::StoreError;
use super::session::Session;

/// Rows in one statement: the widest table has 16 columns, and SQLite takes 32,766 parameters.
const ROWS_MAX: usize = 1_000;

/// Inserts that are run in one statement, in the order in which they were added.
#[derive(Debug, Default)]
pub(super) struct Batch {
    inserts: Vec<InsertStatement>,
    rows: usize,
    full: Vec<Vec<InsertStatement>>,
}

impl Batch {
    /// Adds rows of one table.
    pub(super) fn add<E>(&mut self, models: Vec<E::Model>)
    where
        E: EntityTrait,
        E::Model: IntoActiveModel<E::ActiveModel>,
        E::ActiveModel: ActiveModelTrait<Entity = E> + Send,
    {
        let mut models = models.into_iter().map(IntoActiveModel::into_active_model).peekable();
        while models.peek().is_some() {
            let room = ROWS_MAX.saturating_sub(self.rows);
            let chunk: Vec<E::ActiveModel> = models.by_ref().take(room).collect();
            self.rows = self.rows.saturating_add(chunk.len());
            self.inserts.push(E::insert_many(chunk).into_query());
            if self.rows >= ROWS_MAX {
                self.full.push(std::mem::take(&mut self.inserts));
                self.rows = 0;
            }
        }
    }

    /// Adds a few rows, at least one, that may be there already, with what is to happen then.
    pub(super) fn add_upsert<A: ActiveModelTrait>(&mut self, rows: InsertMany<A>) {
        self.inserts.push(rows.into_query());
    }

    /// Inserts everything; a violated constraint is a conflict or a missing reference of `table`.
    pub(super) async fn run(self, db: &Session<'_>, table: &str) -> Result<(), StoreError> {
        for inserts in self.full.into_iter().chain([self.inserts]) {
            let Some(statement) = together(db.get_database_backend(), inserts) else { continue };
            let done = db.execute_raw(statement).await;
            done.map_err(|error| StoreError::of_insert(error, table))?;
        }
        Ok(())
    }
}

/// One statement that runs all of them: `WITH … INSERT`, or one after the other where that does not exist.
fn together(backend: DbBackend, mut inserts: Vec<InsertStatement>) -> Option<Statement> {
    let last = inserts.pop()?;
    if inserts.is_empty() {
        return Some(backend.build(&last));
    }
    if backend == DbBackend::Sqlite {
        inserts.push(last);
        return Some(in_sequence(backend, &inserts));
    }
    let mut with = WithClause::new();
    for (position, insert) in inserts.into_iter().enumerate() {
        let mut part = CommonTableExpression::new();
        part.query(insert).table_name(format!("part_{position}"));
        with.cte(part);
    }
    let query: WithQuery = with.query(last);
    Some(backend.build(&query))
}

fn in_sequence(backend: DbBackend, inserts: &[InsertStatement]) -> Statement {
    let (mut sql, mut values) = (Vec::with_capacity(inserts.len()), Vec::new());
    for insert in inserts {
        let statement = backend.build(insert);
        sql.push(statement.sql);
        values.extend(statement.values.into_iter().flatten());
    }
    Statement::from_sql_and_values(backend, sql.join("; "), values)
}
