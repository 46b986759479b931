//! The quality threshold is chosen from the ledger, and applying a new one equals building with it.

use crate::support::{Place, WORDS, assert_same, both_dumps, list, number};
use serde_json::Value;

/// A place with the models that the recipes name.
fn place() -> Place {
    let place = Place::new();
    place.write("words.json", WORDS);
    let wiki = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/models/wiki.bin");
    place.write("wiki.bin", std::fs::read(wiki).unwrap());
    place
}

fn build(place: &Place, corpus: &str, min_score: f64) {
    let settings = format!("classifier = \"wiki.bin\"\nmin_score = {min_score:?}\n");
    let name = format!("{corpus}.toml");
    place.write(&name, both_dumps("tokenizer = \"words.json\"", &settings));
    place.run(&format!("build {name} --corpus {corpus} -w 2")).exits(0);
}

/// Tokens of the exported documents with at least this quality.
fn tokens_from(documents: &[Value], min_score: f64) -> u64 {
    let of = |document: &&Value| document["meta"]["wiki_prob"].as_f64().unwrap() >= min_score;
    documents.iter().filter(of).map(|document| number(&document["meta"]["tokens"])).sum()
}

#[test]
fn applying_a_threshold_equals_building_with_it() {
    let place = place();
    build(&place, "corpus", 0.0);
    let all = place.documents("corpus");
    let half = tokens_from(&all, 0.0) / 2;
    let line = format!("calibrate corpus --slice common_crawl --tokens {half}");
    let before = place.export("corpus");
    let report = place.run(&format!("{line} --json")).exits(0).json();
    assert_same(&place.export("corpus"), &before, "without --apply, nothing changes");
    let found = report["found"]["min_score"].as_f64().unwrap();
    assert_eq!(number(&report["found"]["tokens"]), tokens_from(&all, found), "{report}");
    // The quality of no page is a better threshold.
    let distance = |min_score: f64| tokens_from(&all, min_score).abs_diff(half);
    let best = all.iter().map(|d| distance(d["meta"]["wiki_prob"].as_f64().unwrap())).min();
    assert_eq!(Some(distance(found)), best);
    for point in list(&report["curve"]) {
        let min_score = point["min_score"].as_f64().unwrap();
        assert_eq!(number(&point["tokens"]), tokens_from(&all, min_score), "{point}");
    }
    let applied = place.run(&format!("{line} --apply --json")).exits(0).json();
    assert_eq!(applied["found"], report["found"]);
    place.assert_sound("corpus");
    build(&place, "rebuilt", found);
    assert_same(&place.export("corpus"), &place.export("rebuilt"), "a build with the threshold");
    let slices = |corpus: &str| place.status(corpus)["slices"].clone();
    assert_eq!(slices("corpus"), slices("rebuilt"));
    // The corpus now has the new recipe, so the original file does not match.
    place.run("build rebuilt.toml --corpus corpus").exits(0);
    place.run("build corpus.toml --corpus corpus").exits(2).names(&["another recipe"]);
    // Once more, with a higher threshold.
    let less = format!("calibrate corpus --slice common_crawl --tokens {} --apply", half / 2);
    place.run(&less).exits(0);
    place.assert_sound("corpus");
    assert!(tokens_from(&place.documents("corpus"), 0.0) < half);
}

#[test]
fn pages_below_the_threshold_are_in_the_curve_but_cannot_be_restored() {
    let place = place();
    build(&place, "all", 0.0);
    build(&place, "corpus", 0.5);
    let all = tokens_from(&place.documents("all"), 0.0);
    let line = format!("calibrate corpus --slice common_crawl --tokens {all}");
    let report = place.run(&format!("{line} --json")).exits(0).json();
    assert_eq!(number(&report["curve"][0]["tokens"]), all, "dropped pages have tokens too");
    assert!(report["found"]["min_score"].as_f64().unwrap() < 0.5, "{report}");
    let before = place.status("corpus");
    place.run(&format!("{line} --apply")).exits(2).names(&["min_score = 0.5", "build it again"]);
    assert_eq!(place.status("corpus"), before);
}

