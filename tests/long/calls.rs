//! System calls fail: any write, any rename, at any time. The command ends with an error that names a
//! file, or succeeds without the call. Once calls succeed again, the same command ends as if nothing
//! had happened.
//!
//! A small preloaded library in C makes the calls fail.

use crate::random::Random;
use crate::settings::{SETTINGS, Setting};
use crate::support::{Export, Outcome, Place, SLUICE, assert_same, files_below};
use crate::trial::Trial;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names of the calls, and the error numbers with which they fail.
const CALLS: [(&str, &[i32]); 7] = [
    ("write", &[EIO, ENOSPC, EDQUOT]),
    ("fsync", &[EIO, ENOSPC]),
    ("rename", &[EIO, ENOSPC, EACCES]),
    ("open", &[EIO, ENOSPC, EMFILE, EACCES, EROFS]),
    ("unlink", &[EIO, EACCES, EROFS]),
    ("mkdir", &[EIO, ENOSPC, EACCES]),
    ("read", &[EIO]),
];

const EIO: i32 = 5;
const EACCES: i32 = 13;
const EMFILE: i32 = 24;
const ENOSPC: i32 = 28;
const EROFS: i32 = 30;
const EDQUOT: i32 = 122;

/// The command during which a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Work {
    Build,
    Add,
    AddSpilling,
    Export,
    Verify,
}

const WORKS: [Work; 5] = [Work::Build, Work::Add, Work::AddSpilling, Work::Export, Work::Verify];

impl Work {
    fn line(self, setting: &Setting) -> String {
        let flags = "--epoch-bytes 10K --commit-every 1";
        match self {
            Work::Build => setting.build(&format!("{flags} -w 2")),
            Work::Add => setting.add(1, flags),
            Work::AddSpilling => setting.add(1, &format!("{flags} --memory 64K")),
            Work::Export => "export corpus --out out --quiet".to_owned(),
            Work::Verify => "verify corpus --deep".to_owned(),
        }
    }
}

/// A slice with its first label in the corpus, and the expected result of the second.
struct Prepared {
    setting: &'static Setting,
    place: Place,
    /// The corpus with the first label.
    folder: Export,
    before: Export,
    after: Export,
    /// Number of calls that each command makes.
    calls: BTreeMap<(Work, usize), usize>,
}

#[test]
fn calls() {
    let mut trial = Trial::new("calls", 14);
    let folder = tempfile::tempdir().unwrap();
    let library = compile(folder.path());
    let mut prepared: BTreeMap<usize, Prepared> = BTreeMap::new();
    let (mut failing, mut refused) = (0, 0);
    while failing < trial.wanted {
        let (round, mut random) = trial.round();
        let number = round as usize % SETTINGS.len();
        let prepared = prepared.entry(number).or_insert_with(|| Prepared::new(&SETTINGS[number]));
        let outcome = prepared.round(&mut trial, round, &mut random, &library);
        failing += 1;
        refused += usize::from(outcome.status.code() == Some(1));
    }
    trial.end(&[("failing calls", failing), ("commands that ended with an error", refused)]);
}

/// The library that makes calls fail.
fn compile(folder: &Path) -> PathBuf {
    let library = folder.join("fail_call.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/long/fail_call.c");
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let mut command = Command::new(compiler);
    command.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", source, "-ldl", "-o"]);
    let done = command.arg(&library).status().expect("a C compiler, which the build needs too");
    assert!(done.success(), "{source} does not compile");
    library
}

impl Prepared {
    fn new(setting: &'static Setting) -> Prepared {
        let place = setting.place();
        let corpus = |place: &Place| files_below(&place.path("corpus"));
        place.run("build none.toml --corpus corpus").exits(0);
        place.run(&setting.add(0, "--epoch-bytes 10K")).exits(0);
        let (folder, before) = (corpus(&place), place.export("corpus"));
        place.run(&setting.add(1, "")).exits(0);
        let after = place.export("corpus");
        Prepared { setting, place, folder, before, after, calls: BTreeMap::new() }
    }

