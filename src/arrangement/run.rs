//! A run: one immutable file of sorted updates.
//!
//! ```text
//! header   "sluicrun" | version u32 | bytes of a key u32
//! groups   of 64 pages (see `page`), each followed by the filters of its pages (see `filter`)
//! index    for each page: first key (8 or 16 bytes, big end first; then its words, u64 each), its ref
//!          u64, page offset u64
//! footer   index offset u64 | pages u64 | entries u64 | crc32c of the index u32
//!          | crc32c of the footer so far u32 | "sluicrun"
//! ```
//!
//! All pages but the last are full. A file is written once, from start to end, and fsynced; a manifest
//! names it only after that. Reads use `pread`, not a memory map: a truncated file is then an error
//! and not a signal, and pages count as cache and not as memory of the process. Only the index of the
//! needed pages is in memory: 40 bytes for 1,024 updates of 64-bit keys.

use crate::error::Error;
use crate::filter;
use crate::key::{Key, KeyRange, Signed, Update};
use crate::page::{PAGE_ENTRIES, Page, encode};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const MAGIC: &[u8; 8] = b"sluicrun";
const VERSION: u32 = 2;
const HEADER_BYTES: u64 = 16;
const FOOTER_BYTES: u64 = 8 + 8 + 8 + 4 + 4 + 8;

/// Pages in a group, before their filters.
const GROUP_PAGES: usize = 64;

/// The entry of a run in a manifest: the file, and which of its keys are used.
///
/// After a change of the number of workers, a run of one worker may serve two: each names its part. A
/// split merge leaves the parts of its runs that it did not reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunMeta {
    /// File name in the state folder.
    pub name: String,
    /// Number of updates of `keys`.
    pub entries: u64,
    /// Size of the file.
    pub bytes: u64,
    /// Size of a key before packing.
    pub key_bytes: u32,
    /// Whether any update of the file is a retraction.
    pub retractions: bool,
    /// Keys of the file that are part of the state.
    pub keys: KeyRange,
}

impl RunMeta {
    /// Bytes of memory that it uses while open and idle: the index of its pages.
    pub fn resident_bytes(&self) -> u64 {
        let page = match self.key_bytes {
            <u64 as Key>::BYTES => size_of::<PageRow<u64>>(),
            <Signed as Key>::BYTES => size_of::<PageRow<Signed>>(),
            _ => size_of::<PageRow<u128>>(),
        };
        self.entries.div_ceil(PAGE_ENTRIES as u64) * page as u64
    }
}

/// Returns the size of the files of `runs`. A file of which two parts are named counts once.
pub fn disk_bytes(runs: &[RunMeta]) -> u64 {
    let files: BTreeMap<&str, u64> =
        runs.iter().map(|run| (run.name.as_str(), run.bytes)).collect();
    files.values().sum()
}

/// Writes a run, which is complete only after [`RunWriter::finish`].
pub struct RunWriter<K: Key> {
    path: PathBuf,
    file: BufWriter<durable::File>,
    offset: u64,
    /// The columns of the current page.
    keys: Vec<K>,
    refs: Vec<u64>,
    diffs: Vec<i64>,
    /// The filters of the current group.
    filters: Vec<u8>,
    index: Vec<u8>,
    pages: usize,
    entries: u64,
    retractions: bool,
    scratch: Vec<u8>,
}

impl<K: Key> RunWriter<K> {
    /// Creates the file. It must not exist: names are used once.
    ///
    /// # Errors
    /// If the file exists or cannot be written.
    pub fn create(path: &Path) -> Result<RunWriter<K>, Error> {
        let file = durable::File::create_new(path).map_err(Error::io(path))?;
        let mut file = BufWriter::with_capacity(1 << 18, file.written_back());
        let mut header = Vec::new();
        header.extend(MAGIC);
        header.extend(VERSION.to_le_bytes());
        header.extend(K::BYTES.to_le_bytes());
        file.write_all(&header).map_err(Error::io(path))?;
        Ok(RunWriter {
            path: path.to_owned(),
            file,
            offset: HEADER_BYTES,
            keys: Vec::with_capacity(PAGE_ENTRIES),
            refs: Vec::with_capacity(PAGE_ENTRIES),
            diffs: Vec::with_capacity(PAGE_ENTRIES),
            filters: Vec::new(),
            index: Vec::new(),
            pages: 0,
            entries: 0,
            retractions: false,
            scratch: Vec::new(),
        })
    }

