//! Tokens that attest runs of some workflows, and do nothing else.

use super::{Addition, Migration, text};

pub(super) const MIGRATION: Migration = Migration {
    name: "m0014_token",
    tables: &[],
    columns: &[Addition {
        table: "api_token",
        // As JSON; none is every workflow.
        columns: &[text("grants").null()],
        unique: &[],
        index: &[],
    }],
    statements: &[],
};
