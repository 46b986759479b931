//! What a corpus holds, and why, can be seen with the program: counts, defects, single documents,
//! samples.

use crate::support::{Outcome, Place, documents, gzip, list, number, text};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::process::Command;

/// A gzipped shard of C4 with pages of these texts.
fn shard(texts: &[&str]) -> Vec<u8> {
    let page = |text: &&str| {
        let url = format!("http://a.example/{}", text.len());
        let page =
            serde_json::json!({"text": text, "timestamp": "2019-04-25T12:57:54Z", "url": url});
        format!("{page}\n")
    };
    gzip(texts.iter().map(page).collect::<String>().as_bytes())
}

/// The width of the tables that a command printed.
fn widest(outcome: &Outcome) -> usize {
    let tables = outcome.stdout.lines().filter(|line| line.starts_with(['┌', '│', '╞', '└']));
    tables.map(|line| line.chars().count()).max().expect("a table")
}

/// Runs a line of shell in the folder, where `sluice` is the program.
fn shell(place: &Place, line: &str) -> std::process::Output {
    fs::create_dir_all(place.path("bin")).unwrap();
    let _ = symlink(&*crate::support::SLUICE, place.path("bin/sluice"));
    let path = format!("{}:{}", place.path("bin").display(), std::env::var("PATH").unwrap());
    let mut bash = Command::new("bash");
    bash.args(["-c", line]).current_dir(place.path("")).env("PATH", path);
    bash.env_remove("SLUICE_CRASH_AT").output().unwrap()
}

#[test]
fn a_status_of_many_labels_fits_a_terminal() {
    let place = Place::new();
    let mut recipe = String::from("corpus = \"corpus\"\n");
    for label in 0..45 {
        place.write(&format!("in/{label:02}.json.gz"), shard(&["A page of a shard."]));
        recipe += &format!(
            "[[input]]\nslice = \"c4\"\nlabel = \"CC-MAIN-20{label:02}-30\"\npaths = \
             [\"in/{label:02}.json.gz\"]\n"
        );
    }
    place.write("recipe.toml", recipe);
    let built = place.run("build recipe.toml").exits(0);
    assert!(widest(&built) <= 80, "{built}");

    let status = place.run("status corpus").exits(0);
    assert!(widest(&status) <= 80, "{status}");
    assert!(status.stdout.contains("c4 has 45 labels: --slice c4 lists them"), "{status}");
    assert!(!status.stdout.contains("CC-MAIN-2044-30"), "{status}");

    let all = place.run("status corpus --slice c4").exits(0);
    assert!(widest(&all) <= 80, "{all}");
    assert_eq!(all.stdout.matches("CC-MAIN-20").count(), 45, "{all}");

    let two = place.run("status corpus --label c4/CC-MAIN-2001-30 --label CC-MAIN-2044-30 --json");
    let two = two.exits(0).json();
    assert_eq!(two["slices"]["c4"]["labels"].as_object().unwrap().len(), 2);
    place.run("status corpus --slice c5").exits(2).names(&["no slice c5", "known: c4"]);
    let wrong = place.run("status corpus --label CC-MAIN-2001-31").exits(2);
    wrong.names(&["no label CC-MAIN-2001-31; did you mean CC-MAIN-20"]);
}

