//! The updates of an epoch: collected, sorted, and spilled to disk if there are too many.

use crate::error::Error;
use crate::key::{Key, KeyRange, Update, consolidate};
use crate::spill::Spill;
use std::borrow::Cow;
use std::path::PathBuf;

/// Largest number of buckets. With some million updates in an epoch, each bucket is sorted and looked
/// up within the CPU cache.
const BUCKETS: u64 = 256;

/// Updates of a part, and those of its last key beyond that. What else the worker does waits for one part.
pub(crate) const PART: usize = 1 << 12;

/// The updates of an epoch. Nearly all are insertions of one copy, which are stored without their
/// diff: a third less to store and sort.
///
/// On arrival, updates are put into buckets by the high bits of their keys. This is the first pass of
/// a radix sort; later the epoch is processed bucket by bucket. Beyond the memory limit, the buckets
/// are written to an unnamed file as they are, and each bucket is later gathered from all such files. The
/// memory of the buckets is reused for the next epoch.
pub struct Batch<K: Key> {
    keys: KeyRange,
    shift: u32,
    limit: usize,
    spill_path: PathBuf,
    /// Insertions of one copy, by bucket.
    insertions: Vec<Vec<(K, u64)>>,
    /// All other updates.
    others: Vec<Update<K>>,
    /// Number of updates, and of those in memory.
    len: usize,
    held: usize,
    spilled: Vec<Spill<K>>,
    /// Scratch space.
    bytes: Vec<u8>,
    /// The next bucket to process. The one before it is sorted: in `insertions`, or in `consolidated`.
    next: usize,
    is_of_insertions: bool,
    /// Updates of that bucket that were in parts.
    done: usize,
    sorter: Sorter<K>,
    consolidated: Vec<Update<K>>,
}

/// Updates of a few keys, sorted and consolidated.
pub(crate) enum Part<'a, K> {
    /// Insertions of one copy, of distinct pairs.
    Insertions(&'a [(K, u64)]),
    /// Updates of any kind.
    Updates(&'a [Update<K>]),
}

impl<K: Key> Part<'_, K> {
    /// The part as updates.
    pub fn updates(&self) -> Cow<'_, [Update<K>]> {
        match self {
            Part::Insertions(part) => part.iter().map(|&(key, at)| (key, at, 1)).collect(),
            Part::Updates(part) => Cow::Borrowed(part),
        }
    }
}

impl<K: Key> Batch<K> {
    /// An empty batch for updates of the keys that `worker` of `workers` owns, which uses about `limit`
    /// bytes of memory. More updates are spilled to the file `spill_path`, which has a name only while it
    /// is written.
    pub fn of_share(worker: usize, workers: usize, limit: usize, spill_path: PathBuf) -> Batch<K> {
        Batch::new(KeyRange::of(worker, workers), limit, spill_path)
    }

    /// An empty batch for updates of `keys` that uses about `limit` bytes of memory. More updates are
    /// spilled to the file `spill_path`, which has a name only while it is written.
    pub(crate) fn new(keys: KeyRange, limit: usize, spill_path: PathBuf) -> Batch<K> {
        let width = u64::BITS - (keys.last - keys.first).leading_zeros();
        let shift = width.saturating_sub(BUCKETS.ilog2());
        let buckets = ((keys.last - keys.first) >> shift) as usize + 1;
        Batch {
            keys,
            shift,
            limit,
            spill_path,
            insertions: (0..buckets).map(|_| Vec::new()).collect(),
            others: Vec::new(),
            len: 0,
            held: 0,
            spilled: Vec::new(),
            bytes: Vec::new(),
            next: 0,
            is_of_insertions: false,
            done: 0,
            sorter: Sorter::default(),
            consolidated: Vec::new(),
        }
    }

