//! Which worker reads which sources, and in which epoch.
//!
//! An epoch covers consecutive sources of one label, as many as [`EpochSizes`] says, so refs
//! increase from epoch to epoch. Within an epoch each worker takes consecutive sources, so it writes
//! one range of refs. A source larger than a worker's share of an epoch is split into several
//! epochs. None of this changes the corpus.

use arrangement::STORED_PER_UPDATE;
use corpus::Position;
use document::Epoch;
use std::collections::{BTreeMap, BTreeSet};

/// Epochs into which one source is split at most, however small epochs are.
const PARTS_MAX: u64 = 1000;

/// Sizes of epochs, over all workers: of a run in bytes of sources as stored, or in keys.
///
/// Epochs grow with what came before, and so with the keys that are stored: as long as they may, the
/// cost of a key stays the same (see [`STORED_PER_UPDATE`]).
#[derive(Clone, Copy, Debug, Default)]
pub struct EpochSizes {
    /// That of the first epochs.
    pub least: u64,
    /// What no epoch is larger than.
    pub most: u64,
}

impl EpochSizes {
    /// All epochs are of one size.
    pub fn equal(bytes: u64) -> EpochSizes {
        EpochSizes { least: bytes, most: bytes }
    }

    /// The size of an epoch, if so much came before it.
    pub fn after(self, before: u64) -> u64 {
        (before / STORED_PER_UPDATE).min(self.most).max(self.least).max(1)
    }
}

/// A label to be read.
#[derive(Clone, Debug)]
pub struct Work {
    /// Its number in the manifest.
    pub label: u64,
    /// Sizes, as stored, of all sources of other labels that are in its indexes by then.
    pub before: u64,
    /// Sizes of its sources as stored.
    pub sizes: Vec<u64>,
    /// Where to resume.
    pub from: Position,
    /// First sources of the groups that must not be divided between epochs. `None`: any source and
    /// any record may begin an epoch.
    pub groups: Option<Vec<u64>>,
    /// The sources that are read, in a revision; `None` for all.
    pub only: Option<BTreeSet<u64>>,
}

impl Work {
    /// Whether a source is read.
    fn has(&self, source: u64) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(&source))
    }

    /// The size of a source, 0 if it is not read.
    fn size(&self, source: u64) -> u64 {
        if self.has(source) { self.sizes[source as usize] } else { 0 }
    }
}

/// One source as one worker reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub label: u64,
    pub source: u64,
    /// The position up to which the source was read in earlier runs.
    pub from: Position,
    /// The epochs that it is part of, each with the byte (as stored) before which its records begin.
    pub epochs: Vec<(Epoch, u64)>,
}

/// Which worker reads which sources, in which epoch.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The first epoch of this run.
    pub first_epoch: Epoch,
    epochs: Vec<EpochPlan>,
    pieces: Vec<Vec<Piece>>,
    /// Worker of each source of each label.
    homes: BTreeMap<u64, Vec<usize>>,
}

#[derive(Clone, Debug)]
struct EpochPlan {
    label: u64,
    /// Where the label resumes after the epoch; `None` at its end. Inside a split source, the worker
    /// that reads it reports the record.
    after: Option<Position>,
}

impl Plan {
    /// Plans `work`, in that order, from `first_epoch` on.
    pub fn new(first_epoch: Epoch, work: &[Work], workers: usize, bytes: EpochSizes) -> Plan {
        let plan = Plan {
            first_epoch,
            epochs: Vec::new(),
            pieces: vec![Vec::new(); workers],
            homes: BTreeMap::new(),
        };
        plan.with(work, workers, bytes)
    }

    /// Plans a revision that reads `work`. In its first epoch it reads nothing: that is for what it
    /// retracts.
    pub fn of_revision(
        first_epoch: Epoch,
        work: &[Work],
        workers: usize,
        bytes: EpochSizes,
    ) -> Plan {
        let mut plan = Plan::new(first_epoch, &[], workers, bytes);
        plan.epochs.push(EpochPlan { label: 0, after: None });
        plan.with(work, workers, bytes)
    }

