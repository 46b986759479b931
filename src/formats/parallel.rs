//! Work on the items of one source, shared by threads that help all sources of the process.
//!
//! One thread reads a source, so what it does to each byte bounds how fast one large file is read. It
//! only finds where items begin and end, and [`map`] has helpers do the rest. Results come in the order
//! of the items.

use crossbeam::channel::{Receiver, Sender, bounded, unbounded};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

/// Items are handed over in batches of this many bytes, or of one larger item.
const BATCH_BYTES: usize = 128 << 10;

/// Items of a batch, if they are small.
const BATCH_ITEMS: usize = 512;

/// Bytes of one source that are under way, and at most one batch more. They bound its memory, and how
/// many helpers work on it at a time.
const UNDER_WAY_BYTES: usize = 4 << 20;

/// Without [`set_helpers`], as many helpers as the machine has cores, at most this many.
const HELPERS_MAX: usize = 8;

static HELPERS: OnceLock<Helpers> = OnceLock::new();

type Job = Box<dyn FnOnce() + Send>;

/// The threads, which live as long as the process and wait for jobs.
struct Helpers {
    jobs: Sender<Job>,
    taken: Receiver<Job>,
    threads: Mutex<usize>,
}

impl Helpers {
    fn get() -> &'static Helpers {
        HELPERS.get_or_init(|| {
            let (jobs, taken) = unbounded();
            Helpers { jobs, taken, threads: Mutex::new(0) }
        })
    }

    /// Starts threads until there are `wanted`. Returns how many there are: fewer if the system gives
    /// no more.
    fn grow(&self, wanted: usize) -> usize {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        while *threads < wanted {
            let taken = self.taken.clone();
            // A job catches its own panics.
            let work = move || taken.into_iter().for_each(|job| job());
            let name = format!("help-{threads}");
            if thread::Builder::new().name(name).spawn(work).is_err() {
                break;
            }
            *threads += 1;
        }
        *threads
    }

    /// Starts the threads, unless [`set_helpers`] did.
    fn start(&self) -> usize {
        let threads = *self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        if threads > 0 {
            return threads;
        }
        self.grow(thread::available_parallelism().map_or(1, usize::from).min(HELPERS_MAX))
    }
}

/// Sets how many threads help: as many as a run has workers in this process. There are never fewer than
/// before.
pub fn set_helpers(threads: usize) {
    Helpers::get().grow(threads);
}

/// Calls `work` for each item, in the helpers, and returns the results in the order of the items.
/// `bytes` returns the memory that an item takes. If `work` panics, so does the consumer, in its place.
pub fn map<I: Iterator, O>(
    items: I,
    bytes: impl Fn(&I::Item) -> usize + Send + 'static,
    work: impl Fn(I::Item) -> O + Send + Sync + 'static,
) -> Mapped<I, O> {
    Mapped { items: Some(items), queue: Queue::new(bytes, work), ready: Vec::new().into_iter() }
}

/// Iterator over the results of [`map`].
pub struct Mapped<I: Iterator, O> {
    /// `None` at their end.
    items: Option<I>,
    queue: Queue<I::Item, O>,
    ready: std::vec::IntoIter<O>,
}

impl<I, O> Iterator for Mapped<I, O>
where
    I: Iterator,
    I::Item: Send + 'static,
    O: Send + 'static,
{
    type Item = O;

    fn next(&mut self) -> Option<O> {
        loop {
            if let Some(result) = self.ready.next() {
                return Some(result);
            }
            while let Some(items) = &mut self.items
                && !self.queue.is_full()
            {
                match items.next() {
                    Some(item) => self.queue.push(item),
                    None => self.items = None,
                }
            }
            self.ready = self.queue.next_results()?.into_iter();
        }
    }
}

/// Items of one source that the helpers work on: what [`map`] does, for a source that calls.
pub(crate) struct Queue<I, O> {
    bytes: Box<dyn Fn(&I) -> usize + Send>,
    work: Arc<dyn Fn(I) -> O + Send + Sync>,
    batch: Vec<I>,
    batch_bytes: usize,
    under_way: VecDeque<UnderWay<O>>,
    under_way_bytes: usize,
}

/// A batch that is not returned yet.
struct UnderWay<O> {
    bytes: usize,
    done: Receiver<thread::Result<Vec<O>>>,
}

