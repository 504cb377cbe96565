//! The removal of blobs from where they were kept.

use super::{Addition, CREATED_AT, ID, Migration, Table, bytes, int, text, uuid};

pub(super) const MIGRATION: Migration = Migration {
    name: "m0016_removal",
    tables: &[Table {
        name: "blob_removal",
        columns: &[
            ID,
            // A backend; all zeros for the store of the instance, so that the pair is unique.
            uuid("space"),
            bytes("digest"),
            text("state"),
            CREATED_AT,
            int("due_at"),
            text("failure").null(),
        ],
        key: &["id"],
        unique: &[&["digest", "space"]],
        index: &[&["space", "state"], &["due_at"]],
    }],
    columns: &[Addition {
        table: "org_blob",
        columns: &[],
        unique: &[],
        // Whether any organization has a blob in the store of the instance.
        index: &[&["digest"]],
    }],
    statements: &[],
};
