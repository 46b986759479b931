//! Which document decided that another is dropped, where near ones are.

use super::StoredIndex;
use crate::operators::near::{
    CANDIDATES_MAX, Counts, Likeness, Near, Similar, dropped_of, key_of, shingles_of,
    signatures_of, whole,
};
use arrangement::{Error, Key, Rule, RunMeta, Search, Signed};
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

impl StoredIndex {
    /// Returns what documents are compared by, as far as it is stored.
    fn likenesses(
        &self,
        similar: Similar,
        refs: &BTreeSet<u64>,
    ) -> Result<BTreeMap<u64, Likeness>, Error> {
        let Besides { signatures, shingles, .. } = &self.besides;
        let first = |found: Vec<Signed>| Likeness::from(found[0].signature);
        let mut all = stored(&self.dir, signatures, refs, first)?;
        if similar.exact.is_some() {
            let whole = |found: Vec<Signed>| whole(found.iter().map(|found| found.signature));
            for (at, shingles) in stored(&self.dir, shingles, refs, whole)? {
                if let Some(likeness) = all.get_mut(&at) {
                    likeness.shingles = shingles;
                }
            }
        }
        Ok(all)
    }

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
            Some(similar) => self.likenesses(similar, &of_both)?,
            None => BTreeMap::new(),
        };
        let similarity = |a: u64, b: u64| -> Option<f64> {
            let of = |at| likenesses.get(&at);
            near.similar.map_or(Some(1.0), |similar| similar.near(of(a)?, of(b)?))
        };
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
        let found = self.likenesses(similar, &both)?;
        let pair = found.get(&one.0).zip(found.get(&two.0));
        Ok(pair.map(|(one, two)| similar.best(one, two)))
    }
}
