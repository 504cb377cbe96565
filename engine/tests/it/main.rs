//! The engine's laws, held against real evidence, bad documents and hostile policies.

mod judging;
mod support;
