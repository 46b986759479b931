//! Taking documents out of a corpus, and putting them back.
//!
//! What is excluded is marked by its source and reaches no step, so a later add needs nothing more.
//! For what is in the corpus already, the effects on other documents are found in rounds (see
//! [`engine::revise`]): a copy of a text that goes becomes the first, and a document that comes back
//! makes its copies repeats again. So the corpus is always the one that a build with the same
//! exclusions makes.
//!
//! - `scan`: which records the selectors mean, and which ones newer versions supersede.
//! - `versions`: of which records there are newer versions.
//! - `rounds`: which others are affected, and what becomes of them.
//! - `settings`: the settings with which a label was built, if its thresholds were moved since.

mod rounds;
mod scan;
mod settings;
mod versions;

use self::rounds::Rounds;
use self::scan::{Found, scan};
use self::settings::Built;
use self::versions::Versions;
use crate::ingest::RunOptions;
use crate::terminal::units::counted;
use anyhow::{Context, Result, bail};
use corpus::{
    Corpus, Counts, Difference, Exchange, Exclusions, Label, Manifest, PartFiles, Request, Selector,
};
use engine::Selection;
use recipe::Slices;
use recipe::usage::usage;
use std::collections::BTreeSet;

/// What a user wants.
pub(crate) struct Wanted {
    pub direction: Direction,
    pub selectors: BTreeSet<Selector>,
    /// `slice/label`.
    pub labels: BTreeSet<String>,
}

/// Whether documents go or come back.
pub(crate) enum Direction {
    Remove(Request),
    Restore,
    /// Nothing is asked for: only what newer versions supersede goes.
    Supersede,
}

/// What was done, or would be.
pub(crate) struct Outcome {
    /// The newest commit.
    pub commit: u64,
    pub difference: Difference,
    /// Documents that were read again, and in how many sources they are.
    pub read_again: u64,
    pub sources: Vec<String>,
    /// Selectors that no record of the corpus has, in order. They hold for what is added later.
    pub unmatched: Vec<String>,
    /// Labels that were removed or restored.
    pub labels: Vec<String>,
}

/// Carries out what is wanted, as one commit; if `is_dry_run`, only says what would change. The
/// caller holds the lock.
///
/// # Errors
/// If a label or selector is unknown, a source that is needed is missing or has changed, or a file
/// cannot be read or written. The corpus is at its last commit then.
pub(crate) fn carry_out(
    slices: Slices,
    corpus: &Corpus,
    wanted: Wanted,
    options: &RunOptions,
    is_dry_run: bool,
) -> Result<Outcome> {
    let newest = || -> Result<Manifest> { corpus.manifest()?.context("the corpus has no commit") };
    if newest()?.versions_due && !is_dry_run {
        supersede(slices, corpus, options)?;
    }
    let mut outcome = revise(slices, corpus, &newest()?, wanted, options, is_dry_run)?;
    if newest()?.versions_due && !is_dry_run {
        let of_versions = supersede(slices, corpus, options)?;
        outcome.add(of_versions);
    }
    Ok(outcome)
}

/// Takes out what newer versions supersede, after a label was added or came back. As [`carry_out`].
pub(crate) fn supersede(slices: Slices, corpus: &Corpus, options: &RunOptions) -> Result<Outcome> {
    let manifest = corpus.manifest()?.context("the corpus has no commit")?;
    let (selectors, labels) = (BTreeSet::new(), BTreeSet::new());
    let wanted = Wanted { direction: Direction::Supersede, selectors, labels };
    revise(slices, corpus, &manifest, wanted, options, false)
}

/// Carries out one revision.
fn revise(
    slices: Slices,
    corpus: &Corpus,
    manifest: &Manifest,
    wanted: Wanted,
    options: &RunOptions,
    is_dry_run: bool,
) -> Result<Outcome> {
    corpus.begin_writing(manifest)?;
    let done = Work { slices, corpus, before: manifest, options }.carry_out(wanted, is_dry_run);
    // After an error, and after a dry run, all that was written goes.
    if done.is_err() || is_dry_run {
        let newest = corpus.manifest()?.context("the corpus has no commit")?;
        corpus.sweep(&newest)?;
    }
    corpus.end_writing()?;
    done
}

