//! Judging a run: every policy of the contract against the evidence it is attached to.
//!
//! The flow is read, plan, evaluate, conclude. Reading and evaluating are independent per material and per task, so
//! the shell may run them on as many threads as it likes; concluding puts the results in the contract's order.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::contract::{Attachment, Compiled};
use crate::evaluation::{Evaluation, Mode, Outcome, Subject, Verdict};
use crate::material::{Kind, Material, Reading};
use crate::rego::{Document, Findings};
use crate::run::Circumstances;
use crate::schema::Mismatch;
use crate::waiver::{self, Applied, Waiver, Waivers};
use crate::{Digest, Limits, Name, Timestamp, canonical, material, rego};

/// A piece of evidence that was read: what it is, what is wrong with it, and what policies see of it.
#[derive(Debug, Clone)]
pub struct Exhibit {
    /// The material, with the facts found in its content.
    pub material: Material,
    problems: Vec<material::Problem>,
    undecided: Option<String>,
    json: Option<Arc<[u8]>>,
    document: Arc<OnceLock<Result<Document, String>>>,
}

/// What is known of a material before its content is read.
#[derive(Debug, Clone)]
pub struct Label {
    /// Its name.
    pub name: Name,
    /// What it is said to be.
    pub kind: Kind,
    /// The digest of its bytes; the caller has hashed them.
    pub digest: Digest,
    /// Where it came from.
    pub source: String,
    /// How many bytes it has.
    pub size: u64,
}

impl Exhibit {
    /// Reads evidence: recognises its facts, finds what is wrong with its form.
    pub fn read(label: Label, bytes: &[u8], limits: &Limits) -> Self {
        let Reading { facts, problems, undecided, json } =
            material::read(label.kind, bytes, limits);
        let mut exhibit = Self::unread(label);
        exhibit.material.facts = facts;
        exhibit.problems = problems;
        exhibit.undecided = undecided;
        exhibit.json = json.map(|json| Arc::from(json.as_ref()));
        exhibit
    }

    /// A container image by reference: only the digest is recorded, the bytes are in the user's registry.
    pub fn reference(label: Label) -> Self {
        let mut exhibit = Self::unread(label);
        exhibit.material.reference_only = true;
        match material::parse_image_reference(&exhibit.material.source) {
            Ok(image) => exhibit.material.facts = image.facts(),
            Err(error) => {
                let message = error.to_string();
                exhibit.problems.push(material::Problem { pointer: String::new(), message });
            }
        }
        exhibit
    }

    /// Evidence that is kept as it is and whose content no policy reads: any file.
    pub fn opaque(label: Label) -> Self {
        let mut exhibit = Self::unread(label);
        if exhibit.material.size == 0 {
            let message = "the file is empty".to_owned();
            exhibit.problems.push(material::Problem { pointer: String::new(), message });
        }
        exhibit
    }

    /// Evidence whose bytes cannot be had; every policy about it is undecided, for this reason.
    pub fn missing(label: Label, reason: String) -> Self {
        let mut exhibit = Self::unread(label);
        exhibit.undecided = Some(reason);
        exhibit
    }

    fn unread(label: Label) -> Self {
        let Label { name, kind, digest, source, size } = label;
        Self {
            material: Material {
                name,
                kind,
                digest,
                size,
                reference_only: false,
                source,
                facts: material::Facts::new(),
            },
            problems: Vec::new(),
            undecided: None,
            json: None,
            document: Arc::default(),
        }
    }

    /// What is wrong with its form.
    pub fn problems(&self) -> &[material::Problem] {
        &self.problems
    }

    /// Why it cannot be judged, when it cannot.
    pub fn undecided(&self) -> Option<&str> {
        self.undecided.as_deref()
    }

    /// What policies see of it, parsed when the first of them asks.
    fn document(&self) -> Result<&Document, String> {
        if let Some(reason) = &self.undecided {
            return Err(format!("the evidence cannot be judged: {reason}"));
        }
        let parsed = self.document.get_or_init(|| match &self.json {
            Some(json) => Document::parse(json),
            None if self.problems.is_empty() => Document::from_value(&json!({})),
            None => Err("the evidence cannot be read".to_owned()),
        });
        parsed.as_ref().map_err(Clone::clone)
    }

