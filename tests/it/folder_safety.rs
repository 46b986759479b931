//! Whatever happens to a corpus folder, no command treats it as a new one or removes its data. Missing
//! and damaged files are named with a remedy, and going back to an earlier commit deletes nothing.

use crate::support::{Export, Place, assert_same, both_dumps, files_below, keep_all};
use std::fs;

fn add(label: &str, dump: &str) -> String {
    format!("add corpus --slice common_crawl --label {label} fixtures/{dump}")
}

/// A corpus of two labels, `a` and `b`, each in one commit.
fn place() -> Place {
    let place = Place::new();
    place.run(&add("a", "2019-30")).exits(0);
    place.run(&(add("b", "2020-05") + " --epoch-bytes 40K -w 1")).exits(0);
    place
}

/// Every command that could write to the corpus.
fn writers() -> Vec<String> {
    vec![
        add("c", "2020-05"),
        "build recipe.toml".to_owned(),
        "calibrate corpus --slice common_crawl --tokens 1K --apply".to_owned(),
    ]
}

/// Everything in the corpus except the lock.
fn folder(place: &Place) -> Export {
    let mut files = files_below(&place.path("corpus"));
    files.remove("lock");
    files
}

/// Fails unless `line` exits with 1, names `words`, and changes no file.
#[track_caller]
fn refused(place: &Place, line: &str, words: &[&str]) {
    let before = folder(place);
    place.run(line).exits(1).names(words);
    assert_same(&folder(place), &before, line);
}

#[test]
fn a_damaged_newest_manifest_is_named_and_repair_goes_back_without_deleting_anything() {
    let place = place();
    place.write("recipe.toml", both_dumps("corpus = \"corpus\"", "").replace("languages = []", ""));
    let undisturbed = place.export("corpus");
    let newest = place.newest_commit("corpus");
    let bytes = fs::read(place.path("corpus").join(&newest)).unwrap();
    let flipped = |at: usize| {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        bytes
    };
    for damaged in [bytes[..300].to_vec(), Vec::new(), flipped(15), flipped(bytes.len() / 2)] {
        place.copy_without("corpus", "kept", &[]);
        place.write(&format!("corpus/{newest}"), &damaged);
        for line in writers().iter().map(String::as_str).chain(["status corpus"]) {
            refused(&place, line, &[&newest, "verify --repair"]);
        }
        let found = place.run("verify corpus").exits(1);
        assert!(found.stdout.contains(&newest) && found.stdout.contains("--repair"), "{found}");
        let outcome = place.run("verify --repair corpus").exits(0);
        assert!(
            outcome.stdout.contains("common_crawl/b: 150 documents read, 56 of them"),
            "{outcome}"
        );
        let documents = place.export("corpus");
        assert!(!documents.contains_key("common_crawl/b.jsonl"));
        assert_eq!(documents["common_crawl/a.jsonl"], undisturbed["common_crawl/a.jsonl"]);
        // The content of every file still exists.
        let now: Vec<Vec<u8>> = folder(&place).into_values().collect();
        for (name, bytes) in files_below(&place.path("kept")) {
            let is_kept = now.contains(&bytes) || name == newest || name == "lock";
            assert!(is_kept, "{name} is gone");
        }
        assert!(now.contains(&damaged), "the damaged manifest is kept");
        // The content of the commit can be added again.
        place.run(&(add("b", "2020-05") + " -w 2")).exits(0);
        assert_same(&place.export("corpus"), &undisturbed, "after going back");
        place.run("verify corpus --deep").exits(0);
        fs::remove_dir_all(place.path("corpus")).unwrap();
        place.copy_without("kept", "corpus", &[]);
    }
    let sound = place.run("verify --repair corpus").exits(0);
    assert!(sound.stdout.contains("nothing to repair"), "{sound}");
    place.assert_sound("corpus");
}

