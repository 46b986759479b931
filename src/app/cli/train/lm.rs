//! `sluice train lm`.

use super::stages::Stages;
use super::{OutputFlags, exit_code, print_warnings, training_error};
use crate::terminal::log::is_quiet;
use crate::terminal::units::{count, size};
use crate::terminal::{outln, print_json};
use crate::texts::{CorpusPart, Passed, TextFiles, TextFlags};
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use indicatif::HumanCount;
use recipe::usage::usage;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use text::ccnet::normalize_for_lm;
use training::{lm, pieces};

const EXAMPLE: &str = "\
Example:
  sluice train lm --lang en --out models wikipedia.jsonl.gz
  sluice train lm --lang de --out models corpus --slice common_crawl \\
    --pieces 40k --prune 0,0,1

Then, in a recipe:
  [common_crawl]
  lm = \"models\"";

/// Least memory for sorting.
const MEMORY_MIN: u64 = 1 << 20;
/// Longer texts have no perplexity when they are scored, and are not used for training either.
const TEXT_BYTES_MAX: usize = models::sentencepiece::TEXT_BYTES_MAX / 4;
/// Models that a recipe would use instead of the one that is written here.
const PREFERRED_ENDINGS: [&str; 2] = [".arpa.bin", ".arpa.trie.bin"];

/// Train a language model and its pieces, as CCNet does from Wikipedia: a recipe's lm
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Lm {
    /// The language, such as en. Texts whose meta.language is another are skipped
    #[arg(long)]
    lang: String,
    /// The folder to write LANG.sp.model and LANG.arpa.gz to
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// JSON lines with a text, files with one text per line, patterns, folders, @lists, corpora
    #[arg(required = true, value_name = "IN")]
    inputs: Vec<String>,
    #[command(flatten)]
    part: CorpusPart,
    #[command(flatten)]
    text_flags: TextFlags,
    /// Number of pieces; fewer if the text does not have that many
    #[arg(long, default_value = "65536", value_parser = count, value_name = "N")]
    pieces: u64,
    /// How the model of pieces normalizes text
    #[arg(long, default_value = "nmt-nfkc", value_name = "HOW")]
    normalization: NormalizationName,
    /// Length of the longest n-grams, 2 to 6
    #[arg(long, default_value_t = 5, value_parser = order, value_name = "N")]
    order: usize,
    /// Leave out n-grams that occur at most N times: a number per order, the last for all higher
    /// ones
    #[arg(long, value_delimiter = ',', value_name = "N,N...")]
    prune: Vec<u64>,
    /// Memory for sorting n-grams, at least 1M
    #[arg(long, default_value = "1G", value_parser = memory, value_name = "SIZE")]
    memory: u64,
    /// The share of the texts held out from training, to test the model
    #[arg(long, default_value_t = 0.02, value_parser = held_out, value_name = "SHARE")]
    held_out: f64,
    #[command(flatten)]
    output: OutputFlags,
}

/// Parses an order. KenLM reads no model of unigrams alone.
fn order(text: &str) -> Result<usize, String> {
    let order = text.parse().ok().filter(|order| (2..=6).contains(order));
    order.ok_or_else(|| "an order is from 2 to 6: KenLM reads no others".to_owned())
}

fn memory(text: &str) -> Result<u64, String> {
    let bytes = size(text)?;
    if bytes < MEMORY_MIN { Err("at least 1M is needed".to_owned()) } else { Ok(bytes) }
}

fn held_out(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=0.9).contains(share));
    share.ok_or_else(|| "a share is from 0 to 0.9".to_owned())
}

#[derive(Clone, Copy, ValueEnum)]
enum NormalizationName {
    /// Unicode NFKC, as in CCNet
    NmtNfkc,
    /// None: the model is smaller by the 240 KB of NFKC's table
    Identity,
}

/// The score of the texts held out.
#[derive(Default)]
struct HeldOut {
    texts: u64,
    /// Pieces and sentence ends.
    tokens: usize,
    log10: f64,
}

