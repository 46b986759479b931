//! Reads ahead: an iterator runs in a thread of its own, and its consumer takes batches.
//!
//! A consumer that must not wait, such as a dataflow worker, calls [`Batches::try_next`].

use crossbeam::channel::{Receiver, Sender, TryRecvError, bounded};
use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

/// How far to read ahead. Memory is bounded by `batches_max` + 2 full batches. An item that is
/// larger than all of them together waits alone, and no other is read while it waits.
#[derive(Clone, Copy, Debug)]
pub struct Ahead {
    /// A batch is full at this many items,
    pub batch_items_max: usize,
    /// or as soon as its items have this many bytes together. The last one may exceed it.
    pub batch_bytes_max: usize,
    /// At most this many full batches wait for the consumer.
    pub batches_max: usize,
}

impl Default for Ahead {
    fn default() -> Self {
        Ahead { batch_items_max: 256, batch_bytes_max: 1 << 20, batches_max: 4 }
    }
}

/// The reading thread panicked, so there is more data than was read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("reading ahead in thread {thread} panicked: {message}")]
pub struct SourcePanicked {
    /// The thread's name.
    pub thread: String,
    /// What it panicked with.
    pub message: String,
}

/// The result of [`Batches::try_next`].
#[derive(Debug, PartialEq, Eq)]
pub enum Waiting<T> {
    /// The next batch.
    Batch(Vec<T>),
    /// No batch is ready yet.
    NotYet,
    /// There are no more batches.
    End,
}

/// A batch with its bytes.
type Sent<T> = Result<(Vec<T>, usize), SourcePanicked>;

/// The consumer's side. The thread ends soon after this is dropped.
pub struct Batches<T> {
    receiver: Receiver<Sent<T>>,
    waiting: Arc<WaitingBytes>,
}

/// The bytes that wait for the consumer.
#[derive(Default)]
struct WaitingBytes {
    /// The bytes, and whether the consumer is gone.
    state: Mutex<(usize, bool)>,
    changed: Condvar,
}

impl WaitingBytes {
    fn state(&self) -> MutexGuard<'_, (usize, bool)> {
        // Nothing panics while it is held.
        self.state.lock().expect("nobody panicked with it")
    }

    fn add(&self, bytes: usize) {
        self.state().0 += bytes;
    }

    fn taken(&self, bytes: usize) {
        self.state().0 -= bytes;
        self.changed.notify_one();
    }

    /// Blocks until fewer than `most` bytes wait. Returns false when the consumer is gone.
    fn wait(&self, most: usize) -> bool {
        let state = self.changed.wait_while(self.state(), |(bytes, gone)| *bytes >= most && !*gone);
        !state.expect("nobody panicked with it").1
    }
}

impl<T> Drop for Batches<T> {
    fn drop(&mut self) {
        self.waiting.state().1 = true;
        self.waiting.changed.notify_one();
    }
}

/// Runs `items` in a thread of this name. `bytes` returns the memory that an item takes.
///
/// # Errors
/// When the thread cannot be started.
pub fn prefetch<T: Send + 'static>(
    name: &str,
    ahead: Ahead,
    bytes: impl Fn(&T) -> usize + Send + 'static,
    items: impl Iterator<Item = T> + Send + 'static,
) -> io::Result<Batches<T>> {
    let (sender, receiver) = bounded(ahead.batches_max);
    let thread = name.to_owned();
    let waiting = Arc::new(WaitingBytes::default());
    let to_wait = waiting.clone();
    let run = move || {
        let mut batch = Vec::new();
        let all = || send_all(&mut batch, ahead, bytes, items, (&sender, &to_wait));
        // After a panic only the batch is used again, and it is whole between two pushes.
        let panicked = catch_unwind(AssertUnwindSafe(all)).err();
        // Fails only if the consumer is gone, which then needs neither.
        if !batch.is_empty() && sender.send(Ok((batch, 0))).is_err() {
            return;
        }
        if let Some(panic) = panicked {
            let message = message(&*panic);
            let _ = sender.send(Err(SourcePanicked { thread, message }));
        }
    };
    thread::Builder::new().name(name.to_owned()).spawn(run)?;
    Ok(Batches { receiver, waiting })
}

