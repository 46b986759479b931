//! Sources at addresses are read as local files are, whatever the network does.

use crate::support::{Place, SLUICE, assert_same, files_below, list, number, record, text, wet};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;
use web::{Faults, Server};

mod object_store;

/// The bundled files of a slice, in `FOLDER/LABEL`.
const SLICES: [(&str, &[&str]); 8] = [
    ("common_crawl", &["2019-30", "2020-05"]),
    ("c4", &["en"]),
    ("github", &["2022-11", "2023-03"]),
    ("arxiv", &["2301"]),
    ("books", &["pg19", "shelf"]),
    ("wikipedia", &["20230320"]),
    ("stack_exchange", &["2023-03-29"]),
    ("instruct", &["2023-03", "2023-04"]),
];

/// A place with the bundled inputs in `in`, and a server of them.
fn served() -> (Place, Server) {
    let place = Place::new();
    symlink(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"), place.path("in")).unwrap();
    let server = Server::start(&place.path("in"));
    (place, server)
}

/// The names of the files of a label.
fn files(place: &Place, folder: &str) -> Vec<String> {
    let names = files_below(&place.path("in").join(folder)).into_keys();
    names.map(|name| format!("{folder}/{name}")).collect()
}

/// What a network may do, at such a rate that every run meets some of it.
fn misbehaving() -> Faults {
    Faults {
        latency: Duration::from_millis(5),
        unready_every: 7,
        cut_every: 5,
        cut_after: 3_000,
        ..Faults::default()
    }
}

#[test]
fn every_slice_reads_addresses_as_it_reads_files() {
    let (place, server) = served();
    server.set(misbehaving());
    for (slice, labels) in SLICES {
        for label in labels {
            let names = files(&place, &format!("{slice}/{label}"));
            let local: Vec<String> = names.iter().map(|name| format!("in/{name}")).collect();
            let remote: Vec<String> = names.iter().map(|name| server.url(name)).collect();
            for (corpus, paths) in [("local", local), ("remote", remote)] {
                let paths = paths.join(" ");
                place
                    .run(&format!("add {corpus} --slice {slice} --label {label} {paths}"))
                    .exits(0);
            }
        }
    }
    assert_same(&place.export("remote"), &place.export("local"), "read from addresses");
    let status = |corpus: &str| place.status(corpus)["slices"].clone();
    assert_eq!(status("remote"), status("local"));
    place.assert_sound("remote");
}

/// A mirror with the layout of Common Crawl: the dump CC-MAIN-2023-06 of four files in two segments.
fn mirror(place: &Place) -> Vec<String> {
    let mut paths = Vec::new();
    let dump = "crawl-data/CC-MAIN-2023-06";
    for (at, name) in files(place, "common_crawl/2019-30").iter().enumerate() {
        let file = name.rsplit('/').next().unwrap();
        let path = format!("{dump}/segments/167476449482{}.88/wet/{file}", at / 2);
        place.write(&format!("mirror/{path}"), fs::read(place.path("in").join(name)).unwrap());
        paths.push(path);
    }
    let list = paths.join("\n") + "\n";
    let list = crate::support::gzip(list.as_bytes());
    place.write(&format!("mirror/{dump}/wet.paths.gz"), list);
    paths
}

/// Runs `sluice` with a mirror of Common Crawl.
fn run_with_mirror(place: &Place, mirror: &str, line: &str) -> crate::support::Outcome {
    let mut command = Command::new(&*SLUICE);
    command.env("SLUICE_COMMON_CRAWL", mirror);
    place.run_as(command, line)
}

#[test]
fn a_dump_of_common_crawl_is_added_by_its_name() {
    let (place, _) = served();
    let paths = mirror(&place);
    let server = Server::start(&place.path("mirror"));
    server.set(Faults { latency: Duration::from_millis(50), ..misbehaving() });
    let names = paths.iter().map(|path| format!("mirror/{path}")).collect::<Vec<_>>().join(" ");
    place.run(&format!("add local --slice common_crawl --label x {names}")).exits(0);
    let base = server.url("");
    let add = "add corpus --slice common_crawl --label x cc://CC-MAIN-2023-06";
    run_with_mirror(&place, &base, add).exits(0);
    let local = place.export("local");
    assert_same(&place.export("corpus"), &local, "by the name of the dump");
    // Two processes see the same plan.
    let launch = "launch -n 2 -- add two --slice common_crawl --label x cc://CC-MAIN-2023-06";
    run_with_mirror(&place, &base, launch).exits(0);
    assert_same(&place.export("two"), &local, "with two processes");
    // A label that is complete is not asked for again, file by file.
    server.set(Faults::default());
    let _ = server.take_received();
    let again = run_with_mirror(&place, &base, add).exits(0);
    assert!(again.stdout.contains("in the corpus already"), "{again}");
    let asked: Vec<String> = server.take_received().into_iter().map(|r| r.target).collect();
    assert!(asked.iter().all(|target| target.ends_with("wet.paths.gz")), "{asked:?}");
    // A mirror may be a folder.
    run_with_mirror(&place, "mirror", &add.replace("corpus", "folder")).exits(0);
    assert_same(&place.export("folder"), &local, "from a folder");
}

#[test]
fn a_part_of_a_dump_is_chosen() {
    let (place, _) = served();
    let paths = mirror(&place);
    let server = Server::start(&place.path("mirror"));
    let sources = |query: &str| -> Vec<String> {
        let _ = fs::remove_dir_all(place.path("corpus"));
        let add = format!("add corpus --slice common_crawl --label x cc://CC-MAIN-2023-06{query}");
        run_with_mirror(&place, &server.url(""), &add).exits(0);
        let manifest = fs::read(place.path("corpus").join(place.newest_commit("corpus"))).unwrap();
        let manifest: Value = serde_json::from_slice(&manifest).unwrap();
        list(&manifest["labels"][0]["sources"]).iter().map(|s| text(&s["path"]).into()).collect()
    };
    let urls: Vec<String> = paths.iter().map(|path| server.url(path)).collect();
    assert_eq!(sources("?files=1..3"), urls[1..3]);
    assert_eq!(sources("?segment=1674764494821.88"), urls[2..4]);
    let too_many = "add corpus --slice common_crawl --label y cc://CC-MAIN-2023-06?files=0..9";
    let outcome = run_with_mirror(&place, &server.url(""), too_many).exits(2);
    outcome.names(&["names 4 files of the dump"]);
    let none = "add corpus --slice common_crawl --label y cc://CC-MAIN-2099-06";
    run_with_mirror(&place, &server.url(""), none)
        .exits(2)
        .names(&["there is no dump CC-MAIN-2099"]);
}

/// A file of `count` pages of 9 kB: of more bytes than are fetched when a file is opened.
fn large(place: &Place, count: usize) {
    let body = |n: usize| -> String {
        let word =
            |at: usize| format!("{:x}", (n * 1_000 + at).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        (0..500).map(word).collect::<Vec<_>>().join(" ")
    };
    let pages: Vec<Vec<u8>> =
        (0..count).map(|n| record(&format!("http://a.example/{n}"), "t", &body(n))).collect();
    place.write("large/a.wet.gz", wet(&pages));
    assert!(fs::metadata(place.path("large/a.wet.gz")).unwrap().len() > 3 << 20);
    let all = "[common_crawl]\nlanguages = []\nmin_language_score = 0.0\n";
    place.write("all.toml", all);
}

#[test]
fn a_source_that_is_replaced_while_it_is_read_ends_the_run() {
    let place = Place::new();
    large(&place, 800);
    let server = Server::start(&place.path("large"));
    let add = format!("add corpus --slice common_crawl --label x {}", server.url("a.wet.gz"));
    place.run("build all.toml --corpus corpus").exits(0);
    // The size, the head, and then the rest: of another version.
    server.set(Faults { replaced_after: 2, ..Faults::default() });
    let outcome = place.run(&add).exits(1);
    outcome.names(&["a.wet.gz", "this source was replaced while it was read"]);
    let label = place.label("corpus", "x");
    assert!(label.is_null() || number(&label["defects"]) == 0, "{label}");
    // The one that is there now is not the one that was begun.
    let begun = !label.is_null();
    let outcome = place.run(&add).exits(i32::from(begun));
    if begun {
        outcome.names(&["has changed", "is not complete"]);
    }
    server.set(Faults::default());
    place.run(&add).exits(0);
    place.run("build all.toml --corpus local").exits(0);
    place.run("add local --slice common_crawl --label x large/a.wet.gz").exits(0);
    assert_same(&place.export("corpus"), &place.export("local"), "continued with the first");
}

#[test]
fn dropped_records_are_shown_from_their_addresses() {
    let (place, server) = served();
    let name = &files(&place, "common_crawl/2019-30")[0];
    place.run(&format!("add corpus --slice common_crawl --label x {}", server.url(name))).exits(0);
    place.run(&format!("add local --slice common_crawl --label x in/{name}")).exits(0);
    let sample = |corpus: &str| -> Vec<Value> {
        let line = format!("sample {corpus} --reason too_short -n 3 --json");
        let lines = place.run(&line).exits(0).stdout;
        let without_source = |line| {
            let mut shown: Value = serde_json::from_str(line).unwrap();
            let source = shown["ledger"]["source"].take();
            assert!(text(&source).ends_with(name.as_str()), "{source}");
            shown
        };
        lines.lines().map(without_source).collect()
    };
    assert_eq!(sample("corpus"), sample("local"));
    server.set(Faults { required: Some(("authorization", "x")), ..Faults::default() });
    let shown = place.run("sample corpus --reason too_short -n 1").exits(0);
    assert!(shown.stdout.contains("the server denies access (403)"), "{shown}");
}

#[test]
fn removal_reads_records_again_from_their_addresses() {
    let (place, server) = served();
    for label in ["2019-30", "2020-05"] {
        let names = files(&place, &format!("common_crawl/{label}"));
        let remote: Vec<String> = names.iter().map(|name| server.url(name)).collect();
        for (corpus, paths) in [
            ("local", format!("in/common_crawl/{label}")),
            ("remote", remote.join(" ")),
            ("replaced", remote.join(" ")),
        ] {
            place
                .run(&format!("add {corpus} --slice common_crawl --label {label} {paths}"))
                .exits(0);
        }
    }
    server.set(misbehaving());
    for corpus in ["local", "remote"] {
        place.run(&format!("remove {corpus} --label common_crawl/2019-30")).exits(0);
    }
    assert_same(&place.export("remote"), &place.export("local"), "read again");
    server.set(Faults { replaced_after: 1, ..Faults::default() });
    let before = place.status("replaced")["commit"].clone();
    let outcome = place.run("remove replaced --label common_crawl/2019-30").exits(1);
    outcome.names(&[".wet.gz", "has changed"]);
    assert_eq!(place.status("replaced")["commit"], before);
}

#[test]
fn secrets_of_addresses_are_used_and_never_written() {
    let (place, server) = served();
    let name = &files(&place, "common_crawl/2019-30")[0];
    let basic = ("authorization", "Basic bWU6aHVzaGh1c2g=");
    server.set(Faults { required: Some(basic), unready_every: 3, ..Faults::default() });
    let address = server.url(name).replace("http://", "http://me:hushhush@");
    let given = format!("{address}?id=7&X-Amz-Signature=c0ffee11");
    let add = format!("add corpus --slice common_crawl --label x {given} -v");
    let outcome = place.run(&add).exits(0);
    let said = format!("{}{}", outcome.stdout, outcome.stderr);
    let secrets = ["hushhush", "c0ffee11", "bWU6aHVzaGh1c2g"];
    assert!(secrets.iter().all(|secret| !said.contains(secret)), "{said}");
    for (file, bytes) in files_below(&place.path("corpus")) {
        let found = String::from_utf8_lossy(&bytes);
        assert!(secrets.iter().all(|secret| !found.contains(secret)), "{file}");
    }
    let commit = fs::read_to_string(place.path("corpus").join(place.newest_commit("corpus")));
    assert!(commit.unwrap().contains(&format!("{}?id=7\"", server.url(name))));
    let received = server.take_received();
    assert!(received.iter().all(|request| request.target.ends_with("&X-Amz-Signature=c0ffee11")));
    // A wrong one is not printed either.
    let wrong = add.replace("hushhush", "hushhusj").replace("label x", "label y");
    let outcome = place.run(&wrong).exits(1).names(&["the server denies access (403)"]);
    assert!(
        !outcome.stderr.contains("hushhus") && !outcome.stderr.contains("c0ffee11"),
        "{outcome}"
    );
}

#[test]
fn lists_and_recipes_may_name_addresses() {
    let (place, server) = served();
    let names = files(&place, "common_crawl/2019-30");
    let lines = names.iter().map(|name| server.url(name) + "\n").collect::<String>();
    place.write("lists/urls.txt", lines);
    let input = |paths: &str| {
        format!("[[input]]\nslice = \"common_crawl\"\nlabel = \"x\"\npaths = [\"{paths}\"]\n")
    };
    place.write("recipe.toml", input("@lists/urls.txt"));
    place.run("build recipe.toml --corpus corpus").exits(0);
    place.run("add local --slice common_crawl --label x in/common_crawl/2019-30").exits(0);
    assert_same(&place.export("corpus"), &place.export("local"), "from a list");
    place.write("one.toml", input(&server.url("common_crawl/none.wet.gz")));
    place
        .run("build one.toml --corpus one")
        .exits(2)
        .names(&["none.wet.gz: there is no such file"]);
}
