//! Several sorted sources, read as one.

use crate::{Record, RunReader};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::io;

/// Sorted records from memory and from runs, one at a time.
pub struct Sorted<R: Record> {
    sources: Vec<Source<R>>,
    /// The next record of each source that has one.
    heads: BinaryHeap<Head<R>>,
}

pub(crate) enum Source<R: Record> {
    Memory(std::vec::IntoIter<R>),
    Run(RunReader<R>),
}

impl<R: Record> Source<R> {
    fn next(&mut self) -> io::Result<Option<R>> {
        match self {
            Source::Memory(records) => Ok(records.next()),
            Source::Run(run) => run.next(),
        }
    }
}

struct Head<R> {
    record: R,
    source: usize,
}

/// The least record is the greatest head: the heap returns that first.
impl<R: Record> Ord for Head<R> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.record.compare(&self.record).then(other.source.cmp(&self.source))
    }
}

impl<R: Record> PartialOrd for Head<R> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<R: Record> PartialEq for Head<R> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<R: Record> Eq for Head<R> {}

impl<R: Record> Sorted<R> {
    pub(crate) fn new(mut sources: Vec<Source<R>>) -> io::Result<Self> {
        let mut heads = BinaryHeap::new();
        // A single source is read without the heap.
        if sources.len() > 1 {
            for (number, source) in sources.iter_mut().enumerate() {
                heads.extend(source.next()?.map(|record| Head { record, source: number }));
            }
        }
        Ok(Sorted { sources, heads })
    }

    /// Returns the next record, or `None` at the end.
    ///
    /// # Errors
    /// When a run cannot be read.
    #[expect(clippy::should_implement_trait, reason = "it is fallible")]
    pub fn next(&mut self) -> io::Result<Option<R>> {
        if let [source] = &mut self.sources[..] {
            return source.next();
        }
        let Some(mut record) = self.pop()? else { return Ok(None) };
        while self.heads.peek().is_some_and(|head| record.combine(&head.record)) {
            self.pop()?;
        }
        Ok(Some(record))
    }

    fn pop(&mut self) -> io::Result<Option<R>> {
        let Some(mut head) = self.heads.peek_mut() else { return Ok(None) };
        match self.sources[head.source].next()? {
            Some(next) => Ok(Some(std::mem::replace(&mut head.record, next))),
            None => Ok(Some(PeekMut::pop(head).record)),
        }
    }
}
