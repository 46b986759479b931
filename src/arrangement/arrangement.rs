//! The runs of one index that one worker owns.
//!
//! # Merging
//!
//! Runs are merged in tiers: tier `t` has the runs of `8^t` to `8^(t+1) - 1` updates. Once a tier has
//! eight runs that are in no merge, a merge of these begins (`choose` in `merge`). Merges progress
//! bit by bit, as in the fueled spines of differential dataflow: each update that is added is fuel
//! for [`FUEL`] updates of every merge in progress. So the work that an epoch causes follows its
//! size, and no epoch pays for a large merge alone.
//!
//! Invariant: a tier's merge ends before the next eight runs of the tier are there. Let epochs add
//! `s` updates each, so that a run of the k-th generation has `8^k s` updates, and a generation is a
//! tier.
//!
//! - A merge of eight runs of generation k reads `8^(k+1) s` updates. With a fuel of 8 it ends after
//!   `8^k s` further updates: after one more run of its own size, not eight.
//! - So the runs of generation k are late by at most `s + 8 s + ... + 8^(k-1) s < 8^k s / 7` updates.
//!   Between the start of a merge and the next eight runs there are at least `8^(k+1) s - 8^k s / 7`
//!   updates, more than seven times what the merge needs.
//! - Epochs of different sizes make runs of different sizes within a tier, by a factor of at most 8.
//!   At worst the merge takes eight times as long, which is about the time to the next eight runs. A
//!   fuel of 1 would have no margin even for equal epochs.
//!
//! So each tier has at most one merge, of eight runs, and seven runs besides. Correctness does not
//! depend on the invariant: if it failed, more merges would be in progress, and lookups would search
//! more runs.

use crate::batch::{Batch, PART, Part};
use crate::cursor::{Cursor, Reader};
use crate::duplicates::Rule;
use crate::duplicates::{Facts, Scratch, changes, changes_by_insertions};
use crate::earlier::{self, Pairs};
use crate::error::Error;
use crate::key::{Key, KeyRange, Update};
use crate::merge::{FANOUT, Merge, Step, choose};
use crate::run::{Run, RunMeta, RunWriter};
use crate::search::Search;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Updates that each merge in progress reads for every update added; see the head of this file.
const FUEL: u64 = 8;

/// Stored updates for each update of an epoch, at most, if it is up to the caller: then all runs together
/// are decoded once in an epoch, and an update costs the same however many are stored. The smaller epochs
/// are, the more runs each of their keys is searched in.
pub const STORED_PER_UPDATE: u64 = 8;

/// The smallest number of updates for which [`Arrangement::settle`] splits or abandons a merge.
const SPLIT_MIN: u64 = 1 << 18;

/// One worker's share of an index: every update ever added for the keys that it owns, on disk.
///
/// Memory: the page indexes of its runs (40 bytes for 1,024 updates of 64-bit keys), during lookups
/// a page and a filter for each run, and the batch.
pub struct Arrangement<K: Key> {
    dir: PathBuf,
    index: String,
    worker: usize,
    keys: KeyRange,
    runs: Vec<Run<K>>,
    /// Merges in progress, of disjoint sets of runs. Lookups use these runs until the merge ends.
    merges: Vec<Merge<K>>,
    /// The current epoch, or the last one.
    epoch: u64,
    addition: Option<Addition<K>>,
    /// Files created in this epoch.
    files: usize,
    /// Runs written since the last call of [`Arrangement::runs`]: no manifest can name them.
    unreported: BTreeSet<String>,
    scratch: Scratch,
}

/// The epoch that is being added.
struct Addition<K: Key> {
    /// Cursors over the runs at the start of the epoch.
    cursors: Vec<Cursor<K>>,
    /// The same, for the few keys that are looked up twice.
    again: Vec<Cursor<K>>,
    /// Whether nothing that is stored was ever retracted.
    insertions_only: bool,
    writer: Option<RunWriter<K>>,
}

