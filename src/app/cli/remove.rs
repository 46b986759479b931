//! `sluice remove` and `sluice restore`.

use super::exit::DONE;
use super::run_flags::{ClusterFlags, EngineName, options};
use super::summary::print_others;
use crate::exclude::{Direction, Outcome, Wanted, carry_out};
use crate::ingest::{RunOptions, check_recipe, recover};
use crate::terminal::log::is_quiet;
use crate::terminal::units::{counted, size};
use crate::terminal::{outln, print_json};
use anyhow::{Context, Result};
use chrono::DateTime;
use clap::Args;
use corpus::{Corpus, Lock, Request, Selector};
use indicatif::HumanCount;
use recipe::usage::{usage, usage_of_file};
use recipe::{Recipe, Slices};
use serde_json::json;
use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Lines of a list that a summary names.
const LISTED_MAX: usize = 10;

const REMOVE_EXAMPLE: &str = "\
Example:
  echo https://example.com/a-page > urls.txt
  sluice remove corpus --urls urls.txt --reason 'opt-out of 3 May' --dry-run
  sluice remove corpus --urls urls.txt --reason 'opt-out of 3 May'
  sluice remove corpus --label common_crawl/2019-30      # the whole dump
  sluice status corpus --exclusions

The corpus becomes the one that a build without these documents makes: a copy that was dropped
because of one of them comes back, and for that its source is read again. What is excluded stays
excluded when more is added. A label that was removed can be added again under its name.";

const RESTORE_EXAMPLE: &str = "\
Example:
  sluice restore corpus --urls urls.txt
  sluice restore corpus --label common_crawl/2019-30";

/// Take documents or labels out of a corpus, with all consequences
#[derive(Args)]
#[command(after_help = REMOVE_EXAMPLE)]
pub(crate) struct Remove {
    #[command(flatten)]
    flags: Flags,
    /// Why, for the list of exclusions
    #[arg(long, default_value = "", value_name = "TEXT")]
    reason: String,
    /// Keep only the ids of the documents, and only digests of the addresses and domains; remove the
    /// earlier commits that have the texts
    #[arg(long)]
    forget: bool,
}

/// Take back what remove did
#[derive(Args)]
#[command(after_help = RESTORE_EXAMPLE)]
pub(crate) struct Restore {
    #[command(flatten)]
    flags: Flags,
}

/// The flags of both commands.
#[derive(Args)]
struct Flags {
    /// The corpus
    corpus: PathBuf,
    #[command(flatten)]
    which: Which,
    /// Only say what would change, and which sources are needed
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    cluster: ClusterFlags,
    /// Memory to use, roughly; by default 2G for each worker, and at most 75 % of the machine's
    #[arg(long, value_parser = size, value_name = "SIZE")]
    memory: Option<u64>,
    #[arg(long, value_parser = size, value_name = "SIZE", hide = true)]
    epoch_bytes: Option<u64>,
    #[arg(long, default_value = "arrangement", hide = true)]
    engine: EngineName,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Which documents. Lists have one entry per line; - is standard input.
#[derive(Args)]
#[group(required = true, multiple = true)]
struct Which {
    /// A whole label, as SLICE/LABEL; may be repeated
    #[arg(long = "label", value_name = "SLICE/LABEL")]
    labels: Vec<String>,
    /// File of ids of documents, as in meta.id; may be repeated
    #[arg(long, value_name = "FILE")]
    ids: Vec<PathBuf>,
    /// File of addresses of pages; http and https are the same, and what follows # does not matter
    #[arg(long, value_name = "FILE")]
    urls: Vec<PathBuf>,
    /// File of domains, each with all domains below it
    #[arg(long, value_name = "FILE")]
    domains: Vec<PathBuf>,
}

impl Remove {
    pub fn run(self, slices: Slices) -> Result<u8> {
        let request = Request {
            date: today(),
            reason: self.reason,
            forget: self.forget,
            ..Request::default()
        };
        self.flags.run(slices, Direction::Remove(request))
    }
}

impl Restore {
    pub fn run(self, slices: Slices) -> Result<u8> {
        self.flags.run(slices, Direction::Restore)
    }
}

impl Flags {
    fn run(&self, slices: Slices, direction: Direction) -> Result<u8> {
        let cluster = self.cluster.cluster()?;
        if cluster.process > 0 {
            // The first process does it alone.
            return Ok(DONE);
        }
        let default = options(Some(self.cluster.workers()), self.cluster.local_processes());
        let options = RunOptions {
            memory_bytes: self.memory.unwrap_or(default.memory_bytes),
            epoch_bytes: self.epoch_bytes,
            engine: self.engine.engine(),
            ..default
        };
        let is_removal = matches!(direction, Direction::Remove(_));
        let wanted = Wanted {
            direction,
            selectors: self.which.selectors()?,
            labels: self.which.labels.iter().cloned().collect(),
        };
        let corpus = Corpus::open(&self.corpus)?;
        let lock = Lock::take(&self.corpus)?;
        let corpus = corpus.held_by(&lock);
        let manifest = corpus.manifest()?.context("the corpus has no commit")?;
        let recipe = Recipe::of_corpus(slices, &corpus)?;
        check_recipe(&corpus, &manifest, &recipe, slices)?;
        recover(slices, &corpus, &manifest)?;
        let outcome = carry_out(slices, &corpus, wanted, &options, self.dry_run)?;
        if self.json {
            print_json(&json!({
                "commit": outcome.commit,
                "dry_run": self.dry_run,
                "labels": outcome.labels,
                "documents": outcome.difference,
                "read_again": outcome.read_again,
                "sources": outcome.sources,
                "unmatched": outcome.unmatched,
            }))?;
        } else if !is_quiet() {
            self.print(&outcome, is_removal)?;
        }
        Ok(DONE)
    }

