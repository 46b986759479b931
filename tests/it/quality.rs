//! Perplexity, classifier, tokens, signals and filters of the whole program, compared with upstream's
//! own results for real texts.

use crate::support::{Place, WORDS, input, keep_all, list, number, record, text, wet};
use flate2::read::GzDecoder;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// Results of the original tools for real texts.
fn references(data: &Path) -> Vec<Value> {
    let file = File::open(data.join("golden/reference_outputs_shared.jsonl.gz")).unwrap();
    let lines = BufReader::new(GzDecoder::new(file)).lines();
    lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect()
}

/// The models among the test data, as lines of a recipe.
fn models(data: &Path, names: &[(&str, &str)]) -> String {
    let line =
        |(key, path): &(&str, &str)| format!("{key} = {:?}\n", data.join("models").join(path));
    names.iter().map(line).collect()
}

fn page(number: usize, body: &str) -> Vec<u8> {
    record(&format!("http://a.example/{number}"), "a title", body)
}

/// Builds a corpus of `pages`, each in a separate file and shard. Returns its documents by the number
/// of the page.
fn build(place: &Place, top: &str, settings: &str, pages: &[&str]) -> BTreeMap<usize, Value> {
    for (number, body) in pages.iter().enumerate() {
        place.write(&format!("in/{number:04}.warc.wet.gz"), wet(&[page(number, body)]));
    }
    let scope = "scope = \"shard\"\n";
    let recipe = keep_all(top) + scope + settings + "\n" + &input("a", "in");
    place.write("recipe.toml", recipe);
    place.run("build recipe.toml -w 2").exits(0);
    place.assert_sound("corpus");
    let of = |document: Value| {
        let url = text(&document["meta"]["url"]).rsplit('/').next().unwrap().parse();
        (url.unwrap(), document)
    };
    place.documents("corpus").into_iter().map(of).collect()
}

#[test]
fn perplexities_equal_those_of_kenlm_and_sentencepiece() {
    let Some(data) = reference::folder() else { return };
    let references = references(&data);
    let mut lines: BTreeMap<&str, (&str, f64)> = BTreeMap::new();
    for reference in &references {
        let Some(found) = reference.get("ccnet_like") else { continue };
        if found["model"] == "es" {
            continue; // The tools used its quantized file; the slice uses the exact one.
        }
        for line in list(&found["lines"]) {
            let tokens = text(&line["pieces"]).split(' ').count() + 1;
            let expected = 10f64.powf(-line["log10"].as_f64().unwrap() / tokens as f64);
            lines.insert(text(&line["line"]), (text(&found["model"]), expected));
        }
    }
    let place = Place::new();
    let pages: Vec<&str> = lines.keys().copied().collect();
    let settings = models(&data, &[("lid", "langid/lid.176.ftz"), ("lm", "ccnet_like")]);
    let buckets = "buckets = [\"head\", \"middle\", \"tail\", \"all\"]";
    let documents = build(&place, "", &(settings + buckets), &pages);
    let (mut compared, mut seen) = (0, BTreeSet::new());
    for (number, document) in &documents {
        let (language, expected) = lines[pages[*number]];
        let meta = &document["meta"];
        seen.insert(text(&meta["bucket"]));
        // The tools got the language, the slice detects it: it may differ for a single line.
        if meta["language"] == language && text(&document["text"]) == pages[*number] {
            let found = meta["perplexity"].as_f64().unwrap();
            let close = 0.005 * expected + 0.05;
            assert!((found - expected).abs() < close, "{found} and {expected}: {}", pages[*number]);
            compared += 1;
        }
    }
    assert!(compared > 200, "{compared} lines compared");
    assert_eq!(seen, BTreeSet::from(["all", "head", "middle", "tail"]));
}

#[test]
fn every_slice_publishes_the_tokens_of_its_documents() {
    let place = Place::new();
    place.write("words.json", WORDS);
    let all = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");
    let labels = [
        ("common_crawl", "2019-30"),
        ("c4", "en"),
        ("github", "2022-11"),
        ("arxiv", "2301"),
        ("books", "pg19"),
        ("wikipedia", "20230320"),
        ("stack_exchange", "2023-03-29"),
        ("instruct", "2023-03"),
    ];
    let inputs = labels.map(|(slice, label)| {
        let paths = format!("{all}/{slice}/{label}");
        format!("[[input]]\nslice = \"{slice}\"\nlabel = \"{label}\"\npaths = [\"{paths}\"]\n")
    });
    let top = "corpus = \"corpus\"\ntokenizer = \"words.json\"\n";
    place.write("recipe.toml", format!("{top}{}", inputs.concat()));
    place.run("build recipe.toml").exits(0);
    let documents = place.documents("corpus");
    for (slice, _) in labels {
        let mut of_slice = documents
            .iter()
            .filter(|document| text(&document["meta"]["id"]).starts_with(slice))
            .peekable();
        assert!(of_slice.peek().is_some(), "no documents of {slice}");
        for document in of_slice {
            assert!(number(&document["meta"]["tokens"]) > 0, "{document}");
        }
    }
}

