//! `sluice export --format tokens`.

use crate::mixture::mixture;
use crate::terminal::counts::{aligned, new_table};
use crate::terminal::units::{count, counted, size};
use crate::terminal::{notice, outln, without_bars};
use anyhow::Result;
use clap::{Args, ValueEnum};
use comfy_table::Table;
use corpus::export::{Destination, Selection, Watch};
use corpus::{Corpus, Label, Manifest};
use indicatif::{HumanBytes, HumanCount};
use recipe::usage::{usage, usage_of_file};
use recipe::{Slices, is_counted_with, tokenizer_of};
use serde_json::{Value, json};
use shards::{
    About, Encoder, Layout, Mark, Mixture, Options, Plan, Report, Shuffle, TokenizerFile,
};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The word for no token.
const NONE: &str = "none";

/// Flags of `--format tokens`.
#[derive(Args, Default)]
#[command(next_help_heading = "Tokens (--format tokens)")]
pub(super) struct TokenFlags {
    /// The layouts, separated by commas: all are written from one pass
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    layout: Vec<LayoutName>,
    /// A tokenizer.json [default: that of the corpus's recipe]
    #[arg(long, value_name = "FILE")]
    tokenizer: Option<PathBuf>,
    /// The token after each document, such as '<|endoftext|>'; or none
    #[arg(long, value_name = "TOKEN")]
    eos: Option<String>,
    /// The token before each document
    #[arg(long, value_name = "TOKEN")]
    bos: Option<String>,
    /// Tokens of a shard [default: 512M]
    #[arg(long, value_name = "N", value_parser = tokens)]
    shard_tokens: Option<u64>,
    /// Tokens of a sample: of mds, which is a document without it, and the most of sft
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1 << 24))]
    sequence_length: Option<u32>,
    /// Shuffle all documents, over all slices, by a hash of SEED and their ids
    #[arg(long, value_name = "SEED")]
    shuffle: Option<u64>,
    /// How often the documents of each slice or label are there: llama, redpajama, or a TOML file
    #[arg(long, value_name = "NAME|FILE", requires = "shuffle")]
    mix: Option<String>,
    /// Tokens of the whole mixture, such as 1.2T
    #[arg(long, value_name = "N", value_parser = tokens, requires = "mix")]
    mix_tokens: Option<u64>,
    /// Memory in which documents are sorted; has no effect on the files [default: 1G]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    memory: Option<u64>,
}

#[derive(Clone, Copy, ValueEnum)]
enum LayoutName {
    /// .bin and .idx: Megatron-LM, GPT-NeoX, NeMo
    Megatron,
    /// .npy without a header, and .csv.gz: OLMo-core
    Npy,
    /// .ds, .ds.index and .ds.metadata: datatrove, nanotron
    Ds,
    /// .mds and index.json: MosaicML streaming, LLM Foundry
    Mds,
    /// .parquet: packed samples for supervised fine-tuning, with a mask of the answers
    Sft,
}

impl LayoutName {
    fn layout(self) -> Layout {
        match self {
            LayoutName::Megatron => Layout::Megatron,
            LayoutName::Npy => Layout::Npy,
            LayoutName::Ds => Layout::Ds,
            LayoutName::Mds => Layout::Mds,
            LayoutName::Sft => Layout::Sft,
        }
    }
}

/// Tokens of a shard. Files of OLMo-core have at most 2^29.
const SHARD_TOKENS: u64 = 512_000_000;

const MEMORY_BYTES: u64 = 1 << 30;

fn tokens(text: &str) -> Result<u64, String> {
    match count(text)? {
        0 => Err("at least one token is needed; write it as 100M".into()),
        tokens => Ok(tokens),
    }
}

/// What is exported, and where to.
pub(super) struct Job<'a> {
    pub slices: Slices,
    pub corpus: &'a Corpus,
    pub manifest: &'a Manifest,
    pub labels: &'a [&'a Label],
    pub selection: Selection,
    pub workers: usize,
    pub watch: &'a dyn Watch,
}

