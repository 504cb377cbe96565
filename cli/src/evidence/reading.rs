//! Finding and reading what was named.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use engine::contract::Contract;
use engine::digest::Hasher;
use engine::judge::{Exhibit, Label};
use engine::material::{image_layout, parse_image_reference, recognise};
use engine::{Digest, Kind, Limits, Name};

use super::{Content, Given, Item};
use crate::exit::{Failure, Result};

/// Evidence that was found, before it has its name.
pub(super) struct Found {
    pub(super) given: Given,
    pub(super) kind: Kind,
    digest: Digest,
    size: u64,
    source: String,
    content: Content,
}

/// Finds what `given` names and hashes it. The kind is the contract's for a named material, else the content's.
pub(super) fn find(given: &Given, contract: &Contract, limits: &Limits) -> Result<Found> {
    let demanded =
        given.name.as_ref().and_then(|name| contract.material(name)).map(|demand| demand.kind);
    let source = given.source.as_str();
    if source == "-" {
        return Ok(in_memory(given, demanded, "stdin".to_owned(), standard_input(limits)?));
    }
    let path = Path::new(source);
    if path.is_dir() {
        return layout(given, path);
    }
    if path.exists() {
        return file(given, demanded, path, limits);
    }
    if let Some(text) = source.strip_prefix("text:") {
        return Ok(in_memory(
            given,
            Some(demanded.unwrap_or(Kind::String)),
            "text".to_owned(),
            text.as_bytes().to_vec(),
        ));
    }
    if demanded == Some(Kind::ContainerImage) || source.contains("@sha256:") {
        return image(given);
    }
    if demanded == Some(Kind::String) {
        let message = format!("`{source}` is neither a file nor a text");
        return Err(Failure::usage(message)
            .with_hint(format!("a text is given as {}=text:{source}", name_or(given))));
    }
    Err(Failure::usage(format!("there is no file `{source}`")))
}

fn name_or(given: &Given) -> String {
    given.name.as_ref().map_or_else(|| "NAME".to_owned(), ToString::to_string)
}

fn standard_input(limits: &Limits) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = limits.evidence_bytes_max.saturating_add(1);
    io::stdin()
        .take(most)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::unexpected("cannot read the standard input", error))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limits.evidence_bytes_max {
        let max = limits.evidence_bytes_max;
        return Err(Failure::usage(format!(
            "the standard input has more than the limit of {max} bytes"
        ))
        .with_hint("give it as a file"));
    }
    Ok(bytes)
}

fn in_memory(given: &Given, kind: Option<Kind>, source: String, bytes: Vec<u8>) -> Found {
    Found {
        given: given.clone(),
        kind: kind.unwrap_or_else(|| recognise(&bytes)),
        digest: Digest::of(&bytes),
        size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        source,
        content: Content::Bytes(Arc::from(bytes)),
    }
}

fn file(given: &Given, demanded: Option<Kind>, path: &Path, limits: &Limits) -> Result<Found> {
    let failed =
        |error: io::Error| Failure::usage(format!("cannot read {}: {error}", path.display()));
    let size = fs::metadata(path).map_err(failed)?.len();
    let source =
        path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    if demanded != Some(Kind::Artifact) && size <= limits.evidence_bytes_max {
        return Ok(in_memory(given, demanded, source, fs::read(path).map_err(failed)?));
    }
    let digest = hash(path).map_err(failed)?;
    let kind = demanded.unwrap_or(Kind::Artifact);
    Ok(Found {
        given: given.clone(),
        kind,
        digest,
        size,
        source,
        content: Content::File(path.to_owned()),
    })
}

/// Hashes a file of any size in constant memory.
pub(crate) fn hash(path: &Path) -> io::Result<Digest> {
    let mut file = File::open(path)?;
    let mut hasher = Hasher::default();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer)?;
        match buffer.get(..read) {
            Some(bytes) if read > 0 => hasher.update(bytes),
            _ => return Ok(hasher.finish()),
        }
    }
}

/// An OCI image layout: the manifest is the evidence, its digest that of the image.
fn layout(given: &Given, path: &Path) -> Result<Found> {
    let failed = |file: &Path, error: io::Error| {
        Failure::usage(format!(
            "{} is a directory without an image layout: {}: {error}",
            path.display(),
            file.display()
        ))
    };
    let read =
        |name: &str| fs::read(path.join(name)).map_err(|error| failed(Path::new(name), error));
    let image = image_layout(&read("oci-layout")?, &read("index.json")?, None)
        .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    let manifest = read(&format!("blobs/sha256/{}", image.digest.to_hex()))?;
    let source = path
        .file_name()
        .map_or_else(|| "layout".to_owned(), |name| name.to_string_lossy().into_owned());
    let found = in_memory(given, Some(Kind::ContainerImage), source, manifest);
    if found.digest != image.digest {
        let message = format!(
            "{}: the manifest has the digest {}, not {}",
            path.display(),
            found.digest,
            image.digest
        );
        return Err(Failure::usage(message));
    }
    Ok(found)
}

fn image(given: &Given) -> Result<Found> {
    let image =
        parse_image_reference(&given.source).map_err(|error| Failure::usage(error.to_string()))?;
    let Some(digest) = image.digest else {
        return Err(Failure::usage(format!(
            "the image `{}` has no digest, and a tag may mean another image tomorrow",
            given.source
        ))
        .with_hint("name it as IMAGE@sha256:…, or give a directory with its OCI layout"));
    };
    Ok(Found {
        given: given.clone(),
        kind: Kind::ContainerImage,
        digest,
        size: 0,
        source: image.to_string(),
        content: Content::Reference,
    })
}

impl Found {
    /// Reads the content under its name.
    pub(super) fn read(&self, name: Name, limits: &Limits) -> Item {
        let label = Label {
            name,
            kind: self.kind,
            digest: self.digest,
            source: self.source.clone(),
            size: self.size,
        };
        let exhibit = match &self.content {
            _ if self.kind == Kind::Artifact => Exhibit::opaque(label),
            Content::Bytes(bytes) => Exhibit::read(label, bytes, limits),
            Content::Reference => Exhibit::reference(label),
            Content::File(_) => {
                let reason = format!(
                    "it has {} bytes, more than the limit of {}",
                    self.size, limits.evidence_bytes_max
                );
                Exhibit::missing(label, reason)
            }
        };
        Item { exhibit, content: self.content.clone(), path: self.given.source.clone() }
    }
}
