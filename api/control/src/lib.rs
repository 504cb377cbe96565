//! The control plane: authorize, load, ask the engine, save.
//!
//! [`store`] holds the rows, [`blobs`] the bytes that rows name by digest. Neither knows who is asking: every use
//! case authorizes first.

pub mod blobs;
pub mod store;
