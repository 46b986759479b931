//! Updates of an epoch on disk, until it is complete: an unnamed file, with those of each bucket together.

use crate::error::Error;
use crate::key::{Key, Update};
use std::fs::File;
use std::io::Write;
use std::marker::PhantomData;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The updates of all buckets, as they came. Not sorted: that is done once, with all of a bucket.
pub(crate) struct Spill<K> {
    path: PathBuf,
    file: File,
    /// In the order of buckets.
    parts: Vec<Part>,
    keys: PhantomData<K>,
}

/// Updates that are read at a time.
const PIECE: usize = 1 << 16;

/// The place of the updates of a bucket.
#[derive(Clone, Copy)]
struct Part {
    offset: u64,
    insertions: usize,
    others: usize,
    crc32c: u32,
}

/// Size of a key, and of an insertion: the key and a ref.
fn sizes<K: Key>() -> (usize, usize) {
    (K::BYTES as usize, K::BYTES as usize + 8)
}

impl<K: Key> Spill<K> {
    /// Writes the updates of each bucket to a file, which has the name `path` only until it is whole.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write<'a>(
        path: &Path,
        buckets: impl Iterator<Item = (&'a [(K, u64)], &'a [Update<K>])>,
    ) -> Result<Spill<K>, Error> {
        let mut file = durable::File::create_new(path).map_err(Error::io(path))?;
        let (mut parts, mut bytes, mut offset) = (Vec::new(), Vec::new(), 0);
        let (key, insertion) = sizes::<K>();
        for (insertions, others) in buckets {
            bytes.clear();
            bytes.resize(insertions.len() * insertion + others.len() * (insertion + 8), 0);
            let (of_insertions, of_others) = bytes.split_at_mut(insertions.len() * insertion);
            for (into, (of, at)) in of_insertions.chunks_exact_mut(insertion).zip(insertions) {
                write_key(of, &mut into[..key]);
                into[key..].copy_from_slice(&at.to_le_bytes());
            }
            for (into, (of, at, diff)) in of_others.chunks_exact_mut(insertion + 8).zip(others) {
                write_key(of, &mut into[..key]);
                into[key..key + 8].copy_from_slice(&at.to_le_bytes());
                into[key + 8..].copy_from_slice(&diff.to_le_bytes());
            }
            file.write_all(&bytes).map_err(Error::io(path))?;
            let (insertions, others) = (insertions.len(), others.len());
            parts.push(Part { offset, insertions, others, crc32c: crc32c::crc32c(&bytes) });
            offset += bytes.len() as u64;
        }
        durable::remove_file(path).map_err(Error::io(path))?;
        Ok(Spill { path: path.to_owned(), file: file.into_std(), parts, keys: PhantomData })
    }

    /// Appends the updates of a bucket. `bytes` is scratch space.
    ///
    /// # Errors
    /// If they cannot be read, or are damaged.
    pub fn read(
        &self,
        bucket: usize,
        insertions: &mut Vec<(K, u64)>,
        others: &mut Vec<Update<K>>,
        bytes: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let part = self.parts[bucket];
        let (key, insertion) = sizes::<K>();
        let middle = part.offset + (part.insertions * insertion) as u64;
        insertions.reserve(part.insertions);
        let crc = self.each((part.offset, part.insertions, insertion), 0, bytes, |from| {
            insertions.push((read_key(&from[..key]), number(&from[key..])));
        })?;
        let crc = self.each((middle, part.others, insertion + 8), crc, bytes, |from| {
            let (at, diff) = (number(&from[key..]), number(&from[key + 8..]) as i64);
            others.push((read_key(&from[..key]), at, diff));
        })?;
        if crc != part.crc32c {
            let what = "updates that waited for the end of their epoch have changed on the disk";
            return Err(Error::corrupt(&self.path, part.offset, what));
        }
        Ok(())
    }

    /// Reads `count` updates of `size` bytes from `offset` on, calls `each` with the bytes of each, and returns the
    /// checksum of all, which continues `crc`.
    fn each(
        &self,
        (mut offset, count, size): (u64, usize, usize),
        mut crc: u32,
        bytes: &mut Vec<u8>,
        mut each: impl FnMut(&[u8]),
    ) -> Result<u32, Error> {
        // Of a key that very many documents have, not all at once: they are in memory once more.
        for begin in (0..count).step_by(PIECE) {
            bytes.resize((count - begin).min(PIECE) * size, 0);
            self.file.read_exact_at(bytes, offset).map_err(Error::io(&self.path))?;
            offset += bytes.len() as u64;
            crc = crc32c::crc32c_append(crc, bytes);
            bytes.chunks_exact(size).for_each(&mut each);
        }
        Ok(crc)
    }
}

