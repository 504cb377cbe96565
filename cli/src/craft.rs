//! Crafting an attestation: circumstances, evidence, the job's own check, the signed statement.

use std::collections::BTreeMap;
use std::path::Path;

use api_types::OpenedRun;
use engine::contract::{Compiled, Contract};
use engine::document::Document;
use engine::judge::{Exhibit, Plan, Record};
use engine::policy::Library;
use engine::predicate::{self, ContractRef, Predicate};
use engine::run::{Circumstances, Workflow};
use engine::{Limits, Timestamp};
use trust::{Bundle, Signer, Statement};

use crate::environment::Environment;
use crate::exit::{Failure, Result};
use crate::{commit, runner};

/// The clock of the command line.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_datetime(chrono::Utc::now())
}

/// Where and how this job runs, with just the variables and annotations that the contract asks for.
pub(crate) fn circumstances(
    contract: &Contract,
    workflow: Option<Workflow>,
    annotations: &BTreeMap<String, String>,
    environment: &Environment,
) -> Circumstances {
    let wanted = contract.environment.required.iter().chain(&contract.environment.optional);
    let fixed = contract
        .annotations
        .iter()
        .filter_map(|demand| Some((demand.name.clone(), demand.value.clone()?)));
    let mut all: BTreeMap<String, String> = fixed.collect();
    all.extend(annotations.clone());
    Circumstances {
        workflow,
        runner: runner::detect(environment),
        environment: wanted
            .filter_map(|name| Some((name.clone(), environment.get(name)?.to_owned())))
            .collect(),
        annotations: all,
        commit: commit::head(Path::new(".")),
    }
}

/// The contract that a run was opened under, compiled as the server compiles it.
pub(crate) fn contract_of(run: &OpenedRun, library: &Library, limits: &Limits) -> Result<Compiled> {
    let wrong = |error: &dyn std::fmt::Display| {
        Failure::unexpected("the server's contract does not compile here", error)
    };
    let document = Document::parse(&run.contract.source, limits).map_err(|error| wrong(&error))?;
    let compiled = Compiled::compile(&document, &run.contract.files, library, limits)
        .map_err(|error| wrong(&error))?;
    if compiled.digest != run.contract.digest {
        return Err(Failure::unexpected(
            "this program and the server understand the contract differently",
            format!(
                "{} here, {} there; update the older of the two",
                compiled.digest, run.contract.digest
            ),
        ));
    }
    Ok(compiled)
}

/// The workflow of a run as statements name it.
pub(crate) fn workflow_of(run: &OpenedRun) -> Workflow {
    Workflow {
        organization: run.organization.clone(),
        project: run.project.clone(),
        name: run.workflow.clone(),
        version: run.version.clone(),
    }
}

/// Checks the evidence with the same engine as the server, under the waivers that it handed out with the run.
pub(crate) fn check(
    run: &OpenedRun,
    contract: &Compiled,
    circumstances: &Circumstances,
    exhibits: Vec<Exhibit>,
) -> Record {
    let plan = Plan::new(contract, circumstances, exhibits, now(), &Limits::DEFAULT);
    control::judge::conclude(&plan.waiving(run.waivers.clone()))
}

/// Checks the evidence, and signs what the job says about its run.
pub(crate) fn sign(
    run: &OpenedRun,
    contract: &Compiled,
    circumstances: Circumstances,
    exhibits: Vec<Exhibit>,
    started_at: Timestamp,
    signer: &dyn Signer,
) -> Result<(Bundle, Record)> {
    let materials: Vec<_> = exhibits.iter().map(|exhibit| exhibit.material.clone()).collect();
    let record = check(run, contract, &circumstances, exhibits);
    let subjects =
        predicate::subjects(&contract.contract, &materials, circumstances.commit.as_ref());
    if subjects.is_empty() {
        return Err(Failure::usage(
            "there is nothing to attest: no material was given, and this is not a git repository",
        ));
    }
    let predicate = Predicate {
        run: run.id,
        contract: ContractRef {
            name: run.contract.name.clone(),
            revision: run.contract.revision,
            digest: run.contract.digest,
        },
        circumstances,
        materials,
        evaluations: record.evaluations.clone(),
        verdict: record.verdict,
        started_at,
        finished_at: now(),
    };
    let internal = |error: &dyn std::fmt::Display| {
        Failure::unexpected("the statement cannot be signed", error)
    };
    let predicate = serde_json::to_value(&predicate).map_err(|error| internal(&error))?;
    let statement = Statement::new(subjects, predicate::TYPE, predicate);
    let bundle = signer.sign(&statement).map_err(|error| internal(&error))?;
    Ok((bundle, record))
}
