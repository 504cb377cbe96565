//! Evidence: what a run hands over, recognised, validated and made readable for policies.
//!
//! [`recognise`] says what some bytes are; [`read`] says what is wrong with them, what is worth knowing about
//! them, and gives the JSON that policies see. Both are pure and bounded by [`Limits`].

mod archive;
mod artifact;
mod attestation;
mod cyclonedx;
mod evidence;
mod image;
mod json;
mod junit;
mod openvex;
mod provenance;
mod reading;
mod recognise;
mod sarif;
mod spdx;
mod statement;
mod text;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

pub use image::layout::{LayoutError, LayoutImage, image_layout};
pub use image::reference::{ImageReference, ReferenceError, parse_image_reference};
use json::Outline;
pub use provenance::{ProvenanceInputs, provenance_inputs};
pub use reading::{Problem, Reading, read};
pub use recognise::recognise;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::{Digest, Limits, Name};

/// What a piece of evidence is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Any file, kept as it is.
    Artifact,
    /// An in-toto attestation of any predicate: a DSSE envelope or a Sigstore bundle.
    Attestation,
    /// An OCI image or index, by reference or as an image layout.
    ContainerImage,
    /// A JSON document of the user's own making.
    Evidence,
    /// A `JUnit` XML test report, or a zip or tar.gz of them.
    JunitXml,
    /// An OpenVEX document.
    OpenVex,
    /// A SARIF 2.1.0 log.
    Sarif,
    /// A CycloneDX bill of materials in JSON.
    SbomCycloneDxJson,
    /// An SPDX 2.x document in JSON.
    SbomSpdxJson,
    /// An in-toto attestation with SLSA provenance as its predicate.
    SlsaProvenance,
    /// A short text given on the command line.
    String,
}

/// The one list of kinds: a kind is a file that defines its row, and its line here.
const ROWS: [Row; 11] = [
    artifact::ROW,
    attestation::ROW,
    image::ROW,
    evidence::ROW,
    junit::ROW,
    openvex::ROW,
    sarif::ROW,
    cyclonedx::ROW,
    spdx::ROW,
    provenance::ROW,
    text::ROW,
];

/// What Muster knows about one kind.
struct Row {
    kind: Kind,
    name: &'static str,
    sign: Sign,
    read: for<'a> fn(&'a [u8], &Limits) -> Reading<'a>,
}

/// What a kind is recognised by.
enum Sign {
    /// Nothing: the contract or the person has to say so.
    Never,
    /// The top-level keys of a JSON document.
    Json(fn(&Outline, &[u8]) -> bool),
    /// The root element of an XML document, also inside an archive.
    Xml(&'static [&'static str]),
}

impl Kind {
    /// Every kind with the name it has in contracts, statements and APIs.
    pub const ALL: [(Self, &'static str); ROWS.len()] = names();

    /// The name of this kind in contracts, statements and APIs.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    /// Whether [`recognise`] can answer this kind; the others must be named by the contract or the person.
    pub fn is_recognised(self) -> bool {
        ROWS.iter().any(|row| row.kind == self && !matches!(row.sign, Sign::Never))
    }
}

const fn names() -> [(Kind, &'static str); ROWS.len()] {
    let mut all = [(Kind::Artifact, ""); ROWS.len()];
    let (mut rows, mut slots): (&[Row], &mut [(Kind, &'static str)]) = (&ROWS, &mut all);
    while let ([row, rows_left @ ..], [slot, slots_left @ ..]) = (rows, slots) {
        *slot = (row.kind, row.name);
        (rows, slots) = (rows_left, slots_left);
    }
    all
}

/// Why a text names no kind.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{text}` is not a kind of material{}", .nearest.map(suggestion).unwrap_or_default())]
pub struct ParseKindError {
    text: String,
    nearest: Option<&'static str>,
}

fn suggestion(name: &str) -> String {
    format!("; did you mean `{name}`?")
}

impl FromStr for Kind {
    type Err = ParseKindError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().find(|(_, name)| *name == text).map(|(kind, _)| *kind).ok_or_else(|| {
            let names = Self::ALL.iter().map(|(_, name)| *name);
            ParseKindError {
                text: text.chars().take(100).collect(),
                nearest: crate::document::nearest(text, names),
            }
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What was learned from a material's content: tool, component, counts, image tag …
pub type Facts = BTreeMap<String, Value>;

/// One piece of evidence in a run, as statements and verdict records name it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Material {
    /// Its name in the contract, or one derived from the file.
    pub name: Name,
    /// What it is.
    pub kind: Kind,
    /// The digest of its bytes; for a container image that of its manifest.
    pub digest: Digest,
    /// Its size in bytes; 0 for a reference.
    pub size: u64,
    /// True when only the digest is recorded and the bytes are elsewhere (container images by reference).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reference_only: bool,
    /// Where it came from: the file's name or the image reference, without directories.
    pub source: String,
    /// What was learned from its content.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: Facts,
}
