//! The rows of a site, as they are sorted: more of them than fit into memory.

use sorting::{Record, Storage};
use std::cmp::Ordering;
use std::io::{self, Read, Write};

/// What rows are sorted by. No two rows have the same key.
pub(crate) type Key = (u64, u64);

pub(crate) type Sorter = sorting::Sorter<Row>;
pub(crate) type Sorted = sorting::Sorted<Row>;

/// Returns a sorter that takes about `memory_bytes`, and buffers while the rows are read back. Its
/// runs are in the system's folder for temporary files (`TMPDIR`), compressed.
pub(crate) fn sorter(memory_bytes: usize) -> Sorter {
    Sorter::new((), memory_bytes, Storage { folder: None, is_compressed: true })
}

/// An encoded row and its key. In a run: key (two numbers), length and bytes, little-endian.
pub(crate) struct Row {
    pub key: Key,
    pub bytes: Box<[u8]>,
}

impl Record for Row {
    type Layout = ();

    fn compare(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.bytes.len()
    }

    fn write(&self, _: &(), into: &mut impl Write) -> io::Result<()> {
        for number in [self.key.0, self.key.1, self.bytes.len() as u64] {
            into.write_all(&number.to_le_bytes())?;
        }
        into.write_all(&self.bytes)
    }

    fn read(_: &(), from: &mut impl Read) -> io::Result<Self> {
        let mut head = [0; 24];
        from.read_exact(&mut head)?;
        let number = |at: usize| {
            let bytes = head[at..].first_chunk().expect("24 bytes");
            u64::from_le_bytes(*bytes)
        };
        let mut bytes = vec![0; number(16) as usize].into_boxed_slice();
        from.read_exact(&mut bytes)?;
        Ok(Row { key: (number(0), number(8)), bytes })
    }
}
