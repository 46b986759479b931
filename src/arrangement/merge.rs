//! Several runs into one: which, and bit by bit.

use crate::Error;
use crate::cursor::Reader;
use crate::key::{Key, KeyRange, Update};
use crate::run::{Run, RunMeta, RunWriter};
use std::path::PathBuf;

/// Runs of about one size before they become one run of the next size: each update is rewritten
/// log8(n) times, and a look-up asks about 8 log8(n) runs at most. With runs of the batch's own
/// size, eight cost a look-up about as much as it costs to merge them.
const FANOUT: usize = 8;

/// The runs to merge next, if any: the smallest tier that is full.
pub(crate) fn choose<K: Key>(runs: &[&Run<K>]) -> Option<Vec<Run<K>>> {
    let tier = |run: &Run<K>| run.meta.entries.max(1).ilog(FANOUT as u64);
    let mut tiers: Vec<(u32, usize)> =
        runs.iter().enumerate().map(|(place, run)| (tier(run), place)).collect();
    tiers.sort_unstable();
    let full = tiers.chunk_by(|a, b| a.0 == b.0).find(|same| same.len() >= FANOUT)?;
    Some(full.iter().take(FANOUT).map(|&(_, place)| runs[place].clone()).collect())
}

/// A merge under way. Updates are added up: what was retracted is gone.
pub(crate) struct Merge<K: Key> {
    inputs: Vec<Run<K>>,
    readers: Vec<Reader<K>>,
    /// The high bits of what each of them stands at; the largest number for those at their end.
    heads: [u64; FANOUT],
    /// Once there is something to write.
    writer: Option<RunWriter<K>>,
    path: PathBuf,
    keys: KeyRange,
    done: u64,
}

/// What became of a merge.
pub(crate) struct Merged {
    /// The new run; none, and no file, where everything cancelled out.
    pub run: Option<RunMeta>,
    /// The keys that were not reached: of these the inputs go on to count.
    pub rest: Option<KeyRange>,
}

impl<K: Key> Merge<K> {
    /// Begins to merge `inputs`, which lie within `keys`, into a file at `path`.
    pub fn new(inputs: Vec<Run<K>>, keys: KeyRange, path: PathBuf) -> Result<Merge<K>, Error> {
        let readers = inputs.iter().map(|run| Reader::new(run.clone()));
        let readers: Vec<Reader<K>> = readers.collect::<Result<_, _>>()?;
        let mut heads = [u64::MAX; FANOUT];
        for (head, reader) in heads.iter_mut().zip(&readers) {
            *head = head_of(reader);
        }
        Ok(Merge { inputs, readers, heads, writer: None, path, keys, done: 0 })
    }

    /// `run` is one of those that are merged.
    pub fn takes(&self, run: &Run<K>) -> bool {
        self.inputs.iter().any(|input| input.meta == run.meta)
    }

    /// Updates read so far.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// Updates still to be read.
    pub fn left(&self) -> u64 {
        self.inputs.iter().map(|run| run.meta.entries).sum::<u64>().saturating_sub(self.done)
    }

    /// Goes on by about `updates` updates; says whether everything is merged.
    pub fn step(&mut self, updates: u64) -> Result<bool, Error> {
        let end = self.done.saturating_add(updates);
        while self.done < end {
            // Few runs: to look at all their heads is faster than to keep a heap in order.
            let least = self.heads.iter().copied().fold(u64::MAX, u64::min);
            let (mut one, mut same) = (0, 0);
            for (place, head) in self.heads.iter().enumerate() {
                one = if *head == least { place } else { one };
                same += usize::from(*head == least);
            }
            if same > 1 {
                let Some((key, at)) = self.least_with(least) else { return Ok(true) };
                self.merge_pair(key, at)?;
            } else if let Some(update) = self.readers.get(one).and_then(Reader::peek) {
                self.advance(one)?;
                self.write(update)?;
            } else {
                return Ok(true);
            }
        }
        Ok(self.readers.iter().all(|reader| reader.peek().is_none()))
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

    /// Adds up what the readers have of one pair.
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

    /// Ends the merge where it stands, at the next key: what is merged becomes a run, and of the
    /// inputs the rest is left. So no work is lost when a process ends, and none must be done at
    /// once.
    pub fn finish(mut self) -> Result<(Vec<Run<K>>, Merged), Error> {
        let heads = self.readers.iter().filter_map(Reader::peek);
        let rest = match heads.map(|head| head.0.high()).min() {
            None => None,
            Some(high) => {
                // All keys with these high bits on one side.
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

    /// Gives the merge up: nothing has happened.
    pub fn discard(self) -> Result<(), Error> {
        self.writer.map_or(Ok(()), RunWriter::discard)
    }
}

fn head_of<K: Key>(reader: &Reader<K>) -> u64 {
    reader.peek().map_or(u64::MAX, |head| head.0.high())
}
