//! Trust rules, the CI jobs that were let in under them, and the tokens that let none in again.

use super::{CREATED_AT, ID, Migration, ORG, Table, bytes, int, text, to, uuid};

pub(super) const MIGRATION: Migration =
    Migration { name: "m0010_trust_rule", tables: TABLES, columns: &[], statements: &[] };

const TABLES: &[Table] = &[
    Table {
        name: "trust_rule",
        columns: &[
            ID,
            ORG,
            text("name"),
            text("issuer"),
            bytes("digest"),
            text("document"),
            CREATED_AT,
            to("created_by", "api_token"),
        ],
        key: &["id"],
        unique: &[&["org", "name"]],
        index: &[&["org", "issuer"], &["created_by"]],
    },
    Table {
        // The rule is no reference: what was let in under it stays when it is deleted.
        name: "job",
        columns: &[
            to("token", "api_token"),
            ORG,
            to("workflow", "workflow"),
            to("run", "run").null(),
            uuid("rule"),
            text("rule_name"),
            text("kind"),
            text("issuer"),
            text("subject"),
            text("claims"),
            CREATED_AT,
            int("expires_at"),
        ],
        key: &["token"],
        unique: &[&["run"]],
        index: &[&["org", "workflow"], &["expires_at"]],
    },
    Table {
        name: "spent_token",
        columns: &[bytes("fingerprint"), ORG, int("expires_at")],
        key: &["fingerprint"],
        unique: &[],
        index: &[&["org"], &["expires_at"]],
    },
];
