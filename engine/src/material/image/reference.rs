//! Image references, read as container clients read them.

use std::fmt;

use super::super::Facts;
use crate::Digest;

const DOCKER_HUB: &str = "docker.io";
const REPOSITORY_BYTES_MAX: usize = 255;
const TAG_BYTES_MAX: usize = 128;

/// An image reference, fully spelled: `docker.io/library/debian:12@sha256:…`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageReference {
    /// The registry's host and port; `docker.io` when the reference names none.
    pub registry: String,
    /// The repository in the registry; Docker Hub's own get their `library/`.
    pub repository: String,
    /// The tag. None is assumed: a reference without tag and digest names no image yet.
    pub tag: Option<String>,
    /// The digest of the manifest.
    pub digest: Option<Digest>,
}

impl ImageReference {
    /// What a reference says about its image.
    pub fn facts(&self) -> Facts {
        let mut facts = Facts::from([
            ("registry".to_owned(), self.registry.clone().into()),
            ("repository".to_owned(), self.repository.clone().into()),
        ]);
        facts.extend(self.tag.clone().map(|tag| ("tag".to_owned(), tag.into())));
        facts
    }
}

/// Why a text is not an image reference.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{text}` is not an image reference: {reason}")]
pub struct ReferenceError {
    text: String,
    reason: &'static str,
}

/// Parses `[registry/]repository[:tag][@digest]`
/// by the [grammar that clients share](https://github.com/distribution/reference).
///
/// Only `sha256` digests are accepted: Muster addresses everything by them.
pub fn parse_image_reference(text: &str) -> Result<ImageReference, ReferenceError> {
    let fail = |reason| ReferenceError { text: text.chars().take(200).collect(), reason };
    let (name, digest) = match text.split_once('@') {
        Some((name, digest)) => match digest.parse::<Digest>() {
            Ok(digest) => (name, Some(digest)),
            Err(_) => return Err(fail("after `@` comes `sha256:` and 64 lower-case hex digits")),
        },
        None => (text, None),
    };
    let path_start = name.rfind('/').map_or(0, |slash| slash.saturating_add(1));
    let (name, tag) = match name.rfind(':').filter(|colon| *colon >= path_start) {
        Some(colon) => (name.get(..colon).unwrap_or_default(), name.get(colon.saturating_add(1)..)),
        None => (name, None),
    };
    if tag.is_some_and(|tag| !is_tag(tag)) {
        return Err(fail("a tag is up to 128 letters, digits, underscores, dots and hyphens"));
    }
    let (registry, repository) = split_registry(name);
    if !is_registry(registry) {
        return Err(fail("the registry is not a host with an optional port"));
    }
    if !is_repository(&repository) {
        return Err(fail("a repository is lower-case letters and digits, separated by `/ . _ -`"));
    }
    Ok(ImageReference {
        registry: registry.to_owned(),
        repository,
        tag: tag.map(str::to_owned),
        digest,
    })
}

/// The first component is a registry when it looks like a host; else Docker Hub is meant.
fn split_registry(name: &str) -> (&str, String) {
    let looks_like_host = |first: &str| {
        first.contains(['.', ':']) || first == "localhost" || first.chars().any(char::is_uppercase)
    };
    let (registry, repository) = match name.split_once('/') {
        Some((first, rest)) if looks_like_host(first) => (first, rest),
        _ => (DOCKER_HUB, name),
    };
    let hub = registry == DOCKER_HUB || registry == "index.docker.io";
    let registry = if hub { DOCKER_HUB } else { registry };
    let official = hub && !repository.contains('/');
    (registry, if official { format!("library/{repository}") } else { repository.to_owned() })
}

fn is_registry(registry: &str) -> bool {
    let after_bracket = registry.rfind(']').unwrap_or(0);
    let (host, port) = match registry.rfind(':').filter(|colon| *colon > after_bracket) {
        Some(colon) => registry.split_at(colon),
        None => (registry, ""),
    };
    let port_fits =
        port.is_empty() || port.strip_prefix(':').is_some_and(|p| p.parse::<u16>().is_ok());
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host_fits = match inner {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.split('.').all(is_host_label),
    };
    port_fits && host_fits
}

fn is_host_label(label: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let edges = label.starts_with('-') || label.ends_with('-');
    !label.is_empty() && !edges && label.bytes().all(legal)
}

fn is_repository(repository: &str) -> bool {
    repository.len() <= REPOSITORY_BYTES_MAX && repository.split('/').all(is_component)
}

/// Letters and digits, with single separators between them: `.`, `_`, `__` or any number of hyphens.
fn is_component(component: &str) -> bool {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separators = component.split(word).filter(|separator| !separator.is_empty());
    component.starts_with(word)
        && component.ends_with(word)
        && separators.into_iter().all(|separator| {
            matches!(separator, "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-')
        })
}

fn is_tag(tag: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    tag.len() <= TAG_BYTES_MAX
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|byte| word(byte) || byte == b'.' || byte == b'-')
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn references_are_spelled_out_as_clients_do() {
        let pinned = format!("registry.example:5000/a/b:v1@sha256:{HEX}");
        for (text, spelled) in [
            ("debian", "docker.io/library/debian"),
            ("debian:12-slim", "docker.io/library/debian:12-slim"),
            ("docker.io/debian", "docker.io/library/debian"),
            ("index.docker.io/debian", "docker.io/library/debian"),
            ("grafana/grafana:11", "docker.io/grafana/grafana:11"),
            ("ghcr.io/a/b/c", "ghcr.io/a/b/c"),
            ("localhost/a", "localhost/a"),
            ("localhost:5000/a:1", "localhost:5000/a:1"),
            ("[::1]:5000/a", "[::1]:5000/a"),
            ("Host/a", "Host/a"),
            ("e_f/a__b.c---d", "docker.io/e_f/a__b.c---d"),
            (pinned.as_str(), pinned.as_str()),
        ] {
            let reference = parse_image_reference(text).unwrap();
            assert_eq!(reference.to_string(), spelled, "{text}");
            assert_eq!(parse_image_reference(spelled).unwrap(), reference, "{text}");
        }
    }

    #[test]
    fn what_no_client_would_pull_is_refused() {
        let long_tag = format!("a:{}", "t".repeat(129));
        let long_name = "a".repeat(300);
        let md5 = "a@md5:d41d8cd98f00b204e9800998ecf8427e";
        let upper = format!("a@sha256:{}", HEX.to_uppercase());
        let twice = format!("a@sha256:{HEX}@sha256:{HEX}");
        for text in [
            "",
            " ",
            "A",
            "a:",
            ":1",
            "a@",
            "a//b",
            "/a",
            "a/",
            "a._b",
            "a/-b",
            "a___b",
            "a b",
            "ä",
            "a:b:c",
            "a:-x",
            "host:port/a",
            "host.:1/a",
            "-h.io/a",
            "[::g]/a.b/c",
            "https://a.io/b",
            md5,
            &long_tag,
            &long_name,
            &upper,
            &twice,
        ] {
            assert!(parse_image_reference(text).is_err(), "{text}");
        }
    }
}