    fn with(mut self, work: &[Work], workers: usize, bytes: EpochSizes) -> Plan {
        let plan = &mut self;
        for work in work {
            plan.homes.insert(work.label, vec![0; work.sizes.len()]);
            let mut source = work.from.source;
            let read = |sources: std::ops::Range<u64>| sources.map(|s| work.size(s)).sum::<u64>();
            let mut before = work.before + read(0..source);
            while source < work.sizes.len() as u64 {
                let end = plan.add_epoch(work, source, workers, bytes.after(before));
                before += read(source..end);
                source = end;
            }
        }
        self
    }

    /// Plans the epoch (or, for a large source, the epochs) that begin at `source`. Returns the
    /// source after them.
    fn add_epoch(&mut self, work: &Work, source: u64, workers: usize, epoch_bytes: u64) -> u64 {
        let size = |source: u64| work.size(source);
        let share = (epoch_bytes / workers as u64).max(1);
        if size(source) > 2 * share && work.groups.is_none() {
            self.split(work, source, workers, share);
            return source + 1;
        }
        let mut end = source + 1;
        let mut bytes = size(source);
        while end < work.sizes.len() as u64 {
            let may_end = work.groups.as_ref().is_none_or(|g| g.binary_search(&end).is_ok());
            let is_large = size(end) > 2 * share && work.groups.is_none();
            if may_end && (bytes + size(end) > epoch_bytes || is_large) {
                break;
            }
            bytes += size(end);
            end += 1;
        }
        let epoch = self.push_epoch(work, self.position_at(work, end));
        let mut before = 0u128;
        for source in source..end {
            // The middle of the source decides: the middles of sources are in the order of sources.
            let middle = before * 2 + u128::from(size(source));
            let worker = middle * workers as u128 / (2 * u128::from(bytes)).max(1);
            before += u128::from(size(source));
            let worker = (worker as usize).min(workers - 1);
            self.push_piece(work, source, worker, vec![(epoch, u64::MAX)]);
        }
        end
    }

    /// Plans several epochs for one source, all read by one worker.
    fn split(&mut self, work: &Work, source: u64, workers: usize, share: u64) {
        let size = work.sizes[source as usize];
        let parts = size.div_ceil(share).min(PARTS_MAX);
        let mut epochs = Vec::new();
        for part in 1..=parts {
            let (to, after) = if part == parts {
                (u64::MAX, self.position_at(work, source + 1))
            } else {
                let to = (u128::from(size) * u128::from(part) / u128::from(parts)) as u64;
                (to, Some(Position { source, ..Position::default() }))
            };
            epochs.push((self.push_epoch(work, after), to));
        }
        self.push_piece(work, source, source as usize % workers, epochs);
    }

    fn position_at(&self, work: &Work, source: u64) -> Option<Position> {
        let there = source < work.sizes.len() as u64;
        there.then_some(Position { source, ..Position::default() })
    }

    fn push_epoch(&mut self, work: &Work, after: Option<Position>) -> Epoch {
        self.epochs.push(EpochPlan { label: work.label, after });
        self.first_epoch + self.epochs.len() as u64 - 1
    }

    fn push_piece(&mut self, work: &Work, source: u64, worker: usize, epochs: Vec<(Epoch, u64)>) {
        if !work.has(source) {
            return;
        }
        let from = if source == work.from.source {
            work.from
        } else {
            Position { source, ..Position::default() }
        };
        self.homes.get_mut(&work.label).expect("inserted by new")[source as usize] = worker;
        self.pieces[worker].push(Piece { label: work.label, source, from, epochs });
    }

    /// The epoch after the last one.
    pub fn end_epoch(&self) -> Epoch {
        self.first_epoch + self.epochs.len() as u64
    }