impl TokenFlags {
    /// Returns the first flag that was given, of an export without tokens.
    pub fn first_given(&self) -> Option<&'static str> {
        let given =
            [(self.tokenizer.is_some(), "--tokenizer"), (self.memory.is_some(), "--memory")];
        let given = given.into_iter().find(|(is_given, _)| *is_given).map(|(_, flag)| flag);
        given.or_else(|| self.first_option())
    }

    /// Returns the first flag that was given, of those that an export remembers.
    fn first_option(&self) -> Option<&'static str> {
        let given = [
            (!self.layout.is_empty(), "--layout"),
            (self.eos.is_some(), "--eos"),
            (self.bos.is_some(), "--bos"),
            (self.shard_tokens.is_some(), "--shard-tokens"),
            (self.sequence_length.is_some(), "--sequence-length"),
            (self.shuffle.is_some(), "--shuffle"),
        ];
        given.into_iter().find(|(is_given, _)| *is_given).map(|(_, flag)| flag)
    }

    /// Checks that no flags were given that an update takes from the earlier export.
    pub fn check_update(&self) -> Result<()> {
        self.first_option().map_or(Ok(()), |flag| {
            let what =
                "is not for --update, which takes it from the export in --out: drop one of them";
            Err(usage(format!("{flag} {what}")))
        })
    }

    /// Reads the tokenizer, and takes everything else from the export that is to be updated.
    pub fn prepare_update(&self, job: &Job<'_>, about: &About) -> Result<Prepared> {
        let path = self.tokenizer(job)?;
        let token = |mark: &Option<Mark>| mark.as_ref().map(|mark| mark.token.clone());
        let (bos, eos) = (token(&about.bos), token(&about.eos));
        let encoder = Encoder::open(&path, bos.as_deref(), eos.as_deref()).map_err(wrong)?;
        if encoder.digest() != about.tokenizer.sha256 {
            let TokenizerFile { file, sha256 } = &about.tokenizer;
            return Err(usage(format!(
                "the export was made with the tokenizer {file} (SHA-256 {sha256}), and {} is another: \
                 give that one with --tokenizer FILE",
                path.display()
            )));
        }
        let options = Options {
            layouts: about.layouts.clone(),
            shuffle: about.shuffle.map(|seed| Shuffle { seed }),
            mixture: about.mixture.clone(),
            shard_tokens: about.shard_tokens,
            sequence_length: about.sequence_length,
            answered: answered(job),
            selection: job.selection.clone(),
            is_counted: is_counted_with(job.manifest, &path)?,
            workers: job.workers,
            memory_bytes: self.memory.unwrap_or(MEMORY_BYTES),
        };
        Ok(Prepared { encoder, options })
    }

    /// Reads the tokenizer, and checks the flags.
    pub fn prepare(&self, job: &Job<'_>) -> Result<Prepared> {
        let mut layouts: Vec<Layout> = self.layout.iter().map(|name| name.layout()).collect();
        layouts.sort_unstable();
        layouts.dedup();
        if layouts.is_empty() {
            let what = "--format tokens needs --layout: one or more of megatron, npy, ds, mds, sft";
            return Err(usage(what));
        }
        let has_length = |layout: &Layout| matches!(layout, Layout::Mds | Layout::Sft);
        if self.sequence_length.is_some() && !layouts.iter().any(has_length) {
            let what =
                "--sequence-length is for --layout mds and sft: in the others, the reader cuts";
            return Err(usage(what));
        }
        if self.sequence_length.is_none() && layouts.contains(&Layout::Sft) {
            let what =
                "--layout sft needs --sequence-length: the most tokens of a sample, such as 2048";
            return Err(usage(what));
        }
        let path = self.tokenizer(job)?;
        let eos = self.eos.as_deref().ok_or_else(|| {
            usage(
                "--format tokens needs --eos: the token after each document, such as \
                   '<|endoftext|>', or none",
            )
        })?;
        let named = |token: Option<&str>| token.filter(|token| *token != NONE).map(str::to_owned);
        let (bos, eos) = (named(self.bos.as_deref()), named(Some(eos)));
        let encoder = Encoder::open(&path, bos.as_deref(), eos.as_deref()).map_err(wrong)?;
        if let Some(remark) = encoder.remark() {
            notice(&remark);
        }
        let options = Options {
            layouts,
            shuffle: self.shuffle.map(|seed| Shuffle { seed }),
            mixture: self.mixture(job)?,
            shard_tokens: self.shard_tokens.unwrap_or(SHARD_TOKENS),
            sequence_length: self.sequence_length,
            answered: answered(job),
            selection: job.selection.clone(),
            is_counted: is_counted_with(job.manifest, &path)?,
            workers: job.workers,
            memory_bytes: self.memory.unwrap_or(MEMORY_BYTES),
        };
        Ok(Prepared { encoder, options })
    }

    fn mixture(&self, job: &Job<'_>) -> Result<Option<Mixture>> {
        let named = self.mix.as_deref();
        named.map(|name| mixture(job.slices, job.labels, name, self.mix_tokens)).transpose()
    }

    fn tokenizer(&self, job: &Job<'_>) -> Result<PathBuf> {
        if let Some(path) = &self.tokenizer {
            return Ok(path.clone());
        }
        let named = tokenizer_of(job.slices, job.corpus, job.manifest)?;
        let path = named.ok_or_else(|| {
            usage("the recipe of this corpus names no tokenizer: give one with --tokenizer FILE")
        })?;
        let is_other =
            job.manifest.models.contains_key("tokenizer") && !is_counted_with(job.manifest, &path)?;
        if is_other {
            return Err(usage(format!(
                "{} has changed since the corpus was built; give the tokenizer with --tokenizer FILE",
                path.display()
            )));
        }
        Ok(path)
    }
}