    fn print(&self, outcome: &Outcome, is_removal: bool) -> Result<()> {
        let Outcome { difference, unmatched, sources, .. } = outcome;
        let would = if self.dry_run { "would be " } else { "" };
        let count = |number: u64| counted(number, "document");
        for label in &outcome.labels {
            let what = if is_removal { "removed" } else { "restored" };
            outln!("label {label} {would}{what}")?;
        }
        if is_removal {
            let (all, kept) = (difference.excluded, difference.excluded_kept);
            let kept = HumanCount(kept);
            outln!("{} {would}removed, {kept} of which were in the corpus", count(all))?;
        } else {
            let (all, kept) = (difference.restored, difference.restored_kept);
            let kept = HumanCount(kept);
            outln!("{} {would}restored, {kept} of which are in the corpus", count(all))?;
        }
        let versions = [
            (difference.superseded, difference.superseded_kept, "superseded", "were"),
            (difference.newest_again, difference.newest_again_kept, "the newest again", "are"),
        ];
        for (all, kept, what, are) in versions.into_iter().filter(|(all, ..)| *all > 0) {
            let (all, kept) = (counted(all, "version"), HumanCount(kept));
            outln!("{all} {would}{what}, {kept} of which {are} in the corpus")?;
        }
        print_others(difference)?;
        if outcome.read_again > 0 {
            let (from, read) = (counted(sources.len() as u64, "source"), outcome.read_again);
            outln!("{} read again, from {from}", count(read))?;
        }
        if self.dry_run {
            for source in sources {
                outln!("  needs {source}")?;
            }
        }
        if !unmatched.is_empty() {
            let entries = unmatched.len() as u64;
            let what = if entries == 1 { "entry matches" } else { "entries match" };
            outln!(
                "{} {what} no document yet and {} for what is added later:",
                HumanCount(entries),
                if entries == 1 { "holds" } else { "hold" }
            )?;
            for entry in unmatched.iter().take(LISTED_MAX) {
                outln!("  {entry}")?;
            }
            if unmatched.len() > LISTED_MAX {
                outln!("  and {} more", HumanCount((unmatched.len() - LISTED_MAX) as u64))?;
            }
        }
        let at = if self.dry_run { "nothing was changed; commit" } else { "commit" };
        outln!("{at} {}", outcome.commit)
    }
}

impl Which {
    fn selectors(&self) -> Result<BTreeSet<Selector>> {
        type Parse = fn(&str) -> Result<Selector, &'static str>;
        let id: Parse = |text| {
            let is_id = text.contains('#') && text.matches('/').count() >= 2;
            let id = is_id.then(|| Selector::Id(text.to_owned()));
            id.ok_or("an id is expected, SLICE/LABEL/SOURCE#RECORD as in meta.id")
        };
        let lists: [(&[PathBuf], Parse); 3] =
            [(&self.ids, id), (&self.urls, Selector::url), (&self.domains, Selector::domain)];
        let mut selectors = BTreeSet::new();
        for (paths, parse) in lists {
            for path in paths {
                let text = read(path)?;
                for (number, line) in text.lines().enumerate() {
                    let line = line.trim();
                    if line.is_empty() || line.starts_with('#') {
                        continue;
                    }
                    let selector = parse(line).map_err(|what| {
                        usage(format!("{}:{}: {what}: {line}", path.display(), number + 1))
                    })?;
                    selectors.insert(selector);
                }
            }
        }
        Ok(selectors)
    }
}

/// Reads a list. A line that begins with # is a comment.
fn read(path: &Path) -> Result<String> {
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
        return Ok(text);
    }
    let text = std::fs::read_to_string(path);
    text.with_context(|| format!("cannot read {}", path.display())).map_err(usage_of_file)
}

/// The date, by the clock of the machine in UTC.
fn today() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let time = DateTime::from_timestamp(seconds as i64, 0).unwrap_or_default();
    time.format("%Y-%m-%d").to_string()
}
