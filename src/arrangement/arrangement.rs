//! All the runs of one index that one worker owns.

use crate::batch::{Batch, Part};
use crate::cursor::{Cursor, Reader};
use crate::duplicates::{Facts, Room, changes, changes_by_insertions};
use crate::key::{Key, KeyRange, Update};
use crate::merge::{Merge, choose};
use crate::run::{Run, RunMeta, RunWriter};
use crate::{Error, Rule};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Updates that one call of [`Arrangement::apply`] takes in: some milliseconds of work.
const STEP: usize = 1 << 16;

/// Updates that each merge under way goes on by for every update taken in. With one, a tier would
/// be merged just when the next runs to fill it are there.
const MERGE_PACE: u64 = 8;

/// A merge is not cut short, or given up, for less than so many updates.
const MERGE_MIN: u64 = 1 << 18;

/// One worker's share of an index: every update ever made to the keys it owns, on disk.
///
/// Memory: the page indexes of its runs (40 bytes for 1,024 updates of 64-bit keys), a page and a
/// filter a run while a batch is looked up, and the batch.
pub struct Arrangement<K: Key> {
    dir: PathBuf,
    index: String,
    worker: usize,
    keys: KeyRange,
    runs: Vec<Run<K>>,
    /// Each of runs of its own. Look-ups see those runs until the merge is done.
    merges: Vec<Merge<K>>,
    /// The epoch that is being taken in, or was last.
    epoch: u64,
    taking_in: Option<TakingIn<K>>,
    /// Files begun in this epoch.
    files: usize,
    /// Runs written since [`Arrangement::runs`] was last asked: nobody else knows them.
    unknown: BTreeSet<String>,
    room: Room,
}

/// An epoch on its way in.
struct TakingIn<K: Key> {
    /// What was stored when it began.
    cursors: Vec<Cursor<K>>,
    /// The rule and what is stored allow [`changes_by_insertions`].
    insertions_only: bool,
    writer: Option<RunWriter<K>>,
}

