//! `sluice export`.

mod bucket;
mod progress;
mod selection;
mod tokens;
mod update;

use self::bucket::Bucket;
use self::progress::Shown;
use self::tokens::TokenFlags;
use self::update::{Earlier, check_same, earlier};
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
    About, Destination, Exported, Format, Options, RecordSchema, Report, Selection, Splits, Watch,
    export,
};
use corpus::{Corpus, Error, Label, Manifest};
use indicatif::{HumanBytes, HumanCount};
use recipe::Slices;
use recipe::usage::usage;
use serde_json::json;
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
  sluice export corpus --out out --update

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
    /// Update the export in --out, with its own options: only files that have other documents now are
    /// written; says which are written, kept and removed
    #[arg(long)]
    update: bool,
    /// The format of the files [default: jsonl]
    #[arg(long)]
    format: Option<FormatName>,
    /// The fields of the records [default: sluice]
    #[arg(long)]
    schema: Option<SchemaName>,
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

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
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

impl SchemaName {
    fn schema(self) -> RecordSchema {
        match self {
            SchemaName::Sluice => RecordSchema::Sluice,
            SchemaName::Dolma => RecordSchema::Dolma,
            SchemaName::Datatrove => RecordSchema::Datatrove,
            SchemaName::Redpajama => RecordSchema::RedPajama,
        }
    }
}

/// What is exported, and how.
enum What {
    Texts(About),
    /// With the options of the export that is to be updated, if there is one.
    Tokens(Option<Box<shards::About>>),
}

impl What {
    fn selection(&self) -> Option<&Selection> {
        match self {
            What::Texts(about) => Some(&about.selection),
            What::Tokens(about) => about.as_ref().map(|about| &about.selection),
        }
    }
}

