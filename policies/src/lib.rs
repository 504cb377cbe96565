//! The policies that Muster ships, as data: the rules behind every contract, policies to choose from, gates.
//!
//! Nothing here is evaluated; the engine does that. Adding a policy is one folder and one row below, and a test holds
//! the rows against the folders.

/// A shipped policy: its document and its module.
#[derive(Debug, Clone, Copy)]
pub struct Source {
    /// Its name, also that of its folder.
    pub name: &'static str,
    /// The `kind: Policy` document, which names the module as `policy.rego`.
    pub policy: &'static str,
    /// The module.
    pub rego: &'static str,
}

/// The rules that judge a contract's own demands, by file name.
pub const CONTRACT: &[(&str, &str)] =
    &[("contract.rego", include_str!("../contract/contract.rego"))];

/// Policies over evidence.
pub const POLICIES: &[Source] = &[
    Source {
        name: "sarif-severity",
        policy: include_str!("../sarif-severity/policy.yaml"),
        rego: include_str!("../sarif-severity/policy.rego"),
    },
    Source {
        name: "sbom-components",
        policy: include_str!("../sbom-components/policy.yaml"),
        rego: include_str!("../sbom-components/policy.rego"),
    },
    Source {
        name: "sbom-freshness",
        policy: include_str!("../sbom-freshness/policy.yaml"),
        rego: include_str!("../sbom-freshness/policy.rego"),
    },
    Source {
        name: "sbom-licenses",
        policy: include_str!("../sbom-licenses/policy.yaml"),
        rego: include_str!("../sbom-licenses/policy.rego"),
    },
    Source {
        name: "tests-pass",
        policy: include_str!("../tests-pass/policy.yaml"),
        rego: include_str!("../tests-pass/policy.rego"),
    },
    Source {
        name: "vex-triaged",
        policy: include_str!("../vex-triaged/policy.yaml"),
        rego: include_str!("../vex-triaged/policy.rego"),
    },
];

/// Policies over an artifact and its lineage.
pub const GATES: &[Source] = &[
    Source {
        name: "endorsed",
        policy: include_str!("../gates/endorsed/policy.yaml"),
        rego: include_str!("../gates/endorsed/policy.rego"),
    },
    Source {
        name: "released",
        policy: include_str!("../gates/released/policy.yaml"),
        rego: include_str!("../gates/released/policy.rego"),
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    fn folders(below: &str) -> BTreeSet<String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(below);
        std::fs::read_dir(root)
            .unwrap()
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.path().join("policy.yaml").exists())
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn every_folder_has_its_row() {
        for (rows, below) in [(POLICIES, "."), (GATES, "gates")] {
            let names: BTreeSet<String> =
                rows.iter().map(|source| source.name.to_owned()).collect();
            assert_eq!(names, folders(below));
        }
    }
}
