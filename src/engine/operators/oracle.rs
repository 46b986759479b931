//! Compares the arrangement with differential dataflow: both engines must produce the same facts in
//! every epoch, over restarts and changes of the number of workers.
//!
//! Families of tests, and what each one is there to catch:
//!
//! - `insertions_*`: what runs do. The arrangement takes its fast path (`changes_by_insertions`)
//!   only if nothing was ever retracted. Catches wrong first refs, keys lost between a batch, its
//!   spilled parts and the runs, and keys that move to another worker after a restart.
//! - `retractions_*`: counts go up and down. Catches errors in the general path (`changes`): first
//!   refs that come back, pairs that cancel out in a merge, facts that are retracted twice.
//! - `ranges_*`: refs are compared within scopes. Catches errors at the borders of scopes.
//! - `no_copies_*`: all copies are duplicates once there are two. Catches a first copy that is not
//!   reported when the second one comes in a later epoch.
//!
//! For a long run: `SLUICE_ORACLE_CASES=10000 cargo test -p engine oracle`.

use crate::operators::join::duplicates;
use crate::stored::Effect;
use crate::worker::{Engine, WorkerContext};
use arrangement::{Copies, Rule, RunMeta, Scope, Update};
use corpus::Corpus;
use document::Epoch;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::{Input, Probe};
use timely::dataflow::{InputHandle, ProbeHandle};

/// What is added between two starts: the number of workers, and the updates of each epoch.
type Session = (usize, Vec<Vec<Update<u64>>>);

/// Net facts of each epoch: the change of the count of each `(ref, key)`.
type Facts = BTreeMap<Epoch, BTreeMap<(u64, u64), i64>>;

/// Returns the facts that an engine produces for `sessions`, one after the other.
fn facts(engine: Engine, sessions: &[Session], rule: &Rule) -> Facts {
    let dir = tempfile::tempdir().unwrap();
    let corpus = Corpus::create(dir.path()).unwrap();
    let facts = Arc::new(Mutex::new(Facts::default()));
    let (mut runs, mut epoch) = (Vec::new(), 1);
    for session in sessions {
        runs = add(&corpus, engine, session, rule, epoch, runs, &facts);
        epoch += session.1.len() as u64;
    }
    let mut facts = facts.lock().unwrap().clone();
    facts.values_mut().for_each(|epoch| epoch.retain(|_, diff| *diff != 0));
    facts.retain(|_, epoch| !epoch.is_empty());
    facts
}

/// Runs one session. Returns the runs at its end.
fn add(
    corpus: &Corpus,
    engine: Engine,
    (workers, epochs): &Session,
    rule: &Rule,
    first_epoch: Epoch,
    runs: Vec<RunMeta>,
    facts: &Arc<Mutex<Facts>>,
) -> Vec<RunMeta> {
    const INDEX: &str = "paragraphs";
    let left = Arc::new(Mutex::new(Vec::new()));
    let (corpus, epochs, rule) = (corpus.clone(), epochs.clone(), rule.clone());
    let (facts, leaving, workers) = (facts.clone(), left.clone(), *workers);
    let guards = timely::execute(timely::Config::process(workers), move |worker| {
        let index = (INDEX, &runs[..]);
        // Some epochs have more updates than fit in memory, and spill.
        let memory = 16 * 128;
        let context = Rc::new(WorkerContext::of_join_alone(
            worker,
            &corpus,
            engine,
            first_epoch,
            memory,
            index,
        ));
        let probe = ProbeHandle::new();
        let mut input = InputHandle::<Epoch, CapacityContainerBuilder<Vec<Update<u64>>>>::new();
        let sums = facts.clone();
        worker.dataflow::<Epoch, _, _>(|scope| {
            let updates = scope.input_from(&mut input);
            let facts = duplicates(context.clone(), INDEX, updates, rule.clone(), &Effect::Cut);
            type Builder = CapacityContainerBuilder<Vec<()>>;
            let add = move |epoch: Epoch, batch: &mut Vec<(u64, u64, i64)>| {
                let mut sums = sums.lock().unwrap();
                let sums = sums.entry(epoch).or_default();
                batch.drain(..).for_each(|(at, key, diff)| {
                    *sums.entry((at, key)).or_default() += diff;
                });
            };
            facts
                .unary::<Builder, _, _, _>(Pipeline, "Sum", |_, _| {
                    move |input, _output| {
                        input.for_each(|cap, batch| add(*cap.least().unwrap(), batch));
                    }
                })
                .probe_with(&probe);
        });
        for (epoch, updates) in (first_epoch..).zip(&epochs) {
            input.advance_to(epoch);
            // Spread over the workers, as documents are.
            let mine = updates.iter().skip(context.index).step_by(context.peers);
            mine.for_each(|update| input.send(*update));
        }
        input.close();
        worker.step_while(|| !probe.done());
        leaving.lock().unwrap().extend(context.notes.last_runs(INDEX));
    });
    guards.unwrap().join().into_iter().for_each(|result| result.unwrap());
    std::mem::take(&mut *left.lock().unwrap())
}

/// Few keys over the whole range and one that most documents have; few refs, in several scopes.
fn sessions() -> impl Strategy<Value = Vec<Session>> {
    let key = prop_oneof![3 => (0u64..9).prop_map(|key| key * (u64::MAX / 9)), 1 => Just(77u64)];
    let diff = prop_oneof![6 => Just(1i64), 2 => Just(-1i64), 1 => Just(2i64)];
    let epoch = prop::collection::vec((key, 0u64..30, diff), 0..25);
    let session = (1usize..5, prop::collection::vec(epoch, 1..4));
    prop::collection::vec(session, 1..5)
}

fn rule(no_copies: bool, in_ranges: bool) -> Rule {
    Rule {
        copies: if no_copies { Copies::None } else { Copies::First },
        scope: if in_ranges { Scope::Ranges(Arc::new(|at| at / 8 * 8)) } else { Scope::Everything },
    }
}

fn only_insertions(mut sessions: Vec<Session>) -> Vec<Session> {
    let updates = sessions.iter_mut().flat_map(|session| &mut session.1).flatten();
    updates.for_each(|update| update.2 = 1);
    sessions
}

fn compare(sessions: &[Session], rule: &Rule) -> Result<(), TestCaseError> {
    let expected = facts(Engine::Differential, sessions, rule);
    let found = facts(Engine::Arrangement, sessions, rule);
    prop_assert_eq!(found, expected);
    Ok(())
}

fn cases() -> u32 {
    let wanted = std::env::var("SLUICE_ORACLE_CASES").ok();
    wanted.and_then(|cases| cases.parse().ok()).unwrap_or(16)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..reference::property() })]

    #[test]
    fn insertions_have_the_facts_of_differential(sessions in sessions()) {
        compare(&only_insertions(sessions), &rule(false, false))?;
    }

    #[test]
    fn retractions_have_the_facts_of_differential(sessions in sessions()) {
        compare(&sessions, &rule(false, false))?;
    }

    #[test]
    fn ranges_have_the_facts_of_differential(
        sessions in sessions(), insertions_only in any::<bool>(), no_copies in any::<bool>(),
    ) {
        let sessions = if insertions_only { only_insertions(sessions) } else { sessions };
        compare(&sessions, &rule(no_copies, true))?;
    }

    #[test]
    fn no_copies_have_the_facts_of_differential(
        sessions in sessions(), insertions_only in any::<bool>(),
    ) {
        let sessions = if insertions_only { only_insertions(sessions) } else { sessions };
        compare(&sessions, &rule(true, false))?;
    }
}
