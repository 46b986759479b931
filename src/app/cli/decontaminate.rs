//! `sluice decontaminate`.

use super::exit::DONE;
use crate::decontaminate::{Change, Request};
use crate::ingest::{check_recipe, recover};
use crate::terminal::counts::evaluations_table;
use crate::terminal::log::is_quiet;
use crate::terminal::units::{cores, counted, workers};
use crate::terminal::{outln, print_json};
use anyhow::{Context, Result};
use clap::Args;
use corpus::{ContaminationCounts, Corpus, Label, Lock, Manifest};
use indicatif::HumanBytes;
use recipe::usage::{suggest, usage};
use recipe::{Action, Choice, Decontamination, PRESETS, Recipe, Slices, Unusable};
use serde_json::json;
use std::path::PathBuf;

const EXAMPLE: &str = "\
Example:
  sluice decontaminate corpus --set 'eval/*.jsonl'
  sluice decontaminate corpus --set gsm8k/test.parquet --fields question
  sluice decontaminate corpus --preset gpt3
  sluice decontaminate corpus --remove gsm8k/test.parquet
  sluice sample corpus --reason contaminated

Each file is an evaluation set: JSON lines, Parquet or text, plain or compressed. A document is
contaminated if it shares `ngram` words, one after another, with a text of a set. The texts in data/
are scanned once, no input is read again, and the corpus becomes the one that its recipe builds with
these sets. What is dropped or changed is kept aside, so that a set can be removed again, until
`sluice prune`. docs/decontamination.md has the rule.";

/// Compare the documents of a corpus with evaluation sets, and drop, flag or cut those that have
/// their texts
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Decontaminate {
    /// The corpus
    corpus: PathBuf,
    /// Add this evaluation set, or pattern of sets; a set that has changed is read again
    #[arg(long = "set", value_name = "FILE", num_args = 1..)]
    sets: Vec<String>,
    /// Remove this evaluation set, by its file or the name that status prints
    #[arg(long, value_name = "SET", num_args = 1..)]
    remove: Vec<String>,
    /// Fields of records that are compared, for all sets, separated by commas; '' for all strings
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    fields: Option<Vec<String>>,
    /// Follow a published rule for all sets: gpt3, redpajama-instruct
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,
    /// Words that a document must share with a text of a set, one after another
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=100))]
    ngram: Option<u64>,
    /// Leave out texts of sets with fewer words; those with fewer than ngram match as a whole
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100))]
    min_words: Option<u64>,
    /// What becomes of contaminated documents: drop, flag, cut
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Threads; by default one for each core
    #[arg(short = 'w', long, value_parser = workers, value_name = "N")]
    workers: Option<usize>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Decontaminate {
    pub fn run(self, slices: Slices) -> Result<u8> {
        let corpus = Corpus::open(&self.corpus)?;
        let lock = Lock::take(&self.corpus)?;
        let corpus = corpus.held_by(&lock);
        let manifest = corpus.manifest()?.context("the corpus has no commit")?;
        let recipe = Recipe::with_known_sets(slices, &corpus, &manifest)?;
        check_recipe(&corpus, &manifest, &recipe, slices)?;
        recover(slices, &corpus, &manifest)?;
        let settings = self.settings(&recipe.decontamination)?;
        let (add, remove) = (self.sets.clone(), self.remove.clone());
        if add.is_empty() && manifest.evaluations.is_empty() {
            return Err(usage("the corpus has no evaluation sets; give some: --set FILE..."));
        }
        let request = Request { add, remove, settings };
        let Some(change) = Change::plan(slices, &corpus, &manifest, recipe, request)? else {
            self.report(&manifest, &[])?;
            return Ok(DONE);
        };
        let workers = self.workers.unwrap_or_else(cores);
        let next = change.commit(slices, &corpus, &manifest, workers)?;
        self.report(&next, &change.sets)?;
        Ok(DONE)
    }

    /// Returns the settings of the corpus with those of the flags.
    fn settings(&self, before: &Decontamination) -> Result<Decontamination> {
        let mut settings = before.clone();
        if let Some(preset) = &self.preset
            && !settings.follow(preset)
        {
            let hint = suggest(preset, PRESETS.iter().map(|(name, ..)| *name));
            return Err(usage(format!("--preset {preset}: there is no such preset{hint}")));
        }
        if let Some(fields) = &self.fields {
            settings.fields = fields.iter().filter(|field| !field.is_empty()).cloned().collect();
        }
        if let Some(word) = &self.action {
            let known = Action::ALL.iter().find(|(known, _)| known == word);
            let Some((_, action)) = known else {
                let hint = suggest(word, Action::ALL.iter().map(|(word, _)| *word));
                return Err(usage(format!("--action {word}: there is no such action{hint}")));
            };
            settings.action = *action;
        }
        settings.ngram = self.ngram.unwrap_or(settings.ngram);
        settings.min_words =
            self.min_words.unwrap_or_else(|| settings.min_words.min(settings.ngram));
        settings.check().map_err(|Unusable { key, what }| usage(format!("{key}{what}")))?;
        Ok(settings)
    }

    /// Prints the sets of a corpus, and what was found of them; of `sets` their texts are known.
    fn report(&self, manifest: &Manifest, sets: &[contamination::Set]) -> Result<()> {
        let (mut sum, mut dropped) = (ContaminationCounts::default(), 0);
        for Label { counts, .. } in manifest.present() {
            sum.add(&counts.contamination);
            dropped += counts.dropped.get(document::CONTAMINATED).copied().unwrap_or(0);
        }
        if self.json {
            let of = |set: &corpus::Evaluation| {
                let texts = sets.iter().find(|known| known.name == set.name);
                json!({
                    "name": set.name,
                    "path": set.path,
                    "texts": texts.map(|set| set.texts),
                    "short": texts.map(|set| set.short),
                    "ngrams": texts.map(|set| set.ngrams),
                    "documents": sum.sets.get(&set.name).copied().unwrap_or(0),
                })
            };
            return print_json(&json!({
                "commit": manifest.commit,
                "sets": manifest.evaluations.iter().map(of).collect::<Vec<_>>(),
                "documents": sum.documents,
                "dropped": dropped,
                "bytes_cut": sum.bytes_cut,
            }));
        }
        if is_quiet() {
            return Ok(());
        }
        if let Some(table) = evaluations_table(&manifest.evaluations, &sum, sets) {
            outln!("{table}")?;
        }
        let changed = match sum.bytes_cut {
            0 => String::new(),
            bytes => format!(", {} cut out of the others", HumanBytes(bytes)),
        };
        outln!(
            "{} contaminated, {dropped} of them dropped{changed}; commit {}",
            counted(sum.documents, "document"),
            manifest.commit
        )
    }
}
