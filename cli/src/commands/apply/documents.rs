//! The documents of a folder, each read and checked as its own command would.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use api_types::PutDocument;
use engine::contract::Compiled;
use engine::document::Document;
use engine::gate::Gate;
use engine::policy::Library;
use engine::workflow::Workflow;
use engine::{Digest, Limits, Timestamp, TrustRoot, TrustRule};

use crate::commands::library;
use crate::craft;
use crate::documents::{self, Source, at};
use crate::exit::{Failure, Result};

/// Deepest folder that is looked into: deeper than that is a link into itself.
const DEPTH_MAX: usize = 16;
/// What every document of ours has, and how far from its beginning at the most, in bytes.
const MARK: &[u8] = b"muster.dev/";
const HEAD_BYTES: u64 = 64 << 10;

/// What the documents say, each kind by name.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub contracts: BTreeMap<String, WantedContract>,
    pub gates: BTreeMap<String, WantedGate>,
    /// By `PROJECT/WORKFLOW`.
    pub workflows: BTreeMap<String, Workflow>,
    pub trust_roots: BTreeMap<String, WantedRoot>,
    pub trust_rules: BTreeMap<String, WantedRule>,
    pub waivers: BTreeMap<String, WantedWaiver>,
}

#[derive(Debug)]
pub(super) struct WantedContract {
    pub compiled: Compiled,
    pub body: PutDocument,
}

#[derive(Debug)]
pub(super) struct WantedGate {
    pub digest: Digest,
    pub body: PutDocument,
}

#[derive(Debug)]
pub(super) struct WantedRoot {
    pub root: TrustRoot,
    pub digest: Digest,
    pub source: String,
}

#[derive(Debug)]
pub(super) struct WantedRule {
    pub rule: TrustRule,
    pub digest: Digest,
    pub source: String,
}

#[derive(Debug)]
pub(super) struct WantedWaiver {
    pub source: String,
    path: PathBuf,
    document: Document,
}

impl WantedWaiver {
    /// The waiver; one that does not say when it starts starts at `from`.
    pub(super) fn starting(&self, from: Timestamp) -> Result<engine::Waiver> {
        engine::Waiver::parse(&self.document, from)
            .map_err(|error| Failure::usage(at(&self.path, &error)))
    }
}

impl Wanted {
    /// Reads every document of Muster among those files and below those folders. Other files are let alone, and policies
    /// come with the contracts that name them.
    pub(super) fn read(paths: &[PathBuf]) -> Result<Self> {
        let library = library()?;
        let mut wanted = Self::default();
        let mut wrong = Vec::new();
        let mut found = 0;
        for path in files(paths)? {
            match wanted.add(&path, &library) {
                Ok(true) => found += 1,
                Ok(false) => {}
                // Everything that is wrong is said at once.
                Err(failure) => wrong.push(failure.message),
            }
        }
        if !wrong.is_empty() {
            return Err(Failure::usage(wrong.join("\n")));
        }
        if found == 0 {
            return Err(Failure::usage("there is no document of Muster in what was named")
                .with_hint("a document begins with `apiVersion: muster.dev/v1`"));
        }
        Ok(wanted)
    }

    /// Adds what a file says; false when that is nothing of ours.
    fn add(&mut self, path: &Path, library: &Library) -> Result<bool> {
        let limits = Limits::DEFAULT;
        if !is_ours(path)
            .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?
        {
            return Ok(false);
        }
        let source = documents::read(path, &limits)?;
        let member = |name: &str| source.document.value().get(name).and_then(|it| it.as_str());
        if !member("apiVersion").is_some_and(|version| version.starts_with("muster.dev/")) {
            return Ok(false);
        }
        let wrong = |error: &dyn std::fmt::Display| Failure::usage(at(path, error));
        let kind = member("kind").unwrap_or_default().to_owned();
        let (name, twice) = match kind.as_str() {
            "Policy" => return Ok(false),
            "Contract" => {
                let compiled = documents::compile(path, &source, library, &limits)?;
                let name = compiled.contract.name.to_string();
                let one = WantedContract { compiled, body: body(source) };
                (name.clone(), self.contracts.insert(name, one).is_some())
            }
            "Gate" => {
                let gate = Gate::compile(&source.document, &source.files, library, &limits);
                let gate = gate.map_err(|error| wrong(&error))?;
                let (name, digest) = (gate.name.to_string(), gate.digest);
                let one = WantedGate { digest, body: body(source) };
                (name.clone(), self.gates.insert(name, one).is_some())
            }
            "Workflow" => {
                let one = Workflow::parse(&source.document).map_err(|error| wrong(&error))?;
                let name = one.path.to_string();
                (name.clone(), self.workflows.insert(name, one).is_some())
            }
            "TrustRoot" => {
                let root = TrustRoot::parse(&source.document).map_err(|error| wrong(&error))?;
                let digest = root.digest().map_err(|error| wrong(&error))?;
                let name = root.name.to_string();
                let one = WantedRoot { root, digest, source: source.text };
                (name.clone(), self.trust_roots.insert(name, one).is_some())
            }
            "TrustRule" => {
                let rule = TrustRule::parse(&source.document).map_err(|error| wrong(&error))?;
                let digest = rule.digest().map_err(|error| wrong(&error))?;
                let name = rule.name.to_string();
                let one = WantedRule { rule, digest, source: source.text };
                (name.clone(), self.trust_rules.insert(name, one).is_some())
            }
            "Waiver" => {
                let Source { text, document, .. } = source;
                let one = WantedWaiver { source: text, path: path.to_owned(), document };
                let name = one.starting(craft::now())?.name.to_string();
                (name.clone(), self.waivers.insert(name, one).is_some())
            }
            other => {
                return Err(wrong(&format!("`kind: {other}` is nothing that can be applied")));
            }
        };
        if twice {
            return Err(wrong(&format!("another file has the {kind} `{name}` already")));
        }
        Ok(true)
    }
}

/// Whether a file could be a document of ours. One that cannot be read is not passed over: what it says would be pruned.
fn is_ours(path: &Path) -> std::io::Result<bool> {
    let mut head = Vec::new();
    fs::File::open(path)?.take(HEAD_BYTES).read_to_end(&mut head)?;
    Ok(head.windows(MARK.len()).any(|part| part == MARK))
}

fn body(source: Source) -> PutDocument {
    PutDocument { source: source.text, files: source.files }
}

/// The files among these and below these folders, in order of their paths.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        collect(path, DEPTH_MAX, true, &mut found)
            .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?;
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn collect(
    path: &Path,
    depth: usize,
    named: bool,
    found: &mut Vec<PathBuf>,
) -> std::io::Result<()> {
    if fs::metadata(path)?.is_dir() {
        if depth == 0 {
            return Err(std::io::Error::other("the folders are too deep"));
        }
        for entry in fs::read_dir(path)? {
            let path = entry?.path();
            let hidden =
                path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            if !hidden {
                collect(&path, depth - 1, false, found)?;
            }
        }
        return Ok(());
    }
    let readable = path.extension().is_some_and(|it| it == "yaml" || it == "yml" || it == "json");
    if named || readable {
        found.push(path.to_owned());
    }
    Ok(())
}
