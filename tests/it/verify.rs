//! `verify` finds nothing in an undisturbed corpus, and something if ledger, documents, state and
//! manifest do not match. It reports each finding once, with a remedy.

use crate::support::{Place, assert_same, keep_all, list, record, text, wet};
use serde_json::{Value, json};
use std::fs;

/// A word that no other number produces.
fn word(number: u64) -> String {
    let mut bits = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
    let mut letters = String::new();
    for _ in 0..10 {
        letters.push((b'a' + (bits % 16) as u8) as char);
        bits /= 16;
    }
    letters
}

/// Seven epochs with many keys and one with a few, so that a merge of all eight begins but does not
/// end; and one without keys, after which the merge is not called again.
const KEYS: [u64; 9] = [50, 50, 50, 50, 50, 50, 50, 10, 0];

#[test]
fn verify_finds_nothing_if_a_run_ends_with_epochs_without_keys() {
    for engine in ["arrangement", "differential"] {
        for workers in 1..=3 {
            let place = Place::new();
            let settings = "min_chars = 60\nlanguages = []\nmin_language_score = 0.0";
            place
                .write("recipe.toml", format!("corpus = \"corpus\"\n[common_crawl]\n{settings}\n"));
            place.run("build recipe.toml").exits(0);
            for (number, keys) in (0..).zip(KEYS) {
                let lines: Vec<String> = (0..keys).map(|key| word(number * 100 + key)).collect();
                let page = |title: &str, text: &str| {
                    record(&format!("http://{title}.example/{number}"), title, text)
                };
                let pages = match keys {
                    0 => (0..6).map(|part| page(&word(7000 + part), "short")).collect(),
                    _ => vec![page(&word(9000 + number), &lines.join("\n"))],
                };
                place.write(&format!("in/{number}.wet.gz"), wet(&pages));
            }
            let flags =
                format!("--epoch-bytes 700 --commit-every 1 -w {workers} --engine {engine}");
            place.run(&format!("add corpus --slice common_crawl --label l in {flags}")).exits(0);
            place.assert_sound("corpus");
        }
    }
}

#[test]
fn verify_finds_nothing_if_near_copies_end_with_epochs_without_hashes() {
    for workers in 1..=3 {
        let place = Place::new();
        for (number, keys) in (0..).zip(KEYS) {
            let book = |key: u64| {
                let words = (0..30).map(|w| word(number * 10_000 + key * 100 + w));
                json!({"text": words.collect::<Vec<_>>().join(" ")}).to_string()
            };
            let lines: Vec<String> = match keys {
                0 => (0..50)
                    .map(|_| json!({"title": "none", "more": "x".repeat(300)}).to_string())
                    .collect(),
                _ => (0..keys).map(book).collect(),
            };
            place.write(&format!("in/{number}.jsonl"), lines.join("\n") + "\n");
        }
        let flags = format!("--epoch-bytes 18K --commit-every 1 -w {workers}");
        let run = place.run(&format!("add corpus --slice books --label l in {flags}"));
        assert!(matches!(run.status.code(), Some(0 | 3)), "{run}");
        place.assert_sound("corpus");
    }
}

/// A corpus with an incomplete label and a manifest in the previous format, which had no checksum: only
/// its content can be checked.
fn cut_short() -> (Place, String, Value) {
    let place = Place::new();
    place.write("recipe.toml", keep_all(""));
    place.run("build recipe.toml").exits(0);
    place.run_crashing_at("commit-ended:6", ADD).was_killed();
    place.run("verify corpus --deep");
    let newest = place.newest_commit("corpus");
    let bytes = fs::read(place.path("corpus").join(&newest)).unwrap();
    let mut manifest: Value = serde_json::from_slice(&bytes).unwrap();
    manifest["format"] = json!(1);
    manifest.as_object_mut().unwrap().remove("crc32c").expect("a checksum");
    // Leftovers of the killed run are findings as well.
    for commit in place.commits("corpus").iter().filter(|commit| **commit != newest) {
        fs::remove_file(place.path("corpus").join(commit)).unwrap();
    }
    write(&place, &newest, &manifest);
    let found = place.run("verify corpus --json").json();
    for finding in list(&found["findings"]) {
        let leftover = place.path("").join(text(&finding["at"]));
        fs::remove_file(&leftover)
            .unwrap_or_else(|error| panic!("{}: {error}", leftover.display()));
    }
    place.run("verify corpus --deep").exits(0);
    (place, newest, manifest)
}

const ADD: &str = "add corpus --slice common_crawl --label l fixtures/2019-30 --epoch-bytes 20K \
                   --commit-every 1";

