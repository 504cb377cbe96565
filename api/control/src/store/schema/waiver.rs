//! Waivers: their revisions, what was decided about each, what each did; and which token made which.

use super::{
    Addition, CREATED_AT, Column, ID, Migration, ORG, Table, Type, bytes, int, text, to, uuid,
};

pub(super) const MIGRATION: Migration = Migration {
    name: "m0007_waiver",
    tables: TABLES,
    // Whoever asked for a waiver may not approve it, nor may a token that the asking one made.
    columns: &[Addition {
        table: "api_token",
        columns: &[uuid("minted_by").null()],
        unique: &[],
        index: &[&["minted_by"]],
    }],
    statements: &[],
};

const TABLES: &[Table] = &[
    Table {
        name: "waiver",
        columns: &[ID, ORG, text("name"), CREATED_AT],
        key: &["id"],
        unique: &[&["org", "name"]],
        index: &[],
    },
    Table {
        name: "waiver_revision",
        columns: &[
            ID,
            to("waiver", "waiver"),
            ORG,
            int("revision"),
            bytes("digest"),
            text("document"),
            int("expires_at"),
            to("requested_by", "api_token"),
            text("requester"),
            CREATED_AT,
            int("seq"),
        ],
        key: &["id"],
        unique: &[&["waiver", "revision"]],
        index: &[&["org", "seq"], &["org", "expires_at"], &["requested_by"]],
    },
    Table {
        // One row for each step: of two that decide at once, one wins.
        name: "waiver_decision",
        columns: &[
            to("revision", "waiver_revision"),
            Column::new("step", Type::Small),
            ORG,
            text("kind"),
            to("decided_by", "api_token"),
            text("decider"),
            text("reason").null(),
            bytes("statement").null(),
            bytes("key_digest").null(),
            CREATED_AT,
            int("seq"),
        ],
        key: &["revision", "step"],
        unique: &[],
        index: &[&["org", "seq"], &["decided_by"]],
    },
    Table {
        name: "waiver_use",
        columns: &[
            to("revision", "waiver_revision"),
            to("attestation", "attestation"),
            ORG,
            int("violations"),
            CREATED_AT,
            int("seq"),
        ],
        key: &["revision", "attestation"],
        unique: &[],
        index: &[&["attestation"], &["org", "seq"]],
    },
];
