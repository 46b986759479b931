//! Sources may change or disappear after they were read. A complete label no longer needs them; an
//! incomplete one can only be continued with the sources it was started with.

use crate::support::{Place, assert_same, input, keep_all, record, wet};
use std::fs;
use std::time::{Duration, SystemTime};

/// A page of words that no other number produces.
fn page(number: u64) -> Vec<u8> {
    let letters = |mut bits: u64| -> String {
        std::iter::repeat_with(|| {
            let letter = (b'a' + (bits % 16) as u8) as char;
            bits /= 16;
            letter
        })
        .take(8)
        .collect()
    };
    let hash = |word: u64| (number * 1000 + word + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
    let lines: Vec<String> = (0..40).map(|word| letters(hash(word))).collect();
    record(&format!("http://p{}.example/", letters(hash(99))), "title", &lines.join("\n"))
}

const ADD: &str = "add corpus --slice common_crawl --label l in --epoch-bytes 2K --commit-every 1";

fn place() -> Place {
    let place = Place::new();
    place.write("recipe.toml", keep_all(""));
    place.run("build recipe.toml").exits(0);
    let pages = |from: u64| wet(&(from..from + 30).map(page).collect::<Vec<_>>());
    place.write("in/a.wet.gz", pages(0));
    place.write("in/b.wet.gz", pages(100));
    place
}

#[test]
fn records_moved_between_a_kill_and_the_same_command_are_noticed() {
    let place = place();
    place.run(ADD).exits(0);
    let undisturbed = place.export("corpus");
    fs::remove_dir_all(place.path("corpus")).unwrap();
    place.run("build recipe.toml").exits(0);
    place.run_crashing_at("commit-ended:3", ADD).was_killed();
    let bytes = fs::read(place.path("in/a.wet.gz")).unwrap();
    let mut pages: Vec<Vec<u8>> = (0..30).map(page).collect();
    pages.reverse();
    let moved = wet(&pages);
    assert_eq!(moved.len(), bytes.len(), "the size does not change");
    let modified = fs::metadata(place.path("in/a.wet.gz")).unwrap().modified().unwrap();
    place.write("in/a.wet.gz", &moved);
    // The modification time does not change either.
    fs::File::options()
        .append(true)
        .open(place.path("in/a.wet.gz"))
        .and_then(|file| file.set_modified(modified))
        .unwrap();
    let commit = place.status("corpus")["commit"].clone();
    place.run(ADD).exits(1).names(&["a.wet.gz", "has changed", "not complete"]);
    assert_eq!(place.status("corpus")["commit"], commit);
    // Fetched again: another time, the same content.
    place.write("in/a.wet.gz", &bytes);
    let later = SystemTime::now() + Duration::from_secs(60);
    let file = fs::File::options().append(true).open(place.path("in/a.wet.gz")).unwrap();
    file.set_modified(later).unwrap();
    place.run(ADD).exits(0);
    assert_same(&place.export("corpus"), &undisturbed, "continued with the same content");
    place.assert_sound("corpus");
}

#[test]
fn different_sources_are_named() {
    let place = place();
    place.run(ADD).exits(0);
    place.write("in/a.wet.gz", "x");
    place.write("in/c.wet.gz", "y");
    fs::remove_file(place.path("in/b.wet.gz")).unwrap();
    let outcome = place.run(ADD).exits(1);
    outcome.names(&["a.wet.gz had", "c.wet.gz is not one of them", "b.wet.gz is missing"]);
}

#[test]
fn a_complete_label_needs_no_sources() {
    let place = place();
    let both = [input("one", "in/a.wet.gz"), input("two", "more/*.gz")];
    place.write("recipe.toml", keep_all("") + &both[0]);
    place.run("build recipe.toml").exits(0);
    let before = place.export("corpus");
    fs::remove_file(place.path("in/a.wet.gz")).unwrap();
    place.write("more/c.wet.gz", wet(&[page(500)]));
    place.write("recipe.toml", keep_all("") + &both.concat());
    let outcome = place.run("build recipe.toml").exits(0);
    assert!(outcome.stdout.contains("common_crawl/one: its sources cannot be read"), "{outcome}");
    let after = place.export("corpus");
    assert_eq!(after["common_crawl/one.jsonl"], before["common_crawl/one.jsonl"]);
    assert!(!after["common_crawl/two.jsonl"].is_empty());
    // An incomplete one does.
    fs::remove_file(place.path("more/c.wet.gz")).unwrap();
    place.write("recipe.toml", keep_all("") + &both.concat() + &input("three", "gone.gz"));
    place.run("build recipe.toml").exits(2).names(&["gone.gz"]);
}

#[test]
fn a_label_with_defects_reports_them_again_and_a_repaired_file_is_noticed() {
    let place = place();
    let sound = fs::read(place.path("in/b.wet.gz")).unwrap();
    let mut damaged = sound.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0x55;
    place.write("in/b.wet.gz", &damaged);
    place.run(ADD).exits(3);
    let outcome = place.run(ADD).exits(0);
    assert!(
        outcome.stdout.contains("b.wet.gz: byte") && outcome.stdout.contains("has 1 defect, from"),
        "{outcome}"
    );
    assert!(!outcome.stdout.contains("has changed"), "{outcome}");
    let status = place.run("status corpus").exits(0);
    assert!(status.stdout.contains("common_crawl/l has"), "{status}");
    // The undamaged file is restored, with the same size.
    let before = place.export("corpus");
    place.write("in/b.wet.gz", &sound);
    let outcome = place.run(ADD).exits(3);
    let words = ["b.wet.gz has changed", "under a new label, or build a new corpus"];
    assert!(words.iter().all(|word| outcome.stdout.contains(word)), "{outcome}");
    assert_same(&place.export("corpus"), &before, "the corpus stays as it was");
    // The suggested remedy works.
    place.run(&ADD.replace("--label l in", "--label l-repaired in/b.wet.gz")).exits(0);
    let lines = place.documents("corpus").len();
    assert_eq!(lines, 60);
}
