//! Columns that hold sealed secrets, so that they can be sealed anew under another key.

use engine::id::OrganizationId;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ConnectionTrait, QueryResult};
use trust::{KeyName, Sealed};
use uuid::Uuid;

use super::row::Row;
use super::{Reader, StoreError, Tx};

/// A column of sealed secrets. Its table has the columns `id` and `org`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedColumn {
    /// The table.
    pub table: &'static str,
    /// The column; null where there is no secret.
    pub column: &'static str,
}

impl SealedColumn {
    /// Every such column. Its name ends in `_sealed`: by that a test finds one that is missing here, and would keep its
    /// old key for ever.
    pub const ALL: &'static [Self] = &[
        Self { table: "backend", column: "credentials_sealed" },
        Self { table: "crafting", column: "state_sealed" },
        Self { table: "integration", column: "secret_sealed" },
        Self { table: "integration", column: "previous_sealed" },
    ];

    /// What its secrets are sealed for.
    pub fn purpose(self) -> String {
        format!("{}.{}", self.table, self.column)
    }
}

/// One sealed secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedRow {
    /// Where it stands.
    pub column: SealedColumn,
    /// The row.
    pub id: Uuid,
    /// Whose it is; none for the instance.
    pub org: Option<OrganizationId>,
    /// The secret.
    pub sealed: Sealed,
}

impl Reader<'_> {
    /// Secrets of the column that none of `keys` sealed, at most `limit` of them.
    pub async fn sealed_otherwise(
        &self,
        column: SealedColumn,
        keys: &[KeyName],
        limit: u64,
    ) -> Result<Vec<SealedRow>, StoreError> {
        let mut query = Query::select();
        query.columns(["id", "org", column.column]).from(column.table).limit(limit);
        query.and_where(Expr::col(column.column).is_not_null());
        for key in keys {
            query
                .and_where(Expr::col(column.column).not_like(format!("{}%", Sealed::prefix(*key))));
        }
        let rows = self.db.query_all(&query).await?;
        rows.iter().map(|row| read(column, row)).collect()
    }
}

impl Tx<'_> {
    /// Puts a secret that was sealed anew in the place of the old one; answers false when that was changed meanwhile.
    pub async fn replace_sealed(&self, old: &SealedRow, new: &Sealed) -> Result<bool, StoreError> {
        let SealedColumn { table, column } = old.column;
        let mut update = Query::update();
        update.table(table).value(column, new.as_str());
        update.and_where(Expr::col("id").eq(old.id));
        update.and_where(Expr::col(column).eq(old.sealed.as_str()));
        Ok(self.db().execute(&update).await?.rows_affected() == 1)
    }
}

fn read(column: SealedColumn, row: &QueryResult) -> Result<SealedRow, StoreError> {
    let id: Uuid = row.try_get("", "id")?;
    let org: Option<Uuid> = row.try_get("", "org")?;
    let text: String = row.try_get("", column.column)?;
    let sealed = Row::new(column.table, id).text(&text)?;
    Ok(SealedRow { column, id, org: org.map(OrganizationId), sealed })
}
