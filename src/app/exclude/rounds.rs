//! Rounds: each reads documents again, and finds those that are affected by it.

use super::settings::{Built, Group, group};
use super::some_of;
use crate::addresses::address;
use crate::ingest::{
    Loaded, ProgressThread, RunOptions, changed_sources, compared_bytes, compared_with,
    epoch_bytes, observe, together,
};
use anyhow::{Result, bail};
use corpus::{Corpus, Exclusions, Label, Manifest, PartFiles, Source};
use document::{DocRef, Document};
use engine::{Exclude, Offsets, Options, Plan, Progress, Revision, Selection, Share, Work};
use recipe::{Prepared, SetupLabel, Slices};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The parts that a round wrote.
pub(super) type Parts = Vec<PartFiles>;

/// The rounds so far.
pub(super) struct Rounds<'r> {
    slices: Slices,
    corpus: &'r Corpus,
    exclude: Exclude,
    built: &'r Built,
    options: &'r RunOptions,
    loaded: BTreeMap<Group, Loaded>,
    /// The labels as they will be, and the indexes after the rounds so far.
    pub manifest: Manifest,
    /// What each round wrote.
    pub parts: Vec<Parts>,
    /// The documents that were read again.
    pub read: Selection,
    /// The paths of their sources.
    pub sources: Vec<String>,
    /// Every file that was written.
    pub written: BTreeSet<String>,
}

impl<'r> Rounds<'r> {
    pub fn new(
        slices: Slices,
        corpus: &'r Corpus,
        manifest: Manifest,
        exclusions: &Exclusions,
        built: &'r Built,
        options: &'r RunOptions,
    ) -> Result<Rounds<'r>> {
        let matcher = exclusions.matcher(&manifest.labels);
        Ok(Rounds {
            slices,
            corpus,
            exclude: Arc::new(move |document: &mut Document| matcher.exclude(document)),
            built,
            options,
            loaded: BTreeMap::new(),
            manifest,
            parts: Vec::new(),
            read: Selection::default(),
            sources: Vec::new(),
            written: BTreeSet::new(),
        })
    }

    /// Takes `gone` out of the indexes and reads `back` again, and then all that are affected.
    pub fn run(&mut self, gone: &Selection, back: Selection) -> Result<()> {
        let (mut gone, mut waiting) = (gone.clone(), back);
        let mut sources: BTreeSet<(u64, u64)> = BTreeSet::new();
        while !gone.is_empty() || !waiting.is_empty() {
            let (read, group, rest) = self.of_one_group(&waiting);
            let needed = self.check_sources(&read)?;
            let changing = Arc::new(gone.union(&read));
            let affected = self.round(changing, Arc::new(read.clone()), &needed, &group)?;
            sources.extend(needed.iter().flat_map(|(label, of)| of.iter().map(|s| (*label, *s))));
            self.read = self.read.union(&read);
            waiting = rest.union(&Selection::new(BTreeSet::new(), affected));
            gone = Selection::default();
        }
        let path = |(label, source): (u64, u64)| {
            self.manifest.labels[label as usize].sources[source as usize].path.clone()
        };
        self.sources = sources.into_iter().map(path).collect();
        Ok(())
    }

    /// Returns those of `waiting` whose labels were built with the same settings as the first, and
    /// the others.
    fn of_one_group(&self, waiting: &Selection) -> (Selection, Group, Selection) {
        let labels = waiting.labels();
        let group_of = |label: u64| group(&self.manifest.labels[label as usize]);
        let chosen = labels.first().and_then(|label| group_of(*label));
        let is_chosen = |label: u64| group_of(label) == chosen;
        let (mine, others) = waiting.partition(is_chosen);
        (mine, chosen, others)
    }

    /// Returns the sources of the documents, by label. Fails if any is missing or has changed.
    fn check_sources(&self, read: &Selection) -> Result<BTreeMap<u64, BTreeSet<u64>>> {
        let (mut needed, mut wrong) = (BTreeMap::new(), Vec::new());
        for number in read.labels() {
            let label = &self.manifest.labels[number as usize];
            let of_label = match read.sources(number) {
                Some(some) => some,
                None => (0..label.sources.len() as u64).collect(),
            };
            for source in &of_label {
                wrong.extend(difference(label, &label.sources[*source as usize]));
            }
            needed.insert(number, of_label);
        }
        if !wrong.is_empty() {
            bail!(
                "documents that are affected must be read again, and their sources are not as they \
                 were:\n  {}\nput them back as they were, and run the command again; nothing was \
                 changed",
                some_of(&wrong, "source")
            );
        }
        Ok(needed)
    }

    /// Runs one round. Returns the documents that are affected by it.
    fn round(
        &mut self,
        changing: Arc<Selection>,
        read: Arc<Selection>,
        needed: &BTreeMap<u64, BTreeSet<u64>>,
        group: &Group,
    ) -> Result<Vec<u64>> {
        let slices = self.prepare(&changing, group)?;
        let offsets = Arc::new(self.offsets(&read)?);
        let is_global = self.built.recipe(group).global_dedup;
        let compared = compared_bytes(&self.manifest, is_global, |_| true);
        let work: Vec<Work> = needed
            .iter()
            .map(|(&number, of_label)| {
                let label = &self.manifest.labels[number as usize];
                Work {
                    label: number,
                    // It is compared with everything.
                    before: compared[compared_with(label, is_global)],
                    sizes: sizes(label, number, &read),
                    from: corpus::Position::default(),
                    groups: (slices[label.slice.as_str()].groups)(number as usize),
                    only: Some(of_label.clone()),
                }
            })
            .collect();
        let RunOptions { workers, engine, memory_bytes, commit_every, .. } = *self.options;
        let bytes = epoch_bytes(self.options);
        let plan = Plan::of_revision(self.manifest.next_epoch, &work, workers, bytes);
        let end = plan.end_epoch();
        let share = Share { process: 0, processes: 1, workers, times_operators: false };
        let labels = work.iter().map(|work| {
            let name = self.manifest.labels[work.label as usize].full_name();
            let bytes = plan.stored_bytes(work.label, &work.sizes, 0..workers);
            (work.label, format!("{name}, again"), bytes)
        });
        let progress = Progress::new(share, &plan, labels);
        let shown = ProgressThread::start(progress.clone(), &self.options.cluster)?;
        let recipe = self.built.recipe(group);
        let loaded = self.loaded.entry(group.clone()).or_default();
        let together = together(recipe.global_dedup, loaded.decontaminator(recipe)?);
        let readers_at = slices.iter().map(|(name, slice)| (*name, slice.reader_at.clone()));
        let readers_at = readers_at.collect();
        let slices = slices.into_iter().map(|(name, slice)| (name, (slice.reader, slice.graph)));
        let revision = Revision {
            manifest: self.manifest.clone(),
            changing,
            read,
            plan,
            slices: slices.collect(),
            together,
            readers_at,
            offsets,
            progress,
            exclude: Some(self.exclude.clone()),
        };
        let options = Options { workers, engine, memory_bytes, commit_every, strict: false };
        let revised =
            engine::revise(self.corpus, revision, &options).map_err(anyhow::Error::msg)?;
        shown.finish();
        let mut parts = Vec::new();
        for report in revised.reports {
            let runs = report.runs.values().flatten();
            self.written.extend(runs.map(|run| format!("state/{}", run.name)));
            let files = report.into_files();
            self.written.extend(files.paths().map(str::to_owned));
            parts.push(files);
        }
        self.parts.push(parts);
        self.manifest.state = revised.state;
        self.manifest.next_epoch = end;
        Ok(revised.affected)
    }

    /// Returns where the documents that are named one by one begin in their sources. Nothing is known
    /// of those that were forgotten, and of several records in one compressed member.
    fn offsets(&self, read: &Selection) -> Result<Offsets> {
        let mut offsets = Offsets::with_capacity(read.refs().len());
        for label in self.manifest.present() {
            let parts = label.ledger.iter().filter(|part| read.may_have(part.first, part.last));
            for part in parts {
                // The record before, and whether it alone begins where it does.
                let mut before: Option<(DocRef, u64, bool)> = None;
                let mut take = |at: DocRef, offset: u64, is_alone: bool| {
                    if offset > 0 && is_alone && read.contains(at) {
                        offsets.insert(at.0, offset);
                    }
                };
                corpus::offsets(&self.corpus.root().join(&part.path), |at, offset| {
                    let is_other = before.is_none_or(|(last, of_last, _)| {
                        of_last != offset || last.source() != at.source()
                    });
                    if let Some((last, of_last, is_alone)) = before {
                        take(last, of_last, is_alone && is_other);
                    }
                    before = Some((at, offset, is_other));
                })?;
                if let Some((last, of_last, is_alone)) = before {
                    take(last, of_last, is_alone);
                }
            }
        }
        Ok(offsets)
    }

    /// Prepares all slices that share an index with a document of the round: its own, or with global
    /// deduplication any.
    fn prepare(
        &mut self,
        changing: &Selection,
        group: &Group,
    ) -> Result<BTreeMap<&'static str, Prepared>> {
        let recipe = self.built.recipe(group);
        let loaded = self.loaded.entry(group.clone()).or_default();
        let labels = SetupLabel::of_corpus(&self.manifest);
        let of = |label: &u64| self.manifest.labels[*label as usize].slice.as_str();
        let numbers = changing.labels();
        let used: BTreeSet<&str> = numbers.iter().map(of).collect();
        let mut prepared = BTreeMap::new();
        for slice in self.slices.iter().filter(|slice| used.contains(slice.name())) {
            let models = loaded.models(*slice, recipe)?;
            let settings = recipe.settings(slice.name());
            prepared.insert(slice.name(), slice.prepare(settings, models, labels.clone()));
        }
        Ok(prepared)
    }
}

