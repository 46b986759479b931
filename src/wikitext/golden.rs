//! Upstream's results: the golden cases of the slice, from the shared test data.

use crate::plain_text;
use serde_json::Value;
use std::path::PathBuf;

/// A file of the shared test data, or `None` after saying that there is none.
fn data(name: &str) -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let root = std::env::var_os("SLUICE_TEST_DATA").unwrap_or_else(|| beside.into());
    let path = PathBuf::from(root).join(name);
    if !path.exists() {
        println!("skipped: no data");
        return None;
    }
    Some(path)
}

#[test]
fn pages_are_cleaned_as_upstream() {
    let Some(path) = data("../spec/golden.jsonl") else { return };
    let golden = std::fs::read_to_string(path).expect("golden cases");
    let cases = golden.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let cases: Vec<_> = cases.filter(|case| case["slice"] == "wikipedia").collect();
    assert!(cases.len() >= 7, "no golden cases");
    for case in cases {
        assert_eq!(case["rule"], "clean_wikicode");
        let input = case["input"].as_str().expect("a text");
        let expected = case["expected"].as_str().expect("a text");
        assert_eq!(plain_text(input, "en").as_deref(), Ok(expected), "{case}");
    }
}
