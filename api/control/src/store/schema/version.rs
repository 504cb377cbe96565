//! Versions of projects, which runs are of, and their release.

use super::{Addition, CREATED_AT, ID, Migration, ORG, Table, int, text, to};

pub(super) const MIGRATION: Migration = Migration {
    name: "m0015_version",
    tables: &[Table {
        name: "project_version",
        columns: &[
            ID,
            ORG,
            to("project", "project"),
            text("version"),
            CREATED_AT,
            int("released_at").null(),
            to("released_by", "api_token").null(),
        ],
        key: &["id"],
        unique: &[&["project", "version"]],
        index: &[&["org"], &["released_by"]],
    }],
    columns: &[Addition {
        table: "run",
        columns: &[text("version").null()],
        unique: &[],
        index: &[&["project", "version", "state"]],
    }],
    statements: &[],
};
