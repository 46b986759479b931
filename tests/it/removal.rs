//! Removing documents or labels gives the corpus that a build without them makes, and restoring them
//! gives the one before.

use crate::support::{
    Export, Place, WORDS, assert_same, both_dumps, files_below, input, keep_all, list, number,
    record, text, wet,
};
use serde_json::Value;
use std::fs;
use std::time::{Duration, UNIX_EPOCH};

const FIRST: &str = "The library stays open all summer.";
const OTHER: &str = "The river freezes every winter.";

/// A corpus of two labels: the page at `b.example` of the second has the text of the first label's
/// page, and one more line.
fn two_labels() -> Place {
    let place = Place::new();
    let pages =
        [record("https://a.example/1", "T", FIRST), record("https://c.example/", "T", OTHER)];
    place.write("first/0.warc.wet.gz", wet(&pages));
    let pages = [
        record("https://b.example/2", "T", FIRST),
        record("https://www.a.example/3", "T", "Nobody else says this."),
        record("https://b.example/4", "T", &format!("{FIRST}\n{OTHER}\nAnd more.")),
    ];
    place.write("second/0.warc.wet.gz", wet(&pages));
    let inputs = input("first", "first") + &input("second", "second");
    place.write("recipe.toml", keep_all("") + &inputs);
    place.write("empty.toml", keep_all(""));
    place.run("build recipe.toml").exits(0);
    place
}

/// The texts of a corpus, with the last part of their ids.
fn texts(place: &Place, corpus: &str) -> Vec<(String, String)> {
    let of = |document: &Value| {
        let id = text(&document["id"]).rsplit('/').nth(1).unwrap().to_owned();
        let record = text(&document["id"]).rsplit('#').next().unwrap().to_owned();
        (format!("{id}#{record}"), text(&document["text"]).to_owned())
    };
    place.documents(corpus).iter().map(of).collect()
}

fn pair(id: &str, text: &str) -> (String, String) {
    (id.to_owned(), text.to_owned())
}

#[test]
fn a_copy_comes_back_when_the_first_one_goes_and_goes_when_it_comes_back() {
    let place = two_labels();
    let before = place.export("corpus");
    let all = texts(&place, "corpus");
    let expected = [
        pair("first#0", FIRST),
        pair("first#1", OTHER),
        pair("second#1", "Nobody else says this."),
        pair("second#2", "And more."),
    ];
    assert_eq!(all, expected);
    place.write("urls.txt", "# requests of May\nhttp://a.example/1#top\n\n");
    let line = "remove corpus --urls urls.txt --reason opt-out";
    let dry = place.run(&format!("{line} --dry-run --json")).exits(0).json();
    assert_same(&place.export("corpus"), &before, "a dry run");
    place.assert_sound("corpus");
    let done = place.run(&format!("{line} --json")).exits(0).json();
    for outcome in [&dry, &done] {
        let documents = &outcome["documents"];
        let of = |name: &str| number(&documents[name]);
        assert_eq!((of("excluded"), of("excluded_kept"), of("kept_again")), (1, 1, 1), "{outcome}");
        assert_eq!((of("changed"), of("dropped"), list(&outcome["sources"]).len()), (0, 0, 1));
    }
    let expected = [
        pair("first#1", OTHER),
        pair("second#0", FIRST),
        pair("second#1", "Nobody else says this."),
        pair("second#2", "And more."),
    ];
    assert_eq!(texts(&place, "corpus"), expected);
    assert_eq!(number(&place.label("corpus", "first")["dropped"]["removed"]), 1);
    let listed = place.run("status corpus --exclusions").exits(0).stdout;
    assert!(listed.contains("opt-out") && listed.contains("a.example/1"), "{listed}");
    let shown = place.run("show corpus common_crawl/first/0.warc.wet.gz#0").exits(0).stdout;
    assert!(shown.contains("removed"), "{shown}");
    place.assert_sound("corpus");
    // Again, which changes nothing.
    let status = place.status("corpus")["slices"].clone();
    place.run(line).exits(0);
    assert_eq!(place.status("corpus")["slices"], status);
    place.run("restore corpus --urls urls.txt").exits(0);
    assert_same(&place.export("corpus"), &before, "restored");
    assert_eq!(place.status("corpus")["exclusions"], serde_json::json!([]));
    place.assert_sound("corpus");
}

