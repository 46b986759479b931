//! CCNet's rules, from the preset to the exported record, compared with upstream's own results.

use crate::support::{Place, input, keep_all, list, number, record, text, wet};
use serde_json::Value;
use std::collections::BTreeSet;

/// Builds one label whose files are `shards`, each with the texts of its pages. Returns a function from
/// the numbers of a file and a page to the document.
fn build(shards: &[Vec<&str>], settings: &str) -> impl Fn(usize, usize) -> Value + use<> {
    let place = Place::new();
    for (file, pages) in shards.iter().enumerate() {
        let page = |(number, text): (usize, &&str)| {
            record(&format!("http://{file}.example/{number}"), &title(file, number), text)
        };
        let records: Vec<_> = pages.iter().enumerate().map(page).collect();
        place.write(&format!("in/{file:04}.warc.wet.gz"), wet(&records));
    }
    let (top, of_slice) = settings.split_once('\n').unwrap_or((settings, ""));
    place.write("recipe.toml", keep_all(top) + of_slice + "\n" + &input("a", "in"));
    place.run("build recipe.toml").exits(0);
    let documents = place.documents("corpus");
    move |file, number| {
        let is_it = |d: &&Value| d["meta"]["title"] == *title(file, number);
        documents.iter().find(is_it).cloned().unwrap_or(Value::Null)
    }
}

fn title(file: usize, number: usize) -> String {
    format!("page {number} of file {file}")
}

fn texts(documents: &Value) -> Vec<&str> {
    list(documents).iter().map(text).collect()
}

/// Fails unless the document equals upstream's. Only ours has a title, so `original_length` differs by
/// it.
fn assert_equals_upstream(document: &Value, expected: &Value, case: &Value) {
    if expected.is_null() {
        assert!(document.is_null(), "{document} of {case}");
        return;
    }
    assert_eq!(document["text"], expected["raw_content"], "{case}");
    for field in ["length", "nlines", "original_nlines", "line_ids"] {
        assert_eq!(document["meta"][field], expected[field], "{field} of {case}");
    }
}

#[test]
fn shards_hashed_together_lose_every_copy_as_in_upstream() {
    for case in reference::cases("common_crawl/ccnet", "shard_dedup_two_pass") {
        let shards = list(&case["input"]["shards_hashed_together"]);
        let shards: Vec<Vec<&str>> = shards.iter().map(texts).collect();
        let settings =
            format!("preset = \"redpajama\"\nshards = 1\nhash_in_mem = {}", shards.len());
        let document = build(&shards, &settings);
        assert_eq!(shards.concat(), texts(&case["input"]["documents"]));
        let places = (0..shards.len()).flat_map(|f| (0..shards[f].len()).map(move |n| (f, n)));
        for ((file, number), expected) in places.zip(list(&case["expected"])) {
            assert_equals_upstream(&document(file, number), expected, &case);
        }
    }
}

#[test]
fn shards_are_compared_only_within_their_group_as_in_upstream() {
    for case in reference::cases("common_crawl/ccnet", "shard_dedup_groups") {
        let input = &case["input"];
        let together = input.get("group");
        let shards: Vec<Vec<&str>> = match together {
            Some(group) => list(group).iter().map(texts).collect(),
            None => [&input["group1"], &input["group2"]]
                .into_iter()
                .flat_map(|group| list(group).iter().map(texts))
                .collect(),
        };
        let in_memory = if together.is_some() { shards.len() } else { 1 };
        let settings =
            format!("preset = \"redpajama\"\nshards = {}\nhash_in_mem = {in_memory}", shards.len());
        assert_eq!(shards[0], [text(&input["document"])]);
        assert_equals_upstream(
            &build(&shards, &settings)(0, 0),
            &list(&case["expected"])[0],
            &case,
        );
    }
}

#[test]
fn the_global_preset_keeps_the_first_copy_of_a_paragraph() {
    let pages = ["Menu\nUnique one\nFooter 2020", "menu\nUnique two\nFooter 1999", "Only here"];
    let document =
        build(&[vec![pages[0], pages[1]], vec![pages[2], "Menu"]], "preset = \"global\"");
    let found = |file, number| document(file, number)["text"].as_str().map(str::to_owned);
    assert_eq!(found(0, 0).as_deref(), Some("Menu\nUnique one\nFooter 2020"));
    assert_eq!(found(0, 1).as_deref(), Some("Unique two"));
    assert_eq!(found(1, 0).as_deref(), Some("Only here"));
    assert_eq!(found(1, 1), None, "it has no unique paragraph");
    assert_eq!(document(0, 1)["meta"]["line_ids"], serde_json::json!([1]));
}

#[test]
fn the_global_preset_keeps_the_first_copy_in_upstreams_cases() {
    for case in reference::cases("common_crawl/ccnet", "shard_dedup_two_pass") {
        let pages = texts(&case["input"]["documents"]);
        let first = build(std::slice::from_ref(&pages), "preset = \"global\"")(0, 0);
        // No page precedes it, so it loses only its own repeats. CCNet treats all digits as equal.
        let key = |line: &str| line.to_lowercase().replace(|c: char| c.is_ascii_digit(), "0");
        let mut seen = BTreeSet::new();
        let lines = pages[0].split('\n').filter(|line| seen.insert(key(line)));
        assert_eq!(first["text"], lines.collect::<Vec<_>>().join("\n"), "{case}");
    }
}

#[test]
fn a_wet_record_is_read_as_in_upstream() {
    for case in reference::cases("common_crawl/ccnet", "wet_parse") {
        let file = text(&case["input"]);
        let record = |part: &&str| part.starts_with("WARC-Type: conversion");
        let records: Vec<&str> = file.split("WARC/1.0\r\n").filter(record).collect();
        assert_eq!(records.len(), list(&case["expected"]).len());
        for (record, expected) in records.iter().zip(list(&case["expected"])) {
            // One per corpus: the second repeats the paragraphs of the first.
            let place = Place::new();
            place.write("in/a.warc.wet", format!("WARC/1.0\r\n{record}"));
            place.write("recipe.toml", keep_all("") + &input("a", "in"));
            place.run("build recipe.toml").exits(0);
            let documents = place.documents("corpus");
            assert_eq!(documents.len(), 1, "{case}");
            let meta = &documents[0]["meta"];
            assert_eq!(documents[0]["text"], expected["raw_content"]);
            for field in ["url", "date_download", "digest", "nlines", "source_domain", "title"] {
                assert_eq!(meta[field], expected[field], "{field}");
            }
            // Once paragraphs are cut, `length` is that of the remaining text.
            assert_eq!(number(&meta["original_length"]), number(&expected["length"]));
        }
    }
}
