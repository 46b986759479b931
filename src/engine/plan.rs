//! Which worker reads what, and in which epoch.
//!
//! An epoch covers consecutive sources of one label, about `epoch_bytes` of them as stored, so refs
//! never go back in time. Within an epoch each worker takes a consecutive share, so what a worker
//! writes of an epoch is one range of refs. A source larger than its worker's share of an epoch is
//! cut into several epochs. None of this shows in the corpus.

use corpus::Position;
use document::Epoch;
use std::collections::BTreeMap;

/// Epochs that one source is cut into at most, however small epochs are to be.
const PARTS_MAX: u64 = 1000;

/// A label to be read.
#[derive(Clone, Debug)]
pub struct Work {
    /// Its number in the manifest.
    pub label: u64,
    /// Sizes of its sources as stored.
    pub sizes: Vec<u64>,
    /// Where to go on.
    pub from: Position,
    /// First sources of the groups that must not be divided between epochs; where there are none
    /// (`None`), any source and any record may begin an epoch.
    pub groups: Option<Vec<u64>>,
}

/// One source as one worker reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub label: u64,
    pub source: u64,
    /// What is done already.
    pub from: Position,
    /// The epochs it is part of, each with the byte (as stored) up to which its records begin.
    pub epochs: Vec<(Epoch, u64)>,
}

/// Who reads what, when.
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
    /// Where the label goes on after it; `None` at its end. Inside a cut source the worker that
    /// reads it reports the record.
    after: Option<Position>,
}

impl Plan {
    /// Plans `work`, in that order, from `first_epoch` on.
    pub fn new(first_epoch: Epoch, work: &[Work], workers: usize, epoch_bytes: u64) -> Plan {
        let mut plan = Plan {
            first_epoch,
            epochs: Vec::new(),
            pieces: vec![Vec::new(); workers],
            homes: BTreeMap::new(),
        };
        for work in work {
            plan.homes.insert(work.label, vec![0; work.sizes.len()]);
            let mut source = work.from.source;
            while source < work.sizes.len() as u64 {
                source = plan.add_epoch(work, source, workers, epoch_bytes.max(1));
            }
        }
        plan
    }

    /// Plans the epoch (or, for a large source, the epochs) that begin at `source`; gives the
    /// source after them.
    fn add_epoch(&mut self, work: &Work, source: u64, workers: usize, epoch_bytes: u64) -> u64 {
        let size = |source: u64| work.sizes[source as usize];
        let share = (epoch_bytes / workers as u64).max(1);
        if size(source) > 2 * share && work.groups.is_none() {
            self.cut(work, source, workers, share);
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
            // The middle of the source decides; sources in order have middles in order.
            let middle = before * 2 + u128::from(size(source));
            let worker = middle * workers as u128 / (2 * u128::from(bytes)).max(1);
            before += u128::from(size(source));
            let worker = (worker as usize).min(workers - 1);
            self.push_piece(work, source, worker, vec![(epoch, u64::MAX)]);
        }
        end
    }

    /// Several epochs for one source, all read by one worker.
    fn cut(&mut self, work: &Work, source: u64, workers: usize, share: u64) {
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
        let from = match source == work.from.source {
            true => work.from,
            false => Position { source, ..Position::default() },
        };
        self.homes.get_mut(&work.label).expect("made in new")[source as usize] = worker;
        self.pieces[worker].push(Piece { label: work.label, source, from, epochs });
    }

    /// The epochs after the last one.
    pub fn end_epoch(&self) -> Epoch {
        self.first_epoch + self.epochs.len() as u64
    }

    /// The last epoch. A plan without epochs, of a join alone, does not know which it is: the
    /// largest number, which holds none of them up.
    pub(crate) fn last_epoch(&self) -> Epoch {
        if self.epochs.is_empty() { Epoch::MAX } else { self.end_epoch() - 1 }
    }

    /// The label that an epoch belongs to.
    pub(crate) fn label_of(&self, epoch: Epoch) -> u64 {
        self.epochs[(epoch - self.first_epoch) as usize].label
    }

    /// Where that label goes on after the epoch.
    pub(crate) fn position_after(&self, epoch: Epoch) -> Option<Position> {
        self.epochs[(epoch - self.first_epoch) as usize].after
    }

    /// What `worker` reads, of the labels for which `wanted` holds.
    pub(crate) fn pieces(&self, worker: usize, wanted: impl Fn(u64) -> bool) -> Vec<Piece> {
        self.pieces[worker].iter().filter(|piece| wanted(piece.label)).cloned().collect()
    }

    /// Bytes as stored that `workers` read of a label whose sources have these sizes.
    pub fn stored_bytes(&self, label: u64, sizes: &[u64], workers: std::ops::Range<usize>) -> u64 {
        let mine = self.pieces[workers].iter().flatten().filter(|piece| piece.label == label);
        mine.map(|piece| sizes[piece.source as usize]).sum()
    }

    /// The worker that reads a source, and so holds its documents.
    pub(crate) fn home(&self, label: u64, source: u64) -> Option<usize> {
        self.homes.get(&label)?.get(source as usize).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_source_is_read_once_in_order_and_shares_are_consecutive(
            sizes in prop::collection::vec(0u64..1000, 1..60),
            workers in 1usize..5, epoch_bytes in 1u64..5000, from in 0u64..60,
            groups in prop::option::of(1u64..10),
        ) {
            let from = Position { source: from.min(sizes.len() as u64 - 1), record: 3, defects: 1 };
            let groups = groups.map(|every| {
                (0..sizes.len() as u64).filter(|s| s % every == 0).collect::<Vec<_>>()
            });
            let work = Work { label: 2, sizes, from, groups };
            let plan = Plan::new(7, std::slice::from_ref(&work), workers, epoch_bytes);
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
            sizes: vec![10, 10, 10, 300, 10],
            from: Position::default(),
            groups: None,
        };
        let plan = Plan::new(1, &[work], 2, 100);
        let epochs = |worker| {
            plan.pieces(worker, |_| true).iter().map(|p| p.epochs.len()).collect::<Vec<_>>()
        };
        assert_eq!((epochs(0), epochs(1)), (vec![1], vec![1, 1, 6, 1]));
        assert_eq!(plan.end_epoch(), 1 + 1 + 6 + 1);
    }
}