#[test]
fn a_lost_newest_manifest_does_not_lose_its_data() {
    let place = place();
    place.write("recipe.toml", both_dumps("corpus = \"corpus\"", "").replace("languages = []", ""));
    let with_both = place.export("corpus");
    let before = folder(&place);
    let newest = place.newest_commit("corpus");
    fs::remove_file(place.path("corpus").join(&newest)).unwrap();
    for line in writers() {
        // `calibrate` would fail later for other reasons.
        let words: &[&str] = &["no manifest names this file", "verify --repair"];
        refused(&place, &line, words);
    }
    // An export of the remaining labels would look complete.
    place.run("export corpus --out stale").exits(1).names(&["no manifest names this file"]);
    let found = place.run("verify corpus").exits(1);
    assert!(found.stdout.contains("a later manifest is lost"), "{found}");
    // Either it is restored from a copy, ...
    place.write(&format!("corpus/{newest}"), &before[&newest]);
    assert_same(&place.export("corpus"), &with_both, "the manifest is back");
    place.assert_sound("corpus");
    // ... or the corpus stays at its commit, and files that it does not name are set aside.
    fs::remove_file(place.path("corpus").join(&newest)).unwrap();
    let outcome = place.run("verify --repair corpus").exits(0);
    assert!(outcome.stdout.contains("set-aside/1"), "{outcome}");
    let now: Vec<Vec<u8>> = folder(&place).into_values().collect();
    for (name, bytes) in before.iter().filter(|(name, _)| **name != newest) {
        assert!(now.contains(bytes), "{name} is gone");
    }
    place.run(&add("b", "2020-05")).exits(0);
    assert_same(&place.export("corpus"), &with_both, "after going back");
}

#[test]
fn a_folder_without_its_manifests_is_not_treated_as_a_new_corpus() {
    let place = place();
    // The recipe is the same for `build`, and the default for `add`, so it is not the error.
    place.write("recipe.toml", both_dumps("corpus = \"corpus\"", "").replace("languages = []", ""));
    place.copy_without("corpus", "copy", &["commits"]);
    fs::remove_dir_all(place.path("corpus")).unwrap();
    fs::rename(place.path("copy"), place.path("corpus")).unwrap();
    let other_lines =
        ["status corpus", "verify corpus", "verify --repair corpus", "export corpus --out o"];
    for line in writers().iter().map(String::as_str).chain(other_lines) {
        refused(&place, line, &["commits/ has no manifest", "restore commits/"]);
    }
}

#[test]
fn a_missing_folder_of_a_copy_is_named_and_nothing_is_lost() {
    let place = place();
    place.write("recipe.toml", both_dumps("corpus = \"corpus\"", "").replace("languages = []", ""));
    fs::rename(place.path("corpus"), place.path("whole")).unwrap();
    for part in ["data", "ledger", "state"] {
        place.copy_without("whole", "corpus", &[part]);
        let path = format!("corpus/{part}/");
        for line in writers() {
            refused(&place, &line, &[&path, "restore it from a copy"]);
        }
        refused(&place, "status corpus", &[&format!("corpus/{part}: this folder"), "restore it"]);
        let before = folder(&place);
        let found = place.run("verify corpus").exits(1);
        assert!(found.stdout.contains(&path) && found.stdout.contains("restore it"), "{found}");
        // The previous commit needs that folder too.
        refused(&place, "verify --repair corpus", &[&path, "no commit is whole"]);
        assert_same(&folder(&place), &before, part);
    }
    // A folder that is empty between runs is created again.
    place.copy_without("whole", "corpus", &[]);
    fs::remove_dir(place.path("corpus/tmp")).unwrap();
    place.run(&add("c", "2020-05")).exits(0);
    place.assert_sound("corpus");
}

