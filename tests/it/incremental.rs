//! Adding to a corpus produces the same result as building it at once.

use crate::support::{
    Outcome, Place, SLUICE, assert_same, both_dumps, files_below, input, list, number,
};
use serde_json::Value;
use std::fs;
use std::process::Command;

/// The command that adds the second dump.
fn add_second(corpus: &str) -> String {
    format!("add {corpus} --slice common_crawl --label 2020-05 fixtures/2020-05")
}

/// A place with the recipes `first.toml`, for the first dump, and `both.toml`.
fn with_recipes(top: &str, settings: &str) -> Place {
    let place = Place::new();
    let first = input("2019-30", "fixtures/2019-30");
    place
        .write("first.toml", format!("{top}\n[common_crawl]\nlanguages = []\n{settings}\n{first}"));
    place.write("both.toml", both_dumps(top, settings));
    place
}

/// Builds the first dump and adds the second, in several ways, and compares with one build of both.
fn equals_one_build(top: &str, settings: &str) {
    let place = with_recipes(top, settings);
    place.run("build both.toml --corpus at-once").exits(0);
    let expected = place.export("at-once");
    let flags = [
        ("", ""),
        ("-w 1", "-w 3 --epoch-bytes 20K"),
        ("-w 3 --epoch-bytes 4K", "-w 1"),
        ("--memory 64K", "--memory 1G -w 2"),
    ];
    for (number, (first, second)) in flags.iter().enumerate() {
        let corpus = format!("corpus-{number}");
        place.run(&format!("build first.toml --corpus {corpus} {first}")).exits(0);
        place.run(&format!("{} {second}", add_second(&corpus))).exits(0);
        assert_same(&place.export(&corpus), &expected, &format!("[{first}] and [{second}]"));
    }
    place.run("launch -n 2 -- build first.toml --corpus launched -w 1").exits(0);
    place.run(&add_second("launched")).exits(0);
    assert_same(&place.export("launched"), &expected, "two processes, then one");
    place.run("build first.toml --corpus grown -w 2").exits(0);
    place.run("launch -n 2 -- build both.toml --corpus grown -w 2").exits(0);
    assert_same(&place.export("grown"), &expected, "one process, then two");
}

#[test]
fn a_dump_added_later_equals_one_build_of_both() {
    equals_one_build("", "");
}

#[test]
fn a_dump_added_later_equals_one_build_of_both_by_redpajamas_rules() {
    equals_one_build("preset = \"redpajama\"", "shards = 2");
}

#[test]
fn a_later_dump_leaves_the_earlier_one_as_it_was() {
    let place = with_recipes("", "");
    place.run("build first.toml --corpus corpus").exits(0);
    let (before, counts) = (place.export("corpus"), place.label("corpus", "2019-30"));
    place.run(&add_second("corpus")).exits(0);
    let after = place.export("corpus");
    let first = "common_crawl/2019-30.jsonl";
    assert!(after[first] == before[first], "the first dump's documents changed");
    assert_eq!(place.label("corpus", "2019-30"), counts);
}

#[test]
fn building_again_does_nothing() {
    let place = with_recipes("", "");
    place.run("build both.toml --corpus corpus").exits(0);
    let (export, status) = (place.export("corpus"), place.status("corpus"));
    let again = place.run("build both.toml --corpus corpus --json").exits(0).json();
    assert_eq!(list(&again["skipped"]).len(), 2, "{again}");
    assert_eq!(place.status("corpus"), status);
    assert_same(&place.export("corpus"), &export, "building again");
    place.assert_sound("corpus");
}

#[test]
fn adding_a_label_again_does_nothing() {
    let place = with_recipes("", "");
    place.run("build both.toml --corpus corpus").exits(0);
    let status = place.status("corpus");
    place.run(&add_second("corpus")).exits(0);
    place.run(&format!("launch -n 2 -- {}", add_second("corpus"))).exits(0);
    assert_eq!(place.status("corpus"), status);
}

#[test]
fn adding_a_label_again_with_other_files_is_an_error_that_names_it() {
    let place = with_recipes("", "");
    place.run("build both.toml --corpus corpus").exits(0);
    let (export, status) = (place.export("corpus"), place.status("corpus"));
    let add = "add corpus --slice common_crawl --label 2020-05 fixtures/2019-30";
    place.run(add).exits(1).names(&["common_crawl/2020-05", "label"]);
    assert_eq!(place.status("corpus"), status);
    assert_same(&place.export("corpus"), &export, "after a rejected label");
}

#[test]
fn an_unknown_slice_is_wrong_usage_and_the_nearest_is_suggested() {
    let place = Place::new();
    let add = "add corpus --slice comon_crawl --label a fixtures/2019-30";
    place.run(add).exits(2).names(&["comon_crawl", "did you mean common_crawl?"]);
    assert!(!place.path("corpus").exists(), "a wrong command created a corpus");
    place.run("build first.toml").exits(2).names(&["first.toml"]);
}

