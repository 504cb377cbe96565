//! The binary as its users meet it: real arguments, real files, real exit codes, a real server.

#![cfg(test)]

mod check;
mod formats;
mod support;