    /// Adds the next update. Updates must be sorted and consolidated.
    ///
    /// # Errors
    /// If the file cannot be written.
    #[inline]
    pub fn push(&mut self, (key, at, diff): Update<K>) -> Result<(), Error> {
        debug_assert!(
            self.keys.last().zip(self.refs.last()).is_none_or(|last| last < (&key, &at)),
            "updates are in order"
        );
        self.retractions |= diff < 0;
        self.keys.push(key);
        self.refs.push(at);
        self.diffs.push(diff);
        if self.keys.len() == PAGE_ENTRIES { self.flush_page() } else { Ok(()) }
    }

    fn flush_page(&mut self) -> Result<(), Error> {
        let (Some(key), Some(at)) = (self.keys.first(), self.refs.first()) else { return Ok(()) };
        self.index.extend(key.high().to_be_bytes());
        if K::SEARCHED_BYTES > 8 {
            self.index.extend(key.low().to_be_bytes());
        }
        self.index.extend(key.words().iter().flat_map(|word| word.to_le_bytes()));
        self.index.extend(at.to_le_bytes());
        self.index.extend(self.offset.to_le_bytes());
        self.scratch.clear();
        encode(&self.keys, &self.refs, &self.diffs, &mut self.scratch);
        filter::build(&self.keys, &mut self.filters);
        self.file.write_all(&self.scratch).map_err(Error::io(&self.path))?;
        self.offset += self.scratch.len() as u64;
        self.pages += 1;
        self.entries += self.keys.len() as u64;
        self.keys.clear();
        self.refs.clear();
        self.diffs.clear();
        if self.pages.is_multiple_of(GROUP_PAGES) { self.flush_filters() } else { Ok(()) }
    }

    fn flush_filters(&mut self) -> Result<(), Error> {
        self.file.write_all(&self.filters).map_err(Error::io(&self.path))?;
        self.offset += self.filters.len() as u64;
        self.filters.clear();
        Ok(())
    }

    /// Writes index and footer, and makes the file durable. `keys` is the range that the run covers.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn finish(self, keys: KeyRange) -> Result<RunMeta, Error> {
        let (mut file, path, meta) = self.close(keys)?;
        file.sync_all().map_err(Error::io(&path))?;
        Ok(meta)
    }

    /// Removes the file.
    pub(crate) fn discard(self) -> Result<(), Error> {
        durable::remove_file(&self.path).map_err(Error::io(&self.path))
    }

    fn close(mut self, keys: KeyRange) -> Result<(durable::File, PathBuf, RunMeta), Error> {
        self.flush_page()?;
        self.flush_filters()?;
        let mut tail = self.index;
        let index_crc = crc32c::crc32c(&tail);
        let footer = tail.len();
        tail.extend(self.offset.to_le_bytes());
        tail.extend((self.pages as u64).to_le_bytes());
        tail.extend(self.entries.to_le_bytes());
        tail.extend(index_crc.to_le_bytes());
        let footer_crc = crc32c::crc32c(&tail[footer..]);
        tail.extend(footer_crc.to_le_bytes());
        tail.extend(MAGIC);
        let write = |mut file: BufWriter<durable::File>| {
            file.write_all(&tail)?;
            file.into_inner().map_err(|error| error.into_error())
        };
        let file = write(self.file).map_err(Error::io(&self.path))?;
        let meta = RunMeta {
            name: self.path.file_name().expect("a file").to_string_lossy().into_owned(),
            entries: self.entries,
            bytes: self.offset + tail.len() as u64,
            key_bytes: K::BYTES,
            retractions: self.retractions,
            keys,
        };
        Ok((file, self.path, meta))
    }
}

/// An open run, or a part of it.
#[derive(Clone)]
pub struct Run<K: Key> {
    /// Its entry in the manifest.
    pub meta: RunMeta,
    file: Arc<RunFile<K>>,
}

struct RunFile<K> {
    path: PathBuf,
    file: File,
    /// The pages that may have keys of the run.
    pages: Vec<PageRow<K>>,
}

/// The place of a page and its filter.
struct PageRow<K> {
    first: (K, u64),
    offset: u64,
    filter_offset: u64,
    bytes: u32,
    filter_bytes: u32,
}

impl<K: Key> Run<K> {
    /// Opens the run in `dir` and verifies its header, footer and index. Pages and filters are
    /// verified when they are read.
    ///
    /// # Errors
    /// If the file cannot be read, is damaged, or differs from `meta`.
    pub fn open(dir: &Path, meta: &RunMeta) -> Result<Run<K>, Error> {
        let path = dir.join(&meta.name);
        let file =
            File::open(&path).map_err(|source| Error::Unopened { path: path.clone(), source })?;
        Run::of_file(file, path, meta)
    }

