//! `reject_near`.
//!
//! A document is dropped if and only if an earlier document that is kept is near to it. So the documents
//! that are kept are the lexicographically first maximal independent set, in the order of refs, of the
//! graph of near pairs. Pairs are found and checked by all workers; the set is computed by one, from the
//! few pairs that are near. With [`Counts::All`], dropped documents count as earlier ones too.
//!
//! ```text
//! keys --> candidates --> attach the      --> compare with --> decide ---------> store the dropped --> hold
//!          (index of      signature of        that of the      (one worker,      (index of dropped)
//!          bands)         the earlier one     later one        in order)                |
//!                              ^                                                        |
//!                              '---- which earlier ones are dropped, epochs before -----'
//! ```
//!
//! - [`candidates`]: each document with the first few that share a band with it, kept or not.
//! - [`compare`]: which of these pairs are near, by the signatures of both. Pairs whose earlier document
//!   was dropped in an epoch before, and does not count, are left out. With [`Exact`], a second time, by
//!   the shingles of both.
//! - [`decide`]: the set. In it, pairs within an epoch count too.
//! - [`dropped`]: the documents that are not in the set, for later epochs.
//! - [`effects`]: the documents that are affected by a revision.
//!
//! Indexes: the bands under the name itself; `NAME_signatures`, the signatures of all documents with bands
//! by the documents' refs; `NAME_shingles`, their shingles, sixteen to a signature; `NAME_dropped`, the refs
//! of those that were dropped.

mod candidates;
mod compare;
mod decide;
mod dropped;
mod effects;
mod likeness;

pub(crate) use self::likeness::whole;
pub use self::likeness::{Exact, Likeness, Similar};

use self::compare::Comparison;
use self::likeness::{SignedStreams, signatures};
use crate::docs::Docs;
use crate::failure::fail;
use crate::index::Index;
use crate::operators::hold::hold;
use crate::operators::join::looked_up;
use crate::operators::keyed::Keys;
use crate::operators::repeats::reject_duplicates;
use crate::operators::retract::with_retractions;
use crate::stored::{Compares, Effect};
use crate::worker::WorkerContext;
use arrangement::{Key, Update};
use document::{DocRef, Document, Epoch, Reason, Witness};
use serde::{Deserialize, Serialize};
use std::rc::Rc;
use timely::dataflow::StreamVec;
use timely::dataflow::operators::Concat;
use timely::dataflow::operators::vec::Map;

/// With how many documents of each band one is compared: the first ones. A band that more documents have
/// is one of a passage that many have, and documents that are near share others.
pub const CANDIDATES_MAX: usize = 16;

/// Because of which documents another one is dropped.
#[derive(Clone, Copy)]
pub struct Near {
    /// Which documents that share a band are near: all, if `None`.
    pub similar: Option<Similar>,
    /// Which of those before it count.
    pub counts: Counts,
}

/// Which documents count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    /// Those that are not dropped themselves.
    Kept,
    /// All.
    All,
}

impl Docs<'_> {
    /// Rejects, with `reason`, each document that is near to an earlier one that counts: one that is not
    /// rejected here, or any. Two documents are near if they share a band and are similar.
    ///
    /// `keys` pushes the bands of a document, and returns what it is compared by: nothing if it has no
    /// bands, or none is needed. A document is compared with the first [`CANDIDATES_MAX`] of each band; of those
    /// that are near to it and count, the most similar one becomes its witness, the first of several.
    ///
    /// State: an update for each distinct band of each document that reaches the operator; 128 bytes for
    /// its signature, if there are any; 8 bytes for each shingle, with [`Exact`]; one more update for those
    /// that are rejected.
    ///
    /// # Examples
    ///
    /// ```
    /// # use arrangement::Signature;
    /// # use document::Document;
    /// # use engine::{Counts, Near};
    /// # let document = |text: &str| Document { text: text.into(), ..Document::default() };
    /// let documents = ["abc", "cde", "efg", "xyz"].map(document);
    /// let near = Near { similar: None, counts: Counts::Kept };
    /// let documents = engine::funnel(documents, 2, move |docs| {
    ///     let letters = |document: &Document, keys: &mut Vec<u64>| {
    ///         keys.extend(document.text.bytes().map(u64::from));
    ///         Signature::default()
    ///     };
    ///     docs.reject_near("letters", "near_duplicate", letters, near)
    /// });
    /// // "efg" shares a letter with "cde", but that is rejected itself.
    /// let kept = documents.iter().filter(|document| document.is_kept());
    /// assert!(kept.map(|document| &document.text[..]).eq(["abc", "efg", "xyz"]));
    /// ```
    pub fn reject_near<L: Into<Likeness>>(
        self,
        index: &str,
        reason: impl Into<Reason>,
        mut keys: impl FnMut(&Document, &mut Vec<u64>) -> L + 'static,
        near: Near,
    ) -> Self {
        let keys: Keys<u64, Likeness> =
            Box::new(move |document, bands| keys(document, bands).into());
        let effect = Effect::RejectByAny(reason.into());
        let (held, bands, worker) = self.keyed(keys);
        let (held, signed) = signatures(held);
        let name = "Reject near documents";
        if let Some(recorder) = &worker.replay {
            let compares = Compares::Near(near);
            let facts = looked_up(&worker, recorder.clone(), index, bands, compares, &effect);
            return reject_duplicates(name, worker, effect, held, facts);
        }
        let facts = dropped_facts(&worker, index, bands, signed, near);
        let reason = effect.reason().cloned().expect("it rejects");
        let apply = Box::new(move |document: &mut Document, (), facts: &[(u64, u128)]| {
            if let [(_, fact), ..] = facts {
                document.reject(reason.clone());
                document.witness = Some(witness(*fact));
            }
        });
        let stream = hold(name, worker.clone(), held, facts, apply);
        Docs::new(stream, worker)
    }
}

