//! The setting `dedup`, which any slice can have.

use crate::choice;
use crate::slice::Setup;
use arrangement::Rule;
use document::Document;
use engine::Docs;
use similarity::{DISTANCE_MAX, MinHash, Scratch, simhash};
use text::ccnet;

choice! {
    /// Which copies are dropped within a slice. Of each kind of copies, the one added first stays.
    pub enum Dedup {
        None = "none",
        Exact = "exact",
        Paragraphs = "paragraphs",
        Simhash = "simhash",
        Minhash = "minhash",
    }
}

/// Deduplication within a slice, as its setting `dedup` says.
pub trait Deduplicate {
    /// Drops copies. Indexes are named after slice and method: `books_simhash`.
    ///
    /// - `none`: all stay.
    /// - `exact`: documents with the text of an earlier one, `duplicate`.
    /// - `paragraphs`: lines that came before are cut, as CCNet compares lines; documents of which
    ///   nothing is left, `duplicate_paragraphs`.
    /// - `simhash`: documents similar to an earlier one, as RedPajama compares books,
    ///   `near_duplicate`.
    /// - `minhash`: documents with a band in common with an earlier one, as FineWeb compares pages,
    ///   `near_duplicate`.
    ///
    /// A document that is dropped as similar still counts for those after it.
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

/// Deduplication over all slices: of documents with the same text, the one added first stays.
pub fn global_dedup(docs: Docs<'_>) -> Docs<'_> {
    docs.reject_repeats("texts", "duplicate_text", text_digest, Rule::first_of_all())
}

/// The first 128 bits of the BLAKE3 digest of the text as it stands.
fn text_digest(document: &Document) -> u128 {
    let digest = blake3::hash(document.text.as_bytes());
    u128::from_be_bytes(*digest.as_bytes().first_chunk().expect("a digest has 32 bytes"))
}
