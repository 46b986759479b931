//! Any bytes as a run of the arrangement: reading it does not panic, uses at most a few times the
//! memory of the file, and returns no more updates than the file can have.
//!
//! An input begins with the way to read it (see [`Way`]); the rest is
//! - a file, unchanged,
//! - or a file whose checksums are corrected, so that the code after their check runs,
//! - or changes to a valid run, whose checksums are corrected afterwards.

#![no_main]

use arrangement::{
    Arrangement, Depth, Key, KeyRange, Reader, Rule, Run, RunMeta, RunWriter, Update, check,
    consolidate,
};
use cap::Cap;
use libfuzzer_sys::fuzz_target;
use std::alloc::System;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::Path;

#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, usize::MAX);

/// Memory that reading may use: this many times the file, as vectors grow by doubling,
const MEMORY_OF_FILE: usize = 4;

/// plus this for one or a few pages and their updates.
const MEMORY_MIN: usize = 1 << 20;

/// Runs smaller than this are read in every way.
const SHORT_BYTES: u64 = 3000;

const NAME: &str = "fuzz.run";
const MAGIC: &[u8; 8] = b"sluicrun";
const VERSION: u32 = 2;
const HEADER_BYTES: usize = 16;
const FOOTER_BYTES: usize = 40;
const PAGE_ENTRIES: usize = 1024;
const GROUP_PAGES: usize = 64;

/// Updates of the valid runs that are changed: mostly few, as each is decoded several times,
const COUNTS: [u64; 4] = [1, 2, 17, 130];

/// sometimes a full page, and one more,
const COUNTS_OF_PAGES: [u64; 3] = [1024, 1025, 2100];

/// and rarely, as it is slow, more than a group of pages.
const COUNT_OF_GROUPS: u64 = 66_000;

/// The way to read an input.
struct Way {
    wide: bool,
    /// The kind of input.
    kind: u8,
    /// Updates of the run that is changed.
    count: u64,
    /// The entry of the file in the manifest, besides its size.
    keys: KeyRange,
    entries: Option<u64>,
    retractions: bool,
}

impl Way {
    const BYTES: usize = 18;

