//! Runs `sluice` as a user does, in a separate folder; makes small inputs; reads results.

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::LazyLock;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A tokenizer that counts words, so that tests have tokens without a download.
pub const WORDS: &str = r#"{"version": "1.0", "added_tokens": [], "normalizer": null,
    "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
    "model": {"type": "WordLevel", "vocab": {"[UNK]": 0}, "unk_token": "[UNK]"}}"#;

/// The program: the one that was built with the tests, or `SLUICE_PROGRAM`.
pub static SLUICE: LazyLock<PathBuf> = LazyLock::new(|| {
    let built = || env!("CARGO_BIN_EXE_sluice").into();
    std::env::var_os("SLUICE_PROGRAM").map_or_else(built, PathBuf::from)
});

/// A command that takes longer hangs: none of the tests takes nearly as long.
const DEADLINE: Duration = Duration::from_secs(120);

const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// A separate folder for a test, in which commands run. `fixtures` in it are the bundled pages, and
/// `data` is the shared test data if there is any.
pub struct Place {
    dir: TempDir,
    fresh_names: Cell<usize>,
}

/// The exit status of a command, and its output.
pub struct Outcome {
    command: String,
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// A running command.
pub struct Running {
    command: String,
    child: Child,
    output_dir: PathBuf,
    began: Instant,
}

/// Every file of an exported folder, by its path in it.
pub type Export = BTreeMap<String, Vec<u8>>;

impl Place {
    pub fn new() -> Place {
        let place = Place { dir: tempfile::tempdir().unwrap(), fresh_names: Cell::new(0) };
        let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/common_crawl");
        symlink(fixtures, place.path("fixtures")).unwrap();
        place
    }

