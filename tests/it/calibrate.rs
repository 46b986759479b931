//! A threshold is chosen from the ledger, and applying a new one, up or down, equals building with it.

use crate::support::{Export, Place, WORDS, assert_same, both_dumps, list, number, text};
use serde_json::Value;
use std::collections::BTreeMap;

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
fn a_page_that_was_dropped_is_shown_as_it_is_kept_aside() {
    let place = place();
    build(&place, "corpus", 0.0);
    let before = place.documents("corpus");
    let half = tokens_from(&before, 0.0) / 2;
    let line = format!("calibrate corpus --slice common_crawl --tokens {half} --apply");
    place.run(&line).exits(0);
    let kept = place.documents("corpus").len();
    assert!(0 < kept && kept < before.len());
    let sample = || -> BTreeMap<String, Value> {
        let sample = place.run("sample corpus -n 1M --json").exits(0);
        let views = sample.stdout.lines().map(|line| serde_json::from_str(line).unwrap());
        views.map(|view: Value| (text(&view["id"]).to_owned(), view)).collect()
    };
    let views = sample();
    let of = |document: &Value| &views[text(&document["meta"]["id"])];
    for document in &before {
        let view = of(document);
        assert_eq!((&view["text"], &view["meta"]), (&document["text"], &document["meta"]));
        let is_kept = view["verdict"] == "kept";
        assert_eq!(view["text_is"], if is_kept { "kept" } else { "kept aside" });
        assert_eq!(
            view["thresholds"].as_array().unwrap().iter().all(|t| t["passes"] == true),
            is_kept
        );
    }
    let aside = before.iter().filter(|document| of(document)["verdict"] == "dropped");
    assert_eq!(aside.count(), before.len() - kept);
    place.run("prune corpus").exits(0);
    assert!(sample().values().all(|view| view["text_is"] != "kept aside"));
}

#[test]
fn pages_below_the_threshold_of_the_build_are_in_the_curve_but_cannot_be_restored() {
    let place = place();
    build(&place, "all", 0.0);
    build(&place, "corpus", 0.5);
    let all = tokens_from(&place.documents("all"), 0.0);
    let line = format!("calibrate corpus --slice common_crawl --tokens {all}");
    let report = place.run(&format!("{line} --json")).exits(0).json();
    assert_eq!(number(&report["curve"][0]["tokens"]), all, "dropped pages have tokens too");
    assert!(report["found"]["min_score"].as_f64().unwrap() < 0.5, "{report}");
    assert!(report["obstacle"].as_str().unwrap().contains("min_score = 0.5"), "{report}");
    let before = place.status("corpus");
    let names = ["common_crawl/2019-30", "min_score = 0.5", "build it again"];
    place.run(&format!("{line} --apply")).exits(2).names(&names);
    assert_eq!(place.status("corpus"), before);
}

/// A corpus of both dumps that keeps every page with a quality, with signals in its ledger.
fn build_with(place: &Place, corpus: &str, min_score: f64, keep: &str) {
    let settings = format!(
        "classifier = \"wiki.bin\"\nsignals = [\"all\"]\nmin_score = {min_score:?}\nkeep = {keep:?}\n"
    );
    place.write("recipe.toml", both_dumps("tokenizer = \"words.json\"", &settings));
    place.run(&format!("build recipe.toml --corpus {corpus} -w 2")).exits(0);
}

/// Sets a threshold, whatever it keeps.
fn set(place: &Place, corpus: &str, score: &str, threshold: &str) {
    let line = format!("calibrate {corpus} --slice common_crawl --threshold {threshold} --apply");
    place.run(&format!("{line} --score {score}")).exits(0);
}

/// The value of a key in the recipe of a corpus.
fn setting(place: &Place, corpus: &str, key: &str) -> String {
    let recipe = std::fs::read_to_string(place.path(&format!("{corpus}/recipe.toml"))).unwrap();
    let table = recipe.split("[common_crawl]").nth(1).unwrap();
    let line = table.lines().find_map(|line| line.strip_prefix(&format!("{key} = "))).unwrap();
    line.split(" # ").next().unwrap().trim().trim_matches(['"', '\'']).to_owned()
}

