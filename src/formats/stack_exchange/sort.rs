//! Sorting more than fits into memory: sorted runs on disk, merged as they are read.
//!
//! Runs are temporary files without a name (in the system's folder for them, `TMPDIR`), so they go
//! with the process, however it ends. A run is LZ4; its entries stand one after another as key (two
//! numbers), length and bytes, little-endian.

use lz4_flex::frame::{FrameDecoder, FrameEncoder};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};

/// Runs of one size that are merged into one of the next: bounds the files that are open.
const FAN_IN: usize = 32;

/// What an entry takes beside its bytes.
const ENTRY_BYTES: usize = std::mem::size_of::<Entry>();

/// What is sorted by. No two entries may have the same.
pub(crate) type Key = (u64, u64);

/// Takes entries in any order.
pub(crate) struct Sorter {
    bytes_max: usize,
    entries: Vec<Entry>,
    bytes: Vec<u8>,
    /// Of each level the runs not merged yet; those of a level are about of one size.
    levels: Vec<Vec<File>>,
    runs_written: usize,
}

/// An entry in memory: its bytes lie in [`Sorter::bytes`].
pub(crate) struct Entry {
    key: Key,
    from: usize,
    length: usize,
}

impl Sorter {
    /// Sorts with about `bytes_max` of memory, and as much again while entries are read back.
    pub fn new(bytes_max: usize) -> Sorter {
        let (entries, bytes) = (Vec::new(), Vec::new());
        Sorter { bytes_max, entries, bytes, levels: Vec::new(), runs_written: 0 }
    }

    pub fn push(&mut self, key: Key, bytes: &[u8]) -> io::Result<()> {
        self.entries.push(Entry { key, from: self.bytes.len(), length: bytes.len() });
        self.bytes.extend_from_slice(bytes);
        match self.bytes.len() + self.entries.len() * ENTRY_BYTES >= self.bytes_max {
            true => self.spill(),
            false => Ok(()),
        }
    }

    /// Runs that went to disk, those that merges wrote included.
    #[cfg(test)]
    pub fn runs_written(&self) -> usize {
        self.runs_written
    }

    /// All entries in order.
    pub fn sorted(mut self) -> io::Result<Sorted> {
        if self.levels.is_empty() {
            self.sort();
            let entries = std::mem::take(&mut self.entries).into_iter();
            return Ok(Sorted::InMemory { entries, bytes: self.bytes });
        }
        self.spill()?;
        self.bytes = Vec::new();
        Merge::new(self.levels.into_iter().flatten()).map(Sorted::Merged)
    }

    fn sort(&mut self) {
        self.entries.sort_unstable_by_key(|entry| entry.key);
    }

    fn spill(&mut self) -> io::Result<()> {
        self.sort();
        let mut run = RunWriter::new()?;
        for Entry { key, from, length } in self.entries.drain(..) {
            run.push(key, &self.bytes[from..from + length])?;
        }
        self.bytes.clear();
        self.add(run.finish()?, 0)
    }

    fn add(&mut self, run: File, level: usize) -> io::Result<()> {
        self.runs_written += 1;
        if level == self.levels.len() {
            self.levels.push(Vec::new());
        }
        self.levels[level].push(run);
        if self.levels[level].len() < FAN_IN {
            return Ok(());
        }
        let mut merge = Merge::new(std::mem::take(&mut self.levels[level]).into_iter())?;
        let mut run = RunWriter::new()?;
        while let Some((key, bytes)) = merge.next()? {
            run.push(key, &bytes)?;
        }
        self.add(run.finish()?, level + 1)
    }
}

/// Entries in order.
pub(crate) enum Sorted {
    InMemory { entries: std::vec::IntoIter<Entry>, bytes: Vec<u8> },
    Merged(Merge),
}

impl Sorted {
    pub fn next(&mut self) -> io::Result<Option<(Key, Vec<u8>)>> {
        match self {
            Sorted::Merged(merge) => merge.next(),
            Sorted::InMemory { entries, bytes } => Ok(entries
                .next()
                .map(|entry| (entry.key, bytes[entry.from..entry.from + entry.length].to_vec()))),
        }
    }
}

/// Reads several runs as one.
pub(crate) struct Merge {
    runs: Vec<RunReader>,
    /// The first entry of each run that is not at its end.
    first: BinaryHeap<Reverse<(Key, usize)>>,
}

