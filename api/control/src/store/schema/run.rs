//! How long a run waits for its attestation, and the run that it repeats.

use super::{Addition, Migration, int, uuid};

/// Runs that are open already get the default, a day.
pub(crate) const MIGRATION: Migration = Migration {
    name: "m0006_run",
    tables: &[],
    columns: &[
        Addition {
            table: "workflow",
            columns: &[int("deadline_minutes").null()],
            unique: &[],
            index: &[],
        },
        Addition {
            table: "run",
            columns: &[int("expires_at").null(), uuid("rerun_of").null()],
            unique: &[],
            index: &[&["state", "expires_at"], &["rerun_of"]],
        },
    ],
    statements: &["UPDATE run SET expires_at = created_at + 86400000 WHERE state = 'open'"],
};
