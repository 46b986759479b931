//! The speed of the CommonCrawl slice and its steps.
//!
//! `cargo bench --bench common_crawl [-- [COPIES] [STEP]]` makes COPIES (default 14) varied copies
//! of the WET file of the test data (`SLUICE_TEST_DATA`), or of the bundled pages without it. On
//! these, it measures each step (or those with STEP in their name) and the whole slice, in MB of text
//! per CPU second, compared with only inflating the files in the same run. One worker; CPU time of the
//! whole process, including the reading thread.

mod common;
mod pages;

use arrangement::Rule;
use common::{Result, cpu_seconds, data};
use corpus::{Corpus, Label, Manifest, Position, Source};
use document::Document;
use engine::cluster::{Cluster, meet};
use engine::{Engine, EpochSizes, Graph, Job, Options, Plan, Progress, Share, Work};
use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use models::language::LanguageIdentifier;
use pages::{common_crawl, join, keys, read, reader, write};
use sha1::{Digest, Sha1};
use std::collections::BTreeMap;
use std::fs::File;
use std::hint::black_box;
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use text::ccnet::paragraph_key;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Lines of 100 that all copies share: about as many repeats as in the original.
const SHARED_OF_100: u64 = 45;

fn main() -> Result<()> {
    // `cargo bench` adds --bench; `cargo test --benches` must not run it for minutes.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--test") {
        return Ok(());
    }
    let copies = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(14);
    let only = arguments.iter().find(|a| !a.starts_with('-') && a.parse::<u64>().is_err());
    let dir = tempfile::tempdir()?;
    let (files, from) = make_files(dir.path(), copies)?;
    let bytes = text_bytes(&files)?;
    let mut table = Table { bytes, inflate: 0.0, only: only.cloned().unwrap_or_default() };
    println!("{copies} varied copies of {from}: {:.0} MB of text", table.bytes as f64 / 1e6);
    println!("{:42} {:>10} {:>12}", "step", "MB/CPU s", "of inflate");

    table.inflate = table.row("inflate alone", || inflate(&files, |_| ()))?;
    table.row("inflate + SHA-1 of each line", || inflate(&files, hash_lines))?;
    table.row("read records", || read_records(&files))?;
    table.row("read pages", || read(&reader(), &files).map(|_| ()))?;
    let pages = read(&reader(), &files)?;
    table.row("paragraph keys", || {
        keys(&pages);
        Ok(())
    })?;
    let updates = keys(&pages);
    table.row("dedup-join, arrangement", || join(&updates, usize::MAX))?;
    table.row("write segments and ledger", || write(&pages))?;
    let lid = data().join("models/langid/lid.176.ftz");
    if lid.exists() {
        let identifier = LanguageIdentifier::open(&lid)?;
        table.row("language, lid.176.ftz", || identify(&identifier, &pages))?;
    }
    table.row("language, built in", || identify(&LanguageIdentifier::builtin(), &pages))?;
    drop((pages, updates));
    table.row("slice without language", || slice(&files, Engine::Arrangement))?;
    table.row("slice, differential engine", || slice(&files, Engine::Differential))?;
    Ok(())
}

struct Table {
    bytes: u64,
    inflate: f64,
    only: String,
}

impl Table {
    /// Runs `step` three times and prints the best result. Returns its MB per CPU second.
    fn row(&self, name: &str, step: impl Fn() -> Result<()>) -> Result<f64> {
        let mut best = f64::MAX;
        if !name.contains(&self.only) {
            return Ok(f64::NAN);
        }
        for _ in 0..3 {
            let before = cpu_seconds();
            step()?;
            best = best.min(cpu_seconds() - before);
        }
        let speed = self.bytes as f64 / 1e6 / best;
        let share = if self.inflate > 0.0 { speed / self.inflate } else { 1.0 };
        println!("{name:42} {speed:>10.0} {:>10.0} %", 100.0 * share);
        Ok(speed)
    }
}

/// Writes one file for each copy, with a gzip member for each record, as in Common Crawl.
fn make_files(dir: &Path, copies: u64) -> Result<(Vec<PathBuf>, String)> {
    let real = data().join("commoncrawl/wet_derived/derived_shared.warc.wet.gz");
    let original = if real.exists() {
        vec![real.clone()]
    } else {
        common_crawl().fixtures().iter().map(|f| write_fixture(dir, f)).collect::<Result<_>>()?
    };
    let mut records = Vec::new();
    for path in &original {
        records.extend(formats::wet::open(path)?.flatten());
    }
    let mut files = Vec::new();
    for copy in 0..copies {
        let path = dir.join(format!("{copy:03}.warc.wet.gz"));
        let mut file = File::create(&path)?;
        for record in &records {
            let block = vary(&String::from_utf8_lossy(record.block()), copy);
            let url = record.url.as_deref().unwrap_or("http://none.example/");
            let mut member = GzEncoder::new(Vec::new(), Compression::new(6));
            write!(
                member,
                "WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: {url}?{copy}\r\n\
                 WARC-Date: 2023-02-01T00:00:00Z\r\nWARC-Block-Digest: sha1:{}\r\n\
                 Content-Type: text/plain\r\nContent-Length: {}\r\n\r\n{block}\r\n\r\n",
                base32(&Sha1::digest(&block)),
                block.len()
            )?;
            file.write_all(&member.finish()?)?;
        }
        files.push(path);
    }
    let name = real.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok((files, if real.exists() { name } else { "the bundled pages".into() }))
}

