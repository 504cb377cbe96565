//! What the engine promises, tested through its public face.

#[cfg(test)]
mod materials;
