//! Which document decided that another is dropped, where near ones are.

use super::StoredIndex;
use crate::operators::near::{
    CANDIDATES_MAX, Counts, Near, Similar, dropped_of, key_of, shingles_of, signatures_of, whole,
};
use arrangement::{Error, Key, Rule, RunMeta, Search, Signature, Signed};
use corpus::Manifest;
use document::DocRef;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The runs of the indexes besides that of the bands.
#[derive(Default)]
pub(super) struct Besides {
    dropped: Vec<RunMeta>,
    signatures: Vec<RunMeta>,
    shingles: Vec<RunMeta>,
}

impl Besides {
    /// As a commit has them.
    pub fn new(manifest: &Manifest, index: &str) -> Besides {
        let runs = |name: &str| manifest.state.get(name).cloned().unwrap_or_default();
        Besides {
            dropped: runs(&dropped_of(index)),
            signatures: runs(&signatures_of(index)),
            shingles: runs(&shingles_of(index)),
        }
    }
}

/// Returns what is stored of each of `refs`; nothing of those that are not.
fn stored<K: Key, V>(
    dir: &Path,
    runs: &[RunMeta],
    refs: &BTreeSet<u64>,
    value: impl Fn(Vec<K>) -> V,
) -> Result<BTreeMap<u64, V>, Error> {
    let mut search = Search::<K>::open(dir, runs, Rule::first_of_all())?;
    let mut keys: Vec<(u64, u64)> = refs.iter().map(|at| (key_of(*at), *at)).collect();
    keys.sort_unstable();
    let mut found = BTreeMap::new();
    for (key, at) in keys {
        let keys = search.find_all(K::from_parts(key, 0))?;
        if !keys.is_empty() {
            found.insert(at, value(keys));
        }
    }
    Ok(found)
}

/// What some documents are compared by.
struct Likenesses {
    similar: Similar,
    signatures: BTreeMap<u64, Signature>,
    /// If documents are compared by their shingles too.
    shingles: BTreeMap<u64, Vec<u64>>,
}

impl Likenesses {
    fn of(
        index: &StoredIndex,
        similar: Similar,
        refs: &BTreeSet<u64>,
    ) -> Result<Likenesses, Error> {
        let (dir, besides) = (&index.dir, &index.besides);
        let first = |found: Vec<Signed>| found[0].signature;
        let signatures = stored(dir, &besides.signatures, refs, first)?;
        let all = |found: Vec<Signed>| whole(found.iter().map(|found| &found.signature));
        let shingles = match similar.exact {
            Some(_) => stored(dir, &besides.shingles, refs, all)?,
            None => BTreeMap::new(),
        };
        Ok(Likenesses { similar, signatures, shingles })
    }

    /// Returns the similarity of two documents if they are near.
    fn near(&self, a: u64, b: u64) -> Option<f64> {
        let by_signatures = self.similar.of(self.signatures.get(&a)?, self.signatures.get(&b)?)?;
        match self.similar.exact {
            Some(exact) => exact.of(self.shingles.get(&a)?, self.shingles.get(&b)?),
            None => Some(by_signatures),
        }
    }

    /// Returns the similarity of two documents, as far as it is known.
    fn similarity(&self, a: u64, b: u64) -> Option<f64> {
        match self.similar.exact {
            Some(exact) => Some((exact.similarity)(self.shingles.get(&a)?, self.shingles.get(&b)?)),
            None => {
                let (a, b) = (self.signatures.get(&a)?, self.signatures.get(&b)?);
                Some((self.similar.similarity)(a, b))
            }
        }
    }
}

impl StoredIndex {
    /// As [`StoredIndex::witnesses`]: the witness of a document is the most similar of the earlier ones
    /// with which it was compared, and that count and are near; the first of several.
    pub(super) fn near_witnesses(
        &self,
        asked: &[(u128, DocRef)],
        near: Near,
    ) -> Result<Vec<(u128, DocRef, DocRef)>, Error> {
        // By the later document: the earlier one, and a key that they share.
        let mut candidates: BTreeSet<(u64, u64, u128)> = BTreeSet::new();
        self.visit(asked, &mut |places, refs| {
            for _ in 0..CANDIDATES_MAX {
                let Some(earlier) = refs()? else { break };
                for (key, later) in places.iter().map(|place| asked[*place]) {
                    if earlier < later {
                        candidates.insert((later.0, earlier.0, key));
                    }
                }
            }
            Ok(())
        })?;
        let earlier: BTreeSet<u64> = candidates.iter().map(|found| found.1).collect();
        let dropped = stored(&self.dir, &self.besides.dropped, &earlier, |_: Vec<u64>| ())?;
        let mut of_both = earlier;
        of_both.extend(candidates.iter().map(|found| found.0));
        let likenesses = match near.similar {
            Some(similar) => Some(Likenesses::of(self, similar, &of_both)?),
            None => None,
        };
        let similarity = |a, b| likenesses.as_ref().map_or(Some(1.0), |all| all.near(a, b));
        let mut witnesses: BTreeMap<u64, (u64, Reverse<u64>)> = BTreeMap::new();
        for (later, earlier, _) in &candidates {
            if near.counts == Counts::Kept && dropped.contains_key(earlier) {
                continue;
            }
            if let Some(similarity) = similarity(*later, *earlier) {
                let this = (similarity.to_bits(), Reverse(*earlier));
                let best = witnesses.entry(*later).or_insert(this);
                *best = this.max(*best);
            }
        }
        let is_witness = |(later, earlier, _): &&(u64, u64, u128)| {
            witnesses.get(later).is_some_and(|best| best.1.0 == *earlier)
        };
        let shared = candidates.iter().filter(is_witness);
        Ok(shared.map(|&(later, earlier, key)| (key, DocRef(later), DocRef(earlier))).collect())
    }

    /// Returns the similarity of two documents, as far as what they are compared by is stored.
    ///
    /// # Errors
    /// If a run is missing, unreadable or damaged.
    pub fn similarity(&self, one: DocRef, two: DocRef) -> Result<Option<f64>, Error> {
        let super::Compares::Near(Near { similar: Some(similar), .. }) = self.used.compares else {
            return Ok(None);
        };
        let both = BTreeSet::from([one.0, two.0]);
        Ok(Likenesses::of(self, similar, &both)?.similarity(one.0, two.0))
    }
}
