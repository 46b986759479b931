//! For tests: results of upstream's own code, which are not in the repository. The folder that
//! `SLUICE_TEST_DATA` names has them, or `../shared/data` beside the repository; where there is
//! neither, the tests say so and pass.

use serde_json::Value;
use std::path::PathBuf;

/// The folder of the data, or `None` after saying that there is none.
pub fn folder() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let folder = PathBuf::from(std::env::var_os("SLUICE_TEST_DATA").unwrap_or(beside.into()));
    if !folder.join("golden").is_dir() {
        println!("skipped: no data");
        return None;
    }
    Some(folder.canonicalize().expect("a folder that is there"))
}

/// A file of the data, or `None` after saying that there is no data.
///
/// # Panics
///
/// If there is data, but no such file.
pub fn file(name: &str) -> Option<PathBuf> {
    let path = folder()?.join(name);
    assert!(path.exists(), "{} is not there", path.display());
    Some(path)
}

/// The golden cases of a `slice` with that `rule`; none where there is no data.
///
/// # Panics
///
/// If there is data, but no such case.
pub fn cases(slice: &str, rule: &str) -> Vec<Value> {
    cases_where(slice, |found| found == rule)
}

/// The golden cases of a `slice` with the rules for which `is_meant` holds, as [`cases`].
///
/// # Panics
///
/// If there is data, but no such case.
pub fn cases_where(slice: &str, is_meant: impl Fn(&str) -> bool) -> Vec<Value> {
    let Some(path) = file("../spec/golden.jsonl") else { return Vec::new() };
    let golden = std::fs::read_to_string(path).expect("golden cases");
    let cases = golden.lines().map(|line| serde_json::from_str(line).expect("a JSON line"));
    let is_meant = |case: &Value| case["slice"] == slice && is_meant(text(&case["rule"]));
    let cases: Vec<Value> = cases.filter(is_meant).collect();
    assert!(!cases.is_empty(), "no such golden case of {slice}");
    cases
}

/// A value that is a string.
///
/// # Panics
///
/// If it is none.
pub fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}
