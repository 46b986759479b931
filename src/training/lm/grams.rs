//! N-grams, sorted in bounded memory: sorted runs go to temporary files and are merged.
//!
//! A run is a sequence of records, all of one order:
//!
//! ```text
//! u32 × order  words
//! u64          value
//! ```

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::PathBuf;

/// As KenLM as most people build it.
pub(super) const ORDER_MAX: usize = 6;

/// Runs that are merged at once, each with a buffer and an open file.
const RUNS_MAX: usize = 64;
const BUFFER_BYTES: usize = 1 << 16;

/// An n-gram and what is known of it. Of the words the last comes first, so that n-grams with one
/// ending stand together when they are sorted; words beyond the order are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Gram {
    pub(super) words: [u32; ORDER_MAX],
    /// A count, or the bits of one or two numbers.
    pub(super) value: u64,
}

impl Gram {
    /// From what precedes the last word to the last word, and then that word: so sorted, n-grams
    /// with one context stand together.
    pub(super) fn by_context(mut self, order: usize) -> Self {
        self.words[..order].rotate_left(1);
        self
    }

    /// Undoes [`Self::by_context`].
    pub(super) fn by_ending(mut self, order: usize) -> Self {
        self.words[..order].rotate_right(1);
        self
    }
}

/// Takes n-grams in any order and gives them back sorted; values of equal ones are added up.
pub(super) struct Sorter {
    order: usize,
    /// Most n-grams in memory.
    room: usize,
    folder: PathBuf,
    buffer: Vec<Gram>,
    runs: Vec<RunReader>,
}

impl Sorter {
    /// `memory_bytes` bounds what is in memory, but for a few buffers.
    pub(super) fn new(order: usize, memory_bytes: usize, folder: PathBuf) -> Self {
        let room = (memory_bytes / size_of::<Gram>()).max(1024);
        Self { order, room, folder, buffer: Vec::new(), runs: Vec::new() }
    }

    pub(super) fn push(&mut self, gram: Gram) -> io::Result<()> {
        if self.buffer.len() == self.room {
            self.sort();
            // Adding up equal n-grams may have made enough room.
            if self.buffer.len() > self.room / 2 {
                self.spill()?;
            }
        }
        if self.buffer.len() == self.buffer.capacity() {
            let more = self.buffer.capacity().max(1024).min(self.room - self.buffer.len());
            self.buffer.reserve_exact(more);
        }
        self.buffer.push(gram);
        Ok(())
    }

    /// All n-grams, sorted. What fitted into memory never touches the disk.
    pub(super) fn finish(mut self) -> io::Result<Sorted> {
        self.sort();
        let mut sources: Vec<Source> = self.runs.into_iter().map(Source::Run).collect();
        sources.push(Source::Memory(self.buffer.into_iter()));
        Sorted::new(sources)
    }

    fn sort(&mut self) {
        self.buffer.sort_unstable();
        self.buffer.dedup_by(|later, first| {
            let equal = later.words == first.words;
            if equal {
                first.value += later.value;
            }
            equal
        });
    }

    fn spill(&mut self) -> io::Result<()> {
        let mut run = RunWriter::create(self.order, &self.folder)?;
        for gram in self.buffer.drain(..) {
            run.push(gram)?;
        }
        self.runs.push(run.finish()?);
        if self.runs.len() == RUNS_MAX {
            let mut all = Sorted::new(self.runs.drain(..).map(Source::Run).collect())?;
            let mut merged = RunWriter::create(self.order, &self.folder)?;
            while let Some(gram) = all.next()? {
                merged.push(gram)?;
            }
            self.runs.push(merged.finish()?);
        }
        Ok(())
    }
}

/// Sorted n-grams from memory and runs, one at a time.
pub(super) struct Sorted {
    sources: Vec<Source>,
    /// The next n-gram of each source that has one.
    heads: BinaryHeap<Reverse<(Gram, usize)>>,
}

enum Source {
    Memory(std::vec::IntoIter<Gram>),
    Run(RunReader),
}

impl Source {
    fn next(&mut self) -> io::Result<Option<Gram>> {
        match self {
            Self::Memory(grams) => Ok(grams.next()),
            Self::Run(run) => run.next(),
        }
    }
}

impl Sorted {
    fn new(mut sources: Vec<Source>) -> io::Result<Self> {
        let mut heads = BinaryHeap::new();
        for (index, source) in sources.iter_mut().enumerate() {
            if let Some(gram) = source.next()? {
                heads.push(Reverse((gram, index)));
            }
        }
        Ok(Self { sources, heads })
    }

    pub(super) fn next(&mut self) -> io::Result<Option<Gram>> {
        // Most often all is in memory, and there is nothing to merge.
        if let [source] = &mut self.sources[..] {
            let head = self.heads.pop().map(|Reverse((gram, _))| gram);
            return if head.is_some() { Ok(head) } else { source.next() };
        }
        let Some(mut gram) = self.pop()? else { return Ok(None) };
        while self.heads.peek().is_some_and(|Reverse((next, _))| next.words == gram.words) {
            gram.value += self.pop()?.map_or(0, |next| next.value);
        }
        Ok(Some(gram))
    }

    fn pop(&mut self) -> io::Result<Option<Gram>> {
        let Some(mut head) = self.heads.peek_mut() else { return Ok(None) };
        let Reverse((gram, index)) = *head;
        match self.sources[index].next()? {
            Some(next) => *head = Reverse((next, index)),
            None => drop(std::collections::binary_heap::PeekMut::pop(head)),
        }
        Ok(Some(gram))
    }
}

/// Writes n-grams that come sorted.
pub(super) struct RunWriter {
    order: usize,
    file: BufWriter<File>,
    len: u64,
}

impl RunWriter {
    /// The file has no name, and is gone with the process.
    pub(super) fn create(order: usize, folder: &std::path::Path) -> io::Result<Self> {
        let file = BufWriter::with_capacity(BUFFER_BYTES, tempfile::tempfile_in(folder)?);
        Ok(Self { order, file, len: 0 })
    }

    pub(super) fn push(&mut self, gram: Gram) -> io::Result<()> {
        let mut record = [0; ORDER_MAX * 4 + 8];
        let (words, value) = record.split_at_mut(self.order * 4);
        for (bytes, word) in words.chunks_exact_mut(4).zip(gram.words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        value[..8].copy_from_slice(&gram.value.to_le_bytes());
        self.len += 1;
        self.file.write_all(&record[..self.order * 4 + 8])
    }

    pub(super) fn finish(self) -> io::Result<RunReader> {
        let mut file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        let file = BufReader::with_capacity(BUFFER_BYTES, file);
        Ok(RunReader { order: self.order, file, left: self.len })
    }
}

/// Reads what a [`RunWriter`] wrote.
pub(super) struct RunReader {
    order: usize,
    file: BufReader<File>,
    left: u64,
}

impl RunReader {
    pub(super) fn next(&mut self) -> io::Result<Option<Gram>> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let mut record = [0; ORDER_MAX * 4 + 8];
        let record = &mut record[..self.order * 4 + 8];
        self.file.read_exact(record)?;
        let (words, value) = record.split_at(self.order * 4);
        let mut gram = Gram { words: [0; ORDER_MAX], value: 0 };
        for (word, bytes) in gram.words.iter_mut().zip(words.chunks_exact(4)) {
            *word = u32::from_le_bytes(bytes.try_into().expect("chunks of four"));
        }
        gram.value = u64::from_le_bytes(value.try_into().expect("eight bytes are left"));
        Ok(Some(gram))
    }
}