/// Deduplication of paragraphs, then of texts over all slices: the first page goes, so the second has
/// a line again, so it is the text of the third, which is of another slice.
#[test]
fn an_effect_of_an_effect_is_found() {
    let place = Place::new();
    place.write("first/0.warc.wet.gz", wet(&[record("https://a.example/1", "T", FIRST)]));
    let both = format!("{FIRST}\n{OTHER}");
    place.write("second/0.warc.wet.gz", wet(&[record("https://b.example/2", "T", &both)]));
    let page = serde_json::json!({
        "text": both, "timestamp": "2019-04-25T12:57:54Z", "url": "https://c.example/3",
    });
    place.write("c4.json", format!("{page}\n"));
    place.write("recipe.toml", keep_all("global.dedup = true"));
    for (corpus, with_first) in [("corpus", true), ("without", false)] {
        place.run(&format!("build recipe.toml --corpus {corpus}")).exits(0);
        if with_first {
            place.run(&format!("add {corpus} --slice common_crawl --label first first")).exits(0);
        }
        place.run(&format!("add {corpus} --slice common_crawl --label second second")).exits(0);
        place.run(&format!("add {corpus} --slice c4 --label third c4.json")).exits(0);
    }
    let kept = |corpus: &str, slice: &str, label: &str| {
        number(&place.status(corpus)["slices"][slice]["labels"][label]["kept"])
    };
    assert_eq!((kept("corpus", "c4", "third"), kept("without", "c4", "third")), (1, 0));
    let before = place.export("corpus");
    place.run("remove corpus --label common_crawl/first").exits(0);
    assert_same(&place.export("corpus"), &place.export("without"), "without the first");
    assert_eq!(place.status("corpus")["slices"], place.status("without")["slices"]);
    place.assert_sound("corpus");
    place.run("restore corpus --label common_crawl/first").exits(0);
    assert_same(&place.export("corpus"), &before, "restored");
}

#[test]
fn a_domain_is_excluded_from_what_is_added_later_too() {
    let place = two_labels();
    place.write("domains.txt", "a.example\nnobody.example\n");
    let outcome = place.run("remove corpus --domains domains.txt --json").exits(0).json();
    assert_eq!(outcome["unmatched"], serde_json::json!(["nobody.example"]));
    place.write(
        "third/0.warc.wet.gz",
        wet(&[
            record("http://x.a.example/", "T", "New."),
            record("http://d.example/", "T", "Newer."),
        ]),
    );
    place.run("add corpus --slice common_crawl --label third third").exits(0);
    assert_eq!(number(&place.label("corpus", "third")["dropped"]["removed"]), 1);
    // First the exclusions, then the labels.
    place.run("build empty.toml --corpus later").exits(0);
    place.run("remove later --domains domains.txt").exits(0);
    for label in ["first", "second", "third"] {
        place.run(&format!("add later --slice common_crawl --label {label} {label}")).exits(0);
    }
    assert_same(&place.export("corpus"), &place.export("later"), "excluded before");
    assert_eq!(place.status("corpus")["slices"], place.status("later")["slices"]);
}

#[test]
fn a_label_that_is_removed_can_be_restored_or_added_again_with_other_files() {
    let place = two_labels();
    let before = place.export("corpus");
    place.run("remove corpus --label common_crawl/first -w 2").exits(0);
    place.run("build empty.toml --corpus only").exits(0);
    place.run("add only --slice common_crawl --label second second").exits(0);
    assert_same(&place.export("corpus"), &place.export("only"), "without the first label");
    assert_eq!(place.status("corpus")["slices"], place.status("only")["slices"]);
    place.assert_sound("corpus");
    place.run("remove corpus --label common_crawl/first").exits(2).names(&["has no label"]);
    place.run("restore corpus --label common_crawl/first").exits(0);
    assert_same(&place.export("corpus"), &before, "restored");
    place.run("restore corpus --label common_crawl/first").exits(2).names(&["is in the corpus"]);
    place.run("remove corpus --label common_crawl/first").exits(0);
    place.write("new/0.warc.wet.gz", wet(&[record("http://e.example/", "T", "Its own text.")]));
    place.run("add corpus --slice common_crawl --label first new").exits(0);
    place.run("add only --slice common_crawl --label first new").exits(0);
    assert_same(&place.export("corpus"), &place.export("only"), "added again");
    place.assert_sound("corpus");
    place.run("restore corpus --label common_crawl/first").exits(2);
    place.run("restore corpus --label common_crawl/never").exits(2).names(&["never removed"]);
}

