//! `muster check`: judge files against a contract, here, without a server.

use std::fs;

use engine::Limits;
use engine::judge::Plan;

use super::{Context, library};
use crate::args::CheckArgs;
use crate::evidence::{self, Item};
use crate::exit::{Exit, Failure, Result};
use crate::project_file::ProjectFile;
use crate::report::{self, Report};
use crate::{craft, documents};

pub(super) fn run(context: &Context, args: CheckArgs) -> Result {
    report::check(&args.judging.output)?;
    let limits = Limits::DEFAULT;
    let contract_path = ProjectFile::find()?.contract(args.contract)?;
    let (_, contract) = documents::contract(&contract_path, &library()?, &limits)?;
    let items = evidence::gather(&args.judging.evidence, &contract.contract, &limits)?;
    let annotations = args.judging.annotation.into_iter().collect();
    let circumstances =
        craft::circumstances(&contract.contract, None, &annotations, &context.environment);
    let paths = items
        .iter()
        .map(|item| (item.exhibit.material.name.to_string(), item.path.clone()))
        .collect();
    let exhibits = items.iter().map(|item| item.exhibit.clone()).collect();
    let at = args.at.unwrap_or_else(craft::now);
    let waivers = args.waiver.iter().map(|file| documents::waiver(file, at, &limits));
    let plan = Plan::new(&contract, &circumstances, exhibits, at, &limits);
    let plan = plan.waiving(waivers.collect::<Result<_>>()?);
    let record = control::judge::conclude(&plan);
    if let Some(file) = &args.opa_input {
        let failed = |error: std::io::Error| {
            Failure::unexpected(&format!("cannot write {}", file.display()), error)
        };
        fs::write(file, plan.opa_input().to_string()).map_err(failed)?;
    }
    let exit = Exit::from(record.verdict);
    let report = Report {
        record,
        contract: contract.contract.name.to_string(),
        contract_path: contract_path.display().to_string(),
        paths,
    };
    report.write(&args.judging.output, &context.terminal)?;
    report.append_to_job_page(&context.environment, &context.terminal);
    leave(plan, items);
    Ok(if args.exit_zero { Exit::Success } else { exit })
}

/// The program ends here: the operating system frees what parsed evidence holds faster than we could.
fn leave(plan: Plan<'_>, items: Vec<Item>) {
    std::mem::forget(plan);
    std::mem::forget(items);
}