/// Writes the manifest as the program does: compact, with `format` first.
fn write(place: &Place, newest: &str, manifest: &Value) {
    place.write(&format!("corpus/{newest}"), serde_json::to_vec(manifest).unwrap());
}

#[test]
fn every_inconsistency_is_found_and_described_without_names_of_code() {
    type Change = fn(&mut Value);
    let (place, newest, manifest) = cut_short();
    let changes: [(&str, Change); 14] = [
        ("a record is left out", |m| add(&mut m["labels"][0]["position"]["record"], 1)),
        ("a record is read twice", |m| add(&mut m["labels"][0]["position"]["record"], -1)),
        ("a source is left out", |m| add(&mut m["labels"][0]["position"]["source"], 1)),
        ("a count", |m| add(&mut m["labels"][0]["counts"]["read"], 1)),
        ("a sum", |m| add(&mut m["labels"][0]["counts"]["bytes_kept"], 1)),
        ("a gap in the ledger", |m| remove(&mut m["labels"][0]["ledger"], 1)),
        ("no end of the ledger", |m| {
            m["labels"][0]["ledger"].as_array_mut().unwrap().pop().unwrap();
        }),
        ("a part of the ledger twice", |m| double(&mut m["labels"][0]["ledger"])),
        ("a segment is left out", |m| remove(&mut m["labels"][0]["segments"], 0)),
        ("a segment twice", |m| double(&mut m["labels"][0]["segments"])),
        ("a part's first document", |m| add(&mut m["labels"][0]["ledger"][1]["first"], 1)),
        ("a file of a later epoch", |m| m["next_epoch"] = json!(2)),
        ("a run twice", |m| double(&mut m["state"]["documents"])),
        ("a label twice", |m| double(&mut m["labels"])),
    ];
    for (what, change) in changes {
        let mut changed = manifest.clone();
        change(&mut changed);
        assert_ne!(changed, manifest, "{what}");
        write(&place, &newest, &changed);
        let found = place.run("verify corpus").exits(1);
        assert!(!found.stdout.contains('{') && found.stdout.contains("rebuild"), "{what}: {found}");
        let json = place.run("verify corpus --json").exits(1).json();
        assert_eq!(json["sound"], false);
        for finding in list(&json["findings"]) {
            assert!(
                !text(&finding["at"]).is_empty() && !text(&finding["what"]).is_empty(),
                "{json}"
            );
        }
    }
    // With a checksum, every change is damage.
    let mut summed = manifest.clone();
    summed["format"] = json!(2);
    summed["crc32c"] = json!("00000000");
    write(&place, &newest, &summed);
    let found = place.run("verify corpus").exits(1);
    assert!(found.stdout.contains("manifest is damaged"), "{found}");
}

fn add(number: &mut Value, by: i64) {
    *number = json!(number.as_u64().unwrap().wrapping_add_signed(by));
}

fn remove(all: &mut Value, place: usize) {
    all.as_array_mut().unwrap().remove(place);
}

fn double(all: &mut Value) {
    let first = all[0].clone();
    all.as_array_mut().unwrap().push(first);
}

#[test]
fn a_corpus_of_the_previous_format_can_be_continued() {
    let (place, newest, _) = cut_short();
    place.run(ADD).exits(0);
    place.assert_sound("corpus");
    assert_ne!(place.newest_commit("corpus"), newest);
    let fresh = Place::new();
    fresh.write("recipe.toml", keep_all(""));
    fresh.run("build recipe.toml").exits(0);
    fresh.run(ADD).exits(0);
    assert_same(&place.export("corpus"), &fresh.export("corpus"), "continued");
}

#[test]
fn a_missing_file_is_named_once_with_what_to_do() {
    let place = Place::new();
    place.run("add corpus --slice common_crawl --label l fixtures/2019-30").exits(0);
    let whole = crate::support::files_below(&place.path("corpus"));
    for name in whole.keys().filter(|name| name.contains("00000001")) {
        fs::remove_file(place.path("corpus").join(name)).unwrap();
        let json = place.run("verify corpus --json").exits(1).json();
        let named = list(&json["findings"]).iter().filter(|f| text(&f["at"]).ends_with(name));
        assert_eq!(named.count(), 1, "{name}: {json}");
        assert_eq!(list(&json["findings"]).len(), 1, "{name}: {json}");
        assert!(text(&json["findings"][0]["remedy"]).contains("restore it from a copy"), "{json}");
        place.write(&format!("corpus/{name}"), &whole[name]);
    }
    let json = place.run("verify corpus --json").exits(0).json();
    assert_eq!((&json["sound"], &json["commit"]), (&json!(true), &json!(1)));
}