    /// The content as plain JSON, for schemas and exports.
    pub fn content(&self) -> Option<Value> {
        self.json.as_ref().and_then(|json| serde_json::from_slice(json).ok())
    }
}

/// Everything that is to be evaluated for one run.
#[derive(Debug)]
pub struct Plan<'c> {
    contract: &'c Compiled,
    exhibits: Vec<Exhibit>,
    view: Value,
    run: Result<Document, String>,
    at: Timestamp,
    limits: &'c Limits,
    entries: Vec<Entry<'c>>,
    waivers: Waivers,
}

/// One line of the verdict: a policy and its subject.
#[derive(Debug, Clone, Copy)]
enum Entry<'c> {
    /// The contract's own demands.
    Contract,
    /// A policy about the run.
    Run(&'c Attachment),
    /// A policy about one exhibit.
    Material(&'c Attachment, usize),
    /// A policy that has nothing to look at.
    Idle(&'c Attachment),
}

/// One policy against one subject, ready to evaluate on any thread.
#[derive(Debug, Clone, Copy)]
pub struct Task<'p> {
    plan: &'p Plan<'p>,
    entry: Entry<'p>,
}

impl<'c> Plan<'c> {
    /// Plans the evaluation of `contract` as of `at`.
    pub fn new(
        contract: &'c Compiled,
        circumstances: &Circumstances,
        exhibits: Vec<Exhibit>,
        at: Timestamp,
        limits: &'c Limits,
    ) -> Self {
        let view = view(contract, circumstances, &exhibits);
        let mut entries = vec![Entry::Contract];
        for attachment in contract.attachments() {
            if attachment.on.is_none() {
                entries.push(Entry::Run(attachment));
                continue;
            }
            let before = entries.len();
            for (index, exhibit) in exhibits.iter().enumerate() {
                if attachment.judges(&exhibit.material) {
                    entries.push(Entry::Material(attachment, index));
                }
            }
            if entries.len() == before {
                entries.push(Entry::Idle(attachment));
            }
        }
        let run = Document::from_value(&view);
        let waivers = Waivers::none(waiver_run(contract, circumstances, &exhibits));
        Self { contract, exhibits, view, run, at, limits, entries, waivers }
    }

    /// The same plan with waivers. Those that hold at the evaluation time and reach the run accept what they name.
    #[must_use]
    pub fn waiving(self, waivers: Vec<Waiver>) -> Self {
        Self { waivers: self.waivers.with(waivers), ..self }
    }

    /// How many bytes of evidence policies may look at.
    pub fn evidence_bytes(&self) -> usize {
        let sizes = self.exhibits.iter().filter_map(|exhibit| exhibit.json.as_ref());
        sizes.map(|json| json.len()).sum()
    }

    /// What may be evaluated in any order, also in parallel.
    pub fn tasks(&self) -> impl Iterator<Item = Task<'_>> {
        self.entries.iter().map(|entry| Task { plan: self, entry: *entry })
    }

    /// The input that the contract's rules see, with the content of each material under `content`: what an exported
    /// bundle needs to come to the same verdict.
    pub fn opa_input(&self) -> Value {
        let mut input = self.view.clone();
        if let Some(materials) = input.get_mut("materials").and_then(Value::as_array_mut) {
            for (material, exhibit) in materials.iter_mut().zip(&self.exhibits) {
                if let Some(members) = material.as_object_mut() {
                    members.insert(
                        "content".to_owned(),
                        exhibit.content().unwrap_or_else(|| json!({})),
                    );
                }
            }
        }
        input
    }

    /// The record of the verdict. `evaluations` are those of [`Plan::tasks`], in the same order.
    pub fn conclude(&self, evaluations: Vec<Evaluation>) -> Record {
        let mut reasons = Vec::new();
        if !self.contract.demands_something() {
            reasons.push("the contract demands nothing, so nothing is proven".to_owned());
        }
        if self.exhibits.is_empty() {
            reasons.push("the run has no evidence".to_owned());
        }
        reasons.extend(self.waivers.problem().map(ToOwned::to_owned));
        if evaluations.len() != self.entries.len() {
            reasons.push("not every policy was evaluated".to_owned());
        }
        let doubts = reasons.iter().map(|_| Verdict::Indeterminate);
        let verdict =
            Verdict::over(evaluations.iter().filter_map(Evaluation::verdict).chain(doubts));
        Record {
            semantics: rego::SEMANTICS.to_owned(),
            contract_digest: self.contract.digest,
            policy_set_digest: self.contract.policy_set_digest,
            materials: self.exhibits.iter().map(|exhibit| exhibit.material.clone()).collect(),
            evaluated_at: self.at,
            limits: self.limits.clone(),
            waivers: self.waivers.applied(&evaluations, self.at),
            evaluations,
            reasons,
            verdict,
        }
    }
}

