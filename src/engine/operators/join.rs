//! The dedup-join: `(key, ref, diff)` in, duplicate facts `(ref, key, diff)` out.
//!
//! Each key goes to the worker that owns it. There, when an epoch is complete, its updates are
//! joined with everything stored, written as durable runs, and the changes of the duplicates come
//! out at the epoch's time. Two engines give the same facts:
//!
//! - `arrangement`, the default: the runs themselves are searched (crate `arrangement`);
//! - `differential`: `arrange` and `reduce` of differential-dataflow over all keys of history in
//!   memory. It is the definition, and the oracle of tests; it writes and loads the same runs.

use crate::docs::{Engine, WorkerContext};
use crate::or_fail;
use arrangement::{Arrangement, Batch, Key, Rule, Update, owner};
use corpus::crash;
use differential_dataflow::operators::arrange::arrangement::arrange_core;
use differential_dataflow::trace::implementations::ord_neu::{
    OrdValBatcher, OrdValSpine, VecOrdValBuilder,
};
use document::Epoch;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::rc::Rc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::Operator;

/// Updates of an index on their way to it.
pub(crate) type UpdateStream<'scope, K> = StreamVec<'scope, Epoch, Update<K>>;

/// Duplicate facts: `(ref, key, diff)`.
pub(crate) type FactStream<'scope, K> = StreamVec<'scope, Epoch, (u64, K, i64)>;

/// Joins `updates` with everything that `index` holds, and adds them to it.
pub(crate) fn duplicates<'scope, K: Key + Serialize + DeserializeOwned>(
    worker: Rc<WorkerContext>,
    index: &str,
    updates: UpdateStream<'scope, K>,
    rule: Rule,
) -> FactStream<'scope, K> {
    let stored = worker.state.get(index).map_or(&[][..], Vec::as_slice);
    let dir = worker.corpus.state_dir();
    let mut share = or_fail(Arrangement::open(&dir, index, worker.index, worker.peers, stored));
    worker.notes.runs(index, worker.plan.first_epoch - 1, share.runs());
    match worker.engine {
        Engine::Arrangement => by_arrangement(worker, index.to_owned(), updates, rule, share),
        Engine::Differential => by_differential(worker, index.to_owned(), updates, rule, share),
    }
}

/// What an operator that gathers updates by epoch is called for.
enum Moment<'a, K: Key> {
    /// An epoch is complete; whether any may follow; its updates.
    Epoch(Epoch, bool, &'a mut Batch<K>),
    /// No epoch follows. Comes once, also where the worker had no updates in the last epochs.
    End,
}

/// Collects the updates of each epoch at their owners. When one is complete, calls `act` until that
/// says that it is done with it, and lets others work in between. Once there are no more, calls it
/// for the end; the last epoch of the run is held open until then, so what is noted at the end is in
/// its commit.
fn by_epoch<'scope, K, D>(
    name: &str,
    worker: &WorkerContext,
    updates: UpdateStream<'scope, K>,
    at_start: impl FnOnce(&mut Vec<D>) -> Option<Epoch> + 'static,
    new_batch: impl Fn() -> Batch<K> + 'static,
    mut act: impl FnMut(Moment<'_, K>, &mut Vec<D>) -> bool + 'static,
) -> StreamVec<'scope, Epoch, D>
where
    K: Key + Serialize + DeserializeOwned,
    D: Clone + 'static,
{
    let peers = worker.peers;
    let route = Exchange::new(move |update: &Update<K>| owner(update.0.high(), peers) as u64);
    type Builder<D> = CapacityContainerBuilder<Vec<D>>;
    let scope = updates.scope();
    let last = worker.plan.last_epoch();
    updates.unary_frontier::<Builder<D>, _, _, _>(route, name, move |cap, info| {
        let activator = scope.activator_for(info.address);
        let mut open: BTreeMap<Epoch, (Capability<Epoch>, Batch<K>)> = BTreeMap::new();
        let mut until_end = Some(cap.delayed(&last));
        let mut start = Some((cap, at_start));
        // What epochs that are over leave to the next ones: to have memory cleared by the system
        // for every epoch takes a quarter of the time.
        let (mut out, mut spare) = (Vec::new(), Vec::new());
        move |(input, frontier), output| {
            if let Some((cap, at_start)) = start.take()
                && let Some(time) = at_start(&mut out)
            {
                output.session(&cap.delayed(&time)).give_iterator(out.drain(..));
            }
            input.for_each(|cap, updates| {
                let cap = cap.retain_least(0).expect("a message has a time");
                let (_, batch) = open
                    .entry(*cap.time())
                    .or_insert_with(|| (cap, spare.pop().unwrap_or_else(&new_batch)));
                or_fail(batch.extend(updates.drain(..)));
            });
            let Some(mut first) = open.first_entry() else {
                if frontier.is_empty() && until_end.is_some() {
                    act(Moment::End, &mut out);
                    until_end = None;
                }
                return;
            };
            let epoch = *first.key();
            if frontier.less_equal(&epoch) {
                return;
            }
            let (cap, batch) = first.get_mut();
            let done = act(Moment::Epoch(epoch, frontier.is_empty(), batch), &mut out);
            output.session(cap).give_iterator(out.drain(..));
            if done {
                spare.push(first.remove().1);
            }
            activator.activate();
        }
    })
}

