//! All duplicates of an index.

use super::StoredIndex;
use arrangement::{Error, Key, Reader, Rule, Run};
use document::DocRef;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

impl StoredIndex {
    /// Passes each key that several documents have, with these in order, to `each`. Documents that are
    /// not compared with each other come separately. Reads the whole index, in the order of keys.
    ///
    /// # Errors
    /// If a run is missing, unreadable or damaged.
    pub fn groups(&self, each: &mut dyn FnMut(u128, &[DocRef])) -> Result<(), Error> {
        let rule = self.rule();
        match self.used.key_bytes {
            <u64 as Key>::BYTES => self.equal::<u64>(&rule, each),
            _ => self.equal::<u128>(&rule, each),
        }
    }

    /// Returns the number of stored updates.
    pub fn updates(&self) -> u64 {
        self.runs.iter().map(|run| run.entries).sum()
    }

    fn equal<K: Key>(
        &self,
        rule: &Rule,
        each: &mut dyn FnMut(u128, &[DocRef]),
    ) -> Result<(), Error> {
        let mut refs: Vec<DocRef> = Vec::new();
        let mut of_key: Vec<DocRef> = Vec::new();
        let mut current = None;
        let mut end = |key: K, refs: &mut Vec<DocRef>| {
            let start = |at: &DocRef| rule.scope.start(at.0);
            for scope in refs.chunk_by(|a, b| start(a) == start(b)).filter(|s| s.len() > 1) {
                of_key.clear();
                of_key.extend_from_slice(scope);
                each(key.widened(), &of_key);
            }
            refs.clear();
        };
        self.merged::<K>(|key, at| {
            if current.is_some_and(|current| current != key) {
                end(current.expect("tested"), &mut refs);
            }
            current = Some(key);
            refs.push(at);
        })?;
        if let Some(key) = current {
            end(key, &mut refs);
        }
        Ok(())
    }

    /// Passes the live updates of all runs to `each`, in the order of keys and refs.
    fn merged<K: Key>(&self, mut each: impl FnMut(K, DocRef)) -> Result<(), Error> {
        let open = |meta| Reader::<K>::new(Run::open(&self.dir, meta)?);
        let mut readers = self.runs.iter().map(open).collect::<Result<Vec<_>, Error>>()?;
        let mut heads = BinaryHeap::new();
        for (number, reader) in readers.iter().enumerate() {
            heads.extend(reader.peek().map(|(key, at, _)| Reverse((key, at, number))));
        }
        let mut last: Option<(K, u64, i64)> = None;
        while let Some(Reverse((key, at, number))) = heads.pop() {
            let reader = &mut readers[number];
            let diff = reader.peek().map_or(0, |update| update.2);
            match &mut last {
                Some((same, place, sum)) if (*same, *place) == (key, at) => *sum += diff,
                _ => {
                    if let Some((key, at, _)) = last.filter(|last| last.2 != 0) {
                        each(key, DocRef(at));
                    }
                    last = Some((key, at, diff));
                }
            }
            reader.step()?;
            heads.extend(reader.peek().map(|(key, at, _)| Reverse((key, at, number))));
        }
        if let Some((key, at, _)) = last.filter(|last| last.2 != 0) {
            each(key, DocRef(at));
        }
        Ok(())
    }
}