/// The slices whose documents have the places of their answers.
fn answered(job: &Job<'_>) -> Vec<String> {
    let answered = job.slices.iter().filter(|slice| slice.is_whole());
    answered.map(|slice| slice.name().to_owned()).collect()
}

/// A tokenizer and options.
pub(super) struct Prepared {
    encoder: Encoder,
    options: Options,
}

impl Prepared {
    /// Exports. Prints the plan of a mixture before anything is written, unless `is_silent`.
    pub fn export(&self, job: &Job<'_>, out: &dyn Destination, is_silent: bool) -> Result<Report> {
        let (encoder, options) = (&self.encoder, &self.options);
        // The reader of the plan may be gone; the export goes on.
        let planned = |plan: &Plan| {
            if !is_silent {
                let _ = without_bars(|| outln!("{}", table(plan)));
            }
        };
        shards::export(job.corpus, job.labels, out, encoder, options, job.watch, &planned)
            .map_err(wrong)
    }

    /// Prints what was done; for an update, with the names of the shards that changed.
    pub fn print_summary(&self, out: &Path, report: &Report, is_update: bool) -> Result<()> {
        if is_update {
            report.written.iter().try_for_each(|shard| outln!("{shard}: written"))?;
            report.gone.iter().try_for_each(|shard| outln!("{shard}: removed"))?;
        }
        let documents = counted(report.documents, "document");
        let tokens = HumanCount(report.tokens);
        let bytes: u64 = report.files.iter().map(|file| file.bytes).sum();
        let files = counted(report.files.len() as u64, "file");
        let out = out.display();
        outln!("{out}: {documents}, {tokens} tokens; {files}, {}", HumanBytes(bytes))?;
        if report.left_out > 0 {
            outln!("{} left out: without tokens", counted(report.left_out, "document"))?;
        }
        if report.cut > 0 {
            outln!("{} cut off: longer than a sample", counted(report.cut, "document"))?;
        }
        if report.kept > 0 {
            outln!("{} kept: already whole", counted(report.kept, "file"))?;
        }
        if report.removed > 0 {
            outln!("{} of an earlier export removed", counted(report.removed, "file"))?;
        }
        Ok(())
    }
}

/// What is there, and what is asked for.
fn table(plan: &Plan) -> Table {
    let mut table = new_table();
    table.set_header(["mixture", "documents", "tokens there", "asked for", "share", "epochs"]);
    let share = |tokens: u64| format!("{:.1} %", 100.0 * tokens as f64 / plan.asked.max(1) as f64);
    for label in &plan.labels {
        table.add_row([
            format!("{}/{}", label.slice, label.label),
            HumanCount(label.documents).to_string(),
            HumanCount(label.tokens).to_string(),
            HumanCount(label.asked).to_string(),
            share(label.asked),
            format!("{:.3}", label.epochs),
        ]);
    }
    let documents: u64 = plan.labels.iter().map(|label| label.documents).sum();
    let (there, asked) = (HumanCount(plan.tokens).to_string(), HumanCount(plan.asked).to_string());
    let epochs = plan.asked as f64 / plan.tokens.max(1) as f64;
    table.add_row([
        "all".to_owned(),
        HumanCount(documents).to_string(),
        there,
        asked,
        share(plan.asked),
        format!("{epochs:.3}"),
    ]);
    aligned(table)
}

/// Makes an error of the library one of this program.
pub(super) fn wrong(error: shards::Error) -> anyhow::Error {
    match error {
        shards::Error::Usage(what) => usage(what),
        shards::Error::Tokenizer(error) => usage_of_file(error),
        shards::Error::Corpus(corpus::Error::Foreign { .. }) => usage(error.to_string()),
        error => error.into(),
    }
}

pub(super) fn summary_json(
    out: &Path,
    manifest: &Manifest,
    report: &Report,
    began: Instant,
) -> Value {
    json!({
        "commit": manifest.commit,
        "out": out.to_string_lossy(),
        "documents": report.documents,
        "tokens": report.tokens,
        "left_out": report.left_out,
        "cut": report.cut,
        "plan": report.plan,
        "bytes": report.files.iter().map(|file| file.bytes).sum::<u64>(),
        "files": report.files,
        "shards_written": report.written,
        "shards_removed": report.gone,
        "files_written": report.files.len() as u64 - report.kept,
        "files_kept": report.kept,
        "files_removed": report.removed,
        "seconds": began.elapsed().as_secs_f64(),
    })
}
