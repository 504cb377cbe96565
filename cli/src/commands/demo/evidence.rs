//! What the two runs of the demo hand over: real documents, as their tools wrote them.

use engine::{Digest, Kind};

/// A run of the demo.
pub(super) struct Evidence {
    /// What a person calls it.
    pub(super) title: &'static str,
    /// The artifact that is built.
    pub(super) app: &'static [u8],
    /// The other materials: name, kind, file, content.
    pub(super) materials: &'static [(&'static str, Kind, &'static str, &'static [u8])],
}

impl Evidence {
    /// The digest of the artifact.
    pub(super) fn digest(&self) -> Digest {
        Digest::of(self.app)
    }
}

macro_rules! material {
    ($name:literal, $kind:ident, $folder:literal, $file:literal) => {
        (
            $name,
            Kind::$kind,
            $file,
            include_bytes!(concat!("../../../../testdata/materials/", $folder, "/", $file))
                .as_slice(),
        )
    };
}

/// A Python environment without warnings.
pub(super) const GOOD: Evidence = Evidence {
    title: "a Python service: 96 components, 16 notes of a linter",
    app: b"#!/usr/bin/env python3\nprint('hello from release 1.0.0')\n",
    materials: &[
        material!("sbom", SbomCycloneDxJson, "sbom-cyclonedx-json", "python-env-small.cdx.json"),
        material!("lint", Sarif, "sarif", "bandit.sarif.json"),
        material!("vex", OpenVex, "openvex", "openvex-handmade.json"),
    ],
};

/// A Rust program with a banned component, warnings and failing tests.
pub(super) const BAD: Evidence = Evidence {
    title: "a Rust program: 600 components, 9 warnings of a linter, failing tests",
    app: b"#!/bin/sh\necho hello from release 1.1.0-rc1\n",
    materials: &[
        material!("sbom", SbomCycloneDxJson, "sbom-cyclonedx-json", "nushell-nu.cdx.json"),
        material!("lint", Sarif, "sarif", "semgrep.sarif.json"),
        material!("tests", JunitXml, "junit-xml", "pytest-mixed.junit.xml"),
    ],
};
