//! `sluice export`.

mod bucket;
mod progress;
mod selection;
mod tokens;

use self::bucket::Bucket;
use self::progress::Shown;
use self::tokens::TokenFlags;
use super::exit::DONE;
use crate::addresses::address;
use crate::copies::copies;
use crate::dataset_card::Card;
use crate::look::Look;
use crate::terminal::log::is_quiet;
use crate::terminal::units::{cores, size, workers};
use crate::terminal::{Progress, outln, print_json};
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use corpus::export::{
    Destination, Exported, Format, Options, RecordSchema, Report, Splits, Watch, export,
};
use corpus::{Corpus, Error, Label, Manifest};
use indicatif::{HumanBytes, HumanCount};
use recipe::Slices;
use recipe::usage::usage;
use serde_json::json;
use shards::{About, Selection};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

const EXAMPLE: &str = "\
Example:
  sluice export corpus --out out --format jsonl.zst
  sluice export corpus --out books --label books/pg19 \\
    --split train=0.999,valid=0.001
  sluice export corpus --out dolma --schema dolma --shard-bytes 1G
  sluice export corpus --out out --copies
  sluice export corpus --out shards --format tokens --layout megatron,ds \\
    --eos '<|endoftext|>' --shuffle 7 --mix llama --mix-tokens 1.2T
  sluice export corpus --out shards --update

  python -c 'import datasets; print(datasets.load_dataset(\"out\", \"c4\"))'

The same command again resumes an export that was interrupted: files that are whole are kept.";

/// Write the corpus as files for training, in an order that does not depend on how it was built
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Export {
    /// The corpus
    corpus: PathBuf,
    /// The folder to write to, or one of a bucket (s3://, gs://, az://). Files of an earlier export in
    /// it are replaced or removed
    #[arg(long, value_name = "DIR|ADDRESS")]
    out: PathBuf,
    /// Only this slice; may be given several times, also with --label
    #[arg(long, value_name = "S")]
    slice: Vec<String>,
    /// Only this label, as slice/label; may be given several times
    #[arg(long, value_name = "S/L")]
    label: Vec<String>,
    /// The format of the files
    #[arg(long, default_value = "jsonl")]
    format: FormatName,
    /// The fields of the records
    #[arg(long, default_value = "sluice")]
    schema: SchemaName,
    /// Cut labels into files of this size, in bytes of text and fields as stored
    #[arg(long, value_name = "SIZE", value_parser = shard_bytes)]
    shard_bytes: Option<u64>,
    /// Split each label by a hash of the ids, as train=0.999,valid=0.001
    #[arg(long, value_name = "NAME=SHARE,..", value_parser = Splits::parse)]
    split: Option<Splits>,
    /// Add the fields copy_count and copy_labels: how many documents and labels hold the text
    #[arg(long)]
    copies: bool,
    /// Threads; has no effect on the files [default: all cores]
    #[arg(
        short = 'w', long, default_value_t = cores(), value_parser = workers, value_name = "N",
        hide_default_value = true
    )]
    workers: usize,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    tokens: TokenFlags,
}

#[derive(Clone, Copy, ValueEnum)]
enum FormatName {
    /// One JSON object per line
    Jsonl,
    /// The same, compressed with Zstandard
    #[value(name = "jsonl.zst")]
    JsonlZst,
    /// Columns: text, id, url, language, scores, and meta as JSON
    Parquet,
    /// Tokens, as trainers read them: see --layout
    Tokens,
}

#[derive(Clone, Copy, ValueEnum)]
enum SchemaName {
    /// text, meta, id
    Sluice,
    /// id, text, source, added, created, metadata
    Dolma,
    /// text, id, metadata
    Datatrove,
    /// text, meta: as RedPajama-1T is published
    Redpajama,
}