impl Outcome {
    /// Adds what a later revision changed.
    fn add(&mut self, later: Outcome) {
        self.commit = later.commit;
        self.difference.add(&later.difference);
        self.read_again += later.read_again;
        self.sources.extend(later.sources);
        self.sources.sort();
        self.sources.dedup();
    }
}

struct Work<'w> {
    slices: Slices,
    corpus: &'w Corpus,
    before: &'w Manifest,
    options: &'w RunOptions,
}

impl Work<'_> {
    fn carry_out(&self, wanted: Wanted, is_dry_run: bool) -> Result<Outcome> {
        let Work { slices, corpus, before, options } = *self;
        let Wanted { direction, selectors, labels } = wanted;
        let mut exclusions = Exclusions::load(corpus, before)?;
        let mut next = before.clone();
        let mut whole = BTreeSet::new();
        let mut difference = Difference::default();
        let is_removal = !matches!(direction, Direction::Restore);
        let is_forgetting = matches!(&direction, Direction::Remove(Request { forget: true, .. }));
        match direction {
            Direction::Supersede => {}
            Direction::Remove(request) => {
                let forget = request.forget;
                let request = Request { labels: labels.iter().cloned().collect(), ..request };
                exclusions.add(request, selectors.iter().cloned());
                for name in &labels {
                    let number = present(&next, name)?;
                    let label = &mut next.labels[number];
                    difference.excluded += label.counts.read;
                    difference.excluded_kept += label.counts.kept;
                    remove_label(label, forget);
                    whole.insert(number as u64);
                }
            }
            Direction::Restore => {
                let unknown = exclusions.take_back(selectors.iter().cloned());
                if let Some(first) = unknown.first() {
                    let others = match unknown.len() - 1 {
                        0 => String::new(),
                        more => format!(", and {more} more of the list"),
                    };
                    bail!(usage(format!(
                        "{first} is not excluded{others}; sluice status --exclusions lists what is"
                    )));
                }
                for name in &labels {
                    let number = removed(&next, name)?;
                    exclusions.take_back_label(name);
                    next.labels[number].removed = false;
                    whole.insert(number as u64);
                }
            }
        }
        let built = Built::of(slices, corpus, &next)?;
        let versions = Versions::of(slices, built.recipe(&None), (corpus, &next), options)?;
        let wanted = scan::Wanted { selectors: &selectors, is_removal };
        let found = scan(corpus, &next, &exclusions, &wanted, &versions)?;
        let unmatched = selectors.iter().filter(|selector| !found.matched.contains(*selector));
        let unmatched = unmatched.map(Selector::to_string).collect();
        let Found { gone, back, .. } = found;

        let gone_refs: Vec<u64> = gone.refs().collect();
        let (removed, restored) = if is_removal {
            (whole.clone(), BTreeSet::new())
        } else {
            (BTreeSet::new(), whole.clone())
        };
        let gone_now = Selection::new(removed, gone_refs);
        let comes_back = !is_removal && (!restored.is_empty() || !back.is_empty());
        let back = Selection::new(restored.clone(), back);
        // What comes back may have newer versions, or be one.
        next.versions_due = comes_back && !versions.is_empty();
        let mut rounds = Rounds::new(slices, corpus, next, &exclusions, &built, options)?;
        rounds.run(&gone_now, back)?;
        let Rounds { mut manifest, parts, read, sources, written, .. } = rounds;
        let state = engine::compact(
            &corpus.state_dir(),
            &manifest.state,
            manifest.next_epoch,
            options.workers,
        )?;
        manifest.next_epoch += 1;
        manifest.state = state;
        manifest.commit += 1;
        let mark = format!("r{}", manifest.commit);
        let touched = gone_now.union(&read);
        for number in touched.labels() {
            let label = &mut manifest.labels[number as usize];
            if label.removed {
                continue;
            }
            let is_mine = |files: &&PartFiles| {
                files.ledger.as_ref().is_some_and(|ledger| ledger.first.label() == number)
            };
            let mine = parts.iter().map(|round| round.iter().filter(is_mine).cloned().collect());
            let mut rounds: Vec<corpus::Rounds> = mine.collect();
            if restored.contains(&number) {
                restore_label(corpus, label, &mut rounds)?;
            }
            let last_steps = built.last_steps(label);
            let verdict = |row: &corpus::LedgerRow| last_steps?.rejection(row);
            // The rounds compare with evaluations, too.
            let exchange = Exchange {
                marked: gone.of_label(number),
                rounds: &rounds,
                verdict: &verdict,
                workers: options.workers,
            };
            let (revised, changed) = corpus::exchange(corpus, label, &mark, &exchange)?;
            *label = revised;
            if restored.contains(&number) {
                difference.restored += label.counts.read;
                difference.restored_kept += label.counts.kept;
            } else {
                difference.add(&changed);
            }
        }
        manifest.excluded = exclusions.save(corpus, manifest.commit)?;
        let outcome = Outcome {
            commit: manifest.commit,
            difference,
            read_again: read.refs().len() as u64
                + restored.iter().map(|l| manifest.labels[*l as usize].counts.read).sum::<u64>(),
            sources,
            unmatched,
            labels: whole.iter().map(|l| manifest.labels[*l as usize].full_name()).collect(),
        };
        if is_dry_run {
            return Ok(Outcome { commit: before.commit, ..outcome });
        }
        corpus.commit(&manifest)?;
        let named: BTreeSet<String> = manifest.files().chain(before.files()).collect();
        corpus.remove(written.into_iter().filter(|file| !named.contains(file)))?;
        if is_forgetting {
            // The commit before has the texts still. It goes once it is not the last but one.
            manifest.commit += 1;
            corpus.commit(&manifest)?;
        }
        Ok(Outcome { commit: manifest.commit, ..outcome })
    }
}

