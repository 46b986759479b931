//! A corpus, a recipe and its fingerprint, as written by earlier versions: `fixtures/state`.

use crate::support::{Place, files_below, list, number};
use serde_json::Value;
use std::fs;
use std::path::Path;

const STATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/state");

fn state(name: &str) -> Vec<u8> {
    fs::read(Path::new(STATE).join(name)).unwrap()
}

/// A place with a copy of the corpus in format 1. Its recipe is the default.
fn with_corpus() -> Place {
    let place = Place::new();
    for (name, bytes) in files_below(&Path::new(STATE).join("v1")) {
        place.write(&format!("corpus/{name}"), bytes);
    }
    place
}

#[test]
fn a_corpus_of_format_1_is_read_and_verified() {
    let place = with_corpus();
    let counts = place.label("corpus", "2019-30");
    assert_eq!((number(&counts["read"]), number(&counts["kept"])), (75, 34));
    place.run("verify corpus --deep").exits(0);
    place.run("export corpus --out out --schema redpajama --quiet").exits(0);
    let exported = std::fs::read(place.path("out/common_crawl/2019-30.jsonl")).unwrap();
    assert!(exported == state("v1.export.jsonl"));
}

/// The fingerprint of its recipe is still valid (another would be rejected), and its state still used.
#[test]
fn a_corpus_of_format_1_is_added_to_as_if_it_were_new() {
    let place = with_corpus();
    let new = "fixtures/2020-05/CC-MAIN-20200117152059-20200117180059-00000.warc.wet.gz";
    let add = format!("--slice common_crawl --label 2020-05 {new}");
    place.run(&format!("add corpus {add}")).exits(0);
    place.assert_sound("corpus");

    let old = "fixtures/2019-30/CC-MAIN-20190715175205-20190715200159-00000.warc.wet.gz";
    place.run(&format!("add rebuilt --slice common_crawl --label 2019-30 {old}")).exits(0);
    place.run(&format!("add rebuilt {add}")).exits(0);
    let (found, expected) = (place.export("corpus"), place.export("rebuilt"));
    for label in ["2019-30", "2020-05"] {
        let name = format!("common_crawl/{label}.jsonl");
        assert!(found[&name] == expected[&name], "{label}");
    }
}

/// Compares the keys and values of a preset. Comments may change, and later versions may have more keys
/// and slices.
#[test]
fn the_settings_of_a_preset_do_not_change() {
    for preset in ["global", "redpajama"] {
        let place = Place::new();
        place.write("r.toml", format!("corpus = \"corpus\"\npreset = \"{preset}\"\n"));
        let printed = place.run("build r.toml --print-recipe").exits(0).stdout;
        let mut found = keys(&printed);
        let expected = keys(&String::from_utf8(state(&format!("recipe.{preset}.toml"))).unwrap());
        found.retain(|key| expected.contains(key));
        assert_eq!(found, expected);
    }
}

/// All settings, as `[slice] key = value`, without comments and the path of the corpus.
fn keys(recipe: &str) -> Vec<String> {
    let mut table = "";
    let mut keys = Vec::new();
    for line in recipe.lines() {
        let line = line.split(" #").next().unwrap_or_default().trim_end();
        if line.starts_with('[') {
            table = line;
        } else if !line.is_empty() && !line.starts_with('#') && !line.starts_with("corpus") {
            keys.push(format!("{table} {line}"));
        }
    }
    keys
}

#[test]
fn the_fingerprint_of_the_default_recipe_does_not_change() {
    let old: Value = serde_json::from_slice(&state("v1/commits/000001.json")).unwrap();
    let place = Place::new();
    place.write("r.toml", "corpus = \"corpus\"\n");
    place.run("build r.toml").exits(0);
    let commits = files_below(&place.path("corpus/commits"));
    let new: Value = serde_json::from_slice(commits.values().next_back().unwrap()).unwrap();
    assert_eq!(new["recipe"], old["recipe"]);
    assert!(list(&new["labels"]).is_empty());
}
