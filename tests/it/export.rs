//! The content of an export, in each of its forms.

mod update;

use crate::support::{Place, assert_same, both_dumps, documents, files_below, list, number, text};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::process::Command;

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
    let (mut one, mut all) = (files_below(&place.path("one")), files_below(&place.path("all")));
    // It says what was chosen.
    assert!(one.remove("manifest.json") != all.remove("manifest.json"));
    assert!(one == all);
    let wrong = place.run("export corpus --out none --slice common_craw").exits(2);
    wrong.names(&["did you mean common_crawl?"]);
    assert!(!place.path("none").exists());
}

#[test]
fn labels_can_be_exported_alone_and_an_unknown_one_names_the_nearest() {
    let place = with_corpus();
    let all = place.export("corpus");
    place.run("export corpus --out one --label common_crawl/2020-05 --quiet").exits(0);
    let one = files_below(&place.path("one"));
    assert_eq!(
        one.keys().collect::<Vec<_>>(),
        ["README.md", "common_crawl/2020-05.jsonl", "manifest.json"]
    );
    assert!(one["common_crawl/2020-05.jsonl"] == all["common_crawl/2020-05.jsonl"]);
    let wrong = place.run("export corpus --out none --label common_crawl/2020-50").exits(2);
    wrong.names(&["no label common_crawl/2020-50", "did you mean common_crawl/2020-05?"]);
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
    place.write("out/mine.txt", "precious");
    place.run("export corpus --out out").exits(0);
    assert_eq!(std::fs::read_to_string(place.path("out/mine.txt")).unwrap(), "precious");
    place.write("out/README.md", "# My own notes");
    place.run("export corpus --out out").exits(2).names(&["out/README.md", "no export made"]);
    place.run("export corpus --out other --slice books").exits(2).names(&["nothing to export"]);
}

#[test]
fn an_export_removes_what_an_earlier_one_left_and_nothing_else() {
    let place = with_corpus();
    place.run("export corpus --out out --shard-bytes 20K --quiet").exits(0);
    let shards = files_below(&place.path("out")).len() - 2;
    assert!(shards > 4, "{shards}");
    place.write("out/common_crawl/mine.txt", "precious");
    let changed = place.run("export corpus --out out --format parquet --json").exits(0).json();
    assert_eq!(number(&changed["files_removed"]), shards as u64);
    let names: Vec<_> = files_below(&place.path("out")).into_keys().collect();
    let expected = [
        "README.md",
        "common_crawl/2019-30.parquet",
        "common_crawl/2020-05.parquet",
        "common_crawl/mine.txt",
        "manifest.json",
    ];
    assert_eq!(names, expected);
}

#[test]
fn shards_are_the_file_in_parts_however_the_corpus_was_built() {
    let place = with_corpus();
    place.write("other.toml", both_dumps("corpus = \"other\"", ""));
    place.run("build other.toml -w 1").exits(0);
    for format in ["jsonl", "jsonl.zst", "parquet"] {
        let shards = |corpus: &str, workers: u64| {
            let out = format!("{corpus}-{workers}-{format}");
            let flags = format!("--shard-bytes 20K --format {format} -w {workers} --quiet");
            place.run(&format!("export {corpus} --out {out} {flags}")).exits(0);
            files_below(&place.path(&out))
        };
        let one = shards("corpus", 1);
        assert_same(&shards("corpus", 4), &one, "four workers");
        assert_same(&shards("other", 3), &one, "a corpus of other segments");
    }
    let shards = files_below(&place.path("corpus-1-jsonl"));
    let whole = place.export("corpus");
    for file in FILES {
        let shards = shards.iter().filter(|(name, _)| name.starts_with(&format!("{file}-0")));
        let parts: Vec<&Vec<u8>> = shards.map(|(_, bytes)| bytes).collect();
        assert!(parts.len() > 2 && parts.iter().all(|part| part.len() < 40 << 10));
        assert!(parts.into_iter().flatten().eq(&whole[&format!("{file}.jsonl")]), "{file}");
    }
    place.run("export corpus --out none --shard-bytes 0").exits(2).names(&["at least one byte"]);
}

