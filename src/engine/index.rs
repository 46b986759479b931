//! One worker's share of an index during a run.

use crate::failure::or_fail;
use crate::worker::WorkerContext;
use arrangement::duplicates::Facts;
use arrangement::{Arrangement, Batch, Key, Pairs, Rule, Search, Update};
use corpus::crash;
use document::Epoch;
use std::rc::Rc;

/// Whether a worker may receive further updates of an index after an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum More {
    MayFollow,
    None,
}

/// One worker's share of an index. After each epoch it notes the runs that are the share, so that a
/// commit can name them.
pub(crate) struct Index<K: Key> {
    worker: Rc<WorkerContext>,
    name: String,
    stored: Arrangement<K>,
}

impl<K: Key> Index<K> {
    /// Opens the share as the manifest has it.
    pub fn open(worker: Rc<WorkerContext>, name: &str) -> Index<K> {
        let runs = worker.state.get(name).map_or(&[][..], Vec::as_slice);
        let dir = worker.corpus.state_dir();
        let mut stored = or_fail(Arrangement::open(&dir, name, worker.index, worker.peers, runs));
        worker.notes.runs(name, worker.plan.first_epoch - 1, stored.runs());
        Index { worker, name: name.to_owned(), stored }
    }

    /// Makes empty batches for updates to this share.
    pub fn batches(&self) -> impl Fn() -> Batch<K> + use<K> {
        self.stored.batches(self.worker.memory.updates_limit)
    }

    /// Returns every stored update; the updates of one pair may come in several parts.
    pub fn updates(&self) -> impl Iterator<Item = Update<K>> + use<K> {
        self.stored.updates().map(or_fail)
    }

    /// Adds the next part of an epoch's updates, and the changes of the duplicates to `facts`.
    /// Returns whether the epoch is complete; see [`Arrangement::apply`].
    pub fn apply(
        &mut self,
        epoch: Epoch,
        more: More,
        updates: &mut Batch<K>,
        rule: &Rule,
        facts: &mut Facts<K>,
    ) -> bool {
        let done = or_fail(self.stored.apply(epoch, updates, rule, facts));
        if done {
            self.note(epoch, more);
        }
        done
    }

    /// Adds the next part of an epoch's updates, and the pairs of copies to `pairs`. Returns whether the
    /// epoch is complete; see [`Arrangement::apply_pairs`].
    pub fn apply_pairs(
        &mut self,
        epoch: Epoch,
        more: More,
        updates: &mut Batch<K>,
        first: usize,
        pairs: &mut Pairs,
        each: impl FnMut(Update<K>),
    ) -> bool {
        let done = or_fail(self.stored.apply_pairs(epoch, updates, first, pairs, each));
        if done {
            self.note(epoch, more);
        }
        done
    }

    /// Adds all updates of an epoch, without looking anything up.
    pub fn store(&mut self, epoch: Epoch, more: More, updates: &mut Batch<K>) {
        while !or_fail(self.stored.store(epoch, updates)) {}
        self.note(epoch, more);
    }

    /// Returns lookups in what is stored now.
    pub fn search(&self) -> Search<K> {
        self.stored.search()
    }

    /// Adds all updates of an epoch, sorted and consolidated, without looking anything up.
    pub fn append(&mut self, epoch: Epoch, more: More, updates: &[Update<K>]) {
        or_fail(self.stored.append(epoch, updates));
        self.note(epoch, more);
    }

    /// Ends the run for this share: no more updates follow.
    pub fn finish(&mut self) {
        self.note(self.worker.plan.last_epoch(), More::None);
    }

    /// Notes the runs that are the share after `epoch`. If no updates follow, ends the merges under
    /// way first: their files would be in no commit.
    fn note(&mut self, epoch: Epoch, more: More) {
        if more == More::None {
            or_fail(self.stored.settle());
        }
        crash::point("run-written");
        self.worker.notes.runs(&self.name, epoch, self.stored.runs());
    }
}
