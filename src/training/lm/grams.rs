//! N-grams, sorted in bounded memory.
//!
//! A run is a sequence of records, all of one order:
//!
//! ```text
//! u32 × order  words
//! u64          value
//! ```

use sorting::{Record, Storage};
use std::cmp::Ordering;
use std::io::{self, Read, Write};
use std::path::Path;

/// The highest order, as in KenLM as most people build it.
pub(super) const ORDER_MAX: usize = 6;

/// An n-gram and its value. The last word comes first, so that n-grams with the same ending are
/// neighbours when they are sorted. Words beyond the order are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gram {
    pub(super) words: [u32; ORDER_MAX],
    /// A count, or the bits of one or two numbers.
    pub(super) value: u64,
}

impl Gram {
    /// Moves the last word after its context: sorted so, n-grams with the same context are
    /// neighbours.
    pub(super) fn by_context(mut self, order: usize) -> Self {
        self.words[..order].rotate_left(1);
        self
    }

    /// Reverts [`Self::by_context`].
    pub(super) fn by_ending(mut self, order: usize) -> Self {
        self.words[..order].rotate_right(1);
        self
    }
}

pub(super) type Sorter = sorting::Sorter<Gram>;
pub(super) type Sorted = sorting::Sorted<Gram>;
pub(super) type RunWriter = sorting::RunWriter<Gram>;
pub(super) type RunReader = sorting::RunReader<Gram>;

/// Returns a sorter of n-grams of this order, which adds up the values of equal ones.
/// `memory_bytes` bounds what is in memory, but for a few buffers.
pub(super) fn sorter(order: usize, memory_bytes: usize, folder: &Path) -> Sorter {
    let memory_bytes = memory_bytes.max(1024 * size_of::<Gram>());
    Sorter::new(order, memory_bytes, storage(folder))
}

/// Returns a writer of n-grams of this order that come sorted.
pub(super) fn run(order: usize, folder: &Path) -> io::Result<RunWriter> {
    RunWriter::new(order, &storage(folder))
}

fn storage(folder: &Path) -> Storage {
    Storage { folder: Some(folder.to_owned()), is_compressed: false }
}

impl Record for Gram {
    /// The order.
    type Layout = usize;

    fn compare(&self, other: &Self) -> Ordering {
        self.words.cmp(&other.words)
    }

    fn combine(&mut self, next: &Self) -> bool {
        let is_equal = self.words == next.words;
        if is_equal {
            self.value += next.value;
        }
        is_equal
    }

    fn write(&self, order: &usize, into: &mut impl Write) -> io::Result<()> {
        let mut record = [0; ORDER_MAX * 4 + 8];
        let (words, value) = record.split_at_mut(order * 4);
        for (bytes, word) in words.chunks_exact_mut(4).zip(self.words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        value[..8].copy_from_slice(&self.value.to_le_bytes());
        into.write_all(&record[..order * 4 + 8])
    }

    fn read(order: &usize, from: &mut impl Read) -> io::Result<Self> {
        let mut record = [0; ORDER_MAX * 4 + 8];
        let record = &mut record[..order * 4 + 8];
        from.read_exact(record)?;
        let (words, value) = record.split_at(order * 4);
        let mut gram = Gram { words: [0; ORDER_MAX], value: 0 };
        for (word, bytes) in gram.words.iter_mut().zip(words.chunks_exact(4)) {
            *word = u32::from_le_bytes(bytes.try_into().expect("chunks of four"));
        }
        gram.value = u64::from_le_bytes(value.try_into().expect("eight bytes are left"));
        Ok(gram)
    }
}
