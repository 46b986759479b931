//! Compares counts and ids with those of Hugging Face's and Google's own libraries, from the shared
//! test data. Without the data, the tests print that and pass.

use super::*;
use proptest::prelude::*;
use reference::{file, outputs};
use std::io::Write;

fn counter(name: &str) -> Option<TokenCounter> {
    let path = file(&format!("models/tokenizers/{name}"))?;
    Some(TokenCounter::open(&path).expect("a tokenizer"))
}

fn counts_agree(name: &str, field: &str) {
    let Some(counter) = counter(name) else { return };
    for reference in outputs() {
        let text = reference["text"].as_str().expect("a text");
        let expected = reference[field].as_u64().expect("a count");
        assert_eq!(counter.count(text).expect("a count"), expected, "text {}", reference["id"]);
    }
}

#[test]
fn counts_of_gpt_neox_are_upstreams() {
    counts_agree("gpt_neox_20B_tokenizer.json", "neox_n_tokens");
}

#[test]
fn counts_of_gpt2_are_upstreams() {
    counts_agree("gpt2_tokenizer.json", "gpt2_n_tokens");
}

#[test]
fn counts_of_llama_are_upstreams() {
    counts_agree("llama_tokenizer.json", "llama_hf_n_tokens");
}

#[test]
fn ids_of_gpt_neox_are_upstreams() {
    let Some(counter) = counter("gpt_neox_20B_tokenizer.json") else { return };
    // The data has the first 400 ids of each text.
    for reference in outputs() {
        let Some(expected) = reference["neox_ids"].as_array() else { continue };
        let ids = counter.ids(reference["text"].as_str().expect("a text")).expect("ids");
        let found: Vec<u64> = ids.into_iter().map(u64::from).collect();
        let expected: Vec<u64> = expected.iter().map(|id| id.as_u64().expect("an id")).collect();
        assert_eq!(expected.len(), found.len().min(400));
        assert!(found.starts_with(&expected), "text {}", reference["id"]);
    }
}

const BASE: &str = include_str!("../../../fixtures/tokenizers/base.json");
const EXPECTED: &str = include_str!("../../../fixtures/tokenizers/expected.json");

/// The forms that only the stable generation of the library reads.
const ONLY_STABLE: [&str; 7] = [
    "deepseek-v3, escaped",
    "deepseek-coder",
    "bloom",
    "falcon",
    "prefix-space",
    "look-ahead",
    "removed",
];

/// Our small tokenizer with another pre-tokenizer.
fn with_pre_tokenizer(form: &serde_json::Value) -> String {
    let mut tokenizer: serde_json::Value = serde_json::from_str(BASE).expect("JSON");
    tokenizer["pre_tokenizer"] = form["pre_tokenizer"].clone();
    tokenizer.to_string()
}

#[test]
fn tokenizers_of_all_published_forms_count_as_the_python_package() {
    let expected: serde_json::Value = serde_json::from_str(EXPECTED).expect("JSON");
    let texts = expected["texts"].as_array().expect("texts");
    let folder = tempfile::tempdir().expect("a folder");
    let forms = expected["forms"].as_array().expect("forms");
    assert_eq!((texts.len(), forms.len()), (38, 12));
    for form in forms {
        let name = form["name"].as_str().expect("a name");
        let path = folder.path().join(format!("{name}.json"));
        let json = with_pre_tokenizer(form);
        std::fs::write(&path, &json).expect("a file");
        let counter = TokenCounter::open(&path).expect(name);
        let stable = Stable::read(&json).expect(name);
        for (text, expected) in texts.iter().zip(form["tokens"].as_array().expect("counts")) {
            let text = text.as_str().expect("a text");
            let ids = counter.ids(text).expect(name);
            assert_eq!(Some(ids.len() as u64), expected.as_u64(), "{name}: {text:?}");
            assert_eq!(stable.ids(text).expect(name), ids, "{name}: {text:?}");
        }
        let remark = counter.remark();
        assert_eq!(remark.is_some(), ONLY_STABLE.contains(&name), "{name}: {remark:?}");
        if let Some(remark) = remark {
            assert!(remark.contains(&format!("cannot read {}", path.display())), "{remark}");
        }
    }
}

