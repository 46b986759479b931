//! Lookups in a run, and sequential reads.

use crate::error::Error;
use crate::filter;
use crate::key::{Key, KeyRange, Signed, Update};
use crate::page::{PAGE_ENTRIES, Page};
use crate::run::{Run, RunMeta};
use std::cmp::Ordering;
use std::path::Path;

/// Largest number of updates in a run for each requested key at which the keys of all its pages are
/// decoded. To decode one costs about 1 ns, and to search for a key there 10 ns. In larger runs the filter
/// is tested first, in 10 to 20 ns, and a search of a packed page, which takes about 40 ns, is mostly
/// saved (`benches/arrangement.rs`).
const DECODED_PER_UPDATE: u64 = 16;

/// Largest number of updates in a run for each requested key at which every one of them is tested, which
/// costs 2 to 3 ns.
const TESTED_PER_UPDATE: u64 = 4;

/// How densely the requested keys cover a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Density {
    /// About as many keys as the run has: [`Cursor::pass`] is the fastest.
    Full,
    /// Many keys in each page: [`Cursor::search`] is.
    Dense,
    /// Few keys: [`Cursor::seek`] tests filters first.
    Sparse,
}

/// Looks up keys of a run in ascending order.
///
/// It is at an update, or after the last one of a page: it loads the next page only when it needs an
/// update there.
pub(crate) struct Cursor<K: Key> {
    run: Run<K>,
    density: Density,
    /// The number of the page in `page`; `None` before the first.
    number: Option<usize>,
    page: Page,
    place: usize,
    /// The number of the page whose filter is in `filter`.
    filtered: Option<usize>,
    filter: Vec<u8>,
    /// For [`Cursor::pass`] and [`Cursor::search`]: high bits of keys of the page.
    highs: Vec<u64>,
    /// Whether `highs` is of all keys of the page.
    is_decoded: bool,
    hits: Vec<u16>,
}

impl<K: Key> Cursor<K> {
    /// A cursor before the first update of `run`, for lookups of about `keys` keys over all of it.
    pub fn new(run: Run<K>, keys: usize) -> Cursor<K> {
        let density = match run.meta.entries / (keys as u64).max(1) {
            few if few < TESTED_PER_UPDATE => Density::Full,
            some if some <= DECODED_PER_UPDATE => Density::Dense,
            _ => Density::Sparse,
        };
        let (page, filter) = (Page::default(), Vec::new());
        let (highs, hits, number, filtered) = (Vec::new(), Vec::new(), None, None);
        let is_decoded = false;
        Cursor { run, density, number, page, place: 0, filtered, filter, highs, is_decoded, hits }
    }

    /// Which way to look up is the fastest. All are right.
    pub fn density(&self) -> Density {
        self.density
    }

    /// Moves forward to the first update at or after `(key, at)`, if it is an update of `key`. If not,
    /// [`Cursor::peek`] returns another key or nothing. Never moves back.
    pub fn seek(&mut self, key: K, at: u64) -> Result<(), Error> {
        let KeyRange { first, last } = self.run.meta.keys;
        if !(first..=last).contains(&key.high()) {
            return Ok(());
        }
        let target = (key, at);
        let next = self.number.map_or(0, |number| number + 1);
        if let Some(first) = self.run.first(next)
            && (self.number.is_none() || first <= target)
        {
            let number = self.page_of(target, next);
            let continues =
                self.run.first(number + 1).is_some_and(|first| first.0.is_found_by(&key));
            if self.density == Density::Sparse && !continues && !self.may_hold(number, key)? {
                return Ok(());
            }
            self.load(number)?;
        }
        self.place = gallop(&self.page, self.place, target);
        if self.place >= self.page.len()
            && let Some(number) = self.number
            && self.run.first(number + 1).is_some_and(|first| first.0.is_found_by(&key))
        {
            self.load(number + 1)?;
        }
        Ok(())
    }

    /// Returns the last page, from `next` on, that begins at or before `target`, by galloping search.
    fn page_of(&self, target: (K, u64), next: usize) -> usize {
        let mut step = 1;
        while self.run.first(next + step).is_some_and(|first| first <= target) {
            step *= 2;
        }
        let (low, high) = (next + step / 2, (next + step).min(self.run.pages()));
        self.run.page_after(low, high, target).saturating_sub(1).max(next)
    }

