//! The audit trail as a chain: a position and a digest for each event, both sides of a change, a head for each chain.

use super::{Addition, Migration, Table, bytes, int, text, uuid};

/// Events that are there already are chained by [`crate::store::audit::chain_existing`].
pub(crate) const MIGRATION: Migration = Migration {
    name: "m0002_audit",
    tables: &[Table {
        // `org` is the nil UUID for the chain of the installation, hence no reference.
        name: "audit_head",
        columns: &[uuid("org"), int("position"), bytes("digest").null()],
        key: &["org"],
        unique: &[],
        index: &[],
    }],
    columns: &[Addition {
        table: "audit_event",
        columns: &[
            int("position").null(),
            text("before").null(),
            text("after").null(),
            bytes("previous").null(),
            bytes("digest").null(),
        ],
        unique: &[&["org", "position"]],
        index: &[
            &["org", "actor", "position"],
            &["org", "action", "position"],
            &["org", "target", "position"],
            &["org", "created_at"],
        ],
    }],
    // The chain of the installation has no organization, and no two nulls are the same.
    statements: &[
        "CREATE UNIQUE INDEX audit_event_position ON audit_event (position) WHERE org IS NULL",
    ],
};
