//! Where blobs are kept, written as an address:
//!
//! ```text
//! file:///srv/muster/blobs
//! oci://registry.example.com/team/evidence
//! oci://127.0.0.1:5000/evidence?plain-http=true
//! s3://bucket/prefix?region=eu-central-1
//! s3://bucket/prefix?endpoint=https://minio.example.com&region=us-east-1&path-style=true
//! ```
//!
//! An address never holds what opens the place: that would end up in logs and answers.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use reqwest::Url;

/// Longest address, in bytes.
const BYTES_MAX: usize = 1_024;
/// What buckets are taken to be in when nothing is said.
const REGION: &str = "us-east-1";

/// Where blobs are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlobsConfig {
    /// In a directory of this machine.
    Directory(PathBuf),
    /// In a repository of an OCI registry.
    Registry {
        /// The registry, `HOST` or `HOST:PORT`.
        address: String,
        /// The repository within it.
        repository: String,
        /// Whether to speak HTTP instead of HTTPS, for a registry on the loopback.
        plain_http: bool,
    },
    /// In a bucket that speaks S3.
    S3(S3Config),
}

/// A bucket that speaks S3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Config {
    /// The bucket.
    pub bucket: String,
    /// What the keys begin with, `a/b`; empty for the whole bucket.
    pub prefix: String,
    /// The region that requests are signed for.
    pub region: String,
    /// The server, `https://HOST[:PORT]`; that of AWS in the region when absent.
    pub endpoint: Option<String>,
    /// Whether the bucket stands in the path of requests instead of the name of their host.
    pub path_style: bool,
}

/// Why a text is not the address of a place for blobs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidPlace(String);

impl BlobsConfig {
    /// What it is: `directory`, `oci` or `s3`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Directory(_) => "directory",
            Self::Registry { .. } => "oci",
            Self::S3(_) => "s3",
        }
    }

    /// Where its requests go, as far as the address says so itself.
    pub(crate) fn url(&self) -> Option<String> {
        match self {
            Self::Directory(_) => None,
            Self::Registry { address, plain_http, .. } => {
                let scheme = if *plain_http { "http" } else { "https" };
                Some(format!("{scheme}://{address}/"))
            }
            Self::S3(S3Config { endpoint, .. }) => endpoint.clone(),
        }
    }
}

impl fmt::Display for BlobsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "file://{}", path.display()),
            Self::Registry { address, repository, plain_http } => {
                let query = if *plain_http { "?plain-http=true" } else { "" };
                write!(f, "oci://{address}/{repository}{query}")
            }
            Self::S3(S3Config { bucket, prefix, region, endpoint, path_style }) => {
                write!(f, "s3://{bucket}")?;
                if !prefix.is_empty() {
                    write!(f, "/{prefix}")?;
                }
                write!(f, "?region={region}")?;
                if let Some(endpoint) = endpoint {
                    write!(f, "&endpoint={endpoint}")?;
                }
                if *path_style == endpoint.is_some() {
                    return Ok(());
                }
                write!(f, "&path-style={path_style}")
            }
        }
    }
}

impl FromStr for BlobsConfig {
    type Err = InvalidPlace;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > BYTES_MAX {
            return Err(wrong(format!("the address is longer than {BYTES_MAX} bytes")));
        }
        let form = |_error| {
            wrong("expected file:///DIRECTORY, oci://HOST/REPOSITORY or s3://BUCKET/PREFIX")
        };
        let url = Url::parse(text).map_err(form)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("the address must not hold credentials: hand them in on their own"));
        }
        if url.fragment().is_some() {
            return Err(wrong("the address has a fragment, `#…`, which means nothing here"));
        }
        match url.scheme() {
            "file" => directory(&url),
            "oci" => registry(&url),
            "s3" => s3(&url),
            other => {
                Err(wrong(format!("`{other}:` is no place for blobs: expected file, oci or s3")))
            }
        }
    }
}

fn wrong(message: impl Into<String>) -> InvalidPlace {
    InvalidPlace(message.into())
}

fn directory(url: &Url) -> Result<BlobsConfig, InvalidPlace> {
    Settings::of(url, &[])?;
    let path = url.to_file_path();
    path.map(BlobsConfig::Directory)
        .map_err(|()| wrong("expected file:///DIRECTORY, with the whole path"))
}

fn registry(url: &Url) -> Result<BlobsConfig, InvalidPlace> {
    let settings = Settings::of(url, &["plain-http"])?;
    let host = url.host_str().filter(|host| !host.is_empty());
    let host = host.ok_or_else(|| wrong("expected oci://HOST[:PORT]/REPOSITORY"))?.to_owned();
    let address = url.port().map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
    let repository = url.path().trim_start_matches('/').to_owned();
    if repository.is_empty() {
        return Err(wrong("the repository is missing: expected oci://HOST[:PORT]/REPOSITORY"));
    }
    // The grammar of names: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
    let separated = |part: &str| {
        let ends =
            |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        ends(part.chars().next())
            && ends(part.chars().next_back())
            && part
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c))
    };
    if !repository.split('/').all(separated) {
        return Err(wrong(format!(
            "`{repository}` is not the name of a repository: lower-case letters, digits, `.`, `_`, `-`, separated by `/`"
        )));
    }
    Ok(BlobsConfig::Registry {
        address,
        repository,
        plain_http: settings.flag("plain-http")?.unwrap_or(false),
    })
}

