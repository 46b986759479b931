//! Upstream's own results: golden cases of the recipe, from the shared test data. One runner per
//! rule. Without the data, the tests print that and pass.

use crate::c4;
use crate::ccnet::{
    normalize_for_lm, normalize_paragraph, page, paragraph_key, shard_of, source_domain,
};
use reference::{cases, text};
use serde_json::Value;

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a count")
}

#[test]
fn paragraphs_are_normalized_as_upstream() {
    for case in cases("common_crawl/ccnet", "normalize_for_dedup") {
        assert_eq!(normalize_paragraph(text(&case["input"])), text(&case["expected"]), "{case}");
    }
}

#[test]
fn the_text_for_language_models_is_upstreams() {
    let mut found = String::new();
    for case in cases("common_crawl/ccnet", "normalize_for_lm") {
        normalize_for_lm(text(&case["input"]), &mut found);
        assert_eq!(found, text(&case["expected"]), "{case}");
    }
}

#[test]
fn paragraph_keys_are_upstreams() {
    for case in cases("common_crawl/ccnet", "paragraph_hash_u64") {
        // Upstream hashes no empty page; its empty lines are tested beside the function.
        let Value::Object(expected) = &case["expected"] else { continue };
        let key = paragraph_key(text(&case["input"]), &mut Vec::new());
        assert_eq!(key.to_string(), text(&expected["u64_little_endian"]), "{case}");
    }
}

#[test]
fn pages_are_read_as_upstream() {
    for case in cases("common_crawl/ccnet", "wet_parse") {
        let records = text(&case["input"])
            .split("WARC/1.0\r\n")
            .filter(|record| record.starts_with("WARC-Type: conversion"));
        let expected = case["expected"].as_array().expect("records");
        let records: Vec<_> = records.collect();
        assert_eq!(records.len(), expected.len());
        for (record, expected) in records.iter().zip(expected) {
            let (_, body) = record.split_once("\r\n\r\n").expect("a header");
            let page = page(body).expect("a page");
            assert_eq!(page.title, text(&expected["title"]));
            assert_eq!(page.text, text(&expected["raw_content"]));
            assert_eq!(page.nlines as u64, number(&expected["nlines"]));
            let domain = source_domain(text(&expected["url"]));
            assert_eq!(domain, text(&expected["source_domain"]));
        }
    }
}

#[test]
fn shards_have_the_files_that_they_have_upstream() {
    for case in cases("common_crawl/ccnet", "wet_segment_range") {
        let input = &case["input"];
        let (files, shards) = (number(&input["n_segments"]), number(&input["num_shards"]));
        let ranges = case["expected"].as_array().expect("ranges");
        for (shard, range) in input["shard"].as_array().expect("shards").iter().zip(ranges) {
            for file in number(&range[0])..number(&range[1]) {
                assert_eq!(shard_of(file, files, shards), number(shard));
            }
        }
    }
}

#[test]
fn references_of_wikipedia_are_upstreams() {
    for case in cases("common_crawl/classifier", "wikiref_url_extract") {
        let found = crate::references::references(text(&case["input"]));
        let expected = case["expected"].as_array().map_or(&[][..], Vec::as_slice);
        assert_eq!(found, expected.iter().map(text).collect::<Vec<_>>(), "{case}");
    }
}

#[test]
fn c4s_urls_lines_and_split_are_upstreams() {
    for case in cases("c4/dclm", "normalize_url") {
        assert_eq!(c4::normalize_url(text(&case["input"])), text(&case["expected"]), "{case}");
    }
    for case in cases("c4", "line_hash") {
        let key = format!("{:016x}", c4::line_key(text(&case["input"])));
        assert_eq!(key, text(&case["expected"])[..16], "{case}");
    }
    for case in cases("c4", "split") {
        let is_validation =
            |url: &Value| c4::is_validation(c4::url_digest(&c4::normalize_url(text(url))));
        let found: Vec<bool> =
            case["input"].as_array().unwrap().iter().map(is_validation).collect();
        assert_eq!(serde_json::json!(found), case["expected"], "{case}");
    }
}