#[test]
fn a_label_added_after_calibration_equals_a_build_with_the_threshold() {
    let place = place();
    build(&place, "rebuilt", 0.7);
    let one = std::fs::read_to_string(place.path("rebuilt.toml")).unwrap();
    let one = one.replace("0.7", "0.0").replacen("2020-05\"", "2020-05-not\"", 1);
    place.write("one.toml", one.split("[[input]]").next().unwrap());
    place.run("build one.toml --corpus corpus").exits(0);
    let add = |label: &str| {
        let line = format!("add corpus --slice common_crawl --label {label} fixtures/{label}");
        place.run(&line).exits(0);
    };
    add("2019-30");
    let kept: u64 = tokens_from(&place.documents("rebuilt")[..], 0.0);
    let first: Vec<Value> = place
        .documents("rebuilt")
        .into_iter()
        .filter(|d| d["meta"]["id"].as_str().unwrap().contains("/2019-30/"))
        .collect();
    assert!(tokens_from(&first, 0.0) < kept);
    let wanted = tokens_from(&first, 0.0);
    let line = format!("calibrate corpus --slice common_crawl --tokens {wanted} --apply --json");
    let found = place.run(&line).exits(0).json()["found"]["min_score"].as_f64().unwrap();
    add("2020-05");
    place.assert_sound("corpus");
    build(&place, "again", found);
    assert_same(&place.export("corpus"), &place.export("again"), "an increment after calibrate");
}

#[test]
fn a_killed_run_leaves_the_old_threshold_or_the_new_one() {
    for point in ["commit-begun", "manifest-written", "manifest-renamed"] {
        let place = place();
        build(&place, "corpus", 0.0);
        let before = place.export("corpus");
        let line = "calibrate corpus --slice common_crawl --tokens 3000 --apply";
        place.run_crashing_at(point, line).was_killed();
        if point != "manifest-renamed" {
            assert_same(&place.export("corpus"), &before, point);
        }
        let found = place.run(&format!("{line} --json")).exits(0).json();
        place.assert_sound("corpus");
        let found = found["found"]["min_score"].as_f64().unwrap();
        let recipe = std::fs::read_to_string(place.path("corpus/recipe.toml")).unwrap();
        assert!(recipe.contains(&format!("min_score = {found}")), "{point}: {recipe}");
        build(&place, "rebuilt", found);
        assert_same(&place.export("corpus"), &place.export("rebuilt"), point);
        place.run("add corpus --slice common_crawl --label 2019-30 fixtures/2019-30").exits(0);
    }
}

#[test]
fn the_curve_is_drawn_and_a_wrong_command_says_why() {
    let place = place();
    build(&place, "corpus", 0.25);
    let line = "calibrate corpus --slice common_crawl --tokens 1K";
    let outcome = place.run(&format!("{line} --curve a.csv --curve a.svg --curve a.html")).exits(0);
    assert!(outcome.stdout.contains("now") && outcome.stdout.contains("found"), "{outcome}");
    let read = |name: &str| std::fs::read_to_string(place.path(name)).unwrap();
    assert_eq!(read("a.csv").lines().count(), 102);
    assert!(read("a.svg").starts_with("<svg") && read("a.svg").contains("polyline"));
    assert!(read("a.html").contains(&read("a.svg")));
    place.run(&format!("{line} --curve a.pdf")).exits(2).names(&[".csv, .svg or .html"]);
    place.run("calibrate corpus --slice c5 --tokens 1").exits(2).names(&["unknown slice c5"]);
    place.run("calibrate nowhere --slice common_crawl --tokens 1").exits(1).names(&["no corpus"]);
    place.write("plain.toml", both_dumps("", ""));
    place.run("build plain.toml --corpus plain").exits(0);
    place
        .run("calibrate plain --slice common_crawl --tokens 1")
        .exits(2)
        .names(&["names no classifier"]);
    place.write("none.toml", both_dumps("", "classifier = \"wiki.bin\""));
    place.run("build none.toml --corpus none").exits(0);
    place.run("calibrate none --slice common_crawl --tokens 1").exits(1).names(&["tokenizer"]);
}