    fn may_hold(&mut self, number: usize, key: K) -> Result<bool, Error> {
        if self.filtered != Some(number) {
            self.filtered = None;
            self.run.read_filter(number, &mut self.filter)?;
            self.filtered = Some(number);
        }
        Ok(filter::may_hold(&self.filter, key))
    }

    fn load(&mut self, number: usize) -> Result<(), Error> {
        self.run.read_page(number, &mut self.page)?;
        (self.number, self.place, self.is_decoded) = (Some(number), 0, false);
        Ok(())
    }

    /// Scans the updates of the keys from `first` to `last`. If the high bits of a key are `wanted`,
    /// calls `found` with the key and a function that reads the whole update.
    pub fn pass(
        &mut self,
        first: K,
        last: K,
        wanted: impl Fn(u64) -> bool,
        mut found: impl FnMut(K, &dyn Fn() -> Update<K>),
    ) -> Result<(), Error> {
        let KeyRange { first: start, last: end } = self.run.meta.keys;
        let (first, last) =
            (first.max(K::from_parts(start, 0)), last.min(K::from_parts(end, u64::MAX)));
        if first > last {
            return Ok(());
        }
        self.seek(first, 0)?;
        loop {
            let end_place = gallop(&self.page, self.place, (last, u64::MAX));
            self.page.highs(self.place..end_place, &mut self.highs);
            self.is_decoded = false;
            self.hits.resize(PAGE_ENTRIES, 0);
            // A branch on `wanted` could not be predicted, so hits are counted instead.
            let mut hits = 0;
            for (place, high) in self.highs.iter().enumerate() {
                self.hits[hits] = place as u16;
                hits += usize::from(wanted(*high));
            }
            for hit in &self.hits[..hits] {
                let place = self.place + usize::from(*hit);
                found(self.page.key(place), &|| self.page.get(place));
            }
            self.place = end_place;
            let next = self.number.map_or(0, |number| number + 1);
            let continues = self.run.first(next).is_some_and(|first| first.0 <= last);
            if end_place < self.page.len() || !continues {
                return Ok(());
            }
            self.load(next)?;
        }
    }

    /// Searches for each of `keys`, which ascend over all calls: for those that the run has, calls `found`
    /// with the place among `keys`, and the first update.
    pub fn search(
        &mut self,
        keys: impl Fn(usize) -> Option<K>,
        mut found: impl FnMut(usize, Update<K>),
    ) -> Result<(), Error> {
        let KeyRange { first, last } = self.run.meta.keys;
        let mut place = 0;
        while let Some(key) = keys(place).filter(|key| key.high() <= last) {
            let next = self.number.map_or(0, |number| number + 1);
            let target = (key, 0);
            if let Some(begin) = self.run.first(next)
                && (self.number.is_none() || begin <= target)
            {
                self.load(self.page_of(target, next))?;
            }
            self.decode_highs();
            // A search of the whole page does not wait for that of the key before.
            let mut at = self.highs.partition_point(|high| *high < key.high());
            while K::SEARCHED_BYTES > 8
                && self.highs.get(at) == Some(&key.high())
                && self.page.key::<K>(at) < key
            {
                at += 1;
            }
            if at == self.highs.len()
                && let Some(number) = self.number
                && self.run.first(number + 1).is_some_and(|first| first.0 == key)
            {
                self.load(number + 1)?;
                self.decode_highs();
                at = 0;
            }
            if self.highs.get(at) == Some(&key.high())
                && key.high() >= first
                && self.page.key::<K>(at) == key
            {
                found(place, self.page.get(at));
            }
            place += 1;
            while keys(place) == Some(key) {
                place += 1;
            }
        }
        Ok(())
    }

    fn decode_highs(&mut self) {
        if !self.is_decoded {
            self.page.highs(0..self.page.len(), &mut self.highs);
            self.is_decoded = true;
        }
    }

    /// Returns the current update; `None` after the last update of a page, or of the run's keys.
    #[inline]
    pub fn peek(&self) -> Option<Update<K>> {
        let update: Update<K> =
            (self.place < self.page.len()).then(|| self.page.get(self.place))?;
        (update.0.high() <= self.run.meta.keys.last).then_some(update)
    }

    /// Moves to the next update.
    pub fn step(&mut self) -> Result<(), Error> {
        self.place += 1;
        match self.number {
            Some(number) if self.place >= self.page.len() && number + 1 < self.run.pages() => {
                self.load(number + 1)
            }
            _ => Ok(()),
        }
    }
}

