//! Steps on single documents, shared by the workers of a process.
//!
//! A worker whose documents need more work than those of others, because it reads the large file, or
//! the file with the first copies of what all files have, hands some to workers that are idle. They
//! come back, and leave in the order in which they came. What a step does depends on the document
//! alone, so who takes it makes no difference.

use crate::worker::WorkerContext;
use document::{Document, Epoch};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::Operator;
use timely::scheduling::SyncActivator;

/// Text that is handed over at a time: some milliseconds of work.
const CHUNK_BYTES: usize = 64 << 10;

/// Documents that are handed over at a time.
const CHUNK_DOCUMENTS: usize = 256;

/// Chunks that a worker leaves for others when it turns to its other operators.
const LEFT_MAX: usize = 4;

/// A step, with its name in the dataflow. It is called for each kept document.
pub(crate) struct Step {
    pub name: String,
    pub act: Box<dyn FnMut(&mut Document)>,
}

/// The steps that the workers of a process share, in the order in which they build them.
pub(crate) struct Sharing {
    workers: usize,
    desks: Mutex<Vec<Arc<Desks>>>,
}

/// One place for each worker of the process to hand over chunks of one operator.
type Desks = Vec<Desk>;

#[derive(Default)]
struct Desk {
    /// Chunks of this worker that nobody has taken yet.
    waiting: Mutex<VecDeque<Chunk>>,
    /// Chunks of this worker that others have done.
    done: Mutex<Vec<Chunk>>,
    /// Whether this worker has looked for work in vain. timely has each operator look once at the
    /// start.
    is_idle: AtomicBool,
    wake: OnceLock<SyncActivator>,
}

/// Consecutive documents of one worker.
struct Chunk {
    /// Its number among the chunks of the worker.
    number: u64,
    documents: Vec<Document>,
}

impl Sharing {
    pub fn new(workers: usize) -> Sharing {
        Sharing { workers, desks: Mutex::default() }
    }

    /// Returns the desks of an operator, which the first worker to build it makes.
    fn desks(&self, operator: usize) -> Arc<Desks> {
        let mut all = lock(&self.desks);
        while all.len() <= operator {
            all.push(Arc::new((0..self.workers).map(|_| Desk::default()).collect()));
        }
        all[operator].clone()
    }
}

impl Desk {
    fn wake(&self) {
        if let Some(activator) = self.wake.get() {
            // A worker that has ended needs no work.
            let _ = activator.activate();
        }
    }
}

/// Runs `steps` on each kept document. The order of documents is kept.
pub(crate) fn steps<'scope>(
    documents: StreamVec<'scope, Epoch, Document>,
    worker: Rc<WorkerContext>,
    mut steps: Vec<Step>,
) -> StreamVec<'scope, Epoch, Document> {
    type Builder = CapacityContainerBuilder<Vec<Document>>;
    let names: Vec<&str> = steps.iter().map(|step| step.name.as_str()).collect();
    let name = names.join(", ");
    let scope = documents.scope();
    documents.unary_frontier::<Builder, _, _, _>(Pipeline, &name, move |_, info| {
        let activator = scope.activator_for(info.address.clone());
        let mut office = Office::new(&worker);
        let wake = scope.worker().sync_activator_for(info.address.to_vec());
        office.own().wake.get_or_init(|| wake);
        move |(input, _frontier), output| {
            input.for_each(|cap, batch| {
                let cap = cap.retain_least(0).expect("a message has a time");
                office.take_in(&cap, batch);
            });
            let is_helped = office.call_others();
            let has_worked = office.work(&mut steps, is_helped);
            while let Some((cap, mut documents)) = office.next_done() {
                output.session(&cap).give_container(&mut documents);
            }
            // After work it looks for more, and in vain before others take it for idle.
            if has_worked || office.has_work() {
                activator.activate();
            }
        }
    })
}

/// One worker's part in an operator.
struct Office {
    desks: Arc<Desks>,
    /// Number of the worker within the process.
    own: usize,
    /// The chunks that have not left, in order, with their documents when they are done.
    open: VecDeque<(Capability<Epoch>, Option<Vec<Document>>)>,
    /// Number of the first of them.
    first: u64,
}

impl Office {
    fn new(worker: &WorkerContext) -> Office {
        let desks = worker.sharing.desks(worker.next_shared());
        let own = worker.index % desks.len();
        Office { desks, own, open: VecDeque::new(), first: 0 }
    }

    fn own(&self) -> &Desk {
        &self.desks[self.own]
    }

