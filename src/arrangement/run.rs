//! A run: one immutable file of sorted updates.
//!
//! ```text
//! header   "sluicrun" | version u32 | bytes of a key u32
//! pages    see `page`
//! index    for each page: first key (8 or 16 bytes, big end first), its ref u64, page offset u64
//! footer   index offset u64 | pages u64 | entries u64 | crc32c of the index u32
//!          | crc32c of the footer so far u32 | "sluicrun"
//! ```
//!
//! A file is written once, to its end, and fsynced; a manifest names it only after that. Reading
//! is by `pread`, not by mapping: a file cut short is then an error and not a signal, and pages
//! count as cache and not as memory of the process. Only the index is held: 24 bytes for 1,024
//! updates.

use crate::Error;
use crate::key::{Key, KeyRange, Update};
use crate::page::{PAGE_ENTRIES, Page, encode};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const MAGIC: &[u8; 8] = b"sluicrun";
const VERSION: u32 = 1;
const HEADER_BYTES: u64 = 16;
const FOOTER_BYTES: u64 = 8 + 8 + 8 + 4 + 4 + 8;

/// What a manifest keeps of a run: which file, and which of its keys are meant.
///
/// A run written by one worker serves two after a change of their number: each names its part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunMeta {
    /// File name in the state folder.
    pub name: String,
    /// Updates in the file.
    pub entries: u64,
    /// Size of the file.
    pub bytes: u64,
    /// Size of a key before packing.
    pub key_bytes: u32,
    /// Whether any update takes copies back.
    pub retractions: bool,
    /// Keys of the file that are part of the state.
    pub keys: KeyRange,
}

impl RunMeta {
    /// Bytes of memory that it takes while open and idle: its page index.
    pub fn resident_bytes(&self) -> u64 {
        // Key, ref and offset; a 128-bit key is aligned to its size.
        let page = if self.key_bytes > 8 { 32 + 8 } else { 16 + 8 };
        self.entries.div_ceil(PAGE_ENTRIES as u64) * page
    }
}

/// Writes a run. Nothing counts before [`RunWriter::finish`].
pub struct RunWriter<K: Key> {
    path: PathBuf,
    file: BufWriter<File>,
    offset: u64,
    open: Vec<Update<K>>,
    index: Vec<u8>,
    pages: u64,
    entries: u64,
    retractions: bool,
    scratch: Vec<u8>,
}

impl<K: Key> RunWriter<K> {
    /// Starts the file. It must not be there: names are used once.
    pub fn create(path: &Path) -> Result<RunWriter<K>, Error> {
        let file = File::create_new(path).map_err(Error::io(path))?;
        let mut file = BufWriter::with_capacity(1 << 18, file);
        let mut header = Vec::new();
        header.extend(MAGIC);
        header.extend(VERSION.to_le_bytes());
        header.extend(K::BYTES.to_le_bytes());
        file.write_all(&header).map_err(Error::io(path))?;
        Ok(RunWriter {
            path: path.to_owned(),
            file,
            offset: HEADER_BYTES,
            open: Vec::with_capacity(PAGE_ENTRIES),
            index: Vec::new(),
            pages: 0,
            entries: 0,
            retractions: false,
            scratch: Vec::new(),
        })
    }

    /// Adds the next update. They come sorted and consolidated.
    pub fn push(&mut self, update: Update<K>) -> Result<(), Error> {
        debug_assert!(self.open.last().is_none_or(|last| (last.0, last.1) < (update.0, update.1)));
        self.retractions |= update.2 < 0;
        self.open.push(update);
        if self.open.len() == PAGE_ENTRIES { self.flush_page() } else { Ok(()) }
    }

    fn flush_page(&mut self) -> Result<(), Error> {
        let Some(&(key, at, _)) = self.open.first() else { return Ok(()) };
        self.scratch.clear();
        encode(&self.open, &mut self.scratch);
        self.index.extend(key.high().to_be_bytes());
        if K::BYTES > 8 {
            self.index.extend(key.low().to_be_bytes());
        }
        self.index.extend(at.to_le_bytes());
        self.index.extend(self.offset.to_le_bytes());
        self.file.write_all(&self.scratch).map_err(Error::io(&self.path))?;
        self.offset += self.scratch.len() as u64;
        self.pages += 1;
        self.entries += self.open.len() as u64;
        self.open.clear();
        Ok(())
    }

