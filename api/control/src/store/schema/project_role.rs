//! What people, and groups of the login provider, are in projects.

use super::{CREATED_AT, ID, Migration, ORG, Table, text, to};

pub(super) const MIGRATION: Migration = Migration {
    name: "m0021_project_role",
    tables: &[Table {
        // One of `person` and `group_name`.
        name: "project_role",
        columns: &[
            ID,
            ORG,
            to("project", "project"),
            to("person", "person").null(),
            text("group_name").null(),
            text("role"),
            CREATED_AT,
        ],
        key: &["id"],
        unique: &[&["project", "person"], &["project", "group_name"]],
        index: &[&["org"], &["person"]],
    }],
    columns: &[],
    statements: &[],
};
