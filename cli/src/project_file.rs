//! `.muster.yaml`: what a project says once, so that its jobs and people need not repeat it.
//!
//! It is found in the working directory or above it, not above the repository. It names no server and no credential: who
//! may change a file of the repository must not be able to have a token sent elsewhere.

use std::path::{Path, PathBuf};

use engine::document::Document;
use engine::run::WorkflowPath;
use engine::{Limits, Name};
use serde::Deserialize;

use crate::documents::at;
use crate::evidence::read_bounded;
use crate::exit::{Failure, Result};

const NAME: &str = ".muster.yaml";

/// What the file says.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProjectFile {
    /// The organization.
    organization: Option<Name>,
    /// The workflow, `PROJECT/WORKFLOW`.
    workflow: Option<String>,
    /// The contract, beside the file or below it.
    contract: Option<PathBuf>,
    #[serde(skip)]
    path: PathBuf,
}

impl ProjectFile {
    /// The file of the working directory, or one that says nothing.
    pub(crate) fn find() -> Result<Self> {
        let here = std::env::current_dir()
            .map_err(|error| Failure::unexpected("there is no working directory", error))?;
        Self::above(&here)
    }

    fn above(here: &Path) -> Result<Self> {
        for folder in here.ancestors() {
            let path = folder.join(NAME);
            if path.is_file() {
                return Self::read(path);
            }
            if folder.join(".git").exists() {
                break;
            }
        }
        Ok(Self::default())
    }

    fn read(path: PathBuf) -> Result<Self> {
        let wrong = |error: &dyn std::fmt::Display| {
            Failure::usage(at(&path, error))
                .with_hint("it has `organization`, `workflow` and `contract`")
        };
        let limits = Limits::DEFAULT;
        let bytes =
            read_bounded(&path, limits.document_bytes_max).map_err(|error| wrong(&error))?;
        let document = Document::parse_bytes(&bytes, &limits).map_err(|error| wrong(&error))?;
        let file: Self =
            serde_json::from_value(document.into_value()).map_err(|error| wrong(&error))?;
        Ok(Self { path, ..file })
    }

    /// The organization, unless one was named.
    pub(crate) fn organization(&self, named: Option<Name>) -> Option<Name> {
        named.or_else(|| self.organization.clone())
    }

    /// The workflow, unless one was named.
    pub(crate) fn workflow(&self, named: Option<WorkflowPath>) -> Result<Option<WorkflowPath>> {
        let Some(text) = self.workflow.as_ref().filter(|_| named.is_none()) else {
            return Ok(named);
        };
        let path = text.parse::<WorkflowPath>();
        path.map(Some).map_err(|error| Failure::usage(at(&self.path, &error)))
    }

    /// The contract, unless one was named.
    pub(crate) fn contract(&self, named: Option<PathBuf>) -> Result<PathBuf> {
        let folder = self.path.parent().unwrap_or_else(|| Path::new("."));
        let own = self.contract.as_ref().map(|contract| folder.join(contract));
        named.or(own).ok_or_else(|| {
            Failure::usage("no contract was named")
                .with_hint(format!("give --contract FILE, or say `contract: FILE` in {NAME}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_looked_for_up_to_the_repository_and_no_further() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("repository/src");
        std::fs::create_dir_all(&inner).unwrap();
        let write =
            |path: &str, text: &str| std::fs::write(folder.path().join(path), text).unwrap();
        write(NAME, "organization: outside");
        assert_eq!(
            ProjectFile::above(&inner).unwrap().organization(None).unwrap().as_str(),
            "outside"
        );
        std::fs::create_dir(folder.path().join("repository/.git")).unwrap();
        assert_eq!(ProjectFile::above(&inner).unwrap().organization(None), None);
        write("repository/.muster.yaml", "workflow: web/release\ncontract: c.yaml\n");
        let file = ProjectFile::above(&inner).unwrap();
        assert_eq!(file.workflow(None).unwrap().unwrap().to_string(), "web/release");
        assert_eq!(file.contract(None).unwrap(), folder.path().join("repository/c.yaml"));
        assert_eq!(file.contract(Some(PathBuf::from("x"))).unwrap(), PathBuf::from("x"));
        for wrong in ["server: https://evil.example", "workflow: [a]", "a: b: c"] {
            write("repository/.muster.yaml", wrong);
            let error = ProjectFile::above(&inner).unwrap_err();
            assert!(error.message.contains(".muster.yaml"), "{}", error.message);
        }
        write("repository/.muster.yaml", "workflow: release");
        assert!(ProjectFile::above(&inner).unwrap().workflow(None).is_err());
    }
}
