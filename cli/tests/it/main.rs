//! The binary as its users meet it: real arguments, real files, real exit codes, a real server.

#![cfg(test)]

mod check;
mod formats;
mod crash;
mod flow;
mod http;
mod large;
mod site;
mod support;
