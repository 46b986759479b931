//! Upstream's own results: golden cases of the recipe and fastText's predictions, from the shared
//! test data. One runner a rule; where the data is not at hand, they say so and pass.

use crate::c4;
use crate::ccnet::{
    normalize_for_lm, normalize_paragraph, page, paragraph_key, shard_of, source_domain,
};
use crate::fasttext::{FastText, Scratch};
use crate::language::LanguageIdentifier;
use flate2::read::MultiGzDecoder;
use reference::{cases, file, text};
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader};

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a count")
}

#[test]
fn paragraphs_are_normalised_as_upstream() {
    for case in cases("common_crawl/ccnet", "normalize_for_dedup") {
        assert_eq!(normalize_paragraph(text(&case["input"])), text(&case["expected"]), "{case}");
    }
}

#[test]
fn the_language_models_text_is_upstreams() {
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
fn shards_take_the_files_that_they_take_upstream() {
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

const TOLERANCE: f64 = 1e-4;

/// Texts with the results of upstream's programs.
fn references() -> Vec<Value> {
    let Some(path) = file("golden/reference_outputs_shared.jsonl.gz") else { return Vec::new() };
    let file = MultiGzDecoder::new(File::open(path).expect("reference results"));
    let lines = BufReader::new(file).lines();
    lines.map(|line| serde_json::from_str(&line.expect("a line")).expect("JSON")).collect()
}

/// Compares the best labels with those of `field`, which is a list in order or an object.
fn agrees_with_fasttext(model: &str, field: &str) {
    let Some(path) = file(model) else { return };
    let model = FastText::open(&path).expect("a model");
    let mut scratch = Scratch::default();
    let references = references();
    for reference in &references {
        let line = text(&reference["text"]).replace('\n', " ");
        let expected = best(&reference[field]);
        let found: Vec<_> = model.predict_with(&line, expected.len(), &mut scratch).collect();
        assert_eq!(found.len(), expected.len(), "{found:?} {expected:?}");
        for ((label, score), (expected_label, expected_score)) in found.iter().zip(&expected) {
            let difference = (f64::from(*score) - expected_score).abs();
            assert!(difference < TOLERANCE, "{found:?} {expected:?}");
            // Two that are nearly equal may change places.
            let is_tie = expected.iter().any(|(other, other_score)| {
                other == label && (other_score - expected_score).abs() < TOLERANCE
            });
            assert!(label == expected_label || is_tie, "{found:?} {expected:?}");
        }
    }
}

fn best(reference: &Value) -> Vec<(&str, f64)> {
    let score = |value: &Value| value.as_f64().expect("a score");
    let mut best: Vec<_> = match reference {
        Value::Object(of_label) => {
            of_label.iter().map(|(label, value)| (label.as_str(), score(value))).collect()
        }
        Value::Array(in_order) => {
            in_order.iter().map(|pair| (text(&pair[0]), score(&pair[1]))).collect()
        }
        other => panic!("no reference result: {other}"),
    };
    best.sort_by(|(_, left), (_, right)| right.total_cmp(left));
    best
}

#[test]
fn languages_are_fasttexts() {
    agrees_with_fasttext("models/langid/lid.176.ftz", "lid176_ftz_top3");
}

#[test]
fn a_dense_softmax_model_with_word_ngrams_agrees() {
    agrees_with_fasttext("models/quality/quality_wiki_vs_cc.bin", "quality_bin");
}

#[test]
fn a_quantised_pruned_softmax_model_agrees() {
    agrees_with_fasttext("models/quality/quality_wiki_vs_cc.ftz", "quality_ftz");
}

#[test]
fn the_identifier_gives_the_models_first_label() {
    let Some(path) = file("models/langid/lid.176.ftz") else { return };
    let identifier = LanguageIdentifier::open(&path).expect("a model");
    assert_eq!(identifier.name(), "lid.176.ftz");
    for reference in references() {
        let text = text(&reference["text"]);
        let expected = best(&reference["lid176_ftz_top3"])[0];
        let found = identifier.identify(text);
        assert!((found.score - expected.1).abs() < TOLERANCE, "{found:?} {expected:?}");

        // CCNet glues lines: the same as a text that never had any.
        let glued = identifier.identify(&text.replace('\n', ""));
        let rounded = (glued.score * 100.0).round_ties_even() / 100.0;
        let found = identifier.ccnet_language(text);
        assert_eq!((found.code, found.score), (glued.code, rounded));
    }
}

#[test]
fn unsupervised_models_are_refused_by_name() {
    for model in ["crime-and-punishment.bin", "lee_fasttext_new.bin"] {
        let Some(path) = file(&format!("models/fasttext_formats/{model}")) else { return };
        let error = FastText::open(&path).err().expect("it has no labels").to_string();
        assert!(error.contains(model) && error.contains("unsupervised"), "{error}");
    }
}

#[test]
fn the_classifier_reads_what_upstreams_reads() {
    for case in cases("common_crawl/classifier", "text_for_classifier") {
        let line = crate::wikiref::in_one_line(text(&case["input"]));
        assert_eq!(line, text(&case["expected"]), "{case}");
    }
    for case in cases("common_crawl/classifier", "wiki_prob_threshold") {
        let label = text(&case["input"]["top_label"]).trim_start_matches("__label__");
        let score = &case["input"]["top_prob"];
        let found = crate::wikiref::probability(label, score.as_f64().expect("a number"));
        let expected = case["expected"]["wiki_prob"].as_f64().expect("a number");
        assert!((found - expected).abs() < 1e-9, "{case}");
        let is_kept = !crate::wikiref::is_below(found, 0.25);
        assert_eq!(is_kept, case["expected"]["keep"] == true, "{case}");
    }
}

#[test]
fn references_of_wikipedia_are_upstreams() {
    for case in cases("common_crawl/classifier", "wikiref_url_extract") {
        let found = crate::wikiref::references(text(&case["input"]));
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
