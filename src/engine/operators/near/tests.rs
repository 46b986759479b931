use super::*;
use corpus::Corpus;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use timely::dataflow::operators::{Input, Probe};
use timely::dataflow::{InputHandle, ProbeHandle};

const INDEX: &str = "near";
const DISTANCE_MAX: u32 = 5;

/// Number of workers, and the hashes of each epoch, in the order of their refs.
type Session = (usize, Vec<Vec<u64>>);

/// The definition: compares all pairs.
fn dropped(hashes: &[u64]) -> BTreeSet<u64> {
    let near = |a: u64, b: u64| (a ^ b).count_ones() <= DISTANCE_MAX;
    let is_dropped = |at: &usize| hashes[..*at].iter().any(|other| near(*other, hashes[*at]));
    (0..hashes.len()).filter(is_dropped).map(|at| at as u64).collect()
}

/// Refs with facts after `sessions`, one after the other.
fn found(sessions: &[Session]) -> BTreeSet<u64> {
    let dir = tempfile::tempdir().unwrap();
    let corpus = Corpus::create(dir.path()).unwrap();
    let found = Arc::new(Mutex::new(BTreeSet::new()));
    let (mut runs, mut epoch, mut at) = (Vec::new(), 1, 0);
    for (workers, epochs) in sessions {
        let left = Arc::new(Mutex::new(Vec::new()));
        let (corpus, epochs, found) = (corpus.clone(), epochs.clone(), found.clone());
        let (leaving, runs_before, first) = (left.clone(), std::mem::take(&mut runs), at);
        at += epochs.iter().map(Vec::len).sum::<usize>() as u64;
        let first_epoch = epoch;
        epoch += epochs.len() as u64;
        let guards = timely::execute(timely::Config::process(*workers), move |worker| {
            let index = (INDEX, &runs_before[..]);
            let engine = crate::worker::Engine::Arrangement;
            let context = Rc::new(WorkerContext::of_join_alone(
                worker,
                &corpus,
                engine,
                first_epoch,
                1 << 20,
                index,
            ));
            let probe = ProbeHandle::new();
            let mut input = InputHandle::<Epoch, CapacityContainerBuilder<Vec<Update<u64>>>>::new();
            let found = found.clone();
            worker.dataflow::<Epoch, _, _>(|scope| {
                let updates = scope.input_from(&mut input);
                let facts =
                    near_repeats(context.clone(), INDEX, updates, DISTANCE_MAX, &Effect::Cut);
                type Builder = CapacityContainerBuilder<Vec<()>>;
                let gather = facts.unary::<Builder, _, _, _>(Pipeline, "Gather", |_, _| {
                    move |input, _output| {
                        input.for_each(|_, facts| {
                            let facts = facts.drain(..).map(|(at, _, diff)| (at, diff));
                            facts.for_each(|(at, diff)| {
                                assert_eq!(diff, 1);
                                found.lock().unwrap().insert(at);
                            });
                        });
                    }
                });
                gather.probe_with(&probe);
            });
            let mut at = first;
            for (epoch, hashes) in (first_epoch..).zip(&epochs) {
                input.advance_to(epoch);
                for hash in hashes {
                    // Spread over the workers, as documents are.
                    if at as usize % context.peers == context.index {
                        input.send((key(*hash), at, 1));
                    }
                    at += 1;
                }
            }
            input.close();
            worker.step_while(|| !probe.done());
            leaving.lock().unwrap().extend(context.notes.last_runs(INDEX));
        });
        guards.unwrap().join().into_iter().for_each(|result| result.unwrap());
        runs = std::mem::take(&mut *left.lock().unwrap());
    }
    let stored: u64 = runs.iter().map(|run| run.entries).sum();
    assert_eq!(stored, at, "every hash is stored once");
    std::mem::take(&mut *found.lock().unwrap())
}

/// Hashes near to a few centres, some a little too far from them.
fn sessions() -> impl Strategy<Value = Vec<Session>> {
    let flips = prop::collection::vec(0u32..64, 0..8);
    let hash = (0u64..4, flips).prop_map(|(centre, flips)| {
        let centre = centre.wrapping_mul(0x0123_4567_89ab_cdef);
        flips.into_iter().fold(centre, |hash, bit| hash ^ 1 << bit)
    });
    let epoch = prop::collection::vec(hash, 0..12);
    prop::collection::vec((1usize..5, prop::collection::vec(epoch, 1..4)), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..reference::property() })]

    #[test]
    fn a_document_is_rejected_if_an_earlier_one_is_near(sessions in sessions()) {
        let all: Vec<u64> = sessions.iter().flat_map(|s| s.1.concat()).collect();
        prop_assert_eq!(found(&sessions), dropped(&all));
    }
}

#[test]
fn a_key_converts_back_to_its_hash() {
    for number in [0, 1, 77, u64::MAX, 0x0123_4567_89ab_cdef] {
        assert_eq!(hash(key(number)), number);
    }
}
