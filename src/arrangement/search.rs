//! The copies of single keys, outside of an epoch.

use crate::cursor::Cursor;
use crate::duplicates::{Rule, Stored};
use crate::error::Error;
use crate::key::Key;
use crate::run::{Run, RunMeta};
use std::path::Path;

/// All runs of an index, for lookups of a few keys. Nothing is changed.
pub struct Search<K: Key> {
    cursors: Vec<Cursor<K>>,
    rule: Rule,
}

impl<K: Key> Search<K> {
    /// Opens the runs that a manifest names, of all workers. `rule` says which refs are compared.
    ///
    /// # Errors
    /// If a run is missing, unreadable or damaged.
    pub fn open(dir: &Path, runs: &[RunMeta], rule: Rule) -> Result<Search<K>, Error> {
        let runs = runs.iter().map(|meta| Run::open(dir, meta));
        Ok(Search::of_runs(runs.collect::<Result<Vec<_>, Error>>()?, rule))
    }

    /// Lookups in open runs.
    pub(crate) fn of_runs(runs: impl IntoIterator<Item = Run<K>>, rule: Rule) -> Search<K> {
        Search { cursors: runs.into_iter().map(|run| Cursor::new(run, 1)).collect(), rule }
    }

    /// Returns the live key that a search for `key` finds, with its words, the first of several; `None` if
    /// there is none. Keys must be asked for in ascending order, each once.
    ///
    /// # Errors
    /// If a page cannot be read, or is damaged.
    pub fn find(&mut self, key: K) -> Result<Option<K>, Error> {
        Ok(self.find_all(key)?.into_iter().next())
    }

    /// Returns all live keys that a search for `key` finds, in ascending order. They have different words.
    /// Keys must be asked for as in [`Search::find`].
    ///
    /// # Errors
    /// If a page cannot be read, or is damaged.
    pub fn find_all(&mut self, key: K) -> Result<Vec<K>, Error> {
        let mut found: Vec<(K, i64)> = Vec::new();
        for cursor in &mut self.cursors {
            cursor.seek(key, 0)?;
            while let Some((same, _, diff)) = cursor.peek().filter(|same| same.0.is_found_by(&key))
            {
                found.push((same, diff));
                cursor.step()?;
            }
        }
        found.sort_unstable();
        let sums = found.chunk_by(|a, b| a.0 == b.0);
        let live = sums.filter(|same| same.iter().map(|(_, diff)| diff).sum::<i64>() != 0);
        Ok(live.map(|same| same[0].0).collect())
    }

    /// Returns the refs of `key` in the scope of the ref `at`, that at `at` itself included. Pairs of
    /// a key and the first ref of its scope must be asked for in ascending order, each once.
    ///
    /// # Errors
    /// If a page cannot be read, or is damaged.
    pub fn refs(&mut self, key: K, at: u64) -> Result<Refs<'_, K>, Error> {
        let start = self.rule.scope.start(at);
        let mut stored = Stored { cursors: &mut self.cursors, rule: &self.rule, key, start };
        stored.seek()?;
        Ok(Refs(stored))
    }
}

/// The refs of the copies of one key.
pub struct Refs<'s, K: Key>(Stored<'s, K>);

impl<K: Key> Refs<'_, K> {
    /// Returns the next ref, in ascending order; `None` after the last.
    ///
    /// # Errors
    /// If a page cannot be read, or is damaged.
    pub fn next_ref(&mut self) -> Result<Option<u64>, Error> {
        Ok(self.0.next()?.map(|(at, _)| at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Arrangement, Scope, Update};
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::sync::Arc;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..reference::property() })]

        #[test]
        fn copies_are_those_that_are_live(
            epochs in prop::collection::vec(
                prop::collection::vec((0u64..40, 0u64..30, -1i64..3), 0..40),
                1..12,
            ),
            workers in 1usize..4,
            width in prop_oneof![Just(u64::MAX), Just(10)],
        ) {
            let dir = tempfile::tempdir().unwrap();
            // Keys are uniform: those of all workers are used.
            let spread = |key: u64| key.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let mut live: BTreeMap<(u64, u64), i64> = BTreeMap::new();
            let mut runs = Vec::new();
            for worker in 0..workers {
                let mut share =
                    Arrangement::<u64>::open(dir.path(), "i", worker, workers, &[]).unwrap();
                for (epoch, updates) in (1..).zip(&epochs) {
                    let is_mine = |update: &&Update<u64>| {
                        crate::owner(spread(update.0), workers) == worker
                    };
                    let mine = updates.iter().filter(is_mine);
                    let mut mine: Vec<Update<u64>> =
                        mine.map(|(key, at, diff)| (spread(*key), *at, *diff)).collect();
                    crate::consolidate(&mut mine);
                    for (key, at, diff) in &mine {
                        *live.entry((*key, *at)).or_default() += diff;
                    }
                    share.append(epoch, &mine).unwrap();
                }
                share.settle().unwrap();
                runs.extend(share.runs());
            }
            live.retain(|_, count| *count != 0);
            let start = move |at: u64| at / width * width;
            let rule = Rule { scope: Scope::Ranges(Arc::new(start)), ..Rule::first_of_all() };
            let mut search = Search::<u64>::open(dir.path(), &runs, rule).unwrap();
            let mut keys: Vec<u64> = (0..45).map(spread).collect();
            keys.sort_unstable();
            for key in keys {
                for first in (0..30).step_by(width.min(30) as usize) {
                    let mut copies = search.refs(key, first).unwrap();
                    let mut found = Vec::new();
                    while let Some(at) = copies.next_ref().unwrap() {
                        found.push(at);
                    }
                    let expected = live.keys().filter(|(live, at)| {
                        *live == key && start(*at) == start(first)
                    });
                    prop_assert_eq!(found, expected.map(|(_, at)| *at).collect::<Vec<_>>());
                }
            }
        }
    }
}
