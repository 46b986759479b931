//! Upstream's own results: golden cases of the recipe, from the shared test data. Without the data,
//! the tests print that and pass.

use crate::minhash::{MinHash, Shape, tests::simplified_shingles};
use crate::simhash::{simhash, tests::condensed_windows};
use crate::simplify::simplify;
use reference::{cases, text};
use serde_json::Value;

/// Parses a list of numbers that are written as strings, since JSON cannot hold them exactly.
fn numbers(values: &Value) -> Vec<u64> {
    let values = values.as_array().expect("a list");
    values.iter().map(|value| text(value).parse().expect("a number")).collect()
}

#[test]
fn windows_are_upstreams() {
    for case in cases("books", "simhash_features") {
        let expected: Vec<&str> = case["expected"].as_array().unwrap().iter().map(text).collect();
        assert_eq!(condensed_windows(text(&case["input"])), expected, "{case}");
    }
}

#[test]
fn simhashes_are_upstreams() {
    for case in cases("books", "simhash64") {
        let found = format!("{:016x}", simhash(text(&case["input"])));
        assert_eq!(found, case["expected"]["hex"], "{case}");
    }
}

#[test]
fn distances_are_upstreams() {
    for case in cases("books", "neardup_decision") {
        let a = "It was the best of times, it was the worst of times, it was the age of wisdom. ";
        let a = a.repeat(50);
        let c = "Call me Ishmael. Some years ago, never mind how long precisely. ".repeat(50);
        let texts = [&a, &a.replacen("wisdom", "folly", 1), &c];
        let hashes = texts.map(|text| simhash(text));
        for (pair, distance) in case["expected"]["distances"].as_object().unwrap() {
            let (one, two) = pair.split_once('-').unwrap();
            let hash = |place: &str| hashes[place.parse::<usize>().unwrap()];
            assert_eq!(u64::from((hash(one) ^ hash(two)).count_ones()), *distance, "{pair}");
        }
    }
}

#[test]
fn text_is_simplified_as_upstream() {
    for case in cases("minhash(datatrove)", "simplify_text") {
        let mut found = String::new();
        simplify(text(&case["input"]), &mut found);
        assert_eq!(found, text(&case["expected"]), "{case}");
    }
}

#[test]
fn signatures_are_upstreams() {
    for case in cases("minhash(datatrove)", "signature") {
        let expected = &case["expected"];
        let minhash = MinHash::new(Shape::default());
        let (factors, summands) = minhash.permutations();
        assert_eq!(factors[..3], numbers(&expected["first3_a"]));
        assert_eq!(summands[..3], numbers(&expected["first3_b"]));
        let shingles = simplified_shingles(text(&case["input"]["text"]));
        assert_eq!(shingles, numbers(&expected["shingles"]));
        let mut signature = Vec::new();
        minhash.signature(&shingles, &mut signature);
        assert_eq!(signature[..8], numbers(&expected["bucket0"]));
    }
}
