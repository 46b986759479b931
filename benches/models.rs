//! The speed of the models that score documents, compared with the original tools.
//!
//! `benches/models.sh` runs this with the original tools (Python packages fasttext-wheel, kenlm,
//! sentencepiece, tokenizers) on the same text in the same run. `cargo bench --bench models` alone
//! measures ours. The text is the English pages of a WET file; file and models are in the test
//! data (`SLUICE_TEST_DATA`). `-- --lm FOLDER` adds a row for the English model in a folder.
//!
//! MB of text as read (millions of tokens for KenLM) per CPU second, best of three, one thread.

mod common;
mod originals;

use common::{Result, cpu_seconds, data};
use models::language::LanguageIdentifier;
use models::tokenizer::TokenCounter;
use models::wikiref::{WikiReferences, in_one_line};
use models::{Perplexity, kenlm, sentencepiece};
use originals::{Originals, write_lines};
use serde_json::json;
use signals::{Facts, Lists, SIGNALS, View};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use text::ccnet::normalize_for_lm;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const RUNS: usize = 3;

fn main() -> Result<()> {
    // `cargo bench` adds --bench; `cargo test --benches` must not run it for minutes.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if arguments.iter().any(|argument| argument == "--test") {
        return Ok(());
    }
    let models = data().join("models");
    if !models.exists() {
        println!("skipped: no data");
        return Ok(());
    }
    let mut folders = vec![("test data's".to_owned(), models.join("ccnet_like"))];
    for pair in arguments.windows(2).filter(|pair| pair[0] == "--lm") {
        folders.push((pair[1].clone(), PathBuf::from(&pair[1])));
    }
    let lid = models.join("langid/lid.176.ftz");
    let identifier = LanguageIdentifier::open(&lid)?;
    let pages = english_pages(&identifier)?;
    let dir = tempfile::tempdir()?;
    let mut table = Table { rows: Vec::new(), originals: Originals::default() };
    let lines: Vec<String> = pages.iter().map(|page| in_one_line(page)).collect();
    let plain = write_lines(dir.path(), "plain", &lines)?;
    let mb = pages.iter().map(String::len).sum::<usize>() as f64 / 1e6;
    println!("{} English pages, {mb:.1} MB", pages.len());

    let run =
        || lines.iter().map(|line| identifier.identify(line).code.len()).sum::<usize>() as f64;
    table.row("language, lid.176.ftz", mb, "MB", run);
    table.original("fasttext", &lid, &plain);
    for name in ["quality_wiki_vs_cc.bin", "quality_wiki_vs_cc.ftz"] {
        let path = models.join("quality").join(name);
        let model = WikiReferences::open(&path)?;
        let mut scratch = models::fasttext::Scratch::default();
        let mut run = || pages.iter().map(|page| model.probability(page, &mut scratch)).sum();
        table.row(&format!("classifier, {name}"), mb, "MB", &mut run);
        table.original("fasttext", &path, &plain);
    }
    for (number, (name, folder)) in folders.iter().enumerate() {
        language_model(&mut table, (name, folder), &pages, dir.path(), number)?;
    }
    let path = models.join("tokenizers/gpt_neox_20B_tokenizer.json");
    let counter = TokenCounter::open(&path)?;
    let run = || pages.iter().map(|page| counter.count(page).unwrap_or(0)).sum::<u64>() as f64;
    table.row("tokens, GPT-NeoX", mb, "MB", run);
    let exact: Vec<String> = pages.iter().map(|page| json!(page).to_string()).collect();
    let exact = write_lines(dir.path(), "exact", &exact)?;
    table.original("tokenizers", &path, &exact);
    let (lists, mut scratch) = (Lists::default(), signals::Scratch::default());
    let wanted: Vec<_> = SIGNALS.iter().filter(|signal| signal.missing(&lists).is_none()).collect();
    let mut run = || {
        let facts = Facts { language: Some("en"), ..Facts::default() };
        let mut of_page = |page: &String| {
            let mut view = View::new(page, &facts, &lists, &mut scratch);
            wanted.iter().filter_map(|signal| signal.value(&mut view).number()).sum::<f64>()
        };
        pages.iter().map(&mut of_page).sum()
    };
    table.row(&format!("signals, {} of them", wanted.len()), mb, "MB", &mut run);
    table.print(dir.path())
}

