//! The schema as its users see it, and what it refuses.

#![cfg(test)]

mod limits;
mod sdl;
