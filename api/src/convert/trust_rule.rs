//! Trust rules, and what they make of a token.

use api_types as out;
use control as view;

pub(crate) fn shown(one: view::TrustRule) -> out::TrustRule {
    let view::TrustRule { id, rule, digest, created_at } = one;
    out::TrustRule { id, rule, digest, created_at }
}

pub(crate) fn explanation(one: view::Explanation) -> out::Explanation {
    let view::Explanation { rule, issuer, refusal, rules } = one;
    let refusal = refusal.map(|view::ExplainedRefusal { step, message }| out::ExplainedRefusal {
        step: step.to_owned(),
        message,
    });
    let rules = rules
        .into_iter()
        .map(|view::ExplainedRule { name, misses }| out::ExplainedRule { name, misses });
    out::Explanation { rule, issuer, refusal, rules: rules.collect() }
}
