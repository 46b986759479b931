//! A graph over records that were read again, beside what is stored: which keys each has at each
//! index, and whose copies they are. Nothing is written.
//!
//! In a replay, an operator with an index stores nothing. It looks its keys up in the committed
//! state, where each document is a duplicate of what was added before it, as in the run that read it.

use crate::docs::Docs;
use crate::failure::or_fail;
use crate::operators::steps::Sharing;
use crate::plan::{EpochSizes, Plan, Work};
use crate::run::Graph;
use crate::stored::{IndexUse, StoredIndex};
use crate::worker::WorkerContext;
use corpus::{Corpus, Manifest, Position};
use document::{DocRef, Document, Epoch, Reason};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::{Input, Probe};
use timely::dataflow::{InputHandle, ProbeHandle};

/// How the steps that reject single documents decide in a replay.
#[derive(Clone, Debug)]
pub enum Verdicts {
    /// As the ledger says: a step rejects those that were rejected for its reason. So no model is
    /// needed, and every document gets as far as it got. Documents that were kept are not named.
    Known(BTreeMap<DocRef, Reason>),
    /// By their tests, as in a run.
    Tested,
}

/// What a graph did with its documents.
#[derive(Default)]
pub struct Replayed {
    /// The documents, kept and rejected, in the order of their refs.
    pub documents: Vec<Document>,
    /// The indexes of the graph, in its order, whether a document reached them or not.
    pub indexes: Vec<IndexUse>,
    /// What documents had at the indexes that they reached, by index, then by ref.
    pub keyed: Vec<Keyed>,
    /// The steps of the graph, in its order.
    pub steps: Vec<GraphStep>,
    /// Places of the steps that rejected documents.
    pub ended: BTreeMap<DocRef, usize>,
}

/// A step of a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GraphStep {
    /// Rejects documents with this reason, each by itself.
    Reject(Reason),
    /// Writes something into documents; may reject some. It has this name.
    Tag(String),
    /// Compares documents by the index at this place of [`Replayed::indexes`].
    Index(usize),
}

/// A document at an index.
#[derive(Clone, Debug, Default)]
pub struct Keyed {
    /// The document.
    pub at: DocRef,
    /// Place of the index in [`Replayed::indexes`].
    pub index: usize,
    /// Its distinct keys, sorted.
    pub keys: Vec<u128>,
    /// What the keys are of, if they are of parts of a text; a key may have several parts.
    pub parts: Vec<Part>,
    /// The text that has these parts; empty without parts.
    pub text: String,
    /// For each key that makes it, or a part of it, a duplicate: the document that it is a duplicate
    /// of. That is the first with the key or, if all copies go, another one; and the nearest one
    /// before it where near copies are compared.
    pub witnesses: BTreeMap<u128, DocRef>,
}

/// A part of a text that is compared by a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its key.
    pub key: u128,
    /// Its bytes.
    pub range: Range<usize>,
}

/// What the operators of a replay share.
pub(crate) struct Recorder {
    /// [`Verdicts::Known`].
    known: Option<Rc<BTreeMap<DocRef, Reason>>>,
    manifest: Arc<Manifest>,
    indexes: RefCell<Vec<IndexUse>>,
    keyed: RefCell<BTreeMap<(usize, DocRef), Keyed>>,
    steps: RefCell<Vec<GraphStep>>,
    ended: RefCell<BTreeMap<DocRef, usize>>,
}

impl Recorder {
    /// Notes the next step of the graph, and returns its place.
    fn step(&self, step: GraphStep) -> usize {
        let mut steps = self.steps.borrow_mut();
        steps.push(step);
        steps.len() - 1
    }

    /// Returns how the next step, with this reason, decides: by what is known, or by its `test`.
    pub fn deciding(
        self: &Rc<Self>,
        reason: &Reason,
        test: Box<dyn FnMut(&Document) -> bool>,
    ) -> Box<dyn FnMut(&Document) -> bool> {
        let Some(known) = self.known.clone() else { return self.testing(reason, test) };
        let wanted = reason.clone();
        self.testing(reason, Box::new(move |document| known.get(&document.at) == Some(&wanted)))
    }

    /// Returns how the next step, with this reason, decides if it can test in any replay.
    pub fn testing(
        self: &Rc<Self>,
        reason: &Reason,
        mut test: Box<dyn FnMut(&Document) -> bool>,
    ) -> Box<dyn FnMut(&Document) -> bool> {
        let place = self.step(GraphStep::Reject(reason.clone()));
        let recorder = self.clone();
        Box::new(move |document| {
            let is_rejected = test(document);
            if is_rejected {
                recorder.ended.borrow_mut().insert(document.at, place);
            }
            is_rejected
        })
    }

    /// Returns what the next step, with this name, writes.
    pub fn writing(
        self: &Rc<Self>,
        name: &str,
        mut write: Box<dyn FnMut(&mut Document)>,
    ) -> Box<dyn FnMut(&mut Document)> {
        let (recorder, place) = (self.clone(), self.step(GraphStep::Tag(name.to_owned())));
        Box::new(move |document| {
            write(document);
            if !document.is_kept() {
                recorder.ended.borrow_mut().insert(document.at, place);
            }
        })
    }

    /// Notes the next index of the graph, and returns its place.
    pub fn index(&self, index: IndexUse) -> usize {
        let place = self.indexes();
        self.indexes.borrow_mut().push(index);
        self.step(GraphStep::Index(place));
        place
    }