#[test]
fn splits_depend_on_the_id_only() {
    let place = with_corpus();
    place.run("export corpus --out out --split train=0.7,valid=0.3 --quiet").exits(0);
    let files = files_below(&place.path("out"));
    let ids = |name: &str| -> Vec<String> {
        let lines = std::str::from_utf8(&files[name]).unwrap().lines();
        let document = |line| serde_json::from_str::<Value>(line).unwrap();
        lines.map(|line| text(&document(line)["id"]).to_owned()).collect()
    };
    let mut all = Vec::new();
    for file in FILES {
        for (split, is_train) in [("train", true), ("valid", false)] {
            for id in ids(&format!("{file}-{split}.jsonl")) {
                // The first byte decides, but for hashes near the border.
                let first = f64::from(Sha256::digest(id.as_bytes())[0]) / 256.0;
                assert!((first - 0.7).abs() < 0.01 || (first < 0.7) == is_train, "{id}");
                all.push(id);
            }
        }
    }
    let documents = place.documents("corpus");
    let mut expected: Vec<_> = documents.iter().map(|document| text(&document["id"])).collect();
    all.sort();
    expected.sort_unstable();
    assert_eq!(all, expected);
    let card = String::from_utf8(files["README.md"].clone()).unwrap();
    for line in ["  - split: valid\n", "    - common_crawl/2020-05-valid.jsonl\n"] {
        assert!(card.contains(line), "{card}");
    }
    let wrong = place.run("export corpus --out none --split train=0.9,valid=0.2").exits(2);
    wrong.names(&["add up to 1.1"]);
    assert!(!place.path("none").exists());
}

#[test]
fn a_failed_export_can_be_repeated() {
    let place = with_corpus();
    place.run_with_file_limit(16, "export corpus --out out --quiet").exits(1).names(&["out/"]);
    place.run("export corpus --out out --quiet").exits(0);
    assert!(files_below(&place.path("out")) == place.export("corpus"));
}

#[test]
fn an_interrupted_export_keeps_what_is_whole() {
    let place = with_corpus();
    let command = "export corpus --out out -w 1";
    // Enough for the card and the smaller label, which is the second.
    let smaller = place.export("corpus")["common_crawl/2020-05.jsonl"].len() as u64;
    let limit = smaller / 512 + 2;
    place.run_with_file_limit(limit, &format!("{command} --label common_crawl/2020-05")).exits(0);
    let written = |name: &str| std::fs::metadata(place.path(name)).unwrap().modified().unwrap();
    let before = written("out/common_crawl/2020-05.jsonl");
    place.run_with_file_limit(limit, command).exits(1).names(&["out/common_crawl/2019-30.jsonl"]);
    let manifest = || -> Value {
        serde_json::from_slice(&std::fs::read(place.path("out/manifest.json")).unwrap()).unwrap()
    };
    assert_eq!(manifest()["complete"], false);
    let resumed = place.run(&format!("{command} --json")).exits(0).json();
    assert_eq!((number(&resumed["files_kept"]), number(&resumed["files_written"])), (1, 1));
    assert_eq!(written("out/common_crawl/2020-05.jsonl"), before);
    assert_eq!(manifest()["complete"], true);
    assert!(files_below(&place.path("out")) == place.export("corpus"));
    let again = place.run(command).exits(0);
    assert!(again.stdout.contains("2 files kept: already whole"), "{again}");
    // A file of another size, or of other options, is not kept.
    place.write("out/common_crawl/2020-05.jsonl", "cut");
    let repaired = place.run(&format!("{command} --json")).exits(0).json();
    assert_eq!(number(&repaired["files_kept"]), 1);
    let other = place.run(&format!("{command} --json --schema dolma")).exits(0).json();
    assert_eq!(number(&other["files_kept"]), 0);
}

#[test]
fn an_increment_keeps_the_files_of_labels_that_did_not_change() {
    let place = Place::new();
    place.write("recipe.toml", both_dumps("", ""));
    let add = |label: &str| {
        let slice = "--slice common_crawl --label";
        place.run(&format!("add corpus {slice} {label} fixtures/{label}")).exits(0);
    };
    add("2019-30");
    place.run("export corpus --out out --quiet").exits(0);
    add("2020-05");
    let updated = place.run("export corpus --out out --json").exits(0).json();
    assert_eq!((number(&updated["files_kept"]), number(&updated["files_written"])), (1, 1));
    assert_same(&files_below(&place.path("out")), &place.export("corpus"), "an update");
}

