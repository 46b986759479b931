//! From records in any order to sorted runs.

use crate::merge::Source;
use crate::{Record, RunReader, RunWriter, Sorted, Storage};
use std::io;

/// Runs of one level that are merged into one of the next. Bounds the open files, and the buffers
/// of a merge.
pub const FAN_IN: usize = 64;

/// Records that the buffer has space for at first.
const CAPACITY_MIN: usize = 1024;

/// Takes records in any order and returns them sorted.
pub struct Sorter<R: Record> {
    layout: R::Layout,
    memory_bytes: usize,
    storage: Storage,
    buffer: Vec<R>,
    /// What the records of the buffer take.
    bytes: usize,
    /// For each level, the runs that are not merged yet. Those of one level are about of one size.
    levels: Vec<Vec<RunReader<R>>>,
    /// Runs of one level that are merged into one of the next.
    fan_in: usize,
    runs_written: usize,
}

impl<R: Record> Sorter<R> {
    /// Creates a sorter. `memory_bytes` bounds the records in memory; a merge takes buffers beside
    /// them.
    pub fn new(layout: R::Layout, memory_bytes: usize, storage: Storage) -> Self {
        let (buffer, levels) = (Vec::new(), Vec::new());
        Sorter {
            layout,
            memory_bytes,
            storage,
            buffer,
            bytes: 0,
            levels,
            fan_in: FAN_IN,
            runs_written: 0,
        }
    }

    /// Merges runs when there are so many of one level, at least 2, instead of [`FAN_IN`]: several
    /// sorters share the open files of a process.
    #[must_use]
    pub fn with_fan_in(self, fan_in: usize) -> Self {
        Sorter { fan_in: fan_in.max(2), ..self }
    }

    /// Adds a record.
    ///
    /// # Errors
    /// When a run cannot be written, for example because the disk is full.
    pub fn push(&mut self, record: R) -> io::Result<()> {
        let bytes = record.memory_bytes();
        if self.bytes + bytes > self.memory_bytes && !self.buffer.is_empty() {
            self.sort();
            // Combining equal records may have freed enough.
            let is_half_free = self.bytes <= self.memory_bytes / 2;
            if !is_half_free || self.bytes + bytes > self.memory_bytes {
                self.spill()?;
            }
        }
        if self.buffer.len() == self.buffer.capacity() {
            // Not by doubling at the end, which would take half as much again.
            let records_max = self.memory_bytes / size_of::<R>().max(1);
            let left = records_max.saturating_sub(self.buffer.len()).max(1);
            self.buffer.reserve_exact(self.buffer.capacity().max(CAPACITY_MIN).min(left));
        }
        self.bytes += bytes;
        self.buffer.push(record);
        Ok(())
    }

    /// Returns all records, sorted.
    ///
    /// # Errors
    /// When a run cannot be read.
    pub fn finish(self) -> io::Result<Sorted<R>> {
        Sorter::merge(vec![self])
    }

    /// Returns all records of several sorters, sorted.
    ///
    /// # Errors
    /// When a run cannot be read.
    pub fn merge(sorters: Vec<Self>) -> io::Result<Sorted<R>> {
        let mut sources = Vec::new();
        for mut sorter in sorters {
            sorter.sort();
            sources.extend(sorter.levels.into_iter().flatten().map(Source::Run));
            sources.push(Source::Memory(sorter.buffer.into_iter()));
        }
        Sorted::new(sources)
    }

    /// Returns how many runs were written, those of merges included.
    pub fn runs_written(&self) -> usize {
        self.runs_written
    }

    fn sort(&mut self) {
        self.buffer.sort_unstable_by(R::compare);
        let before = self.buffer.len();
        self.buffer.dedup_by(|next, record| record.combine(next));
        if self.buffer.len() < before {
            self.bytes = self.buffer.iter().map(R::memory_bytes).sum();
        }
    }

    fn spill(&mut self) -> io::Result<()> {
        let mut run = RunWriter::new(self.layout.clone(), &self.storage)?;
        for record in self.buffer.drain(..) {
            run.push(&record)?;
        }
        self.bytes = 0;
        let mut run = run.finish()?;
        for level in 0.. {
            self.runs_written += 1;
            if level == self.levels.len() {
                self.levels.push(Vec::new());
            }
            self.levels[level].push(run);
            if self.levels[level].len() < self.fan_in {
                break;
            }
            run = self.merged(level)?;
        }
        Ok(())
    }

    /// Merges the runs of a level into one.
    fn merged(&mut self, level: usize) -> io::Result<RunReader<R>> {
        let mut all = Sorted::new(self.levels[level].drain(..).map(Source::Run).collect())?;
        let mut merged = RunWriter::new(self.layout.clone(), &self.storage)?;
        while let Some(record) = all.next()? {
            merged.push(&record)?;
        }
        merged.finish()
    }

    /// What is in memory, and the largest number of runs of one level.
    #[cfg(test)]
    pub(crate) fn held(&self) -> (usize, usize) {
        (self.bytes, self.levels.iter().map(Vec::len).max().unwrap_or(0))
    }
}
