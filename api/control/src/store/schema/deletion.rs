//! Workflows and contracts that were deleted, and can be restored: what they were is history.

use super::{Addition, Migration, int};

pub(super) const MIGRATION: Migration = Migration {
    name: "m0013_deletion",
    tables: &[],
    columns: &[
        Addition {
            table: "workflow",
            columns: &[int("deleted_at").null()],
            unique: &[],
            index: &[],
        },
        Addition {
            table: "contract",
            columns: &[int("deleted_at").null()],
            unique: &[],
            index: &[],
        },
    ],
    statements: &[],
};
