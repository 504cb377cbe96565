//! Trust rules: made, replaced and deleted, never changed. With a rule end the tokens that were given under it.

mod explanation;

use engine::document::Document;
use engine::id::{OrganizationId, TrustRuleId};
use engine::trust_rule::TRUST_RULES_MAX;
use engine::{Name, TrustRule as Rule};
use serde_json::{Value, json};

use crate::actor::{Actor, Permission};
use crate::audit::Change;
use crate::{Control, Error, Expected, Result, TrustRule, audit, fresh, issuers, now, store};

impl Control {
    /// Makes a trust rule. Its issuer must be one that may be asked.
    pub async fn create_trust_rule(&self, actor: &Actor, source: &str) -> Result<TrustRule> {
        let new = self.read_trust_rule(actor, source)?;
        self.save_trust_rule(actor, new, None).await
    }

    /// Stores a trust rule in the place of the one of its name, if there is one that says something else: the tokens that
    /// jobs were given under that end.
    pub async fn put_trust_rule(&self, actor: &Actor, source: &str) -> Result<TrustRule> {
        self.put_trust_rule_over(actor, source, Expected::default()).await
    }

    /// The same over what the caller has read.
    pub async fn put_trust_rule_over(
        &self,
        actor: &Actor,
        source: &str,
        expected: Expected,
    ) -> Result<TrustRule> {
        let new = self.read_trust_rule(actor, source)?;
        let before = self.store.read().trust_rule_by_name(new.org, &new.rule.name).await?;
        let there = before.as_ref().map(|before| before.digest.to_string());
        expected.check("trust rule", there.as_deref())?;
        match before {
            Some(same) if same.digest == new.digest => Ok(view(same)),
            before => self.save_trust_rule(actor, new, before).await,
        }
    }

    fn read_trust_rule(&self, actor: &Actor, source: &str) -> Result<store::TrustRule> {
        let org = actor.authorize(Permission::EditTrust)?;
        let wrong = |error| Error::invalid_document("trust rule", error);
        let document = Document::parse(source, &self.limits).map_err(wrong)?;
        let rule = Rule::parse(&document).map_err(wrong)?;
        let issuer = &rule.issuer.url;
        issuers::check(&self.outbound, issuer)
            .map_err(|why| Error::invalid(format!("`{issuer}` cannot be an issuer: {why}")))?;
        Ok(store::TrustRule {
            id: TrustRuleId(fresh()),
            org,
            digest: rule.digest().map_err(Error::internal)?,
            rule,
            created_at: now(),
            created_by: actor.token,
        })
    }

    /// One transaction: the rule before is gone, this one is there.
    async fn save_trust_rule(
        &self,
        actor: &Actor,
        new: store::TrustRule,
        before: Option<store::TrustRule>,
    ) -> Result<TrustRule> {
        let action = if before.is_some() { "trust-rule.replace" } else { "trust-rule.create" };
        let change = Change::revised(before.as_ref().map(side), side(&new));
        let event = audit::event(actor, Some(new.org), action, &new.rule.name, change);
        let (saved, before) = (new.clone(), before.map(|before| before.id));
        self.store
            .write(move |tx| {
                let (new, event) = (saved.clone(), event.clone());
                Box::pin(async move {
                    if let Some(before) = before {
                        tx.delete_trust_rule(new.org, before).await?;
                    }
                    let count = tx.count_trust_rules(new.org).await?;
                    if usize::try_from(count).is_ok_and(|count| count >= TRUST_RULES_MAX) {
                        return Err(Error::Conflict(format!(
                            "there are {count} trust rules, the most there may be: delete one first"
                        )));
                    }
                    tx.insert_trust_rule(&new).await?;
                    tx.insert_audit(&[event]).await?;
                    Ok(())
                })
            })
            .await?;
        Ok(view(new))
    }

    /// Lists trust rules, by name.
    pub async fn trust_rules(&self, actor: &Actor) -> Result<Vec<TrustRule>> {
        let org = actor.authorize(Permission::EditTrust)?;
        Ok(self.store.read().trust_rules(org, None).await?.into_iter().map(view).collect())
    }

    /// A trust rule.
    pub async fn trust_rule(&self, actor: &Actor, name: &Name) -> Result<TrustRule> {
        let org = actor.authorize(Permission::EditTrust)?;
        self.trust_rule_named(org, name).await.map(view)
    }

    /// Deletes a trust rule: it lets nobody in any more, and the tokens that jobs were given under it end.
    pub async fn delete_trust_rule(&self, actor: &Actor, name: &Name) -> Result<()> {
        let org = actor.authorize(Permission::EditTrust)?;
        let rule = self.trust_rule_named(org, name).await?;
        let change = Change::of(side(&rule), json!({ "id": rule.id, "deleted": true }));
        let event = audit::event(actor, Some(org), "trust-rule.delete", name, change);
        let id = rule.id;
        self.store
            .write(move |tx| {
                let event = event.clone();
                Box::pin(async move {
                    tx.delete_trust_rule(org, id).await?;
                    tx.insert_audit(&[event]).await?;
                    Ok::<_, Error>(())
                })
            })
            .await
    }

    async fn trust_rule_named(&self, org: OrganizationId, name: &Name) -> Result<store::TrustRule> {
        let found = self.store.read().trust_rule_by_name(org, name).await?;
        found.ok_or_else(|| Error::not_found("trust rule", name))
    }
}

/// What auditors are shown.
fn side(rule: &store::TrustRule) -> Value {
    json!({ "id": rule.id, "digest": rule.digest, "rule": rule.rule })
}

fn view(rule: store::TrustRule) -> TrustRule {
    let store::TrustRule { id, digest, rule, created_at, .. } = rule;
    TrustRule { id, rule, digest, created_at }
}