impl Lm {
    pub fn run(self) -> Result<u8> {
        let (pieces_path, lm_path) = self.prepare()?;
        let texts = TextFiles::find(&self.inputs, &self.part, Some(&self.lang), &self.text_flags)?;
        let mut stages = Stages::new();

        let vocabulary = usize::try_from(self.pieces).unwrap_or(usize::MAX);
        let normalization = match self.normalization {
            NormalizationName::NmtNfkc => pieces::Normalization::NmtNfkc,
            NormalizationName::Identity => pieces::Normalization::Identity,
        };
        let mut options = pieces::Options { vocabulary, normalization, ..Default::default() };
        options.seeds_max = options.seeds_max.max(vocabulary);
        let mut trainer = pieces::Trainer::new(options).map_err(training_error)?;
        let mut counter = lm::Counter::new(self.lm_options()).map_err(training_error)?;
        let mut texts = NormalTexts { texts, held_out: self.held_out };
        let mut passed = Passed::default();
        let (mut read, mut trained) = (0, 0);
        texts.for_each(&mut passed, &mut |text, held_out| {
            stages.count("reading texts", read);
            read += 1;
            if held_out {
                return Ok(());
            }
            trained += 1;
            Ok(trainer.text(text)?)
        })?;
        if read > 0 && trained == 0 {
            // Too few to hold some out: train on all of them.
            texts.held_out = 0.0;
            texts.for_each(&mut Passed::default(), &mut |text, _| Ok(trainer.text(text)?))?;
        }
        let pieces = trainer.train(&pieces_path, &mut |p| stages.show(p));
        let pieces = pieces.map_err(|error| passed.explain(training_error(error)))?;

        let cutter = Cutter::open(&pieces_path)?;
        let (mut scratch, mut line) = Default::default();
        let mut read = 0;
        texts.for_each(&mut Passed::default(), &mut |text, held_out| {
            stages.count("cutting texts into pieces", read);
            read += 1;
            if held_out {
                return Ok(());
            }
            cutter.line(text, &mut scratch, &mut line)?;
            Ok(counter.sentence(&line)?)
        })?;
        let lm = counter.estimate(&lm_path, &mut |p| stages.show(p)).map_err(training_error)?;

        let held_out = cutter.held_out(&texts, &lm_path, &mut stages)?;
        drop(stages);
        self.check_use(&lm_path)?;
        passed.print();
        let warnings: Vec<String> = held_out.warning(pieces.pieces).into_iter().collect();
        print_warnings(&warnings);
        if self.output.json {
            let mut report = self.json(&pieces, &lm, &held_out, [&pieces_path, &lm_path]);
            passed.add_to(&mut report);
            report["too_long"] = json!(passed.too_long);
            report["empty"] = json!(passed.empty);
            report["warnings"] = json!(warnings);
            print_json(&report)?;
        } else if !is_quiet() {
            self.print(&pieces, &lm, &held_out, [&pieces_path, &lm_path])?;
        }
        Ok(exit_code(&passed))
    }

    fn lm_options(&self) -> lm::Options {
        let memory_bytes = usize::try_from(self.memory).unwrap_or(usize::MAX);
        lm::Options {
            order: self.order,
            prune: self.prune.clone(),
            memory_bytes,
            skip_symbols: true,
            ..Default::default()
        }
    }

    /// Creates the folder and returns the files to write.
    fn prepare(&self) -> Result<(PathBuf, PathBuf)> {
        let (lang, shown) = (&self.lang, self.out.display());
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if lang.is_empty() || !lang.chars().all(is_part) {
            return Err(usage(format!("--lang {lang:?}: a language code expected, such as en")));
        }
        for name in PREFERRED_ENDINGS.map(|name| format!("{lang}{name}")) {
            if self.out.join(&name).exists() {
                return Err(usage(format!(
                    "{shown} has {name}, which would be used instead; choose another --out"
                )));
            }
        }
        std::fs::create_dir_all(&self.out).with_context(|| format!("cannot create {shown}"))?;
        let at = |name: &str| self.out.join(format!("{lang}{name}"));
        Ok((at(".sp.model"), at(".arpa.gz")))
    }

    /// Checks that a recipe that names the folder uses this model.
    fn check_use(&self, lm_path: &Path) -> Result<()> {
        let files = models::Perplexity::open(&self.out)?.files(&self.lang)?;
        let used = files.map(|(_, lm)| lm);
        anyhow::ensure!(
            used.as_deref() == Some(lm_path),
            "{} is written, but {} would use {used:?}",
            lm_path.display(),
            self.out.display()
        );
        Ok(())
    }

    fn json(
        &self,
        pieces: &pieces::Summary,
        lm: &lm::Summary,
        held_out: &HeldOut,
        files: [&Path; 2],
    ) -> Value {
        let grams: Vec<u64> = lm.orders.iter().map(|(statistics, _)| statistics.kept).collect();
        json!({
            "language": self.lang,
            "files": files,
            "pieces": pieces.pieces,
            "words": pieces.words,
            "character_coverage": pieces.coverage,
            "texts": lm.sentences,
            "tokens": lm.tokens,
            "ngrams": grams,
            "held_out": {
                "texts": held_out.texts,
                "tokens": held_out.tokens,
                "perplexity": held_out.perplexity(),
            },
        })
    }

