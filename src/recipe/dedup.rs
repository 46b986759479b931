//! The setting `dedup`, which any slice can have.

use crate::choice;
use crate::slice::Setup;
use arrangement::{Copies, Rule, Scope};
use document::{DocRef, Document};
use engine::Docs;
use similarity::{DISTANCE_MAX, MinHash, Scratch, simhash};
use std::sync::Arc;
use text::ccnet;

choice! {
    /// Which copies are dropped within a slice. The copy added first is kept.
    pub enum Dedup {
        None = "none",
        Exact = "exact",
        Paragraphs = "paragraphs",
        Simhash = "simhash",
        Minhash = "minhash",
    }
}

/// Deduplication within a slice, by its setting `dedup`.
pub trait Deduplicate {
    /// Drops copies. Indexes are named after slice and method: `books_simhash`.
    ///
    /// - `none`: keeps all documents.
    /// - `exact`: drops documents whose text equals that of an earlier one, as `duplicate`.
    /// - `paragraphs`: cuts lines that occurred before, compared as in CCNet, and drops documents
    ///   without any line left, as `duplicate_paragraphs`.
    /// - `simhash`: drops documents similar to an earlier one, compared as RedPajama compares
    ///   books, as `near_duplicate`.
    /// - `minhash`: drops documents that share a band with an earlier one, compared as FineWeb
    ///   compares pages, as `near_duplicate`.
    ///
    /// A document that is dropped as similar still counts for later ones.
    fn deduplicate<S>(self, setup: &Setup<S>, method: Dedup) -> Self;
}

impl Deduplicate for Docs<'_> {
    fn deduplicate<S>(self, setup: &Setup<S>, method: Dedup) -> Self {
        let index = format!("{}_{}", setup.slice, crate::Choice::word(method));
        let first = Rule::first_of_all();
        match method {
            Dedup::None => self,
            Dedup::Exact => self.reject_repeats(&index, "duplicate", text_digest, first),
            Dedup::Paragraphs => self
                .cut_repeated_paragraphs(&index, ccnet::paragraph_key, first, |_, _| {})
                .reject("duplicate_paragraphs", |document| document.text.is_empty()),
            Dedup::Simhash => {
                let hash = |document: &Document| Some(simhash(&document.text));
                self.reject_near_repeats(&index, "near_duplicate", hash, DISTANCE_MAX)
            }
            Dedup::Minhash => {
                let (minhash, mut scratch) = (MinHash::default(), Scratch::default());
                let bands = move |document: &Document, keys: &mut Vec<u64>| {
                    minhash.bands(&document.text, &mut scratch, keys);
                };
                self.reject_repeated_bands(&index, "near_duplicate", bands, first)
            }
        }
    }
}

/// Keeps the first copy within each label: another label is another dump.
pub fn first_of_a_label() -> Rule {
    let scope = Scope::Ranges(Arc::new(|at| DocRef::new(DocRef(at).label(), 0, 0).0));
    Rule { copies: Copies::First, scope }
}

/// Deduplicates across all slices: of documents with equal texts, keeps the one added first.
pub fn global_dedup(docs: Docs<'_>) -> Docs<'_> {
    docs.reject_repeats("texts", "duplicate_text", text_digest, Rule::first_of_all())
}

/// Returns the first 128 bits of the BLAKE3 digest of the text, without any normalization.
fn text_digest(document: &Document) -> u128 {
    let digest = blake3::hash(document.text.as_bytes());
    u128::from_be_bytes(*digest.as_bytes().first_chunk().expect("a digest has 32 bytes"))
}
