//! The relation between stored updates and pairs of copies: each ref with those before it.
//!
//! For every key, the refs with a count other than zero are *live*. Each live ref is paired with those of
//! the first few live refs that are smaller. What a ref is paired with depends on smaller refs alone, so
//! larger ones never change it.

use crate::arrangement::Lookups;
use crate::batch::Part;
use crate::duplicates::{Rule, Stored, firsts};
use crate::error::Error;
use crate::key::{Key, Update};

/// Pairs of refs with the same key: a ref, and a smaller one.
pub type Pairs = Vec<(u64, u64)>;

/// Appends the pairs of all refs that `part` inserts: each with the smaller ones of the `first` smallest
/// refs of its key, stored or inserted.
pub(crate) fn pairs<K: Key>(
    part: &Part<'_, K>,
    lookups: &mut Lookups<'_, K>,
    first: usize,
    pairs: &mut Pairs,
) -> Result<(), Error> {
    let rule = Rule::first_of_all();
    match part {
        Part::Insertions(part) if lookups.insertions_only => {
            firsts(part, lookups.cursors, lookups.scratch)?;
            let mut place = 0;
            for group in part.chunk_by(|a, b| a.0 == b.0) {
                let (_, count) = lookups.scratch.firsts[place];
                place += group.len();
                let mut refs: Vec<u64> = Vec::new();
                if count != 0 {
                    // Most keys are not stored: only the others are looked up a second time.
                    let (cursors, key) = (&mut *lookups.again, group[0].0);
                    let mut stored = Stored { cursors, rule: &rule, key, start: 0 };
                    stored.seek()?;
                    while refs.len() < first
                        && let Some((at, _)) = stored.next()?
                    {
                        refs.push(at);
                    }
                } else if group.len() == 1 {
                    continue;
                }
                refs.extend(group.iter().map(|(_, at)| *at));
                refs.sort_unstable();
                refs.dedup();
                of_group(&refs, group.iter().map(|(_, at)| *at), first, pairs);
            }
        }
        part => {
            for group in part.updates().chunk_by(|a, b| a.0 == b.0) {
                let (cursors, key) = (&mut *lookups.again, group[0].0);
                let mut stored = Stored { cursors, rule: &rule, key, start: 0 };
                stored.seek()?;
                let refs = live_after(&mut stored, group)?;
                let inserted = group.iter().filter(|update| update.2 > 0).map(|update| update.1);
                of_group(&refs, inserted, first, pairs);
            }
        }
    }
    Ok(())
}

/// Pairs each ref of `inserted` with those of the `first` of `refs` that are smaller.
fn of_group(refs: &[u64], inserted: impl Iterator<Item = u64>, first: usize, pairs: &mut Pairs) {
    let earliest = &refs[..first.min(refs.len())];
    for at in inserted {
        pairs
            .extend(earliest.iter().take_while(|before| **before < at).map(|before| (at, *before)));
    }
}

/// Returns the live refs of a key once `group` is added to what is stored, in ascending order.
fn live_after<K: Key>(stored: &mut Stored<'_, K>, group: &[Update<K>]) -> Result<Vec<u64>, Error> {
    let mut all: Vec<(u64, i64)> = group.iter().map(|update| (update.1, update.2)).collect();
    while let Some(live) = stored.next()? {
        all.push(live);
    }
    all.sort_unstable();
    let sums = all.chunk_by(|a, b| a.0 == b.0);
    let sums = sums.map(|same| (same[0].0, same.iter().map(|(_, count)| count).sum::<i64>()));
    Ok(sums.filter(|(_, count)| *count != 0).map(|(at, _)| at).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Arrangement, Signed, owner};
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..reference::property() })]

        #[test]
        fn a_ref_is_paired_with_the_first_live_ones_of_its_key(
            epochs in prop::collection::vec(
                (1usize..4, prop::collection::vec((0u64..6, 0u64..30, any::<bool>()), 0..40)),
                1..8,
            ),
            first in 1usize..6, retracting in any::<bool>(),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let mut live: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
            let mut runs = Vec::new();
            for (epoch, (workers, updates)) in (1..).zip(epochs) {
                let mut batch: Vec<Update<u64>> = Vec::new();
                for (key, at, retract) in updates {
                    let key = key * (u64::MAX / 6);
                    if batch.iter().any(|update| (update.0, update.1) == (key, at)) {
                        continue;
                    }
                    let refs = live.entry(key).or_default();
                    if retract && retracting && refs.remove(&at) {
                        batch.push((key, at, -1));
                    } else if refs.insert(at) {
                        batch.push((key, at, 1));
                    }
                }
                let inserted = batch.iter().filter(|update| update.2 > 0);
                let mut expected: Vec<(u64, u64)> = inserted
                    .flat_map(|(key, at, _)| {
                        let earliest = live[key].iter().take(first);
                        earliest.take_while(|before| *before < at).map(|before| (*at, *before))
                    })
                    .collect();
                expected.sort_unstable();
                let (mut found, mut passed, mut next_runs) = (Pairs::new(), Vec::new(), Vec::new());
                for worker in 0..workers {
                    let mine = batch.iter().copied().filter(|u| owner(u.0, workers) == worker);
                    let mut share =
                        Arrangement::<u64>::open(dir.path(), "p", worker, workers, &runs).unwrap();
                    let mut batch = share.batches(200)();
                    batch.extend(mine).unwrap();
                    let mut each = |update| passed.push(update);
                    while !share.apply_pairs(epoch, &mut batch, first, &mut found, &mut each).unwrap() {}
                    share.settle().unwrap();
                    next_runs.extend(share.runs());
                }
                runs = next_runs;
                found.sort_unstable();
                prop_assert_eq!(found, expected);
                batch.sort_unstable();
                passed.sort_unstable();
                prop_assert_eq!(passed, batch);
            }
        }

        #[test]
        fn what_a_key_carries_is_found_by_the_key(
            epochs in prop::collection::vec(
                prop::collection::vec((0u64..40, 1u64..4, any::<bool>()), 0..60), 1..10,
            ),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let spread = |at: u64| at.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let signed = |at: u64, what: u64| Signed { key: spread(at), signature: [what; 16] };
            let mut share = Arrangement::<Signed>::open(dir.path(), "s", 0, 1, &[]).unwrap();
            let mut live: BTreeMap<u64, u64> = BTreeMap::new();
            for (epoch, changes) in (1..).zip(epochs) {
                let mut batch = share.batches(1000)();
                for (at, what, is_removed) in changes {
                    // Another signature of a document takes the place of the one before.
                    if let Some(before) = live.remove(&at) {
                        batch.extend([(signed(at, before), at, -1)]).unwrap();
                    }
                    if !is_removed {
                        live.insert(at, what);
                        batch.extend([(signed(at, what), at, 1)]).unwrap();
                    }
                }
                while !share.store(epoch, &mut batch).unwrap() {}
                if epoch % 3 == 0 {
                    share.settle().unwrap();
                    let runs = share.runs();
                    share = Arrangement::open(dir.path(), "s", 0, 1, &runs).unwrap();
                    share.compact(1000 + epoch).unwrap();
                }
                let mut keys: Vec<(u64, u64)> = (0..45).map(|at| (spread(at), at)).collect();
                keys.sort_unstable();
                let mut search = share.search();
                for (key, at) in keys {
                    let found = search.find(Signed::from_parts(key, 0)).unwrap();
                    prop_assert_eq!(found, live.get(&at).map(|what| signed(at, *what)));
                }
            }
            for run in share.runs() {
                crate::check(dir.path(), &run, crate::Depth::Everything, &mut |_| {}).unwrap();
            }
        }
    }
}