impl Task<'_> {
    /// Evaluates the policy. Whatever stops it makes the evaluation indeterminate.
    pub fn evaluate(&self) -> Evaluation {
        let mut evaluation = self.blank();
        match self.findings() {
            Ok(None) => {
                evaluation.outcome = Outcome::Skipped;
                evaluation
                    .reasons
                    .push("the run has no material that this policy judges".to_owned());
            }
            Ok(Some(findings)) => {
                evaluation.violations = findings.violations;
                evaluation.warnings = findings.warnings;
                evaluation.reasons = findings.undecided;
                self.plan.waivers.apply(&mut evaluation, self.plan.at);
                evaluation.outcome = outcome(&evaluation);
            }
            Err(reason) => {
                evaluation.outcome = Outcome::Indeterminate;
                evaluation.reasons.push(reason);
            }
        }
        evaluation
    }

    fn blank(&self) -> Evaluation {
        let attachment = match self.entry {
            Entry::Contract => None,
            Entry::Run(attachment) | Entry::Material(attachment, _) | Entry::Idle(attachment) => {
                Some(attachment)
            }
        };
        let subject = match self.entry {
            Entry::Material(_, index) => {
                self.plan.exhibits.get(index).map_or(Subject::Run, |exhibit| Subject::Material {
                    name: exhibit.material.name.clone(),
                    digest: exhibit.material.digest,
                })
            }
            _ => Subject::Run,
        };
        Evaluation {
            policy: attachment.map_or_else(
                || "contract".to_owned(),
                |attachment| attachment.policy.name.to_string(),
            ),
            policy_digest: attachment
                .map_or(self.plan.contract.rules_digest, |attachment| attachment.digest),
            subject,
            mode: attachment.map_or(Mode::Enforce, |attachment| attachment.mode_at(self.plan.at)),
            outcome: Outcome::Indeterminate,
            violations: Vec::new(),
            waived: Vec::new(),
            warnings: Vec::new(),
            reasons: Vec::new(),
            controls: attachment.map(|attachment| attachment.controls.clone()).unwrap_or_default(),
        }
    }

    fn findings(&self) -> Result<Option<Findings>, String> {
        let Plan { contract, exhibits, run, at, limits, .. } = self.plan;
        let run = run.as_ref().map_err(Clone::clone)?;
        let arguments = |attachment: &Attachment| Document::from_value(&attachment.arguments);
        match self.entry {
            Entry::Idle(_) => Ok(None),
            Entry::Contract => contract.rules.evaluate(run.as_input(&[]), *at, limits).map(Some),
            Entry::Run(attachment) => {
                let input = run.as_input(&[("args", &arguments(attachment)?)]);
                attachment.unit.evaluate(input, *at, limits).map(Some)
            }
            Entry::Material(attachment, index) => {
                let exhibit = exhibits.get(index).ok_or("the exhibit is not part of this plan")?;
                let about = Document::from_value(&self.plan.about(index))?;
                let extra = [("args", &arguments(attachment)?), ("muster", &about)];
                attachment
                    .unit
                    .evaluate(exhibit.document()?.as_input(&extra), *at, limits)
                    .map(Some)
            }
        }
    }
}

impl Plan<'_> {
    /// What Muster tells a policy about the material it judges, under `input.muster`.
    fn about(&self, index: usize) -> Value {
        let material = self.view.get("materials").and_then(|materials| materials.get(index));
        let mut run = self.view.clone();
        if let Some(members) = run.as_object_mut() {
            members.remove("materials");
        }
        json!({ "material": material, "run": run })
    }
}

