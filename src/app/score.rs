//! Scores for documents of other pipelines: JSON lines or Parquet in, the same lines with an object
//! `scores` at their end out.
//!
//! One thread reads, some score, and the caller's writes. The n-th batch goes to the n-th scorer in
//! turn and is fetched back in that order, so the lines come out as they went in. How many batches
//! are under way is bounded, and with it memory.

mod line;
mod read;
mod write;

use anyhow::{Context, Result};
use formats::{Ahead, prefetch};
use line::{Scored, Scorer};
use read::{Item, Place};
use recipe::Models;
use recipe::usage::usage;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use write::Out;
pub(crate) use write::ReaderGone;

/// Batches each scorer has before it: one in work, one waiting.
const BATCHES_PER_SCORER: usize = 2;

/// So many of the malformed lines are kept for the summary; all are counted.
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
    /// The field of a line that is its text.
    pub text_field: String,
    pub workers: usize,
    /// Stop at the first malformed line.
    pub strict: bool,
}

/// What was done, so far or in all.
#[derive(Default)]
pub(crate) struct Summary {
    pub documents: u64,
    /// Bytes of texts.
    pub text_bytes: u64,
    /// Tokens of all documents, and how many documents were counted.
    pub tokens: u64,
    pub counted: u64,
    pub buckets: BTreeMap<String, u64>,
    pub languages: BTreeMap<String, u64>,
    /// Lines and files that could not be read, and the first of them.
    pub malformed: u64,
    pub listed: Vec<String>,
    pub elapsed: Duration,
}

impl Summary {
    fn add(&mut self, scored: Scored) {
        self.documents += 1;
        self.text_bytes += scored.text_bytes;
        if let Some(tokens) = scored.tokens {
            self.tokens += tokens;
            self.counted += 1;
        }
        *self.languages.entry(scored.language).or_default() += 1;
        if let Some(bucket) = scored.bucket {
            *self.buckets.entry(bucket).or_default() += 1;
        }
    }

    /// The mean number of tokens of a document, if they were counted.
    pub fn tokens_mean(&self) -> Option<f64> {
        (self.counted > 0).then(|| self.tokens as f64 / self.counted as f64)
    }

    pub fn mb_per_second(&self) -> f64 {
        self.text_bytes as f64 / 1e6 / self.elapsed.as_secs_f64().max(0.001)
    }
}

/// A batch on its way back: a scored line, or what is wrong with one.
type Results = Vec<Result<Scored, String>>;

/// Scores all of `job`. `tell` hears of each malformed line as it comes, and of every batch done.
pub(crate) fn score(job: Job<'_>, mut tell: impl FnMut(Event<'_>)) -> Result<Summary> {
    let began = Instant::now();
    let mut out = Out::create(job.out)?;
    let mut scorers = Scorers::start(&job)?;
    let items = read::items(job.inputs);
    let mut batches = prefetch("read", Ahead::default(), Item::bytes, items)?;
    let mut summary = Summary::default();
    let mut take = |results: Results| -> Result<()> {
        for result in results {
            match result {
                Ok(scored) => {
                    out.line(&scored.line)?;
                    summary.add(scored);
                }
                Err(what) if job.strict => anyhow::bail!("{what}"),
                Err(what) => {
                    tell(Event::Malformed(&what));
                    summary.malformed += 1;
                    if summary.listed.len() < LISTED_MAX {
                        summary.listed.push(what);
                    }
                }
            }
        }
        summary.elapsed = began.elapsed();
        tell(Event::Progress(&summary));
        Ok(())
    };
    for batch in &mut batches {
        scorers.send(batch.context("this is a bug, or the file is damaged beyond telling")?);
        if scorers.are_full() {
            take(scorers.fetch()?)?;
        }
    }
    while scorers.under_way() > 0 {
        take(scorers.fetch()?)?;
    }
    scorers.end();
    out.finish()?;
    summary.elapsed = began.elapsed();
    Ok(summary)
}

/// What happens on the way.
pub(crate) enum Event<'a> {
    /// A line or a file is malformed: where, and why.
    Malformed(&'a str),
    /// So much is done.
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
        if job.workers == 0 {
            return Err(usage("at least one worker is needed"));
        }
        let start = |number| {
            let (to, batches) = channel::<Vec<Item>>();
            let (results, from) = channel();
            let (models, has_lm) = (job.models.clone(), job.has_lm);
            let text_field = job.text_field.clone();
            let run = move || {
                let mut scorer = Scorer::new(&models, has_lm, text_field);
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

    fn under_way(&self) -> usize {
        self.sent - self.fetched
    }

    fn are_full(&self) -> bool {
        self.under_way() >= BATCHES_PER_SCORER * self.each.len()
    }

    /// Never waits: the caller fetches as soon as they are full.
    fn send(&mut self, batch: Vec<Item>) {
        let (to, ..) = &self.each[self.sent % self.each.len()];
        to.send(batch).expect("a scorer ends only with the process or its queue");
        self.sent += 1;
    }

    /// The results of the oldest batch under way.
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

/// How an input is called in messages.
fn named(input: &str) -> String {
    if input == "-" { "standard input".into() } else { Path::new(input).display().to_string() }
}

impl Place {
    /// Says what is wrong at this place.
    fn wrong(&self, what: impl std::fmt::Display) -> String {
        format!("{}: {} {}: {what}", named(&self.source), self.unit, self.number)
    }
}