impl<I, O> Queue<I, O> {
    pub fn new(
        bytes: impl Fn(&I) -> usize + Send + 'static,
        work: impl Fn(I) -> O + Send + Sync + 'static,
    ) -> Self {
        Queue {
            bytes: Box::new(bytes),
            work: Arc::new(work),
            batch: Vec::new(),
            batch_bytes: 0,
            under_way: VecDeque::new(),
            under_way_bytes: 0,
        }
    }

    /// Whether results should be taken before more items are pushed.
    pub fn is_full(&self) -> bool {
        self.under_way_bytes >= UNDER_WAY_BYTES
    }
}

impl<I: Send + 'static, O: Send + 'static> Queue<I, O> {
    pub fn push(&mut self, item: I) {
        self.batch_bytes += (self.bytes)(&item);
        self.batch.push(item);
        if self.batch_bytes >= BATCH_BYTES || self.batch.len() == BATCH_ITEMS {
            self.hand_over();
        }
    }

    /// Waits for the results of the first items that are not returned yet, some at a time. `None` if
    /// there are none.
    pub fn next_results(&mut self) -> Option<Vec<O>> {
        if self.under_way.is_empty() {
            self.hand_over();
        }
        let first = self.under_way.pop_front()?;
        self.under_way_bytes -= first.bytes;
        match first.done.recv().expect("a job sends its results") {
            Ok(results) => Some(results),
            Err(panic) => resume_unwind(panic),
        }
    }

    fn hand_over(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let (batch, bytes) =
            (std::mem::take(&mut self.batch), std::mem::take(&mut self.batch_bytes));
        let (send, done) = bounded(1);
        let work = self.work.clone();
        let job = move || {
            let all = || batch.into_iter().map(|item| work(item)).collect();
            // The batch is gone after a panic, and the consumer may be too.
            let _ = send.send(catch_unwind(AssertUnwindSafe(all)));
        };
        let helpers = Helpers::get();
        if helpers.start() == 0 {
            job();
        } else {
            // Both ends are in `HELPERS`, so it is never closed.
            let _ = helpers.jobs.send(Box::new(job));
        }
        self.under_way_bytes += bytes;
        self.under_way.push_back(UnderWay { bytes, done });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::time::Duration;

    #[test]
    fn several_threads_work_on_one_source() {
        set_helpers(4);
        let threads: Arc<Mutex<BTreeSet<String>>> = Arc::default();
        let seen = threads.clone();
        let work = move |item: usize| {
            seen.lock().unwrap().insert(format!("{:?}", thread::current().id()));
            thread::sleep(Duration::from_millis(20));
            item
        };
        assert!(map(0..20, |_| BATCH_BYTES, work).eq(0..20));
        let threads = threads.lock().unwrap();
        assert!(threads.len() > 1, "{threads:?}");
        assert!(!threads.contains(&format!("{:?}", thread::current().id())));
    }

    #[test]
    fn the_bytes_under_way_are_bounded_and_a_larger_item_is_alone() {
        let read = Arc::new(AtomicUsize::new(0));
        let count = read.clone();
        let items = (0..100).inspect(move |_| {
            count.fetch_add(1, Relaxed);
        });
        let mut small = map(items, |_| UNDER_WAY_BYTES / 4, |item| item);
        assert_eq!(small.next(), Some(0));
        assert!(read.load(Relaxed) <= 5, "{read:?}");
        read.store(0, Relaxed);
        let count = read.clone();
        let items = (0..100).inspect(move |_| {
            count.fetch_add(1, Relaxed);
        });
        let mut large = map(items, |_| 2 * UNDER_WAY_BYTES, |item| item);
        assert_eq!(large.next(), Some(0));
        assert_eq!(read.load(Relaxed), 1);
    }

    #[test]
    fn a_panic_comes_after_the_results_before_it() {
        let work = |item: usize| {
            assert!(item != 3, "item {item} is bad");
            item
        };
        let mut results = map(0..6, |_| BATCH_BYTES, work);
        assert_eq!([results.next(), results.next(), results.next()], [Some(0), Some(1), Some(2)]);
        let panic = catch_unwind(AssertUnwindSafe(|| results.next())).unwrap_err();
        assert_eq!(panic.downcast_ref::<String>().map(String::as_str), Some("item 3 is bad"));
        // The helpers are still there.
        assert!(map(0..6, |_| BATCH_BYTES, |item| item).eq(0..6));
    }

    proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn results_are_those_of_a_plain_map(sizes in prop::collection::vec(0..3 * BATCH_BYTES, 0..100)) {
            let expected: Vec<usize> = sizes.iter().map(|size| size + 1).collect();
            let found: Vec<usize> = map(sizes.into_iter(), |size| *size, |size| size + 1).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
