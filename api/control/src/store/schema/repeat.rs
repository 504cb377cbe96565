//! Requests that are not to be done twice, and what was answered to them.

use super::{CREATED_AT, Column, Migration, Table, Type, bytes, text, to};

pub(super) const MIGRATION: Migration = Migration {
    name: "m0018_repeat",
    tables: &[Table {
        name: "repeat",
        columns: &[
            to("token", "api_token"),
            text("key"),
            bytes("fingerprint"),
            CREATED_AT,
            // What was answered; none while that is not known.
            Column::new("status", Type::Small).null(),
            text("media_type").null(),
            // None where the answer held a secret, or was too large.
            bytes("body").null(),
        ],
        key: &["token", "key"],
        unique: &[],
        index: &[&["created_at"]],
    }],
    columns: &[],
    statements: &[],
};