impl Export {
    pub fn run(self, slices: Slices) -> Result<u8> {
        let began = Instant::now();
        let what = self.what()?;
        let corpus = Corpus::open(&self.corpus)?;
        let manifest = corpus.manifest()?.context("the corpus has no commit")?;
        let selection = what.selection().cloned().unwrap_or_else(|| self.selection());
        let labels = if self.update {
            selection::still_there(&manifest, &selection)
        } else {
            let Selection { slices: of_slices, labels } = &selection;
            selection::labels(slices, &self.corpus, &manifest, of_slices, labels)?
        };
        if let Err(error) = corpus.check_stray(&manifest) {
            // If a run has committed since the manifest was read, the stray files are its own.
            let now = corpus.manifest()?.map(|manifest| manifest.commit);
            anyhow::ensure!(now != Some(manifest.commit), error);
        }
        self.print_notes(&labels);
        let progress = Progress::new();
        let shown = Shown::new(&progress);
        let about = match what {
            What::Texts(about) => about,
            What::Tokens(about) => {
                let (corpus, manifest, labels) = (&corpus, &manifest, &labels[..]);
                let (workers, watch) = (self.workers, &shown);
                let job =
                    tokens::Job { slices, corpus, manifest, labels, selection, workers, watch };
                let report = self.export_tokens(&job, about.as_deref())?;
                drop(shown);
                if self.json {
                    print_json(&tokens::summary_json(&self.out, manifest, &report, began))?;
                }
                return Ok(DONE);
            }
        };
        let mut options = Options {
            format: about.format,
            records: about.schema,
            shard_bytes: about.shard_bytes,
            splits: about.split,
            copies: None,
            selection,
            is_update: self.update,
            workers: self.workers,
        };
        if about.copies {
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
        about: Option<&shards::About>,
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

    /// What the flags ask for: with --update, what the export in --out is.
    fn what(&self) -> Result<What> {
        let given = self.about();
        if !self.update {
            return match given {
                None => self.check_no_flags_of_texts().map(|()| What::Tokens(None)),
                Some(about) => self.check_no_flags_of_tokens().map(|()| What::Texts(about)),
            };
        }
        if !self.slice.is_empty() || !self.label.is_empty() {
            return Err(usage("--slice and --label are not for --update"));
        }
        let format = |name: &str| {
            let given = self.format.and_then(|format| format.to_possible_value());
            let is_other = given.is_some_and(|given| given.get_name() != name);
            (is_other, "--format", name.to_owned())
        };
        match self.with_destination(earlier)? {
            Earlier::Tokens(about) => {
                check_same(&[format("tokens")])?;
                self.check_no_flags_of_texts()?;
                self.tokens.check_update()?;
                Ok(What::Tokens(Some(about)))
            }
            Earlier::Texts(about) => {
                let About { schema, shard_bytes, split, copies, .. } = &*about;
                let is_other = |schema: &RecordSchema| {
                    self.schema.is_some_and(|given| given.schema() != *schema)
                };
                let is_size = self.shard_bytes.is_some() && self.shard_bytes != *shard_bytes;
                let is_split = self.split.as_ref().is_some_and(|given| given != split);
                let bytes = shard_bytes.map_or_else(String::new, |bytes| format!("{bytes} bytes"));
                check_same(&[
                    format(about.format.extension()),
                    (is_other(schema), "--schema", schema.name().to_owned()),
                    (is_size, "--shard-bytes", bytes),
                    (is_split, "--split", split.to_string()),
                    (self.copies && !copies, "--copies", String::new()),
                ])?;
                self.check_no_flags_of_tokens()?;
                Ok(What::Texts(*about))
            }
        }
    }

    /// Checks that no flags of the other formats are given.
    fn check_no_flags_of_texts(&self) -> Result<()> {
        let given = [
            (self.schema.is_some(), "--schema"),
            (self.shard_bytes.is_some(), "--shard-bytes"),
            (self.split.is_some(), "--split"),
            (self.copies, "--copies"),
        ];
        let given = given.into_iter().find(|(is_given, _)| *is_given);
        given.map_or(Ok(()), |(_, flag)| {
            Err(usage(format!("{flag} is for one of the other formats")))
        })
    }

    /// Checks that no flags of `--format tokens` are given.
    fn check_no_flags_of_tokens(&self) -> Result<()> {
        let given = self.tokens.first_given();
        given.map_or(Ok(()), |flag| Err(usage(format!("{flag} is for --format tokens"))))
    }

    fn selection(&self) -> Selection {
        Selection { slices: self.slice.clone(), labels: self.label.clone() }
    }

    /// How texts are exported by the flags; `None` for tokens.
    fn about(&self) -> Option<About> {
        let format = match self.format.unwrap_or(FormatName::Jsonl) {
            FormatName::Jsonl => Format::Jsonl,
            FormatName::JsonlZst => Format::JsonlZst,
            FormatName::Parquet => Format::Parquet,
            FormatName::Tokens => return None,
        };
        Some(About {
            format,
            schema: self.schema.map_or_else(Default::default, SchemaName::schema),
            shard_bytes: self.shard_bytes,
            split: self.split.clone().unwrap_or_default(),
            copies: self.copies,
            selection: self.selection(),
        })
    }

    /// Calls `write` with the folder or the bucket.
    fn with_destination<T>(&self, write: impl FnOnce(&dyn Destination) -> Result<T>) -> Result<T> {
        match address(&self.out) {
            None => write(&&*self.out),
            Some(address) => write(&Bucket::open(address)?),
        }
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
        if self.update {
            let list = |file: &Exported, what: &str| outln!("{}: {what}", file.path);
            let is_new = |file: &&Exported| report.written.contains(&file.path);
            report.files.iter().filter(is_new).try_for_each(|file| list(file, "written"))?;
            let mut kept = report.files.iter().filter(|file| !is_new(file));
            kept.try_for_each(|file| list(file, "kept"))?;
            return report.removed.iter().try_for_each(|path| outln!("{path}: removed"));
        }
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
        let kept = report.files.len() - report.written.len();
        if kept > 0 {
            outln!("{} kept: already whole", files_text(kept))?;
        }
        if !report.removed.is_empty() {
            outln!("{} of an earlier export removed", files_text(report.removed.len()))?;
        }
        Ok(())
    }
}

fn files_text(count: usize) -> String {
    let count = count as u64;
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
    let paths = report.files.iter().map(|file| &file.path);
    let kept: Vec<&String> = paths.filter(|path| !report.written.contains(*path)).collect();
    json!({
        "commit": manifest.commit,
        "out": out.to_string_lossy(),
        "documents": sum(|file| file.documents),
        "text_bytes": sum(|file| file.text_bytes),
        "bytes": sum(|file| file.bytes),
        "files": report.files,
        "written": report.written,
        "kept": kept,
        "removed": report.removed,
        "files_written": report.written.len(),
        "files_kept": kept.len(),
        "files_removed": report.removed.len(),
        "seconds": began.elapsed().as_secs_f64(),
    })
}
