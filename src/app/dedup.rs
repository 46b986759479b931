//! The setting `dedup`, which any slice can declare.

use crate::{Initial, Setting, Setup};
use arrangement::Rule;
use document::Document;
use engine::Docs;
use similarity::{DISTANCE_MAX, MinHash, Scratch, simhash};
use text::ccnet;

/// The setting by which [`Deduplicate::deduplicate`] goes, with RedPajama's choice for the slice.
pub const fn dedup_setting(redpajama: &'static str) -> Setting {
    Setting {
        name: "dedup",
        default: Initial::Choice(redpajama, redpajama, METHODS),
        about: "which copies are dropped: none, exact, paragraphs, simhash, minhash",
    }
}

const METHODS: &[&str] = &["none", "exact", "paragraphs", "simhash", "minhash"];

/// Deduplication within a slice, as its setting `dedup` says.
pub trait Deduplicate {
    /// Drops copies; of each kind of copies, the one added first stays. Indexes are named after
    /// slice and method: `books_simhash`.
    ///
    /// - `none`: all stay.
    /// - `exact`: documents with the text of one before, `duplicate`.
    /// - `paragraphs`: lines that came before are cut, as CCNet tells lines apart; documents of
    ///   which nothing is left, `duplicate_paragraphs`.
    /// - `simhash`: documents near to one before, as RedPajama compares books, `near_duplicate`.
    /// - `minhash`: documents with a band in common with one before, as FineWeb compares pages,
    ///   `near_duplicate`.
    ///
    /// One that is dropped as near still counts for those behind it.
    fn deduplicate(self, setup: &Setup) -> Self;
}

impl Deduplicate for Docs<'_> {
    fn deduplicate(self, setup: &Setup) -> Self {
        let method = setup.settings.word("dedup");
        let index = format!("{}_{method}", setup.slice);
        let first = Rule::first_of_all();
        match method {
            "exact" => self.reject_repeats(&index, "duplicate", text_digest, first),
            "paragraphs" => self
                .cut_repeated_paragraphs(&index, ccnet::paragraph_key, first, |_, _| {})
                .reject("duplicate_paragraphs", |document| document.text.is_empty()),
            "simhash" => {
                let hash = |document: &Document| Some(simhash(&document.text));
                self.reject_near_repeats(&index, "near_duplicate", hash, DISTANCE_MAX)
            }
            "minhash" => {
                let (minhash, mut scratch) = (MinHash::default(), Scratch::default());
                let bands = move |document: &Document, keys: &mut Vec<u64>| {
                    minhash.bands(&document.text, &mut scratch, keys);
                };
                self.reject_repeated_bands(&index, "near_duplicate", bands, first)
            }
            _ => self,
        }
    }
}

/// The first 128 bits of the BLAKE3 digest of the text as it stands.
pub(crate) fn text_digest(document: &Document) -> u128 {
    let digest = blake3::hash(document.text.as_bytes());
    u128::from_be_bytes(*digest.as_bytes().first_chunk().expect("a digest has 32 bytes"))
}
