//! OCI image layouts: a directory with `oci-layout`, `index.json` and `blobs/`.

use serde::Deserialize;

use super::Descriptor;
use crate::Digest;

/// The annotation that names a manifest in a layout.
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The image that an image layout holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayoutImage {
    /// The digest of its manifest or index.
    pub digest: Digest,
    /// The media type of its manifest or index.
    pub media_type: String,
    /// The size of its manifest or index, in bytes.
    pub size: u64,
    /// The name that the layout gives it: a tag or a full reference.
    pub ref_name: Option<String>,
}

/// Why an image layout gives no image.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// One of the two files is not what it should be.
    #[error("`{file}` of the image layout is not readable")]
    Unreadable {
        /// The file.
        file: &'static str,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// The layout is of a version that is not known.
    #[error("the image layout has version `{0}`; only 1.0.0 is read")]
    Version(String),
    /// The layout has no image, or none of the wanted name.
    #[error("the image layout holds no image{}", named(.0.as_ref()))]
    Missing(Option<String>),
    /// The layout has several images, so that it has to be said which one is meant.
    #[error("the image layout holds {} images; say which one by its name or digest: {}", .0.len(), .0.join(", "))]
    Ambiguous(Vec<String>),
}

fn named(name: Option<&String>) -> String {
    name.map_or_else(String::new, |name| format!(" named `{name}`"))
}

#[derive(Deserialize)]
struct Layout {
    #[serde(rename = "imageLayoutVersion")]
    version: String,
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

/// Finds the image of an image layout: the one called `wanted` (its ref name or digest), or else the only one.
///
/// The same manifest listed under several names is one image.
pub fn image_layout(
    oci_layout: &[u8],
    index: &[u8],
    wanted: Option<&str>,
) -> Result<LayoutImage, LayoutError> {
    let unreadable = |file| move |source| LayoutError::Unreadable { file, source };
    let layout: Layout = serde_json::from_slice(oci_layout).map_err(unreadable("oci-layout"))?;
    if layout.version != "1.0.0" {
        return Err(LayoutError::Version(layout.version.chars().take(100).collect()));
    }
    let index: Index = serde_json::from_slice(index).map_err(unreadable("index.json"))?;
    let images: Vec<LayoutImage> = index
        .manifests
        .into_iter()
        .map(LayoutImage::from)
        .filter(|image| wanted.is_none_or(|wanted| image.is_called(wanted)))
        .collect();
    let Some(first) = images.first() else {
        return Err(LayoutError::Missing(wanted.map(str::to_owned)));
    };
    if images.iter().any(|image| image.digest != first.digest) {
        let names =
            images.iter().map(|i| i.ref_name.clone().unwrap_or_else(|| i.digest.to_string()));
        return Err(LayoutError::Ambiguous(names.take(20).collect()));
    }
    Ok(first.clone())
}

impl LayoutImage {
    fn is_called(&self, wanted: &str) -> bool {
        self.ref_name.as_deref() == Some(wanted) || self.digest.to_string() == wanted
    }
}

impl From<Descriptor> for LayoutImage {
    fn from(mut descriptor: Descriptor) -> Self {
        Self {
            digest: descriptor.digest,
            media_type: descriptor.media_type,
            size: descriptor.size,
            ref_name: descriptor.annotations.remove(REF_NAME),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

    fn index(images: &[(&str, Option<&str>)]) -> Vec<u8> {
        let manifests: Vec<_> = images
            .iter()
            .map(|(content, name)| {
                let annotations = name.map(|name| serde_json::json!({ REF_NAME: name }));
                serde_json::json!({
                    "mediaType": super::super::MANIFEST,
                    "digest": Digest::of(content),
                    "size": 7,
                    "annotations": annotations.unwrap_or_else(|| serde_json::json!({})),
                })
            })
            .collect();
        serde_json::to_vec(&serde_json::json!({ "schemaVersion": 2, "manifests": manifests }))
            .unwrap()
    }

    #[test]
    fn the_only_or_the_named_image_is_found_and_never_guessed() {
        let one = index(&[("a", None)]);
        assert_eq!(image_layout(LAYOUT, &one, None).unwrap().digest, Digest::of("a"));
        let two = index(&[("a", Some("1.0")), ("b", Some("2.0"))]);
        let found = image_layout(LAYOUT, &two, Some("2.0")).unwrap();
        assert_eq!((found.digest, found.ref_name.as_deref()), (Digest::of("b"), Some("2.0")));
        let by_digest = image_layout(LAYOUT, &two, Some(&Digest::of("a").to_string())).unwrap();
        assert_eq!(by_digest.digest, Digest::of("a"));
        let same = index(&[("a", Some("1.0")), ("a", Some("latest"))]);
        assert_eq!(image_layout(LAYOUT, &same, None).unwrap().digest, Digest::of("a"));
        let error = image_layout(LAYOUT, &two, None).unwrap_err().to_string();
        assert!(error.ends_with("say which one by its name or digest: 1.0, 2.0"), "{error}");
        let error = image_layout(LAYOUT, &two, Some("3.0")).unwrap_err().to_string();
        assert_eq!(error, "the image layout holds no image named `3.0`");
    }

    #[test]
    fn a_layout_that_is_not_one_is_refused() {
        let good = index(&[("a", None)]);
        for (layout, index) in [
            (&br#"{"imageLayoutVersion":"2.0.0"}"#[..], &good[..]),
            (b"{}", &good),
            (b"", &good),
            (LAYOUT, b"{}"),
            (LAYOUT, br#"{"manifests":[]}"#),
            (LAYOUT, br#"{"manifests":[{"mediaType":"x","digest":"md5:00","size":1}]}"#),
        ] {
            assert!(
                image_layout(layout, index, None).is_err(),
                "{}",
                String::from_utf8_lossy(index)
            );
        }
    }
}
