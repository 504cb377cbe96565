//! What the server needs while many push at once, and how fast blobs pass through it.
//!
//! The real binary, real registry and real `curl`; nothing here is a timed test. Run with
//! `cargo bench --package cli --bench server`.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a benchmark may panic and prints"
)]

#[path = "../../tests/it/http.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod http;
mod memory;
#[path = "../../tests/it/site.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod site;
#[path = "../../tests/it/support.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod support;
mod throughput;

fn main() {
    memory::measure();
    throughput::measure();
}
