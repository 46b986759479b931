//! Scores for documents of other pipelines: reads JSON lines or Parquet and writes the same lines
//! with an object `scores` added at their end.
//!
//! One thread reads, several score, and the caller's thread writes. Scorers get batches in turn and
//! their results are fetched in the same order, so the order of lines does not change. The number
//! of batches in flight, and so memory, is bounded.

mod line;
mod read;
mod rows;
mod write;

use crate::texts::TextField;
use anyhow::{Context, Result};
use formats::{Ahead, prefetch};
use line::{Scored, Scorer};
use read::{Item, Place};
use recipe::Models;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use write::Out;

/// Batches in flight per scorer: one in work, one waiting.
const BATCHES_PER_SCORER: usize = 2;

/// Malformed lines that are kept for the summary. All are counted.
const LISTED_MAX: usize = 1_000;

/// What to score, and how.
pub(crate) struct Job<'a> {
    pub models: &'a Models,
    /// Perplexity and its bucket are among the scores.
    pub has_lm: bool,
    /// Files to read; `-` is standard input.
    pub inputs: Vec<String>,
    /// The file to write; `-` is standard output.
    pub out: &'a str,
    /// The field that has the text of a line.
    pub text_field: TextField,
    /// Whether a file at `out` is replaced.
    pub overwrite: bool,
    pub workers: usize,
    /// Stop at the first malformed line.
    pub strict: bool,
}

/// What was done so far, or in total.
#[derive(Default)]
pub(crate) struct Summary {
    pub documents: u64,
    /// Bytes of texts.
    pub text_bytes: u64,
    /// Tokens of all documents, and the number of documents with a count.
    pub tokens: u64,
    pub counted: u64,
    pub buckets: BTreeMap<String, u64>,
    pub languages: BTreeMap<String, u64>,
    /// Documents that had a field `scores` before.
    pub rescored: u64,
    /// Lines and files that could not be read, and the first of them.
    pub malformed: u64,
    pub listed: Vec<String>,
    pub elapsed: Duration,
}

impl Summary {
    fn add(&mut self, scored: &Scored) {
        self.documents += 1;
        self.text_bytes += scored.text_bytes;
        self.rescored += u64::from(scored.had_scores);
        if let Some(tokens) = scored.tokens {
            self.tokens += tokens;
            self.counted += 1;
        }
        *self.languages.entry(scored.language.clone()).or_default() += 1;
        if let Some(bucket) = &scored.bucket {
            *self.buckets.entry(bucket.clone()).or_default() += 1;
        }
    }

    /// Returns the mean number of tokens per document, if they were counted.
    pub fn tokens_mean(&self) -> Option<f64> {
        (self.counted > 0).then(|| self.tokens as f64 / self.counted as f64)
    }

    pub fn mb_per_second(&self) -> f64 {
        self.text_bytes as f64 / 1e6 / self.elapsed.as_secs_f64().max(0.001)
    }
}

/// The results of a batch: scored lines, or what is wrong with a line.
type Results = Vec<Result<Scored, String>>;

/// Scores all of `job`. Calls `report` for each malformed line and after each batch.
pub(crate) fn score(job: Job<'_>, mut report: impl FnMut(Event<'_>)) -> Result<Summary> {
    let started = Instant::now();
    let mut out = Out::create(job.out, job.overwrite, job.models)?;
    let mut scorers = Scorers::start(&job)?;
    let items = read::items(job.inputs);
    let mut batches = prefetch("read", Ahead::default(), Item::bytes, items)?;
    let mut summary = Summary::default();
    let mut write = |results: Results| -> Result<()> {
        for result in results {
            match result {
                Ok(scored) => {
                    summary.add(&scored);
                    out.write(scored.written)?;
                }
                Err(what) if job.strict => anyhow::bail!("{what}"),
                Err(what) => {
                    report(Event::Malformed(&what));
                    summary.malformed += 1;
                    if summary.listed.len() < LISTED_MAX {
                        summary.listed.push(what);
                    }
                }
            }
        }
        summary.elapsed = started.elapsed();
        report(Event::Progress(&summary));
        Ok(())
    };
    for batch in &mut batches {
        let batch = batch.context("this is a bug, or the file is badly damaged")?;
        if let Some(what) = batch.iter().find_map(Item::failure) {
            anyhow::bail!("{what}");
        }
        scorers.send(batch);
        if scorers.are_full() {
            write(scorers.fetch()?)?;
        }
    }
    while scorers.in_flight() > 0 {
        write(scorers.fetch()?)?;
    }
    scorers.end();
    out.finish()?;
    summary.elapsed = started.elapsed();
    Ok(summary)
}

/// What happens during scoring.
pub(crate) enum Event<'a> {
    /// A line or a file is malformed: where, and why.
    Malformed(&'a str),
    /// What is done so far.
    Progress(&'a Summary),
}

type ScoringThread = (Sender<Vec<Item>>, Receiver<Results>, JoinHandle<()>);

/// The threads that score, each with its queue of batches and its queue of results.
struct Scorers {
    each: Vec<ScoringThread>,
    sent: usize,
    fetched: usize,
}

impl Scorers {
    fn start(job: &Job<'_>) -> Result<Scorers> {
        let start = |number| {
            let (to, batches) = channel::<Vec<Item>>();
            let (results, from) = channel();
            let (models, has_lm) = (job.models.clone(), job.has_lm);
            let (text_field, as_rows) = (job.text_field.clone(), write::is_parquet(job.out));
            let run = move || {
                let mut scorer = Scorer::new(&models, has_lm, text_field, as_rows);
                for batch in batches {
                    let scored = batch.into_iter().filter_map(|item| scorer.score(item));
                    if results.send(scored.collect()).is_err() {
                        return;
                    }
                }
            };
            let thread = std::thread::Builder::new().name(format!("score {number}")).spawn(run)?;
            anyhow::Ok((to, from, thread))
        };
        let each = (0..job.workers).map(start).collect::<Result<_>>()?;
        Ok(Scorers { each, sent: 0, fetched: 0 })
    }

    fn in_flight(&self) -> usize {
        self.sent - self.fetched
    }

    fn are_full(&self) -> bool {
        self.in_flight() >= BATCHES_PER_SCORER * self.each.len()
    }

    /// Sends a batch to the next scorer. Never blocks: the caller fetches results when all are
    /// full.
    fn send(&mut self, batch: Vec<Item>) {
        let (to, ..) = &self.each[self.sent % self.each.len()];
        to.send(batch).expect("a scorer ends only with the process or its queue");
        self.sent += 1;
    }

    /// Waits for the results of the oldest batch in flight.
    fn fetch(&mut self) -> Result<Results> {
        let (_, from, _) = &self.each[self.fetched % self.each.len()];
        self.fetched += 1;
        from.recv().context("a scoring thread has ended")
    }

    fn end(self) {
        for (to, from, thread) in self.each {
            drop((to, from));
            let _ = thread.join();
        }
    }
}

/// Returns the name of an input in messages.
fn input_name(input: &str) -> String {
    if input == "-" { "standard input".into() } else { Path::new(input).display().to_string() }
}

impl Place {
    /// Returns a message with this place.
    fn message(&self, what: impl std::fmt::Display) -> String {
        format!("{}: {} {}: {what}", input_name(&self.source), self.unit, self.number)
    }
}
