//! Looking things up in a run, and reading it whole.

use crate::Error;
use crate::filter;
use crate::key::{Key, KeyRange, Update};
use crate::page::{PAGE_ENTRIES, Page};
use crate::run::{Run, RunMeta};
use std::cmp::Ordering;
use std::path::Path;

/// Updates of a run for each key asked for, up to which the run is passed through from end to end: a
/// test for each update costs about 2 ns, a search for a key about 40 ns (`benches/arrangement.rs`).
/// Beyond that a key's filter is asked first, 10 to 20 ns, and most searches are spared.
const DENSE: u64 = 16;

/// Looks up keys of a run in ascending order.
///
/// It stands at an update, or behind the last one of a page: it goes to the next page only when
/// asked for something there.
pub(crate) struct Cursor<K: Key> {
    run: Run<K>,
    /// Many keys are asked for: [`Cursor::pass`] is the way. If not, filters are asked first.
    pub dense: bool,
    /// The page that `page` holds; `None` before the first.
    number: Option<usize>,
    page: Page,
    place: usize,
    /// The page whose filter `filter` holds.
    filtered: Option<usize>,
    filter: Vec<u8>,
    /// Room for [`Cursor::pass`].
    highs: Vec<u64>,
    hits: Vec<u16>,
}

impl<K: Key> Cursor<K> {
    /// Stands before the run. About `keys` keys will be asked for, over the whole of it.
    pub fn new(run: Run<K>, keys: usize) -> Cursor<K> {
        let dense = run.meta.entries <= DENSE.saturating_mul(keys as u64);
        let (page, filter) = (Page::default(), Vec::new());
        let (highs, hits, number, filtered) = (Vec::new(), Vec::new(), None, None);
        Cursor { run, dense, number, page, place: 0, filtered, filter, highs, hits }
    }

    /// Goes on to the first update at or after `(key, at)`, if that is one of `key`; if there is
    /// none, [`Cursor::peek`] gives another key or nothing. Never goes back.
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
            let goes_on = self.run.first(number + 1).is_some_and(|first| first.0 == key);
            if !self.dense && !goes_on && !self.may_hold(number, key)? {
                return Ok(());
            }
            self.load(number)?;
        }
        self.place = gallop(&self.page, self.place, target);
        if self.place >= self.page.len()
            && let Some(number) = self.number
            && self.run.first(number + 1).is_some_and(|first| first.0 == key)
        {
            self.load(number + 1)?;
        }
        Ok(())
    }

    /// The last page, from `next` on, that begins at or before `target`, galloping.
    fn page_of(&self, target: (K, u64), next: usize) -> usize {
        let mut step = 1;
        while self.run.first(next + step).is_some_and(|first| first <= target) {
            step *= 2;
        }
        let (low, high) = (next + step / 2, (next + step).min(self.run.pages()));
        self.run.page_behind(low, high, target).saturating_sub(1).max(next)
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
        (self.number, self.place) = (Some(number), 0);
        Ok(())
    }

    /// Goes through all updates of the keys from `first` to `last` and hands those to `found` whose
    /// key's high bits are `wanted`: the key, and what reads the rest of the update.
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
            let behind = gallop(&self.page, self.place, (last, u64::MAX));
            self.page.highs(self.place..behind, &mut self.highs);
            self.hits.resize(PAGE_ENTRIES, 0);
            // Which are wanted is not foreseeable: counted, not branched on.
            let mut hits = 0;
            for (place, high) in self.highs.iter().enumerate() {
                self.hits[hits] = place as u16;
                hits += usize::from(wanted(*high));
            }
            for hit in &self.hits[..hits] {
                let place = self.place + usize::from(*hit);
                found(self.page.key(place), &|| self.page.get(place));
            }
            self.place = behind;
            let next = self.number.map_or(0, |number| number + 1);
            let goes_on = self.run.first(next).is_some_and(|first| first.0 <= last);
            if behind < self.page.len() || !goes_on {
                return Ok(());
            }
            self.load(next)?;
        }
    }

    /// The update it stands at; `None` behind the last of a page, or of the run's keys.
    #[inline]
    pub fn peek(&self) -> Option<Update<K>> {
        let update: Update<K> =
            (self.place < self.page.len()).then(|| self.page.get(self.place))?;
        (update.0.high() <= self.run.meta.keys.last).then_some(update)
    }

    /// Goes on to the next update.
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