    fn of_file(file: File, path: PathBuf, meta: &RunMeta) -> Result<Run<K>, Error> {
        let mut pages = read_index::<K>(&file, &path, meta.bytes)?;
        // The other pages are never needed.
        let end = pages.partition_point(|page| page.first.0.high() <= meta.keys.last);
        pages.truncate(end);
        let start = pages.partition_point(|page| page.first.0.high() < meta.keys.first);
        pages.drain(..start.saturating_sub(1));
        pages.shrink_to_fit();
        Ok(Run { meta: meta.clone(), file: Arc::new(RunFile { path, file, pages }) })
    }

    /// Returns the part of the run in `keys`; `None` if it is empty.
    ///
    /// # Errors
    /// If a page cannot be read, or is damaged.
    pub fn part(&self, keys: KeyRange) -> Result<Option<Run<K>>, Error> {
        let Some(keys) = self.meta.keys.intersection(keys) else { return Ok(None) };
        if keys == self.meta.keys {
            return Ok(Some(self.clone()));
        }
        let before = self.updates_before(keys.first)?;
        let upto = match keys.last.checked_add(1) {
            Some(end) => self.updates_before(end)?,
            None => self.updates_before_end()?,
        };
        let meta = RunMeta { entries: upto - before, keys, ..self.meta.clone() };
        Ok((upto > before).then(|| Run { meta, file: self.file.clone() }))
    }

    /// Number of updates in the pages of this run whose key's high bits are below `high`.
    fn updates_before(&self, high: u64) -> Result<u64, Error> {
        let pages = self.file.pages.partition_point(|page| page.first.0.high() < high);
        let Some(number) = pages.checked_sub(1) else { return Ok(0) };
        let mut page = Page::default();
        self.read_page(number, &mut page)?;
        let places: Vec<usize> = (0..page.len()).collect();
        let inside = places.partition_point(|place| page.key::<K>(*place).high() < high);
        Ok((number * PAGE_ENTRIES + inside) as u64)
    }

    fn updates_before_end(&self) -> Result<u64, Error> {
        let Some(number) = self.pages().checked_sub(1) else { return Ok(0) };
        let mut page = Page::default();
        self.read_page(number, &mut page)?;
        Ok((number * PAGE_ENTRIES + page.len()) as u64)
    }

    /// Number of pages that may have keys of the run.
    pub(crate) fn pages(&self) -> usize {
        self.file.pages.len()
    }

    /// The first key and ref of page `number`.
    pub(crate) fn first(&self, number: usize) -> Option<(K, u64)> {
        self.file.pages.get(number).map(|page| page.first)
    }

    /// Returns the first of the pages from `low` up to `high` that begins after `target`.
    pub(crate) fn page_after(&self, low: usize, high: usize, target: (K, u64)) -> usize {
        low + self.file.pages[low..high].partition_point(|page| page.first <= target)
    }

    /// Reads page `number` into `page`.
    pub(crate) fn read_page(&self, number: usize, page: &mut Page) -> Result<(), Error> {
        let RunFile { path, file, pages } = &*self.file;
        let row = &pages[number];
        page.read::<K, _>(
            row.bytes as usize,
            |bytes| file.read_exact_at(bytes, row.offset).map_err(Error::io(path)),
            |what| Error::corrupt(path, row.offset, what),
        )
    }

    /// Reads the filter of page `number` into `block`.
    pub(crate) fn read_filter(&self, number: usize, block: &mut Vec<u8>) -> Result<(), Error> {
        let RunFile { path, file, pages } = &*self.file;
        let row = &pages[number];
        block.resize(row.filter_bytes as usize, 0);
        file.read_exact_at(block, row.filter_offset).map_err(Error::io(path))?;
        if filter::is_whole(block) {
            Ok(())
        } else {
            Err(Error::corrupt(path, row.filter_offset, "a filter's checksum is wrong"))
        }
    }

    /// Returns an error about page `number`.
    pub(crate) fn corrupt(&self, number: usize, what: &str) -> Error {
        Error::corrupt(&self.file.path, self.file.pages[number].offset, what)
    }
}

