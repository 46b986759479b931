//! Upstream's own results, from the shared test data: scores of KenLM and pieces of SentencePiece.
//! Without the data, the tests print that and pass.

use crate::{Perplexity, Scratch, bucket, kenlm, perplexity, sentencepiece};
use reference::{cases, file, outputs, text};
use serde_json::Value;
use std::path::PathBuf;
use text::ccnet::normalize_for_lm;

fn float(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

fn sum(list: &Value) -> f64 {
    list.as_array().expect("a list").iter().map(float).sum()
}

#[test]
fn perplexity_is_upstreams() {
    for case in cases("common_crawl/ccnet", "perplexity_formula") {
        let tokens = &case["input"]["tokens_per_line"];
        let lines = tokens.as_array().expect("a list").len();
        let found = perplexity(sum(&case["input"]["log10_scores"]), sum(tokens) as usize + lines);
        assert_eq!(found, float(&case["expected"]), "{case}");
    }
}

#[test]
fn buckets_are_upstreams() {
    for case in cases("common_crawl/ccnet", "perplexity_bucket") {
        let input = &case["input"];
        let found = bucket(text(&input["language"]), input["perplexity"].as_f64());
        assert_eq!(found.name(), text(&case["expected"]), "{case}");
    }
}

#[test]
fn toy_models_score_as_upstream() {
    let dir = tempfile::tempdir().expect("a folder");
    for case in cases("common_crawl/ccnet", "kenlm_score_pp") {
        let path = dir.path().join("toy.arpa");
        std::fs::write(&path, text(&case["input"]["arpa"])).expect("a model file");
        let model = kenlm::Model::open(&path).expect("a model");
        let tokens = text(&case["input"]["tokens"]).split_whitespace();
        let words: Vec<u32> = tokens.map(|token| model.word(token.as_bytes())).collect();
        let (found, expected) = (f64::from(model.score(&words)), &case["expected"]);
        assert!((found - float(&expected["log10"])).abs() < 1e-6, "{found} {case}");
        assert_eq!(perplexity(found, words.len() + 1), float(&expected["perplexity_1dp"]));
    }
}

/// A model of CCNet's kind, and the lines of the texts scored with it.
struct Reference {
    language: String,
    text: String,
    lines: Vec<Value>,
    whole: Value,
}

fn references() -> Vec<Reference> {
    let rows = outputs().into_iter().filter(|row| row.get("ccnet_like").is_some());
    rows.map(|row| {
        let whole = row["ccnet_like"].clone();
        Reference {
            language: text(&whole["model"]).to_owned(),
            text: text(&row["text"]).to_owned(),
            lines: whole["lines"].as_array().expect("lines").clone(),
            whole,
        }
    })
    .collect()
}

const LANGUAGES: [&str; 4] = ["de", "en", "es", "fr"];

#[test]
fn pieces_are_sentencepieces() {
    let references = references();
    let mut normalized = String::new();
    for language in LANGUAGES {
        let file = format!("models/ccnet_like/{language}.sp.model");
        let Some(path) = reference::file(&file) else { return };
        let model = sentencepiece::Model::open(&path).expect("a model");
        let texts: Vec<&[u8]> = model.pieces().collect();
        let mut scratch = sentencepiece::Scratch::default();
        let of_language = references.iter().filter(|reference| reference.language == language);
        for line in of_language.flat_map(|reference| &reference.lines) {
            normalize_for_lm(text(&line["line"]), &mut normalized);
            assert_eq!(normalized, text(&line["ccnet_normalized"]), "{line}");
            let encoded = model.encode(&normalized, &mut scratch);
            let piece = |(id, unknown): (u32, Option<&[u8]>)| {
                String::from_utf8_lossy(unknown.unwrap_or(texts[id as usize])).into_owned()
            };
            let found: Vec<String> = encoded.iter().map(piece).collect();
            assert_eq!(found.join(" "), text(&line["pieces"]), "{line}");
        }
    }
}

fn score(model: &kenlm::Model, pieces: &str) -> f64 {
    let words: Vec<u32> =
        pieces.split_whitespace().map(|piece| model.word(piece.as_bytes())).collect();
    f64::from(model.score(&words))
}

#[test]
fn scores_are_kenlms() {
    let references = references();
    for language in LANGUAGES {
        let file = format!("models/ccnet_like/{language}.arpa.trie.bin");
        let Some(path) = reference::file(&file) else { return };
        let model = kenlm::Model::open(&path).expect("a model");
        for reference in references.iter().filter(|reference| reference.language == language) {
            for line in &reference.lines {
                let (found, expected) = (score(&model, text(&line["pieces"])), &line["log10"]);
                assert!((found - float(expected)).abs() < 1e-3, "{found} {line}");
            }
        }
    }
}

#[test]
fn perplexities_of_whole_texts_are_upstreams() {
    let references = references();
    let mut normalized = String::new();
    for language in LANGUAGES {
        let file = |name: &str| file(&format!("models/ccnet_like/{language}{name}"));
        let Some(pieces) = file(".sp.model") else { return };
        let pieces = sentencepiece::Model::open(&pieces).expect("a model");
        let texts: Vec<&[u8]> = pieces.pieces().collect();
        let open = |path: PathBuf| kenlm::Model::open(&path).expect("a model");
        let trie = open(file(".arpa.trie.bin").expect("a model file"));
        let probing = (language == "es").then(|| open(file(".arpa.bin").expect("a model file")));
        let mut scratch = sentencepiece::Scratch::default();
        for reference in references.iter().filter(|reference| reference.language == language) {
            let (mut tokens, mut log10, mut log10_probing) = (0, 0.0, 0.0);
            for line in reference.text.split('\n') {
                normalize_for_lm(line, &mut normalized);
                let encoded = pieces.encode(&normalized, &mut scratch);
                let words = |model: &kenlm::Model| -> Vec<u32> {
                    let text = |(id, unknown): (u32, Option<&[u8]>)| {
                        model.word(unknown.unwrap_or(texts[id as usize]))
                    };
                    encoded.iter().map(text).collect()
                };
                tokens += encoded.ids.len() + 1;
                log10 += f64::from(trie.score(&words(&trie)));
                if let Some(probing) = &probing {
                    log10_probing += f64::from(probing.score(&words(probing)));
                }
            }
            let whole = &reference.whole;
            assert_eq!(whole["length"].as_u64(), Some(tokens as u64), "{whole}");
            assert!((log10 - float(&whole["log10_sum"])).abs() < 1e-3, "{log10} {whole}");
            let (found, expected) = (perplexity(log10, tokens), float(&whole["perplexity"]));
            assert!((found / expected - 1.0).abs() < 5e-3, "{found} {whole}");
            if probing.is_some() {
                let expected = float(&whole["log10_sum_probing"]);
                assert!((log10_probing - expected).abs() < 1e-3, "{log10_probing} {whole}");
            }
        }
    }
}

#[test]
fn all_forms_of_a_model_have_the_same_scores() {
    let Some(arpa) = file("models/ccnet_like/es.arpa.gz") else { return };
    let Some(probing) = file("models/ccnet_like/es.arpa.bin") else { return };
    let Some(trie) = file("models/ccnet_like/es.arpa.trie.bin") else { return };
    let [arpa, probing, trie] =
        [arpa, probing, trie].map(|path| kenlm::Model::open(&path).expect("a model"));
    for reference in references() {
        for line in &reference.lines {
            let pieces = text(&line["pieces"]);
            let exact = score(&probing, pieces);
            assert!((score(&arpa, pieces) - exact).abs() < 1e-4, "{line}");
            // Quantized: each of a few dozen weights is rounded to one of 256.
            assert!((score(&trie, pieces) / exact - 1.0).abs() < 0.1, "{line}");
        }
    }
}

#[test]
fn every_form_that_kenlm_writes_is_read() {
    let sentences = [
        "",
        "looking on a little",
        "on a little more loin",
        "also would consider higher looking",
        "what is it",
        "foo bar baz",
        "screening a little",
        "biarritz not_found",
        "in in in",
        "would consider higher",
        "more loin also would consider higher",
    ];
    for unknown in ["kenlm_test", "kenlm_test_nounk"] {
        let file = |form: &str| file(&format!("models/kenlm_formats/{unknown}{form}"));
        let Some(arpa) = file(".arpa") else { return };
        let arpa = kenlm::Model::open(&arpa).expect("a model");
        assert_eq!(arpa.order(), 5);
        for form in ["probing", "trie", "trie_a22", "trie_q8b8", "trie_q8b8a22"] {
            let path = file(&format!(".{form}.bin")).expect("a model file");
            let model = kenlm::Model::open(&path).expect("a model");
            for sentence in sentences {
                let (found, expected) = (score(&model, sentence), score(&arpa, sentence));
                let difference = (found - expected).abs();
                assert!(difference < 1e-3, "{form}, {sentence}: {found}, not {expected}");
            }
        }
    }
}

#[test]
fn a_text_model_of_words_is_read() {
    let Some(path) = file("models/kenlm_formats/flashlight_lm.arpa.gz") else { return };
    let model = kenlm::Model::open(&path).expect("a model");
    assert!(model.word(b"the") != 0 && model.score(&[model.word(b"the")]) < 0.0);
}

#[test]
fn a_documents_perplexity_is_that_of_its_joined_lines() {
    let Some(dir) = file("models/ccnet_like") else { return };
    let models = Perplexity::open(&dir).expect("models");
    let mut scratch = Scratch::default();
    for document in ["Debian is\na system.", "Debian issa system."] {
        assert!(models.of("en", document, &mut scratch).expect("models").is_some());
    }
    let glued = models.of("en", "Debian is\na system.", &mut scratch).expect("models");
    assert_eq!(glued, models.of("en", "debian isa system.", &mut scratch).expect("models"));
    assert_eq!(models.of("xx", "Debian", &mut scratch).expect("no model"), None);
    assert_eq!(models.of("en", " \n\u{301}", &mut scratch).expect("models"), None);
    let spanish = models.of("es", "Debian is\na system.", &mut scratch).expect("models");
    assert_ne!(spanish, glued);
}