#[test]
fn a_complete_label_of_many_small_epochs_has_few_files() {
    const SMALL: &str = "--epoch-bytes 2K --commit-every 1K -w 2";
    let place = with_recipes("", "");
    place.run("build both.toml --corpus at-once -w 1").exits(0);
    place.run(&format!("build first.toml --corpus corpus {SMALL}")).exits(0);
    place.run(&format!("{} {SMALL}", add_second("corpus"))).exits(0);
    assert!(number(&place.status("corpus")["commit"]) > 16, "many epochs, each with a commit");
    assert_eq!(files_of_labels(&place, "at-once"), [(1, 1), (1, 1)]);
    assert_eq!(files_of_labels(&place, "corpus"), [(1, 1), (1, 1)]);
    for folder in ["data", "ledger"] {
        let files = files_below(&place.path("corpus").join(folder));
        assert_eq!(files.len(), 2, "the small files are gone: {:?}", files.keys());
    }
    assert_same(&place.export("corpus"), &place.export("at-once"), SMALL);
    place.assert_sound("corpus");
}

#[test]
fn a_label_that_a_killed_run_completed_is_joined_by_the_next_one() {
    const SMALL: &str = "--epoch-bytes 8K --commit-every 1K -w 1";
    let place = with_recipes("", "");
    place.run(&format!("build first.toml --corpus first {SMALL}")).exits(0);
    // With the two commits that join its files: so many are in the second label.
    let commits = number(&place.status("first")["commit"]);
    let build = format!("build both.toml --corpus corpus {SMALL}");
    place.run_crashing_at(&format!("commit-ended:{commits}"), &build).was_killed();
    let files = files_of_labels(&place, "corpus");
    assert!(
        files[0].1 > 8 && files[1].1 > 0,
        "in the second label, and the first is not joined: {files:?}"
    );
    place.run(&build).exits(0);
    assert_eq!(files_of_labels(&place, "corpus"), [(1, 1), (1, 1)]);
    place.assert_sound("corpus");
}

#[test]
fn if_the_disk_is_full_when_files_are_joined_the_small_ones_stay_until_the_next_run() {
    let place = with_recipes("", "");
    let build = "build first.toml --corpus corpus --epoch-bytes 2K --commit-every 1K -w 1";
    run_on_disk(&place, "none:1", build).exits(0);
    assert_eq!(files_of_labels(&place, "corpus"), [(1, 1)]);
    let export = place.export("corpus");
    let is_joined = |line: &str| line.contains("/data/") && line.contains(".r");
    let before = operations(&place, is_joined);

    // Operations that change nothing count too, but are not in the journal.
    let mut at = before + 1;
    let outcome = loop {
        fs::remove_dir_all(place.path("corpus")).unwrap();
        let outcome = run_on_disk(&place, &format!("full:{at}"), build);
        let done = operations(&place, |line| line.starts_with("fault"));
        if done >= before {
            break outcome;
        }
        outcome.exits(1);
        at += before - done;
    };
    outcome.exits(0).names(&["small files of common_crawl/2019-30 stay as they are"]);
    let files = files_of_labels(&place, "corpus");
    assert!(files[0].1 > 8, "not joined: {files:?}");
    assert_same(&place.export("corpus"), &export, "with small files");
    place.assert_sound("corpus");
    place.run(&add_second("corpus")).exits(0);
    assert_eq!(files_of_labels(&place, "corpus")[0], (1, 1), "the next run joins them");
}

/// Runs `line` on a disk with this fault (`src/durable/faults.rs`).
fn run_on_disk(place: &Place, fault: &str, line: &str) -> Outcome {
    let folder = place.path("disk");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).unwrap();
    let mut sluice = Command::new(&*SLUICE);
    sluice.env("SLUICE_FAULTS", format!("{fault}:{}", folder.display()));
    place.run_as(sluice, line)
}

/// The number of operations of the last run on such a disk before the first that is sought.
fn operations(place: &Place, is_sought: impl FnMut(&str) -> bool) -> usize {
    let journal = fs::read_to_string(place.path("disk/journal")).unwrap();
    journal.lines().position(is_sought).expect("an operation that is sought")
}

/// The number of files of each label in the newest commit: of kept documents, and of rows.
fn files_of_labels(place: &Place, corpus: &str) -> Vec<(usize, usize)> {
    let manifest = fs::read(place.path(corpus).join(place.newest_commit(corpus))).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let labels = list(&manifest["labels"]).iter();
    labels.map(|label| (list(&label["segments"]).len(), list(&label["ledger"]).len())).collect()
}