    /// Adds updates of the batch's keys.
    ///
    /// # Errors
    /// If updates cannot be spilled to disk.
    pub fn extend(&mut self, updates: impl IntoIterator<Item = Update<K>>) -> Result<(), Error> {
        let (first, shift) = (self.keys.first, self.shift);
        for (key, at, diff) in updates {
            self.held += 1;
            self.len += 1;
            match diff {
                // Panics if the worker does not own the key: nothing else would notice.
                1 => self.insertions[((key.high() - first) >> shift) as usize].push((key, at)),
                _ => self.others.push((key, at, diff)),
            }
        }
        if self.held * size_of::<(K, u64)>() > self.limit { self.spill() } else { Ok(()) }
    }

    fn spill(&mut self) -> Result<(), Error> {
        let (first, shift) = (self.keys.first, self.shift);
        consolidate(&mut self.others);
        let mut others = &self.others[..];
        let buckets = self.insertions.iter().enumerate().map(|(bucket, insertions)| {
            let is_after = |key: K| ((key.high() - first) >> shift) as usize > bucket;
            let (here, after) = others.split_at(others.partition_point(|o| !is_after(o.0)));
            others = after;
            (&insertions[..], here)
        });
        self.spilled.push(Spill::write(&self.spill_path, buckets)?);
        self.insertions.iter_mut().for_each(Vec::clear);
        self.others.clear();
        self.held = 0;
        Ok(())
    }

    /// Number of updates, before consolidation.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Returns the updates of the next few keys, and all that are found by the same key ([`Key::is_found_by`]). Returns `None`
    /// when all are processed; the batch is then empty again.
    pub(crate) fn next_part(&mut self) -> Result<Option<Part<'_, K>>, Error> {
        if self.next == 0 {
            consolidate(&mut self.others);
            // `gather` removes them from the end.
            self.others.reverse();
        }
        loop {
            if let Some(bucket) = self.next.checked_sub(1) {
                let (from, to) = (self.done, self.end_of_part(bucket));
                if from < to {
                    self.done = to;
                    return Ok(Some(if self.is_of_insertions {
                        Part::Insertions(&self.insertions[bucket][from..to])
                    } else {
                        Part::Updates(&self.consolidated[from..to])
                    }));
                }
                self.clear(bucket);
            }
            if self.next == self.insertions.len() {
                (self.next, self.len, self.held) = (0, 0, 0);
                self.spilled.clear();
                return Ok(None);
            }
            let bucket = self.next;
            (self.next, self.done) = (self.next + 1, 0);
            self.gather(bucket)?;
            self.sort(bucket);
        }
    }

    /// Where the next part of a sorted bucket ends.
    fn end_of_part(&self, bucket: usize) -> usize {
        fn end<T, K: Key>(of: &[T], from: usize, key: impl Fn(&T) -> K) -> usize {
            let part = of.len().min(from + PART);
            let Some(last) = of[from..part].last() else { return from };
            // Keys with other signatures are looked up together.
            let is_of_last = |update: &&T| key(update).is_found_by(&key(last));
            part + of[part..].iter().take_while(is_of_last).count()
        }
        if self.is_of_insertions {
            end(&self.insertions[bucket], self.done, |update| update.0)
        } else {
            end(&self.consolidated, self.done, |update| update.0)
        }
    }

    /// Moves the updates of `bucket` from the spilled runs and the other updates into it.
    fn gather(&mut self, bucket: usize) -> Result<(), Error> {
        let (first, shift) = (self.keys.first, self.shift);
        let is_here = |key: K| ((key.high() - first) >> shift) as usize == bucket;
        for spill in &self.spilled {
            let (insertions, others) = (&mut self.insertions[bucket], &mut self.consolidated);
            spill.read(bucket, insertions, others, &mut self.bytes)?;
        }
        while let Some(other) = self.others.pop_if(|other| is_here(other.0)) {
            self.consolidated.push(other);
        }
        Ok(())
    }

    /// Sorts a bucket together with the updates in `consolidated`: there, unless all are insertions.
    fn sort(&mut self, bucket: usize) {
        let insertions = &mut self.insertions[bucket];
        self.sorter.sort(insertions, self.keys.first, self.shift);
        self.is_of_insertions =
            self.consolidated.is_empty() && insertions.is_sorted_by(|a, b| a < b);
        if self.is_of_insertions {
            return;
        }
        self.consolidated.extend(insertions.drain(..).map(|(key, at)| (key, at, 1)));
        consolidate(&mut self.consolidated);
    }

    fn clear(&mut self, bucket: usize) {
        self.insertions[bucket].clear();
        if !self.spilled.is_empty() {
            // The updates gathered from disk may take more memory than the limit for all buckets.
            let share = self.limit / size_of::<(K, u64)>() / self.insertions.len();
            self.insertions[bucket].shrink_to(share);
        }
        self.consolidated.clear();
    }

    /// Removes and returns the updates of the next few keys, consolidated. Returns `None` when
    /// all are removed; the batch can be filled again then.
    ///
    /// # Errors
    /// If spilled updates cannot be read.
    pub fn next_updates(&mut self) -> Result<Option<Vec<Update<K>>>, Error> {
        Ok(self.next_part()?.map(|part| part.updates().into_owned()))
    }

    /// Removes and returns all updates, consolidated.
    ///
    /// # Errors
    /// If spilled updates cannot be read.
    pub fn consolidated(&mut self) -> Result<Vec<Update<K>>, Error> {
        let mut all = Vec::with_capacity(self.len);
        while let Some(part) = self.next_part()? {
            all.extend_from_slice(&part.updates());
        }
        Ok(all)
    }
}

