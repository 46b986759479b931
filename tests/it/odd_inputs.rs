//! Inputs that are not regular files: none of them blocks a run, and those left out are named.

use crate::support::{Outcome, Place, input, keep_all, list, number, record, text, wet};
use rustix::fs::{CWD, mkfifoat};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

const SLICES: [&str; 8] =
    ["common_crawl", "c4", "github", "arxiv", "books", "wikipedia", "stack_exchange", "instruct"];

/// A page with unique words.
fn page(name: &str) -> Vec<u8> {
    wet(&[record(&format!("http://{name}.example/"), "title", &format!("words of page {name}"))])
}

/// A corpus that keeps every page, and a folder `in` with one page in it.
fn place() -> Place {
    let place = Place::new();
    place.write("recipe.toml", keep_all(""));
    place.run("build recipe.toml").exits(0);
    place.write("in/healthy.wet.gz", page("healthy"));
    place
}

fn fifo(place: &Place, name: &str) {
    mkfifoat(CWD, place.path(name), 0o600.into()).unwrap();
}

fn add(place: &Place, paths: &str) -> Outcome {
    place.run(&format!("add corpus --slice common_crawl --label a {paths} --json"))
}

/// The defects of the label `a` in the summary: the last part of each path, and the reason.
fn left_out(summary: &Value) -> Vec<(String, String)> {
    let label = &summary["labels"]["common_crawl/a"];
    assert_eq!(number(&label["read"]), 1, "{label}");
    let defects = list(&label["malformed"]);
    assert_eq!(number(&label["defects"]), defects.len() as u64);
    let name = |defect: &Value| text(&defect["source"]).rsplit('/').next().unwrap().to_owned();
    defects.iter().map(|d| (name(d), text(&d["what"]).to_owned())).collect()
}

#[test]
fn a_folder_with_pipes_sockets_and_devices_is_read_without_them() {
    let place = place();
    fifo(&place, "in/pipe.wet");
    let _socket = UnixListener::bind(place.path("in/socket.wet")).unwrap();
    symlink("/dev/zero", place.path("in/zero.wet")).unwrap();
    let left_out = left_out(&add(&place, "in").exits(3).json());
    let expected = [
        ("pipe.wet", "this is a FIFO"),
        ("socket.wet", "this is a socket"),
        ("zero.wet", "this is a character device"),
    ];
    assert_eq!(left_out.len(), expected.len(), "{left_out:?}");
    for ((name, what), (expected, kind)) in left_out.iter().zip(expected) {
        assert_eq!(name, expected);
        assert!(what.starts_with(kind) && what.ends_with("it is left out"), "{what}");
    }
    place.assert_sound("corpus");
    // The same command leaves out nothing new.
    add(&place, "in").exits(0);
}

#[test]
fn no_slice_waits_for_a_pipe() {
    for slice in SLICES {
        let place = Place::new();
        fs::create_dir(place.path("in")).unwrap();
        fifo(&place, "in/pipe.xml");
        let add = format!("add corpus --slice {slice} --label a in");
        place.run(&add).exits(2).names(&["no input files", "pipe.xml: this is a FIFO"]);
    }
}

#[test]
fn naming_a_pipe_or_a_device_is_wrong_usage() {
    let place = place();
    fifo(&place, "pipe.wet");
    fs::write(place.path("list"), "in/healthy.wet.gz\npipe.wet\n").unwrap();
    for paths in ["pipe.wet", "in pipe.wet", "@list"] {
        add(&place, paths).exits(2).names(&["pipe.wet: this is a FIFO"]);
    }
    add(&place, "/dev/zero").exits(2).names(&["/dev/zero: this is a character device"]);
    for list in ["@/dev/zero", "@pipe.wet", "@in"] {
        add(&place, list).exits(2).names(&["the list", "not a regular file"]);
    }
    assert_eq!(place.documents("corpus").len(), 0);
}

#[test]
fn a_list_has_a_size_limit() {
    let place = place();
    let file = fs::File::create(place.path("list")).unwrap();
    file.set_len((64 << 20) + 1).unwrap();
    add(&place, "@list").exits(2).names(&["list: a list has at most 64 MiB"]);
}

#[test]
fn strict_stops_at_what_would_be_left_out() {
    let place = place();
    fifo(&place, "in/pipe.wet");
    add(&place, "in --strict").exits(1).names(&["pipe.wet: this is a FIFO", "--strict"]);
    assert_eq!(place.documents("corpus").len(), 0);
}