#[test]
fn a_lost_or_edited_recipe_is_named_and_written_again() {
    let place = place();
    let whole = folder(&place);
    place.write("recipe.toml", both_dumps("corpus = \"corpus\"", "").replace("languages = []", ""));
    let path = place.path("corpus/recipe.toml");
    fs::remove_file(&path).unwrap();
    for line in writers() {
        refused(&place, &line, &["recipe.toml", "missing", "verify --repair"]);
    }
    let finds = |what: &str| {
        let found = place.run("verify corpus").exits(1);
        let is_named = found.stdout.contains("recipe.toml") && found.stdout.contains(what);
        assert!(is_named && found.stdout.contains("--repair"), "{found}");
    };
    finds("missing");
    place.run("verify --repair corpus").exits(0);
    assert_same(&folder(&place), &whole, "the recipe is back");
    let edited = String::from_utf8(whole["recipe.toml"].clone()).unwrap();
    let edited = edited.replacen("min_chars = 300", "min_chars = 30", 1);
    place.write("corpus/recipe.toml", &edited);
    finds("is not what commit 2 has");
    place.run(&add("c", "2020-05")).exits(2).names(&["recipe.toml", "verify --repair"]);
    place.run("verify --repair corpus").exits(0);
    assert_eq!(folder(&place)["recipe.toml"], whole["recipe.toml"]);
    assert_eq!(folder(&place)["recipe.toml.damaged"], edited.as_bytes());
}

#[test]
fn both_kept_commits_are_whole_after_merges() {
    let place = Place::new();
    place.write("recipe.toml", keep_all(""));
    place.run("build recipe.toml").exits(0);
    // This merges runs.
    let line = add("a", "2019-30") + " --epoch-bytes 20K --commit-every 1";
    place.run(&line).exits(0);
    place.assert_sound("corpus");
    let undisturbed = place.export("corpus");
    let newest = place.newest_commit("corpus");
    // Only the last epoch is lost.
    place.write(&format!("corpus/{newest}"), "{");
    place.run("verify --repair --deep corpus").exits(0);
    let status = place.label("corpus", "a");
    assert!(status["read"].as_u64().is_some_and(|read| read > 200), "{status}");
    place.run(&line).exits(0);
    assert_same(&place.export("corpus"), &undisturbed, "after going back by an epoch");
    place.run("verify corpus --deep").exits(0);
}

#[test]
fn repair_undoes_a_calibration_and_restores_the_recipe() {
    let place = Place::new();
    let wiki = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/models/wiki.bin");
    place.write("wiki.bin", fs::read(wiki).unwrap());
    let words = r#"{"version": "1.0", "added_tokens": [], "normalizer": null,
        "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
        "model": {"type": "WordLevel", "vocab": {"[UNK]": 0}, "unk_token": "[UNK]"}}"#;
    place.write("words.json", words);
    let settings = "classifier = \"wiki.bin\"\nmin_score = 0.0";
    place.write("recipe.toml", both_dumps("tokenizer = \"words.json\"", settings));
    place.run("build recipe.toml --corpus corpus").exits(0);
    let before = place.export("corpus");
    place.run("calibrate corpus --slice common_crawl --tokens 3000 --apply").exits(0);
    place.assert_sound("corpus");
    let after = place.export("corpus");
    assert_ne!(before, after);
    place.write(&format!("corpus/{}", place.newest_commit("corpus")), "");
    place.run("verify --repair --deep corpus").exits(0);
    assert_same(&place.export("corpus"), &before, "before the calibration");
    // The corpus has its original recipe again.
    place.run("build recipe.toml --corpus corpus").exits(0);
    place.run("calibrate corpus --slice common_crawl --tokens 3000 --apply").exits(0);
    assert_same(&place.export("corpus"), &after, "calibrated again");
}

#[test]
fn a_file_in_place_of_a_corpus_is_reported_as_a_file() {
    let place = Place::new();
    place.write("corpus", "precious");
    place.run("status corpus").exits(1).names(&["this is a file"]);
    place.run(&add("a", "2019-30")).names(&["corpus"]);
    assert_eq!(fs::read_to_string(place.path("corpus")).unwrap(), "precious");
}