/// What is stored at the start of an epoch. Keys are looked up in ascending order.
pub(crate) struct Lookups<'a, K: Key> {
    pub cursors: &'a mut [Cursor<K>],
    /// The same, for the few keys that are looked up twice.
    pub again: &'a mut [Cursor<K>],
    /// Whether nothing that is stored was ever retracted.
    pub insertions_only: bool,
    pub scratch: &'a mut Scratch,
}

impl<K: Key> Arrangement<K> {
    /// Opens the share of `worker` of `workers` in the runs that a manifest names. The runs may
    /// have been written by any number of workers.
    ///
    /// # Errors
    /// If a run is missing, unreadable or damaged.
    pub fn open(
        dir: &Path,
        index: &str,
        worker: usize,
        workers: usize,
        runs: &[RunMeta],
    ) -> Result<Arrangement<K>, Error> {
        let keys = KeyRange::of(worker, workers);
        let mut open = Vec::new();
        for meta in runs.iter().filter(|meta| meta.keys.intersection(keys).is_some()) {
            open.extend(Run::open(dir, meta)?.part(keys)?);
        }
        Ok(Arrangement {
            dir: dir.to_owned(),
            index: index.to_owned(),
            worker,
            keys,
            runs: open,
            merges: Vec::new(),
            epoch: 0,
            addition: None,
            files: 0,
            unreported: BTreeSet::new(),
            scratch: Scratch::default(),
        })
    }

    /// Returns a function that makes empty batches for updates to this share. Each keeps about
    /// `limit` bytes in memory.
    pub fn batches(&self, limit: usize) -> impl Fn() -> Batch<K> + use<K> {
        let name = format!("{}-{:04}.spill", self.index, self.worker);
        let (keys, path) = (self.keys, self.dir.join(name));
        move || Batch::new(keys, limit, path.clone())
    }

    /// Adds the next part of an epoch's updates, appends the changes of the duplicates to `facts`, and
    /// advances the merges. Returns whether the epoch is complete; if not, call it again. Then `batch`
    /// is empty and its updates are in durable runs, which become part of the corpus once a manifest
    /// names them. An epoch number is used once in the life of an index.
    ///
    /// # Errors
    /// If a file cannot be read or written, or is damaged.
    pub fn apply(
        &mut self,
        epoch: u64,
        batch: &mut Batch<K>,
        rule: &Rule,
        facts: &mut Facts<K>,
    ) -> Result<bool, Error> {
        self.add(epoch, batch, |part, lookups| match part {
            Part::Insertions(part) if lookups.insertions_only && rule.keeps_first_of_all() => {
                changes_by_insertions(part, lookups.cursors, lookups.scratch, facts)
            }
            part => changes(&part.updates(), lookups.cursors, rule, facts),
        })
    }

    /// As [`Arrangement::apply`], but appends to `pairs` each inserted ref with the smaller ones of the
    /// `first` smallest refs that have its key afterwards. Passes all updates to `each`.
    ///
    /// # Errors
    /// If a file cannot be read or written, or is damaged.
    pub fn apply_pairs(
        &mut self,
        epoch: u64,
        batch: &mut Batch<K>,
        first: usize,
        pairs: &mut Pairs,
        mut each: impl FnMut(Update<K>),
    ) -> Result<bool, Error> {
        self.add(epoch, batch, |part, lookups| {
            match part {
                Part::Insertions(part) => part.iter().for_each(|&(key, at)| each((key, at, 1))),
                Part::Updates(part) => part.iter().for_each(|update| each(*update)),
            }
            earlier::pairs(part, lookups, first, pairs)
        })
    }

    /// As [`Arrangement::apply`], without looking anything up.
    ///
    /// # Errors
    /// If a file cannot be read or written, or is damaged.
    pub fn store(&mut self, epoch: u64, batch: &mut Batch<K>) -> Result<bool, Error> {
        self.add(epoch, batch, |_, _| Ok(()))
    }