    fn of(bytes: &[u8; Way::BYTES]) -> Way {
        let (first, second) = (number(&bytes[2..]), number(&bytes[10..]));
        let keys = match bytes[0] >> 4 & 3 {
            0 => KeyRange { first, last: second },
            1 => KeyRange::of(first as usize % 3, 3),
            _ => KeyRange::ALL,
        };
        Way {
            wide: bytes[0] & 1 == 1,
            kind: bytes[0] >> 1 & 3,
            count: match bytes[1] {
                u8::MAX if second % 64 == 0 => COUNT_OF_GROUPS,
                one @ 240.. => COUNTS_OF_PAGES[one as usize % COUNTS_OF_PAGES.len()],
                one => COUNTS[one as usize % COUNTS.len()],
            },
            keys,
            entries: (bytes[0] >> 7 == 1).then_some(second),
            retractions: bytes[0] >> 6 & 1 == 1,
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((head, rest)) = input.split_first_chunk() else { return };
    let way = Way::of(head);
    match way.wide {
        false => run::<u64>(&way, rest),
        true => run::<u128>(&way, rest),
    }
});

fn run<K: Key>(way: &Way, rest: &[u8]) {
    let mut file = match way.kind {
        0 | 1 => rest.to_vec(),
        _ => changed(written::<K>(way.count), rest, K::BYTES as usize),
    };
    if way.kind == 1 && file.len() >= HEADER_BYTES + FOOTER_BYTES {
        let end = file.len();
        file[..8].copy_from_slice(MAGIC);
        file[8..12].copy_from_slice(&VERSION.to_le_bytes());
        file[12..16].copy_from_slice(&K::BYTES.to_le_bytes());
        file[end - 8..].copy_from_slice(MAGIC);
    }
    if way.kind != 0 {
        put_checksums_right(&mut file, K::BYTES as usize);
    }
    let path = shared::stored(NAME, &file);
    let dir = path.parent().expect("its folder");
    let footer = Footer::of(&file, K::BYTES as usize);
    let meta = RunMeta {
        name: NAME.to_owned(),
        entries: way.entries.unwrap_or(footer.map_or(0, |footer| footer.entries)),
        bytes: file.len() as u64,
        key_bytes: K::BYTES,
        retractions: way.retractions,
        keys: way.keys,
    };
    let used = MEMORY.allocated();
    let limit = used + MEMORY_OF_FILE * file.len() + MEMORY_MIN;
    MEMORY.set_limit(limit).expect("more than is in use");
    read::<K>(dir, &meta);
    MEMORY.set_limit(usize::MAX).expect("more than is in use");
    if meta.bytes < SHORT_BYTES {
        look_up::<K>(dir, &meta);
    }
}

/// Everything that can be done with a run without writing.
fn read<K: Key>(dir: &Path, meta: &RunMeta) {
    // Each of the others decodes all of it again, which finds little more in a long run.
    let is_short = meta.bytes < SHORT_BYTES;
    if is_short {
        let _ = check(dir, meta, Depth::Index, &mut |_| {});
    }
    let mut refs = 0;
    let checked = check(dir, meta, Depth::Everything, &mut |_| refs += 1);
    let whole = match Run::<K>::open(dir, meta) {
        Ok(run) => run,
        Err(error) => {
            assert!(error.to_string().contains(NAME), "an error that names no file: {error}");
            assert!(checked.is_err(), "what is whole can be opened");
            return;
        }
    };
    let found = count(whole.clone(), checked.is_ok());
    if checked.is_ok() {
        assert_eq!((found, refs), (Some(meta.entries), meta.entries));
    }
    if !is_short {
        return;
    }
    let mut sum = 0;
    for worker in 0..3 {
        if let Ok(Some(part)) = whole.part(KeyRange::of(worker, 3)) {
            sum += part.meta.entries;
            let found = count(part.clone(), checked.is_ok());
            assert!(checked.is_err() || found == Some(part.meta.entries));
        }
    }
    assert!(checked.is_err() || sum == meta.entries, "parts are the whole");
}

/// The updates that a reader returns; `None` if it detects damage. There must not be more than fit in
/// the file.
fn count<K: Key>(run: Run<K>, sound: bool) -> Option<u64> {
    let (keys, updates_max) = (run.meta.keys, run.meta.bytes / 60 * PAGE_ENTRIES as u64);
    let mut reader = Reader::new(run).ok()?;
    let (mut found, mut last) = (0, None);
    while let Some((key, at, _)) = reader.peek() {
        if sound {
            assert!(last.is_none_or(|last| last < (key, at)), "updates in order");
            assert!((keys.first..=keys.last).contains(&key.high()));
        }
        last = Some((key, at));
        found += 1;
        assert!(found <= updates_max, "{found} updates and more");
        reader.step().ok()?;
    }
    Some(found)
}

/// The run as the state of an index, to which keys are added: few, so that its filters are tested,
/// then many, so that it is scanned.
fn look_up<K: Key>(dir: &Path, meta: &RunMeta) {
    let many = (meta.entries / 4).clamp(20, 1500);
    for (epoch, count) in [(1, 5), (2, many)] {
        let Ok(mut share) = Arrangement::<K>::open(dir, "p", 0, 1, &[meta.clone()]) else { return };
        let updates = updates::<K>(count);
        let mut batch = share.batches(1 << 20)();
        batch.extend(updates.into_iter().map(|(key, at, _)| (key, at + 1, 1))).expect("memory");
        while matches!(
            share.apply(epoch, &mut batch, &Rule::first_of_all(), &mut Vec::new()),
            Ok(false)
        ) {}
    }
}

/// Sorted updates: uniform keys, some repeated, some retracted.
fn updates<K: Key>(count: u64) -> Vec<Update<K>> {
    let step = u64::MAX / count;
    let mut updates: Vec<Update<K>> = (0..count)
        .map(|i| {
            let high = (i - i % 3 % 2) * step + i * 7919;
            let diff = if i % 100 == 9 { -1 } else { 1 };
            (K::from_parts(high, i % 5), i << 30 | i % 64, diff)
        })
        .collect();
    consolidate(&mut updates);
    updates
}

/// The bytes of a run of `count` updates. Each run is written once and cached.
fn written<K: Key>(count: u64) -> Vec<u8> {
    thread_local! {
        static RUNS: RefCell<BTreeMap<(u32, u64), Vec<u8>>> = RefCell::default();
    }
    let write = || {
        let dir = tempfile::tempdir().expect("a folder for the file");
        let path = dir.path().join(NAME);
        let mut writer = RunWriter::create(&path).expect("a new file");
        updates::<K>(count).into_iter().for_each(|u| writer.push(u).expect("disk space"));
        let meta = writer.finish(KeyRange::ALL).expect("disk space");
        check(dir.path(), &meta, Depth::Everything, &mut |_| {}).expect("a sound run");
        fs::read(path).expect("it was written")
    };
    RUNS.with_borrow_mut(|runs| runs.entry((K::BYTES, count)).or_insert_with(write).clone())
}

/// Makes the changes that `script` lists, 14 bytes each: where, at which byte of it, how many bytes
/// to write over, and which.
fn changed(mut file: Vec<u8>, script: &[u8], key_bytes: usize) -> Vec<u8> {
    let (changes, _) = script.as_chunks::<14>();
    for change in changes.iter().take(64) {
        let nth = usize::from(u16::from_le_bytes([change[2], change[3]]));
        let at = usize::from(u16::from_le_bytes([change[4], change[5]]));
        let one_of = |ranges: Vec<Range<usize>>| ranges.get(nth % ranges.len().max(1)).cloned();
        let footer = Footer::of(&file, key_bytes);
        let (pages, filters) = footer
            .as_ref()
            .map_or_else(Default::default, |footer| footer.pages_and_filters(&file, key_bytes));
        let place = match change[0] % 7 {
            0 => Some(0..file.len().min(HEADER_BYTES)),
            // The headers of pages are more interesting than their columns.
            1 => one_of(pages).map(|page| page.start..page.end.min(page.start + 80)),
            2 => one_of(pages),
            3 => one_of(filters),
            4 => footer.map(|footer| footer.index),
            5 => Some(file.len().saturating_sub(FOOTER_BYTES)..file.len()),
            _ => {
                match change[1] & 1 {
                    0 => file.truncate(file.len().saturating_sub(at)),
                    _ => file.resize(file.len() + at % 4096, change[6]),
                }
                continue;
            }
        };
        let Some(place) = place.filter(|place| !place.is_empty()) else { continue };
        let start = place.start + at % place.len();
        let len = (usize::from(change[1]) % 9).min(place.end - start);
        file[start..start + len].copy_from_slice(&change[6..6 + len]);
    }
    file
}

/// The footer of a file, as far as its values are within the file.
struct Footer {
    index: Range<usize>,
    entries: u64,
    /// The position of its first byte.
    at: usize,
}

impl Footer {
    fn of(file: &[u8], key_bytes: usize) -> Option<Footer> {
        let at = file.len().checked_sub(FOOTER_BYTES).filter(|at| *at >= HEADER_BYTES)?;
        let start = usize::try_from(number(&file[at..])).ok().filter(|start| *start <= at)?;
        let rows = (at - start) / (key_bytes + 16);
        let entries = number(&file[at + 16..]);
        Some(Footer { index: start..start + rows * (key_bytes + 16), entries, at })
    }