    /// The desks of the other workers, from the next one on, so that not all look at the same first.
    fn others(&self) -> impl Iterator<Item = &Desk> {
        let count = self.desks.len();
        (1..count).map(move |distance| &self.desks[(self.own + distance) % count])
    }

    fn is_alone(&self) -> bool {
        self.desks.len() == 1
    }

    /// Cuts documents into chunks, and puts them on the desk.
    fn take_in(&mut self, cap: &Capability<Epoch>, batch: &mut Vec<Document>) {
        let mut chunks = VecDeque::new();
        let (mut documents, mut bytes) = (Vec::new(), 0);
        let mut count = batch.len();
        for document in batch.drain(..) {
            bytes += document.text.len();
            documents.push(document);
            count -= 1;
            if bytes >= CHUNK_BYTES || documents.len() == CHUNK_DOCUMENTS || count == 0 {
                let number = self.first + self.open.len() as u64;
                self.open.push_back((cap.clone(), None));
                chunks.push_back(Chunk { number, documents: std::mem::take(&mut documents) });
                bytes = 0;
            }
        }
        lock(&self.own().waiting).append(&mut chunks);
    }

    /// Has idle workers look at the desks, if there are chunks for them. Returns whether there are
    /// such workers.
    fn call_others(&self) -> bool {
        if self.is_alone() {
            return false;
        }
        let chunks = lock(&self.own().waiting).len();
        let idle = self.others().filter(|desk| desk.is_idle.swap(false, Relaxed));
        idle.take(chunks).map(Desk::wake).count() > 0
    }

    /// Does all own chunks but a few, which are left for others, and at least one unless others are
    /// helping. If there are none, does one of another worker. Then other operators have their turn,
    /// so that memory stays bounded. Returns whether it did any.
    fn work(&mut self, steps: &mut [Step], is_helped: bool) -> bool {
        let left = if self.is_alone() { 0 } else { LEFT_MAX };
        let mut is_first = !is_helped;
        loop {
            let mut waiting = lock(&self.own().waiting);
            if !is_first && waiting.len() <= left {
                return true;
            }
            let Some(mut chunk) = waiting.pop_front() else { break };
            drop(waiting);
            act(steps, &mut chunk.documents);
            self.put_back(chunk);
            is_first = false;
        }
        if !is_first {
            return true;
        }
        for desk in self.others() {
            let chunk = lock(&desk.waiting).pop_front();
            if let Some(mut chunk) = chunk {
                act(steps, &mut chunk.documents);
                lock(&desk.done).push(chunk);
                desk.wake();
                return true;
            }
        }
        self.own().is_idle.store(true, Relaxed);
        false
    }

    /// Returns the next documents that leave, if they are done.
    fn next_done(&mut self) -> Option<(Capability<Epoch>, Vec<Document>)> {
        let back = std::mem::take(&mut *lock(&self.own().done));
        back.into_iter().for_each(|chunk| self.put_back(chunk));
        let documents = self.open.front_mut()?.1.take()?;
        let (cap, _) = self.open.pop_front()?;
        self.first += 1;
        Some((cap, documents))
    }

    fn put_back(&mut self, chunk: Chunk) {
        self.open[(chunk.number - self.first) as usize].1 = Some(chunk.documents);
    }

    /// Whether there are chunks that nobody has taken.
    fn has_work(&self) -> bool {
        self.desks.iter().any(|desk| !lock(&desk.waiting).is_empty())
    }
}