impl<K: Key> Arrangement<K> {
    /// Opens the share of `worker` of `workers` in the runs that a manifest names. The runs may
    /// have been written by any number of workers.
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
            taking_in: None,
            files: 0,
            unknown: BTreeSet::new(),
            room: Room::default(),
        })
    }

    /// Makes empty batches for updates to this share, each of about `limit` bytes in memory.
    pub fn batches(&self, limit: usize) -> impl Fn() -> Batch<K> + use<K> {
        let name = format!("{}-{:04}.spill", self.index, self.worker);
        let (keys, path) = (self.keys, self.dir.join(name));
        move || Batch::new(keys, limit, path.clone())
    }

    /// Takes in the next part of an epoch's updates and adds the changes of the duplicates to
    /// `facts`; goes on with merges at the same pace. Called again until it says that the epoch is
    /// done: then `batch` is empty and its updates are in durable runs, which count once a manifest
    /// names them. An epoch number is used once in the life of an index.
    pub fn apply(
        &mut self,
        epoch: u64,
        batch: &mut Batch<K>,
        rule: &Rule,
        facts: &mut Facts<K>,
    ) -> Result<bool, Error> {
        let mut taking_in = match self.taking_in.take() {
            Some(taking_in) => taking_in,
            None => self.begin(epoch, rule, batch.len()),
        };
        let TakingIn { cursors, insertions_only, writer } = &mut taking_in;
        let mut taken = 0;
        while taken < STEP {
            let Some(part) = batch.next_part()? else {
                let writer = writer.take();
                writer.map_or(Ok(()), |writer| self.add_run(writer.finish(self.keys)?))?;
                self.go_on_merging(taken as u64)?;
                return Ok(true);
            };
            let writer = match writer {
                Some(writer) => writer,
                None => writer.insert(RunWriter::create(&self.next_path())?),
            };
            match part {
                Part::Insertions(part) if *insertions_only => {
                    changes_by_insertions(part, cursors, &mut self.room, facts)?;
                    part.iter().try_for_each(|&(key, at)| writer.push((key, at, 1)))?;
                    taken += part.len();
                }
                part => {
                    let part = part.updates();
                    changes(&part, cursors, rule, facts)?;
                    part.iter().try_for_each(|update| writer.push(*update))?;
                    taken += part.len();
                }
            }
        }
        self.taking_in = Some(taking_in);
        self.go_on_merging(taken as u64)?;
        Ok(false)
    }

    fn begin(&mut self, epoch: u64, rule: &Rule, updates: usize) -> TakingIn<K> {
        (self.epoch, self.files) = (epoch, 0);
        let retractions = self.runs.iter().any(|run| run.meta.retractions);
        TakingIn {
            cursors: self.runs.iter().map(|run| Cursor::new(run.clone(), updates)).collect(),
            insertions_only: rule.keeps_first_of_all() && !retractions,
            writer: None,
        }
    }

    /// Adds an epoch's updates, sorted and consolidated already, and looks nothing up.
    pub fn append(&mut self, epoch: u64, updates: &[Update<K>]) -> Result<(), Error> {
        (self.epoch, self.files) = (epoch, 0);
        if updates.is_empty() {
            return Ok(());
        }
        let mut writer = RunWriter::create(&self.next_path())?;
        updates.iter().try_for_each(|update| writer.push(*update))?;
        self.add_run(writer.finish(self.keys)?)?;
        self.go_on_merging(updates.len() as u64)
    }

    fn add_run(&mut self, meta: RunMeta) -> Result<(), Error> {
        self.unknown.insert(meta.name.clone());
        self.runs.push(Run::open(&self.dir, &meta)?);
        loop {
            let free: Vec<&Run<K>> =
                self.runs.iter().filter(|run| !self.merges.iter().any(|m| m.takes(run))).collect();
            let Some(inputs) = choose(&free) else { return Ok(()) };
            let path = self.next_path();
            self.merges.push(Merge::new(inputs, self.keys, path)?);
        }
    }

    /// Goes on with each merge by a multiple of `updates`, so that the work that an epoch brings
    /// follows its size.
    fn go_on_merging(&mut self, updates: u64) -> Result<(), Error> {
        let mut place = 0;
        while place < self.merges.len() {
            match self.merges[place].step(updates * MERGE_PACE)? {
                true => {
                    let merge = self.merges.swap_remove(place);
                    self.put_in_place(merge)?;
                }
                false => place += 1,
            }
        }
        Ok(())
    }

    /// Puts what `merge` has written in the place of what it has read.
    fn put_in_place(&mut self, merge: Merge<K>) -> Result<(), Error> {
        let (inputs, merged) = merge.finish()?;
        for input in inputs {
            // Two parts of one file are two runs.
            self.runs.retain(|run| run.meta != input.meta);
            match merged.rest.map(|rest| input.part(rest)).transpose()?.flatten() {
                Some(rest) => self.runs.push(rest),
                // A run that was ever reported may stand in a manifest.
                None if self.unknown.remove(&input.meta.name) => {
                    let path = self.dir.join(&input.meta.name);
                    std::fs::remove_file(&path).map_err(Error::io(&path))?;
                }
                None => {}
            }
        }
        merged.run.map_or(Ok(()), |meta| self.add_run(meta))
    }

    /// Brings the merges under way to an end: the share may be closed after this. What is merged
    /// counts, and the rest is left to the next who opens it.
    pub fn settle(&mut self) -> Result<(), Error> {
        self.settle_by(MERGE_MIN)
    }

    fn settle_by(&mut self, worth_a_run: u64) -> Result<(), Error> {
        while let Some(mut merge) = self.merges.pop() {
            if merge.left() <= worth_a_run {
                merge.step(u64::MAX)?;
            } else if merge.done() < worth_a_run {
                merge.discard()?;
                continue;
            }
            self.put_in_place(merge)?;
        }
        Ok(())
    }

    /// Names are used once: index, epoch, worker, and a number within those.
    fn next_path(&mut self) -> PathBuf {
        self.files += 1;
        let (index, epoch, worker) = (&self.index, self.epoch, self.worker);
        self.dir.join(format!("{index}-{epoch:08}-{worker:04}-{:02}.run", self.files))
    }

    /// Hands every stored update to `each`; those of one pair may come in several parts.
    pub fn scan(&self, mut each: impl FnMut(Update<K>)) -> Result<(), Error> {
        for run in &self.runs {
            let mut reader = Reader::new(run.clone())?;
            while let Some(update) = reader.peek() {
                each(update);
                reader.step()?;
            }
        }
        Ok(())
    }

    /// The runs that are this share now, for a manifest.
    pub fn runs(&mut self) -> Vec<RunMeta> {
        self.unknown.clear();
        self.runs.iter().map(|run| run.meta.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Copies, Scope, owner};
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::sync::Arc;

    /// The definition, on a map that holds everything.
    #[derive(Default)]
    struct Plain(BTreeMap<(u64, u64), i64>);

    impl Plain {
        fn duplicates(&self, rule: &Rule) -> BTreeMap<(u64, u64), i64> {
            let mut all = BTreeMap::new();
            let live: Vec<_> = self.0.iter().filter(|(_, count)| **count != 0).collect();
            for key in live.chunk_by(|a, b| a.0.0 == b.0.0) {
                let refs: Vec<_> = key.iter().map(|(place, count)| (place.1, **count)).collect();
                rule.duplicates(&refs, |at, count| {
                    all.insert((at, key[0].0.0), count);
                });
            }
            all
        }
    }

    fn hash(number: u64) -> u64 {
        number.wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }

    /// One epoch, from start to end.
    fn add(
        share: &mut Arrangement<u64>,
        epoch: u64,
        updates: impl IntoIterator<Item = Update<u64>>,
        rule: &Rule,
        facts: &mut Facts<u64>,
    ) {
        let mut batch = share.batches(400)();
        batch.extend(updates).unwrap();
        while !share.apply(epoch, &mut batch, rule, facts).unwrap() {}
    }

    fn rule(copies: Copies, scope_bits: u32) -> Rule {
        match scope_bits {
            64 => Rule { copies, scope: Scope::Everything },
            _ => {
                let start = move |at| at >> scope_bits << scope_bits;
                Rule { copies, scope: Scope::Ranges(Arc::new(start)) }
            }
        }
    }

    /// How many workers there are in an epoch, and what comes: key, ref, and whether to retract.
    type EpochOfTest = (usize, Vec<(u64, u64, bool)>);

    /// Few keys, spread over the workers' ranges; few refs, in several scopes; one heavy key.
    fn epochs() -> impl Strategy<Value = Vec<EpochOfTest>> {
        let update = (prop_oneof![Just(7u64), 0u64..12], 0u64..40, any::<bool>());
        prop::collection::vec((1usize..5, prop::collection::vec(update, 0..40)), 1..12)
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 256,
            failure_persistence: None,
            ..ProptestConfig::default()
        })]
        #[test]
        fn facts_are_those_of_the_definition_over_restarts_and_rescales(
            epochs in epochs(), none in any::<bool>(), scope_bits in prop_oneof![Just(3u32), Just(20), Just(64)],
            retracting in any::<bool>(),
        ) {
            let rule = rule(if none { Copies::None } else { Copies::First }, scope_bits);
            let dir = tempfile::tempdir().unwrap();
            let (mut plain, mut runs) = (Plain::default(), Vec::new());
            let mut expected = BTreeMap::new();
            for (epoch, (workers, updates)) in epochs.into_iter().enumerate() {
                // A retraction takes back a copy that is there; all else is an insertion.
                let mut batch = Vec::new();
                for (key, at, retract) in updates {
                    let key = key.wrapping_mul(u64::MAX / 12);
                    let count = plain.0.entry((key, at)).or_default();
                    let diff = if retract && retracting && *count > 0 { -1 } else { 1 };
                    *count += diff;
                    batch.push((key, at, diff));
                }
                let (mut facts, mut next_runs) = (Vec::new(), Vec::new());
                for worker in 0..workers {
                    let mine = batch.iter().copied().filter(|u| owner(u.0, workers) == worker);
                    let mut share =
                        Arrangement::<u64>::open(dir.path(), "p", worker, workers, &runs).unwrap();
                    add(&mut share, epoch as u64, mine, &rule, &mut facts);
                    share.settle_by(2).unwrap();
                    next_runs.extend(share.runs());
                }
                runs = next_runs;
                for (at, key, diff) in facts {
                    let count = expected.entry((at, key)).or_insert(0);
                    *count += diff;
                    if *count == 0 {
                        expected.remove(&(at, key));
                    }
                }
                prop_assert_eq!(&plain.duplicates(&rule), &expected);
            }
        }
    }

    #[test]
    fn a_key_of_a_million_documents_costs_no_more_than_its_changes() {
        let dir = tempfile::tempdir().unwrap();
        let mut share = Arrangement::<u64>::open(dir.path(), "p", 0, 1, &[]).unwrap();
        let (rule, mut facts) = (Rule::first_of_all(), Vec::new());
        for epoch in 0..4 {
            let copies = (0..250_000).map(|i| (7, epoch * 250_000 + i, 1));
            add(&mut share, epoch, copies, &rule, &mut facts);
        }
        assert_eq!(facts.len(), 999_999);
        // The first copy goes: the next one takes its place. All others stay what they are.
        facts.clear();
        add(&mut share, 4, [(7, 0, -1), (7, 900_000, -1)], &rule, &mut facts);
        facts.sort_unstable();
        assert_eq!(facts, [(1, 7, -1), (900_000, 7, -1)]);
    }

    #[test]
    fn a_first_copy_that_counts_twice_becomes_two_facts() {
        let dir = tempfile::tempdir().unwrap();
        let mut share = Arrangement::<u64>::open(dir.path(), "p", 0, 1, &[]).unwrap();
        let (rule, mut facts) = (Rule::first_of_all(), Vec::new());
        for (epoch, at) in [(0, 9), (1, 9), (2, 5)] {
            add(&mut share, epoch, [(7, at, 1)], &rule, &mut facts);
        }
        assert_eq!(facts, [(9, 7, 2)]);
    }

    /// A share to which 100 epochs of 50 updates were added, and its folder.
    fn of_many_epochs(reported: bool) -> (tempfile::TempDir, Arrangement<u64>) {
        let dir = tempfile::tempdir().unwrap();
        let mut share = Arrangement::<u64>::open(dir.path(), "p", 0, 1, &[]).unwrap();
        for epoch in 0..100u64 {
            let updates = (epoch * 50..(epoch + 1) * 50).map(|i| (hash(i), i, 1));
            add(&mut share, epoch, updates, &Rule::first_of_all(), &mut Vec::new());
            if reported {
                share.runs();
            }
        }
        share.settle().unwrap();
        (dir, share)
    }

    #[test]
    fn runs_stay_few_and_a_missing_one_is_named() {
        let (dir, mut share) = of_many_epochs(true);
        let runs = share.runs();
        assert!(runs.len() <= 20, "{} runs", runs.len());
        assert_eq!(runs.iter().map(|run| run.entries).sum::<u64>(), 5000);
        std::fs::remove_file(dir.path().join(&runs[0].name)).unwrap();
        let error = Arrangement::<u64>::open(dir.path(), "p", 0, 1, &runs).err().unwrap();
        assert!(error.to_string().contains(&runs[0].name), "{error}");
    }

    #[test]
    fn only_runs_that_nobody_knows_are_taken_away() {
        let files = |dir: &tempfile::TempDir| std::fs::read_dir(dir.path()).unwrap().count();
        let (dir, mut share) = of_many_epochs(false);
        assert_eq!(files(&dir), share.runs().len());
        let (dir, _share) = of_many_epochs(true);
        assert!(files(&dir) > 100, "each epoch's run may stand in a manifest");
    }

    #[test]
    fn a_merge_cut_short_is_gone_on_with_by_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let (rule, mut runs, mut read) = (Rule::first_of_all(), Vec::new(), 0);
        // A merge of the first eight reads 7,600 updates; the eighth pays for 4,800 of them.
        let counts = [1000, 1000, 1000, 1000, 1000, 1000, 1000, 600, 100, 100, 100];
        for (epoch, count) in (0u64..).zip(counts) {
            let mut share = Arrangement::<u64>::open(dir.path(), "p", 0, 1, &runs).unwrap();
            let updates = (0..count).map(|i| (hash(epoch * 1000 + i), epoch << 20 | i, 1));
            add(&mut share, epoch, updates, &rule, &mut Vec::new());
            share.settle_by(50).unwrap();
            runs = share.runs();
            read += count;
            assert_eq!(runs.iter().map(|run| run.entries).sum::<u64>(), read);
            let is_cut = runs.iter().any(|run| run.keys != KeyRange::ALL);
            assert_eq!(is_cut, epoch >= 7, "{runs:?}");
        }
        let share = Arrangement::<u64>::open(dir.path(), "p", 0, 1, &runs).unwrap();
        let mut stored = Vec::new();
        share.scan(|update| stored.push(update)).unwrap();
        crate::consolidate(&mut stored);
        assert_eq!(stored.len() as u64, read);
    }
}
