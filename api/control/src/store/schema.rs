//! The tables, as data: one file for each migration, in the order in which they are applied.
//!
//! A migration is frozen once it has landed: a change is a new one, which adds tables, columns and indexes.
//! Every column that refers to another table, and every `org`, leads an index or follows `org` in one; a test
//! holds this on both databases, because a missing one turns a lookup into a scan of the whole table.
//! `edge` declares no references: they are written with their nodes and attestation in one transaction, and four
//! checks per edge would be most of the cost of a receipt.

pub(super) mod audit;
mod backend;
mod crafting;
mod deletion;
mod first;
mod integration;
mod person;
mod project_role;
mod removal;
mod repeat;
mod retention;
mod run;
mod token;
mod trust_root;
mod trust_rule;
mod version;
mod waiver;
mod workflow;

/// One step of the schema, forward only.
#[derive(Debug)]
pub(super) struct Migration {
    /// Sorts after the name of the one before.
    pub(super) name: &'static str,
    /// New tables, in an order in which each refers to earlier ones only.
    pub(super) tables: &'static [Table],
    /// New columns of older tables.
    pub(super) columns: &'static [Addition],
    /// What else is to be done, the same on both databases.
    pub(super) statements: &'static [&'static str],
}

/// Every migration, oldest first.
pub(super) const MIGRATIONS: &[Migration] = &[
    first::MIGRATION,
    audit::MIGRATION,
    run::MIGRATION,
    waiver::MIGRATION,
    backend::MIGRATION,
    integration::MIGRATION,
    trust_rule::MIGRATION,
    workflow::MIGRATION,
    person::MIGRATION,
    deletion::MIGRATION,
    token::MIGRATION,
    version::MIGRATION,
    removal::MIGRATION,
    retention::MIGRATION,
    repeat::MIGRATION,
    crafting::MIGRATION,
    trust_root::MIGRATION,
    project_role::MIGRATION,
];

/// Columns that a later migration adds, and the indexes over them. A new column is null or has a default.
#[derive(Debug)]
pub(super) struct Addition {
    pub(super) table: &'static str,
    pub(super) columns: &'static [Column],
    pub(super) unique: &'static [&'static [&'static str]],
    pub(super) index: &'static [&'static [&'static str]],
}

/// How a column is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Uuid,
    Bytes,
    Text,
    /// 64 bits.
    Int,
    /// 16 bits.
    Small,
    Bool,
    /// 64 bits, numbered by the database.
    Serial,
}

/// One column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Type,
    pub(super) null: bool,
    /// What rows that are there already get, in a column that is added.
    pub(super) default: Option<i32>,
    /// The table whose `id` this is.
    pub(super) refers_to: Option<&'static str>,
}

impl Column {
    const fn new(name: &'static str, kind: Type) -> Self {
        Self { name, kind, null: false, default: None, refers_to: None }
    }

    const fn null(self) -> Self {
        Self { null: true, ..self }
    }

    /// Of a number or a truth value.
    #[expect(dead_code, reason = "no migration adds such a column yet")]
    const fn default(self, value: i32) -> Self {
        Self { default: Some(value), ..self }
    }
}

const fn uuid(name: &'static str) -> Column {
    Column::new(name, Type::Uuid)
}

const fn bytes(name: &'static str) -> Column {
    Column::new(name, Type::Bytes)
}

const fn text(name: &'static str) -> Column {
    Column::new(name, Type::Text)
}

const fn int(name: &'static str) -> Column {
    Column::new(name, Type::Int)
}

const fn to(name: &'static str, table: &'static str) -> Column {
    Column { refers_to: Some(table), ..uuid(name) }
}

const ID: Column = uuid("id");
const ORG: Column = to("org", "organization");
const CREATED_AT: Column = int("created_at");

/// One table. The first entry of `unique` or `index` is the column that leads it.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [Column],
    pub(super) key: &'static [&'static str],
    pub(super) unique: &'static [&'static [&'static str]],
    pub(super) index: &'static [&'static [&'static str]],
}