/// Runs all steps on each kept document.
fn act(steps: &mut [Step], documents: &mut [Document]) {
    for document in documents {
        for step in &mut *steps {
            if !document.is_kept() {
                break;
            }
            (step.act)(document);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic of the other holder ends the process.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::funnel;
    use crate::worker::Engine;
    use corpus::Corpus;
    use document::DocRef;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::thread;
    use std::time::{Duration, Instant};
    use timely::dataflow::InputHandle;
    use timely::dataflow::operators::Input;
    use timely::worker::Worker;

    /// How long a worker may take to be called.
    const CALLED: Duration = Duration::from_secs(5);

    /// A slow step, which notes the threads that take it.
    fn slow(seen: Arc<Mutex<BTreeSet<String>>>) -> Step {
        let act = move |document: &mut Document| {
            lock(&seen).insert(format!("{:?}", thread::current().id()));
            thread::sleep(Duration::from_millis(10));
            document.text = "done".to_owned();
        };
        Step { name: "Work".to_owned(), act: Box::new(act) }
    }

    #[test]
    fn an_idle_worker_takes_work_of_a_busy_one() {
        // The first half is read by the first worker, the second half by the second.
        let documents = (0..40).map(|number| {
            let text = if number < 20 { "a".repeat(CHUNK_BYTES) } else { String::new() };
            Document { text, ..Document::default() }
        });
        let threads: Arc<Mutex<BTreeSet<String>>> = Arc::default();
        let seen = threads.clone();
        let documents = funnel(documents, 2, move |docs| {
            let docs = docs.reject("empty", |document| document.text.is_empty());
            docs.with_step(slow(seen.clone()))
        });
        assert_eq!(documents.iter().filter(|document| document.text == "done").count(), 20);
        assert_eq!(lock(&threads).len(), 2);
    }

    #[test]
    fn a_worker_that_sleeps_is_called_when_there_is_work() {
        let folder = tempfile::tempdir().unwrap();
        let corpus = Corpus::create(folder.path()).unwrap();
        let (sharing, seen) = (Arc::new(Sharing::new(2)), Arc::new(Mutex::default()));
        let is_over = Arc::new(AtomicBool::new(false));
        let not_called: Arc<Mutex<Vec<i32>>> = Arc::default();
        let missed = not_called.clone();
        let run = move |worker: &mut Worker| {
            let alone =
                WorkerContext::of_join_alone(worker, &corpus, Engine::default(), 1, 1, ("", &[]));
            let context = Rc::new(WorkerContext { sharing: sharing.clone(), ..alone });
            let mut input = InputHandle::<Epoch, CapacityContainerBuilder<Vec<Document>>>::new();
            worker.dataflow::<Epoch, _, _>(|scope| {
                steps(scope.input_from(&mut input), context, vec![slow(seen.clone())]);
            });
            // Nothing but a call has the second worker look: the frontier stays where it is.
            let rounds = if worker.index() == 0 { 3 } else { 0 };
            for round in 0..rounds {
                lock(&seen).clear();
                let began = Instant::now();
                while lock(&seen).len() < 2 {
                    if began.elapsed() > CALLED {
                        // To panic here would leave the other worker waiting for this one.
                        lock(&missed).push(round);
                        break;
                    }
                    input.send(Document { text: "a".repeat(CHUNK_BYTES), ..Document::default() });
                    input.flush();
                    worker.step();
                }
                // It does what there is, and sleeps again.
                let began = Instant::now();
                while began.elapsed() < Duration::from_millis(200) {
                    worker.step();
                }
            }
            is_over.fetch_or(worker.index() == 0, Relaxed);
            while !is_over.load(Relaxed) {
                worker.step_or_park(Some(Duration::from_millis(1)));
            }
        };
        let guards = timely::execute(timely::Config::process(2), run).unwrap();
        guards.join().into_iter().for_each(|result| result.unwrap());
        let missed = lock(&not_called);
        assert!(missed.is_empty(), "the second worker did nothing in the rounds {missed:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..reference::property() })]

        #[test]
        fn each_document_is_taken_once_and_documents_leave_in_order(
            sizes in prop::collection::vec(0..2 * CHUNK_BYTES, 1..60),
            workers in 1..5_usize,
        ) {
            let documents = sizes.iter().map(|size| Document {
                text: "a".repeat(*size),
                ..Document::default()
            });
            let last: Arc<Mutex<Vec<Vec<DocRef>>>> = Arc::default();
            let order = last.clone();
            let found = funnel(documents, workers, move |docs| {
                let order = order.clone();
                let docs = docs.tag("Count", |document| {
                    document.bytes_read += 1 + document.text.len() as u64;
                });
                // The next operator has one thread of its own for each worker.
                let (stream, worker) = docs.into_parts();
                let mut leaving = Vec::new();
                let stream = stream.unary::<CapacityContainerBuilder<Vec<Document>>, _, _, _>(
                    Pipeline,
                    "Order",
                    move |_, _| move |input, output| {
                        input.for_each(|cap, batch| {
                            leaving.extend(batch.iter().map(|document| document.at));
                            lock(&order).push(leaving.clone());
                            output.session(&cap).give_container(batch);
                        });
                    },
                );
                crate::Docs::new(stream, worker)
            });
            let counted: Vec<u64> = found.iter().map(|document| document.bytes_read).collect();
            let expected: Vec<u64> = sizes.iter().map(|size| 1 + *size as u64).collect();
            prop_assert_eq!(counted, expected);
            for leaving in &*lock(&last) {
                prop_assert!(leaving.is_sorted(), "{:?}", leaving);
            }
        }
    }
}