/// Our small tokenizer with one part changed, as both generations of the library read it.
fn changed(change: impl Fn(&mut serde_json::Value)) -> (TokenCounter, Stable) {
    let mut tokenizer: serde_json::Value = serde_json::from_str(BASE).expect("JSON");
    change(&mut tokenizer);
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(tokenizer.to_string().as_bytes()).expect("written");
    let counter = TokenCounter::open(file.path()).expect("a tokenizer");
    (counter, Stable::read(&tokenizer.to_string()).expect("a tokenizer"))
}

#[test]
fn added_single_words_are_found_as_by_the_python_package() {
    let (counter, stable) = changed(|tokenizer| {
        let added = tokenizer["added_tokens"].as_array_mut().expect("a list");
        for (id, content) in [(90_001, "é"), (90_002, "lamp")] {
            added.push(serde_json::json!({
                "id": id, "content": content, "single_word": true, "lstrip": false,
                "rstrip": false, "normalized": false, "special": false
            }));
        }
    });
    for text in ["xé é", "é", "éé é", "lamp lamps", "lamplamp lamp", "é lamp_ lamp.", "xlamp lamp"]
    {
        assert_eq!(counter.ids(text).expect("ids"), stable.ids(text).expect("ids"), "{text:?}");
    }
    let remark = counter.remark().expect("a remark");
    assert!(remark.contains("the added single word \"lamp\""), "{remark}");
}

/// Our small tokenizer with a `Replace` in its normalizer.
fn replacing(pattern: &str) -> (TokenCounter, Stable) {
    changed(|tokenizer| {
        let replace = serde_json::json!({
            "type": "Replace", "pattern": {"Regex": pattern}, "content": "lamp"
        });
        tokenizer["normalizer"] =
            serde_json::json!({"type": "Sequence", "normalizers": [{"type": "NFC"}, replace]});
    })
}

#[test]
fn replaced_patterns_match_as_in_the_python_package() {
    for pattern in ["^b", "x$", "[[:space:]]+", "^ +", r"(?<=a)\s+", r"\h"] {
        let (counter, stable) = replacing(pattern);
        for text in ["a\nb\n x\n", " x\r\nx\n\n", "a\u{85}b\u{a0} \u{200b}c", "a  fade 09", ""] {
            assert_eq!(counter.ids(text).expect("ids"), stable.ids(text).expect("ids"), "{text:?}");
        }
        let remark = counter.remark().expect("a remark");
        assert!(remark.contains(&format!("the Replace {pattern:?}")), "{remark}");
    }
}

#[test]
fn patterns_that_the_fast_library_replaces_match_the_same_characters() {
    for pattern in [" {2,}", r"\s+"] {
        let (counter, stable) = replacing(pattern);
        assert_eq!(counter.remark(), None, "{pattern:?}");
        let characters: Vec<char> = ('\0'..'\u{10000}').collect();
        for some in characters.chunks(4096) {
            let text: String = some.iter().map(|c| format!("a{c}{c}b{c} {c}")).collect();
            assert_eq!(
                counter.ids(&text).expect("ids"),
                stable.ids(&text).expect("ids"),
                "{pattern:?} from {:?} on",
                some[0]
            );
        }
    }
}

#[test]
fn dropout_in_the_file_is_ignored() {
    let (certain, _) = changed(|_| {});
    // All merges are dropped.
    let (counter, _) = changed(|tokenizer| tokenizer["model"]["dropout"] = 1.0.into());
    let text = "The harbour master lights the lamps.";
    assert!(certain.count(text).expect("a count") < text.len() as u64);
    assert_eq!(counter.ids(text).expect("ids"), certain.ids(text).expect("ids"));
    let remark = counter.remark().expect("a remark");
    assert!(remark.ends_with("its dropout, which makes counts random, is ignored"), "{remark}");
    let (none, _) = changed(|tokenizer| tokenizer["model"]["dropout"] = 0.0.into());
    assert_eq!(none.remark(), None);
}

