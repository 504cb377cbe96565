//! Whose attestations, made elsewhere, are believed, and those that were imported.

use super::{CREATED_AT, ID, Migration, ORG, Table, bytes, int, text, to};

pub(super) const MIGRATION: Migration = Migration {
    name: "m0020_trust_root",
    tables: &[
        Table {
            name: "trust_root",
            columns: &[
                ID,
                ORG,
                text("name"),
                bytes("digest"),
                text("document"),
                CREATED_AT,
                to("created_by", "api_token"),
            ],
            key: &["id"],
            unique: &[&["org", "name"]],
            index: &[&["created_by"]],
        },
        Table {
            // The root is no reference: what was believed under it stays when it is deleted, and is not believed any more.
            name: "imported_attestation",
            columns: &[
                ID,
                ORG,
                bytes("digest"),
                bytes("payload_digest"),
                int("seq"),
                int("size"),
                text("predicate_type"),
                text("subjects"),
                text("signer"),
                text("trust_root"),
                int("signed_at").null(),
                CREATED_AT,
                to("created_by", "api_token"),
            ],
            key: &["id"],
            unique: &[&["org", "digest"]],
            index: &[&["org", "seq"], &["created_by"]],
        },
    ],
    columns: &[],
    statements: &[],
};