#[test]
fn scores_and_tokens_equal_those_of_fasttext_and_tokenizers() {
    let Some(data) = reference::folder() else { return };
    let references = references(&data);
    // Without repeated lines, since the slice cuts repeats.
    let is_plain = |body: &str| {
        let lines: Vec<&str> = body.split('\n').collect();
        let distinct: BTreeSet<&str> = lines.iter().copied().collect();
        distinct.len() == lines.len()
    };
    let plain: Vec<&Value> = references.iter().filter(|r| is_plain(text(&r["text"]))).collect();
    let pages: Vec<&str> = plain.iter().map(|reference| text(&reference["text"])).collect();
    let place = Place::new();
    let tokenizer = models(&data, &[("tokenizer", "tokenizers/gpt_neox_20B_tokenizer.json")]);
    let classifier = models(&data, &[("classifier", "quality/quality_wiki_vs_cc.ftz")]);
    let documents = build(&place, &tokenizer, &(classifier + "min_score = 0.0"), &pages);
    let (mut compared, mut tokens) = (0, 0);
    for (at, document) in &documents {
        tokens += number(&document["meta"]["tokens"]);
        if text(&document["text"]) != pages[*at] {
            continue; // Blanks at the ends of lines were removed.
        }
        let reference = plain[*at];
        assert_eq!(document["meta"]["tokens"], reference["neox_n_tokens"], "{}", pages[*at]);
        let expected = reference["quality_ftz"]["wiki"].as_f64().unwrap();
        let found = document["meta"]["wiki_prob"].as_f64().unwrap();
        assert!((found - expected).abs() < 1e-4, "{found} and {expected}: {}", pages[*at]);
        compared += 1;
    }
    assert!(compared > 100, "{compared} texts compared");
    assert_eq!(number(&place.label("corpus", "a")["tokens"]), tokens);
}

#[test]
fn poor_pages_are_dropped_with_a_named_reason() {
    let Some(data) = reference::folder() else { return };
    let references = references(&data);
    let pages: Vec<&str> = references.iter().take(60).map(|r| text(&r["text"])).collect();
    let settings = models(
        &data,
        &[
            ("lid", "langid/lid.176.ftz"),
            ("lm", "ccnet_like"),
            ("classifier", "quality/quality_wiki_vs_cc.ftz"),
        ],
    );
    let kept = |filter: &str| {
        let place = Place::new();
        let documents = build(&place, "", &format!("{settings}\n{filter}"), &pages);
        (documents, place.label("corpus", "a")["dropped"].clone())
    };
    let (all, none) = kept("min_score = 0.0\nbuckets = [\"head\", \"middle\", \"tail\", \"all\"]");
    assert!(none.get("bucket").is_none() && none.get("quality").is_none(), "{none}");
    let perplexity = |d: &Value| d["meta"]["perplexity"].as_f64().unwrap_or(f64::MAX);
    let (some, dropped) = kept("");
    let expected = all.iter().filter(|(_, d)| d["meta"]["bucket"] != "tail");
    let poor = |d: &Value| d["meta"]["wiki_prob"].as_f64().unwrap() < 0.25;
    let expected: Vec<_> = expected.filter(|(_, d)| !poor(d)).map(|(at, _)| *at).collect();
    assert_eq!(some.keys().copied().collect::<Vec<_>>(), expected);
    assert_eq!(
        all.len() - some.len(),
        ["bucket", "quality"]
            .iter()
            .map(|reason| { dropped.get(reason).map_or(0, |count| number(count) as usize) })
            .sum::<usize>()
    );
    // A filter expression over the results.
    let buckets = "buckets = [\"head\", \"middle\", \"tail\", \"all\"]\nmin_score = 0.0";
    let keep = "keep = \"ccnet_perplexity < 300 and rps_doc_word_count > 100\"";
    let (filtered, dropped) =
        kept(&format!("{buckets}\n{keep}\nsignals = [\"rps_doc_word_count\"]"));
    assert!(!filtered.is_empty() && filtered.len() < all.len());
    assert!(filtered.values().all(|d| perplexity(d) < 300.0));
    assert_eq!(number(&dropped["filter"]) as usize, all.len() - filtered.len());
}

#[test]
fn a_wrong_filter_or_model_is_named_before_anything_is_read() {
    let place = Place::new();
    place.write("in/a.warc.wet.gz", wet(&[page(0, "some text")]));
    let wrong = |line: &str, words: &[&str]| {
        place.write("recipe.toml", keep_all("") + line + "\n" + &input("a", "in"));
        place.run("build recipe.toml").exits(2).names(words);
    };
    wrong(
        "keep = \"rps_doc_word_cont > 50\"",
        &["keep", "rps_doc_word_cont", "rps_doc_word_count"],
    );
    wrong("keep = \"rps_doc_word_count >\"", &["keep"]);
    wrong("signals = [\"rps_doc_words\"]", &["signals", "rps_doc_words"]);
    wrong("signals = [\"rps_doc_stop_word_fraction\"]", &["signals", "stop"]);
    wrong("lm = \"no/such/folder\"", &["recipe.toml:", "lm", "no/such/folder"]);
    wrong("classifier = \"in/a.warc.wet.gz\"", &["a.warc.wet.gz"]);
    place.write("models/en.sp.model", "not a model");
    let recipe = "corpus = \"corpus\"\n[common_crawl]\nlm = \"models\"\n";
    place.write("recipe.toml", recipe.to_owned() + &input("a", "in"));
    place.run("build recipe.toml").exits(2).names(&["models", "en.arpa"]);
    assert!(
        !place.path("corpus/commits").exists(),
        "no corpus is created that could not be added to"
    );
}
