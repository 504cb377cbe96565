//! A server of this process's own that speaks S3: `versitygw` over a folder.

use std::fs;
use std::path::{Path, PathBuf};

use super::supervisor::{Supervised, folder, free_port};

/// The name of the access key that opens every bucket.
const KEY_ID: &str = "muster";
/// The key.
const KEY: &str = "correct-horse-battery";

/// A running server with one access key.
#[derive(Debug)]
pub struct S3 {
    endpoint: String,
    buckets: PathBuf,
    /// Held: the server ends with its pipe.
    _supervised: Supervised,
}

impl S3 {
    /// Where it listens: `http://127.0.0.1:PORT`, path style, region `us-east-1`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The name of the access key, and the key.
    pub fn key(&self) -> (&'static str, &'static str) {
        (KEY_ID, KEY)
    }

    /// Makes a bucket and returns the folder whose files are its objects.
    pub fn bucket(&self, name: &str) -> PathBuf {
        let bucket = self.buckets.join(name);
        if let Err(error) = fs::create_dir_all(&bucket) {
            panic!("cannot make {}: {error}", bucket.display());
        }
        bucket
    }

    pub(super) fn start(program: &Path) -> Self {
        let folder = folder("s3");
        let port = free_port();
        let address = format!("127.0.0.1:{port}");
        let (buckets, metadata) = (folder.join("buckets"), folder.join("metadata"));
        let text = |path: &Path| path.display().to_string();
        let mut command = vec![text(program)];
        command.extend(
            ["--access", KEY_ID, "--secret", KEY, "--port", &address, "posix", "--sidecar"]
                .map(str::to_owned),
        );
        command.extend([text(&metadata), text(&buckets)]);
        let mut supervised = Supervised::new(folder.clone(), "KILL", &command);
        for made in [&buckets, &metadata] {
            if let Err(error) = fs::create_dir_all(made) {
                panic!("cannot make {}: {error}", made.display());
            }
        }
        let log = folder.join("log");
        // Its own words, so that a stranger on the port is not taken for it.
        supervised.start(port, || fs::read_to_string(&log).is_ok_and(|log| log.contains(&address)));
        Self { endpoint: format!("http://{address}"), buckets, _supervised: supervised }
    }
}