/// What follows from what was found. A waiver accepts violations, never doubts.
fn outcome(evaluation: &Evaluation) -> Outcome {
    match (evaluation.violations.is_empty(), evaluation.mode) {
        (false, Mode::Enforce) => Outcome::Failed,
        _ if !evaluation.reasons.is_empty() => Outcome::Indeterminate,
        (false, _) => Outcome::Warned,
        (true, _) if !evaluation.waived.is_empty() => Outcome::Waived,
        (true, _) if !evaluation.warnings.is_empty() => Outcome::Warned,
        (true, _) => Outcome::Passed,
    }
}

/// The run as waivers see it.
fn waiver_run(
    contract: &Compiled,
    circumstances: &Circumstances,
    exhibits: &[Exhibit],
) -> waiver::Run {
    let is_output = |material: &&Material| {
        contract.contract.material(&material.name).is_some_and(|demand| demand.output)
    };
    let materials = || exhibits.iter().map(|exhibit| &exhibit.material);
    waiver::Run {
        workflow: circumstances.workflow.clone(),
        materials: materials().map(|material| material.digest).collect(),
        outputs: materials().filter(is_output).map(|material| material.digest).collect(),
    }
}

/// The run as the contract's rules and run policies see it.
fn view(contract: &Compiled, circumstances: &Circumstances, exhibits: &[Exhibit]) -> Value {
    let materials: Vec<Value> =
        exhibits.iter().map(|exhibit| describe(contract, exhibit)).collect();
    without_nulls(json!({
        "workflow": circumstances.workflow,
        "runner": circumstances.runner,
        "environment": circumstances.environment,
        "annotations": circumstances.annotations,
        "commit": circumstances.commit,
        "materials": materials,
    }))
}

/// Most places of one material that are reported as not matching its schema.
const MISMATCHES_MAX: usize = 100;

fn describe(contract: &Compiled, exhibit: &Exhibit) -> Value {
    let mut undecided = exhibit.undecided.clone();
    let mut mismatches: Vec<Mismatch> = Vec::new();
    if let Some(schema) = contract.schemas.get(&exhibit.material.name)
        && undecided.is_none()
    {
        match exhibit.content() {
            Some(content) => mismatches = schema.mismatches(&content, MISMATCHES_MAX),
            None => undecided = Some("its content cannot be compared with the schema".to_owned()),
        }
    }
    let mismatches: Vec<Value> = mismatches
        .into_iter()
        .map(|mismatch| json!({ "pointer": mismatch.pointer, "message": mismatch.message }))
        .collect();
    let problems: Vec<Value> = exhibit
        .problems
        .iter()
        .map(|problem| json!({ "pointer": problem.pointer, "message": problem.message }))
        .collect();
    let Material { name, kind, digest, size, reference_only, source, facts } = &exhibit.material;
    without_nulls(json!({
        "name": name, "kind": kind, "digest": digest, "size": size, "reference_only": reference_only,
        "source": source, "facts": facts, "problems": problems, "mismatches": mismatches, "undecided": undecided,
    }))
}

/// What is absent must be undefined in Rego: `null` counts as true there.
fn without_nulls(mut value: Value) -> Value {
    if let Some(members) = value.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    value
}

/// A verdict and everything that decided it. The same record follows from the same inputs, for anyone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// What evaluation meant.
    pub semantics: String,
    /// The contract.
    pub contract_digest: Digest,
    /// Its policies.
    pub policy_set_digest: Digest,
    /// The evidence.
    pub materials: Vec<Material>,
    /// The evaluation time.
    pub evaluated_at: Timestamp,
    /// The limits in force.
    pub limits: Limits,
    /// The waivers that reach the run, and what each did: one that matched nothing is named, not passed over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waivers: Vec<Applied>,
    /// What each policy said.
    pub evaluations: Vec<Evaluation>,
    /// Why nothing is proven, besides what the evaluations say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// What follows.
    pub verdict: Verdict,
}

impl Record {
    /// The canonical bytes: what is stored, and what a replay must reproduce.
    pub fn to_bytes(&self) -> Result<Vec<u8>, canonical::CanonicalError> {
        canonical::to_bytes(self)
    }
}
