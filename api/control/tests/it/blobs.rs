//! What a blob store promises, in a directory, in a registry and in a bucket.

use std::io;
use std::sync::Arc;

use control::blobs::{
    BlobError, Blobs, BlobsConfig, ByteStream, Credentials, Directory, Registry, RegistryConfig,
    S3, S3Config,
};
use control::{Config, Control};
use engine::Digest;
use engine::digest::Hasher;
use engine::id::BackendId;
use futures::{StreamExt, TryStreamExt, stream};
use tokio_util::bytes::Bytes;
use uuid::Uuid;

const BYTES_MAX: u64 = 128 << 20;

struct Opened {
    blobs: Arc<dyn Blobs>,
    directory: tempfile::TempDir,
}

async fn all(repository: &str) -> Vec<Opened> {
    let directory = tempfile::tempdir().unwrap();
    let blobs = Arc::new(Directory::open(directory.path(), BYTES_MAX).unwrap());
    let mut opened = vec![Opened { blobs, directory }];
    let registries = [testdata::peers::registry(), testdata::peers::registry_with_referrers()];
    for registry in registries.into_iter().flatten() {
        let directory = tempfile::tempdir().unwrap();
        let config = RegistryConfig {
            address: registry.address().to_owned(),
            repository: format!("muster/{repository}"),
            plain_http: true,
            credentials: None,
            space: None,
            guard: None,
            spool: Some(directory.path().to_owned()),
            bytes_max: BYTES_MAX,
        };
        opened.push(Opened { blobs: Arc::new(Registry::open(config).await.unwrap()), directory });
    }
    if let Some((blobs, _)) = bucket(repository, BYTES_MAX) {
        opened.push(Opened { blobs, directory: tempfile::tempdir().unwrap() });
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

/// A bucket of its own; its folder is the server's.
fn bucket(name: &str, bytes_max: u64) -> Option<(Arc<dyn Blobs>, std::path::PathBuf)> {
    let server = testdata::peers::s3()?;
    let folder = server.bucket(name);
    let (id, key) = server.key();
    Some((open_bucket(server.endpoint(), name, (id, key), bytes_max), folder))
}

fn open_bucket(
    endpoint: &str,
    name: &str,
    (id, key): (&str, &str),
    bytes_max: u64,
) -> Arc<dyn Blobs> {
    let config = S3Config {
        bucket: name.to_owned(),
        prefix: "a/b".to_owned(),
        region: "us-east-1".to_owned(),
        endpoint: Some(endpoint.to_owned()),
        path_style: true,
    };
    let credentials = Credentials::Keys {
        access_key_id: id.to_owned(),
        secret_access_key: key.to_owned(),
        session_token: None,
    };
    Arc::new(S3::open(&config, credentials, None, bytes_max).unwrap())
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
async fn what_is_removed_is_gone_and_can_come_back() {
    for Opened { blobs, directory } in all("removed").await {
        for text in ["evidence of it", ""] {
            let digest = Digest::of(text);
            blobs.remove(digest).await.unwrap();
            for _ in 0..2 {
                blobs.put(digest, None, bytes(text)).await.unwrap();
                blobs.put(Digest::of("other"), None, bytes("other")).await.unwrap();
                blobs.remove(digest).await.unwrap();
                assert_eq!(blobs.size(digest).await.unwrap(), None);
                assert!(blobs.get(digest).await.unwrap().is_none());
                assert_eq!(read(blobs.as_ref(), Digest::of("other")).await.unwrap(), b"other");
            }
        }
        assert!(files(directory.path()).len() <= 1, "{directory:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_deletes_for_its_user_or_says_that_it_deletes_nothing() {
    let (Some(tokens), Some(password)) =
        (testdata::peers::registry_with_tokens(), testdata::peers::registry_with_password())
    else {
        return;
    };
    for (registry, deletes) in [(tokens, true), (password, false)] {
        let (user, secret) = registry.user();
        let address = registry.address().to_owned();
        let config = RegistryConfig::new(address, "muster/deleted".to_owned(), true, BYTES_MAX);
        let credentials = Some((user.to_owned(), secret.to_owned()));
        let blobs = Registry::open(RegistryConfig { credentials, ..config }).await.unwrap();
        let digest = Digest::of("evidence");
        blobs.put(digest, None, bytes("evidence")).await.unwrap();
        match blobs.remove(digest).await {
            Ok(()) => assert!(deletes && blobs.size(digest).await.unwrap().is_none()),
            Err(BlobError::Kept(why)) => {
                assert!(!deletes && why.contains("is set up to delete nothing"), "{why}");
                assert_eq!(read(&blobs, digest).await.unwrap(), b"evidence");
            }
            Err(error) => panic!("{error}"),
        }
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
        space: None,
        guard: None,
        spool: None,
        bytes_max: BYTES_MAX,
    };
    let blobs = Registry::open(config).await.unwrap();
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

/// What is left in the bucket: objects, and parts of uploads that nobody completed.
fn left_in(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    files(folder).into_iter().filter(|path| path.metadata().unwrap().len() > 0).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_upload_that_is_not_as_claimed_leaves_nothing_in_the_bucket() {
    let Some((blobs, folder)) = bucket("half-way", 20 << 20) else { return };
    let chunks = |count: usize| {
        let chunk = Bytes::from(vec![7; 1 << 20]);
        stream::iter(0..count).map(move |_| Ok(chunk.clone())).boxed()
    };
    let digest = Digest::of(vec![7; 12 << 20]);
    let wrong = blobs.put(digest, None, chunks(13)).await;
    assert!(matches!(wrong, Err(BlobError::Mismatch { .. })), "{wrong:?}");
    let broken = chunks(11).chain(stream::once(async { Err(io::Error::other("gone")) })).boxed();
    let broken = blobs.put(digest, None, broken).await;
    assert!(matches!(broken, Err(BlobError::Interrupted(_))), "{broken:?}");
    let large = blobs.put(digest, None, chunks(21)).await;
    assert!(matches!(large, Err(BlobError::TooLarge { .. })), "{large:?}");
    let claimed = blobs.put(digest, Some(21 << 20), chunks(0)).await;
    assert!(matches!(claimed, Err(BlobError::TooLarge { .. })), "{claimed:?}");
    assert_eq!(blobs.size(digest).await.unwrap(), None);
    assert_eq!(left_in(&folder), Vec::<std::path::PathBuf>::new());
    assert_eq!(blobs.put(digest, None, chunks(12)).await.unwrap(), 12 << 20);
    let object = folder.join("a/b/sha256").join(digest.to_hex());
    assert_eq!(std::fs::metadata(object).unwrap().len(), 12 << 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_was_changed_ends_in_an_error() {
    let Some((blobs, folder)) = bucket("changed", BYTES_MAX) else { return };
    let digest = Digest::of("evidence");
    blobs.put(digest, None, bytes("evidence")).await.unwrap();
    let object = folder.join("a/b/sha256").join(digest.to_hex());
    std::fs::write(object, "evidenze").unwrap();
    let error = read(blobs.as_ref(), digest).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_does_not_open_is_named_and_its_key_is_not() {
    let Some(server) = testdata::peers::s3() else { return };
    server.bucket("closed");
    let (id, key) = server.key();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (endpoint, bucket, key) in [
        (server.endpoint().to_owned(), "closed", "another-secret"),
        (format!("http://{free}"), "closed", key),
    ] {
        let blobs = open_bucket(&endpoint, bucket, (id, key), BYTES_MAX);
        for error in [
            blobs.check().await.unwrap_err(),
            blobs.get(Digest::of("x")).await.unwrap_err(),
            blobs.put(Digest::of("x"), None, bytes("x")).await.unwrap_err(),
        ] {
            let shown = format!("{error} {error:?} {blobs:?}");
            assert!(error.to_string().contains("s3://closed/a/b"), "{shown}");
            assert!(!shown.contains(key), "{shown}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_is_entered_with_a_password_or_a_token() {
    let peers =
        [testdata::peers::registry_with_password(), testdata::peers::registry_with_tokens()];
    for registry in peers.into_iter().flatten() {
        let (user, password) = registry.user();
        let open = async |credentials: Option<(&str, &str)>| {
            let config = RegistryConfig {
                address: registry.address().to_owned(),
                repository: "muster/closed".to_owned(),
                plain_http: true,
                credentials: credentials.map(|(user, word)| (user.to_owned(), word.to_owned())),
                space: None,
                guard: None,
                spool: None,
                bytes_max: BYTES_MAX,
            };
            let shown = format!("{config:?}");
            assert!(!shown.contains(password), "{shown}");
            Registry::open(config).await.unwrap()
        };
        let digest = Digest::of("evidence");
        let blobs = open(Some((user, password))).await;
        blobs.check().await.unwrap();
        blobs.put(digest, None, bytes("evidence")).await.unwrap();
        // Another client, which only reads.
        let reader = open(Some((user, password))).await;
        assert_eq!(read(&reader, digest).await.unwrap(), b"evidence");
        for credentials in [None, Some((user, "a-wrong-password"))] {
            let blobs = open(credentials).await;
            for error in [
                blobs.check().await.unwrap_err(),
                blobs.get(digest).await.map(drop).unwrap_err(),
                blobs.put(digest, None, bytes("evidence")).await.unwrap_err(),
            ] {
                let shown = format!("{error} {error:?} {blobs:?}");
                assert!(error.to_string().contains(registry.address()), "{shown}");
                assert!(!shown.contains("a-wrong-password"), "{shown}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_not_sent_in_the_clear_to_another_machine() {
    for (address, sent) in [
        ("registry.example.com", false),
        ("10.0.0.1:5000", false),
        ("127.0.0.1:5000", true),
        ("localhost:5000", true),
        ("[::1]:5000", true),
    ] {
        let config = RegistryConfig {
            address: address.to_owned(),
            repository: "muster/blobs".to_owned(),
            plain_http: true,
            credentials: Some(("user".to_owned(), "password".to_owned())),
            space: None,
            guard: None,
            spool: None,
            bytes_max: BYTES_MAX,
        };
        let opened = Registry::open(config).await;
        assert_eq!(opened.is_ok(), sent, "{address}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_is_opened_with_what_belongs_to_it() {
    let password = r#"{"username":"u","password":"p"}"#;
    let key = r#"{"access_key_id":"i","secret_access_key":"k"}"#;
    for (place, credentials, opens) in [
        ("s3://evidence", Some(key), true),
        ("s3://evidence", Some(password), false),
        ("s3://evidence", None, false),
        ("oci://registry.example.com/evidence", Some(password), true),
        ("oci://registry.example.com/evidence", Some(key), false),
        ("file:///tmp", Some(password), false),
    ] {
        let credentials = credentials.map(|text| Credentials::parse(text).unwrap());
        let directory = tempfile::tempdir().unwrap();
        let database =
            format!("sqlite://{}?mode=rwc", directory.path().join("muster.db").display());
        let place: BlobsConfig = place.parse().unwrap();
        let config = Config { credentials, ..Config::new(database, place.clone()) };
        let opened = Control::open(config).await;
        assert_eq!(opened.is_ok(), opens, "{place}");
    }
}

#[tokio::test]
async fn what_is_there_is_listed_in_order_and_page_by_page() {
    for opened in all("listed").await {
        let blobs = &*opened.blobs;
        assert_eq!(blobs.list(None, 10).await.unwrap(), [], "{blobs:?}");
        let mut digests = Vec::new();
        for text in ["", "one", "two", "three", "four", "five", "six"] {
            let digest = Digest::of(text);
            blobs.put(digest, None, bytes(text)).await.unwrap();
            digests.push(digest);
        }
        let removed = digests.pop().unwrap();
        blobs.remove(removed).await.unwrap();
        digests.sort_unstable();
        for limit in [1, 2, 3, 6, 7, 1_000] {
            let (mut listed, mut after) = (Vec::<Digest>::new(), None);
            loop {
                let page = blobs.list(after, limit).await.unwrap();
                after = page.last().copied().or(after);
                listed.extend(&page);
                if page.len() < limit {
                    break;
                }
            }
            assert_eq!(listed, digests, "{limit} of {blobs:?}");
        }
    }
}

#[tokio::test]
async fn backends_in_one_repository_list_only_what_is_theirs() {
    let Some(registry) = testdata::peers::registry() else { return };
    let mut spaces = Vec::new();
    for space in [None, Some(BackendId(Uuid::nil())), Some(BackendId(Uuid::max()))] {
        let (address, repository) = (registry.address().to_owned(), "muster/spaces".to_owned());
        let config =
            RegistryConfig { space, ..RegistryConfig::new(address, repository, true, BYTES_MAX) };
        spaces.push(Registry::open(config).await.unwrap());
    }
    let texts = ["of the server", "of nil", "of max"];
    for (blobs, text) in spaces.iter().zip(texts) {
        for text in [text, "of all"] {
            blobs.put(Digest::of(text), None, bytes(text)).await.unwrap();
        }
    }
    for (blobs, text) in spaces.iter().zip(texts) {
        let mut expected = [Digest::of(text), Digest::of("of all")];
        expected.sort_unstable();
        assert_eq!(blobs.list(None, 10).await.unwrap(), expected);
        assert_eq!(blobs.list(Some(expected[0]), 10).await.unwrap(), expected[1..]);
    }
}
