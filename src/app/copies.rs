//! How many documents hold each text that is kept: the document itself, and those that a method of `dedup`
//! or `[global] dedup` dropped because of it.
//!
//! Nothing stores these numbers: a document is published with its first copy, and every later dump may
//! add some. They are computed from the indexes, and the witnesses in the ledger, in one pass; and so
//! they are those of a rebuild after any sequence of adding and removing.

use crate::look::{DEDUP_REASONS, Look};
use anyhow::{Context, Result};
use corpus::export::{Copies, CopiesWriter};
use document::DocRef;
use engine::{Compares, IndexUse, StoredIndex};
use sorting::{Record, Sorted, Sorter, Storage};
use std::cmp::Ordering;
use std::io::{self, Read, Write};

/// Memory for pairs, of each of the sorters that are in use at a time: at most four.
const MEMORY_BYTES: usize = 64 << 20;

/// Two refs: a document that was dropped and the one because of which it was, in either order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Pair(u64, u64);

impl Record for Pair {
    type Layout = ();

    fn compare(&self, other: &Self) -> Ordering {
        self.cmp(other)
    }

    fn write(&self, _: &(), into: &mut impl Write) -> io::Result<()> {
        into.write_all(&self.0.to_le_bytes())?;
        into.write_all(&self.1.to_le_bytes())
    }

    fn read(_: &(), from: &mut impl Read) -> io::Result<Self> {
        let mut number = || -> io::Result<u64> {
            let mut bytes = [0; 8];
            from.read_exact(&mut bytes)?;
            Ok(u64::from_le_bytes(bytes))
        };
        Ok(Pair(number()?, number()?))
    }
}

fn sorter() -> Sorter<Pair> {
    Sorter::new((), MEMORY_BYTES, Storage::default())
}

/// Pairs in both orders.
struct Pairs {
    by_first: Sorter<Pair>,
    by_later: Sorter<Pair>,
}

impl Pairs {
    fn new() -> Pairs {
        Pairs { by_first: sorter(), by_later: sorter() }
    }

    fn push(&mut self, first: u64, later: u64) -> io::Result<()> {
        self.by_first.push(Pair(first, later))?;
        self.by_later.push(Pair(later, first))
    }
}

/// Returns how many documents and labels hold each text of a corpus.
///
/// # Errors
/// If an index or the ledger cannot be read, or temporary files cannot be written.
pub(crate) fn copies(look: &Look) -> Result<Copies> {
    const FAILED: &str = "the numbers of copies need temporary files (TMPDIR)";
    let mut pairs = Pairs::new();
    for (used, slices) in look.all_indexes()? {
        if used.effect.reason().is_some_and(|reason| DEDUP_REASONS.contains(&&**reason)) {
            of_index(look, &used, &slices, &mut pairs)?.context(FAILED)?;
        }
    }
    counted(rooted(pairs).context(FAILED)?).context(FAILED)
}

/// Adds the pairs of an index.
fn of_index(
    look: &Look,
    used: &IndexUse,
    slices: &[String],
    pairs: &mut Pairs,
) -> Result<io::Result<()>> {
    let mut done = Ok(());
    let mut push = |first: DocRef, later: DocRef| {
        if done.is_ok() {
            done = pairs.push(first.0, later.0);
        }
    };
    match &used.compares {
        Compares::Near(_) => {
            for label in look.manifest.present().filter(|label| slices.contains(&label.slice)) {
                look.witnessed(label, &mut push)?;
            }
        }
        // No copy is kept.
        Compares::Equal(rule) if rule.copies == arrangement::Copies::None => {}
        Compares::Equal(_) => {
            StoredIndex::new(&look.corpus, &look.manifest, used)
                .groups(&mut |_, refs| refs[1..].iter().for_each(|later| push(refs[0], *later)))?;
        }
    }
    Ok(done)
}

/// Replaces the first document of each pair by the one because of which that was dropped itself, if it
/// was, until none was. Each round halves what is left of the way. Returns the pairs by first document.
fn rooted(mut pairs: Pairs) -> io::Result<Sorted<Pair>> {
    loop {
        let (mut by_first, mut by_later) = (pairs.by_first.finish()?, pairs.by_later.finish()?);
        let (mut next, mut has_changed) = (Pairs::new(), false);
        let mut dropped = by_later.next()?;
        while let Some(Pair(first, later)) = by_first.next()? {
            while dropped.is_some_and(|dropped| dropped.0 < first) {
                dropped = by_later.next()?;
            }
            match dropped {
                Some(Pair(same, before)) if same == first => {
                    has_changed = true;
                    next.push(before, later)?;
                }
                _ => next.push(first, later)?,
            }
        }
        if !has_changed {
            return next.by_first.finish();
        }
        pairs = next;
    }
}

/// Counts the pairs of each first document, and their labels.
fn counted(mut pairs: Sorted<Pair>) -> io::Result<Copies> {
    let mut copies = CopiesWriter::new()?;
    // The document, and how many documents and labels there are so far, and the last label.
    let mut open: Option<(u64, u32, u32, u64)> = None;
    while let Some(Pair(first, later)) = pairs.next()? {
        let label = DocRef(later).label();
        match &mut open {
            Some((at, documents, labels, last)) if *at == first => {
                *documents = documents.saturating_add(1);
                *labels += u32::from(*last != label);
                *last = label;
            }
            _ => {
                if let Some((at, documents, labels, _)) = open {
                    copies.push(DocRef(at), documents, labels)?;
                }
                let own = DocRef(first).label();
                open = Some((first, 2, 1 + u32::from(own != label), label));
            }
        }
    }
    if let Some((at, documents, labels, _)) = open {
        copies.push(DocRef(at), documents, labels)?;
    }
    copies.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..reference::property() })]

        #[test]
        fn each_document_leads_to_the_one_that_is_not_dropped(
            befores in prop::collection::vec(prop::option::weighted(0.8, any::<prop::sample::Index>()), 1..80),
        ) {
            let mut first_of: BTreeMap<u64, u64> = BTreeMap::new();
            let mut pairs = Pairs::new();
            for (later, before) in (0u64..).zip(&befores).skip(1) {
                if let Some(before) = before {
                    let first = before.index(later as usize) as u64;
                    first_of.insert(later, first);
                    pairs.push(first, later).unwrap();
                }
            }
            let mut expected: BTreeSet<(u64, u64)> = BTreeSet::new();
            for later in first_of.keys() {
                let mut root = *later;
                while let Some(before) = first_of.get(&root) {
                    root = *before;
                }
                expected.insert((root, *later));
            }
            let mut sorted = rooted(pairs).unwrap();
            let mut found = BTreeSet::new();
            while let Some(Pair(first, later)) = sorted.next().unwrap() {
                prop_assert!(found.insert((first, later)));
            }
            prop_assert_eq!(found, expected);
        }
    }
}
