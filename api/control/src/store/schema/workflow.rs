//! A workflow that stays at one revision of its contract.

use super::{Addition, Migration, int};

pub(super) const MIGRATION: Migration = Migration {
    name: "m0011_workflow",
    tables: &[],
    columns: &[Addition {
        table: "workflow",
        // None follows the latest.
        columns: &[int("contract_revision").null()],
        unique: &[],
        index: &[],
    }],
    statements: &[],
};
