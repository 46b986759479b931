//! Upstream's own results: golden cases of the recipe, from the shared test data. Without the data,
//! the tests print that and pass.

use crate::domains::tests::named_combinations;
use crate::{Facts, Lists, SIGNALS, Scratch, Span, View};
use reference::{cases_where, file, text};
use serde_json::{Value, json};

fn spans(name: &str, content: &str, lists: &Lists) -> Vec<Span> {
    let signal = SIGNALS.iter().find(|signal| signal.name == name);
    let signal = signal.unwrap_or_else(|| panic!("no signal named {name}"));
    let facts = Facts { language: Some("en"), ..Facts::default() };
    let (mut scratch, mut spans) = (Scratch::default(), Vec::new());
    signal.spans(&mut View::new(content, &facts, lists, &mut scratch), &mut spans);
    spans
}

/// Compares numbers by value, whether they are written with a decimal point or not.
fn assert_equal_spans(found: &[Span], case: &Value) {
    let expected = case["expected"].as_array().expect("spans");
    assert_eq!(found.len(), expected.len(), "{case}");
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(json!([found.start, found.end]), json!([expected[0], expected[1]]), "{case}");
        assert_eq!(found.value.number(), expected[2].as_f64(), "{case}");
    }
}

#[test]
fn signals_are_upstreams() {
    let mut lists = Lists::default();
    if let Some(path) = file("models/wordlists/stopwords-iso.json") {
        lists.read_stop_words_json(&path).expect("stop words");
    }
    for case in cases_where("redpajama_v2", |rule| rule.starts_with("rps_")) {
        let name = text(&case["rule"]).trim_end_matches("(en)");
        assert_equal_spans(&spans(name, text(&case["input"]), &lists), &case);
    }
}

#[test]
fn texts_are_normalized_as_upstream() {
    for case in cases_where("redpajama_v2", |rule| rule == "normalize") {
        let (facts, lists, mut scratch) = (Facts::default(), Lists::default(), Scratch::default());
        let view = View::new(text(&case["input"]), &facts, &lists, &mut scratch);
        assert_eq!(view.normal(), text(&case["expected"]), "{case}");
    }
}

#[test]
fn lines_are_upstreams() {
    for case in cases_where("redpajama_v2", |rule| rule == "line_slices") {
        let (facts, lists, mut scratch) = (Facts::default(), Lists::default(), Scratch::default());
        let view = View::new(text(&case["input"]), &facts, &lists, &mut scratch);
        let found: Vec<Value> = view
            .lines()
            .iter()
            .map(|line| json!([view.raw_line(line), line.chars.start, line.chars.end]))
            .collect();
        assert_eq!(json!(found), case["expected"]);
    }
}

#[test]
fn buckets_are_upstreams() {
    for case in cases_where("redpajama_v2", |rule| rule == "ccnet_bucket") {
        let buckets = case["input"].as_array().expect("buckets");
        let expected = case["expected"].as_array().expect("numbers");
        for (bucket, expected) in buckets.iter().zip(expected) {
            let facts = Facts { bucket: bucket.as_str(), ..Facts::default() };
            let (lists, mut scratch) = (Lists::default(), Scratch::default());
            let mut view = View::new("", &facts, &lists, &mut scratch);
            let found = crate::ccnet::BUCKET.value(&mut view).number();
            assert_eq!(found, expected.as_f64(), "{bucket}");
        }
    }
}

#[test]
fn combinations_of_categories_are_numbered_as_upstream() {
    for case in cases_where("redpajama_v2", |rule| rule == "ut1_category_index") {
        let categories: Vec<&str> =
            case["input"].as_array().expect("categories").iter().map(text).collect();
        let found = named_combinations(&categories).into_iter();
        let found: serde_json::Map<_, _> = found.map(|(name, at)| (name, at.into())).collect();
        assert_eq!(Value::Object(found), case["expected"]);
    }
}
