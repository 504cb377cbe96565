//! The binary as its users meet it: real arguments, real files, real exit codes, a real server.

#![cfg(test)]

mod check;
mod crash;
mod flow;
mod formats;
mod http;
mod large;
mod refusals;
mod site;
mod support;
