//! What jobs crafted so far, kept for others that go on with it.

use super::{Addition, Column, Migration, ORG, Table, bytes, int, text, to};

/// Sealed: it names files of the machines that jobs ran on.
const STATE: Column = text("state_sealed");

pub(super) const MIGRATION: Migration = Migration {
    name: "m0019_crafting",
    tables: &[Table {
        name: "crafting",
        columns: &[to("id", "run"), ORG, STATE, bytes("digest"), int("updated_at")],
        key: &["id"],
        unique: &[],
        index: &[&["org"]],
    }],
    columns: &[Addition {
        table: "job",
        // The run of another job of the same pipeline, with which this one goes on.
        columns: &[to("joined", "run").null()],
        unique: &[],
        index: &[&["joined"]],
    }],
    statements: &[],
};
