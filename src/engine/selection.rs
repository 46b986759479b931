//! The documents that a revision is about.

use document::DocRef;
use std::collections::BTreeSet;

/// Bits of the filter for each ref.
const BITS_PER_REF: usize = 16;

/// A set of documents: all those of some labels, and single ones.
///
/// Memory: 10 bytes for each single document.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    labels: BTreeSet<u64>,
    /// Sorted, without repeats.
    refs: Vec<u64>,
    /// An approximate set of the refs, so that most others are told apart by one test: an index has
    /// many more refs than a revision is about.
    bits: Vec<u64>,
    shift: u32,
}

impl Selection {
    /// All documents of `labels`, and those of `refs`, in any order.
    pub fn new(labels: BTreeSet<u64>, mut refs: Vec<u64>) -> Selection {
        refs.sort_unstable();
        refs.dedup();
        let bits = (refs.len() * BITS_PER_REF).next_power_of_two().max(64);
        let mut selection = Selection {
            labels,
            refs: Vec::new(),
            bits: vec![0; bits / 64],
            shift: u64::BITS - bits.ilog2(),
        };
        for at in &refs {
            let bit = selection.bit(*at);
            selection.bits[bit / 64] |= 1 << (bit % 64);
        }
        selection.refs = refs;
        selection
    }

    fn bit(&self, at: u64) -> usize {
        (at.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize
    }

    /// Whether a document is in the set.
    pub fn contains(&self, at: DocRef) -> bool {
        let bit = self.bit(at.0);
        let may_be = self.bits.get(bit / 64).is_some_and(|bits| bits >> (bit % 64) & 1 == 1);
        may_be && self.refs.binary_search(&at.0).is_ok() || self.labels.contains(&at.label())
    }

    /// Whether there is no document in it.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.refs.is_empty()
    }

    /// Whether a document between `first` and `last`, inclusive, may be in the set.
    pub fn may_have(&self, first: DocRef, last: DocRef) -> bool {
        let next = self.refs.partition_point(|at| *at < first.0);
        self.refs.get(next).is_some_and(|at| *at <= last.0)
            || self.labels.range(first.label()..=last.label()).next().is_some()
    }

    /// The labels of its documents.
    pub fn labels(&self) -> BTreeSet<u64> {
        let of_refs = self.refs.chunk_by(|a, b| DocRef(*a).label() == DocRef(*b).label());
        self.labels.iter().copied().chain(of_refs.map(|same| DocRef(same[0]).label())).collect()
    }

    /// The documents that are named one by one, in order.
    pub fn refs(&self) -> &[u64] {
        &self.refs
    }

    /// Those of a source that are named one by one, in order.
    pub fn refs_of(&self, label: u64, source: u64) -> &[u64] {
        let first = DocRef::new(label, source, 0).0;
        let start = self.refs.partition_point(|at| *at < first);
        let end = self.refs.partition_point(|at| *at < first + DocRef::RECORDS_MAX);
        &self.refs[start..end]
    }

    /// Whether it has all documents of a label.
    pub fn has_all_of(&self, label: u64) -> bool {
        self.labels.contains(&label)
    }

    /// The sources of its documents of `label`; `None` if it has all of them.
    pub fn sources(&self, label: u64) -> Option<BTreeSet<u64>> {
        if self.labels.contains(&label) {
            return None;
        }
        let of_label = |at: &&u64| DocRef(**at).label() == label;
        Some(self.refs.iter().filter(of_label).map(|at| DocRef(*at).source()).collect())
    }

    /// The last document of a source that is named; `None` if all are in the set, or none is.
    pub fn last_of(&self, label: u64, source: u64) -> Option<DocRef> {
        if self.labels.contains(&label) {
            return None;
        }
        self.refs_of(label, source).last().map(|at| DocRef(*at))
    }

    /// Returns the documents of those labels for which `is_mine` holds, and the others.
    pub fn partition(&self, is_mine: impl Fn(u64) -> bool) -> (Selection, Selection) {
        let (mine, others) = self.labels.iter().partition(|label| is_mine(**label));
        let (my_refs, other_refs) = self.refs.iter().partition(|at| is_mine(DocRef(**at).label()));
        (Selection::new(mine, my_refs), Selection::new(others, other_refs))
    }

    /// Both sets together.
    pub fn union(&self, other: &Selection) -> Selection {
        let labels = self.labels.union(&other.labels).copied().collect();
        Selection::new(labels, [&self.refs[..], &other.refs].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(reference::property())]
        #[test]
        fn a_selection_has_what_it_was_made_of(
            labels in prop::collection::btree_set(0u64..4, 0..3),
            named in prop::collection::vec((0u64..4, 0u64..3, 0u64..5), 0..40),
            (from, len) in (0usize..60, 0usize..60),
        ) {
            let refs: Vec<u64> = named.iter().map(|&(l, s, r)| DocRef::new(l, s, r).0).collect();
            let selection = Selection::new(labels.clone(), refs.clone());
            let has = |at: &DocRef| labels.contains(&at.label()) || refs.contains(&at.0);
            let mut all = Vec::new();
            for (label, source, record) in (0..60).map(|n| (n / 15, n / 5 % 3, n % 5)) {
                all.push(DocRef::new(label, source, record));
            }
            for at in &all {
                prop_assert_eq!(selection.contains(*at), has(at));
            }
            let range = &all[from..(from + len + 1).min(60)];
            let may_have = selection.may_have(range[0], *range.last().unwrap());
            prop_assert!(may_have || !range.iter().any(has));
            for (label, source) in (0..12).map(|n| (n / 3, n % 3)) {
                let mut mine = all.iter().filter(|at| (at.label(), at.source()) == (label, source));
                let last = mine.rfind(|at| has(at)).copied();
                let expected = last.filter(|_| !labels.contains(&label));
                prop_assert_eq!(selection.last_of(label, source), expected);
            }
            let with = selection.labels();
            prop_assert!(all.iter().filter(|at| has(at)).all(|at| with.contains(&at.label())));
        }
    }
}
