//! Work on several threads, with bounded memory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::thread;

/// Calls `work` with each number below `count`, on up to `workers` threads. Stops at the first
/// error.
///
/// # Errors
/// That of `work`.
pub fn each<E: Send>(
    workers: usize,
    count: usize,
    work: impl Fn(usize) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let workers = workers.min(count);
    if workers <= 1 {
        return (0..count).try_for_each(work);
    }
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(None);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let item = next.fetch_add(1, Ordering::Relaxed);
                    if item >= count {
                        return;
                    }
                    if let Err(error) = work(item) {
                        next.store(count, Ordering::Relaxed);
                        lock(&failed).get_or_insert(error);
                        return;
                    }
                }
            });
        }
    });
    let failed = lock(&failed).take();
    failed.map_or(Ok(()), Err)
}

/// Calls `work` with each number below `count`, on up to `workers` threads, and `consume` with the
/// results in the order of the numbers. At most `workers + 2` results exist at a time. Stops at the
/// first error.
///
/// # Errors
/// That of `work` or of `consume`.
pub fn in_order<T: Send, E: Send>(
    workers: usize,
    count: usize,
    work: impl Fn(usize) -> Result<T, E> + Sync,
    mut consume: impl FnMut(usize, T) -> Result<(), E>,
) -> Result<(), E> {
    let workers = workers.min(count);
    if workers <= 1 {
        return (0..count).try_for_each(|item| consume(item, work(item)?));
    }
    let queue = Queue { state: Mutex::new(State::default()), changed: Condvar::new() };
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(item) = queue.take(count, workers + 2) {
                    queue.put(item, work(item));
                }
            });
        }
        let consumed = (0..count).try_for_each(|item| {
            consume(item, queue.result(item)?)?;
            queue.consumed(item);
            Ok(())
        });
        queue.stop();
        consumed
    })
}

struct Queue<T, E> {
    state: Mutex<State<T, E>>,
    changed: Condvar,
}

struct State<T, E> {
    /// The first item that no worker has taken.
    next: usize,
    /// Number of items consumed.
    consumed: usize,
    results: BTreeMap<usize, Result<T, E>>,
    is_over: bool,
}

impl<T, E> Default for State<T, E> {
    fn default() -> Self {
        State { next: 0, consumed: 0, results: BTreeMap::new(), is_over: false }
    }
}

impl<T, E> Queue<T, E> {
    /// Returns the next item to work on, once it is less than `ahead_max` before the consumer.
    fn take(&self, count: usize, ahead_max: usize) -> Option<usize> {
        let mut state = lock(&self.state);
        loop {
            if state.is_over || state.next == count {
                return None;
            }
            if state.next < state.consumed + ahead_max {
                state.next += 1;
                return Some(state.next - 1);
            }
            state = self.wait(state);
        }
    }

    fn put(&self, item: usize, result: Result<T, E>) {
        lock(&self.state).results.insert(item, result);
        self.changed.notify_all();
    }

    /// Waits for the result of an item.
    fn result(&self, item: usize) -> Result<T, E> {
        let mut state = lock(&self.state);
        loop {
            if let Some(result) = state.results.remove(&item) {
                return result;
            }
            state = self.wait(state);
        }
    }

    fn consumed(&self, item: usize) {
        lock(&self.state).consumed = item + 1;
        self.changed.notify_all();
    }

    fn stop(&self) {
        lock(&self.state).is_over = true;
        self.changed.notify_all();
    }

    fn wait<'s>(&self, state: MutexGuard<'s, State<T, E>>) -> MutexGuard<'s, State<T, E>> {
        self.changed.wait(state).expect("no thread panics while it holds the lock")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no thread panics while it holds the lock")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use std::path::Path;
    use std::time::Duration;

    fn error() -> Error {
        Error::corrupt(Path::new("x"), "wrong")
    }

    #[test]
    fn results_come_in_order_and_few_wait() {
        for workers in [1, 2, 5] {
            let waiting = AtomicUsize::new(0);
            let mut seen = Vec::new();
            let work = |item: usize| {
                // The first item is the slowest: the others must not pile up.
                thread::sleep(Duration::from_millis(if item == 0 { 30 } else { 0 }));
                waiting.fetch_add(1, Ordering::SeqCst);
                Ok::<usize, Error>(item)
            };
            in_order(workers, 50, work, |item, result| {
                assert!(waiting.fetch_sub(1, Ordering::SeqCst) <= workers + 2);
                assert_eq!(item, result);
                seen.push(item);
                Ok(())
            })
            .unwrap();
            assert_eq!(seen, (0..50).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_first_error_ends_the_work() {
        for workers in [1, 3] {
            let worked = AtomicUsize::new(0);
            let work = |item: usize| {
                worked.fetch_add(1, Ordering::SeqCst);
                if item == 3 { Err(error()) } else { Ok(()) }
            };
            assert!(in_order(workers, 1000, work, |_, ()| Ok(())).is_err());
            assert!(each(workers, 1000, work).is_err());
            assert!(in_order(workers, 1000, |_| Ok(()), |_, ()| Err(error())).is_err());
            assert!(worked.load(Ordering::SeqCst) < 500, "the rest is left out");
        }
    }

    #[test]
    fn every_item_is_worked_on_once() {
        for workers in [1, 4] {
            let done = Mutex::new(Vec::new());
            each(workers, 20, |item| {
                lock(&done).push(item);
                Ok::<(), Error>(())
            })
            .unwrap();
            let mut done = done.into_inner().unwrap();
            done.sort_unstable();
            assert_eq!(done, (0..20).collect::<Vec<_>>());
        }
    }
}
