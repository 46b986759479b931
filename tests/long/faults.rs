//! The disk fails: it is full, loses what was not flushed, tears writes. Whatever happens, and however
//! often, the next run continues from a commit that is whole, and ends with the bytes of an undisturbed
//! run.
//!
//! A case is some runs of `build` or `add`, each of which meets one fault, and an undisturbed one.
//! After each fault the power may fail too: see `disk`.

mod disk;

use crate::random::Random;
use crate::settings;
use crate::support::{Export, Outcome, Place, SLUICE, assert_same};
use crate::trial::Trial;
use corpus::{BuiltRow, Corpus, Depth, Lock, Manifest};
use disk::Disk;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::{Mutex, OnceLock};

/// Cases that run at once.
const THREADS: usize = 2;

/// Faults that one corpus must survive.
const FAULTS_MAX: usize = 4;

/// The kinds of faults that runs meet, sorted. `short` is none: a write that writes less is no error.
const FAULTS: [&str; 7] = ["full", "kill", "remove", "rename", "sync", "sync-folder", "write"];

/// What to build: small, and with every kind of file.
struct Variant {
    name: &'static str,
    recipe: &'static str,
    slice: &'static str,
    labels: [&'static str; 2],
    /// Sizes of epochs: from some ten of them to two.
    epochs: [&'static str; 3],
    /// Commands after both labels are in the corpus.
    then: &'static [&'static str],
}

const VARIANTS: [Variant; 11] = [
    Variant {
        name: "pages, by paragraph",
        recipe: "[common_crawl]\nlanguages = []",
        slice: "common_crawl",
        labels: ["common_crawl/2020-05/*-00000.*", "common_crawl/2020-05/*-00001.*"],
        epochs: ["8K", "16K", "60K"],
        then: &[],
    },
    Variant {
        name: "pages, by paragraph, preset redpajama",
        recipe: "preset = \"redpajama\"\n[common_crawl]\nlanguages = []\nshards = 3",
        slice: "common_crawl",
        labels: ["common_crawl/2020-05/*-00000.*", "common_crawl/2020-05/*-00001.*"],
        epochs: ["8K", "16K", "60K"],
        then: &[],
    },
    Variant {
        name: "pages, near copies",
        recipe: "[common_crawl]\nlanguages = []\ndedup = \"simhash\"",
        slice: "common_crawl",
        labels: ["common_crawl/2020-05/*-00000.*", "common_crawl/2020-05/*-00001.*"],
        epochs: ["8K", "16K", "60K"],
        then: &[],
    },
    Variant {
        name: "C4",
        recipe: "[c4]\nsource = \"wet\"",
        slice: "c4",
        labels: ["common_crawl/2020-05/*-00000.*", "common_crawl/2020-05/*-00001.*"],
        epochs: ["8K", "16K", "60K"],
        then: &[],
    },
    Variant {
        name: "source files",
        recipe: "[github]\nlicenses = []",
        slice: "github",
        labels: ["github/2022-11", "github/2023-03"],
        epochs: ["300", "1K", "4K"],
        then: &[],
    },
    Variant {
        name: "papers, near copies",
        recipe: "[arxiv]\ndedup = \"minhash\"",
        slice: "arxiv",
        labels: ["arxiv/2301", "arxiv/2302"],
        epochs: ["500", "2K", "10K"],
        then: &[],
    },
    Variant {
        name: "books",
        recipe: "",
        slice: "books",
        labels: ["books/pg19", "books/shelf"],
        epochs: ["500", "2K", "10K"],
        then: &[],
    },
    Variant {
        name: "articles, and copies between slices",
        recipe: "[global]\ndedup = true\n[wikipedia]\nlanguages = []",
        slice: "wikipedia",
        labels: ["wikipedia/20230320", "wikipedia/20230401"],
        epochs: ["500", "2K", "10K"],
        then: &[],
    },
    Variant {
        name: "threads",
        recipe: "",
        slice: "stack_exchange",
        labels: ["stack_exchange/2023-03-29", "stack_exchange/2024-04-02"],
        epochs: ["300", "1K", "5K"],
        then: &[],
    },
    Variant {
        name: "dialogues",
        recipe: "[instruct]\nprompts = \"first\"",
        slice: "instruct",
        labels: ["instruct/2023-03", "instruct/2023-04"],
        epochs: ["300", "1K", "5K"],
        then: &[],
    },
    Variant {
        name: "pages, calibrated",
        recipe: "[common_crawl]\nlanguages = []\nclassifier = \"bundled/models/wiki.bin\"\n\
                 min_score = 0.0",
        slice: "common_crawl",
        labels: ["common_crawl/2020-05/*-00000.*", "common_crawl/2020-05/*-00001.*"],
        epochs: ["16K", "60K", "60K"],
        then: &[
            "calibrate corpus --slice common_crawl --threshold 0.5 --apply",
            "calibrate corpus --slice common_crawl --threshold 0.2 --apply",
            "prune corpus",
        ],
    },
];

/// The result of an undisturbed run.
struct Undisturbed {
    export: Export,
    counts: Value,
    ledger: Vec<BuiltRow>,
}

/// What was done, over all cases.
#[derive(Default)]
struct Done {
    cases: usize,
    faults: BTreeMap<String, usize>,
    power: usize,
}

#[test]
fn faults() {
    if !cfg!(debug_assertions) {
        println!("skipped: only builds with debug assertions have a disk that fails");
        return;
    }
    let trial = Mutex::new(Trial::new("faults", 200));
    let done = Mutex::new(Done::default());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| cases(&trial, &done));
        }
    });
    let (trial, done) = (trial.into_inner().unwrap(), done.into_inner().unwrap());
    if done.cases >= 200 {
        let met: Vec<&str> = done.faults.keys().map(|kind| &kind[..]).collect();
        assert_eq!(met, FAULTS, "the faults that runs met");
        assert!(done.power >= done.cases / 2, "the power failed {} times", done.power);
    }
    let mut counts = vec![("cases", done.cases), ("failures of the power", done.power)];
    counts.extend(done.faults.iter().map(|(kind, count)| (&kind[..], *count)));
    trial.end(&counts);
}

