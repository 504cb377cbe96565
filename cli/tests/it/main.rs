//! The binary as its users meet it: real arguments, real files, real exit codes, a real server.

#![cfg(test)]

mod check;
mod contract;
mod crash;
mod demo;
mod flow;
mod formats;
mod http;
mod large;
mod readme;
mod site;
mod state;
mod support;
mod usage;
mod verify;
