//! What a blob store promises, in a directory and in a registry.

use std::io;
use std::sync::Arc;

use control::blobs::{BlobError, Blobs, ByteStream, Directory, Registry, RegistryConfig};
use engine::Digest;
use engine::digest::Hasher;
use futures::{StreamExt, TryStreamExt, stream};
use tokio_util::bytes::Bytes;

const BYTES_MAX: u64 = 128 << 20;

struct Opened {
    blobs: Arc<dyn Blobs>,
    directory: tempfile::TempDir,
}

async fn all(repository: &str) -> Vec<Opened> {
    let directory = tempfile::tempdir().unwrap();
    let blobs = Arc::new(Directory::open(directory.path(), BYTES_MAX).unwrap());
    let mut opened = vec![Opened { blobs, directory }];
    if let Some(registry) = testdata::peers::registry() {
        let directory = tempfile::tempdir().unwrap();
        let config = RegistryConfig {
            address: registry.address().to_owned(),
            repository: format!("muster/{repository}"),
            plain_http: true,
            credentials: None,
            spool: Some(directory.path().to_owned()),
            bytes_max: BYTES_MAX,
        };
        opened.push(Opened { blobs: Arc::new(Registry::open(config).await), directory });
    }
    opened
}

fn bytes(text: &'static str) -> ByteStream {
    stream::iter(text.as_bytes().chunks(3)).map(|chunk| Ok(Bytes::from_static(chunk))).boxed()
}

async fn read(blobs: &dyn Blobs, digest: Digest) -> io::Result<Vec<u8>> {
    let blob = blobs.get(digest).await.unwrap().unwrap();
    let read: Vec<u8> = blob
        .stream
        .try_fold(Vec::new(), |mut all, chunk| async move {
            all.extend_from_slice(&chunk);
            Ok(all)
        })
        .await?;
    assert_eq!(u64::try_from(read.len()).unwrap(), blob.size);
    Ok(read)
}

/// Files anywhere below, with their paths relative to `root`.
fn files(root: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_is_got() {
    for Opened { blobs, directory } in all("round-trip").await {
        blobs.check().await.unwrap();
        for text in ["evidence", "", "x"] {
            let digest = Digest::of(text);
            assert_eq!(blobs.size(digest).await.unwrap(), None);
            assert!(blobs.get(digest).await.unwrap().is_none());
            for size in [None, Some(u64::try_from(text.len()).unwrap())] {
                assert_eq!(
                    blobs.put(digest, size, bytes(text)).await.unwrap(),
                    u64::try_from(text.len()).unwrap()
                );
                assert_eq!(read(blobs.as_ref(), digest).await.unwrap(), text.as_bytes());
                assert_eq!(
                    blobs.size(digest).await.unwrap(),
                    Some(u64::try_from(text.len()).unwrap())
                );
            }
        }
        assert!(files(directory.path()).len() <= 3, "an upload left something behind");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_as_claimed_leaves_nothing() {
    for Opened { blobs, directory } in all("refused").await {
        let digest = Digest::of("evidence");
        for known in [false, true] {
            if known {
                blobs.put(digest, None, bytes("evidence")).await.unwrap();
            }
            let before = files(directory.path()).len();
            let wrong = blobs.put(digest, None, bytes("evidenze")).await;
            assert!(
                matches!(wrong, Err(BlobError::Mismatch { expected, .. }) if expected == digest)
            );
            let short = blobs.put(digest, Some(9), bytes("evidence")).await;
            assert!(matches!(short, Err(BlobError::Size { expected: 9, actual: 8 })));
            let long = blobs.put(digest, Some(7), bytes("evidence")).await;
            assert!(matches!(long, Err(BlobError::Size { expected: 7, .. })));
            let broken =
                bytes("evid").chain(stream::once(async { Err(io::Error::other("gone")) })).boxed();
            assert!(matches!(
                blobs.put(digest, None, broken).await,
                Err(BlobError::Interrupted(_))
            ));
            let early = blobs.put(digest, None, bytes("evid")).await;
            assert!(matches!(early, Err(BlobError::Mismatch { .. })));
            assert_eq!(blobs.size(digest).await.unwrap().is_some(), known);
            assert_eq!(files(directory.path()).len(), before);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_refused_before_and_while_it_arrives() {
    let directory = tempfile::tempdir().unwrap();
    let blobs = Directory::open(directory.path(), 7).unwrap();
    let digest = Digest::of("evidence");
    for size in [None, Some(8)] {
        let refused = blobs.put(digest, size, bytes("evidence")).await;
        assert!(matches!(refused, Err(BlobError::TooLarge { limit: 7 })));
    }
    assert!(files(directory.path()).is_empty());
    blobs.put(Digest::of("evident"), None, bytes("evident")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_mebibytes_stream_through() {
    const CHUNK: usize = 64 << 10;
    const CHUNKS: usize = 1_024;
    let chunk = |number: usize| Bytes::from(vec![u8::try_from(number % 251).unwrap(); CHUNK]);
    let mut hasher = Hasher::default();
    (0..CHUNKS).for_each(|number| hasher.update(&chunk(number)));
    let (size, digest) = (hasher.size(), hasher.finish());
    for Opened { blobs, .. } in all("large").await {
        let stream = stream::iter(0..CHUNKS).map(move |number| Ok(chunk(number))).boxed();
        assert_eq!(blobs.put(digest, Some(size), stream).await.unwrap(), size);
        let blob = blobs.get(digest).await.unwrap().unwrap();
        let read = blob.stream.try_fold(Hasher::default(), |mut hasher, chunk| async move {
            hasher.update(&chunk);
            Ok(hasher)
        });
        assert_eq!(read.await.unwrap().finish(), digest);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_blob_at_once_is_stored_once() {
    // Two views of one place, as two replicas have.
    let (one, two) = (all("at-once").await, all("at-once").await);
    for (Opened { blobs, .. }, other) in one.into_iter().zip(two) {
        let digest = Digest::of("evidence");
        let places = [&blobs, &other.blobs];
        let puts = (0..16).map(|number| places[number % 2].put(digest, None, bytes("evidence")));
        for put in futures::future::join_all(puts).await {
            assert_eq!(put.unwrap(), 8);
        }
        assert_eq!(read(blobs.as_ref(), digest).await.unwrap(), b"evidence");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_ends_in_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let blobs = Directory::open(directory.path(), BYTES_MAX).unwrap();
    let digest = Digest::of("evidence");
    blobs.put(digest, None, bytes("evidence")).await.unwrap();
    let file = files(directory.path()).remove(0);
    for damage in ["evidenze", "evid", ""] {
        std::fs::write(&file, damage).unwrap();
        let error = read(&blobs, digest).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{damage}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_not_there_is_named() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let config = RegistryConfig {
        address: address.clone(),
        repository: "muster/blobs".to_owned(),
        plain_http: true,
        credentials: None,
        spool: None,
        bytes_max: BYTES_MAX,
    };
    let blobs = Registry::open(config).await;
    for error in [
        blobs.check().await.unwrap_err(),
        blobs.get(Digest::of("x")).await.unwrap_err(),
        blobs.put(Digest::of("x"), None, bytes("x")).await.unwrap_err(),
    ] {
        assert!(
            matches!(&error, BlobError::Storage { operation, .. } if operation.contains(&address)),
            "{error}"
        );
    }
}
