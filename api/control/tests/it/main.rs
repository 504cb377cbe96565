//! The control plane against real databases and blob stores.
#![cfg(test)]

mod audit;
mod blobs;
mod lineage;
mod plane;
mod receipt;
mod schema;
mod store;
mod support;
