//! Against a real server that speaks S3: `s3s-fs`, which checks signatures. It is searched in `PATH`
//! (`cargo install s3s-fs --features binary`).

use super::{SLICES, files};
use crate::support::{Outcome, Place, SLUICE, WORDS, assert_same, files_below};
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A server of the folders below a folder, as buckets.
struct Server {
    process: Child,
    endpoint: String,
}

impl Server {
    /// Starts a server; `None`, with a message, if the program is not there.
    fn start(folder: &Path) -> Option<Server> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let started = Command::new("s3s-fs")
            .args(["--host", "127.0.0.1", "--port", &port.to_string()])
            .args(["--access-key", "AKTEST", "--secret-key", "SKTEST"])
            .arg(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(process) = started else {
            println!("skipped: no s3s-fs (cargo install s3s-fs --features binary)");
            return None;
        };
        let server = Server { process, endpoint: format!("http://127.0.0.1:{port}") };
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(60), "s3s-fs does not listen");
            sleep(Duration::from_millis(10));
        }
        Some(server)
    }

    fn run(&self, place: &Place, key: &str, line: &str) -> Outcome {
        let mut command = Command::new(&*SLUICE);
        command.env("AWS_ENDPOINT_URL", &self.endpoint).env("AWS_REGION", "us-east-1");
        command.env("AWS_ACCESS_KEY_ID", "AKTEST").env("AWS_SECRET_ACCESS_KEY", key);
        place.run_as(command, line)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A place with the bundled inputs in `in`, also in the bucket `dumps` of the server.
fn served() -> Option<(Place, Server)> {
    let place = Place::new();
    symlink(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"), place.path("in")).unwrap();
    for (slice, labels) in SLICES {
        for name in labels.iter().flat_map(|label| files(&place, &format!("{slice}/{label}"))) {
            let bytes = fs::read(place.path("in").join(&name)).unwrap();
            place.write(&format!("buckets/dumps/raw/{name}"), bytes);
        }
    }
    let server = Server::start(&place.path("buckets"))?;
    Some((place, server))
}

#[test]
fn every_slice_reads_folders_of_a_bucket() {
    let Some((place, server)) = served() else { return };
    for (slice, labels) in SLICES {
        for label in labels {
            let add = |corpus: &str, path: &str| {
                format!("add {corpus} --slice {slice} --label {label} {path}/{slice}/{label}")
            };
            // A folder that is one source, such as a shelf of a book, is not one in a bucket.
            let names = files(&place, &format!("{slice}/{label}"));
            let local: Vec<String> = names.iter().map(|name| format!("in/{name}")).collect();
            let line = format!("add local --slice {slice} --label {label} {}", local.join(" "));
            place.run(&line).exits(0);
            server.run(&place, "SKTEST", &add("remote", "s3://dumps/raw")).exits(0);
        }
    }
    assert_same(&place.export("remote"), &place.export("local"), "read from a bucket");
}

#[test]
fn patterns_and_folders_of_a_bucket_name_its_objects() {
    let Some((place, server)) = served() else { return };
    place.write("buckets/dumps/raw/common_crawl/2019-30/.hidden", "x");
    place.write("buckets/dumps/raw/common_crawl/2019-30/md5sums.txt", "x");
    place.write("buckets/dumps/raw/common_crawl/2019-300/x.wet.gz", "x");
    let add = |corpus: &str, path: &str| {
        let line = format!("add {corpus} --slice common_crawl --label x {path}");
        server.run(&place, "SKTEST", &line)
    };
    let local = "add local --slice common_crawl --label x in/common_crawl/2019-30".to_owned();
    place.run(&local).exits(0);
    let local = place.export("local");
    let named = [
        "s3://dumps/raw/common_crawl/2019-30/*.wet.gz",
        "s3://dumps/raw/*/2019-3[0]/*-0000?.warc.wet.gz",
        "s3://dumps/**/*20190715200159*.gz",
        "s3://dumps/raw/common_crawl/2019-30/",
        "s3://dumps/raw/common_crawl/2019-30",
        "s3://dumps/raw/common_crawl/*-30",
    ];
    for (at, path) in named.into_iter().enumerate() {
        let corpus = format!("corpus-{at}");
        add(&corpus, path).exits(0);
        assert_same(&place.export(&corpus), &local, path);
    }
    for (path, what) in [
        ("s3://dumps/raw/common_crawl/2019-31", "no such object, and none below it"),
        ("s3://dumps/raw/none.wet.gz", "a folder is named with a slash at its end"),
        ("s3://dumps/raw/*.wet.gz", "nothing matches it as a pattern"),
    ] {
        add("none", path).exits(2).names(&[path, what]);
    }
    let line = "add none --slice common_crawl --label x s3://dumps/raw/common_crawl/2019-30";
    let denied = server.run(&place, "WRONG", line).exits(1);
    denied.names(&["s3://dumps/raw/common_crawl/2019-30", "the server denies access"]);
    assert!(!place.path("none").exists());
}

#[test]
fn an_export_to_a_bucket_has_the_files_of_one_to_a_folder() {
    let Some((place, server)) = served() else { return };
    place.run("add corpus --slice common_crawl --label x in/common_crawl/2019-30").exits(0);
    let export = |line: &str| server.run(&place, "SKTEST", &format!("export corpus {line}"));
    export("--out local").exits(0);
    fs::create_dir(place.path("buckets/out")).unwrap();
    let summary = export("--out s3://out/a/b --json").exits(0).json();
    assert_eq!(summary["files_written"], 1);
    let in_bucket = || {
        let files = files_below(&place.path("buckets/out/a/b")).into_iter();
        // What the server keeps beside the objects.
        files.filter(|(name, _)| !name.contains(".internal")).collect()
    };
    assert_same(&in_bucket(), &files_below(&place.path("local")), "in a bucket");
    // The same again keeps what is whole.
    let summary = export("--out s3://out/a/b --json").exits(0).json();
    assert_eq!((&summary["files_kept"], &summary["files_written"]), (&1.into(), &0.into()));
    // Another format replaces it, and a new label is added.
    place.run("add corpus --slice common_crawl --label y in/common_crawl/2020-05").exits(0);
    let other = "--format jsonl.zst --shard-bytes 40K";
    export(&format!("--out local {other}")).exits(0);
    let summary = export(&format!("--out s3://out/a/b {other} --json")).exits(0).json();
    assert_eq!(summary["files_removed"], 1);
    assert_same(&in_bucket(), &files_below(&place.path("local")), "in another format");
    place.run("remove corpus --label common_crawl/y").exits(0);
    export("--out local --update").exits(0);
    let summary = export("--out s3://out/a/b --update --json").exits(0).json();
    assert!(summary["files_removed"].as_u64().unwrap() > 0, "{summary}");
    assert_eq!(summary["files_written"], 0);
    assert_same(&in_bucket(), &files_below(&place.path("local")), "an update");
    // Shards of tokens are several files at a time, and their list says how they were made.
    place.write("words.json", WORDS);
    let tokens = "--format tokens --layout megatron,npy,ds,mds --eos none --shuffle 7";
    let tokens = format!("{tokens} --tokenizer words.json");
    export(&format!("--out local {tokens}")).exits(0);
    export(&format!("--out s3://out/a/b {tokens}")).exits(0);
    assert_same(&in_bucket(), &files_below(&place.path("local")), "as tokens");
    let update = "--out s3://out/a/b --update --tokenizer words.json --json";
    let summary = export(update).exits(0).json();
    assert_eq!(summary["shards_written"], serde_json::json!([]));
    // Nothing of others is touched.
    place.write("buckets/out/mine/notes.txt", "mine");
    export("--out s3://out/mine").exits(2).names(&["s3://out/mine", "notes.txt"]);
    export("--out https://host/out").exits(2).names(&["files cannot be written to a web server"]);
}

#[test]
fn a_large_file_is_sent_in_parts() {
    let Some((place, server)) = served() else { return };
    super::large(&place, 4_000);
    place.run("build all.toml --corpus corpus").exits(0);
    place.run("add corpus --slice common_crawl --label x large/a.wet.gz").exits(0);
    fs::create_dir(place.path("buckets/out")).unwrap();
    server.run(&place, "SKTEST", "export corpus --out s3://out").exits(0);
    place.run("export corpus --out local").exits(0);
    let name = "common_crawl/x.jsonl";
    let sent = fs::read(place.path("buckets/out").join(name)).unwrap();
    assert!(sent.len() > 33 << 20, "more than two parts: {}", sent.len());
    assert!(sent == fs::read(place.path("local").join(name)).unwrap());
}
