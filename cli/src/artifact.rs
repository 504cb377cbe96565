//! Artifacts as they are named on the command line: by digest, by image reference, or as a file.

use std::path::Path;

use engine::Digest;
use engine::material::parse_image_reference;

use crate::evidence;
use crate::exit::{Failure, Result};

/// The digest that `text` names: `sha256:…`, `IMAGE@sha256:…`, or that of a file's bytes.
pub(crate) fn digest(text: &str) -> Result<Digest> {
    if let Ok(digest) = text.parse() {
        return Ok(digest);
    }
    let path = Path::new(text);
    if path.is_file() {
        return evidence::hash(path)
            .map_err(|error| Failure::usage(format!("cannot read {text}: {error}")));
    }
    match parse_image_reference(text).ok().and_then(|image| image.digest) {
        Some(digest) => Ok(digest),
        None => Err(Failure::usage(format!(
            "`{text}` is neither a digest, nor an image with a digest, nor a file"
        ))),
    }
}