/// The ledger parts that the newest manifest of a corpus names, without the marks of revisions.
fn ledger(place: &Place, corpus: &str) -> Export {
    let root = place.path(corpus);
    let manifest = std::fs::read(root.join(place.newest_commit(corpus))).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let files = list(&manifest["labels"]).iter().flat_map(|label| list(&label["ledger"]));
    let part = |file: &Value| {
        let path = text(&file["path"]);
        let name = path.split('.').filter(|part| !part.starts_with('r')).collect::<Vec<_>>();
        (name.join("."), std::fs::read(root.join(path)).unwrap())
    };
    files.map(part).collect()
}

#[test]
fn any_thresholds_up_and_down_equal_a_build_with_them() {
    let place = place();
    build_with(&place, "corpus", 0.0, "");
    let built = place.export("corpus");
    let slices = |corpus: &str| place.status(corpus)["slices"].clone();
    let mut direct: BTreeMap<(String, String), (Export, Export, Value)> = BTreeMap::new();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: u64| {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    for step in 0..14 {
        let (score, threshold) = match next(3) {
            0 => ("quality", ["0", "0.2", "0.5", "0.9", "0.99"][next(5) as usize]),
            1 => ("rps_doc_word_count", ["none", "40", "60", "90"][next(4) as usize]),
            _ => ("ccnet_language_score --at-most", ["none", "0.99", "0.9"][next(3) as usize]),
        };
        set(&place, "corpus", score, threshold);
        let (min_score, keep) =
            (setting(&place, "corpus", "min_score"), setting(&place, "corpus", "keep"));
        let what = format!("step {step}: min_score = {min_score}, keep = {keep}");
        let (export, rows, counts) =
            direct.entry((min_score.clone(), keep.clone())).or_insert_with(|| {
                let name = format!("direct-{step}");
                build_with(&place, &name, min_score.parse().unwrap(), &keep);
                (place.export(&name), ledger(&place, &name), slices(&name))
            });
        assert_same(&place.export("corpus"), export, &what);
        assert_eq!(slices("corpus"), *counts, "{what}");
        assert!(ledger(&place, "corpus") == *rows, "{what}: the rows differ");
        place.assert_sound("corpus");
    }
    assert!(direct.len() > 5, "{:?}", direct.keys());
    set(&place, "corpus", "quality", "0");
    set(&place, "corpus", "rps_doc_word_count", "none");
    set(&place, "corpus", "ccnet_language_score --at-most", "none");
    assert_same(&place.export("corpus"), &built, "back at the build");
    let aside = place.status("corpus")["aside"].clone();
    assert_eq!((number(&aside["documents"]), number(&aside["bytes"])), (0, 0));
}

#[test]
fn after_prune_the_dropped_pages_are_gone_for_good() {
    let place = place();
    build_with(&place, "corpus", 0.0, "");
    set(&place, "corpus", "quality", "0.9");
    let line = place.run("status corpus").exits(0).stdout;
    assert!(line.contains("kept aside: "), "{line}");
    let aside = place.status("corpus")["aside"].clone();
    assert!(number(&aside["documents"]) > 0 && number(&aside["bytes"]) > 0, "{aside}");
    let export = place.export("corpus");
    let plan = place.run("prune corpus --dry-run --json").exits(0).json();
    assert_eq!((&plan["documents"], &plan["bytes"]), (&aside["documents"], &aside["bytes"]));
    assert_eq!(place.status("corpus")["aside"], aside, "a dry run removes nothing");
    place.run("prune corpus").exits(0);
    place.assert_sound("corpus");
    let found = std::fs::read_dir(place.path("corpus/aside")).unwrap().flatten();
    let left = found.flat_map(|slice| std::fs::read_dir(slice.path()).unwrap().flatten());
    let left = left.flat_map(|label| std::fs::read_dir(label.path()).unwrap().flatten());
    assert_eq!(left.count(), 0, "the files are removed at once");
    assert_same(&place.export("corpus"), &export, "prune");
    let down = "calibrate corpus --slice common_crawl --threshold 0.5 --apply";
    place.run(down).exits(2).names(&["min_score = 0.9", "pruned"]);
    set(&place, "corpus", "quality", "0.99");
    set(&place, "corpus", "quality", "0.9");
    assert_same(&place.export("corpus"), &export, "up and down after prune");
    place.run("prune corpus").exits(0);
    let again = place.run("prune corpus --json").exits(0).json();
    assert_eq!((number(&again["documents"]), number(&again["bytes"])), (0, 0));
}

#[test]
fn what_is_kept_aside_survives_an_increment_and_its_damage_is_found() {
    let place = place();
    build_with(&place, "direct", 0.0, "");
    let recipe = std::fs::read_to_string(place.path("recipe.toml")).unwrap();
    place.write(
        "first.toml",
        recipe.split("[[input]]").take(2).collect::<Vec<_>>().join("[[input]]"),
    );
    place.run("build first.toml --corpus corpus").exits(0);
    set(&place, "corpus", "quality", "0.9");
    place.run("add corpus --slice common_crawl --label 2020-05 fixtures/2020-05").exits(0);
    place.assert_sound("corpus");
    // The second label was built with 0.9: it cannot be lowered, and the first not alone.
    let down = "calibrate corpus --slice common_crawl --threshold 0.5 --apply";
    place.run(down).exits(2).names(&["common_crawl/2020-05", "min_score = 0.9"]);
    build_with(&place, "high", 0.9, "");
    assert_same(&place.export("corpus"), &place.export("high"), "an increment after calibrate");
    let aside = |kind: &str| {
        let files = crate::support::files_below(&place.path("corpus/aside"));
        let name = files.into_keys().find(|name| name.ends_with(kind)).unwrap();
        place.path("corpus/aside").join(name)
    };
    for kind in [".parquet", ".jsonl.zst"] {
        let path = aside(kind);
        let whole = std::fs::read(&path).unwrap();
        let mut damaged = whole.clone();
        damaged[whole.len() / 2] ^= 1;
        std::fs::write(&path, damaged).unwrap();
        place.run("verify corpus").exits(1);
        std::fs::remove_file(&path).unwrap();
        place.run("verify corpus").exits(1);
        std::fs::write(&path, whole).unwrap();
    }
    place.assert_sound("corpus");
}

#[test]
fn a_repair_goes_back_to_a_commit_that_keeps_pages_aside() {
    let place = place();
    build_with(&place, "corpus", 0.0, "");
    let built = place.export("corpus");
    set(&place, "corpus", "quality", "0.9");
    let high = place.export("corpus");
    set(&place, "corpus", "quality", "0");
    let files = crate::support::files_below(&place.path("corpus/data"));
    let restored = files.into_keys().find(|name| name.contains(".r3.")).unwrap();
    std::fs::remove_file(place.path("corpus/data").join(restored)).unwrap();
    place.run("verify corpus --repair").exits(0);
    assert_eq!(setting(&place, "corpus", "min_score"), "0.9");
    assert_same(&place.export("corpus"), &high, "the commit before");
    set(&place, "corpus", "quality", "0");
    assert_same(&place.export("corpus"), &built, "back at the build, after a repair");
    place.run("verify corpus --deep").exits(0);
}

#[test]
fn a_run_that_is_killed_while_it_brings_pages_back_can_be_repeated() {
    for point in ["commit-begun", "manifest-written", "manifest-renamed", "old-files-removed"] {
        let place = place();
        build_with(&place, "corpus", 0.0, "");
        let built = place.export("corpus");
        set(&place, "corpus", "quality", "0.5");
        set(&place, "corpus", "quality", "0.9");
        let line = "calibrate corpus --slice common_crawl --threshold 0 --apply";
        place.run_crashing_at(point, line).was_killed();
        place.run(line).exits(0);
        place.assert_sound("corpus");
        assert_same(&place.export("corpus"), &built, point);
        set(&place, "corpus", "quality", "0.9");
        place.run_crashing_at(point, "prune corpus").was_killed();
        place.run("prune corpus").exits(0);
        place.assert_sound("corpus");
        assert_eq!(number(&place.status("corpus")["aside"]["bytes"]), 0, "{point}");
    }
}

#[test]
fn an_expression_of_the_build_can_be_tightened_and_no_more() {
    let place = place();
    let keep = "language != \"xx\" or rps_doc_word_count < 0";
    build_with(&place, "corpus", 0.2, keep);
    set(&place, "corpus", "rps_doc_word_count", "60");
    let found = setting(&place, "corpus", "keep");
    assert_eq!(found, format!("({keep}) and rps_doc_word_count >= 60"));
    build_with(&place, "direct", 0.2, &format!("({keep}) and rps_doc_word_count >= 60"));
    assert_same(&place.export("corpus"), &place.export("direct"), "a tighter expression");
    build_with(&place, "floor", 0.2, "rps_doc_word_count >= 60");
    let line =
        "calibrate floor --slice common_crawl --score rps_doc_word_count --apply --threshold";
    place
        .run(&format!("{line} 50"))
        .exits(2)
        .names(&["rps_doc_word_count >= 60", "build it again"]);
    place.run(&format!("{line} none")).exits(2).names(&["rps_doc_word_count >= 60"]);
    place.run(&format!("{line} 70")).exits(0);
    assert_eq!(setting(&place, "floor", "keep"), "rps_doc_word_count >= 70");
}

#[test]
fn scores_of_earlier_steps_have_a_curve_and_cannot_be_applied() {
    let place = place();
    build_with(&place, "corpus", 0.0, "");
    let line = "calibrate corpus --slice common_crawl --score language_score";
    let report = place.run(&format!("{line} --documents 50 --json --curve a.csv")).exits(0).json();
    let found = report["found"]["min_language_score"].as_f64().unwrap();
    assert!(found > 0.0 && number(&report["found"]["documents"]) >= 50, "{report}");
    let status = place.status("corpus");
    let labels = status["slices"]["common_crawl"]["labels"].as_object().unwrap();
    let of = |label: &Value| {
        number(&label["kept"]) + label["dropped"]["language_score"].as_u64().unwrap_or(0)
    };
    let known: u64 = labels.values().map(of).sum();
    assert_eq!(number(&report["all"]["documents"]), known);
    assert_eq!(report["all"]["tokens"], Value::Null, "dropped pages are not tokenized");
    let refused = place.run(&format!("{line} --documents 50 --apply")).exits(2);
    refused.names(&[
        "before documents are compared",
        "min_language_score = ",
        "ccnet_language_score",
    ]);
    assert_eq!(place.status("corpus"), status);
    place.run(&format!("{line} --tokens 5")).exits(1).names(&["--documents"]);
    let perplexity = line.replace("language_score", "perplexity");
    place.run(&perplexity).exits(2).names(&["names no lm"]);
    let wrong = line.replace("language_score", "rps_doc_word_cont");
    place.run(&wrong).exits(2).names(&["did you mean rps_doc_word_count?"]);
    place.run(&format!("{line} --apply")).exits(2);
    build(&place, "plain", 0.0);
    let unknown = "calibrate plain --slice common_crawl --score rps_doc_word_count --documents 5";
    place.run(unknown).exits(2).names(&["signals = [\"rps_doc_word_count\"]"]);
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
    assert!((10..104).contains(&read("a.csv").lines().count()), "{}", read("a.csv"));
    for word in ["<svg", "polyline", "now: 0.25", "found: ", "share kept", "min_score", "tokens"] {
        assert!(read("a.svg").contains(word), "{word}: {}", read("a.svg"));
    }
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
    let without = place.run("calibrate none --slice common_crawl").exits(0).stdout;
    assert!(without.contains("text read") && without.contains("--documents N"), "{without}");
    place.run("calibrate none --slice common_crawl --documents 9 --apply").exits(0);
}