#[test]
fn a_label_that_is_not_complete_can_be_removed_and_added_again() {
    let place = two_labels();
    let before = place.export("corpus");
    let add = "add corpus --slice common_crawl --label third fixtures/2020-05";
    let small = "-w 1 --epoch-bytes 2K --commit-every 1";
    place.run_crashing_at("commit-ended:2", &format!("{add} {small}")).was_killed();
    assert_eq!(place.label("corpus", "third")["complete"], Value::Bool(false));
    place.run("remove corpus --label common_crawl/third").exits(0);
    assert_same(&place.export("corpus"), &before, "without the unfinished label");
    place.assert_sound("corpus");
    place.run("restore corpus --label common_crawl/third").exits(2).names(&["add it again"]);
    place.run(add).exits(0);
    place.run("build recipe.toml --corpus other").exits(0);
    place.run(&add.replace("corpus", "other")).exits(0);
    assert_same(&place.export("corpus"), &place.export("other"), "added again");
}

#[test]
fn sources_that_are_gone_or_changed_are_one_error_and_nothing_changes() {
    let place = two_labels();
    let (before, status) = (place.export("corpus"), place.status("corpus"));
    place.write("urls.txt", "https://a.example/1");
    let source = place.path("second/0.warc.wet.gz");
    let bytes = fs::read(&source).unwrap();
    let unchanged = |words: &[&str]| {
        place.run("remove corpus --urls urls.txt").exits(1).names(words);
        assert_same(&place.export("corpus"), &before, "after an error");
        assert_eq!(place.status("corpus"), status);
        place.assert_sound("corpus");
    };
    fs::remove_file(&source).unwrap();
    unchanged(&["second/0.warc.wet.gz", "nothing was changed"]);
    fs::write(&source, &bytes[..bytes.len() - 1]).unwrap();
    unchanged(&["second/0.warc.wet.gz", "bytes"]);
    let mut other = bytes.clone();
    *other.last_mut().unwrap() ^= 1;
    fs::write(&source, other).unwrap();
    unchanged(&["second/0.warc.wet.gz", "has changed"]);
    // What needs no source can be removed.
    fs::remove_file(&source).unwrap();
    place.write("urls.txt", "https://www.a.example/3");
    place.run("remove corpus --urls urls.txt").exits(0);
    place.write("urls.txt", "https://a.example/1");
    fs::write(&source, bytes).unwrap();
    place.run("remove corpus --urls urls.txt").exits(0);
}

#[test]
fn a_record_that_is_another_one_in_a_source_that_looks_the_same_is_noticed() {
    let place = Place::new();
    // Larger than what the checksum of the ends covers.
    let filler = |seed: usize| -> String {
        (0..5000)
            .map(|n| format!("{:x}\n", (n + seed).wrapping_mul(0x9E37_79B9_7F4A_7C15)))
            .collect()
    };
    let file = |middle: &str| {
        wet(&[
            record("https://x.example/0", "T", &filler(1)),
            record("https://x.example/1", "T", &filler(10_000)),
            record("https://b.example/2", "T", middle),
            record("https://x.example/3", "T", &filler(20_000)),
            record("https://x.example/4", "T", &filler(30_000)),
        ])
    };
    place.write("first/0.warc.wet.gz", wet(&[record("https://a.example/1", "T", "Equal.")]));
    place.write("second/0.warc.wet.gz", file("Equal."));
    let inputs = input("first", "first") + &input("second", "second");
    place.write("recipe.toml", keep_all("") + &inputs);
    place.run("build recipe.toml").exits(0);
    let before = place.export("corpus");
    let path = place.path("second/0.warc.wet.gz");
    let size = fs::metadata(&path).unwrap().len();
    let mut others = (0..1000).map(|n| file(&format!("E{n:05}")));
    let bytes = others.find(|bytes| bytes.len() as u64 == size).expect("a file of the same size");
    fs::write(&path, bytes).unwrap();
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(UNIX_EPOCH + Duration::from_secs(1))
        .unwrap();
    place.write("urls.txt", "https://a.example/1");
    place
        .run("remove corpus --urls urls.txt")
        .exits(1)
        .names(&["second/0.warc.wet.gz", "record 2"]);
    assert_same(&place.export("corpus"), &before, "after an error");
    place.assert_sound("corpus");
}

