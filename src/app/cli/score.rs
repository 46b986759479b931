//! `sluice score`.

use super::exit::{DONE, DONE_WITH_DEFECTS};
use crate::inputs::find;
use crate::score::{Event, Job, Summary, score};
use crate::terminal::log::is_quiet;
use crate::terminal::units::{cores, counted, workers};
use crate::terminal::{Progress, Row, notice};
use crate::terminal::{errln, outln};
use crate::texts::{CorpusPart, TextFlags, is_corpus, segments, without_card};
use anyhow::{Result, ensure};
use clap::Args;
use indicatif::{HumanBytes, HumanCount};
use recipe::usage::usage;
use recipe::{CommonModels, MissingModel, ModelFiles, Models, Recipe, Slices, find_slice};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const EXAMPLE: &str = "\
Example:
  sluice score web.jsonl.gz --out scored.jsonl.zst --lid lid.176.ftz \\
      --lm ccnet --classifier wiki-ref.ftz --tokenizer neox.json --signals all
  zstdcat scored.jsonl.zst | jq -c 'select(.scores.bucket == \"head\") | .scores'
  sluice score corpus --slice c4 --lid lid.176.ftz --out c4.parquet

With --recipe the models are those of the recipe's slice, and flags override it:
  curl -s $URL | sluice score --recipe recipe.toml - --out - | gzip > a.jsonl.gz

Each line keeps its fields and their values, and gets an object at its end, in place of a field
scores that it has. What is not JSON is repaired: NaN becomes null, the last field of a name counts.
  \"scores\":{\"language\":\"en\",\"language_score\":0.97,\"perplexity\":312.4,
    \"bucket\":\"head\",\"wiki_prob\":0.61,\"tokens\":845,
    \"signals\":{\"rps_doc_word_count\":640.0,...}}
Scores without a model are absent, except the language: without --lid a built-in identifier is used.

Parquet has the columns text, fields (the other fields of the line, as JSON) and scores, with a typed
column for each score.

Exit codes: 0 done; 1 failed, nothing written; 2 wrong usage or recipe; 3 done, but some lines were
malformed; they are listed on standard error and are not in the output.";

/// The slice whose settings are used by default.
const SLICE: &str = "common_crawl";

/// Malformed lines that are listed one by one.
const MALFORMED_LISTED_MAX: u64 = 20;

/// Add language, perplexity, quality, tokens and signals to documents of any pipeline
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Score {
    /// Files of JSON lines (plain or compressed) or Parquet, patterns, folders such as an export,
    /// @FILE with one of these per line, corpora, or - for standard input
    #[arg(required = true, value_name = "IN")]
    inputs: Vec<String>,
    /// The file to write: .jsonl, .jsonl.gz, .jsonl.zst or .parquet by its name, or - for JSON
    /// lines on standard output
    #[arg(long, value_name = "OUT")]
    out: String,
    /// Replace the output if it exists
    #[arg(long)]
    overwrite: bool,
    /// Use the models of this recipe
    #[arg(long, value_name = "R")]
    recipe: Option<PathBuf>,
    /// The slice of the recipe whose settings are used [default: common_crawl]; of a corpus, only
    /// its documents of this slice are scored
    #[arg(long, value_name = "S")]
    slice: Option<String>,
    /// Of a corpus, only this label
    #[arg(long, value_name = "L")]
    label: Option<String>,
    /// fastText model that identifies languages, .bin or .ftz; by default a built-in one
    #[arg(long, value_name = "FILE")]
    lid: Option<PathBuf>,
    /// Folder of language models: {lang}.sp.model, {lang}.arpa.bin
    #[arg(long, value_name = "DIR")]
    lm: Option<PathBuf>,
    /// fastText model with the labels wiki and cc, .bin or .ftz
    #[arg(long, value_name = "FILE")]
    classifier: Option<PathBuf>,
    /// Count the tokens of this tokenizer.json
    #[arg(long, value_name = "FILE")]
    tokenizer: Option<PathBuf>,
    /// Quality signals by name, separated by commas, or all
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    signals: Vec<String>,
    /// Stop words by language, JSON as in stopwords-iso, for the signals
    #[arg(long, value_name = "FILE")]
    stop_words: Option<PathBuf>,
    /// Bad English words, one per line, for the signals
    #[arg(long, value_name = "FILE")]
    bad_words: Option<PathBuf>,
    /// Folder of models for the signals: classifiers, word counts, UT1's blacklists
    #[arg(long, value_name = "DIR")]
    signal_models: Option<PathBuf>,
    #[command(flatten)]
    texts: TextFlags,
    /// Threads that score [default: all cores]
    #[arg(
        short = 'w', long, default_value_t = cores(), value_parser = workers, value_name = "N",
        hide_default_value = true
    )]
    workers: usize,
    /// Stop at the first malformed line
    #[arg(long)]
    strict: bool,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

