//! Every record read is in the ledger once: kept, or dropped for one named reason.

use crate::support::{Place, assert_same, both_dumps, keep_all, list, number, text};
use serde_json::Value;

/// Fails unless the sums of a label agree with each other and with the number of exported documents.
fn adds_up(label: &Value, exported: usize) {
    let dropped: u64 = label["dropped"].as_object().unwrap().values().map(number).sum();
    assert_eq!(number(&label["read"]), number(&label["kept"]) + dropped, "{label}");
    assert_eq!(number(&label["kept"]), exported as u64, "{label}");
}

/// Fails unless status, summary, ledger and export of the only label agree.
fn one_label_adds_up(place: &Place, summary: &Value, name: &str) {
    let reported = &summary["labels"][format!("common_crawl/{name}")];
    let stored = place.label("corpus", name);
    for count in ["read", "kept", "dropped", "paragraphs", "defects", "bytes_read", "bytes_kept"] {
        assert_eq!(reported[count], stored[count], "{count}");
    }
    let documents = place.documents("corpus");
    adds_up(&stored, documents.len());
    let bytes: usize = documents.iter().map(|document| text(&document["text"]).len()).sum();
    assert_eq!(number(&stored["bytes_kept"]), bytes as u64);
    // This adds up the ledger again, row by row.
    place.assert_sound("corpus");
}

#[test]
fn the_bundled_dumps_add_up() {
    for top in ["", "preset = \"redpajama\""] {
        let place = Place::new();
        place.write("recipe.toml", both_dumps(top, "shards = 2"));
        place.run("build recipe.toml --corpus corpus -w 2 --epoch-bytes 20K").exits(0);
        place.assert_sound("corpus");
        let documents = place.documents("corpus");
        for (label, pages) in [("2019-30", 300), ("2020-05", 150)] {
            let counts = place.label("corpus", label);
            assert_eq!(number(&counts["read"]), pages);
            let of_label = format!("common_crawl/{label}/");
            let of_this =
                documents.iter().filter(|d| text(&d["meta"]["id"]).starts_with(&of_label));
            adds_up(&counts, of_this.count());
        }
    }
}

#[test]
fn unreadable_data_is_counted_and_listed_with_file_and_byte() {
    let place = Place::new();
    place.write("recipe.toml", keep_all(""));
    place.run("build recipe.toml").exits(0);
    let add = "add corpus --slice common_crawl --label broken fixtures/broken";
    let summary = place.run(&format!("{add} --json")).exits(3).json();
    one_label_adds_up(&place, &summary, "broken");
    let broken = &summary["labels"]["common_crawl/broken"];
    let listed = list(&broken["malformed"]);
    assert_eq!(number(&broken["defects"]), listed.len() as u64);
    for (file, byte) in [("bad_length.warc.wet", 361), ("not_a_warc.txt", 0)] {
        let is_it = |d: &&Value| text(&d["source"]).ends_with(file) && d["offset"] == byte;
        assert!(listed.iter().any(|d| is_it(&d)), "{file} at {byte}: {listed:#?}");
    }
    let names = |d: &Value| text(&d["source"]).ends_with("truncated.warc.wet.gz");
    assert!(listed.iter().any(names), "{listed:#?}");
    assert_eq!(broken["dropped"]["truncated"], 2, "{broken}");
}

#[test]
fn unreadable_data_is_also_reported_as_text() {
    let place = Place::new();
    let add = "add corpus --slice common_crawl --label broken fixtures/broken";
    let output = place.run(add).exits(3).stdout;
    for words in ["bad_length.warc.wet: byte 361", "not_a_warc.txt: byte 0", "truncated.warc.wet"] {
        assert!(output.contains(words), "{words}: {output}");
    }
    // A command that does nothing finds nothing malformed.
    place.run(add).exits(0);
}

#[test]
fn damage_is_counted_the_same_however_it_is_read() {
    let place = Place::new();
    place.write("recipe.toml", keep_all(""));
    let mut counts = Vec::new();
    for (number, way) in
        ["", "-w 2 --epoch-bytes 300", "--commit-every 1 --epoch-bytes 500"].into_iter().enumerate()
    {
        let corpus = format!("corpus-{number}");
        place.run(&format!("build recipe.toml --corpus {corpus}")).exits(0);
        let add = format!("add {corpus} --slice common_crawl --label broken fixtures/broken");
        place.run(&format!("{add} {way}")).exits(3);
        counts.push(place.label(&corpus, "broken"));
    }
    assert!(counts.windows(2).all(|pair| pair[0] == pair[1]), "{counts:#?}");
}

#[test]
fn strict_stops_at_damage_and_leaves_the_last_commit() {
    let place = Place::new();
    place.write("recipe.toml", both_dumps("", ""));
    place.run("build recipe.toml --corpus corpus").exits(0);
    let (export, status) = (place.export("corpus"), place.status("corpus"));
    let add = "add corpus --slice common_crawl --label broken fixtures/broken";
    // Of several workers any may be the first to find a defect.
    let strict = place.run(&format!("{add} --strict -w 1")).exits(1);
    strict.names(&["bad_length.warc.wet", "byte 361"]);
    assert_eq!(place.status("corpus"), status);
    assert_same(&place.export("corpus"), &export, "after a rejected label");
    place.run(&format!("launch -n 2 -- {add} --strict")).exits(1).names(&["byte"]);
    assert_eq!(place.status("corpus"), status);
    // The files that it began do no harm, and the next run removes them.
    place.run(add).exits(3);
    place.assert_sound("corpus");
}

#[test]
fn strict_accepts_healthy_dumps() {
    let place = Place::new();
    place.write("recipe.toml", both_dumps("", ""));
    place.run("build recipe.toml --corpus corpus --strict").exits(0);
}

#[test]
fn archives_that_are_not_wet_files_make_no_label() {
    let Some(place) = Place::with_data() else { return };
    place.write("recipe.toml", keep_all(""));
    place.run("build recipe.toml").exits(0);
    // The folder has no WET file.
    let files = "data/commoncrawl/warc_quirks";
    let add = format!("add corpus --slice common_crawl --label quirks {files} -w 2");
    let outcome = place.run(&add).exits(1);
    assert!(outcome.stderr.contains("WARC file of pages as fetched"), "{outcome}");
    place.assert_sound("corpus");
}
