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
    check(dir.path(), &run.meta, Depth::Everything, &mut |_| {}).unwrap();
    for worker in 0..3 {
        let keys = KeyRange::of(worker, 3);
        let expected: Vec<_> =
            updates.iter().copied().filter(|u| (keys.first..=keys.last).contains(&u.0)).collect();
        let part = run.part(keys).unwrap().unwrap();
        assert_eq!(part.meta.entries, expected.len() as u64);
        // As it is, and after it is opened again.
        check(dir.path(), &part.meta, Depth::Everything, &mut |_| {}).unwrap();
        assert_eq!(read(Run::open(dir.path(), &part.meta).unwrap()), expected);
        assert_eq!(read(part), expected);
    }
    assert!(run.part(KeyRange { first: 1, last: 2 }).unwrap().is_none());
}

/// Asserts what `seek` promises for `targets`, dense and sparse.
fn assert_seeks<K: Key>(run: &Run<K>, updates: &[Update<K>], targets: &[(K, u64)]) {
    for density in [Density::Full, Density::Dense, Density::Sparse] {
        let mut cursor = Cursor { density, ..Cursor::new(run.clone(), 1) };
        for &(key, at) in targets {
            cursor.seek(key, at).unwrap();
            let place = updates.partition_point(|u| (u.0, u.1) < (key, at));
            let expected = updates.get(place).filter(|u| u.0 == key);
            assert_eq!(cursor.peek().filter(|u| u.0 == key).as_ref(), expected);
        }
    }
}

/// Asserts what `pass` promises for a part of a run, for consecutive ranges of keys.
fn assert_passes(run: &Run<u64>, updates: &[Update<u64>], bounds: &[u64]) {
    let keys = run.meta.keys;
    let mut cursor = Cursor { density: Density::Full, ..Cursor::new(run.clone(), 1) };
    for bounds in bounds.chunks_exact(2) {
        let (first, last) = (bounds[0], bounds[1]);
        let mut found = Vec::new();
        cursor.pass(first, last, |high| high % 2 == 0, |_, update| found.push(update())).unwrap();
        let expected = updates.iter().copied().filter(|u| {
            let inside = (first..=last).contains(&u.0) && u.0 % 2 == 0;
            inside && (keys.first..=keys.last).contains(&u.0)
        });
        assert!(found.iter().copied().eq(expected), "{first} to {last}");
    }
}

/// Asserts what `search` promises for `keys`, which are sorted, in two calls.
fn assert_searches<K: Key>(run: &Run<K>, updates: &[Update<K>], keys: &[K]) {
    let of_run = run.meta.keys;
    let is_in_run = |update: &&Update<K>| (of_run.first..=of_run.last).contains(&update.0.high());
    let mut cursor = Cursor::new(run.clone(), 1);
    let middle = keys[keys.len() / 2];
    let (before, after) = keys.split_at(keys.partition_point(|key| *key < middle));
    for keys in [before, after] {
        let mut found = Vec::new();
        let each = |place, update| found.push((place, update));
        cursor.search(|place| keys.get(place).copied(), each).unwrap();
        let mut expected = Vec::new();
        for place in 0..keys.len() {
            let first = updates.iter().filter(is_in_run).find(|update| update.0 == keys[place]);
            if place == 0 || keys[place - 1] != keys[place] {
                expected.extend(first.map(|update| (place, *update)));
            }
        }
        assert_eq!(found, expected);
    }
}

proptest! {
    #![proptest_config(reference::property())]
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
        assert_seeks(&run, &updates, &targets);
        let mut bounds: Vec<u64> = targets.iter().map(|target| target.0).collect();
        assert_searches(&run, &updates, &bounds);
        bounds.dedup();
        assert_passes(&run, &updates, &bounds);
        if let Some(part) = run.part(KeyRange { first: 1 << 62, last: 3 << 62 }).unwrap() {
            assert_passes(&part, &updates, &bounds);
            assert_searches(&part, &updates, &bounds);
        }
        let wide = |key: u64| u128::from(key) << 60;
        let updates: Vec<_> = updates.iter().map(|u| (wide(u.0), u.1, u.2)).collect();
        let targets: Vec<_> = targets.iter().map(|t| (wide(t.0), t.1)).collect();
        let (_dir, run) = written(&updates);
        assert_seeks(&run, &updates, &targets);
        let keys: Vec<u128> = targets.iter().map(|target| target.0).collect();
        assert_searches(&run, &updates, &keys);
    }
}

#[test]
fn a_part_hides_the_keys_outside_it() {
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
        let error =
            check(dir.path(), &run.meta, Depth::Everything, &mut |_| {}).expect_err("damage");
        assert!(error.to_string().contains("a.run: byte "), "{error}");
    }
    std::fs::write(&path, &whole[..whole.len() - 9]).unwrap();
    let error = Run::<u64>::open(dir.path(), &run.meta).err().unwrap().to_string();
    assert!(error.contains("bytes expected"), "{error}");
}
