//! Input files are malformed: changed at random, within their containers, and read by the whole
//! program. Damage is reported, and never ends a run or affects another file.

use crate::inputs::{self, Input};
use crate::mutation::changed;
use crate::settings::place;
use crate::support::Place;
use crate::trial::Trial;
use serde_json::Value;

/// Files of a slice that are added as one label.
const FILES_AT_ONCE: usize = 6;

const RECIPE: &str = "[common_crawl]\nlanguages = []\nmin_chars = 0\nmin_language_score = 0.0\n\
                      [github]\nlicenses = []\n[wikipedia]\nlanguages = []\n";

const SLICES: [&str; 8] =
    ["common_crawl", "c4", "github", "arxiv", "books", "wikipedia", "stack_exchange", "instruct"];

#[test]
fn mutated() {
    let mut trial = Trial::new("mutated", SLICES.len() * FILES_AT_ONCE);
    let inputs = inputs::all();
    let (mut files, mut damaged) = (0, 0);
    while files < trial.wanted {
        let (round, mut random) = trial.round();
        let place = place();
        place.write("recipe.toml", RECIPE);
        place.run("build recipe.toml --corpus corpus").exits(0);
        for slice in SLICES {
            let of_slice: Vec<&Input> = inputs.iter().filter(|i| i.slice == slice).collect();
            for number in 0..FILES_AT_ONCE {
                let input = *random.pick(&of_slice);
                let name = input.name.replace('@', &number.to_string());
                place.write(&format!("{slice}/{name}"), changed(&input.file, &mut random));
            }
            let workers = 1 + random.below(2);
            let epoch = random.pick(&["300", "5K", "1G"]);
            let line = format!(
                "add corpus --slice {slice} --label a {slice} -w {workers} --epoch-bytes {epoch} \
                 --memory 256M"
            );
            let added = place.run(&line);
            let what = format!("{slice}: changed inputs are read");
            if trial.ends(round, &added, &[0, 3], &what) {
                // A panic during a read is caught and reported as a defect.
                let defects = place.status("corpus").to_string();
                trial.check(round, !defects.contains("panic"), || format!("{what}: {defects}"));
            }
            files += FILES_AT_ONCE;
            damaged += usize::from(added.status.code() == Some(3));
        }
        assert_sound(&mut trial, round, &place);
    }
    trial.end(&[("files", files), ("labels with reported damage", damaged)]);
}

/// Asserts that the result, whatever was read, can be verified and exported.
fn assert_sound(trial: &mut Trial, round: u64, place: &Place) {
    let verified = place.run("verify corpus --deep");
    trial.ends(round, &verified, &[0], "verify after changed files");
    let exported = place.run("export corpus --out out --quiet");
    if !trial.ends(round, &exported, &[0], "export after changed files") {
        return;
    }
    for (name, bytes) in crate::support::files_below(&place.path("out")) {
        if !name.ends_with(".jsonl") {
            continue;
        }
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let is_document =
                serde_json::from_slice::<Value>(line).is_ok_and(|line| line["text"].is_string());
            trial.check(round, is_document, || {
                format!("{name}: not a document: {}", String::from_utf8_lossy(line))
            });
        }
    }
    let status = place.status("corpus");
    for (slice, of_slice) in status["slices"].as_object().into_iter().flatten() {
        let counts = &of_slice["labels"]["a"];
        let sum = |value: &Value| -> u64 {
            value.as_object().into_iter().flatten().filter_map(|(_, count)| count.as_u64()).sum()
        };
        let adds_up = counts["read"].as_u64()
            == counts["kept"].as_u64().map(|kept| kept + sum(&counts["dropped"]));
        trial.check(round, counts.is_null() || adds_up, || format!("{slice}: {counts}"));
    }
}
