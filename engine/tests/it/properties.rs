//! What holds for every contract and every evidence.

use std::fmt::Write as _;

use engine::judge::Record;
use engine::{Digest, Evaluation, Kind, Limits, Subject, canonical};
use proptest::prelude::*;
use proptest::sample::subsequence;
use serde_json::Value;

use crate::support::{compile, contract, exhibit, inline, judge};

/// Policies that pass, fail, warn and doubt.
const POLICIES: [&str; 6] = [
    "    - { use: sbom-components, on: { kind: sbom-cyclonedx-json } }\n",
    "    - { use: sbom-licenses, on: { material: sbom }, with: { banned: [GPL-3.0-only] } }\n",
    "    - { use: sbom-licenses, on: { prefix: s }, with: { banned: [GPL-3.0-only] }, mode: warn }\n",
    "    - { use: sbom-freshness, on: { material: sbom }, with: { max_age_days: 1 }, mode: audit }\n",
    "    - { use: tests-pass, on: { kind: junit-xml } }\n",
    "    - { policy: { apiVersion: muster.dev/v1, kind: Policy, metadata: { name: doubt }, spec: { rego: \"package doubt\\nimport rego.v1\\nundecided contains \\\"x\\\"\" } } }\n",
];
const SBOM: &[u8] = br#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"metadata":{"timestamp":"2026-11-20T00:00:00Z"},
  "components":[{"type":"library","name":"left-pad","version":"1.0.0","licenses":[{"license":{"id":"GPL-3.0-only"}}]}]}"#;
/// Repeats all that it sees, so that whatever changes in the evidence changes the evaluation.
const ECHO: &str = "package echo\nimport rego.v1\nwarn contains {\"message\": \"seen\", \"data\": object.remove(input, [\"muster\", \"args\"])}\ndeny contains sprintf(\"%v\", [path]) if { walk(input, [path, value]); value == 7 }";

fn policies_judged(policies: &[&str]) -> Record {
    let spec = format!(
        "  materials: [{{ name: sbom, kind: sbom-cyclonedx-json }}]\n  policies:\n{}",
        policies.concat()
    );
    let compiled = compile(&contract(&spec)).unwrap();
    judge(&compiled, vec![exhibit("sbom", Kind::SbomCycloneDxJson, SBOM)], &Limits::DEFAULT)
}

fn echoed(text: &str) -> Record {
    let compiled = compile(&inline(ECHO)).unwrap();
    judge(&compiled, vec![exhibit("note", Kind::Evidence, text.as_bytes())], &Limits::DEFAULT)
}

fn lines(evaluations: &[Evaluation]) -> Vec<String> {
    let mut lines: Vec<String> =
        evaluations.iter().map(|evaluation| serde_json::to_string(evaluation).unwrap()).collect();
    lines.sort();
    lines
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-1_000_i64..1_000).prop_map(Value::from),
        (-1e6..1e6_f64).prop_map(Value::from),
        Just(Value::from(7)),
        any::<String>().prop_map(Value::from),
    ];
    let tree = leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,3}", inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    prop::collection::btree_map("doc-[a-z]{1,3}", tree, 1..4)
        .prop_map(|members| Value::Object(members.into_iter().collect()))
}

/// Writes `value` with the members of every object turned by `shift`.
fn write_turned(value: &Value, shift: usize, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            let by = shift % members.len().max(1);
            members.rotate_left(by);
            out.push('{');
            for (index, (name, value)) in members.into_iter().enumerate() {
                let separator = if index == 0 { "" } else { "," };
                write!(out, "{separator}{}: ", Value::from(name.as_str())).unwrap();
                write_turned(value, shift, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                write_turned(item, shift, out);
            }
            out.push(']');
        }
        leaf => write!(out, "{leaf}").unwrap(),
    }
}

fn turned(value: &Value, shift: usize) -> String {
    let mut text = String::new();
    write_turned(value, shift, &mut text);
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), *value, "only the order differs");
    text
}

/// The evaluations, as if all evidence had the same bytes.
fn but_for_digests(record: Record) -> Vec<Evaluation> {
    let mut evaluations = record.evaluations;
    for evaluation in &mut evaluations {
        if let Subject::Material { digest, .. } = &mut evaluation.subject {
            *digest = Digest::of("");
        }
    }
    evaluations
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_policies_does_not_matter(
        (chosen, shuffled) in subsequence(POLICIES.to_vec(), 1..=POLICIES.len())
            .prop_flat_map(|chosen| (Just(chosen.clone()), Just(chosen).prop_shuffle()))
    ) {
        let (record, other) = (policies_judged(&chosen), policies_judged(&shuffled));
        prop_assert_eq!(record.verdict, other.verdict);
        prop_assert_eq!(lines(&record.evaluations), lines(&other.evaluations));
    }

    #[test]
    fn the_order_of_keys_does_not_matter(value in json(), shift in 1_usize..5) {
        let (record, other) = (echoed(&turned(&value, 0)), echoed(&turned(&value, shift)));
        prop_assert_eq!(record.verdict, other.verdict);
        prop_assert_eq!(but_for_digests(record), but_for_digests(other));
    }

    #[test]
    fn a_record_is_written_canonically_and_reads_back(value in json()) {
        let record = echoed(&value.to_string());
        let bytes = record.to_bytes().unwrap();
        let read: Record = serde_json::from_slice(&bytes).unwrap();
        prop_assert_eq!(&read, &record);
        prop_assert_eq!(&read.to_bytes().unwrap(), &bytes);
        let plain: Value = serde_json::from_slice(&bytes).unwrap();
        prop_assert_eq!(canonical::to_bytes(&plain).unwrap(), bytes);
    }

    #[test]
    fn judging_twice_gives_the_same_bytes(value in json()) {
        let text = value.to_string();
        prop_assert_eq!(echoed(&text).to_bytes().unwrap(), echoed(&text).to_bytes().unwrap());
    }
}
