//! Token shards have the tokens of all documents, in every layout.

mod layouts;
mod mixture;
mod order;
mod sft;
mod trace;

use crate::support::{
    Export, Place, assert_same, both_dumps, files_below, input, list, number, text,
};
use layouts::{Documents, ds, mds, megatron, npy, shards};
use models::tokenizer::TokenCounter;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::process::Command;

/// A small BPE. `<|end|>` has the id 0.
const TOKENIZER: &str = include_str!("../../fixtures/tokenizers/base.json");

const ALL: &str = "--format tokens --layout megatron,npy,ds,mds --eos <|end|>";

/// The extensions of the files of a shard.
const FILES: [(&str, &str); 9] = [
    ("megatron", "bin"),
    ("megatron", "idx"),
    ("npy", "npy"),
    ("npy", "csv.gz"),
    ("ds", "ds"),
    ("ds", "ds.index"),
    ("ds", "ds.metadata"),
    ("mds", "mds"),
    ("provenance", "parquet"),
];

/// A corpus whose recipe names the tokenizer `words.json`.
fn with_corpus() -> Place {
    let place = Place::new();
    place.write("words.json", TOKENIZER);
    place.write("recipe.toml", both_dumps("tokenizer = \"words.json\"", ""));
    place.run("build recipe.toml --corpus corpus -w 2 --epoch-bytes 20K").exits(0);
    place
}

/// Exports tokens to a new folder.
fn export(place: &Place, out: &str, flags: &str) -> Export {
    place.run(&format!("export corpus --out {out} {flags} --quiet")).exits(0);
    files_below(&place.path(out))
}