/// First place at or after `from` that is not before `target`.
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

/// Reads the updates of a run one after the other, page by page.
pub struct Reader<K: Key> {
    run: Run<K>,
    page: Page,
    updates: Vec<Update<K>>,
    place: usize,
    next_page: usize,
}

impl<K: Key> Reader<K> {
    /// Stands at the first update of the run.
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

    /// The update it stands at; `None` behind the last.
    #[inline]
    pub fn peek(&self) -> Option<Update<K>> {
        let update = *self.updates.get(self.place)?;
        (update.0.high() <= self.run.meta.keys.last).then_some(update)
    }

    /// Goes on to the next update.
    #[inline]
    pub fn step(&mut self) -> Result<(), Error> {
        self.place += 1;
        if self.place >= self.updates.len() { self.load() } else { Ok(()) }
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
    let run = Run::<K>::open(dir, meta)?;
    if shallow {
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
                return Err(run.corrupt(number, "the filter of this page lacks a key of it"));
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
mod tests {
    use super::*;
    use crate::{RunWriter, consolidate};
    use proptest::prelude::*;

    fn written<K: Key>(updates: &[Update<K>]) -> (tempfile::TempDir, Run<K>) {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = RunWriter::create(&dir.path().join("a.run")).unwrap();
        updates.iter().for_each(|update| writer.push(*update).unwrap());
        let meta = writer.finish(KeyRange::ALL).unwrap();
        let run = Run::open(dir.path(), &meta).unwrap();
        (dir, run)
    }

    fn read<K: Key>(run: Run<K>) -> Vec<Update<K>> {
        let (mut reader, mut all) = (Reader::new(run).unwrap(), Vec::new());
        while let Some(update) = reader.peek() {
            all.push(update);
            reader.step().unwrap();
        }
        all
    }

    fn many(count: u64) -> Vec<Update<u64>> {
        let mut updates: Vec<_> =
            (0..count).map(|i| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15), i, 1)).collect();
        consolidate(&mut updates);
        updates
    }

    #[test]
    fn a_part_reads_only_its_keys_and_counts_them() {
        // More than one group of pages.
        let updates = many(100_000);
        let (dir, run) = written(&updates);
        check(dir.path(), &run.meta, false, &mut |_| {}).unwrap();
        for worker in 0..3 {
            let keys = KeyRange::of(worker, 3);
            let expected: Vec<_> = updates
                .iter()
                .copied()
                .filter(|u| (keys.first..=keys.last).contains(&u.0))
                .collect();
            let part = run.part(keys).unwrap().unwrap();
            assert_eq!(part.meta.entries, expected.len() as u64);
            // As it is, and as it is found again.
            check(dir.path(), &part.meta, false, &mut |_| {}).unwrap();
            assert_eq!(read(Run::open(dir.path(), &part.meta).unwrap()), expected);
            assert_eq!(read(part), expected);
        }
        assert!(run.part(KeyRange { first: 1, last: 2 }).unwrap().is_none());
    }

    /// What `seek` promises of `(key, at)`, dense and sparse alike.
    fn seeks_right<K: Key>(run: &Run<K>, updates: &[Update<K>], targets: &[(K, u64)]) {
        for dense in [true, false] {
            let mut cursor = Cursor { dense, ..Cursor::new(run.clone(), 1) };
            for &(key, at) in targets {
                cursor.seek(key, at).unwrap();
                let place = updates.partition_point(|u| (u.0, u.1) < (key, at));
                let expected = updates.get(place).filter(|u| u.0 == key);
                assert_eq!(cursor.peek().filter(|u| u.0 == key).as_ref(), expected);
            }
        }
    }

    /// What `pass` promises of a part, for ranges of keys one after the other.
    fn passes_right(run: &Run<u64>, updates: &[Update<u64>], bounds: &[u64]) {
        let keys = run.meta.keys;
        let mut cursor = Cursor { dense: true, ..Cursor::new(run.clone(), 1) };
        for bounds in bounds.chunks_exact(2) {
            let (first, last) = (bounds[0], bounds[1]);
            let mut found = Vec::new();
            cursor
                .pass(first, last, |high| high % 2 == 0, |_, update| found.push(update()))
                .unwrap();
            let expected = updates.iter().copied().filter(|u| {
                let inside = (first..=last).contains(&u.0) && u.0 % 2 == 0;
                inside && (keys.first..=keys.last).contains(&u.0)
            });
            assert!(found.iter().copied().eq(expected), "{first} to {last}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]
        #[test]
        fn seek_finds_what_a_plain_search_finds(
            targets in prop::collection::vec((any::<u64>(), 0u64..3), 1..60),
            stored in prop::collection::vec(0usize..5000, 0..60),
            heavy in 0u64..4000,
        ) {
            let mut updates = many(5000);
            let mut targets = targets;
            targets.extend(stored.iter().map(|place| (updates[*place].0, updates[*place].1)));
            updates.extend((0..heavy).map(|at| (1u64 << 63, at, 1)));
            consolidate(&mut updates);
            targets.push((1 << 63, heavy / 2));
            targets.sort();
            let (_dir, run) = written(&updates);
            seeks_right(&run, &updates, &targets);
            let mut bounds: Vec<u64> = targets.iter().map(|target| target.0).collect();
            bounds.dedup();
            passes_right(&run, &updates, &bounds);
            if let Some(part) = run.part(KeyRange { first: 1 << 62, last: 3 << 62 }).unwrap() {
                passes_right(&part, &updates, &bounds);
            }
            let wide = |key: u64| u128::from(key) << 60;
            let updates: Vec<_> = updates.iter().map(|u| (wide(u.0), u.1, u.2)).collect();
            let targets: Vec<_> = targets.iter().map(|t| (wide(t.0), t.1)).collect();
            let (_dir, run) = written(&updates);
            seeks_right(&run, &updates, &targets);
        }
    }

    #[test]
    fn a_part_does_not_show_what_lies_beside_it() {
        let updates = many(5000);
        let (_dir, run) = written(&updates);
        let keys = KeyRange { first: 1 << 62, last: 1 << 63 };
        let part = run.part(keys).unwrap().unwrap();
        let mut cursor = Cursor::new(part, usize::MAX);
        for update in &updates {
            cursor.seek(update.0, 0).unwrap();
            let found = cursor.peek().is_some_and(|found| found.0 == update.0);
            assert_eq!(found, (keys.first..=keys.last).contains(&update.0), "{update:?}");
        }
    }

    #[test]
    fn damage_is_named() {
        let (dir, run) = written(&many(5000));
        let path = dir.path().join("a.run");
        let whole = std::fs::read(&path).unwrap();
        for byte in (0..whole.len()).step_by(97) {
            let mut damaged = whole.clone();
            damaged[byte] ^= 1;
            std::fs::write(&path, &damaged).unwrap();
            let error = check(dir.path(), &run.meta, false, &mut |_| {}).expect_err("damage");
            assert!(error.to_string().contains("a.run: byte "), "{error}");
        }
        std::fs::write(&path, &whole[..whole.len() - 9]).unwrap();
        let error = Run::<u64>::open(dir.path(), &run.meta).err().unwrap().to_string();
        assert!(error.contains("bytes expected"), "{error}");
    }
}
