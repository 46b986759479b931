//! The dedup-join: `(key, ref, diff)` in, duplicate facts `(ref, key, diff)` out.
//!
//! Each key goes to the worker that owns it. When an epoch is complete there, its updates are joined
//! with everything stored and written as durable runs, and the changes of the duplicates are sent at
//! the epoch's time. Two engines produce the same facts:
//!
//! - `arrangement`, the default: searches the runs themselves (crate `arrangement`);
//! - `differential`: `arrange` and `reduce` of differential-dataflow, with all keys ever added in
//!   memory. It is the definition, and the oracle of tests. It writes and loads the same runs.

use crate::failure::or_fail;
use crate::index::{Index, More};
use crate::operators::retract::{of_documents_read, with_retractions};
use crate::replay::Recorder;
use crate::stored::{Compares, Effect, IndexUse};
use crate::worker::{Engine, WorkerContext};
use arrangement::{Batch, Key, Rule, Update, owner};
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

/// Joins `updates` with everything in `index`, and adds them to it. `effect` is what
/// becomes of duplicates.
pub(crate) fn duplicates<'scope, K: Key + Serialize + DeserializeOwned>(
    worker: Rc<WorkerContext>,
    index: &str,
    updates: UpdateStream<'scope, K>,
    rule: Rule,
    effect: &Effect,
) -> FactStream<'scope, K> {
    if let Some(recorder) = &worker.replay {
        return looked_up(&worker, recorder.clone(), index, updates, Compares::Equal(rule), effect);
    }
    let stored = Index::open(worker.clone(), index);
    let updates = with_retractions(&worker, &stored, updates);
    let facts = match worker.engine {
        Engine::Arrangement => by_arrangement(&worker, index, updates, rule, stored),
        Engine::Differential => by_differential(&worker, index, updates, rule, stored),
    };
    of_documents_read(&worker, facts)
}

/// In a replay: looks the keys that were recorded for the documents of an epoch up in `index`. Nothing is
/// added to it.
pub(crate) fn looked_up<'scope, K: Key>(
    worker: &WorkerContext,
    recorder: Rc<Recorder>,
    index: &str,
    updates: UpdateStream<'scope, K>,
    compares: Compares,
    effect: &Effect,
) -> FactStream<'scope, K> {
    let (name, effect) = (index.to_owned(), effect.clone());
    let place = recorder.index(IndexUse { name, key_bytes: K::BYTES, compares, effect });
    let corpus = worker.corpus.clone();
    type Builder<K> = CapacityContainerBuilder<Vec<(u64, K, i64)>>;
    updates.unary_frontier::<Builder<K>, _, _, _>(Pipeline, "Look up", move |_, _| {
        let mut open: Option<Capability<Epoch>> = None;
        move |(input, frontier), output| {
            input.for_each(|cap, _| {
                open.get_or_insert_with(|| cap.retain_least(0).expect("a message has a time"));
            });
            if let Some(cap) = open.take_if(|cap| !frontier.less_equal(cap.time())) {
                let mut facts = Vec::new();
                recorder.look_up(&corpus, place, |at, key| facts.push((at.0, K::narrowed(key), 1)));
                output.session(&cap).give_container(&mut facts);
            }
        }
    })
}

/// An event for an operator that gathers updates by epoch.
pub(crate) enum Event<'a, K: Key> {
    /// An epoch is complete.
    Epoch { epoch: Epoch, more: More, updates: &'a mut Batch<K> },
    /// No epoch follows. Comes until it is done, also if the worker had no updates in the last epochs.
    End,
}

/// Whether an event needs another call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    Continues,
    Done,
}

