//! Holding documents until everything is known of their epoch.

use crate::docs::WorkerContext;
use crate::operators::facts::Facts;
use crate::operators::join::FactStream;
use crate::operators::spill::SpillQueue;
use crate::{fail, or_fail};
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

/// Bytes of documents sent on at a time: what comes after works on them before more are taken
/// from disk.
const RELEASE_BYTES: usize = 1 << 20;

/// A document with what an operator needs to apply the facts to it.
pub(crate) type Held<E> = (Document, E);

/// What is held beside a document.
pub(crate) trait Extra: Clone + Serialize + DeserializeOwned + 'static {
    /// About the bytes it takes.
    fn weight(&self) -> usize;
}

impl Extra for () {
    fn weight(&self) -> usize {
        0
    }
}

/// What is done to a document with the facts of it, `(ref, key)` by key.
pub(crate) type Apply<E, K> = Box<dyn FnMut(&mut Document, E, &[(u64, K)])>;

/// Holds `documents` until the facts of their epoch are complete, then hands each one, with the
/// keys of it that are duplicates, to `apply`, and sends it on. Order is kept.
///
/// State: the documents and the facts of the epochs under way; beyond the limits of memory, on
/// disk.
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
            match released.is_empty() {
                true => drop(first.remove()),
                false => output.session(&first.get().cap).give_container(&mut released),
            }
            // More of this epoch, or the next one, may be ready: once what was sent is worked on.
            activator.activate();
        }
    })
}

/// The worker that holds the document of a fact.
fn home_of_fact<K: Key>(worker: &WorkerContext) -> impl FnMut(&(u64, K, i64)) -> u64 + 'static {
    let plan = worker.plan.clone();
    move |fact: &(u64, K, i64)| {
        let at = DocRef(fact.0);
        // Facts of documents that are not read in this run would change commits of the past.
        let home = plan.home(at.label(), at.source()).unwrap_or_else(|| {
            fail(format!(
                "a duplicate fact for {at}, which is committed: the state is not of this corpus"
            ))
        });
        home as u64
    }
}

/// Documents of one epoch, and the duplicate facts of them.
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
        if or_fail_at(&tmp, self.documents.push(held, used <= worker.memory.held_limit, &tmp)) {
            worker.memory.held.set(used);
        }
    }

    fn learn(&mut self, facts: &mut Vec<(u64, K, i64)>, worker: &WorkerContext) {
        let facts = facts.drain(..).map(|(at, key, diff)| {
            assert!(diff == 1, "a fact of a new document is new");
            (at, key)
        });
        let tmp = worker.corpus.tmp_dir();
        or_fail_at(&tmp, self.facts.extend(facts, &tmp));
    }

    /// The next documents, facts applied; none when the epoch is done.
    fn release(&mut self, worker: &WorkerContext, apply: &mut Apply<E, K>) -> Vec<Document> {
        let tmp = worker.corpus.tmp_dir();
        let (mut released, mut bytes) = (Vec::new(), 0);
        while bytes < RELEASE_BYTES {
            let Some((held, in_memory)) = or_fail_at(&tmp, self.documents.pop()) else { break };
            let held_bytes = weight(&held);
            bytes += held_bytes;
            if in_memory {
                worker.memory.held.set(worker.memory.held.get() - held_bytes);
            }
            let (mut document, extra) = held;
            let facts = or_fail_at(&tmp, self.facts.of(document.at.0));
            apply(&mut document, extra, facts);
            released.push(document);
        }
        assert!(!released.is_empty() || self.facts.is_done(), "a fact of no document");
        released
    }
}

fn or_fail_at<T>(path: &Path, result: io::Result<T>) -> T {
    or_fail(result.map_err(|error| Error::Io { path: path.to_owned(), error }))
}

/// About the bytes a held document takes.
fn weight<E: Extra>((document, extra): &Held<E>) -> usize {
    1024 + document.text.len() + document.meta.weight() + extra.weight()
}
