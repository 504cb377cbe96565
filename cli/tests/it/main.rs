//! The binary as its users meet it: real arguments, real files, real exit codes, a real server.

#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    reason = "a process of its own is watched by asking again, for a bounded time"
)]
#![expect(clippy::string_slice, reason = "the texts are hexadecimal, or ASCII that we wrote")]
#![expect(clippy::type_complexity, reason = "tables of cases are read as they stand")]

mod apply;
mod audit;
mod backend;
mod backup;
mod check;
mod configuration;
mod contract;
mod crash;
mod demo;
mod flow;
mod formats;
mod http;
mod imports;
mod integration;
mod large;
mod login;
mod mail;
mod openapi;
mod plans;
mod project;
mod readme;
mod referrers;
mod refusals;
mod remote;
mod replicas;
mod retention;
mod runs;
mod secrets;
mod site;
mod state;
mod storage;
mod support;
mod tls;
mod token;
mod trace;
mod trust;
mod usage;
mod verify;
mod waiver;
mod workflow;