    /// Writes index and footer and makes the file durable.
    pub fn finish(mut self, keys: KeyRange) -> Result<RunMeta, Error> {
        self.flush_page()?;
        let mut tail = self.index;
        let index_crc = crc32c::crc32c(&tail);
        let footer = tail.len();
        tail.extend(self.offset.to_le_bytes());
        tail.extend(self.pages.to_le_bytes());
        tail.extend(self.entries.to_le_bytes());
        tail.extend(index_crc.to_le_bytes());
        let footer_crc = crc32c::crc32c(&tail[footer..]);
        tail.extend(footer_crc.to_le_bytes());
        tail.extend(MAGIC);
        let write = |mut file: BufWriter<File>| {
            file.write_all(&tail)?;
            file.into_inner().map_err(|error| error.into_error())?.sync_all()
        };
        write(self.file).map_err(Error::io(&self.path))?;
        Ok(RunMeta {
            name: self.path.file_name().expect("a file").to_string_lossy().into_owned(),
            entries: self.entries,
            bytes: self.offset + tail.len() as u64,
            key_bytes: K::BYTES,
            retractions: self.retractions,
            keys,
        })
    }
}

/// An open run.
pub struct Run<K: Key> {
    /// What the manifest says of it.
    pub meta: RunMeta,
    path: PathBuf,
    file: File,
    /// First key and ref of each page, and where it begins; the last offset is the pages' end.
    firsts: Vec<(K, u64)>,
    offsets: Vec<u64>,
}

impl<K: Key> Run<K> {
    /// Opens the run in `dir` and checks its header, footer and index. Pages are checked as they
    /// are read.
    pub fn open(dir: &Path, meta: &RunMeta) -> Result<Run<K>, Error> {
        let path = dir.join(&meta.name);
        let file = File::open(&path).map_err(Error::io(&path))?;
        let len = file.metadata().map_err(Error::io(&path))?.len();
        if len != meta.bytes || len < HEADER_BYTES + FOOTER_BYTES {
            let what = format!("{} bytes expected, {len} found", meta.bytes);
            return Err(Error::corrupt(&path, len, what));
        }
        let read = |offset: u64, bytes: usize| {
            let mut buffer = vec![0; bytes];
            file.read_exact_at(&mut buffer, offset).map_err(Error::io(&path)).map(|()| buffer)
        };
        let header = read(0, HEADER_BYTES as usize)?;
        let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
        let short = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four bytes"));
        if &header[..8] != MAGIC || short(&header[8..12]) != VERSION {
            return Err(Error::corrupt(&path, 0, format!("no run of version {VERSION}")));
        }
        if short(&header[12..]) != K::BYTES {
            return Err(Error::corrupt(&path, 12, format!("keys of {} bytes expected", K::BYTES)));
        }
        let footer_at = len - FOOTER_BYTES;
        let footer = read(footer_at, FOOTER_BYTES as usize)?;
        if &footer[32..] != MAGIC || short(&footer[28..32]) != crc32c::crc32c(&footer[..28]) {
            return Err(Error::corrupt(&path, footer_at, "the footer's checksum does not fit"));
        }
        let (index_at, pages) = (number(&footer[..8]), number(&footer[8..16]));
        let entry_bytes = u64::from(K::BYTES) + 16;
        if index_at.checked_add(pages.saturating_mul(entry_bytes)) != Some(footer_at) {
            return Err(Error::corrupt(&path, footer_at, "the index does not fit the file"));
        }
        let index = read(index_at, (footer_at - index_at) as usize)?;
        if crc32c::crc32c(&index) != short(&footer[24..28]) {
            return Err(Error::corrupt(&path, index_at, "the index's checksum does not fit"));
        }
        let mut firsts = Vec::with_capacity(pages as usize);
        let mut offsets = Vec::with_capacity(pages as usize + 1);
        for entry in index.chunks_exact(entry_bytes as usize) {
            let (key, place) = entry.split_at(K::BYTES as usize);
            let high = u64::from_be_bytes(key[..8].try_into().expect("eight bytes"));
            let low = key.get(8..16).map_or(0, |low| {
                u64::from_be_bytes(low.try_into().expect("eight bytes")) //
            });
            firsts.push((K::from_parts(high, low), number(&place[..8])));
            offsets.push(number(&place[8..]));
        }
        offsets.push(index_at);
        if offsets.first() != Some(&HEADER_BYTES) || !offsets.is_sorted() || !firsts.is_sorted() {
            return Err(Error::corrupt(&path, index_at, "the index is not in order"));
        }
        Ok(Run { meta: meta.clone(), path, file, firsts, offsets })
    }

