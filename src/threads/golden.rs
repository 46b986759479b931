//! Upstream's own results, from the shared test data; where that is not at hand, the tests say so
//! and pass.

use crate::{Answer, AnswerOrder, clean, thread_text};
use serde_json::Value;
use std::path::PathBuf;

fn cases(rule: &str) -> Vec<Value> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let root = std::env::var_os("SLUICE_TEST_DATA").unwrap_or_else(|| beside.into());
    let path = PathBuf::from(root).join("../spec/golden.jsonl");
    if !path.exists() {
        println!("skipped: no data");
        return Vec::new();
    }
    let golden = std::fs::read_to_string(path).expect("golden cases");
    let cases = golden.lines().map(|line| serde_json::from_str(line).expect("a JSON line"));
    let of_rule = |case: &Value| case["slice"] == "stackexchange" && case["rule"] == rule;
    let cases: Vec<Value> = cases.filter(of_rule).collect();
    assert!(!cases.is_empty(), "no golden case for {rule}");
    cases
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

#[test]
fn parts_are_cleaned_as_upstream_cleans_them() {
    for case in cases("cleanhtml") {
        assert_eq!(clean(text(&case["input"])), text(&case["expected"]), "{case}");
    }
}

#[test]
fn threads_are_put_together_as_upstream_does() {
    for case in cases("qa_format") {
        let answers = case["input"]["answers"].as_array().map_or(&[][..], Vec::as_slice);
        let answers: Vec<_> = answers
            .iter()
            .map(|answer| Answer { html: text(&answer["text"]), score: text(&answer["score"]) })
            .collect();
        let question = text(&case["input"]["question"]["text"]);
        let found = thread_text(question, &answers, AnswerOrder::RedPajama);
        assert_eq!(found, text(&case["expected"]["text"]), "{case}");
    }
}
