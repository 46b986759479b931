//! A file of a corpus is damaged: a bit is flipped, its end is missing, or all of it. `verify`
//! names it, and no command derives a wrong result from it.

use crate::random::Random;
use crate::settings::SETTINGS;
use crate::support::{Export, Place, files_below};
use crate::trial::Trial;
use std::fs;

/// The damage to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Flipped,
    Cut,
    Emptied,
    Missing,
    Extended,
    Swapped,
}

const FAULTS: [Fault; 8] = [
    Fault::Flipped,
    Fault::Flipped,
    Fault::Flipped,
    Fault::Cut,
    Fault::Emptied,
    Fault::Missing,
    Fault::Extended,
    Fault::Swapped,
];

/// The folders whose files are tried in turn.
const FOLDERS: [&str; 4] = ["data/", "ledger/", "state/", "commits/"];

struct Whole {
    place: Place,
    folder: Export,
    export: Export,
}

#[test]
fn damage() {
    let mut trial = Trial::new("damage", 16);
    let whole = Whole::new();
    let (mut tried, mut refused) = (0, 0);
    while tried < trial.wanted {
        let (round, mut random) = trial.round();
        let folder = FOLDERS[round as usize % FOLDERS.len()];
        refused += usize::from(whole.round(&mut trial, round, folder, &mut random));
        tried += 1;
    }
    trial.end(&[("damaged files", tried), ("exports refused", refused)]);
}

impl Whole {
    /// A corpus of two labels of CommonCrawl, in several epochs and so with several runs.
    fn new() -> Whole {
        let place = SETTINGS[0].place();
        place.run("build none.toml --corpus corpus").exits(0);
        for label in 0..2 {
            place.run(&SETTINGS[0].add(label, "--epoch-bytes 100K")).exits(0);
        }
        let (folder, export) = (files_below(&place.path("corpus")), place.export("corpus"));
        Whole { place, folder, export }
    }

    /// Damages a file, checks the results of commands, and restores the file. Returns whether an
    /// export failed.
    fn round(&self, trial: &mut Trial, round: u64, folder: &str, random: &mut Random) -> bool {
        let names: Vec<&String> =
            self.folder.keys().filter(|name| name.starts_with(folder)).collect();
        // Only the newest commit is read.
        let is_commit = folder == "commits/";
        let name = if is_commit { names[names.len() - 1] } else { *random.pick(&names) };
        let path = self.place.path("corpus").join(name);
        let bytes = &self.folder[name];
        let fault = *random.pick(&FAULTS);
        // Without its newest commit, a corpus is at the previous one, or is not a corpus.
        if is_commit && fault == Fault::Missing {
            return false;
        }
        let other = &self.folder[*random.pick(&names)];
        match damaged(bytes, other, fault, random) {
            Some(damaged) if damaged == *bytes => return false,
            Some(damaged) => fs::write(&path, damaged).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let what = format!("{name} {fault:?}");
        let verified = self.place.run("verify corpus --deep");
        trial.ends(round, &verified, &[1], &format!("{what}; verify --deep"));
        let is_named =
            [&verified.stdout, &verified.stderr].iter().any(|output| output.contains(name));
        trial.check(round, is_named, || format!("{what} is not named: {verified}"));
        let _ = fs::remove_dir_all(self.place.path("out"));
        let exported = self.place.run("export corpus --out out --quiet");
        trial.ends(round, &exported, &[0, 1], &format!("{what}; export"));
        let is_refused = exported.status.code() == Some(1);
        if !is_refused {
            let found = files_below(&self.place.path("out"));
            trial.check(round, found == self.export, || format!("{what}: a wrong export"));
        }
        fs::write(&path, bytes).unwrap();
        is_refused
    }
}

/// The file after the fault; `None` if it is missing.
fn damaged(bytes: &[u8], other: &[u8], fault: Fault, random: &mut Random) -> Option<Vec<u8>> {
    let mut bytes = bytes.to_vec();
    match fault {
        Fault::Flipped => {
            let at = random.below(bytes.len());
            bytes[at] ^= 1 << random.below(8);
        }
        Fault::Cut => bytes.truncate(random.below(bytes.len())),
        Fault::Emptied => bytes.clear(),
        Fault::Missing => return None,
        Fault::Extended => {
            let length = random.below(bytes.len()) + 1;
            bytes.extend_from_within(bytes.len() - length..);
        }
        Fault::Swapped => return Some(other.to_vec()),
    }
    Some(bytes)
}