    /// Adds the next part of an epoch's updates, and passes each part of it to `each` before.
    fn add(
        &mut self,
        epoch: u64,
        batch: &mut Batch<K>,
        mut each: impl FnMut(&Part<'_, K>, &mut Lookups<'_, K>) -> Result<(), Error>,
    ) -> Result<bool, Error> {
        let mut addition = match self.addition.take() {
            Some(addition) => addition,
            None => self.begin(epoch, batch.len()),
        };
        let Addition { cursors, again, insertions_only, writer } = &mut addition;
        let insertions_only = *insertions_only;
        let mut added = 0;
        while added < PART {
            let Some(part) = batch.next_part()? else {
                let writer = writer.take();
                writer.map_or(Ok(()), |writer| self.add_run(writer.finish(self.keys)?))?;
                self.advance_merges(added as u64)?;
                return Ok(true);
            };
            let writer = match writer {
                Some(writer) => writer,
                None => writer.insert(RunWriter::create(&self.next_path())?),
            };
            let scratch = &mut self.scratch;
            each(&part, &mut Lookups { cursors, again, insertions_only, scratch })?;
            match part {
                Part::Insertions(part) => {
                    part.iter().try_for_each(|&(key, at)| writer.push((key, at, 1)))?;
                    added += part.len();
                }
                Part::Updates(part) => {
                    part.iter().try_for_each(|update| writer.push(*update))?;
                    added += part.len();
                }
            }
        }
        self.addition = Some(addition);
        self.advance_merges(added as u64)?;
        Ok(false)
    }

    fn begin(&mut self, epoch: u64, updates: usize) -> Addition<K> {
        (self.epoch, self.files) = (epoch, 0);
        let cursors = |keys| self.runs.iter().map(|run| Cursor::new(run.clone(), keys)).collect();
        Addition {
            cursors: cursors(updates),
            again: cursors(1),
            insertions_only: !self.runs.iter().any(|run| run.meta.retractions),
            writer: None,
        }
    }

    /// Returns lookups in what is stored now.
    pub fn search(&self) -> Search<K> {
        Search::of_runs(self.runs.iter().cloned(), Rule::first_of_all())
    }

    /// Adds all updates of an epoch, sorted and consolidated, without looking anything up.
    ///
    /// # Errors
    /// If a file cannot be read or written, or is damaged.
    pub fn append(&mut self, epoch: u64, updates: &[Update<K>]) -> Result<(), Error> {
        (self.epoch, self.files) = (epoch, 0);
        if updates.is_empty() {
            return Ok(());
        }
        let mut writer = RunWriter::create(&self.next_path())?;
        updates.iter().try_for_each(|update| writer.push(*update))?;
        self.add_run(writer.finish(self.keys)?)?;
        self.advance_merges(updates.len() as u64)
    }

    fn add_run(&mut self, meta: RunMeta) -> Result<(), Error> {
        self.unreported.insert(meta.name.clone());
        self.runs.push(Run::open(&self.dir, &meta)?);
        loop {
            let free: Vec<&Run<K>> =
                self.runs.iter().filter(|run| !self.merges.iter().any(|m| m.reads(run))).collect();
            let Some(inputs) = choose(&free) else { return Ok(()) };
            let path = self.next_path();
            self.merges.push(Merge::new(inputs, self.keys, path)?);
        }
    }

    /// Advances each merge by the fuel of `updates` added updates.
    fn advance_merges(&mut self, updates: u64) -> Result<(), Error> {
        let mut place = 0;
        while place < self.merges.len() {
            match self.merges[place].step(updates * FUEL)? {
                Step::Done => {
                    let merge = self.merges.swap_remove(place);
                    self.replace_inputs(merge)?;
                }
                Step::OutOfFuel => place += 1,
            }
        }
        Ok(())
    }

    /// Ends `merge`: replaces what it has read with what it has written.
    fn replace_inputs(&mut self, merge: Merge<K>) -> Result<(), Error> {
        let (inputs, merged) = merge.finish()?;
        self.replace(&inputs, merged.rest)?;
        merged.run.map_or(Ok(()), |meta| self.add_run(meta))
    }