    /// The pages and filters that are within the file, if the index is right.
    fn pages_and_filters(
        &self,
        file: &[u8],
        key_bytes: usize,
    ) -> (Vec<Range<usize>>, Vec<Range<usize>>) {
        let rows = file[self.index.clone()].chunks_exact(key_bytes + 16);
        let offsets: Vec<usize> = rows.map(|row| number(&row[key_bytes + 8..]) as usize).collect();
        let (mut pages, mut filters) = (Vec::new(), Vec::new());
        for (group, starts) in offsets.chunks(GROUP_PAGES).enumerate() {
            let next = offsets.get((group + 1) * GROUP_PAGES).copied().unwrap_or(self.index.start);
            let blocks: Vec<usize> = (0..starts.len())
                .map(|place| {
                    let before = (group * GROUP_PAGES + place) * PAGE_ENTRIES;
                    let held = self.entries.saturating_sub(before as u64).min(PAGE_ENTRIES as u64);
                    4 + (held as usize * 10).div_ceil(64) * 8
                })
                .collect();
            let Some(mut filter) = next.checked_sub(blocks.iter().sum()) else { continue };
            for (place, start) in starts.iter().enumerate() {
                let end = starts.get(place + 1).copied();
                pages.push(*start..end.unwrap_or(next - blocks.iter().sum::<usize>()));
            }
            for block in blocks {
                filters.push(filter..filter + block);
                filter += block;
            }
        }
        let lies_within = |place: &Range<usize>| place.start < place.end && place.end <= file.len();
        pages.retain(lies_within);
        filters.retain(lies_within);
        (pages, filters)
    }
}

/// Corrects each checksum.
fn put_checksums_right(file: &mut [u8], key_bytes: usize) {
    let Some(footer) = Footer::of(file, key_bytes) else { return };
    let (pages, filters) = footer.pages_and_filters(file, key_bytes);
    for block in pages.into_iter().chain(filters).filter(|block| block.len() > 4) {
        let crc = crc32c::crc32c(&file[block.start + 4..block.end]);
        file[block.start..block.start + 4].copy_from_slice(&crc.to_le_bytes());
    }
    let index = crc32c::crc32c(&file[footer.index.clone()]);
    let at = footer.at;
    file[at + 24..at + 28].copy_from_slice(&index.to_le_bytes());
    let crc = crc32c::crc32c(&file[at..at + 28]);
    file[at + 28..at + 32].copy_from_slice(&crc.to_le_bytes());
}

fn number(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes"))
}
