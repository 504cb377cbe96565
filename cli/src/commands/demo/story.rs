//! What the demo does, in order; everything goes over HTTP, as it would from another machine.

use std::sync::Arc;

use api_types::{
    ContractRevision, CreateKey, CreateOrganization, CreateProject, CreateWorkflow,
    CreatedOrganization, Decide, Decisions, GateRevision, Key, OpenRun, OpenedRun, Project,
    PutDocument, Receipt, Workflow,
};
use engine::judge::{Exhibit, Label};
use engine::lineage::Closure;
use engine::{Digest, Kind, Limits, Name};
use indicatif::ProgressBar;
use reqwest::Method;
use trust::SigningKey;

use super::evidence::{BAD, Evidence, GOOD};
use crate::client::Client;
use crate::commands::{Context, library};
use crate::evidence::Content;
use crate::exit::{Failure, Result};
use crate::report::Report;
use crate::terminal::Tone;
use crate::{craft, printer};

const CONTRACT: &str = include_str!("contract.yaml");
const GATE: &str = include_str!("gate.yaml");

/// Tells the story, and answers the token of the organization.
pub(super) async fn tell(
    context: &Context,
    instance: &Client,
    progress: &ProgressBar,
) -> Result<String> {
    let key =
        SigningKey::generate().map_err(|error| Failure::unexpected("cannot make a key", error))?;
    progress.set_message("making an organization, a project, a contract, a workflow and a gate");
    let (client, token) = furnish(instance, &key).await?;
    for evidence in [&GOOD, &BAD] {
        progress.set_message(format!("attesting {}", evidence.title));
        let report = progress_paused(progress, attest(context, &client, &key, evidence).await?);
        context.terminal.data(&format!(
            "\n{}\n",
            context.terminal.paint(Tone::Strong, &format!("The run of {}", evidence.title))
        ));
        context.terminal.data(&printer::table(&report, &context.terminal));
    }
    progress.set_message("asking the gate");
    ask(context, &client).await?;
    progress.finish_and_clear();
    Ok(token)
}

/// Output and a moving spinner do not share a line.
fn progress_paused<T>(progress: &ProgressBar, value: T) -> T {
    progress.suspend(|| value)
}

fn name(text: &str) -> Result<Name> {
    text.parse().map_err(|error| Failure::unexpected("the demo is broken", error))
}

async fn furnish(instance: &Client, key: &SigningKey) -> Result<(Client, String)> {
    let body = CreateOrganization { name: name("acme")?, owner: None };
    let made: CreatedOrganization =
        instance.send_json(Method::POST, "/v1/organizations", &body).await?;
    let token = made.token.secret;
    let client = Client::new(instance.server(), &token)?;
    let document = |source: &str| PutDocument { source: source.to_owned(), files: [].into() };
    let _project: Project = client
        .send_json(Method::POST, "/v1/projects", &CreateProject { name: name("web")? })
        .await?;
    let _contract: ContractRevision =
        client.send_json(Method::PUT, "/v1/contracts", &document(CONTRACT)).await?;
    let workflow = CreateWorkflow {
        project: name("web")?,
        name: name("release")?,
        contract: name("web-release")?,
        contract_revision: None,
        deadline_minutes: None,
    };
    let _workflow: Workflow = client.send_json(Method::POST, "/v1/workflows", &workflow).await?;
    let public = CreateKey { name: name("ci")?, public_key: key.public().to_pem().to_owned() };
    let _key: Key = client.send_json(Method::POST, "/v1/keys", &public).await?;
    let _gate: GateRevision = client.send_json(Method::PUT, "/v1/gates", &document(GATE)).await?;
    Ok((client, token))
}

async fn attest(
    context: &Context,
    client: &Client,
    key: &SigningKey,
    evidence: &Evidence,
) -> Result<Report> {
    let started_at = craft::now();
    let body = OpenRun { workflow: "web/release".to_owned(), version: None };
    let run: OpenedRun = client.send_json(Method::POST, "/v1/runs", &body).await?;
    let contract = craft::contract_of(&run, &library()?, &Limits::DEFAULT)?;
    let all = [("app", Kind::Artifact, "app", evidence.app)];
    let mut exhibits = Vec::new();
    for (material, kind, file, bytes) in all.iter().chain(evidence.materials) {
        let digest = Digest::of(bytes);
        client.put_blob(digest, &Content::Bytes(Arc::from(*bytes))).await?;
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let label =
            Label { name: name(material)?, kind: *kind, digest, source: (*file).to_owned(), size };
        exhibits.push(match kind {
            Kind::Artifact => Exhibit::opaque(label),
            _ => Exhibit::read(label, bytes, &Limits::DEFAULT),
        });
    }
    let annotations = [("team".to_owned(), "web".to_owned())].into();
    let workflow = Some(craft::workflow_of(&run));
    let mut circumstances =
        craft::circumstances(&contract.contract, workflow, &annotations, &context.environment);
    // Where the demo happens to run is nobody's business.
    circumstances.commit = None;
    let (bundle, checked) = craft::sign(&run, &contract, circumstances, exhibits, started_at, key)?;
    let receipt: Receipt = client.post_bundle(run.id, bundle.bytes().to_vec()).await?;
    let judged = receipt.attestation;
    let record = engine::judge::Record {
        materials: judged.materials,
        evaluated_at: judged.received_at,
        evaluations: judged.evaluations,
        reasons: receipt.reasons,
        verdict: judged.verdict,
        ..checked
    };
    let contract =
        format!("{} revision {}, judged by the server", judged.contract, judged.contract_revision);
    Ok(Report { record, contract, contract_path: "contract.yaml".to_owned(), paths: [].into() })
}

async fn ask(context: &Context, client: &Client) -> Result<()> {
    let terminal = &context.terminal;
    let body = Decide { digests: vec![GOOD.digest(), BAD.digest()], as_of: None };
    let answer: Decisions =
        client.send_json(Method::POST, "/v1/gates/prod/decisions", &body).await?;
    terminal.data(&format!("\n{}\n", terminal.paint(Tone::Strong, "May they ship?")));
    terminal.data(&printer::decisions(&answer.decisions, terminal));
    let closure: Closure = client.get(&format!("/v1/artifacts/{}/lineage", GOOD.digest())).await?;
    terminal.data("\n");
    terminal.data(&printer::lineage(&closure, terminal));
    Ok(())
}