/// Returns the number of a label of the corpus.
fn present(manifest: &Manifest, name: &str) -> Result<usize> {
    let mut labels = manifest.labels.iter();
    labels.position(|label| !label.removed && label.full_name() == name).ok_or_else(|| {
        let known: Vec<String> = manifest.present().map(Label::full_name).collect();
        let hint = recipe::usage::suggest(name, known.iter().map(String::as_str));
        usage(format!("the corpus has no label {name}{hint}"))
    })
}

/// Returns the number of the label of this name that was removed last.
fn removed(manifest: &Manifest, name: &str) -> Result<usize> {
    if manifest.present().any(|label| label.full_name() == name) {
        bail!(usage(format!("{name} is in the corpus: there is nothing to restore")));
    }
    let of_name = |label: &Label| label.removed && label.full_name() == name;
    let Some(number) = manifest.labels.iter().rposition(of_name) else {
        bail!(usage(format!("{name} was never removed from this corpus")));
    };
    if manifest.labels[number].sources.is_empty() {
        bail!(usage(format!(
            "{name} was not complete when it was removed, or was to be forgotten: add it again \
             with sluice add"
        )));
    }
    Ok(number)
}

/// Empties a label. Only what is needed to restore it stays.
fn remove_label(label: &mut Label, forget: bool) {
    let can_be_restored = label.is_complete() && !forget;
    let Label { slice, name, sources, defects, defects_count, .. } = std::mem::take(label);
    *label = Label { slice, name, removed: true, ..Label::default() };
    if can_be_restored {
        (label.sources, label.defects, label.defects_count) = (sources, defects, defects_count);
    }
}

/// Takes the parts that the first round wrote as those of the label.
fn restore_label(corpus: &Corpus, label: &mut Label, rounds: &mut [corpus::Rounds]) -> Result<()> {
    let first = rounds.iter_mut().find(|round| !round.is_empty());
    for files in first.map(std::mem::take).unwrap_or_default() {
        files.add_to(label);
    }
    let mut counts = Counts::default();
    for row in corpus::rows_as_built(corpus, label) {
        row?.now().count(&mut counts);
    }
    label.counts = counts;
    Ok(())
}

/// Joins the first few of many texts and the number of the rest.
fn some_of(texts: &[String], noun: &str) -> String {
    const LISTED_MAX: usize = 10;
    let mut list = texts.iter().take(LISTED_MAX).cloned().collect::<Vec<_>>().join("\n  ");
    if texts.len() > LISTED_MAX {
        let more = counted((texts.len() - LISTED_MAX) as u64, noun);
        list += &format!("\n  and {more} more");
    }
    list
}
