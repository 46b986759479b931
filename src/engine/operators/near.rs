//! `reject_near_repeats`.

use crate::docs::Docs;
use crate::index::{Index, More};
use crate::operators::blocks::Blocks;
use crate::operators::join::{FactStream, UpdateStream, looked_up};
use crate::operators::keyed::Keys;
use crate::operators::repeats::reject_duplicates;
use crate::operators::retract::{of_documents_read, with_retractions};
use crate::stored::{Compares, Effect};
use crate::worker::WorkerContext;
use arrangement::{Update, consolidate, owner};
use document::{DocRef, Document, Epoch, Reason};
use std::collections::BTreeMap;
use std::rc::Rc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::vec::Broadcast;

/// Comparisons after which the operator yields: some milliseconds of work.
const STEP: usize = 1 << 20;

impl Docs<'_> {
    /// Rejects each document whose `hash` differs in at most `distance_max` bits (3 to 15) from
    /// that of an earlier document. Documents rejected here count as earlier documents too, as in
    /// RedPajama's books. A document without a hash is not compared.
    ///
    /// Each hash is stored by one worker. Every worker compares every new hash with those that it
    /// stores; the engine of the dedup-join makes no difference. No verdict is ever revoked: refs of
    /// later labels are larger.
    ///
    /// State: an update for each document that reaches the operator, in `index`; and in memory,
    /// over all workers, about 40 bytes for each.
    ///
    /// # Examples
    ///
    /// ```
    /// # use document::Document;
    /// # let document = |text: &str| Document { text: text.into(), ..Document::default() };
    /// let documents = ["1111000011110000", "1111000011110001", "0000111100001111"].map(document);
    /// let hash = |document: &Document| u64::from_str_radix(&document.text, 2).ok();
    ///
    /// let documents = engine::funnel(documents, 2, move |docs| {
    ///     docs.reject_near_repeats("hashes", "near_duplicate", hash, 3)
    /// });
    /// let verdicts = documents.iter().map(|document| document.verdict.as_deref());
    /// assert!(verdicts.eq([None, Some("near_duplicate"), None]));
    /// ```
    pub fn reject_near_repeats(
        self,
        index: &str,
        reason: impl Into<Reason>,
        hash: impl Fn(&Document) -> Option<u64> + 'static,
        distance_max: u32,
    ) -> Self {
        let keys: Keys<u64, ()> =
            Box::new(move |document, keys| keys.extend(hash(document).map(key)));
        let (held, updates, worker) = self.keyed(keys);
        let effect = Effect::Reject(reason.into());
        let facts = near_repeats(worker.clone(), index, updates, distance_max, &effect);
        let facts = of_documents_read(&worker, facts);
        reject_duplicates("Reject near repeats", worker, effect, held, facts)
    }
}

/// Returns the key under which a hash is stored: its product with an odd number, which can be
/// inverted. Similar texts have similar hashes, and the keys of an index must be uniform.
pub(crate) fn key(hash: u64) -> u64 {
    hash.wrapping_mul(SPREAD)
}

/// Returns the hash that is stored under a key.
pub(crate) fn hash(key: u64) -> u64 {
    key.wrapping_mul(INVERSE)
}

/// Returns the number of bits in which the hashes that are stored under two keys differ.
pub(crate) fn distance(a: u64, b: u64) -> u32 {
    (hash(a) ^ hash(b)).count_ones()
}

/// 2^64 over the golden ratio.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// By Newton's method: an odd number is its own inverse in the last three bits, and each round
/// doubles the number of bits.
const INVERSE: u64 = {
    let (mut inverse, mut round) = (SPREAD, 0);
    while round < 5 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(SPREAD.wrapping_mul(inverse)));
        round += 1;
    }
    inverse
};