/// A document that is dropped, its witness, and 1: a fact for `hold`.
type DroppedFact = (u64, u128, i64);

/// Returns a fact about a document as a key.
fn fact(witness: u64, similarity: Option<f64>) -> u128 {
    u128::from_parts(witness, similarity.map_or(u64::MAX, f64::to_bits))
}

/// Returns what [`fact`] made a key of.
fn witness(fact: u128) -> Witness {
    // The bits of no similarity are all set: they would be those of a number that is none.
    let similarity = Some(fact.low()).filter(|bits| *bits != u64::MAX).map(f64::from_bits);
    Witness { at: DocRef(fact.high()), similarity }
}

/// 2^64 over the golden ratio.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// By Newton's method: an odd number is its own inverse in the last three bits, and each round
/// doubles the number of bits.
const INVERSE: u64 = {
    let (mut inverse, mut round) = (SPREAD, 0);
    while round < 5 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(SPREAD.wrapping_mul(inverse)));
        round += 1;
    }
    inverse
};

/// The key under which what is known of a document is stored: its ref times an odd number, which can be
/// inverted. Keys of an index must be uniform.
pub(crate) fn key_of(at: u64) -> u64 {
    at.wrapping_mul(SPREAD)
}

/// Returns the ref that is stored under a key.
pub(crate) fn ref_of(key: u64) -> u64 {
    key.wrapping_mul(INVERSE)
}

/// The names of the indexes besides that of the bands.
pub(crate) fn signatures_of(index: &str) -> String {
    format!("{index}_signatures")
}

/// See [`signatures_of`].
pub(crate) fn shingles_of(index: &str) -> String {
    format!("{index}_shingles")
}

/// See [`signatures_of`].
pub(crate) fn dropped_of(index: &str) -> String {
    format!("{index}_dropped")
}

/// Two documents that share a band.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Candidates {
    later: u64,
    earlier: u64,
    /// `None` if the later one is new.
    change: Option<Change>,
}

/// In a revision: how the first documents of a band have changed. The later document is stored, and was
/// not read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Change {
    /// Whether the earlier one was among the first ones.
    was: bool,
    /// Whether it is now.
    is: bool,
}

impl Change {
    const ALL: [Change; 3] = [
        Change { was: true, is: false },
        Change { was: false, is: true },
        Change { was: true, is: true },
    ];

    /// Bits for the number of bands with a change.
    const COUNT_BITS: usize = 20;

    /// Returns it as a number. Those of several bands can be added up.
    fn mark(self) -> i64 {
        let place = Change::ALL.iter().position(|change| *change == self);
        1 << (Change::COUNT_BITS * place.expect("it was or is one of the first"))
    }

    /// Returns what [`Change::mark`] made a number of.
    fn of(marks: i64) -> impl Iterator<Item = Change> {
        let count =
            move |place| marks >> (Change::COUNT_BITS * place) & ((1 << Change::COUNT_BITS) - 1);
        let present = move |(place, _): &(usize, Change)| count(*place) != 0;
        Change::ALL.into_iter().enumerate().filter(present).map(|(_, change)| change)
    }
}

/// Whether an index has no signatures beside its keys: before near documents were compared by these,
/// it had hashes, or bands, under the same name.
fn has_bands_alone(worker: &WorkerContext, index: &str) -> bool {
    let has = |index: &str| worker.state.get(index).is_some_and(|runs| !runs.is_empty());
    has(index) && !has(&signatures_of(index))
}

/// Adds bands, signatures and shingles to their indexes. Returns a fact for each document that is dropped.
fn dropped_facts<'scope>(
    worker: &Rc<WorkerContext>,
    index: &str,
    bands: StreamVec<'scope, Epoch, Update<u64>>,
    signed: SignedStreams<'scope>,
    near: Near,
) -> StreamVec<'scope, Epoch, DroppedFact> {
    if near.similar.is_some() && has_bands_alone(worker, index) {
        fail(format!(
            "the index {index} is of an earlier version, which compared documents in another way: build \
             the corpus again"
        ));
    }
    let stored = Index::open(worker.clone(), index);
    let bands = with_retractions(worker, &stored, bands);
    let found = candidates::candidates(worker, index, bands, stored);
    let shared = dropped::Dropped::open(worker, index);
    let counted = (&shared, near.counts);
    let name = signatures_of(index);
    let (signatures, comparison) = match near.similar {
        None => (signed.signatures, Comparison::None),
        Some(similar) => {
            let (signatures, stored) = compare::open(worker, &name, signed.signatures);
            (signatures, Comparison::Signatures(stored, similar))
        }
    };
    let stored = comparison.stored().cloned();
    let mut edges = compare::edges(worker, &name, found.clone(), signatures, comparison, counted);
    if let Some(exact) = near.similar.and_then(|similar| similar.exact) {
        let name = shingles_of(index);
        let (shingles, stored) = compare::open(worker, &name, signed.shingles);
        let near = edges.map(|(later, earlier, _)| Candidates { later, earlier, change: None });
        let comparison = Comparison::Shingles(stored, exact);
        edges = compare::edges(worker, &name, near, shingles, comparison, counted);
    }
    let facts = decide::decide(worker, index, edges, near.counts);
    let facts = dropped::store(worker, index, facts, &shared);
    match &worker.revision {
        None => facts,
        Some(revision) => {
            let indexes = effects::Indexes { dropped: shared, signatures: stored, near };
            facts.concat(effects::effects(worker, index, found, revision.clone(), indexes))
        }
    }
}

#[cfg(test)]
mod tests;