    /// Notes the keys of a document at the index that is noted next.
    pub fn keys(&self, document: &Document, index: usize, keys: Vec<u128>, parts: Vec<Part>) {
        let text = if parts.is_empty() { String::new() } else { document.text.clone() };
        let witnesses = BTreeMap::new();
        let keyed = Keyed { at: document.at, index, keys, parts, text, witnesses };
        self.keyed.borrow_mut().insert((index, document.at), keyed);
    }

    /// The number of indexes noted so far.
    pub fn indexes(&self) -> usize {
        self.indexes.borrow().len()
    }

    /// Looks the keys of all documents at an index up, notes the witnesses, and passes each key that
    /// has one, with its document, to `fact`.
    pub fn look_up(&self, corpus: &Corpus, index: usize, mut fact: impl FnMut(DocRef, u128)) {
        let used = self.indexes.borrow()[index].clone();
        let mut keyed = self.keyed.borrow_mut();
        let here = keyed.range_mut((index, DocRef(0))..=(index, DocRef(u64::MAX)));
        let mut here: Vec<&mut Keyed> = here.map(|(_, keyed)| keyed).collect();
        let mut asked: Vec<(u128, DocRef)> = Vec::new();
        for keyed in &here {
            asked.extend(keyed.keys.iter().map(|key| (*key, keyed.at)));
        }
        if asked.is_empty() {
            return;
        }
        let is_index = |step: &GraphStep| *step == GraphStep::Index(index);
        let place = self.steps.borrow().iter().position(is_index).expect("it is noted");
        let found = or_fail(StoredIndex::new(corpus, &self.manifest, &used).witnesses(&asked));
        for (key, at, witness) in found {
            let of = here.binary_search_by_key(&at, |keyed| keyed.at);
            here[of.expect("a document that asked")].witnesses.insert(key, witness);
            if used.effect.reason().is_some() {
                self.ended.borrow_mut().insert(at, place);
            }
            fact(at, key);
        }
    }
}

/// Passes `documents` through `graph`, beside the state that `manifest` names. They have the refs that
/// they have in the corpus. Any order will do.
///
/// The result holds for the indexes, texts and parts of any slice; with [`Verdicts::Known`] no model
/// is needed, and the documents that are kept have the texts that are in the corpus.
///
/// Errors of the state end the process, as in a run.
pub fn replay(
    corpus: &Corpus,
    manifest: &Arc<Manifest>,
    graph: &Graph,
    mut documents: Vec<Document>,
    verdicts: Verdicts,
) -> Replayed {
    documents.sort_by_key(|document| document.at);
    let (corpus, manifest, graph) = (corpus.clone(), manifest.clone(), graph.clone());
    timely::execute::execute_directly(move |worker| {
        let known = match verdicts {
            Verdicts::Known(rejected) => Some(Rc::new(rejected)),
            Verdicts::Tested => None,
        };
        let recorder = Rc::new(Recorder {
            known,
            manifest,
            indexes: RefCell::default(),
            keyed: RefCell::default(),
            steps: RefCell::default(),
            ended: RefCell::default(),
        });
        let plan = Arc::new(plan(&documents));
        let epoch = plan.first_epoch;
        // They are in memory already.
        let (memory, alone) = (u64::MAX >> 1, Arc::new(Sharing::new(1)));
        let context = Rc::new(WorkerContext {
            replay: Some(recorder.clone()),
            ..WorkerContext::new(worker, &corpus, plan, memory, alone)
        });
        let probe = ProbeHandle::new();
        let done: Rc<RefCell<Vec<Document>>> = Rc::default();
        let mut input = InputHandle::<Epoch, CapacityContainerBuilder<Vec<Document>>>::new();
        worker.dataflow::<Epoch, _, _>(|scope| {
            let docs = graph(Docs::new(scope.input_from(&mut input), context.clone()));
            let collected = done.clone();
            type Builder = CapacityContainerBuilder<Vec<()>>;
            let stream = docs.into_parts().0;
            let ends = stream.unary::<Builder, _, _, _>(Pipeline, "Collect", move |_, _| {
                move |input, _output| {
                    input.for_each(|_, batch| collected.borrow_mut().append(batch));
                }
            });
            ends.probe_with(&probe);
        });
        input.advance_to(epoch);
        documents.into_iter().for_each(|document| input.send(document));
        input.close();
        worker.step_while(|| !probe.done());
        Replayed {
            documents: done.take(),
            indexes: recorder.indexes.take(),
            keyed: recorder.keyed.take().into_values().collect(),
            steps: recorder.steps.take(),
            ended: recorder.ended.take(),
        }
    })
}

/// One epoch, with the sources of `documents`.
fn plan(documents: &[Document]) -> Plan {
    let labels: BTreeSet<u64> = documents.iter().map(|document| document.at.label()).collect();
    let work = labels.into_iter().map(|label| {
        let of_label = documents.iter().filter(|document| document.at.label() == label);
        let last = of_label.map(|document| document.at.source()).max().unwrap_or_default();
        let sizes = vec![1; last as usize + 1];
        let (from, groups) = (Position::default(), Some(vec![0]));
        Work { label, before: 0, sizes, from, groups, only: None }
    });
    Plan::new(1, &work.collect::<Vec<_>>(), 1, EpochSizes::equal(1))
}

#[cfg(test)]
mod tests;
