//! Every bound of the system, in one place.

use serde::{Deserialize, Serialize};

/// What an input may cost. Exceeding one is an error that names it, or ends in *indeterminate*; never silence.
///
/// The limits that can change a verdict are part of the verdict record, so that it can be replayed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Largest contract, policy or gate document, in bytes.
    pub document_bytes_max: u64,
    /// Deepest nesting of any document or evidence.
    pub depth_max: usize,
    /// Most values (scalars, lists, maps) that a contract, policy or gate document may expand to.
    pub document_nodes_max: usize,
    /// Largest evidence file that policies read, in bytes. A larger one is stored, and judged *indeterminate*.
    pub evidence_bytes_max: u64,
    /// Largest attestation bundle, in bytes.
    pub bundle_bytes_max: u64,
    /// Largest blob that the server stores, in bytes.
    pub blob_bytes_max: u64,
    /// Most materials in one run.
    pub materials_max: usize,
    /// Most entries that an archive may hold.
    pub archive_entries_max: usize,
    /// Most bytes that an archive may expand to.
    pub archive_bytes_max: u64,
    /// Longest evaluation of one policy over one subject, in milliseconds.
    pub evaluation_ms_max: u64,
    /// Most memory that the process may hold while it evaluates, in bytes.
    pub memory_bytes_max: u64,
    /// Most violations and warnings that one evaluation may report.
    pub findings_max: usize,
    /// Longest text that one violation may carry, in bytes.
    pub message_bytes_max: usize,
    /// Most artifacts that one decision may ask about.
    pub decision_digests_max: usize,
    /// Most hops that one lineage walk may take.
    pub lineage_hops_max: u32,
    /// Most nodes that one lineage answer may hold.
    pub lineage_nodes_max: usize,
    /// Most entries on one page of a list.
    pub page_max: usize,
}

impl Limits {
    /// The limits that Muster ships with.
    pub const DEFAULT: Self = Self {
        document_bytes_max: 1 << 20,
        depth_max: 128,
        document_nodes_max: 50_000,
        evidence_bytes_max: 64 << 20,
        bundle_bytes_max: 16 << 20,
        blob_bytes_max: 8 << 30,
        materials_max: 1_000,
        archive_entries_max: 10_000,
        archive_bytes_max: 1 << 30,
        evaluation_ms_max: 10_000,
        memory_bytes_max: 4 << 30,
        findings_max: 100_000,
        message_bytes_max: 16 << 10,
        decision_digests_max: 500,
        lineage_hops_max: 64,
        lineage_nodes_max: 10_000,
        page_max: 500,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
