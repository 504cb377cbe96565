//! What the official schema says beyond structure.

use std::collections::BTreeSet;

use spdx::identifiers::{EXCEPTIONS, LICENSES};

use super::bom::{Bom, Component, LicenseChoice, Service};
use crate::material::Problem;
use crate::material::json::shown;

/// Component types of 1.6; earlier versions have fewer.
const TYPES: [&str; 13] = [
    "application",
    "container",
    "cryptographic-asset",
    "data",
    "device",
    "device-driver",
    "file",
    "firmware",
    "framework",
    "library",
    "machine-learning-model",
    "operating-system",
    "platform",
];
const TYPES_SINCE_1_5: [&str; 4] = ["data", "device-driver", "machine-learning-model", "platform"];
const TYPES_SINCE_1_6: [&str; 1] = ["cryptographic-asset"];
const SCOPES: [&str; 3] = ["required", "optional", "excluded"];

const KEYS: [&str; 13] = [
    "$schema",
    "bomFormat",
    "components",
    "compositions",
    "dependencies",
    "externalReferences",
    "metadata",
    "serialNumber",
    "services",
    "signature",
    "specVersion",
    "version",
    "vulnerabilities",
];
const KEYS_SINCE_1_5: [&str; 3] = ["annotations", "formulation", "properties"];
const KEYS_SINCE_1_6: [&str; 2] = ["declarations", "definitions"];

/// Whether a version has a top-level key. A misspelt `components` must not pass for a product without any.
pub(super) fn has_key(version: &str, key: &str) -> bool {
    KEYS.contains(&key)
        || (version != "1.4" && KEYS_SINCE_1_5.contains(&key))
        || (version == "1.6" && KEYS_SINCE_1_6.contains(&key))
}

/// Adds the problems of a bill of materials.
pub(super) fn judge(bom: &Bom<'_>, problems: &mut Vec<Problem>) {
    let mut judge = Judge {
        version: bom.spec_version.as_deref().unwrap_or_default(),
        place: String::new(),
        refs: BTreeSet::new(),
        problems,
    };
    if bom.version.is_some_and(|version| version < 1) {
        judge.inside("version", |judge| judge.problem("the version of a document is 1 or more"));
    }
    if let Some(metadata) = &bom.metadata {
        judge.inside("metadata", |judge| {
            judge.licenses(&metadata.licenses);
            if let Some(component) = &metadata.component {
                judge.inside("component", |judge| judge.component(component));
            }
        });
    }
    judge.each("components", &bom.components, Judge::component);
    judge.each("services", &bom.services, Judge::service);
}

/// Walks with the JSON Pointer of where it is.
struct Judge<'a, 'p> {
    version: &'a str,
    place: String,
    refs: BTreeSet<&'a str>,
    problems: &'p mut Vec<Problem>,
}

impl<'a> Judge<'a, '_> {
    fn component(&mut self, component: &'a Component<'_>) {
        self.unique("bom-ref", component.bom_ref.as_deref());
        if let Some(kind) = component.type_.as_deref().filter(|kind| !self.has_type(kind)) {
            let message = format!("`{}` is not a component type of {}", shown(kind), self.version);
            self.inside("type", |judge| judge.problem(message));
        }
        if let Some(scope) = component.scope.as_deref().filter(|scope| !SCOPES.contains(scope)) {
            let message = format!("`{}` is not a scope", shown(scope));
            self.inside("scope", |judge| judge.problem(message));
        }
        self.licenses(&component.licenses);
        if let Some(evidence) = &component.evidence {
            self.inside("evidence", |judge| judge.licenses(&evidence.licenses));
        }
        self.each("components", &component.components, Self::component);
    }

    fn service(&mut self, service: &'a Service<'_>) {
        self.unique("bom-ref", service.bom_ref.as_deref());
        self.licenses(&service.licenses);
        self.each("services", &service.services, Self::service);
    }

    fn has_type(&self, kind: &str) -> bool {
        let too_new = match self.version {
            "1.4" => TYPES_SINCE_1_5.contains(&kind) || TYPES_SINCE_1_6.contains(&kind),
            "1.5" => TYPES_SINCE_1_6.contains(&kind),
            _ => false,
        };
        TYPES.contains(&kind) && !too_new
    }

    fn licenses(&mut self, licenses: &'a [LicenseChoice<'_>]) {
        self.each("licenses", licenses, |judge, choice| {
            let Some(license) = &choice.license else { return };
            match (license.id.as_deref(), license.name.as_deref()) {
                (Some(id), None) if !is_spdx_id(id) => {
                    let message = format!("`{}` is not an SPDX licence id", shown(id));
                    judge.inside("license/id", |judge| judge.problem(message));
                }
                (Some(_), None) | (None, Some(_)) => {}
                (Some(_), Some(_)) => judge.inside("license", |judge| {
                    judge.problem("a licence has an id or a name, not both");
                }),
                (None, None) => judge.inside("license", |judge| {
                    judge.problem("a licence needs an id or a name");
                }),
            }
        });
    }

    fn unique(&mut self, key: &str, reference: Option<&'a str>) {
        let Some(reference) = reference else { return };
        if reference.is_empty() {
            self.inside(key, |judge| judge.problem("a reference is not empty"));
        } else if !self.refs.insert(reference) {
            let message = format!("`{}` occurs twice, and must be unique", shown(reference));
            self.inside(key, |judge| judge.problem(message));
        }
    }

    fn each<T>(&mut self, key: &str, items: &'a [T], mut visit: impl FnMut(&mut Self, &'a T)) {
        for (index, item) in items.iter().enumerate() {
            self.inside(&format!("{key}/{index}"), |judge| visit(judge, item));
        }
    }

    fn inside(&mut self, segment: &str, visit: impl FnOnce(&mut Self)) {
        let length = self.place.len();
        self.place.push('/');
        self.place.push_str(segment);
        visit(self);
        self.place.truncate(length);
    }

    fn problem(&mut self, message: impl Into<String>) {
        self.problems.push(Problem::at(self.place.clone(), message));
    }
}

/// Whether the official schema lists the id: a licence or an exception, in its exact spelling.
fn is_spdx_id(id: &str) -> bool {
    let license = LICENSES.binary_search_by(|license| license.name.cmp(id)).is_ok();
    (license && id != "NOASSERTION") || EXCEPTIONS.iter().any(|exception| exception.name == id)
}