#[test]
fn what_is_forgotten_is_in_no_file() {
    let place = two_labels();
    place.write("urls.txt", "https://www.a.example/3");
    place.run("remove corpus --urls urls.txt --forget").exits(0);
    place.assert_sound("corpus");
    for (name, bytes) in files_below(&place.path("corpus")) {
        let bytes =
            if name.ends_with(".zst") { zstd::decode_all(&bytes[..]).unwrap() } else { bytes };
        for secret in ["a.example/3", "Nobody else says this"] {
            let is_there = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!is_there, "{name} has {secret}");
        }
    }
    let status = place.run("status corpus --exclusions").exits(0).stdout;
    assert!(status.contains("a forgotten address") && !status.contains("a.example/3"), "{status}");
    place.run("restore corpus --urls urls.txt").exits(0);
    assert_eq!(texts(&place, "corpus").len(), 4);
}

/// A corpus of the bundled dumps whose threshold was moved after it was built.
fn calibrated(place: &Place, corpus: &str) {
    place.write("words.json", WORDS);
    let wiki = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/models/wiki.bin");
    place.write("wiki.bin", fs::read(wiki).unwrap());
    let settings = "classifier = \"wiki.bin\"\nmin_score = 0.0\n";
    place.write("all.toml", both_dumps("tokenizer = \"words.json\"", settings));
    place.run(&format!("build all.toml --corpus {corpus}")).exits(0);
}

fn calibrate(place: &Place, corpus: &str, threshold: f64) {
    let line = format!("calibrate {corpus} --slice common_crawl --threshold {threshold} --apply");
    place.run(&line).exits(0);
}

#[test]
fn a_threshold_that_was_moved_holds_for_what_comes_back() {
    let place = Place::new();
    calibrated(&place, "corpus");
    let urls: String = place
        .documents("corpus")
        .iter()
        .step_by(3)
        .map(|document| format!("{}\n", text(&document["meta"]["url"])))
        .collect();
    place.write("urls.txt", &urls);
    calibrate(&place, "corpus", 0.5);
    place.run("remove corpus --urls urls.txt").exits(0);
    place.assert_sound("corpus");
    // The same in the other order.
    calibrated(&place, "other");
    place.run("remove other --urls urls.txt").exits(0);
    calibrate(&place, "other", 0.5);
    assert_same(&place.export("corpus"), &place.export("other"), "calibrated before or after");
    assert_eq!(place.status("corpus")["slices"], place.status("other")["slices"]);
    for corpus in ["corpus", "other"] {
        calibrate(&place, corpus, 0.0);
    }
    assert_same(&place.export("corpus"), &place.export("other"), "the threshold taken back");
    place.run("restore corpus --urls urls.txt").exits(0);
    calibrated(&place, "again");
    assert_same(&place.export("corpus"), &place.export("again"), "all taken back");
}

