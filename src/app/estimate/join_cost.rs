//! What a sample cannot see of the dedup-join: its cost per key grows with what is stored, by
//! look-ups in more runs and by merges, and the size of a stored key depends on how many there are.
//! Both are measured on this machine with the arrangement itself, and continued by its rule.

use crate::machine::cpu_seconds;
use anyhow::Result;
use arrangement::{Arrangement, KeyRange, Rule, RunWriter, STORED_PER_UPDATE};
use document::DocRef;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::path::Path;

/// Runs that are merged into one; see `arrangement`.
const MERGED: usize = 8;

/// Keys of an epoch in the measurement.
const EPOCH_KEYS: u64 = 1 << 15;

/// Keys of the large run in the measurement: enough for each key to be looked up by its filter.
const STORED_KEYS: u64 = 1 << 20;

/// Epochs that are counted one by one.
const EPOCHS_MAX: f64 = (1 << 20) as f64;

/// Keys of an epoch of which each is alone on a page of the large run.
const SPARSE_KEYS: u64 = 1 << 9;

/// Keys of a page.
const PAGE_KEYS: f64 = 1024.0;

/// Measurements, of which the fastest counts.
const TIMES: usize = 3;

/// CPU seconds for each key.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct JoinCost {
    /// To merge it once.
    pub merge: f64,
    /// To look it up in one more run.
    pub look_up: f64,
    /// To read the filter of one page of a run: in a run that is much larger than the epoch, each key
    /// needs one of its own. From the page cache: a disk takes longer.
    pub filter: f64,
    /// To read a page after its filter, because the key is there.
    pub page: f64,
}

/// Work of the join of one worker, in keys.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct JoinWork {
    /// Keys written again by merges.
    pub merged: f64,
    /// Keys looked up, for each run.
    pub looked_up: f64,
    /// Filters read.
    pub filters: f64,
}

impl JoinCost {
    /// Measures this machine, with files in `dir`.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn measure(dir: &Path) -> Result<JoinCost> {
        let most = f64::INFINITY;
        let mut best = JoinCost { merge: most, look_up: most, filter: most, page: most };
        for time in 0..TIMES {
            let folder = dir.join(format!("join-{time}"));
            std::fs::create_dir_all(&folder)?;
            let mut numbers = ChaCha8Rng::seed_from_u64(time as u64);
            best.merge = best.merge.min(merge(&folder, &mut numbers)?);
            let large = Added::measure(&folder, "large", STORED_KEYS, &mut numbers)?;
            let empty = Added::measure(&folder, "empty", 0, &mut numbers)?;
            // A key of 32 on a page pays for a part of its filter.
            let (dense, sparse) =
                ((large.dense - empty.dense).max(0.0), (large.sparse - empty.sparse).max(0.0));
            best.page = best.page.min((large.stored - large.sparse).max(0.0));
            let part = STORED_KEYS as f64 / EPOCH_KEYS as f64 / PAGE_KEYS;
            let filter = ((sparse - dense) / (1.0 - part)).max(0.0);
            best.filter = best.filter.min(filter);
            best.look_up = best.look_up.min((dense - part * filter).max(0.0));
            std::fs::remove_dir_all(&folder)?;
        }
        Ok(best)
    }

    /// CPU seconds of some work. A share of `repeats` of the keys is found.
    pub fn of(&self, work: JoinWork, repeats: f64) -> f64 {
        let read = self.filter + repeats * self.page;
        self.merge * work.merged + self.look_up * work.looked_up + read * work.filters
    }
}

fn sorted(numbers: &mut ChaCha8Rng, keys: u64) -> Vec<(u64, u64, i64)> {
    let mut updates: Vec<_> = (0..keys).map(|at| (numbers.random(), at, 1)).collect();
    updates.sort_unstable();
    updates
}

/// CPU seconds of a merge of eight runs, for each key. It takes place when the eighth is appended.
fn merge(dir: &Path, numbers: &mut ChaCha8Rng) -> Result<f64> {
    let mut stored = Arrangement::<u64>::open(dir, "merge", 0, 1, &[])?;
    let (mut first, mut last) = (f64::INFINITY, 0.0);
    for epoch in 0..MERGED as u64 {
        let updates = sorted(numbers, EPOCH_KEYS);
        let before = cpu_seconds();
        stored.append(epoch, &updates)?;
        (first, last) = (first.min(cpu_seconds() - before), cpu_seconds() - before);
    }
    Ok((last - first).max(0.0) / (MERGED as u64 * EPOCH_KEYS) as f64)
}