/// Reads the page index of a file whose size should be `bytes`.
fn read_index<K: Key>(file: &File, path: &Path, bytes: u64) -> Result<Vec<PageRow<K>>, Error> {
    let len = file.metadata().map_err(Error::io(path))?.len();
    if len != bytes || len < HEADER_BYTES + FOOTER_BYTES {
        return Err(Error::corrupt(path, len, format!("{bytes} bytes expected, {len} found")));
    }
    let read = |offset: u64, bytes: usize| {
        let mut buffer = vec![0; bytes];
        file.read_exact_at(&mut buffer, offset).map_err(Error::io(path)).map(|()| buffer)
    };
    let header = read(0, HEADER_BYTES as usize)?;
    if &header[..8] != MAGIC || short(&header[8..12]) != VERSION {
        return Err(Error::corrupt(path, 0, format!("not a run of version {VERSION}")));
    }
    if short(&header[12..]) != K::BYTES {
        return Err(Error::corrupt(path, 12, format!("keys of {} bytes expected", K::BYTES)));
    }
    let footer_at = len - FOOTER_BYTES;
    let footer = read(footer_at, FOOTER_BYTES as usize)?;
    if &footer[32..] != MAGIC || short(&footer[28..32]) != crc32c::crc32c(&footer[..28]) {
        return Err(Error::corrupt(path, footer_at, "the footer's checksum is wrong"));
    }
    let (index_at, pages) = (number(&footer[..8]), number(&footer[8..16]));
    let entries = number(&footer[16..24]);
    let row_bytes = u64::from(K::BYTES) + 16;
    if index_at.checked_add(pages.saturating_mul(row_bytes)) != Some(footer_at)
        || entries.div_ceil(PAGE_ENTRIES as u64) != pages
    {
        return Err(Error::corrupt(path, footer_at, "the index does not fit the file"));
    }
    let index = read(index_at, (footer_at - index_at) as usize)?;
    if crc32c::crc32c(&index) != short(&footer[24..28]) {
        return Err(Error::corrupt(path, index_at, "the index's checksum is wrong"));
    }
    place_pages(&index, index_at, entries)
        .ok_or_else(|| Error::corrupt(path, index_at, "the index is not in order"))
}

/// Parses the rows of an index, and derives the end of each page and the place of its filter. Returns
/// `None` if the pages and filters do not fill the file from the header to the index.
fn place_pages<K: Key>(index: &[u8], index_at: u64, entries: u64) -> Option<Vec<PageRow<K>>> {
    let mut pages: Vec<PageRow<K>> = Vec::new();
    for row in index.chunks_exact(K::BYTES as usize + 16) {
        let (key, place) = row.split_at(K::BYTES as usize);
        let part = |at: usize| key[at..].first_chunk().map_or(0, |part| u64::from_be_bytes(*part));
        let low = if K::SEARCHED_BYTES > 8 { part(8) } else { 0 };
        let mut first = (K::from_parts(part(0), low), number(&place[..8]));
        let words = key[K::SEARCHED_BYTES as usize..].as_chunks().0;
        for (word, stored) in first.0.words_mut().iter_mut().zip(words) {
            *word = u64::from_le_bytes(*stored);
        }
        let offset = number(&place[8..]);
        pages.push(PageRow { first, offset, filter_offset: 0, bytes: 0, filter_bytes: 0 });
    }
    let (mut expected, count) = (HEADER_BYTES, pages.len());
    for start in (0..count).step_by(GROUP_PAGES) {
        let end = (start + GROUP_PAGES).min(count);
        let blocks = (start..end).map(|number| {
            let before = (number * PAGE_ENTRIES) as u64;
            filter::block_bytes((entries - before).min(PAGE_ENTRIES as u64) as usize) as u32
        });
        let blocks: Vec<u32> = blocks.collect();
        let next_group = pages.get(end).map_or(index_at, |page| page.offset);
        let filters: u64 = blocks.iter().map(|bytes| u64::from(*bytes)).sum();
        let mut filter_offset = next_group.checked_sub(filters)?;
        for (number, filter_bytes) in (start..end).zip(blocks) {
            let next =
                if number + 1 < end { pages[number + 1].offset } else { next_group - filters };
            let page = &mut pages[number];
            if page.offset != expected {
                return None;
            }
            page.bytes = next.checked_sub(page.offset)?.try_into().ok()?;
            (page.filter_offset, page.filter_bytes) = (filter_offset, filter_bytes);
            filter_offset += u64::from(filter_bytes);
            expected = next;
        }
        expected = next_group;
    }
    let in_order = pages.is_sorted_by(|a, b| a.first < b.first) && expected == index_at;
    in_order.then_some(pages)
}

fn number(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().expect("eight bytes"))
}

fn short(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(bytes.try_into().expect("four bytes"))
}