    /// The last epoch. A plan without epochs, for a join that runs alone, does not know it and returns
    /// the largest number, which holds no epoch back.
    pub(crate) fn last_epoch(&self) -> Epoch {
        if self.epochs.is_empty() { Epoch::MAX } else { self.end_epoch() - 1 }
    }

    /// The label that an epoch belongs to.
    pub(crate) fn label_of(&self, epoch: Epoch) -> u64 {
        self.epochs[(epoch - self.first_epoch) as usize].label
    }

    /// Where that label resumes after the epoch.
    pub(crate) fn position_after(&self, epoch: Epoch) -> Option<Position> {
        self.epochs[(epoch - self.first_epoch) as usize].after
    }

    /// The pieces that `worker` reads of the labels for which `wanted` holds.
    pub(crate) fn pieces(&self, worker: usize, wanted: impl Fn(u64) -> bool) -> Vec<Piece> {
        self.pieces[worker].iter().filter(|piece| wanted(piece.label)).cloned().collect()
    }

    /// Returns the bytes, as stored, that `workers` read of a label whose sources have these sizes.
    pub fn stored_bytes(&self, label: u64, sizes: &[u64], workers: std::ops::Range<usize>) -> u64 {
        let mine = self.pieces[workers].iter().flatten().filter(|piece| piece.label == label);
        mine.map(|piece| sizes[piece.source as usize]).sum()
    }

    /// The worker that reads a source, and so holds its documents.
    pub(crate) fn home(&self, label: u64, source: u64) -> Option<usize> {
        self.homes.get(&label)?.get(source as usize).copied()
    }

    /// Adds every field to `hasher`. Fields of variable length are preceded by their length.
    pub(crate) fn hash(&self, hasher: &mut blake3::Hasher) {
        let mut number = |number: u64| {
            hasher.update(&number.to_le_bytes());
        };
        number(self.first_epoch);
        number(self.epochs.len() as u64);
        for epoch in &self.epochs {
            number(epoch.label);
            number(u64::from(epoch.after.is_some()));
            position(epoch.after.unwrap_or_default(), &mut number);
        }
        number(self.pieces.len() as u64);
        for pieces in &self.pieces {
            number(pieces.len() as u64);
            for piece in pieces {
                number(piece.label);
                number(piece.source);
                position(piece.from, &mut number);
                number(piece.epochs.len() as u64);
                for &(epoch, to) in &piece.epochs {
                    number(epoch);
                    number(to);
                }
            }
        }
        // `homes` follows from the pieces.
    }
}

