//! Whether a waiver accepts a violation. In doubt it does not.

use semver::{Version, VersionReq};
use serde_json::Value;

use super::{Acceptance, Component, Run, Target};
use crate::Digest;
use crate::evaluation::{Subject, Violation};

impl Target {
    /// Whether it holds in this run at all.
    pub(super) fn reaches(&self, run: &Run) -> bool {
        self.is_within(run) && (self.subjects.is_empty() || self.names_any_of(run))
    }

    /// Whether it holds for what a policy looked at in this run.
    pub(super) fn covers(&self, run: &Run, subject: &Subject) -> bool {
        if !self.is_within(run) || self.subjects.is_empty() {
            return self.is_within(run);
        }
        match subject {
            Subject::Material { digest, .. } if self.subjects.contains(digest) => true,
            // Another output of the same run is another artifact.
            Subject::Material { digest, .. } if run.outputs.contains(digest) => false,
            Subject::Material { .. } | Subject::Run => self.names_all_outputs(run),
        }
    }

    fn is_within(&self, run: &Run) -> bool {
        let Self { everywhere, project, workflow, subjects } = self;
        let same = |named: &Option<crate::Name>, actual: Option<&crate::Name>| {
            named.as_ref().is_none_or(|named| Some(named) == actual)
        };
        let says_something = *everywhere || project.is_some() || !subjects.is_empty();
        says_something
            && same(project, run.workflow.as_ref().map(|workflow| &workflow.project))
            && same(workflow, run.workflow.as_ref().map(|workflow| &workflow.name))
    }

    fn names_any_of(&self, run: &Run) -> bool {
        self.subjects.iter().any(|named| run.materials.contains(named))
    }

    fn names_all_outputs(&self, run: &Run) -> bool {
        let named = |output: &Digest| self.subjects.contains(output);
        !run.outputs.is_empty() && run.outputs.iter().all(named)
    }
}

impl Acceptance {
    /// Whether it names this violation of its policy.
    pub(super) fn names(&self, violation: &Violation) -> bool {
        self.rule == violation.rule
            && (self.terms.is_empty() || self.names_terms_of(violation))
            && self.component.as_ref().is_none_or(|component| component.is_of(violation))
    }

    fn names_terms_of(&self, violation: &Violation) -> bool {
        let named = |term: &str| self.terms.iter().any(|known| known == term);
        let terms = match member(violation, "term") {
            Some(Value::String(term)) => vec![Some(term.as_str())],
            Some(Value::Array(terms)) => terms.iter().map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        violation.code.as_deref().is_some_and(named)
            || (!terms.is_empty() && terms.into_iter().all(|term| term.is_some_and(named)))
    }
}

impl Component {
    fn is_of(&self, violation: &Violation) -> bool {
        let text = |name: &str| member(violation, name).and_then(Value::as_str);
        let version = text("version");
        let within = |range: &str| {
            let range = VersionReq::parse(range);
            let version = version.and_then(|version| Version::parse(version).ok());
            range.is_ok_and(|range| version.is_some_and(|version| range.matches(&version)))
        };
        text("component") == Some(self.name.as_str())
            && self.version.as_deref().is_none_or(|named| version == Some(named))
            && self.range.as_deref().is_none_or(within)
    }
}

/// What the policy said beside the message.
fn member<'v>(violation: &'v Violation, name: &str) -> Option<&'v Value> {
    violation.data.as_ref()?.get(name)
}
