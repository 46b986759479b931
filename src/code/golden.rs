//! Upstream's own results for the rules of this crate.

use crate::statistics::{Statistics, alphabetic, statistics};
use crate::{header, path};
use md5::{Digest, Md5};
use serde_json::{Value, json};

fn cleaned(text: &str) -> String {
    let mut text = text.to_owned();
    header::cut(&mut text);
    text
}

fn as_json(found: Statistics) -> Value {
    json!({
        "line_count": found.line_count,
        "max_line_length": found.max_line_length,
        "avg_line_length": found.avg_line_length,
        "alnum_prop": found.alnum_prop,
    })
}

/// Python writes 0 where we write 0.0.
fn same(ours: &Value, theirs: &Value) -> bool {
    let names = ["line_count", "max_line_length", "avg_line_length", "alnum_prop"];
    names.iter().all(|name| ours[name].as_f64() == theirs[name].as_f64())
}

#[test]
fn headers_are_cut_as_upstream_cuts_them() {
    for case in reference::cases("github", "clean_copyright") {
        assert_eq!(cleaned(case["input"].as_str().unwrap()), case["expected"], "{case}");
    }
}

#[test]
fn statistics_are_upstreams() {
    for case in reference::cases("github", "file_stats") {
        let found = as_json(statistics(case["input"].as_str().unwrap()));
        assert!(same(&found, &case["expected"]), "{found} {case}");
    }
}

#[test]
fn files_are_discarded_as_upstream_discards_them() {
    for case in reference::cases("github", "filter_discard") {
        let (text, meta) = (case["input"]["text"].as_str().unwrap(), &case["input"]["meta"]);
        let number = |name: &str| meta[name].as_f64().unwrap();
        // The cases were made with a tokenizer that splits at blanks.
        let tokens = text.split_whitespace().count() as f64;
        let discarded = text.is_empty()
            || !path::is_source_code(meta["path"].as_str().unwrap())
            || number("max_line_length") > 1000.0
            || number("avg_line_length") > 100.0
            || number("alnum_prop") < 0.25
            || (alphabetic(text) as f64 / tokens) < 1.5;
        assert_eq!(discarded, case["expected"].as_bool().unwrap(), "{case}");
    }
}

#[test]
fn a_chunk_of_rows_becomes_the_same_records_as_upstream() {
    for case in reference::cases("github", "local_clean_dedup") {
        let (mut seen, mut found) = (Vec::new(), Vec::new());
        for row in case["input"].as_array().unwrap() {
            let (at, content) = (row["path"].as_str().unwrap(), row["content"].as_str().unwrap());
            let digest = Md5::digest(content.as_bytes()).to_vec();
            if path::is_certificate(at) || path::is_root_licence(at) || seen.contains(&digest) {
                continue;
            }
            let hash: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            seen.push(digest);
            let text = cleaned(content);
            found.push((hash, as_json(statistics(&text)), text));
        }
        let expected = case["expected"].as_array().unwrap();
        assert_eq!(found.len(), expected.len());
        for ((hash, numbers, text), expected) in found.iter().zip(expected) {
            let meta = &expected["meta"];
            assert_eq!((&json!(text), &json!(hash)), (&expected["text"], &meta["content_hash"]));
            assert!(same(numbers, meta), "{numbers} {meta}");
        }
    }
}
