//! The stage after each dedup-join: holds documents until the facts of their epoch are complete.

use crate::failure::{fail, or_fail};
use crate::operators::facts::Facts;
use crate::operators::join::FactStream;
use crate::operators::spill::SpillQueue;
use crate::replay::Part;
use crate::worker::WorkerContext;
use arrangement::Key;
use corpus::Error;
use document::{DocRef, Document, Epoch};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::rc::Rc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::Operator;

/// Bytes of documents sent at a time. The next operators process them before more are read from
/// disk.
const RELEASE_BYTES: usize = 1 << 20;

/// A document with the extra data that an operator needs to apply facts to it.
pub(crate) type Held<E> = (Document, E);

/// Extra data held with a document.
pub(crate) trait Extra: Clone + Serialize + DeserializeOwned + 'static {
    /// Its approximate size in bytes.
    fn weight(&self) -> usize;

    /// The parts of the document's text whose keys are compared, if these are not of all of it.
    fn parts(&self, _text: &str) -> Vec<Part> {
        Vec::new()
    }
}

impl Extra for () {
    fn weight(&self) -> usize {
        0
    }
}

/// Applies to a document its facts: `(ref, key)`, sorted by key.
pub(crate) type Apply<E, K> = Box<dyn FnMut(&mut Document, E, &[(u64, K)])>;

/// Holds `documents` until the facts of their epoch are complete, then calls `apply` on each with its
/// duplicate keys, and sends it. The order of documents is kept.
///
/// State: the documents and facts of the open epochs, on disk beyond the memory limits.
pub(crate) fn hold<'scope, E, K>(
    name: &str,
    worker: Rc<WorkerContext>,
    documents: StreamVec<'scope, Epoch, Held<E>>,
    facts: FactStream<'scope, K>,
    mut apply: Apply<E, K>,
) -> StreamVec<'scope, Epoch, Document>
where
    E: Extra,
    K: Key + Serialize + DeserializeOwned,
{
    type Builder = CapacityContainerBuilder<Vec<Document>>;
    let route = Exchange::new(home_of_fact(&worker));
    let scope = documents.scope();
    documents.binary_frontier::<_, Builder, _, _, _, _>(facts, Pipeline, route, name, |_, info| {
        let activator = scope.activator_for(info.address);
        let mut open: BTreeMap<Epoch, Open<E, K>> = BTreeMap::new();
        move |(documents, frontier), (facts, facts_frontier), output| {
            documents.for_each(|cap, batch| {
                let cap = cap.retain_least(0).expect("a message has a time");
                let epoch = open.entry(*cap.time()).or_insert_with(|| Open::new(cap, &worker));
                batch.drain(..).for_each(|held| epoch.hold(held, &worker));
            });
            facts.for_each(|cap, batch| {
                let cap = cap.retain_least(0).expect("a message has a time");
                let epoch = open.entry(*cap.time()).or_insert_with(|| Open::new(cap, &worker));
                epoch.learn(batch, &worker);
            });
            let Some(mut first) = open.first_entry() else { return };
            if frontier.less_equal(first.key()) || facts_frontier.less_equal(first.key()) {
                return;
            }
            let mut released = first.get_mut().release(&worker, &mut apply);
            if released.is_empty() {
                first.remove();
            } else {
                output.session(&first.get().cap).give_container(&mut released);
            }
            // The rest of this epoch, or the next one, may be ready. Later operators run first.
            activator.activate();
        }
    })
}

/// The worker that holds the document of a fact.
fn home_of_fact<K: Key>(worker: &WorkerContext) -> impl FnMut(&(u64, K, i64)) -> u64 + 'static {
    let plan = worker.plan.clone();
    move |fact: &(u64, K, i64)| {
        let at = DocRef(fact.0);
        // A fact about a document that is not read in this run would change an earlier commit.
        let home = plan.home(at.label(), at.source()).unwrap_or_else(|| {
            fail(format!(
                "a duplicate fact for {at}, which is committed: the state is not of this corpus"
            ))
        });
        home as u64
    }
}

/// The documents of one epoch, and their duplicate facts.
struct Open<E, K> {
    cap: Capability<Epoch>,
    documents: SpillQueue<Held<E>>,
    facts: Facts<K>,
}

impl<E: Extra, K: Key + Serialize + DeserializeOwned> Open<E, K> {
    fn new(cap: Capability<Epoch>, worker: &WorkerContext) -> Self {
        let facts = Facts::new(worker.memory.facts_limit);
        Open { cap, documents: SpillQueue::default(), facts }
    }

    fn hold(&mut self, held: Held<E>, worker: &WorkerContext) {
        let tmp = worker.corpus.tmp_dir();
        let used = worker.memory.held.get() + weight(&held);
        let fits = used <= worker.memory.held_limit;
        let in_memory = or_fail_at(&tmp, self.documents.push(held, fits, &tmp));
        worker.memory.count(in_memory, 1);
        if in_memory {
            worker.memory.held.set(used);
        }
    }

    fn learn(&mut self, facts: &mut Vec<(u64, K, i64)>, worker: &WorkerContext) {
        let facts = facts.drain(..).map(|(at, key, diff)| {
            assert!(diff == 1, "facts about new documents are only added");
            (at, key)
        });
        let tmp = worker.corpus.tmp_dir();
        or_fail_at(&tmp, self.facts.extend(facts, &tmp));
    }

    /// Returns the next documents, with facts applied; none when the epoch is done.
    fn release(&mut self, worker: &WorkerContext, apply: &mut Apply<E, K>) -> Vec<Document> {
        let tmp = worker.corpus.tmp_dir();
        let (mut released, mut bytes) = (Vec::new(), 0);
        while bytes < RELEASE_BYTES {
            let Some((held, in_memory)) = or_fail_at(&tmp, self.documents.pop()) else { break };
            let held_bytes = weight(&held);
            bytes += held_bytes;
            worker.memory.count(in_memory, -1);
            if in_memory {
                worker.memory.held.set(worker.memory.held.get() - held_bytes);
            }
            let (mut document, extra) = held;
            let facts = or_fail_at(&tmp, self.facts.of(document.at.0));
            apply(&mut document, extra, facts);
            released.push(document);
        }
        assert!(!released.is_empty() || self.facts.is_done(), "every fact is about a document");
        released
    }
}

fn or_fail_at<T>(path: &Path, result: io::Result<T>) -> T {
    or_fail(result.map_err(|source| Error::Io { path: path.to_owned(), source }))
}

/// The approximate size of a held document in bytes.
fn weight<E: Extra>((document, extra): &Held<E>) -> usize {
    1024 + document.text.len() + document.meta.weight() + extra.weight()
}
