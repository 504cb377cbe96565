//! The control plane against real databases and blob stores.
#![cfg(test)]

mod audit;
mod backends;
mod blobs;
mod crafting;
mod deliveries;
mod imports;
mod integrations;
mod jobs;
mod lineage;
mod mail;
mod members;
mod plane;
mod project_members;
mod readiness;
mod receipt;
mod removal;
mod repeats;
mod retention;

mod runs;
mod schema;
mod secrets;
mod sessions;
mod sinks;
mod store;
mod support;
mod trust_rules;
mod versions;
mod waivers;
mod workflows;
