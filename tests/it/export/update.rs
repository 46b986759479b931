//! `export --update`: what it leaves is what a fresh export writes, and files that would be the same
//! are not touched.

use super::FILES;
use crate::support::{Export, Place, assert_same, both_dumps, files_below, list, text};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;

const FORMS: [&str; 4] = [
    "--format jsonl",
    "--format jsonl.zst --shard-bytes 20K --split train=0.7,valid=0.3",
    "--format parquet",
    "--format parquet --schema dolma --shard-bytes 20K",
];

/// A corpus of the first dump, with a label of books.
fn with_corpus() -> Place {
    let place = Place::new();
    place.write("recipe.toml", both_dumps("", ""));
    place.run("add corpus --slice common_crawl --label 2019-30 fixtures/2019-30").exits(0);
    place
        .write("books.jsonl", "{\"text\":\"Call me Ishmael.\"}\n{\"text\":\"It was the best.\"}\n");
    place.run("add corpus --slice books --label mine books.jsonl").exits(0);
    place
}

fn fresh(place: &Place, form: &str) -> Export {
    let out = place.fresh("fresh");
    place.run(&format!("export corpus --out {out} {form} --quiet")).exits(0);
    files_below(&place.path(&out))
}

/// The files of the export, but for the list and the card, with what changes if one is written.
fn written_at(place: &Place, out: &str) -> BTreeMap<String, (u64, i64, i64)> {
    let mut files = files_below(&place.path(out));
    files.retain(|name, _| name.contains('/'));
    let of = |name: &String| {
        let found = fs::metadata(place.path(&format!("{out}/{name}"))).unwrap();
        (found.ino(), found.mtime(), found.mtime_nsec())
    };
    files.keys().map(|name| (name.clone(), of(name))).collect()
}

fn names(value: &Value) -> Vec<&str> {
    list(value).iter().map(text).collect()
}

/// Updates the export, and checks what is said of it and what is left. Returns the paths of what
/// was written and removed.
fn update(place: &Place, out: &str, form: &str) -> (Vec<String>, Vec<String>) {
    let before = written_at(place, out);
    let summary = place.run(&format!("export corpus --out {out} --update --json")).exits(0).json();
    assert_same(&files_below(&place.path(out)), &fresh(place, form), form);
    let after = written_at(place, out);
    let (mut written, mut kept) = (Vec::new(), Vec::new());
    for (name, at) in &after {
        let is_kept = before.get(name) == Some(at);
        if is_kept { kept.push(&**name) } else { written.push(&**name) }
    }
    let removed: Vec<&str> =
        before.keys().filter(|name| !after.contains_key(*name)).map(|name| &**name).collect();
    assert_eq!(names(&summary["written"]), written, "{form}");
    assert_eq!(names(&summary["kept"]), kept, "{form}");
    assert_eq!(names(&summary["removed"]), removed, "{form}");
    let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
    (owned(written), owned(removed))
}

#[test]
fn an_update_is_a_fresh_export_and_touches_only_what_changes() {
    for form in FORMS {
        let place = with_corpus();
        place.run(&format!("export corpus --out out {form} --quiet")).exits(0);
        assert_eq!(update(&place, "out", form), (vec![], vec![]), "{form}: nothing changed");

        place.run("add corpus --slice common_crawl --label 2020-05 fixtures/2020-05").exits(0);
        let (written, removed) = update(&place, "out", form);
        assert!(!written.is_empty() && removed.is_empty(), "{form}: {written:?} {removed:?}");
        assert!(written.iter().all(|name| name.starts_with(FILES[1])), "{form}: {written:?}");

        // A document of the books goes: no page changes.
        place.write("ids.txt", "books/mine/books.jsonl#1\n");
        place.run("remove corpus --ids ids.txt").exits(0);
        let (written, _) = update(&place, "out", form);
        assert!(written.iter().all(|name| name.starts_with("books/mine")), "{form}: {written:?}");

        place.run("restore corpus --ids ids.txt").exits(0);
        update(&place, "out", form);

        // A label goes, and comes back.
        place.run("remove corpus --label books/mine").exits(0);
        let (written, removed) = update(&place, "out", form);
        assert!(written.is_empty() && !removed.is_empty(), "{form}: {written:?}");
        assert!(removed.iter().all(|name| name.starts_with("books/mine")), "{form}: {removed:?}");
        place.run("restore corpus --label books/mine").exits(0);
        let (written, removed) = update(&place, "out", form);
        assert!(!written.is_empty() && removed.is_empty(), "{form}: {written:?}");
    }
}