/// Gathers the updates of each epoch at their owners. When an epoch is complete, calls `handle` until
/// it is done with the epoch, and yields to other operators between calls. Once there are no more
/// epochs, calls it for the end. The last epoch of the run is held open until then, so what is noted
/// at the end is in its commit; what is sent at the end is sent in that epoch.
pub(crate) fn by_epoch<'scope, K, D>(
    name: &str,
    worker: &WorkerContext,
    updates: UpdateStream<'scope, K>,
    at_start: impl FnOnce(&mut Vec<D>) -> Option<Epoch> + 'static,
    new_batch: impl Fn() -> Batch<K> + 'static,
    mut handle: impl FnMut(Event<'_, K>, &mut Vec<D>) -> Progress + 'static,
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
        // Batches of completed epochs, for the next ones: to have the system clear memory for every
        // epoch takes a quarter of the time.
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
                if frontier.is_empty()
                    && let Some(end) = &until_end
                {
                    let progress = handle(Event::End, &mut out);
                    output.session(end).give_iterator(out.drain(..));
                    if progress == Progress::Done {
                        until_end = None;
                    }
                    activator.activate();
                }
                return;
            };
            let epoch = *first.key();
            if frontier.less_equal(&epoch) {
                return;
            }
            let more = if frontier.is_empty() { More::None } else { More::MayFollow };
            let (cap, updates) = first.get_mut();
            let progress = handle(Event::Epoch { epoch, more, updates }, &mut out);
            output.session(cap).give_iterator(out.drain(..));
            if progress == Progress::Done {
                spare.push(first.remove().1);
            }
            activator.activate();
        }
    })
}

fn by_arrangement<'scope, K: Key + Serialize + DeserializeOwned>(
    worker: &WorkerContext,
    name: &str,
    updates: UpdateStream<'scope, K>,
    rule: Rule,
    mut index: Index<K>,
) -> FactStream<'scope, K> {
    let name = format!("Join with {name}");
    let new_batch = index.batches();
    by_epoch(
        &name,
        worker,
        updates,
        |_| None,
        new_batch,
        move |event, facts| match event {
            Event::Epoch { epoch, more, updates } => {
                let done = index.apply(epoch, more, updates, &rule, facts);
                if done { Progress::Done } else { Progress::Continues }
            }
            Event::End => {
                index.finish();
                Progress::Done
            }
        },
    )
}

fn by_differential<'scope, K: Key + Serialize + DeserializeOwned>(
    worker: &WorkerContext,
    name: &str,
    updates: UpdateStream<'scope, K>,
    rule: Rule,
    mut index: Index<K>,
) -> FactStream<'scope, K> {
    type Row<K> = ((K, u64), Epoch, i64);
    let first_epoch = worker.plan.first_epoch;
    let rows = index.updates().map(|(key, at, diff)| ((key, at), first_epoch - 1, diff));
    let stored: Vec<Row<K>> = rows.collect();
    let name = format!("Store {name}");
    let load = move |out: &mut Vec<Row<K>>| {
        *out = stored;
        Some(first_epoch - 1)
    };
    let new_batch = index.batches();
    let rows = by_epoch(&name, worker, updates, load, new_batch, move |event, rows| {
        match event {
            Event::Epoch { epoch, more, updates } => {
                let updates = or_fail(updates.consolidated());
                index.append(epoch, more, &updates);
                rows.extend(updates.iter().map(|&(key, at, diff)| ((key, at), epoch, diff)));
            }
            Event::End => index.finish(),
        }
        Progress::Done
    });
    let arranged = arrange_core::<_, _, _, OrdValSpine<K, u64, Epoch, i64>>(
        rows,
        Pipeline, // `by_epoch` has sent every key to its owner.
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
    new_facts(reduced.as_collection(|key, at| (*at, *key)).inner, first_epoch)
}

/// Returns the facts of a differential stream from `first_epoch` on, each at its own time: one
/// message may hold updates of several epochs. The facts of stored keys are left out: they were
/// applied when the keys were added.
fn new_facts<'scope, K: Key>(
    facts: StreamVec<'scope, Epoch, ((u64, K), Epoch, i64)>,
    first_epoch: Epoch,
) -> FactStream<'scope, K> {
    type Builder<K> = CapacityContainerBuilder<Vec<(u64, K, i64)>>;
    facts.unary::<Builder<K>, _, _, _>(Pipeline, "New facts", |_, _| {
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