    fn read_page(&self, number: usize, page: &mut Page<K>) -> Result<(), Error> {
        let (start, end) = (self.offsets[number], self.offsets[number + 1]);
        page.read(
            (end - start) as usize,
            |bytes| self.file.read_exact_at(bytes, start).map_err(Error::io(&self.path)),
            |what| Error::corrupt(&self.path, start, what),
        )
    }
}

/// Reads a whole run, whatever its keys are, and hands the ref of every update to `each`; with
/// `shallow` only header, footer and index are read.
pub fn check(
    dir: &Path,
    meta: &RunMeta,
    shallow: bool,
    each: &mut dyn FnMut(u64),
) -> Result<(), Error> {
    match meta.key_bytes {
        <u64 as Key>::BYTES => check_keys::<u64>(dir, meta, shallow, each),
        <u128 as Key>::BYTES => check_keys::<u128>(dir, meta, shallow, each),
        other => {
            let what = format!("keys of {other} bytes in the manifest; 8 or 16 expected");
            Err(Error::corrupt(&dir.join(&meta.name), 0, what))
        }
    }
}

fn check_keys<K: Key>(
    dir: &Path,
    meta: &RunMeta,
    shallow: bool,
    each: &mut dyn FnMut(u64),
) -> Result<(), Error> {
    let run = Arc::new(Run::<K>::open(dir, meta)?);
    if shallow {
        return Ok(());
    }
    let Some(mut cursor) = Cursor::new(run, KeyRange::ALL)? else { return Ok(()) };
    let mut previous = None;
    while let Some((key, at, _)) = cursor.peek() {
        if previous.is_some_and(|previous| previous >= (key, at)) {
            return Err(Error::corrupt(&dir.join(&meta.name), 0, "updates are not in order"));
        }
        previous = Some((key, at));
        each(at);
        cursor.step()?;
    }
    Ok(())
}

/// Walks the updates of a run's range in order, forwards only.
pub struct Cursor<K: Key> {
    run: Arc<Run<K>>,
    keys: KeyRange,
    /// Page that `page` holds; `usize::MAX` before the first.
    number: usize,
    page: Page<K>,
    place: usize,
}

impl<K: Key> Cursor<K> {
    /// Stands before the first update of `keys`; `None` where the run has no part in them.
    pub fn new(run: Arc<Run<K>>, keys: KeyRange) -> Result<Option<Cursor<K>>, Error> {
        let Some(keys) = keys.intersection(run.meta.keys) else { return Ok(None) };
        if run.firsts.is_empty() {
            return Ok(None);
        }
        let (number, page) = (usize::MAX, Page::default());
        let mut cursor = Cursor { run, keys, number, page, place: 0 };
        cursor.seek(K::from_parts(keys.first, 0), 0)?;
        Ok(Some(cursor))
    }

    /// The update it stands at; `None` behind the last.
    #[inline]
    pub fn peek(&self) -> Option<Update<K>> {
        if self.place >= self.page.len() {
            return None;
        }
        let update = self.page.get(self.place);
        (update.0.high() <= self.keys.last).then_some(update)
    }

    /// The key it stands at; `None` behind the last.
    #[inline]
    pub(crate) fn peek_key(&self) -> Option<K> {
        let key = *self.page.keys.get(self.place)?;
        (key.high() <= self.keys.last).then_some(key)
    }

    /// Goes on to the next update.
    #[inline]
    pub fn step(&mut self) -> Result<(), Error> {
        self.place += 1;
        if self.place >= self.page.len() && self.number + 1 < self.run.firsts.len() {
            self.load(self.number + 1)?;
        }
        Ok(())
    }

    /// Goes on to the first update at or after `(key, at)`; stays where it stands beyond that.
    pub fn seek(&mut self, key: K, at: u64) -> Result<(), Error> {
        let target = (key, at);
        let next = if self.number == usize::MAX { 0 } else { self.number + 1 };
        let firsts = &self.run.firsts;
        if next < firsts.len() && (self.number == usize::MAX || firsts[next] <= target) {
            // The last page that begins at or before the target, galloping from here.
            let mut step = 1;
            while next + step < firsts.len() && firsts[next + step] <= target {
                step *= 2;
            }
            let (low, high) = (next + step / 2, (next + step).min(firsts.len()));
            let found = low + firsts[low..high].partition_point(|first| *first <= target);
            self.load(found.saturating_sub(1).max(next))?;
        }
        self.place = gallop(&self.page, self.place, target);
        if self.place >= self.page.len() && self.number + 1 < self.run.firsts.len() {
            self.load(self.number + 1)?;
        }
        Ok(())
    }

