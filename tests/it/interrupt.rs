//! Ctrl-C and SIGTERM end a run at a commit, soon, and the same command continues from there.

use crate::support::{
    Place, Running, assert_same, both_dumps, children, files_below, number, send,
};
use std::fs;
use std::time::{Duration, Instant};

/// Many epochs, and no commit before the end unless the run is asked to end.
const BUILD: &str = "build recipe.toml --corpus corpus --epoch-bytes 4K --commit-every 1h -w 2";

/// The longest that a run may take to end.
const END_MAX: Duration = Duration::from_secs(10);

/// Waits until documents are written that no commit names yet.
fn wait_for_documents(place: &Place, run: &mut Running) {
    let folder = place.path("corpus/data/common_crawl/2019-30");
    while fs::read_dir(&folder).map_or(0, |files| files.count()) < 3 {
        assert!(!run.is_over(), "the run was over before it could be interrupted");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_signal_commits_what_is_complete_and_the_same_command_continues() {
    let recipe = both_dumps("", "");
    let expected = Place::new();
    expected.write("recipe.toml", &recipe);
    expected.run(BUILD).exits(0);
    let launched = format!("launch -n 2 -- {BUILD}");
    for (signal, code, build) in
        [("-INT", 130, BUILD), ("-TERM", 143, BUILD), ("-TERM", 143, &launched)]
    {
        let place = Place::new();
        place.write("recipe.toml", &recipe);
        let mut run = place.start(build);
        wait_for_documents(&place, &mut run);
        let processes = children(run.id());
        let asked = Instant::now();
        send(signal, run.id());
        let outcome = run.wait().exits(code);
        assert!(asked.elapsed() < END_MAX, "{:?}", asked.elapsed());
        let status = place.status("corpus");
        let commit = number(&status["commit"]);
        outcome.names(&[&format!("the corpus is at commit {commit}"), "same command"]);
        assert!(number(&place.label("corpus", "2019-30")["kept"]) > 0, "{status:#}");
        for process in processes {
            assert!(!fs::exists(format!("/proc/{process}")).unwrap(), "a process is still running");
        }
        place.run(build).exits(0);
        assert_same(&place.export("corpus"), &expected.export("corpus"), build);
        assert_eq!(place.status("corpus")["slices"], expected.status("corpus")["slices"]);
        place.assert_sound("corpus");
    }
}

#[test]
fn a_second_signal_ends_a_run_at_once() {
    let place = Place::new();
    // One epoch of many seconds: the first signal has to wait for it.
    for (name, bytes) in files_below(&place.path("fixtures/2019-30")) {
        place.write(&format!("in/0-{name}"), &bytes);
        let first = place.path(&format!("in/0-{name}"));
        for copy in 1..600 {
            fs::hard_link(&first, place.path(&format!("in/{copy}-{name}"))).unwrap();
        }
    }
    let rest = "--slice common_crawl --label copies in --epoch-bytes 1G -w 1";
    for (corpus, launched) in [("alone", ""), ("launched", "launch -n 1 -- ")] {
        let mut run = place.start(&format!("{launched}add {corpus} {rest}"));
        while !place.path(&format!("{corpus}/tmp/writing")).exists() {
            assert!(!run.is_over(), "the run was over before it could be interrupted");
            std::thread::sleep(Duration::from_millis(5));
        }
        send("-INT", run.id());
        // Schedulers send it to a process and to its group: that is one request.
        send("-INT", run.id());
        std::thread::sleep(Duration::from_millis(1500));
        assert!(!run.is_over(), "a repeated signal is not a second one");
        send("-INT", run.id());
        let asked = Instant::now();
        let outcome = run.wait().exits(130);
        assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
        if launched.is_empty() {
            outcome.names(&["ended at once; the corpus is at its last commit"]);
        }
        assert_eq!(number(&place.status(corpus)["commit"]), 0);
    }
}

#[test]
fn a_short_time_between_commits_makes_short_epochs() {
    let place = Place::new();
    place.write("recipe.toml", both_dumps("", ""));
    place.run("build recipe.toml --corpus corpus --commit-every 0.01s -w 1").exits(0);
    // No share is smaller than 64 KiB, and the dumps are larger.
    assert!(number(&place.status("corpus")["commit"]) > 3);
}

#[test]
fn messages_are_lines_of_json_on_request() {
    let place = Place::new();
    place.write("recipe.toml", both_dumps("", ""));
    place.write("list", "fixtures/common_crawl/2019-30\nnowhere.wet.gz\n");
    for (arguments, code) in [
        ("build recipe.toml --corpus c -v", 0),
        ("launch -n 2 -v -- build recipe.toml --corpus d", 0),
        ("status nowhere", 1),
    ] {
        let outcome = place.run(&format!("--log-format json {arguments}")).exits(code);
        assert!(!outcome.stderr.is_empty());
        for line in outcome.stderr.lines() {
            let event: serde_json::Value = serde_json::from_str(line).expect(line);
            for key in ["time", "level", "message"] {
                assert!(event[key].is_string(), "{line}");
            }
        }
    }
}

#[test]
fn a_quiet_run_prints_nothing_but_what_json_asks_for() {
    let place = Place::new();
    place.write("recipe.toml", both_dumps("", ""));
    for command in ["build recipe.toml --corpus c", "export c --out o", "prune c", "demo --out d"] {
        let outcome = place.run(&format!("{command} --quiet")).exits(0);
        assert_eq!((&*outcome.stdout, &*outcome.stderr), ("", ""), "{command}");
    }
    let json = place.run("build recipe.toml --corpus e --quiet --json").exits(0).json();
    assert_eq!(number(&json["commit"]), 1);
}
