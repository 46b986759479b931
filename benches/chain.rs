//! The CommonCrawl slice with all models: its steps alone, the whole, and the original tools.
//!
//! `benches/chain.sh FOLDER` runs this with the original tools on the WET files of a folder; `cargo bench --bench chain --
//! FOLDER` measures ours alone. The models are in the test data (`SLUICE_TEST_DATA`).
//!
//! Each step is measured in one thread on the pages that reach it, and then the whole, `sluice build -w 1`. Beside MB of the text
//! of these pages for each CPU second, the table has CPU seconds for each gigabyte of text that is read, which add up. The original
//! tools do the same on one page of 20 ([`SHARE`]).

mod common;
mod originals;
mod pages;
mod program;

use arrangement::Rule;
use common::{Result, cpu_seconds, data};
use document::{DocRef, Document};
use models::language::LanguageIdentifier;
use models::tokenizer::TokenCounter;
use models::wikiref::{WikiReferences, in_one_line, is_below};
use models::{Bucket, Perplexity, bucket, fasttext};
use originals::{Originals, write_lines};
use pages::{join, keys, read, reader, write};
use program::{cpu_seconds_of_children, run, sluice};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::{fs, io};
use text::ccnet::paragraph_key;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The original tools have one page of so many.
const SHARE: usize = 20;

/// Paragraphs of an epoch of the join, as with the default memory.
const KEYS_OF_EPOCH: usize = 4 << 20;

const MIN_CHARS: usize = 300;
const MIN_LANGUAGE_SCORE: f32 = 0.5;
const MIN_QUALITY: f64 = 0.25;

fn main() -> Result<()> {
    // `cargo bench` adds --bench; `cargo test --benches` must not run it for minutes.
    let folder = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let models = data().join("models");
    let Some(folder) = folder.filter(|_| models.exists()) else {
        println!("skipped: no folder of WET files, or no data");
        return Ok(());
    };
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    files.retain(|path| path.to_string_lossy().ends_with(".warc.wet.gz"));
    files.sort();
    let dir = tempfile::tempdir()?;
    let mut table = Table { dir: dir.path(), rows: Vec::new(), originals: Originals::default() };
    let (read, kept) = steps(&mut table, &files, &models)?;
    let whole = whole(&files, &models, dir.path(), read, kept)?;
    table.print(read, whole)
}

