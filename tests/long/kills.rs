//! Processes are killed at any time, in any number. The next run continues, and ends with the bytes of
//! an undisturbed run.

use crate::random::Random;
use crate::settings::{SETTINGS, Setting, flags};
use crate::support::{Export, Place, children, is_sent, number};
use crate::trial::Trial;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

/// How long processes may outlive a killed launcher.
const GRACE: Duration = Duration::from_secs(10);

/// Kills that one corpus must survive.
const KILLS_MAX: usize = 6;

/// The result of an undisturbed run.
struct Undisturbed {
    export: Export,
    counts: Value,
    duration: Duration,
}

impl Undisturbed {
    fn of(setting: &Setting) -> Undisturbed {
        let place = setting.place();
        let began = Instant::now();
        place.run(&setting.build("--epoch-bytes 20K --commit-every 20K")).exits(0);
        let duration = began.elapsed();
        let counts = place.status("corpus")["slices"].clone();
        Undisturbed { export: place.export("corpus"), counts, duration }
    }
}

/// The process to kill.
#[derive(Debug)]
enum Victim {
    /// The started process, which may be a launcher.
    First,
    /// A process of the launcher.
    Launched(usize),
}

#[test]
fn kills() {
    let mut trial = Trial::new("kills", 7);
    let (mut expected, mut done) = (BTreeMap::new(), Done::default());
    while done.kills < trial.wanted {
        let (round, mut random) = trial.round();
        assert!(done.corpora <= 20 * trial.wanted, "runs end before they are killed");
        let setting = &SETTINGS[round as usize % SETTINGS.len()];
        let expected = expected.entry(setting.slice).or_insert_with(|| Undisturbed::of(setting));
        let place = setting.place();
        // Once there is a corpus, labels are added one at a time.
        if random.below(3) == 0 {
            place.run("build none.toml --corpus corpus").exits(0);
        }
        let mut newest = 0;
        for _ in 0..1 + random.below(KILLS_MAX) {
            done.kills +=
                usize::from(one_kill(&mut trial, round, setting, expected, &place, &mut random));
            let commit = assert_readable(&mut trial, round, setting, &place);
            trial.check(round, commit >= newest, || format!("commit {newest} was lost: {commit}"));
            newest = commit;
        }
        assert_resumes(&mut trial, round, setting, expected, &place, &mut random);
        done.corpora += 1;
    }
    trial.end(&[("kills", done.kills), ("corpora", done.corpora)]);
}

#[derive(Default)]
struct Done {
    kills: usize,
    corpora: usize,
}

/// Starts a command and kills one of its processes before it ends. Returns whether it killed one.
fn one_kill(
    trial: &mut Trial,
    round: u64,
    setting: &Setting,
    expected: &Undisturbed,
    place: &Place,
    random: &mut Random,
) -> bool {
    let (line, victim) = command(setting, place, random);
    let mut run = place.start(&line);
    let moment = expected.duration.mul_f64(random.below(1000) as f64 / 1000.0);
    std::thread::sleep(moment);
    let launched = children(run.id());
    let outcome = match victim {
        Victim::First => run.kill(),
        Victim::Launched(number) => {
            if let Some(process) = launched.get(number)
                && !run.is_over()
            {
                // The process may have ended.
                is_sent("-KILL", *process);
            }
            run.wait()
        }
    };
    let was_killed = match victim {
        Victim::First => outcome.status.code().is_none(),
        Victim::Launched(_) => outcome.status.code() == Some(1),
    };
    trial.check(round, was_killed || matches!(outcome.status.code(), Some(0 | 3)), || {
        format!("{line} with {victim:?} killed after {moment:?}: {outcome}")
    });
    let began = Instant::now();
    while launched.iter().any(|process| fs::exists(format!("/proc/{process}")).unwrap()) {
        if !trial.check(round, began.elapsed() < GRACE, || format!("{line}: a process is left")) {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    was_killed
}

fn command(setting: &Setting, place: &Place, random: &mut Random) -> (String, Victim) {
    let flags = flags(random);
    let labels = labels(setting, place);
    // The first label is added before the second, however the corpus is made.
    let next = labels.map(|labels| usize::from(labels.contains_key(setting.label(0))));
    let inner = match next {
        Some(next) if random.below(2) == 0 => setting.add(next, &flags),
        _ => setting.build(&flags),
    };
    match random.below(4) {
        0 | 1 => (inner, Victim::First),
        _ => {
            let processes = 1 + random.below(2);
            let victim = match random.below(processes + 1) {
                0 => Victim::First,
                number => Victim::Launched(number - 1),
            };
            (format!("launch -n {processes} -- {inner}"), victim)
        }
    }
}

/// The complete and incomplete labels, if there is a corpus.
fn labels(setting: &Setting, place: &Place) -> Option<serde_json::Map<String, Value>> {
    let status = place.run("status corpus --json");
    if status.status.code() != Some(0) {
        return None;
    }
    let labels = status.json()["slices"][setting.slice]["labels"].as_object().cloned();
    // An incomplete label is added again, unchanged.
    Some(labels.unwrap_or_default())
}

/// Asserts that a reader finds a complete commit, or none. Returns its number.
fn assert_readable(trial: &mut Trial, round: u64, setting: &Setting, place: &Place) -> u64 {
    let status = place.run("status corpus --json");
    if status.status.code() == Some(1) && status.stderr.contains("no corpus here") {
        return 0;
    }
    if !trial.ends(round, &status, &[0], "status after a kill") {
        return 0;
    }
    let status = status.json();
    let labels = status["slices"][setting.slice]["labels"].as_object().cloned().unwrap_or_default();
    let kept: u64 = labels.values().map(|label| number(&label["kept"])).sum();
    let found = place.documents("corpus").len() as u64;
    trial.check(round, found == kept, || format!("{found} documents, {kept} kept: {status:#}"));
    number(&status["commit"])
}

/// Asserts that the same command, run in any way, reaches the expected result.
fn assert_resumes(
    trial: &mut Trial,
    round: u64,
    setting: &Setting,
    expected: &Undisturbed,
    place: &Place,
    random: &mut Random,
) {
    let build = setting.build(&flags(random));
    if !trial.ends(round, &place.run(&build), &[0], "the run after kills") {
        return;
    }
    let export = place.export("corpus");
    trial.check(round, export == expected.export, || format!("{build}: other bytes after kills"));
    let counts = &place.status("corpus")["slices"];
    trial.check(round, *counts == expected.counts, || format!("{build}: other counts: {counts:#}"));
    trial.ends(round, &place.run("verify corpus --deep"), &[0], "verify after kills");
}