    /// Removes the inputs of a merge, but for the keys that it did not reach.
    fn replace(&mut self, inputs: &[Run<K>], rest: Option<KeyRange>) -> Result<(), Error> {
        for input in inputs {
            // Two parts of one file are two runs.
            self.runs.retain(|run| run.meta != input.meta);
            match rest.map(|rest| input.part(rest)).transpose()?.flatten() {
                Some(rest) => self.runs.push(rest),
                // A run that was ever reported may be in a manifest.
                None if self.unreported.remove(&input.meta.name) => {
                    let path = self.dir.join(&input.meta.name);
                    durable::remove_file(&path).map_err(Error::io(&path))?;
                }
                None => {}
            }
        }
        Ok(())
    }

    /// Ends the merges in progress, so that the share can be closed. The merged part becomes a run;
    /// the rest of the inputs is left for the next time that the share is open.
    ///
    /// # Errors
    /// If a file cannot be read or written, or is damaged.
    pub fn settle(&mut self) -> Result<(), Error> {
        self.settle_by(SPLIT_MIN)
    }

    fn settle_by(&mut self, split_min: u64) -> Result<(), Error> {
        while let Some(mut merge) = self.merges.pop() {
            if merge.left() <= split_min {
                merge.step(u64::MAX)?;
            } else if merge.done() < split_min {
                merge.discard()?;
                continue;
            }
            self.replace_inputs(merge)?;
        }
        Ok(())
    }

    /// Names are used once: index, epoch, worker, and a number within these.
    fn next_path(&mut self) -> PathBuf {
        self.files += 1;
        let (index, epoch, worker) = (&self.index, self.epoch, self.worker);
        self.dir.join(format!("{index}-{epoch:08}-{worker:04}-{:02}.run", self.files))
    }

    /// Returns every update that is stored now. The updates of one pair may come in several parts.
    ///
    /// # Errors
    /// The iterator yields an error if a run cannot be read, or is damaged.
    pub fn updates(&self) -> Updates<K> {
        Updates { runs: self.runs.clone().into_iter(), reader: None }
    }

    /// Merges all runs into one, if any of them has retractions: until these meet what they retract,
    /// they take space, and lookups need more time. Merges in progress must be settled.
    ///
    /// # Errors
    /// If a file cannot be read or written, or is damaged.
    pub fn compact(&mut self, epoch: u64) -> Result<(), Error> {
        (self.epoch, self.files) = (epoch, 0);
        let mut is_one = false;
        // A single run may be a part of a file that has retractions.
        while !is_one && self.runs.iter().any(|run| run.meta.retractions) {
            is_one = self.runs.len() <= FANOUT;
            let mut runs: Vec<&Run<K>> = self.runs.iter().collect();
            runs.sort_by_key(|run| run.meta.entries);
            let inputs = runs.into_iter().take(FANOUT).cloned().collect();
            let mut merge = Merge::new(inputs, self.keys, self.next_path())?;
            merge.step(u64::MAX)?;
            let (inputs, merged) = merge.finish()?;
            self.replace(&inputs, merged.rest)?;
            if let Some(meta) = merged.run {
                self.unreported.insert(meta.name.clone());
                self.runs.push(Run::open(&self.dir, &meta)?);
            }
        }
        Ok(())
    }

    /// Returns the current runs of this share, for a manifest.
    pub fn runs(&mut self) -> Vec<RunMeta> {
        self.unreported.clear();
        self.runs.iter().map(|run| run.meta.clone()).collect()
    }
}

/// Every update of a share, run by run.
pub struct Updates<K: Key> {
    runs: std::vec::IntoIter<Run<K>>,
    reader: Option<Reader<K>>,
}

impl<K: Key> Iterator for Updates<K> {
    type Item = Result<Update<K>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(reader) = &mut self.reader
                && let Some(update) = reader.peek()
            {
                return Some(reader.step().map(|()| update));
            }
            match Reader::new(self.runs.next()?) {
                Ok(reader) => self.reader = Some(reader),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

#[cfg(test)]
mod tests;