fn s3(url: &Url) -> Result<BlobsConfig, InvalidPlace> {
    let settings = Settings::of(url, &["region", "endpoint", "path-style"])?;
    let bucket = url.host_str().unwrap_or_default().to_owned();
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let named = (3..=63).contains(&bucket.len())
        && bucket.starts_with(ends)
        && bucket.ends_with(ends)
        && bucket.chars().all(inner)
        && !bucket.contains("..");
    if !named || url.port().is_some() {
        return Err(wrong(format!(
            "`{bucket}` is not the name of a bucket: 3 to 63 lower-case letters, digits, `-` and `.`"
        )));
    }
    let prefix = url.path().trim_matches('/').to_owned();
    let plain = |part: &str| {
        !part.is_empty()
            && part != "."
            && part != ".."
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    if !prefix.is_empty() && !prefix.split('/').all(plain) {
        return Err(wrong(format!(
            "`{prefix}` cannot begin the keys: letters, digits, `.`, `_`, `-`, separated by `/`"
        )));
    }
    let region = settings.get("region").unwrap_or(REGION).to_owned();
    let ordinary = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !(1..=40).contains(&region.len()) || !region.chars().all(ordinary) {
        return Err(wrong(format!("`{region}` is not a region: expected one like {REGION}")));
    }
    let endpoint = settings.get("endpoint").map(endpoint).transpose()?;
    let path_style = settings.flag("path-style")?.unwrap_or_else(|| endpoint.is_some());
    Ok(BlobsConfig::S3(S3Config { bucket, prefix, region, endpoint, path_style }))
}

fn endpoint(text: &str) -> Result<String, InvalidPlace> {
    let form = || wrong(format!("the endpoint `{text}` is not https://HOST[:PORT]"));
    let url = Url::parse(text).map_err(|_error| form())?;
    let bare = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none();
    bare.then(|| url.as_str().trim_end_matches('/').to_owned()).ok_or_else(form)
}

/// The query of an address: each setting once, and none that nobody reads.
struct Settings(Vec<(String, String)>);

impl Settings {
    fn of(url: &Url, known: &[&str]) -> Result<Self, InvalidPlace> {
        let mut settings: Vec<(String, String)> = Vec::new();
        for (name, value) in url.query_pairs() {
            if !known.contains(&&*name) {
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                return Err(wrong(format!(
                    "`{name}` is no setting of `{}:`: there is {known}",
                    url.scheme()
                )));
            }
            if settings.iter().any(|(other, _)| *other == name) {
                return Err(wrong(format!("`{name}` is there twice")));
            }
            settings.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(settings))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn flag(&self, name: &str) -> Result<Option<bool>, InvalidPlace> {
        let read = |text: &str| {
            text.parse()
                .map_err(|_error| wrong(format!("`{name}` is `{text}`: expected true or false")))
        };
        self.get(name).map(read).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_and_written_the_same() {
        for text in [
            "file:///srv/blobs",
            "oci://registry.example.com/team/evidence",
            "oci://127.0.0.1:5000/evidence?plain-http=true",
            "s3://evidence?region=us-east-1",
            "s3://evidence/a/b?region=eu-central-1&path-style=true",
            "s3://evidence?region=us-east-1&endpoint=http://127.0.0.1:9000",
            "s3://evidence?region=us-east-1&endpoint=https://s3.example.com&path-style=false",
        ] {
            let place: BlobsConfig = text.parse().unwrap();
            assert_eq!(place.to_string(), text);
        }
    }

    #[test]
    fn what_is_left_out_is_what_most_want() {
        let s3 = |text: &str| match text.parse().unwrap() {
            BlobsConfig::S3(s3) => (s3.region, s3.path_style),
            other => panic!("{other}"),
        };
        assert_eq!(s3("s3://evidence"), ("us-east-1".to_owned(), false));
        assert!(s3("s3://evidence?endpoint=https://s3.example.com").1);
    }

    #[test]
    fn a_text_that_is_no_address_is_refused_by_what_is_wrong() {
        let long = format!("s3://evidence/{}", "a".repeat(BYTES_MAX));
        for (text, why) in [
            ("evidence", "expected"),
            ("https://example.com/evidence", "`https:`"),
            ("file:evidence?x=1", "`x`"),
            ("file://host/evidence", "whole path"),
            ("oci://registry.example.com", "repository"),
            ("oci://registry.example.com/Team", "repository"),
            ("oci://registry.example.com/a//b", "repository"),
            ("oci://registry.example.com/a?tls=false", "plain-http"),
            ("oci://registry.example.com/a?plain-http=1", "true or false"),
            ("oci://user:secret@registry.example.com/a", "credentials"),
            ("s3://key:secret@evidence", "credentials"),
            ("s3://ab", "bucket"),
            ("s3://Evidence", "bucket"),
            ("s3://evidence.", "bucket"),
            ("s3://evidence/a b", "begin the keys"),
            ("s3://evidence/a%2fb", "begin the keys"),
            ("s3://evidence?region=x/y", "region"),
            ("s3://evidence?region=a&region=b", "twice"),
            ("s3://evidence?endpoint=ftp://host", "endpoint"),
            ("s3://evidence?endpoint=https://host/path", "endpoint"),
            ("s3://evidence?endpoint=https://user@host", "endpoint"),
            ("s3://evidence?acl=public", "acl"),
            ("s3://evidence#x", "fragment"),
            (&long, "1024 bytes"),
        ] {
            let error = text.parse::<BlobsConfig>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
            assert!(!error.contains("secret"), "{text}: {error}");
        }
    }
}