fn position(position: Position, number: &mut impl FnMut(u64)) {
    number(position.source);
    number(position.record);
    number(position.defects);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn digest(plan: &Plan) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        plan.hash(&mut hasher);
        *hasher.finalize().as_bytes()
    }

    #[test]
    fn plans_that_differ_in_anything_have_different_digests() {
        let plan = |first_epoch, label, sizes: &[u64], record, workers, epoch_bytes| {
            let from = Position { record, ..Position::default() };
            let sizes = sizes.to_vec();
            let work = Work { label, before: 0, sizes, from, groups: None, only: None };
            Plan::new(first_epoch, &[work], workers, EpochSizes::equal(epoch_bytes))
        };
        let plans = [
            plan(1, 0, &[10, 10, 10], 0, 2, 100),
            plan(2, 0, &[10, 10, 10], 0, 2, 100),
            plan(1, 1, &[10, 10, 10], 0, 2, 100),
            plan(1, 0, &[10, 10], 0, 2, 100),
            plan(1, 0, &[10, 90, 10], 0, 2, 100),
            plan(1, 0, &[10, 10, 10], 5, 2, 100),
            plan(1, 0, &[10, 10, 10], 0, 3, 100),
            plan(1, 0, &[10, 10, 10], 0, 2, 10),
        ];
        assert_eq!(digest(&plans[0]), digest(&plans[0].clone()));
        let distinct: std::collections::BTreeSet<_> = plans.iter().map(digest).collect();
        assert_eq!(distinct.len(), plans.len());
    }

    proptest! {
        #![proptest_config(reference::property())]
        #[test]
        fn every_source_is_read_once_in_order_and_shares_are_consecutive(
            sizes in prop::collection::vec(0u64..1000, 1..60),
            workers in 1usize..5, least in 1u64..5000, more in 0u64..5000, before in 0u64..50_000,
            from in 0u64..60, groups in prop::option::of(1u64..10),
        ) {
            let from = Position { source: from.min(sizes.len() as u64 - 1), record: 3, defects: 1 };
            let groups = groups.map(|every| {
                (0..sizes.len() as u64).filter(|s| s % every == 0).collect::<Vec<_>>()
            });
            let work = Work { label: 2, before, sizes, from, groups, only: None };
            let bytes = EpochSizes { least, most: least + more };
            let plan = Plan::new(7, std::slice::from_ref(&work), workers, bytes);
            let mut seen: Vec<(Epoch, usize, u64)> = Vec::new();
            for worker in 0..workers {
                for piece in plan.pieces(worker, |_| true) {
                    prop_assert_eq!(plan.home(2, piece.source), Some(worker));
                    prop_assert_eq!(piece.from == from, piece.source == from.source);
                    seen.extend(piece.epochs.iter().map(|e| (e.0, worker, piece.source)));
                }
            }
            seen.sort();
            // By epoch, then by worker: the sources come in order, each in full.
            prop_assert!(seen.is_sorted_by_key(|s| s.2));
            let mut sources: Vec<_> = seen.iter().map(|s| s.2).collect();
            sources.dedup();
            prop_assert_eq!(sources, (from.source..work.sizes.len() as u64).collect::<Vec<_>>());
            prop_assert_eq!(seen.last().map(|s| s.0 + 1), Some(plan.end_epoch()));
            prop_assert_eq!(plan.position_after(plan.end_epoch() - 1), None);
            if let Some(groups) = &work.groups {
                for pair in seen.windows(2).filter(|pair| pair[0].0 != pair[1].0) {
                    prop_assert!(groups.contains(&pair[1].2), "an epoch begins inside a group");
                }
            }
        }
    }

    #[test]
    fn small_sources_share_an_epoch_and_a_large_one_has_several() {
        let work = Work {
            label: 0,
            before: 0,
            sizes: vec![10, 10, 10, 300, 10],
            from: Position::default(),
            groups: None,
            only: None,
        };
        let plan = Plan::new(1, &[work], 2, EpochSizes::equal(100));
        let epochs = |worker| {
            plan.pieces(worker, |_| true).iter().map(|p| p.epochs.len()).collect::<Vec<_>>()
        };
        assert_eq!((epochs(0), epochs(1)), (vec![1], vec![1, 1, 6, 1]));
        assert_eq!(plan.end_epoch(), 1 + 1 + 6 + 1);
    }

    #[test]
    fn epochs_grow_with_what_was_read_before() {
        let work = |before, sources: u64, from| Work {
            label: 0,
            before,
            sizes: vec![10; sources as usize],
            from: Position { source: from, ..Position::default() },
            groups: None,
            only: None,
        };
        let bytes = EpochSizes { least: 20, most: 70 };
        let sizes = |work: Work| {
            let plan = Plan::new(1, &[work], 1, bytes);
            let mut counts = vec![0; plan.epochs.len()];
            for piece in plan.pieces(0, |_| true) {
                counts[piece.epochs[0].0 as usize - 1] += 1;
            }
            counts
        };
        // The last epoch has what is left.
        let counts = sizes(work(0, 48, 0));
        let whole = &counts[..counts.len() - 1];
        assert!(whole.is_sorted() && whole[0] == 2 && whole.ends_with(&[5]), "{counts:?}");
        // What is stored counts, of this label and of others, up to the largest size.
        assert_eq!(sizes(work(0, 48, 40)), [5, 3]);
        assert_eq!(sizes(work(5000, 20, 0)), [7, 7, 6]);
    }
}
