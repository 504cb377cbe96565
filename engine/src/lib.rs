//! The pure core of Muster: documents, materials, policies, evaluation, verdicts, lineage types.
//!
//! Values in, values out. Nothing here reads a file, a clock, an environment variable or a random number:
//! the shell hands in bytes and the evaluation time, and stores what comes back.

pub mod canonical;
pub mod digest;
pub mod document;
pub mod id;
pub mod limits;
pub mod material;
pub mod name;
pub mod timestamp;

pub use digest::Digest;
pub use limits::Limits;
pub use material::{Kind, Material};
pub use name::Name;
pub use timestamp::Timestamp;
