//! A process may be killed at any moment. Whoever reads sees whole commits; the next run of the
//! same command ends in the bytes of a run that nothing disturbed.

use crate::support::{Export, Place, assert_same, both_dumps, number};
use corpus::crash::POINTS;
use serde_json::Value;
use std::fs;
use std::time::{Duration, Instant};

/// Many epochs, a commit after each: every point is passed at least twenty times.
const BUILD: &str = "build recipe.toml --corpus corpus --epoch-bytes 20K --commit-every 1K";

/// What nothing disturbed.
struct Undisturbed {
    export: Export,
    counts: Value,
    took: Duration,
}

/// A place with a recipe, and what comes of `build` when it is left in peace.
fn undisturbed(recipe: &str, build: &str) -> Undisturbed {
    let place = with_recipe(recipe);
    let began = Instant::now();
    place.run(build).exits(0);
    let took = began.elapsed();
    let counts = place.status("corpus")["slices"].clone();
    Undisturbed { export: place.export("corpus"), counts, took }
}

fn with_recipe(recipe: &str) -> Place {
    let place = Place::new();
    place.write("recipe.toml", recipe);
    place
}

/// Fails unless a reader finds a whole commit, or no corpus yet; gives the commit's number.
fn a_reader_sees_a_whole_commit(place: &Place) -> Option<u64> {
    let status = place.run("status corpus --json");
    if status.status.code() == Some(1) {
        status.names(&["no corpus here"]);
        return None;
    }
    let status = status.exits(0).json();
    let labels = status["slices"]["common_crawl"]["labels"].as_object();
    let kept: u64 = labels.into_iter().flat_map(|l| l.values()).map(|l| number(&l["kept"])).sum();
    assert_eq!(place.documents("corpus").len() as u64, kept, "{status:#}");
    // Files that are in no commit yet are all that may be wrong.
    let verified = place.run("verify corpus --deep");
    let findings: Vec<&str> = verified.stdout.lines().collect();
    let (_, findings) = findings.split_last().expect("a last line with the number of findings");
    for finding in findings {
        assert!(finding.ends_with("no manifest names this file"), "{verified}");
    }
    Some(number(&status["commit"]))
}

/// Fails unless `build` goes on to its end, and to the bytes of `expected`.
fn goes_on(place: &Place, build: &str, expected: &Undisturbed, what: &str) {
    place.run(build).exits(0);
    assert_same(&place.export("corpus"), &expected.export, what);
    assert_eq!(place.status("corpus")["slices"], expected.counts, "{what}");
    place.assert_sound("corpus");
}

#[test]
fn a_run_killed_at_any_point_goes_on_to_the_same_bytes() {
    let recipe = both_dumps("", "");
    let expected = undisturbed(&recipe, BUILD);
    for point in POINTS {
        for passing in [1, 2, 20] {
            let place = with_recipe(&recipe);
            let point = format!("{point}:{passing}");
            place.run_crashing_at(&point, BUILD).was_killed();
            a_reader_sees_a_whole_commit(&place);
            goes_on(&place, BUILD, &expected, &point);
        }
    }
}

#[test]
fn a_run_killed_at_every_point_in_turn_goes_on_to_the_same_bytes() {
    for (top, flags) in [("", "-w 2"), ("preset = \"redpajama\"", "--memory 64K")] {
        let recipe = both_dumps(top, "shards = 3");
        let build = format!("{BUILD} {flags}");
        let expected = undisturbed(&recipe, &build);
        let place = with_recipe(&recipe);
        let mut commits = Vec::new();
        // Some of the later ones may find everything done.
        for point in POINTS.iter().chain(POINTS) {
            place.run_crashing_at(&format!("{point}:2"), &build);
            commits.extend(a_reader_sees_a_whole_commit(&place));
        }
        assert!(commits.is_sorted(), "a commit was lost: {commits:?}");
        goes_on(&place, &build, &expected, &build);
    }
}

#[test]
fn a_first_commit_that_fails_leaves_no_corpus_and_no_obstacle() {
    let recipe = both_dumps("", "");
    let expected = undisturbed(&recipe, BUILD);
    for point in ["commit-begun", "manifest-written"] {
        let place = with_recipe(&recipe);
        place.run_crashing_at(point, BUILD).was_killed();
        assert_eq!(a_reader_sees_a_whole_commit(&place), None);
        goes_on(&place, BUILD, &expected, point);
    }
}