fn write_key<K: Key>(key: &K, into: &mut [u8]) {
    let (searched, words) = into.split_at_mut(K::SEARCHED_BYTES as usize);
    searched[..8].copy_from_slice(&key.high().to_le_bytes());
    if K::SEARCHED_BYTES > 8 {
        searched[8..].copy_from_slice(&key.low().to_le_bytes());
    }
    for (into, word) in words.as_chunks_mut().0.iter_mut().zip(key.words()) {
        *into = word.to_le_bytes();
    }
}

fn read_key<K: Key>(from: &[u8]) -> K {
    let low = if K::SEARCHED_BYTES > 8 { number(&from[8..]) } else { 0 };
    let mut key = K::from_parts(number(from), low);
    let words = from[K::SEARCHED_BYTES as usize..].as_chunks().0;
    for (word, stored) in key.words_mut().iter_mut().zip(words) {
        *word = u64::from_le_bytes(*stored);
    }
    key
}

fn number(from: &[u8]) -> u64 {
    u64::from_le_bytes(*from.first_chunk().expect("eight bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Signed;

    fn round_trip<K: Key>(key: impl Fn(u64) -> K) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.spill");
        let insertions: Vec<(K, u64)> = (0..9).map(|n| (key(n), u64::MAX - n)).collect();
        let others: Vec<Update<K>> = (0..5).map(|n| (key(n), n, -1 - n as i64)).collect();
        let buckets = [
            (&insertions[..4], &others[..0]),
            (&[][..], &others[..3]),
            (&insertions[4..], &others[3..]),
        ];
        let spill = Spill::write(&path, buckets.into_iter()).unwrap();
        assert!(!path.exists());
        for (bucket, (expected, expected_others)) in buckets.iter().enumerate() {
            let (mut insertions, mut others) = (vec![(key(77), 1)], Vec::new());
            spill.read(bucket, &mut insertions, &mut others, &mut vec![1; 3]).unwrap();
            assert_eq!((&insertions[1..], &others[..]), (*expected, *expected_others));
        }
    }

    #[test]
    fn updates_of_each_bucket_come_back() {
        round_trip(|n| n << 50 | n);
        round_trip(|n| u128::from(n) << 100 | u128::from(n));
        round_trip(|n| Signed { key: n << 40, signature: [n; 16] });
    }

    #[test]
    fn damage_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("x.spill"), folder.path().join("other"));
        let all = [(7u64, 1u64), (8, 2)];
        let mut spill = Spill::write(&path, [(&all[..], &[][..])].into_iter()).unwrap();
        std::fs::write(&other, [1; 32]).unwrap();
        spill.file = File::open(&other).unwrap();
        let read =
            |spill: &Spill<u64>| spill.read(0, &mut Vec::new(), &mut Vec::new(), &mut Vec::new());
        assert!(read(&spill).unwrap_err().to_string().contains("x.spill: byte 0: "));
        std::fs::write(&other, [1; 31]).unwrap();
        assert!(read(&spill).unwrap_err().to_string().contains("x.spill"));
    }
}
