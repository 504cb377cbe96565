//! Why a job is or would be let in or not.

use engine::run::WorkflowPath;
use trust::IdentityToken;

use crate::actor::{Actor, Permission};
use crate::jobs::{Refusal, Stopped};
use crate::store::TrustRule;
use crate::{Control, Error, ExplainedRefusal, ExplainedRule, Explanation, Result, now};

impl Control {
    /// Says which rule lets an identity token in, or what each rule missed. The token is not spent.
    pub async fn explain_token(
        &self,
        actor: &Actor,
        token: &str,
        workflow: Option<&WorkflowPath>,
    ) -> Result<Explanation> {
        let org = actor.authorize(Permission::EditTrust)?;
        let token = match IdentityToken::parse(token) {
            Ok(token) => token,
            Err(refusal) => {
                let refusal = Some(said(refusal.into()));
                return Ok(Explanation { refusal, ..Explanation::default() });
            }
        };
        let rules = self.store.read().trust_rules(org, None).await?;
        let refusal = self.refusal(actor, &token, &rules).await?;
        let at = now();
        let rules: Vec<ExplainedRule> = rules
            .into_iter()
            .map(|TrustRule { rule, .. }| ExplainedRule {
                misses: rule.misses(token.claims(), workflow, at),
                name: rule.name,
            })
            .collect();
        let admitting = rules.iter().find(|rule| rule.misses.is_empty());
        Ok(Explanation {
            rule: admitting.filter(|_| refusal.is_none()).map(|rule| rule.name.clone()),
            issuer: token.issuer().map(ToOwned::to_owned),
            refusal,
            rules,
        })
    }

    /// Why the token is not accepted whatever the rules say, if it is not.
    async fn refusal(
        &self,
        actor: &Actor,
        token: &IdentityToken,
        rules: &[TrustRule],
    ) -> Result<Option<ExplainedRefusal>> {
        let lost = || Error::internal("an administrator without an organization");
        let (_, organization) = actor.organization.as_ref().ok_or_else(lost)?;
        let of_issuer = |rule: &&TrustRule| Some(rule.rule.issuer.url.as_str()) == token.issuer();
        let rules: Vec<TrustRule> = rules.iter().filter(of_issuer).cloned().collect();
        match self.verify_identity(organization, token, &rules).await {
            Ok(verified) => {
                let spent = self.store.read().is_spent(verified.fingerprint()).await?;
                Ok(spent.then(|| said(Refusal::spent())))
            }
            Err(Stopped::Refused(refusal)) => Ok(Some(said(refusal))),
            Err(Stopped::Failed(Error::Unavailable { message, .. })) => {
                Ok(Some(ExplainedRefusal { step: "keys", message }))
            }
            Err(Stopped::Failed(error)) => Err(error),
        }
    }
}

fn said(refusal: Refusal) -> ExplainedRefusal {
    ExplainedRefusal { step: refusal.step, message: refusal.message }
}