#[test]
fn a_run_of_several_processes_killed_at_any_point_goes_on_to_the_same_bytes() {
    let recipe = both_dumps("", "");
    let launch = format!("launch -n 2 -- {BUILD}");
    let expected = undisturbed(&recipe, &launch);
    for point in POINTS {
        let place = with_recipe(&recipe);
        let point = format!("{point}:3");
        place.run_crashing_at(&point, &launch).exits(1).names(&["process", "signal: 9"]);
        a_reader_sees_a_whole_commit(&place);
        goes_on(&place, &launch, &expected, &point);
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
    let calm = damaged();
    calm.run(&add).exits(3);
    for point in ["part-finished:2", "manifest-written:2", "manifest-renamed:3", "commit-ended:2"] {
        let place = damaged();
        place.run_crashing_at(point, &add).was_killed();
        let code = place.run(&add).status.code();
        assert!(matches!(code, Some(0 | 3)), "{point}: {code:?}");
        assert_eq!(place.label("corpus", "broken"), calm.label("corpus", "broken"), "{point}");
        assert_same(&place.export("corpus"), &calm.export("corpus"), point);
        place.assert_sound("corpus");
    }
}

/// Numbers that look random and are the same in every run (splitmix64).
struct Dice(u64);

impl Dice {
    /// A moment before `end`.
    fn before(&mut self, end: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        end.mul_f64((bits >> 40) as f64 / (1u64 << 24) as f64)
    }
}

#[test]
fn twenty_kills_at_any_moment_do_not_show() {
    let recipe = both_dumps("", "");
    let build = format!("{BUILD} -w 2");
    let expected = undisturbed(&recipe, &build);
    let (mut dice, mut kills) = (Dice(1), 0);
    for round in 0.. {
        let place = with_recipe(&recipe);
        // Two kills a corpus: the second meets a run that goes on.
        for end in [expected.took, expected.took / 2] {
            let run = place.start(&build);
            std::thread::sleep(dice.before(end));
            kills += usize::from(run.kill().status.code().is_none());
            a_reader_sees_a_whole_commit(&place);
        }
        goes_on(&place, &build, &expected, &format!("round {round}"));
        if kills >= 20 {
            break;
        }
        assert!(round < 40, "only {kills} kills met a run");
    }
}

/// The processes that `parent` started, by what the system says of each.
fn children(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_child = |process: &u32| {
        // `PID (NAME) STATE PARENT ...`; the name may hold anything.
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        after_name.split(' ').nth(1) == Some(&parent.to_string())
    };
    let mut children: Vec<u32> = numbers.filter(is_child).collect();
    children.sort_unstable();
    children
}

fn kill(process: u32) {
    let done = std::process::Command::new("kill").args(["-9", &process.to_string()]).status();
    assert!(done.unwrap().success());
}

#[test]
fn a_killed_process_ends_the_launched_run_at_once_and_is_named() {
    let recipe = both_dumps("", "");
    let launch =
        "launch -n 2 -- build recipe.toml --corpus corpus --epoch-bytes 2K --commit-every 1K";
    let expected = undisturbed(&recipe, launch);
    for victim in 0..2 {
        let place = with_recipe(&recipe);
        let mut run = place.start(launch);
        place.wait_for_a_commit(&mut run);
        // Started in order, so numbered in order.
        let processes = children(run.id());
        kill(processes[victim]);
        let killed = Instant::now();
        let outcome = run.wait().exits(1);
        assert!(killed.elapsed() < Duration::from_secs(8), "{:?}", killed.elapsed());
        outcome.names(&[&format!("process {victim} ended with signal: 9"), "same command"]);
        for process in processes {
            assert!(!fs::exists(format!("/proc/{process}")).unwrap(), "a process was left");
        }
        assert!(a_reader_sees_a_whole_commit(&place).is_some());
        goes_on(&place, launch, &expected, "a launched run");
    }
}

#[test]
fn a_killed_launcher_does_not_show() {
    let recipe = both_dumps("", "");
    let launch =
        "launch -n 2 -- build recipe.toml --corpus corpus --epoch-bytes 2K --commit-every 1K";
    let expected = undisturbed(&recipe, launch);
    let place = with_recipe(&recipe);
    let mut run = place.start(launch);
    place.wait_for_a_commit(&mut run);
    let processes = children(run.id());
    run.kill().was_killed();
    // Its processes notice and end; until then the corpus is theirs.
    let began = Instant::now();
    while processes.iter().any(|process| fs::exists(format!("/proc/{process}")).unwrap()) {
        assert!(began.elapsed() < Duration::from_secs(10), "processes outlive their launcher");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(a_reader_sees_a_whole_commit(&place).is_some());
    goes_on(&place, launch, &expected, "a run without its launcher");
}
