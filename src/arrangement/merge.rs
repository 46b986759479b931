//! Merges of several runs into one: which runs, and step by step.

use crate::cursor::Reader;
use crate::error::Error;
use crate::key::{Key, KeyRange, Update};
use crate::run::{Run, RunMeta, RunWriter};
use std::path::PathBuf;

/// Runs of one tier that are merged into a run of the next tier. Each update is rewritten log8(n)
/// times, and a lookup searches at most about 8 log8(n) runs. If runs have the size of the batch, to
/// search eight of them costs about as much as to merge them.
pub(crate) const FANOUT: usize = 8;

/// The tier of a run: log8 of its number of updates.
fn tier<K: Key>(run: &Run<K>) -> u32 {
    run.meta.entries.max(1).ilog(FANOUT as u64)
}

/// Returns the runs to merge next, if any: those of the smallest full tier.
pub(crate) fn choose<K: Key>(runs: &[&Run<K>]) -> Option<Vec<Run<K>>> {
    let mut tiers: Vec<(u32, usize)> =
        runs.iter().enumerate().map(|(place, run)| (tier(run), place)).collect();
    tiers.sort_unstable();
    let full = tiers.chunk_by(|a, b| a.0 == b.0).find(|same| same.len() >= FANOUT)?;
    Some(full.iter().take(FANOUT).map(|&(_, place)| runs[place].clone()).collect())
}

/// A merge in progress. It adds up the updates of each pair: retracted pairs disappear.
pub(crate) struct Merge<K: Key> {
    inputs: Vec<Run<K>>,
    readers: Vec<Reader<K>>,
    /// The high bits of the key at the head of each reader; the largest number at its end.
    heads: [u64; FANOUT],
    /// `None` until there is something to write.
    writer: Option<RunWriter<K>>,
    path: PathBuf,
    keys: KeyRange,
    done: u64,
}

/// The result of a merge.
pub(crate) struct Merged {
    /// The new run; no run and no file if everything cancelled out.
    pub run: Option<RunMeta>,
    /// The keys that were not reached: for these the inputs remain valid.
    pub rest: Option<KeyRange>,
}

/// The result of a step of a merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    OutOfFuel,
    Done,
}

impl<K: Key> Merge<K> {
    /// Begins to merge `inputs`, whose keys are in `keys`, into a file at `path`.
    pub fn new(inputs: Vec<Run<K>>, keys: KeyRange, path: PathBuf) -> Result<Merge<K>, Error> {
        let readers = inputs.iter().map(|run| Reader::new(run.clone()));
        let readers: Vec<Reader<K>> = readers.collect::<Result<_, _>>()?;
        let mut heads = [u64::MAX; FANOUT];
        for (head, reader) in heads.iter_mut().zip(&readers) {
            *head = head_of(reader);
        }
        Ok(Merge { inputs, readers, heads, writer: None, path, keys, done: 0 })
    }

    /// Whether `run` is an input.
    pub fn reads(&self, run: &Run<K>) -> bool {
        self.inputs.iter().any(|input| input.meta == run.meta)
    }

    /// The tier of the inputs.
    #[cfg(test)]
    pub fn tier(&self) -> u32 {
        tier(&self.inputs[0])
    }

    /// Updates read so far.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// Updates still to be read.
    pub fn left(&self) -> u64 {
        self.inputs.iter().map(|run| run.meta.entries).sum::<u64>().saturating_sub(self.done)
    }

    /// Reads about `fuel` updates.
    pub fn step(&mut self, fuel: u64) -> Result<Step, Error> {
        let end = self.done.saturating_add(fuel);
        while self.done < end {
            // With few runs, a scan of all heads is faster than a heap.
            let least = self.heads.iter().copied().fold(u64::MAX, u64::min);
            let (mut one, mut same) = (0, 0);
            for (place, head) in self.heads.iter().enumerate() {
                one = if *head == least { place } else { one };
                same += usize::from(*head == least);
            }
            if same > 1 {
                let Some((key, at)) = self.least_with(least) else { return Ok(Step::Done) };
                self.merge_pair(key, at)?;
            } else if let Some(update) = self.readers.get(one).and_then(Reader::peek) {
                self.advance(one)?;
                self.write(update)?;
            } else {
                return Ok(Step::Done);
            }
        }
        let is_done = self.readers.iter().all(|reader| reader.peek().is_none());
        Ok(if is_done { Step::Done } else { Step::OutOfFuel })
    }

    /// The smallest key and ref among the heads with these high bits.
    fn least_with(&self, high: u64) -> Option<(K, u64)> {
        let heads = self.readers.iter().filter_map(Reader::peek);
        heads.filter(|head| head.0.high() == high).map(|head| (head.0, head.1)).min()
    }

    fn advance(&mut self, place: usize) -> Result<(), Error> {
        self.done += 1;
        self.readers[place].step()?;
        self.heads[place] = head_of(&self.readers[place]);
        Ok(())
    }

    /// Merges the updates of one pair.
    fn merge_pair(&mut self, key: K, at: u64) -> Result<(), Error> {
        let mut count = 0;
        for place in 0..self.readers.len() {
            if let Some(head) = self.readers[place].peek()
                && (head.0, head.1) == (key, at)
            {
                count += head.2;
                self.advance(place)?;
            }
        }
        if count == 0 { Ok(()) } else { self.write((key, at, count)) }
    }

    fn write(&mut self, update: Update<K>) -> Result<(), Error> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => self.writer.insert(RunWriter::create(&self.path)?),
        };
        writer.push(update)
    }

    /// Ends the merge before the next key: the merged part becomes a run, and the rest of the inputs
    /// remains. So a process can end at any time without losing work or having to complete a merge.
    pub fn finish(mut self) -> Result<(Vec<Run<K>>, Merged), Error> {
        let heads = self.readers.iter().filter_map(Reader::peek);
        let rest = match heads.map(|head| head.0.high()).min() {
            None => None,
            Some(high) => {
                // Keys with the same high bits are on the same side.
                while let Some((key, at)) = self.least_with(high) {
                    self.merge_pair(key, at)?;
                }
                let first = high.checked_add(1).filter(|first| *first <= self.keys.last);
                first.map(|first| KeyRange { first, last: self.keys.last })
            }
        };
        let last = rest.map_or(self.keys.last, |rest| rest.first - 1);
        let keys = KeyRange { first: self.keys.first, last };
        let run = self.writer.map(|writer| writer.finish(keys)).transpose()?;
        Ok((self.inputs, Merged { run, rest }))
    }

    /// Abandons the merge and removes its file.
    pub fn discard(self) -> Result<(), Error> {
        self.writer.map_or(Ok(()), RunWriter::discard)
    }
}

fn head_of<K: Key>(reader: &Reader<K>) -> u64 {
    reader.peek().map_or(u64::MAX, |head| head.0.high())
}
