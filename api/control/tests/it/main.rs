//! The control plane against real databases and blob stores.
#![cfg(test)]

mod blobs;
mod lineage;
mod schema;
mod store;
mod support;