/// CPU seconds to add an epoch to a run, for each key.
struct Added {
    /// With many keys for each page of the run.
    dense: f64,
    /// With few, none of them in the run.
    sparse: f64,
    /// With few, all of them in the run.
    stored: f64,
}

impl Added {
    fn measure(dir: &Path, name: &str, keys: u64, numbers: &mut ChaCha8Rng) -> Result<Added> {
        let mut stored = Arrangement::<u64>::open(dir, name, 0, 1, &[])?;
        let known = sorted(numbers, keys);
        if keys > 0 {
            stored.append(1, &known)?;
        }
        let runs = stored.runs();
        let add = |epoch: u64, keys: &[u64]| -> Result<f64> {
            let mut stored = Arrangement::<u64>::open(dir, name, 0, 1, &runs)?;
            let mut batch = stored.batches(usize::MAX)();
            batch.extend(keys.iter().zip(1 << 40..).map(|(key, at)| (*key, at, 1)))?;
            let (rule, mut facts, before) = (Rule::first_of_all(), Vec::new(), cpu_seconds());
            while !stored.apply(epoch, &mut batch, &rule, &mut facts)? {}
            Ok((cpu_seconds() - before) / keys.len().max(1) as f64)
        };
        let mut random = |count: u64| (0..count).map(|_| numbers.random()).collect::<Vec<u64>>();
        let (dense, sparse) = (random(EPOCH_KEYS), random(SPARSE_KEYS));
        let step = (known.len() / SPARSE_KEYS as usize).max(1);
        let again: Vec<u64> = known.iter().step_by(step).map(|update| update.0).collect();
        Ok(Added { dense: add(2, &dense)?, sparse: add(3, &sparse)?, stored: add(4, &again)? })
    }
}

/// Keys of the epochs of a worker: a part of what is stored, between these two.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EpochKeys {
    pub least: f64,
    pub most: f64,
}

impl EpochKeys {
    fn after(self, stored: f64) -> f64 {
        (stored / STORED_PER_UPDATE as f64).min(self.most).max(self.least).max(1.0)
    }
}

/// Returns the work of a worker that adds `keys` in `epochs`, to `stored` keys.
pub(crate) fn work(stored: f64, keys: f64, epochs: EpochKeys) -> JoinWork {
    let mut runs = Runs::of(stored, epochs.least);
    let (mut work, mut added) = (JoinWork::default(), 0.0);
    while added < keys {
        let epoch = epochs.after(stored + added).min(keys - added);
        if (keys - added) / epoch > EPOCHS_MAX {
            // Each tier has three or four runs on average, and each key passes all of them.
            let tiers = ((stored + keys) / epoch).log(MERGED as f64).floor();
            let runs = (MERGED - 1) as f64 / 2.0 * tiers;
            let large = (tiers - PAGE_KEYS.log(MERGED as f64)).max(0.0);
            let filters = (MERGED - 1) as f64 / 2.0 * large;
            return JoinWork {
                merged: keys * tiers,
                looked_up: keys * runs,
                filters: keys * filters,
            };
        }
        for size in runs.tiers.iter().flatten() {
            work.looked_up += epoch;
            work.filters += epoch * f64::min(1.0, size / epoch / PAGE_KEYS);
        }
        work.merged += runs.add(epoch);
        added += epoch;
    }
    work
}

/// The sizes of stored runs, by tier.
struct Runs {
    unit: f64,
    tiers: Vec<Vec<f64>>,
}

impl Runs {
    /// The runs that epochs of `unit` keys leave.
    fn of(stored: f64, unit: f64) -> Runs {
        let unit = unit.max(1.0);
        let (mut runs, mut size) = (Runs { unit, tiers: Vec::new() }, unit);
        // As many of each size as a digit says, to the base of 8.
        let mut epochs = (stored / unit) as u64;
        while epochs > 0 {
            runs.tiers.push(vec![size; epochs as usize % MERGED]);
            (epochs, size) = (epochs / MERGED as u64, size * MERGED as f64);
        }
        runs
    }

    /// Adds a run. Returns how many keys are merged because of it.
    fn add(&mut self, mut size: f64) -> f64 {
        let mut merged = 0.0;
        loop {
            let tier = (size / self.unit).log(MERGED as f64).max(0.0) as usize;
            let tiers = self.tiers.len().max(tier + 1);
            self.tiers.resize(tiers, Vec::new());
            self.tiers[tier].push(size);
            if self.tiers[tier].len() < MERGED {
                return merged;
            }
            size = self.tiers[tier].drain(..).sum();
            merged += size;
        }
    }
}

