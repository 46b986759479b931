//! Compares the operators with the definition: documents that are added in any number of epochs, by any
//! number of workers, over restarts, and removed and restored again as revisions do.

use super::*;
use crate::plan::{EpochSizes, Plan};
use crate::revision::Revising;
use crate::selection::Selection;
use arrangement::{RunMeta, Signature, Signed};
use corpus::Corpus;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::{Input, Probe};
use timely::dataflow::{InputHandle, ProbeHandle};

const INDEX: &str = "near";

/// A document, as far as it is compared.
#[derive(Clone, Debug)]
struct Compared {
    bands: BTreeSet<u64>,
    signature: Signature,
    shingles: Vec<u64>,
}

/// The share of equal words.
fn similarity(one: &Signature, two: &Signature) -> f64 {
    let equal = one.iter().zip(two).filter(|(one, two)| one == two).count();
    equal as f64 / one.len() as f64
}

/// The share of common shingles.
fn common(one: &[u64], two: &[u64]) -> f64 {
    let both: BTreeSet<u64> = one.iter().chain(two).copied().collect();
    (one.len() + two.len() - both.len()) as f64 / both.len() as f64
}

/// The documents that are dropped, each with its witness and their similarity.
type Fates = BTreeMap<u64, (u64, Option<f64>)>;

/// The definition: in the order of refs, each document is compared with the first few of its bands.
fn definition(documents: &BTreeMap<u64, Compared>, near: Near) -> Fates {
    let mut bands: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    let mut dropped = Fates::new();
    for (at, document) in documents {
        let firsts = document.bands.iter().filter_map(|band| bands.get(band));
        let candidates: BTreeSet<u64> =
            firsts.flat_map(|refs| refs.iter().take(CANDIDATES_MAX)).copied().collect();
        let mut best: Option<(u64, Option<f64>)> = None;
        let counts = |at: &u64| near.counts == Counts::All || !dropped.contains_key(at);
        for earlier in candidates.into_iter().filter(counts) {
            let found = near.similar.map(|near| {
                let earlier = &documents[&earlier];
                let found = (near.similarity)(&earlier.signature, &document.signature);
                let is_near = found >= near.least;
                let Some(exact) = near.exact else { return (found, is_near) };
                let found = (exact.similarity)(&earlier.shingles, &document.shingles);
                (found, is_near && found >= exact.least)
            });
            let is_near = found.is_none_or(|(_, is_near)| is_near);
            let similarity = found.map(|(found, _)| found);
            if is_near && best.is_none_or(|(_, so_far)| similarity > so_far) {
                best = Some((earlier, similarity));
            }
        }
        dropped.extend(best.map(|best| (*at, best)));
        document.bands.iter().for_each(|band| bands.entry(*band).or_default().push(*at));
    }
    dropped
}

/// A corpus of such documents.
struct World {
    near: Near,
    _folder: tempfile::TempDir,
    corpus: Corpus,
    runs: BTreeMap<String, Vec<RunMeta>>,
    epoch: Epoch,
    all: BTreeMap<u64, Compared>,
    present: BTreeSet<u64>,
    fates: Fates,
    /// Documents that revisions read.
    read: usize,
}

impl World {
    fn new(near: Near) -> World {
        let folder = tempfile::tempdir().unwrap();
        let corpus = Corpus::create(folder.path()).unwrap();
        World {
            near,
            _folder: folder,
            corpus,
            runs: BTreeMap::new(),
            epoch: 1,
            all: BTreeMap::new(),
            present: BTreeSet::new(),
            fates: Fates::new(),
            read: 0,
        }
    }

    /// Adds documents after all others, in epochs.
    fn add(&mut self, workers: usize, epochs: Vec<Vec<Compared>>) {
        let mut at = self.all.len() as u64;
        let epochs = epochs.into_iter().map(|documents| {
            let mut refs = Vec::new();
            for document in documents {
                self.all.insert(at, document);
                refs.push(at);
                at += 1;
            }
            refs
        });
        let epochs: Vec<Vec<u64>> = epochs.collect();
        self.present.extend(epochs.iter().flatten());
        self.run(workers, epochs, None);
    }