fn cases(trial: &Mutex<Trial>, done: &Mutex<Done>) {
    loop {
        let (round, random) = {
            let (mut trial, mut done) = (trial.lock().unwrap(), done.lock().unwrap());
            if done.cases == trial.wanted {
                return;
            }
            done.cases += 1;
            trial.round()
        };
        let mut case = Case::new(random);
        let ended = catch_unwind(AssertUnwindSafe(|| case.run()));
        if let Err(panic) = ended {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("a panic");
            trial.lock().unwrap().problem(round, format!("{text}\n{}", case.story));
        }
        let mut done = done.lock().unwrap();
        done.power += case.power;
        for kind in case.faults {
            *done.faults.entry(kind).or_default() += 1;
        }
    }
}

impl Variant {
    /// A folder with a recipe of both labels, `all.toml`, and one without labels, `none.toml`.
    fn place(&self) -> Place {
        let place = settings::place();
        let input = |label: usize| {
            let (slice, path) = (self.slice, self.labels[label]);
            format!(
                "[[input]]\nslice = \"{slice}\"\nlabel = \"{label}\"\npaths = [\"bundled/{path}\"]\n"
            )
        };
        place.write("all.toml", format!("{}\n{}{}", self.recipe, input(0), input(1)));
        place.write("none.toml", self.recipe);
        place
    }

    fn add(&self, label: usize) -> String {
        format!("add corpus --slice {} --label {label} bundled/{}", self.slice, self.labels[label])
    }

    /// The commands that make the corpus, in one of two ways.
    fn commands(&self, by_label: bool) -> Vec<String> {
        let mut lines =
            if by_label { vec![self.add(0), self.add(1)] } else { vec![BUILD.to_owned()] };
        lines.extend(self.then.iter().map(|&line| line.to_owned()));
        lines
    }

