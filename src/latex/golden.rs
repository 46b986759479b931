//! Upstream's own results for the cleaning, from the shared test data. Where that is not at hand,
//! they say so and pass.

use crate::{TexFile, redpajama};
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
    let of_rule = |case: &Value| case["slice"] == "arxiv" && case["rule"] == rule;
    let cases: Vec<Value> = cases.filter(of_rule).collect();
    assert!(!cases.is_empty(), "no golden case for {rule}");
    cases
}

#[test]
fn papers_are_cleaned_as_upstream() {
    for case in cases("clean_tex_files") {
        let texts = case["input"].as_array().expect("files");
        let file = |text: &Value| TexFile {
            name: "a.tex".into(),
            bytes: text.as_str().expect("a text").into(),
        };
        let found = redpajama::clean(&texts.iter().map(file).collect::<Vec<_>>());
        match &case["expected"] {
            // An empty text is dropped by upstream's caller.
            Value::String(expected) => assert_eq!(&found.unwrap_or_default(), expected, "{case}"),
            _ => assert!(found.is_err(), "{case}: {found:?}"),
        }
    }
}

#[test]
fn macros_are_found_as_upstream() {
    for case in cases("macro_table") {
        let found = redpajama::macro_table(case["input"].as_str().expect("a text"));
        // Upstream doubles backslashes for the pattern it makes of them.
        let escaped = |text: &str| text.replace('\\', "\\\\");
        let expected = case["expected"].as_object().expect("macros");
        let expected: Vec<(String, String)> = expected
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().expect("a value").to_owned()))
            .collect();
        let mut found: Vec<(String, String)> =
            found.iter().map(|(name, value)| (escaped(name), escaped(value))).collect();
        found.sort();
        let mut sorted = expected;
        sorted.sort();
        assert_eq!(found, sorted, "{case}");
    }
}