impl Export {
    pub fn run(self, slices: Slices) -> Result<u8> {
        let began = Instant::now();
        self.check_flags()?;
        let corpus = Corpus::open(&self.corpus)?;
        let manifest = corpus.manifest()?.context("the corpus has no commit")?;
        let about = self.tokens.update.then(|| self.with_destination(earlier)).transpose()?;
        let mut selection = Selection { slices: self.slice.clone(), labels: self.label.clone() };
        if let Some(about) = &about {
            selection = about.selection.clone();
        }
        let Selection { slices: of_slices, labels: names } = &selection;
        let labels = selection::labels(slices, &self.corpus, &manifest, of_slices, names)?;
        if let Err(error) = corpus.check_stray(&manifest) {
            // If a run has committed since the manifest was read, the stray files are its own.
            let now = corpus.manifest()?.map(|manifest| manifest.commit);
            anyhow::ensure!(now != Some(manifest.commit), error);
        }
        self.print_notes(&labels);
        let progress = Progress::new();
        let shown = Shown::new(&progress);
        let Some(mut options) = self.options() else {
            let (corpus, manifest, labels) = (&corpus, &manifest, &labels[..]);
            let (workers, watch) = (self.workers, &shown);
            let job = tokens::Job { slices, corpus, manifest, labels, selection, workers, watch };
            let report = self.export_tokens(&job, about.as_ref())?;
            drop(shown);
            if self.json {
                print_json(&tokens::summary_json(&self.out, manifest, &report, began))?;
            }
            return Ok(DONE);
        };
        if self.copies {
            let look = Look::at(slices, corpus.clone(), manifest.clone())?;
            options.copies = Some(Arc::new(copies(&look)?));
        }
        let report = self.with_destination(|out| {
            export_with_card(slices, &corpus, &manifest, &labels, out, &options, &shown)
        })?;
        drop(shown);
        if self.json {
            print_json(&summary_json(&self.out, &manifest, &report, began))?;
        } else if !is_quiet() {
            self.print_summary(&report)?;
        }
        Ok(DONE)
    }

    /// Exports tokens, and prints what was done.
    fn export_tokens(
        &self,
        job: &tokens::Job<'_>,
        about: Option<&About>,
    ) -> Result<shards::Report> {
        let is_silent = self.json || is_quiet();
        let prepared = match about {
            Some(about) => self.tokens.prepare_update(job, about),
            None => self.tokens.prepare(job),
        }?;
        let report = self.with_destination(|out| prepared.export(job, out, is_silent))?;
        if !is_silent {
            prepared.print_summary(&self.out, &report, about.is_some())?;
        }
        Ok(report)
    }

    /// Checks that the flags are for the format.
    fn check_flags(&self) -> Result<()> {
        if self.tokens.update {
            self.tokens.check_update()?;
            let is_chosen = !self.slice.is_empty() || !self.label.is_empty();
            anyhow::ensure!(!is_chosen, usage("--slice and --label are not for --update"));
        }
        let (given, needed) = match self.format {
            _ if self.is_of_tokens() => {
                let given = [
                    (!matches!(self.schema, SchemaName::Sluice), "--schema"),
                    (self.shard_bytes.is_some(), "--shard-bytes"),
                    (self.split.is_some(), "--split"),
                    (self.copies, "--copies"),
                ];
                (given.into_iter().find(|(is_given, _)| *is_given), "one of the other formats")
            }
            _ => (self.tokens.first_given().map(|flag| (true, flag)), "--format tokens"),
        };
        given.map_or(Ok(()), |(_, flag)| Err(usage(format!("{flag} is for {needed}"))))
    }

    fn is_of_tokens(&self) -> bool {
        self.tokens.update || matches!(self.format, FormatName::Tokens)
    }

    /// Calls `write` with the folder or the bucket.
    fn with_destination<T>(&self, write: impl FnOnce(&dyn Destination) -> Result<T>) -> Result<T> {
        match address(&self.out) {
            None => write(&&*self.out),
            Some(address) => write(&Bucket::open(address)?),
        }
    }

