//! A mixture has as many tokens of each slice and label as it asks for.

use super::order::{hash, rows};
use super::{TOKENIZER, expected, export, with_corpus};
use crate::support::{Place, files_below, list, number, text};
use serde_json::Value;
use std::collections::BTreeMap;

const FLAGS: &str = "--format tokens --layout npy --eos <|end|> --shuffle 7";

/// How often each document is in an export.
fn copies(place: &Place, out: &str) -> BTreeMap<String, u64> {
    let mut copies = BTreeMap::new();
    for (_, (_, _, id, ..)) in rows(&files_below(&place.path(out))) {
        *copies.entry(id).or_default() += 1;
    }
    copies
}

#[test]
fn epochs_are_copies_and_a_fraction_is_chosen_by_the_hash_of_the_id() {
    let place = with_corpus();
    place.write("mix.toml", "[epochs]\ncommon_crawl = 0.25\n\"common_crawl/2019-30\" = 2.5\n");
    let out = export(&place, "out", &format!("{FLAGS} --mix mix.toml"));
    let copies = copies(&place, "out");
    let documents = expected(&place, "words.json", &[0]);
    let mut tokens = 0;
    for (id, document) in &documents {
        let (whole, fraction) =
            if id.starts_with("common_crawl/2019-30/") { (2, 0.5) } else { (0, 0.25) };
        let is_in = (hash(&format!("7:share:{id}")) as f64) < fraction * 2f64.powi(64);
        let expected = whole + u64::from(is_in);
        assert_eq!(copies.get(id).copied().unwrap_or(0), expected, "{id}");
        tokens += expected * document.len() as u64;
    }
    // Each copy has a place of its own.
    let mut places: Vec<(u64, String)> = copies
        .iter()
        .flat_map(|(id, count)| {
            (0..*count).map(move |copy| (hash(&format!("7:{copy}:{id}")), id.clone()))
        })
        .collect();
    places.sort();
    let found: Vec<String> = rows(&out).into_iter().map(|(_, (_, _, id, ..))| id).collect();
    assert!(found.iter().eq(places.iter().map(|(_, id)| id)));

    let manifest: Value = serde_json::from_slice(&out["manifest.json"]).unwrap();
    let file = list(&manifest["files"]).iter().find(|file| text(&file["path"]).ends_with(".npy"));
    assert_eq!(number(&file.unwrap()["tokens"]), tokens);
    let plan = &manifest["about"]["plan"];
    assert_eq!(manifest["about"]["mixture"]["epochs"]["common_crawl/2019-30"], 2.5);
    let of_label = |label: &str| -> u64 {
        let of_label = documents.iter().filter(|(id, _)| id.starts_with(label));
        of_label.map(|(_, document)| document.len() as u64).sum()
    };
    for (row, (label, epochs)) in
        list(&plan["labels"]).iter().zip([("2019-30", 2.5), ("2020-05", 0.25)])
    {
        let there = of_label(&format!("common_crawl/{label}/"));
        assert_eq!((text(&row["label"]), number(&row["tokens"])), (label, there));
        assert_eq!(row["epochs"], epochs);
        assert_eq!(number(&row["asked"]), (epochs * there as f64).round() as u64);
    }
}

#[test]
fn the_plan_is_printed_and_its_tokens_are_reached() {
    let place = Place::new();
    place.write("words.json", TOKENIZER);
    place.run("demo --quiet").exits(0);
    let command = format!("export sluice-demo/corpus --tokenizer words.json {FLAGS}");
    let printed = place.run(&format!("{command} --out out --mix llama --mix-tokens 400K")).exits(0);
    for words in
        ["mixture", "tokens there", "asked for", "epochs", "400,000", "wikipedia/", "100.0 %"]
    {
        assert!(printed.stdout.contains(words), "{words}: {printed}");
    }
    let plan = printed.stdout.find("asked for").unwrap();
    assert!(plan < printed.stdout.find("out: ").unwrap(), "before the summary: {printed}");
    let summary = place.run(&format!("{command} --out out --mix llama --mix-tokens 400K --json"));
    let summary = summary.exits(0).json();
    assert_eq!(list(&summary["shards_written"]).len(), 0);
    let asked: u64 =
        list(&summary["plan"]["labels"]).iter().map(|label| number(&label["asked"])).sum();
    assert!(asked.abs_diff(400_000) < 20, "{asked}");
    // Whole documents are chosen, and books are long.
    let tokens = number(&summary["tokens"]);
    assert!(tokens.abs_diff(400_000) < 60_000, "{tokens}");

    // A fraction of a smaller mixture is part of a larger one.
    let more = format!("{command} --out more --mix llama --mix-tokens 600K --quiet");
    place.run(&more).exits(0);
    let (less, more) = (copies(&place, "out"), copies(&place, "more"));
    assert!(less.iter().all(|(id, count)| more[id] >= *count));
}

#[test]
fn a_wrong_mixture_says_what_is_right() {
    let place = with_corpus();
    place.write("part.toml", "[shares]\n\"common_crawl/2019-30\" = 1\n");
    place.write("typo.toml", "[shares]\ncommon_craw = 1\n");
    place.write("large.toml", "tokens = \"1T\"\n[shares]\ncommon_crawl = 1\n");
    for (flags, expected) in [
        ("--shuffle 1 --mix part.toml", "common_crawl/2020-05 has no weight; give it one"),
        ("--shuffle 1 --mix typo.toml", "did you mean common_crawl?"),
        ("--shuffle 1 --mix lama", "no such file, nor one of the presets llama, redpajama"),
        ("--shuffle 1 --mix large.toml", "copies, but at most 1000 are allowed"),
        ("--mix llama", "--shuffle"),
        ("--shuffle 1 --mix-tokens 5K", "--mix"),
        ("--shuffle 1 --mix llama --mix-tokens 0", "at least one token"),
        ("--shuffle x", "--shuffle"),
        ("--shuffle 1 --shard-tokens 1", "give a larger --shard-tokens"),
    ] {
        let command = "export corpus --out out --format tokens --layout npy --eos none";
        let wrong = place.run(&format!("{command} {flags}")).exits(2);
        wrong.names(&[expected]);
        assert!(!place.path("out/npy").exists(), "{flags}");
    }
    let texts = place.run("export corpus --out out --shuffle 1").exits(2);
    texts.names(&["--shuffle is for --format tokens"]);
}
