//! Container images: OCI and Docker manifests and indexes, references to them, and OCI image layouts.

pub(super) mod layout;
pub(super) mod reference;

use std::borrow::Cow;

use serde::Deserialize;

use super::json::{self, Outline, shown};
use super::{Kind, Problem, Reading, Row, Sign};
use crate::{Digest, Limits};

pub(super) const ROW: Row =
    Row { kind: Kind::ContainerImage, name: "container-image", sign: Sign::Json(recognise), read };

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

#[derive(Deserialize)]
struct Manifest {
    #[serde(rename = "schemaVersion")]
    schema_version: u64,
    #[serde(rename = "mediaType")]
    media_type: Option<String>,
    #[serde(rename = "artifactType")]
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
}

/// A reference to content ([OCI descriptor](https://github.com/opencontainers/image-spec/blob/main/descriptor.md)).
#[derive(Deserialize)]
struct Descriptor {
    #[serde(rename = "mediaType")]
    media_type: String,
    digest: Digest,
    size: u64,
    platform: Option<Platform>,
    #[serde(default)]
    annotations: std::collections::BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Platform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

impl Platform {
    fn name(&self) -> String {
        let variant =
            self.variant.as_ref().map(|variant| format!("/{variant}")).unwrap_or_default();
        format!("{}/{}{variant}", self.os, self.architecture)
    }
}

fn recognise(outline: &Outline, _: &[u8]) -> bool {
    let shape = outline.has("manifests") || (outline.has("config") && outline.has("layers"));
    outline.has("schemaVersion") && shape
}

/// Reads a manifest or an index. Policies see it as it is; the digest of its bytes is the digest of the image.
fn read<'a>(bytes: &'a [u8], limits: &Limits) -> Reading<'a> {
    let outline = match json::outline(bytes, limits) {
        Ok(outline) => outline,
        Err(problem) => return Reading::unreadable(problem),
    };
    let mut reading = Reading { json: Some(Cow::Borrowed(bytes)), ..Reading::default() };
    reading.problems.extend(outline.duplicates());
    match json::parse::<Manifest>(bytes) {
        Ok(manifest) => manifest.judge(&mut reading),
        Err(problem) => reading.problems.push(problem),
    }
    reading
}

impl Manifest {
    fn judge(&self, reading: &mut Reading<'_>) {
        if self.schema_version != 2 {
            reading.problems.push(Problem::at("/schemaVersion", "it is not 2"));
        }
        match (&self.manifests, &self.config, &self.layers) {
            (Some(manifests), None, None) => {
                self.expect_type(&[INDEX, DOCKER_LIST], reading);
                let platforms: Vec<String> = manifests
                    .iter()
                    .filter_map(|m| m.platform.as_ref())
                    .map(Platform::name)
                    .collect();
                reading.fact("manifests", manifests.len());
                reading.fact("platforms", platforms);
                if manifests.is_empty() {
                    reading.problems.push(Problem::at("/manifests", "the index is empty"));
                }
            }
            (None, Some(config), Some(layers)) => {
                self.expect_type(&[MANIFEST, DOCKER_MANIFEST], reading);
                reading.fact("layers", layers.len());
                let size = layers.iter().fold(config.size, |sum, l| sum.saturating_add(l.size));
                reading.fact("size", size);
                reading.fact("config_digest", config.digest.to_string());
                reading.fact("config_media_type", config.media_type.as_str());
            }
            _ => reading.problems.push(Problem::whole(
                "it is neither an index (`manifests`) nor a manifest (`config` and `layers`)",
            )),
        }
        reading.fact_if("artifact_type", self.artifact_type.as_deref());
    }

    /// OCI may leave the media type out; one that is there has to match the shape, so that no client is confused.
    fn expect_type(&self, expected: &[&str], reading: &mut Reading<'_>) {
        let assumed = expected.first().copied().unwrap_or_default();
        let found = self.media_type.as_deref().unwrap_or(assumed);
        reading.fact("media_type", found);
        if !expected.contains(&found) {
            let message = format!("`{}` does not fit the content", shown(found));
            reading.problems.push(Problem::at("/mediaType", message));
        }
    }
}
