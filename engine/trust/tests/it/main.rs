//! A bundle verifies when every step holds, and is refused at the one step that does not.
#![cfg(test)]

mod foreign;
mod keys;
mod seal;
mod tokens;
mod verification;