#[test]
fn an_interrupted_label_is_continued_by_the_command_that_status_prints() {
    // Few sources are named one by one, many in a list.
    for sources in [3, 12] {
        let place = Place::new();
        for source in 0..sources {
            let texts: Vec<String> = (0..20)
                .map(|page| format!("Page {page} of source {source}. {}", "x".repeat(page)))
                .collect();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            place.write(&format!("in put/it's $5 {source}.json.gz"), shard(&texts));
        }
        let line = "add 'my corpus' --slice c4 --label en 'in put' --epoch-bytes 300 \
                    --commit-every 1 -w 1";
        let killed = shell(&place, &format!("SLUICE_CRASH_AT=commit-ended:2 sluice {line}"));
        assert!(!killed.status.success());
        let status = shell(&place, "sluice status 'my corpus'");
        let status = String::from_utf8(status.stdout).unwrap();
        let at = status.find("c4/en is not complete").unwrap_or_else(|| panic!("{status}"));
        let command = status[at..].lines().nth(1).unwrap().trim();
        assert_eq!(command.contains("@sources.txt"), sources > 8, "{command}");
        let continued = shell(&place, command);
        assert!(continued.status.success(), "{command}: {continued:?}");
        let status = shell(&place, "sluice status 'my corpus' --json");
        let status: Value = serde_json::from_slice(&status.stdout).unwrap();
        let label = &status["slices"]["c4"]["labels"]["en"];
        assert_eq!((&label["complete"], number(&label["read"])), (&true.into(), sources * 20));
        assert!(status["writer"].is_null());
    }
}

#[test]
fn status_names_the_process_that_writes() {
    let place = Place::new();
    place.run("add corpus --slice common_crawl --label a fixtures/2019-30").exits(0);
    let mut lock = File::options().write(true).open(place.path("corpus/lock")).unwrap();
    lock.try_lock().unwrap();
    writeln!(lock, "process 77 on mill").unwrap();
    let status = place.run("status corpus").exits(0);
    assert!(status.stdout.contains("being written by process 77 on mill, last seen "), "{status}");
    let writer = place.status("corpus")["writer"].clone();
    assert!(text(&writer).starts_with("process 77 on mill"), "{writer}");
}

#[test]
fn defects_that_say_the_same_are_one_line_and_all_are_listed_on_request() {
    let place = Place::new();
    for file in 0..4 {
        let lines: String = (0..500).map(|line| format!("line {line} of no JSON\n")).collect();
        place.write(&format!("in/{file}.json.gz"), gzip(lines.as_bytes()));
    }
    place.write("in/good.json.gz", shard(&["A page."]));
    let added = place.run("add corpus --slice c4 --label en in").exits(3);
    let status = place.run("status corpus").exits(0);
    for outcome in [&added, &status] {
        assert!(outcome.stdout.contains("2,000 defects"), "{outcome}");
        assert!(outcome.stdout.contains("and 1,999 more like it, in 4 files"), "{outcome}");
        assert_eq!(outcome.stdout.matches("a JSON object with text").count(), 1, "{outcome}");
    }
    let all = place.run("status corpus --defects").exits(0);
    assert_eq!(all.stdout.matches("a JSON object with text").count(), 16, "{all}");
    let json = place.run("status corpus --defects --json").exits(0).json();
    let label = &json["slices"]["c4"]["labels"]["en"];
    assert_eq!(list(&label["malformed"]).len() as u64, number(&label["defects"]));
    assert!(text(&label["malformed"][0]["what"]).contains("a JSON object with text"));
    // The defect of a single record.
    let sample = place.run("sample corpus --reason not_c4 -n 3 --json --seed 5").exits(0);
    for line in sample.stdout.lines() {
        let view: Value = serde_json::from_str(line).unwrap();
        let record = number(&view["ledger"]["record"]) + 1;
        assert!(text(&view["defects"][0]).contains(&format!("record {record}: ")), "{view}");
    }
    // One is one.
    let one = Place::new();
    one.write("in/a.json.gz", gzip(b"no JSON\n"));
    one.write("in/good.json.gz", shard(&["A page."]));
    let added = one.run("add corpus --slice c4 --label en in").exits(3);
    assert!(added.stdout.contains("1 defect in the input"), "{added}");
}

/// The records of a sample, by id.
fn views(outcome: &Outcome) -> BTreeMap<String, Value> {
    let views = outcome.stdout.lines().map(|line| serde_json::from_str(line).unwrap());
    views.map(|view: Value| (text(&view["id"]).to_owned(), view)).collect()
}

