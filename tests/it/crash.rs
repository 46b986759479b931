//! A process may be killed at any moment. Readers see only whole commits, and the next run of the same
//! command ends with the bytes of an undisturbed run.

use crate::support::{
    Export, Place, assert_end_with_launcher, assert_same, both_dumps, children, files_below,
    number, send,
};
use corpus::crash::{JOIN_POINTS, POINTS};
use serde_json::Value;
use std::fs;
use std::time::{Duration, Instant};

/// Many epochs with a commit after each: every point is passed at least twenty times.
const BUILD: &str = "build recipe.toml --corpus corpus --epoch-bytes 20K --commit-every 1K";

/// The result of an undisturbed run.
struct Undisturbed {
    export: Export,
    counts: Value,
}

/// Runs `build` with a recipe, undisturbed.
fn undisturbed(recipe: &str, build: &str) -> Undisturbed {
    let place = with_recipe(recipe);
    place.run(build).exits(0);
    let counts = place.status("corpus")["slices"].clone();
    Undisturbed { export: place.export("corpus"), counts }
}

fn with_recipe(recipe: &str) -> Place {
    let place = Place::new();
    place.write("recipe.toml", recipe);
    place
}

/// Fails unless a reader finds a whole commit, or no corpus yet. Returns the number of the commit.
fn assert_whole_commit(place: &Place) -> Option<u64> {
    let status = place.run("status corpus --json");
    if status.status.code() == Some(1) {
        status.names(&["no corpus here"]);
        return None;
    }
    let status = status.exits(0).json();
    let labels = status["slices"]["common_crawl"]["labels"].as_object();
    let kept: u64 = labels.into_iter().flat_map(|l| l.values()).map(|l| number(&l["kept"])).sum();
    assert_eq!(place.documents("corpus").len() as u64, kept, "{status:#}");
    // The only permitted findings are files that are not in a commit yet.
    let verified = place.run("verify corpus --deep");
    let findings: Vec<&str> = verified.stdout.lines().collect();
    let (_, findings) = findings.split_last().expect("a last line with the number of findings");
    for finding in findings {
        assert!(finding.ends_with("no manifest names this file"), "{verified}");
    }
    Some(number(&status["commit"]))
}

/// Fails unless `build` completes with the bytes of `expected`.
fn assert_resumes(place: &Place, build: &str, expected: &Undisturbed, what: &str) {
    place.run(build).exits(0);
    assert_same(&place.export("corpus"), &expected.export, what);
    assert_eq!(place.status("corpus")["slices"], expected.counts, "{what}");
    place.assert_sound("corpus");
}

#[test]
fn a_run_killed_at_any_point_resumes_to_the_same_bytes() {
    let recipe = both_dumps("", "");
    let expected = undisturbed(&recipe, BUILD);
    for point in POINTS {
        for passing in [1, 2, 20] {
            let place = with_recipe(&recipe);
            let point = format!("{point}:{passing}");
            place.run_crashing_at(&point, BUILD).was_killed();
            assert_whole_commit(&place);
            assert_resumes(&place, BUILD, &expected, &point);
        }
    }
}

#[test]
fn a_run_killed_while_it_joins_small_files_is_complete() {
    let recipe = both_dumps("", "");
    let expected = undisturbed(&recipe, BUILD);
    for point in JOIN_POINTS {
        let place = with_recipe(&recipe);
        place.run_crashing_at(point, BUILD).was_killed();
        assert_same(&place.export("corpus"), &expected.export, point);
        let commit = assert_whole_commit(&place);
        assert_resumes(&place, BUILD, &expected, point);
        // Between the two commits, the small files are still there.
        let then =
            if *point == "join-committed" { commit.map(|commit| commit + 1) } else { commit };
        assert_eq!(assert_whole_commit(&place), then, "{point}: nothing else is left to do");
        if then != commit {
            let files = files_below(&place.path("corpus/ledger"));
            assert_eq!(files.len(), 2, "{point}: {:?}", files.keys());
        }
    }
}

