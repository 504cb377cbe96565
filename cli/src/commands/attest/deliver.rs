//! Handing evidence over, signing, pushing, and reporting what the server says.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use api_types::{OpenedRun, Receipt};
use engine::Timestamp;
use engine::contract::Compiled;
use engine::judge::Record;
use futures::{StreamExt, TryStreamExt};
use tokio::task::JoinHandle;
use trust::SigningKey;

use crate::args::SigningArgs;
use crate::client::Client;
use crate::commands::Context;
use crate::craft;
use crate::evidence::Item;
use crate::exit::{Exit, Failure, Result};
use crate::report::{Output, Report};

/// How many blobs are on their way at once.
const UPLOADS: usize = 4;

/// A key that is being opened.
pub(super) type OpeningKey = JoinHandle<Result<SigningKey>>;

/// Begins to open the private key, which for an encrypted one takes a while.
pub(super) fn open_key(context: &Context, signing: &SigningArgs) -> Result<OpeningKey> {
    let Some(path) = signing.key.clone() else {
        return Err(Failure::usage("no key was given")
            .with_hint("give --key FILE or set MUSTER_KEY; keyless signing is not built yet"));
    };
    let environment = context.environment.clone();
    Ok(tokio::task::spawn_blocking(move || crate::keys::open(&path, &environment)))
}

/// Stores the bytes of every item; shows progress at a terminal.
pub(super) async fn upload(context: &Context, client: &Client, items: &[Item]) -> Result<()> {
    let bar = context.terminal.progress("{bar:30} {pos}/{len} stored");
    bar.set_length(u64::try_from(items.len()).unwrap_or(0));
    let uploads = items.iter().map(|item| {
        let bar = &bar;
        async move {
            client.put_blob(item.exhibit.material.digest, &item.content).await?;
            bar.inc(1);
            Ok::<_, Failure>(())
        }
    });
    futures::stream::iter(uploads).buffer_unordered(UPLOADS).try_collect::<()>().await?;
    bar.finish_and_clear();
    Ok(())
}

/// Everything that an attestation is made of.
pub(super) struct Delivery {
    pub(super) run: OpenedRun,
    pub(super) contract: Compiled,
    pub(super) items: Vec<Item>,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) started_at: Timestamp,
    pub(super) bundle_out: Option<PathBuf>,
    pub(super) outputs: Vec<Output>,
}

impl Delivery {
    /// Signs and pushes; the exit code is the server's verdict.
    pub(super) async fn deliver(
        self,
        context: &Context,
        client: &Client,
        key: OpeningKey,
    ) -> Result {
        let workflow = Some(craft::workflow_of(&self.run));
        let circumstances = craft::circumstances(
            &self.contract.contract,
            workflow,
            &self.annotations,
            &context.environment,
        );
        let exhibits = self.items.iter().map(|item| item.exhibit.clone()).collect();
        let key = key
            .await
            .map_err(|error| Failure::unexpected("the key could not be opened", error))??;
        let (bundle, checked) =
            craft::sign(&self.run, &self.contract, circumstances, exhibits, self.started_at, &key)?;
        if let Some(file) = &self.bundle_out {
            let failed =
                |error| Failure::unexpected(&format!("cannot write {}", file.display()), error);
            fs::write(file, bundle.bytes()).map_err(failed)?;
        }
        let receipt: Receipt = client.post_bundle(self.run.id, bundle.bytes().to_vec()).await?;
        self.report(context, &receipt, checked)
    }

    fn report(&self, context: &Context, receipt: &Receipt, checked: Record) -> Result {
        let judged = &receipt.attestation;
        if checked.verdict != judged.verdict {
            let message = format!(
                "this job's own check said {}; the server judged {}",
                checked.verdict, judged.verdict
            );
            context.terminal.say(&message);
        }
        let record = Record {
            materials: judged.materials.clone(),
            evaluated_at: judged.received_at,
            evaluations: judged.evaluations.clone(),
            reasons: receipt.reasons.clone(),
            waivers: receipt.waivers.clone(),
            verdict: judged.verdict,
            ..checked
        };
        let report = Report {
            record,
            contract: format!("{} revision {}", judged.contract, judged.contract_revision),
            contract_path: format!("{}.yaml", judged.contract),
            paths: self
                .items
                .iter()
                .map(|item| (item.exhibit.material.name.to_string(), item.path.clone()))
                .collect(),
        };
        report.write(&self.outputs, &context.terminal)?;
        report.append_to_job_page(&context.environment, &context.terminal);
        let again = if receipt.new { "" } else { " (received before)" };
        context.terminal.say(&format!("attestation {} at {}{again}", judged.digest, judged.seq));
        Ok(Exit::from(judged.verdict))
    }
}