/// Fails unless a sample of everything has each record of a corpus, with the text that is exported,
/// or that can be read again, and with what decided.
fn everything_is_seen(place: &Place, corpus: &str) -> BTreeMap<String, Value> {
    let views = views(&place.run(&format!("sample {corpus} -n 1M --json")).exits(0));
    let status = place.status(corpus);
    let labels = status["slices"].as_object().unwrap().values();
    let labels = labels.flat_map(|slice| slice["labels"].as_object().unwrap().values());
    assert_eq!(labels.map(|label| number(&label["read"])).sum::<u64>(), views.len() as u64);
    let exported = documents(&place.export(corpus));
    let kept = views.values().filter(|view| view["verdict"] == "kept").count();
    assert_eq!(kept, exported.len());
    for document in &exported {
        let view = &views[text(&document["meta"]["id"])];
        assert_eq!((&view["text"], &view["text_is"]), (&document["text"], &"kept".into()));
        for (name, value) in view["meta"].as_object().unwrap() {
            assert_eq!(*value, document["meta"][name], "{name}");
        }
    }
    for view in views.values().filter(|view| view["verdict"] == "dropped") {
        match view["text"].as_str() {
            Some(_) => assert_eq!(view["text_is"], "as read"),
            None => assert!(text(&view["notes"][0]).starts_with("the reader rejected"), "{view}"),
        }
        decided(view);
    }
    views
}

/// Fails if a comparison with a number does not agree with the verdict.
fn decided(view: &Value) {
    for threshold in list(&view["thresholds"]) {
        let numbers = (threshold["value"].as_f64(), threshold["limit"].as_f64());
        if let (Some(value), Some(limit)) = numbers {
            let holds = match text(&threshold["sign"]) {
                "<" => value < limit,
                "<=" => value <= limit,
                ">" => value > limit,
                ">=" => value >= limit,
                sign => panic!("{sign} between numbers"),
            };
            assert!(holds, "{view}");
        }
        assert_eq!(threshold["passes"] == false, threshold["reason"] == view["reason"], "{view}");
    }
}

#[test]
fn every_record_of_every_slice_is_seen_as_it_was() {
    let place = Place::new();
    place.run("demo --out demo --quiet").exits(0);
    let views = everything_is_seen(&place, "demo/corpus");
    // The numbers stand beside their limits.
    let mut seen: BTreeSet<(&str, &str)> = BTreeSet::new();
    for view in views.values() {
        let failed = list(&view["thresholds"]).iter().find(|one| one["passes"] == false);
        let Some(failed) = failed else { continue };
        assert!(!failed["value"].is_null(), "{view}");
        seen.insert((text(&failed["reason"]), text(&failed["setting"])));
    }
    for pair in [
        ("too_short", "min_chars"),
        ("language_score", "min_language_score"),
        ("language", "languages"),
        ("bucket", "buckets"),
        ("quality", "min_score"),
        ("license", "licenses"),
        ("max_line_length", "max_line_length"),
        ("avg_line_length", "max_avg_line_length"),
        ("alnum_prop", "min_alnum_prop"),
    ] {
        assert!(seen.contains(&pair), "{pair:?} is not among {seen:?}");
    }
    // Records of archives and sorted sources.
    let show = |id: &str| place.run(&format!("show demo/corpus {id} --json")).exits(0).json();
    for (id, view) in views.iter().filter(|(id, _)| id.contains(".7z") || id.contains(".tar")) {
        assert_eq!(show(id)["text"], view["text"]);
    }
}

#[test]
fn every_record_of_real_data_is_seen_as_it_was() {
    let Some(place) = Place::with_data() else { return };
    let mut recipe = String::new();
    for (slice, label, paths) in [
        ("common_crawl", "a", "\"data/commoncrawl/wet_derived\""),
        ("c4", "a", "\"data/c4/c4-train.00000-of-01024.sample.json.gz\""),
        ("arxiv", "a", "\"data/arxiv/src\", \"data/arxiv/eprints\""),
        ("books", "a", "\"data/books/gutenberg_raw\", \"data/books/genesis_multilingual.zip\""),
        ("wikipedia", "a", "\"data/wikipedia/ltgwiki-latest-pages-articles.xml.bz2\""),
        (
            "stack_exchange",
            "2023-01-01",
            "\"data/stackexchange/quantumcomputing.stackexchange.com.7z\"",
        ),
    ] {
        recipe +=
            &format!("[[input]]\nslice = \"{slice}\"\nlabel = \"{label}\"\npaths = [{paths}]\n");
    }
    place.write("recipe.toml", recipe);
    place.run("build recipe.toml --corpus corpus --quiet -w 2").exits(3);
    everything_is_seen(&place, "corpus");
}

