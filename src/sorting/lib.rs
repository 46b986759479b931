//! Sorts more records than fit into memory: an external merge sort.
//!
//! [`Sorter`] collects records up to a number of bytes, sorts them and writes them to a run, a
//! temporary file. [`Sorted`] merges the runs as they are read. [`FAN_IN`] runs of one level are
//! merged into one run of the next, so the number of open files grows with the logarithm of the
//! input. What fits into memory never touches the disk.
//!
//! The files have no name, so they are gone when the process ends, however it ends. A run is the
//! records one after another, as [`Record::write`] writes them, in an LZ4 frame if
//! [`Storage::is_compressed`].
//!
//! The crate `arrangement` does not use it. Its batches are sorted by radix, since its keys are
//! hashes of one size, and its runs are durable: pages with checksums, an index and filters, which
//! are searched and not only read from the beginning.
//!
//! ```
//! use sorting::{Record, Sorter, Storage};
//! use std::cmp::Ordering;
//! use std::io::{self, Read, Write};
//!
//! struct Word(u64);
//!
//! impl Record for Word {
//!     type Layout = ();
//!
//!     fn compare(&self, other: &Self) -> Ordering {
//!         self.0.cmp(&other.0)
//!     }
//!
//!     fn write(&self, _: &(), into: &mut impl Write) -> io::Result<()> {
//!         into.write_all(&self.0.to_le_bytes())
//!     }
//!
//!     fn read(_: &(), from: &mut impl Read) -> io::Result<Self> {
//!         let mut bytes = [0; 8];
//!         from.read_exact(&mut bytes)?;
//!         Ok(Word(u64::from_le_bytes(bytes)))
//!     }
//! }
//!
//! # fn main() -> io::Result<()> {
//! let mut sorter = Sorter::new((), 100, Storage::default());
//! for number in (0..1000).rev() {
//!     sorter.push(Word(number))?;
//! }
//! let mut sorted = sorter.finish()?;
//! let mut expected = 0;
//! while let Some(Word(number)) = sorted.next()? {
//!     assert_eq!(number, expected);
//!     expected += 1;
//! }
//! assert_eq!(expected, 1000);
//! # Ok(())
//! # }
//! ```

mod merge;
mod run;
mod sorter;
#[cfg(test)]
mod tests;

pub use merge::Sorted;
pub use run::{RunReader, RunWriter};
pub use sorter::{FAN_IN, Sorter};

use std::cmp::Ordering;
use std::io::{self, Read, Write};
use std::path::PathBuf;

/// What is sorted.
pub trait Record: Sized {
    /// What reading and writing need to know; the same for all records of a sorter.
    type Layout: Clone;

    /// The order of two records. The order of equal ones is unspecified.
    fn compare(&self, other: &Self) -> Ordering;

    /// What the record takes in memory, with what it owns.
    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
    }

    /// Adds `next`, which is not less than this record, to this record if they are equal and are to
    /// become one. Returns whether it did so.
    fn combine(&mut self, next: &Self) -> bool {
        let _ = next;
        false
    }

    /// Writes the record.
    ///
    /// # Errors
    /// When writing fails.
    fn write(&self, layout: &Self::Layout, into: &mut impl Write) -> io::Result<()>;

    /// Reads what [`write`](Record::write) wrote.
    ///
    /// # Errors
    /// When reading fails.
    fn read(layout: &Self::Layout, from: &mut impl Read) -> io::Result<Self>;
}

/// Where and how runs are stored.
#[derive(Clone, Debug, Default)]
pub struct Storage {
    /// The folder of the temporary files; `None` for the system's (`TMPDIR`).
    pub folder: Option<PathBuf>,
    /// Whether runs are compressed by LZ4.
    pub is_compressed: bool,
}