/// In a file that is packed twice, the offset of a record is not a place from which it can be read.
#[test]
fn records_of_a_file_in_xz_are_read_again_from_its_beginning() {
    let place = Place::new();
    place.write("first/0.warc.wet.gz", wet(&[record("https://a.example/1", "T", FIRST)]));
    // Text that xz cannot pack, so that each record begins at a byte of its own.
    let mut seed = 1u64;
    let mut word = move || {
        seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        format!("{:x} {:x}", seed, seed.rotate_left(29))
    };
    let pages: Vec<u8> = (0..4)
        .flat_map(|page| {
            let lines: Vec<String> = (0..40_000).map(|_| word()).collect();
            let text = format!("{}\n{FIRST}", lines.join("\n"));
            record(&format!("https://b.example/{page}"), "T", &text)
        })
        .collect();
    let options = lzma_rust2::XzOptions::with_preset(1);
    let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
    std::io::Write::write_all(&mut encoder, &pages).unwrap();
    place.write("second/0.warc.wet.xz", encoder.finish().unwrap());
    let inputs = input("first", "first") + &input("second", "second");
    place.write("recipe.toml", keep_all("") + &inputs);
    place.run("build recipe.toml").exits(0);
    place.write("urls.txt", "https://a.example/1");
    let outcome = place.run("remove corpus --urls urls.txt --json").exits(0).json();
    assert_eq!(number(&outcome["documents"]["changed"]), 1, "{outcome}");
    assert!(texts(&place, "corpus")[0].1.ends_with(FIRST));
    place.assert_sound("corpus");
}

#[test]
fn a_crash_at_any_step_loses_nothing() {
    let place = two_labels();
    place.write("urls.txt", "https://a.example/1");
    let line = "remove corpus --urls urls.txt -w 2";
    let before = place.export("corpus");
    place.copy_without("corpus", "saved", &[]);
    place.run(line).exits(0);
    let after = place.export("corpus");
    let mut crashes = 0;
    for point in corpus::crash::POINTS {
        for time in 1..4 {
            fs::remove_dir_all(place.path("corpus")).unwrap();
            place.copy_without("saved", "corpus", &[]);
            let outcome = place.run_crashing_at(&format!("{point}:{time}"), line);
            if outcome.status.success() {
                break;
            }
            outcome.was_killed();
            crashes += 1;
            let found = place.export("corpus");
            assert!(found == before || found == after, "{point}:{time}");
            let is_same = |export: &Export| export == &found;
            let was_committed = is_same(&after) && !is_same(&before);
            place.run(line).exits(0);
            assert_same(
                &place.export("corpus"),
                &after,
                &format!("{point}:{time} {was_committed}"),
            );
            place.assert_sound("corpus");
        }
    }
    assert!(crashes >= 10, "{crashes} crashes");
}

#[test]
fn a_full_disk_is_an_error_and_the_corpus_stays_at_its_commit() {
    let place = Place::new();
    place.write("both.toml", both_dumps("corpus = \"corpus\"", ""));
    place.run("build both.toml").exits(0);
    let before = place.export("corpus");
    let status = place.status("corpus");
    let mut failed = 0;
    for blocks in [1, 8, 16, 40] {
        let outcome =
            place.run_with_file_limit(blocks, "remove corpus --label common_crawl/2019-30 -w 1");
        if outcome.status.success() {
            break;
        }
        failed += 1;
        outcome.exits(1);
        assert_same(&place.export("corpus"), &before, "after a full disk");
        assert_eq!(place.status("corpus"), status);
    }
    assert!(failed > 0);
    place.run("remove corpus --label common_crawl/2019-30").exits(0);
    place.assert_sound("corpus");
}

#[test]
fn what_is_wrong_in_a_list_is_named_with_its_line() {
    let place = two_labels();
    for (flag, lines, words) in [
        ("--urls", "https://a.example/1\nhttp:///x", &["list.txt:2", "address"][..]),
        ("--domains", "https://a.example/page", &["list.txt:1", "address of a page"]),
        ("--ids", "a.example", &["list.txt:1", "SLICE/LABEL/SOURCE#RECORD"]),
    ] {
        place.write("list.txt", lines);
        place.run(&format!("remove corpus {flag} list.txt")).exits(2).names(words);
    }
    place.run("remove corpus --urls none.txt").exits(2).names(&["none.txt"]);
    place.run("remove corpus").exits(2);
    place.write("list.txt", "https://a.example/9");
    place.run("restore corpus --urls list.txt").exits(2).names(&["a.example/9", "is not excluded"]);
}
