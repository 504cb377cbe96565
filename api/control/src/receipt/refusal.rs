//! What auditors are told of an attestation that was refused.

use engine::Digest;
use engine::id::RunId;
use serde_json::json;

use crate::actor::Actor;
use crate::denials::{self, Who};
use crate::{Control, Error, Result};

impl Control {
    /// Tells auditors of an attestation that was refused. What may succeed when it is sent again is no refusal.
    pub(super) async fn record_refusal(
        &self,
        actor: &Actor,
        run: RunId,
        digest: Digest,
        error: &Error,
    ) -> Result<()> {
        let step = match error {
            Error::Refused { code, .. } => code,
            Error::TooLarge(_) => "size",
            Error::NotFound(_) | Error::Conflict(_) => "run",
            _ => return Ok(()),
        };
        let reason = denials::shortened(&error.to_string());
        let detail = json!({ "step": step, "reason": reason, "attestation": digest });
        let who = Who::of(actor, "attestation.refuse");
        self.record_bounded(who, None, &run.to_string(), detail).await
    }
}
