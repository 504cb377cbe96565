//! A policy that asks for more memory than there may be ends as indeterminate, and the process lives.
//!
//! The limit counts for the whole process, and the first that is set holds: hence a binary of its own.
#![cfg(test)]

#[path = "it/support.rs"]
#[expect(dead_code, reason = "the other tests use more of it")]
mod support;

use engine::contract::Compiled;
use engine::document::Document;
use engine::policy::Files;
use engine::{Kind, Limits, Outcome, Verdict};

#[test]
fn a_memory_bomb_is_indeterminate_and_the_next_policy_runs() {
    let limits =
        Limits { memory_bytes_max: 256 << 20, evaluation_ms_max: 5_000, ..Limits::DEFAULT };
    let limited =
        ["more memory than the limit of 268435456 bytes", "longer than the limit of 5000 ms"];
    let range = ["more than the limit of 1000000"];
    let panicked = ["it made a builtin panic"];
    let numbers = "deny contains \"x\" if count([[a, b] | some a in numbers.range(1, 100000); some b in numbers.range(1, 100000)]) == 0";
    let texts = "deny contains \"x\" if count([s | some a in numbers.range(1, 1000000); s := concat(\"\", [sprintf(\"%d-%s\", [a, c]) | some c in [\"abcdefghijklmnopqrstuvwxyz\", \"zyxwvutsrqponmlkjihgfedcba\"]])]) == 0";
    let doubled = doubling(40);
    let cases: [(&str, &[&str]); 6] = [
        (numbers, &limited),
        (texts, &limited),
        (&doubled, &limited),
        ("deny contains \"x\" if count(numbers.range(0, 1000000000000)) == 0", &range),
        ("deny contains \"x\" if sprintf(\"%½d\", [1]) == \"\"", &panicked),
        ("deny contains \"x\" if false", &[]),
    ];
    for (rules, reasons) in cases {
        let text = support::inline(&format!("package probe\nimport rego.v1\n{rules}"));
        let document = Document::parse(&text, &limits).unwrap();
        let compiled =
            Compiled::compile(&document, &Files::new(), &support::library(), &limits).unwrap();
        let exhibit = support::exhibit("note", Kind::Evidence, b"{}");
        let record = support::judge(&compiled, vec![exhibit], &limits);
        let evaluation = &record.evaluations[1];
        if reasons.is_empty() {
            assert_eq!(record.verdict, Verdict::Passed, "{evaluation:?}");
            continue;
        }
        assert_eq!(evaluation.outcome, Outcome::Indeterminate, "{rules}");
        assert_eq!(record.verdict, Verdict::Indeterminate);
        let said = &evaluation.reasons[0];
        assert!(reasons.iter().any(|reason| said.contains(reason)), "{rules}\n{said}");
    }
}

/// Rules that make a text twice as long `times` times.
fn doubling(times: u32) -> String {
    let mut rules = "t0 := \"abcdefghij\"\n".to_owned();
    for level in 1..=times {
        let below = level - 1;
        rules = format!("{rules}t{level} := concat(\"\", [t{below}, t{below}])\n");
    }
    format!("{rules}deny contains \"x\" if t{times} == \"\"")
}
