//! Upstream's own results, from the shared test data: labels of fastText's models, and the input
//! and decisions of RedPajama's classifier.

use crate::fasttext::{FastText, Scratch};
use crate::language::LanguageIdentifier;
use crate::wikiref;
use reference::{cases, file, outputs, text};
use serde_json::Value;

const TOLERANCE: f64 = 1e-4;

/// Compares the best labels with those of `field`, which is a sorted list or an object.
fn agrees_with_fasttext(model: &str, field: &str) {
    let Some(path) = file(model) else { return };
    let model = FastText::open(&path).expect("a model");
    let mut scratch = Scratch::default();
    for reference in &outputs() {
        let line = text(&reference["text"]).replace('\n', " ");
        let expected = best(&reference[field]);
        let found: Vec<_> = model.predict_with(&line, expected.len(), &mut scratch).collect();
        assert_eq!(found.len(), expected.len(), "{found:?} {expected:?}");
        for ((label, score), (expected_label, expected_score)) in found.iter().zip(&expected) {
            let difference = (f64::from(*score) - expected_score).abs();
            assert!(difference < TOLERANCE, "{found:?} {expected:?}");
            // Labels of nearly equal score may be swapped.
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
fn a_quantized_pruned_softmax_model_agrees() {
    agrees_with_fasttext("models/quality/quality_wiki_vs_cc.ftz", "quality_ftz");
}

#[test]
fn the_identifier_returns_the_models_first_label() {
    let Some(path) = file("models/langid/lid.176.ftz") else { return };
    let identifier = LanguageIdentifier::open(&path).expect("a model");
    assert_eq!(identifier.name(), "lid.176.ftz");
    for reference in outputs() {
        let text = text(&reference["text"]);
        let expected = best(&reference["lid176_ftz_top3"])[0];
        let found = identifier.identify(text);
        assert!((found.score - expected.1).abs() < TOLERANCE, "{found:?} {expected:?}");

        // CCNet joins lines without a blank.
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
fn the_classifier_reads_the_same_text_as_upstreams() {
    for case in cases("common_crawl/classifier", "text_for_classifier") {
        let line = wikiref::in_one_line(text(&case["input"]));
        assert_eq!(line, text(&case["expected"]), "{case}");
    }
    for case in cases("common_crawl/classifier", "wiki_prob_threshold") {
        let label = text(&case["input"]["top_label"]).trim_start_matches("__label__");
        let score = &case["input"]["top_prob"];
        let found = wikiref::probability(label, score.as_f64().expect("a number"));
        let expected = case["expected"]["wiki_prob"].as_f64().expect("a number");
        assert!((found - expected).abs() < 1e-9, "{case}");
        let is_kept = !wikiref::is_below(found, 0.25);
        assert_eq!(is_kept, case["expected"]["keep"] == true, "{case}");
    }
}