/// Measures each step. Returns the bytes of text read, and the number of pages kept.
fn steps(table: &mut Table<'_>, files: &[PathBuf], models: &Path) -> Result<(u64, u64)> {
    let mut all = table.measure(|| read(&reader(), files))?;
    let bytes = all.iter().map(|page| page.bytes_read).sum();
    table.row("read", all.len(), bytes);
    let some: Vec<String> =
        files.iter().step_by(SHARE).map(|path| path.display().to_string()).collect();
    table.original("wet", Path::new(""), &some, some.len() as f64 / files.len() as f64)?;

    for page in all.iter_mut().filter(|page| page.is_kept()) {
        if page.chars() < MIN_CHARS {
            page.reject("too_short");
        }
    }
    let long: Vec<&Document> = all.iter().filter(|page| page.is_kept()).collect();
    table.measure(|| join(&keys(long.iter().copied()), KEYS_OF_EPOCH))?;
    table.row_of("paragraphs: hash and join", &long);
    table.original_of("paragraphs", Path::new(""), &long)?;
    let cut = without_repeats(&long);
    let cut: Vec<&Document> = cut.iter().filter(|page| page.is_kept()).collect();

    let lid = models.join("langid/lid.176.ftz");
    let identifier = LanguageIdentifier::open(&lid)?;
    let of = |page: &&Document| identifier.ccnet_language(&page.text);
    let languages = table.measure(|| Ok(cut.iter().map(of).collect::<Vec<_>>()))?;
    table.row_of("language", &cut);
    table.original_of("fasttext", &lid, &cut)?;
    let is_english = |language: &document::Language| {
        language.code == "en" && language.score >= MIN_LANGUAGE_SCORE.into()
    };
    let english = cut.iter().zip(&languages).filter(|(_, language)| is_english(language));
    let english: Vec<&Document> = english.map(|(page, _)| *page).collect();

    let folder = models.join("ccnet_like");
    let (lm, mut scratch) = (Perplexity::open(&folder)?, models::Scratch::default());
    // Models are loaded with the first page.
    lm.of("en", "a page", &mut scratch)?;
    let of = |page: &&Document| Ok(lm.of("en", &page.text, &mut scratch)?);
    let perplexities = table.measure(|| english.iter().map(of).collect::<Result<Vec<_>>>())?;
    table.row_of("perplexity", &english);
    table.original_of("perplexity", &folder, &english)?;
    let mut known = HashSet::new();
    let fluent = english.iter().zip(&perplexities).filter(|(page, perplexity)| {
        bucket("en", **perplexity) != Bucket::Tail && known.insert(page.digest)
    });
    let fluent: Vec<&Document> = fluent.map(|(page, _)| *page).collect();

    let quality = models.join("quality/quality_wiki_vs_cc.bin");
    let (classifier, mut scratch) = (WikiReferences::open(&quality)?, fasttext::Scratch::default());
    let of = |page: &&Document| classifier.probability(&page.text, &mut scratch);
    let scores = table.measure(|| Ok(fluent.iter().map(of).collect::<Vec<_>>()))?;
    table.row_of("classifier", &fluent);
    table.original_of("fasttext", &quality, &fluent)?;
    let tokenizer = models.join("tokenizers/gpt_neox_20B_tokenizer.json");
    let counter = TokenCounter::open(&tokenizer)?;
    let of = |page: &&Document| Ok(counter.count(&page.text)?);
    table.measure(|| fluent.iter().map(of).sum::<Result<u64>>())?;
    table.row_of("tokens", &fluent);
    table.original_of("tokenizers", &tokenizer, &fluent)?;

    let good = fluent.iter().zip(&scores).filter(|(_, score)| !is_below(**score, MIN_QUALITY));
    let good: Vec<&Document> = good.map(|(page, _)| *page).collect();
    let texts: Vec<Document> = good.iter().map(|page| (*page).clone()).collect();
    let kept: HashSet<DocRef> = good.iter().map(|page| page.at).collect();
    for page in all.iter_mut().filter(|page| page.is_kept() && !kept.contains(&page.at)) {
        page.reject("dropped");
    }
    texts.into_iter().for_each(|page| {
        let place = all.binary_search_by_key(&page.at, |page| page.at).expect("one of them");
        all[place] = page;
    });
    table.measure(|| write(&all))?;
    let good: Vec<&Document> = all.iter().filter(|page| page.is_kept()).collect();
    table.row_of("write", &good);
    table.original_of("write", &table.dir.join("written.json.gz"), &good)?;
    Ok((bytes, good.len() as u64))
}

/// The pages without paragraphs of earlier ones.
fn without_repeats(pages: &[&Document]) -> Vec<Document> {
    let cut = engine::funnel(pages.iter().map(|page| (*page).clone()), 1, |pages| {
        let rule = Rule::first_of_all();
        pages
            .cut_repeated_paragraphs("paragraphs", paragraph_key, rule, |_, _| ())
            .reject("duplicate_paragraphs", |page| page.text.is_empty())
    });
    // A funnel numbers its documents.
    cut.into_iter().zip(pages).map(|(page, before)| Document { at: before.at, ..page }).collect()
}

/// Returns the CPU seconds of `sluice build`. Fails unless it reads and keeps the same.
fn whole(files: &[PathBuf], models: &Path, dir: &Path, read: u64, kept: u64) -> Result<f64> {
    let (recipe, corpus) = (dir.join("recipe.toml"), dir.join("corpus"));
    let at = |name: &str| models.join(name).display().to_string();
    let (lid, tokenizer) = (at("langid/lid.176.ftz"), at("tokenizers/gpt_neox_20B_tokenizer.json"));
    let (lm, classifier) = (at("ccnet_like"), at("quality/quality_wiki_vs_cc.bin"));
    fs::write(
        &recipe,
        format!(
            "lid = {lid:?}\ntokenizer = {tokenizer:?}\n[common_crawl]\nlm = {lm:?}\n\
             classifier = {classifier:?}\n[[input]]\nslice = \"common_crawl\"\nlabel = \"all\"\n\
             paths = {files:?}\n"
        ),
    )?;
    let before = cpu_seconds_of_children()?;
    let mut build = sluice();
    build.arg("build").arg(&recipe).arg("--corpus").arg(&corpus).args(["-w", "1", "--quiet"]);
    run(&mut build)?;
    let seconds = cpu_seconds_of_children()? - before;
    let status = sluice().arg("status").arg(&corpus).arg("--json").output()?;
    let status: Value = serde_json::from_slice(&status.stdout)?;
    let label = &status["slices"]["common_crawl"]["labels"]["all"];
    let found = (label["bytes_read"].as_u64(), label["kept"].as_u64());
    if found != (Some(read), Some(kept)) {
        return Err(format!("{read} bytes and {kept} pages expected, {found:?} found").into());
    }
    Ok(seconds)
}