    /// The options of an export of texts; `None` if it is one of tokens.
    fn options(&self) -> Option<Options> {
        let format = match self.format {
            _ if self.is_of_tokens() => return None,
            FormatName::Jsonl => Format::Jsonl,
            FormatName::JsonlZst => Format::JsonlZst,
            FormatName::Parquet => Format::Parquet,
            FormatName::Tokens => return None,
        };
        Some(Options {
            format,
            records: match self.schema {
                SchemaName::Sluice => RecordSchema::Sluice,
                SchemaName::Dolma => RecordSchema::Dolma,
                SchemaName::Datatrove => RecordSchema::Datatrove,
                SchemaName::Redpajama => RecordSchema::RedPajama,
            },
            shard_bytes: self.shard_bytes,
            splits: self.split.clone().unwrap_or_default(),
            copies: None,
            workers: self.workers,
        })
    }

    fn print_notes(&self, labels: &[&Label]) {
        for label in labels.iter().filter(|label| !label.is_complete()) {
            let name = label.full_name();
            tracing::warn!("{name} is not complete: the export has what is committed of it so far");
        }
        if labels.iter().all(|label| label.counts.kept == 0) {
            let shown = self.corpus.display();
            tracing::warn!("{shown} has no documents: the export is empty");
        }
    }

    fn print_summary(&self, report: &Report) -> Result<()> {
        let shown = |file: &Exported| self.out.join(&file.path).display().to_string();
        let lines = |files: &[&Exported]| {
            let documents: u64 = files.iter().map(|file| file.documents).sum();
            let bytes: u64 = files.iter().map(|file| file.bytes).sum();
            format!("{} documents, {}", HumanCount(documents), HumanBytes(bytes))
        };
        let is_of_label = |a: &&Exported, b: &&Exported| {
            (&a.slice, &a.label, &a.split) == (&b.slice, &b.label, &b.split)
        };
        let files: Vec<&Exported> = report.files.iter().collect();
        for files in files.chunk_by(is_of_label) {
            match files {
                [file] => outln!("{}: {}", shown(file), lines(&[file]))?,
                files => {
                    let (first, count) = (shown(files[0]), files.len());
                    outln!("{first} and {} more files: {}", count - 1, lines(files))?;
                }
            }
        }
        if report.kept > 0 {
            outln!("{} kept: already whole", files_text(report.kept))?;
        }
        if report.removed > 0 {
            outln!("{} of an earlier export removed", files_text(report.removed))?;
        }
        Ok(())
    }
}

/// How the export of tokens that is to be updated was made.
fn earlier(out: &dyn Destination) -> Result<About> {
    About::read(out).map_err(tokens::wrong)
}

fn files_text(count: u64) -> String {
    if count == 1 { "1 file".into() } else { format!("{} files", HumanCount(count)) }
}

fn shard_bytes(text: &str) -> Result<u64, String> {
    match size(text)? {
        0 => Err("a file needs at least one byte; write it as 1G".into()),
        bytes => Ok(bytes),
    }
}

/// Exports labels with a dataset card.
pub(super) fn export_with_card(
    slices: Slices,
    corpus: &Corpus,
    manifest: &Manifest,
    labels: &[&Label],
    out: &dyn Destination,
    options: &Options,
    watch: &dyn Watch,
) -> Result<Report> {
    let card = Card { slices, options, recipe: manifest.recipe_toml.as_deref() };
    let report =
        export(corpus, labels, out, options, watch, |files, found| card.text(files, found));
    report.map_err(|error| match error {
        Error::Foreign { .. } => usage(error.to_string()),
        error => error.into(),
    })
}

fn summary_json(
    out: &Path,
    manifest: &Manifest,
    report: &Report,
    began: Instant,
) -> serde_json::Value {
    let sum = |of: fn(&Exported) -> u64| report.files.iter().map(of).sum::<u64>();
    json!({
        "commit": manifest.commit,
        "out": out.to_string_lossy(),
        "documents": sum(|file| file.documents),
        "text_bytes": sum(|file| file.text_bytes),
        "bytes": sum(|file| file.bytes),
        "files": report.files,
        "files_written": report.files.len() as u64 - report.kept,
        "files_kept": report.kept,
        "files_removed": report.removed,
        "seconds": began.elapsed().as_secs_f64(),
    })
}