    /// The corpus before `work`.
    fn reset(&self, work: Work) {
        for folder in ["corpus", "out"] {
            let _ = fs::remove_dir_all(self.place.path(folder));
        }
        if work == Work::Build {
            return;
        }
        for folder in ["commits", "data", "ledger", "state", "tmp"] {
            fs::create_dir_all(self.place.path("corpus").join(folder)).unwrap();
        }
        for (name, bytes) in &self.folder {
            self.place.write(&format!("corpus/{name}"), bytes);
        }
    }

    /// Runs `work` while the call with this number fails; 0 for none.
    fn run(&self, library: &Path, work: Work, call: &str, number: usize, error: i32) -> Outcome {
        self.reset(work);
        let folder = self.place.path("").canonicalize().unwrap();
        let mut command = Command::new(&*SLUICE);
        command.env("LD_PRELOAD", library).env("FAIL_CALL", call);
        command.env("FAIL_NUMBER", number.to_string()).env("FAIL_ERROR", error.to_string());
        command.env("FAIL_BELOW", folder).env("FAIL_COUNT", self.place.path("count"));
        self.place.run_as(command, &work.line(self.setting))
    }

    fn round(
        &mut self,
        trial: &mut Trial,
        round: u64,
        random: &mut Random,
        library: &Path,
    ) -> Outcome {
        let (work, kind) = (*random.pick(&WORKS), random.below(CALLS.len()));
        let (call, errors) = CALLS[kind];
        let calls = self.calls.get(&(work, kind)).copied().unwrap_or_else(|| {
            self.run(library, work, call, 0, 0).exits(0);
            let count = fs::read_to_string(self.place.path("count")).unwrap();
            count.parse().expect("a number of calls")
        });
        self.calls.insert((work, kind), calls);
        // Sometimes the number is too large, and no call fails.
        let (number, error) = (1 + random.below(calls + 1), *random.pick(errors));
        let outcome = self.run(library, work, call, number, error);
        let slice = self.setting.slice;
        let what = format!("{slice}, {work:?}: {call} {number} of {calls} fails with {error}");
        // An unreadable recipe counts as wrong usage.
        let codes = if error == EACCES { &[0, 1, 2, 3][..] } else { &[0, 1, 3] };
        trial.ends(round, &outcome, codes, &what);
        let says_why = !outcome.stderr.is_empty() || !outcome.stdout.is_empty();
        trial.check(round, outcome.status.code() != Some(1) || says_why, || {
            format!("{what}: no message")
        });
        self.afterwards(trial, round, work, &outcome, &what);
        outcome
    }

    /// Calls succeed again.
    fn afterwards(&self, trial: &mut Trial, round: u64, work: Work, outcome: &Outcome, what: &str) {
        let done = outcome.status.code() == Some(0);
        let again = self.place.run(&work.line(self.setting));
        if !trial.ends(round, &again, &[0], &format!("{what}; then, undisturbed")) {
            return;
        }
        match work {
            Work::Export => {
                // Complete files are correct, whether the command failed or not.
                let found = files_below(&self.place.path("out"));
                assert_same(&found, &self.before, what);
            }
            Work::Verify => {
                trial.check(round, done || outcome.status.code() == Some(1), || what.to_owned());
            }
            Work::Build | Work::Add | Work::AddSpilling => {
                let export = self.place.export("corpus");
                trial.check(round, export == self.after, || format!("{what}: other bytes"));
                let verified = self.place.run("verify corpus --deep");
                // Files that could not be removed stay until the next write.
                let is_left = |line: &str| line.ends_with("no manifest names this file");
                let lines = verified.stdout.lines();
                if !what.contains("unlink") || !lines.clone().rev().skip(1).all(is_left) {
                    trial.ends(round, &verified, &[0], &format!("{what}; then verify"));
                }
            }
        }
    }
}
