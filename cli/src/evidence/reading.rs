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
    let metadata = fs::metadata(path).map_err(failed)?;
    let source =
        path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    // A pipe can be read once and does not say its size, so that it has to fit.
    let is_small = demanded != Some(Kind::Artifact) && metadata.len() <= limits.evidence_bytes_max;
    if is_small || !metadata.is_file() {
        let bytes = read_bounded(path, limits.evidence_bytes_max).map_err(failed)?;
        return Ok(in_memory(given, demanded, source, bytes));
    }
    let (digest, size) = hash_sized(path, limits.blob_bytes_max).map_err(failed)?;
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

/// Hashes a file in constant memory; one larger than any blob may be is an error.
pub(crate) fn hash(path: &Path) -> io::Result<Digest> {
    hash_sized(path, Limits::DEFAULT.blob_bytes_max).map(|(digest, _)| digest)
}

fn hash_sized(path: &Path, most: u64) -> io::Result<(Digest, u64)> {
    let mut file = File::open(path)?.take(most.saturating_add(1));
    let mut hasher = Hasher::default();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer)?;
        match buffer.get(..read) {
            Some(bytes) if read > 0 => hasher.update(bytes),
            _ => break,
        }
    }
    let size = hasher.size();
    if size > most { Err(too_large(most)) } else { Ok((hasher.finish(), size)) }
}

/// The bytes of a file, of which there are at most `most`: what it says about its size is not believed.
pub(crate) fn read_bounded(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let size = file.metadata()?.len().min(most);
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0).saturating_add(1));
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    let is_larger = u64::try_from(bytes.len()).is_ok_and(|size| size > most);
    if is_larger { Err(too_large(most)) } else { Ok(bytes) }
}

fn too_large(most: u64) -> io::Error {
    io::Error::new(
        io::ErrorKind::FileTooLarge,
        format!("it has more than the limit of {most} bytes"),
    )
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
    let most = Limits::DEFAULT.evidence_bytes_max;
    let read = |name: &str| {
        read_bounded(&path.join(name), most).map_err(|error| failed(Path::new(name), error))
    };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_says_about_its_size_is_not_believed() {
        // It says that it is empty, and never ends.
        let endless = Path::new("/dev/zero");
        for error in
            [read_bounded(endless, 4096).unwrap_err(), hash_sized(endless, 4096).unwrap_err()]
        {
            assert_eq!(error.to_string(), "it has more than the limit of 4096 bytes");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("four");
        fs::write(&path, "four").unwrap();
        assert_eq!(read_bounded(&path, 4).unwrap(), b"four");
        assert_eq!(hash_sized(&path, 4).unwrap(), (Digest::of("four"), 4));
        assert!(read_bounded(&path, 3).is_err());
        assert!(hash_sized(&path, 3).is_err());
    }
}