#[test]
fn labels_that_did_not_change_are_not_read() {
    let place = with_corpus();
    place.run("export corpus --out out --format parquet --quiet").exits(0);
    assert!(!place.path("corpus/scans").exists(), "only updates write beside the corpus");
    place.run("export corpus --out out --update --quiet").exits(0);
    place.run("add corpus --slice common_crawl --label 2020-05 fixtures/2020-05").exits(0);
    // Whoever reads one of its segments fails.
    let segments = files_below(&place.path("corpus/data/common_crawl/2019-30"));
    for name in segments.keys() {
        place.write(&format!("corpus/data/common_crawl/2019-30/{name}"), "damaged");
    }
    place.run("export corpus --out out --update --quiet").exits(0);
    place.run("export corpus --out other --quiet").exits(1).names(&["2019-30"]);
    for (name, bytes) in &segments {
        place.write(&format!("corpus/data/common_crawl/2019-30/{name}"), bytes);
    }
    let updated = files_below(&place.path("out"));
    assert_same(&updated, &fresh(&place, "--format parquet"), "an update");
    place.assert_sound("corpus");

    // What is known of the labels is a shortcut: damaged or gone, they are read.
    for (name, mut bytes) in files_below(&place.path("corpus/scans")) {
        let half = bytes.len() / 2;
        bytes.truncate(half);
        place.write(&format!("corpus/scans/{name}"), bytes);
    }
    update(&place, "out", "--format parquet");
    fs::remove_dir_all(place.path("corpus/scans")).unwrap();
    update(&place, "out", "--format parquet");
    fs::remove_dir_all(place.path("corpus/scans")).unwrap();
    place.write("corpus/scans", "a file where the folder would be");
    update(&place, "out", "--format parquet");
}

#[test]
fn a_killed_update_is_repaired_by_the_next_one() {
    let form = "--format parquet --shard-bytes 20K";
    for point in [
        "export-begun",
        "export-file-listed",
        "export-file-listed:2",
        "export-card-written",
        "export-file-removed",
    ] {
        let place = with_corpus();
        place.run(&format!("export corpus --out out {form} --quiet")).exits(0);
        place.run("add corpus --slice common_crawl --label 2020-05 fixtures/2020-05").exits(0);
        place.run("remove corpus --label books/mine").exits(0);
        place.run_crashing_at(point, "export corpus --out out --update -w 1").was_killed();
        let manifest = fs::read(place.path("out/manifest.json")).unwrap();
        let manifest: Value = serde_json::from_slice(&manifest).unwrap();
        assert_eq!(manifest["complete"], false, "{point}");
        update(&place, "out", form);
        assert_eq!(update(&place, "out", form), (vec![], vec![]), "{point}");
    }
}

#[test]
fn an_update_has_the_options_of_the_export_and_others_are_refused() {
    let place = with_corpus();
    place.run("export corpus --out none --update").exits(2).names(&["none has no export"]);
    assert!(!place.path("none").exists());
    let form = "--format jsonl.zst --schema dolma --label books/mine";
    place.run(&format!("export corpus --out out {form} --quiet")).exits(0);
    for (flags, expected) in [
        ("--format parquet", "--format is not that of the export in --out (jsonl.zst)"),
        ("--format tokens", "--format is not that of the export in --out (jsonl.zst)"),
        ("--schema sluice", "--schema is not that of the export in --out (dolma)"),
        ("--shard-bytes 1G", "--shard-bytes is not that of the export in --out (none)"),
        ("--split a=0.5,b=0.5", "--split is not that of the export in --out (none)"),
        ("--copies", "--copies is not that of the export in --out (none): drop it"),
        ("--layout ds", "--layout is for --format tokens"),
        ("--slice books", "--slice and --label are not for --update"),
    ] {
        let refused = place.run(&format!("export corpus --out out --update {flags}")).exits(2);
        refused.names(&[expected]);
    }
    // The same ones are fine, and what is printed says what is done.
    let same = "export corpus --out out --update --format jsonl.zst --schema dolma";
    let printed = place.run(same).exits(0);
    assert!(printed.stdout.contains("books/mine.jsonl.zst: kept\n"), "{printed}");
    assert_same(&files_below(&place.path("out")), &fresh(&place, form), "the same options");
    place.write("ids.txt", "books/mine/books.jsonl#1\n");
    place.run("remove corpus --ids ids.txt").exits(0);
    let printed = place.run(same).exits(0);
    assert!(printed.stdout.contains("books/mine.jsonl.zst: written\n"), "{printed}");

    // Its only label goes.
    place.run("remove corpus --label books/mine").exits(0);
    let printed = place.run(same).exits(0);
    assert!(printed.stderr.contains("no label books/mine any more"), "{printed}");
    assert!(printed.stdout.contains("books/mine.jsonl.zst: removed\n"), "{printed}");

    // As an earlier version wrote it.
    let manifest = fs::read_to_string(place.path("out/manifest.json")).unwrap();
    let mut manifest: Value = serde_json::from_str(&manifest).unwrap();
    manifest.as_object_mut().unwrap().remove("about");
    place.write("out/manifest.json", manifest.to_string());
    place.run(same).exits(2).names(&["does not say how it was made", "export once with its flags"]);
}

#[test]
fn numbers_of_copies_change_files_of_labels_that_did_not() {
    let form = "--copies";
    let place = Place::new();
    let (one, two) = ("{\"text\":\"Call me Ishmael.\"}\n", "{\"text\":\"It was the best.\"}\n");
    place.write("a.jsonl", format!("{one}{two}"));
    place.write("b.jsonl", one);
    place.write("recipe.toml", "corpus = \"corpus\"\n[books]\ndedup = \"exact\"\n");
    place.run("build recipe.toml").exits(0);
    place.run("add corpus --slice books --label a a.jsonl").exits(0);
    place.run("export corpus --out out --copies --quiet").exits(0);
    place.run("add corpus --slice books --label b b.jsonl").exits(0);
    let (written, _) = update(&place, "out", form);
    assert_eq!(written, ["books/a.jsonl", "books/b.jsonl"]);
}
