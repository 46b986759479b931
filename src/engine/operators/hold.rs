//! Holding documents until everything is known of their epoch.

use crate::docs::WorkerContext;
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

/// What is done to a document with the facts of it, `(ref, key)` by key.
pub(crate) type Apply<E, K> = Box<dyn FnMut(&mut Document, E, &[(u64, K)])>;

/// Documents of one epoch, and the duplicate facts of them.
struct Open<E, K> {
    cap: Capability<Epoch>,
    documents: SpillQueue<Held<E>>,
    facts: Vec<(u64, K)>,
    /// Facts applied; they are sorted once the epoch is complete.
    applied: Option<usize>,
}

/// Holds `documents` until the facts of their epoch are complete, then hands each one, with the
/// keys of it that are duplicates, to `apply`, and sends it on. Order is kept.
///
/// State: the documents of the epochs under way; beyond the limit of memory, on disk.
pub(crate) fn hold<'scope, E, K>(
    name: &str,
    worker: Rc<WorkerContext>,
    documents: StreamVec<'scope, Epoch, Held<E>>,
    facts: FactStream<'scope, K>,
    mut apply: Apply<E, K>,
) -> StreamVec<'scope, Epoch, Document>
where
    E: Clone + Serialize + DeserializeOwned + 'static,
    K: Key + Serialize + DeserializeOwned,
{
    let plan = worker.plan.clone();
    let home = move |at: u64| {
        let at = DocRef(at);
        // Facts of documents that are not read in this run concern commits of the past.
        plan.home(at.label(), at.source()).unwrap_or_else(|| {
            fail(format!("a duplicate fact for {at}, which is committed already: the state is not of this corpus"))
        }) as u64
    };
    let route = Exchange::new(move |fact: &(u64, K, i64)| home(fact.0));
    type Builder = CapacityContainerBuilder<Vec<Document>>;
    let scope = documents.scope();
    documents.binary_frontier::<_, Builder, _, _, _, _>(
        facts,
        Pipeline,
        route,
        name,
        |cap, info| {
            drop(cap);
            let activator = scope.activator_for(info.address);
            let tmp = worker.corpus.tmp_dir();
            let mut open: BTreeMap<Epoch, Open<E, K>> = BTreeMap::new();
            let entry = |cap: Capability<Epoch>| Open {
                cap,
                documents: SpillQueue::default(),
                facts: Vec::new(),
                applied: None,
            };
            move |(documents, frontier), (facts, facts_frontier), output| {
                documents.for_each(|cap, batch| {
                    let cap = cap.retain_least(0).expect("a message has a time");
                    let epoch = open.entry(*cap.time()).or_insert_with(|| entry(cap));
                    for held in batch.drain(..) {
                        let bytes = weight(&held.0);
                        let used = worker.held.used.get();
                        let fits = used + bytes <= worker.held.limit;
                        if or_fail_at(&tmp, epoch.documents.push(held, fits, &tmp)) {
                            worker.held.used.set(used + bytes);
                        }
                    }
                });
                facts.for_each(|cap, batch| {
                    let cap = cap.retain_least(0).expect("a message has a time");
                    let epoch = open.entry(*cap.time()).or_insert_with(|| entry(cap));
                    for (at, key, diff) in batch.drain(..) {
                        assert!(diff == 1, "a fact of a new document is new");
                        epoch.facts.push((at, key));
                    }
                });
                let Some(mut first) = open.first_entry() else { return };
                if frontier.less_equal(first.key()) || facts_frontier.less_equal(first.key()) {
                    return;
                }
                let epoch = first.get_mut();
                let (mut released, mut bytes) = (Vec::new(), 0);
                let mut next = *epoch.applied.get_or_insert_with(|| {
                    epoch.facts.sort_unstable();
                    0
                });
                while bytes < RELEASE_BYTES {
                    let popped = or_fail_at(&tmp, epoch.documents.pop());
                    let Some(((mut document, extra), in_memory)) = popped else { break };
                    bytes += weight(&document);
                    if in_memory {
                        worker.held.used.set(worker.held.used.get() - weight(&document));
                    }
                    let end = next + epoch.facts[next..].partition_point(|f| f.0 <= document.at.0);
                    let mine = &epoch.facts[next..end];
                    assert!(
                        mine.first().is_none_or(|f| f.0 == document.at.0),
                        "a fact of no document"
                    );
                    next = end;
                    apply(&mut document, extra, mine);
                    released.push(document);
                }
                epoch.applied = Some(next);
                if released.is_empty() {
                    assert!(next == epoch.facts.len(), "a fact of no document");
                    first.remove();
                } else {
                    output.session(&epoch.cap).give_container(&mut released);
                }
                activator.activate();
            }
        },
    )
}

fn or_fail_at<T>(path: &Path, result: io::Result<T>) -> T {
    or_fail(result.map_err(|source| Error::Io { path: path.to_owned(), source }))
}

/// About the bytes a held document takes.
fn weight(document: &Document) -> usize {
    1024 + document.text.len() + document.text.len() / 4
}