    fn print(
        &self,
        pieces: &pieces::Summary,
        lm: &lm::Summary,
        held_out: &HeldOut,
        files: [&Path; 2],
    ) -> Result<()> {
        let grams = lm.orders.iter().map(|(statistics, _)| HumanCount(statistics.kept).to_string());
        outln!(
            "{} texts, {} words; {} pieces, {} tokens; n-grams by order: {}",
            HumanCount(lm.sentences),
            HumanCount(pieces.words),
            HumanCount(pieces.pieces),
            HumanCount(lm.tokens),
            grams.collect::<Vec<_>>().join(" ")
        )?;
        match held_out.perplexity() {
            Some(found) => {
                let texts = HumanCount(held_out.texts);
                outln!("perplexity of {texts} texts held out: {found:.1}")?;
            }
            None => outln!("no texts were held out, so the perplexity is not known")?,
        }
        let [pieces, lm] = files.map(Path::display);
        outln!("wrote {pieces} and {lm}; in a recipe: lm = {:?}", self.out)
    }
}

impl HeldOut {
    fn perplexity(&self) -> Option<f64> {
        (self.tokens > 0).then(|| models::perplexity(self.log10, self.tokens))
    }

    /// Says so if the model predicts pieces no better than by chance.
    fn warning(&self, pieces: u64) -> Option<String> {
        let perplexity = self.perplexity().filter(|perplexity| *perplexity >= pieces as f64)?;
        Some(format!(
            "the model is no better than chance: its perplexity of the texts held out is \
             {perplexity:.1}, with {} pieces; train it on more texts of one language",
            HumanCount(pieces)
        ))
    }
}

/// Texts as CCNet's language models read them.
struct NormalTexts {
    texts: TextFiles,
    /// The share of the texts that are held out, by their hash.
    held_out: f64,
}

impl NormalTexts {
    /// Calls `each` with every text, and whether it is held out. Skips and counts texts that are
    /// empty when normalized, and texts that are too long to be scored.
    fn for_each(
        &self,
        passed: &mut Passed,
        each: &mut dyn FnMut(&str, bool) -> Result<()>,
    ) -> Result<()> {
        let mut normal = String::new();
        let (mut too_long, mut empty) = (0, 0);
        self.texts.for_each(passed, &mut |text| {
            if text.len() > TEXT_BYTES_MAX {
                too_long += 1;
                return Ok(());
            }
            normalize_for_lm(text, &mut normal);
            if normal.trim().is_empty() {
                empty += 1;
                return Ok(());
            }
            let hash = blake3::hash(normal.as_bytes());
            let hash = u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("8 of 32 bytes"));
            each(&normal, place(hash) < self.held_out)
        })?;
        passed.too_long += too_long;
        passed.empty += empty;
        Ok(())
    }
}

/// Returns the place of a hash among all, from 0 to 1. The first 2 % are the multiples of 50.
fn place(hash: u64) -> f64 {
    (hash % 50) as f64 / 50.0 + (hash / 50) as f64 / 2f64.powi(64)
}

/// Cuts texts into the pieces of a model.
struct Cutter {
    model: models::sentencepiece::Model,
    pieces: Vec<Vec<u8>>,
}

impl Cutter {
    fn open(path: &Path) -> Result<Cutter> {
        let model = models::sentencepiece::Model::open(path)?;
        let pieces = model.pieces().map(<[u8]>::to_vec).collect();
        Ok(Cutter { model, pieces })
    }

    /// Sets `line` to the pieces of a text, separated by spaces. Unknown pieces are copied
    /// unchanged.
    fn line(
        &self,
        text: &str,
        scratch: &mut models::sentencepiece::Scratch,
        line: &mut String,
    ) -> Result<()> {
        line.clear();
        for (id, unknown) in self.model.encode(text, scratch).iter() {
            let piece = unknown.unwrap_or(&self.pieces[id as usize]);
            line.push_str(str::from_utf8(piece).context("a piece cuts a character in two")?);
            line.push(' ');
        }
        Ok(())
    }

    /// Scores the texts held out, with the model reader that scores pages.
    fn held_out(
        &self,
        texts: &NormalTexts,
        lm_path: &Path,
        stages: &mut Stages,
    ) -> Result<HeldOut> {
        let model = models::kenlm::Model::open(lm_path)?;
        let words: Vec<u32> = self.pieces.iter().map(|piece| model.word(piece)).collect();
        let (mut pieces, mut scratch) = Default::default();
        let mut found = HeldOut::default();
        texts.for_each(&mut Passed::default(), &mut |text, held_out| {
            if held_out {
                stages.count("scoring texts held out", found.texts);
                let encoded = self.model.encode(text, &mut pieces);
                let each = encoded.iter().map(|(id, unknown)| match unknown {
                    Some(text) => model.word(text),
                    None => words[id as usize],
                });
                found.log10 += f64::from(model.score_with(each, &mut scratch));
                found.tokens += encoded.ids.len() + 1;
                found.texts += 1;
            }
            Ok(())
        })?;
        Ok(found)
    }
}