/// The models to score with: those of a slice, and those of all slices.
struct ScoreModels {
    files: ModelFiles,
    tokenizer: Option<PathBuf>,
    lid: Option<PathBuf>,
}

impl Score {
    pub fn run(self, slices: Slices) -> Result<u8> {
        let ScoreModels { files, tokenizer, lid } = self.models(slices)?;
        let inputs = self.paths()?;
        let same = |path: &String| fs::canonicalize(path).ok() == fs::canonicalize(&self.out).ok();
        if Path::new(&self.out).is_file() && inputs.iter().any(same) {
            return Err(usage(format!("--out {}: this is one of the inputs", self.out)));
        }
        let has_lm = files.lm.is_some();
        let common = CommonModels::load(tokenizer.as_deref(), lid.as_deref())?;
        if let Some(remark) = common.tokens_remark() {
            notice(&remark);
        }
        let models = Models::load(&files, common)?;
        let job = Job {
            models: &models,
            has_lm,
            inputs,
            out: &self.out,
            text_field: self.texts.text_field.clone(),
            overwrite: self.overwrite,
            workers: self.workers,
            strict: self.strict,
        };
        let mut reporter = Reporter::new();
        let summary = score(job, |event| reporter.report(event))?;
        reporter.finish();
        self.print(&summary, models.language_name())?;
        Ok(if summary.malformed > 0 { DONE_WITH_DEFECTS } else { DONE })
    }

    /// Returns the files to read, those of a folder sorted by name.
    fn paths(&self) -> Result<Vec<String>> {
        let part = CorpusPart { slice: self.slice.clone(), label: self.label.clone() };
        if self.label.is_some() {
            part.check([&self.inputs[..]])?;
        }
        let mut paths = Vec::new();
        for input in &self.inputs {
            let files = match input.as_str() {
                "-" => vec!["-".into()],
                corpus if is_corpus(corpus) => segments(corpus, &part)?,
                named => sorted(named)?,
            };
            for file in files {
                let path = file.into_os_string().into_string();
                paths.push(path.map_err(|path| {
                    usage(format!("{}: this name is not UTF-8", path.display()))
                })?);
            }
        }
        Ok(paths)
    }

    /// Returns the models of the flags, and those of the recipe for the other flags.
    fn models(&self, slices: Slices) -> Result<ScoreModels> {
        let recipe = match &self.recipe {
            Some(path) => Recipe::open(slices, path)?,
            None => Recipe::default(slices),
        };
        let slice = find_slice(slices, self.slice.as_deref().unwrap_or(SLICE))?;
        let mut files = slice.models(recipe.settings(slice.name()));
        if self.lm.is_some() {
            // All languages of the folder, each loaded with its first text.
            files.languages.clear();
        }
        let file = |name: &str, flag: &Option<PathBuf>, of_recipe: Option<PathBuf>| {
            if let Some(path) = flag {
                ensure!(path.is_file(), no_such("file", name, path));
            }
            Ok(flag.clone().or(of_recipe))
        };
        let folder = |name: &str, flag: &Option<PathBuf>, of_recipe: Option<PathBuf>| {
            if let Some(path) = flag {
                ensure!(path.is_dir(), no_such("folder", name, path));
            }
            Ok(flag.clone().or(of_recipe))
        };
        files.classifier = file("classifier", &self.classifier, files.classifier)?;
        files.stop_words = file("stop_words", &self.stop_words, files.stop_words)?;
        files.bad_words = file("bad_words", &self.bad_words, files.bad_words)?;
        files.lm = folder("lm", &self.lm, files.lm)?;
        files.signal_models = folder("signal_models", &self.signal_models, files.signal_models)?;
        if !self.signals.is_empty() {
            files.signals.clone_from(&self.signals);
        }
        // Lines are scored, not dropped.
        files.keep.clear();
        if let Some((name, model)) = files.missing(|name| files.signals.iter().any(|s| s == name)) {
            let remedy = match model {
                MissingModel::Lm => "language models: give --lm DIR",
                MissingModel::Classifier => "a classifier: give --classifier FILE",
            };
            return Err(usage(format!("--signals {name}: this signal needs {remedy}")));
        }
        files.identified.clear();
        let tokenizer = file("tokenizer", &self.tokenizer, recipe.tokenizer.map(|path| path.0))?;
        let lid = file("lid", &self.lid, recipe.lid.map(|path| path.0))?;
        Ok(ScoreModels { files, tokenizer, lid })
    }