/// Adds `updates` to `index`. Returns a fact `(ref, key, 1)` for each update that is near to one
/// with a smaller ref, from each worker that stores such an update.
///
/// In a revision, also a fact for each stored update with a larger ref that is near to an update:
/// whether its document is a repeat may have changed.
pub(crate) fn near_repeats<'scope>(
    worker: Rc<WorkerContext>,
    index: &str,
    updates: UpdateStream<'scope, u64>,
    distance_max: u32,
    effect: &Effect,
) -> FactStream<'scope, u64> {
    if let Some(recorder) = &worker.replay {
        let compares = Compares::Near { distance_max };
        return looked_up(&worker, recorder.clone(), index, updates, compares, effect);
    }
    let last = worker.plan.last_epoch();
    let mut share = Share::open(worker.clone(), index, distance_max);
    let updates = with_retractions(&worker, &share.index, updates);
    let is_revision = worker.revision.is_some();
    let name = format!("Compare with {index}");
    let updates = updates.broadcast();
    let scope = updates.scope();
    type Builder = CapacityContainerBuilder<Vec<(u64, u64, i64)>>;
    updates.unary_frontier::<Builder, _, _, _>(Pipeline, &name, move |cap, info| {
        let activator = scope.activator_for(info.address);
        // Held until the final runs of the share are noted.
        let mut until_end = Some(cap.delayed(&last));
        let mut open: BTreeMap<Epoch, (Capability<Epoch>, Comparison)> = BTreeMap::new();
        move |(input, frontier), output| {
            input.for_each(|cap, updates| {
                let cap = cap.retain_least(0).expect("a message has a time");
                let (_, epoch) =
                    open.entry(*cap.time()).or_insert_with(|| (cap, Comparison::default()));
                epoch.updates.append(updates);
            });
            let Some(mut first) = open.first_entry() else {
                if frontier.is_empty() && until_end.is_some() {
                    share.index.finish();
                    until_end = None;
                }
                return;
            };
            let epoch = *first.key();
            if frontier.less_equal(&epoch) {
                return;
            }
            let (cap, comparison) = first.get_mut();
            if comparison.next == 0 {
                let more = if frontier.is_empty() { More::None } else { More::MayFollow };
                share.store(epoch, more, &comparison.updates);
            }
            let mut facts = Vec::new();
            comparison.step(&share.blocks, is_revision, &mut facts);
            output.session(cap).give_container(&mut facts);
            if comparison.next == comparison.updates.len() {
                first.remove();
            }
            activator.activate();
        }
    })
}

/// The hashes of an epoch, and how many of them are compared.
#[derive(Default)]
struct Comparison {
    updates: Vec<Update<u64>>,
    next: usize,
}

impl Comparison {
    fn step(&mut self, blocks: &Blocks, is_revision: bool, facts: &mut Vec<(u64, u64, i64)>) {
        let mut work = 0;
        while work < STEP && self.next < self.updates.len() {
            let (key, at, diff) = self.updates[self.next];
            self.next += 1;
            work += 1 + blocks.work(hash(key));
            if diff > 0 && blocks.has_before(hash(key), at) {
                facts.push((at, key, 1));
            }
            if is_revision {
                let is_before = |(_, later): &(u64, u64)| *later > at;
                let later = blocks.near(hash(key)).filter(is_before);
                facts.extend(later.map(|(_, later)| (later, key, diff)));
            }
        }
    }
}

/// One worker's share of the hashes, on disk and in memory.
struct Share {
    worker: Rc<WorkerContext>,
    index: Index<u64>,
    blocks: Blocks,
}

impl Share {
    fn open(worker: Rc<WorkerContext>, index: &str, distance_max: u32) -> Share {
        let index = Index::open(worker.clone(), index);
        let mut blocks = Blocks::new(distance_max);
        let mut insert = |key, at| blocks.insert(hash(key), at);
        match &worker.revision {
            None => index.updates().for_each(|(key, at, _)| insert(key, at)),
            Some(revision) => {
                // Earlier rounds have retracted some, and this one is about to retract others.
                let mut stored: Vec<Update<u64>> = index.updates().collect();
                consolidate(&mut stored);
                stored.retain(|(_, at, _)| !revision.changing.contains(DocRef(*at)));
                stored.iter().for_each(|(key, at, _)| insert(*key, *at));
            }
        }
        Share { worker, index, blocks }
    }

    /// Adds those updates of a whole epoch that belong to this share.
    fn store(&mut self, epoch: Epoch, more: More, updates: &[Update<u64>]) {
        let worker = &self.worker;
        let is_mine = |update: &&Update<u64>| owner(update.0, worker.peers) == worker.index;
        let mut mine: Vec<Update<u64>> = updates.iter().filter(is_mine).copied().collect();
        mine.sort_unstable();
        consolidate(&mut mine);
        let added = mine.iter().filter(|(_, _, diff)| *diff > 0);
        added.for_each(|(key, at, _)| self.blocks.insert(hash(*key), *at));
        self.index.append(epoch, more, &mine);
    }
}

#[cfg(test)]
mod tests;