#[test]
fn each_schema_has_the_fields_of_its_reader() {
    let place = with_corpus();
    for (schema, fields, meta) in [
        ("sluice", &["text", "meta", "id"][..], "meta"),
        ("redpajama", &["text", "meta"], "meta"),
        ("datatrove", &["text", "id", "metadata"], "metadata"),
        ("dolma", &["id", "text", "source", "added", "created", "metadata"], "metadata"),
    ] {
        let out = format!("{schema}-jsonl");
        place.run(&format!("export corpus --out {out} --schema {schema} --quiet")).exits(0);
        for (line, expected) in
            documents(&files_below(&place.path(&out))).iter().zip(place.documents("corpus"))
        {
            let mut found: Vec<_> = line.as_object().unwrap().keys().collect();
            let mut fields = fields.to_vec();
            found.sort();
            fields.sort_unstable();
            assert_eq!(found, fields);
            assert_eq!((&line["text"], &line[meta]), (&expected["text"], &expected["meta"]));
            if schema == "dolma" {
                assert_eq!(line["source"], "common_crawl");
                assert_eq!(line["added"], expected["meta"]["date_download"]);
            }
            if fields.contains(&"id") {
                assert_eq!(line["id"], expected["meta"]["id"]);
            }
        }
        let out = format!("{schema}-parquet");
        let flags = format!("--schema {schema} --format parquet --quiet");
        place.run(&format!("export corpus --out {out} {flags}")).exits(0);
        let rows = rows(&place.path(&out).join("common_crawl/2020-05.parquet"));
        assert!(!rows.is_empty());
        for name in fields {
            assert!(rows[0].get_column_iter().any(|(column, _)| column == name), "{name}");
        }
    }
    let line = &place.export("corpus")["common_crawl/2019-30.jsonl"];
    assert!(line.starts_with(b"{\"text\":"));
}

#[test]
fn parquet_has_columns_of_what_readers_filter_by() {
    let place = with_corpus();
    place.run("export corpus --out out --format parquet --quiet").exits(0);
    let documents = place.documents("corpus");
    let rows: Vec<Row> = FILES
        .iter()
        .flat_map(|file| rows(&place.path("out").join(format!("{file}.parquet"))))
        .collect();
    assert_eq!(rows.len(), documents.len());
    for (row, document) in rows.iter().zip(&documents) {
        let columns: BTreeMap<&str, &Field> =
            row.get_column_iter().map(|(name, value)| (name.as_str(), value)).collect();
        let meta = &document["meta"];
        for (name, value) in
            [("text", &document["text"]), ("id", &document["id"]), ("url", &meta["url"])]
        {
            assert_eq!(columns[name], &Field::Str(text(value).to_owned()), "{name}");
        }
        assert_eq!(columns["language"], &Field::Str(text(&meta["language"]).to_owned()));
        let score = meta["language_score"].as_f64().unwrap();
        assert_eq!(columns["language_score"], &Field::Double(score));
        assert_eq!((columns["perplexity"], columns["tokens"]), (&Field::Null, &Field::Null));
        let Field::Str(json) = columns["meta"] else { panic!("{:?}", columns["meta"]) };
        assert_eq!(&serde_json::from_str::<Value>(json).unwrap(), meta);
    }
}

fn rows(path: &Path) -> Vec<Row> {
    let file = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    file.get_row_iter(None).unwrap().map(Result::unwrap).collect()
}

#[test]
fn an_empty_corpus_is_said_to_be_empty() {
    let place = Place::new();
    place.write("recipe.toml", "corpus = \"corpus\"\n");
    place.run("build recipe.toml").exits(0);
    let empty = place.run("export corpus --out out").exits(0);
    assert!(empty.stderr.contains("corpus has no documents: the export is empty"), "{empty}");
    let card = std::fs::read_to_string(place.path("out/README.md")).unwrap();
    assert!(!card.contains("configs:") && card.contains("It has no documents."), "{card}");
}

#[test]
fn quiet_means_quiet_and_json_is_all_there_is_on_standard_output() {
    let place = with_corpus();
    let quiet = place.run("export corpus --out out --quiet").exits(0);
    assert_eq!((&*quiet.stdout, &*quiet.stderr), ("", ""));
    let json = place.run("export corpus --out other --json").exits(0).json();
    assert_eq!(number(&json["documents"]), place.documents("corpus").len() as u64);
    assert_eq!(list(&json["files"]).len(), 2);
    assert_eq!(text(&json["out"]), "other");
    assert!(number(&json["commit"]) > 0);
}