/// Notes what `share` is after `epoch`. After the last one no merge is left under way: its file
/// would be in no commit.
pub(crate) fn store<K: Key>(
    worker: &WorkerContext,
    index: &str,
    share: &mut Arrangement<K>,
    epoch: Epoch,
    is_last: bool,
) {
    if is_last {
        or_fail(share.settle());
    }
    crash::point("run-written");
    worker.notes.runs(index, epoch, share.runs());
}

fn by_arrangement<'scope, K: Key + Serialize + DeserializeOwned>(
    worker: Rc<WorkerContext>,
    index: String,
    updates: UpdateStream<'scope, K>,
    rule: Rule,
    mut share: Arrangement<K>,
) -> FactStream<'scope, K> {
    let name = format!("Join with {index}");
    let new_batch = share.batches(worker.memory.updates_limit);
    let context = worker.clone();
    by_epoch(
        &name,
        &context,
        updates,
        |_| None,
        new_batch,
        move |moment, facts| {
            let (epoch, is_last) = match moment {
                Moment::Epoch(epoch, is_last, updates) => {
                    if !or_fail(share.apply(epoch, updates, &rule, facts)) {
                        return false;
                    }
                    (epoch, is_last)
                }
                Moment::End => (worker.plan.last_epoch(), true),
            };
            store(&worker, &index, &mut share, epoch, is_last);
            true
        },
    )
}

fn by_differential<'scope, K: Key + Serialize + DeserializeOwned>(
    worker: Rc<WorkerContext>,
    index: String,
    updates: UpdateStream<'scope, K>,
    rule: Rule,
    mut share: Arrangement<K>,
) -> FactStream<'scope, K> {
    type Row<K> = ((K, u64), Epoch, i64);
    let first_epoch = worker.plan.first_epoch;
    let mut stored: Vec<Row<K>> = Vec::new();
    or_fail(share.scan(|(key, at, diff)| stored.push(((key, at), first_epoch - 1, diff))));
    let name = format!("Store {index}");
    let load = move |out: &mut Vec<Row<K>>| {
        *out = stored;
        Some(first_epoch - 1)
    };
    let new_batch = share.batches(worker.memory.updates_limit);
    let context = worker.clone();
    let rows = by_epoch(&name, &context, updates, load, new_batch, move |moment, rows| {
        let (epoch, is_last) = match moment {
            Moment::Epoch(epoch, is_last, batch) => {
                let updates = or_fail(batch.consolidated());
                or_fail(share.append(epoch, &updates));
                rows.extend(updates.iter().map(|&(key, at, diff)| ((key, at), epoch, diff)));
                (epoch, is_last)
            }
            Moment::End => (worker.plan.last_epoch(), true),
        };
        store(&worker, &index, &mut share, epoch, is_last);
        true
    });
    let arranged = arrange_core::<_, _, _, OrdValSpine<K, u64, Epoch, i64>>(
        rows,
        Pipeline, // The store has sent every key to its owner.
        "Arrange",
        OrdValBatcher::<K, u64, Epoch, i64>::new,
    );
    let reduced = arranged
        .reduce_abelian::<_, VecOrdValBuilder<K, u64, Epoch, i64>, OrdValSpine<K, u64, Epoch, i64>, _, _>(
            "Duplicates",
            move |_key, refs, out| {
                let refs: Vec<(u64, i64)> = refs.iter().map(|(at, count)| (**at, *count)).collect();
                rule.duplicates(&refs, |at, count| out.push((at, count)));
            },
            |rows, key, updates| {
                rows.clear();
                rows.extend(updates.drain(..).map(|(at, time, diff)| ((*key, at), time, diff)));
            },
        );
    settle(reduced.as_collection(|key, at| (*at, *key)).inner, first_epoch)
}

/// The facts of a differential stream from `first_epoch` on, each at its own time: one message may
/// hold updates of several. What was stored is settled: its facts were applied when it was added.
fn settle<'scope, K: Key>(
    facts: StreamVec<'scope, Epoch, ((u64, K), Epoch, i64)>,
    first_epoch: Epoch,
) -> FactStream<'scope, K> {
    type Builder<K> = CapacityContainerBuilder<Vec<(u64, K, i64)>>;
    facts.unary::<Builder<K>, _, _, _>(Pipeline, "Settle", |_, _| {
        move |input, output| {
            input.for_each(|cap, facts| {
                facts.sort_unstable_by_key(|fact| fact.1);
                for same in facts.chunk_by(|a, b| a.1 == b.1) {
                    let epoch = same[0].1;
                    if epoch >= first_epoch {
                        let cap = cap.delayed(&epoch, 0);
                        let facts = same.iter().map(|&((at, key), _, diff)| (at, key, diff));
                        output.session(&cap).give_iterator(facts);
                    }
                }
                facts.clear();
            });
        }
    })
}