#[test]
fn a_pattern_that_takes_too_long_is_an_error_and_no_panic() {
    let form = serde_json::json!({"pre_tokenizer": {
        "type": "Split", "pattern": {"Regex": "(a|b|ab)*bc"}, "behavior": "Isolated",
        "invert": false
    }});
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("slow.json");
    std::fs::write(&path, with_pre_tokenizer(&form)).expect("a file");
    let counter = TokenCounter::open(&path).expect("a tokenizer");
    let error =
        counter.count(&("ab".repeat(40) + "acbc")).expect_err("no match in time").to_string();
    assert!(error.contains("slow.json cannot encode a text"), "{error}");
    assert_eq!(counter.count("b").expect("a count"), 1);
}

#[test]
fn extreme_texts_are_counted() {
    let Some(counter) = counter("gpt_neox_20B_tokenizer.json") else { return };
    let count = |text: &str| counter.count(text).expect("a count");
    assert_eq!(count(""), 0);
    assert_eq!(count("\0\0"), 2);
    assert_eq!(count("<|endoftext|>"), 1);
    for text in ["\u{301}\u{301}", "\u{fffd}", "\u{10ffff}"] {
        assert!(count(text) > 0, "{text:?}");
    }
    assert!(count(&"x".repeat(1 << 20)) > 1 << 14, "one word of a mebibyte");
    assert_eq!(count(&" word".repeat(100_000)), 100_000);
}

#[test]
fn truncation_in_the_file_is_ignored() {
    let Some(path) = file("models/tokenizers/gpt2_tokenizer.json") else { return };
    let text = std::fs::read_to_string(path).expect("a tokenizer");
    let mut tokenizer: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    tokenizer["truncation"] = serde_json::json!({
        "direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0
    });
    tokenizer["padding"] = serde_json::json!({
        "strategy": {"Fixed": 64}, "direction": "Right", "pad_to_multiple_of": null,
        "pad_id": 0, "pad_type_id": 0, "pad_token": "!"
    });
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(tokenizer.to_string().as_bytes()).expect("written");
    let counter = TokenCounter::open(file.path()).expect("a tokenizer");
    assert_eq!(counter.count("one two three four").expect("a count"), 4);
}

#[test]
fn other_files_are_refused_by_name() {
    for content in ["", "{", "[]", "{}", "\u{0}", r#"{"model": {"type": "BPE"}}"#] {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(content.as_bytes()).expect("written");
        let error = TokenCounter::open(file.path()).err().expect("no tokenizer").to_string();
        assert!(error.contains(&*file.path().to_string_lossy()), "{error}");
    }
    let error = TokenCounter::open(Path::new("/no/such.json")).err().expect("no file").to_string();
    assert!(error.contains("/no/such.json"), "{error}");
}

proptest! {
    #![proptest_config(reference::property())]

    #[test]
    fn any_text_is_counted(text in any::<String>()) {
        thread_local! {
            static COUNTER: Option<TokenCounter> = counter("gpt_neox_20B_tokenizer.json");
        }
        let count = COUNTER.with(|counter| counter.as_ref().map(|counter| counter.count(&text)));
        if let Some(count) = count {
            // Each token covers at least one byte. NFC, which comes first, may triple the bytes of
            // a character.
            prop_assert!(count.expect("a count") <= 3 * text.len() as u64);
        }
    }
}

#[test]
fn a_tokenizer_whose_parts_contradict_each_other_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tokenizer.json");
    for (prefix, vocab) in [("", r#"{"a":0,"t":1}"#), ("####", r#"{"a":0,"t":1,"at":2}"#)] {
        let json = format!(
            r#"{{"version":"1.0","model":{{"type":"BPE","continuing_subword_prefix":"{prefix}",
                "vocab":{vocab},"merges":[["a","t"]]}}}}"#
        );
        std::fs::write(&path, json).expect("a file");
        let error = TokenCounter::open(&path).err().expect("no tokenizer").to_string();
        assert!(error.contains("tokenizer.json is not a tokenizer"), "{error}");
    }
}