#[test]
fn link_cycles_are_walked_once_and_broken_links_are_named() {
    let place = place();
    fs::create_dir(place.path("in/deep")).unwrap();
    for (to, at) in [
        (".", "in/one"),
        (".", "in/two"),
        ("..", "in/deep/up"),
        ("../deep", "in/deep/self"),
        ("gone", "in/dangling.wet"),
        ("circle.wet", "in/circle.wet"),
        ("healthy.wet.gz", "in/again.wet.gz"),
    ] {
        symlink(to, place.path(at)).unwrap();
    }
    let left_out = left_out(&add(&place, "in").exits(3).json());
    let names: Vec<&str> = left_out.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["circle.wet", "dangling.wet"]);
    assert!(left_out.iter().all(|(_, what)| what.contains("link is broken")), "{left_out:?}");
    let named = "add corpus --slice common_crawl --label b in/dangling.wet";
    place.run(named).exits(2).names(&["dangling.wet: this link is broken"]);
}

#[test]
fn a_name_that_is_not_utf_8_affects_no_other_file() {
    let place = place();
    let odd = place.path("in").join(OsStr::from_bytes(b"odd\xff.wet.gz"));
    fs::write(&odd, page("odd")).unwrap();
    let folder = place.path("in").join(OsStr::from_bytes(b"f\xfe"));
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("plain.wet.gz"), page("plain")).unwrap();
    for (label, paths) in [("a", "in"), ("b", "in/*.gz in/f*")] {
        let add = format!("add corpus --slice common_crawl --label {label} {paths} --json");
        let label = &place.run(&add).exits(3).json()["labels"][format!("common_crawl/{label}")];
        assert_eq!(number(&label["read"]), 1);
        let all: Vec<&str> = list(&label["malformed"]).iter().map(|d| text(&d["what"])).collect();
        assert_eq!(all.len(), 2, "{all:?}");
        assert!(all.iter().all(|what| what.contains("not UTF-8: rename it")), "{all:?}");
        assert!(all.iter().any(|what| what.contains("odd\\xFF.wet.gz")), "{all:?}");
    }
}

#[test]
fn a_corpus_within_its_input_folder_is_left_out() {
    let place = place();
    let add = "add in/corpus --slice common_crawl --label a in --json";
    let first = place.run(add).exits(0).json();
    assert!(left_out(&first).is_empty());
    // The corpus has grown in the meantime, which must not look like other sources.
    let again = place.run(add).exits(0).names(&["in/corpus: this is a corpus"]).json();
    assert_eq!(list(&again["skipped"]).len(), 1);
    place.assert_sound("in/corpus");
    let other = "add corpus --slice common_crawl --label b in/corpus";
    place.run(other).exits(2).names(&["in/corpus: this is a corpus, not an input"]);
}

#[test]
fn a_corpus_within_a_repository_is_rejected() {
    let place = Place::new();
    place.write("repo/LICENSE", "MIT License");
    place.write("repo/main.rs", "fn main() {}");
    let add = "add repo/corpus --slice github --label a repo";
    place.run(add).exits(2).names(&["the corpus ", "repo/corpus is in", "another folder"]);
    assert!(!place.path("repo/corpus").exists());
}

#[test]
fn a_copy_of_a_file_under_another_name_causes_a_warning() {
    let place = place();
    place.write("in/copy.wet.gz", page("healthy"));
    place.write("in/other.wet.gz", page("another"));
    let added = add(&place, "in").exits(0).names(&["healthy.wet.gz looks like a copy of"]);
    assert_eq!(list(&added.json()["notices"]).len(), 1);
    place.write("both.toml", keep_all("") + &input("x", "in"));
    let quiet = place.run("build both.toml --corpus other --quiet").exits(0);
    assert_eq!(quiet.stderr, "");
}

#[test]
fn score_reads_a_pipe_given_by_name_but_none_in_a_folder() {
    let place = Place::new();
    place.write("in/a.jsonl", "{\"text\": \"some words\"}\n");
    fifo(&place, "in/pipe.jsonl");
    let scored = place.run("score in --out out.jsonl").exits(0);
    assert!(scored.stderr.contains("pipe.jsonl: this is a FIFO"), "{scored}");
    let pipe = place.path("in/pipe.jsonl");
    let writer = std::thread::spawn(move || fs::write(pipe, "{\"text\": \"more words\"}\n"));
    place.run("score in/pipe.jsonl --out piped.jsonl").exits(0);
    writer.join().unwrap().unwrap();
    assert!(fs::read_to_string(place.path("piped.jsonl")).unwrap().contains("more words"));
}