/// The ids and tokens of all documents of a corpus, as the library of tokenizers makes them, each with
/// `end` after it.
fn expected(place: &Place, tokenizer: &str, end: &[u32]) -> Vec<(String, Vec<u32>)> {
    let counter = TokenCounter::open(&place.path(tokenizer)).unwrap();
    let of = |document: &Value| {
        let mut ids = counter.ids(text(&document["text"])).unwrap();
        ids.extend(end);
        (text(&document["id"]).to_owned(), ids)
    };
    place.documents("corpus").iter().map(of).collect()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn tokens_of(documents: &[(String, Vec<u32>)]) -> Documents {
    documents.iter().map(|(_, tokens)| tokens.clone()).collect()
}

#[test]
fn every_layout_has_the_tokens_of_all_documents_in_the_order_of_the_corpus() {
    let place = with_corpus();
    let expected = expected(&place, "words.json", &[0]);
    let tokens = tokens_of(&expected);
    let out = export(&place, "out", ALL);
    let names = shards(&out, "megatron", ".bin");
    assert_eq!(names, ["common_crawl-2019-30-00000", "common_crawl-2020-05-00000"]);
    let all = |read: &dyn Fn(&str) -> Documents| -> Documents {
        names.iter().flat_map(|name| read(name)).collect()
    };
    assert_eq!(all(&|name| megatron(&out, name, 2)), tokens);
    assert_eq!(all(&|name| npy(&out, name, 2).0), tokens);
    assert_eq!(all(&|name| ds(&out, name, 2)), tokens);
    assert_eq!(mds(&out, 2).concat(), tokens);
    let rows: Vec<_> = names.iter().flat_map(|name| npy(&out, name, 2).1).collect();
    for ((_, _, id, source, record), (expected, _)) in rows.iter().zip(&expected) {
        assert_eq!((id, &format!("{source}#{record}")), (expected, expected));
    }
    let files: Vec<String> = names
        .iter()
        .flat_map(|name| FILES.map(|(layout, extension)| format!("{layout}/{name}.{extension}")))
        .collect();
    for file in &files {
        assert!(out.contains_key(file), "{file}");
    }
    assert_eq!(out.len(), files.len() + 3, "also index.json, manifest.json and the card");
    let manifest: Value = serde_json::from_slice(&out["manifest.json"]).unwrap();
    assert_eq!((&manifest["complete"], &manifest["about"]["eos"]["id"]), (&true.into(), &0.into()));
    for file in list(&manifest["files"]) {
        let bytes = &out[text(&file["path"])];
        assert_eq!(number(&file["bytes"]), bytes.len() as u64);
        assert_eq!(text(&file["sha256"]), sha256(bytes));
    }
    let card = String::from_utf8(out["README.md"].clone()).unwrap();
    assert!(card.contains("2 shards of tokens of words.json"), "{card}");
    assert!(card.contains("Each document ends with `<|end|>` (0)."), "{card}");
}

#[test]
fn shards_end_before_they_are_too_large_whatever_the_workers_and_the_memory() {
    let place = with_corpus();
    let whole = export(&place, "whole", ALL);
    let one = export(&place, "one", &format!("{ALL} --shard-tokens 40K -w 1"));
    for (out, flags) in [("four", "-w 4"), ("small", "-w 3 --memory 16K")] {
        let other = export(&place, out, &format!("{ALL} --shard-tokens 40K {flags}"));
        assert_same(&other, &one, flags);
    }
    // Counted here, and not when the corpus was built.
    place.write("same.json", TOKENIZER.replace(r#""version":"1.0""#, r#""version": "1.0""#));
    let counted =
        export(&place, "counted", &format!("{ALL} --shard-tokens 40K --tokenizer same.json"));
    let names = shards(&one, "megatron", ".bin");
    assert!(names.len() > 6, "{names:?}");
    for name in &names {
        let documents = megatron(&one, name, 2);
        let tokens: usize = documents.iter().map(Vec::len).sum();
        assert!(tokens <= 40_000 || documents.len() == 1, "{name}: {tokens}");
        assert_eq!(ds(&one, name, 2), documents);
        assert_eq!(npy(&one, name, 2).0, documents);
        assert_eq!(megatron(&counted, name, 2), documents, "{name}");
    }
    for label in ["2019-30", "2020-05"] {
        let of_label = |out: &Export| -> Vec<u8> {
            let prefix = format!("npy/common_crawl-{label}-");
            let files = out.iter().filter(|(name, _)| name.starts_with(&prefix));
            files
                .filter(|(name, _)| name.ends_with(".npy"))
                .flat_map(|(_, file)| file.clone())
                .collect()
        };
        assert!(of_label(&one) == of_label(&whole), "{label} is the same in parts");
    }
    assert_eq!(mds(&one, 2).concat(), mds(&whole, 2).concat());
}

#[test]
fn tokens_around_documents_and_their_size_are_as_asked() {
    let place = with_corpus();
    let plain = tokens_of(&expected(&place, "words.json", &[]));
    let none = export(&place, "none", "--format tokens --layout ds --eos none");
    assert_eq!(all_ds(&none, 2), plain);
    let both = export(&place, "both", "--format tokens --layout ds --bos ! --eos <|end|>");
    let around: Documents =
        plain.iter().map(|document| [&[1], &document[..], &[0]].concat()).collect();
    assert_eq!(all_ds(&both, 2), around);

    // The largest id of two bytes is 65,535.
    place.write("wide.json", TOKENIZER.replacen(r#""e":69,"#, r#""e":70000,"#, 1));
    let flags = "--format tokens --layout megatron,npy,ds,mds --tokenizer wide.json --eos <|end|>";
    let wide = export(&place, "wide", flags);
    let manifest: Value = serde_json::from_slice(&wide["manifest.json"]).unwrap();
    let width = number(&manifest["about"]["token_bytes"]);
    assert_eq!(width, 4);
    let documents = tokens_of(&expected(&place, "wide.json", &[0]));
    assert!(documents.iter().flatten().any(|token| *token == 70_000));
    assert_eq!(all_ds(&wide, width), documents);
    let names = shards(&wide, "megatron", ".bin");
    let of_megatron: Documents =
        names.iter().flat_map(|name| megatron(&wide, name, width)).collect();
    assert_eq!(of_megatron, documents);
    assert_eq!(mds(&wide, width).concat(), documents);
}

fn all_ds(out: &Export, width: u64) -> Documents {
    shards(out, "ds", ".ds").iter().flat_map(|name| ds(out, name, width)).collect()
}

#[test]
fn samples_of_a_fixed_length_are_the_documents_one_after_another() {
    let place = with_corpus();
    // Shorter than documents, and longer.
    for length in [128, 4096] {
        check_samples(&place, length);
    }
}

fn check_samples(place: &Place, length: usize) {
    let flags = format!("{ALL} --shard-tokens 40K --sequence-length {length}");
    let out = export(place, "out", &flags);
    let streams = shards(&out, "mds", ".mds").into_iter();
    let streams = streams.map(|name| megatron(&out, &name, 2).concat());
    // A shard of fewer tokens than a sample is not in the index.
    let streams: Vec<Vec<u32>> = streams.filter(|stream| stream.len() >= length).collect();
    let samples = mds(&out, 2);
    assert_eq!(samples.len(), streams.len());
    for (samples, stream) in samples.iter().zip(&streams) {
        assert!(samples.iter().all(|sample| sample.len() == length));
        assert_eq!(samples.concat(), stream[..stream.len() / length * length]);
    }
    assert!(samples[0].len() > 6, "{}", samples[0].len());
}

#[test]
fn an_export_is_resumed_and_an_increment_keeps_the_shards_of_other_labels() {
    let place = Place::new();
    place.write("words.json", TOKENIZER);
    let recipe = |label: &str| {
        let inputs = input("2019-30", "fixtures/2019-30");
        let more = if label.is_empty() { String::new() } else { input(label, "fixtures/2020-05") };
        format!("tokenizer = \"words.json\"\n[common_crawl]\nlanguages = []\n{inputs}{more}")
    };
    place.write("recipe.toml", recipe(""));
    place.run("build recipe.toml --corpus corpus").exits(0);
    let flags = format!("{ALL} --shard-tokens 40K");
    let command = format!("export corpus --out out {flags} --json");
    let first = place.run(&command).exits(0).json();
    assert_eq!(number(&first["files_kept"]), 0);
    assert_eq!(list(&first["shards_written"]).len(), list(&first["files"]).len() / FILES.len());
    let again = place.run(&command).exits(0).json();
    assert_eq!(list(&again["shards_written"]).len(), 0);
    assert_eq!(number(&again["files_written"]), 1, "index.json alone");
    // A file of another size makes its layout of the shard be written again.
    let broken = "out/ds/common_crawl-2019-30-00001.ds.index";
    place.write(broken, "cut");
    let repaired = place.run(&command).exits(0).json();
    assert_eq!(list(&repaired["shards_written"]), &["common_crawl-2019-30-00001"]);
    assert_eq!(number(&repaired["files_written"]), 4, "its three files, and index.json");

    place.write("recipe.toml", recipe("2020-05"));
    place.run("build recipe.toml --corpus corpus").exits(0);
    let updated = place.run(&command).exits(0).json();
    let written = list(&updated["shards_written"]);
    assert!(!written.is_empty());
    assert!(written.iter().all(|shard| text(shard).starts_with("common_crawl-2020-05-")));
    assert_eq!(number(&updated["documents"]), place.documents("corpus").len() as u64);
    let fresh = export(&place, "fresh", &flags);
    assert_same(&files_below(&place.path("out")), &fresh, "an update");

    let texts = place.run("export corpus --out out --json").exits(0).json();
    assert_eq!(number(&texts["files_removed"]), list(&updated["files"]).len() as u64);
    assert_same(&files_below(&place.path("out")), &place.export("corpus"), "an export of texts");
}

/// The trainers' own readers return what Hugging Face's tokenizers return. Without Python, or where one of
/// the readers is not installed, the test prints that and passes.
#[test]
fn every_layout_is_read_by_its_own_reader() {
    let python = std::env::var("SLUICE_PYTHON").unwrap_or_else(|_| "python3".into());
    let place = with_corpus();
    place.run("export corpus --out texts --quiet").exits(0);
    let read = |flags: &str| -> String {
        export(&place, "out", flags);
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/tokens/readers.py");
        let mut command = Command::new(&python);
        command.args([script, "out", "texts", "words.json", "<|end|>"]);
        let output = match command.current_dir(place.path("")).output() {
            Ok(output) => output,
            Err(error) => return format!("all: skipped: {python}: {error}"),
        };
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{flags}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    };
    for (flags, layouts) in [
        (ALL, &["megatron", "npy", "ds", "mds"][..]),
        ("--format tokens --layout mds --eos <|end|> --sequence-length 128", &["mds"]),
    ] {
        let printed = read(flags);
        println!("{printed}");
        if !printed.starts_with("all: skipped") {
            for layout in layouts {
                let mut lines = printed.lines().filter(|line| line.starts_with(layout));
                let line = lines.next().unwrap_or_else(|| panic!("{layout}: {printed}"));
                assert!(line.contains("skipped") || line.contains("are equal"), "{line}");
            }
        }
    }
}

#[test]
fn a_failed_export_of_tokens_can_be_repeated() {
    let place = with_corpus();
    let flags = format!("{ALL} --shard-tokens 40K");
    place.run_with_file_limit(9, &format!("export corpus --out out {flags} --quiet")).exits(1);
    let repeated = export(&place, "out", &flags);
    assert_same(&repeated, &export(&place, "other", &flags), "repeated");
}

#[test]
fn a_wrong_command_says_what_is_right() {
    let place = with_corpus();
    for (flags, expected) in [
        ("--format tokens --eos none", "needs --layout: one or more of megatron, npy, ds, mds"),
        ("--format tokens --layout ds", "needs --eos: the token after each document"),
        ("--format tokens --layout ds --eos </s>", "words.json has no token \"</s>\"; its special"),
        ("--format tokens --layout ds --eos none --schema dolma", "--schema is for one of the"),
        ("--format tokens --layout ds --eos none --shard-bytes 1G", "--shard-bytes is for"),
        ("--layout ds", "--layout is for --format tokens"),
        ("--format parquet --eos none", "--eos is for --format tokens"),
        ("--format tokens --layout ds --eos none --shard-tokens 0", "at least one token"),
        ("--format tokens --layout ds --eos none --sequence-length 8", "is for --layout mds"),
        ("--format tokens --layout ds --eos none --tokenizer no.json", "no.json"),
        ("--format tokens --layout ds --eos none --tokenizer recipe.toml", "is not a tokenizer"),
    ] {
        let wrong = place.run(&format!("export corpus --out out {flags}")).exits(2);
        wrong.names(&[expected]);
        assert!(!place.path("out").exists(), "{flags}");
    }
    place.write("words.json", TOKENIZER.replace("1.0", "1.00"));
    let changed =
        place.run("export corpus --out out --format tokens --layout ds --eos none").exits(2);
    changed.names(&["words.json has changed since the corpus was built", "--tokenizer FILE"]);
    place.write("plain.toml", both_dumps("", ""));
    place.run("build plain.toml --corpus plain").exits(0);
    let none = place.run("export plain --out out --format tokens --layout ds --eos none").exits(2);
    none.names(&["the recipe of this corpus names no tokenizer", "--tokenizer FILE"]);
}
