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
