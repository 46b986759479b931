//! All the runs of one index that one worker owns.

use crate::duplicates::{Facts, changes, changes_by_insertions};
use crate::key::{Batch, Key, KeyRange, Update};
use crate::merge::{choose, merge};
use crate::run::{Cursor, Run, RunMeta, RunWriter};
use crate::{Error, Rule};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One worker's share of an index: every update ever made to the keys it owns, on disk.
///
/// Memory: the page indexes of its runs (24 bytes for 1,024 updates of 64-bit keys), one decoded
/// page a run while a batch is looked up, and the batch.
pub struct Arrangement<K: Key> {
    dir: PathBuf,
    index: String,
    worker: usize,
    keys: KeyRange,
    runs: Vec<Arc<Run<K>>>,
    epoch: u64,
    /// Names of the runs written in that epoch.
    written: Vec<String>,
    /// Room for look-ups, kept from epoch to epoch.
    stored: Vec<(u64, i64)>,
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
        for meta in runs {
            if let Some(keys) = meta.keys.intersection(keys) {
                open.push(Arc::new(Run::open(dir, &RunMeta { keys, ..meta.clone() })?));
            }
        }
        Ok(Arrangement {
            dir: dir.to_owned(),
            index: index.to_owned(),
            worker,
            keys,
            runs: open,
            epoch: 0,
            written: Vec::new(),
            stored: Vec::new(),
        })
    }

    /// Adds an epoch's updates and gives the changes of the duplicates. When it returns, the
    /// updates are in durable runs; they count once a manifest names those.
    ///
    /// An epoch number is used once in the life of an index.
    pub fn apply(
        &mut self,
        epoch: u64,
        batch: &mut Batch<K>,
        rule: &Rule,
        facts: &mut Facts<K>,
    ) -> Result<(), Error> {
        batch.sort();
        let mut cursors = self.cursors()?;
        let plain = rule.keeps_first_of_all() && self.runs.iter().all(|r| !r.meta.retractions);
        match batch.only_insertions() {
            Some(insertions) if plain => {
                changes_by_insertions(insertions, &mut cursors, &mut self.stored, facts)?;
            }
            _ => {
                let updates: Vec<Update<K>> = batch.updates().collect();
                changes(&updates, &mut cursors, rule, facts)?;
            }
        }
        self.append(epoch, batch.updates())
    }

    /// Adds an epoch's updates, sorted and consolidated already, and looks nothing up.
    pub fn append(
        &mut self,
        epoch: u64,
        updates: impl IntoIterator<Item = Update<K>>,
    ) -> Result<(), Error> {
        (self.epoch, self.written) = (epoch, Vec::new());
        let mut updates = updates.into_iter().peekable();
        if updates.peek().is_none() {
            return Ok(());
        }
        let mut writer = RunWriter::create(&self.next_path())?;
        for update in updates {
            let owned = (self.keys.first..=self.keys.last).contains(&update.0.high());
            debug_assert!(owned, "an update went to a worker that does not own its key");
            writer.push(update)?;
        }
        let meta = writer.finish(self.keys)?;
        self.runs.push(Arc::new(Run::open(&self.dir, &meta)?));
        while let Some(places) = choose(&self.runs) {
            self.merge(&places)?;
        }
        Ok(())
    }

    fn merge(&mut self, places: &[usize]) -> Result<(), Error> {
        let merged: Vec<_> = places.iter().map(|&place| self.runs[place].clone()).collect();
        let meta = merge(&merged, self.keys, &self.next_path())?;
        self.runs.retain(|run| !merged.iter().any(|gone| Arc::ptr_eq(gone, run)));
        if let Some(meta) = meta {
            self.runs.push(Arc::new(Run::open(&self.dir, &meta)?));
        }
        // Earlier runs may stand in a manifest; those of this epoch are known to nobody yet.
        for run in merged.iter().filter(|run| self.written.contains(&run.meta.name)) {
            let path = self.dir.join(&run.meta.name);
            std::fs::remove_file(&path).map_err(Error::io(&path))?;
        }
        Ok(())
    }

    /// Names are used once: index, epoch, worker, and a number within those.
    fn next_path(&mut self) -> PathBuf {
        let number = self.written.len() + 1;
        let (index, epoch, worker) = (&self.index, self.epoch, self.worker);
        let name = format!("{index}-{epoch:08}-{worker:04}-{number:02}.run");
        self.written.push(name.clone());
        self.dir.join(name)
    }

    fn cursors(&self) -> Result<Vec<Cursor<K>>, Error> {
        let mut cursors = Vec::with_capacity(self.runs.len());
        for run in &self.runs {
            cursors.extend(Cursor::new(run.clone(), self.keys)?);
        }
        Ok(cursors)
    }

    /// Hands every stored update to `each`; those of one pair may come in several parts.
    pub fn scan(&self, mut each: impl FnMut(Update<K>)) -> Result<(), Error> {
        for mut cursor in self.cursors()? {
            while let Some(update) = cursor.peek() {
                each(update);
                cursor.step()?;
            }
        }
        Ok(())
    }

    /// The runs that are this share now, each with the keys that are meant.
    pub fn runs(&self) -> Vec<RunMeta> {
        self.runs.iter().map(|run| run.meta.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Copies, Scope, owner};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

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
                    let mut mine = Batch::new();
                    mine.extend(
                        batch.iter().copied().filter(|u| owner(u.0, workers) == worker),
                    );
                    let mut share =
                        Arrangement::<u64>::open(dir.path(), "p", worker, workers, &runs).unwrap();
                    share.apply(epoch as u64, &mut mine, &rule, &mut facts).unwrap();
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
    fn a_first_copy_that_counts_twice_becomes_two_facts() {
        let dir = tempfile::tempdir().unwrap();
        let mut share = Arrangement::<u64>::open(dir.path(), "p", 0, 1, &[]).unwrap();
        let (rule, mut facts) = (Rule::first_of_all(), Vec::new());
        for (epoch, at) in [(0, 9), (1, 9), (2, 5)] {
            let mut batch = Batch::new();
            batch.extend([(7, at, 1)]);
            share.apply(epoch, &mut batch, &rule, &mut facts).unwrap();
        }
        assert_eq!(facts, [(9, 7, 2)]);
    }

    #[test]
    fn runs_stay_few_and_a_missing_one_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let mut share = Arrangement::<u64>::open(dir.path(), "p", 0, 1, &[]).unwrap();
        let rule = Rule::first_of_all();
        for epoch in 0..100u64 {
            let mut batch = Batch::new();
            batch.extend((0..50).map(|i| {
                ((epoch * 50 + i).wrapping_mul(0x9E37_79B9_7F4A_7C15), epoch * 50 + i, 1)
            }));
            share.apply(epoch, &mut batch, &rule, &mut Vec::new()).unwrap();
        }
        let runs = share.runs();
        assert!(runs.len() <= 12, "{} runs", runs.len());
        assert_eq!(runs.iter().map(|run| run.entries).sum::<u64>(), 5000);
        // A run that was merged in the epoch that wrote it was never reported: it goes at once.
        let left = |epoch: &str| {
            let names = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name());
            names.filter(|name| name.to_string_lossy().contains(epoch)).count()
        };
        assert_eq!((left("-00000003-"), left("-00000099-")), (1, 1));
        std::fs::remove_file(dir.path().join(&runs[0].name)).unwrap();
        let error = Arrangement::<u64>::open(dir.path(), "p", 0, 1, &runs).err().unwrap();
        assert!(error.to_string().contains(&runs[0].name), "{error}");
    }
}
