//! What documents are compared by: signatures, and the shingles themselves.

use super::key_of;
use crate::operators::hold::Extra;
use crate::operators::join::UpdateStream;
use crate::operators::keyed::HeldStream;
use arrangement::{Signature, Signed, Update};
use document::Document;
use serde::{Deserialize, Serialize};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;

/// How the similarity of documents is found.
#[derive(Clone, Copy)]
pub struct Similar {
    /// Returns the similarity of two documents from their signatures, 0 to 1.
    pub similarity: fn(&Signature, &Signature) -> f64,
    /// The least similarity of near documents.
    pub least: f64,
    /// How those that are near by their signatures are compared again.
    pub exact: Option<Exact>,
}

/// How the similarity of documents is found from all of their shingles.
#[derive(Clone, Copy)]
pub struct Exact {
    /// Returns the similarity of two documents from their shingles, ascending and distinct, 0 to 1.
    pub similarity: fn(&[u64], &[u64]) -> f64,
    /// The least similarity of near documents.
    pub least: f64,
}

impl Similar {
    /// Returns the similarity of two documents if they are near by their signatures.
    pub(crate) fn of(&self, a: &Signature, b: &Signature) -> Option<f64> {
        Some((self.similarity)(a, b)).filter(|found| *found >= self.least)
    }

    /// Returns the similarity of two documents if they are near by all that is known of them.
    pub(crate) fn near(&self, a: &Likeness, b: &Likeness) -> Option<f64> {
        let by_signatures = self.of(&a.signature, &b.signature)?;
        self.exact.map_or(Some(by_signatures), |exact| exact.of(&a.shingles, &b.shingles))
    }

    /// Returns the similarity of two documents, near or not, by the best that is known of them.
    pub(crate) fn best(&self, a: &Likeness, b: &Likeness) -> f64 {
        match self.exact {
            Some(exact) => (exact.similarity)(&a.shingles, &b.shingles),
            None => (self.similarity)(&a.signature, &b.signature),
        }
    }
}

impl Exact {
    /// Returns the similarity of two documents if they are near.
    pub(crate) fn of(&self, a: &[u64], b: &[u64]) -> Option<f64> {
        Some((self.similarity)(a, b)).filter(|found| *found >= self.least)
    }
}

/// What a document is compared by.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Likeness {
    /// Zeros, if it is not compared.
    pub signature: Signature,
    /// Hashes of its shingles, for [`Exact`]: in any order and with repeats, until they are stored. The hash
    /// 0 does not count.
    pub shingles: Vec<u64>,
}

impl From<Signature> for Likeness {
    fn from(signature: Signature) -> Likeness {
        Likeness { signature, shingles: Vec::new() }
    }
}

impl Extra for Likeness {
    fn weight(&self) -> usize {
        size_of::<Likeness>() + size_of_val(&self.shingles[..])
    }
}

/// Divides shingles into what is stored of them. The order of the parts does not matter.
pub(super) fn parts(mut shingles: Vec<u64>) -> impl Iterator<Item = Signature> {
    shingles.sort_unstable();
    shingles.dedup();
    let places = shingles.len().div_ceil(size_of::<Signature>() / size_of::<u64>());
    (0..places).map(move |place| {
        let mut part = Signature::default();
        let of_part = shingles[place * part.len()..].iter().take(part.len());
        part.iter_mut().zip(of_part).for_each(|(word, shingle)| *word = *shingle);
        part
    })
}

/// Returns the shingles of all [`parts`] of a document, ascending.
pub(crate) fn whole(parts: impl IntoIterator<Item = Signature>) -> Vec<u64> {
    let mut shingles: Vec<u64> = parts.into_iter().flatten().filter(|s| *s != 0).collect();
    shingles.sort_unstable();
    shingles
}

/// What is stored of documents, by their keys.
pub(super) struct SignedStreams<'scope> {
    pub signatures: UpdateStream<'scope, Signed>,
    pub shingles: UpdateStream<'scope, Signed>,
}

/// Takes from the documents what they are compared by: it goes to where it is stored.
pub(super) fn signatures<'scope>(
    held: HeldStream<'scope, Likeness>,
) -> (HeldStream<'scope, ()>, SignedStreams<'scope>) {
    let mut builder = OperatorBuilder::new("Signatures".into(), held.scope());
    let mut input = builder.new_input(held, Pipeline);
    let (held_out, held) = builder.new_output::<Vec<(Document, ())>>();
    let (signatures_out, signatures) = builder.new_output::<Vec<Update<Signed>>>();
    let (shingles_out, shingles) = builder.new_output::<Vec<Update<Signed>>>();
    let mut held_out = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(held_out);
    let mut signatures_out = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(signatures_out);
    let mut shingles_out = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(shingles_out);
    builder.build(move |_caps| {
        move |_frontiers| {
            let mut held_out = held_out.activate();
            let mut signatures_out = signatures_out.activate();
            let mut shingles_out = shingles_out.activate();
            input.for_each(|cap, documents| {
                let held_cap = cap.retain_least(0).expect("a message has a time");
                let signatures_cap = cap.retain_least(1).expect("a message has a time");
                let shingles_cap = cap.retain_least(2).expect("a message has a time");
                let mut signatures = signatures_out.session(&signatures_cap);
                let mut shingles = shingles_out.session(&shingles_cap);
                let mut batch: Vec<(Document, ())> = Vec::with_capacity(documents.len());
                for (document, likeness) in documents.drain(..) {
                    let at = document.at.0;
                    let update = |signature| (Signed { key: key_of(at), signature }, at, 1);
                    if likeness.signature != Signature::default() {
                        signatures.give(update(likeness.signature));
                    }
                    parts(likeness.shingles).for_each(|part| shingles.give(update(part)));
                    batch.push((document, ()));
                }
                held_out.session(&held_cap).give_container(&mut batch);
            });
        }
    });
    (held, SignedStreams { signatures, shingles })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_shingles_are_the_shingles() {
        for count in [0u64, 1, 15, 16, 17, 32, 100] {
            let shingles: Vec<u64> = (1..=count).rev().map(|n| n << 40).collect();
            let mut parts: Vec<Signature> =
                parts([&shingles[..], &shingles[..]].concat()).collect();
            assert_eq!(parts.len() as u64, count.div_ceil(16));
            parts.reverse();
            let expected: Vec<u64> = (1..=count).map(|n| n << 40).collect();
            assert_eq!(whole(parts), expected);
        }
    }
}