    /// Removes those of `refs` that are present, and restores the others, in rounds.
    fn revise(&mut self, workers: usize, refs: &BTreeSet<u64>) {
        let (mut gone, back): (BTreeSet<u64>, BTreeSet<u64>) =
            refs.iter().partition(|at| self.present.contains(at));
        self.present.retain(|at| !gone.contains(at));
        self.present.extend(&back);
        let mut waiting = back;
        let mut rounds = 0;
        while !gone.is_empty() || !waiting.is_empty() {
            let changing: BTreeSet<u64> = gone.union(&waiting).copied().collect();
            self.fates.retain(|at, _| !changing.contains(at));
            self.read += waiting.len();
            let read: Vec<u64> = waiting.into_iter().collect();
            // In the first epoch nothing is read.
            let halves = read.split_at(read.len() / 2);
            let epochs = vec![Vec::new(), halves.0.to_vec(), halves.1.to_vec()];
            waiting = self.run(workers, epochs, Some(changing));
            gone.clear();
            rounds += 1;
            assert!(rounds <= self.all.len() + 1, "each round settles a document");
        }
    }

    /// Runs epochs. Returns the documents that are affected.
    fn run(
        &mut self,
        workers: usize,
        epochs: Vec<Vec<u64>>,
        changing: Option<BTreeSet<u64>>,
    ) -> BTreeSet<u64> {
        let selected = |refs: &BTreeSet<u64>| {
            Arc::new(Selection::new(BTreeSet::new(), refs.iter().copied().collect()))
        };
        let revising = changing.map(|changing| {
            Arc::new(Revising {
                changing: selected(&changing),
                read: selected(&changing),
                readers_at: BTreeMap::new(),
                offsets: Arc::default(),
                affected: Mutex::default(),
            })
        });
        let found = Arc::new(Mutex::new(Fates::new()));
        let left: Arc<Mutex<BTreeMap<String, Vec<RunMeta>>>> = Arc::default();
        let (first_epoch, near) = (self.epoch, self.near);
        self.epoch += epochs.len() as u64;
        let (finding, leaving, revision) = (found.clone(), left.clone(), revising.clone());
        let (corpus, runs, all) = (self.corpus.clone(), self.runs.clone(), self.all.clone());
        let guards = timely::execute(timely::Config::process(workers), move |worker| {
            let plan = Arc::new(Plan::new(first_epoch, &[], workers, EpochSizes::equal(1)));
            let alone = Arc::new(crate::operators::steps::Sharing::new(1));
            // Some batches and edges do not fit in memory, and spill.
            let context = Rc::new(WorkerContext {
                state: runs.clone(),
                revision: revision.clone(),
                ..WorkerContext::new(worker, &corpus, plan, 4096, alone)
            });
            let probe = ProbeHandle::new();
            type Builder<T> = CapacityContainerBuilder<Vec<T>>;
            let mut bands = InputHandle::<Epoch, Builder<Update<u64>>>::new();
            let mut signatures = InputHandle::<Epoch, Builder<Update<Signed>>>::new();
            let mut shingles = InputHandle::<Epoch, Builder<Update<Signed>>>::new();
            let finding = finding.clone();
            worker.dataflow::<Epoch, _, _>(|scope| {
                let bands = scope.input_from(&mut bands);
                let signatures = scope.input_from(&mut signatures);
                let shingles = scope.input_from(&mut shingles);
                let signed = SignedStreams { signatures, shingles };
                let facts = dropped_facts(&context, INDEX, bands, signed, near);
                let gather = facts.unary::<Builder<()>, _, _, _>(Pipeline, "Gather", |_, _| {
                    move |input, _output| {
                        input.for_each(|_, facts| {
                            for (at, fact, _) in facts.drain(..) {
                                let witness = witness(fact);
                                let fate = (witness.at.0, witness.similarity);
                                assert_eq!(finding.lock().unwrap().insert(at, fate), None);
                            }
                        });
                    }
                });
                gather.probe_with(&probe);
            });
            for (epoch, refs) in (first_epoch..).zip(&epochs) {
                bands.advance_to(epoch);
                signatures.advance_to(epoch);
                shingles.advance_to(epoch);
                // Spread over the workers, as documents are.
                for at in refs.iter().filter(|at| **at as usize % workers == context.index) {
                    let document = &all[at];
                    document.bands.iter().for_each(|key| bands.send((*key, *at, 1)));
                    let update = |signature| (Signed { key: key_of(*at), signature }, *at, 1);
                    signatures.send(update(document.signature));
                    let parts = likeness::parts(document.shingles.clone());
                    parts.for_each(|part| shingles.send(update(part)));
                }
            }
            bands.close();
            signatures.close();
            shingles.close();
            worker.step_while(|| !probe.done());
            let besides = [signatures_of(INDEX), shingles_of(INDEX), dropped_of(INDEX)];
            for index in [INDEX.to_owned()].into_iter().chain(besides) {
                let mut left = leaving.lock().unwrap();
                let runs = context.notes.last_runs(&index);
                left.entry(index).or_default().extend(runs);
            }
        });
        guards.unwrap().join().into_iter().for_each(|result| result.unwrap());
        self.runs = std::mem::take(&mut *left.lock().unwrap());
        self.fates.append(&mut found.lock().unwrap());
        revising.map(|revising| revising.take_affected().into_iter().collect()).unwrap_or_default()
    }