/// Measures pieces and KenLM with the English model of a folder.
fn language_model(
    table: &mut Table,
    (name, folder): (&str, &Path),
    pages: &[String],
    dir: &Path,
    number: usize,
) -> Result<()> {
    let (pieces, arpa) = Perplexity::open(folder)?.files("en")?.ok_or("no English model")?;
    let mut normalized = vec![String::new(); pages.len()];
    pages.iter().zip(&mut normalized).for_each(|(page, out)| normalize_for_lm(page, out));
    let mb = normalized.iter().map(String::len).sum::<usize>() as f64 / 1e6;
    let model = sentencepiece::Model::open(&pieces)?;
    let mut scratch = sentencepiece::Scratch::default();
    let mut encode =
        || normalized.iter().map(|text| model.encode(text, &mut scratch).ids.len() as f64).sum();
    table.row(&format!("pieces, {name}"), mb, "MB", &mut encode);
    table.original(
        "sentencepiece",
        &pieces,
        &write_lines(dir, &format!("n{number}"), &normalized)?,
    );

    let kenlm = kenlm::Model::open(&arpa)?;
    let names: Vec<&[u8]> = model.pieces().collect();
    let (mut words, mut lines): (Vec<Vec<u32>>, Vec<String>) = (Vec::new(), Vec::new());
    for text in &normalized {
        let encoded = model.encode(text, &mut scratch);
        let texts: Vec<&[u8]> =
            encoded.iter().map(|(id, unknown)| unknown.unwrap_or(names[id as usize])).collect();
        words.push(texts.iter().map(|text| kenlm.word(text)).collect());
        lines.push(String::from_utf8_lossy(&texts.join(&b' ')).into_owned());
    }
    let tokens = words.iter().map(|words| words.len() + 1).sum::<usize>() as f64 / 1e6;
    let mut scratch = kenlm::Scratch::default();
    let mut score = || {
        let of_page = |words: &Vec<u32>| kenlm.score_with(words.iter().copied(), &mut scratch);
        words.iter().map(of_page).map(f64::from).sum()
    };
    let step = format!("KenLM, {name}, {} MiB", kenlm.bytes() >> 20);
    table.row(&step, tokens, "M tokens", &mut score);
    table.original("kenlm", &arpa, &write_lines(dir, &format!("p{number}"), &lines)?);
    Ok(())
}

/// A row of the table: our result.
struct Row {
    name: String,
    amount: f64,
    unit: &'static str,
    seconds: f64,
    /// The result to compare: a sum over the pages.
    sum: f64,
}

struct Table {
    rows: Vec<Row>,
    originals: Originals,
}

impl Table {
    fn row(&mut self, name: &str, amount: f64, unit: &'static str, mut run: impl FnMut() -> f64) {
        let mut sum = 0.0;
        let times = (0..RUNS).map(|_| {
            let begin = cpu_seconds();
            sum = black_box(run());
            cpu_seconds() - begin
        });
        let seconds = times.fold(f64::MAX, f64::min);
        self.rows.push(Row { name: name.to_owned(), amount, unit, seconds, sum });
    }

    /// Adds the original tool for the last row.
    fn original(&mut self, tool: &str, model: &Path, input: &Path) {
        self.originals.add(self.rows.len() - 1, tool, model, input);
    }

    /// Runs the original tools, and prints all.
    fn print(&self, dir: &Path) -> Result<()> {
        let originals = self.originals.run(dir, RUNS, self.rows.len())?;
        println!("{:40} {:>22} {:>9} {:>7}  sums", "step", "ours / CPU s", "original", "ratio");
        for (row, original) in self.rows.iter().zip(originals) {
            let Row { name, amount, unit, seconds, sum } = row;
            print!("{name:40} {:>11.1} {unit:>10}", amount / seconds);
            match original {
                Some((theirs, of_theirs)) => println!(
                    " {:>9.1} {:>6.2}x  {sum:.3} {of_theirs:.3}",
                    amount / theirs,
                    theirs / seconds
                ),
                None => println!(),
            }
        }
        Ok(())
    }
}

fn english_pages(identifier: &LanguageIdentifier) -> Result<Vec<String>> {
    let path = data().join("commoncrawl/wet_derived/derived_shared.warc.wet.gz");
    let slices = dataflows::SLICES.iter();
    let slice = slices.into_iter().find(|s| s.name() == "common_crawl").ok_or("the first slice")?;
    let mut pages = Vec::new();
    for page in (slice.reader(&*slice.defaults(recipe::Preset::Global)))(&path)?.flatten() {
        if page.is_kept() && identifier.ccnet_language(&page.text).code == "en" {
            pages.push(page.text);
        }
    }
    Ok(pages)
}
