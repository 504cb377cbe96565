//! Where organizations keep their blobs.

use super::{Addition, CREATED_AT, Column, ID, Migration, ORG, Table, Type, int, text, to};

pub(super) const MIGRATION: Migration = Migration {
    name: "m0008_backend",
    tables: TABLES,
    columns: &[Addition {
        table: "org_blob",
        // Null: in the store of the instance.
        columns: &[to("backend", "backend").null()],
        unique: &[],
        index: &[&["org", "backend", "digest"]],
    }],
    statements: &[],
};

const TABLES: &[Table] = &[Table {
    name: "backend",
    columns: &[
        ID,
        ORG,
        text("name"),
        text("kind"),
        text("settings"),
        text("credentials_sealed").null(),
        // `default` or `fallback`; null when new blobs never go there. At most one of each: nulls are distinct.
        text("role").null(),
        // Whether it may name a private address or a directory of the server.
        Column::new("trusted", Type::Bool),
        CREATED_AT,
        int("checked_at").null(),
        int("failing_since").null(),
        text("failure").null(),
    ],
    key: &["id"],
    unique: &[&["org", "name"], &["org", "role"]],
    index: &[],
}];
