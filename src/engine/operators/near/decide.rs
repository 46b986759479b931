//! Which documents are dropped: the sequential pass over near pairs, in the order of refs.

use super::compare::Edge;
use super::{Counts, DroppedFact, fact};
use crate::failure::or_fail;
use crate::operators::facts::Facts;
use crate::worker::WorkerContext;
use arrangement::Key;
use corpus::Error;
use document::Epoch;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::Operator;

/// Refs that are decided before the operator yields: some milliseconds of work.
const STEP: usize = 1 << 16;

/// Gathers the edges of an epoch at one worker and, once they are complete, returns a fact for each
/// later document that has an edge to an earlier one that counts.
///
/// Earlier documents of the same epoch are decided before; those of epochs before count, or they would
/// have no edges.
pub(super) fn decide<'scope>(
    worker: &WorkerContext,
    index: &str,
    edges: StreamVec<'scope, Epoch, Edge>,
    counts: Counts,
) -> StreamVec<'scope, Epoch, DroppedFact> {
    let name = format!("Decide by {index}");
    // Several indexes should not have the same worker.
    let place = index.bytes().map(usize::from).sum::<usize>() % worker.peers;
    let (limit, tmp) = (worker.memory.facts_limit, worker.corpus.tmp_dir());
    let route = Exchange::new(move |_: &Edge| place as u64);
    let scope = edges.scope();
    type Builder = CapacityContainerBuilder<Vec<DroppedFact>>;
    edges.unary_frontier::<Builder, _, _, _>(route, &name, move |_, info| {
        let activator = scope.activator_for(info.address);
        let mut open: BTreeMap<Epoch, (Capability<Epoch>, Set)> = BTreeMap::new();
        move |(input, frontier), output| {
            input.for_each(|cap, edges| {
                let cap = cap.retain_least(0).expect("a message has a time");
                let (_, set) =
                    open.entry(*cap.time()).or_insert_with(|| (cap, Set::new(limit, counts)));
                set.extend(edges, &tmp);
            });
            let Some(mut first) = open.first_entry() else { return };
            if frontier.less_equal(first.key()) {
                return;
            }
            let (cap, set) = first.get_mut();
            let (mut facts, is_done) = set.step(&tmp);
            output.session(cap).give_container(&mut facts);
            if is_done {
                first.remove();
            }
            activator.activate();
        }
    })
}

/// The edges of an epoch, and what is decided so far.
struct Set {
    /// By the later document: the earlier one and their similarity.
    edges: Facts<u128>,
    /// Those that do not count.
    dropped: HashSet<u64>,
    counts: Counts,
}

impl Set {
    fn new(memory_bytes: usize, counts: Counts) -> Set {
        Set { edges: Facts::new(memory_bytes), dropped: HashSet::new(), counts }
    }

    fn extend(&mut self, edges: &mut Vec<Edge>, tmp: &Path) {
        let edges = edges.drain(..).map(|(later, earlier, similarity)| {
            (later, fact(earlier, similarity.map(f64::from_bits)))
        });
        or_fail_at(tmp, self.edges.extend(edges, tmp));
    }

    /// Decides the next documents. Returns facts for those that are dropped, and whether all are decided.
    fn step(&mut self, tmp: &Path) -> (Vec<DroppedFact>, bool) {
        let mut facts = Vec::new();
        for _ in 0..STEP {
            let Some(later) = self.edges.next_ref() else { return (facts, true) };
            let edges = or_fail_at(tmp, self.edges.of(later));
            let kept = edges.iter().filter(|(_, edge)| !self.dropped.contains(&edge.high()));
            // The bits of numbers that are not negative are in the order of the numbers.
            if let Some((_, edge)) = kept.max_by_key(|(_, edge)| (edge.low(), Reverse(edge.high())))
            {
                facts.push((later, *edge, 1));
                if self.counts == Counts::Kept {
                    self.dropped.insert(later);
                }
            }
        }
        (facts, false)
    }
}

fn or_fail_at<T>(path: &Path, result: std::io::Result<T>) -> T {
    or_fail(result.map_err(|source| Error::Io { path: path.to_owned(), source }))
}