/// The recipe is published with the models' names, but not with their places.
#[test]
fn the_card_says_what_the_corpus_is() {
    let place = Place::new();
    place.write("models/words.json", crate::support::WORDS);
    place.write("recipe.toml", both_dumps("tokenizer = \"models/words.json\"", ""));
    place.run("build recipe.toml --corpus corpus").exits(0);
    let card = String::from_utf8(place.export("corpus")["README.md"].clone()).unwrap();
    let head = card.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n")).unwrap().0;
    for line in [
        "configs:\n- config_name: default\n",
        "- config_name: common_crawl\n",
        "    - common_crawl/2019-30.jsonl\n    - common_crawl/2020-05.jsonl\n",
        "license:\n- other\n",
        "language:\n",
        "- en\n",
        "size_categories:\n- \"n<1K\"\n",
        "  splits:\n  - name: train\n    num_bytes: ",
    ] {
        assert!(head.contains(line), "{line:?}: {head}");
    }
    for line in [
        env!("CARGO_PKG_VERSION"),
        "tokenizer = \"words.json\"",
        "min_chars = 300",
        "| `common_crawl/2019-30.jsonl` |",
        "commoncrawl.org/terms-of-use",
    ] {
        assert!(card.contains(line), "{line:?}: {card}");
    }
    assert!(!card.contains(place.path("").to_str().unwrap()), "{card}");
}

fn python() -> String {
    std::env::var("SLUICE_PYTHON").unwrap_or_else(|_| "python3".into())
}

fn has_module(python: &str, module: &str) -> bool {
    let output = Command::new(python).args(["-c", &format!("import {module}")]).output();
    let has_it = output.is_ok_and(|output| output.status.success());
    if !has_it {
        println!("skipped: {python} has no module `{module}`");
    }
    has_it
}

#[test]
fn pyarrow_reads_what_is_in_several_pages_and_row_groups() {
    let python = python();
    if !has_module(&python, "pyarrow") {
        return;
    }
    let place = Place::new();
    let document = |number: u64| {
        let text = format!("{number} ").repeat(100 + number as usize % 200);
        format!("{}\n", serde_json::json!({ "text": text }))
    };
    place.write("books.jsonl", (0..11_000).map(document).collect::<String>());
    place.write("recipe.toml", "corpus = \"corpus\"\n[books]\ndedup = \"none\"\n");
    place.run("build recipe.toml").exits(0);
    place.run("add corpus --slice books --label x books.jsonl").exits(0);
    place.run("export corpus --out out --format parquet --quiet").exits(0);
    let script = "import json, sys, pyarrow.parquet as parquet\n\
                  file = parquet.ParquetFile('out/books/x.parquet')\n\
                  texts = [json.loads(line)['text'] for line in open('books.jsonl')]\n\
                  assert file.read()['text'].to_pylist() == texts\n\
                  assert file.num_row_groups > 1, file.num_row_groups\n\
                  group = file.metadata.row_group(0)\n\
                  assert all(group.column(n).has_offset_index for n in range(group.num_columns))\n\
                  assert group.column(1).has_column_index";
    let mut command = Command::new(&python);
    let output = command.args(["-c", script]).current_dir(place.path("")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Hugging Face's `datasets` reads what the card says: all slices as one, or one by its name.
#[test]
fn load_dataset_reads_an_export_with_and_without_a_name() {
    let python = python();
    let has = |module: &str| has_module(&python, module);
    if !has("datasets") {
        return;
    }
    let place = Place::new();
    place.run("demo --quiet").exits(0);
    let documents = place.documents("sluice-demo/corpus").len();
    for format in ["jsonl", "jsonl.zst", "parquet"] {
        if format == "jsonl.zst" && !has("zstandard") {
            continue;
        }
        // Not `parquet`: `datasets` takes that for the name of a reader.
        let out = format!("out-{format}");
        let flags = format!("--format {format} --split train=0.8,valid=0.2 --quiet");
        place.run(&format!("export sluice-demo/corpus --out {out} {flags}")).exits(0);
        let script = "import datasets, json, sys\n\
                      datasets.disable_progress_bars()\n\
                      names = [None] + sys.argv[2:]\n\
                      sets = [datasets.load_dataset(sys.argv[1], name) for name in names]\n\
                      print(json.dumps([sum(len(s) for s in d.values()) for d in sets]))";
        let mut command = Command::new(&python);
        command.args(["-c", script, &out]).args(["books", "github", "common_crawl"]);
        command.current_dir(place.path("")).env("HF_HOME", place.path("hf"));
        let output = command.env("HF_DATASETS_OFFLINE", "1").output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        let counts: Vec<usize> =
            serde_json::from_str(&printed).unwrap_or_else(|_| panic!("{errors}"));
        assert_eq!(counts[0], documents, "{format}");
        assert!(counts[1..].iter().all(|count| *count > 0), "{format}: {counts:?}");
    }
}