    fn undisturbed(number: usize) -> &'static Undisturbed {
        static KNOWN: [OnceLock<Undisturbed>; VARIANTS.len()] =
            [const { OnceLock::new() }; VARIANTS.len()];
        KNOWN[number].get_or_init(|| {
            let place = VARIANTS[number].place();
            for line in VARIANTS[number].commands(false) {
                place.run(&line).exits(0);
            }
            let counts = place.status("corpus")["slices"].clone();
            Undisturbed { export: place.export("corpus"), counts, ledger: ledger(&place) }
        })
    }
}

const BUILD: &str = "build all.toml --corpus corpus";

/// The rows of the newest commit.
fn ledger(place: &Place) -> Vec<BuiltRow> {
    let (corpus, manifest) = newest(place).expect("a corpus");
    let labels = manifest.labels.iter();
    labels.flat_map(|label| corpus::rows_as_built(&corpus, label)).map(Result::unwrap).collect()
}

/// The newest commit, if there is one.
fn newest(place: &Place) -> Option<(Corpus, Manifest)> {
    let corpus = match Corpus::open(&place.path("corpus")) {
        Err(corpus::Error::Missing { .. }) => return None,
        corpus => corpus.unwrap(),
    };
    let manifest = corpus.manifest().unwrap().expect("an open corpus has a commit");
    Some((corpus, manifest))
}

/// The command with options that do not change the result.
fn with_flags(line: &str, variant: &Variant, random: &mut Random) -> String {
    if !line.starts_with("build") && !line.starts_with("add") {
        return line.to_owned();
    }
    let workers = *random.pick(&[1, 1, 1, 2, 3]);
    let epoch = random.pick(&variant.epochs);
    let commit = random.pick(&["1", "1", "2K", "20K"]);
    let mut flags = format!("{line} -w {workers} --epoch-bytes {epoch} --commit-every {commit}");
    if random.below(5) == 0 {
        flags += " --memory 64K";
    }
    if random.below(8) == 0 {
        flags += " --engine differential";
    }
    flags
}

struct Case {
    number: usize,
    random: Random,
    /// What happened, for the message of a failure.
    story: String,
    /// The kinds of the faults that happened.
    faults: Vec<String>,
    power: usize,
    /// The newest commit that a run reported.
    promised: Option<u64>,
}

impl Case {
    fn new(mut random: Random) -> Case {
        let number = random.below(VARIANTS.len());
        let story = format!("  {}\n", VARIANTS[number].name);
        Case { number, random, story, faults: Vec::new(), power: 0, promised: None }
    }

    fn run(&mut self) {
        let variant = &VARIANTS[self.number];
        let expected = Variant::undisturbed(self.number);
        let place = variant.place();
        let mut disk = Disk::new(place.path("kept"));
        let by_label = self.random.below(3) == 0;
        if by_label {
            place.run("build none.toml --corpus corpus").exits(0);
        }
        let commands = variant.commands(by_label);
        let mut next = 0;
        // What comes after the corpus is made would seldom be reached.
        if !variant.then.is_empty() && self.random.below(3) > 0 {
            next = commands.len() - variant.then.len();
            commands[..next].iter().for_each(|line| drop(place.run(line).exits(0)));
        }
        let mut left = 1 + self.random.below(FAULTS_MAX);
        while next < commands.len() && left > 0 {
            let line = with_flags(&commands[next], variant, &mut self.random);
            if self.disturbed(&place, &mut disk, &line) {
                next += 1;
            } else {
                left -= 1;
            }
        }
        // If all is done, the last one has nothing to do but to clear up.
        for line in &commands[next.min(commands.len() - 1)..] {
            let line = with_flags(line, variant, &mut self.random);
            let _ = writeln!(self.story, "  {line}: undisturbed");
            place.run(&line).exits(0);
        }
        assert_same(&place.export("corpus"), &expected.export, "the export");
        assert_eq!(place.status("corpus")["slices"], expected.counts, "the counts");
        assert!(ledger(&place) == expected.ledger, "the ledger differs");
        place.assert_sound("corpus");
    }