impl Merge {
    fn new(files: impl Iterator<Item = File>) -> io::Result<Merge> {
        let mut merge = Merge { runs: Vec::new(), first: BinaryHeap::new() };
        for file in files {
            merge.runs.push(RunReader::new(file)?);
            merge.advance(merge.runs.len() - 1)?;
        }
        Ok(merge)
    }

    fn next(&mut self) -> io::Result<Option<(Key, Vec<u8>)>> {
        let Some(Reverse((key, run))) = self.first.pop() else { return Ok(None) };
        let bytes = std::mem::take(&mut self.runs[run].bytes);
        self.advance(run)?;
        Ok(Some((key, bytes)))
    }

    fn advance(&mut self, run: usize) -> io::Result<()> {
        if let Some(key) = self.runs[run].advance()? {
            self.first.push(Reverse((key, run)));
        }
        Ok(())
    }
}

struct RunWriter(FrameEncoder<BufWriter<File>>);

impl RunWriter {
    fn new() -> io::Result<RunWriter> {
        Ok(RunWriter(FrameEncoder::new(BufWriter::new(tempfile::tempfile()?))))
    }

    fn push(&mut self, (first, second): Key, bytes: &[u8]) -> io::Result<()> {
        for number in [first, second, bytes.len() as u64] {
            self.0.write_all(&number.to_le_bytes())?;
        }
        self.0.write_all(bytes)
    }

    fn finish(self) -> io::Result<File> {
        let mut file = self.0.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        Ok(file)
    }
}

struct RunReader {
    input: FrameDecoder<BufReader<File>>,
    /// Of the entry that is at hand.
    bytes: Vec<u8>,
}

impl RunReader {
    fn new(file: File) -> io::Result<RunReader> {
        let input = FrameDecoder::new(BufReader::with_capacity(32 << 10, file));
        Ok(RunReader { input, bytes: Vec::new() })
    }

    fn advance(&mut self) -> io::Result<Option<Key>> {
        let mut head = [0; 24];
        match self.input.read(&mut head[..1])? {
            0 => return Ok(None),
            _ => self.input.read_exact(&mut head[1..])?,
        }
        let number = |at: usize| {
            let bytes = head[at..].first_chunk().expect("24 bytes");
            u64::from_le_bytes(*bytes)
        };
        self.bytes = vec![0; number(16) as usize];
        self.input.read_exact(&mut self.bytes)?;
        Ok(Some((number(0), number(8))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sorted(entries: &[(Key, Vec<u8>)], bytes_max: usize) -> (Vec<(Key, Vec<u8>)>, usize) {
        let mut sorter = Sorter::new(bytes_max);
        for (key, bytes) in entries {
            sorter.push(*key, bytes).unwrap();
            let held = sorter.bytes.len() + sorter.entries.len() * ENTRY_BYTES;
            assert!(held < bytes_max, "{held} bytes are held");
            assert!(sorter.levels.iter().all(|runs| runs.len() < FAN_IN));
        }
        let runs = sorter.runs_written();
        let mut sorted = sorter.sorted().unwrap();
        (std::iter::from_fn(|| sorted.next().unwrap()).collect(), runs)
    }

    #[test]
    fn what_does_not_fit_comes_back_in_order() {
        // More than FAN_IN squared runs, so that runs of runs are merged.
        let entry = |n: u64| ((n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 50, n), n.to_string());
        let entries: Vec<_> =
            (0..20_000).map(entry).map(|(key, text)| (key, text.into_bytes())).collect();
        let mut expected = entries.clone();
        expected.sort();
        for (bytes_max, runs_min) in [(usize::MAX, 0), (100_000, 3), (500, 1100)] {
            let (found, runs) = sorted(&entries, bytes_max);
            assert_eq!(found, expected);
            assert!(runs >= runs_min, "{runs} runs of {bytes_max} bytes");
        }
    }

    proptest! {
        #[test]
        fn memory_does_not_show(
            lengths in proptest::collection::vec(0usize..3000, 0..60),
            bytes_max in 1usize..20_000,
        ) {
            let key = |n: usize| ((n * 7919 % 13) as u64, n as u64);
            let entries: Vec<_> =
                lengths.iter().enumerate().map(|(n, length)| (key(n), vec![n as u8; *length])).collect();
            let mut expected = entries.clone();
            expected.sort();
            prop_assert_eq!(sorted(&entries, bytes_max).0, expected);
        }
    }
}
