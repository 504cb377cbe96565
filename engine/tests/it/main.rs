//! The engine's laws, held against real evidence, bad documents and hostile policies.
#![cfg(test)]

mod judging;
mod materials;
mod support;
