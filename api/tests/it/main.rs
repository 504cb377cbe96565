//! The server as its clients meet it: a real listener, a real database, a real directory of blobs.

#![cfg(test)]

mod audit;
mod blobs;
mod conditional;
mod coverage;
mod graphql;
mod jobs;
mod openapi;
mod patience;
mod problem;
mod rate;
mod repeat;
mod support;
