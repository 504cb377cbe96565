//! The bytes that rows name by digest.