/// Sorts a bucket: one pass over the next bits of its keys forms groups, which are short for uniform
/// keys; then each group is sorted.
struct Sorter<K> {
    scratch: Vec<(K, u64)>,
    ends: Vec<u32>,
}

impl<K> Default for Sorter<K> {
    fn default() -> Self {
        Sorter { scratch: Vec::new(), ends: Vec::new() }
    }
}

impl<K: Key> Sorter<K> {
    /// Average number of pairs in a group. The standard library sorts such short slices by insertion.
    const GROUP_PAIRS: usize = 4;

    /// Largest number of bits of the pass: its counters fit in the first-level cache.
    const BITS_MAX: u32 = 12;

    /// Sorts `pairs`, whose keys, less `first`, differ only in the lowest `bits` of their high bits.
    fn sort(&mut self, pairs: &mut Vec<(K, u64)>, first: u64, bits: u32) {
        let wanted = (pairs.len() / Self::GROUP_PAIRS).checked_ilog2().unwrap_or(0);
        let pass = wanted.min(Self::BITS_MAX).min(bits);
        if pass < 2 || pairs.len() > u32::MAX as usize {
            return pairs.sort_unstable();
        }
        let place = |key: K| ((key.high() - first) >> (bits - pass)) as usize & ((1 << pass) - 1);
        self.ends.clear();
        self.ends.resize(1 << pass, 0);
        pairs.iter().for_each(|pair| self.ends[place(pair.0)] += 1);
        let mut sum = 0;
        for end in &mut self.ends {
            // The start of the group; after the pass, its end.
            (sum, *end) = (sum + *end, sum);
        }
        self.scratch.resize(pairs.len(), (K::default(), 0));
        for pair in &*pairs {
            let end = &mut self.ends[place(pair.0)];
            self.scratch[*end as usize] = *pair;
            *end += 1;
        }
        let mut start = 0;
        for &end in &self.ends {
            self.scratch[start..end as usize].sort_unstable();
            start = end as usize;
        }
        pairs.copy_from_slice(&self.scratch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Signed, owner};
    use proptest::prelude::*;

    fn batch<K: Key>(keys: KeyRange, limit: usize) -> (tempfile::TempDir, Batch<K>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p.spill");
        (dir, Batch::new(keys, limit, path))
    }

    proptest! {
        #![proptest_config(reference::property())]
        #[test]
        fn updates_come_out_sorted_and_consolidated(
            updates in prop::collection::vec((any::<u64>(), 0u64..50, -1i64..4), 0..3000),
            heavy in 0usize..400, shift in 0u32..64, workers in 1usize..5,
            limit in prop_oneof![Just(0usize), Just(5000), Just(usize::MAX)],
            insertions in any::<bool>(),
        ) {
            let mut updates: Vec<Update<u64>> =
                updates.iter().map(|u| (u.0 << shift, u.1, u.2)).collect();
            updates.extend((0..heavy).map(|at| (7u64 << shift, at as u64, 1)));
            if insertions {
                updates.iter_mut().for_each(|update| update.2 = 1);
            }
            for worker in 0..workers {
                let mut mine = updates.clone();
                mine.retain(|update| owner(update.0, workers) == worker);
                let (dir, mut batch) = batch(KeyRange::of(worker, workers), limit);
                // Twice, since a batch is reused.
                for _ in 0..2 {
                    for some in mine.chunks(700) {
                        batch.extend(some.iter().copied()).unwrap();
                    }
                    let mut expected = mine.clone();
                    consolidate(&mut expected);
                    prop_assert_eq!(batch.consolidated().unwrap(), expected);
                }
                prop_assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
            }
        }
    }

    #[test]
    fn parts_are_short_and_have_all_updates_of_their_keys() {
        for diff in [1, 2] {
            let (_dir, mut batch) = batch::<u64>(KeyRange::ALL, usize::MAX);
            // In one bucket, with one key of many updates.
            let heavy = 2 * PART as u64;
            let key = |at: u64| if at < heavy { heavy } else { at };
            batch.extend((0..10 * heavy).map(|at| (key(at), at, diff))).unwrap();
            let (mut last, mut found) = (0, 0);
            while let Some(part) = batch.next_part().unwrap() {
                let part = part.updates();
                let keys = || part.iter().map(|update| update.0);
                assert!(keys().next().unwrap() > last, "a key is in two parts");
                assert!(part.len() <= PART + heavy as usize + 1);
                assert!(keys().next().unwrap() == heavy || part.len() <= PART + 1);
                (last, found) = (keys().next_back().unwrap(), found + part.len() as u64);
            }
            assert_eq!(found, 10 * heavy);
        }
    }

    #[test]
    fn a_key_with_many_signatures_is_in_one_part() {
        for diff in [1, 2] {
            let (_dir, mut batch) = batch::<Signed>(KeyRange::ALL, usize::MAX);
            let count = 3 * PART as u64;
            let update = |at: u64| {
                let key = if at < 100 { at } else { 1000 };
                (Signed { key, signature: [at; 16] }, at, diff)
            };
            batch.extend((0..count).map(update)).unwrap();
            let part = batch.next_part().unwrap().unwrap();
            assert_eq!(part.updates().len() as u64, count);
            assert!(batch.next_part().unwrap().is_none());
        }
    }

    #[test]
    fn spilled_updates_are_never_in_memory_all_at_once() {
        let limit = 64 << 10;
        let (_dir, mut batch) = batch::<u64>(KeyRange::ALL, limit);
        let keys = (0..100_000u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15), at, 1));
        batch.extend(keys).unwrap();
        let mut found = 0;
        while let Some(part) = batch.next_part().unwrap() {
            found += part.updates().len();
        }
        assert_eq!(found, 100_000);
        let capacity: usize = batch.insertions.iter().map(Vec::capacity).sum();
        assert!(capacity * size_of::<(u64, u64)>() <= 2 * limit, "{capacity}");
    }

    #[test]
    fn keys_of_128_bits_are_sorted_by_all_bits() {
        let (_dir, mut batch) = batch::<u128>(KeyRange::ALL, usize::MAX);
        let updates: Vec<Update<u128>> =
            (0..5000u128).rev().map(|i| ((i % 3) << 126 | i, i as u64, 1)).collect();
        batch.extend(updates.iter().copied()).unwrap();
        let mut expected = updates;
        consolidate(&mut expected);
        assert_eq!(batch.consolidated().unwrap(), expected);
    }

    #[test]
    fn a_spill_that_cannot_be_written_is_named() {
        let (_dir, mut batch) = batch::<u64>(KeyRange::ALL, 0);
        batch.spill_path = batch.spill_path.join("missing").join("folder");
        let error = batch.extend([(1, 1, 1)]).unwrap_err().to_string();
        assert!(error.contains("p.spill/missing/folder"), "{error}");
    }
}