#[test]
fn a_run_killed_at_every_point_in_turn_resumes_to_the_same_bytes() {
    for (top, flags) in [("", "-w 2"), ("preset = \"redpajama\"", "--memory 64K")] {
        let recipe = both_dumps(top, "shards = 3");
        let build = format!("{BUILD} {flags}");
        let expected = undisturbed(&recipe, &build);
        let place = with_recipe(&recipe);
        let mut commits = Vec::new();
        // Some of the later runs may find everything done.
        for point in POINTS.iter().chain(POINTS) {
            place.run_crashing_at(&format!("{point}:2"), &build);
            commits.extend(assert_whole_commit(&place));
        }
        assert!(commits.is_sorted(), "a commit was lost: {commits:?}");
        assert_resumes(&place, &build, &expected, &build);
    }
}

#[test]
fn a_failed_first_commit_leaves_no_corpus_and_blocks_nothing() {
    let recipe = both_dumps("", "");
    let expected = undisturbed(&recipe, BUILD);
    for point in ["commit-begun", "manifest-written"] {
        let place = with_recipe(&recipe);
        place.run_crashing_at(point, BUILD).was_killed();
        assert_eq!(assert_whole_commit(&place), None);
        assert_resumes(&place, BUILD, &expected, point);
    }
}

#[test]
fn a_run_of_several_processes_killed_at_any_point_resumes_to_the_same_bytes() {
    let recipe = both_dumps("", "");
    let launch = format!("launch -n 2 --retries 0 -- {BUILD}");
    let expected = undisturbed(&recipe, &launch);
    for point in POINTS {
        let place = with_recipe(&recipe);
        let point = format!("{point}:3");
        place.run_crashing_at(&point, &launch).exits(1).names(&["process", "signal: 9"]);
        assert_whole_commit(&place);
        assert_resumes(&place, &launch, &expected, &point);
    }
}

#[test]
fn a_run_over_damaged_files_counts_the_damage_once_however_often_it_is_killed() {
    let recipe = "[common_crawl]\nlanguages = []";
    let add = "add corpus --slice common_crawl --label broken fixtures/broken";
    let add = format!("{add} --epoch-bytes 500 --commit-every 1");
    let damaged = || {
        let place = with_recipe(recipe);
        place.run("build recipe.toml --corpus corpus").exits(0);
        place
    };
    let reference = damaged();
    reference.run(&add).exits(3);
    for point in ["part-finished:2", "manifest-written:2", "manifest-renamed:3", "commit-ended:2"] {
        let place = damaged();
        place.run_crashing_at(point, &add).was_killed();
        let code = place.run(&add).status.code();
        assert!(matches!(code, Some(0 | 3)), "{point}: {code:?}");
        assert_eq!(place.label("corpus", "broken"), reference.label("corpus", "broken"), "{point}");
        assert_same(&place.export("corpus"), &reference.export("corpus"), point);
        place.assert_sound("corpus");
    }
}

#[test]
fn a_killed_process_ends_the_launched_run_at_once_and_is_named() {
    let recipe = both_dumps("", "");
    let launch = "launch -n 2 --retries 0 -- build recipe.toml --corpus corpus --epoch-bytes 2K --commit-every 1K";
    let expected = undisturbed(&recipe, launch);
    for victim in 0..2 {
        let place = with_recipe(&recipe);
        let mut run = place.start(launch);
        place.wait_for_commit(&mut run);
        // They are started in order, so they are numbered in order.
        let processes = children(run.id());
        send("-KILL", processes[victim]);
        let killed = Instant::now();
        let outcome = run.wait().exits(1);
        assert!(killed.elapsed() < Duration::from_secs(8), "{:?}", killed.elapsed());
        outcome.names(&[&format!("process {victim} ended with signal: 9"), "same command"]);
        for process in processes {
            assert!(!fs::exists(format!("/proc/{process}")).unwrap(), "a process is still running");
        }
        assert!(assert_whole_commit(&place).is_some());
        assert_resumes(&place, launch, &expected, "a launched run");
    }
}

#[test]
fn a_killed_launcher_does_not_change_the_result() {
    let recipe = both_dumps("", "");
    let launch = "launch -n 2 --retries 0 -- build recipe.toml --corpus corpus --epoch-bytes 2K --commit-every 1K";
    let expected = undisturbed(&recipe, launch);
    let place = with_recipe(&recipe);
    let mut run = place.start(launch);
    place.wait_for_commit(&mut run);
    let processes = children(run.id());
    run.kill().was_killed();
    // Its processes notice and end. Until then they have the lock of the corpus.
    assert_end_with_launcher(&processes);
    assert!(assert_whole_commit(&place).is_some());
    assert_resumes(&place, launch, &expected, "a run without its launcher");
}