struct Table<'d> {
    dir: &'d Path,
    rows: Vec<Row>,
    originals: Originals,
}

/// A step, and what was measured.
struct Row {
    name: &'static str,
    pages: usize,
    bytes: u64,
    seconds: f64,
    /// What part of it the original tool has done.
    share: f64,
}

impl Table<'_> {
    /// Does a step, whose pages are known after it, as a new row.
    fn measure<T>(&mut self, step: impl FnOnce() -> Result<T>) -> Result<T> {
        let before = cpu_seconds();
        let done = step()?;
        let seconds = cpu_seconds() - before;
        self.rows.push(Row { name: "", pages: 0, bytes: 0, seconds, share: 0.0 });
        Ok(done)
    }

    /// Names the last row.
    fn row(&mut self, name: &'static str, pages: usize, bytes: u64) {
        let row = self.rows.last_mut().expect("measured before");
        (row.name, row.pages, row.bytes) = (name, pages, bytes);
    }

    fn row_of(&mut self, name: &'static str, pages: &[&Document]) {
        self.row(name, pages.len(), pages.iter().map(|page| page.text.len() as u64).sum());
    }

    /// Adds the original tool of the last row.
    fn original(&mut self, tool: &str, model: &Path, lines: &[String], share: f64) -> Result<()> {
        let row = self.rows.len() - 1;
        self.rows[row].share = share;
        self.originals.add(row, tool, model, &write_lines(self.dir, &row.to_string(), lines)?);
        Ok(())
    }

    fn original_of(&mut self, tool: &str, model: &Path, pages: &[&Document]) -> Result<()> {
        let text = |page: &&Document| match tool {
            "fasttext" => in_one_line(&page.text),
            _ => json!(page.text).to_string(),
        };
        let some = || pages.iter().step_by(SHARE);
        let bytes = |page: &&Document| page.text.len() as f64;
        let share = some().map(bytes).sum::<f64>() / pages.iter().map(bytes).sum::<f64>();
        self.original(tool, model, &some().map(text).collect::<Vec<_>>(), share)
    }

    fn print(&self, read: u64, whole: f64) -> Result<()> {
        let originals = self.originals.run(self.dir, 1, self.rows.len())?;
        let gigabytes = read as f64 / 1e9;
        println!("{gigabytes:.2} GB of text; CPU s for each of them");
        println!(
            "{:26} {:>9} {:>8} {:>10} {:>8} {:>10} {:>7}",
            "step", "pages", "MB", "MB/CPU s", "CPU s", "original", "ratio"
        );
        let (mut ours, mut theirs) = (0.0, 0.0);
        for (row, original) in self.rows.iter().zip(originals) {
            let Row { name, pages, bytes, seconds, share } = row;
            let (mb, each) = (*bytes as f64 / 1e6, seconds / gigabytes);
            print!("{name:26} {pages:>9} {mb:>8.0} {:>10.0} {each:>8.2}", mb / seconds);
            ours += each;
            match original {
                Some((original, _)) => {
                    let original = original / share / gigabytes;
                    theirs += original;
                    println!(" {original:>10.1} {:>6.1}x", original / each);
                }
                None => println!(),
            }
        }
        let each = whole / gigabytes;
        let speed = |each: f64| 1000.0 / each;
        for (name, each) in [("all steps", ours), ("sluice build -w 1", each)] {
            print!("{name:26} {:>29.1} {each:>8.2}", speed(each));
            match theirs {
                0.0 => println!(),
                _ => println!(" {theirs:>10.1} {:>6.1}x", theirs / each),
            }
        }
        println!("the whole is {:.2} of its steps", each / ours);
        Ok(())
    }
}
