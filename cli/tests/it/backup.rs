//! A copy of a server's data, taken while it runs; a server on the copy; and copies that are not whole.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::site::Site;
use crate::support::{Ended, Server};

/// A site with one attestation, and a folder beside it.
struct Case {
    site: Site,
    folder: TempDir,
}

impl Case {
    fn new() -> Self {
        Self { site: Site::embedded(), folder: tempfile::tempdir().unwrap() }
    }

    /// Attests something of that name on a server of the site.
    fn attest(&self, server: &Server, name: &str) {
        let (_, line) = self.site.attest(name);
        self.site.run(server, &line).with(0);
    }

    fn back_up(&self) -> Ended {
        let (to, data) = (self.backup(), self.site.data());
        let line = format!("backup {} --data {} -o json", to.display(), data.display());
        self.site.sandbox.run(&line)
    }

    fn restore(&self, to: &Path) -> Ended {
        let from = self.backup();
        let line = format!("restore {} --data {} -o json", from.display(), to.display());
        self.site.sandbox.run(&line)
    }

    fn backup(&self) -> PathBuf {
        self.folder.path().join("backup")
    }

    fn restored(&self) -> PathBuf {
        self.folder.path().join("restored")
    }
}

/// The files below a directory that are as large as a blob or a database.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}

#[test]
fn a_server_on_a_restored_backup_has_everything_that_was_acknowledged() {
    let case = Case::new();
    let server = case.site.serve(&[]);
    case.attest(&server, "before");
    let first = case.back_up().with(0).json();
    assert_eq!(first["missing"].as_array().unwrap().len(), 0);
    let blobs = first["blobs"].as_u64().unwrap();
    assert!(blobs >= 3 && first["present"] == 0, "an artifact, an SBOM, a bundle: {first}");
    case.attest(&server, "after");
    let second = case.back_up().with(0);
    assert!(second.stderr.contains("not copied: "), "{}", second.stderr);
    let second = second.json();
    assert!(second["blobs"].as_u64().unwrap() < blobs, "copied again: {second}");
    assert_eq!(second["present"], blobs);
    assert_eq!(
        files(&case.backup().join("database")).len(),
        1,
        "the database before is there still"
    );
    let trail = case.site.run(&server, "audit export").with(0).stdout;
    server.stop();

    let data = case.restored();
    let said = case.restore(&data).with(0);
    assert!(said.stderr.contains("secrets.key"), "{}", said.stderr);
    fs::copy(case.site.data().join("secrets.key"), data.join("secrets.key")).unwrap();
    let server = Server::start_with(&data, &[], &[]);
    for name in ["before", "after"] {
        case.site.run(&server, &format!("gate allow {name} --gate prod")).with(0);
    }
    let restored = case.site.run(&server, "audit export").with(0).stdout;
    assert_eq!(trail.lines().next(), restored.lines().next());
    case.site.run(&server, "audit verify").with(0);
    case.attest(&server, "since");
    server.stop();
    let again = case.restore(&data).with(2);
    assert!(again.stderr.contains("is there already"), "{}", again.stderr);
}

#[test]
fn what_is_missing_is_said_and_what_is_lost_is_not_restored() {
    let case = Case::new();
    let server = case.site.serve(&[]);
    case.attest(&server, "app");
    let kept = files(&case.site.data().join("blobs"));
    let damaged = kept.iter().max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
    let whole = fs::read(damaged).unwrap();
    fs::write(damaged, vec![b'x'; whole.len()]).unwrap();
    let ended = case.back_up().with(3);
    assert!(ended.stderr.contains("1 blobs are missing or damaged in"), "{}", ended.stderr);
    assert_eq!(ended.json()["missing"].as_array().unwrap().len(), 1);
    // It was missing when the backup was taken: all the rest is restored.
    let partial = case.folder.path().join("partial");
    case.restore(&partial).with(3);
    assert!(partial.join("muster.db").exists());
    fs::write(damaged, &whole).unwrap();
    case.back_up().with(0);
    server.stop();

    let copies = files(&case.backup().join("blobs"));
    let lost = copies.iter().find(|path| path.file_name() == damaged.file_name()).unwrap();
    let data = case.restored();
    fs::write(lost, vec![b'x'; whole.len()]).unwrap();
    let ended = case.restore(&data).with(2);
    assert!(ended.stderr.contains("nothing was restored"), "{}", ended.stderr);
    assert!(!data.join("muster.db").exists());
    fs::remove_file(lost).unwrap();
    case.restore(&data).with(2);
    fs::write(lost, &whole).unwrap();
    case.restore(&data).with(0);
    assert!(data.join("muster.db").exists());
}

#[test]
fn what_is_no_backup_is_not_restored() {
    let case = Case::new();
    case.back_up().with(0);
    let manifest = case.backup().join("backup.json");
    let text = fs::read_to_string(&manifest).unwrap();
    let digest = text.split('"').find(|word| word.starts_with("sha256:")).unwrap();
    let other = format!("sha256:{}", "a".repeat(64));
    for (changed, phrase) in [
        (text.replace("\"format\": 1", "\"format\": 2"), "restore it with Muster"),
        (text.replace("\"missing\"", "\"mising\""), "unknown field `mising`"),
        (text.replace(digest, &other), "the backup has no database"),
        (" ".repeat(2 << 20), "more than 1048576"),
    ] {
        fs::write(&manifest, &changed).unwrap();
        let ended = case.restore(&case.restored());
        assert!(ended.code != 0 && ended.stderr.contains(phrase), "{phrase}: {ended:?}");
        assert!(!case.restored().join("muster.db").exists(), "{phrase}");
    }
    fs::write(&manifest, &text).unwrap();
    let database = files(&case.backup().join("database")).pop().unwrap();
    let mut bytes = fs::read(&database).unwrap();
    let end = bytes.len() - 1;
    bytes[end] ^= 1;
    fs::write(&database, bytes).unwrap();
    let ended = case.restore(&case.restored());
    assert!(ended.code != 0 && ended.stderr.contains("is damaged"), "{ended:?}");
    fs::remove_file(&manifest).unwrap();
    case.restore(&case.restored()).with(2);
    assert!(!case.restored().join("muster.db").exists());
}

#[test]
fn what_is_no_installation_is_not_backed_up() {
    let case = Case::new();
    let (to, nowhere) = (case.backup(), case.folder.path().join("nowhere"));
    let line = format!("backup {} --data {}", to.display(), nowhere.display());
    let ended = case.site.sandbox.run(&line).with(6);
    assert!(ended.stderr.contains("there is no database"), "{}", ended.stderr);
    assert!(!to.exists() && !nowhere.exists());
    fs::create_dir(&nowhere).unwrap();
    fs::write(nowhere.join("muster.db"), b"").unwrap();
    let ended = case.site.sandbox.run(&line).with(1);
    assert!(ended.stderr.contains("use the version that serves it"), "{}", ended.stderr);
    assert!(!to.join("backup.json").exists());
}