    /// Runs a command that meets a fault, and lets the power fail. Returns whether it ended well.
    fn disturbed(&mut self, place: &Place, disk: &mut Disk, line: &str) -> bool {
        let kinds = ["kill", "kill", "kill", "kill", "full", "sync", "sync-folder", "write"];
        let kinds = [&kinds[..], &["short", "rename", "remove"]].concat();
        let kind = *self.random.pick(&kinds);
        let bound = *self.random.pick(&[20, 60, 150, 150, 400]);
        let at = 1 + self.random.below(bound);
        let _ = writeln!(self.story, "  {line}: {kind} at operation {at}");
        let mut command = Command::new(&*SLUICE);
        command.env_remove("SLUICE_CRASH_AT").env("SLUICE_LOG", "debug");
        let kept = disk.kept().display();
        command.env("SLUICE_FAULTS", format!("{kind}:{at}:{kept}"));
        let outcome = place.run_as(command, &format!("{line} --quiet"));
        let fault = disk.follow();
        if let Some((kind, after)) = &fault {
            let _ = writeln!(self.story, "    {kind}, after: {after}");
            self.faults.push(kind.clone());
        }
        self.assert_ends_as_it_should(&outcome, fault.as_ref().map(|(kind, _)| &kind[..]));
        let is_complete = outcome.status.code() == Some(0);
        self.note_promises(place, &outcome, is_complete);
        let is_killed = fault.is_some_and(|(kind, _)| kind == "kill");
        if self.random.below(4) < if is_killed { 3 } else { 2 } {
            self.power += 1;
            for lost in disk.lose(&mut self.random) {
                let _ = writeln!(self.story, "    the power fails: {lost}");
            }
        }
        self.assert_commit_is_whole(place);
        is_complete
    }

    fn assert_ends_as_it_should(&self, outcome: &Outcome, fault: Option<&str>) {
        match fault {
            None => assert_eq!(outcome.status.code(), Some(0), "without a fault: {outcome}"),
            Some("kill") => outcome.was_killed(),
            Some(kind) => {
                assert_eq!(outcome.status.code(), Some(1), "{kind}, and no error: {outcome}");
                let cause = if kind == "full" { "No space left" } else { "Input/output error" };
                for part in [cause, "corpus"] {
                    assert!(outcome.stderr.contains(part), "not {part:?}: {outcome}");
                }
            }
        }
    }

    /// A commit that a run reported is never lost.
    fn note_promises(&mut self, place: &Place, outcome: &Outcome, is_complete: bool) {
        let reported = outcome.stderr.lines().filter_map(|line| {
            let (_, rest) = line.split_once(" committed commit=")?;
            rest.split(' ').next()?.parse::<u64>().ok()
        });
        self.promised = self.promised.max(reported.max());
        if is_complete {
            let commit = newest(place).map(|(_, manifest)| manifest.commit);
            self.promised = self.promised.max(commit);
        }
    }

    /// A reader finds the newest commit that was reported, or a later one, and it is whole.
    fn assert_commit_is_whole(&self, place: &Place) {
        let found = newest(place);
        let commit = found.as_ref().map(|(_, manifest)| manifest.commit);
        assert!(commit >= self.promised, "{:?} is lost: {commit:?}", self.promised);
        let Some((corpus, manifest)) = found else { return };
        // A repair needs the commit before too. That its files are whole is part of `verify`.
        let before = corpus.predecessor(manifest.commit).unwrap();
        assert_eq!(before.is_some(), manifest.commit > 0, "the commit before {commit:?} is lost");
        assert!(!Lock::is_held(corpus.root()).unwrap());
        let findings = corpus::verify(&corpus, &manifest, Depth::Everything, |_| {}).unwrap();
        for finding in findings {
            // Files that are not in a commit yet.
            assert!(finding.what.ends_with("no manifest names this file"), "{finding}");
        }
    }
}
