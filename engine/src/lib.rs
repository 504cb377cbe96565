//! The pure core of Muster: documents, materials, policies, evaluation, verdicts, lineage types.
//!
//! Values in, values out. Nothing here reads a file, a clock, an environment variable or a random number:
//! the shell hands in bytes and the evaluation time, and stores what comes back.

//!
//! # Reading order
//!
//! [`document`] and [`schema`] read what people write; [`contract`] and [`policy`] give it meaning; [`material`] reads
//! evidence; [`judge`] brings the two together through [`rego`], lets each [`waiver`] accept what it names, and ends in a
//! [`judge::Record`]; [`gate`] asks about an
//! artifact and its [`lineage`]; a [`trust_rule`] lets CI jobs in; a [`trust_root`] says whose
//! attestations, made elsewhere, are believed.

pub mod audit;
pub mod canonical;
pub mod contract;
pub mod digest;
pub mod document;
pub mod evaluation;
pub mod gate;
pub mod id;
pub mod judge;
pub mod limits;
pub mod lineage;
pub mod material;
pub mod name;
pub mod policy;
pub mod predicate;
pub mod rego;
pub mod run;
pub mod schema;
pub mod timestamp;
pub mod trust_root;
pub mod trust_rule;
pub mod waiver;
pub mod workflow;

pub use digest::Digest;
pub use evaluation::{Evaluation, Mode, Outcome, Severity, Subject, Verdict, Violation};
pub use limits::Limits;
pub use material::{Kind, Material};
pub use name::Name;
pub use timestamp::Timestamp;
pub use trust_root::TrustRoot;
pub use trust_rule::TrustRule;
pub use waiver::Waiver;