    /// Prints the summary, on standard output unless the documents are written there.
    fn print(&self, summary: &Summary, identifier: &str) -> Result<()> {
        let text = if self.json {
            format!("{:#}", summary_json(summary, identifier))
        } else {
            summary_text(summary, identifier)
        };
        match self.out.as_str() {
            _ if is_quiet() && !self.json => {}
            "-" => errln!("{text}"),
            _ => outln!("{text}")?,
        }
        Ok(())
    }
}

fn no_such(what: &str, key: &str, path: &std::path::Path) -> anyhow::Error {
    let flag = key.replace('_', "-");
    usage(format!("--{flag}: no such {what}: {}", path.display()))
}

/// Returns the files that an input names, those of a folder sorted by name.
fn sorted(input: &str) -> Result<Vec<PathBuf>> {
    let mut files = without_card(input, find(&[input.to_owned()])?);
    if files.is_empty() {
        return Err(usage(format!("{input}: the folder has no files")));
    }
    if files.len() > 1 && !input.starts_with('@') {
        files.sort();
    }
    Ok(files)
}

/// Reports malformed lines one by one, up to a limit, and the progress.
struct Reporter {
    row: Row,
    malformed: u64,
}

impl Reporter {
    fn new() -> Reporter {
        let progress = Progress::new();
        Reporter { row: progress.row("score"), malformed: 0 }
    }

    fn report(&mut self, event: Event<'_>) {
        match event {
            Event::Malformed(what) => {
                self.malformed += 1;
                if self.malformed <= MALFORMED_LISTED_MAX {
                    tracing::error!("{what}");
                }
            }
            Event::Progress(summary) => self.row.update(summary.documents, None, || {
                let documents = HumanCount(summary.documents);
                format!("{documents} documents, {:.1} MB/s", summary.mb_per_second())
            }),
        }
    }

    fn finish(self) {
        if self.malformed > MALFORMED_LISTED_MAX {
            tracing::error!("and {} more", self.malformed - MALFORMED_LISTED_MAX);
        }
    }
}

fn summary_json(summary: &Summary, identifier: &str) -> serde_json::Value {
    json!({
        "documents": summary.documents,
        "text_bytes": summary.text_bytes,
        "seconds": summary.elapsed.as_secs_f64(),
        "mb_per_second": summary.mb_per_second(),
        "tokens": (summary.counted > 0).then_some(summary.tokens),
        "tokens_mean": summary.tokens_mean(),
        "buckets": summary.buckets,
        "languages": summary.languages,
        "language_by": identifier,
        "rescored": summary.rescored,
        "malformed": summary.malformed,
        "listed": summary.listed,
    })
}

fn summary_text(summary: &Summary, identifier: &str) -> String {
    let mut parts = vec![format!(
        "{} documents, {} of text in {:.1} s, {:.1} MB/s",
        HumanCount(summary.documents),
        HumanBytes(summary.text_bytes),
        summary.elapsed.as_secs_f64(),
        summary.mb_per_second()
    )];
    parts.push(format!("language by {identifier}: {}", shares(&summary.languages)));
    if !summary.buckets.is_empty() {
        parts.push(format!("buckets: {}", shares(&summary.buckets)));
    }
    if let Some(mean) = summary.tokens_mean() {
        let tokens = HumanCount(summary.tokens);
        parts.push(format!("tokens: {tokens}, {mean:.1} a document"));
    }
    if summary.rescored > 0 {
        let lines = counted(summary.rescored, "line");
        parts.push(format!("{lines} had a field scores, which is replaced"));
    }
    if summary.malformed > 0 {
        parts.push(format!("{} skipped", counted(summary.malformed, "malformed line")));
    }
    parts.join("\n")
}

/// Lists the largest shares, for people.
fn shares(counts: &BTreeMap<String, u64>) -> String {
    const SHOWN_MAX: usize = 8;

    let all: u64 = counts.values().sum();
    let mut largest: Vec<_> = counts.iter().collect();
    largest.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let share = |(name, count): &(&String, &u64)| {
        format!("{name} {:.1} %", 100.0 * **count as f64 / all.max(1) as f64)
    };
    let mut shares: Vec<String> = largest.iter().take(SHOWN_MAX).map(share).collect();
    if largest.len() > SHOWN_MAX {
        shares.push(format!("and {} others", largest.len() - SHOWN_MAX));
    }
    shares.join(", ")
}