    fn load(&mut self, number: usize) -> Result<(), Error> {
        self.run.read_page(number, &mut self.page)?;
        (self.number, self.place) = (number, 0);
        Ok(())
    }
}

/// First place at or after `from` that is not before `target`.
fn gallop<K: Key>(page: &Page<K>, from: usize, target: (K, u64)) -> usize {
    let before = |place: usize| match page.keys[place].cmp(&target.0) {
        Ordering::Equal => page.at(place) < target.1,
        other => other == Ordering::Less,
    };
    let len = page.len();
    let (mut low, mut step) = (from, 1);
    if low >= len || !before(low) {
        return low;
    }
    while low + step < len && before(low + step) {
        low += step;
        step *= 2;
    }
    // `low` is before the target, `low + step` (or the end) is not.
    let mut high = (low + step).min(len);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if before(middle) { low = middle } else { high = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consolidate;
    use proptest::prelude::*;

    fn written(updates: &[Update<u64>], keys: KeyRange) -> (tempfile::TempDir, Arc<Run<u64>>) {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = RunWriter::create(&dir.path().join("a.run")).unwrap();
        updates.iter().for_each(|update| writer.push(*update).unwrap());
        let meta = writer.finish(keys).unwrap();
        let run = Run::open(dir.path(), &meta).unwrap();
        (dir, Arc::new(run))
    }

    fn rest(mut cursor: Cursor<u64>) -> Vec<Update<u64>> {
        let mut all = Vec::new();
        while let Some(update) = cursor.peek() {
            all.push(update);
            cursor.step().unwrap();
        }
        all
    }

    fn many() -> Vec<Update<u64>> {
        let mut updates: Vec<_> =
            (0..5000u64).map(|i| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15), i, 1)).collect();
        consolidate(&mut updates);
        updates
    }

    #[test]
    fn a_range_reads_only_its_keys() {
        let updates = many();
        let (_dir, run) = written(&updates, KeyRange::ALL);
        for worker in 0..3 {
            let keys = KeyRange::of(worker, 3);
            let cursor = Cursor::new(run.clone(), keys).unwrap().unwrap();
            let expected: Vec<_> = updates
                .iter()
                .copied()
                .filter(|u| (keys.first..=keys.last).contains(&u.0))
                .collect();
            assert_eq!(rest(cursor), expected);
        }
    }

    proptest! {
        #[test]
        fn seek_finds_what_a_plain_search_finds(
            targets in prop::collection::vec((any::<u64>(), 0u64..3), 1..60),
            heavy in 0u64..4000,
        ) {
            let mut updates = many();
            updates.extend((0..heavy).map(|at| (1u64 << 63, at, 1)));
            consolidate(&mut updates);
            let (_dir, run) = written(&updates, KeyRange::ALL);
            let mut targets: Vec<_> = targets.iter().map(|t| (t.0, t.1)).collect();
            targets.push((1 << 63, heavy / 2));
            targets.sort();
            let mut cursor = Cursor::new(run, KeyRange::ALL).unwrap().unwrap();
            for (key, at) in targets {
                cursor.seek(key, at).unwrap();
                let expected = updates.partition_point(|u| (u.0, u.1) < (key, at));
                prop_assert_eq!(cursor.peek(), updates.get(expected).copied());
            }
        }
    }

    #[test]
    fn damage_is_named() {
        let (dir, run) = written(&many(), KeyRange::ALL);
        let path = dir.path().join("a.run");
        let meta = run.meta.clone();
        let whole = std::fs::read(&path).unwrap();
        for byte in (0..whole.len()).step_by(97) {
            let mut damaged = whole.clone();
            damaged[byte] ^= 1;
            std::fs::write(&path, &damaged).unwrap();
            let read = || -> Result<(), Error> {
                let run = Arc::new(Run::<u64>::open(dir.path(), &meta)?);
                let Some(mut cursor) = Cursor::new(run, KeyRange::ALL)? else { return Ok(()) };
                while cursor.peek().is_some() {
                    cursor.step()?;
                }
                Ok(())
            };
            let error = read().expect_err("damage must be found").to_string();
            assert!(error.contains("a.run"), "{error}");
        }
        std::fs::write(&path, &whole[..whole.len() - 9]).unwrap();
        let error = Run::<u64>::open(dir.path(), &meta).err().unwrap().to_string();
        assert!(error.contains("bytes expected"), "{error}");
    }
}
