//! The control plane against real databases and blob stores.
#![cfg(test)]

mod audit;
mod blobs;
mod deliveries;
mod integrations;
mod lineage;
mod plane;
mod receipt;
mod runs;
mod schema;
mod secrets;
mod store;
mod support;
mod waivers;