/// Returns the first place at or after `from` that is not before `target`.
#[inline]
fn gallop<K: Key>(page: &Page, from: usize, target: (K, u64)) -> usize {
    let before = |place: usize| match page.key::<K>(place).cmp(&target.0) {
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

/// Reads the updates of a run in order, page by page.
pub struct Reader<K: Key> {
    run: Run<K>,
    page: Page,
    updates: Vec<Update<K>>,
    place: usize,
    next_page: usize,
}

impl<K: Key> Reader<K> {
    /// A reader at the first update of `run`.
    ///
    /// # Errors
    /// If a page cannot be read, or is damaged.
    pub fn new(run: Run<K>) -> Result<Reader<K>, Error> {
        let (page, updates) = (Page::default(), Vec::with_capacity(PAGE_ENTRIES));
        let mut reader = Reader { run, page, updates, place: 0, next_page: 0 };
        let first = reader.run.meta.keys.first;
        reader.load()?;
        while reader.updates.last().is_some_and(|last| last.0.high() < first) {
            reader.load()?;
        }
        reader.place = reader.updates.partition_point(|update| update.0.high() < first);
        Ok(reader)
    }

    fn load(&mut self) -> Result<(), Error> {
        self.updates.clear();
        self.place = 0;
        if self.next_page < self.run.pages() {
            self.run.read_page(self.next_page, &mut self.page)?;
            self.page.decode(&mut self.updates);
            self.next_page += 1;
        }
        Ok(())
    }

    /// Returns the current update; `None` after the last.
    #[inline]
    pub fn peek(&self) -> Option<Update<K>> {
        let update = *self.updates.get(self.place)?;
        (update.0.high() <= self.run.meta.keys.last).then_some(update)
    }

    /// Moves to the next update.
    ///
    /// # Errors
    /// If the next page cannot be read, or is damaged.
    #[inline]
    pub fn step(&mut self) -> Result<(), Error> {
        self.place += 1;
        if self.place >= self.updates.len() { self.load() } else { Ok(()) }
    }
}

/// How much of a file is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// What is read when it is opened: for a run, its header, footer and index.
    Index,
    /// Every byte.
    Everything,
}

/// Verifies a run with keys of any size. With [`Depth::Everything`], reads all of it and passes the
/// ref of every update to `each`.
///
/// # Errors
/// If the run cannot be read, is damaged, or differs from `meta`.
pub fn check(
    dir: &Path,
    meta: &RunMeta,
    depth: Depth,
    each: &mut dyn FnMut(u64),
) -> Result<(), Error> {
    match meta.key_bytes {
        <u64 as Key>::BYTES => check_keys::<u64>(dir, meta, depth, each),
        <u128 as Key>::BYTES => check_keys::<u128>(dir, meta, depth, each),
        <Signed as Key>::BYTES => check_keys::<Signed>(dir, meta, depth, each),
        other => {
            let what = format!("keys of {other} bytes in the manifest; 8, 16 or 136 expected");
            Err(Error::corrupt(&dir.join(&meta.name), 0, what))
        }
    }
}

fn check_keys<K: Key>(
    dir: &Path,
    meta: &RunMeta,
    depth: Depth,
    each: &mut dyn FnMut(u64),
) -> Result<(), Error> {
    let run = Run::<K>::open(dir, meta)?;
    if depth == Depth::Index {
        return Ok(());
    }
    let KeyRange { first, last } = meta.keys;
    let (mut page, mut updates, mut filter) = (Page::default(), Vec::new(), Vec::new());
    let (mut previous, mut entries) = (None, 0);
    for number in 0..run.pages() {
        run.read_page(number, &mut page)?;
        run.read_filter(number, &mut filter)?;
        updates.clear();
        page.decode::<K>(&mut updates);
        if updates.first().map(|update| (update.0, update.1)) != run.first(number) {
            return Err(run.corrupt(number, "a page begins with another key than the index says"));
        }
        for &(key, at, _) in &updates {
            if previous.is_some_and(|previous| previous >= (key, at)) {
                return Err(run.corrupt(number, "updates are not in order"));
            }
            if !filter::may_hold(&filter, key) {
                return Err(run.corrupt(number, "the filter of this page lacks a key of the page"));
            }
            previous = Some((key, at));
            if (first..=last).contains(&key.high()) {
                entries += 1;
                each(at);
            }
        }
    }
    if entries != meta.entries {
        let what = format!("{} updates expected, {entries} found", meta.entries);
        return Err(Error::corrupt(&dir.join(&meta.name), 0, what));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