    /// A folder with `data` in it; `None`, with a message, if there is no data.
    pub fn with_data() -> Option<Place> {
        let place = Place::new();
        symlink(reference::folder()?, place.path("data")).unwrap();
        Some(place)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// A name that is not used in this folder yet.
    pub fn fresh(&self, stem: &str) -> String {
        self.fresh_names.set(self.fresh_names.get() + 1);
        format!("{stem}-{}", self.fresh_names.get())
    }

    /// Starts `sluice` with the words of `line`, and with `SLUICE_CRASH_AT` if there is a point.
    fn start_with(&self, line: &str, crash_at: Option<&str>) -> Running {
        let mut command = Command::new(&*SLUICE);
        command.env_remove("SLUICE_CRASH_AT").envs(crash_at.map(|at| ("SLUICE_CRASH_AT", at)));
        self.spawn(command, line)
    }

    /// Starts `command`, which runs `sluice`, with the words of `line`.
    pub fn spawn(&self, mut command: Command, line: &str) -> Running {
        let output_dir = self.path(&self.fresh("output"));
        fs::create_dir(&output_dir).unwrap();
        command.args(line.split_whitespace()).current_dir(self.dir.path());
        // Test servers are on this machine.
        command.env("NO_PROXY", "127.0.0.1");
        // Files, not pipes: a process that outlives its parent must not block the test.
        command.stdout(File::create(output_dir.join("out")).unwrap());
        command.stderr(File::create(output_dir.join("err")).unwrap());
        let began = Instant::now();
        Running { command: line.to_owned(), child: command.spawn().unwrap(), output_dir, began }
    }

    pub fn start(&self, line: &str) -> Running {
        self.start_with(line, None)
    }

    pub fn run(&self, line: &str) -> Outcome {
        self.start(line).wait()
    }

    /// Runs `command`, which runs `sluice`, with the words of `line`.
    pub fn run_as(&self, command: Command, line: &str) -> Outcome {
        self.spawn(command, line).wait()
    }

    pub fn run_crashing_at(&self, point: &str, line: &str) -> Outcome {
        self.start_with(line, Some(point)).wait()
    }

    /// Runs `sluice` with a limit on the size of each file, in blocks of 512 bytes. Writing more
    /// fails, as on a full disk.
    pub fn run_with_file_limit(&self, blocks: u64, line: &str) -> Outcome {
        let mut command = Command::new("sh");
        // Without the trap, the system kills a process that writes more.
        command.args(["-c", "trap '' XFSZ; ulimit -f \"$0\"; exec \"$@\"", &blocks.to_string()]);
        command.arg(&*SLUICE).env_remove("SLUICE_CRASH_AT");
        self.run_as(command, line)
    }

    /// Waits until a run has made a commit with documents in the corpus `corpus`.
    pub fn wait_for_commit(&self, run: &mut Running) {
        let has_commit = || {
            let commits = fs::read_dir(self.path("corpus/commits")).into_iter().flatten().flatten();
            commits
                .map(|entry| entry.file_name().to_string_lossy().into_owned())
                .any(|name| name.ends_with(".json") && name != "000000.json")
        };
        while !has_commit() {
            assert!(!run.is_over(), "the run ended before its first commit was seen");
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    /// Everything that `export` writes for a corpus.
    pub fn export(&self, corpus: &str) -> Export {
        let out = self.fresh("export");
        self.run(&format!("export {corpus} --out {out} --quiet")).exits(0);
        files_below(&self.path(&out))
    }

    /// The documents of an export, in order.
    pub fn documents(&self, corpus: &str) -> Vec<Value> {
        documents(&self.export(corpus))
    }

    pub fn status(&self, corpus: &str) -> Value {
        self.run(&format!("status {corpus} --json")).exits(0).json()
    }

    /// Counts of a label of Common Crawl, as `status --json` prints them.
    pub fn label(&self, corpus: &str, label: &str) -> Value {
        self.status(corpus)["slices"]["common_crawl"]["labels"][label].clone()
    }

    /// Fails unless the corpus is sound and its two newest commits name all of its files, but for
    /// what exports found in it.
    pub fn assert_sound(&self, corpus: &str) {
        self.run(&format!("verify {corpus} --deep")).exits(0);
        let files = files_below(&self.path(corpus)).into_keys();
        let found: BTreeSet<String> = files.filter(|name| !name.starts_with("scans/")).collect();
        assert_eq!(found, self.files_named(corpus));
    }

    /// The files that the two newest manifests name, and those that every corpus has.
    fn files_named(&self, corpus: &str) -> BTreeSet<String> {
        let mut named = BTreeSet::from(["lock".to_owned(), "recipe.toml".to_owned()]);
        let commits = self.commits(corpus);
        assert!(!commits.is_empty() && commits.len() <= 2, "{commits:?}");
        for commit in commits {
            let bytes = fs::read(self.path(corpus).join(&commit)).unwrap();
            let manifest: Value = serde_json::from_slice(&bytes).unwrap();
            named.insert(commit);
            for label in list(&manifest["labels"]) {
                let aside = [&label["aside"]["segments"], &label["aside"]["ledger"]];
                let aside = aside.into_iter().filter_map(Value::as_array).flatten();
                let files = list(&label["segments"]).iter().chain(list(&label["ledger"]));
                named.extend(files.chain(aside).map(|file| text(&file["path"]).to_owned()));
            }
            let exclusions = &manifest["excluded"]["list"]["path"];
            named.extend(exclusions.as_str().map(str::to_owned));
            for run in manifest["state"].as_object().unwrap().values().flat_map(list) {
                named.insert(format!("state/{}", text(&run["name"])));
            }
        }
        named
    }

    /// The manifests of a corpus, oldest first, as paths in it.
    pub fn commits(&self, corpus: &str) -> Vec<String> {
        let names = files_below(&self.path(corpus).join("commits")).into_keys();
        names.filter(|name| name.ends_with(".json")).map(|n| format!("commits/{n}")).collect()
    }

    /// The newest manifest of a corpus, as a path in it.
    pub fn newest_commit(&self, corpus: &str) -> String {
        self.commits(corpus).pop().expect("a commit")
    }

    /// Copies a corpus without the files and folders that `excluded` names.
    pub fn copy_without(&self, from: &str, to: &str, excluded: &[&str]) {
        let _ = fs::remove_dir_all(self.path(to));
        fs::create_dir_all(self.path(to).join("tmp")).unwrap();
        for (name, bytes) in files_below(&self.path(from)) {
            if !excluded.iter().any(|path| Path::new(&name).starts_with(path)) {
                self.write(&format!("{to}/{name}"), bytes);
            }
        }
    }
}

impl Running {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Kills the process, as `kill -9` does.
    pub fn kill(mut self) -> Outcome {
        let _ = self.child.kill();
        self.wait()
    }

    pub fn wait(mut self) -> Outcome {
        while !self.is_over() {
            if self.began.elapsed() > DEADLINE {
                let _ = self.child.kill();
                panic!("{} hangs: {}", self.command, self.output("err"));
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        let status = self.child.wait().unwrap();
        let (stdout, stderr) = (self.output("out"), self.output("err"));
        let outcome = Outcome { command: self.command, status, stdout, stderr };
        assert!(!outcome.stderr.contains("this is a bug"), "a panic: {outcome}");
        outcome
    }

    /// What it has printed so far.
    pub fn output(&self, stream: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.output_dir.join(stream)).unwrap()).into_owned()
    }
}

impl Outcome {
    /// Fails unless the command ended with this code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Outcome {
        assert!(self.status.code() == Some(code), "the exit code is not {code}: {self}");
        self
    }

    /// Fails unless the error names all of `words`.
    #[track_caller]
    pub fn names(self, words: &[&str]) -> Outcome {
        for word in words {
            assert!(self.stderr.contains(word), "the error does not name {word:?}: {self}");
        }
        self
    }

    #[track_caller]
    pub fn was_killed(&self) {
        assert_eq!(self.status.signal(), Some(9), "not killed: {self}");
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "sluice {} ended with {}", self.command, self.status)?;
        write!(f, "{}{}", self.stdout, self.stderr)
    }
}

/// Fails with the first line that differs, and with `what`, which describes the run.
#[track_caller]
pub fn assert_same(found: &Export, expected: &Export, what: &str) {
    let names = |export: &Export| export.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(found), names(expected), "{what}");
    for (name, bytes) in expected {
        if found[name] != *bytes {
            let lines = |bytes: &[u8]| {
                String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect::<Vec<_>>()
            };
            let (found, expected) = (lines(&found[name]), lines(bytes));
            let same = found.iter().zip(&expected).take_while(|(a, b)| a == b).count();
            let (found, expected) = (found.get(same), expected.get(same));
            panic!("{what}: {name}:{}: {found:#?}, expected {expected:#?}", same + 1);
        }
    }
}

/// The lines of every file of documents, in order.
pub fn documents(export: &Export) -> Vec<Value> {
    let files = export.iter().filter(|(name, _)| name.ends_with(".jsonl"));
    let lines = files.flat_map(|(_, bytes)| std::str::from_utf8(bytes).unwrap().lines());
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The processes that `parent` started, according to the system.
pub fn children(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_child = |process: &u32| {
        // `PID (NAME) STATE PARENT ...`; the name may have any characters.
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        after_name.split(' ').nth(1) == Some(&parent.to_string())
    };
    let mut children: Vec<u32> = numbers.filter(is_child).collect();
    children.sort_unstable();
    children
}

/// Sends a signal, such as `-KILL`, to a process that a test started. Returns whether there was one.
pub fn is_sent(signal: &str, process: u32) -> bool {
    Command::new("kill").args([signal, &process.to_string()]).status().unwrap().success()
}

/// Sends a signal, as [`is_sent`]. Fails if there is no such process.
#[track_caller]
pub fn send(signal: &str, process: u32) {
    assert!(is_sent(signal, process), "no process {process}");
}

/// Waits until the processes of a launcher that was killed have ended. Fails if that takes long.
#[track_caller]
pub fn assert_end_with_launcher(processes: &[u32]) {
    let began = Instant::now();
    while processes.iter().any(|process| fs::exists(format!("/proc/{process}")).unwrap()) {
        assert!(began.elapsed() < Duration::from_secs(10), "processes outlive their launcher");
        std::thread::sleep(POLL_INTERVAL);
    }
}

pub fn files_below(root: &Path) -> Export {
    let (mut files, mut folders) = (Export::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                files.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    files
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a string: {value}"))
}

pub fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("not a count: {value}"))
}

pub fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("not a list: {value}"))
}