/// Returns about how many bytes of each source are read, as far as epochs are concerned.
fn sizes(label: &Label, number: u64, read: &Selection) -> Vec<u64> {
    if read.has_all_of(number) {
        return label.sizes();
    }
    let stored: u64 = label.sizes().iter().sum();
    let each = stored / label.counts.read.max(1) + 1;
    let mut sizes = vec![0; label.sources.len()];
    for at in read.refs().iter().map(|at| DocRef(*at)).filter(|at| at.label() == number) {
        sizes[at.source() as usize] += each;
    }
    sizes
}

/// Describes how a source differs from what was read, if it does.
fn difference(label: &Label, source: &Source) -> Option<String> {
    let path = &source.path;
    let size = match crate::inputs::source_size(path.as_ref()) {
        Ok(size) => size,
        Err(error) => return Some(format!("{error:#}")),
    };
    if size != source.bytes {
        return Some(format!("{path}: it had {} bytes, and has {size} now", source.bytes));
    }
    let one = Label { sources: vec![source.clone()], ..label.clone() };
    let mut now = source.clone();
    // Files on the disk are looked at only where their times differ.
    let is_asked = address(path.as_ref()).map_or(Ok(()), |_| observe(&mut now));
    match is_asked.and_then(|()| changed_sources(&one, &[now])) {
        Ok(changed) => changed,
        Err(error) => Some(format!("{error:#}")),
    }
}
