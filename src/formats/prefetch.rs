//! Reads ahead: an iterator runs in a thread of its own, its consumer takes batches.
//!
//! A consumer that must not wait, such as a dataflow worker, asks by [`Batches::try_next`].

use crossbeam::channel::{Receiver, Sender, TryRecvError, bounded};
use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

/// A batch of so many times the bytes of a full one is heavy: it has one large item.
const HEAVY_BATCHES: usize = 16;

const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// How far to read ahead. Memory is bounded by `batches_max` + 2 batches, or by three items where they
/// are much larger than a batch.
#[derive(Clone, Copy, Debug)]
pub struct Ahead {
    /// A batch is full at this many items,
    pub batch_items_max: usize,
    /// or as soon as its items have this many bytes together: the last one may exceed it.
    pub batch_bytes_max: usize,
    /// So many full batches wait for the consumer.
    pub batches_max: usize,
}

impl Default for Ahead {
    fn default() -> Self {
        Ahead { batch_items_max: 256, batch_bytes_max: 1 << 20, batches_max: 4 }
    }
}

/// The thread that read ahead panicked: the data is not at its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("reading ahead in thread {thread} panicked: {message}")]
pub struct SourcePanicked {
    /// The thread's name.
    pub thread: String,
    /// What it panicked with.
    pub message: String,
}

/// What [`Batches::try_next`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum Waiting<T> {
    /// The next batch.
    Batch(Vec<T>),
    /// None is ready: ask again later.
    NotYet,
    /// There are no more.
    End,
}

/// The consumer's end. The thread ends soon after this is dropped.
pub struct Batches<T> {
    receiver: Receiver<Result<Vec<T>, SourcePanicked>>,
}

/// Runs `items` in a thread of this name. `bytes` says how much memory an item takes.
///
/// Errors where the system gives no thread.
pub fn prefetch<T: Send + 'static>(
    name: &str,
    ahead: Ahead,
    bytes: impl Fn(&T) -> usize + Send + 'static,
    items: impl Iterator<Item = T> + Send + 'static,
) -> io::Result<Batches<T>> {
    let (sender, receiver) = bounded(ahead.batches_max);
    let thread = name.to_owned();
    let run = move || {
        let mut batch = Vec::new();
        let all = || send_all(&mut batch, ahead, bytes, items, &sender);
        // Nothing is used again after the panic but the batch, which is whole between two pushes.
        let panicked = catch_unwind(AssertUnwindSafe(all)).err();
        // Fails only if the consumer is gone, who then needs neither.
        if !batch.is_empty() && sender.send(Ok(batch)).is_err() {
            return;
        }
        if let Some(panic) = panicked {
            let message = message(&*panic);
            let _ = sender.send(Err(SourcePanicked { thread, message }));
        }
    };
    thread::Builder::new().name(name.to_owned()).spawn(run)?;
    Ok(Batches { receiver })
}

/// Sends full batches and leaves the last one, until there are no more items or no consumer.
fn send_all<T>(
    batch: &mut Vec<T>,
    ahead: Ahead,
    bytes: impl Fn(&T) -> usize,
    items: impl Iterator<Item = T>,
    sender: &Sender<Result<Vec<T>, SourcePanicked>>,
) {
    let mut batch_bytes = 0;
    for item in items {
        batch_bytes += bytes(&item);
        batch.push(item);
        if batch.len() >= ahead.batch_items_max || batch_bytes >= ahead.batch_bytes_max {
            let is_heavy = batch_bytes >= HEAVY_BATCHES * ahead.batch_bytes_max;
            batch_bytes = 0;
            if sender.send(Ok(std::mem::take(batch))).is_err() {
                return;
            }
            // The next one may be as large: it is not read before this one is taken.
            while is_heavy && !sender.is_empty() {
                thread::sleep(LOOK_AGAIN);
            }
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into())
}

impl<T> Batches<T> {
    /// The next batch if it is ready. Never waits.
    pub fn try_next(&mut self) -> Result<Waiting<T>, SourcePanicked> {
        match self.receiver.try_recv() {
            Ok(batch) => Ok(Waiting::Batch(batch?)),
            Err(TryRecvError::Empty) => Ok(Waiting::NotYet),
            Err(TryRecvError::Disconnected) => Ok(Waiting::End),
        }
    }
}

/// Waits for each batch. A panic of the thread is the last item.
impl<T> Iterator for Batches<T> {
    type Item = Result<Vec<T>, SourcePanicked>;

    fn next(&mut self) -> Option<Self::Item> {
        self.receiver.recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const SMALL: Ahead = Ahead { batch_items_max: 3, batch_bytes_max: 100, batches_max: 1 };

    #[test]
    fn batches_are_cut_by_count_and_by_bytes_and_keep_the_order() {
        let items = [1, 1, 1, 1, 200, 1, 99, 1];
        let batches = prefetch("ahead", SMALL, |&n| n, items.into_iter()).unwrap();
        let batches: Vec<_> = batches.map(Result::unwrap).collect();
        assert_eq!(batches, [vec![1, 1, 1], vec![1, 200], vec![1, 99], vec![1]]);
    }

    #[test]
    fn the_thread_ends_when_nobody_listens() {
        let made = Arc::new(AtomicUsize::new(0));
        let held = made.clone();
        let items = (0..).inspect(move |_| {
            held.fetch_add(1, Ordering::Relaxed);
        });
        drop(prefetch("ahead", SMALL, |_| 1, items).unwrap());
        // The iterator is dropped with its thread, and with it the other count.
        while Arc::strong_count(&made) > 1 {
            thread::sleep(Duration::from_millis(1));
        }
        assert!(made.load(Ordering::Relaxed) <= 3 * SMALL.batch_items_max);
    }

    #[test]
    fn a_panic_is_an_error_behind_all_that_was_read() {
        let items = (0..5).inspect(|&n| assert!(n < 4, "item {n} is bad"));
        let batches: Vec<_> = prefetch("ahead", SMALL, |_| 1, items).unwrap().collect();
        let panicked = SourcePanicked { thread: "ahead".into(), message: "item 4 is bad".into() };
        assert_eq!(batches, [Ok(vec![0, 1, 2]), Ok(vec![3]), Err(panicked)]);
    }

    #[test]
    fn asking_never_waits() {
        let (open, gate) = bounded::<()>(0);
        let items = std::iter::once_with(move || gate.recv().map_or(7, |()| 0));
        let mut batches = prefetch("ahead", SMALL, |_| 1, items).unwrap();
        assert_eq!(batches.try_next(), Ok(Waiting::NotYet));
        drop(open);
        assert_eq!(batches.next(), Some(Ok(vec![7])));
        assert_eq!(batches.next(), None);
        assert_eq!(batches.try_next(), Ok(Waiting::End));
    }
}