fn write_fixture(dir: &Path, fixture: &recipe::Fixture) -> Result<PathBuf> {
    let path = dir.join(fixture.name);
    std::fs::write(&path, fixture.bytes)?;
    Ok(path)
}

/// Makes a copy in which most lines are new: each ends with a word that no other copy has.
fn vary(block: &str, copy: u64) -> String {
    let word: String =
        copy.to_string().bytes().map(|digit| (digit - b'0' + b'a') as char).collect();
    let mut varied = String::with_capacity(block.len() + 1024);
    for line in block.split_inclusive('\n') {
        let text = line.trim_end_matches('\n');
        varied.push_str(text);
        if paragraph_key(text, &mut Vec::new()) % 100 >= SHARED_OF_100 {
            varied.push(' ');
            varied.push_str(&word);
        }
        varied.push_str(&line[text.len()..]);
    }
    varied
}

/// Base 32 (RFC 4648), the form of digests in archives.
fn base32(bytes: &[u8]) -> String {
    let bits = |place: usize| u16::from(bytes.get(place).copied().unwrap_or(0));
    let letter = |place: usize| {
        let word = bits(place * 5 / 8) << 8 | bits(place * 5 / 8 + 1);
        let value = (word >> (11 - place * 5 % 8) & 31) as u8;
        char::from(if value < 26 { b'A' + value } else { b'2' + value - 26 })
    };
    (0..(bytes.len() * 8).div_ceil(5)).map(letter).collect()
}

fn text_bytes(files: &[PathBuf]) -> Result<u64> {
    let mut bytes = 0;
    for file in files {
        bytes += formats::wet::open(file)?.flatten().map(|r| r.block_len as u64).sum::<u64>();
    }
    Ok(bytes)
}

fn inflate(files: &[PathBuf], each: impl Fn(&[u8])) -> Result<()> {
    let mut buffer = vec![0; 1 << 16];
    for file in files {
        let stored = BufReader::with_capacity(1 << 18, File::open(file)?);
        let mut inflated = MultiGzDecoder::new(stored);
        loop {
            let read = inflated.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            each(&buffer[..read]);
        }
    }
    Ok(())
}

fn hash_lines(bytes: &[u8]) {
    for line in bytes.split(|byte| *byte == b'\n') {
        black_box(Sha1::digest(line));
    }
}

fn read_records(files: &[PathBuf]) -> Result<()> {
    for file in files {
        for record in formats::wet::open(file)? {
            black_box(record?);
        }
    }
    Ok(())
}

fn identify(identifier: &LanguageIdentifier, pages: &[Document]) -> Result<()> {
    for page in pages {
        black_box(identifier.ccnet_language(&page.text));
    }
    Ok(())
}

/// The slice's graph without its language steps, from files to a commit.
fn slice(files: &[PathBuf], engine: Engine) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let corpus = Corpus::create(dir.path())?;
    let sources = files.iter().map(|file| {
        let bytes = file.metadata().map_or(0, |meta| meta.len());
        let name = file.display().to_string();
        Source { path: name.clone(), name, bytes, ..Source::default() }
    });
    let label = Label {
        slice: "common_crawl".into(),
        name: "bench".into(),
        sources: sources.collect(),
        position: Some(Position::default()),
        ..Label::default()
    };
    let sizes = label.sizes();
    let manifest = Manifest { labels: vec![label], ..Manifest::empty("bench".into()) };
    let from = Position::default();
    let work = Work { label: 0, before: 0, sizes, from, groups: None, only: None };
    let plan = Plan::new(1, &[work], 1, EpochSizes::equal(128 << 20));
    let rule = Rule::first_of_all();
    let graph: Graph = Arc::new(move |pages: engine::Docs<'_>| {
        pages
            .reject("too_short", |page| page.chars() < 300)
            .cut_repeated_paragraphs("paragraphs", paragraph_key, rule.clone(), |_, _| ())
            .reject("duplicate_paragraphs", |page| page.text.is_empty())
            .reject_repeats("documents", "duplicate", |page| page.digest, Rule::first_of_all())
    });
    let slices = BTreeMap::from([("common_crawl", (reader(), graph))]);
    let options = Options {
        workers: 1,
        engine,
        memory_bytes: 4 << 30,
        commit_every: Default::default(),
        strict: true,
    };
    let share = Share { processes: 1, workers: 1, ..Share::default() };
    let (recipe, progress) = (String::new(), Progress::new(share, &plan, []));
    let (together, commits) = (None, engine::Commits::default());
    let exclude = None;
    let job = Job { manifest, recipe, plan, slices, together, progress, commits, exclude };
    engine::run(&corpus, job, meet(&Cluster::single())?, &options)?;
    Ok(())
}