/// A `conversion` record with `length` as the length of its block in the header.
pub fn record_of_length(url: &str, length: &str, block: &[u8]) -> Vec<u8> {
    let header = format!(
        "WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: {url}\r\n\
         WARC-Date: 2019-07-15T17:52:05Z\r\nContent-Type: text/plain\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    [header.as_bytes(), block, b"\r\n\r\n"].concat()
}

/// A page as a record of a WET file: the title is its first line.
pub fn record(url: &str, title: &str, text: &str) -> Vec<u8> {
    let block = format!("{title}\n{text}\n");
    record_of_length(url, &block.len().to_string(), block.as_bytes())
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A WET file as Common Crawl stores it: each record is a gzip member.
pub fn wet(records: &[Vec<u8>]) -> Vec<u8> {
    records.iter().flat_map(|record| gzip(record)).collect()
}

/// A recipe that keeps every page with a unique paragraph, and has the lines `settings`.
pub fn keep_all(settings: &str) -> String {
    let all = "min_chars = 0\nlanguages = []\nmin_language_score = 0.0";
    format!("corpus = \"corpus\"\n{settings}\n[common_crawl]\n{all}\n")
}

/// The lines of a recipe for a label.
pub fn input(label: &str, paths: &str) -> String {
    format!("[[input]]\nslice = \"common_crawl\"\nlabel = \"{label}\"\npaths = [\"{paths}\"]\n")
}

/// A recipe of the bundled dumps, in all languages, after the lines `top` and with `settings`.
pub fn both_dumps(top: &str, settings: &str) -> String {
    let inputs = input("2019-30", "fixtures/2019-30") + &input("2020-05", "fixtures/2020-05");
    format!("{top}\n[common_crawl]\nlanguages = []\n{settings}\n{inputs}")
}
