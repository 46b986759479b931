//! The content of an export, in each of its forms.

use crate::support::{Place, both_dumps, files_below, list, number, text};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::cmp::Ordering;

const FILES: [&str; 2] = ["common_crawl/2019-30", "common_crawl/2020-05"];

fn with_corpus() -> Place {
    let place = Place::new();
    place.write("recipe.toml", both_dumps("", ""));
    place.run("build recipe.toml --corpus corpus -w 2 --epoch-bytes 20K").exits(0);
    place
}

#[test]
fn every_form_has_the_same_documents() {
    let place = with_corpus();
    let lines = place.export("corpus");
    for form in ["jsonl.zst", "parquet"] {
        place.run(&format!("export corpus --out {form} --format {form} --quiet")).exits(0);
    }
    let (packed, columns) =
        (files_below(&place.path("jsonl.zst")), files_below(&place.path("parquet")));
    for file in FILES {
        let plain = &lines[&format!("{file}.jsonl")];
        let unpacked = zstd::decode_all(&packed[&format!("{file}.jsonl.zst")][..]).unwrap();
        assert!(unpacked == *plain, "{file}");
        let parquet = &columns[&format!("{file}.parquet")];
        assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"), "{file}");
    }
    let counts = |files: &crate::support::Export| -> Vec<Value> {
        let manifest: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
        list(&manifest["files"]).iter().map(|file| file["documents"].clone()).collect()
    };
    assert_eq!(counts(&packed), counts(&lines));
    assert_eq!(counts(&columns), counts(&lines));
}

#[test]
fn the_list_of_files_has_their_counts_and_digests() {
    let place = with_corpus();
    for form in ["jsonl", "jsonl.zst", "parquet"] {
        place.run(&format!("export corpus --out {form} --format {form} --quiet")).exits(0);
        let files = files_below(&place.path(form));
        let manifest: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
        let listed = list(&manifest["files"]);
        assert_eq!(listed.len() + 2, files.len(), "there are two files besides the listed ones");
        for (entry, file) in listed.iter().zip(FILES) {
            assert_eq!(text(&entry["path"]), format!("{file}.{form}"));
            let bytes = &files[text(&entry["path"])];
            let digest: String =
                Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(text(&entry["sha256"]), digest);
            assert_eq!(number(&entry["bytes"]), bytes.len() as u64);
            let label = place.label("corpus", file.rsplit('/').next().unwrap());
            assert_eq!(entry["documents"], label["kept"]);
            assert_eq!(entry["text_bytes"], label["bytes_kept"]);
        }
    }
}

#[test]
fn the_card_names_every_file_under_its_slice() {
    let export = with_corpus().export("corpus");
    let card = String::from_utf8(export["README.md"].clone()).unwrap();
    let head = card.strip_prefix("---\n").and_then(|rest| rest.split_once("---\n")).unwrap().0;
    assert!(head.starts_with("configs:\n- config_name: common_crawl\n"), "{head}");
    for file in FILES {
        assert!(head.contains(&format!("    - {file}.jsonl\n")), "{head}");
    }
}

#[test]
fn ids_name_slice_label_source_and_record_and_ascend() {
    let documents = with_corpus().documents("corpus");
    let ids: Vec<(String, u64)> = documents
        .iter()
        .map(|document| {
            let (source, record) = text(&document["meta"]["id"]).rsplit_once('#').unwrap();
            (source.to_owned(), record.parse().unwrap())
        })
        .collect();
    assert!(ids.windows(2).all(|pair| pair[0].cmp(&pair[1]) == Ordering::Less), "{ids:?}");
    let of_file = "common_crawl/2019-30/CC-MAIN-20190715175205-20190715200159-00002.warc.wet.gz";
    assert!(ids.iter().any(|(source, _)| source == of_file), "{ids:?}");
    assert!(ids.iter().all(|(_, record)| *record < 75), "records are counted from 0: {ids:?}");
}

#[test]
fn every_document_has_the_fields_of_redpajama() {
    for document in with_corpus().documents("corpus") {
        assert!(!text(&document["text"]).is_empty());
        let meta = &document["meta"];
        for field in ["url", "date_download", "digest", "source_domain", "title", "language"] {
            assert!(meta[field].is_string(), "{field}: {meta}");
        }
        assert_eq!(number(&meta["length"]), text(&document["text"]).chars().count() as u64);
        let lines = text(&document["text"]).split('\n').count() as u64;
        assert_eq!((number(&meta["nlines"]), list(&meta["line_ids"]).len() as u64), (lines, lines));
    }
}

#[test]
fn a_slice_can_be_exported_alone_and_an_unknown_one_cannot() {
    let place = with_corpus();
    place.run("export corpus --out all --quiet").exits(0);
    place.run("export corpus --out one --slice common_crawl --quiet").exits(0);
    assert!(files_below(&place.path("one")) == files_below(&place.path("all")));
    let wrong = place.run("export corpus --out none --slice common_craw").exits(2);
    wrong.names(&["did you mean common_crawl?"]);
    assert!(!place.path("none").exists());
}

#[test]
fn an_export_overwrites_only_an_export() {
    let place = Place::new();
    place.run("add corpus --slice common_crawl --label a fixtures/2019-30").exits(0);
    place.write("mine/README.md", "precious");
    place.run("export corpus --out mine").exits(2).names(&["mine", "README.md", "no export made"]);
    assert_eq!(std::fs::read_to_string(place.path("mine/README.md")).unwrap(), "precious");
    place.run("export corpus --out corpus").exits(2).names(&["corpus", "no export made"]);
    place.run("export corpus --out out").exits(0);
    place.run("export corpus --out out").exits(0);
    place.run("export corpus --out other --slice books").exits(2).names(&["nothing to export"]);
}

#[test]
fn a_failed_export_can_be_repeated() {
    let place = with_corpus();
    place.run_with_file_limit(16, "export corpus --out out --quiet").exits(1).names(&["out/"]);
    place.run("export corpus --out out --quiet").exits(0);
    assert!(files_below(&place.path("out")) == place.export("corpus"));
}
