//! Inputs and neighbours for tests: real evidence, hostile evidence, and real components to talk to.
//!
//! A development dependency only. Nothing here is built into `muster`, so a missing file or a component
//! that does not start panics: the panic is the failed test. What each file is, and who made it, stands
//! in `testdata/README.md`.

#![expect(clippy::panic, reason = "called from tests only: the panic is the failed test")]

use std::fs;
use std::path::{Path, PathBuf};

pub mod hostile;
pub mod peers;
pub mod tokens;

/// Where a file or folder of this crate lies, given relative to `testdata/`.
pub fn path(relative: impl AsRef<Path>) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// The bytes of a file, given relative to `testdata/`. Panics with the path when it cannot be read.
pub fn bytes(relative: impl AsRef<Path>) -> Vec<u8> {
    let path = path(relative);
    fs::read(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

/// The text of a UTF-8 file, given relative to `testdata/`. Panics with the path when it cannot be read.
pub fn text(relative: impl AsRef<Path>) -> String {
    let path = path(relative);
    fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn text_and_bytes_are_the_same_file() {
        let name = "materials/openvex/openvex-handmade.json";
        assert_eq!(text(name).into_bytes(), bytes(name));
        assert!(text(name).contains("https://openvex.dev/ns/v0.2.0"));
    }

    #[test]
    #[should_panic(expected = "materials/not-there.json")]
    fn a_missing_file_panics_with_its_path() {
        bytes("materials/not-there.json");
    }

    #[test]
    fn every_blob_of_the_image_layout_has_the_digest_it_is_named_by() {
        let folder = path("materials/container-image/layout/blobs/sha256");
        let mut seen = 0;
        for entry in fs::read_dir(folder).unwrap() {
            let file = entry.unwrap().path();
            let digest = hex::encode(Sha256::digest(fs::read(&file).unwrap()));
            assert_eq!(file.file_name().unwrap().to_str().unwrap(), digest);
            seen += 1;
        }
        assert_eq!(seen, 3, "a manifest, a configuration and a layer");
    }

    #[test]
    fn the_cosign_bundles_are_over_the_large_sbom() {
        let digest =
            hex::encode(Sha256::digest(bytes("materials/sbom-cyclonedx-json/npm-large.cdx.json")));
        assert_eq!(digest, "4b0225bcce315b0cbcb2d6ba64be034243a38bb1257c3b2449deb88a13f16d38");
    }
}
