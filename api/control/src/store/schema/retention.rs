//! How long organizations keep their evidence.

use super::{Addition, CREATED_AT, Column, Migration, ORG, Table, Type, bytes, int};

pub(super) const MIGRATION: Migration = Migration {
    name: "m0017_retention",
    tables: &[Table {
        name: "retention",
        columns: &[
            ORG,
            int("keep_days"),
            Column::new("keep_released", Type::Bool),
            CREATED_AT,
            // The last blob that was looked at, while a pass over all of them goes on.
            bytes("position").null(),
            int("swept_at").null(),
        ],
        key: &["org"],
        unique: &[],
        index: &[],
    }],
    columns: &[
        Addition {
            table: "org_blob",
            columns: &[int("expires_at").null()],
            unique: &[],
            index: &[&["org", "expires_at"]],
        },
        Addition {
            table: "waiver_decision",
            columns: &[],
            unique: &[],
            // Whether a blob is a decision.
            index: &[&["org", "statement"]],
        },
    ],
    statements: &[],
};