    fn expected(&self) -> Fates {
        let mut documents = self.all.clone();
        documents.retain(|at, _| self.present.contains(at));
        definition(&documents, self.near)
    }
}

/// What is done with a corpus.
#[derive(Clone, Debug)]
enum Act {
    Add(Vec<Vec<Compared>>),
    Revise(Vec<prop::sample::Index>),
}

/// Documents of a few kinds, some words apart, with a few bands: some that most have.
fn documents() -> impl Strategy<Value = Compared> {
    let band = prop_oneof![3 => 0u64..6, 2 => Just(7)];
    let bands = prop::collection::btree_set(band, 1..4);
    let changed = prop::collection::vec((0usize..16, 0u64..3), 0..5);
    (bands, 0u64..3, changed).prop_map(|(bands, kind, changed)| {
        let mut signature = [kind + 1; 16];
        changed.into_iter().for_each(|(place, by)| signature[place] += 10 * by);
        let bands = bands.into_iter().map(|band| band.wrapping_mul(u64::MAX / 8)).collect();
        // Some have one more shingle than others of the same signature.
        let shingles = (1..=40 + signature[3] % 7).map(|n| n << 8 | kind).collect();
        Compared { bands, signature, shingles }
    })
}

fn acts() -> impl Strategy<Value = Vec<(usize, Act)>> {
    let epoch = prop::collection::vec(documents(), 0..16);
    let act = prop_oneof![
        3 => prop::collection::vec(epoch, 1..4).prop_map(Act::Add),
        2 => prop::collection::vec(any::<prop::sample::Index>(), 1..8).prop_map(Act::Revise),
    ];
    prop::collection::vec((1usize..5, act), 2..7)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..reference::property() })]

    #[test]
    fn documents_are_dropped_by_the_definition_whatever_was_added_removed_and_restored(
        acts in acts(), is_verified in prop::bool::weighted(0.8), is_exact: bool, all_count: bool,
    ) {
        let exact = is_exact.then_some(Exact { similarity: common, least: 0.95 });
        let similar = is_verified.then_some(Similar { similarity, least: 0.75, exact });
        let counts = if all_count { Counts::All } else { Counts::Kept };
        let mut world = World::new(Near { similar, counts });
        for (workers, act) in acts {
            match act {
                Act::Add(epochs) => world.add(workers, epochs),
                Act::Revise(_) if world.all.is_empty() => {}
                Act::Revise(places) => {
                    let count = world.all.len();
                    let refs = places.iter().map(|place| place.index(count) as u64).collect();
                    world.revise(workers, &refs);
                }
            }
            prop_assert_eq!(&world.fates, &world.expected());
        }
    }
}

#[test]
fn a_document_beyond_the_first_of_a_band_becomes_one_of_them_when_another_is_removed() {
    let document = |kind| {
        let (bands, shingles) = (BTreeSet::from([7]), Vec::new());
        Compared { bands, signature: [kind; 16], shingles }
    };
    let similar = Some(Similar { similarity, least: 0.75, exact: None });
    let mut world = World::new(Near { similar, counts: Counts::Kept });
    let last = CANDIDATES_MAX as u64;
    // The last two are near, and the first of them is one too many to be compared with.
    world.add(2, vec![(0..last).map(document).collect(), vec![document(last), document(last)]]);
    assert_eq!(world.fates, Fates::new());
    world.revise(3, &BTreeSet::from([4]));
    assert_eq!(world.fates, Fates::from([(last + 1, (last, Some(1.0)))]));
    world.revise(1, &BTreeSet::from([4]));
    assert_eq!(world.fates, Fates::new());
    // Each revision read only what it had to, and the one that came back.
    assert_eq!(world.read, 3);
}