#[test]
fn a_sample_depends_on_the_records_and_the_seed_only() {
    let place = Place::new();
    let (first, second) = ("fixtures/2019-30", "fixtures/2020-05");
    for (corpus, flags) in [("one", "-w 1"), ("two", "-w 2 --epoch-bytes 20K")] {
        for (label, path) in [("a", first), ("b", second)] {
            let line = format!("add {corpus} --slice common_crawl --label {label} {path} {flags}");
            place.run(&line).exits(0);
        }
    }
    let ids = |line: &str| -> Vec<String> {
        views(&place.run(&format!("sample {line} --json")).exits(0)).into_keys().collect()
    };
    for flags in
        ["-n 20", "-n 7 --reason language", "-n 7 --kept --label a", "-n 7 --reason dropped"]
    {
        let found = ids(&format!("one {flags}"));
        assert_eq!(found.len().to_string(), flags.split(' ').nth(1).unwrap());
        assert_eq!(found, ids(&format!("two {flags}")), "{flags}");
        assert_ne!(found, ids(&format!("one {flags} --seed 1")), "{flags}");
    }
    // What is chosen, and no more than there is.
    let status = place.status("one");
    let label = &status["slices"]["common_crawl"]["labels"]["b"];
    let short = views(&place.run("sample one --label b --reason too_short -n 99 --json").exits(0));
    assert_eq!(short.len() as u64, number(&label["dropped"]["too_short"]));
    assert!(short.values().all(|view| view["reason"] == "too_short"));
    assert!(short.keys().all(|id| id.starts_with("common_crawl/b/")));
    let kept = ids("one --label common_crawl/b --reason kept -n 999");
    assert_eq!(kept.len() as u64, number(&label["kept"]));
    let wrong = place.run("sample one --reason to_short").exits(2);
    wrong.names(&["no record was dropped for to_short", "too_short (", "language ("]);
    place.run("sample one --slice c4").exits(2).names(&["no slice c4"]);
    // A selection in the ledger reads no other data.
    fs::remove_dir_all(place.path("one/data/common_crawl/a")).unwrap();
    place.run("sample one --reason language -n 5").exits(0);
    place.run("sample one --label b --kept -n 5").exits(0);
    place.run("sample one --label a --kept -n 5").exits(1).names(&["cannot open", "restore it"]);
}

#[test]
fn a_document_is_shown_by_its_id_and_its_address() {
    let place = Place::new();
    place.write("in/one.json.gz", shard(&["A first page.", "A second, longer page."]));
    place.run("add corpus --slice c4 --label en in").exits(0);
    let shown = place.run("show corpus c4/en/one.json.gz#1").exits(0);
    for words in ["c4/en/one.json.gz#1", "kept", "record 1, byte ", "\n\nA second, longer page.\n"]
    {
        assert!(shown.stdout.contains(words), "no {words:?} in {shown}");
    }
    let by_url = place.run("show corpus http://a.example/22").exits(0);
    assert_eq!(by_url.stdout, shown.stdout);
    place.run("show corpus http://a.example/none").exits(1).names(&["no record of the corpus"]);
    let unknown = place.run("show corpus c4/en/one.json.gz#2").exits(1);
    unknown.names(&["no record c4/en/one.json.gz#2"]);
    place.run("show corpus c4/en/on.json.gz#0").exits(2).names(&["did you mean one.json.gz?"]);
    place.run("show corpus c4/eng/one.json.gz#0").exits(2).names(&["did you mean en?"]);
    place.run("show corpus one.json.gz").exits(2).names(&["SLICE/LABEL/SOURCE#RECORD"]);
    place.run("add corpus --slice c4 --label again in").exits(0);
    let several = place.run("show corpus http://a.example/22").exits(2);
    several.names(&["2 records have", "c4/en/one.json.gz#1  kept", "c4/again/one.json.gz#1"]);
}

