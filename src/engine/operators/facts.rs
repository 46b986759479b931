//! The duplicate facts of an epoch: collected, sorted, and spilled to disk if there are too many.

use crate::operators::spill::SpillQueue;
use arrangement::Key;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;
use std::path::Path;

/// Runs on disk, each with a file and a buffer. When there are this many, they are merged into one.
const RUNS_MAX: usize = 64;

/// The facts `(ref, key)` of an epoch, added in any order and returned in the order of refs.
pub(crate) struct Facts<K> {
    memory: Vec<(u64, K)>,
    /// Facts that fit in memory; more are spilled to disk, sorted.
    memory_max: usize,
    runs: Vec<Run<K>>,
    /// Number of facts in memory that were returned; `None` before they are sorted.
    returned: Option<usize>,
    /// The facts of one ref.
    of_ref: Vec<(u64, K)>,
}

/// Sorted facts on disk.
struct Run<K> {
    rest: SpillQueue<(u64, K)>,
    next: Option<(u64, K)>,
}

impl<K: Key + Serialize + DeserializeOwned> Run<K> {
    fn of(mut rest: SpillQueue<(u64, K)>) -> io::Result<Run<K>> {
        let next = rest.pop()?.map(|(fact, _)| fact);
        Ok(Run { rest, next })
    }

    fn take(&mut self) -> io::Result<Option<(u64, K)>> {
        let next = self.rest.pop()?.map(|(fact, _)| fact);
        Ok(std::mem::replace(&mut self.next, next))
    }
}

impl<K: Key + Serialize + DeserializeOwned> Facts<K> {
    /// No facts yet. At most `bytes_max` bytes stay in memory.
    pub fn new(bytes_max: usize) -> Facts<K> {
        let memory_max = (bytes_max / size_of::<(u64, K)>()).max(1);
        let (memory, runs, of_ref) = (Vec::new(), Vec::new(), Vec::new());
        Facts { memory, memory_max, runs, returned: None, of_ref }
    }

    /// Adds facts. Files are created in `dir`.
    pub fn extend(&mut self, facts: impl Iterator<Item = (u64, K)>, dir: &Path) -> io::Result<()> {
        assert!(self.returned.is_none(), "facts are added before any are returned");
        for fact in facts {
            if self.memory.len() == self.memory_max {
                self.spill(dir)?;
            }
            self.memory.push(fact);
        }
        Ok(())
    }

    fn spill(&mut self, dir: &Path) -> io::Result<()> {
        self.memory.sort_unstable();
        let mut run = SpillQueue::default();
        for fact in self.memory.drain(..) {
            run.push(fact, false, dir)?;
        }
        self.runs.push(Run::of(run)?);
        if self.runs.len() == RUNS_MAX { self.merge(dir) } else { Ok(()) }
    }

    fn merge(&mut self, dir: &Path) -> io::Result<()> {
        let mut merged = SpillQueue::default();
        while let Some(first) =
            self.runs.iter_mut().filter(|run| run.next.is_some()).min_by_key(|run| run.next)
        {
            merged.push(first.take()?.expect("there is a next one"), false, dir)?;
        }
        self.runs = vec![Run::of(merged)?];
        Ok(())
    }

    /// Returns the facts of `at`, sorted by key. Called in the order of refs, for every ref that has
    /// facts.
    pub fn of(&mut self, at: u64) -> io::Result<&[(u64, K)]> {
        let start = self.sorted();
        self.of_ref.clear();
        for run in &mut self.runs {
            while run.next.is_some_and(|fact| fact.0 <= at) {
                self.of_ref.extend(run.take()?);
            }
        }
        let end = start + self.memory[start..].partition_point(|fact| fact.0 <= at);
        self.of_ref.extend_from_slice(&self.memory[start..end]);
        self.returned = Some(end);
        self.of_ref.sort_unstable();
        let is_of_ref = self.of_ref.first().is_none_or(|fact| fact.0 == at);
        assert!(is_of_ref, "every fact is about a document");
        Ok(&self.of_ref)
    }

    /// Returns the smallest ref whose facts were not returned; `None` after the last.
    pub fn next_ref(&mut self) -> Option<u64> {
        let start = self.sorted();
        let heads = self.runs.iter().filter_map(|run| run.next.map(|fact| fact.0));
        heads.chain(self.memory.get(start).map(|fact| fact.0)).min()
    }

    /// Sorts the facts in memory before any is returned. Returns the number of those returned.
    fn sorted(&mut self) -> usize {
        let memory = &mut self.memory;
        *self.returned.get_or_insert_with(|| {
            memory.sort_unstable();
            0
        })
    }

    /// Whether all facts were returned.
    pub fn is_done(&self) -> bool {
        self.returned.unwrap_or(0) == self.memory.len()
            && self.runs.iter().all(|r| r.next.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #![proptest_config(reference::property())]
        #[test]
        fn each_ref_gets_its_facts_by_key_however_many_are_spilled(
            facts in prop::collection::vec((0u64..40, any::<u64>()), 0..600),
            memory_max in prop_oneof![Just(1), Just(7), Just(100), Just(10_000)],
        ) {
            let dir = tempfile::tempdir().unwrap();
            let mut sorted: BTreeMap<u64, Vec<(u64, u64)>> = BTreeMap::new();
            for fact in &facts {
                sorted.entry(fact.0).or_default().push(*fact);
            }
            let mut found = Facts::<u64>::new(memory_max * 16);
            for some in facts.chunks(50) {
                found.extend(some.iter().copied(), dir.path()).unwrap();
            }
            prop_assert!(found.runs.len() < RUNS_MAX && found.memory.len() <= memory_max);
            for at in 0..40 {
                prop_assert_eq!(found.next_ref(), sorted.keys().next().copied());
                let mut expected = sorted.remove(&at).unwrap_or_default();
                expected.sort_unstable();
                prop_assert_eq!(found.of(at).unwrap(), &expected[..]);
            }
            prop_assert!(found.is_done());
            prop_assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        }
    }
}
