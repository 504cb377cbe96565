//! The engine's laws, held against real evidence, bad documents and hostile policies.
#![cfg(test)]

mod contract_diff;
mod hostile;
mod judging;
mod materials;
mod opa;
mod properties;
mod support;
mod trust_rules;
mod waivers;
