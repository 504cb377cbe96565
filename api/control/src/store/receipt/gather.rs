//! Receipts that arrive while others are being written are written together, in one transaction.
//!
//! The sequence number is held from its increment to the commit, so receipts cannot overlap: one transaction each would
//! make every receipt wait for the statements and the disk of all before it. There is no artificial delay: while one
//! group commits, the next one gathers.

use std::sync::Arc;

use tokio::sync::{Mutex, RwLock, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::Receipt;
use crate::store::StoreError;
use crate::store::writer::Writer;

/// Most receipts in one transaction: bounds how long the first of them waits for the last.
const GROUP_MAX: usize = 64;
/// Most receipts that wait; more make their callers wait to be queued.
const QUEUE_MAX: usize = 256;

/// The way of receipts into the database.
#[derive(Debug, Clone)]
pub(in crate::store) struct Gathering {
    queue: Arc<RwLock<Option<mpsc::Sender<Waiting>>>>,
    task: Arc<Mutex<Option<JoinHandle<()>>>>,
}

/// A receipt whose caller waits for its sequence number.
#[derive(Debug)]
struct Waiting {
    receipt: Receipt,
    answer: oneshot::Sender<Result<u64, StoreError>>,
}

impl Gathering {
    pub(in crate::store) fn start(writer: Writer) -> Self {
        let (sender, waiting) = mpsc::channel(QUEUE_MAX);
        let task = tokio::spawn(run(writer, waiting));
        Self { queue: Arc::new(RwLock::new(Some(sender))), task: Arc::new(Mutex::new(Some(task))) }
    }

    pub(in crate::store) async fn write(&self, receipt: Receipt) -> Result<u64, StoreError> {
        let closed = || StoreError::closed("the store is closed");
        let sender = self.queue.read().await.clone().ok_or_else(closed)?;
        let (answer, result) = oneshot::channel();
        if sender.send(Waiting { receipt, answer }).await.is_err() {
            return Err(closed());
        }
        drop(sender);
        result.await.unwrap_or_else(|_| Err(StoreError::closed("the receipt was abandoned")))
    }

    /// Waits until everything queued is answered; later receipts are refused.
    pub(in crate::store) async fn close(&self) {
        drop(self.queue.write().await.take());
        if let Some(task) = self.task.lock().await.take()
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the task that writes receipts ended abnormally");
        }
    }
}

async fn run(writer: Writer, mut queue: mpsc::Receiver<Waiting>) {
    let mut group = Vec::with_capacity(GROUP_MAX);
    while queue.recv_many(&mut group, GROUP_MAX).await > 0 {
        // Nobody waits for the answer any more, so that it need not be written.
        group.retain(|waiting| !waiting.answer.is_closed());
        let (receipts, answers): (Vec<Receipt>, Vec<_>) =
            group.drain(..).map(|waiting| (waiting.receipt, waiting.answer)).unzip();
        for (answer, result) in answers.into_iter().zip(write(&writer, receipts).await) {
            // The caller may have gone away; what was committed stays committed.
            drop(answer.send(result));
        }
    }
}

/// The result for each receipt. One that cannot be written must not take the others with it.
async fn write(writer: &Writer, receipts: Vec<Receipt>) -> Vec<Result<u64, StoreError>> {
    let receipts: Arc<[Receipt]> = receipts.into();
    if receipts.len() > 1 {
        match together(writer, Arc::clone(&receipts)).await {
            Ok(seqs) => return seqs.into_iter().map(Ok).collect(),
            Err(error) => tracing::debug!(%error, "a group of receipts is written one by one"),
        }
    }
    let mut results = Vec::with_capacity(receipts.len());
    for receipt in receipts.iter() {
        let alone = together(writer, Arc::new([receipt.clone()])).await;
        let none = || StoreError::closed("the receipt was not written");
        results.push(alone.and_then(|seqs| seqs.first().copied().ok_or_else(none)));
    }
    results
}

async fn together(writer: &Writer, receipts: Arc<[Receipt]>) -> Result<Vec<u64>, StoreError> {
    let work = writer.write(move |tx| {
        let receipts = Arc::clone(&receipts);
        Box::pin(async move { tx.insert_receipts(&receipts).await })
    });
    work.await
}
