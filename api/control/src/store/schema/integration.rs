//! Who is told of what happens, and what became of it.

use super::{CREATED_AT, ID, Migration, ORG, Table, int, text, to, uuid};

pub(super) const MIGRATION: Migration =
    Migration { name: "m0009_integration", tables: TABLES, columns: &[], statements: &[] };

const TABLES: &[Table] = &[
    Table {
        name: "integration",
        columns: &[
            ID,
            ORG,
            text("name"),
            // What is at the other end, without what is secret in it.
            text("target"),
            text("events"),
            text("secret_sealed").null(),
            // The secret before this one, and until when both sign.
            text("previous_sealed").null(),
            int("previous_until").null(),
            CREATED_AT,
            // What happened up to here is not told.
            int("seq"),
            int("disabled_at").null(),
            text("disabled_reason").null(),
        ],
        key: &["id"],
        unique: &[&["org", "name"]],
        index: &[],
    },
    Table {
        name: "delivery",
        columns: &[
            ID,
            ORG,
            to("integration", "integration"),
            to("event", "outbox_event"),
            text("state"),
            int("attempts"),
            // From when the days count after which it is given up.
            int("since"),
            // When the next attempt may begin: of one that is under way, when its lease ends.
            int("due_at"),
            // Names the attempt that is under way.
            uuid("lease").null(),
            int("status").null(),
            text("failure").null(),
            CREATED_AT,
            int("attempted_at").null(),
            int("settled_at").null(),
        ],
        key: &["id"],
        unique: &[&["integration", "event"]],
        index: &[&["org", "id"], &["event"], &["settled_at"], &["state", "integration", "due_at"]],
    },
    Table {
        name: "delivery_attempt",
        columns: &[
            ID,
            ORG,
            to("delivery", "delivery"),
            int("began_at"),
            int("duration_ms"),
            int("status").null(),
            text("failure").null(),
            // The beginning of what was answered.
            text("excerpt").null(),
        ],
        key: &["id"],
        unique: &[],
        index: &[&["org", "delivery"], &["delivery"]],
    },
];
