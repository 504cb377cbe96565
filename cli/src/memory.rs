//! Memory that the server does not need any more goes back to the system.
//!
//! The allocator, [mimalloc](https://microsoft.github.io/mimalloc/environment.html), keeps what was freed for a while, and
//! gives it back when it is next busy with the same part of memory. Evidence is large for a moment, on threads that then
//! do something else: a server that needed 430 MiB for 64 pushes of 20 MB held 1.3 GiB. How long it keeps what was
//! freed it learns from the environment, before the first line of `main`. So the program begins once more.

use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::environment::Environment;

/// How long freed memory is kept, in milliseconds. An operator who sets it is obeyed.
const DELAY: &str = "MIMALLOC_PURGE_DELAY";

/// Begins the program once more, in the same process, unless it is said already how long freed memory is kept.
pub(crate) fn give_back(environment: &Environment) {
    if environment.get(DELAY).is_some() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut arguments = std::env::args_os();
    let mut command = Command::new(program);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    // It answers only when it failed, and then the server goes on with more memory than it needs.
    let error = command.args(arguments).env(DELAY, "0").exec();
    tracing::warn!(%error, "freed memory is given back late");
}