/// Returns the bytes that a stored key takes in a run of `keys` of `workers`, whose documents are in
/// `labels` labels with `sources` sources of `records` records each. Measured on a run of a part of
/// the keys, as dense as the whole.
///
/// # Errors
/// If a file cannot be written.
pub(crate) fn bytes_per_key(
    dir: &Path,
    keys: f64,
    workers: usize,
    (labels, sources, records): (u64, u64, u64),
) -> Result<f64> {
    let run = (keys / workers.max(1) as f64).max(1.0);
    let wanted = run.min(EPOCH_KEYS as f64) as u64;
    let range = (u64::MAX as f64 / workers.max(1) as f64 * (wanted as f64 / run)) as u64;
    let mut numbers = ChaCha8Rng::seed_from_u64(7);
    let mut updates: Vec<(u64, u64, i64)> = (0..wanted)
        .map(|_| {
            let label = numbers.random_range(0..labels.clamp(1, DocRef::LABELS_MAX));
            let source = numbers.random_range(0..sources.clamp(1, DocRef::SOURCES_MAX));
            let record = numbers.random_range(0..records.clamp(1, DocRef::RECORDS_MAX));
            let at = DocRef::new(label, source, record).0;
            (numbers.random_range(0..range.max(1)), at, 1)
        })
        .collect();
    arrangement::consolidate(&mut updates);
    let path = dir.join("bytes.run");
    let mut writer = RunWriter::<u64>::create(&path)?;
    updates.iter().try_for_each(|update| writer.push(*update))?;
    let meta = writer.finish(KeyRange::ALL)?;
    std::fs::remove_file(&path)?;
    Ok(meta.bytes as f64 / meta.entries.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn equal(keys: f64) -> EpochKeys {
        EpochKeys { least: keys, most: keys }
    }

    #[test]
    fn the_work_of_an_epoch_grows_with_what_is_stored() {
        // The first epoch looks nothing up and merges nothing.
        assert_eq!(work(0.0, 10.0, equal(10.0)), JoinWork::default());
        // The eighth run begins a merge of eight; 0 + 1 + .. + 7 runs are looked up in.
        let eight = work(0.0, 80.0, equal(10.0));
        assert_eq!((eight.merged, eight.looked_up), (80.0, 280.0));
        // 64 epochs: each key is merged twice.
        assert_eq!(work(0.0, 640.0, equal(10.0)).merged, 2.0 * 640.0);
        // History of seven runs of the second tier.
        let later = work(560.0, 10.0, equal(10.0));
        assert_eq!((later.merged, later.looked_up), (0.0, 70.0));
        // In a run of a thousand pages for each key, each needs a filter of its own.
        assert_eq!(work(8f64.powi(5), 1.0, equal(1.0)).filters, 1.0);
        assert!(work(8.0, 1.0, equal(1.0)).filters < 0.01);
        // Very many are not counted one by one, and come to about the same.
        let many = [1 << 20, (1 << 20) + 1].map(|epochs| work(0.0, f64::from(epochs), equal(1.0)));
        assert!((many[0].merged / many[1].merged - 1.0).abs() < 0.3, "{many:?}");
        assert!((many[0].looked_up / many[1].looked_up - 1.0).abs() < 0.3, "{many:?}");
    }

    #[test]
    fn epochs_that_grow_make_less_work() {
        let of = |most| {
            let work = work(0.0, 1e6, EpochKeys { least: 1.0, most });
            (work.looked_up, work.merged, work.filters)
        };
        let (equal, some, growing) = (of(1.0), of(100.0), of(1e9));
        assert!(equal.0 > some.0 && some.0 > growing.0, "{equal:?} {some:?} {growing:?}");
        assert!(equal.1 > some.1 && some.1 > growing.1, "{equal:?} {some:?} {growing:?}");
        assert!(equal.2 > some.2 && growing.2 < 1e5, "{equal:?} {some:?} {growing:?}");
    }

    #[test]
    fn costs_are_measured_and_a_key_takes_some_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let cost = JoinCost::measure(dir.path()).unwrap();
        println!("{cost:?}");
        let all = [cost.merge, cost.look_up, cost.filter, cost.page];
        assert!(cost.merge > 0.0 && all.iter().all(|seconds| *seconds < 1e-4), "{cost:?}");
        let bytes = |keys, refs| bytes_per_key(dir.path(), keys, 2, refs).unwrap();
        let (few, many) = (bytes(1e6, (1, 10, 1000)), bytes(1e9, (1, 10, 1000)));
        assert!(few > many && many > 4.0 && few < 16.0, "{few} {many}");
        assert!(bytes(1e6, (10, 90_000, 50_000)) > few + 2.0);
    }
}
