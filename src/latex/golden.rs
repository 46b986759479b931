//! Upstream's own results for the cleaning, from the shared test data. Without the data, the tests
//! print that and pass.

use crate::{TexFile, redpajama};
use serde_json::Value;

#[test]
fn papers_are_cleaned_as_upstream() {
    for case in reference::cases("arxiv", "clean_tex_files") {
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
    for case in reference::cases("arxiv", "macro_table") {
        let found = redpajama::macro_table(case["input"].as_str().expect("a text"));
        // Upstream doubles backslashes for its regular expressions.
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
