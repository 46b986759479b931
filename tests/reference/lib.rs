//! For tests: the configuration of property tests, and results of upstream's own code, which are not
//! in the repository. The folder that `SLUICE_TEST_DATA` names has them. Without the variable, tests
//! print `skipped: no data` and pass.

use flate2::read::MultiGzDecoder;
use proptest::test_runner::Config;
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

/// Returns the folder of the data. Without one, prints a message and returns `None`.
///
/// # Panics
///
/// If the variable names a folder without the data.
pub fn folder() -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("SLUICE_TEST_DATA").map(PathBuf::from) else {
        println!("skipped: no data");
        return None;
    };
    assert!(
        folder.join("golden").is_dir(),
        "SLUICE_TEST_DATA is {}, which has no folder golden/",
        folder.display()
    );
    Some(folder.canonicalize().expect("a folder that is there"))
}

/// Returns the path of a file of the data, or `None` if there is no data.
///
/// # Panics
///
/// If there is data, but no such file.
pub fn file(name: &str) -> Option<PathBuf> {
    let path = folder()?.join(name);
    assert!(path.exists(), "{} is not there", path.display());
    Some(path)
}

/// Returns texts with the results of upstream's programs; none if there is no data.
///
/// # Panics
///
/// If there is data, but not these results.
pub fn outputs() -> Vec<Value> {
    let Some(path) = file("golden/reference_outputs_shared.jsonl.gz") else { return Vec::new() };
    let lines = BufReader::new(MultiGzDecoder::new(File::open(path).expect("results"))).lines();
    lines.map(|line| serde_json::from_str(&line.expect("a line")).expect("JSON")).collect()
}

/// Returns the golden cases of a `slice` for a `rule`; none if there is no data.
///
/// # Panics
///
/// If there is data, but no such case.
pub fn cases(slice: &str, rule: &str) -> Vec<Value> {
    cases_where(slice, |found| found == rule)
}

/// Returns the golden cases of a `slice` for the rules for which `is_wanted` holds, as [`cases`].
///
/// # Panics
///
/// If there is data, but no such case.
pub fn cases_where(slice: &str, is_wanted: impl Fn(&str) -> bool) -> Vec<Value> {
    let Some(path) = file("../spec/golden.jsonl") else { return Vec::new() };
    let golden = std::fs::read_to_string(path).expect("golden cases");
    let cases = golden.lines().map(|line| serde_json::from_str(line).expect("a JSON line"));
    let is_wanted = |case: &Value| case["slice"] == slice && is_wanted(text(&case["rule"]));
    let cases: Vec<Value> = cases.filter(is_wanted).collect();
    assert!(!cases.is_empty(), "no such golden case of {slice}");
    cases
}

/// Returns the string in a value.
///
/// # Panics
///
/// If the value is not a string.
pub fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

/// The configuration of property tests: proptest's default, without a record of failures. Proptest
/// would write that record to a folder of its own beside the crates.
pub fn property() -> Config {
    Config { failure_persistence: None, ..Config::default() }
}