#[test]
fn a_source_that_is_gone_or_changed_is_named_and_the_ledger_is_shown() {
    let place = Place::new();
    for name in ["a", "b"] {
        fs::create_dir_all(place.path("in")).unwrap();
        let fixture = "fixtures/2019-30/CC-MAIN-20190715175205-20190715200159-0000";
        let number = if name == "a" { 2 } else { 3 };
        let from = place.path(&format!("{fixture}{number}.warc.wet.gz"));
        fs::copy(from, place.path(&format!("in/{name}.warc.wet.gz"))).unwrap();
    }
    place.run("add corpus --slice common_crawl --label x in").exits(0);
    let sample = || place.run("sample corpus --reason too_short -n 99 --json").exits(0);
    let before = views(&sample());
    let of = |views: &BTreeMap<String, Value>, name: &str| -> Vec<Value> {
        let found = views.values().filter(|view| text(&view["id"]).contains(name)).cloned();
        found.collect()
    };
    assert!(!of(&before, "/a.").is_empty() && !of(&before, "/b.").is_empty());
    fs::remove_file(place.path("in/a.warc.wet.gz")).unwrap();
    let gone = views(&sample());
    for view in of(&gone, "/a.") {
        assert!(view["text"].is_null() && text(&view["notes"][0]).contains("is gone"), "{view}");
        assert!(view["thresholds"][0]["value"].is_null(), "{view}");
        assert_eq!(number(&view["thresholds"][0]["limit"]), 300);
        assert!(number(&view["ledger"]["bytes_read"]) > 0);
    }
    assert_eq!(of(&gone, "/b."), of(&before, "/b."));
    // Other pages in its place: never a wrong text.
    fs::copy(place.path("in/b.warc.wet.gz"), place.path("in/a.warc.wet.gz")).unwrap();
    for view in of(&views(&sample()), "/a.") {
        assert!(view["text"].is_null(), "{view}");
        assert!(text(&view["notes"][0]).contains("has changed since it was added"), "{view}");
    }
}

#[test]
fn a_reader_that_has_enough_is_no_error() {
    let place = Place::new();
    place.run("add corpus --slice common_crawl --label a fixtures/2019-30").exits(0);
    for command in ["status corpus --slice common_crawl", "sample corpus -n 300 --full"] {
        let line = format!("set -o pipefail; sluice {command} | head -1");
        let output = shell(&place, &line);
        assert!(output.status.success() && output.stderr.is_empty(), "{command}: {output:?}");
    }
}

#[test]
fn models_are_not_needed_to_look_at_documents() {
    let place = Place::new();
    place.run("demo --out demo --quiet").exits(0);
    fs::remove_dir_all(place.path("demo/models")).unwrap();
    let sample = place.run("sample demo/corpus --reason quality -n 2 --json").exits(0);
    assert!(views(&sample).values().all(|view| {
        let failed = list(&view["thresholds"]).last().unwrap();
        failed["setting"] == "min_score" && failed["limit"].as_f64() == Some(0.25)
    }));
    // Buckets are settings that make no sense without the models.
    let place = Place::new();
    place.run("demo --out demo --quiet").exits(0);
    let recipe = fs::read_to_string(place.path("demo/recipe.toml")).unwrap();
    let recipe = recipe.replace("[common_crawl]", "[common_crawl]\nbuckets = [\"head\"]");
    place.write("demo/head.toml", recipe);
    place.run("build demo/head.toml --corpus head").exits(0);
    place.run("add head --slice common_crawl --label a fixtures/2020-05").exits(0);
    fs::remove_dir_all(place.path("demo/models")).unwrap();
    let sample = place.run("sample head --reason bucket -n 1 --json").exits(0);
    assert_eq!(views(&sample).len(), 1, "{sample}");
}