/// Sends full batches until there are no more items or no consumer. Leaves the last batch.
fn send_all<T>(
    batch: &mut Vec<T>,
    ahead: Ahead,
    bytes: impl Fn(&T) -> usize,
    items: impl Iterator<Item = T>,
    (sender, waiting): (&Sender<Sent<T>>, &WaitingBytes),
) {
    let bytes_max = ahead.batch_bytes_max.saturating_mul(ahead.batches_max).max(1);
    let mut batch_bytes = 0;
    for item in items {
        batch_bytes += bytes(&item);
        batch.push(item);
        if batch.len() >= ahead.batch_items_max || batch_bytes >= ahead.batch_bytes_max {
            waiting.add(batch_bytes);
            let sent = sender.send(Ok((std::mem::take(batch), batch_bytes)));
            batch_bytes = 0;
            // Before the next item is read, which may be as large as the last.
            if sent.is_err() || !waiting.wait(bytes_max) {
                return;
            }
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into())
}

impl<T> Batches<T> {
    fn taken(
        &self,
        batch: Result<(Vec<T>, usize), SourcePanicked>,
    ) -> Result<Vec<T>, SourcePanicked> {
        let (batch, bytes) = batch?;
        self.waiting.taken(bytes);
        Ok(batch)
    }

    /// Returns the next batch if it is ready. Never waits.
    ///
    /// # Errors
    /// When the reading thread panicked, after all that it had read.
    pub fn try_next(&mut self) -> Result<Waiting<T>, SourcePanicked> {
        match self.receiver.try_recv() {
            Ok(batch) => Ok(Waiting::Batch(self.taken(batch)?)),
            Err(TryRecvError::Empty) => Ok(Waiting::NotYet),
            Err(TryRecvError::Disconnected) => Ok(Waiting::End),
        }
    }
}

/// Blocks for each batch. A panic of the thread is the last item.
impl<T> Iterator for Batches<T> {
    type Item = Result<Vec<T>, SourcePanicked>;

    fn next(&mut self) -> Option<Self::Item> {
        self.receiver.recv().ok().map(|batch| self.taken(batch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    const SMALL: Ahead = Ahead { batch_items_max: 3, batch_bytes_max: 100, batches_max: 1 };

    #[test]
    fn batches_are_cut_by_count_and_by_bytes_and_keep_the_order() {
        let items = [1, 1, 1, 1, 200, 1, 99, 1];
        let batches = prefetch("ahead", SMALL, |&n| n, items.into_iter()).unwrap();
        let batches: Vec<_> = batches.map(Result::unwrap).collect();
        assert_eq!(batches, [vec![1, 1, 1], vec![1, 200], vec![1, 99], vec![1]]);
    }

    #[test]
    fn the_thread_ends_when_the_consumer_is_gone() {
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
    fn an_item_larger_than_all_that_may_wait_waits_alone() {
        let made = Arc::new(AtomicUsize::new(0));
        let count = made.clone();
        let items = (0..5).inspect(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        let ahead = Ahead { batches_max: 8, ..SMALL };
        let mut batches = prefetch("ahead", ahead, |_| 10_000, items).unwrap();
        for taken in 0..5 {
            assert_eq!(batches.next(), Some(Ok(vec![taken])));
            thread::sleep(Duration::from_millis(20));
            // The next one is ready, and the one after it is not begun.
            assert_eq!(made.load(Ordering::Relaxed), (taken + 2).min(5));
        }
        assert_eq!(batches.next(), None);
    }

    #[test]
    fn a_panic_is_an_error_after_all_that_was_read() {
        let items = (0..5).inspect(|&n| assert!(n < 4, "item {n} is bad"));
        let batches: Vec<_> = prefetch("ahead", SMALL, |_| 1, items).unwrap().collect();
        let panicked = SourcePanicked { thread: "ahead".into(), message: "item 4 is bad".into() };
        assert_eq!(batches, [Ok(vec![0, 1, 2]), Ok(vec![3]), Err(panicked)]);
    }

    #[test]
    fn try_next_never_waits() {
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
