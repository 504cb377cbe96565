//! People: who logged in, what each is in an organization, who is invited, and what a group makes of its members.

use super::{CREATED_AT, ID, Migration, ORG, Table, int, text, to};

pub(super) const MIGRATION: Migration =
    Migration { name: "m0012_person", tables: TABLES, columns: &[], statements: &[] };

const TABLES: &[Table] = &[
    Table {
        name: "person",
        columns: &[ID, text("issuer"), text("subject"), text("email"), CREATED_AT, int("seen_at")],
        key: &["id"],
        unique: &[&["issuer", "subject"]],
        index: &[],
    },
    Table {
        name: "member",
        columns: &[ORG, to("person", "person"), text("role"), CREATED_AT],
        key: &["org", "person"],
        unique: &[],
        index: &[&["person"]],
    },
    Table {
        name: "group_role",
        columns: &[ID, ORG, text("group_name"), text("role"), CREATED_AT],
        key: &["id"],
        unique: &[&["org", "group_name"]],
        index: &[],
    },
    Table {
        name: "invitation",
        columns: &[
            ID,
            ORG,
            text("email"),
            text("role"),
            CREATED_AT,
            to("created_by", "api_token"),
            int("expires_at"),
            int("accepted_at").null(),
            int("revoked_at").null(),
        ],
        key: &["id"],
        unique: &[],
        index: &[&["org", "email"], &["email"], &["created_by"]],
    },
    Table {
        name: "session",
        columns: &[
            to("token", "api_token"),
            ORG,
            to("person", "person"),
            // What the provider said at the login, as JSON.
            text("groups"),
            CREATED_AT,
            int("expires_at"),
        ],
        key: &["token"],
        unique: &[],
        index: &[&["org", "person"], &["person"]],
    },
];
